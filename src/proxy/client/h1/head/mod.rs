//! The head of an answer as a client over HTTP/1 gets it: bytes to bytes, no sockets.

use crate::http1::{Field, FieldKind, Framing, Version, writer};
use crate::proxy::walk::client_io::Answer;
use crate::proxy::wire::h1_body::Frame;

/// The request to be answered, as far as it decides how. The default is for one that could not be understood.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Asked {
    /// Its version.
    pub version: Version,
    /// Whether it was HEAD.
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
pub(crate) fn write_head(out: &mut Vec<u8>, answer: &Answer<'_>, asked: Asked, close: bool) -> Written {
    writer::status_line(out, answer.status, answer.reason);
    let (mut has_server, mut has_date) = (false, false);
    writer::copy_fields(out, answer.bytes, answer.fields, |field| {
        has_server |= field.kind == FieldKind::Server;
        has_date |= field.kind == FieldKind::Date;
        travels(field)
    });
    out.extend_from_slice(answer.lines);
    if !has_server && !answer.is_upgrade {
        out.extend_from_slice(b"server: tidegate\r\n");
    }
    if !has_date && !answer.is_upgrade {
        writer::field(out, b"date", answer.clock.date().as_bytes());
    }
    let (frame, ends_with_connection) = write_framing(out, answer, asked);
    let close = close || answer.must_close || ends_with_connection;
    if answer.is_upgrade {
        out.extend_from_slice(b"connection: upgrade\r\nupgrade: websocket\r\n");
    } else if close {
        out.extend_from_slice(b"connection: close\r\n");
    } else if asked.version == Version::Http10 {
        out.extend_from_slice(b"connection: keep-alive\r\n");
    }
    out.extend_from_slice(writer::HEAD_END);
    Written { frame, close, ends_with_connection }
}

/// Decides the framing towards the client and writes its field. The second value is whether the connection ends it.
fn write_framing(out: &mut Vec<u8>, answer: &Answer<'_>, asked: Asked) -> (Frame, bool) {
    let unless_head = |frame| if asked.is_head { Frame::Absent } else { frame };
    match answer.framing {
        Framing::None => {
            if let Some(length) = answer.told_length
                && answer.status != 204
                && !answer.is_upgrade
            {
                writer::framing_field(out, Framing::Length(length));
            }
            (Frame::Absent, false)
        }
        Framing::Length(_) => {
            writer::framing_field(out, answer.framing);
            (unless_head(Frame::Plain), false)
        }
        Framing::Chunked | Framing::UntilClose if asked.version == Version::Http11 => {
            writer::framing_field(out, Framing::Chunked);
            (unless_head(Frame::Chunked), false)
        }
        Framing::Chunked | Framing::UntilClose => (unless_head(Frame::Plain), !asked.is_head),
    }
}

/// Whether a field of a pod's answer travels on to the client.
pub(crate) fn travels(field: &Field) -> bool {
    let stays = field.kind == FieldKind::ContentLength
        || field.kind.is_hop_by_hop() && field.kind != FieldKind::ProxyAuthenticate;
    !field.hop && !stays
}

#[cfg(test)]
mod tests;
