//! One attempt to get an answer from an endpoint: what both protocols are given, and what they need of the request.

use std::time::Duration;

use tokio::time::Instant;

use super::replacement::Replacement;
use crate::http1::{RequestContext, websocket};
use crate::http2::head::encode::split;
use crate::model::RoutePolicy;
use crate::observe::UpstreamMetrics;
use crate::proxy::shard::scratch::ExchangeBuffers;
use crate::proxy::walk::Walk;
use crate::proxy::walk::grpc::is_grpc;
use crate::proxy::wire::pace::Pace;
use crate::upstream::InFlight;

/// A request's body of at most this size that has arrived whole is sent in one write with the head; and so much of a
/// body is kept for another attempt. Bytes.
pub(super) const WHOLE_BODY: usize = 64 * 1024;

/// An attempt.
pub(super) struct Attempt<'a> {
    /// The endpoint. The attempt counts there as in flight.
    pub endpoint: InFlight,
    /// The policy of the request's route.
    pub policy: &'a RoutePolicy,
    /// How long the answer may be silent.
    pub patience: Patience,
    /// The counters of the upstream.
    pub metrics: &'a UpstreamMetrics,
    /// When it began.
    pub began: Instant,
    /// Connections made before this moment are not used.
    pub newer_than: Option<Instant>,
    /// What may take its place; `None`: its answer is passed on, whatever the status.
    pub replacement: Option<&'a Replacement<'a>>,
}

/// What the answer's parser must know of the request.
pub(super) fn context(work: &ExchangeBuffers) -> RequestContext {
    RequestContext { method: work.request.method, upgrade: work.request.upgrade }
}

/// Whether the client takes success for a switch of protocols, so that nothing else may look like it (RFC 8441 §5).
pub(super) fn must_switch(walk: &Walk<'_>) -> bool {
    walk.peer.is_http2 && walk.work.request.upgrade.is_some()
}

/// The WebSocket key in a head of HTTP/1, if there is exactly one.
pub(super) fn websocket_key(head: &[u8]) -> Option<&[u8]> {
    let mut keys = split(head).filter(|(name, _)| name.eq_ignore_ascii_case(websocket::KEY_FIELD));
    let (_, key) = keys.next()?;
    keys.next().is_none().then_some(key)
}

/// How long an answer may be silent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Before its head.
    pub head: Duration,
    /// Between two parts of its body.
    pub gap: Duration,
}

impl Patience {
    /// That of the route. A call of gRPC has one only where the route's author says so: TCP keepalive and the connection's PING
    /// tell whether its pod lives.
    pub(super) fn of(policy: &RoutePolicy, work: &ExchangeBuffers) -> Self {
        if is_grpc(&work.request, &work.head) {
            let silence = policy.timeouts.grpc_silence.unwrap_or(Pace::NONE.gap);
            return Self { head: silence, gap: silence };
        }
        Self { head: policy.timeouts.response, gap: policy.timeouts.response_gap }
    }
}
