//! What is kept of an endpoint where somebody asks for more than its load: its weight, what checks say, failures, the queue.
//!
//! Times are milliseconds since the endpoint was made.

use std::sync::atomic::{
    AtomicU8, AtomicU16, AtomicU32, AtomicU64,
    Ordering::{AcqRel, Relaxed},
};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::time::{Duration, Instant};

use super::check_note::CheckNote;
use super::queue::WaitQueue;
use crate::model::Weight;
use crate::observe::Tally;

/// How often the time of an ejection is doubled: ten times the first is the most.
const MOST_TIMES: u32 = 10;
/// An endpoint that was not ejected for so many times its last ejection begins anew.
const FORGIVEN_AFTER: u64 = 4;

/// In place of a weight, and of flags: an operator has said nothing.
const NOTHING_SAID: u16 = u16::MAX;

/// More than its load.
#[derive(Debug)]
pub(super) struct Care {
    /// What its set wants, and what an operator has said at run time, which wins.
    state: AtomicU8,
    weight: AtomicU16,
    said_state: AtomicU8,
    said_weight: AtomicU16,
    /// Since when it has taken requests.
    since: AtomicU64,
    /// Checks that say that it is down.
    failing: AtomicU32,
    /// Failures, one after the other.
    failures: AtomicU32,
    /// When the last ejection ends.
    ejected_until: AtomicU64,
    /// How long it is.
    ejected_for: AtomicU64,
    queue: OnceLock<Arc<WaitQueue>>,
    /// What the last check came to.
    checked: Mutex<Option<Box<CheckNote>>>,
    /// What is counted of it, where that is asked for.
    tally: OnceLock<Box<Tally>>,
}

impl Default for Care {
    fn default() -> Self {
        Self {
            state: AtomicU8::new(0),
            weight: AtomicU16::new(Weight::default().get()),
            said_state: AtomicU8::new(NOTHING_SAID as u8),
            said_weight: AtomicU16::new(NOTHING_SAID),
            since: AtomicU64::new(0),
            failing: AtomicU32::new(0),
            failures: AtomicU32::new(0),
            ejected_until: AtomicU64::new(0),
            ejected_for: AtomicU64::new(0),
            queue: OnceLock::new(),
            checked: Mutex::default(),
            tally: OnceLock::new(),
        }
    }
}

impl Care {
    pub(super) fn weight(&self) -> Weight {
        let said = Weight::new(self.said_weight.load(Relaxed));
        said.unwrap_or_else(|| self.wanted_weight())
    }

    /// What its set wants.
    pub(super) fn wanted_weight(&self) -> Weight {
        Weight::new(self.weight.load(Relaxed)).unwrap_or_default()
    }

    pub(super) fn want_weight(&self, weight: Weight) {
        self.weight.store(weight.get(), Relaxed);
    }

    /// What an operator says; `None`: nothing any more.
    pub(super) fn say_weight(&self, weight: Option<Weight>) {
        self.said_weight.store(weight.map_or(NOTHING_SAID, Weight::get), Relaxed);
    }

    /// The flags of its state, where the set wants `wanted`.
    pub(super) fn state(&self, wanted: u8) -> u8 {
        self.state.store(wanted, Relaxed);
        self.said_state().unwrap_or(wanted)
    }

    /// The flags that an operator has said; `None`: nothing.
    pub(super) fn said_state(&self) -> Option<u8> {
        Some(self.said_state.load(Relaxed)).filter(|said| *said != NOTHING_SAID as u8)
    }

    /// What an operator says; `None`: nothing any more. Returns the flags of its state.
    pub(super) fn say_state(&self, said: Option<u8>) -> u8 {
        self.said_state.store(said.unwrap_or(NOTHING_SAID as u8), Relaxed);
        said.unwrap_or_else(|| self.state.load(Relaxed))
    }

    pub(super) fn since(&self) -> u64 {
        self.since.load(Relaxed)
    }

    /// It begins to take requests, now.
    pub(super) fn begins(&self, now: u64) {
        self.since.store(now, Relaxed);
    }

    /// One more check says that it is down, or one fewer. Returns how many say so.
    pub(super) fn count_failing(&self, is_up: bool) -> u32 {
        let count = |failing: u32| Some(if is_up { failing.saturating_sub(1) } else { failing.saturating_add(1) });
        let before = self.failing.fetch_update(AcqRel, Relaxed, count).unwrap_or_else(|failing| failing);
        count(before).unwrap_or(before)
    }

    /// Returns how many failures there are, one after the other.
    pub(super) fn count_failure(&self) -> u32 {
        self.failures.fetch_add(1, Relaxed).saturating_add(1)
    }

    pub(super) fn forget_failures(&self) {
        if self.failures.load(Relaxed) != 0 {
            self.failures.store(0, Relaxed);
        }
    }

    pub(super) fn ejected_until(&self) -> u64 {
        self.ejected_until.load(Relaxed)
    }

    /// Leaves it out from now on: for `first`, or twice as long as the last time.
    pub(super) fn eject(&self, first: Duration, now: u64) {
        let first = (first.as_millis() as u64).max(1);
        let (last, ended) = (self.ejected_for.load(Relaxed), self.ejected_until.load(Relaxed));
        let is_forgiven = now.saturating_sub(ended) > last.saturating_mul(FORGIVEN_AFTER);
        let time = if last == 0 || is_forgiven { first } else { (last * 2).min(first * u64::from(MOST_TIMES)) };
        self.ejected_for.store(time, Relaxed);
        self.ejected_until.store(now.saturating_add(time), Relaxed);
        self.failures.store(0, Relaxed);
    }

    /// Takes note of a check, which has turned the verdict or has not.
    pub(super) fn note_check(&self, new: CheckNote, has_turned: bool) {
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        let former = checked.as_deref().copied();
        let since = former.filter(|_| !has_turned).map_or(new.since, |former| former.since);
        let is_bad = !new.outcome.is_good();
        let bad = former.map_or(0, |former| former.bad) + u64::from(is_bad);
        let downs = former.map_or(0, |former| former.downs) + u64::from(is_bad && has_turned);
        let before = former.map_or(Duration::ZERO, |former| former.down_for);
        let down_for = match former {
            Some(former) if has_turned && !is_bad => before + new.since.saturating_duration_since(former.since),
            Some(_) | None => before,
        };
        *checked.get_or_insert_with(|| Box::new(new)).as_mut() = CheckNote { since, bad, downs, down_for, ..new };
    }

    /// What is known by checks; `None`: there was none.
    pub(super) fn checked(&self) -> Option<CheckNote> {
        self.checked.lock().unwrap_or_else(PoisonError::into_inner).as_deref().copied()
    }

    #[inline]
    pub(super) fn tally(&self) -> Option<&Tally> {
        self.tally.get().map(|tally| &**tally)
    }

    pub(super) fn keep_tally(&self, now: Instant) {
        self.tally.get_or_init(|| Box::new(Tally::new(now)));
    }

    pub(super) fn queue(&self) -> Option<&Arc<WaitQueue>> {
        self.queue.get()
    }

    pub(super) fn join(&self, queue: &Arc<WaitQueue>) {
        // An endpoint belongs to one upstream, which has one queue.
        let _ = self.queue.set(Arc::clone(queue));
    }
}
