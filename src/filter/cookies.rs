//! Cookies of a request (RFC 6265 §5.4).

use crate::http1::{FieldKind, RequestHead};

/// The value of the first cookie with this name.
pub(super) fn cookie<'a>(request: &RequestHead, head: &'a [u8], name: &str) -> Option<&'a [u8]> {
    pairs(request, head).find_map(|(known, value)| (known == name.as_bytes()).then_some(value))
}

/// The value of the first cookie with this name in any case, as variables of nginx have it.
pub(super) fn cookie_in_any_case<'a>(request: &RequestHead, head: &'a [u8], name: &str) -> Option<&'a [u8]> {
    pairs(request, head).find_map(|(known, value)| known.eq_ignore_ascii_case(name.as_bytes()).then_some(value))
}

/// The values of all cookies with this name.
pub(super) fn all<'a>(request: &RequestHead, head: &'a [u8], name: &str) -> impl Iterator<Item = &'a [u8]> {
    pairs(request, head).filter_map(move |(known, value)| (known == name.as_bytes()).then_some(value))
}

fn pairs<'a>(request: &RequestHead, head: &'a [u8]) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
    let fields = request.fields.iter().filter(|field| field.kind == FieldKind::Cookie);
    let pairs = fields.flat_map(|field| field.value.of(head).split(|&byte| byte == b';'));
    pairs.filter_map(|pair| {
        let pair = pair.trim_ascii();
        let at = memchr::memchr(b'=', pair)?;
        Some((&pair[..at], &pair[at + 1..]))
    })
}
