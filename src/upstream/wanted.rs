//! What a request wants of an upstream: how its endpoint is chosen, and how many requests there may be.

use std::num::NonZeroU32;

use tokio::time::{Duration, Instant};

use crate::model::{Balance, Preference, RoutePolicy};

/// What a request wants.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// How its endpoint is chosen.
    pub balance: Balance,
    /// The endpoint that it prefers.
    pub preference: Option<Preference>,
    /// Requests in flight of the upstream at the most. It is spread over the endpoints.
    pub most: usize,
    /// Requests in flight of each endpoint at the most; `None`: any.
    pub each: Option<NonZeroU32>,
    /// For how long endpoints that have come get less than their share; `None`: they do not.
    pub slow_start: Option<Duration>,
    /// How much of the mean load an endpoint may have, in percent, before a request that prefers it goes on; `None`: any.
    pub hash_bound: Option<NonZeroU32>,
    /// Ids of endpoints that were tried and are passed over.
    pub tried: &'a [u64],
    /// The time.
    pub now: Instant,
}

impl<'a> Wanted<'a> {
    /// By the policy of its route.
    #[inline]
    pub fn of(policy: &RoutePolicy, preference: Option<Preference>, tried: &'a [u64], now: Instant) -> Self {
        Self {
            balance: policy.balance,
            preference,
            most: policy.upstream_requests,
            each: policy.endpoint_requests,
            slow_start: policy.slow_start,
            hash_bound: policy.hash_bound,
            tried,
            now,
        }
    }

    /// Any endpoint, chosen like this.
    #[cfg(test)]
    pub(super) fn by(balance: Balance, now: Instant) -> Self {
        Self::of(&RoutePolicy { balance, ..RoutePolicy::default() }, None, &[], now)
    }
}
