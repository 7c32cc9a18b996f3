//! The head of a response.

use std::mem::MaybeUninit;

use super::connection::{self, ConnectionError, Options};
use super::field::{self, Field, FieldKind, Marks, Sole};
use super::framing::{self, Framing, FramingError};
use super::grammar::{members, trim};
use super::method::{Method, Version};
use super::request::Upgrade;
use super::scan::{Limits, MAX_FIELDS, Outline, Progress, Scan, Side, SyntaxError, syntax_error};
use super::span::Span;

/// Most interim (1xx) responses in front of a final one. The caller counts.
pub const MAX_INTERIM: usize = 16;

/// What was asked, as far as it decides what the response means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestContext {
    /// The method that was sent.
    pub method: Method,
    /// What the request asked to switch to, by Upgrade or by an extended CONNECT.
    pub upgrade: Option<Upgrade>,
}

/// Why a response is refused. The client is answered 502, and the connection is not used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    /// The head is not HTTP/1.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// The end of the response cannot be known for sure.
    #[error(transparent)]
    Framing(#[from] FramingError),
    /// The Connection fields name too much.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The version is neither 1.0 nor 1.1.
    #[error("the version is not supported")]
    Version,
    /// The status is not from 100 to 599.
    #[error("the status is out of range")]
    Status,
    /// 101 (Switching Protocols) that nobody asked for, or to something else than was asked.
    #[error("protocols are switched unasked")]
    UnaskedSwitch,
    /// Success without a switch of protocols, for a client over HTTP/2 that takes success for the switch (RFC 8441 §5).
    #[error("protocols are not switched")]
    NoSwitch,
    /// 101 (Switching Protocols) whose Sec-WebSocket-Accept does not belong to the key (RFC 6455 §4.1).
    #[error("Sec-WebSocket-Accept is wrong")]
    WebSocketAccept,
}

impl ResponseError {
    /// What the client is answered.
    pub fn status(&self) -> u16 {
        502
    }
}

/// The head of a response, as offsets into the buffer it was parsed from. Meant to be reused: a warm one allocates
/// nothing.
#[derive(Clone, Debug, Default)]
pub struct ResponseHead {
    /// The status, 100 to 599.
    pub status: u16,
    /// The reason phrase; may be empty.
    pub reason: Span,
    /// The version.
    pub version: Version,
    /// All fields, in order.
    pub fields: Vec<Field>,
    /// How the body is delimited, the request's method considered.
    pub framing: Framing,
    /// What Content-Length says, in bytes. Unlike `framing` it is also there when no body follows, as for HEAD and 304.
    pub content_length: Option<u64>,
    /// Whether another request may be sent behind this exchange.
    pub keep_alive: bool,
    /// The protocol that follows the head: present exactly when the status is 101. Whether another one than WebSocket is
    /// the one that was asked for is left to the caller, who knows its name. Success in answer to an extended
    /// CONNECT (RFC 8441 §5) is told as the 101 that it stands for.
    pub upgrade: Option<Upgrade>,
    /// Length of the head, in bytes, with the empty line.
    pub len: usize,
    scan: Scan,
}

impl ResponseHead {
    /// An empty head, for [`ResponseHead::parse`] to fill.
    pub fn new() -> Self {
        Self::default()
    }

    /// Parses the head that `buf` begins with; what [`RequestHead::parse`](super::RequestHead::parse) says of calling
    /// again holds here too.
    pub fn parse(&mut self, buf: &[u8], request: RequestContext, limits: &Limits) -> Result<Progress, ResponseError> {
        let Some(outline) = self.scan.advance(buf, Side::Response, limits).transpose() else {
            return Ok(Progress::Partial);
        };
        self.scan = Scan::default();
        self.fill(buf, outline?, request)?;
        Ok(Progress::Complete)
    }

    /// Forgets how far an unfinished parse came.
    pub fn reset(&mut self) {
        self.scan = Scan::default();
    }

    /// Forgets everything but the memory.
    pub(crate) fn clear(&mut self) {
        let mut fields = std::mem::take(&mut self.fields);
        fields.clear();
        *self = Self { fields, ..Self::default() };
    }

    /// Whether another head follows for the same request: 1xx, but for 101.
    pub fn is_interim(&self) -> bool {
        (100..200).contains(&self.status) && self.status != 101
    }

    /// Appends a field that the sender has left out to the head and to the bytes that it points into. No kind of field that
    /// a proxy has an opinion about.
    pub(crate) fn add_field(&mut self, bytes: &mut Vec<u8>, name: &[u8], value: &[u8]) {
        let start = bytes.len();
        super::writer::field(bytes, name, value);
        let name = Span::new(start, start + name.len());
        let value = Span::new(name.end() + ": ".len(), bytes.len() - "\r\n".len());
        let line = Span::new(start, bytes.len());
        self.fields.push(Field { kind: FieldKind::Other, name, value, line, hop: false });
    }

    /// The protocol that [`ResponseHead::upgrade`] tells of, as its sender wrote it; empty if there is none.
    pub fn upgrade_name<'a>(&self, buf: &'a [u8]) -> &'a [u8] {
        match self.upgrade {
            Some(Upgrade::WebSocket) => b"websocket",
            Some(Upgrade::Other) => self.field(FieldKind::Upgrade).map_or(&b""[..], |field| field.value.of(buf)),
            None => b"",
        }
    }

    /// The first field of a kind.
    pub fn field(&self, kind: FieldKind) -> Option<&Field> {
        self.fields.iter().find(|field| field.kind == kind)
    }

    /// How long the sender keeps the connection open without requests, in seconds, if it says so
    /// (`Keep-Alive: timeout=…`).
    pub fn idle_timeout(&self, buf: &[u8]) -> Option<u32> {
        let value = self.field(FieldKind::KeepAlive)?.value.of(buf);
        members(value).find_map(|member| {
            let (name, seconds) = member.split_at(member.iter().position(|&byte| byte == b'=')?);
            let seconds = std::str::from_utf8(trim(seconds.strip_prefix(b"=")?)).ok()?;
            trim(name).eq_ignore_ascii_case(b"timeout").then(|| seconds.parse().ok())?
        })
    }

    fn fill(&mut self, buf: &[u8], outline: Outline, request: RequestContext) -> Result<(), ResponseError> {
        let mut slots = [const { MaybeUninit::uninit() }; MAX_FIELDS];
        let mut parsed = httparse::Response::new(&mut []);
        let head = &buf[outline.start..outline.end];
        let config = httparse::ParserConfig::default();
        match config.parse_response_with_uninit_headers(&mut parsed, head, &mut slots) {
            Ok(httparse::Status::Complete(length)) if length == head.len() => {}
            Err(httparse::Error::Version) => return Err(ResponseError::Version),
            Err(error) => return Err(syntax_error(error).into()),
            Ok(_) => return Err(SyntaxError::StartLine.into()),
        }
        self.status = parsed.code.filter(|code| (100..=599).contains(code)).ok_or(ResponseError::Status)?;
        self.version = Version::of_minor(parsed.version);
        self.reason = reason(head).shifted(outline.start);
        self.fields.clear();
        let marks = field::collect(buf, parsed.headers, outline.end, &mut self.fields);
        let options = match connection::read(buf, &mut self.fields) {
            Ok(options) => options,
            // Not worth a 502; the connection is simply not trusted with another request.
            Err(ConnectionError::Malformed) => Options { close: true, ..Options::default() },
            Err(error @ ConnectionError::TooMany) => return Err(error.into()),
        };
        self.fill_framing(buf, &marks, request)?;
        self.upgrade = self.granted_upgrade(buf, &marks, options, request)?;
        self.keep_alive &= !options.close && (self.version == Version::Http11 || options.keep_alive);
        self.len = outline.end;
        Ok(())
    }

    /// RFC 9112 §6.3. Leaves in `keep_alive` whether the end of the response is certain.
    pub(crate) fn fill_framing(
        &mut self,
        buf: &[u8],
        marks: &Marks,
        request: RequestContext,
    ) -> Result<(), FramingError> {
        let declared = framing::declared(buf, marks, self.version)?;
        self.content_length = match declared {
            Framing::Length(length) => Some(length),
            Framing::None | Framing::Chunked | Framing::UntilClose => None,
        };
        let bodiless_status = matches!(self.status, 100..=199 | 204);
        if bodiless_status || self.status == 304 || request.method == Method::Head {
            self.framing = Framing::None;
            // A sender that declares a body where none can be may well send it: nothing behind it can be trusted.
            self.keep_alive = !bodiless_status || matches!(declared, Framing::None | Framing::Length(0));
        } else {
            self.framing = if declared == Framing::None { Framing::UntilClose } else { declared };
            self.keep_alive = self.framing != Framing::UntilClose;
        }
        Ok(())
    }

    fn granted_upgrade(
        &self,
        buf: &[u8],
        marks: &Marks,
        options: Options,
        request: RequestContext,
    ) -> Result<Option<Upgrade>, ResponseError> {
        if self.status != 101 {
            return Ok(None);
        }
        let granted = match marks.upgrade {
            Sole::Once(value) => Upgrade::named(value.of(buf)),
            Sole::Absent | Sole::Repeated => None,
        };
        if granted.is_some() && granted == request.upgrade && options.upgrade && self.version == Version::Http11 {
            Ok(granted)
        } else {
            Err(ResponseError::UnaskedSwitch)
        }
    }
}

/// The reason phrase of a sound status line: httparse does not give one with bytes from 0x80 on.
fn reason(head: &[u8]) -> Span {
    const START: usize = "HTTP/1.1 200 ".len();
    let end = memchr::memchr(b'\r', head).unwrap_or_default();
    Span::new(START.min(end), end)
}
