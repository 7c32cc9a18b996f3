//! Heads and trailers as frames: HEADERS, and CONTINUATIONs behind it when it is too long for one.

use crate::http2::frame::{flag, kind};
use crate::http2::hpack::{Encoder, Pseudo};
use crate::http2::write;

/// Takes the fields of a head, name and value, one call each.
pub type Give<'a> = dyn FnMut(&[u8], &[u8]) + 'a;

/// What a request is for: the values of its pseudo-fields (RFC 9113 §8.3.1).
#[derive(Clone, Copy, Debug)]
pub struct RequestStart<'a> {
    /// `:method`.
    pub method: &'a [u8],
    /// `:scheme`.
    pub scheme: &'a [u8],
    /// `:authority`, which stands for the Host field.
    pub authority: &'a [u8],
    /// `:path`, with the query.
    pub path: &'a [u8],
    /// `:protocol`, of an extended CONNECT (RFC 8441 §4).
    pub protocol: Option<&'a [u8]>,
}

/// Writes the head of a response. `give` passes the fields on in any case and order; those that belong to one
/// connection stay behind (RFC 9113 §8.2.2). `is_end`: nothing follows on the stream.
pub fn response(
    encoder: &mut Encoder,
    out: &mut Vec<u8>,
    stream: u32,
    status: u16,
    is_end: bool,
    give: impl FnOnce(&mut Give<'_>),
) {
    frame(encoder, out, stream, is_end, |encoder, out| {
        encoder.status(status, out);
        give(&mut |name, value| {
            if leaves(name, value) {
                encoder.field(name, value, out);
            }
        });
    });
}

/// Writes the head of a request, as [`response`] writes that of a response. Host stays behind too.
pub fn request(
    encoder: &mut Encoder,
    out: &mut Vec<u8>,
    stream: u32,
    start: &RequestStart<'_>,
    is_end: bool,
    give: impl FnOnce(&mut Give<'_>),
) {
    frame(encoder, out, stream, is_end, |encoder, out| {
        encoder.pseudo(Pseudo::Method, start.method, out);
        encoder.pseudo(Pseudo::Scheme, start.scheme, out);
        encoder.pseudo(Pseudo::Authority, start.authority, out);
        encoder.pseudo(Pseudo::Path, start.path, out);
        if let Some(protocol) = start.protocol {
            encoder.pseudo(Pseudo::Protocol, protocol, out);
        }
        give(&mut |name, value| {
            if leaves(name, value) && !name.eq_ignore_ascii_case(b"host") {
                encoder.field(name, value, out);
            }
        });
    });
}

/// Writes trailers, given as lines; the stream ends with them.
pub fn trailers(encoder: &mut Encoder, out: &mut Vec<u8>, stream: u32, lines: &[u8]) {
    frame(encoder, out, stream, true, |encoder, out| fields(encoder, lines, out));
}

/// Writes fields, given as lines (`name: value`, CRLF), into a block that has begun.
pub fn fields(encoder: &mut Encoder, lines: &[u8], out: &mut Vec<u8>) {
    for (name, value) in split(lines).filter(|(name, value)| leaves(name, value)) {
        encoder.field(name, value, out);
    }
}

/// Names and values of fields that are given as lines (`name: value`, CRLF). What is no field is left out.
pub fn split(lines: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = lines;
    let lines = std::iter::from_fn(move || {
        let end = memchr::memchr(b'\n', rest)?;
        let (line, behind) = (&rest[..end], &rest[end + 1..]);
        rest = behind;
        Some(line)
    });
    lines.filter_map(|line| {
        let colon = memchr::memchr(b':', line)?;
        Some((&line[..colon], line[colon + 1..].trim_ascii()))
    })
}

/// Writes one whole block with its frames.
fn frame(
    encoder: &mut Encoder,
    out: &mut Vec<u8>,
    stream: u32,
    is_end: bool,
    block: impl FnOnce(&mut Encoder, &mut Vec<u8>),
) {
    let at = out.len();
    let flags = if is_end { flag::END_HEADERS | flag::END_STREAM } else { flag::END_HEADERS };
    write::frame_header(out, 0, kind::HEADERS, flags, stream);
    encoder.begin(out);
    block(encoder, out);
    write::split_headers(out, at);
}

/// Whether a field may leave over HTTP/2 (RFC 9113 §8.2.2). A pseudo-field is not the caller's to give.
#[inline]
fn leaves(name: &[u8], value: &[u8]) -> bool {
    let Some(&first) = name.first() else { return false };
    let never: &[u8] = match (name.len(), first | 0x20) {
        (2, b't') => return !name.eq_ignore_ascii_case(b"te") || value.eq_ignore_ascii_case(b"trailers"),
        (7, b'u') => b"upgrade",
        (10, b'c') => b"connection",
        (10, b'k') => b"keep-alive",
        (14, b'h') => b"http2-settings",
        (16, b'p') => b"proxy-connection",
        (17, b't') => b"transfer-encoding",
        _ => return first != b':',
    };
    !name.eq_ignore_ascii_case(never)
}
