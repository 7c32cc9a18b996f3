//! What a list of times comes to.

use std::fmt;
use std::time::Duration;

/// Times of one kind of change, and what went wrong meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Times {
    pub(crate) times: Vec<Duration>,
    /// Answers with a status of 500 or above while a change was awaited.
    pub(crate) failed: usize,
}

impl Times {
    fn quantile(&self, part: f64) -> f64 {
        let mut sorted = self.times.clone();
        sorted.sort_unstable();
        let index = ((sorted.len() as f64 * part).ceil() as usize).saturating_sub(1);
        sorted.get(index).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "p50 {:.2} ms, p90 {:.2} ms, p99 {:.2} ms, max {:.2} ms of {}, 5xx {}",
            self.quantile(0.5),
            self.quantile(0.9),
            self.quantile(0.99),
            self.quantile(1.0),
            self.times.len(),
            self.failed
        )
    }
}
