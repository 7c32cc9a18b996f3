//! Whether connecting to an endpoint has failed lately.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::time::{Duration, Instant};

/// Passive health: one word, zero when clear, else the end of the suspicion and how often it was doubled.
///
/// When the time is over, the endpoint stays suspect until one request, the probe, has connected. The probe extends
/// the suspicion *before* it connects, as if it had failed. So no other request tries meanwhile, and the many failures
/// that one outage causes at once count as one.
#[derive(Debug)]
pub(super) struct Suspicion {
    /// What the word counts from: nanoseconds since `EPOCH`, or before. An `Instant` takes twice the memory.
    born: i64,
    /// `milliseconds since birth << 4 | level`, level 1 to 6; 0 when clear.
    word: AtomicU64,
}

/// Any moment of the process. 63 bits of nanoseconds last for three centuries.
static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

fn since_epoch(now: Instant) -> i64 {
    let nanos = |time: Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
    match now.checked_duration_since(*EPOCH) {
        Some(since) => nanos(since),
        None => -nanos(EPOCH.saturating_duration_since(now)),
    }
}

const LEVEL_BITS: u32 = 4;
const LONGEST_LEVEL: u64 = 6;

impl Suspicion {
    pub(super) fn new(now: Instant) -> Self {
        Self { born: since_epoch(now), word: AtomicU64::new(0) }
    }

    pub(super) fn is_raised(&self) -> bool {
        self.word.load(Relaxed) != 0
    }

    pub(super) fn clear(&self) {
        // Read first: the word is clear nearly always, and a store would take the cache line from the other shards.
        if self.is_raised() {
            self.word.store(0, Relaxed);
        }
    }

    pub(super) fn raise(&self, now: Instant) {
        let word = self.word.load(Relaxed);
        if word == 0 || self.is_over(word, now) {
            // If another thread was faster, it has noted a failure of the same moment.
            let _ = self.word.compare_exchange(word, self.next(word, now), Relaxed, Relaxed);
        }
    }

    pub(super) fn claim_probe(&self, now: Instant) -> bool {
        let word = self.word.load(Relaxed);
        word != 0
            && self.is_over(word, now)
            && self.word.compare_exchange(word, self.next(word, now), Relaxed, Relaxed).is_ok()
    }

    fn is_over(&self, word: u64, now: Instant) -> bool {
        self.millis(now) >= word >> LEVEL_BITS
    }

    fn next(&self, word: u64, now: Instant) -> u64 {
        let level = ((word & ((1 << LEVEL_BITS) - 1)) + 1).min(LONGEST_LEVEL);
        let length = Duration::from_secs(1 << (level - 1)).min(Duration::from_secs(30));
        ((self.millis(now) + length.as_millis() as u64) << LEVEL_BITS) | level
    }

    /// Milliseconds since birth, of which every count of the endpoint is made: 60 bits last for millions of years.
    pub(super) fn millis(&self, now: Instant) -> u64 {
        u64::try_from(since_epoch(now).saturating_sub(self.born)).unwrap_or(0) / 1_000_000
    }
}
