//! Randomness for pauses, so that many processes do not come at the same moment. Of no worth for secrets.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// A source of pauses (SplitMix64).
#[derive(Clone, Copy, Debug)]
pub(super) struct Jitter(u64);

impl Jitter {
    /// Seeded by the process's own randomness.
    pub(super) fn new() -> Self {
        Self(random())
    }

    /// Within a fifth of this to either side.
    pub(super) fn around(&mut self, pause: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let share = ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64;
        pause.mul_f64(0.8 + 0.4 * share)
    }
}

/// A random number, another one in each process.
pub(super) fn random() -> u64 {
    RandomState::new().hash_one(0)
}
