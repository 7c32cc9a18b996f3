//! How much each client of a route may ask for, as data. What was asked for so far is counted by the proxy.

use std::num::NonZeroU32;
use std::time::Duration;

use super::networks::Networks;

/// Limits for each client, by address. All routes of an object that have them count together.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RequestLimits {
    /// One of them cannot be read: nobody is served (503).
    Unreadable,
    /// These.
    Known(KnownLimits),
}

/// Limits for each client. A request beyond one of them is refused.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KnownLimits {
    /// How fast requests may come: by the second and by the minute.
    pub rates: [Option<Rate>; 2],
    /// How many requests may be in progress.
    pub in_progress: Option<NonZeroU32>,
    /// Clients without limits.
    pub exempt: Networks,
    /// The statuses of requests beyond a rate, and of those beyond `in_progress`. 400 to 599.
    pub statuses: [u16; 2],
}

/// How fast requests may come: a bucket that holds `burst` requests besides the one that is served, and from which one leaks in
/// each `interval` (nginx `limit_req` with `nodelay`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rate {
    /// Time in which one request may come, on average. Above zero.
    pub interval: Duration,
    /// How many may come earlier.
    pub burst: u32,
}

impl Rate {
    /// So many requests in a time, and so many times as many at once.
    pub fn new(requests: NonZeroU32, time: Duration, multiplier: u32) -> Self {
        let interval = (time / requests.get()).max(Duration::from_nanos(1));
        Self { interval, burst: requests.get().saturating_mul(multiplier) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_an_interval_and_a_burst_and_overflows_nothing() {
        let rate = |requests, seconds, multiplier| {
            Rate::new(NonZeroU32::new(requests).unwrap(), Duration::from_secs(seconds), multiplier)
        };
        assert_eq!(rate(10, 1, 5), Rate { interval: Duration::from_millis(100), burst: 50 });
        assert_eq!(rate(1, 60, 1), Rate { interval: Duration::from_secs(60), burst: 1 });
        let most = rate(u32::MAX, 1, u32::MAX);
        assert_eq!(most, Rate { interval: Duration::from_nanos(1), burst: u32::MAX });
    }
}
