//! The head of a request.

use std::mem::MaybeUninit;

use super::authority::{AuthorityError, Host, parse_authority};
use super::connection::{self, ConnectionError, Options};
use super::field::{self, Field, FieldKind, Marks, Sole};
use super::framing::{self, Framing, FramingError};
use super::grammar::{is_token, members};
use super::method::{MAX_METHOD_BYTES, Method, Version};
use super::scan::{Limits, MAX_FIELDS, Outline, Progress, Scan, Side, SyntaxError, syntax_error};
use super::span::Span;
use super::target::{self, Target, TargetForm};

/// A protocol that a connection may be switched to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Upgrade {
    /// WebSocket (RFC 6455).
    WebSocket,
    /// Another one. [`RequestHead::upgrade_name`] tells which.
    Other,
}

impl Upgrade {
    /// The protocol that the value of an Upgrade field names: one, and none that would carry requests past us. Those are
    /// other versions of HTTP (RFC 9113 dropped `h2c`), and TLS, within which they are hidden.
    pub(super) fn named(value: &[u8]) -> Option<Self> {
        let mut parts = value.split(|&byte| byte == b'/');
        let (name, version) = (parts.next()?, parts.next());
        let is_one = is_token(name) && version.is_none_or(is_token) && parts.next().is_none();
        let passes_us =
            [&b"h2c"[..], b"h2", b"h3", b"http", b"tls"].iter().any(|name_of| name.eq_ignore_ascii_case(name_of));
        match () {
            () if !is_one || passes_us => None,
            () if name.eq_ignore_ascii_case(b"websocket") => version.is_none().then_some(Self::WebSocket),
            () => Some(Self::Other),
        }
    }
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The head is not HTTP/1.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// The end of the request cannot be known for sure.
    #[error(transparent)]
    Framing(#[from] FramingError),
    /// The Connection fields cannot be read.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// Host, or the authority of an absolute target, is malformed.
    #[error("the authority is refused: {0}")]
    Authority(#[from] AuthorityError),
    /// The method is not a token of at most [`MAX_METHOD_BYTES`].
    #[error("the method is malformed")]
    Method,
    /// The method is CONNECT or TRACE.
    #[error("the method is not allowed")]
    MethodNotAllowed,
    /// The target has a form or a character it must not have.
    #[error("the request target is malformed")]
    Target,
    /// The target is longer than the limit.
    #[error("the request target is too long")]
    TargetTooLong,
    /// What follows the target is no version.
    #[error("the version is malformed")]
    VersionMalformed,
    /// The version is neither 1.0 nor 1.1.
    #[error("the version is not supported")]
    Version,
    /// HTTP/1.1 without Host (RFC 9112 §3.2).
    #[error("Host is missing")]
    HostMissing,
    /// More than one Host, equal or not.
    #[error("Host is repeated")]
    HostRepeated,
    /// Host differs from the authority of the absolute target.
    #[error("Host differs from the authority of the target")]
    HostDiffers,
    /// Expect asks for something else than 100-continue, or comes twice.
    #[error("the expectation cannot be met")]
    Expectation,
    /// An extended CONNECT asks for another protocol than WebSocket (RFC 8441 §4).
    #[error("the protocol asked for is not served")]
    Protocol,
}

impl RequestError {
    /// What the client is answered. The connection closes behind it in every case.
    pub fn status(&self) -> u16 {
        match self {
            Self::Syntax(error) => error.status(),
            Self::Framing(error) => error.status(),
            Self::MethodNotAllowed => 405,
            Self::TargetTooLong => 414,
            Self::Expectation => 417,
            Self::Protocol => 501,
            Self::Version => 505,
            Self::Connection(_)
            | Self::Authority(_)
            | Self::Method
            | Self::Target
            | Self::VersionMalformed
            | Self::HostMissing
            | Self::HostRepeated
            | Self::HostDiffers => 400,
        }
    }
}

/// The head of a request, as offsets into the buffer it was parsed from. Meant to be reused: a warm one allocates
/// nothing.
#[derive(Clone, Debug, Default)]
pub struct RequestHead {
    /// The method.
    pub method: Method,
    /// The method as sent.
    pub method_text: Span,
    /// The whole target as sent.
    pub target: Span,
    /// Which form the target has.
    pub form: TargetForm,
    /// The path as sent, without query; empty if an absolute target has none: see [`RequestHead::path`].
    pub path: Span,
    /// What follows the first `?` of the target.
    pub query: Option<Span>,
    /// The authority as sent: of the absolute target, or of Host, or empty (HTTP/1.0 without either).
    pub authority: Span,
    /// The host name of the authority, in the case it was sent in, without port and trailing dot. `None` for an
    /// address and for an empty authority: no rule can name those.
    pub host_name: Option<Span>,
    /// The port of the authority, if it has one.
    pub port: Option<u16>,
    /// The version.
    pub version: Version,
    /// All fields, in order.
    pub fields: Vec<Field>,
    /// How the body is delimited; never `UntilClose`.
    pub framing: Framing,
    /// Whether the client asks to keep the connection.
    pub keep_alive: bool,
    /// Whether the client waits for 100 (Continue) before it sends the body. Only with a body, and only in HTTP/1.1.
    pub expects_continue: bool,
    /// The protocol the client asks to switch to, if it is one that can be granted. An extended CONNECT (RFC 8441) is
    /// told as the GET with Upgrade that it stands for.
    pub upgrade: Option<Upgrade>,
    /// Whether the client takes trailers (`TE: trailers`).
    pub accepts_trailers: bool,
    /// Length of the head, in bytes, with the empty line and a tolerated empty line in front.
    pub len: usize,
    scan: Scan,
}

impl RequestHead {
    /// An empty head, for [`RequestHead::parse`] to fill.
    pub fn new() -> Self {
        Self::default()
    }

    /// Parses the head that `buf` begins with.
    ///
    /// After `Partial`, call again with the same bytes and more behind them (they may have moved); the scan goes on
    /// where it stopped. Call [`RequestHead::reset`] first if the bytes are others. After `Complete` or an error the
    /// next call begins anew.
    pub fn parse(&mut self, buf: &[u8], limits: &Limits) -> Result<Progress, RequestError> {
        let Some(outline) = self.scan.advance(buf, Side::Request, limits).transpose() else {
            return Ok(Progress::Partial);
        };
        self.scan = Scan::default();
        self.fill(buf, outline?, limits)?;
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

    /// The path to route by: `/` when an absolute target has none, `*` for [`TargetForm::Asterisk`].
    pub fn path<'a>(&self, buf: &'a [u8]) -> &'a [u8] {
        match self.form {
            TargetForm::Asterisk => b"*",
            TargetForm::Origin | TargetForm::Absolute if self.path.is_empty() => b"/",
            TargetForm::Origin | TargetForm::Absolute => self.path.of(buf),
        }
    }

    /// The protocol that [`RequestHead::upgrade`] tells of, as the client wrote it; empty if there is none.
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

    fn fill(&mut self, buf: &[u8], outline: Outline, limits: &Limits) -> Result<(), RequestError> {
        let mut slots = [const { MaybeUninit::uninit() }; MAX_FIELDS];
        let mut parsed = httparse::Request::new(&mut []);
        let head = &buf[outline.start..outline.end];
        match parsed.parse_with_uninit_headers(head, &mut slots) {
            Ok(httparse::Status::Complete(length)) if length == head.len() => {}
            Ok(_) => return Err(SyntaxError::StartLine.into()),
            Err(error) => return Err(explain(head, error)),
        }
        let (Some(method), Some(target)) = (parsed.method, parsed.path) else {
            return Err(SyntaxError::StartLine.into());
        };
        self.method_text = Span::within(buf, method.as_bytes());
        self.fill_method(method.as_bytes())?;
        self.version = Version::of_minor(parsed.version);
        self.fields.clear();
        let marks = field::collect(buf, parsed.headers, outline.end, &mut self.fields);
        self.fill_target(buf, target.as_bytes(), &marks, limits)?;
        self.framing = framing::declared(buf, &marks, self.version)?;
        let options = if marks.has_connection { connection::read(buf, &mut self.fields)? } else { Options::default() };
        self.keep_alive = !options.close && (self.version == Version::Http11 || options.keep_alive);
        self.fill_expectation(buf, &marks)?;
        self.upgrade = self.asked_upgrade(buf, &marks, options);
        self.accepts_trailers = marks.has_te && self.asks_trailers(buf);
        self.len = outline.end;
        Ok(())
    }

    /// Fills what the target and Host say, which must agree.
    fn fill_target(&mut self, buf: &[u8], text: &[u8], marks: &Marks, limits: &Limits) -> Result<(), RequestError> {
        if text.len() > limits.target_bytes {
            return Err(RequestError::TargetTooLong);
        }
        let target = target::parse(text, self.method).ok_or(RequestError::Target)?;
        let start = self.place_target(target, Span::within(buf, text));
        let host = match marks.host {
            Sole::Once(host) => Some(host),
            Sole::Absent if self.version == Version::Http11 => return Err(RequestError::HostMissing),
            Sole::Absent => None,
            Sole::Repeated => return Err(RequestError::HostRepeated),
        };
        let named = target.authority.map(|authority| authority.shifted(start));
        if let (Some(host), Some(named)) = (host, named)
            && !host.of(buf).eq_ignore_ascii_case(named.of(buf))
        {
            return Err(RequestError::HostDiffers);
        }
        self.authority = Span::EMPTY;
        self.host_name = None;
        self.port = None;
        match named.or(host) {
            Some(authority) => self.fill_authority(buf, authority),
            None => Ok(()),
        }
    }

    /// Fills the parts of a target that lies at `whole`. Gives where it begins.
    fn place_target(&mut self, target: Target, whole: Span) -> usize {
        let start = whole.start();
        self.target = whole;
        self.form = target.form;
        self.path = target.path.shifted(start);
        self.query = target.query.map(|query| query.shifted(start));
        start
    }

    /// Fills what a target says that must be in origin-form or `*`, as in HTTP/2.
    pub(crate) fn fill_path(&mut self, buf: &[u8], whole: Span) -> Result<(), RequestError> {
        let target = target::parse(whole.of(buf), self.method).filter(|target| target.authority.is_none());
        self.place_target(target.ok_or(RequestError::Target)?, whole);
        Ok(())
    }

    /// Fills the method, if it is one that is served.
    pub(crate) fn fill_method(&mut self, text: &[u8]) -> Result<(), RequestError> {
        if text.len() > MAX_METHOD_BYTES {
            return Err(RequestError::Method);
        }
        self.method = Method::of(text);
        match self.method {
            Method::Connect | Method::Trace => Err(RequestError::MethodNotAllowed),
            Method::Get
            | Method::Head
            | Method::Post
            | Method::Put
            | Method::Delete
            | Method::Options
            | Method::Patch
            | Method::Other => Ok(()),
        }
    }

    /// Fills who the request is for.
    pub(crate) fn fill_authority(&mut self, buf: &[u8], authority: Span) -> Result<(), RequestError> {
        let parsed = parse_authority(authority.of(buf))?;
        self.authority = authority;
        self.port = parsed.port;
        self.host_name = match parsed.host {
            Host::Name(name) => Some(Span::within(buf, name)),
            Host::Ip(_) => None,
        };
        Ok(())
    }

    /// Fills whether the client waits for 100 (Continue). The framing is there already.
    pub(crate) fn fill_expectation(&mut self, buf: &[u8], marks: &Marks) -> Result<(), RequestError> {
        self.expects_continue = match marks.expect {
            Sole::Absent => false,
            Sole::Once(value) if value.of(buf).eq_ignore_ascii_case(b"100-continue") => {
                // RFC 9110 §10.1.1: the expectation of an HTTP/1.0 request is ignored.
                self.version == Version::Http11 && !matches!(self.framing, Framing::None | Framing::Length(0))
            }
            Sole::Once(_) | Sole::Repeated => return Err(RequestError::Expectation),
        };
        Ok(())
    }

    /// Only what cannot hide a second request: one protocol, in HTTP/1.1, and WebSocket only by a GET without body.
    fn asked_upgrade(&self, buf: &[u8], marks: &Marks, options: Options) -> Option<Upgrade> {
        let Sole::Once(value) = marks.upgrade else { return None };
        if !options.upgrade || self.version != Version::Http11 {
            return None;
        }
        Upgrade::named(value.of(buf)).filter(|upgrade| match upgrade {
            Upgrade::WebSocket => {
                self.method == Method::Get && matches!(self.framing, Framing::None | Framing::Length(0))
            }
            Upgrade::Other => true,
        })
    }

    fn asks_trailers(&self, buf: &[u8]) -> bool {
        self.fields
            .iter()
            .filter(|field| field.kind == FieldKind::Te)
            .any(|field| members(field.value.of(buf)).any(|member| member.eq_ignore_ascii_case(b"trailers")))
    }
}

/// Says what is wrong with a head that httparse refused.
fn explain(head: &[u8], error: httparse::Error) -> RequestError {
    let line = head.split(|&byte| byte == b'\r').next().unwrap_or_default();
    match error {
        httparse::Error::Token => {
            let method = line.split(|&byte| byte == b' ').next().unwrap_or_default();
            if is_token(method) && method.len() < line.len() { RequestError::Target } else { RequestError::Method }
        }
        httparse::Error::Version => match line.split(|&byte| byte == b' ').nth(2) {
            Some([b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9']) => RequestError::Version,
            _ => RequestError::VersionMalformed,
        },
        httparse::Error::HeaderName
        | httparse::Error::HeaderValue
        | httparse::Error::NewLine
        | httparse::Error::Status
        | httparse::Error::TooManyHeaders => syntax_error(error).into(),
    }
}
