//! Annotations: the dialects in which authors set what the Ingress API has no field for.
//!
//! A dialect is a prefix and a table of annotations; the table is the parser, the documentation and the list that
//! unknown keys are compared with. All dialects write the same `Options`.

mod foreign;
mod native;
mod suggest;

use std::fmt::Write;

use std::sync::Arc;

use crate::model::{Balance, Problem, ProblemCode, RoutePolicy, Severity};
use crate::source::objects::Ingress;

use super::problems::{on_ingress, quoted};

/// What the annotations of an Ingress set. Absent values leave the decision to the settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Whether plain HTTP is sent to https where the host has TLS.
    pub(crate) ssl_redirect: Option<bool>,
    /// Whether plain HTTP is sent to https whether or not the host has TLS here.
    pub(crate) force_ssl_redirect: bool,
    /// How endpoints are chosen.
    pub(crate) balance: Option<Balance>,
}

impl Options {
    /// The policy of the routes: `default` itself where nothing else is asked for, so that most routes share one.
    pub(crate) fn policy(&self, default: &Arc<RoutePolicy>) -> Arc<RoutePolicy> {
        let balance = self.balance.unwrap_or(default.balance);
        if balance == default.balance {
            return Arc::clone(default);
        }
        Arc::new(RoutePolicy { balance })
    }
}

/// A family of annotations with one prefix.
pub(crate) struct Dialect {
    /// Who uses it, for the documentation.
    title: &'static str,
    /// What all its keys start with, with the slash.
    prefix: &'static str,
    /// Its annotations, by key.
    annotations: &'static [Annotation],
}

/// One annotation.
pub(crate) struct Annotation {
    /// Key without the prefix.
    key: &'static str,
    /// Values it takes, in words.
    values: &'static str,
    /// What holds without it, in words.
    default: &'static str,
    /// What it applies to.
    scope: Scope,
    /// What it does, one or more sentences.
    doc: &'static str,
    /// Reads a value. `None`: not one of the values.
    set: fn(&mut Options, &str) -> Option<()>,
}

/// What an annotation applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All routes of the Ingress that carries it.
    Ingress,
}

impl Scope {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ingress => "Ingress: all its routes",
        }
    }
}

const DIALECTS: &[&Dialect] = &[&native::DIALECT];

/// Reads the annotations of an Ingress. A value that does not parse is as if it were absent.
pub(crate) fn read(ingress: &Ingress) -> (Options, Vec<Problem>) {
    let mut options = Options::default();
    let mut problems = Vec::new();
    for dialect in DIALECTS {
        for (key, value) in ingress.annotations.with_prefix(dialect.prefix) {
            let short = &key[dialect.prefix.len()..];
            match dialect.annotations.iter().find(|annotation| annotation.key == short) {
                Some(annotation) => {
                    if (annotation.set)(&mut options, value).is_none() {
                        problems.push(invalid(ingress, key, value, annotation));
                    }
                }
                None => problems.push(unknown(ingress, key, short, dialect)),
            }
        }
    }
    problems.extend(foreign::problems(ingress));
    (options, problems)
}

fn invalid(ingress: &Ingress, key: &str, value: &str, annotation: &Annotation) -> Problem {
    let message =
        format!("{} is not a value of this annotation, so the default applies: {}", quoted(value), annotation.default);
    let remedy = format!("Use {}", annotation.values);
    on_ingress(ingress, field(key), ProblemCode::InvalidAnnotation, Severity::Error, message, remedy)
}

fn unknown(ingress: &Ingress, key: &str, short: &str, dialect: &Dialect) -> Problem {
    let message = format!("annotation {} is not known, so it has no effect", quoted(key));
    let remedy = match suggest::closest(short, dialect.annotations.iter().map(|annotation| annotation.key)) {
        Some(meant) => format!("Use {}{meant} if that is what is meant", dialect.prefix),
        None => "Remove it, or see docs/annotations.md for those that exist".into(),
    };
    on_ingress(ingress, field(key), ProblemCode::UnknownAnnotation, Severity::Warning, message, remedy)
}

fn field(key: &str) -> String {
    format!("metadata.annotations[{}]", quoted(key))
}

/// The reference of all annotations, as Markdown: `docs/annotations.md`.
pub fn document() -> String {
    let mut text = String::from(
        "# Annotations\n\n<!-- Generated from src/translate/annotations; UPDATE_GOLDEN=1 cargo test --test docs rewrites it. -->\n\n\
         Annotations on an Ingress set what the Ingress API has no field for. A value that cannot be read is reported as\n\
         `InvalidAnnotation` and the default applies; a key with one of the prefixes below that is not listed is reported as\n\
         `UnknownAnnotation` and has no effect. Annotations of ingress-nginx, HAProxy and Traefik have no effect either and are\n\
         reported as `UnsupportedAnnotation`: as an error where they restrict access (authentication, address lists, rate\n\
         limits, client certificates, snippets), because requests are served without that restriction. `tidegate check` shows\n\
         all of them, also before an Ingress is moved.\n",
    );
    for dialect in DIALECTS {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "\n## {}\n\n| annotation | values | default | applies to |\n|---|---|---|---|",
            dialect.title
        );
        for annotation in dialect.annotations {
            let Annotation { key, values, default, scope, doc: _, set: _ } = annotation;
            let _ = writeln!(text, "| `{}{key}` | {values} | {default} | {} |", dialect.prefix, scope.as_str());
        }
        for annotation in dialect.annotations {
            let _ = writeln!(text, "\n### `{}{}`\n\n{}", dialect.prefix, annotation.key, annotation.doc);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_dialect_lists_a_key_twice() {
        for dialect in DIALECTS {
            let keys: BTreeSet<_> = dialect.annotations.iter().map(|annotation| annotation.key).collect();
            assert_eq!(keys.len(), dialect.annotations.len(), "{}", dialect.prefix);
        }
    }
}
