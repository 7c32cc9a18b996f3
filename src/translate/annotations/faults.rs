//! What is wrong with the annotations of an object.

use std::sync::Arc;

use crate::model::{ObjectRef, Problem, ProblemCode, Severity, closest};

use super::super::problems::{on, quoted};
use super::draft::{Finding, Remark};
use super::table::{Annotation, Dialect};

/// A fault, kept in little memory until a finding is made of it.
#[derive(Debug)]
pub(super) enum Fault {
    /// A value that cannot be read.
    Invalid { key: Arc<str>, value: Arc<str>, annotation: &'static Annotation },
    /// A key that the dialect does not have.
    Unknown { key: Arc<str>, dialect: &'static Dialect },
    /// An annotation that another kind of object must carry.
    Misplaced { key: Arc<str>, annotation: &'static Annotation },
    /// An annotation whose setting another one has already, with something else.
    Overridden { key: Arc<str>, by: Arc<str> },
    /// A value that comes to something else than its author may expect.
    Remarked { key: Arc<str>, value: Arc<str>, remark: Remark },
    /// A long value of which something is to be said.
    Found { key: Arc<str>, finding: Box<Finding> },
    /// An annotation that has no effect, and should have.
    Refused { key: Arc<str>, why: &'static str, instead: &'static str },
}

impl Fault {
    /// The finding about the object that carries the annotation.
    pub(super) fn problem(&self, object: &ObjectRef) -> Problem {
        match self {
            Self::Invalid { key, value, annotation } => {
                let message = format!(
                    "{} is not a value of this annotation, so the default applies: {}",
                    quoted(value),
                    annotation.default
                );
                let remedy = format!("Use {}", annotation.value.in_words());
                on(object, field(key), ProblemCode::InvalidAnnotation, Severity::Error, message, remedy)
            }
            Self::Unknown { key, dialect } => {
                let message = format!("annotation {} is not known, so it has no effect", quoted(key));
                unknown(object, key, message, remedy(key, dialect))
            }
            Self::Misplaced { key, annotation } => {
                let kind = object.kind.as_str();
                let message = format!("annotation {} has no effect on an object of kind {kind}", quoted(key));
                let kinds: Vec<_> = annotation.scopes.iter().map(|scope| scope.kind().as_str()).collect();
                unknown(object, key, message, format!("Move it to an object of kind {}", kinds.join(" or ")))
            }
            Self::Overridden { key, by } => {
                let message = format!("{} sets something else and wins, so it has no effect", quoted(by));
                let code = ProblemCode::OverriddenAnnotation;
                on(object, field(key), code, Severity::Warning, message, "Remove one of the two")
            }
            Self::Remarked { key, value, remark: Remark { severity, code, message, remedy } } => {
                let message = format!("{} {message}", quoted(value));
                on(object, field(key), *code, *severity, message, *remedy)
            }
            Self::Found { key, finding } => {
                let Finding { code, severity, message, remedy } = &**finding;
                on(object, field(key), *code, *severity, &**message, &**remedy)
            }
            Self::Refused { key, why, instead } => {
                let message = format!("it has no effect: {why}");
                on(
                    object,
                    field(key),
                    ProblemCode::UnsupportedAnnotation,
                    Severity::Error,
                    message,
                    capitalized(instead),
                )
            }
        }
    }
}

fn unknown(object: &ObjectRef, key: &str, message: String, remedy: String) -> Problem {
    on(object, field(key), ProblemCode::UnknownAnnotation, Severity::Warning, message, remedy)
}

fn remedy(key: &str, dialect: &Dialect) -> String {
    let short = dialect.short(key).unwrap_or(key);
    match closest(short, dialect.annotations().map(|annotation| annotation.key)) {
        Some(meant) => format!("Use {}{meant} if that is what is meant", dialect.prefix),
        None => "Remove it, or see docs/annotations.md for those that exist".into(),
    }
}

/// A text with its first letter, which is ASCII, in upper case.
fn capitalized(text: &str) -> String {
    let (first, rest) = text.split_at(usize::from(!text.is_empty()));
    format!("{}{rest}", first.to_ascii_uppercase())
}

/// The field that findings about the annotation with this key name.
pub(super) fn field(key: &str) -> String {
    format!("metadata.annotations[{}]", quoted(key))
}
