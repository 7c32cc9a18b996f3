//! Annotations of other controllers. None of them is in force here. Who moves an Ingress to us must be told so, above all
//! about those that restrict access.

use crate::model::{ObjectRef, Problem, ProblemCode, Severity};
use crate::source::objects::Annotations;
use crate::source::objects::annotations::PREFIXES;

use super::super::problems::{on, quoted, some_of};
use super::{DIALECTS, native};

/// Parts of the keys of annotations that restrict access.
const RESTRICTING: [&str; 13] = [
    "auth",
    "allow-list",
    "allowlist",
    "whitelist",
    "deny-list",
    "denylist",
    "blacklist",
    "client-ca",
    "limit-",
    "middlewares",
    "modsecurity",
    "snippet",
    "waf",
];

/// One finding for those that restrict access, and one for all others.
pub(super) fn problems(object: &ObjectRef, annotations: &Annotations) -> impl Iterator<Item = Problem> {
    let foreign = annotations.iter().filter_map(|(key, _)| Some((&**key, short_of(key)?)));
    let (restricting, others): (Vec<_>, Vec<_>) = foreign.partition(|(_, short)| restricts(short));
    let restricting = (!restricting.is_empty()).then(|| {
        let message = format!(
            "requests are served without the restrictions that annotations of another controller ask for: {}",
            some_of(&names(&restricting))
        );
        let remedy =
            "Do not serve what needs them through Tidegate, restrict access in the application, then remove them";
        problem(object, Severity::Error, message, remedy.into())
    });
    let others = (!others.is_empty()).then(|| {
        let message = format!("annotations of another controller have no effect: {}", some_of(&names(&others)));
        problem(object, Severity::Warning, message, remedy(&others))
    });
    restricting.into_iter().chain(others)
}

/// The key without the prefix, if the prefix is that of a dialect that is not in force.
fn short_of(key: &str) -> Option<&str> {
    let is_foreign = |prefix: &&&str| DIALECTS.iter().all(|dialect| dialect.prefix != **prefix);
    PREFIXES.iter().filter(is_foreign).find_map(|prefix| key.strip_prefix(prefix))
}

fn restricts(short: &str) -> bool {
    RESTRICTING.iter().any(|part| short.contains(part))
}

fn names(annotations: &[(&str, &str)]) -> Vec<String> {
    annotations.iter().map(|(key, _)| quoted(key)).collect()
}

fn remedy(others: &[(&str, &str)]) -> String {
    let has_ours = |short: &str| native::DIALECT.annotations.iter().any(|annotation| annotation.key == short);
    match others.iter().find(|(_, short)| has_ours(short)) {
        Some((_, short)) => format!("Use {}{short} instead, and remove the others", native::DIALECT.prefix),
        None => "Remove them, or see docs/annotations.md for those that exist".into(),
    }
}

fn problem(object: &ObjectRef, severity: Severity, message: String, remedy: String) -> Problem {
    on(object, "metadata.annotations", ProblemCode::UnsupportedAnnotation, severity, message, remedy)
}
