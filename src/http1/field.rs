//! Fields: where their lines lie and which of them the proxy has an opinion about.

use super::span::Span;
use super::words::is_name;

/// What a field means to the proxy. Decided once, while parsing, ignoring case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FieldKind {
    /// Host.
    Host,
    /// Content-Length.
    ContentLength,
    /// Transfer-Encoding.
    TransferEncoding,
    /// Connection.
    Connection,
    /// Keep-Alive.
    KeepAlive,
    /// Proxy-Connection, which no standard has.
    ProxyConnection,
    /// TE.
    Te,
    /// Trailer.
    Trailer,
    /// Upgrade.
    Upgrade,
    /// HTTP2-Settings, of the h2c upgrade that RFC 9113 dropped.
    Http2Settings,
    /// Expect.
    Expect,
    /// Proxy-Authorization.
    ProxyAuthorization,
    /// Proxy-Authenticate.
    ProxyAuthenticate,
    /// Authorization.
    Authorization,
    /// Cookie.
    Cookie,
    /// X-Forwarded-For.
    XForwardedFor,
    /// X-Forwarded-Host.
    XForwardedHost,
    /// X-Forwarded-Proto.
    XForwardedProto,
    /// X-Forwarded-Port.
    XForwardedPort,
    /// Any other X-Forwarded-*, such as X-Forwarded-Prefix.
    XForwardedOther,
    /// X-Scheme, ingress-nginx's other name of X-Forwarded-Proto.
    XScheme,
    /// X-Real-IP.
    XRealIp,
    /// X-Request-ID.
    XRequestId,
    /// Forwarded (RFC 7239).
    Forwarded,
    /// Any X-Original-*, such as X-Original-URL.
    XOriginal,
    /// Any X-Rewrite-*, such as X-Rewrite-URL.
    XRewrite,
    /// Proxy, which becomes HTTP_PROXY in CGI programs.
    Proxy,
    /// A name that differs from one of the above only by `_` for `-`: CGI and WSGI cannot tell the two apart.
    Twin,
    /// Server.
    Server,
    /// Date.
    Date,
    /// User-Agent.
    UserAgent,
    /// Referer.
    Referer,
    /// Anything else: travels on untouched.
    Other,
}

impl FieldKind {
    /// Classifies a field name.
    pub fn of(name: &[u8]) -> Self {
        let Some(&first) = name.first() else { return Self::Other };
        let (known, kind): (&[u8], Self) = match (name.len(), first | 0x20) {
            (2, b't') => (b"te", Self::Te),
            (4, b'd') => (b"date", Self::Date),
            (4, b'h') => (b"host", Self::Host),
            (5, b'p') => (b"proxy", Self::Proxy),
            (6, b'c') => (b"cookie", Self::Cookie),
            (6, b'e') => (b"expect", Self::Expect),
            (6, b's') => (b"server", Self::Server),
            (7, b'r') => (b"referer", Self::Referer),
            (7, b't') => (b"trailer", Self::Trailer),
            (7, b'u') => (b"upgrade", Self::Upgrade),
            (9, b'f') => (b"forwarded", Self::Forwarded),
            (10, b'c') => (b"connection", Self::Connection),
            (10, b'k') => (b"keep-alive", Self::KeepAlive),
            (10, b'u') => (b"user-agent", Self::UserAgent),
            (13, b'a') => (b"authorization", Self::Authorization),
            (14, b'c') => (b"content-length", Self::ContentLength),
            (14, b'h') => (b"http2-settings", Self::Http2Settings),
            (16, b'p') => (b"proxy-connection", Self::ProxyConnection),
            (17, b't') => (b"transfer-encoding", Self::TransferEncoding),
            (18, b'p') => (b"proxy-authenticate", Self::ProxyAuthenticate),
            (19, b'p') => (b"proxy-authorization", Self::ProxyAuthorization),
            (8.., b'x') => return Self::of_x(name),
            _ => return Self::Other,
        };
        if is_name(name, known) {
            kind
        } else if kind != Self::UserAgent && is_twin(name, known) {
            Self::Twin
        } else {
            Self::Other
        }
    }

    /// Classifies a name that begins with `x`.
    fn of_x(name: &[u8]) -> Self {
        const WHOLE: [(&[u8], FieldKind); 7] = [
            (b"x-forwarded-for", FieldKind::XForwardedFor),
            (b"x-forwarded-host", FieldKind::XForwardedHost),
            (b"x-forwarded-proto", FieldKind::XForwardedProto),
            (b"x-forwarded-port", FieldKind::XForwardedPort),
            (b"x-real-ip", FieldKind::XRealIp),
            (b"x-request-id", FieldKind::XRequestId),
            (b"x-scheme", FieldKind::XScheme),
        ];
        const PREFIXES: [(&[u8], FieldKind); 3] = [
            (b"x-forwarded-", FieldKind::XForwardedOther),
            (b"x-original-", FieldKind::XOriginal),
            (b"x-rewrite-", FieldKind::XRewrite),
        ];
        for (known, kind) in WHOLE {
            if name.len() == known.len() {
                if is_name(name, known) {
                    return kind;
                }
                if is_twin(name, known) {
                    return Self::Twin;
                }
            }
        }
        for (known, kind) in PREFIXES {
            if let Some(prefix) = name.get(..known.len()) {
                if is_name(prefix, known) {
                    return if name.contains(&b'_') { Self::Twin } else { kind };
                }
                if is_twin(prefix, known) {
                    return Self::Twin;
                }
            }
        }
        Self::Other
    }

    /// Whether the field belongs to one connection and never travels on (RFC 9110 §7.6.1, and the fields that older
    /// standards and habit count in). Transfer-Encoding is one of them: framing is written anew.
    pub fn is_hop_by_hop(self) -> bool {
        matches!(
            self,
            Self::Connection
                | Self::KeepAlive
                | Self::ProxyConnection
                | Self::Te
                | Self::Trailer
                | Self::TransferEncoding
                | Self::Upgrade
                | Self::Http2Settings
                | Self::ProxyAuthorization
                | Self::ProxyAuthenticate
        )
    }

    /// Whether a Connection field may not name it: dropping it would change where the message ends, who it is for or
    /// who it says it is from.
    pub(super) fn is_protected(self) -> bool {
        matches!(
            self,
            Self::Host
                | Self::ContentLength
                | Self::TransferEncoding
                | Self::Expect
                | Self::Authorization
                | Self::Cookie
                | Self::XForwardedFor
                | Self::XForwardedHost
                | Self::XForwardedProto
                | Self::XForwardedPort
                | Self::XForwardedOther
                | Self::XScheme
                | Self::XRealIp
                | Self::XRequestId
                | Self::Forwarded
                | Self::XOriginal
                | Self::XRewrite
                | Self::Twin
        )
    }
}

/// Whether `name` becomes `known` when its underscores are read as hyphens.
fn is_twin(name: &[u8], known: &[u8]) -> bool {
    name.len() == known.len()
        && name.iter().zip(known).all(|(&byte, &known)| {
            let byte = if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
            byte == known
        })
}

/// One field of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// What it means to the proxy.
    pub kind: FieldKind,
    /// The name as sent.
    pub name: Span,
    /// The value, without whitespace around it.
    pub value: Span,
    /// The whole line, CRLF included.
    pub line: Span,
    /// Whether a Connection field names it, so that it must not travel on.
    pub hop: bool,
}

/// How often a field that may come once came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sole {
    /// Not at all.
    #[default]
    Absent,
    /// Once, with this value.
    Once(Span),
    /// More than once, equal or not.
    Repeated,
}

impl Sole {
    fn add(&mut self, value: Span) {
        *self = match self {
            Self::Absent => Self::Once(value),
            Self::Once(_) | Self::Repeated => Self::Repeated,
        };
    }
}

/// The fields that decide what a message is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Marks {
    pub(crate) host: Sole,
    pub(crate) content_length: Sole,
    pub(super) transfer_encoding: Sole,
    pub(super) upgrade: Sole,
    pub(super) expect: Sole,
    pub(super) has_connection: bool,
    pub(crate) has_te: bool,
}

impl Marks {
    /// Notes one more field.
    pub(crate) fn note(&mut self, kind: FieldKind, value: Span) {
        match kind {
            FieldKind::Host => self.host.add(value),
            FieldKind::ContentLength => self.content_length.add(value),
            FieldKind::TransferEncoding => self.transfer_encoding.add(value),
            FieldKind::Upgrade => self.upgrade.add(value),
            FieldKind::Expect => self.expect.add(value),
            FieldKind::Connection => self.has_connection = true,
            FieldKind::Te => self.has_te = true,
            _ => {}
        }
    }
}

/// Takes the fields httparse found in `buf`, whose head ends at `end`, over into `fields`.
pub(super) fn collect(buf: &[u8], headers: &[httparse::Header<'_>], end: usize, fields: &mut Vec<Field>) -> Marks {
    let mut marks = Marks::default();
    let mut headers = headers.iter().peekable();
    while let Some(header) = headers.next() {
        let kind = FieldKind::of(header.name.as_bytes());
        let name = Span::within(buf, header.name.as_bytes());
        let value = Span::within(buf, header.value);
        let next = headers.peek().map_or(end.saturating_sub(2), |next| Span::within(buf, next.name.as_bytes()).start());
        fields.push(Field { kind, name, value, line: Span::new(name.start(), next), hop: false });
        marks.note(kind, value);
    }
    marks
}
