//! The strict pass in front of the token parser: line ends, line counts and sizes.
//!
//! httparse takes a bare LF for a line end and skips any number of empty lines; nothing else here may. The pass also
//! remembers how far it came, so that a head arriving byte by byte costs no more than one arriving at once.

use memchr::memchr;

use super::grammar::is_token;
use super::method::MAX_METHOD_BYTES;

/// Most fields one head may have, whatever [`Limits`] says: the size of the parser's array.
pub const MAX_FIELDS: usize = 128;

/// What a start line may have beyond its target: method, two spaces, version, line end.
const REQUEST_LINE_REST: usize = MAX_METHOD_BYTES + " HTTP/1.1 \r\n".len();

/// How large a head may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest head, in bytes, from the first byte of the start line to the empty line. Default 32 KiB for requests,
    /// 64 KiB for responses.
    pub head_bytes: usize,
    /// Most fields; default 100 for requests, 128 for responses; more than [`MAX_FIELDS`] counts as [`MAX_FIELDS`].
    pub fields: usize,
    /// Longest request target, in bytes; default 8 KiB. Responses have none.
    pub target_bytes: usize,
}

impl Limits {
    /// The defaults for requests.
    pub const REQUEST: Self = Self { head_bytes: 32 * 1024, fields: 100, target_bytes: 8 * 1024 };
    /// The defaults for responses.
    pub const RESPONSE: Self = Self { head_bytes: 64 * 1024, fields: MAX_FIELDS, target_bytes: 0 };
}

impl Default for Limits {
    fn default() -> Self {
        Self::REQUEST
    }
}

/// How far a parse came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The head is not all there: read more and parse again, with the same bytes in front.
    Partial,
    /// The head is parsed.
    Complete,
}

/// Why a head is not HTTP/1, whichever side sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxError {
    /// A line ends with LF alone.
    #[error("a line does not end with CRLF")]
    BareLf,
    /// There are empty lines where the start line should be.
    #[error("more than one empty line before the start line")]
    EmptyLines,
    /// A field line begins with whitespace (obsolete line folding, RFC 9112 §5.2).
    #[error("a field line begins with whitespace")]
    Folded,
    /// The head is longer than the limit.
    #[error("the head is too large")]
    TooLarge,
    /// There are more fields than the limit.
    #[error("the head has too many fields")]
    TooManyFields,
    /// The start line is longer than its limit.
    #[error("the start line is too long")]
    LongStartLine,
    /// The start line is malformed.
    #[error("the start line is malformed")]
    StartLine,
    /// A field name is empty, is not a token or has whitespace behind it.
    #[error("a field name is malformed")]
    FieldName,
    /// A field value has a control character.
    #[error("a field value has a control character")]
    FieldValue,
}

impl SyntaxError {
    /// What a client that sent this is answered.
    pub fn status(self) -> u16 {
        match self {
            Self::LongStartLine => 414,
            Self::TooLarge | Self::TooManyFields => 431,
            Self::BareLf | Self::EmptyLines | Self::Folded | Self::StartLine | Self::FieldName | Self::FieldValue => {
                400
            }
        }
    }
}

/// Which start line is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// A request: one empty line in front is tolerated (RFC 9112 §2.2), the line is limited by the target.
    Request,
    /// A response.
    Response,
}

/// Where the scan of one head stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Scan {
    /// First byte of the start line: behind the tolerated empty line.
    start: usize,
    /// First byte of the line being read.
    line: usize,
    /// First byte not looked at yet.
    next: usize,
    /// Complete lines so far, the start line included.
    lines: usize,
}

/// A head whose lines are sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outline {
    /// Offset of the start line.
    pub(super) start: usize,
    /// Offset behind the empty line.
    pub(super) end: usize,
}

impl Scan {
    /// Looks at the bytes that are new since the last call. `None`: more are needed.
    pub(super) fn advance(&mut self, buf: &[u8], side: Side, limits: &Limits) -> Result<Option<Outline>, SyntaxError> {
        if self.next > buf.len() {
            *self = Self::default();
        }
        loop {
            let window = self.start.saturating_add(limits.head_bytes).min(buf.len()).max(self.next);
            let Some(found) = memchr(b'\n', &buf[self.next..window]) else {
                self.next = window;
                return self.wait_for_more(buf, side, limits);
            };
            let end = self.next + found + 1;
            let line = &buf[self.line..end];
            self.line = end;
            self.next = end;
            match line {
                b"\r\n" if self.lines > 0 => return Ok(Some(Outline { start: self.start, end })),
                b"\r\n" if side == Side::Request && self.start == 0 => self.start = end,
                b"\r\n" => return Err(SyntaxError::EmptyLines),
                [.., b'\r', b'\n'] => self.take_line(line, side, limits)?,
                _ => return Err(SyntaxError::BareLf),
            }
        }
    }

    fn take_line(&mut self, line: &[u8], side: Side, limits: &Limits) -> Result<(), SyntaxError> {
        if self.lines == 0 {
            if side == Side::Request && line.len() > limits.target_bytes + REQUEST_LINE_REST {
                return Err(SyntaxError::LongStartLine);
            }
        } else if matches!(line, [b' ' | b'\t', ..]) {
            return Err(SyntaxError::Folded);
        } else if self.lines > limits.fields.min(MAX_FIELDS) {
            return Err(SyntaxError::TooManyFields);
        }
        self.lines += 1;
        Ok(())
    }

    /// The head goes on behind the buffer: refuses what no further byte can mend.
    fn wait_for_more(&self, buf: &[u8], side: Side, limits: &Limits) -> Result<Option<Outline>, SyntaxError> {
        let head = &buf[self.start..];
        if side == Side::Request {
            if self.lines == 0 && head.len() > limits.target_bytes + REQUEST_LINE_REST {
                return Err(SyntaxError::LongStartLine);
            }
            // Not HTTP at all, such as a TLS hello on the plain port: say so before the head's deadline does.
            let method = &head[..head.len().min(MAX_METHOD_BYTES + 1)];
            let token = method.split(|&byte| byte == b' ').next().unwrap_or_default();
            let unfinished = matches!(method, b"" | b"\r");
            if !unfinished && (!is_token(token) || token.len() > MAX_METHOD_BYTES) {
                return Err(SyntaxError::StartLine);
            }
        }
        if head.len() >= limits.head_bytes {
            return Err(SyntaxError::TooLarge);
        }
        Ok(None)
    }
}

/// What httparse found wrong, in our words.
pub(super) fn syntax_error(error: httparse::Error) -> SyntaxError {
    match error {
        httparse::Error::HeaderName => SyntaxError::FieldName,
        httparse::Error::HeaderValue => SyntaxError::FieldValue,
        httparse::Error::TooManyHeaders => SyntaxError::TooManyFields,
        httparse::Error::NewLine | httparse::Error::Status | httparse::Error::Token | httparse::Error::Version => {
            SyntaxError::StartLine
        }
    }
}
