//! Leaky buckets, in memory that does not grow: where there is no room for another bucket, of eight the one that would be empty
//! first is forgotten.
//!
//! A bucket is known by the time at which it will be empty. A request adds the time in which one leaks. It overflows where
//! the bucket would take longer than its burst to leak. An empty bucket is none: it needs no room.

use std::sync::{Mutex, PoisonError};

use super::nanos;
use crate::model::Rate;

/// Parts, each with a lock of its own.
const PARTS: usize = 64;
/// Buckets of a part: 96 KiB, from the first request on that falls into it.
const BUCKETS: usize = 4096;
/// Buckets among which one key may be.
const WAYS: usize = 8;

/// The buckets of all clients.
#[derive(Debug)]
pub(super) struct Buckets([Mutex<Part>; PARTS]);

#[derive(Debug, Default)]
struct Part {
    /// The latest time of a request. Shards read the clock one after the other, and time must not go back.
    latest: u64,
    /// None before the first request.
    buckets: Vec<Bucket>,
}

/// What a client has asked for of late, by the second and by the minute.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    key: u64,
    /// When nothing is left of either. Nanoseconds.
    empty_at: [u64; 2],
}

/// Whether a request is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It is, and counts.
    Within,
    /// It is, and another client's requests were forgotten for it.
    InPlaceOfAnother,
    /// It is not, and does not count.
    Beyond,
}

impl Default for Buckets {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }
}

impl Buckets {
    /// Lets a request in at `now`, nanoseconds, if neither rate is exceeded.
    pub(super) fn admit(&self, key: u64, rates: &[Option<Rate>; 2], now: u64) -> Admission {
        // Which part, and which buckets in it: the upper bits and the lower ones.
        let part = (key >> (u64::BITS - PARTS.ilog2())) as usize;
        let first = (key as usize % (BUCKETS / WAYS)) * WAYS;
        let mut part = self.0[part].lock().unwrap_or_else(PoisonError::into_inner);
        let Part { latest, buckets } = &mut *part;
        if buckets.is_empty() {
            buckets.resize(BUCKETS, Bucket::default());
        }
        *latest = now.max(*latest);
        let (now, ways) = (*latest, &mut buckets[first..first + WAYS]);
        let own = ways.iter().position(|bucket| bucket.key == key);
        let mut filled = own.map_or([0; 2], |own| ways[own].empty_at);
        let mut has_room = true;
        for (empty_at, rate) in filled.iter_mut().zip(rates) {
            let Some(Rate { interval, burst }) = rate else { continue };
            let burst = nanos(*interval).saturating_mul(u64::from(*burst));
            let full = now.saturating_add(burst).saturating_add(nanos(*interval));
            // One that was filled at a slower rate is no more than full now.
            *empty_at = (*empty_at).clamp(now, full);
            has_room &= *empty_at - now <= burst;
        }
        if !has_room {
            own.iter().for_each(|own| ways[*own].empty_at = filled);
            return Admission::Beyond;
        }
        for (empty_at, rate) in filled.iter_mut().zip(rates) {
            *empty_at = empty_at.saturating_add(rate.map_or(0, |rate| nanos(rate.interval)));
        }
        let emptiest = || (0..WAYS).min_by_key(|at| ways[*at].empties_at()).unwrap_or_default();
        let place = own.unwrap_or_else(emptiest);
        let is_anothers = own.is_none() && ways[place].empties_at() > now;
        ways[place] = Bucket { key, empty_at: filled };
        if is_anothers { Admission::InPlaceOfAnother } else { Admission::Within }
    }
}

impl Bucket {
    fn empties_at(&self) -> u64 {
        self.empty_at[0].max(self.empty_at[1])
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn rate(requests: u32, seconds: u64, multiplier: u32) -> Option<Rate> {
        Some(Rate::new(NonZeroU32::new(requests).unwrap(), Duration::from_secs(seconds), multiplier))
    }

    /// How many of `tries` requests of a client are let in at `now`.
    fn admitted(buckets: &Buckets, key: u64, rates: &[Option<Rate>; 2], now: u64, tries: usize) -> usize {
        (0..tries).filter(|_| buckets.admit(key, rates, now) != Admission::Beyond).count()
    }

    #[test]
    fn nginx_l1_a_burst_comes_at_once_and_then_one_for_each_interval() {
        let (buckets, rates) = (Buckets::default(), [rate(10, 1, 5), None]);
        // The first one and a burst of fifty.
        assert_eq!(admitted(&buckets, 7, &rates, SECOND, 100), 51);
        assert_eq!(admitted(&buckets, 7, &rates, SECOND + SECOND / 10 - 1, 10), 0);
        assert_eq!(admitted(&buckets, 7, &rates, SECOND + SECOND / 10, 10), 1);
        assert_eq!(admitted(&buckets, 7, &rates, 2 * SECOND, 100), 9);
        // All has leaked: what was refused did not count.
        assert_eq!(admitted(&buckets, 7, &rates, 100 * SECOND, 100), 51);
        assert_eq!(admitted(&buckets, 8, &rates, 100 * SECOND, 100), 51, "another client has its own");
    }

    #[test]
    fn nginx_l1_a_client_at_its_rate_is_never_refused() {
        let (buckets, rates) = (Buckets::default(), [rate(7, 1, 1), rate(420, 60, 1)]);
        let interval = nanos(Duration::from_secs(1) / 7);
        for at in 0..10_000 {
            assert_ne!(buckets.admit(7, &rates, at * interval), Admission::Beyond, "{at}");
        }
    }

    #[test]
    fn of_two_rates_one_that_is_exceeded_leaves_the_other_alone() {
        let (buckets, both) = (Buckets::default(), [rate(1, 1, 1), rate(1, 60, 5)]);
        assert_eq!(admitted(&buckets, 7, &both, 0, 10), 2, "by the second");
        // Eight refusals later there is as much left of the minute as before.
        assert_eq!(admitted(&buckets, 7, &[None, both[1]], 0, 10), 4);
        assert_eq!(admitted(&buckets, 7, &both, 30 * SECOND, 10), 0, "by the minute");
        assert_eq!(admitted(&buckets, 7, &[both[0], None], 30 * SECOND, 10), 2);
    }

    #[test]
    fn a_client_that_was_full_at_a_slow_rate_waits_no_longer_than_the_present_rate_says() {
        let (buckets, slow) = (Buckets::default(), [None, rate(1, 60, 100)]);
        assert_eq!(admitted(&buckets, 7, &slow, 0, 200), 101);
        let fast = [None, rate(60, 60, 5)];
        assert_eq!(admitted(&buckets, 7, &fast, SECOND, 10), 0);
        assert_eq!(admitted(&buckets, 7, &fast, 2 * SECOND, 10), 1);
        assert_eq!(admitted(&buckets, 7, &fast, 6 * SECOND, 10), 4);
    }

    #[test]
    fn a_time_before_the_last_one_gives_and_takes_nothing() {
        let (buckets, rates) = (Buckets::default(), [rate(1, 1, 1), None]);
        assert_eq!(admitted(&buckets, 7, &rates, 10 * SECOND, 10), 2);
        assert_eq!(admitted(&buckets, 7, &rates, 9 * SECOND, 10), 0);
        assert_eq!(admitted(&buckets, 7, &rates, 10 * SECOND, 10), 0);
        assert_eq!(admitted(&buckets, 7, &rates, 11 * SECOND, 10), 1);
    }

    #[test]
    fn memory_does_not_grow_and_of_eight_the_bucket_that_empties_first_is_forgotten() {
        let buckets = Buckets::default();
        // Keys of one place that differ in bits that choose none.
        let key = |number: u64| (number + 1) << 20;
        let slow = |number: u64| [rate(1, 60 + number, 1), None];
        for number in 0..8 {
            assert_eq!(buckets.admit(key(number), &slow(number), 0), Admission::Within);
        }
        assert_eq!(buckets.admit(key(8), &slow(8), 0), Admission::InPlaceOfAnother);
        // Number 0 is forgotten, and its first request takes the place of number 1.
        assert_eq!(admitted(&buckets, key(7), &slow(7), 0, 5), 1);
        assert_eq!(buckets.admit(key(0), &slow(100), 0), Admission::InPlaceOfAnother);
        // What has leaked is no loss.
        assert_eq!(buckets.admit(key(9), &slow(9), 1000 * SECOND), Admission::Within);
        let filled = buckets.0.iter().filter(|part| !part.lock().unwrap().buckets.is_empty()).count();
        assert_eq!((filled, size_of::<Bucket>() * BUCKETS * PARTS), (1, 6 << 20));
    }

    #[test]
    fn threads_together_let_in_no_more_than_one() {
        let (buckets, rates) = (Buckets::default(), [rate(1, 60, 99), None]);
        let sum: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| admitted(&buckets, 7, &rates, 0, 50))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(sum, 100);
    }
}
