//! Randomness for pauses, so that many processes do not come at the same moment. Not fit for secrets.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// Within a fifth of this pause to either side.
pub(super) fn around(pause: Duration) -> Duration {
    let share = (random() >> 11) as f64 / (1_u64 << 53) as f64;
    pause.mul_f64(0.8 + 0.4 * share)
}

/// A random number, another one each time.
pub(super) fn random() -> u64 {
    RandomState::new().hash_one(0)
}
