//! The endpoints of an upstream at one moment: immutable, sorted by address, replaced as a whole.

use std::sync::Arc;

use tokio::time::Instant;

use super::endpoint::Endpoint;
use crate::model::EndpointSpec;

/// What becomes of a set.
#[derive(Debug)]
pub(super) enum Followed {
    /// It is as it was.
    Nothing,
    /// Endpoints of it have other states. The addresses are the same.
    States,
    /// It is to be replaced.
    Replaced {
        /// By this one.
        next: EndpointSet,
        /// The endpoints that it does not keep.
        gone: Vec<Arc<Endpoint>>,
    },
}

/// What one load of an upstream's cell gives.
#[derive(Debug, Default)]
pub struct EndpointSet(Box<[Arc<Endpoint>]>);

impl EndpointSet {
    /// The endpoints, sorted by address, no address twice.
    pub fn as_slice(&self) -> &[Arc<Endpoint>] {
        &self.0
    }

    /// How many endpoints there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What becomes of the set when these endpoints are wanted, sorted by address and no address twice. The endpoints of
    /// addresses that stay are kept and get the states that are wanted.
    pub(super) fn follow(&self, wanted: &[EndpointSpec], now: Instant) -> Followed {
        let (mut next, mut gone) = (Vec::with_capacity(wanted.len()), Vec::new());
        let (mut has_new_state, mut has_new_address) = (false, false);
        let mut rest = self.0.iter().peekable();
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
                Some(living) => {
                    has_new_state |= living.set_state(spec.state);
                    next.push(Arc::clone(living));
                }
                None => {
                    has_new_address = true;
                    next.push(Endpoint::new(*spec, now));
                }
            }
        }
        gone.extend(rest.cloned());
        if has_new_address || !gone.is_empty() {
            Followed::Replaced { next: Self(next.into()), gone }
        } else if has_new_state {
            Followed::States
        } else {
            Followed::Nothing
        }
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
