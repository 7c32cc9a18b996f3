//! Third phase of the walk: an endpoint, a connection to it, the request there and the answer back.
//!
//! What may be tried again (RFC 9110 §9.2.2, RFC 9113 §8.7): anything that no pod has processed, while its body is at
//! hand. What a pod may have processed is sent again only once, and only if it is idempotent, complete in memory, and
//! was sent on a connection that had been waiting for it.

use std::sync::Arc;

use tokio::time::Instant;

use super::attempt::{Again, WHOLE_BODY};
use super::{h1, h2};
use crate::http1::Framing;
use crate::model::Protocol;
use crate::observe::UpstreamFailure;
use crate::proxy::error::{ProxyError, Side};
use crate::proxy::shard::scratch::ExchangeBuffers;
use crate::proxy::walk::Walk;
use crate::proxy::walk::client_io::{ClientSink, ClientSource};
use crate::upstream::{Tried, Upstream};

/// How often connections that went away may make one request take a new one: a pod that lets go of all of its
/// connections at once has at most so many HTTP/2 connections in a shard.
const MOST_RENEWALS: usize = 16;

/// Forwards the request in `walk.work.out` and relays the answer.
pub(crate) async fn forward<S: ClientSource, K: ClientSink>(
    walk: &mut Walk<'_>,
    upstream: &Arc<Upstream>,
    source: &mut S,
    sink: &mut K,
) -> Result<(), ProxyError> {
    let metrics = upstream.metrics();
    let is_whole = take_whole_body(walk, source);
    let mut tried = Tried::new();
    // Connections made before this moment are not used.
    let mut afresh: Option<Instant> = None;
    let (mut refusals, mut renewals) = (0, 0);
    let most = walk.shard.config.upstream.attempts;
    let mut error = ProxyError::NoEndpoints;
    for attempt in 0_usize.. {
        // The first attempt begins with the request: near enough, and one look at the clock less.
        let now = if attempt == 0 { walk.record.started() } else { Instant::now() };
        if attempt > 0 && !upstream.withdraw_retry(now) {
            break;
        }
        let Some(endpoint) = upstream.pick(&tried, now) else {
            if attempt == 0 {
                metrics.failure(UpstreamFailure::NoEndpoint);
            }
            break;
        };
        metrics.attempt();
        if attempt > 0 {
            metrics.retry();
        }
        walk.record.attempts.set(walk.record.attempts.get().saturating_add(1));
        walk.record.endpoint.set(Some(endpoint.endpoint().address()));
        let outcome = match (upstream.spec().protocol, is_whole) {
            (Protocol::Http1, true) => h1::whole(walk, &endpoint, now, metrics, afresh, source, sink).await,
            (Protocol::Http1, false) => {
                Box::pin(h1::streaming(walk, &endpoint, now, metrics, afresh, source, sink)).await
            }
            (Protocol::H2c, _) => Box::pin(h2::attempt(walk, &endpoint, metrics, is_whole, afresh, source, sink)).await,
        };
        let failed = match outcome {
            Ok(()) => {
                if let Some(latency) = walk.record.head_after.get() {
                    metrics.response_head(latency);
                }
                return Ok(());
            }
            Err(failed) => failed,
        };
        if failed.error.side() == Side::Upstream {
            metrics.failure(reason(&failed.error));
        }
        error = failed.error;
        match failed.again {
            Again::Never => break,
            Again::Anywhere => refusals += 1,
            Again::Afresh => {
                afresh = Some(Instant::now());
                renewals += 1;
            }
            Again::Elsewhere => tried.add(endpoint.endpoint().id()),
        }
        if tried.len() >= most || refusals >= most || renewals > MOST_RENEWALS {
            break;
        }
    }
    Err(error)
}

/// Whether the request is complete in `work.out`; appends a small body that has arrived.
fn take_whole_body<S: ClientSource>(walk: &mut Walk<'_>, source: &mut S) -> bool {
    let ExchangeBuffers { out, request, .. } = &mut *walk.work;
    match request.framing {
        Framing::None | Framing::Length(0) => return true,
        Framing::Chunked | Framing::UntilClose => return false,
        Framing::Length(_) => {}
    }
    let Some(body) = source.whole().filter(|body| body.len() <= WHOLE_BODY) else { return false };
    out.extend_from_slice(body);
    walk.record.received.set(body.len() as u64);
    source.skip_whole();
    true
}

fn reason(error: &ProxyError) -> UpstreamFailure {
    match error {
        ProxyError::ConnectRefused => UpstreamFailure::ConnectRefused,
        ProxyError::ConnectTimeout => UpstreamFailure::ConnectTimeout,
        ProxyError::ResponseTimeout => UpstreamFailure::HeadTimeout,
        ProxyError::ResponseStalled => UpstreamFailure::BodyTimeout,
        ProxyError::UpstreamStalled => UpstreamFailure::Write,
        ProxyError::Response(_) | ProxyError::ResponseBody(_) | ProxyError::InterimFlood => {
            UpstreamFailure::BadResponse
        }
        ProxyError::UpstreamStream => UpstreamFailure::Reset,
        _ => UpstreamFailure::Closed,
    }
}
