//! What annotations can set of a route's policy.

use std::num::NonZeroU64;
use std::time::Duration;

use crate::model::{AnswerRate, LogLines, PodConnection, PodHead, PodHost, PodVersion, RetryRule, RoutePolicy};

use super::pod_options::PodTlsOptions;
use super::take_over::take_over;

/// Bytes of a request's body that are kept before a pod is asked, where nothing more is said. nginx keeps longer ones in a file.
const LEAST_BUFFERED: usize = 1 << 20;
/// Those that are kept at the most, of a request and of an answer.
const MOST_BUFFERED: usize = 8 << 20;
/// Bytes of an answer that are read ahead at the least, where any are.
const LEAST_AHEAD: usize = 16 << 10;
/// Bytes of a buffer for an answer, and how many there are, in ingress-nginx where nothing is said.
const BUFFER: u64 = 4 << 10;
const BUFFERS: u32 = 4;

/// What is set. What is absent leaves the decision to the settings.
#[derive(Clone, Debug, Default)]
pub(crate) struct PolicyOptions {
    /// Endpoints tried at the most.
    pub(super) attempts: Option<usize>,
    /// Bytes of an answer for each second; `Some(0)` is no limit.
    pub(super) answer_rate: Option<u64>,
    /// Bytes of an answer that come in front without a limit.
    pub(super) answer_rate_after: Option<u64>,
    /// Whether answers are buffered in ingress-nginx. Without it, it limits no rate.
    pub(super) buffers_answers: Option<bool>,
    /// How many buffers an answer has.
    pub(super) buffers: Option<u32>,
    /// Bytes of each.
    pub(super) buffer: Option<u64>,
    /// Whether pods are asked when the body of a request has come.
    pub(super) buffers_requests: Option<bool>,
    /// Bytes of a body that are kept for that.
    pub(super) body_buffer: Option<u64>,
    /// When a request goes to another endpoint.
    pub(super) retry: Option<RetryRule>,
    /// From when on it does no more; zero: there is no limit.
    pub(super) retry_within: Option<Duration>,
    /// Longest body of a request.
    pub(super) body: Option<BodyLimit>,
    /// Longest wait for a connection to a pod.
    pub(super) connect: Option<Duration>,
    /// Whether requests get a line in the access log.
    pub(super) log: Option<LogLines>,
    /// Longest silence of a pod.
    pub(super) read: Option<Silence>,
    /// Longest silence of a tunnel, where it differs from that.
    pub(super) tunnel: Option<Duration>,
    /// Longest wait for a pod to take more of a request.
    pub(super) send: Option<Duration>,
    /// The host that pods are asked for.
    pub(super) host: Option<PodHost>,
    /// What pods are told of their connection.
    pub(super) connection: Option<PodConnection>,
    /// The version of HTTP/1 that pods are spoken to in.
    pub(super) version: Option<PodVersion>,
    /// Whether HTTP/2 is spoken to pods without TLS. It is no policy, and as rare.
    pub(super) speaks_http2: Option<bool>,
    /// TLS to pods. It is no policy, and as rare.
    pub(super) pod_tls: Option<Box<PodTlsOptions>>,
}

/// Longest silence of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Silence {
    /// How long.
    pub(super) time: Duration,
    /// Whether it counts for tunnels (WebSocket) too.
    pub(super) of_tunnels: bool,
}

/// Longest body of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyLimit {
    /// None.
    Unlimited,
    /// So many bytes.
    Bytes(u64),
}

impl PolicyOptions {
    /// Changes what is set.
    pub(super) fn apply(&self, policy: &mut RoutePolicy) {
        let Self { attempts, retry, retry_within, body, connect, log, read, send, ref host, .. } = *self;
        let Self { answer_rate, answer_rate_after, buffers_answers, connection, version, .. } = *self;
        let Self { buffers_requests, body_buffer, buffers, buffer, tunnel, .. } = *self;
        if buffers_answers == Some(true) {
            let bytes = buffer.unwrap_or(BUFFER).saturating_mul(buffers.unwrap_or(BUFFERS).into());
            policy.answer_ahead = Some(usize::try_from(bytes).unwrap_or(usize::MAX).clamp(LEAST_AHEAD, MOST_BUFFERED));
        }
        if buffers_requests == Some(true) {
            let bytes = usize::try_from(body_buffer.unwrap_or(0)).unwrap_or(usize::MAX);
            policy.request_buffer = Some(bytes.clamp(LEAST_BUFFERED, MOST_BUFFERED));
        }
        if let Some(bytes_per_second) = answer_rate.filter(|_| buffers_answers == Some(true)).and_then(NonZeroU64::new)
        {
            policy.answer_rate = Some(AnswerRate { bytes_per_second, after: answer_rate_after.unwrap_or(0) });
        }
        policy.log = log.unwrap_or(policy.log);
        policy.attempts = attempts.unwrap_or(policy.attempts);
        policy.retry = retry.or(policy.retry);
        if let Some(within) = retry_within {
            policy.retry_within = Some(within).filter(|within| !within.is_zero());
        }
        match body {
            Some(BodyLimit::Unlimited) => policy.body_bytes = None,
            Some(BodyLimit::Bytes(bytes)) => policy.body_bytes = Some(bytes),
            None => {}
        }
        let timeouts = &mut policy.timeouts;
        timeouts.connect = connect.unwrap_or(timeouts.connect);
        timeouts.upload = send.unwrap_or(timeouts.upload);
        if let Some(Silence { time, of_tunnels }) = read {
            timeouts.response = time;
            timeouts.response_gap = time;
            timeouts.grpc_silence = Some(time);
            timeouts.tunnel_idle = if of_tunnels { time } else { timeouts.tunnel_idle };
        }
        timeouts.tunnel_idle = tunnel.unwrap_or(timeouts.tunnel_idle);
        timeouts.stream_idle = tunnel.unwrap_or(timeouts.stream_idle);
        let head = PodHead { host: host.clone(), connection, version: version.unwrap_or_default() };
        if head != PodHead::default() {
            policy.pod_head = Some(Box::new(head));
        }
    }

    /// Takes over what others set and these do not. Returns whether both set the same thing differently.
    pub(super) fn absorb(&mut self, other: Self) -> bool {
        let Self { attempts, retry, retry_within, body, connect, log, read, send, host, pod_tls, .. } = other;
        let Self { answer_rate, answer_rate_after, buffers_answers, connection, version, .. } = other;
        let Self { buffers_requests, body_buffer, buffers, buffer, tunnel, speaks_http2, .. } = other;
        let differs = [
            take_over(&mut self.attempts, attempts),
            take_over(&mut self.retry, retry),
            take_over(&mut self.retry_within, retry_within),
            take_over(&mut self.answer_rate, answer_rate),
            take_over(&mut self.answer_rate_after, answer_rate_after),
            take_over(&mut self.buffers_answers, buffers_answers),
            take_over(&mut self.buffers, buffers),
            take_over(&mut self.buffer, buffer),
            take_over(&mut self.buffers_requests, buffers_requests),
            take_over(&mut self.body_buffer, body_buffer),
            take_over(&mut self.body, body),
            take_over(&mut self.connect, connect),
            take_over(&mut self.log, log),
            take_over(&mut self.read, read),
            take_over(&mut self.tunnel, tunnel),
            take_over(&mut self.speaks_http2, speaks_http2),
            take_over(&mut self.send, send),
            take_over(&mut self.host, host),
            take_over(&mut self.connection, connection),
            take_over(&mut self.version, version),
            pod_tls.is_some_and(|tls| self.pod_tls.get_or_insert_default().absorb(*tls)),
        ];
        differs.contains(&true)
    }
}
