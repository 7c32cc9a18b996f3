//! Which Ingresses are ours (semantics 4.5).

use std::sync::Arc;

use crate::model::{ObjectKind, ObjectName, ObjectRef, Problem, ProblemCode, Severity};
use crate::source::objects::annotations::CLASS_ANNOTATION;
use crate::source::objects::{Annotations, Ingress, IngressClass, Objects};

use super::problems::{on_ingress, quoted};
use super::settings::Settings;

/// How an Ingress asks for its class.
enum Asked<'a> {
    /// By the annotation.
    Annotation(&'a str),
    /// By the field.
    Field(&'a str),
    /// Not at all.
    Nothing,
}

/// Where both the annotation and the field are given the annotation decides (KEP-1453).
fn asked(ingress: &Ingress) -> Asked<'_> {
    if let Some(name) = ingress.annotations.get(CLASS_ANNOTATION).filter(|name| !name.is_empty()) {
        return Asked::Annotation(name);
    }
    match ingress.class.as_deref() {
        Some(name) if !name.is_empty() => Asked::Field(name),
        Some(_) | None => Asked::Nothing,
    }
}

/// The class that an Ingress asks for, whoever serves it.
pub(crate) fn asked_class(ingress: &Ingress) -> Option<&str> {
    match asked(ingress) {
        Asked::Annotation(name) | Asked::Field(name) => Some(name),
        Asked::Nothing => None,
    }
}

/// Whether we serve this Ingress.
pub(crate) fn is_ours(ingress: &Ingress, objects: &Objects, settings: &Settings) -> bool {
    let ours = |class: &IngressClass| class.controller == settings.controller;
    match asked(ingress) {
        Asked::Annotation(name) => *name == *settings.class,
        Asked::Field(name) if !settings.class_lookup => *name == *settings.class,
        Asked::Field(name) => objects.class(name).is_some_and(|class| ours(class)),
        Asked::Nothing => {
            settings.serve_classless
                || settings.default_class_applies && objects.classes().any(|class| class.is_default && ours(class))
        }
    }
}

/// Whether a change of the class of this name can matter to this Ingress.
pub(crate) fn depends_on(ingress: &Ingress, class: &str, settings: &Settings) -> bool {
    match asked(ingress) {
        Asked::Annotation(_) => false,
        Asked::Field(name) => name == class,
        Asked::Nothing => settings.default_class_applies,
    }
}

/// The finding about an Ingress that asks for a class that does not exist. Nobody serves it.
pub(crate) fn missing(ingress: &Ingress, objects: &Objects, settings: &Settings) -> Option<Problem> {
    let Asked::Field(name) = asked(ingress) else { return None };
    if !settings.class_lookup || objects.class(name).is_some() {
        return None;
    }
    let (severity, remedy) = if *name == *settings.class {
        (Severity::Error, format!("Create an IngressClass {name} with spec.controller {}", settings.controller))
    } else {
        (Severity::Warning, format!("Create the IngressClass, or ask for one that exists, such as {}", settings.class))
    };
    let message = format!("IngressClass {} does not exist, so this Ingress is not served", quoted(name));
    Some(on_ingress(ingress, "spec.ingressClassName", ProblemCode::ClassNotFound, severity, message, remedy))
}

/// The finding about an Ingress without a class that names ours in an annotation whose key is misspelt. Nobody serves it.
pub(crate) fn misspelt(ingress: &Ingress, settings: &Settings) -> Option<Problem> {
    let Asked::Nothing = asked(ingress) else { return None };
    let is_meant = |(key, value): &&(Arc<str>, Arc<str>)| {
        **value == *settings.class && Annotations::meant(key).as_deref() == Some(CLASS_ANNOTATION)
    };
    let (key, _) = ingress.annotations.iter().find(is_meant)?;
    let field = format!("metadata.annotations[{}]", quoted(key));
    let message = format!("annotation {} has no effect, so this Ingress has no class and is not served", quoted(key));
    let remedy = format!("Use {CLASS_ANNOTATION}, or better spec.ingressClassName");
    Some(on_ingress(ingress, field, ProblemCode::UnknownAnnotation, Severity::Warning, message, remedy))
}

/// Findings about one of our classes.
pub(crate) fn problems(class: &IngressClass, settings: &Settings) -> Vec<Problem> {
    let Some(parameters) = class.parameters.as_ref().filter(|_| class.controller == settings.controller) else {
        return Vec::new();
    };
    vec![Problem {
        object: ObjectRef { kind: ObjectKind::IngressClass, name: ObjectName::new("", class.name.clone()) },
        field: "spec.parameters".into(),
        code: ProblemCode::UnsupportedParameters,
        severity: Severity::Warning,
        message: format!(
            "parameters ({}) are not supported, so the class is served with the defaults",
            quoted(parameters)
        ),
        remedy: "Remove spec.parameters and use command line flags or annotations instead".into(),
    }]
}
