//! Queue, ejection and slow start. Time is paused: it moves on when nobody can do anything, so what is true at every moment of it can
//! be looked at.

use std::cell::{Cell, RefCell};
use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::Arc;

use tokio::task::LocalSet;
use tokio::time::{Duration, Instant, sleep, timeout};

use super::{Chance, SEEDS, place, upstream};
use crate::model::{Balance, Ejection, Queue, RoutePolicy};
use crate::upstream::{Unpicked, Wanted};

const ENDPOINTS: usize = 4;
const EACH: u32 = 3;
const MILLI: Duration = Duration::from_millis(1);

fn limited() -> (RoutePolicy, Queue) {
    let queue = Queue { length: 200, timeout: Duration::from_secs(5) };
    let policy = RoutePolicy { endpoint_requests: NonZeroU32::new(EACH), queue: Some(queue), ..RoutePolicy::default() };
    (policy, queue)
}

/// What became of the requests of a run.
#[derive(Debug, Default)]
struct Ledger {
    served: Cell<usize>,
    refused: Cell<usize>,
    left: Cell<usize>,
    late: Cell<usize>,
    /// Those that have waited, in the order in which they were served.
    order: RefCell<Vec<usize>>,
}

fn count(cell: &Cell<usize>) {
    cell.set(cell.get() + 1);
}

/// Sends 4,000 requests to endpoints that take 12 requests of about 60 ms at a time: 500 about every 2.5 ms, which is twice what they can
/// serve, then 500 about every 10 ms, which is half, and so on. One client in ten leaves after about 40 ms.
async fn overload(seed: u64) -> Ledger {
    let (upstream, ledger) = (upstream(ENDPOINTS as u16), Rc::new(Ledger::default()));
    let is_over = Rc::new(Cell::new(false));
    let watched = (Arc::clone(&upstream), Rc::clone(&is_over));
    let watch = tokio::task::spawn_local(async move {
        let (upstream, is_over) = watched;
        while !is_over.get() {
            sleep(MILLI).await;
            // Others are woken at the same moment: each has its turn first.
            for _ in 0..4 {
                tokio::task::yield_now().await;
            }
            let set = upstream.endpoints();
            let busy: Vec<_> = set.as_slice().iter().map(|endpoint| endpoint.in_flight()).collect();
            assert!(busy.iter().all(|busy| *busy <= EACH as usize), "no endpoint has more than it may: {busy:?}");
            let is_full = busy.iter().all(|busy| *busy == EACH as usize);
            assert!(upstream.waiting() == 0 || is_full, "{} wait for {busy:?}", upstream.waiting());
        }
    });
    let mut chance = Chance(seed);
    let mut requests = Vec::new();
    for number in 0..4000 {
        let gap = if number % 1000 < 500 { 2500 } else { 10_000 };
        sleep(Duration::from_micros(chance.around(gap))).await;
        let (upstream, ledger) = (Arc::clone(&upstream), Rc::clone(&ledger));
        let takes = Duration::from_millis(chance.around(60));
        let leaves = chance.next().is_multiple_of(10).then(|| Duration::from_millis(chance.around(40)));
        requests.push(tokio::task::spawn_local(async move {
            let (policy, queue) = limited();
            let wanted = Wanted::of(&policy, None, &[], Instant::now());
            let picked = if upstream.waiting() > 0 { Err(Unpicked::Full) } else { upstream.pick(&wanted) };
            let picked = match picked {
                Err(Unpicked::Full) => {
                    let waiting = upstream.wait(&wanted, queue);
                    let waited = match leaves {
                        Some(after) => timeout(after, waiting).await,
                        None => Ok(waiting.await),
                    };
                    let Ok(waited) = waited else { return count(&ledger.left) };
                    if waited.is_ok() {
                        ledger.order.borrow_mut().push(number);
                    }
                    waited
                }
                picked => picked,
            };
            match picked {
                Ok(_endpoint) => {
                    sleep(takes).await;
                    count(&ledger.served);
                }
                Err(Unpicked::Full) => count(&ledger.refused),
                Err(Unpicked::Waited) => count(&ledger.late),
                Err(Unpicked::NoEndpoint) => panic!("there are endpoints"),
            }
        }));
    }
    for request in requests {
        request.await.unwrap();
    }
    is_over.set(true);
    watch.await.unwrap();
    assert!(upstream.endpoints().as_slice().iter().all(|endpoint| endpoint.in_flight() == 0));
    assert_eq!(upstream.waiting(), 0);
    Rc::into_inner(ledger).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_queue_is_first_in_first_out_and_nobody_waits_beside_a_free_place() {
    for seed in SEEDS {
        let ledger = LocalSet::new().run_until(overload(seed)).await;
        let Ledger { served, refused, left, late, order } = ledger;
        let order = order.into_inner();
        assert!(order.is_sorted(), "seed {seed}: who came first is served first");
        let (served, refused, left, late) = (served.get(), refused.get(), left.get(), late.get());
        assert_eq!(served + refused + left + late, 4000, "seed {seed}: every request has an end");
        assert!(order.len() > 500 && left > 20 && served > 3000, "seed {seed}: {served} {left} {}", order.len());
        assert_eq!(late, 0, "seed {seed}: 200 wait for a second at the most");
    }
}

/// Requests of each second and endpoint: those served, and those that have failed.
type Seconds = Vec<[(usize, usize); ENDPOINTS]>;

/// One request after the other, a hundred a second, to endpoints of which some fail at some seconds.
async fn with_failures(policy: &RoutePolicy, seconds: usize, fails: impl Fn(usize, usize) -> bool) -> Seconds {
    let upstream = upstream(ENDPOINTS as u16);
    let rule = policy.ejection.unwrap();
    let mut seen = vec![[(0, 0); ENDPOINTS]; seconds];
    for (second, seen) in seen.iter_mut().enumerate() {
        for _ in 0..100 {
            sleep(MILLI * 10).await;
            let now = Instant::now();
            let endpoint = upstream.pick(&Wanted::of(policy, None, &[], now)).expect("never without any");
            let (served, failed) = &mut seen[place(&endpoint)];
            if fails(place(&endpoint), second) {
                *failed += 1;
                upstream.failed(&endpoint, rule, now);
            } else {
                *served += 1;
                upstream.served(&endpoint);
            }
            let out = upstream.endpoints().as_slice().iter().filter(|endpoint| endpoint.is_ejected()).count();
            assert!(out <= ENDPOINTS / 2, "at most half are left out");
        }
    }
    seen
}

fn ejecting(slow_start: Option<Duration>) -> RoutePolicy {
    let ejection = Ejection { failures: NonZeroU32::new(5).unwrap(), time: Duration::from_secs(10) };
    RoutePolicy { balance: Balance::RoundRobin, ejection: Some(ejection), slow_start, ..RoutePolicy::default() }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_fails_is_left_out_for_longer_and_longer_and_comes_back() {
    let seen = with_failures(&ejecting(None), 400, |place, second| place == 2 && (20..140).contains(&second)).await;
    let failed = |seconds: std::ops::Range<usize>| -> usize { seen[seconds].iter().map(|seen| seen[2].1).sum() };
    assert_eq!(failed(0..400), failed(20..140));
    // Left out from second 20 for 10, 20, 40 and 80 seconds: four times it fails five requests.
    assert_eq!(failed(20..140), 20, "{:?}", seen.iter().map(|seen| seen[2].1).collect::<Vec<_>>());
    let served = |second: usize| seen[second].map(|(served, _)| served);
    assert_eq!(served(10), [25; 4]);
    assert!(served(100)[2] == 0 && served(100).iter().sum::<usize>() == 100, "{:?}", served(100));
    assert_eq!(served(399), [25; 4], "it is back with its whole share");
}

#[tokio::test(start_paused = true)]
async fn where_all_fail_half_are_left_out_and_where_they_are_well_again_none_starves() {
    let seen = with_failures(&ejecting(None), 400, |_, second| (20..60).contains(&second)).await;
    let all: Vec<usize> = seen[40].iter().map(|(served, failed)| served + failed).collect();
    assert_eq!(all.iter().sum::<usize>(), 100, "requests go on to those that are left");
    assert_eq!(seen[399].map(|(served, _)| served), [25; 4]);
}

#[tokio::test(start_paused = true)]
async fn who_is_back_starts_slowly() {
    let slow = ejecting(Some(Duration::from_secs(20)));
    let seen = with_failures(&slow, 80, |place, second| place == 2 && second == 25).await;
    let served = |second: usize| seen[second][2].0;
    let back = (26..80).find(|second| served(*second) > 0).unwrap();
    assert!((35..=37).contains(&back), "after ten seconds: {back}");
    let shares: Vec<usize> = (back + 1..80).map(served).collect();
    assert!(shares[0] <= 4 && shares[5] < 15 && shares[9] < 20, "less than its share at first: {shares:?}");
    assert!(shares[22..].iter().all(|share| (23..=27).contains(share)), "all of it after 20 s: {shares:?}");
    assert!(shares.windows(2).all(|pair| pair[1] + 2 >= pair[0]), "more and more: {shares:?}");
}
