//! How requests of a route are treated on their way: what may differ from route to route of one upstream.
//!
//! Identity is on the upstream ([`UpstreamKey`](super::UpstreamKey)), policy on the route. Policy is resolved when objects
//! are translated: the defaults of the command line are one `RoutePolicy` that all routes share, and a route whose Ingress
//! sets something has one of its own. So a request finds every value on its route and reads no configuration.

use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;
use std::time::Duration;

use super::checks::Checks;
use super::pod_head::PodHead;
use super::retry_rule::RetryRule;

/// How requests of a route are treated.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoutePolicy {
    /// How an endpoint is chosen. Default least in flight; `--balance`, `tidegate.dev/balance`; HAProxy `balance`.
    pub balance: Balance,
    /// Endpoints tried at the most for one request, the first one counted. At least 1; default 3;
    /// `--connect-attempts`; nginx `proxy_next_upstream_tries`.
    pub attempts: usize,
    /// When a request goes to another endpoint; `None`: where no pod has processed it, and wherever it may be repeated because
    /// a kept connection has ended. Default `None`; annotations; nginx `proxy_next_upstream`.
    pub retry: Option<RetryRule>,
    /// From when on a request is tried at no other endpoint, counted from its head. Default no limit; annotations; nginx
    /// `proxy_next_upstream_timeout`.
    pub retry_within: Option<Duration>,
    /// Longest body of a request (413). Bytes; default no limit; `--max-body-bytes`; nginx `client_max_body_size`.
    pub body_bytes: Option<u64>,
    /// Bytes of a request's body that are waited for before a pod is asked, so that no pod waits for a slow client; `None`: the
    /// pod gets the body as it comes. Default `None`; annotation; nginx `proxy_request_buffering`.
    pub request_buffer: Option<usize>,
    /// Longest head of a response (502). Bytes; default 64 KiB; no option; nginx `proxy_buffer_size`.
    pub response_head_bytes: usize,
    /// Requests in flight of the route's upstream at the most (503). It is spread over the endpoints: those that have their
    /// part are passed over. Default no limit; `--upstream-max-requests`; HAProxy `maxconn` of a server.
    pub upstream_requests: usize,
    /// Requests in flight of each endpoint at the most, those of all routes and shards counted. What is more waits, where there
    /// is a queue, or is refused (503). Default no limit; annotation; HAProxy `maxconn` of a server.
    pub endpoint_requests: Option<NonZeroU32>,
    /// Where requests wait that find all endpoints full; `None`: they are refused at once. Default `None`; annotation.
    pub queue: Option<Queue>,
    /// How the health of endpoints is checked; `None`: it is not. Default `None`; annotation; HAProxy `check`.
    pub checks: Option<Arc<Checks>>,
    /// When endpoints that fail are left out for a while; `None`: never, but for connections that fail. Default `None`;
    /// annotation; HAProxy `observe layer7`.
    pub ejection: Option<Ejection>,
    /// For how long an endpoint that has come or is back gets less than its share, from a twentieth up to all of it. Default
    /// not at all; annotation; HAProxy `slowstart`.
    pub slow_start: Option<Duration>,
    /// How much of the mean load an endpoint may have, in percent, before a request that prefers it goes to the next; `None`:
    /// any. Default `None`; annotation; HAProxy `hash-balance-factor`.
    pub hash_bound: Option<NonZeroU32>,
    /// Bytes of an answer's body that are read while its client takes those before them, so that the pod is done with it sooner;
    /// `None`: none. Default `None`; annotation; nginx `proxy_buffering` and `proxy_buffers`.
    pub answer_ahead: Option<usize>,
    /// How fast the bodies of answers are passed on that are read ahead. Default no limit; no option; nginx `limit_rate`.
    pub answer_rate: Option<AnswerRate>,
    /// Whether requests get a line in the access log, where it is on. Default yes; no option; nginx `access_log`.
    pub log: LogLines,
    /// How long requests, their pods and their clients may take.
    pub timeouts: RouteTimeouts,
    /// What differs in the heads of requests as pods get them; `None`: nothing. Default nothing; annotations.
    pub pod_head: Option<Box<PodHead>>,
}

/// How long a request of a route, its pod and its client may take.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RouteTimeouts {
    /// Longest wait for a connection to a pod, for each attempt (504). Default 1 s; `--connect-timeout`; nginx
    /// `proxy_connect_timeout`.
    pub connect: Duration,
    /// How long a kept connection may have been idle to be used for a request that must not be sent twice (POST, PATCH):
    /// the pod may be closing it right now. Default 1 s, below the 2 s of gunicorn; no option.
    pub reuse_unsafe: Duration,
    /// Longest wait for the head of a response, for each attempt (504). Default 60 s; `--response-timeout`; nginx
    /// `proxy_read_timeout`.
    pub response: Duration,
    /// Longest wait for a pod to take more of a request (504). Default 60 s; `--response-timeout`; nginx
    /// `proxy_send_timeout`.
    pub upload: Duration,
    /// Longest pause between two reads of a response's body (cut). Default 60 s; `--response-timeout`; nginx
    /// `proxy_read_timeout`.
    pub response_gap: Duration,
    /// Longest silence of a pod in a call of gRPC, before the head of its answer and within (504 or cut). Default no limit, as
    /// calls have deadlines of their own; nginx `grpc_read_timeout`.
    pub grpc_silence: Option<Duration>,
    /// Longest pause between two reads of a request's body (408). Default 30 s; `--body-gap-timeout`; nginx
    /// `client_body_timeout`.
    pub body_gap: Duration,
    /// Slowest body of a request, once it was waited for 10 s (408). Bytes per second; default 1 KiB, zero is no minimum;
    /// `--body-min-rate`; Apache `RequestReadTimeout` MinRate.
    pub body_rate: u64,
    /// Longest wait for the client to take more of the response (cut). Default 30 s; `--send-timeout`; nginx
    /// `send_timeout`.
    pub write: Duration,
    /// A tunnel (WebSocket) on which nothing moves is closed after this. Default 1 h; `--tunnel-idle-timeout`; HAProxy
    /// `timeout tunnel`.
    pub tunnel_idle: Duration,
    /// A connection of a stream on which nothing moves is closed after this. Default 1 h; `--stream-idle-timeout`; nginx
    /// `proxy_timeout`.
    pub stream_idle: Duration,
    /// A client of a port for datagrams that neither sends nor gets any for this long is forgotten. Default 60 s;
    /// `--udp-session-timeout`.
    pub udp_session: Duration,
}

impl RoutePolicy {
    /// The same for another backend than that of the route: what is said of its endpoints is said of those alone. `None`: nothing is.
    pub fn for_others(&self) -> Option<Self> {
        let asks = self.endpoint_requests.is_some() || self.ejection.is_some() || self.slow_start.is_some();
        let others = || Self {
            endpoint_requests: None,
            queue: None,
            checks: None,
            ejection: None,
            slow_start: None,
            hash_bound: None,
            ..self.clone()
        };
        asks.then(others)
    }
}

impl Default for RoutePolicy {
    fn default() -> Self {
        Self {
            balance: Balance::default(),
            attempts: 3,
            retry: None,
            retry_within: None,
            body_bytes: None,
            request_buffer: None,
            response_head_bytes: 64 * 1024,
            upstream_requests: usize::MAX,
            endpoint_requests: None,
            queue: None,
            checks: None,
            ejection: None,
            slow_start: None,
            hash_bound: None,
            answer_ahead: None,
            answer_rate: None,
            log: LogLines::default(),
            timeouts: RouteTimeouts::default(),
            pod_head: None,
        }
    }
}

impl Default for RouteTimeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(1),
            reuse_unsafe: Duration::from_secs(1),
            response: Duration::from_secs(60),
            upload: Duration::from_secs(60),
            response_gap: Duration::from_secs(60),
            grpc_silence: None,
            body_gap: Duration::from_secs(30),
            body_rate: 1024,
            write: Duration::from_secs(30),
            tunnel_idle: Duration::from_secs(3600),
            stream_idle: Duration::from_secs(3600),
            udp_session: Duration::from_secs(60),
        }
    }
}

/// How fast the body of an answer is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AnswerRate {
    /// Bytes for each second.
    pub bytes_per_second: NonZeroU64,
    /// Bytes that come in front without a limit.
    pub after: u64,
}

/// Where requests wait while all endpoints are full, first in, first out over all shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Queue {
    /// Requests that may wait, those of all routes of the upstream counted. More are refused (503). HAProxy has no limit here.
    pub length: u32,
    /// How long one may wait (503). HAProxy `timeout queue`.
    pub timeout: Duration,
}

/// When endpoints that fail are left out for a while. At most half of an upstream's are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ejection {
    /// Failures one after the other, connections and answers of 5xx alike, after which one is. HAProxy `error-limit`.
    pub failures: NonZeroU32,
    /// For how long the first time. It doubles each time, up to ten times this.
    pub time: Duration,
}

/// Whether requests get a line in the access log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum LogLines {
    /// Each gets one.
    #[default]
    Written,
    /// None does.
    LeftOut,
}

/// How an endpoint is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Balance {
    /// The next endpoint in turn is compared with one other. The one with fewer requests in flight is taken, the next
    /// in turn when equal: even on idle traffic, away from slow pods under load.
    #[default]
    LeastInFlight,
    /// Strictly in turn.
    RoundRobin,
    /// Of two endpoints the one that will probably answer sooner, by former times and requests in flight (Peak EWMA); ingress-nginx `load-balance: ewma`.
    Ewma,
    /// Of all endpoints the one with the fewest requests in flight, for its weight; HAProxy `leastconn`.
    LeastConnections,
    /// Of two endpoints drawn by chance the one with fewer requests in flight; HAProxy `random(2)`.
    Random,
    /// The first, by address, that is not full; HAProxy `first`.
    First,
}
