//! Error codes (RFC 9113 §7).

use std::fmt;

/// Why a stream or a connection ends: what RST_STREAM and GOAWAY carry. Peers may send codes that no standard has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ErrorCode(pub u32);

impl ErrorCode {
    /// Nothing is wrong.
    pub const NO_ERROR: Self = Self(0x0);
    /// The peer broke a rule that has no code of its own.
    pub const PROTOCOL_ERROR: Self = Self(0x1);
    /// The sender failed.
    pub const INTERNAL_ERROR: Self = Self(0x2);
    /// The peer sent more than a window allowed.
    pub const FLOW_CONTROL_ERROR: Self = Self(0x3);
    /// The peer did not acknowledge SETTINGS in time.
    pub const SETTINGS_TIMEOUT: Self = Self(0x4);
    /// A frame came for a stream that is half closed.
    pub const STREAM_CLOSED: Self = Self(0x5);
    /// A frame has a length that its kind does not allow.
    pub const FRAME_SIZE_ERROR: Self = Self(0x6);
    /// The stream was not processed at all: it may be tried again.
    pub const REFUSED_STREAM: Self = Self(0x7);
    /// The stream is no longer needed.
    pub const CANCEL: Self = Self(0x8);
    /// The tables of header compression can no longer be kept in step.
    pub const COMPRESSION_ERROR: Self = Self(0x9);
    /// The connection behind a CONNECT request failed.
    pub const CONNECT_ERROR: Self = Self(0xa);
    /// The peer causes too much work.
    pub const ENHANCE_YOUR_CALM: Self = Self(0xb);
    /// The transport is not secure enough.
    pub const INADEQUATE_SECURITY: Self = Self(0xc);
    /// The request needs HTTP/1.1.
    pub const HTTP_1_1_REQUIRED: Self = Self(0xd);

    /// The name that RFC 9113 §7 gives the code. `UNKNOWN` for any other.
    pub fn as_str(self) -> &'static str {
        const NAMES: [&str; 14] = [
            "NO_ERROR",
            "PROTOCOL_ERROR",
            "INTERNAL_ERROR",
            "FLOW_CONTROL_ERROR",
            "SETTINGS_TIMEOUT",
            "STREAM_CLOSED",
            "FRAME_SIZE_ERROR",
            "REFUSED_STREAM",
            "CANCEL",
            "COMPRESSION_ERROR",
            "CONNECT_ERROR",
            "ENHANCE_YOUR_CALM",
            "INADEQUATE_SECURITY",
            "HTTP_1_1_REQUIRED",
        ];
        usize::try_from(self.0).ok().and_then(|code| NAMES.get(code)).copied().unwrap_or("UNKNOWN")
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_str() {
            "UNKNOWN" => write!(out, "UNKNOWN ({:#x})", self.0),
            name => out.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_the_names_of_the_standard_and_others_show_their_number() {
        assert_eq!(ErrorCode::NO_ERROR.to_string(), "NO_ERROR");
        assert_eq!(ErrorCode::COMPRESSION_ERROR.to_string(), "COMPRESSION_ERROR");
        assert_eq!(ErrorCode::HTTP_1_1_REQUIRED.to_string(), "HTTP_1_1_REQUIRED");
        assert_eq!(ErrorCode(0xe).to_string(), "UNKNOWN (0xe)");
        assert_eq!(ErrorCode(u32::MAX).to_string(), "UNKNOWN (0xffffffff)");
    }
}
