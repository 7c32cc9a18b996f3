//! How many retries an upstream may make: a fifth of its requests, and ten a second in addition.
//!
//! Unlimited retries turn a short fault into an outage. A budget allows the few retries that hide a rollout. It costs
//! nothing per request: its income is computed from the number of requests and from time, which only grow. The one
//! word that it keeps is what was spent.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::time::Instant;

/// What one retry costs, in thousandths. A retry is counted as a request too, which earns [`PER_REQUEST`]: with that
/// on top the allowance is a fifth of the true requests.
const RETRY: u64 = 1000 + PER_REQUEST;
/// What each request earns, in thousandths of a retry: 20 %.
const PER_REQUEST: u64 = 200;
/// What each millisecond earns, in thousandths of a retry: 10 a second.
const PER_MILLISECOND: u64 = 10;
/// What a new upstream may spend at once: ten seconds' worth, in thousandths of a retry.
const INITIAL: u64 = 100 * RETRY;
/// The most that can be saved, in thousandths of a retry.
const MOST: u64 = 500 * RETRY;

/// A token bucket shared by the shards.
#[derive(Debug)]
pub struct RetryBudget {
    born: Instant,
    /// Thousandths of a retry that were spent or could not be saved.
    spent: AtomicU64,
}

impl RetryBudget {
    /// A budget that begins with 100 retries and can save up to 500.
    pub fn new(now: Instant) -> Self {
        Self { born: now, spent: AtomicU64::new(0) }
    }

    /// Takes one retry out if there is one. `requests` is the count of attempts so far, retries included.
    pub fn withdraw(&self, requests: u64, now: Instant) -> bool {
        let millis = now.saturating_duration_since(self.born).as_millis() as u64;
        let income = INITIAL
            .saturating_add(requests.saturating_mul(PER_REQUEST))
            .saturating_add(millis.saturating_mul(PER_MILLISECOND));
        let spend = |spent: u64| {
            let after = spent.max(income.saturating_sub(MOST)).saturating_add(RETRY);
            (after <= income).then_some(after)
        };
        self.spent.fetch_update(Relaxed, Relaxed, spend).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Duration;

    use super::*;

    /// Withdraws until refused.
    fn drain(budget: &RetryBudget, requests: u64, now: Instant) -> u64 {
        (0..).find(|_| !budget.withdraw(requests, now)).unwrap()
    }

    #[test]
    fn a_new_upstream_has_a_hundred_retries() {
        let now = Instant::now();
        assert_eq!(drain(&RetryBudget::new(now), 0, now), 100);
    }

    #[test]
    fn ten_a_second_come_back() {
        let now = Instant::now();
        let budget = RetryBudget::new(now);
        drain(&budget, 0, now);
        let withdrawn = drain(&budget, 0, now + Duration::from_secs(12));
        // Ten a second, less the share that goes to retries being requests, which this test does not count.
        assert_eq!(withdrawn, 100);
    }

    #[test]
    fn at_most_five_hundred_are_saved() {
        let now = Instant::now();
        let budget = RetryBudget::new(now);
        assert_eq!(drain(&budget, 1_000_000, now), 500);
        assert_eq!(drain(&budget, 1_000_000, now + Duration::from_secs(3600)), 500);
    }

    #[test]
    fn when_everything_fails_a_fifth_is_retried() {
        let now = Instant::now();
        let budget = RetryBudget::new(now);
        let (mut attempts, mut retries) = (0, 0);
        for _ in 0..100_000 {
            attempts += 1;
            if budget.withdraw(attempts, now) {
                retries += 1;
                attempts += 1;
            }
        }
        assert!((20_000..=20_200).contains(&retries), "{retries}");
    }

    #[test]
    fn threads_cannot_overspend() {
        let now = Instant::now();
        let budget = RetryBudget::new(now);
        let taken: u64 = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| drain(&budget, 0, now))).collect();
            threads.into_iter().map(|t| t.join().unwrap()).sum()
        });
        assert_eq!(taken, 100);
    }
}
