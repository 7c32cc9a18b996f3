//! The endpoints of an upstream at one moment: immutable, sorted by address, replaced as a whole.

use std::sync::Arc;

use tokio::time::Instant;

use super::endpoint::Endpoint;
use crate::model::EndpointSpec;

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

    /// Gives the endpoints of these addresses the states that are wanted, and tells whether one had another. `wanted` is
    /// sorted by address.
    pub(super) fn set_states(&self, wanted: &[EndpointSpec]) -> bool {
        let found = self.walk(wanted).filter_map(|(spec, endpoint)| Some((spec.state, endpoint?)));
        found.fold(false, |changed, (state, endpoint)| endpoint.set_state(state) | changed)
    }

    /// The set of these endpoints, sorted by address and no address twice. It keeps the endpoints of addresses that stay;
    /// those that leave are given too. `None` if the addresses are those that it has.
    pub(super) fn replaced_by(&self, wanted: &[EndpointSpec], now: Instant) -> Option<(Self, Vec<Arc<Endpoint>>)> {
        if wanted.iter().map(|spec| spec.address).eq(self.0.iter().map(|endpoint| endpoint.address())) {
            return None;
        }
        let kept = |(spec, living): (&EndpointSpec, Option<&Arc<Endpoint>>)| {
            living.map_or_else(|| Endpoint::new(*spec, now), Arc::clone)
        };
        let next = self.walk(wanted).map(kept).collect();
        let leaves =
            |endpoint: &&Arc<Endpoint>| wanted.binary_search_by_key(&endpoint.address(), |spec| spec.address).is_err();
        Some((Self(next), self.0.iter().filter(leaves).cloned().collect()))
    }

    /// Each of these addresses with its endpoint, if there is one. Both are sorted, so one walk finds all.
    fn walk<'s>(
        &'s self,
        wanted: &'s [EndpointSpec],
    ) -> impl Iterator<Item = (&'s EndpointSpec, Option<&'s Arc<Endpoint>>)> {
        let mut rest = self.0.iter().peekable();
        wanted.iter().map(move |spec| {
            // Equality first: most addresses stay, and their order costs more to tell.
            while rest.peek().is_some_and(|next| next.address() != spec.address && next.address() < spec.address) {
                rest.next();
            }
            (spec, rest.next_if(|next| next.address() == spec.address))
        })
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
                let Some((next, gone)) = set.replaced_by(&wanted_specs, now) else {
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
