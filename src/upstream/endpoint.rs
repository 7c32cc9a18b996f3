//! One address that answers for an upstream: its load, whether connections to it failed lately, whether it takes requests.
//!
//! All state is atomic and shared by the shards. An endpoint is created when its address joins a set and is never
//! revived once it has left: the same address coming back is a new endpoint with a new id.

use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};

use tokio::time::{Duration, Instant};

use crate::model::{EndpointSpec, EndpointState};

/// Ids are unique in the process and begin at 1, so that 0 can mean "none".
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// A pod (or other address) of an upstream.
#[derive(Debug)]
pub struct Endpoint {
    id: u64,
    /// With `port` a `SocketAddr` without what only link-local IPv6 addresses have: 20 bytes instead of 32.
    ip: IpAddr,
    port: u16,
    in_flight: AtomicU32,
    /// One of the constants below.
    standing: AtomicU8,
    /// 0 before anything was negotiated.
    negotiated: AtomicU8,
    suspicion: Suspicion,
}

/// Which HTTP a pod chose within TLS (ALPN).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Negotiated {
    /// HTTP/1.1, or it chose nothing.
    Http1,
    /// HTTP/2.
    Http2,
}

const ACTIVE: u8 = 0;
const DRAINING: u8 = 1;
const RETIRED: u8 = 2;

fn standing(state: EndpointState) -> u8 {
    match state {
        EndpointState::Active => ACTIVE,
        EndpointState::Draining => DRAINING,
    }
}

impl Endpoint {
    /// A new endpoint without load or suspicion, with an id of its own.
    pub(super) fn new(spec: EndpointSpec, now: Instant) -> Arc<Self> {
        let EndpointSpec { address, state } = spec;
        Arc::new(Self {
            id: NEXT_ID.fetch_add(1, Relaxed),
            ip: address.ip(),
            port: address.port(),
            in_flight: AtomicU32::new(0),
            standing: AtomicU8::new(standing(state)),
            negotiated: AtomicU8::new(0),
            suspicion: Suspicion::new(now),
        })
    }

    /// Unique in this process, at least 1, never reused.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.ip, self.port)
    }

    /// Requests (of all shards) that picked it and have not ended.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Relaxed) as usize
    }

    /// Whether it has left its set. Requests in flight go on; connections to it must not be kept.
    pub fn is_retired(&self) -> bool {
        self.standing.load(Relaxed) == RETIRED
    }

    /// Whether it takes no new requests though it belongs to its set. One that has left its set meanwhile may still be
    /// chosen by who loaded the set before.
    pub fn is_draining(&self) -> bool {
        self.standing.load(Relaxed) == DRAINING
    }

    /// Changes its state; tells whether it was another. Only for endpoints of a set, by who fills it.
    pub(super) fn set_state(&self, state: EndpointState) -> bool {
        self.standing.swap(standing(state), Relaxed) != standing(state)
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
        match self.negotiated.load(Relaxed) {
            1 => Some(Negotiated::Http1),
            2 => Some(Negotiated::Http2),
            _ => None,
        }
    }

    /// Remembers what its pod has chosen within TLS.
    pub fn has_negotiated(&self, http: Negotiated) {
        let code = match http {
            Negotiated::Http1 => 1,
            Negotiated::Http2 => 2,
        };
        self.negotiated.store(code, Relaxed);
    }

    /// Whether this caller is the one that may try a suspect endpoint whose time is over.
    pub(super) fn claim_probe(&self, now: Instant) -> bool {
        self.suspicion.claim_probe(now)
    }

    /// Marks it as gone from its set, for good.
    pub(super) fn retire(&self) {
        self.standing.store(RETIRED, Relaxed);
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
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

/// Passive health: one word, zero when clear, else the end of the suspicion and how often it was doubled.
///
/// When the time is over, the endpoint stays suspect until one request, the probe, has connected. The probe extends
/// the suspicion *before* it connects, as if it had failed. So no other request tries meanwhile, and the many failures
/// that one outage causes at once count as one.
#[derive(Debug)]
struct Suspicion {
    /// What the word counts from.
    born: Instant,
    /// `milliseconds since birth << 4 | level`, level 1 to 6; 0 when clear.
    word: AtomicU64,
}

const LEVEL_BITS: u32 = 4;
const LONGEST_LEVEL: u64 = 6;

impl Suspicion {
    fn new(now: Instant) -> Self {
        Self { born: now, word: AtomicU64::new(0) }
    }

    fn is_raised(&self) -> bool {
        self.word.load(Relaxed) != 0
    }

    fn clear(&self) {
        // Read first: the word is clear nearly always, and a store would take the cache line from the other shards.
        if self.is_raised() {
            self.word.store(0, Relaxed);
        }
    }

    fn raise(&self, now: Instant) {
        let word = self.word.load(Relaxed);
        if word == 0 || self.is_over(word, now) {
            // If another thread was faster, it has noted a failure of the same moment.
            let _ = self.word.compare_exchange(word, self.next(word, now), Relaxed, Relaxed);
        }
    }

    fn claim_probe(&self, now: Instant) -> bool {
        let word = self.word.load(Relaxed);
        word != 0
            && self.is_over(word, now)
            && self.word.compare_exchange(word, self.next(word, now), Relaxed, Relaxed).is_ok()
    }

    fn is_over(&self, word: u64, now: Instant) -> bool {
        self.millis(now) >= word >> LEVEL_BITS
    }

    fn next(&self, word: u64, now: Instant) -> u64 {
        let level = ((word & ((1 << LEVEL_BITS) - 1)) + 1).min(LONGEST_LEVEL);
        let length = Duration::from_secs(1 << (level - 1)).min(Duration::from_secs(30));
        ((self.millis(now) + length.as_millis() as u64) << LEVEL_BITS) | level
    }

    /// Milliseconds since birth: 60 bits last for millions of years.
    fn millis(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.born).as_millis() as u64
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
