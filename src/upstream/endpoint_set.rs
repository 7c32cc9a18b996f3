//! The endpoints of an upstream at one moment: immutable, sorted by address, replaced as a whole.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use tokio::time::{Duration, Instant};

use super::balance::Scores;
use super::endpoint::Endpoint;
use crate::model::EndpointSpec;

/// What becomes of a set.
#[derive(Debug)]
pub(super) enum Followed {
    /// It is as it was.
    Nothing,
    /// Endpoints of it have other states or weights. The addresses are the same.
    States,
    /// It is to be replaced.
    Replaced {
        /// By this one.
        next: EndpointSet,
        /// The endpoints that it does not keep.
        gone: Vec<Arc<Endpoint>>,
    },
}

/// Weights differ.
const WEIGHTED: u8 = 1;
/// Some are far and some are near.
const FAR_AND_NEAR: u8 = 2;

/// What one load of an upstream's cell gives.
#[derive(Debug, Default)]
pub struct EndpointSet {
    endpoints: Box<[Arc<Endpoint>]>,
    /// How long they have taken to answer, for routes that ask. They come with the first that does.
    scores: OnceLock<Box<Scores>>,
    /// The constants below: what makes the choice of an endpoint more than a look at whose turn it is.
    differences: AtomicU8,
}

impl EndpointSet {
    /// The endpoints, sorted by address, no address twice.
    pub fn as_slice(&self) -> &[Arc<Endpoint>] {
        &self.endpoints
    }

    /// How many endpoints there are.
    pub fn len(&self) -> usize {
        self.endpoints.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.endpoints.is_empty()
    }

    /// Whether its endpoints differ in weight or in where they are.
    #[inline]
    pub(super) fn is_mixed(&self) -> bool {
        self.differences.load(Relaxed) != 0
    }

    /// Whether the weights of its endpoints differ.
    pub(super) fn is_weighted(&self) -> bool {
        self.differences.load(Relaxed) & WEIGHTED != 0
    }

    /// Whether some of its endpoints are far and some are near.
    pub(super) fn has_far_and_near(&self) -> bool {
        self.differences.load(Relaxed) & FAR_AND_NEAR != 0
    }

    /// Looks at the weights of its endpoints, and at where they are.
    pub(super) fn weigh(&self) {
        let mut weights = self.endpoints.iter().map(|endpoint| endpoint.weight());
        let first = weights.next();
        let is_none = first.is_some_and(|weight| weight.get() == 0);
        let is_weighted = is_none || weights.any(|weight| Some(weight) != first);
        let far = self.endpoints.iter().filter(|endpoint| endpoint.is_far()).count();
        let weighted = if is_weighted { WEIGHTED } else { 0 };
        let mixed = if (1..self.len()).contains(&far) { FAR_AND_NEAR } else { 0 };
        self.differences.store(weighted | mixed, Relaxed);
    }

    /// What sessions know the endpoint of an address by; `None`: there is none.
    pub fn identity_of(&self, address: SocketAddr) -> Option<u64> {
        self.of(address).map(|endpoint| endpoint.identity())
    }

    /// How long its endpoints have taken to answer.
    pub(super) fn scores(&self, now: Instant) -> &Scores {
        self.scores.get_or_init(|| Box::new(Scores::new(self.len(), now)))
    }

    /// An endpoint, which may have left meanwhile, has taken `time` for an answer.
    pub(super) fn took(&self, endpoint: &Endpoint, time: Duration, now: Instant) {
        if let Some(place) = self.place(endpoint) {
            self.scores(now).took(place, time, now);
        }
    }

    /// The endpoint of an address.
    pub fn of(&self, address: SocketAddr) -> Option<&Arc<Endpoint>> {
        let place = self.endpoints.binary_search_by_key(&address, |endpoint| endpoint.address()).ok()?;
        self.endpoints.get(place)
    }

    fn place(&self, endpoint: &Endpoint) -> Option<usize> {
        let place = self.endpoints.binary_search_by_key(&endpoint.address(), |other| other.address()).ok()?;
        (self.endpoints[place].id() == endpoint.id()).then_some(place)
    }

    /// What becomes of the set when these endpoints are wanted, sorted by address and no address twice. Those that stay, by address
    /// and pod, are kept and get the states that are wanted.
    pub(super) fn follow(&self, wanted: &[EndpointSpec], now: Instant) -> Followed {
        let (mut next, mut gone) = (Vec::with_capacity(wanted.len()), Vec::new());
        let (mut has_new_state, mut has_new_address) = (false, false);
        let mut rest = self.endpoints.iter().peekable();
        for spec in wanted {
            // Equality first: most addresses stay, and their order costs more to tell.
            let leaves = |living: &&Arc<Endpoint>| {
                let address = living.address();
                address != spec.address && address < spec.address
            };
            while let Some(living) = rest.next_if(leaves) {
                gone.push(Arc::clone(living));
            }
            match rest.next_if(|living| living.address() == spec.address) {
                Some(living) if living.is(spec) => {
                    has_new_state |=
                        living.set_state(spec.state) | living.set_weight(spec.weight) | living.set_far(spec.is_far);
                    next.push(Arc::clone(living));
                }
                other => {
                    // A pod that has got the address of another starts anew.
                    gone.extend(other.cloned());
                    has_new_address = true;
                    next.push(Endpoint::new(*spec, now));
                }
            }
        }
        gone.extend(rest.cloned());
        if has_new_address || !gone.is_empty() {
            Followed::Replaced { next: self.followed_by(next, now), gone }
        } else if has_new_state {
            self.weigh();
            Followed::States
        } else {
            Followed::Nothing
        }
    }
}

impl EndpointSet {
    /// A set of these endpoints, with what is known of those that were in this one.
    fn followed_by(&self, endpoints: Vec<Arc<Endpoint>>, now: Instant) -> Self {
        let scores = OnceLock::new();
        if let Some(known) = self.scores.get() {
            let places = endpoints.iter().map(|endpoint| self.place(endpoint));
            let _ = scores.set(Box::new(known.carried(places, now)));
        }
        let next = Self { endpoints: endpoints.into(), scores, differences: AtomicU8::new(0) };
        next.weigh();
        next
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::SocketAddr;

    use proptest::prelude::*;

    use super::*;

    fn endpoints(ports: BTreeSet<u16>) -> Vec<EndpointSpec> {
        ports.iter().map(|p| EndpointSpec::active(([10, 0, 0, 1], *p).into())).collect()
    }

    #[test]
    fn a_pod_that_gets_the_address_of_another_is_another_endpoint() {
        let now = Instant::now();
        let spec = |identity| EndpointSpec { identity, ..EndpointSpec::active(([10, 0, 0, 1], 80).into()) };
        let Followed::Replaced { next: set, .. } = EndpointSet::default().follow(&[spec(1)], now) else { panic!() };
        assert!(matches!(set.follow(&[spec(1)], now), Followed::Nothing));
        let Followed::Replaced { next, gone } = set.follow(&[spec(2)], now) else { panic!() };
        assert_eq!((next.len(), gone.len()), (1, 1));
        assert_ne!(next.as_slice()[0].id(), gone[0].id());
        assert_eq!(next.identity_of(([10, 0, 0, 1], 80).into()), Some(2));
        assert_eq!(next.identity_of(([10, 0, 0, 2], 80).into()), None);
    }

    proptest! {
        #[test]
        fn staying_addresses_keep_their_endpoints_and_only_those(
            steps in prop::collection::vec(prop::collection::btree_set(0u16..12, 0..12), 1..8)
        ) {
            let now = Instant::now();
            let mut set = EndpointSet::default();
            let mut seen = BTreeSet::new();
            for ports in steps {
                let wanted_specs = endpoints(ports);
                let wanted: BTreeSet<SocketAddr> = wanted_specs.iter().map(|spec| spec.address).collect();
                let before: BTreeSet<SocketAddr> = set.as_slice().iter().map(|e| e.address()).collect();
                let Followed::Replaced { next, gone } = set.follow(&wanted_specs, now) else {
                    prop_assert_eq!(wanted, before);
                    continue;
                };
                prop_assert_ne!(&wanted, &before);
                prop_assert_eq!(next.as_slice().iter().map(|e| e.address()).collect::<Vec<_>>(),
                    wanted.iter().copied().collect::<Vec<_>>());
                prop_assert_eq!(gone.iter().map(|e| e.address()).collect::<BTreeSet<_>>(),
                    before.difference(&wanted).copied().collect::<BTreeSet<_>>());
                for endpoint in next.as_slice() {
                    let kept = set.as_slice().iter().find(|e| e.address() == endpoint.address());
                    match kept {
                        Some(kept) => prop_assert!(Arc::ptr_eq(kept, endpoint)),
                        None => prop_assert!(seen.insert(endpoint.id()), "a new endpoint has a new id"),
                    }
                }
                set = next;
            }
        }
    }
}
