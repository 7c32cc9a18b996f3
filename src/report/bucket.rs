//! A bound on how often something is done.

use std::time::Duration;

use tokio::time::Instant;

/// A token bucket: `burst` at once, then one each `interval`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    burst: u32,
    interval: Duration,
    /// When the bucket is, or was, full again.
    full_at: Instant,
}

impl Bucket {
    /// A full bucket.
    pub(super) fn new(burst: u32, interval: Duration, now: Instant) -> Self {
        Self { burst, interval, full_at: now }
    }

    /// Takes one, or tells when there will be one.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Instant> {
        let full_at = self.full_at.max(now) + self.interval;
        let ready_at = full_at.checked_sub(self.interval * self.burst).unwrap_or(now);
        if ready_at > now {
            return Err(ready_at);
        }
        self.full_at = full_at;
        Ok(())
    }

    /// Whether nothing of it is used.
    pub(super) fn is_full(&self, now: Instant) -> bool {
        self.full_at <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_let_through_and_then_one_at_a_time() {
        let start = Instant::now();
        let mut bucket = Bucket::new(3, Duration::from_secs(1), start);
        assert!(bucket.is_full(start));
        assert!((0..3).all(|_| bucket.take(start).is_ok()));
        let ready = bucket.take(start).unwrap_err();
        assert_eq!(ready, start + Duration::from_secs(1));
        assert!(bucket.take(ready).is_ok() && bucket.take(ready).is_err());
        assert!(!bucket.is_full(start + Duration::from_secs(3)));
        let later = start + Duration::from_secs(60);
        assert!(bucket.is_full(later) && (0..3).all(|_| bucket.take(later).is_ok()) && bucket.take(later).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_pass_in_the_time_that_was_promised() {
        let start = Instant::now();
        let mut now = start;
        let mut bucket = Bucket::new(100, Duration::from_millis(4), start);
        for _ in 0..1000 {
            while let Err(ready) = bucket.take(now) {
                now = ready;
            }
        }
        assert_eq!(now - start, Duration::from_millis(3600));
    }
}
