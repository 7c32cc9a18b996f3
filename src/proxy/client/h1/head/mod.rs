//! The head of an answer as a client over HTTP/1 gets it: bytes to bytes, no sockets.

use crate::http1::{Framing, Version, writer};
use crate::proxy::walk::answer_head::AnswerHead;
use crate::proxy::wire::h1_body::Frame;

/// What the form of an answer depends on. The default is for a request that could not be understood.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AnswerForm {
    /// The request's version.
    pub version: Version,
    /// Whether the request was HEAD.
    pub is_head: bool,
}

/// How a head says that its body comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    /// How the body is framed.
    pub frame: Frame,
    /// Whether the connection closes behind it.
    pub close: bool,
    /// Whether nothing but that tells where the body ends.
    pub ends_with_connection: bool,
}

/// Appends the head. `close`: whether the connection closes behind it for other reasons than the answer's own.
pub(crate) fn write_head(out: &mut Vec<u8>, answer: &AnswerHead<'_>, form: AnswerForm, close: bool) -> Written {
    writer::status_line(out, answer.status, answer.reason);
    answer.write(out);
    let (frame, ends_with_connection) = write_framing(out, answer, form);
    let close = close || answer.must_close || ends_with_connection;
    if let Some(protocol) = answer.upgrade {
        out.extend_from_slice(b"connection: upgrade\r\n");
        writer::field(out, b"upgrade", protocol);
    } else if close {
        out.extend_from_slice(b"connection: close\r\n");
    } else if form.version == Version::Http10 {
        out.extend_from_slice(b"connection: keep-alive\r\n");
    }
    out.extend_from_slice(writer::HEAD_END);
    Written { frame, close, ends_with_connection }
}

/// Decides the framing towards the client and writes its field. The second value is whether the connection ends it.
fn write_framing(out: &mut Vec<u8>, answer: &AnswerHead<'_>, form: AnswerForm) -> (Frame, bool) {
    let unless_head = |frame| if form.is_head { Frame::Absent } else { frame };
    match answer.framing {
        Framing::None => {
            if let Some(length) = answer.content_length() {
                writer::framing_field(out, Framing::Length(length));
            }
            (Frame::Absent, false)
        }
        Framing::Length(_) => {
            writer::framing_field(out, answer.framing);
            (unless_head(Frame::Plain), false)
        }
        Framing::Chunked | Framing::UntilClose if form.version == Version::Http11 => {
            writer::framing_field(out, Framing::Chunked);
            (unless_head(Frame::Chunked), false)
        }
        Framing::Chunked | Framing::UntilClose => (unless_head(Frame::Plain), !form.is_head),
    }
}

#[cfg(test)]
mod tests;
