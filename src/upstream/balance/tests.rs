use std::collections::BTreeMap;

use proptest::prelude::*;
use tokio::time::Duration;

use super::*;
use crate::model::{Balance, EndpointSpec, EndpointState};
use crate::upstream::endpoint::InFlight;

const BOTH: [Balance; 2] = [Balance::LeastInFlight, Balance::RoundRobin];

fn way(balance: Balance) -> Way<'static> {
    match balance {
        Balance::LeastInFlight => Way::LeastInFlight,
        Balance::RoundRobin => Way::InTurn,
        Balance::Ewma => panic!("it needs scores"),
    }
}

fn endpoints(count: usize, now: Instant) -> Vec<Arc<Endpoint>> {
    let address = |i: usize| ([10, 0, (i / 256) as u8, i as u8], 80).into();
    (0..count).map(|i| Endpoint::new(EndpointSpec::active(address(i)), now)).collect()
}

/// How many of `turns` sequential requests each endpoint gets, by its place.
fn shares(balance: Balance, set: &[Arc<Endpoint>], turns: usize, now: Instant) -> Vec<usize> {
    let mut shares = BTreeMap::new();
    for turn in 0..turns {
        let chosen = choose(way(balance), set, turn, &[], now).unwrap();
        *shares.entry(chosen.id()).or_insert(0) += 1;
    }
    set.iter().map(|e| shares.get(&e.id()).copied().unwrap_or(0)).collect()
}

#[test]
fn a_hundred_sequential_requests_over_ten_endpoints_give_ten_each() {
    let now = Instant::now();
    for balance in BOTH {
        assert_eq!(shares(balance, &endpoints(10, now), 100, now), vec![10; 10]);
    }
}

#[test]
fn the_one_with_fewer_in_flight_is_taken_and_the_first_when_equal() {
    let now = Instant::now();
    let set = endpoints(2, now);
    let busy = InFlight::begin(Arc::clone(&set[0]));
    let choice = |balance| choose(way(balance), &set, 0, &[], now).unwrap().id();
    assert_eq!(choice(Balance::LeastInFlight), set[1].id());
    assert_eq!(choice(Balance::RoundRobin), set[0].id());
    let _too = InFlight::begin(Arc::clone(&set[1]));
    assert_eq!(choice(Balance::LeastInFlight), set[0].id());
    drop(busy);
    assert_eq!(choice(Balance::LeastInFlight), set[0].id());
}

#[test]
fn a_suspects_share_goes_to_all_the_others() {
    let now = Instant::now();
    for balance in BOTH {
        let set = endpoints(5, now);
        set[2].connect_failed(now);
        let shares = shares(balance, &set, 4000, now);
        assert_eq!(shares[2], 0);
        assert!([0, 1, 3, 4].iter().all(|at| shares[*at].abs_diff(1000) < 50), "{shares:?}");
    }
}

#[test]
fn one_request_probes_a_suspect_whose_time_is_over() {
    let now = Instant::now();
    let set = endpoints(3, now);
    set[1].connect_failed(now);
    let later = now + Duration::from_secs(1);
    assert_eq!(shares(Balance::LeastInFlight, &set, 30, later)[1], 1);
    set[1].connect_succeeded();
    assert_eq!(shares(Balance::LeastInFlight, &set, 30, later), [10, 10, 10]);
}

#[test]
fn a_retry_never_probes_while_something_sound_is_left() {
    let now = Instant::now();
    let set = endpoints(3, now);
    set[1].connect_failed(now);
    let tried = [set[0].id()];
    let later = now + Duration::from_secs(60);
    for turn in 0..30 {
        assert_eq!(choose(Way::InTurn, &set, turn, &tried, later).unwrap().id(), set[2].id());
    }
}

#[test]
fn half_may_be_passed_over_but_not_more() {
    let now = Instant::now();
    let set = endpoints(4, now);
    set[0].connect_failed(now);
    set[1].connect_failed(now);
    assert_eq!(shares(Balance::RoundRobin, &set, 120, now)[..2], [0, 0]);
    set[2].connect_failed(now);
    assert_eq!(shares(Balance::RoundRobin, &set, 120, now), [30; 4], "first attempts take no notice");
    let tried = [set[0].id()];
    for turn in 0..12 {
        let retry = choose(Way::InTurn, &set, turn, &tried, now).unwrap();
        assert_eq!(retry.id(), set[3].id(), "a retry goes where connecting works");
    }
}

#[test]
fn the_last_one_is_used_however_suspect() {
    let now = Instant::now();
    let set = endpoints(1, now);
    set[0].connect_failed(now);
    assert_eq!(shares(Balance::LeastInFlight, &set, 10, now), [10]);
    let tried = [set[0].id()];
    assert!(choose(Way::LeastInFlight, &set, 0, &tried, now).is_none(), "but not twice by one request");
    assert!(choose(Way::LeastInFlight, &[], 7, &[], now).is_none());
}

#[test]
fn a_draining_endpoint_is_never_chosen_nor_probed_nor_counted() {
    let now = Instant::now();
    for balance in BOTH {
        let set = endpoints(4, now);
        set[0].set_state(EndpointState::Draining);
        assert_eq!(shares(balance, &set, 3000, now)[0], 0);
        set[0].connect_failed(now);
        assert_eq!(shares(balance, &set, 30, now + Duration::from_secs(60))[0], 0, "not probed");
        // Two of three are suspect, which is most of those that may be chosen.
        set[1].connect_failed(now);
        set[2].connect_failed(now);
        assert!(shares(balance, &set, 300, now)[1..].iter().all(|share| *share > 0));
        assert!(choose(way(balance), &set[..1], 0, &[], now).is_none());
    }
}

proptest! {
    #[test]
    fn the_order_visits_each_endpoint_once(count in 0usize..20, turn: usize) {
        let set = endpoints(count, Instant::now());
        let mut seen: Vec<u64> = in_order(&set, turn).map(|e| e.id()).collect();
        seen.sort_unstable();
        prop_assert_eq!(seen, set.iter().map(|e| e.id()).collect::<Vec<_>>());
    }

    #[test]
    fn idle_traffic_is_even_from_any_turn(count in 1usize..20, laps in 1usize..6, from in 0usize..1_000_000) {
        let now = Instant::now();
        let set = endpoints(count, now);
        let mut shares = BTreeMap::new();
        for turn in from..from + count * laps {
            *shares.entry(choose(Way::LeastInFlight, &set, turn, &[], now).unwrap().id()).or_insert(0) += 1;
        }
        prop_assert!(shares.len() == count && shares.values().all(|n| *n == laps));
    }

    #[test]
    fn an_untried_endpoint_is_always_found_and_a_sound_one_preferred_by_retries(
        states in prop::collection::vec((any::<bool>(), any::<bool>()), 1..8), turn: usize
    ) {
        let now = Instant::now();
        let set = endpoints(states.len(), now);
        let mut tried = Vec::new();
        for (endpoint, (is_suspect, is_tried)) in set.iter().zip(&states) {
            if *is_suspect { endpoint.connect_failed(now) }
            if *is_tried { tried.push(endpoint.id()) }
        }
        let untried: Vec<_> = set.iter().filter(|e| !tried.contains(&e.id())).collect();
        for balance in BOTH {
            let chosen = choose(way(balance), &set, turn, &tried, now);
            prop_assert_eq!(chosen.is_some(), !untried.is_empty());
            let Some(chosen) = chosen else { continue };
            prop_assert!(!tried.contains(&chosen.id()));
            if !tried.is_empty() && untried.iter().any(|e| !e.is_suspect()) {
                prop_assert!(!chosen.is_suspect());
            }
        }
    }
}
