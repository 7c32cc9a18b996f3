//! Third phase of the walk: attempts, until one has an answer or no further one is allowed.

use tokio::time::Instant;

use super::attempt::{Attempt, Patience, WHOLE_BODY};
use super::pick::{pick, pick_in_line, wait};
use super::replacement::Replacement;
use super::retry::{Facts, History, Reached, Retry, retry};
use super::{connect, ejection, gather, h1, h2, open_session, times, tls, upgrade};
use crate::http1::Framing;
use crate::model::{Balance, EndpointPort, Protocol, RoutePolicy};
use crate::observe::{UpstreamFailure, UpstreamMetrics};
use crate::proxy::error::ProxyError;
use crate::proxy::pod_tls_fault::PodTlsFault;
use crate::proxy::shard::scratch::ExchangeBuffers;
use crate::proxy::walk::Walk;
use crate::proxy::walk::client_io::{ClientSink, ClientSource};
use crate::proxy::walk::tallied::Tallied;
use crate::proxy::wire::body::unless_lost;
use crate::upstream::{Backend, Unpicked};

/// Forwards the request in `walk.work.out` and relays the answer.
pub(crate) async fn forward<S: ClientSource, K: ClientSink>(
    walk: &mut Walk<'_>,
    backend: &Backend,
    policy: &RoutePolicy,
    source: &mut S,
    sink: &mut K,
) -> Result<(), ProxyError> {
    let Backend { upstream, metrics, for_https: _, checked: _ } = backend;
    let is_idempotent = walk.work.request.method.is_idempotent();
    let has_one_address = matches!(upstream.key().endpoint_port, EndpointPort::OfService(_));
    let patience = Patience::of(policy, walk.work);
    let mut history = History::new(policy.attempts);
    let mut began = walk.ready_at;
    let preference = walk.work.request_change.preference;
    if upstream.tally().is_some() {
        Tallied::begin(&walk.record.tallied, walk.record.replaced.get(), upstream, began);
    }
    let mut is_whole = take_whole_body(walk, source);
    let facts = Facts { is_idempotent, is_whole, was_renewed: false, has_one_address };
    let mut gathered = None;
    if !is_whole && let Some(most) = gather::wanted(walk, policy, upstream, facts) {
        let come = Box::pin(gather::gather(walk, most, policy.body_bytes, source, sink)).await?;
        (is_whole, began) = (come.is_whole, Instant::now());
        gathered = Some(come);
    }
    let is_short = is_whole && !gathered.as_ref().is_some_and(|come| come.is_long);
    let until = policy.retry_within.map(|within| began + within);
    let mut error = ProxyError::NoEndpoints;
    let mut chosen = None;
    for number in 0_usize.. {
        if number > 0 {
            began = Instant::now();
            let is_over = until.is_some_and(|until| until <= began);
            if chosen.is_none() && (is_over || !upstream.withdraw_retry(began)) {
                break;
            }
        }
        let mut picked = match chosen.take() {
            Some(endpoint) => Ok(endpoint),
            None if number == 0 => pick_in_line(upstream, policy, preference, began),
            None => pick(upstream, policy, preference, &history.tried, began),
        };
        // A retry does not wait: who is behind it in line might have the endpoint that has failed it.
        if number == 0
            && matches!(picked, Err(Unpicked::Full))
            && let Some(queue) = policy.queue
        {
            picked = Box::pin(wait(walk, backend, (policy, queue), (preference, &history.tried), sink)).await?;
            began = Instant::now();
        }
        let endpoint = match picked {
            Ok(endpoint) => endpoint,
            Err(why) => {
                // The failure of an attempt tells more.
                if number == 0 {
                    error = unpicked(why, metrics);
                }
                break;
            }
        };
        let facts = Facts { is_whole, was_renewed: history.newer_than.is_some(), ..facts };
        let replacement = match policy.retry {
            None => None,
            Some(rule) => {
                Replacement::of(rule, upstream, (policy, preference), (&history, facts), endpoint.id(), until)
            }
        };
        if upstream.tally().is_some() {
            Tallied::attempt(&walk.record.tallied, endpoint.endpoint(), began);
        }
        metrics.attempt();
        if number > 0 {
            metrics.retry();
        }
        walk.record.attempts.set(walk.record.attempts.get().saturating_add(1));
        walk.record.endpoint.set(Some(endpoint.address()));
        walk.record.attempted.set(Some(began));
        let attempt = Attempt {
            endpoint,
            policy,
            patience,
            metrics,
            began,
            newer_than: history.newer_than,
            replacement: replacement.as_deref(),
        };
        let shard = walk.shard;
        let outcome = match (&upstream.key().protocol, is_short) {
            (Protocol::Http1, true) => match connect::obtain(shard, &attempt, is_idempotent, sink).await {
                Ok(obtained) => h1::whole(walk, &attempt, obtained, source, sink).await,
                Err(failure) => Err(failure),
            },
            (Protocol::Http1, false) => {
                let streaming = async {
                    let obtained = connect::obtain(shard, &attempt, is_whole && is_idempotent, sink).await?;
                    h1::attempt(walk, &attempt, obtained, is_whole, source, sink).await
                };
                Box::pin(streaming).await
            }
            (Protocol::H2c, _) if walk.work.request.upgrade.is_some() => {
                Box::pin(upgrade::attempt(walk, &attempt, is_whole, source, sink)).await
            }
            (Protocol::H2c, _) => {
                let shared = async {
                    let lease = unless_lost(sink, open_session::obtain(shard, &attempt)).await?;
                    h2::attempt(walk, &attempt, lease, is_whole, source, sink).await
                };
                Box::pin(shared).await
            }
            (Protocol::Tls(tls), _) => Box::pin(tls::attempt(walk, &attempt, tls, is_whole, source, sink)).await,
        };
        // Also of an answer whose body failed.
        if let Some(latency) = walk.record.head_after.get() {
            metrics.response_head(latency);
        }
        if policy.balance == Balance::Ewma {
            times::note(upstream, &attempt.endpoint, &walk.record, &outcome);
        }
        let status = walk.work.response.status;
        let failure = match outcome {
            Ok(()) => {
                if let Some(rule) = policy.ejection {
                    ejection::answered(backend, &attempt.endpoint, (rule, status));
                }
                return Ok(());
            }
            Err(failure) => failure,
        };
        if let Some(reason) = reason(&failure.error) {
            metrics.failure(reason);
        }
        if upstream.tally().is_some() {
            Tallied::failed(&walk.record.tallied, &failure.error, failure.reached != Reached::NotConnected);
        }
        let rule = policy.retry.filter(|_| !sink.has_responded());
        let next = retry(&failure, facts, rule);
        if let Some(rule) = policy.ejection
            && !matches!(next, Retry::NewConnection | Retry::AnyConnection)
        {
            ejection::failed(backend, &attempt.endpoint, (rule, status), &failure.error);
        }
        error = failure.error;
        let tried = attempt.endpoint.id();
        let Attempt { endpoint, .. } = attempt;
        chosen = replacement.and_then(|replacement| replacement.into_endpoint());
        if !history.allows(next, tried) {
            break;
        }
        // A request that only takes another connection keeps its place, for which others wait.
        if next == Retry::NewConnection && policy.endpoint_requests.is_some() {
            chosen = chosen.or(Some(endpoint));
        }
        walk.record.head_after.set(None);
        walk.record.handed_over.set(None);
    }
    Err(error)
}

/// The error of a request for which no endpoint was picked.
fn unpicked(why: Unpicked, metrics: &UpstreamMetrics) -> ProxyError {
    let (reason, error) = match why {
        Unpicked::NoEndpoint => (UpstreamFailure::NoEndpoint, ProxyError::NoEndpoints),
        Unpicked::Full => (UpstreamFailure::Full, ProxyError::UpstreamFull),
        Unpicked::Waited => (UpstreamFailure::Waited, ProxyError::QueueTimeout),
    };
    metrics.failure(reason);
    error
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

/// What is counted for a failed attempt; `None` if neither the pod nor the way to it has failed.
fn reason(error: &ProxyError) -> Option<UpstreamFailure> {
    Some(match error {
        ProxyError::ConnectRefused => UpstreamFailure::ConnectRefused,
        ProxyError::ConnectTimeout => UpstreamFailure::ConnectTimeout,
        ProxyError::ConnectOther => UpstreamFailure::ConnectOther,
        ProxyError::PodTls(PodTlsFault::Timeout) => UpstreamFailure::TlsTimeout,
        ProxyError::PodTls(_) => UpstreamFailure::Tls,
        ProxyError::ResponseTimeout => UpstreamFailure::HeadTimeout,
        ProxyError::ResponseStalled => UpstreamFailure::BodyTimeout,
        ProxyError::UpstreamStalled => UpstreamFailure::Write,
        ProxyError::PodSpeaksTls
        | ProxyError::Response(_)
        | ProxyError::ResponseBody(_)
        | ProxyError::ResponseRule
        | ProxyError::InterimFlood
        | ProxyError::UpgradeUnsupported => UpstreamFailure::BadResponse,
        ProxyError::PassedOver => UpstreamFailure::PassedOver,
        ProxyError::UpstreamCancelled | ProxyError::UpstreamStream => UpstreamFailure::Reset,
        ProxyError::UpstreamClosed | ProxyError::UpstreamTruncated => UpstreamFailure::Closed,
        ProxyError::Request(_)
        | ProxyError::HeadTimeout
        | ProxyError::PathInvalid
        | ProxyError::PathAmbiguous
        | ProxyError::Misdirected
        | ProxyError::BodyTooLarge
        | ProxyError::RequestBody(_)
        | ProxyError::BodyTimeout
        | ProxyError::ClientClosed
        | ProxyError::ClientStalled
        | ProxyError::MethodNotAllowed
        | ProxyError::NoRoute
        | ProxyError::BackendUnavailable
        | ProxyError::NoEndpoints
        | ProxyError::UpstreamFull
        | ProxyError::QueueTimeout
        | ProxyError::Replaced => return None,
    })
}
