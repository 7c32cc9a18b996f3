//! Paths in the form that is compared.
//!
//! Routes are matched on a canonical path and the raw bytes are forwarded, so the two must not lead to different
//! routes: the server that gets the path may or may not resolve `..` and drop empty segments. Each one takes `%61` for `a`
//! (RFC 3986 §6.2.2.2), so escapes of unreserved characters are decoded in both. This module knows spellings, not routes;
//! `table` compares.
//!
//! Canonical means: percent-encoded unreserved characters decoded, hex digits upper case (RFC 3986 §6.2.2), characters
//! that a path cannot hold encoded, dot segments resolved (§5.2.4; also spelled `%2e`, also with `;` parameters), empty
//! segments dropped. `%2F` and `%5C` stay what they are: part of a segment. A dot segment beside one of them is refused.

use std::borrow::Cow;

/// Why a path is not routed. All are answered with 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PathRefusal {
    /// Not absolute, `%` without two hex digits, an encoded control character, a character that no path can hold, or
    /// `..` above the root.
    #[error("the path is not a valid absolute path")]
    Invalid,
    /// As sent the path belongs to one route and in canonical form to another, or it may: a dot segment stands beside an encoded
    /// slash, which is a slash to some servers.
    #[error("the path and its canonical form belong to different routes")]
    Ambiguous,
}

/// The order of two steps, which matters where `..` follows an empty segment. Servers differ: `/a//../b` is `/b` to
/// one and `/a/b` to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slashes {
    /// Empty segments are dropped, then dots resolved (nginx).
    First,
    /// Dots are resolved, with empty segments counted like others (RFC 3986), then empty segments are dropped.
    Last,
}

/// Whether the order in `Slashes` makes a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Matters,
    Indifferent,
}

/// Whether a path has only one spelling: it is absolute and nothing in it can be written in another way.
pub(super) fn is_plain(path: &str) -> bool {
    let [b'/', rest @ ..] = path.as_bytes() else { return false };
    let mut plain = true;
    let mut previous = b'/';
    for &byte in rest {
        plain &= PLAIN[byte as usize] & !(previous == b'/' && matches!(byte, b'/' | b'.'));
        previous = byte;
    }
    plain
}

/// A request's path without a query; empty is `/` (RFC 9110 §4.2.3). Refuses relative paths and forbidden characters.
pub(super) fn checked(path: &str) -> Result<&str, PathRefusal> {
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    let is_refused = |b: u8| b <= b' ' || b >= 0x7f || matches!(b, b'\\' | b'#');
    match path {
        "" => Ok("/"),
        _ if !path.starts_with('/') || path.bytes().any(is_refused) => Err(PathRefusal::Invalid),
        _ => Ok(path),
    }
}

/// Appends the path as written, but for what means nothing to any server: escapes of unreserved characters are decoded,
/// and the digits of others are in upper case.
pub(super) fn append_raw(path: &str, out: &mut String) {
    let mut pieces = path.split('%');
    out.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let digits = piece.split_at_checked(2).filter(|(digits, _)| digits.is_ascii());
        let Some((digits, rest)) = digits else {
            out.push('%');
            out.push_str(piece);
            continue;
        };
        match escaped(digits.as_bytes()) {
            Some(byte) if is_unreserved(byte) => out.push(byte.into()),
            Some(_) | None => {
                out.push('%');
                out.extend(digits.chars().map(|digit| digit.to_ascii_uppercase()));
            }
        }
        out.push_str(rest);
    }
}

/// A path without escapes, as nginx and regular expressions see it (`$uri`).
pub fn decoded(path: &str) -> Cow<'_, [u8]> {
    let Some(first) = memchr::memchr(b'%', path.as_bytes()) else { return Cow::Borrowed(path.as_bytes()) };
    let (plain, mut rest) = path.as_bytes().split_at(first);
    let mut decoded = Vec::with_capacity(path.len());
    decoded.extend_from_slice(plain);
    while let [byte, behind @ ..] = rest {
        let of_escape = if *byte == b'%' { behind.get(..2).and_then(escaped) } else { None };
        decoded.push(of_escape.unwrap_or(*byte));
        rest = if of_escape.is_some() { &behind[2..] } else { behind };
    }
    Cow::Owned(decoded)
}

/// The byte that two hex digits stand for.
fn escaped(digits: &[u8]) -> Option<u8> {
    let [high, low] = *digits else { return None };
    Some(hex_value(high)? << 4 | hex_value(low)?)
}

/// Appends the canonical form of an absolute path.
pub(super) fn append_canonical(path: &str, slashes: Slashes, out: &mut String) -> Result<Order, PathRefusal> {
    let base = out.len();
    let mut order = Order::Indifferent;
    let mut saw_empty = false;
    let mut ends_in_slash = false;
    for segment in path.strip_prefix('/').ok_or(PathRefusal::Invalid)?.split('/') {
        let start = out.len();
        out.push('/');
        append_decoded(segment, out)?;
        if has_hidden_dots(&out[start + 1..]) {
            return Err(PathRefusal::Ambiguous);
        }
        let name = out[start + 1..].split(';').next().unwrap_or_default();
        ends_in_slash = matches!(name, "" | "." | "..");
        match name {
            "" => {
                saw_empty = true;
                out.truncate(match slashes {
                    Slashes::First => start,
                    Slashes::Last => start + 1,
                });
            }
            "." => out.truncate(start),
            ".." => {
                if saw_empty {
                    order = Order::Matters;
                }
                let parent = out[base..start].rfind('/').ok_or(PathRefusal::Invalid)?;
                out.truncate(base + parent);
            }
            _ => {}
        }
    }
    if ends_in_slash {
        out.push('/');
    }
    if slashes == Slashes::Last {
        drop_empty_segments(base, out);
    }
    Ok(order)
}

/// Whether a segment has a dot segment to those who take `%2F` or `%5C` for the end of one: such a path leads elsewhere for them.
fn has_hidden_dots(segment: &str) -> bool {
    let mut rest = segment;
    let mut has_slash = false;
    loop {
        let end = ["%2F", "%5C"].iter().filter_map(|escape| rest.find(escape)).min();
        has_slash |= end.is_some();
        let name = rest[..end.unwrap_or(rest.len())].split(';').next().unwrap_or_default();
        if has_slash && matches!(name, "." | "..") {
            return true;
        }
        let Some(end) = end else { return false };
        rest = &rest[end + 3..];
    }
}

/// The spellings under which a rule's path is found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RulePath {
    /// In canonical form.
    pub(super) canonical: String,
    /// As the rule has it, but for what [`append_raw`] changes, when that is another spelling.
    pub(super) written: Option<String>,
}

impl RulePath {
    /// Reads the path of a rule; empty is `/`. `None` if no request can have this path.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let path = if path.is_empty() { "/" } else { path };
        if is_plain(path) {
            return Some(Self { canonical: path.to_owned(), written: None });
        }
        let mut canonical = String::with_capacity(path.len());
        append_canonical(path, Slashes::First, &mut canonical).ok()?;
        let mut written = String::with_capacity(path.len());
        append_raw(path, &mut written);
        let written = (written != canonical).then_some(written);
        Some(Self { canonical, written })
    }
}

/// Decodes what is unreserved and encodes what a path cannot hold.
fn append_decoded(segment: &str, out: &mut String) -> Result<(), PathRefusal> {
    let mut rest = segment;
    while let Some(at) = rest.bytes().position(|b| !is_path_character(b)) {
        out.push_str(&rest[..at]);
        let mut consumed = at + 1;
        match rest.as_bytes()[at..] {
            [b'%', high, low, ..] => {
                consumed += 2;
                match escaped(&[high, low]).ok_or(PathRefusal::Invalid)? {
                    0..b' ' | 0x7f => return Err(PathRefusal::Invalid),
                    byte if is_unreserved(byte) => out.push(byte.into()),
                    byte => push_encoded(byte, out),
                }
            }
            [b'%' | 0..b' ' | 0x7f, ..] | [] => return Err(PathRefusal::Invalid),
            [byte @ ..b'\x7f', ..] => push_encoded(byte, out),
            [..] => {
                let c = rest[at..].chars().next().ok_or(PathRefusal::Invalid)?;
                consumed = at + c.len_utf8();
                c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| push_encoded(byte, out));
            }
        }
        rest = &rest[consumed..];
    }
    out.push_str(rest);
    Ok(())
}

fn drop_empty_segments(base: usize, out: &mut String) {
    let end = out.len();
    for at in base..end {
        if out.as_bytes()[at] != b'/' || out.as_bytes()[end..].last() != Some(&b'/') {
            let byte = out.as_bytes()[at];
            out.push(byte.into());
        }
    }
    out.drain(base..end);
}

fn push_encoded(byte: u8, out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.push('%');
    out.push(DIGITS[usize::from(byte >> 4)].into());
    out.push(DIGITS[usize::from(byte & 15)].into());
}

fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// RFC 3986 §2.3.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// RFC 3986 §3.3, `pchar` without `%`.
const fn is_path_character(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b':' | b'@')
}

/// Bytes that have one meaning and one spelling, except for a dot or slash behind a slash.
static PLAIN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = byte == b'/' as usize || (is_path_character(byte as u8) && byte != b';' as usize);
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    fn canonical(path: &str) -> Result<String, PathRefusal> {
        let mut out = String::from("before");
        append_canonical(path, Slashes::First, &mut out)?;
        Ok(out.split_off("before".len()))
    }

    fn resolved_first(path: &str) -> String {
        let mut out = String::from("/a");
        append_canonical(path, Slashes::Last, &mut out).unwrap();
        out.split_off(2)
    }

    #[test]
    fn b16_canonical_forms() {
        for (path, expected) in [
            ("/", "/"),
            ("/admin/x", "/admin/x"),
            ("/%61dmin/x", "/admin/x"),
            ("/%7euser/%2D", "/~user/-"),
            ("/public/../admin", "/admin"),
            ("/public/%2e%2E/admin", "/admin"),
            ("/public/..;x=1/admin", "/admin"),
            ("/public/%2e.;/admin", "/admin"),
            ("/;/admin", "/admin"),
            ("/.;/admin", "/admin"),
            ("//admin", "/admin"),
            ("/public//x", "/public/x"),
            ("/admin/./x", "/admin/x"),
            ("/admin/y/../x", "/admin/x"),
            ("/admin/..", "/"),
            ("/admin/.", "/admin/"),
            ("/a/b/..", "/a/"),
            ("/a/b/../", "/a/"),
            ("/a//", "/a/"),
            ("/a/;x", "/a/"),
            ("/a;x=1/b", "/a;x=1/b"),
            ("/a%3bx", "/a%3Bx"),
            ("/...", "/..."),
            ("/..a/.b", "/..a/.b"),
            ("/%c3%a4", "/%C3%A4"),
            ("/admin%5cx", "/admin%5Cx"),
            ("/{a}|^", "/%7Ba%7D%7C%5E"),
            ("/ä b", "/%C3%A4%20b"),
            ("/a%2525", "/a%2525"),
        ] {
            assert_eq!(canonical(path).as_deref(), Ok(expected), "{path}");
        }
    }

    #[test]
    fn b16_what_is_no_path_is_refused() {
        for path in
            ["/a%zz", "/a%", "/a%4", "/%00", "/a%0d%0a", "/%7f", "/..", "/a/../..", "/%2e%2e/x", "/..;a/x", "/a//../.."]
        {
            assert_eq!(canonical(path), Err(PathRefusal::Invalid), "{path}");
        }
        for path in ["a", "*", "/\\", "/ä", "/ ", "/\t", "/a#b", "/\x7f"] {
            assert_eq!(checked(path), Err(PathRefusal::Invalid), "{path}");
        }
        assert_eq!(checked(""), Ok("/"));
        assert_eq!(checked("/a?x=/../"), Ok("/a"));
    }

    #[test]
    fn decoded_paths_have_no_escapes() {
        for (path, expected) in [
            ("/a", &b"/a"[..]),
            ("/a%2Fb%20c", b"/a/b c"),
            ("/%C3%A9", b"/\xc3\xa9"),
            ("/%2525", b"/%25"),
            ("/%", b"/%"),
            ("/%4", b"/%4"),
            ("/%zz", b"/%zz"),
        ] {
            assert_eq!(&*decoded(path), expected, "{path}");
        }
    }

    #[test]
    fn empty_segments_before_dots_are_read_both_ways() {
        assert_eq!((canonical("/a//../b"), resolved_first("/a//../b")), (Ok("/b".into()), "/a/b".into()));
        assert_eq!(resolved_first("//a///b//"), "/a/b/");
        let order = |path| append_canonical(path, Slashes::First, &mut String::new());
        assert_eq!(order("/a//../b"), Ok(Order::Matters));
        assert_eq!(order("/a//b"), Ok(Order::Indifferent));
    }

    #[test]
    fn fault_x04_raw_paths_change_in_escapes_of_unreserved_characters_and_the_case_of_hex_digits_only() {
        for (path, raw) in [
            ("/aé%c3%A4%2fbc/%e", "/aé%C3%A4%2Fbc/%e"),
            ("/%7Euser/%61%2E%2d%5f/%2525%36%31", "/~user/a.-_/%252561"),
            ("/./%2e%2E//%3b%3B/%zz%é", "/./..//%3B%3B/%ZZ%é"),
        ] {
            let mut out = String::new();
            append_raw(path, &mut out);
            assert_eq!(out, raw);
        }
    }

    proptest! {
        #[test]
        fn canonical_forms_are_their_own(path in "/([a.%/;]|%2[eEfF]|%61|\\{){0,12}") {
            if let Ok(form) = canonical(&path) {
                prop_assert_eq!(canonical(&form), Ok(form.clone()));
                prop_assert_eq!(resolved_first(&form), form.clone());
                prop_assert_eq!(form.contains("//"), false);
                let mut raw = String::new();
                append_raw(&form, &mut raw);
                prop_assert_eq!(raw, form);
            }
        }

        #[test]
        fn plain_paths_are_canonical(path in "/[a-z.%/;:@{\\\\ ~?#é]{0,8}") {
            if is_plain(&path) {
                prop_assert_eq!(checked(&path), Ok(path.as_str()));
                prop_assert_eq!(canonical(&path), Ok(path.clone()));
            }
        }
    }
}
