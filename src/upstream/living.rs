//! An upstream that lives: one cell of endpoints, whose turn it is, and what retries it has left.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio::time::Instant;

use super::balance::{self, Tried};
use super::budget::RetryBudget;
use super::endpoint::{Endpoint, InFlight};
use super::endpoint_set::EndpointSet;
use super::registry::Departures;
use super::retirement::RetirementSignal;
use crate::model::UpstreamSpec;
use crate::observe::UpstreamMetrics;

/// The runtime side of an [`UpstreamSpec`]: shared by all routes that forward to it, and by all shards.
#[derive(Debug)]
pub struct Upstream {
    spec: Arc<UpstreamSpec>,
    endpoints: ArcSwap<EndpointSet>,
    /// Attempts so far: whose turn it is, and the income of the retry budget.
    next: AtomicUsize,
    budget: RetryBudget,
    metrics: Arc<UpstreamMetrics>,
    /// Orders writers of `endpoints`; never taken by `pick`.
    filling: Mutex<()>,
    signal: RetirementSignal,
    departures: Arc<Departures>,
}

impl Upstream {
    /// An upstream without endpoints.
    pub(super) fn new(
        spec: Arc<UpstreamSpec>,
        metrics: Arc<UpstreamMetrics>,
        signal: RetirementSignal,
        departures: Arc<Departures>,
    ) -> Self {
        Self {
            spec,
            endpoints: ArcSwap::from_pointee(EndpointSet::default()),
            next: AtomicUsize::new(0),
            budget: RetryBudget::new(Instant::now()),
            metrics,
            filling: Mutex::new(()),
            signal,
            departures,
        }
    }

    /// What it was made from.
    pub fn spec(&self) -> &Arc<UpstreamSpec> {
        &self.spec
    }

    /// Where attempts and their failures are counted. Specs that differ in more than the port share it.
    pub fn metrics(&self) -> &UpstreamMetrics {
        &self.metrics
    }

    /// The endpoints of this moment, for views and metrics; requests use [`pick`](Self::pick).
    pub fn endpoints(&self) -> Arc<EndpointSet> {
        self.endpoints.load_full()
    }

    /// Attempts that were given an endpoint or found none sound, since the upstream lives.
    pub fn attempts(&self) -> u64 {
        self.next.load(Relaxed) as u64
    }

    /// Replaces the endpoints: those of addresses that stay live on with their load, pools and suspicion; those that
    /// leave are retired and announced. Order and repetition do not matter. Tells whether anything changed.
    pub fn set_endpoints(&self, addresses: Vec<SocketAddr>) -> bool {
        let _one_at_a_time = self.filling.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((set, gone)) = self.endpoints.load().replaced_by(addresses, Instant::now()) else {
            return false;
        };
        self.metrics.set_endpoints(set.len());
        self.endpoints.store(Arc::new(set));
        self.retire(&gone);
        true
    }

    /// The endpoint for one attempt of a request, counted as in flight until the guard drops. `None` when there is no
    /// endpoint that was not tried. One load of the cell, no allocation.
    pub fn pick(&self, tried: &Tried, now: Instant) -> Option<InFlight> {
        let set = self.endpoints.load();
        let turn = self.next.fetch_add(1, Relaxed);
        let chosen = balance::choose(self.spec.balance, set.as_slice(), turn, tried, now)?;
        Some(InFlight::begin(Arc::clone(chosen)))
    }

    /// Takes one retry out of the upstream's budget (20 % of requests and 10 a second); `false` when it is used up.
    pub fn withdraw_retry(&self, now: Instant) -> bool {
        self.budget.withdraw(self.attempts(), now)
    }

    /// Marks first, announces then: whoever hears of it finds the mark.
    fn retire(&self, gone: &[Arc<Endpoint>]) {
        gone.iter().for_each(|endpoint| endpoint.retire());
        gone.iter().for_each(|endpoint| self.signal.announce(endpoint.id()));
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.retire(self.endpoints.load().as_slice());
        self.departures.note(&self.spec.service);
    }
}
