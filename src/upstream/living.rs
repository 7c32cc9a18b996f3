//! An upstream that lives: one cell of endpoints, whose turn it is, who waits, and what retries it has left.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use arc_swap::ArcSwap;
use tokio::time::{Duration, Instant};

use super::balance::{self, Shares, Way};
use super::budget::RetryBudget;
use super::departures::Departures;
use super::endpoint::{Endpoint, InFlight};
use super::endpoint_set::{EndpointSet, Followed};
use super::queue::WaitQueue;
use super::wanted::Wanted;
use crate::model::{
    Balance, Ejection, EndpointSpec, EndpointState, PortRef, Preference, Queue, RoutePolicy, UpstreamKey, UpstreamSpec,
    Weight,
};
use crate::observe::{Tally, UpstreamMetrics};

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
    /// With the first request that waits.
    queue: OnceLock<Arc<WaitQueue>>,
    /// Also orders writers of `endpoints`; never taken by `pick`.
    others: Mutex<OtherNames>,
    departures: Arc<Departures>,
    /// Unique in the process, from 0.
    number: usize,
    /// What is counted of it and of its endpoints, where that is asked for.
    tally: Option<Box<Tally>>,
}

/// What an operator says of an endpoint at run time, beside what its objects say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointCommand {
    /// Its state; `None`: what its objects say.
    State(Option<EndpointState>),
    /// Its share; `None`: what its objects say.
    Weight(Option<Weight>),
}

/// Why no endpoint was picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unpicked {
    /// There is none that was not tried.
    NoEndpoint,
    /// All have as many requests in flight as they may, and as many wait as may.
    Full,
    /// They have had for as long as a request may wait.
    Waited,
}

/// The metrics of a port's other names. Few ports are named in two ways, so the list takes one word while it is empty.
type OtherNames = Option<Box<Vec<Weak<UpstreamMetrics>>>>;

impl Upstream {
    /// An upstream without endpoints.
    pub(super) fn new(
        first: Arc<UpstreamSpec>,
        metrics: Arc<UpstreamMetrics>,
        departures: Arc<Departures>,
        (number, tally): (usize, Option<Box<Tally>>),
    ) -> Self {
        Self {
            first,
            metrics,
            endpoints: ArcSwap::from_pointee(EndpointSet::default()),
            next: AtomicUsize::new(0),
            budget: RetryBudget::new(Instant::now()),
            queue: OnceLock::new(),
            others: Mutex::default(),
            departures,
            number,
            tally,
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

    /// How the first route named its port.
    pub fn port(&self) -> &PortRef {
        &self.first.port
    }

    /// Unique in the process, from 0, never used again.
    pub fn number(&self) -> usize {
        self.number
    }

    /// What is counted of it, where that is asked for; then its endpoints have a tally too.
    #[inline]
    pub fn tally(&self) -> Option<&Tally> {
        self.tally.as_deref()
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
            Followed::States => {
                self.wake();
                return true;
            }
            Followed::Replaced { next, gone } => (next, gone),
        };
        if self.tally.is_some() {
            let now = Instant::now();
            next.as_slice().iter().for_each(|endpoint| endpoint.keep_tally(now));
        }
        self.metrics.set_endpoints(next.len());
        let others = others.iter().flat_map(|others| others.iter()).filter_map(Weak::upgrade);
        others.for_each(|metrics| metrics.set_endpoints(next.len()));
        self.endpoints.store(Arc::new(next));
        self.retire(&gone);
        self.queue.get().iter().for_each(|queue| self.join(queue));
        self.wake();
        true
    }

    /// The endpoint for one attempt of a request, counted as in flight until the guard drops. An endpoint whose id is among those
    /// tried, or that has its part of the requests in flight, is passed over. One load of the cell; no allocation, unless weights
    /// differ, some endpoints are far, or the request prefers one.
    pub fn pick(&self, wanted: &Wanted<'_>) -> Result<InFlight, Unpicked> {
        let set = self.endpoints.load();
        let turn = self.next.fetch_add(1, Relaxed);
        pick_of(&set, turn, wanted)
    }

    /// The same by the policy of a route. Most requests prefer no endpoint, have tried none, and find the one whose turn it is with
    /// nothing to do: for them no more is looked at.
    #[inline]
    pub fn pick_by(
        &self,
        policy: &RoutePolicy,
        preference: Option<Preference>,
        tried: &[u64],
        now: Instant,
    ) -> Result<InFlight, Unpicked> {
        let set = self.endpoints.load();
        let turn = self.next.fetch_add(1, Relaxed);
        if preference.is_none() && tried.is_empty() && has_no_care(policy) {
            let own = set.as_slice().get(turn.checked_rem(set.len()).unwrap_or(0));
            if let Some(own) = own.filter(|own| own.is_idle_and_sound() && !set.is_mixed()) {
                return Ok(InFlight::begin(Arc::clone(own)));
            }
        }
        pick_of(&set, turn, &Wanted::of(policy, preference, tried, now))
    }

    /// The same, waiting in the queue while all endpoints are full.
    pub async fn wait(&self, wanted: &Wanted<'_>, queue: Queue) -> Result<InFlight, Unpicked> {
        let deadline = Instant::now() + queue.timeout;
        let limit = wanted.each.map_or(u32::MAX, NonZeroU32::get);
        let place = self.queue().join(queue.length, limit).ok_or(Unpicked::Full)?;
        loop {
            if place.may_go() {
                match self.pick(&Wanted { now: Instant::now(), ..*wanted }) {
                    Err(Unpicked::Full) => {}
                    picked => return picked,
                }
            }
            if !place.wait(deadline).await {
                return Err(Unpicked::Waited);
            }
        }
    }

    /// Does what an operator says of an endpoint, for as long as its address stays. Tells whether there is one with this address.
    pub fn command(&self, address: SocketAddr, command: EndpointCommand) -> bool {
        let order = self.lock();
        let set = self.endpoints.load();
        let Some(endpoint) = set.of(address) else { return false };
        match command {
            EndpointCommand::State(said) => endpoint.say_state(said),
            EndpointCommand::Weight(said) => {
                endpoint.say_weight(said);
                set.weigh();
            }
        }
        drop(order);
        self.wake();
        true
    }

    /// Whether requests wait, so that one that may wait as well must not overtake them.
    pub fn has_queue(&self) -> bool {
        self.waiting() > 0
    }

    /// An endpoint has answered well. To be told for routes that leave out those that fail.
    pub fn served(&self, endpoint: &Endpoint) {
        endpoint.has_served();
    }

    /// How many requests wait.
    pub fn waiting(&self) -> u32 {
        self.queue.get().map_or(0, |queue| queue.len())
    }

    fn queue(&self) -> &Arc<WaitQueue> {
        let mut made = None;
        let queue = self.queue.get_or_init(|| Arc::clone(made.insert(Arc::<WaitQueue>::default())));
        made.iter().for_each(|queue| self.join(queue));
        queue
    }

    fn join(&self, queue: &Arc<WaitQueue>) {
        self.endpoints.load().as_slice().iter().for_each(|endpoint| endpoint.join(queue));
    }

    fn wake(&self) {
        self.queue.get().iter().for_each(|queue| queue.wake());
    }

    /// An attempt at an endpoint has failed, for which its pod answers. Leaves the endpoint out for a while if that was once too
    /// often, unless half of the others are left out already. Tells whether it did.
    pub fn failed(&self, endpoint: &Endpoint, rule: Ejection, now: Instant) -> bool {
        if !endpoint.has_failed(rule) {
            return false;
        }
        // One after the other: of two that fail at once, the second sees that the first is out.
        let _order = self.lock();
        let set = self.endpoints.load();
        let out = set.as_slice().iter().filter(|other| !other.is_available(now)).count();
        let may_go = !endpoint.is_ejected() && (out + 1) * 2 <= set.len();
        if may_go {
            endpoint.eject(rule, now);
        }
        may_go
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

/// An endpoint of a set, looked for the long way.
#[inline(never)]
fn pick_of(set: &EndpointSet, turn: usize, wanted: &Wanted<'_>) -> Result<InFlight, Unpicked> {
    let chosen = match wanted.preference {
        None => chosen(set, turn, wanted),
        Some(preference) => balance::preferred(preference, set.as_slice(), turn, wanted, || chosen(set, turn, wanted)),
    };
    let chosen = chosen.ok_or(Unpicked::NoEndpoint)?;
    begin(chosen, set, wanted).or_else(|| any(set, wanted)).ok_or(Unpicked::Full)
}

/// Whether an idle, sound endpoint is the one to take when it is its turn.
#[inline]
fn has_no_care(policy: &RoutePolicy) -> bool {
    matches!(policy.balance, Balance::LeastInFlight | Balance::RoundRobin)
        && policy.slow_start.is_none()
        && policy.endpoint_requests.is_none()
        && policy.upstream_requests > 0
}

/// The endpoint of a request that prefers none.
#[inline]
fn chosen<'s>(set: &'s EndpointSet, turn: usize, wanted: &Wanted<'_>) -> Option<&'s Arc<Endpoint>> {
    let Wanted { balance, each, slow_start, tried, now, .. } = *wanted;
    let way = match balance {
        Balance::LeastInFlight => Way::LeastInFlight,
        Balance::RoundRobin => Way::InTurn,
        Balance::Ewma => Way::Soonest(set.scores(now)),
        Balance::LeastConnections => Way::Least,
        Balance::Random => Way::Random,
        Balance::First => Way::First { most: each.map_or(usize::MAX, |each| each.get() as usize) },
    };
    if slow_start.is_none() && !set.is_mixed() {
        return balance::choose(way, None, set.as_slice(), turn, tried, now);
    }
    let differ = slow_start.is_some() || set.is_weighted();
    let shares = differ.then_some(Shares { slow_start, now });
    let near = set
        .has_far_and_near()
        .then(|| balance::near(way, Shares { slow_start, now }, set.as_slice(), turn, tried, now));
    near.flatten().or_else(|| balance::choose(way, shares, set.as_slice(), turn, tried, now))
}

/// Counts a request on an endpoint that is not full.
#[inline]
fn begin(endpoint: &Arc<Endpoint>, set: &EndpointSet, wanted: &Wanted<'_>) -> Option<InFlight> {
    // Another request may take the last place at the same time: this limit may be exceeded by one for each shard.
    if endpoint.in_flight().saturating_mul(set.len()) >= wanted.most && has_its_part(endpoint, set, wanted.most) {
        return None;
    }
    match wanted.each {
        None => Some(InFlight::begin(Arc::clone(endpoint))),
        Some(most) => InFlight::begin_below(endpoint, most.get()),
    }
}

/// Whether an endpoint has its part of what an upstream may have in flight, which those that drain have no part of.
#[cold]
fn has_its_part(endpoint: &Endpoint, set: &EndpointSet, most: usize) -> bool {
    let active = set.as_slice().iter().filter(|endpoint| endpoint.state() == EndpointState::Active).count();
    endpoint.in_flight().saturating_mul(active) >= most
}

/// The same on any endpoint that is not full, a sound one if there is any.
#[cold]
fn any(set: &EndpointSet, wanted: &Wanted<'_>) -> Option<InFlight> {
    // As often as others may take the last places meanwhile. Where there are more of them, this request waits or is refused.
    (0..set.len().min(8)).find_map(|_| {
        let sound = balance::least_loaded(set.as_slice(), wanted.tried, wanted.now);
        begin(sound.or_else(|| balance::least_loaded_of_all(set.as_slice(), wanted.tried))?, set, wanted)
    })
}
