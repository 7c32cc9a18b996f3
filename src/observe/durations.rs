//! A histogram of durations for the data path: one relaxed addition to a bucket and one to the sum.
//!
//! The prometheus crate's histogram costs a floating point compare-and-swap loop and two more atomics for each
//! observation, and about a kilobyte for each series.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::exposition::Exposition;

/// Upper bounds as (nanoseconds, label).
const BOUNDS: [(u64, &str); 12] = [
    (1_000_000, "0.001"),
    (2_500_000, "0.0025"),
    (5_000_000, "0.005"),
    (10_000_000, "0.01"),
    (25_000_000, "0.025"),
    (50_000_000, "0.05"),
    (100_000_000, "0.1"),
    (250_000_000, "0.25"),
    (500_000_000, "0.5"),
    (1_000_000_000, "1"),
    (2_500_000_000, "2.5"),
    (10_000_000_000, "10"),
];

/// Counts of durations by upper bound, 1 ms to 10 s.
#[derive(Debug, Default)]
pub(crate) struct Durations {
    /// Observations in each bucket alone; the last is for those above every bound.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    /// Nanoseconds. Wraps after 584 years of summed durations, which Prometheus takes as a restart.
    sum: AtomicU64,
}

impl Durations {
    /// Records one duration.
    pub(crate) fn record(&self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.iter().position(|(bound, _)| nanos <= *bound).unwrap_or(BOUNDS.len());
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(nanos, Ordering::Relaxed);
    }

    /// How many were recorded.
    pub(crate) fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).sum()
    }

    /// All of them together.
    pub(crate) fn sum(&self) -> Duration {
        Duration::from_nanos(self.sum.load(Ordering::Relaxed))
    }

    /// Writes the series of a histogram called `name`.
    pub(crate) fn write(&self, out: &mut Exposition, name: &str, labels: &str) {
        let mut count = 0;
        for (bucket, (_, bound)) in self.buckets.iter().zip(BOUNDS) {
            count += bucket.load(Ordering::Relaxed);
            out.integer_with(name, "_bucket", labels, ("le", bound), count);
        }
        count += self.buckets[BOUNDS.len()].load(Ordering::Relaxed);
        out.integer_with(name, "_bucket", labels, ("le", "+Inf"), count);
        out.float(name, "_sum", labels, self.sum().as_secs_f64());
        out.integer(name, "_count", labels, count);
    }
}

/// The bounds in seconds, for histograms that the registry keeps.
pub(crate) fn bounds() -> Vec<f64> {
    BOUNDS.iter().map(|(nanos, _)| Duration::from_nanos(*nanos).as_secs_f64()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_ascending_and_labelled_with_their_value() {
        assert!(BOUNDS.is_sorted_by(|a, b| a.0 < b.0));
        for ((_, label), seconds) in BOUNDS.iter().zip(bounds()) {
            assert_eq!(*label, seconds.to_string());
        }
    }

    #[test]
    fn a_duration_on_a_bound_is_within_it() {
        let durations = Durations::default();
        for duration in [Duration::from_millis(1), Duration::from_nanos(1_000_001), Duration::from_secs(11)] {
            durations.record(duration);
        }
        let mut out = Exposition::after(String::new());
        durations.write(&mut out, "d", "a=\"b\"");
        let text = out.finish();
        for line in [
            "d_bucket{a=\"b\",le=\"0.001\"} 1",
            "d_bucket{a=\"b\",le=\"0.0025\"} 2",
            "d_bucket{a=\"b\",le=\"10\"} 2",
            "d_bucket{a=\"b\",le=\"+Inf\"} 3",
            "d_sum{a=\"b\"} 11.002000001",
            "d_count{a=\"b\"} 3",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        }
    }
}
