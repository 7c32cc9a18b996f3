//! An upstream that lives: one cell of endpoints, whose turn it is, and what retries it has left.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use arc_swap::ArcSwap;
use tokio::time::{Duration, Instant};

use super::balance::{self, Way};
use super::budget::RetryBudget;
use super::departures::Departures;
use super::endpoint::{Endpoint, InFlight};
use super::endpoint_set::{EndpointSet, Followed};
use crate::model::{Balance, EndpointSpec, PortRef, Preference, UpstreamKey, UpstreamSpec};
use crate::observe::UpstreamMetrics;

/// The runtime side of an [`UpstreamKey`]: shared by all routes that forward to it, whatever their policy, and by all
/// shards.
#[derive(Debug)]
pub struct Upstream {
    /// How the first route named it.
    first: Arc<UpstreamSpec>,
    /// What attempts of routes that name the port as the first one does are counted in.
    metrics: Arc<UpstreamMetrics>,
    endpoints: ArcSwap<EndpointSet>,
    /// Attempts so far: whose turn it is, and the income of the retry budget.
    next: AtomicUsize,
    budget: RetryBudget,
    /// Also orders writers of `endpoints`; never taken by `pick`.
    others: Mutex<OtherNames>,
    departures: Arc<Departures>,
}

/// Why no endpoint was picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unpicked {
    /// There is none that was not tried.
    NoEndpoint,
    /// All have as many requests in flight as they may.
    Full,
}

/// The metrics of a port's other names. Few ports are named in two ways, so the list takes one word while it is empty.
type OtherNames = Option<Box<Vec<Weak<UpstreamMetrics>>>>;

impl Upstream {
    /// An upstream without endpoints.
    pub(super) fn new(first: Arc<UpstreamSpec>, metrics: Arc<UpstreamMetrics>, departures: Arc<Departures>) -> Self {
        Self {
            first,
            metrics,
            endpoints: ArcSwap::from_pointee(EndpointSet::default()),
            next: AtomicUsize::new(0),
            budget: RetryBudget::new(Instant::now()),
            others: Mutex::default(),
            departures,
        }
    }

    /// How the first route named it.
    pub fn spec(&self) -> &UpstreamSpec {
        &self.first
    }

    /// Which upstream it is.
    pub fn key(&self) -> &UpstreamKey {
        &self.first.key
    }

    /// What attempts of routes that name the port like this are counted in. `make` gives the metrics of another name than
    /// the first one. They are told of the number of endpoints for as long as somebody holds them.
    pub(super) fn metrics(&self, port: &PortRef, make: impl FnOnce() -> Arc<UpstreamMetrics>) -> Arc<UpstreamMetrics> {
        if *port == self.first.port {
            return Arc::clone(&self.metrics);
        }
        let metrics = make();
        let mut others = self.lock();
        let others = others.get_or_insert_default();
        if !others.iter().any(|other| other.as_ptr() == Arc::as_ptr(&metrics)) {
            others.retain(|other| other.strong_count() > 0);
            others.push(Arc::downgrade(&metrics));
            metrics.set_endpoints(self.endpoints.load().len());
        }
        metrics
    }

    /// The endpoints of this moment, for views and metrics; requests use [`pick`](Self::pick).
    pub fn endpoints(&self) -> Arc<EndpointSet> {
        self.endpoints.load_full()
    }

    /// Attempts since the upstream was made, also those that found no endpoint.
    pub fn attempts(&self) -> u64 {
        self.next.load(Relaxed) as u64
    }

    /// Replaces the endpoints: those of addresses that stay live on with their load, pools and suspicion; those that
    /// leave are retired and announced. Order and repetition do not matter: of an address that is given twice the more
    /// active state counts. Tells whether anything changed.
    pub fn set_endpoints(&self, mut wanted: Vec<EndpointSpec>) -> bool {
        wanted.sort_unstable();
        wanted.dedup_by_key(|spec| spec.address);
        let others = self.lock();
        let (next, gone) = match self.endpoints.load().follow(&wanted, Instant::now()) {
            Followed::Nothing => return false,
            Followed::States => return true,
            Followed::Replaced { next, gone } => (next, gone),
        };
        self.metrics.set_endpoints(next.len());
        let others = others.iter().flat_map(|others| others.iter()).filter_map(Weak::upgrade);
        others.for_each(|metrics| metrics.set_endpoints(next.len()));
        self.endpoints.store(Arc::new(next));
        self.retire(&gone);
        true
    }

    /// The endpoint for one attempt of a request, counted as in flight until the guard drops. An endpoint whose id is among
    /// those `tried`, or that has its part of `most` requests in flight, is passed over. One load of the cell, no allocation.
    pub fn pick(&self, balance: Balance, most: usize, tried: &[u64], now: Instant) -> Result<InFlight, Unpicked> {
        let set = self.endpoints.load();
        let turn = self.next.fetch_add(1, Relaxed);
        let way = match balance {
            Balance::LeastInFlight => Way::LeastInFlight,
            Balance::RoundRobin => Way::InTurn,
            Balance::Ewma => Way::Soonest(set.scores(now)),
        };
        let chosen = balance::choose(way, set.as_slice(), turn, tried, now).ok_or(Unpicked::NoEndpoint)?;
        // Another request may take the last place at the same time: the limit may be exceeded by one for each shard.
        let is_full = |endpoint: &Endpoint| endpoint.in_flight().saturating_mul(set.len()) >= most;
        if !is_full(chosen) {
            return Ok(InFlight::begin(Arc::clone(chosen)));
        }
        let other = balance::least_loaded(set.as_slice(), tried).filter(|other| !is_full(other));
        other.map(|other| InFlight::begin(Arc::clone(other))).ok_or(Unpicked::Full)
    }

    /// The same for a request that prefers an endpoint.
    pub fn pick_preferred(&self, preference: Preference, most: usize, tried: &[u64]) -> Result<InFlight, Unpicked> {
        let set = self.endpoints.load();
        let turn = self.next.fetch_add(1, Relaxed);
        let chosen = balance::preferred(preference, set.as_slice(), turn, tried).ok_or(Unpicked::NoEndpoint)?;
        if chosen.in_flight().saturating_mul(set.len()) >= most {
            return Err(Unpicked::Full);
        }
        Ok(InFlight::begin(Arc::clone(chosen)))
    }

    /// An endpoint has taken `time` for an answer. To be told for routes that choose by it.
    pub fn took(&self, endpoint: &Endpoint, time: Duration, now: Instant) {
        self.endpoints.load().took(endpoint, time, now);
    }

    /// Takes one retry out of the upstream's budget (20 % of requests and 10 a second); `false` when it is used up.
    pub fn withdraw_retry(&self, now: Instant) -> bool {
        self.budget.withdraw(self.attempts(), now)
    }

    /// Marks all before it announces any, so that a shard that hears of one finds the mark.
    fn retire(&self, gone: &[Arc<Endpoint>]) {
        gone.iter().for_each(|endpoint| endpoint.retire());
        gone.iter().for_each(|endpoint| self.departures.endpoint(endpoint.id()));
    }

    fn lock(&self) -> MutexGuard<'_, OtherNames> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.retire(self.endpoints.load().as_slice());
        self.departures.upstream(&self.first.key.service);
    }
}
