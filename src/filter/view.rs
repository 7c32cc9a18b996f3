//! What a decision may see.

use std::net::{IpAddr, SocketAddr};

use super::change::Session;
use super::head_edit::Fields;
use super::identity::ClientIdentity;
use super::meter::Meter;
use crate::http1::{FieldKind, RequestHead};
use crate::model::{Pattern, RouteSpec};

/// A request that has found its route.
#[derive(Clone, Copy, Debug)]
pub struct RequestView<'a> {
    /// The head's bytes.
    pub head: &'a [u8],
    /// The same, understood: method, host, target and fields as offsets into `head`.
    pub request: &'a RequestHead,
    /// Whether it came over TLS that ended here.
    pub is_tls: bool,
    /// Whether the listener stands for https: TLS ended here or in front of us.
    pub is_https: bool,
    /// Whether its sender is one of `--trusted-proxies`, which may say how the client reached them.
    pub is_trusted: bool,
    /// Whether a TLS entry covers the host.
    pub has_tls: bool,
    /// The port that clients use to reach the listener.
    pub port: u16,
    /// The port clients reach http by.
    pub http_port: u16,
    /// The port clients reach https by.
    pub https_port: u16,
    /// The address of the client, whom trusted proxies speak for. `None` where no filter asks for it.
    pub client: Option<IpAddr>,
    /// The path in canonical form, decoded. Empty where no filter asks for it.
    pub decoded_path: &'a [u8],
    /// The pattern by which the request has found its route.
    pub pattern: Option<&'a Pattern>,
    /// The route that takes it. `None` where no filter but the redirect to https asks.
    pub route: Option<&'a RouteSpec>,
    /// Any number of 64 bits. Zero where no filter asks for it.
    pub random: u64,
    /// Counts the requests of clients.
    pub meter: &'a dyn Meter,
    /// Knows the certificate of the client.
    pub identity: &'a dyn ClientIdentity,
}

impl<'a> RequestView<'a> {
    /// The path as the client sent it, without query.
    pub fn path(&self) -> &'a [u8] {
        self.request.path(self.head)
    }

    /// The host as the client wrote it, without a port. Empty where the request names none.
    pub fn host_without_port(&self) -> &'a [u8] {
        let Self { head, request, .. } = *self;
        match (request.host_name, request.port) {
            (Some(name), _) => name.of(head),
            (None, Some(_)) => {
                let authority = request.authority.of(head);
                authority.rsplitn(2, |&byte| byte == b':').last().unwrap_or_default()
            }
            (None, None) => request.authority.of(head),
        }
    }

    /// The path and the query as the client sent them.
    pub fn request_uri(&self) -> Vec<u8> {
        let mut uri = self.path().to_vec();
        if let Some(query) = self.request.query {
            uri.push(b'?');
            uri.extend_from_slice(query.of(self.head));
        }
        uri
    }

    /// The port that the client used. A trusted proxy in front of us may say it, or the scheme that it goes by.
    pub fn port_of_client(&self) -> u16 {
        let field = |kind| if self.is_trusted { self.request.field(kind) } else { None };
        let told = field(FieldKind::XForwardedPort).and_then(|field| str::from_utf8(field.value.of(self.head)).ok());
        let scheme = field(FieldKind::XForwardedProto).and_then(|field| is_https(field.value.of(self.head)));
        told.and_then(|port| port.parse().ok()).unwrap_or(match scheme {
            Some(true) => self.https_port,
            Some(false) => self.http_port,
            None => self.port,
        })
    }

    /// Whether the client used https. On a plain connection a trusted proxy in front of us knows better than the
    /// listener, if it says either.
    pub fn came_by_https(&self) -> bool {
        let told = if self.is_trusted && !self.is_tls { self.request.field(FieldKind::XForwardedProto) } else { None };
        told.and_then(|field| is_https(field.value.of(self.head))).unwrap_or(self.is_https)
    }
}

/// Whether an `X-Forwarded-Proto` tells of https, or of http; `None` if of neither. Of several schemes the first is what
/// the client used; the others are those of proxies behind it.
pub fn is_https(proto: &[u8]) -> Option<bool> {
    let first = proto.split(|&byte| byte == b',').next().unwrap_or_default().trim_ascii();
    let is = |schemes: [&[u8]; 2]| schemes.iter().any(|scheme| first.eq_ignore_ascii_case(scheme));
    if is([b"https", b"wss"]) {
        Some(true)
    } else if is([b"http", b"ws"]) {
        Some(false)
    } else {
        None
    }
}

/// An answer on its way to the client, a pod's or ours.
#[derive(Clone, Copy, Debug)]
pub struct ResponseView<'a> {
    /// The status, 200 to 599, or 101.
    pub status: u16,
    /// The fields that the pod sent; none in an answer of ours.
    pub fields: Fields<'a>,
    /// The origin of the page that asks, as [`origin`](super::origin) finds it.
    pub origin: Option<&'a [u8]>,
    /// What variables in edited fields come to, as [`values`](super::values) finds them.
    pub values: &'a [Box<[u8]>],
    /// What requests say for what is rewritten, as [`url_values`](super::url_values) finds it.
    pub url_values: &'a [Box<[u8]>],
    /// The session of the client.
    pub session: Option<Session>,
    /// Whether the client uses https, by its listener.
    pub is_https: bool,
    /// The endpoint that was asked last.
    pub endpoint: Option<SocketAddr>,
    /// What sessions know it by, where there is one and it is still there.
    pub identity: Option<u64>,
    /// Whether the canary of the route was asked.
    pub is_canary: bool,
    /// The path of the route, as its author wrote it.
    pub path: &'a str,
}

impl<'a> ResponseView<'a> {
    /// An answer of which no more is known.
    pub fn new(status: u16, fields: Fields<'a>) -> Self {
        Self {
            status,
            fields,
            origin: None,
            values: &[],
            url_values: &[],
            session: None,
            is_https: false,
            endpoint: None,
            identity: None,
            is_canary: false,
            path: "/",
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::filter::identity::Assumed;
    use crate::filter::meter::Uncounted;
    use crate::http1::{Limits, Progress};

    /// What `decide` makes of a request with this start line and these lines, in clear, to a host with TLS.
    pub(in crate::filter) fn with_view<T>(lines: &[&str], decide: impl FnOnce(RequestView<'_>) -> T) -> T {
        let head = format!("{}\r\n\r\n", lines.join("\r\n"));
        let mut request = RequestHead::new();
        assert_eq!(request.parse(head.as_bytes(), &Limits::REQUEST), Ok(Progress::Complete), "{head}");
        decide(RequestView {
            head: head.as_bytes(),
            request: &request,
            is_tls: false,
            is_https: false,
            is_trusted: false,
            has_tls: true,
            port: 80,
            http_port: 80,
            https_port: 443,
            client: None,
            decoded_path: b"",
            pattern: None,
            route: None,
            random: 0,
            meter: &Uncounted,
            identity: &Assumed,
        })
    }
}
