//! Header fields that HAProxy's form of a line shows in braces (HAProxy `capture request header`, `capture response header`).

use std::sync::Arc;

use super::escape;

/// How much of a value is kept where nothing else is asked for. Bytes.
const USUAL: usize = 64;

/// What the fields of requests, and those of answers, may take together. Bytes as they came.
const TOGETHER: usize = 1024;

/// A header field to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    name: Box<str>,
    longest: usize,
}

/// The fields to show, in their order. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Captures {
    pub(super) request: Arc<[Capture]>,
    pub(super) answer: Arc<[Capture]>,
}

/// The fields of answers to keep for the line. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AnswerCaptures(Arc<[Capture]>);

/// Why fields cannot be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaptureError {
    /// What stands there is no field name.
    #[error("{0:?} is no name of a header field; write NAME or NAME:LENGTH")]
    Name(String),
    /// The length is none.
    #[error("{0:?} is no length: a number of bytes from 1 to {TOGETHER}")]
    Length(String),
    /// The fields take too much together.
    #[error("the lengths come to {0} bytes, and {TOGETHER} is the most; without :LENGTH a field counts {USUAL}")]
    Together(usize),
}

impl Capture {
    /// Reads `NAME` or `NAME:LENGTH`. The length is in bytes, default 64.
    pub fn parse(text: &str) -> Result<Self, CaptureError> {
        let (name, longest) = match text.trim().split_once(':') {
            None => (text.trim(), USUAL),
            Some((name, length)) => match length.parse() {
                Ok(length @ 1..=TOGETHER) => (name, length),
                Ok(_) | Err(_) => return Err(CaptureError::Length(length.chars().take(20).collect())),
            },
        };
        // A token (RFC 9110 §5.6.2).
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(CaptureError::Name(name.chars().take(64).collect()));
        }
        Ok(Self { name: name.into(), longest })
    }
}

impl Captures {
    /// The fields of requests and those of answers.
    pub fn new(request: &[Capture], answer: &[Capture]) -> Result<Self, CaptureError> {
        for list in [request, answer] {
            let together = list.iter().map(|capture| capture.longest).sum();
            if together > TOGETHER {
                return Err(CaptureError::Together(together));
            }
        }
        Ok(Self { request: request.into(), answer: answer.into() })
    }

    /// The fields of answers; `None`: none is shown.
    pub(super) fn of_answers(&self) -> Option<AnswerCaptures> {
        (!self.answer.is_empty()).then(|| AnswerCaptures(Arc::clone(&self.answer)))
    }
}

impl AnswerCaptures {
    /// What the line shows of an answer, with its braces. `value` gives the last value of a field, by its name.
    pub fn block<'v>(&self, value: impl Fn(&str) -> Option<&'v [u8]>) -> Box<[u8]> {
        let mut out = Vec::new();
        begin(&mut out);
        for (index, capture) in self.0.iter().enumerate() {
            separate(&mut out, index);
            if let Some(value) = value(&capture.name) {
                capture.write(&mut out, value);
            }
        }
        end(&mut out);
        out.into()
    }
}

impl Capture {
    /// Its name as it was written.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn write(&self, out: &mut Vec<u8>, value: &[u8]) {
        // An escape takes three bytes, so no escape is cut.
        escape::haproxy_captured(out, &value[..value.len().min(self.longest)], 3 * self.longest);
    }
}

pub(super) fn begin(out: &mut Vec<u8>) {
    out.push(b'{');
}

pub(super) fn separate(out: &mut Vec<u8>, index: usize) {
    if index > 0 {
        out.push(b'|');
    }
}

pub(super) fn end(out: &mut Vec<u8>) {
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_have_a_length() {
        let capture = |name: &str, longest| Capture { name: name.into(), longest };
        assert_eq!(Capture::parse("Host"), Ok(capture("Host", 64)));
        assert_eq!(Capture::parse(" X-Forwarded-For:128"), Ok(capture("X-Forwarded-For", 128)));
        for (text, expected) in [
            ("", "\"\" is no name of a header field; write NAME or NAME:LENGTH"),
            ("a b", "\"a b\" is no name of a header field; write NAME or NAME:LENGTH"),
            ("Host:0", "\"0\" is no length: a number of bytes from 1 to 1024"),
            ("Host:long", "\"long\" is no length: a number of bytes from 1 to 1024"),
            (":authority", "\"authority\" is no length: a number of bytes from 1 to 1024"),
        ] {
            assert_eq!(Capture::parse(text).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn what_is_shown_together_is_bounded() {
        let wide = ["a", "b"].map(|name| Capture::parse(&format!("{name}:1000")).unwrap());
        assert!(Captures::new(&wide[..1], &wide[1..]).is_ok());
        let error = Captures::new(&[], &wide).unwrap_err().to_string();
        assert!(error.starts_with("the lengths come to 2000 bytes, and 1024 is the most"), "{error}");
    }

    #[test]
    fn values_are_cut_and_cannot_leave_their_place() {
        let answer =
            [Capture::parse("server:4").unwrap(), Capture::parse("via").unwrap(), Capture::parse("x").unwrap()];
        let captures = Captures::new(&[], &answer).unwrap().of_answers().unwrap();
        let block = captures.block(|name| match name {
            "server" => Some(b"nginx/1.2"),
            "x" => Some(b"} {a|b\"#\n"),
            _ => None,
        });
        assert_eq!(String::from_utf8_lossy(&block), "{ngin||#7D #7Ba#7Cb#22#23#0A}");
        assert!(Captures::default().of_answers().is_none());
    }
}
