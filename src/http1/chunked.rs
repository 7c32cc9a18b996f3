//! The chunked transfer coding, read (RFC 9112 §7.1). Written by [`writer`](super::writer).
//!
//! One state per byte of framing, so that nothing is read twice however the input is split; data is never copied. Chunk
//! extensions are checked and dropped, trailers are checked and kept until the end.

use std::ops::Range;

use memchr::memchr;

use super::framing::MAX_LENGTH;
use super::trailers::{self, MAX_TRAILER_BYTES, MAX_TRAILER_FIELDS, Verdict};

/// Most digits of a chunk size.
const MAX_SIZE_DIGITS: u8 = 16;
/// Longest extension of one chunk, in bytes, from its semicolon on.
const MAX_EXTENSION_BYTES: usize = 256;
/// Most bytes of extensions of one body.
const MAX_EXTENSIONS_BYTES: usize = 16 * 1024;

/// Why a body is not chunked as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// A chunk size is not 1 to 16 hexadecimal digits followed by CRLF or an extension.
    #[error("a chunk size is malformed")]
    Size,
    /// A chunk size is above 2^53.
    #[error("a chunk size is too large")]
    SizeTooLarge,
    /// A chunk extension is empty or has a control character.
    #[error("a chunk extension is malformed")]
    Extension,
    /// Extensions are longer than 256 bytes in one chunk or 16 KiB in all.
    #[error("chunk extensions are too long")]
    ExtensionTooLong,
    /// A line end is not CRLF.
    #[error("a chunk line does not end with CRLF")]
    LineEnd,
    /// Chunk data is longer than its size says.
    #[error("chunk data does not end with CRLF")]
    DataEnd,
    /// A trailer is not a field line.
    #[error("a trailer is malformed")]
    Trailer,
    /// Trailers are longer than [`MAX_TRAILER_BYTES`] or more than [`MAX_TRAILER_FIELDS`].
    #[error("the trailers are too large")]
    TrailersTooLarge,
}

impl ChunkError {
    /// What a client that sent this is answered, if an answer is still possible.
    pub fn status(self) -> u16 {
        match self {
            Self::TrailersTooLarge => 431,
            Self::Size
            | Self::SizeTooLarge
            | Self::Extension
            | Self::ExtensionTooLong
            | Self::LineEnd
            | Self::DataEnd
            | Self::Trailer => 400,
        }
    }
}

/// Whether a chunked body goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkState {
    /// It does.
    More,
    /// The body is complete, trailers included.
    End,
}

/// What one call decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Bytes of the input that are done with once `data` is.
    pub consumed: usize,
    /// Body bytes, as a range of the input; may be empty. It lies within the consumed bytes.
    pub data: Range<usize>,
    /// Whether the body goes on.
    pub state: ChunkState,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Before or within a chunk size.
    #[default]
    Size,
    /// Behind the semicolon of an extension.
    Extension,
    /// Behind the CR of a size line.
    SizeLf,
    /// Within chunk data.
    Data,
    /// Behind chunk data.
    DataCr,
    /// Behind the CR that follows chunk data.
    DataLf,
    /// At the start of a trailer line, or of the empty line that ends the body.
    TrailerStart,
    /// Within a trailer line.
    Trailer,
    /// Behind the CR of the empty line.
    EndLf,
    /// Behind the body.
    End,
    /// Behind an error, which is given again.
    Refused(ChunkError),
}

/// Decodes one chunked body. Allocates only when there are trailers.
#[derive(Clone, Debug, Default)]
pub struct ChunkedDecoder {
    state: State,
    /// Size of the chunk, then what is left of its data, in bytes.
    remaining: u64,
    digits: u8,
    extension_bytes: usize,
    extensions_bytes: usize,
    /// Whole trailer lines to keep, and behind `line_start` the one being read.
    trailers: Vec<u8>,
    line_start: usize,
    trailer_bytes: usize,
    trailer_fields: usize,
}

impl ChunkedDecoder {
    /// A decoder at the start of a body.
    pub fn new() -> Self {
        Self::default()
    }

    /// Back to the start of a body, keeping the allocation.
    pub fn reset(&mut self) {
        let mut trailers = std::mem::take(&mut self.trailers);
        trailers.clear();
        *self = Self { trailers, ..Self::default() };
    }

    /// Decodes as far as the first run of data and the framing behind it.
    ///
    /// Call again with the bytes behind `consumed` while it is above zero. When nothing is consumed and the state is
    /// [`ChunkState::More`], more input is needed. Behind the end nothing is consumed: what is left is the next message.
    pub fn decode(&mut self, buf: &[u8]) -> Result<Decoded, ChunkError> {
        let decoded = self.advance(buf);
        if let Err(error) = decoded {
            self.state = State::Refused(error);
        }
        decoded
    }

    /// The trailers that may travel on: whole lines, each ending with CRLF, without the empty line. Complete once the
    /// state is [`ChunkState::End`].
    pub fn trailers(&self) -> &[u8] {
        &self.trailers[..self.line_start]
    }

    /// Whether the body is complete.
    pub fn is_done(&self) -> bool {
        self.state == State::End
    }

    /// Bytes of the current chunk's data still to come: what a reader may take without meeting framing.
    pub fn remaining_in_chunk(&self) -> u64 {
        if self.state == State::Data { self.remaining } else { 0 }
    }

    fn advance(&mut self, buf: &[u8]) -> Result<Decoded, ChunkError> {
        let mut at = 0;
        let mut data = 0..0;
        while let Some(&byte) = buf.get(at) {
            match self.state {
                State::Data => {
                    if !data.is_empty() {
                        break;
                    }
                    let rest = buf.len() - at;
                    let length = usize::try_from(self.remaining).map_or(rest, |remaining| remaining.min(rest));
                    data = at..at + length;
                    at += length;
                    self.remaining -= length as u64;
                    if self.remaining == 0 {
                        self.state = State::DataCr;
                    }
                }
                State::Trailer => at += self.take_trailer(&buf[at..])?,
                State::TrailerStart if byte != b'\r' => self.start_trailer()?,
                State::End => break,
                State::Refused(error) => return Err(error),
                State::Size
                | State::Extension
                | State::SizeLf
                | State::DataCr
                | State::DataLf
                | State::TrailerStart
                | State::EndLf => {
                    self.take_byte(byte)?;
                    at += 1;
                }
            }
        }
        let state = if self.is_done() { ChunkState::End } else { ChunkState::More };
        Ok(Decoded { consumed: at, data, state })
    }

    /// Takes one byte of framing.
    fn take_byte(&mut self, byte: u8) -> Result<(), ChunkError> {
        self.state = match (self.state, byte) {
            (State::Size, b';') if self.digits > 0 => {
                self.count_extension()?;
                State::Extension
            }
            (State::Size, b'\r') if self.digits > 0 => State::SizeLf,
            (State::Size, _) => {
                self.take_digit(byte)?;
                State::Size
            }
            (State::Extension, b'\r') if self.extension_bytes > 1 => State::SizeLf,
            (State::Extension, b'\n') => return Err(ChunkError::LineEnd),
            (State::Extension, ..0x20 | 0x7f) => return Err(ChunkError::Extension),
            (State::Extension, _) => {
                self.count_extension()?;
                State::Extension
            }
            (State::SizeLf, b'\n') => {
                self.digits = 0;
                self.extension_bytes = 0;
                if self.remaining == 0 { State::TrailerStart } else { State::Data }
            }
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataCr, _) => return Err(ChunkError::DataEnd),
            (State::DataLf, b'\n') => State::Size,
            (State::DataLf, _) => return Err(ChunkError::DataEnd),
            (State::TrailerStart, b'\r') => State::EndLf,
            (State::EndLf, b'\n') => State::End,
            (State::SizeLf | State::EndLf | State::TrailerStart, _) => return Err(ChunkError::LineEnd),
            (state @ (State::Data | State::Trailer | State::End | State::Refused(_)), _) => state,
        };
        Ok(())
    }

    fn take_digit(&mut self, byte: u8) -> Result<(), ChunkError> {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            b'\n' => return Err(ChunkError::LineEnd),
            _ => return Err(ChunkError::Size),
        };
        if self.digits == MAX_SIZE_DIGITS {
            return Err(ChunkError::Size);
        }
        if self.digits == 0 {
            self.remaining = 0;
        }
        self.digits += 1;
        self.remaining = self.remaining * 16 + u64::from(digit);
        if self.remaining > MAX_LENGTH {
            return Err(ChunkError::SizeTooLarge);
        }
        Ok(())
    }

    fn count_extension(&mut self) -> Result<(), ChunkError> {
        self.extension_bytes += 1;
        self.extensions_bytes += 1;
        if self.extension_bytes > MAX_EXTENSION_BYTES || self.extensions_bytes > MAX_EXTENSIONS_BYTES {
            return Err(ChunkError::ExtensionTooLong);
        }
        Ok(())
    }

    fn start_trailer(&mut self) -> Result<(), ChunkError> {
        self.trailer_fields += 1;
        if self.trailer_fields > MAX_TRAILER_FIELDS {
            return Err(ChunkError::TrailersTooLarge);
        }
        self.state = State::Trailer;
        Ok(())
    }

    /// Takes bytes up to the end of the trailer line, or all there are. Says how many.
    fn take_trailer(&mut self, buf: &[u8]) -> Result<usize, ChunkError> {
        let end = memchr(b'\n', buf).map(|at| at + 1);
        let part = &buf[..end.unwrap_or(buf.len())];
        self.trailer_bytes += part.len();
        if self.trailer_bytes > MAX_TRAILER_BYTES {
            return Err(ChunkError::TrailersTooLarge);
        }
        self.trailers.extend_from_slice(part);
        if end.is_some() {
            match trailers::judge(&self.trailers[self.line_start..]) {
                Verdict::Keep => self.line_start = self.trailers.len(),
                Verdict::Drop => self.trailers.truncate(self.line_start),
                Verdict::Malformed => return Err(ChunkError::Trailer),
            }
            self.state = State::TrailerStart;
        }
        Ok(part.len())
    }
}
