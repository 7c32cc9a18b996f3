//! The request target (RFC 9112 §3.2).

use super::grammar::{is_plain_target, is_target_path, is_target_query};
use super::method::Method;
use super::span::Span;

/// Which of the forms a request target has. The authority-form is CONNECT's, which is refused before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TargetForm {
    /// `/path?query`.
    #[default]
    Origin,
    /// `http://host/path?query`.
    Absolute,
    /// `*`, or an absolute OPTIONS target without path and query, which means the same (RFC 9112 §3.2.4).
    Asterisk,
}

/// A request target in parts, as offsets into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) form: TargetForm,
    /// Present in absolute-form.
    pub(super) authority: Option<Span>,
    /// Empty when an absolute target has none, and for `*` meant by an absolute target.
    pub(super) path: Span,
    pub(super) query: Option<Span>,
}

/// Takes a target apart; `None` refuses it.
pub(super) fn parse(target: &[u8], method: Method) -> Option<Target> {
    match target {
        [b'/', ..] => {
            let (path, query) = parse_path(target, 0)?;
            Some(Target { form: TargetForm::Origin, authority: None, path, query })
        }
        b"*" if method == Method::Options => {
            Some(Target { form: TargetForm::Asterisk, authority: None, path: Span::new(0, 1), query: None })
        }
        _ => parse_absolute(target, method),
    }
}

fn parse_absolute(target: &[u8], method: Method) -> Option<Target> {
    let start = [&b"http://"[..], b"https://"]
        .into_iter()
        .find(|scheme| target.get(..scheme.len()).is_some_and(|text| text.eq_ignore_ascii_case(scheme)))?
        .len();
    let length = target[start..].iter().take_while(|byte| !matches!(byte, b'/' | b'?')).count();
    let (path, query) = parse_path(target, start + length)?;
    let form = if method == Method::Options && path.is_empty() && query.is_none() {
        TargetForm::Asterisk
    } else {
        TargetForm::Absolute
    };
    Some(Target { form, authority: Some(Span::new(start, start + length)), path, query })
}

/// Splits what begins at `start` at its first `?`.
fn parse_path(target: &[u8], start: usize) -> Option<(Span, Option<Span>)> {
    let rest = &target[start..];
    let mark = memchr::memchr(b'?', rest);
    let path = &rest[..mark.unwrap_or(rest.len())];
    let query = mark.map(|mark| &rest[mark + 1..]);
    if !(is_plain_target(rest) || is_target_path(path) && query.is_none_or(is_target_query)) {
        return None;
    }
    Some((Span::within(target, path), query.map(|query| Span::within(target, query))))
}
