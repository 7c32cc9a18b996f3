//! The endpoint for an attempt: the one that the request prefers, or the one whose turn it is; where all are full, when one of
//! them no longer is.

use tokio::time::Instant;

use crate::model::{Preference, Queue, RoutePolicy};
use crate::proxy::error::ProxyError;
use crate::proxy::walk::Walk;
use crate::proxy::wire::body::{BodySink, unless_lost};
use crate::upstream::{Backend, InFlight, Unpicked, Upstream, Wanted};

/// The endpoint for a first attempt, which does not overtake requests that wait.
#[inline]
pub(crate) fn pick_in_line(
    upstream: &Upstream,
    policy: &RoutePolicy,
    preference: Option<Preference>,
    now: Instant,
) -> Result<InFlight, Unpicked> {
    if policy.queue.is_some() && upstream.has_queue() {
        return Err(Unpicked::Full);
    }
    pick(upstream, policy, preference, &[], now)
}

/// The endpoint for an attempt.
#[inline]
pub(crate) fn pick(
    upstream: &Upstream,
    policy: &RoutePolicy,
    preference: Option<Preference>,
    tried: &[u64],
    now: Instant,
) -> Result<InFlight, Unpicked> {
    upstream.pick_by(policy, preference, tried, now)
}

/// The same once it was this request's turn in the queue, unless its client goes meanwhile.
#[cold]
pub(super) async fn wait(
    walk: &Walk<'_>,
    backend: &Backend,
    (policy, queue): (&RoutePolicy, Queue),
    (preference, tried): (Option<Preference>, &[u64]),
    sink: &impl BodySink,
) -> Result<Result<InFlight, Unpicked>, ProxyError> {
    let began = Instant::now();
    let wanted = Wanted::of(policy, preference, tried, began);
    let _waiting = backend.metrics.waits();
    if let Some(tally) = backend.upstream.tally() {
        tally.waiting(backend.upstream.waiting().saturating_add(1));
    }
    let waited = async { Ok::<_, ProxyError>(backend.upstream.wait(&wanted, queue).await) };
    let picked = unless_lost(sink, waited).await;
    let millis = u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX);
    walk.record.queued.set(walk.record.queued.get().saturating_add(millis));
    picked
}
