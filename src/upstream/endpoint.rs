//! One address that answers for an upstream: its load, whether connections to it failed lately, whether it takes requests.
//! What few upstreams ask for (weights, checks, ejection, a queue) is kept behind one pointer (`care`).
//!
//! All state is atomic and shared by the shards. An endpoint is created when its address joins a set and is never
//! revived once it has left: the same address coming back is a new endpoint with a new id.

use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{
    AtomicU8, AtomicU32, AtomicU64,
    Ordering::{Relaxed, SeqCst},
};

use once_cell::race::OnceBox;
use tokio::time::{Duration, Instant};

use super::care::Care;
use super::check_note::CheckNote;
use super::queue::WaitQueue;
use super::suspicion::Suspicion;
use crate::model::{Ejection, EndpointSpec, EndpointState, Weight};
use crate::observe::Tally;

/// Ids are unique in the process and begin at 1, so that 0 can mean "none".
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// A pod (or other address) of an upstream.
#[derive(Debug)]
pub struct Endpoint {
    id: u64,
    /// With `port` a `SocketAddr` without what only link-local IPv6 addresses have: 20 bytes instead of 32.
    ip: IpAddr,
    port: u16,
    /// What sessions know it by.
    identity: u64,
    in_flight: AtomicU32,
    /// The constants below.
    flags: AtomicU8,
    suspicion: Suspicion,
    /// With the first that asks for it.
    care: OnceBox<Care>,
}

/// Which HTTP a pod chose within TLS (ALPN).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Negotiated {
    /// HTTP/1.1, or it chose nothing.
    Http1,
    /// HTTP/2.
    Http2,
}

/// Its state, as its set wants it. None: it is active.
const DRAINING: u8 = 1;
const MAINTENANCE: u8 = 2;
/// It has left its set.
const RETIRED: u8 = 4;
/// A check says that it is down.
const FAILING: u8 = 8;
/// It has failed too often.
const EJECTED: u8 = 16;
/// What its pod chose within TLS. None: nothing was negotiated yet.
const HTTP1: u8 = 32;
const HTTP2: u8 = 64;
/// It is for clients of other zones or nodes.
const FAR: u8 = 128;

const STATE: u8 = DRAINING | MAINTENANCE;
/// With one of these it gets no request that another one can take.
const UNAVAILABLE: u8 = STATE | FAILING | EJECTED;

fn state_flag(state: EndpointState) -> u8 {
    match state {
        EndpointState::Active => 0,
        EndpointState::Draining => DRAINING,
        EndpointState::Maintenance => MAINTENANCE,
    }
}

impl Endpoint {
    /// A new endpoint without load or suspicion, with an id of its own.
    pub(super) fn new(spec: EndpointSpec, now: Instant) -> Arc<Self> {
        let EndpointSpec { address, state, weight, is_far, identity } = spec;
        let endpoint = Self {
            id: NEXT_ID.fetch_add(1, Relaxed),
            ip: address.ip(),
            port: address.port(),
            identity,
            in_flight: AtomicU32::new(0),
            flags: AtomicU8::new(state_flag(state) | if is_far { FAR } else { 0 }),
            suspicion: Suspicion::new(now),
            care: OnceBox::new(),
        };
        endpoint.set_weight(weight);
        Arc::new(endpoint)
    }

    /// Unique in this process, at least 1, never reused.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.ip, self.port)
    }

    /// What sessions know it by ([`EndpointSpec::identity`]).
    pub fn identity(&self) -> u64 {
        self.identity
    }

    /// Whether it is the one that is wanted: the same pod at the same address.
    #[inline]
    pub(super) fn is(&self, spec: &EndpointSpec) -> bool {
        self.address() == spec.address && self.identity == spec.identity
    }

    /// Requests (of all shards) that picked it and have not ended.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Relaxed) as usize
    }

    /// Whether it has left its set. Requests in flight go on; connections to it must not be kept.
    pub fn is_retired(&self) -> bool {
        self.has(RETIRED)
    }

    /// Whether it may get requests that another one can take as well: it is active, no check says that it is down, and it has not
    /// failed too often. One that has left its set meanwhile may still be chosen by who loaded the set before.
    #[inline]
    pub(super) fn is_available(&self, now: Instant) -> bool {
        let flags = self.flags.load(Relaxed) & UNAVAILABLE;
        flags == 0 || flags == EJECTED && self.is_back(now)
    }

    /// Whether nothing speaks against a request, and it has none.
    #[inline]
    pub(super) fn is_idle_and_sound(&self) -> bool {
        self.flags.load(Relaxed) & UNAVAILABLE == 0 && self.in_flight() == 0 && !self.is_suspect()
    }

    /// Whether it may get requests where no available one is left.
    pub(super) fn is_active(&self) -> bool {
        !self.has(STATE)
    }

    /// Whether it may get requests that a cookie leads there.
    pub(super) fn takes_sessions(&self) -> bool {
        !self.has(MAINTENANCE)
    }

    /// Its state: what an operator has said at run time, or else what its set wants.
    pub fn state(&self) -> EndpointState {
        match self.flags.load(Relaxed) & STATE {
            0 => EndpointState::Active,
            DRAINING => EndpointState::Draining,
            _ => EndpointState::Maintenance,
        }
    }

    /// Whether it is for clients of other zones or nodes.
    pub fn is_far(&self) -> bool {
        self.has(FAR)
    }

    /// Says so; tells whether it was otherwise.
    pub(super) fn set_far(&self, is_far: bool) -> bool {
        let wanted = if is_far { FAR } else { 0 };
        self.flags.load(Relaxed) & FAR != wanted && self.change(FAR, wanted) & FAR != wanted
    }

    /// Whether a check says that it is down.
    pub fn is_failing(&self) -> bool {
        self.has(FAILING)
    }

    /// Whether it is left out because it has failed too often.
    pub fn is_ejected(&self) -> bool {
        self.has(EJECTED)
    }

    fn has(&self, flags: u8) -> bool {
        self.flags.load(Relaxed) & flags != 0
    }

    /// Sets and clears flags. Returns those of before.
    fn change(&self, cleared: u8, set: u8) -> u8 {
        let changed = |flags: u8| Some(flags & !cleared | set);
        self.flags.fetch_update(Relaxed, Relaxed, changed).unwrap_or_else(|flags| flags)
    }

    /// Changes its state; tells whether it was another. Only for endpoints of a set, by who fills it.
    pub(super) fn set_state(&self, state: EndpointState) -> bool {
        let wanted = state_flag(state);
        let flags = self.care.get().map_or(wanted, |care| care.state(wanted));
        let is_another = self.change(STATE, flags) & STATE != flags;
        if is_another {
            self.has_changed();
        }
        is_another
    }

    /// What is counted of it, where that is asked for.
    #[inline]
    pub fn tally(&self) -> Option<&Tally> {
        self.care.get().and_then(Care::tally)
    }

    /// Counts what operators of HAProxy look for from now on.
    pub(super) fn keep_tally(&self, now: Instant) {
        self.care().keep_tally(now);
    }

    /// Its state is another.
    fn has_changed(&self) {
        if let Some(tally) = self.tally() {
            tally.changed(Instant::now());
        }
    }

    /// An operator says at run time what its state is, whatever its set wants; `None`: he does not any more.
    pub(super) fn say_state(&self, said: Option<EndpointState>) {
        let flags = self.care().say_state(said.map(state_flag));
        if self.change(STATE, flags) & STATE != flags {
            self.has_changed();
        }
    }

    /// The same of its share.
    pub(super) fn say_weight(&self, said: Option<Weight>) {
        self.care().say_weight(said);
    }

    /// Whether an operator has said at run time what its state is.
    pub fn is_commanded(&self) -> bool {
        self.care.get().is_some_and(|care| care.said_state().is_some())
    }

    /// The share that its set wants, whatever an operator has said.
    pub fn wanted_weight(&self) -> Weight {
        self.care.get().map_or_else(Weight::default, Care::wanted_weight)
    }

    /// Its share, beside those of the others.
    pub fn weight(&self) -> Weight {
        self.care.get().map_or_else(Weight::default, Care::weight)
    }

    /// Changes its share; tells whether it was another.
    pub(super) fn set_weight(&self, weight: Weight) -> bool {
        let differs = self.wanted_weight() != weight;
        if differs {
            self.care().want_weight(weight);
        }
        differs
    }

    /// For how long it has taken requests: since it is there, or is back.
    pub(super) fn taking_for(&self, now: Instant) -> Duration {
        let since = self.care.get().map_or(0, Care::since);
        Duration::from_millis(self.suspicion.millis(now).saturating_sub(since))
    }

    /// A check says that it is down, or up again. One that has said so must take it back before it ends.
    pub(crate) fn check_says(&self, is_up: bool, now: Instant) {
        let care = self.care();
        if care.count_failing(is_up) > 0 {
            if self.change(0, FAILING) & FAILING == 0 {
                self.has_changed();
            }
        } else if self.change(FAILING, 0) & FAILING != 0 {
            care.begins(self.suspicion.millis(now));
            self.has_changed();
            self.wake_queue();
        }
    }

    /// Takes note of a check, which has turned the verdict or has not.
    pub(crate) fn note_check(&self, note: CheckNote, has_turned: bool) {
        self.care().note_check(note, has_turned);
    }

    /// What is known by checks; `None`: there was none.
    pub fn checked(&self) -> Option<CheckNote> {
        self.care.get()?.checked()
    }

    /// An attempt has failed, for which the pod answers. Tells whether it has done so too often now.
    pub(super) fn has_failed(&self, rule: Ejection) -> bool {
        // What was under way when it was left out says nothing new.
        !self.is_ejected() && self.care().count_failure() >= rule.failures.get()
    }

    /// It has answered well.
    #[inline]
    pub(super) fn has_served(&self) {
        if let Some(care) = self.care.get() {
            care.forget_failures();
        }
    }

    /// Leaves it out for a while.
    pub(super) fn eject(&self, rule: Ejection, now: Instant) {
        self.care().eject(rule.time, self.suspicion.millis(now));
        self.change(0, EJECTED);
        self.has_changed();
    }

    /// Whether an ejected one is back, by the time.
    #[cold]
    fn is_back(&self, now: Instant) -> bool {
        let now = self.suspicion.millis(now);
        let Some(until) = self.care.get().map(Care::ejected_until) else { return true };
        if now < until {
            return false;
        }
        if self.change(EJECTED, 0) & EJECTED != 0 {
            self.care().begins(now);
            self.has_changed();
        }
        true
    }

    /// The queue of requests that wait until an endpoint is not full, to be told of each that ends here.
    pub(super) fn join(&self, queue: &Arc<WaitQueue>) {
        self.care().join(queue);
    }

    #[inline]
    fn wake_queue(&self) {
        if let Some(queue) = self.care.get().and_then(Care::queue) {
            queue.wake();
        }
    }

    fn care(&self) -> &Care {
        self.care.get_or_init(|| {
            let care = Care::default();
            care.state(self.flags.load(Relaxed) & STATE);
            Box::new(care)
        })
    }

    /// Whether connecting to it has failed and has not succeeded since.
    pub fn is_suspect(&self) -> bool {
        self.suspicion.is_raised()
    }

    /// To be called when no connection could be established (refused, timed out, TLS failure): makes it suspect for
    /// 1 s, doubling to 30 s with each failed probe. Failures of connects that began before count once.
    pub fn connect_failed(&self, now: Instant) {
        self.suspicion.raise(now);
    }

    /// To be called when a connection was established: clears all suspicion.
    pub fn connect_succeeded(&self) {
        self.suspicion.clear();
    }

    /// What its pod chose within TLS last, on a connection of any shard; `None` before the first.
    pub fn negotiated(&self) -> Option<Negotiated> {
        match self.flags.load(Relaxed) & (HTTP1 | HTTP2) {
            HTTP1 => Some(Negotiated::Http1),
            HTTP2 => Some(Negotiated::Http2),
            _ => None,
        }
    }

    /// Remembers what its pod has chosen within TLS.
    pub fn has_negotiated(&self, http: Negotiated) {
        let flag = match http {
            Negotiated::Http1 => HTTP1,
            Negotiated::Http2 => HTTP2,
        };
        if self.flags.load(Relaxed) & (HTTP1 | HTTP2) != flag {
            self.change(HTTP1 | HTTP2, flag);
        }
    }

    /// Whether this caller is the one that may try a suspect endpoint whose time is over.
    pub(super) fn claim_probe(&self, now: Instant) -> bool {
        self.suspicion.claim_probe(now)
    }

    /// Marks it as gone from its set, for good.
    pub(super) fn retire(&self) {
        self.change(0, RETIRED);
    }
}

/// One request's claim on an endpoint: counted as in flight until dropped.
#[derive(Debug)]
pub struct InFlight(Arc<Endpoint>);

impl InFlight {
    /// Counts one more request on the endpoint.
    pub(super) fn begin(endpoint: Arc<Endpoint>) -> Self {
        endpoint.in_flight.fetch_add(1, Relaxed);
        Self(endpoint)
    }

    /// The same, unless it has `most` already; exact, whoever else tries at the same time.
    pub(super) fn begin_below(endpoint: &Arc<Endpoint>, most: u32) -> Option<Self> {
        // In order with the entry of a waiter into the queue: one of both sides sees the other.
        let more = |count: u32| (count < most).then_some(count + 1);
        endpoint.in_flight.fetch_update(SeqCst, SeqCst, more).ok().map(|_| Self(Arc::clone(endpoint)))
    }

    /// The endpoint, as the pool wants it.
    pub fn endpoint(&self) -> &Arc<Endpoint> {
        &self.0
    }
}

impl Deref for InFlight {
    type Target = Endpoint;

    fn deref(&self) -> &Endpoint {
        &self.0
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, SeqCst);
        self.0.wake_queue();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(now: Instant) -> Arc<Endpoint> {
        Endpoint::new(EndpointSpec::active(([127, 0, 0, 1], 80).into()), now)
    }

    #[test]
    fn in_flight_is_counted_until_the_guard_drops() {
        let endpoint = endpoint(Instant::now());
        let first = InFlight::begin(Arc::clone(&endpoint));
        let second = InFlight::begin(Arc::clone(&endpoint));
        assert_eq!(endpoint.in_flight(), 2);
        assert_eq!(first.id(), endpoint.id());
        drop((first, second));
        assert_eq!(endpoint.in_flight(), 0);
    }

    #[test]
    fn fifty_thousand_endpoints_take_four_megabytes() {
        // With the two counts of its `Arc` the allocator gives 80 bytes to each.
        assert!(size_of::<Endpoint>() <= 64, "{}", size_of::<Endpoint>());
    }

    #[test]
    fn ids_are_never_shared() {
        let now = Instant::now();
        assert_ne!(endpoint(now).id(), endpoint(now).id());
        assert_ne!(endpoint(now).id(), 0);
    }

    #[test]
    fn suspicion_doubles_from_one_to_thirty_seconds_and_success_clears_it() {
        let mut now = Instant::now();
        let endpoint = endpoint(now);
        assert!(!endpoint.claim_probe(now), "nothing to probe when clear");
        endpoint.connect_failed(now);
        for seconds in [1, 2, 4, 8, 16, 30, 30, 30] {
            assert!(!endpoint.claim_probe(now + Duration::from_millis(seconds * 1000 - 1)));
            now += Duration::from_secs(seconds);
            assert!(endpoint.is_suspect(), "suspect until a probe has connected");
            assert!(endpoint.claim_probe(now), "after {seconds} s one request may try");
            assert!(!endpoint.claim_probe(now), "and only one");
            endpoint.connect_failed(now);
        }
        endpoint.connect_succeeded();
        assert!(!endpoint.is_suspect());
        endpoint.connect_failed(now);
        assert!(endpoint.claim_probe(now + Duration::from_secs(1)), "begins again at 1 s");
    }

    #[test]
    fn failures_of_one_moment_count_once() {
        let now = Instant::now();
        let endpoint = endpoint(now);
        for after in [0, 1, 500, 999] {
            endpoint.connect_failed(now + Duration::from_millis(after));
        }
        assert!(endpoint.claim_probe(now + Duration::from_secs(1)));
    }
}
