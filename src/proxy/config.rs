//! The settings of the data plane, with their defaults.

use std::time::Duration;

use ipnet::IpNet;

use crate::http1;
use crate::routing::Believed;

/// All settings of the data plane. They do not change while the process runs. What may differ from route to route is in
/// [`RoutePolicy`](crate::model::RoutePolicy).
#[derive(Clone, Debug)]
pub struct ProxyConfig {
    /// Client connections of the process; more wait in the kernel's queue. Default 20,000; `--max-connections`, which takes
    /// it from the memory limit.
    pub connections: usize,
    /// Connections to pods of the process; more requests that need one are answered with 503. Default no limit; it is worked
    /// out from the limit of open files.
    pub pod_connections: usize,
    /// Shards of the process, among which its bounds are divided. Default 1; `--workers`.
    pub shards: usize,
    /// Clients and their connections.
    pub listener: ListenerConfig,
    /// Connections to pods.
    pub pods: PodConfig,
}

impl Default for ProxyConfig {
    fn default() -> Self {
        Self {
            connections: 20_000,
            pod_connections: usize::MAX,
            shards: 1,
            listener: ListenerConfig::default(),
            pods: PodConfig::default(),
        }
    }
}

/// What holds for the clients of a listener and their connections, whatever routes their requests take. Both listeners
/// have the same. An exchange is given that of its connection.
#[derive(Clone, Debug, Default)]
pub struct ListenerConfig {
    /// Bounds on what clients send.
    pub limits: ClientLimits,
    /// Deadlines for clients.
    pub timeouts: ClientTimeouts,
    /// What an HTTP/2 client may do.
    pub http2: Http2Config,
    /// What is believed about clients, and what pods are told.
    pub forwarding: Forwarding,
    /// Clients that are told how they were answered when they ask for it. Default none; `--explain-to`.
    pub explain_to: Vec<IpNet>,
}

/// Bounds. A request over one of them is answered with the status in parentheses.
#[derive(Clone, Debug)]
pub struct ClientLimits {
    /// Head of a request over HTTP/1 (431). Bytes, at most 256 KiB; default 32 KiB; nginx
    /// `large_client_header_buffers`.
    pub head_bytes: usize,
    /// Fields of a request's head (431), at most 128. Default 100.
    pub fields: usize,
    /// Request target (414). Bytes; default 8 KiB.
    pub target_bytes: usize,
    /// Requests on one client connection, after which it is closed. Default 10,000; nginx `keepalive_requests`.
    pub requests_per_connection: u64,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self { head_bytes: 32 * 1024, fields: 100, target_bytes: 8 * 1024, requests_per_connection: 10_000 }
    }
}

impl ClientLimits {
    /// The bounds of a request's head, as the codec takes them.
    pub(crate) fn request_head(&self) -> http1::Limits {
        http1::Limits { head_bytes: self.head_bytes, fields: self.fields, target_bytes: self.target_bytes }
    }
}

/// Deadlines for clients. Every wait for a client has one of these, or one of its request's route: where a route has the
/// same deadline, its own holds as soon as the route is known.
#[derive(Clone, Debug)]
pub struct ClientTimeouts {
    /// From the first byte of a request (or the accepted connection) to the end of its head (408). Default 10 s.
    pub head: Duration,
    /// From the accepted connection to the end of the TLS handshake. Default 5 s.
    pub handshake: Duration,
    /// A client connection without a request. Default 75 s; nginx `keepalive_timeout`.
    pub idle: Duration,
    /// Between two reads of a request's body (408), until the route is known. Default 30 s; nginx `client_body_timeout`.
    pub body_gap: Duration,
    /// Slowest body: this many bytes per second, once 10 s have passed (408), until the route is known. Default 1 KiB/s;
    /// zero is no minimum.
    pub body_rate: u64,
    /// Between two writes to a client that takes nothing, until the route is known. Default 30 s; nginx `send_timeout`.
    pub write: Duration,
}

impl Default for ClientTimeouts {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            handshake: Duration::from_secs(5),
            idle: Duration::from_secs(75),
            body_gap: Duration::from_secs(30),
            body_rate: 1024,
            write: Duration::from_secs(30),
        }
    }
}

/// What an HTTP/2 client may do.
#[derive(Clone, Debug)]
pub struct Http2Config {
    /// Concurrent streams of a connection. Default 100; nginx `http2_max_concurrent_streams`.
    pub streams: u32,
    /// Head of a request, as lines of HTTP/1 (431). Bytes; default that of HTTP/1; `--h2-max-head-bytes`.
    pub head_bytes: Option<usize>,
    /// Memory for heads of requests that are being served, of the process (REFUSED_STREAM). Bytes; default 64 MiB;
    /// `--h2-max-heads-memory`.
    pub heads_memory: u64,
    /// Bytes a stream may send before we have taken any. Default 256 KiB.
    pub stream_window: u32,
    /// The same for a connection. Default 1 MiB.
    pub connection_window: u32,
    /// Half of the streams that a client may reset before they are answered, in a burst and again each second
    /// (CVE-2023-44487). Default 50.
    pub pending_resets: usize,
    /// Streams a client may make us reset over the life of a connection (CVE-2025-8671). Default 128.
    pub local_resets: usize,
    /// Whether WebSockets may be opened by extended CONNECT (RFC 8441). Default yes; `--h2-websocket`; Envoy
    /// `allow_connect`.
    pub websocket: bool,
    /// Age at which a connection is asked to finish. Default 1 h.
    pub age: Duration,
}

impl Default for Http2Config {
    fn default() -> Self {
        Self {
            streams: 100,
            head_bytes: None,
            heads_memory: 64 << 20,
            stream_window: 256 * 1024,
            connection_window: 1024 * 1024,
            pending_resets: 50,
            local_resets: 128,
            websocket: true,
            age: Duration::from_secs(3600),
        }
    }
}

/// Connections to pods. Requests of several routes use the same ones, so no route's policy holds for them.
#[derive(Clone, Debug)]
pub struct PodConfig {
    /// How long a connection without a request is kept when the pod does not say. Default 4 s, below the 5 s of Node.js;
    /// `--upstream-idle-timeout`; nginx `keepalive_timeout` of an upstream.
    pub idle: Duration,
    /// An HTTP/2 connection whose pod takes nothing, or does not finish a frame, is cut after this. Default 60 s;
    /// `--response-timeout`.
    pub stall: Duration,
}

impl Default for PodConfig {
    fn default() -> Self {
        Self { idle: Duration::from_secs(4), stall: Duration::from_secs(60) }
    }
}

/// What is believed and told about clients.
#[derive(Clone, Debug)]
pub struct Forwarding {
    /// Peers whose `X-Forwarded-*` are believed and extended instead of replaced, and who may speak the PROXY protocol.
    /// Default none.
    pub trusted: Vec<IpNet>,
    /// Peers whose `X-Forwarded-*` are believed besides, as long as they are in it. It can change; connections keep what they found.
    /// Default none; `--nginx-configmap`.
    pub believed: Believed,
    /// The port clients reach the http listener by, told in `X-Forwarded-Port`. Default 80.
    pub http_port: u16,
    /// The port clients reach the https listener by, told in `X-Forwarded-Port` and used in redirects. Default 443.
    pub https_port: u16,
    /// Whether trusted peers begin their connections with a PROXY protocol header. Default off; HAProxy `accept-proxy`.
    pub proxy_protocol: ProxyProtocol,
    /// The scheme of requests on the http listener. Default http; https where something in front of us ends TLS.
    pub plain: Plain,
}

impl Default for Forwarding {
    fn default() -> Self {
        Self {
            trusted: Vec::new(),
            believed: Believed::default(),
            http_port: 80,
            https_port: 443,
            proxy_protocol: ProxyProtocol::Off,
            plain: Plain::Http,
        }
    }
}

/// Whether connections begin with a PROXY protocol header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// Never.
    Off,
    /// Those of trusted peers may; headers of others are not read.
    Auto,
    /// All do, and only trusted peers connect: anything else is closed.
    Require,
}

/// The scheme of requests on the http listener, where no trusted peer tells one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plain {
    /// http.
    Http,
    /// https: TLS ended in front of us.
    Https,
}

impl Forwarding {
    /// Whether this peer's forwarding fields are believed.
    pub(crate) fn is_trusted(&self, peer: std::net::IpAddr) -> bool {
        self.may_introduce(peer) || self.believed.has(peer)
    }

    /// Whether this peer may say in a header of the PROXY protocol who its client is.
    pub(crate) fn may_introduce(&self, peer: std::net::IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.trusted.iter().any(|net| net.contains(&peer))
    }
}
