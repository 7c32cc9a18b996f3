//! What a peer costs us beyond windows: frames without use, and streams that it resets before they are answered.
//!
//! Both counters look at the clock only when they would run out or count.

use std::time::Duration;

use super::limits::{BURST, PER_SECOND};

/// Credits for frames of no use (CVE-2019-9512, -9514, -9515, -9518 and their kin).
#[derive(Debug)]
pub(super) struct Credits {
    left: u32,
    /// When credits were last given for time; nothing was charged before.
    refilled: Option<Duration>,
}

impl Credits {
    pub(super) const fn new() -> Self {
        Self { left: BURST, refilled: None }
    }

    #[inline]
    pub(super) fn add(&mut self, credits: u32) {
        self.left = (self.left + credits).min(BURST);
    }

    /// Takes credits. False when there are not as many.
    #[inline]
    pub(super) fn charge(&mut self, credits: u32, now: Duration) -> bool {
        if self.left < credits || self.refilled.is_none() {
            self.refill(now);
        }
        match self.left.checked_sub(credits) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }

    #[cold]
    fn refill(&mut self, now: Duration) {
        let since = now.saturating_sub(self.refilled.replace(now).unwrap_or(now));
        let credits = since.as_millis() * u128::from(PER_SECOND) / 1000;
        self.add(u32::try_from(credits).unwrap_or(BURST).min(BURST));
    }
}

/// A stream that was open for so long was one of those that a client may have at a time, so its reset is no way around that
/// limit: with 100 streams there are at most 1,000 such resets a second. Deadlines of gRPC end in them.
const UNHURRIED: Duration = Duration::from_millis(100);

/// Counts streams that a client resets before they are answered, soon after it has opened them (CVE-2023-44487). A burst
/// is allowed, and again as many each second.
#[derive(Debug)]
pub(super) struct EarlyResets {
    burst: u32,
    /// Thousandths of resets that are left.
    left: u64,
    since: Duration,
}

impl EarlyResets {
    pub(super) fn new(burst: u32) -> Self {
        Self { burst, left: u64::from(burst) * 1000, since: Duration::ZERO }
    }

    /// Counts one, of a stream that was opened at `opened`. False when it is one too many.
    pub(super) fn count(&mut self, opened: Duration, now: Duration) -> bool {
        if now.saturating_sub(opened) >= UNHURRIED {
            return true;
        }
        let passed = now.saturating_sub(std::mem::replace(&mut self.since, now)).as_millis();
        let passed = u64::try_from(passed).unwrap_or(u64::MAX);
        let burst = u64::from(self.burst);
        self.left = self.left.saturating_add(passed.saturating_mul(burst)).min(burst * 1000);
        match self.left.checked_sub(1000) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(1_000_000);

    #[test]
    fn c06_credits_run_out_and_come_back_with_time() {
        let mut credits = Credits::new();
        assert!((0..BURST).all(|_| credits.charge(1, START)));
        assert!(!credits.charge(1, START));
        let later = START + Duration::from_secs(1);
        assert!((0..PER_SECOND).all(|_| credits.charge(1, later)));
        assert!(!credits.charge(1, later));
        let much_later = later + Duration::from_secs(1_000_000);
        assert!((0..BURST).all(|_| credits.charge(1, much_later)));
        assert!(!credits.charge(1, much_later));
    }

    #[test]
    fn c06_a_clock_that_goes_back_gives_nothing_and_breaks_nothing() {
        let mut credits = Credits::new();
        assert!((0..BURST).all(|_| credits.charge(1, START)));
        assert!(!credits.charge(1, Duration::ZERO));
    }

    #[test]
    fn c01_a_burst_of_early_resets_is_forgiven_and_a_steady_stream_is_not() {
        let mut resets = EarlyResets::new(100);
        assert!((0..100).all(|_| resets.count(START, START)));
        assert!(!resets.count(START, START));
        let mut resets = EarlyResets::new(100);
        let steps = |from: Duration, step: u64| (1..=1000).map(move |n| from + Duration::from_millis(n * step));
        assert!(steps(START, 11).all(|now| resets.count(now, now)));
        assert!(!steps(START + Duration::from_secs(11), 5).all(|now| resets.count(now, now)));
    }

    #[test]
    fn c01_resets_of_streams_that_were_open_for_a_while_do_not_count() {
        let mut resets = EarlyResets::new(10);
        let later = START + UNHURRIED;
        assert!((0..1000).all(|_| resets.count(START, later)));
        assert!((0..10).all(|_| resets.count(START + Duration::from_millis(1), later)));
        assert!(!resets.count(START + Duration::from_millis(1), later));
        assert!(resets.count(START, later));
    }
}
