//! Which trailers may travel on (RFC 9110 §6.5).

use super::field::FieldKind;
use super::grammar::{is_field_value, is_token};

/// Longest trailer section, in bytes, line ends included.
pub const MAX_TRAILER_BYTES: usize = 8 * 1024;
/// Most trailer fields, refused ones included.
pub const MAX_TRAILER_FIELDS: usize = 32;

/// Names that mean something before the body is read: in a trailer they come too late to be honest.
const DENIED: [&[u8]; 24] = [
    b"age",
    b"cache-control",
    b"content-disposition",
    b"content-encoding",
    b"content-location",
    b"content-range",
    b"content-type",
    b"expires",
    b"if-match",
    b"if-modified-since",
    b"if-none-match",
    b"if-range",
    b"if-unmodified-since",
    b"last-modified",
    b"location",
    b"max-forwards",
    b"origin",
    b"pragma",
    b"range",
    b"retry-after",
    b"set-cookie",
    b"vary",
    b"warning",
    b"www-authenticate",
];

/// What the names of fields begin with that tell a pod of its client's certificate.
const OF_CERTIFICATE: &[u8] = b"ssl-client-";

/// Whether a field of this name tells of the client's certificate, also where CGI makes it the same name.
pub(crate) fn tells_of_certificate(name: &[u8]) -> bool {
    let plain = |byte: &u8| if *byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    name.len() > OF_CERTIFICATE.len()
        && name[..OF_CERTIFICATE.len()].iter().map(plain).eq(OF_CERTIFICATE.iter().copied())
}

/// What becomes of one trailer line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It travels on.
    Keep,
    /// Its name decides framing, routing, authentication or identity: it is left out.
    Drop,
    /// It is no field line.
    Malformed,
}

/// Judges one line, which ends with LF.
pub(super) fn judge(line: &[u8]) -> Verdict {
    let Some(line) = line.strip_suffix(b"\r\n") else { return Verdict::Malformed };
    let Some(colon) = memchr::memchr(b':', line) else { return Verdict::Malformed };
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    if !is_token(name) || !is_field_value(value) {
        Verdict::Malformed
    } else if may_trail(name) {
        Verdict::Keep
    } else {
        Verdict::Drop
    }
}

/// Whether a field of this name may travel on behind a body.
pub(crate) fn may_trail(name: &[u8]) -> bool {
    match FieldKind::of(name) {
        FieldKind::Other => {
            !DENIED.iter().any(|denied| name.eq_ignore_ascii_case(denied)) && !tells_of_certificate(name)
        }
        FieldKind::Server | FieldKind::Date => true,
        FieldKind::Host
        | FieldKind::ContentLength
        | FieldKind::TransferEncoding
        | FieldKind::Connection
        | FieldKind::KeepAlive
        | FieldKind::ProxyConnection
        | FieldKind::Te
        | FieldKind::Trailer
        | FieldKind::Upgrade
        | FieldKind::Http2Settings
        | FieldKind::Expect
        | FieldKind::ProxyAuthorization
        | FieldKind::ProxyAuthenticate
        | FieldKind::Authorization
        | FieldKind::Cookie
        | FieldKind::XForwardedFor
        | FieldKind::XForwardedHost
        | FieldKind::XForwardedProto
        | FieldKind::XForwardedPort
        | FieldKind::XForwardedOther
        | FieldKind::XScheme
        | FieldKind::XRealIp
        | FieldKind::XRequestId
        | FieldKind::Forwarded
        | FieldKind::XOriginal
        | FieldKind::XRewrite
        | FieldKind::Proxy
        | FieldKind::Twin
        | FieldKind::UserAgent
        | FieldKind::Referer => false,
    }
}
