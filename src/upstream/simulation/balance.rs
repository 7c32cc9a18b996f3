//! How requests are shared, by the ways of choosing an endpoint.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tokio::time::{Duration, Instant};

use super::{Chance, SEEDS, endpoint, place, upstream};
use crate::model::{Balance, EndpointState, RoutePolicy, Weight};
use crate::upstream::{EndpointCommand, InFlight, Upstream, Wanted};

/// What one run gave, by the endpoints' places.
struct Outcome {
    /// Requests served by each.
    served: Vec<usize>,
    /// Failed connects to each.
    failed: Vec<usize>,
    /// Requests for which no endpoint was found in three attempts.
    lost: usize,
}

/// Sends `requests` requests, on average `gap` microseconds apart; endpoint `i` takes about `micros(i)` to answer,
/// and whether it can be connected to at a microsecond of the run is `is_up`. Connecting to one that is down fails
/// at once, and the request tries up to two more.
fn run(
    (upstream, balance): (&Upstream, Balance),
    seed: u64,
    requests: usize,
    gap: u64,
    micros: impl Fn(usize) -> u64,
    is_up: impl Fn(usize, u64) -> bool,
) -> Outcome {
    let count = upstream.endpoints().len();
    let mut outcome = Outcome { served: vec![0; count], failed: vec![0; count], lost: 0 };
    let (mut chance, start, mut clock) = (Chance(seed), Instant::now(), 0);
    let mut ends = BinaryHeap::new();
    let mut open: BTreeMap<usize, (u64, InFlight)> = BTreeMap::new();
    for request in 0..requests {
        clock += chance.around(gap);
        while ends.peek().is_some_and(|Reverse((end, _))| *end <= clock) {
            let Some(Reverse((end, ended))) = ends.pop() else { break };
            if let Some((began, endpoint)) = open.remove(&ended)
                && balance == Balance::Ewma
            {
                let time = Duration::from_micros(end - began);
                upstream.took(&endpoint, time, start + Duration::from_micros(end));
            }
        }
        let (now, mut tried) = (start + Duration::from_micros(clock), Vec::new());
        let connected = loop {
            let Some(endpoint) = (tried.len() < 3)
                .then(|| upstream.pick(&Wanted { tried: &tried, ..Wanted::by(balance, now) }).ok())
                .flatten()
            else {
                break None;
            };
            if is_up(place(&endpoint), clock) {
                endpoint.connect_succeeded();
                break Some(endpoint);
            }
            endpoint.connect_failed(now);
            outcome.failed[place(&endpoint)] += 1;
            tried.push(endpoint.id());
        };
        let Some(endpoint) = connected else {
            outcome.lost += 1;
            continue;
        };
        outcome.served[place(&endpoint)] += 1;
        ends.push(Reverse((clock + chance.around(micros(place(&endpoint))), request)));
        open.insert(request, (clock, endpoint));
    }
    drop(open);
    assert!(upstream.endpoints().as_slice().iter().all(|e| e.in_flight() == 0), "every guard gave its count back");
    outcome
}

#[test]
fn the_short_way_to_an_idle_endpoint_leads_where_the_long_one_does() {
    for seed in SEEDS {
        let (short, long, mut chance) = (upstream(5), upstream(5), Chance(seed));
        let (now, mut held) = (Instant::now(), Vec::new());
        for _ in 0..5000 {
            let random = chance.next();
            let balance = if random & 1 == 0 { Balance::LeastInFlight } else { Balance::RoundRobin };
            let policy = RoutePolicy { balance, ..RoutePolicy::default() };
            let picked = short.pick_by(&policy, None, &[], now);
            let expected = long.pick(&Wanted::by(balance, now));
            let (picked, expected) = match (picked, expected) {
                (Ok(picked), Ok(expected)) => (picked, expected),
                (picked, expected) => {
                    assert_eq!(picked.err(), expected.err());
                    for endpoint in short.endpoints().as_slice() {
                        for command in [EndpointCommand::State(None), EndpointCommand::Weight(None)] {
                            assert!(
                                short.command(endpoint.address(), command) && long.command(endpoint.address(), command)
                            );
                        }
                    }
                    continue;
                }
            };
            assert_eq!(picked.address(), expected.address());
            match random >> 8 & 15 {
                0..4 => held.push((picked, expected)),
                4..8 if !held.is_empty() => drop(held.swap_remove((random >> 16) as usize % held.len())),
                8 => [&picked, &expected].iter().for_each(|endpoint| endpoint.connect_failed(now)),
                9 => [&picked, &expected].iter().for_each(|endpoint| endpoint.connect_succeeded()),
                10 => {
                    let weight = Weight::new((random >> 16) as u16 % 3 * 50);
                    let command = EndpointCommand::Weight(weight);
                    assert!(short.command(picked.address(), command) && long.command(picked.address(), command));
                }
                11 => {
                    let addresses = short.endpoints().as_slice().iter().map(|it| it.address()).collect::<Vec<_>>();
                    let draining = (random >> 16 & 3 == 0).then_some(EndpointState::Draining);
                    let command = EndpointCommand::State(draining);
                    let address = addresses[(random >> 24) as usize % 4];
                    assert!(short.command(address, command) && long.command(address, command));
                }
                _ => {}
            }
        }
    }
}

#[test]
fn equal_endpoints_get_equal_shares_under_load() {
    for seed in SEEDS {
        for count in [2, 3, 10] {
            // About 0.8 requests in flight per endpoint.
            let outcome = run(
                (&upstream(count), Balance::LeastInFlight),
                seed,
                20_000,
                8000 / u64::from(count),
                |_| 6400,
                |_, _| true,
            );
            let fair = 20_000 / usize::from(count);
            for served in &outcome.served {
                assert!(served.abs_diff(fair) * 50 <= fair, "seed {seed}, {count}: {:?}", outcome.served);
            }
        }
    }
}

#[test]
fn a_slow_endpoint_gets_a_small_share_and_its_neighbours_no_larger_one_than_the_rest() {
    for seed in SEEDS {
        for count in [3, 5, 10] {
            // The fast ones answer in 5 ms, the first is thirty times slower.
            let micros = |place| if place == 0 { 150_000 } else { 5000 };
            let upstream = (&*upstream(count), Balance::LeastInFlight);
            let outcome = run(upstream, seed, 30_000, 5000 / u64::from(count), micros, |_, _| true);
            let fair = 30_000 / usize::from(count);
            assert!(outcome.served[0] * 4 < fair, "seed {seed}, {count}: {:?}", outcome.served);
            let sound = outcome.served[1..].iter().sum::<usize>() / (outcome.served.len() - 1);
            for served in &outcome.served[1..] {
                assert!(served.abs_diff(sound) * 10 <= sound, "seed {seed}, {count}: {:?}", outcome.served);
            }
        }
    }
}

#[test]
fn nginx_r3_ewma_gives_a_slow_endpoint_a_small_share_and_finds_out_when_it_is_quick_again() {
    const SECOND: u64 = 1_000_000;
    for seed in SEEDS {
        for count in [2, 3, 10] {
            let micros = |place| if place == 0 { 150_000 } else { 5000 };
            let upstream = upstream(count);
            let slow = run((&upstream, Balance::Ewma), seed, 20_000, 5000 / u64::from(count), micros, |_, _| true);
            let fair = 20_000 / usize::from(count);
            assert!(slow.served[0] * 10 < fair, "seed {seed}, {count}: {:?}", slow.served);
            assert!(slow.served.iter().all(|served| *served > 0), "seed {seed}, {count}: {:?}", slow.served);
        }
        // The same set, two minutes long: what was known of the slow one is forgotten.
        let upstream = upstream(3);
        let endpoints = upstream.endpoints();
        endpoints.as_slice().iter().enumerate().for_each(|(place, endpoint)| {
            let time = if place == 0 { SECOND } else { 5000 };
            upstream.took(endpoint, Duration::from_micros(time), Instant::now());
        });
        let after = run((&upstream, Balance::Ewma), seed, 60_000, 2000, |_| 5000, |_, _| true);
        assert!(after.served[0] * 5 > 20_000, "seed {seed}: {:?}", after.served);
    }
}

#[test]
fn ewma_leaves_an_endpoint_that_hangs_with_few_requests_and_starves_none() {
    for seed in SEEDS {
        // None answers in less than the time that a hanging one takes to be found out.
        let upstream = upstream(5);
        let micros = |place| if place == 0 { 500_000 } else { 5000 };
        let early = run((&upstream, Balance::Ewma), seed, 1000, 500, micros, |_, _| true);
        assert!(early.served[0] < 30, "seed {seed}: {:?}", early.served);
        let upstream = self::upstream(5);
        let even = run((&upstream, Balance::Ewma), seed, 20_000, 500, |_| 5000, |_, _| true);
        assert!(even.served.iter().all(|served| *served > 2000), "seed {seed}: {:?}", even.served);
    }
}

#[test]
fn nginx_r3_an_endpoint_that_comes_begins_with_the_mean_and_those_that_stay_keep_what_is_known() {
    let upstream = upstream(2);
    let now = Instant::now();
    for (endpoint, seconds) in upstream.endpoints().as_slice().iter().zip([1, 3]) {
        upstream.took(endpoint, Duration::from_secs(seconds), now);
    }
    let chosen = |upstream: &Upstream| {
        let picks = (0..30).map(|_| place(&upstream.pick(&Wanted::by(Balance::Ewma, Instant::now())).unwrap()));
        picks.collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(chosen(&upstream), [0].into());
    // The third has two seconds: better than the second, and no better than the first.
    upstream.set_endpoints((0..3).map(endpoint).collect());
    assert_eq!(chosen(&upstream), [0, 2].into());
    upstream.set_endpoints((1..3).map(endpoint).collect());
    assert_eq!(chosen(&upstream), [2].into());
    let gone = upstream.endpoints();
    upstream.set_endpoints((1..2).map(endpoint).collect());
    upstream.took(&gone.as_slice()[1], Duration::from_secs(1), now);
}

#[test]
fn round_robin_takes_no_notice_of_load() {
    let micros = |place| if place == 0 { 150_000 } else { 5000 };
    let outcome = run((&upstream(5), Balance::RoundRobin), 1, 10_000, 1000, micros, |_, _| true);
    assert_eq!(outcome.served, [2000; 5]);
}

#[test]
fn an_outage_costs_no_request_few_connects_and_no_balance_afterwards() {
    const SECOND: u64 = 1_000_000;
    for seed in SEEDS {
        for balance in [Balance::LeastInFlight, Balance::RoundRobin] {
            // 500 requests a second for about a minute; the third is away from second 10 to second 20.
            let is_up = |place, clock| place != 2 || !(10 * SECOND..20 * SECOND).contains(&clock);
            let outcome = run((&upstream(5), balance), seed, 30_000, 2000, |_| 3000, is_up);
            assert_eq!(outcome.lost, 0);
            // Seconds 10, 11, 13 and 17; the next probe, of second 25, finds it back.
            assert_eq!(outcome.failed, [0, 0, 4, 0, 0], "seed {seed}");
            let expected = 6000 * 45 / 60;
            assert!(outcome.served[2].abs_diff(expected) < 150, "seed {seed}: {:?}", outcome.served);
        }
    }
}

#[test]
fn no_request_is_lost_while_two_of_three_are_away() {
    for seed in SEEDS {
        let outcome = run((&upstream(3), Balance::LeastInFlight), seed, 5000, 2000, |_| 3000, |place, _| place == 1);
        assert_eq!((outcome.lost, outcome.served[1]), (0, 5000));
        let failed: usize = outcome.failed.iter().sum();
        assert!(failed <= 5000, "at most one failed connect for each request: {failed}");
    }
}

#[test]
fn threads_pick_while_the_set_changes_and_nothing_is_lost_or_left_counted() {
    let upstream = upstream(8);
    let is_over = AtomicBool::new(false);
    let mut seen = vec![upstream.endpoints()];
    std::thread::scope(|scope| {
        let pickers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let (now, mut picks) = (Instant::now(), 0u64);
                    while !is_over.load(Relaxed) || picks == 0 {
                        let pick =
                            |tried: &[u64]| upstream.pick(&Wanted { tried, ..Wanted::by(Balance::LeastInFlight, now) });
                        let first = pick(&[]).expect("no set of this test is empty");
                        let second = pick(&[first.id()]).expect("every set of this test has two");
                        assert_ne!(first.id(), second.id());
                        picks += 2;
                    }
                    picks
                })
            })
            .collect();
        let mut chance = Chance(3);
        for _ in 0..2000 {
            let from = (chance.next() % 8) as u16;
            upstream.set_endpoints((from..from + 2 + (chance.next() % 6) as u16).map(endpoint).collect());
            seen.push(upstream.endpoints());
        }
        is_over.store(true, Relaxed);
        let picks: u64 = pickers.into_iter().map(|p| p.join().unwrap()).sum();
        assert_eq!(upstream.attempts(), picks, "every turn was taken once");
    });
    let last = seen.pop().unwrap();
    for endpoint in seen.iter().flat_map(|set| set.as_slice()) {
        assert_eq!(endpoint.in_flight(), 0);
        let is_in_last = last.as_slice().iter().any(|e| Arc::ptr_eq(e, endpoint));
        assert_eq!(endpoint.is_retired(), !is_in_last);
    }
}
