//! From a path as an author writes it to a path match (semantics 4.1).

use crate::model::PathMatch;
use crate::source::objects::{Path, PathKind};

use super::problems::quoted;

/// Why a path cannot be served.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PathFault {
    /// The field below the path entry.
    pub(crate) field: &'static str,
    /// What is wrong and what follows.
    pub(crate) message: String,
    /// What to do.
    pub(crate) remedy: &'static str,
}

/// The match that a path entry asks for. ImplementationSpecific is ours to define: it is Prefix, `/` when empty.
pub(crate) fn path_match(path: &Path) -> Result<PathMatch, PathFault> {
    let prefix = match &path.kind {
        PathKind::Exact => false,
        PathKind::Prefix => true,
        PathKind::ImplementationSpecific if path.path.is_empty() => return Ok(PathMatch::Prefix("/".into())),
        PathKind::ImplementationSpecific => true,
        PathKind::Unknown(kind) => return Err(unknown_kind(kind)),
    };
    if let Some((reason, remedy)) = fault_of(&path.path, &path.kind) {
        let message = format!("path {} {reason}, so this path is not served", quoted(&path.path));
        return Err(PathFault { field: "path", message, remedy });
    }
    Ok(if prefix { PathMatch::Prefix(path.path.clone()) } else { PathMatch::Exact(path.path.clone()) })
}

fn unknown_kind(kind: &str) -> PathFault {
    let message = if kind.is_empty() {
        "pathType is missing, so this path is not served".into()
    } else {
        format!("pathType {} is unknown, so this path is not served", quoted(kind))
    };
    PathFault { field: "pathType", message, remedy: "Use Exact, Prefix or ImplementationSpecific" }
}

/// What is wrong with a path, and what to do. Beside what the API refuses: what no request can match, because requests
/// are compared in canonical form and those with such bytes are refused.
fn fault_of(path: &str, kind: &PathKind) -> Option<(&'static str, &'static str)> {
    if !path.starts_with('/') {
        return Some(("does not start with a slash", "Write an absolute path such as /shop"));
    }
    if path.bytes().any(|b| b.is_ascii_control()) {
        return Some(("has control characters", "Remove them"));
    }
    if path.bytes().any(|b| matches!(b, b'?' | b'#')) {
        return Some((
            "has a query or a fragment, which take no part in matching",
            "Keep what is in front of the ? or # only",
        ));
    }
    if path.bytes().any(|b| !b.is_ascii() || matches!(b, b' ' | b'\\')) {
        return Some((
            "has characters that stand percent-encoded in requests",
            "Write spaces, backslashes and letters outside ASCII percent-encoded, as in /caf%C3%A9",
        ));
    }
    if !has_valid_escapes(path) {
        return Some((
            "has a % that is not followed by two hexadecimal digits",
            "Write a percent sign that is meant as such as %25",
        ));
    }
    let has_dots = path.split('/').any(|segment| matches!(segment, "." | ".."));
    if path.contains("//") || has_dots {
        return Some((
            "has empty or dot segments, which no canonical path has",
            "Write the path without //, /./ and /../",
        ));
    }
    let escaped_slash = || path.as_bytes().windows(3).any(|part| part.eq_ignore_ascii_case(b"%2f"));
    if *kind != PathKind::ImplementationSpecific && escaped_slash() {
        return Some((
            "has an encoded slash (%2F), which Exact and Prefix paths cannot have",
            "Use a plain slash, or pathType ImplementationSpecific",
        ));
    }
    None
}

fn has_valid_escapes(path: &str) -> bool {
    let bytes = path.as_bytes();
    let is_hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    memchr::memchr_iter(b'%', bytes).all(|at| is_hex(at + 1) && is_hex(at + 2))
}
