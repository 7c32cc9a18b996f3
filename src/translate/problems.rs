//! How findings are put into words.

use crate::model::{ObjectKind, ObjectRef, Problem, ProblemCode, Severity};
use crate::source::objects::Ingress;

/// Characters of an author's text that a message repeats.
const QUOTED: usize = 80;

/// A finding about an Ingress.
pub(crate) fn on_ingress(
    ingress: &Ingress,
    field: impl Into<String>,
    code: ProblemCode,
    severity: Severity,
    message: impl Into<String>,
    remedy: impl Into<String>,
) -> Problem {
    let object = ObjectRef { kind: ObjectKind::Ingress, name: ingress.name.clone() };
    on(&object, field, code, severity, message, remedy)
}

/// A finding about an object.
pub(crate) fn on(
    object: &ObjectRef,
    field: impl Into<String>,
    code: ProblemCode,
    severity: Severity,
    message: impl Into<String>,
    remedy: impl Into<String>,
) -> Problem {
    Problem {
        object: object.clone(),
        field: field.into(),
        code,
        severity,
        message: message.into(),
        remedy: remedy.into(),
    }
}

/// An author's text in quotes, escaped, and cut where it is long.
pub(crate) fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// A few items in words: `a, b and 3 more`.
pub(crate) fn some_of<T: ToString>(items: &[T]) -> String {
    const SHOWN: usize = 3;
    let shown: Vec<String> = items.iter().take(SHOWN).map(ToString::to_string).collect();
    match items.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
