//! Names and values of a query or a form, as `application/x-www-form-urlencoded` has them (WHATWG URL, section 5).

/// The names and values of `text`, decoded. Bytes that are no UTF-8 become U+FFFD.
pub(crate) fn pairs(text: &str) -> impl Iterator<Item = (String, String)> + '_ {
    text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    })
}

/// `text` as a value. Everything but letters, digits and `-._~` is percent-encoded.
pub(super) fn encode(text: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte.into());
        } else {
            let [high, low] = [byte >> 4, byte & 15].map(|half| char::from(DIGITS[usize::from(half)]));
            out.extend(['%', high, low]);
        }
    }
    out
}

fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        match first {
            b'+' => out.push(b' '),
            b'%' => match escaped(behind) {
                Some(byte) => {
                    out.push(byte);
                    rest = &behind[2..];
                }
                None => out.push(b'%'),
            },
            byte => out.push(*byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn escaped(behind: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*behind.get(at)?).to_digit(16);
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_as_they_went() {
        for text in ["", "a b", "a&b=c%d+e", "<script>\"'", "ä\u{1f600}", "%", "%4", "%zz"] {
            let query = format!("x=1&q={}&y", encode(text));
            let read: Vec<_> = pairs(&query).collect();
            assert_eq!(read[1], ("q".to_owned(), text.to_owned()));
            assert_eq!(read[2], ("y".to_owned(), String::new()));
        }
        let broken: Vec<_> = pairs("q=%4&r=%zz%ff").collect();
        assert_eq!((&*broken[0].1, &*broken[1].1), ("%4", "%zz\u{fffd}"));
    }
}
