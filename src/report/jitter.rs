//! Randomness for pauses, so that many processes do not act at the same moment. Not for secrets.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// This pause, a random part of up to a fifth longer or shorter.
pub(super) fn around(pause: Duration) -> Duration {
    let share = (random() >> 11) as f64 / (1_u64 << 53) as f64;
    pause.mul_f64(0.8 + 0.4 * share)
}

/// A random number.
pub(super) fn random() -> u64 {
    RandomState::new().hash_one(0)
}
