use std::collections::BTreeMap;

use proptest::prelude::*;
use tokio::time::Duration;

use super::*;
use crate::model::{Balance, EndpointSpec, EndpointState, Weight};
use crate::upstream::endpoint::InFlight;

const BOTH: [Balance; 2] = [Balance::LeastInFlight, Balance::RoundRobin];

fn way(balance: Balance) -> Way<'static> {
    match balance {
        Balance::LeastInFlight => Way::LeastInFlight,
        Balance::RoundRobin => Way::InTurn,
        Balance::Ewma => panic!("it needs scores"),
        Balance::LeastConnections => Way::Least,
        Balance::Random => Way::Random,
        Balance::First => Way::First { most: usize::MAX },
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
        let chosen = choose(way(balance), None, set, turn, &[], now).unwrap();
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
    let choice = |balance| choose(way(balance), None, &set, 0, &[], now).unwrap().id();
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
        assert_eq!(choose(Way::InTurn, None, &set, turn, &tried, later).unwrap().id(), set[2].id());
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
        let retry = choose(Way::InTurn, None, &set, turn, &tried, now).unwrap();
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
    assert!(choose(Way::LeastInFlight, None, &set, 0, &tried, now).is_none(), "but not twice by one request");
    assert!(choose(Way::LeastInFlight, None, &[], 7, &[], now).is_none());
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
        assert!(choose(way(balance), None, &set[..1], 0, &[], now).is_none());
    }
}

#[test]
fn near_endpoints_share_the_requests_and_far_ones_get_them_where_no_near_one_is_sound() {
    let now = Instant::now();
    let set = endpoints(6, now);
    set[3..].iter().for_each(|endpoint| assert!(endpoint.set_far(true) && !endpoint.set_far(true)));
    let even = Shares { slow_start: None, now };
    for balance in BOTH {
        let of = |turn| near(way(balance), even, &set, turn, &[], now).map(|endpoint| endpoint.id());
        let mut counts = [0; 6];
        for turn in 0..6000 {
            let id = of(turn).unwrap();
            counts[set.iter().position(|endpoint| endpoint.id() == id).unwrap()] += 1;
        }
        assert!(counts[..3].iter().all(|count| (1800..=2200).contains(count)) && counts[3..] == [0; 3], "{counts:?}");
    }
    let tried = [set[0].id(), set[1].id()];
    let chosen = |tried: &[u64]| near(Way::InTurn, even, &set, 7, tried, now).map(|endpoint| endpoint.id());
    set[1].connect_failed(now);
    set[2].set_state(EndpointState::Draining);
    assert_eq!(chosen(&[]), Some(set[0].id()));
    assert_eq!(chosen(&tried), None, "then any is chosen");
}

#[test]
fn endpoints_that_checks_call_down_are_used_where_no_other_is_left() {
    let now = Instant::now();
    for balance in
        [Balance::LeastInFlight, Balance::RoundRobin, Balance::LeastConnections, Balance::Random, Balance::First]
    {
        let set = endpoints(4, now);
        set[..3].iter().for_each(|endpoint| endpoint.check_says(false, now));
        assert_eq!(shares(balance, &set, 40, now), [0, 0, 0, 40], "{balance:?}: most are down, and the last takes all");
        set[3].connect_failed(now);
        assert_eq!(shares(balance, &set, 40, now), [0, 0, 0, 40], "{balance:?}: suspect is better than down");
        set[3].check_says(false, now);
        assert_eq!(shares(balance, &set, 40, now).iter().sum::<usize>(), 40, "{balance:?}: all are down");
        // Two checks have to take it back where two have said it.
        set[0].check_says(false, now);
        set[0].check_says(true, now);
        assert!(set[0].is_failing());
        set[0].check_says(true, now);
        assert_eq!(shares(balance, &set, 40, now), [40, 0, 0, 0], "{balance:?}");
    }
}

fn shared(way: Way<'_>, slow_start: Option<Duration>, set: &[Arc<Endpoint>], turns: usize, now: Instant) -> Vec<usize> {
    let mut shares = vec![0; set.len()];
    for turn in 0..turns {
        let chosen = choose(way, Some(Shares { slow_start, now }), set, turn, &[], now).unwrap();
        shares[set.iter().position(|endpoint| endpoint.id() == chosen.id()).unwrap()] += 1;
    }
    shares
}

#[test]
fn shares_are_as_the_weights_are() {
    let now = Instant::now();
    let set = endpoints(4, now);
    for (endpoint, weight) in set.iter().zip([10, 30, 60, 0]) {
        endpoint.set_weight(Weight::new(weight).unwrap());
    }
    for way in [Way::InTurn, Way::LeastInFlight, Way::Random] {
        let shares = shared(way, None, &set, 10_000, now);
        let is_near = |share: usize, wanted: usize| share.abs_diff(wanted) <= wanted / 10;
        assert!(shares[3] == 0 && is_near(shares[0], 1000), "{way:?} {shares:?}");
        assert!(is_near(shares[1], 3000) && is_near(shares[2], 6000), "{way:?} {shares:?}");
    }
    // Also in each short stretch.
    let shares = shared(Way::InTurn, None, &set, 20, now);
    assert!(shares[0].abs_diff(2) <= 1 && shares[1].abs_diff(6) <= 1 && shares[2].abs_diff(12) <= 1, "{shares:?}");
    let busy: Vec<_> = (0..6).map(|_| InFlight::begin(Arc::clone(&set[2]))).collect();
    let next = |way| choose(way, Some(Shares { slow_start: None, now }), &set, 0, &[], now).unwrap().id();
    assert_eq!(next(Way::Least), set[1].id(), "seven of sixty is more than one of thirty");
    drop(busy);
    assert_eq!(next(Way::Least), set[2].id());
}

#[test]
fn a_slow_start_grows_from_a_twentieth_to_all_of_the_share() {
    let start = Instant::now();
    let old = endpoints(1, start);
    let (later, whole) = (start + Duration::from_secs(100), Some(Duration::from_secs(10)));
    let mut set = old.clone();
    set.extend(endpoints(2, later).drain(1..));
    for (after, least, most) in [(0, 40, 60), (5, 300, 370), (10, 490, 510), (60, 490, 510)] {
        let shares = shared(Way::InTurn, whole, &set, 1000, later + Duration::from_secs(after));
        assert!((least..=most).contains(&shares[1]), "{after}: {shares:?}");
    }
    // One that comes back from being down starts slowly again.
    let much_later = later + Duration::from_secs(1000);
    set[0].check_says(false, much_later);
    set[0].check_says(true, much_later);
    assert!(shared(Way::InTurn, whole, &set, 1000, much_later)[0] < 60);
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
            *shares.entry(choose(Way::LeastInFlight, None, &set, turn, &[], now).unwrap().id()).or_insert(0) += 1;
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
            let chosen = choose(way(balance), None, &set, turn, &tried, now);
            prop_assert_eq!(chosen.is_some(), !untried.is_empty());
            let Some(chosen) = chosen else { continue };
            prop_assert!(!tried.contains(&chosen.id()));
            if !tried.is_empty() && untried.iter().any(|e| !e.is_suspect()) {
                prop_assert!(!chosen.is_suspect());
            }
        }
    }
}
