//! Writes frames (RFC 9113 §6): each function appends whole frames to the caller's bytes.

use super::code::ErrorCode;
use super::frame::{HEADER, MAX_PAYLOAD, MAX_STREAM, flag, kind};

/// The header of a frame whose payload of `length` bytes the caller appends. The length is cut to its 24 bits: the
/// peer's SETTINGS_MAX_FRAME_SIZE, which the caller keeps to, allows no more.
#[inline]
pub fn frame_header(out: &mut Vec<u8>, length: usize, kind: u8, flags: u8, stream: u32) {
    out.extend_from_slice(&header(length, kind, flags, stream));
}

/// SETTINGS with pairs of identifier and value, in this order.
pub fn settings(out: &mut Vec<u8>, pairs: &[(u16, u32)]) {
    frame_header(out, pairs.len() * 6, kind::SETTINGS, 0, 0);
    for (id, value) in pairs {
        out.extend_from_slice(&id.to_be_bytes());
        out.extend_from_slice(&value.to_be_bytes());
    }
}

/// Acknowledges the peer's SETTINGS.
pub fn settings_ack(out: &mut Vec<u8>) {
    frame_header(out, 0, kind::SETTINGS, flag::ACK, 0);
}

/// PING, or the answer to one.
pub fn ping(out: &mut Vec<u8>, ack: bool, payload: [u8; 8]) {
    frame_header(out, payload.len(), kind::PING, if ack { flag::ACK } else { 0 }, 0);
    out.extend_from_slice(&payload);
}

/// Allows the peer `increment` more bytes, 1 to 2^31 - 1, on a stream or (0) on the connection.
pub fn window_update(out: &mut Vec<u8>, stream: u32, increment: u32) {
    debug_assert!((1..=MAX_STREAM).contains(&increment), "RFC 9113 §6.9");
    word(out, kind::WINDOW_UPDATE, stream, increment & MAX_STREAM);
}

/// RST_STREAM: ends a stream at once.
pub fn reset(out: &mut Vec<u8>, stream: u32, code: ErrorCode) {
    word(out, kind::RST_STREAM, stream, code.0);
}

/// GOAWAY: `last` is the last stream of the peer that is or may be processed; `text` is for people.
pub fn goaway(out: &mut Vec<u8>, last: u32, code: ErrorCode, text: &[u8]) {
    let text = text.get(..MAX_PAYLOAD - 8).unwrap_or(text);
    frame_header(out, 8 + text.len(), kind::GOAWAY, 0, 0);
    out.extend_from_slice(&(last & MAX_STREAM).to_be_bytes());
    out.extend_from_slice(&code.0.to_be_bytes());
    out.extend_from_slice(text);
}

/// Gives the frame whose header begins at `at` the length of all that follows it. For frames of which only the end
/// tells the length; those with a header block go through [`split_headers`] instead.
#[inline]
pub fn patch_length(out: &mut [u8], at: usize) {
    let length = out.len().saturating_sub(at + HEADER);
    if let Some(bytes) = out.get_mut(at..at + 3) {
        bytes.copy_from_slice(&length_bytes(length));
    }
}

/// Ends a HEADERS frame that begins at `at`, has END_HEADERS set, and is the last thing in `out`: gives it its length,
/// and, when it is longer than every peer accepts, turns it into HEADERS and CONTINUATIONs (RFC 9113 §4.3, §6.10). The
/// frame must have neither padding nor priority.
pub fn split_headers(out: &mut Vec<u8>, at: usize) {
    let begin = at + HEADER;
    let length = out.len().saturating_sub(begin);
    patch_length(out, at);
    if length > MAX_PAYLOAD {
        cut(out, at, length);
    }
}

/// Makes room for the headers of CONTINUATIONs, from the last piece to the first, so that each byte moves once.
#[cold]
fn cut(out: &mut Vec<u8>, at: usize, length: usize) {
    let begin = at + HEADER;
    let more = (length - 1) / MAX_PAYLOAD;
    let stream = match out[at + 5..begin] {
        [a, b, c, d] => u32::from_be_bytes([a, b, c, d]),
        _ => 0,
    };
    out.resize(out.len() + more * HEADER, 0);
    for piece in (1..=more).rev() {
        let from = begin + piece * MAX_PAYLOAD;
        let size = MAX_PAYLOAD.min(begin + length - from);
        let to = from + piece * HEADER;
        out.copy_within(from..from + size, to);
        let flags = if piece == more { flag::END_HEADERS } else { 0 };
        out[to - HEADER..to].copy_from_slice(&header(size, kind::CONTINUATION, flags, stream));
    }
    out[at..at + 3].copy_from_slice(&length_bytes(MAX_PAYLOAD));
    out[at + 4] &= !flag::END_HEADERS;
}

/// A frame whose payload is one number.
fn word(out: &mut Vec<u8>, kind: u8, stream: u32, word: u32) {
    let mut frame = [0; HEADER + 4];
    frame[..HEADER].copy_from_slice(&header(4, kind, 0, stream));
    frame[HEADER..].copy_from_slice(&word.to_be_bytes());
    out.extend_from_slice(&frame);
}

#[inline]
fn header(length: usize, kind: u8, flags: u8, stream: u32) -> [u8; HEADER] {
    debug_assert!(length < 1 << 24 && stream <= MAX_STREAM, "RFC 9113 §4.1");
    let [a, b, c] = length_bytes(length);
    let [s, t, u, v] = stream.to_be_bytes();
    [a, b, c, kind, flags, s, t, u, v]
}

/// The low 24 bits.
#[inline]
fn length_bytes(length: usize) -> [u8; 3] {
    [(length >> 16) as u8, (length >> 8) as u8, length as u8]
}

#[cfg(test)]
mod tests {
    use super::super::frame::FrameHeader;
    use super::*;

    /// The frames in `bytes`.
    fn frames(mut bytes: &[u8]) -> Vec<(FrameHeader, &[u8])> {
        let mut frames = Vec::new();
        while let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() {
            let header = FrameHeader::parse(header);
            let (payload, rest) = rest.split_at(header.length as usize);
            frames.push((header, payload));
            bytes = rest;
        }
        assert!(bytes.is_empty());
        frames
    }

    #[test]
    fn control_frames_read_as_they_were_meant() {
        let mut out = Vec::new();
        settings(&mut out, &[(3, 100), (4, 0x0001_0000)]);
        settings_ack(&mut out);
        ping(&mut out, false, *b"12345678");
        ping(&mut out, true, *b"12345678");
        window_update(&mut out, 7, 0x7fff_ffff);
        reset(&mut out, 9, ErrorCode::CANCEL);
        goaway(&mut out, 11, ErrorCode::ENHANCE_YOUR_CALM, b"too many resets");
        let of = |length, kind, flags, stream| FrameHeader { length, kind, flags, stream };
        assert_eq!(
            frames(&out),
            [
                (of(12, kind::SETTINGS, 0, 0), &[0, 3, 0, 0, 0, 100, 0, 4, 0, 1, 0, 0][..]),
                (of(0, kind::SETTINGS, flag::ACK, 0), b""),
                (of(8, kind::PING, 0, 0), b"12345678"),
                (of(8, kind::PING, flag::ACK, 0), b"12345678"),
                (of(4, kind::WINDOW_UPDATE, 0, 7), &[0x7f, 0xff, 0xff, 0xff]),
                (of(4, kind::RST_STREAM, 0, 9), &[0, 0, 0, 8]),
                (of(23, kind::GOAWAY, 0, 0), b"\0\0\0\x0b\0\0\0\x0btoo many resets"),
            ]
        );
    }

    #[test]
    fn a_long_header_block_becomes_continuations_and_loses_nothing() {
        for length in [0, 1, MAX_PAYLOAD - 1, MAX_PAYLOAD, MAX_PAYLOAD + 1, 2 * MAX_PAYLOAD, 5 * MAX_PAYLOAD + 3] {
            let block: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let mut out = b"before".to_vec();
            let at = out.len();
            frame_header(&mut out, 0, kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, 5);
            out.extend_from_slice(&block);
            split_headers(&mut out, at);
            assert_eq!(&out[..at], b"before");
            let frames = frames(&out[at..]);
            assert_eq!(frames.len(), length.div_ceil(MAX_PAYLOAD).max(1));
            let joined: Vec<u8> = frames.iter().flat_map(|(_, payload)| payload.iter().copied()).collect();
            assert_eq!(joined, block);
            for (place, (header, payload)) in frames.iter().enumerate() {
                let is_last = place == frames.len() - 1;
                assert!(payload.len() <= MAX_PAYLOAD && (is_last || payload.len() == MAX_PAYLOAD));
                assert_eq!(header.stream, 5);
                assert_eq!(header.kind, if place == 0 { kind::HEADERS } else { kind::CONTINUATION });
                assert_eq!(header.has(flag::END_HEADERS), is_last);
                assert_eq!(header.has(flag::END_STREAM), place == 0);
            }
        }
    }
}
