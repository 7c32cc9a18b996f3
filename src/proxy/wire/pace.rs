//! How fast a body has to arrive: one rule for both protocols.

use std::time::Duration;

use tokio::time::Instant;

/// A body is not judged before we have waited for it this long.
const GRACE: Duration = Duration::from_secs(10);

/// The rule for one body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Longest time between two reads.
    pub gap: Duration,
    /// Bytes per second that must arrive on average once ten seconds were spent waiting for them; zero is no minimum.
    pub rate: u64,
}

impl Pace {
    /// No rule: bytes may come when they will.
    pub(crate) const NONE: Self = Self { gap: Duration::from_secs(u32::MAX as u64), rate: 0 };
}

/// How a body has arrived so far. Only time in which we waited for the sender counts. Time in which the other side of
/// the exchange did not take the body is not the sender's fault.
#[derive(Debug)]
pub(crate) struct Progress {
    pace: Pace,
    arrived: u64,
    waited: Duration,
}

impl Progress {
    /// Nothing has arrived.
    pub(crate) fn new(pace: Pace) -> Self {
        Self { pace, arrived: 0, waited: Duration::ZERO }
    }

    /// Another rule holds from here on.
    pub(crate) fn set_pace(&mut self, pace: Pace) {
        self.pace = pace;
    }

    /// The longest time between two reads.
    pub(crate) fn gap(&self) -> Duration {
        self.pace.gap
    }

    /// Begins to wait. The clock is asked only where a rate is asked for.
    pub(crate) fn begin(&self) -> Option<Instant> {
        (self.pace.rate > 0).then(Instant::now)
    }

    /// Bytes have arrived, which were waited for since `begun`. False when the body is too slow.
    pub(crate) fn arrived(&mut self, count: usize, begun: Option<Instant>) -> bool {
        begun.is_none_or(|begun| self.arrived_after(count, begun.elapsed()))
    }

    fn arrived_after(&mut self, count: usize, waited: Duration) -> bool {
        self.arrived += count as u64;
        self.waited += waited;
        self.waited <= GRACE || self.arrived / self.waited.as_secs().max(1) >= self.pace.rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e01_a_client_is_judged_by_the_time_it_was_waited_for() {
        let mut progress = Progress::new(Pace { gap: Duration::from_secs(30), rate: 1024 });
        // We read slowly from this client, but it has sent whatever we asked for.
        for _ in 0..10_000 {
            assert!(progress.arrived_after(100, Duration::from_micros(1)));
        }
        assert!(progress.arrived_after(100, GRACE));
        assert!(!progress.arrived_after(100, Duration::from_secs(1000)));
    }

    #[test]
    fn without_a_rate_no_clock_is_asked_and_no_body_is_too_slow() {
        let mut progress = Progress::new(Pace { gap: Duration::from_secs(30), rate: 0 });
        let begun = progress.begin();
        assert!(begun.is_none() && progress.arrived(0, begun));
    }
}
