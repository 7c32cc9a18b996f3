//! Which streams of a connection have been woken.
//!
//! One task drives all streams of a connection. Each stream has a waker of its own, which marks the stream and wakes that
//! task. So the task polls only streams for which something has happened, and what they write leaves together.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

/// Streams that a word has marks for.
const BITS: usize = 64;

/// The marks of a connection's streams, by their slots.
pub(super) struct Wakes {
    words: Box<[AtomicU64]>,
    /// Wakes the connection's task.
    task: Mutex<Waker>,
    /// Whether that task runs now: then it looks at the marks before it rests.
    is_awake: AtomicBool,
}

impl Wakes {
    /// Marks for `streams` streams.
    pub(super) fn new(streams: usize) -> Arc<Self> {
        let words = (0..streams.div_ceil(BITS)).map(|_| AtomicU64::new(0)).collect();
        Arc::new(Self { words, task: Mutex::new(Waker::noop().clone()), is_awake: AtomicBool::new(false) })
    }

    /// The connection's task runs from here on: streams that wake only mark themselves.
    pub(super) fn awake(&self, task: &Waker) {
        self.is_awake.store(true, Ordering::Release);
        self.task.lock().unwrap_or_else(PoisonError::into_inner).clone_from(task);
    }

    /// The connection's task is about to rest: streams that wake wake it too.
    pub(super) fn rest(&self) {
        self.is_awake.store(false, Ordering::Release);
        if self.is_any() {
            self.wake_task();
        }
    }

    /// The waker of the stream in a slot.
    pub(super) fn waker(self: &Arc<Self>, slot: usize) -> Waker {
        Waker::from(Arc::new(StreamWaker { wakes: Arc::clone(self), slot }))
    }

    /// Marks a stream. True if it was not marked.
    pub(super) fn mark(&self, slot: usize) -> bool {
        let bit = 1u64 << (slot % BITS);
        self.words.get(slot / BITS).is_some_and(|word| word.fetch_or(bit, Ordering::AcqRel) & bit == 0)
    }

    /// Whether any stream is marked.
    pub(super) fn is_any(&self) -> bool {
        self.words.iter().any(|word| word.load(Ordering::Acquire) != 0)
    }

    /// Takes the marks and gives their slots, those from `first` on before the others.
    pub(super) fn take(&self, first: usize, mut give: impl FnMut(usize)) {
        let (start, behind) = (first / BITS, !0u64 << (first % BITS));
        let count = self.words.len();
        for step in 0..=count {
            let index = (start + step) % count.max(1);
            let mask = match step {
                0 => behind,
                _ if step == count => !behind,
                _ => !0,
            };
            let Some(word) = self.words.get(index) else { return };
            let mut marks = word.fetch_and(!mask, Ordering::AcqRel) & mask;
            while marks != 0 {
                give(index * BITS + marks.trailing_zeros() as usize);
                marks &= marks - 1;
            }
        }
    }

    fn wake(&self, slot: usize) {
        if self.mark(slot) && !self.is_awake.load(Ordering::Acquire) {
            self.wake_task();
        }
    }

    fn wake_task(&self) {
        self.task.lock().unwrap_or_else(PoisonError::into_inner).wake_by_ref();
    }
}

/// The waker of one stream.
struct StreamWaker {
    wakes: Arc<Wakes>,
    slot: usize,
}

impl Wake for StreamWaker {
    fn wake(self: Arc<Self>) {
        self.wakes.wake(self.slot);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wakes.wake(self.slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(wakes: &Wakes, first: usize) -> Vec<usize> {
        let mut slots = Vec::new();
        wakes.take(first, |slot| slots.push(slot));
        slots
    }

    #[test]
    fn marks_are_taken_once_and_in_turn() {
        let wakes = Wakes::new(100);
        for slot in [0, 5, 63, 64, 99] {
            assert!(wakes.mark(slot));
            assert!(!wakes.mark(slot));
        }
        assert!(wakes.is_any());
        assert_eq!(taken(&wakes, 63), [63, 64, 99, 0, 5]);
        assert!(!wakes.is_any());
        assert!(taken(&wakes, 0).is_empty());
        assert!([0, 5, 63, 64, 99].iter().all(|slot| wakes.mark(*slot)));
        assert_eq!(taken(&wakes, 64), [64, 99, 0, 5, 63]);
        assert!([1, 2].iter().all(|slot| wakes.mark(*slot)));
        assert_eq!(taken(&wakes, 2), [2, 1]);
    }

    #[test]
    fn a_stream_wakes_the_task_once_until_its_mark_is_taken() {
        struct Count(AtomicU64);
        impl Wake for Count {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::AcqRel);
            }
        }
        let count = Arc::new(Count(AtomicU64::new(0)));
        let wakes = Wakes::new(10);
        wakes.awake(&Waker::from(Arc::clone(&count)));
        let waker = wakes.waker(7);
        waker.wake_by_ref();
        assert_eq!(count.0.load(Ordering::Acquire), 0, "a task that runs need not be woken");
        wakes.rest();
        assert_eq!(count.0.load(Ordering::Acquire), 1, "it has not looked at the mark");
        assert_eq!(taken(&wakes, 0), [7]);
        waker.wake_by_ref();
        waker.wake();
        assert_eq!(count.0.load(Ordering::Acquire), 2);
        assert_eq!(taken(&wakes, 0), [7]);
    }
}
