//! HTTP/2 frames by hand (RFC 9113 §4), as little as needed: what a library would never send.

use crate::support::Wire;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const GOAWAY: u8 = 7;

pub(crate) const ACK: u8 = 1;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// `:status: 200` as HPACK writes it.
pub(crate) const STATUS_200: &[u8] = &[0x88];

/// One frame.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    pub(crate) fn ends_stream(&self) -> bool {
        matches!(self.kind, DATA | HEADERS) && self.flags & END_STREAM != 0
    }
}

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A list of fields, each as a literal without indexing and without Huffman coding.
pub(crate) fn fields(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).ok().filter(|length| *length < 127).expect("short"));
            block.extend(text.as_bytes());
        }
    }
    block
}

/// A request without a body.
pub(crate) fn request(stream: u32, method: &str, host: &str) -> Vec<u8> {
    let block = fields(&[(":method", method), (":scheme", "http"), (":path", "/"), (":authority", host)]);
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &block)
}

/// The next frame; `None` at the end of the connection.
pub(crate) fn next(wire: &mut Wire) -> Option<Frame> {
    let head = wire.exactly(9).ok()?;
    let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
    let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
    let payload = wire.exactly(length).ok()?;
    Some(Frame { kind: head[3], flags: head[4], stream, payload })
}

/// The next frame of this kind.
#[track_caller]
pub(crate) fn next_of(wire: &mut Wire, kind: u8) -> Frame {
    loop {
        let frame = next(wire).expect("another frame");
        if frame.kind == kind && !(kind == SETTINGS && frame.flags & ACK != 0) {
            return frame;
        }
    }
}
