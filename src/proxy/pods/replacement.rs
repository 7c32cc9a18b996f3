//! An answer that its route would rather have from another endpoint, by its status (annotation `proxy-next-upstream`). It is
//! passed over only where another endpoint takes the request for certain, which is therefore chosen first.

use std::cell::Cell;

use tokio::time::Instant;

use super::pick::pick;
use super::retry::{Facts, History};
use crate::model::{Preference, RetryCase, RetryRule, RoutePolicy};
use crate::upstream::{InFlight, Upstream};

/// What may take the place of an attempt.
pub(super) struct Replacement<'a> {
    rule: RetryRule,
    upstream: &'a Upstream,
    policy: &'a RoutePolicy,
    preference: Option<Preference>,
    /// From then on no other endpoint is tried.
    until: Option<Instant>,
    /// Ids of the endpoints that were tried, with that of the attempt.
    tried: Vec<u64>,
    found: Cell<Option<InFlight>>,
}

impl<'a> Replacement<'a> {
    /// Of an attempt at `endpoint`. `None` where every answer is passed on.
    pub(super) fn of(
        upstream: &'a Upstream,
        (policy, preference): (&'a RoutePolicy, Option<Preference>),
        (history, facts): (&History, Facts),
        endpoint: u64,
        until: Option<Instant>,
    ) -> Option<Box<Self>> {
        let rule = policy.retry?;
        let tried: Vec<_> = history.tried.iter().copied().chain([endpoint]).collect();
        let is_asked_for = RetryCase::STATUSES.into_iter().any(|case| rule.has(case));
        let is_possible = facts.may_repeat(rule) && tried.len() < policy.attempts;
        let made = || Self { rule, upstream, policy, preference, until, tried, found: Cell::default() };
        (is_asked_for && is_possible).then(|| Box::new(made()))
    }

    /// Whether an answer with this status is passed over. Then the endpoint that is asked next is known.
    pub(super) fn passes_over(&self, status: u16, now: Instant) -> bool {
        if !RetryCase::of_status(status).is_some_and(|case| self.rule.has(case))
            || self.until.is_some_and(|until| until <= now)
        {
            return false;
        }
        let Self { upstream, policy, preference, tried, .. } = self;
        let Ok(endpoint) = pick(upstream, policy, *preference, tried, now) else { return false };
        let is_affordable = upstream.withdraw_retry(now);
        if is_affordable {
            self.found.set(Some(endpoint));
        }
        is_affordable
    }

    /// The endpoint that is asked next, if the answer was passed over. It counts there as in flight.
    pub(super) fn into_endpoint(self) -> Option<InFlight> {
        self.found.into_inner()
    }
}
