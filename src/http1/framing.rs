//! Where a message ends (RFC 9112 §6), stricter than the RFC wherever two readers could differ.

use super::field::{Marks, Sole};
use super::grammar::{is_token, members};
use super::method::Version;

/// Largest Content-Length and chunk size, in bytes: 2^53, beyond which some languages round.
pub const MAX_LENGTH: u64 = 1 << 53;

/// How the body of a message is delimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    #[default]
    None,
    /// So many bytes; zero when the sender says so.
    Length(u64),
    /// Chunked transfer coding.
    Chunked,
    /// Until the connection closes. Responses only.
    UntilClose,
}

/// Why the end of a message cannot be known for sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// Content-Length is not a plain number up to 2^53.
    #[error("Content-Length is malformed")]
    Length,
    /// Content-Length comes more than once, even if with equal values.
    #[error("Content-Length is repeated")]
    LengthRepeated,
    /// Content-Length and Transfer-Encoding come together.
    #[error("Content-Length and Transfer-Encoding are both present")]
    LengthAndCoding,
    /// Transfer-Encoding is not a list of codings that ends with the only `chunked`.
    #[error("Transfer-Encoding is malformed")]
    Coding,
    /// Transfer-Encoding comes more than once.
    #[error("Transfer-Encoding is repeated")]
    CodingRepeated,
    /// Transfer-Encoding names a coding other than `chunked`.
    #[error("Transfer-Encoding names a coding other than chunked")]
    CodingUnsupported,
    /// Transfer-Encoding comes in HTTP/1.0, which does not have it.
    #[error("Transfer-Encoding in HTTP/1.0")]
    CodingOnHttp10,
}

impl FramingError {
    /// What a client that sent this is answered.
    pub fn status(self) -> u16 {
        match self {
            Self::CodingUnsupported => 501,
            Self::Length
            | Self::LengthRepeated
            | Self::LengthAndCoding
            | Self::Coding
            | Self::CodingRepeated
            | Self::CodingOnHttp10 => 400,
        }
    }
}

/// What the framing fields of a head declare: `None`, `Length` or `Chunked`.
pub(crate) fn declared(buf: &[u8], marks: &Marks, version: Version) -> Result<Framing, FramingError> {
    match (marks.content_length, marks.transfer_encoding) {
        (Sole::Absent, Sole::Absent) => Ok(Framing::None),
        (Sole::Once(value), Sole::Absent) => length(value.of(buf)).map(Framing::Length).ok_or(FramingError::Length),
        (Sole::Repeated, Sole::Absent) => Err(FramingError::LengthRepeated),
        (Sole::Absent, Sole::Once(_) | Sole::Repeated) if version == Version::Http10 => {
            Err(FramingError::CodingOnHttp10)
        }
        (Sole::Absent, Sole::Once(value)) => coding(value.of(buf)).map(|()| Framing::Chunked),
        (Sole::Absent, Sole::Repeated) => Err(FramingError::CodingRepeated),
        (Sole::Once(_) | Sole::Repeated, Sole::Once(_) | Sole::Repeated) => Err(FramingError::LengthAndCoding),
    }
}

/// Reads `1*DIGIT` up to [`MAX_LENGTH`].
fn length(value: &[u8]) -> Option<u64> {
    // 2^53 has 16 digits; more, be it of leading zeros, is nobody's honest length.
    if value.is_empty() || value.len() > 16 {
        return None;
    }
    let mut length = 0;
    for byte in value {
        length = length * 10 + u64::from(byte.is_ascii_digit().then(|| byte - b'0')?);
    }
    (length <= MAX_LENGTH).then_some(length)
}

/// Accepts `chunked` and nothing else. A clean list of other codings is distinguished only for the answer's sake.
fn coding(value: &[u8]) -> Result<(), FramingError> {
    if value.eq_ignore_ascii_case(b"chunked") {
        return Ok(());
    }
    let mut after_chunked = false;
    for member in members(value) {
        if after_chunked || !is_token(member) {
            return Err(FramingError::Coding);
        }
        after_chunked = member.eq_ignore_ascii_case(b"chunked");
    }
    Err(FramingError::CodingUnsupported)
}
