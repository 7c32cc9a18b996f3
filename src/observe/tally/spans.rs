//! How long the parts of requests take: means of the last ones, and the longest.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::flow::raise;

/// The means are those of about so many requests, as in HAProxy.
const LAST: u64 = 1024;

/// A part of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// In the queue. HAProxy `qtime`.
    Queue,
    /// To a connection that has the request. HAProxy `ctime`.
    Connect,
    /// From then to the head of the answer. HAProxy `rtime`.
    Response,
    /// From the first byte of the request to the last of the answer. HAProxy `ttime`.
    Total,
}

/// Times of the parts.
#[derive(Debug, Default)]
pub(super) struct Spans {
    count: AtomicU64,
    /// Nanoseconds.
    means: [AtomicU64; 4],
    /// Milliseconds.
    longest: [AtomicU32; 4],
    /// Of `Span::Total`, microseconds.
    sum: AtomicU64,
}

/// Means and longest times, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpanNumbers {
    /// Means, of each part.
    pub means: [u64; 4],
    /// The longest, of each part.
    pub longest: [u64; 4],
    /// How many requests were timed.
    pub count: u64,
    /// All of their times together, in microseconds.
    pub sum: u64,
}

impl SpanNumbers {
    /// The mean of a part.
    pub fn mean(&self, span: Span) -> u64 {
        self.means[span as usize]
    }

    /// The longest of a part.
    pub fn longest(&self, span: Span) -> u64 {
        self.longest[span as usize]
    }
}

impl Spans {
    pub(super) fn record(&self, times: [Duration; 4]) {
        let count = self.count.fetch_add(1, Relaxed).saturating_add(1).clamp(1, LAST);
        let total = times[Span::Total as usize].as_micros();
        self.sum.fetch_add(u64::try_from(total).unwrap_or(0), Relaxed);
        for ((mean, longest), time) in self.means.iter().zip(&self.longest).zip(times) {
            let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
            let closer = |mean: u64| {
                Some(if nanos >= mean { mean + (nanos - mean) / count } else { mean - (mean - nanos) / count })
            };
            let _ = mean.fetch_update(Relaxed, Relaxed, closer);
            raise(longest, u32::try_from(time.as_millis()).unwrap_or(u32::MAX));
        }
    }

    pub(super) fn numbers(&self) -> SpanNumbers {
        SpanNumbers {
            means: std::array::from_fn(|at| self.means[at].load(Relaxed) / 1_000_000),
            longest: std::array::from_fn(|at| self.longest[at].load(Relaxed).into()),
            count: self.count.load(Relaxed),
            sum: self.sum.load(Relaxed),
        }
    }

    pub(super) fn forget_highest(&self) {
        self.longest.iter().for_each(|longest| longest.store(0, Relaxed));
    }

    pub(super) fn forget(&self) {
        self.count.store(0, Relaxed);
        self.sum.store(0, Relaxed);
        self.means.iter().for_each(|mean| mean.store(0, Relaxed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_requests_have_their_mean_and_many_that_of_the_last() {
        let spans = Spans::default();
        let record = |millis| spans.record([Duration::from_millis(millis); 4]);
        [10, 20, 30].into_iter().for_each(record);
        assert_eq!((spans.numbers().mean(Span::Total), spans.numbers().longest(Span::Queue)), (20, 30));
        (0..20_000).for_each(|_| record(100));
        assert!((99..=100).contains(&spans.numbers().mean(Span::Connect)), "{:?}", spans.numbers());
        spans.forget();
        record(4);
        assert_eq!(spans.numbers().mean(Span::Response), 4);
    }
}
