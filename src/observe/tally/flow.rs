//! How many come: in all, at once, and in a second.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// Bits of a count in a packed rate; a second has the rest. Four million in a second are the most.
const COUNT_BITS: u32 = 22;
const COUNT: u64 = (1 << COUNT_BITS) - 1;
const SECOND: u64 = (1 << (u64::BITS - 2 * COUNT_BITS)) - 1;

/// Counts what comes. Times are milliseconds since one moment.
#[derive(Debug, Default)]
pub(super) struct Flow {
    total: AtomicU64,
    most: AtomicU32,
    /// Of the second in which the last one came: which it is, how many came in it, and in the one before.
    rate: AtomicU64,
    highest_rate: AtomicU32,
}

/// What came, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowNumbers {
    /// There now.
    pub now: u64,
    /// There at once, at most.
    pub most: u64,
    /// So far.
    pub total: u64,
    /// In the last second.
    pub rate: u64,
    /// In a second, at most.
    pub highest_rate: u64,
}

impl Flow {
    /// One more comes, with which there are `now`.
    pub(super) fn comes(&self, now: u32, millis: u64) {
        self.total.fetch_add(1, Relaxed);
        raise(&self.most, now);
        let one_more = |rate| Some(Seconds::of(rate).at(millis).one_more().packed());
        let before = self.rate.fetch_update(Relaxed, Relaxed, one_more).unwrap_or_else(|rate| rate);
        let rate = Seconds::of(before).at(millis).one_more().rate(millis);
        raise(&self.highest_rate, u32::try_from(rate).unwrap_or(u32::MAX));
    }

    /// What came so far, where there are `now`.
    pub(super) fn numbers(&self, now: u64, millis: u64) -> FlowNumbers {
        FlowNumbers {
            now,
            most: u64::from(self.most.load(Relaxed)).max(now),
            total: self.total.load(Relaxed),
            rate: Seconds::of(self.rate.load(Relaxed)).at(millis).rate(millis),
            highest_rate: self.highest_rate.load(Relaxed).into(),
        }
    }

    /// Forgets the highest values.
    pub(super) fn forget_highest(&self) {
        self.most.store(0, Relaxed);
        self.highest_rate.store(0, Relaxed);
    }

    /// Forgets everything.
    pub(super) fn forget(&self) {
        self.forget_highest();
        self.total.store(0, Relaxed);
    }
}

/// Raises a highest value. Most values are no new ones, and cost a load alone.
pub(super) fn raise(highest: &AtomicU32, value: u32) {
    if highest.load(Relaxed) < value {
        highest.fetch_max(value, Relaxed);
    }
}

/// A second with its count, and that of the second before.
#[derive(Clone, Copy)]
struct Seconds {
    second: u64,
    count: u64,
    before: u64,
}

impl Seconds {
    fn of(packed: u64) -> Self {
        Self { second: packed >> (2 * COUNT_BITS), count: packed >> COUNT_BITS & COUNT, before: packed & COUNT }
    }

    fn packed(self) -> u64 {
        self.second << (2 * COUNT_BITS) | self.count << COUNT_BITS | self.before
    }

    /// The same at another time.
    fn at(self, millis: u64) -> Self {
        let second = (millis / 1000) & SECOND;
        match second.wrapping_sub(self.second) & SECOND {
            0 => self,
            1 => Self { second, count: 0, before: self.count },
            _ => Self { second, count: 0, before: 0 },
        }
    }

    fn one_more(self) -> Self {
        Self { count: (self.count + 1).min(COUNT), ..self }
    }

    /// In the second up to now, as if those of the second before had come evenly.
    fn rate(self, millis: u64) -> u64 {
        self.count + self.before * (1000 - millis % 1000) / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_of_the_last_second() {
        let flow = Flow::default();
        for millis in 0..1000 {
            flow.comes(1, 5000 + millis);
        }
        let rate = |millis| flow.numbers(0, millis).rate;
        assert_eq!([rate(5999), rate(6000), rate(6500), rate(6999), rate(7000)], [1000, 1000, 500, 1, 0]);
        assert_eq!(flow.numbers(0, 9000).highest_rate, 1000);
        for millis in 0..500 {
            flow.comes(2, 6000 + millis);
        }
        let numbers = flow.numbers(1, 6500);
        assert_eq!((numbers.total, numbers.rate, numbers.most), (1500, 1000, 2));
        assert!((1000..=1002).contains(&numbers.highest_rate), "{}", numbers.highest_rate);
        flow.forget_highest();
        let numbers = flow.numbers(1, 6500);
        assert_eq!((numbers.total, numbers.most, numbers.highest_rate), (1500, 1, 0));
        flow.forget();
        assert_eq!(flow.numbers(0, 8600).total, 0);
    }
}
