//! From a path as an author writes it to a path match (semantics 4.1).
//!
//! Routing compares paths in canonical form, so two spellings of one path are one path here too: otherwise a younger
//! Ingress could take `/admin` from an older one by writing `/%61dmin`.

use std::borrow::Cow;
use std::sync::Arc;

use crate::model::{PathMatch, Pattern, PatternError, Severity};
use crate::source::objects::{Path, PathKind};

use super::pattern;
use super::problems::quoted;

/// A match, and the key by which it is compared.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Matched {
    /// As the rule gives it.
    pub(crate) path: PathMatch,
    /// With the path in canonical form: equal for equal matches.
    pub(crate) key: PathMatch,
}

/// Why a path cannot be served.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PathFault {
    /// The field below the path entry.
    pub(crate) field: &'static str,
    /// What is wrong and what follows.
    pub(crate) message: String,
    /// What to do.
    pub(crate) remedy: Cow<'static, str>,
}

/// What is said about a path that is served as it is written and meant as a pattern: how bad that is, what follows, and what to do.
pub(crate) fn taken_literally(path: &Path) -> Option<(Severity, String, String)> {
    if !pattern::is_meant(&path.path) {
        return None;
    }
    let severity = match path.kind {
        // The API says that these are no patterns.
        PathKind::Exact | PathKind::Prefix => Severity::Warning,
        PathKind::ImplementationSpecific | PathKind::Unknown(_) => Severity::Error,
    };
    let message = format!(
        "path {} looks like a pattern and is compared as it is written, so only requests with these very characters match it",
        quoted(&path.path)
    );
    Some((severity, message, pattern::remedy(&path.path)))
}

/// The match that a path entry asks for. ImplementationSpecific is ours to define: it is Prefix, `/` when empty.
pub(crate) fn matched(path: &Path) -> Result<Matched, PathFault> {
    let new: fn(Arc<str>) -> PathMatch = match &path.kind {
        PathKind::Exact => PathMatch::Exact,
        PathKind::Prefix => PathMatch::Prefix,
        PathKind::ImplementationSpecific if path.path.is_empty() => {
            let root = PathMatch::Prefix("/".into());
            return Ok(Matched { path: root.clone(), key: root });
        }
        PathKind::ImplementationSpecific => PathMatch::Prefix,
        PathKind::Unknown(kind) => return Err(unknown_kind(kind)),
    };
    match canonical(&path.path, &path.kind) {
        Ok(canonical) => Ok(Matched { path: new(path.path.clone()), key: new(canonical) }),
        // A `?` that is part of a pattern is no query.
        Err(_) if pattern::is_meant(&path.path) => {
            let reason = "looks like a pattern, which a path cannot be";
            let message = format!("path {} {reason}, so this path is not served", quoted(&path.path));
            Err(PathFault { field: "path", message, remedy: pattern::remedy(&path.path).into() })
        }
        Err(fault) => Err(of_path(path, &fault)),
    }
}

/// How the paths of a host are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PathReading {
    /// Element by element.
    #[default]
    Elements,
    /// As before, but for those of type ImplementationSpecific, which are texts.
    Texts,
    /// All of them are patterns.
    Patterns,
}

/// The match that a path entry asks for at a host whose paths are read like this.
pub(crate) fn matched_as(reading: PathReading, path: &Path) -> Result<Matched, PathFault> {
    match reading {
        PathReading::Elements => matched(path),
        PathReading::Texts => matched(path).map(|found| match (&path.kind, found) {
            (PathKind::ImplementationSpecific, Matched { path, key }) => {
                let text = |path: PathMatch| PathMatch::Text(path.path().into());
                Matched { path: text(path), key: text(key) }
            }
            (PathKind::Exact | PathKind::Prefix | PathKind::Unknown(_), found) => found,
        }),
        PathReading::Patterns => matched_as_pattern(path),
    }
}

/// The match that a path entry asks for at a host of which all paths are patterns, whatever its type.
fn matched_as_pattern(path: &Path) -> Result<Matched, PathFault> {
    if let PathKind::Unknown(kind) = &path.kind {
        return Err(unknown_kind(kind));
    }
    let text = if path.path.is_empty() { &"/".into() } else { &path.path };
    if !text.starts_with('/') {
        return Err(of_path(path, &RELATIVE));
    }
    match Pattern::new(text) {
        Ok(pattern) => {
            let path = PathMatch::Pattern(pattern);
            Ok(Matched { path: path.clone(), key: path })
        }
        Err(error) => {
            let message = format!(
                "all paths of the host are patterns, and {} cannot be one, as {error}, so this path is not served",
                quoted(&path.path)
            );
            Err(PathFault { field: "path", message, remedy: remedy(error).into() })
        }
    }
}

fn remedy(error: PatternError) -> &'static str {
    match error {
        PatternError::Unsupported => "Write the pattern without look-around and back-references",
        PatternError::TooLarge => "Write a shorter pattern, with fewer repetitions",
        PatternError::Syntax => "Write a regular expression, with \\ in front of characters that are meant as they are",
    }
}

fn of_path(path: &Path, fault: &Fault) -> PathFault {
    let Fault { reason, remedy } = *fault;
    let message = format!("path {} {reason}, so this path is not served", quoted(&path.path));
    PathFault { field: "path", message, remedy: remedy.into() }
}

fn unknown_kind(kind: &str) -> PathFault {
    let message = if kind.is_empty() {
        "pathType is missing, so this path is not served".into()
    } else {
        format!("pathType {} is unknown, so this path is not served", quoted(kind))
    };
    PathFault { field: "pathType", message, remedy: "Use Exact, Prefix or ImplementationSpecific".into() }
}

/// What is wrong with a path, and what to do.
struct Fault {
    reason: &'static str,
    remedy: &'static str,
}

const RELATIVE: Fault = Fault { reason: "does not start with a slash", remedy: "Write an absolute path such as /shop" };
const CONTROLS: Fault = Fault { reason: "has control characters", remedy: "Remove them" };
const QUERY: Fault = Fault {
    reason: "has a query or a fragment, which take no part in matching",
    remedy: "Keep only what is in front of the ? or #",
};
const ESCAPE: Fault = Fault {
    reason: "has a % that is not followed by two hexadecimal digits",
    remedy: "Write a percent sign that is meant as such as %25",
};
const SEGMENTS: Fault = Fault {
    reason: "has empty or dot segments, which no canonical path has",
    remedy: "Write the path without //, /./ and /../",
};
const ESCAPED_SLASH: Fault = Fault {
    reason: "has an encoded slash (%2F), which Exact and Prefix paths cannot have",
    remedy: "Use a plain slash, or pathType ImplementationSpecific",
};

/// The canonical form (RFC 3986 §6.2.2): unreserved characters decoded, others that stand encoded in requests encoded,
/// hex digits in upper case. A path is refused that the API refuses, or that no request can have in canonical form.
fn canonical(path: &Arc<str>, kind: &PathKind) -> Result<Arc<str>, Fault> {
    if !path.starts_with('/') {
        return Err(RELATIVE);
    }
    // Nearly all paths are written in it.
    let canonical = if path.bytes().all(|byte| byte == b'/' || is_unreserved(byte) || is_delimiter(byte)) {
        Cow::Borrowed(&**path)
    } else {
        Cow::Owned(with_canonical_escapes(path)?)
    };
    let mut segments = canonical[1..].split('/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        // Servers differ in whether `..;x` is a dot segment, and `;x` an empty one.
        match segment.split(';').next() {
            Some("") if is_last && segment.is_empty() => {}
            Some("" | "." | "..") => return Err(SEGMENTS),
            Some(_) | None => {}
        }
    }
    match canonical {
        Cow::Owned(escaped) if *kind != PathKind::ImplementationSpecific && escaped.contains("%2F") => {
            Err(ESCAPED_SLASH)
        }
        Cow::Owned(other) if *other != **path => Ok(other.into()),
        Cow::Owned(_) | Cow::Borrowed(_) => Ok(path.clone()),
    }
}

fn with_canonical_escapes(path: &str) -> Result<String, Fault> {
    let mut canonical = String::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'?' | b'#' => return Err(QUERY),
            b'/' => canonical.push('/'),
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                let decoded = digit().zip(digit()).ok_or(ESCAPE)?;
                // Two hexadecimal digits make a byte.
                push(&mut canonical, (decoded.0 << 4 | decoded.1) as u8, Origin::Escape)?;
            }
            _ => push(&mut canonical, byte, Origin::Plain)?,
        }
    }
    Ok(canonical)
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b':' | b'@')
}

/// How a byte is written in the rule.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Plain,
    Escape,
}

fn push(canonical: &mut String, byte: u8, origin: Origin) -> Result<(), Fault> {
    if byte.is_ascii_control() {
        return Err(CONTROLS);
    }
    if is_unreserved(byte) || is_delimiter(byte) && origin == Origin::Plain {
        canonical.push(byte.into());
    } else {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        canonical.push('%');
        canonical.push(DIGITS[usize::from(byte >> 4)].into());
        canonical.push(DIGITS[usize::from(byte & 15)].into());
    }
    Ok(())
}
