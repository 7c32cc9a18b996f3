//! Tables for the classes of malformed and misleading messages, and properties of split and copied input. Names carry
//! the id of the class they cover.

mod chunked;
mod fields;
mod properties;
mod request;
mod response;
mod target;
mod writer;

use super::{Limits, Progress, RequestContext, RequestError, RequestHead, ResponseError, ResponseHead, Span};

/// Parses a whole request head; a partial one is a failure of the test.
fn request(text: impl AsRef<[u8]>) -> Result<RequestHead, RequestError> {
    request_within(text, &Limits::REQUEST)
}

fn request_within(text: impl AsRef<[u8]>, limits: &Limits) -> Result<RequestHead, RequestError> {
    let text = text.as_ref();
    let mut head = RequestHead::new();
    let progress = head.parse(text, limits)?;
    assert_eq!(progress, Progress::Complete, "{}", show(text));
    Ok(head)
}

/// The status a request is refused with, 0 if it is accepted.
fn verdict(text: impl AsRef<[u8]>) -> u16 {
    request(text).map_or_else(|error| error.status(), |_| 0)
}

/// A GET to host `a` with more field lines.
fn get(lines: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n")
}

/// A POST to host `a` with more field lines.
fn post(lines: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n")
}

fn response(text: impl AsRef<[u8]>, context: RequestContext) -> Result<ResponseHead, ResponseError> {
    let text = text.as_ref();
    let mut head = ResponseHead::new();
    let progress = head.parse(text, context, &Limits::RESPONSE)?;
    assert_eq!(progress, Progress::Complete, "{}", show(text));
    Ok(head)
}

fn text(span: Span, buf: impl AsRef<[u8]>) -> String {
    show(span.of(buf.as_ref()))
}

fn show(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
