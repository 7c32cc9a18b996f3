//! The paths that a pod may read the path of a request as. Servers differ in what they make of dot segments, empty segments,
//! escaped slashes and parameters, so a rule that refuses paths looks at all of them.

/// Whether something holds for one of them. `canonical` is the canonical path, decoded, by which the request found its route.
pub(super) fn any(path: &[u8], canonical: &[u8], mut holds: impl FnMut(&[u8]) -> bool) -> bool {
    if holds(canonical) {
        return true;
    }
    let decoded = decoded(path);
    let is_read_in_many_ways = |two: &[u8]| matches!(two, b"//" | b"/." | [b';' | b'\\', _] | [_, b';' | b'\\']);
    if decoded == canonical && !decoded.windows(2).any(is_read_in_many_ways) {
        return false;
    }
    holds(&decoded)
        || [Dots::Stay, Dots::BehindSlashes, Dots::BeforeSlashes].into_iter().any(|dots| holds(&read(&decoded, dots)))
}

/// What becomes of dot segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dots {
    /// They are names as others.
    Stay,
    /// They are resolved where empty segments are gone (nginx).
    BehindSlashes,
    /// They are resolved first, and empty segments count (RFC 3986 §5.2.4).
    BeforeSlashes,
}

/// The path without parameters and empty segments.
fn read(decoded: &[u8], dots: Dots) -> Vec<u8> {
    let mut names: Vec<&[u8]> = Vec::new();
    let mut ends_in_slash = false;
    for segment in decoded.split(|byte| matches!(byte, b'/' | b'\\')).skip(1) {
        let name = segment.split(|byte| *byte == b';').next().unwrap_or_default();
        ends_in_slash = matches!(name, b"" | b"." | b"..");
        match (name, dots) {
            (b"", Dots::Stay | Dots::BehindSlashes) => {}
            (b".", Dots::BehindSlashes | Dots::BeforeSlashes) => {}
            (b"..", Dots::BehindSlashes | Dots::BeforeSlashes) => _ = names.pop(),
            (name, Dots::Stay | Dots::BehindSlashes | Dots::BeforeSlashes) => names.push(name),
        }
    }
    let mut path = Vec::with_capacity(decoded.len() + 1);
    for name in names.into_iter().filter(|name| !name.is_empty()) {
        path.push(b'/');
        path.extend_from_slice(name);
    }
    if ends_in_slash || path.is_empty() {
        path.push(b'/');
    }
    path
}

/// A path without escapes. What is no escape stays.
fn decoded(path: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let [byte, behind @ ..] = rest {
        let of_escape = match behind {
            [high, low, ..] if *byte == b'%' => hex(*high).zip(hex(*low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        decoded.push(of_escape.unwrap_or(*byte));
        rest = if of_escape.is_some() { &behind[2..] } else { behind };
    }
    decoded
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_read_as(path: &str, canonical: &str, wanted: &str) -> bool {
        any(path.as_bytes(), canonical.as_bytes(), |read| read == wanted.as_bytes())
    }

    #[test]
    fn no_spelling_of_a_path_gets_around_a_rule_for_it() {
        for (path, canonical) in [
            ("/admin", "/admin"),
            ("/%61dmin", "/admin"),
            ("//admin", "/admin"),
            ("/x/../admin", "/admin"),
            ("/./admin", "/admin"),
            ("/x/%2e%2e/admin", "/admin"),
            ("/x%2F..%2Fadmin", "/x/../admin"),
            ("/admin;a=b", "/admin;a=b"),
            ("/;a/admin", "/;a/admin"),
            ("/x//../admin", "/admin"),
            ("/x%5C..%5Cadmin", "/x\\..\\admin"),
        ] {
            assert!(is_read_as(path, canonical, "/admin"), "{path}");
        }
        for (path, canonical) in [("/administration", "/administration"), ("/x/admin", "/x/admin"), ("/", "/")] {
            assert!(!is_read_as(path, canonical, "/admin"), "{path}");
        }
        // A server that resolves no dots, and one that counts empty segments.
        assert!(is_read_as("/admin/../x", "/x", "/admin/../x"));
        assert!(is_read_as("/x//../../admin", "/admin", "/admin"));
    }
}
