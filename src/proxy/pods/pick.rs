//! The endpoint for an attempt: the one that the request prefers, or the one whose turn it is.

use tokio::time::Instant;

use crate::model::{Preference, RoutePolicy};
use crate::upstream::{InFlight, Unpicked, Upstream};

/// The endpoint for an attempt.
pub(super) fn pick(
    upstream: &Upstream,
    policy: &RoutePolicy,
    preference: Option<Preference>,
    tried: &[u64],
    now: Instant,
) -> Result<InFlight, Unpicked> {
    match preference {
        None => upstream.pick(policy.balance, policy.upstream_requests, tried, now),
        Some(preference) => upstream.pick_preferred(preference, policy.upstream_requests, tried),
    }
}
