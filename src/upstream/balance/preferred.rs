//! The endpoint that a request prefers. Pure, as the choice by turn is.

use std::sync::Arc;

use super::least_loaded;
use crate::model::{Preference, score, token};
use crate::upstream::endpoint::Endpoint;

/// The endpoint for an attempt; `None` where there is none for it.
///
/// A request that may move passes over endpoints that were tried, or are suspect while another one is not. One that may not
/// move has its endpoint or none.
pub(in crate::upstream) fn preferred<'a>(
    preference: Preference,
    endpoints: &'a [Arc<Endpoint>],
    turn: usize,
    tried: &[u64],
) -> Option<&'a Arc<Endpoint>> {
    match preference {
        Preference::OfToken { token: wanted, moves } => {
            let own = endpoints.iter().find(|endpoint| token(endpoint.address()) == wanted && !endpoint.is_draining());
            match own {
                Some(own) if !moves => (!tried.contains(&own.id())).then_some(own),
                Some(own) if !tried.contains(&own.id()) && !own.is_suspect() => Some(own),
                // The caller chooses as for a request that prefers none.
                Some(_) | None => least_loaded(endpoints, tried).or_else(|| untried(own?, tried)),
            }
        }
        Preference::OfKey { key, among, moves } => {
            let mut order: Vec<&Arc<Endpoint>> = endpoints.iter().filter(|endpoint| !endpoint.is_draining()).collect();
            order.sort_by_cached_key(|endpoint| std::cmp::Reverse(score(key, token(endpoint.address()))));
            let among = among.clamp(1, order.len().max(1));
            let first = order.get(turn % among)?;
            if !moves {
                return untried(first, tried);
            }
            let is_sound = |endpoint: &&&Arc<Endpoint>| !endpoint.is_suspect() && !tried.contains(&endpoint.id());
            let others = || std::iter::once(first).chain(&order);
            others().find(is_sound).or_else(|| others().find(|other| !tried.contains(&other.id()))).copied()
        }
    }
}

fn untried<'a>(endpoint: &'a Arc<Endpoint>, tried: &[u64]) -> Option<&'a Arc<Endpoint>> {
    (!tried.contains(&endpoint.id())).then_some(endpoint)
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::model::{EndpointSpec, EndpointState, key_of};

    fn endpoints(count: u8) -> Vec<Arc<Endpoint>> {
        (0..count).map(|n| Endpoint::new(EndpointSpec::active(([10, 0, 0, n], 80).into()), Instant::now())).collect()
    }

    fn of_key(key: u64, among: usize, moves: bool) -> Preference {
        Preference::OfKey { key, among, moves }
    }

    #[test]
    fn nginx_r1_r2_a_key_leads_to_one_endpoint_or_to_so_many() {
        let set = endpoints(6);
        for text in [&b"/a"[..], b"/b", b"/c"] {
            for (among, expected) in [(1, 1), (3, 3), (100, 6)] {
                let chosen =
                    (0..60).map(|turn| preferred(of_key(key_of(text), among, true), &set, turn, &[]).unwrap().id());
                assert_eq!(chosen.collect::<std::collections::BTreeSet<_>>().len(), expected, "{among}");
            }
        }
    }

    #[test]
    fn an_endpoint_that_leaves_moves_nobody_elses_key() {
        let set = endpoints(6);
        for key in 0..200 {
            let preference = of_key(key_of(&[key]), 1, true);
            let before = preferred(preference, &set, 0, &[]).unwrap();
            let rest: Vec<_> = set.iter().filter(|endpoint| endpoint.id() != set[2].id()).cloned().collect();
            let after = preferred(preference, &rest, 0, &[]).unwrap();
            assert!(before.id() == after.id() || before.id() == set[2].id());
        }
    }

    #[test]
    fn nginx_g4_who_may_move_is_served_by_others_and_who_may_not_is_not() {
        let (set, now) = (endpoints(3), Instant::now());
        for preference in [
            |moves| of_key(7, 1, moves),
            |moves| Preference::OfToken { token: token(([10, 0, 0, 1], 80).into()), moves },
        ] {
            let own = preferred(preference(false), &set, 0, &[]).unwrap();
            assert_eq!(preferred(preference(true), &set, 5, &[]).unwrap().id(), own.id());
            assert!(preferred(preference(false), &set, 0, &[own.id()]).is_none());
            assert_ne!(preferred(preference(true), &set, 0, &[own.id()]).unwrap().id(), own.id());
            own.connect_failed(now);
            assert_eq!(preferred(preference(false), &set, 0, &[]).unwrap().id(), own.id());
            assert_ne!(preferred(preference(true), &set, 0, &[]).unwrap().id(), own.id());
            own.connect_succeeded();
            let all: Vec<_> = set.iter().map(|endpoint| endpoint.id()).collect();
            assert!(preferred(preference(true), &set, 0, &all).is_none());
        }
    }

    #[test]
    fn endpoints_that_drain_or_are_gone_are_never_preferred() {
        let set = endpoints(2);
        let wanted = token(set[0].address());
        for moves in [true, false] {
            let preference = Preference::OfToken { token: wanted, moves };
            assert_eq!(preferred(preference, &set[1..], 0, &[]).unwrap().id(), set[1].id());
            set[0].set_state(EndpointState::Draining);
            assert_eq!(preferred(preference, &set, 0, &[]).unwrap().id(), set[1].id());
            set[0].set_state(EndpointState::Active);
        }
        assert!(preferred(of_key(1, 1, true), &[], 0, &[]).is_none());
    }
}
