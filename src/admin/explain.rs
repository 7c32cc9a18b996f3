//! `/debug/explain`: reads the question from the query. The function that answers it is given from outside.

use std::future::Future;
use std::pin::Pin;

/// A question as the query has it, decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The URL of the request; empty when the query has none.
    pub url: String,
    /// Its header fields, each as `Name: value`.
    pub headers: Vec<String>,
}

/// An explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// For people.
    pub text: String,
    /// For programs.
    pub json: String,
}

/// Why there is no explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unexplained {
    /// The question is wrong, and how.
    Wrong(String),
    /// There is no time to answer; the text says so.
    Late(String),
}

/// An answer that is being made. Its maker must set a deadline.
pub type Explaining = Pin<Box<dyn Future<Output = Result<Explained, Unexplained>> + Send>>;

/// Reads `url=…&header=…&header=…`, form-encoded (WHATWG URL §5.1).
pub(super) fn asked(query: &str) -> Asked {
    let mut asked = Asked::default();
    for part in query.split('&') {
        match part.split_once('=') {
            Some(("url", value)) => asked.url = decoded(value),
            Some(("header", value)) => asked.headers.push(decoded(value)),
            Some(_) | None => {}
        }
    }
    asked
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    loop {
        let (byte, length) = match rest {
            [] => break,
            [b'+', ..] => (b' ', 1),
            [b'%', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let digit = |digit: u8| char::from(digit).to_digit(16).unwrap_or_default() as u8;
                (digit(*high) << 4 | digit(*low), 3)
            }
            [byte, ..] => (*byte, 1),
        };
        bytes.push(byte);
        rest = &rest[length..];
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_decoded_and_what_is_no_escape_stays() {
        let query =
            "format=json&url=http%3A%2F%2Fa.example%2F%2561%3Fx%3D1%26y&header=A:+b%2Bc&header=D%3a%20e&url2=x&%zz";
        let expected =
            Asked { url: "http://a.example/%61?x=1&y".into(), headers: vec!["A: b+c".into(), "D: e".into()] };
        assert_eq!(asked(query), expected);
        assert_eq!(asked("url=%4").url, "%4");
        assert_eq!(asked(""), Asked::default());
    }
}
