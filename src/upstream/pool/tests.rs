use proptest::prelude::*;

use super::*;
use crate::model::EndpointSpec;

const LONG: Duration = Duration::from_secs(3600);
const IDLE: Duration = Duration::from_secs(4);

fn endpoint() -> Arc<Endpoint> {
    Endpoint::new(EndpointSpec::active(([127, 0, 0, 1], 80).into()), Instant::now())
}

/// All are equally fit.
fn alike<C>(_: &C) -> Fitness {
    Fitness::Rested
}

#[test]
fn the_last_one_in_is_the_first_out() {
    let (pool, endpoint, now) = (Pool::new(PoolConfig::default()), endpoint(), Instant::now());
    for connection in 1..=3 {
        pool.put(&endpoint, connection, now, IDLE);
    }
    let taken: Vec<_> = std::iter::from_fn(|| pool.take(endpoint.id(), None, now, alike)).collect();
    assert_eq!((taken, pool.idle_count()), (vec![3, 2, 1], 0));
    assert_eq!(pool.take(endpoint.id() + 1, None, now, alike), None);
}

#[test]
fn one_idle_for_too_long_for_this_request_is_left_for_another() {
    let (pool, endpoint, now) = (Pool::new(PoolConfig::default()), endpoint(), Instant::now());
    pool.put(&endpoint, 1, now, IDLE);
    let later = now + Duration::from_millis(1001);
    assert_eq!(pool.take(endpoint.id(), Some(Duration::from_secs(1)), later, alike), None);
    assert_eq!(pool.take(endpoint.id(), None, later, alike), Some(1));
}

#[test]
fn an_expired_one_is_closed_and_what_is_below_it_may_still_serve() {
    let (pool, endpoint, now) = (Pool::new(PoolConfig::default()), endpoint(), Instant::now());
    pool.put(&endpoint, 1, now, LONG);
    pool.put(&endpoint, 2, now, IDLE);
    assert_eq!(pool.take(endpoint.id(), None, now + IDLE, alike), Some(1));
    assert_eq!(pool.idle_count(), 0);
}

#[test]
fn full_stacks_full_pools_retired_endpoints_and_no_time_are_refused() {
    let config = PoolConfig { per_endpoint: 2, total: 3, ..PoolConfig::default() };
    let (pool, now) = (Pool::new(config), Instant::now());
    let [one, two, three] = [(); 3].map(|()| endpoint());
    let kept = |endpoint: &Arc<Endpoint>, idle: Duration| {
        let (before, connection) = (pool.idle_count(), Rc::new(()));
        pool.put(endpoint, Rc::clone(&connection), now, idle);
        assert_eq!(pool.idle_count() - before, Rc::strong_count(&connection) - 1, "what is not kept is closed");
        pool.idle_count() > before
    };
    assert!(!kept(&one, Duration::ZERO));
    assert_eq!([(); 3].map(|()| kept(&one, IDLE)), [true, true, false], "its stack is full");
    assert_eq!([(); 2].map(|()| kept(&two, IDLE)), [true, false], "the pool is full");
    pool.take(two.id(), None, now, alike).unwrap();
    two.retire();
    assert!(!kept(&two, IDLE));
    assert!(kept(&three, IDLE));
}

#[test]
fn retired_endpoints_lose_their_connections_one_by_one_or_all_at_once() {
    let now = Instant::now();
    for retired in [Retired::Many, Retired::One(0)] {
        let (pool, gone, stays) = (Pool::new(PoolConfig::default()), endpoint(), endpoint());
        for connection in 0..3 {
            pool.put(&gone, connection, now, IDLE);
            pool.put(&stays, connection, now, IDLE);
        }
        gone.retire();
        let retired = if retired == Retired::Many { retired } else { Retired::One(gone.id()) };
        for _ in 0..2 {
            pool.forget(retired, now);
            assert_eq!(pool.idle_count(), 3);
        }
    }
}

#[test]
fn dropped_connections_are_really_dropped() {
    let (pool, endpoint, now, connection) = (Pool::new(PoolConfig::default()), endpoint(), Instant::now(), Rc::new(()));
    for timeout in [IDLE, LONG] {
        pool.put(&endpoint, Rc::clone(&connection), now, timeout);
    }
    pool.sweep(now + IDLE);
    assert_eq!(pool.idle_count(), 1);
    assert_eq!(Rc::strong_count(&connection), 2);
    endpoint.retire();
    pool.sweep(now + IDLE);
    assert_eq!(pool.idle_count(), 0);
    assert_eq!(Rc::strong_count(&connection), 1);
}

#[test]
fn a_stack_in_use_keeps_its_memory_and_an_unused_one_gives_it_back() {
    let (pool, endpoint, now) = (Pool::new(PoolConfig::default()), endpoint(), Instant::now());
    pool.put(&endpoint, 1, now, IDLE);
    pool.take(endpoint.id(), None, now, alike).unwrap();
    pool.sweep(now);
    assert_eq!(pool.inner.borrow().stacks.len(), 1, "used since the last sweep");
    pool.sweep(now);
    assert_eq!(pool.inner.borrow().stacks.len(), 0);
}

#[test]
fn what_an_endpoint_advertises_counts_less_a_second() {
    let (config, seconds) = (PoolConfig::default(), Duration::from_secs);
    let cases = [(None, 4), (Some(5), 4), (Some(1), 0), (Some(0), 0), (Some(30), 29), (Some(1000), 60)];
    for (advertised, expected) in cases {
        assert_eq!(config.idle_timeout(advertised.map(seconds)), seconds(expected), "{advertised:?}");
    }
}

#[derive(Clone, Debug)]
enum Step {
    Put { endpoint: usize, timeout: u64 },
    Take { endpoint: usize, max_idle: u64 },
    Pass(u64),
    Retire(usize),
    Sweep,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0usize..3, 0u64..6).prop_map(|(endpoint, timeout)| Step::Put { endpoint, timeout }),
        3 => (0usize..3, 0u64..6).prop_map(|(endpoint, max_idle)| Step::Take { endpoint, max_idle }),
        2 => (0u64..3).prop_map(Step::Pass),
        1 => (0usize..3).prop_map(Step::Retire),
        1 => Just(Step::Sweep),
    ];
    prop::collection::vec(step, 0..60)
}

proptest! {
    #[test]
    fn the_pool_does_what_a_naive_list_does(steps in steps()) {
        let config = PoolConfig { per_endpoint: 3, total: 5, ..PoolConfig::default() };
        let pool = Pool::new(config.clone());
        let endpoints: Vec<_> = (0..3).map(|_| endpoint()).collect();
        // (endpoint, connection, since, expires), oldest first.
        let mut naive: Vec<(usize, usize, Instant, Instant)> = Vec::new();
        let mut now = Instant::now();
        for (connection, step) in steps.into_iter().enumerate() {
            match step {
                Step::Put { endpoint, timeout } => {
                    let is_full = naive.len() >= config.total
                        || naive.iter().filter(|n| n.0 == endpoint).count() >= config.per_endpoint;
                    let is_kept = !endpoints[endpoint].is_retired() && timeout > 0 && !is_full;
                    let timeout = Duration::from_secs(timeout);
                    pool.put(&endpoints[endpoint], connection, now, timeout);
                    if is_kept { naive.push((endpoint, connection, now, now + timeout)) }
                }
                Step::Take { endpoint, max_idle } => {
                    let max_idle = Duration::from_secs(max_idle);
                    let mut expected = None;
                    while let Some(at) = naive.iter().rposition(|n| n.0 == endpoint) {
                        let (_, connection, since, expires) = naive[at];
                        if expires > now && now - since > max_idle { break }
                        naive.remove(at);
                        if expires > now { expected = Some(connection); break }
                    }
                    prop_assert_eq!(pool.take(endpoints[endpoint].id(), Some(max_idle), now, alike), expected);
                }
                Step::Pass(seconds) => now += Duration::from_secs(seconds),
                Step::Retire(endpoint) => endpoints[endpoint].retire(),
                Step::Sweep => {
                    naive.retain(|n| !endpoints[n.0].is_retired() && n.3 > now);
                    pool.sweep(now);
                }
            }
            prop_assert_eq!(pool.idle_count(), naive.len());
        }
    }
}

#[test]
fn a_fitter_one_is_taken_before_newer_ones_and_of_equals_the_newest() {
    let (pool, endpoint, now) = (Pool::new(PoolConfig::default()), endpoint(), Instant::now());
    for connection in 1..=8 {
        pool.put(&endpoint, connection, now, if connection == 2 { IDLE } else { LONG });
    }
    // Those up to these numbers are settled, rested and fresh, and the others tired.
    let take = |[settled, rested, fresh]: [i32; 3], now| {
        pool.take(endpoint.id(), None, now, |connection| match connection {
            number if *number <= settled => Fitness::Settled,
            number if *number <= rested => Fitness::Rested,
            number if *number <= fresh => Fitness::Fresh,
            _ => Fitness::Tired,
        })
    };
    assert_eq!(take([8, 8, 8], now), Some(8));
    assert_eq!(take([4, 7, 7], now), Some(4));
    assert_eq!(take([0, 6, 7], now), Some(6));
    assert_eq!(take([0, 0, 6], now), Some(5), "it is all that is left up to there");
    assert_eq!((take([0, 0, 0], now), pool.idle_count()), (None, 4), "tired ones stay");
    // The second is too old by now.
    assert_eq!(take([2, 3, 7], now + IDLE), Some(1));
    assert_eq!((take([0, 0, 7], now + IDLE), take([0, 0, 7], now + IDLE)), (Some(7), Some(3)));
    assert_eq!((take([9, 9, 9], now + IDLE), pool.idle_count()), (None, 0));
}

#[test]
fn a_fit_one_among_tired_ones_is_found() {
    let (pool, endpoint, now) = (Pool::new(PoolConfig::default()), endpoint(), Instant::now());
    (0..10).for_each(|connection| pool.put(&endpoint, connection, now, IDLE));
    let is_fit = |connection: &i32| if connection % 3 == 1 { Fitness::Fresh } else { Fitness::Tired };
    let taken: Vec<_> = std::iter::from_fn(|| pool.take(endpoint.id(), None, now, is_fit)).collect();
    assert_eq!((taken, pool.idle_count()), (vec![7, 4, 1], 7));
}
