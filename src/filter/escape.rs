//! Percent-encoding (RFC 3986 §2.1), as nginx does it: which bytes are encoded depends on the place.

/// Encodes what no path of a target may hold (nginx `NGX_ESCAPE_URI`).
pub(super) fn path(value: &[u8], out: &mut Vec<u8>) {
    encode(value, out, |byte| byte.is_ascii_graphic() && !b"\"#%<>?\\^`{|}".contains(&byte));
}

/// Encodes what would end a value of a query (nginx `NGX_ESCAPE_ARGS`).
pub(super) fn query(value: &[u8], out: &mut Vec<u8>) {
    encode(value, out, |byte| byte.is_ascii_graphic() && !b"\"#%&+?\\".contains(&byte));
}

/// Encodes all but unreserved characters (RFC 3986 §2.3).
pub(super) fn component(value: &[u8], out: &mut Vec<u8>) {
    encode(value, out, |byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
}

/// Encodes what no URL may hold, and `\\`, which browsers take for `/`. Nothing that stands in a URL already is encoded again.
pub(super) fn url(value: &[u8], out: &mut Vec<u8>) {
    encode(value, out, |byte| byte.is_ascii_graphic() && byte != b'\\');
}

/// Encodes what no attribute of a cookie may hold. Nothing that stands in one already is encoded again.
pub(super) fn attribute(value: &[u8], out: &mut Vec<u8>) {
    encode(value, out, |byte| byte.is_ascii_graphic() && byte != b';');
}

fn encode(value: &[u8], out: &mut Vec<u8>, stays: impl Fn(u8) -> bool) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in value {
        if stays(byte) {
            out.push(byte);
        } else {
            out.extend_from_slice(&[b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_encodes_what_would_end_it() {
        let value = b"/a b%?#&+;\\\xc3\r\n";
        for (escape, expected) in [
            (path as fn(&[u8], &mut Vec<u8>), "/a%20b%25%3F%23&+;%5C%C3%0D%0A"),
            (query, "/a%20b%25%3F%23%26%2B;%5C%C3%0D%0A"),
            (component, "%2Fa%20b%25%3F%23%26%2B%3B%5C%C3%0D%0A"),
            (url, "/a%20b%?#&+;%5C%C3%0D%0A"),
            (attribute, "/a%20b%?#&+%3B\\%C3%0D%0A"),
        ] {
            let mut out = Vec::new();
            escape(value, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
