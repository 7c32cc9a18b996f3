//! The request of the question: from a URL and header fields to the head that a client would send for it. The parser that
//! reads the heads of clients reads it too.

use crate::http1::{FieldKind, Limits, Progress, RequestError, RequestHead};

/// A request over HTTP/1.1 with the method GET.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    pub(super) is_https: bool,
    /// Host and port of the URL: what a client connects to and names to TLS.
    pub(super) authority: String,
    pub(super) target: String,
    pub(super) fields: Vec<(String, String)>,
}

/// Why a question cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuestionError {
    /// Another scheme.
    #[error("the URL must begin with http://, https://, tcp:// or udp://, not {0:?}")]
    Scheme(String),
    /// A URL of a stream without a port.
    #[error("the URL names no port: write tcp://HOST:PORT or udp://HOST:PORT")]
    NoPort,
    /// No host.
    #[error("the URL names no host")]
    NoHost,
    /// Control characters or spaces in the URL.
    #[error("the URL has spaces or control characters")]
    Characters,
    /// Not `Name: value`.
    #[error("a header is written as 'Name: value', not {0:?}")]
    Header(String),
    /// More than a request may have.
    #[error("URL and headers are longer than a request's head may be")]
    TooLong,
}

/// The head of the request.
pub(super) struct QuestionHead {
    pub(super) bytes: Vec<u8>,
    /// The same, parsed.
    pub(super) request: RequestHead,
}

impl Question {
    /// Reads a URL and headers in the form `Name: value`. A URL without a scheme is http. A Host among the headers takes
    /// the place of the URL's host, as it does for curl.
    pub fn parse(url: &str, headers: &[String]) -> Result<Self, QuestionError> {
        if url.bytes().any(|byte| byte.is_ascii_control() || byte == b' ') {
            return Err(QuestionError::Characters);
        }
        let (is_https, rest) = match url.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (false, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, rest),
            // The `://` belongs to a URL in the query.
            Some((scheme, _)) if !scheme.contains(['/', '?']) => return Err(QuestionError::Scheme(scheme.into())),
            Some(_) | None => (false, url),
        };
        let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        if authority.is_empty() {
            return Err(QuestionError::NoHost);
        }
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        let fields = headers.iter().map(|header| field(header)).collect::<Result<Vec<_>, _>>()?;
        let length = url.len() + headers.iter().map(String::len).sum::<usize>();
        if length > Limits::REQUEST.head_bytes {
            return Err(QuestionError::TooLong);
        }
        Ok(Self { is_https, authority: authority.to_owned(), target, fields })
    }

    /// The scheme.
    pub(super) fn scheme(&self) -> &'static str {
        if self.is_https { "https" } else { "http" }
    }

    /// The head as a client sends it.
    pub(super) fn head(&self) -> Result<QuestionHead, RequestError> {
        let names_host = self.fields.iter().any(|(name, _)| FieldKind::of(name.as_bytes()) == FieldKind::Host);
        let mut head = format!("GET {} HTTP/1.1\r\n", self.target);
        let host = (!names_host).then_some(("Host", self.authority.as_str()));
        let fields = self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in host.into_iter().chain(fields) {
            head.extend([name, ": ", value, "\r\n"]);
        }
        head.push_str("\r\n");
        let mut request = RequestHead::new();
        match request.parse(head.as_bytes(), &Limits::REQUEST)? {
            Progress::Complete => Ok(QuestionHead { bytes: head.into_bytes(), request }),
            // Not reached: the head ends with an empty line.
            Progress::Partial => Err(RequestError::Target),
        }
    }
}

fn field(header: &str) -> Result<(String, String), QuestionError> {
    let refused = || QuestionError::Header(header.chars().take(80).collect());
    let (name, value) = header.split_once(':').ok_or_else(refused)?;
    if name.is_empty() || header.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(refused());
    }
    Ok((name.to_owned(), value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> (bool, String, String) {
        let Question { is_https, authority, target, fields: _ } = Question::parse(url, &[]).unwrap();
        (is_https, authority, target)
    }

    #[test]
    fn urls_are_taken_apart() {
        for (url, is_https, authority, target) in [
            ("http://a.example/x?y#z", false, "a.example", "/x?y"),
            ("HTTPS://a.example:8443", true, "a.example:8443", "/"),
            ("a.example/x", false, "a.example", "/x"),
            ("a.example?next=http://b/", false, "a.example", "/?next=http://b/"),
            ("http://[::1]:80/", false, "[::1]:80", "/"),
        ] {
            assert_eq!(parsed(url), (is_https, authority.to_owned(), target.to_owned()), "{url}");
        }
    }

    #[test]
    fn what_is_no_question_says_why() {
        let refused = |url: &str, header: &str| Question::parse(url, &[header.to_owned()]).unwrap_err();
        assert_eq!(refused("ftp://a/", "A: b"), QuestionError::Scheme("ftp".into()));
        assert_eq!(refused("http:///x", "A: b"), QuestionError::NoHost);
        assert_eq!(refused("http://a/x y", "A: b"), QuestionError::Characters);
        assert_eq!(refused("http://a/", "no colon"), QuestionError::Header("no colon".into()));
        assert_eq!(refused("http://a/", "A: b\r\nC: d"), QuestionError::Header("A: b\r\nC: d".into()));
        assert_eq!(refused(&format!("http://a/{}", "x".repeat(40_000)), "A: b"), QuestionError::TooLong);
    }

    #[test]
    fn a_host_among_the_headers_takes_the_place_of_the_urls() {
        let question = Question::parse("http://a.example/", &["hOST: b.example".into()]).unwrap();
        let head = question.head().unwrap();
        assert_eq!(head.request.authority.of(&head.bytes), b"b.example");
    }
}
