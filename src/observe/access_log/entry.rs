//! What the access log says about a request.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

/// A finished request. Text that clients sent is raw bytes: the formats escape and cut it.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Wall clock at the first byte of the head; milliseconds are shown.
    pub time: SystemTime,
    /// Who asks: the peer, or what a trusted proxy says.
    pub client: IpAddr,
    /// `http` or `https`: the listener.
    pub scheme: &'static str,
    /// Method as sent; empty when the head was not understood.
    pub method: &'a [u8],
    /// Host that was asked for, without port where it was understood; empty when there was none.
    pub host: &'a [u8],
    /// Path and query as sent; empty when the head was not understood.
    pub target: &'a [u8],
    /// `HTTP/1.0`, `HTTP/1.1` or `HTTP/2.0`.
    pub protocol: &'static str,
    /// Status answered with; 0 when the client left before an answer.
    pub status: u16,
    /// Bytes received: head and body.
    pub request_bytes: u64,
    /// Bytes sent: head and body.
    pub response_bytes: u64,
    /// From the first byte of the head to the last byte of the answer.
    pub duration: Duration,
    /// What took part behind us; `None` when no endpoint was asked.
    pub upstream: Option<UpstreamPart>,
    /// Where the request was routed; `None` when no route took it.
    pub route: Option<RoutePart<'a>>,
    /// The `X-Request-ID` that was forwarded and answered.
    pub request_id: &'a [u8],
    /// `User-Agent`.
    pub user_agent: Option<&'a [u8]>,
    /// `Referer`.
    pub referer: Option<&'a [u8]>,
    /// TLS towards the client; `None` in clear text.
    pub tls: Option<TlsPart<'a>>,
    /// Why we answered ourselves, or why the answer was cut short: a constant, such as `connect_refused`.
    pub error: Option<&'static str>,
}

/// The last attempt behind us.
#[derive(Clone, Copy, Debug)]
pub struct UpstreamPart {
    /// The endpoint.
    pub address: SocketAddr,
    /// From the start of the attempt to the response head; `None` when there was none.
    pub head: Option<Duration>,
    /// Attempts in all.
    pub attempts: u8,
    /// The version of TLS, as `TLSv1.3`; `None` in clear text, or when there was no connection.
    pub tls: Option<&'static str>,
}

/// Names of the route.
#[derive(Clone, Copy, Debug)]
pub struct RoutePart<'a> {
    /// Namespace of Ingress and Service.
    pub namespace: &'a str,
    /// Name of the Ingress.
    pub ingress: &'a str,
    /// Name of the Service; empty for routes that answer themselves.
    pub service: &'a str,
}

/// The TLS connection of the client.
#[derive(Clone, Copy, Debug)]
pub struct TlsPart<'a> {
    /// `1.2` or `1.3`.
    pub version: &'static str,
    /// The name that the client asked for.
    pub sni: Option<&'a str>,
}

/// How long values may be, in bytes as written. Their sum and the fixed parts stay under 4 KiB (a test tries).
pub(super) mod longest {
    pub(in super::super) const METHOD: usize = 32;
    pub(in super::super) const HOST: usize = 255;
    pub(in super::super) const TARGET: usize = 1280;
    pub(in super::super) const REQUEST_ID: usize = 128;
    pub(in super::super) const USER_AGENT: usize = 400;
    pub(in super::super) const REFERER: usize = 400;
    pub(in super::super) const NAME: usize = 253;
}
