//! Escapes that keep a value inside its quotes and its line, and off the terminal's control (class E6).

/// Ends a value that was cut.
const CUT: &[u8] = b"...";

const HEX: &[u8; 16] = b"0123456789abcdef";
const UPPER_HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Whether a byte stands for itself in both formats: printable ASCII but for the quote and the backslash.
const fn is_plain(byte: u8) -> bool {
    // Without short circuits, so that the loop over a value becomes vector instructions.
    (byte.wrapping_sub(0x20) < 0x5f) & (byte != b'"') & (byte != b'\\')
}

/// Whether all bytes are plain, as nearly all values are.
fn all_plain(value: &[u8]) -> bool {
    value.iter().fold(true, |plain, byte| plain & is_plain(*byte))
}

/// Appends `value` as the inside of a JSON string of at most `longest` bytes. Bytes that are not UTF-8 become U+FFFD;
/// control characters, and those that reorder or break lines of text, are escaped.
pub(super) fn json(out: &mut Vec<u8>, value: &[u8], longest: usize) {
    if value.len() <= longest && all_plain(value) {
        out.extend_from_slice(value);
        return;
    }
    let mut room = Room::new(out, longest);
    for chunk in value.utf8_chunks() {
        for c in chunk.valid().chars() {
            let mut buffer = [0; 12];
            let fits = match c {
                '"' => room.push(b"\\\""),
                '\\' => room.push(b"\\\\"),
                c if is_dangerous(c) => {
                    let mut units = [0; 2];
                    let mut length = 0;
                    for unit in c.encode_utf16(&mut units) {
                        buffer[length..length + 2].copy_from_slice(b"\\u");
                        for digit in 0..4 {
                            buffer[length + 2 + digit] = HEX[usize::from(*unit >> (12 - 4 * digit)) & 15];
                        }
                        length += 6;
                    }
                    room.push(&buffer[..length])
                }
                c => room.push(c.encode_utf8(&mut buffer).as_bytes()),
            };
            if !fits {
                return;
            }
        }
        if !chunk.invalid().is_empty() && !room.push(b"\\ufffd") {
            return;
        }
    }
}

/// Appends `value` for inside quotes of the common format, at most `longest` bytes: everything but plain printable
/// ASCII as `\xNN`.
pub(super) fn common(out: &mut Vec<u8>, value: &[u8], longest: usize) {
    if value.len() <= longest && all_plain(value) {
        out.extend_from_slice(value);
        return;
    }
    hexadecimal(out, value, longest, is_plain, HEX);
}

/// The same with digits as nginx writes them.
pub(super) fn nginx(out: &mut Vec<u8>, value: &[u8], longest: usize) {
    hexadecimal(out, value, longest, is_plain, UPPER_HEX);
}

/// The same as HAProxy writes them (its manual, "Non-printable characters"): what is not printable ASCII, the quote and `#` as `#XX`.
pub(super) fn haproxy(out: &mut Vec<u8>, value: &[u8], longest: usize) {
    escaped(
        out,
        value,
        longest,
        |byte| (0x20..0x7f).contains(&byte) && !matches!(byte, b'"' | b'#'),
        (b"#", UPPER_HEX),
    );
}

/// The same for values between braces, whose marks are `#XX` too.
pub(super) fn haproxy_captured(out: &mut Vec<u8>, value: &[u8], longest: usize) {
    let is_plain = |byte| (0x20..0x7f).contains(&byte) && !matches!(byte, b'"' | b'#' | b'{' | b'|' | b'}');
    escaped(out, value, longest, is_plain, (b"#", UPPER_HEX));
}

/// Appends `value` as it is, at most `longest` bytes: only what could end its line or speaks to a terminal is `\xNN`.
pub(super) fn controls(out: &mut Vec<u8>, value: &[u8], longest: usize) {
    hexadecimal(out, value, longest, |byte| byte >= 0x20 && byte != 0x7f, UPPER_HEX);
}

fn hexadecimal(out: &mut Vec<u8>, value: &[u8], longest: usize, is_plain: impl Fn(u8) -> bool, digits: &[u8; 16]) {
    escaped(out, value, longest, is_plain, (b"\\x", digits));
}

fn escaped(
    out: &mut Vec<u8>,
    value: &[u8],
    longest: usize,
    is_plain: impl Fn(u8) -> bool,
    (mark, digits): (&[u8], &[u8; 16]),
) {
    let mut room = Room::new(out, longest);
    for byte in value {
        let fits = if is_plain(*byte) {
            room.push(&[*byte])
        } else {
            let mut piece = [0; 4];
            let (front, back) = piece.split_at_mut(mark.len());
            front.copy_from_slice(mark);
            back[..2].copy_from_slice(&[digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]);
            room.push(&piece[..mark.len() + 2])
        };
        if !fits {
            return;
        }
    }
}

/// Controls (C0, DEL, C1), line and paragraph separators, and the marks that change the direction of text.
fn is_dangerous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// What a value may still write.
struct Room<'a> {
    out: &'a mut Vec<u8>,
    /// The length of `out` at which the value must end.
    end: usize,
    /// The length of `out` up to which all was written whole and behind which the mark of a cut still fits.
    safe: usize,
}

impl<'a> Room<'a> {
    fn new(out: &'a mut Vec<u8>, longest: usize) -> Self {
        Self { end: out.len() + longest, safe: out.len(), out }
    }

    /// Appends a piece, or cuts the value and says false.
    fn push(&mut self, piece: &[u8]) -> bool {
        if self.out.len() + piece.len() > self.end {
            self.out.truncate(self.safe);
            self.out.extend_from_slice(CUT);
            return false;
        }
        self.out.extend_from_slice(piece);
        if self.out.len() + CUT.len() <= self.end {
            self.safe = self.out.len();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn with(escape: fn(&mut Vec<u8>, &[u8], usize), value: &[u8], longest: usize) -> String {
        let mut out = Vec::new();
        escape(&mut out, value, longest);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn e06_json_values_stay_in_their_quotes() {
        for (value, expected) in [
            (&b"plain /path?a=b"[..], "plain /path?a=b"),
            (b"a\"b\\c", r#"a\"b\\c"#),
            (b"a\r\nb\x1b[31m\x7f\0", r"a\u000d\u000ab\u001b[31m\u007f\u0000"),
            ("käse \u{1f9c0}".as_bytes(), "käse \u{1f9c0}"),
            ("\u{9b}31m\u{2028}\u{202e}".as_bytes(), r"\u009b31m\u2028\u202e"),
            (b"a\xff\xc3", r"a\ufffd\ufffd"),
        ] {
            assert_eq!(with(json, value, 100), expected);
        }
    }

    #[test]
    fn e06_common_values_stay_in_their_quotes() {
        for (value, expected) in [
            (&b"plain /path?a=b"[..], "plain /path?a=b"),
            (b"a\"b\\c", r"a\x22b\x5cc"),
            (b"a\r\n\x1b\xc3\xbc", r"a\x0d\x0a\x1b\xc3\xbc"),
        ] {
            assert_eq!(with(common, value, 100), expected);
        }
    }

    #[test]
    fn values_are_cut_between_escapes_and_marked() {
        assert_eq!(with(json, b"abcdef", 6), "abcdef");
        assert_eq!(with(json, b"abcdefg", 6), "abc...");
        assert_eq!(with(json, b"abcd\n", 8), "abcd...");
        assert_eq!(with(json, b"a\nb\nc", 11), r"a\u000ab...");
        assert_eq!(with(common, b"a\nbcd", 7), r"a...");
        assert_eq!(with(common, &[b'x'; 1 << 20], 512).len(), 512);
    }

    proptest! {
        #[test]
        fn json_values_parse_to_what_was_meant(value: Vec<u8>) {
            let text = with(json, &value, 10_000);
            prop_assert!(!text.bytes().any(|b| b < 0x20 || b == 0x7f));
            let parsed: String = serde_json::from_str(&format!("\"{text}\"")).unwrap();
            prop_assert_eq!(parsed, String::from_utf8_lossy(&value).into_owned());
        }

        #[test]
        fn cut_values_are_short_and_valid(value: Vec<u8>, longest in 3_usize..60) {
            let text = with(json, &value, longest);
            prop_assert!(text.len() <= longest);
            let parsed = serde_json::from_str::<String>(&format!("\"{text}\""));
            prop_assert!(parsed.is_ok());
            let text = with(common, &value, longest);
            prop_assert!(text.len() <= longest && text.is_ascii() && !text.contains('"'));
            let text = with(nginx, &value, longest);
            prop_assert!(text.len() <= longest && text.is_ascii() && !text.contains('"'));
            let mut text = Vec::new();
            controls(&mut text, &value, longest);
            prop_assert!(text.len() <= longest && !text.iter().any(|byte| byte.is_ascii_control()));
        }
    }
}
