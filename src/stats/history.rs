//! Requests, errors and times of upstreams in the last hour, for the charts of the page. Bounded: an upstream has 360 samples of 12 bytes, and
//! at most 200 upstreams have any.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::rows::Stats;
use crate::observe::Count;

/// Time between samples.
pub(super) const INTERVAL: Duration = Duration::from_secs(10);
/// Samples of an upstream: an hour.
pub(super) const MOST_SAMPLES: usize = 360;
/// Upstreams that have samples: the first in order of names.
const MOST_UPSTREAMS: usize = 200;

/// What came to an upstream between two samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) requests: u32,
    /// Answers with a status of 5xx.
    pub(super) errors: u32,
    /// Mean time of requests, from the first byte to the last of the answer, in microseconds; 0: there were none.
    pub(super) micros: u32,
}

/// The samples.
#[derive(Default)]
pub(super) struct History(Mutex<HashMap<u32, Course>>);

#[derive(Default)]
struct Course {
    /// So far.
    requests: u64,
    errors: u64,
    /// Requests that were timed, and their times together in microseconds.
    timed: (u64, u64),
    samples: VecDeque<Sample>,
}

impl History {
    /// Takes a sample. Upstreams that are gone are forgotten.
    pub(super) fn sample(&self, stats: &Stats) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kept = HashMap::with_capacity(stats.backends.len().min(MOST_UPSTREAMS));
        for backend in stats.backends.iter().take(MOST_UPSTREAMS) {
            let (requests, errors) = (backend.requests.sessions.total, backend.requests.get(Count::Answers5xx));
            let timed = (backend.requests.spans.count, backend.requests.spans.sum);
            let course = match all.remove(&backend.id) {
                None => Course { requests, errors, timed, samples: VecDeque::new() },
                Some(mut course) => {
                    // Counters that were cleared begin anew.
                    let since = |now: u64, before: u64| now.checked_sub(before).unwrap_or(now);
                    let short = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
                    let (count, sum) = (since(timed.0, course.timed.0), since(timed.1, course.timed.1));
                    let sample = Sample {
                        requests: short(since(requests, course.requests)),
                        errors: short(since(errors, course.errors)),
                        micros: short(sum.checked_div(count).unwrap_or(0)),
                    };
                    if course.samples.len() >= MOST_SAMPLES {
                        course.samples.pop_front();
                    }
                    course.samples.push_back(sample);
                    Course { requests, errors, timed, ..course }
                }
            };
            kept.insert(backend.id, course);
        }
        *all = kept;
    }

    /// The samples of an upstream, the oldest first.
    pub(super) fn of(&self, backend: u32) -> Vec<Sample> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&backend).map(|course| course.samples.iter().copied().collect()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::TallyNumbers;
    use crate::stats::Backend;

    fn stats(ids: std::ops::Range<u32>, total: u64, errors: u64) -> Stats {
        let mut requests = TallyNumbers::default();
        requests.sessions.total = total;
        requests.set(Count::Answers5xx, errors);
        // Requests take ten milliseconds each.
        (requests.spans.count, requests.spans.sum) = (total, total * 10_000);
        let backend =
            |id| Backend { name: format!("b{id:04}"), id, requests: requests.clone(), waiting: 0, servers: Vec::new() };
        Stats { frontends: Vec::new(), backends: ids.map(backend).collect() }
    }

    #[test]
    fn samples_are_differences_and_bounded() {
        let history = History::default();
        for (total, errors) in [(5, 1), (15, 1), (15, 1), (20, 4), (3, 0)] {
            history.sample(&stats(1..2, total, errors));
        }
        let sample = |requests, errors| Sample { requests, errors, micros: if requests > 0 { 10_000 } else { 0 } };
        // The counters were cleared before the last one.
        assert_eq!(history.of(1), [sample(10, 0), sample(0, 0), sample(5, 3), sample(3, 0)]);
        for total in 0..400 {
            history.sample(&stats(1..1000, total, 0));
        }
        assert_eq!((history.of(1).len(), history.of(200).len(), history.of(201).len()), (360, 360, 0));
        history.sample(&stats(0..0, 0, 0));
        assert_eq!(history.of(1), []);
    }
}
