//! How long the endpoints of a set have taken to answer: for each a mean in which old answers weigh ever less (Peak EWMA as
//! ingress-nginx has it, from Finagle). Shared by the shards. Requests in flight are for who compares.
//!
//! A score falls by itself while its endpoint is not asked, so that one that was slow is asked again some time.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::time::{Duration, Instant};

/// In this time what an answer adds to a score falls to a third (1/e).
const DECAY: Duration = Duration::from_secs(10);

/// What of a mean an answer leaves that was slower, at the most, however soon it follows another one: so an endpoint that becomes slow
/// is known after some answers and not after some seconds, and a single late answer makes little of it.
const KEPT_OF_QUICKER: f64 = 0.875;

/// The scores of a set, in its order.
#[derive(Debug)]
pub(in crate::upstream) struct Scores {
    /// What times count from.
    born: Instant,
    of: Box<[Score]>,
}

/// A mean, and when it was last changed.
#[derive(Debug)]
struct Score {
    /// Seconds, as the bits of an `f64`.
    mean: AtomicU64,
    /// Microseconds since the birth of the scores; 0 before the first answer.
    changed: AtomicU64,
}

impl Scores {
    /// Of `count` endpoints that have not answered.
    pub(in crate::upstream) fn new(count: usize, now: Instant) -> Self {
        Self { born: now, of: (0..count).map(|_| Score::of(0.0, 0)).collect() }
    }

    /// Those of another set. `places` tells for each of its endpoints where it was in this one; new ones begin with the mean
    /// of all that were here.
    pub(in crate::upstream) fn carried(&self, places: impl Iterator<Item = Option<usize>>, now: Instant) -> Self {
        let means = || self.of.iter().map(|score| f64::from_bits(score.mean.load(Relaxed)));
        let mean = if self.of.is_empty() { 0.0 } else { means().sum::<f64>() / self.of.len() as f64 };
        let carried = |place: Option<usize>| match place.and_then(|place| self.of.get(place)) {
            Some(score) => Score::of(f64::from_bits(score.mean.load(Relaxed)), score.changed.load(Relaxed)),
            None => Score::of(mean, self.micros(now)),
        };
        Self { born: self.born, of: places.map(carried).collect() }
    }

    /// The score of the endpoint at `place` now: less is better.
    pub(super) fn of(&self, place: usize, now: Instant) -> f64 {
        self.of.get(place).map_or(0.0, |score| {
            let changed = score.changed.load(Relaxed);
            f64::from_bits(score.mean.load(Relaxed)) * weight(self.micros(now).saturating_sub(changed))
        })
    }

    /// The endpoint at `place` has taken `time` for an answer. Of two answers of one moment, on two shards, one counts.
    pub(in crate::upstream) fn took(&self, place: usize, time: Duration, now: Instant) {
        let Some(score) = self.of.get(place) else { return };
        let (changed, micros) = (score.changed.load(Relaxed), self.micros(now));
        if score.changed.compare_exchange(changed, micros, Relaxed, Relaxed).is_err() {
            return;
        }
        // The first answer is the mean.
        let weight = if changed == 0 { 0.0 } else { weight(micros.saturating_sub(changed)) };
        let (mean, time) = (f64::from_bits(score.mean.load(Relaxed)), time.as_secs_f64());
        let weight = if time > mean { weight.min(KEPT_OF_QUICKER) } else { weight };
        let mean = mean * weight + time * (1.0 - weight);
        score.mean.store(mean.to_bits(), Relaxed);
    }

    /// At least 1.
    fn micros(&self, now: Instant) -> u64 {
        let micros = now.saturating_duration_since(self.born).as_micros();
        u64::try_from(micros).unwrap_or(u64::MAX).max(1)
    }
}

impl Score {
    fn of(mean: f64, changed: u64) -> Self {
        Self { mean: AtomicU64::new(mean.to_bits()), changed: AtomicU64::new(changed) }
    }
}

/// How much what was known weighs so many microseconds later.
fn weight(micros: u64) -> f64 {
    (-(micros as f64) / DECAY.as_micros() as f64).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-6
    }

    #[test]
    fn the_first_answer_is_the_score_and_later_ones_weigh_by_the_time_between() {
        let now = Instant::now();
        let scores = Scores::new(1, now);
        assert_eq!(scores.of(0, now), 0.0);
        scores.took(0, Duration::from_secs(2), now);
        assert!(near(scores.of(0, now), 2.0));
        let later = now + DECAY;
        let e = 1.0_f64.exp();
        assert!(near(scores.of(0, later), 2.0 / e), "it falls by itself: {}", scores.of(0, later));
        scores.took(0, Duration::from_secs(1), later);
        assert!(near(scores.of(0, later), 2.0 / e + 1.0 - 1.0 / e));
        // Quicker answers change nothing in no time, slower ones count for an eighth.
        let known = scores.of(0, later);
        scores.took(0, Duration::ZERO, later);
        assert!(near(scores.of(0, later), known));
        scores.took(0, Duration::from_secs(9), later);
        assert!(near(scores.of(0, later), known * 0.875 + 9.0 / 8.0));
    }

    #[test]
    fn who_stays_keeps_the_score_and_who_comes_has_the_mean_of_all() {
        let now = Instant::now();
        let scores = Scores::new(2, now);
        scores.took(0, Duration::from_secs(1), now);
        scores.took(1, Duration::from_secs(3), now);
        let next = scores.carried([None, Some(1)].into_iter(), now);
        assert!(near(next.of(0, now), 2.0));
        assert!(near(next.of(1, now), 3.0));
        assert_eq!(next.of(2, now), 0.0, "one that has left meanwhile");
        next.took(2, Duration::from_secs(1), now);
    }
}
