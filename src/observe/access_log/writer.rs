//! The thread that writes lines out, and what it shares with the shards.

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use prometheus::IntCounter;

use crate::observe::clock::Clock;
use crate::observe::metrics::Metrics;
use crate::observe::state_log::StateLines;
use crate::observe::syslog::{Severity, Syslog};

/// How long lines may wait for company.
const ROUND: Duration = Duration::from_millis(50);

/// What a new buffer holds before it grows. Bytes.
const BUFFER_START: usize = 64 << 10;

/// Lines one behind the other.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) bytes: Vec<u8>,
    pub(super) lines: u64,
}

/// What a shard logged and nobody took yet.
pub(super) struct Pending {
    pub(super) batch: Batch,
    pub(super) clock: Clock,
}

/// One shard's place.
pub(super) struct Slot(Mutex<Pending>);

impl Default for Slot {
    fn default() -> Self {
        let batch = Batch { bytes: Vec::with_capacity(BUFFER_START), lines: 0 };
        Self(Mutex::new(Pending { batch, clock: Clock::new() }))
    }
}

impl Slot {
    pub(super) fn lock(&self) -> MutexGuard<'_, Pending> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What shards and the writer share.
pub(super) struct Shared {
    pub(super) slots: Mutex<Vec<Arc<Slot>>>,
    /// The writer found nothing and sleeps until it is woken. Set before its last look at the slots, whose locks order
    /// that look and the next line: whoever adds a line that the look missed sees the flag.
    pub(super) is_resting: AtomicBool,
    pub(super) stopping: AtomicBool,
    pub(super) dropped: IntCounter,
    written: IntCounter,
    /// Changes of state that nobody took yet, where the output takes them.
    pub(super) states: Option<Arc<StateLines>>,
}

impl Shared {
    pub(super) fn new(metrics: &Metrics, states: Option<Arc<StateLines>>) -> Self {
        let (written, dropped) = metrics.access_log();
        Self {
            slots: Mutex::default(),
            is_resting: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            dropped: dropped.clone(),
            written: written.clone(),
            states,
        }
    }
}

/// Where lines go.
pub(super) trait Sink: Send {
    /// Whether lines can be written now; if not, how long it takes until that is worth another question.
    fn ready(&mut self) -> Result<(), Duration>;

    /// Writes lines. Tells how many are lost.
    fn write(&mut self, batch: &Batch) -> u64;

    /// Writes about a change of state. Tells how many lines are lost.
    fn tell(&mut self, severity: Severity, text: &str) -> u64;
}

impl Sink for Syslog {
    fn ready(&mut self) -> Result<(), Duration> {
        Self::ready(self)
    }

    fn write(&mut self, batch: &Batch) -> u64 {
        self.send(Severity::Informational, &batch.bytes)
    }

    fn tell(&mut self, severity: Severity, text: &str) -> u64 {
        self.send(severity, text.as_bytes())
    }
}

/// Writes lines until told to stop and all that was logged before is written, or cannot be.
pub(super) fn run(shared: &Shared, sink: &mut impl Sink) {
    let mut spare = Batch { bytes: Vec::with_capacity(BUFFER_START), lines: 0 };
    loop {
        let is_last = shared.stopping.load(Ordering::Acquire);
        if let (Err(wait), false) = (sink.ready(), is_last) {
            // Lines wait where they are.
            thread::park_timeout(wait);
            continue;
        }
        let slots = take_stock(shared);
        let mut found_lines = tell_states(shared, sink);
        for slot in &slots {
            let is_ready = sink.ready().is_ok();
            if !is_ready && !is_last {
                break;
            }
            mem::swap(&mut slot.lock().batch, &mut spare);
            if spare.lines > 0 {
                found_lines = true;
                let lost = if is_ready { sink.write(&spare) } else { spare.lines };
                shared.dropped.inc_by(lost);
                shared.written.inc_by(spare.lines.saturating_sub(lost));
            }
            spare.bytes.clear();
            spare.lines = 0;
        }
        if is_last {
            return;
        }
        if found_lines {
            shared.is_resting.store(false, Ordering::Release);
            thread::park_timeout(ROUND);
        } else if shared.is_resting.swap(true, Ordering::AcqRel) {
            thread::park();
        }
    }
}

/// Writes about changes of state, if there were any.
fn tell_states(shared: &Shared, sink: &mut impl Sink) -> bool {
    let states = shared.states.as_ref().map(|states| states.take()).unwrap_or_default();
    for (severity, text) in &states {
        let lost = if sink.ready().is_ok() { sink.tell(*severity, text) } else { 1 };
        shared.dropped.inc_by(lost);
        shared.written.inc_by(1 - lost.min(1));
    }
    !states.is_empty()
}

/// The places of all shards; those of shards that are gone are seen once more and then forgotten.
fn take_stock(shared: &Shared) -> Vec<Arc<Slot>> {
    let mut slots = shared.slots.lock().unwrap_or_else(PoisonError::into_inner);
    let all = slots.clone();
    // Two: the one in the list and the clone.
    slots.retain(|slot| Arc::strong_count(slot) > 2);
    all
}
