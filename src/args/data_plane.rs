//! Limits, timeouts and upstream settings of the data plane. Defaults are meant to be safe on the open internet.

use std::num::NonZeroU32;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::units::{self, Auto, Bytes, MemoryLimit};
use crate::model::Balance;

/// Limits on what a client may send.
#[derive(Debug, Clone, Args)]
pub struct LimitArgs {
    /// Most client connections at a time: a number, or auto. Above it new ones wait in the kernel's queue.
    ///
    /// auto: the container's memory limit divided by 40 KiB, at most 95 % of the open files allowed with two to a
    /// connection. As HAProxy maxconn, nginx worker_connections.
    #[arg(
        long,
        value_name = "COUNT",
        env = "TIDEGATE_MAX_CONNECTIONS",
        default_value = "auto",
        value_parser = units::auto
    )]
    pub max_connections: Auto,

    /// Memory that the process may use: auto, off or a size of at least 32MiB. Near it, memory is saved step by step instead
    /// of being killed: from 70 % buffers are freed, from 80 % idle client connections are closed, from 87 % HTTP/2 connections
    /// get few streams and requests that do not go on are cut, from 94 % new connections wait.
    ///
    /// auto: the container's limit; without one, half of the machine's memory. What counts is what the system counts:
    /// kernel memory of sockets too.
    #[arg(
        long,
        value_name = "SIZE",
        env = "TIDEGATE_MEMORY_LIMIT",
        default_value = "auto",
        value_parser = units::memory_limit
    )]
    pub memory_limit: MemoryLimit,

    /// Requests a client connection may carry; then it is closed in an orderly way. As nginx keepalive_requests.
    #[arg(long, value_name = "COUNT", env = "TIDEGATE_MAX_REQUESTS_PER_CONNECTION", default_value = "10000")]
    pub max_requests_per_connection: NonZeroU32,

    /// Longest head of an HTTP/1 request, from the request line to the empty line; longer is answered with 431.
    ///
    /// 1KiB to 256KiB. As nginx large_client_header_buffers, HAProxy tune.bufsize.
    #[arg(
        long,
        value_name = "SIZE",
        env = "TIDEGATE_MAX_HEAD_BYTES",
        default_value = "32KiB",
        value_parser = |text: &str| units::bytes_within(text, 1 << 10, 256 << 10)
    )]
    pub max_head_bytes: Bytes,

    /// Most header fields of a request, 1 to 128; more is answered with 431. As HAProxy tune.http.maxhdr.
    #[arg(
        long,
        value_name = "COUNT",
        env = "TIDEGATE_MAX_HEAD_FIELDS",
        default_value = "100",
        value_parser = clap::value_parser!(u16).range(1..=128)
    )]
    pub max_head_fields: u16,

    /// Longest request target (path and query); longer is answered with 414.
    ///
    /// As the size of one of nginx large_client_header_buffers.
    #[arg(
        long,
        value_name = "SIZE",
        env = "TIDEGATE_MAX_TARGET_BYTES",
        default_value = "8KiB",
        value_parser = |text: &str| units::bytes_within(text, 64, 1 << 20)
    )]
    pub max_target_bytes: Bytes,

    /// Longest request body; longer is answered with 413. Default: no limit, bodies are streamed and never stored.
    ///
    /// As nginx client_max_body_size.
    #[arg(long, value_name = "SIZE", env = "TIDEGATE_MAX_BODY_BYTES", default_value_if("profile", "ingress-nginx", "1MiB"), value_parser = units::positive_bytes)]
    pub max_body_bytes: Option<Bytes>,
}

/// What an HTTP/2 client may do.
#[derive(Debug, Clone, Args)]
pub struct Http2Args {
    /// Requests in flight on one connection, 1 to 1000. As nginx http2_max_concurrent_streams.
    #[arg(
        long,
        value_name = "COUNT",
        env = "TIDEGATE_H2_MAX_STREAMS",
        default_value = "100",
        value_parser = clap::value_parser!(u32).range(1..=1000)
    )]
    pub h2_max_streams: u32,

    /// Longest head of a request over HTTP/2, as lines of HTTP/1; longer is answered with 431. Default: --max-head-bytes.
    ///
    /// 1KiB to 1MiB.
    #[arg(
        long,
        value_name = "SIZE",
        env = "TIDEGATE_H2_MAX_HEAD_BYTES",
        value_parser = |text: &str| units::bytes_within(text, 1 << 10, 1 << 20)
    )]
    pub h2_max_head_bytes: Option<Bytes>,

    /// Memory for the heads of all requests that are being served; more requests are refused with REFUSED_STREAM, so that
    /// clients send them again. At least 1MiB.
    ///
    /// Default: an eighth of the container's memory limit; 64MiB without one.
    #[arg(
        long,
        value_name = "SIZE",
        env = "TIDEGATE_H2_MAX_HEADS_MEMORY",
        value_parser = |text: &str| units::bytes_within(text, 1 << 20, 1 << 40)
    )]
    pub h2_max_heads_memory: Option<Bytes>,

    /// Bytes of one request body that a client may send before we read them, 64KiB to 16MiB.
    ///
    /// As Envoy initial_stream_window_size.
    #[arg(
        long,
        value_name = "SIZE",
        env = "TIDEGATE_H2_STREAM_WINDOW",
        default_value = "256KiB",
        value_parser = |text: &str| units::bytes_within(text, 65_535, 16 << 20)
    )]
    pub h2_stream_window: Bytes,

    /// Bytes of all request bodies of a connection that a client may send before we read them, 64KiB to 64MiB.
    ///
    /// As Envoy initial_connection_window_size.
    #[arg(
        long,
        value_name = "SIZE",
        env = "TIDEGATE_H2_CONNECTION_WINDOW",
        default_value = "1MiB",
        value_parser = |text: &str| units::bytes_within(text, 65_535, 64 << 20)
    )]
    pub h2_connection_window: Bytes,

    /// Half of the requests that a client may reset before they are answered, within 100 ms; then the connection is
    /// closed.
    ///
    /// Twice as many may be reset in a burst, and as many again each second. Protects against rapid reset
    /// (CVE-2023-44487).
    #[arg(long, value_name = "COUNT", env = "TIDEGATE_H2_MAX_PENDING_RESETS", default_value = "50")]
    pub h2_max_pending_resets: NonZeroU32,

    /// Streams a client may make us reset over the life of a connection; then it is closed.
    ///
    /// Protects against CVE-2025-8671 ("MadeYouReset").
    #[arg(long, value_name = "COUNT", env = "TIDEGATE_H2_MAX_LOCAL_RESETS", default_value = "128")]
    pub h2_max_local_resets: NonZeroU32,

    /// Whether clients may open WebSockets over HTTP/2 (RFC 8441). Without, browsers use HTTP/1.1 for them.
    ///
    /// As Envoy allow_connect.
    #[arg(
        long,
        value_name = "BOOL",
        env = "TIDEGATE_H2_WEBSOCKET",
        default_value_t = true,
        action = clap::ArgAction::Set
    )]
    pub h2_websocket: bool,

    /// Age at which a connection is closed in an orderly way, so that load spreads again.
    #[arg(
        long,
        value_name = "DURATION",
        env = "TIDEGATE_H2_MAX_AGE",
        default_value = "1h",
        value_parser = units::positive_duration
    )]
    pub h2_max_age: Duration,
}

/// How long clients may take.
#[derive(Debug, Clone, Args)]
pub struct TimeoutArgs {
    /// From accepting a connection to the end of the TLS handshake. As nginx client_header_timeout.
    #[arg(
        long,
        value_name = "DURATION",
        env = "TIDEGATE_HANDSHAKE_TIMEOUT",
        default_value = "5s",
        value_parser = units::positive_duration
    )]
    pub handshake_timeout: Duration,

    /// From the first byte of a request to the end of its head; then 408.
    ///
    /// As HAProxy timeout http-request, nginx client_header_timeout.
    #[arg(
        long,
        value_name = "DURATION",
        env = "TIDEGATE_HEAD_TIMEOUT",
        default_value = "10s",
        value_parser = units::positive_duration
    )]
    pub head_timeout: Duration,

    /// A client connection without a request is closed after this.
    ///
    /// As HAProxy timeout http-keep-alive, nginx keepalive_timeout. Below the 350s of an AWS NLB.
    #[arg(
        long,
        value_name = "DURATION",
        env = "TIDEGATE_IDLE_TIMEOUT",
        default_value = "75s",
        value_parser = units::positive_duration
    )]
    pub idle_timeout: Duration,

    /// Longest pause in a request body; then 408. As nginx client_body_timeout, HAProxy timeout client.
    #[arg(
        long,
        value_name = "DURATION",
        env = "TIDEGATE_BODY_GAP_TIMEOUT",
        default_value = "30s",
        value_parser = units::positive_duration
    )]
    pub body_gap_timeout: Duration,

    /// Bytes per second that a request body must bring on average once it has gone on for 10s; slower is cut with 408.
    ///
    /// 0 for no such limit. As Apache RequestReadTimeout MinRate; nginx and HAProxy have none.
    #[arg(
        long,
        value_name = "SIZE",
        env = "TIDEGATE_BODY_MIN_RATE",
        default_value = "1KiB",
        value_parser = units::bytes
    )]
    pub body_min_rate: Bytes,

    /// Longest wait for a client to take more of a response; then the connection is cut. As nginx send_timeout.
    #[arg(
        long,
        value_name = "DURATION",
        env = "TIDEGATE_SEND_TIMEOUT",
        default_value = "30s",
        value_parser = units::positive_duration
    )]
    pub send_timeout: Duration,

    /// A WebSocket or other upgraded connection without traffic in either direction is closed after this.
    ///
    /// As HAProxy timeout tunnel.
    #[arg(
        long,
        value_name = "DURATION",
        env = "TIDEGATE_TUNNEL_IDLE_TIMEOUT",
        default_value = "1h",
        default_value_if("profile", "ingress-nginx", "60s"),
        value_parser = units::positive_duration
    )]
    pub tunnel_idle_timeout: Duration,

    /// A connection of a stream (TCP that is passed on as it is) without traffic in either direction is closed after this.
    ///
    /// As nginx proxy_timeout, ingress-nginx proxy-stream-timeout.
    #[arg(
        long,
        value_name = "DURATION",
        env = "TIDEGATE_STREAM_IDLE_TIMEOUT",
        default_value = "1h",
        default_value_if("profile", "ingress-nginx", "10m"),
        value_parser = units::positive_duration
    )]
    pub stream_idle_timeout: Duration,

    /// A client of a UDP port that neither sends nor gets a datagram for this long is forgotten, and may get another pod afterwards.
    #[arg(
        long,
        value_name = "DURATION",
        env = "TIDEGATE_UDP_SESSION_TIMEOUT",
        default_value = "1m",
        value_parser = units::positive_duration
    )]
    pub udp_session_timeout: Duration,

    /// Idle time after which the kernel probes whether a client is still there, and repeats it. As nginx so_keepalive.
    ///
    /// In whole seconds. Keeps quiet connections known to load balancers (an AWS NLB forgets them after 350s).
    #[arg(
        long,
        value_name = "DURATION",
        env = "TIDEGATE_TCP_KEEPALIVE",
        default_value = "60s",
        value_parser = units::whole_seconds
    )]
    pub tcp_keepalive: Duration,
}

/// How pods are spoken to.
#[derive(Debug, Clone, Args)]
pub struct UpstreamArgs {
    /// How an endpoint is chosen.
    ///
    /// As nginx random two least_conn and HAProxy leastconn, or roundrobin, or ewma of ingress-nginx.
    #[arg(long, value_name = "WAY", env = "TIDEGATE_BALANCE", default_value = "least-in-flight")]
    pub balance: BalanceChoice,

    /// Most requests in flight of one Service port: a number, or auto. More are answered with 503, so that one Service that
    /// hangs leaves connections for the others. Each endpoint has its part; one that has it is passed over.
    ///
    /// auto: seven eighths of --max-connections. As HAProxy maxconn of a server.
    #[arg(
        long,
        value_name = "COUNT",
        env = "TIDEGATE_UPSTREAM_MAX_REQUESTS",
        default_value = "auto",
        value_parser = units::auto
    )]
    pub upstream_max_requests: Auto,

    /// Longest wait for a connection to an endpoint, per attempt. As nginx proxy_connect_timeout, HAProxy timeout connect.
    #[arg(
        long,
        value_name = "DURATION",
        env = "TIDEGATE_CONNECT_TIMEOUT",
        default_value = "1s",
        default_value_if("profile", "ingress-nginx", "5s"),
        value_parser = units::positive_duration
    )]
    pub connect_timeout: Duration,

    /// Endpoints to try, 1 to 3, when no connection can be made; then 502 or 504.
    ///
    /// As HAProxy retries with option redispatch, nginx proxy_next_upstream_tries.
    #[arg(
        long,
        value_name = "COUNT",
        env = "TIDEGATE_CONNECT_ATTEMPTS",
        default_value = "3",
        value_parser = clap::value_parser!(u8).range(1..=3)
    )]
    pub connect_attempts: u8,

    /// Longest wait for the head of a response once the request is sent (504), and for more of its body (cut).
    ///
    /// As nginx proxy_read_timeout, HAProxy timeout server.
    #[arg(
        long,
        value_name = "DURATION",
        env = "TIDEGATE_RESPONSE_TIMEOUT",
        default_value = "60s",
        value_parser = units::positive_duration
    )]
    pub response_timeout: Duration,

    /// An idle connection to an endpoint is closed after this, unless the endpoint announces another time.
    ///
    /// Below what common servers allow (Node.js 5s), so that they do not close while a request is under way.
    /// As nginx keepalive_timeout of an upstream.
    #[arg(
        long,
        value_name = "DURATION",
        env = "TIDEGATE_UPSTREAM_IDLE_TIMEOUT",
        default_value = "4s",
        value_parser = units::positive_duration
    )]
    pub upstream_idle_timeout: Duration,
}

/// How an endpoint is chosen, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BalanceChoice {
    /// Of the next two in turn the one with fewer requests in flight.
    LeastInFlight,
    /// Strictly in turn.
    RoundRobin,
    /// Of two the one that will probably answer sooner, by former times and requests in flight.
    Ewma,
    /// Of all the one with the fewest requests in flight.
    LeastConnections,
    /// Of two drawn by chance the one with fewer requests in flight.
    Random,
    /// The first, by address, that is not full.
    First,
}

impl From<BalanceChoice> for Balance {
    fn from(choice: BalanceChoice) -> Self {
        match choice {
            BalanceChoice::LeastInFlight => Self::LeastInFlight,
            BalanceChoice::RoundRobin => Self::RoundRobin,
            BalanceChoice::Ewma => Self::Ewma,
            BalanceChoice::LeastConnections => Self::LeastConnections,
            BalanceChoice::Random => Self::Random,
            BalanceChoice::First => Self::First,
        }
    }
}
