//! Frame headers (RFC 9113 §4.1, §6).
//!
//! Says how the nine bytes in front of a payload read, and nothing about what frames mean or when they may come.

/// Length of a frame header, in bytes.
pub const HEADER: usize = 9;

/// The longest payload that every peer accepts, in bytes (RFC 9113 §4.2): the least SETTINGS_MAX_FRAME_SIZE.
pub const MAX_PAYLOAD: usize = 16_384;

/// The last stream id, 2^31 - 1.
pub const MAX_STREAM: u32 = 0x7fff_ffff;

/// What a client sends first (RFC 9113 §3.4).
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Kinds of frames (RFC 9113 §6). Others are ignored (§5.5).
pub mod kind {
    /// Bytes of a body.
    pub const DATA: u8 = 0x0;
    /// Opens a stream, or carries trailers.
    pub const HEADERS: u8 = 0x1;
    /// Deprecated: checked and ignored.
    pub const PRIORITY: u8 = 0x2;
    /// Ends a stream at once.
    pub const RST_STREAM: u8 = 0x3;
    /// What the sender allows.
    pub const SETTINGS: u8 = 0x4;
    /// Announces a stream of the server.
    pub const PUSH_PROMISE: u8 = 0x5;
    /// Asks whether the peer is there.
    pub const PING: u8 = 0x6;
    /// Says which streams are the last ones.
    pub const GOAWAY: u8 = 0x7;
    /// Allows more bytes of bodies.
    pub const WINDOW_UPDATE: u8 = 0x8;
    /// More of a header block.
    pub const CONTINUATION: u8 = 0x9;
}

/// Flags of frames (RFC 9113 §6). A bit means something only for the kinds named here.
pub mod flag {
    /// DATA, HEADERS: the sender is done with the stream.
    pub const END_STREAM: u8 = 0x1;
    /// SETTINGS, PING: an acknowledgement.
    pub const ACK: u8 = 0x1;
    /// HEADERS, PUSH_PROMISE, CONTINUATION: the header block ends here.
    pub const END_HEADERS: u8 = 0x4;
    /// DATA, HEADERS, PUSH_PROMISE: padding follows the payload.
    pub const PADDED: u8 = 0x8;
    /// HEADERS: five bytes of priority precede the header block.
    pub const PRIORITY: u8 = 0x20;
}

/// The header of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Length of the payload, in bytes: 24 bits.
    pub length: u32,
    /// One of [`kind`], or unknown.
    pub kind: u8,
    /// Bits of [`flag`].
    pub flags: u8,
    /// The stream, or 0 for the connection: 31 bits.
    pub stream: u32,
}

impl FrameHeader {
    /// Reads a header. Any nine bytes are one; the reserved bit is ignored (RFC 9113 §4.1).
    #[inline]
    pub fn parse(bytes: &[u8; HEADER]) -> Self {
        let [a, b, c, kind, flags, s, t, u, v] = *bytes;
        Self {
            length: u32::from_be_bytes([0, a, b, c]),
            kind,
            flags,
            stream: u32::from_be_bytes([s, t, u, v]) & MAX_STREAM,
        }
    }

    /// Whether all bits of `flag` are set.
    #[inline]
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag == flag
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_without_its_reserved_bit() {
        let header = FrameHeader::parse(&[0x01, 0x02, 0x03, 0x01, 0x25, 0xff, 0x00, 0x00, 0x07]);
        assert_eq!(header, FrameHeader { length: 0x01_0203, kind: kind::HEADERS, flags: 0x25, stream: 0x7f00_0007 });
        assert!(header.has(flag::END_STREAM) && header.has(flag::END_HEADERS) && header.has(flag::PRIORITY));
        assert!(!header.has(flag::PADDED));
    }
}
