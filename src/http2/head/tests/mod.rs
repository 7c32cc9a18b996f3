//! Tables of heads with what becomes of them, and properties of those that are accepted.

mod arena;
mod connect;
mod encode;
mod properties;
mod request;
mod response;
mod trailers;

use super::{HeadFault, RequestReader};
use crate::http1::{Limits, RequestError, RequestHead, Span};
use crate::http2::hpack::FieldSink;

/// A field as it is in a header block.
type Text = (&'static str, &'static str);

/// A GET of `/` from `a.test`.
const GET: [Text; 4] = [(":method", "GET"), (":scheme", "https"), (":authority", "a.test"), (":path", "/")];

/// What is left of a request that was read.
struct Read {
    bytes: Vec<u8>,
    head: RequestHead,
}

impl Read {
    fn text(&self, span: Span) -> String {
        span.of(&self.bytes).escape_ascii().to_string()
    }

    /// The lines of the fields, each with `|` for its end.
    fn lines(&self) -> String {
        self.head.fields.iter().map(|field| self.text(field.line).replace("\\r\\n", "|")).collect()
    }
}

fn read_within<N: AsRef<[u8]>, V: AsRef<[u8]>>(
    fields: &[(N, V)],
    is_end: bool,
    limits: &Limits,
) -> (Read, Result<(), HeadFault>) {
    let mut read = Read { bytes: b"what was there".to_vec(), head: RequestHead::new() };
    let mut reader = RequestReader::new(&mut read.bytes, &mut read.head, limits, true);
    for (name, value) in fields {
        reader.field(name.as_ref(), value.as_ref());
    }
    let outcome = reader.finish(is_end);
    (read, outcome)
}

/// A head without a body behind it.
fn read<N: AsRef<[u8]>, V: AsRef<[u8]>>(fields: &[(N, V)]) -> Result<Read, HeadFault> {
    let (read, outcome) = read_within(fields, true, &Limits::REQUEST);
    outcome.map(|()| read)
}

/// A head with a body behind it.
fn read_open(fields: &[Text]) -> Result<Read, HeadFault> {
    let (read, outcome) = read_within(fields, false, &Limits::REQUEST);
    outcome.map(|()| read)
}

/// What becomes of a head: 0 for accepted, 1 for malformed, else the status of the answer.
fn verdict<N: AsRef<[u8]>, V: AsRef<[u8]>>(fields: &[(N, V)]) -> u16 {
    match read(fields) {
        Ok(_) => 0,
        Err(HeadFault::Malformed(_)) => 1,
        Err(HeadFault::Refused(error)) => error.status(),
    }
}

fn refusal(fields: &[Text]) -> RequestError {
    match read(fields) {
        Err(HeadFault::Refused(error)) => error,
        Err(HeadFault::Malformed(text)) => panic!("malformed: {text}"),
        Ok(_) => panic!("accepted"),
    }
}

/// [`GET`] with more fields.
fn with(more: &[Text]) -> Vec<Text> {
    [&GET, more].concat()
}

/// [`GET`] with another value of a pseudo-field.
fn instead(name: &str, value: &'static str) -> Vec<Text> {
    GET.iter().map(|&(n, v)| if n == name { (n, value) } else { (n, v) }).collect()
}

/// [`GET`] without a pseudo-field.
fn without(name: &str) -> Vec<Text> {
    GET.iter().copied().filter(|(n, _)| *n != name).collect()
}
