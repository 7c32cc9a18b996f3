//! The endpoints of an upstream at one moment: immutable, sorted by address, replaced as a whole.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::time::Instant;

use super::endpoint::Endpoint;

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

    /// The set of these addresses (in any order, repeated or not), which keeps the endpoints of addresses that stay,
    /// and the endpoints that leave. `None` if the addresses are those that it has.
    pub(super) fn replaced_by(
        &self,
        mut addresses: Vec<SocketAddr>,
        now: Instant,
    ) -> Option<(Self, Vec<Arc<Endpoint>>)> {
        addresses.sort_unstable();
        addresses.dedup();
        if addresses.iter().copied().eq(self.0.iter().map(|e| e.address())) {
            return None;
        }
        let stays =
            |address| self.0.binary_search_by_key(address, |e| e.address()).ok().map(|at| Arc::clone(&self.0[at]));
        let next = addresses.iter().map(|a| stays(a).unwrap_or_else(|| Endpoint::new(*a, now))).collect();
        let leaves = |e: &&Arc<Endpoint>| addresses.binary_search(&e.address()).is_err();
        Some((Self(next), self.0.iter().filter(leaves).cloned().collect()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn addresses(ports: &[u16]) -> Vec<SocketAddr> {
        ports.iter().map(|p| ([10, 0, 0, 1], *p).into()).collect()
    }

    proptest! {
        #[test]
        fn staying_addresses_keep_their_endpoints_and_only_those(
            steps in prop::collection::vec(prop::collection::vec(0u16..12, 0..12), 1..8)
        ) {
            let now = Instant::now();
            let mut set = EndpointSet::default();
            let mut seen = BTreeSet::new();
            for ports in steps {
                let wanted: BTreeSet<SocketAddr> = addresses(&ports).into_iter().collect();
                let before: BTreeSet<SocketAddr> = set.as_slice().iter().map(|e| e.address()).collect();
                let Some((next, gone)) = set.replaced_by(addresses(&ports), now) else {
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
