//! The endpoint that a request prefers. Pure, as the choice by turn is.

use std::num::NonZeroU32;
use std::sync::Arc;

use crate::model::{EndpointState, Preference, score, token};
use crate::upstream::endpoint::Endpoint;
use crate::upstream::wanted::Wanted;

/// The endpoint for an attempt; `None` where there is none for it. `elsewhere` chooses as for a request that prefers none.
///
/// A request that may move passes over endpoints that were tried, or have their part of the load, or are suspect or down while
/// another one is not. One that may not move has its endpoint or none, unless that is full.
pub(in crate::upstream) fn preferred<'a>(
    preference: Preference,
    endpoints: &'a [Arc<Endpoint>],
    turn: usize,
    wanted: &Wanted<'_>,
    elsewhere: impl FnOnce() -> Option<&'a Arc<Endpoint>>,
) -> Option<&'a Arc<Endpoint>> {
    let Wanted { tried, now, each, hash_bound, .. } = *wanted;
    let is_full = |endpoint: &Endpoint| each.is_some_and(|most| endpoint.in_flight() >= most.get() as usize);
    let is_sound =
        |endpoint: &Endpoint| !endpoint.is_suspect() && !tried.contains(&endpoint.id()) && !is_full(endpoint);
    match preference {
        Preference::OfToken { moves, .. } | Preference::OfPod { moves, .. } => {
            let is_own = |endpoint: &Endpoint| match preference {
                Preference::OfToken { token: wanted, .. } => token(endpoint.address()) == wanted,
                Preference::OfPod { identity, .. } => endpoint.identity() == identity,
                Preference::OfKey { .. } => false,
            };
            let own = endpoints.iter().find(|endpoint| is_own(endpoint) && endpoint.takes_sessions());
            let is_up = |own: &Endpoint| own.is_available(now) || own.state() == EndpointState::Draining;
            match own {
                Some(own) if !moves && !is_full(own) => (!tried.contains(&own.id())).then_some(own),
                Some(own) if is_sound(own) && is_up(own) => Some(own),
                Some(_) | None => elsewhere().or_else(|| untried(own?, tried)),
            }
        }
        Preference::OfKey { key, among, moves } => {
            let mut order: Vec<&Arc<Endpoint>> =
                endpoints.iter().filter(|endpoint| endpoint.is_active() && endpoint.weight().get() > 0).collect();
            order.sort_by_cached_key(|endpoint| std::cmp::Reverse(score(key, token(endpoint.address()))));
            let among = among.clamp(1, order.len().max(1));
            let first = *order.get(turn % among)?;
            if !moves && !is_full(first) {
                return untried(first, tried);
            }
            // One request may try a suspect endpoint whose time is over.
            if tried.is_empty()
                && first.is_suspect()
                && first.is_available(now)
                && !is_full(first)
                && first.claim_probe(now)
            {
                return Some(first);
            }
            let most = hash_bound.map(|percent| bounded(order.iter().filter(|other| other.is_available(now)), percent));
            let is_light = |endpoint: &Endpoint| most.is_none_or(|most| endpoint.in_flight() < most);
            let others = || std::iter::once(first).chain(order.iter().copied());
            let is_up = |other: &&Arc<Endpoint>| is_sound(other) && other.is_available(now);
            let up = || others().filter(is_up);
            up().find(|other| is_light(other))
                .or_else(|| up().next())
                .or_else(|| others().find(|other| other.is_available(now) && !tried.contains(&other.id())))
                .or_else(|| others().find(|other| !tried.contains(&other.id())))
        }
    }
}

/// Requests in flight from which on an endpoint has its part: `percent` of the mean, with one request more.
fn bounded<'a>(endpoints: impl Iterator<Item = &'a &'a Arc<Endpoint>>, percent: NonZeroU32) -> usize {
    let (all, count) = endpoints.fold((0, 0), |(all, count), endpoint| (all + endpoint.in_flight(), count + 1));
    ((all + 1) * percent.get() as usize).div_ceil(100 * count.max(1_usize)).max(1)
}

fn untried<'a>(endpoint: &'a Arc<Endpoint>, tried: &[u64]) -> Option<&'a Arc<Endpoint>> {
    (!tried.contains(&endpoint.id())).then_some(endpoint)
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::model::{Balance, EndpointSpec, key_of};
    use crate::upstream::InFlight;
    use crate::upstream::balance::least_loaded;

    fn endpoints(count: u8) -> Vec<Arc<Endpoint>> {
        (0..count).map(|n| Endpoint::new(EndpointSpec::active(([10, 0, 0, n], 80).into()), Instant::now())).collect()
    }

    /// Whoever has no preference goes to the one with the fewest requests.
    fn chosen<'a>(
        preference: Preference,
        endpoints: &'a [Arc<Endpoint>],
        turn: usize,
        wanted: &Wanted<'_>,
    ) -> Option<&'a Arc<Endpoint>> {
        preferred(preference, endpoints, turn, wanted, || least_loaded(endpoints, wanted.tried, wanted.now))
    }

    fn wanted(tried: &[u64]) -> Wanted<'_> {
        Wanted { tried, ..Wanted::by(Balance::default(), Instant::now()) }
    }

    fn of_key(key: u64, among: usize, moves: bool) -> Preference {
        Preference::OfKey { key, among, moves }
    }

    #[test]
    fn nginx_r1_r2_a_key_leads_to_one_endpoint_or_to_so_many() {
        let set = endpoints(6);
        for text in [&b"/a"[..], b"/b", b"/c"] {
            for (among, expected) in [(1, 1), (3, 3), (100, 6)] {
                let seen = (0..60)
                    .map(|turn| chosen(of_key(key_of(text), among, true), &set, turn, &wanted(&[])).unwrap().id());
                assert_eq!(seen.collect::<std::collections::BTreeSet<_>>().len(), expected, "{among}");
            }
        }
    }

    #[test]
    fn an_endpoint_that_leaves_moves_nobody_elses_key() {
        let set = endpoints(6);
        for key in 0..200 {
            let preference = of_key(key_of(&[key]), 1, true);
            let before = chosen(preference, &set, 0, &wanted(&[])).unwrap();
            let rest: Vec<_> = set.iter().filter(|endpoint| endpoint.id() != set[2].id()).cloned().collect();
            let after = chosen(preference, &rest, 0, &wanted(&[])).unwrap();
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
            let own = chosen(preference(false), &set, 0, &wanted(&[])).unwrap();
            assert_eq!(chosen(preference(true), &set, 5, &wanted(&[])).unwrap().id(), own.id());
            assert!(chosen(preference(false), &set, 0, &wanted(&[own.id()])).is_none());
            assert_ne!(chosen(preference(true), &set, 0, &wanted(&[own.id()])).unwrap().id(), own.id());
            own.connect_failed(now);
            assert_eq!(chosen(preference(false), &set, 0, &wanted(&[])).unwrap().id(), own.id());
            assert_ne!(chosen(preference(true), &set, 0, &wanted(&[])).unwrap().id(), own.id());
            own.connect_succeeded();
            let all: Vec<_> = set.iter().map(|endpoint| endpoint.id()).collect();
            assert!(chosen(preference(true), &set, 0, &wanted(&all)).is_none());
        }
    }

    #[test]
    fn a_session_of_a_pod_finds_it_at_any_address_and_no_other_pod_at_its_own() {
        let spec = |last, identity| EndpointSpec { identity, ..EndpointSpec::active(([10, 0, 0, last], 80).into()) };
        let set: Vec<_> = [spec(1, 11), spec(2, 12)].map(|spec| Endpoint::new(spec, Instant::now())).into();
        let of = |identity| Preference::OfPod { identity, moves: true };
        let busy = InFlight::begin(Arc::clone(&set[1]));
        assert_eq!(chosen(of(12), &set, 0, &wanted(&[])).unwrap().id(), set[1].id());
        // Its address is another pod's now: the session is nobody's.
        let next = [Arc::clone(&set[0]), Endpoint::new(spec(2, 13), Instant::now())];
        let other = InFlight::begin(Arc::clone(&next[1]));
        assert_eq!(chosen(of(12), &next, 0, &wanted(&[])).unwrap().id(), set[0].id());
        drop((busy, other));
    }

    #[test]
    fn one_that_drains_keeps_its_sessions_and_one_in_maintenance_or_gone_does_not() {
        let set = endpoints(2);
        for moves in [true, false] {
            let preference = Preference::OfToken { token: token(set[0].address()), moves };
            assert_eq!(chosen(preference, &set[1..], 0, &wanted(&[])).unwrap().id(), set[1].id());
            set[0].set_state(EndpointState::Draining);
            assert_eq!(chosen(preference, &set, 0, &wanted(&[])).unwrap().id(), set[0].id());
            set[0].set_state(EndpointState::Maintenance);
            assert_eq!(chosen(preference, &set, 0, &wanted(&[])).unwrap().id(), set[1].id());
            assert!(
                (0..9).all(|key| chosen(of_key(key, 1, moves), &set, 0, &wanted(&[])).unwrap().id() == set[1].id())
            );
            set[0].set_state(EndpointState::Active);
        }
        assert!(chosen(of_key(1, 1, true), &[], 0, &wanted(&[])).is_none());
    }

    #[test]
    fn of_n_endpoints_one_that_goes_moves_its_own_share_of_the_keys() {
        let set = endpoints(10);
        let of = |set: &[Arc<Endpoint>]| -> Vec<u64> {
            let key = |n: u32| of_key(key_of(&n.to_be_bytes()), 1, true);
            (0..5000).map(|n| chosen(key(n), set, 0, &wanted(&[])).unwrap().id()).collect()
        };
        let (before, after) = (of(&set), of(&set[1..]));
        let moved = before.iter().zip(&after).filter(|(before, after)| before != after).count();
        assert!(moved <= 5000 / 10 + 5000 / 20, "{moved} of 5000 have moved");
    }

    #[test]
    fn a_key_goes_on_where_its_endpoint_has_more_than_its_part_of_the_load() {
        let set = endpoints(4);
        let wanted = Wanted { hash_bound: NonZeroU32::new(125), ..wanted(&[]) };
        let mut in_flight = Vec::new();
        for _ in 0..100 {
            let one = chosen(of_key(7, 1, true), &set, 0, &wanted).unwrap();
            in_flight.push(InFlight::begin(Arc::clone(one)));
        }
        let loads: Vec<_> = set.iter().map(|endpoint| endpoint.in_flight()).collect();
        assert!(loads.iter().all(|load| *load <= 32), "at most a quarter more than the mean: {loads:?}");
    }

    #[test]
    fn a_full_endpoint_is_left_even_by_who_may_not_move() {
        let set = endpoints(2);
        let wanted = Wanted { each: NonZeroU32::new(1), ..wanted(&[]) };
        for preference in [of_key(7, 1, false), Preference::OfToken { token: token(set[0].address()), moves: false }] {
            let own = chosen(preference, &set, 0, &wanted).unwrap();
            let busy = InFlight::begin(Arc::clone(own));
            assert_ne!(chosen(preference, &set, 0, &wanted).unwrap().id(), busy.id());
        }
    }
}
