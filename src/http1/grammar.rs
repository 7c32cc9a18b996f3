//! The characters of RFC 9110 §5.6 and RFC 3986, as tables.

use super::words::{between, equal, is_clear};

/// One bit for each class a byte belongs to.
static CLASSES: [u8; 256] = classes();

const TOKEN: u8 = 1;
const FIELD_VALUE: u8 = 2;
const TARGET_PATH: u8 = 4;
const TARGET_QUERY: u8 = 8;
const HOST_NAME: u8 = 16;
const LOWER_TOKEN: u8 = 32;

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        let mut class = 0;
        let alphanumeric = b.is_ascii_alphanumeric();
        if alphanumeric
            || matches!(
                b,
                b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
            )
        {
            class |= TOKEN;
            if !b.is_ascii_uppercase() {
                class |= LOWER_TOKEN;
            }
        }
        if b == b'\t' || b >= 0x20 && b != 0x7f {
            class |= FIELD_VALUE;
        }
        // Wider than RFC 3986, which has no `"<>^`{|}`: browsers send them and nobody reads them differently.
        if b.is_ascii_graphic() && b != b'#' {
            class |= TARGET_QUERY;
            // A backslash is a slash to some file systems and frameworks; in a query it is text, and the URL standard
            // makes browsers send it there as it is.
            if b != b'\\' {
                class |= TARGET_PATH;
            }
        }
        if alphanumeric || matches!(b, b'-' | b'.' | b'_') {
            class |= HOST_NAME;
        }
        table[byte] = class;
        byte += 1;
    }
    table
}

fn all(bytes: &[u8], class: u8) -> bool {
    bytes.iter().all(|&byte| CLASSES[usize::from(byte)] & class != 0)
}

/// Whether this is a token (RFC 9110 §5.6.2): at least one `tchar`.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && all(bytes, TOKEN)
}

/// Whether this is a token without upper-case letters, as names are in HTTP/2 (RFC 9113 §8.2.1).
pub(crate) fn is_lower_token(bytes: &[u8]) -> bool {
    !bytes.is_empty()
        && (is_clear(bytes, |word| !(between(word, b'a', b'z') | equal(word, b'-'))) || all(bytes, LOWER_TOKEN))
}

/// Whether these bytes may stand in a field value: no control but HTAB; bytes from 0x80 on pass uninterpreted.
pub(crate) fn is_field_value(bytes: &[u8]) -> bool {
    is_clear(bytes, |word| between(word, 0, 0x1f) | equal(word, 0x7f)) || all(bytes, FIELD_VALUE)
}

/// Whether these bytes may stand in the path of a request target, but for `?`, which divides it from the query. Not all
/// that are sound are plain.
pub(super) fn is_plain_target(bytes: &[u8]) -> bool {
    is_clear(bytes, |word| !between(word, b'!', b'~') | equal(word, b'#') | equal(word, b'\\'))
}

/// Whether these bytes may stand in the path of a request target.
pub(super) fn is_target_path(bytes: &[u8]) -> bool {
    all(bytes, TARGET_PATH)
}

/// Whether these bytes may stand in the query of a request target.
pub(super) fn is_target_query(bytes: &[u8]) -> bool {
    all(bytes, TARGET_QUERY)
}

/// Whether these bytes may stand in a host name.
pub(super) fn is_host_name(bytes: &[u8]) -> bool {
    all(bytes, HOST_NAME)
}

/// Takes optional whitespace (RFC 9110 §5.6.3: SP and HTAB) off both ends.
pub(crate) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// The members of a comma-separated list, without whitespace around them, empty ones included.
pub(super) fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_what_the_rfc_says() {
        assert!(is_token(b"!#$%&'*+-.^_`|~09azAZ"));
        for byte in (0..=b' ').chain(0x7f..=0xff).chain(*b"\"(),/:;<=>?@[\\]{}") {
            assert!(!is_token(&[byte]), "{byte:#x}");
        }
        assert!(!is_token(b""));
    }

    /// Every byte at every place of texts of every length up to three words.
    #[test]
    fn words_of_bytes_are_judged_as_single_bytes_are() {
        type Judge = fn(&[u8]) -> bool;
        let judges: [(Judge, u8); 2] = [(is_field_value, FIELD_VALUE), (is_lower_token, LOWER_TOKEN)];
        for length in 1..=24 {
            for at in 0..length {
                for byte in 0..=255 {
                    let mut text = vec![b'a'; length];
                    text[at] = byte;
                    for (judge, class) in judges {
                        assert_eq!(judge(&text), all(&text, class), "{byte:#x} at {at} of {length}");
                    }
                    let plain = all(&text, TARGET_PATH) && length >= 4;
                    assert_eq!(is_plain_target(&text), plain, "{byte:#x} at {at} of {length}");
                }
            }
        }
    }

    #[test]
    fn whitespace_is_only_space_and_tab() {
        assert_eq!(trim(b" \ta b\t "), b"a b");
        assert_eq!(trim(b"\x0ba\x0c"), b"\x0ba\x0c");
        assert_eq!(trim(b"  "), b"");
    }
}
