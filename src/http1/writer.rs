//! Writing: start lines, fields, chunks. What is copied was parsed strictly; what is added is ours.

use super::field::Field;
use super::framing::Framing;
use super::request::RequestHead;

/// What follows the data of a chunk.
pub const CHUNK_END: &[u8] = b"\r\n";
/// The end of a chunked body without trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";
/// The end of a head.
pub const HEAD_END: &[u8] = b"\r\n";

/// The line in front of the data of a chunk.
#[derive(Clone, Copy, Debug)]
pub struct ChunkSizeLine {
    bytes: [u8; 18],
    start: u8,
}

impl ChunkSizeLine {
    /// The line, CRLF included.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[usize::from(self.start)..]
    }
}

/// The line in front of a chunk of `size` bytes. A size of zero would end the body: do not send empty chunks.
pub fn chunk_size_line(size: usize) -> ChunkSizeLine {
    let mut line = ChunkSizeLine { bytes: *b"0000000000000000\r\n", start: 16 };
    let mut rest = size as u64;
    loop {
        line.start -= 1;
        line.bytes[usize::from(line.start)] = b"0123456789abcdef"[(rest % 16) as usize];
        rest /= 16;
        if rest == 0 {
            return line;
        }
    }
}

/// Appends a whole chunk; nothing for empty data, which would end the body.
pub fn chunk(out: &mut Vec<u8>, data: &[u8]) {
    if !data.is_empty() {
        out.extend_from_slice(chunk_size_line(data.len()).as_bytes());
        out.extend_from_slice(data);
        out.extend_from_slice(CHUNK_END);
    }
}

/// Appends the end of a chunked body, with trailers as
/// [`ChunkedDecoder::trailers`](super::ChunkedDecoder::trailers) gives them.
pub fn last_chunk(out: &mut Vec<u8>, trailers: &[u8]) {
    out.extend_from_slice(b"0\r\n");
    out.extend_from_slice(trailers);
    out.extend_from_slice(b"\r\n");
}

/// Appends the request line of a parsed head, in origin-form (or `*`) and HTTP/1.1.
pub fn request_line(out: &mut Vec<u8>, buf: &[u8], head: &RequestHead) {
    out.extend_from_slice(head.method_text.of(buf));
    out.push(b' ');
    out.extend_from_slice(head.path(buf));
    if let Some(query) = head.query {
        out.push(b'?');
        out.extend_from_slice(query.of(buf));
    }
    out.extend_from_slice(b" HTTP/1.1\r\n");
}

/// Appends the start line of a request to another target than its own. The target has neither spaces nor control characters.
pub fn request_line_to(out: &mut Vec<u8>, buf: &[u8], head: &RequestHead, target: &[u8]) {
    out.extend_from_slice(head.method_text.of(buf));
    out.push(b' ');
    out.extend_from_slice(target);
    out.extend_from_slice(b" HTTP/1.1\r\n");
}

/// Turns a start line that was just appended into one of HTTP/1.0.
pub fn in_http_1_0(out: &mut Vec<u8>) {
    out.truncate(out.len() - b"1\r\n".len());
    out.extend_from_slice(b"0\r\n");
}

/// Appends a status line in HTTP/1.1. `status` has three digits; `reason` is that of a parsed head, or [`reason`].
pub fn status_line(out: &mut Vec<u8>, status: u16, reason: &[u8]) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(itoa::Buffer::new().format(status).as_bytes());
    out.push(b' ');
    out.extend_from_slice(reason);
    out.extend_from_slice(b"\r\n");
}

/// The usual reason phrase of a status; empty if there is none.
pub fn reason(status: u16) -> &'static str {
    http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default()
}

/// Appends a field. Name and value are the caller's to keep free of control characters.
pub fn field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Appends the one framing field that a body needs; nothing for [`Framing::None`] and [`Framing::UntilClose`].
pub fn framing_field(out: &mut Vec<u8>, framing: Framing) {
    match framing {
        Framing::None | Framing::UntilClose => {}
        Framing::Length(length) => field(out, b"content-length", itoa::Buffer::new().format(length).as_bytes()),
        Framing::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
    }
}

/// Appends the lines of the fields that `keep` wants, as they were sent. Lines that lie together are copied together.
pub fn copy_fields(out: &mut Vec<u8>, buf: &[u8], fields: &[Field], mut keep: impl FnMut(&Field) -> bool) {
    let mut run = 0..0;
    for field in fields {
        if !keep(field) {
            continue;
        }
        if run.end != field.line.start() {
            out.extend_from_slice(buf.get(run).unwrap_or_default());
            run = field.line.start()..field.line.end();
        } else {
            run.end = field.line.end();
        }
    }
    out.extend_from_slice(buf.get(run).unwrap_or_default());
}
