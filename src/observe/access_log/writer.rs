//! The thread that writes lines out, and what it shares with the shards.

use std::io::{self, ErrorKind, Write};
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use prometheus::IntCounter;

use super::clock::Clock;
use crate::observe::metrics::Metrics;

/// How long lines may wait for company.
const ROUND: Duration = Duration::from_millis(50);

/// How long to wait for an output that another process made non-blocking.
const RETRY: Duration = Duration::from_millis(10);

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
}

impl Shared {
    pub(super) fn new(metrics: &Metrics) -> Self {
        let (written, dropped) = metrics.access_log();
        Self {
            slots: Mutex::default(),
            is_resting: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            dropped: dropped.clone(),
            written: written.clone(),
        }
    }
}

/// Writes lines until told to stop and all that was logged before is written.
pub(super) fn run(shared: &Shared, mut sink: Box<dyn Write + Send>) {
    let mut spare = Batch { bytes: Vec::with_capacity(BUFFER_START), lines: 0 };
    let mut is_broken = false;
    loop {
        let is_last = shared.stopping.load(Ordering::Acquire);
        let slots = take_stock(shared);
        let mut found_lines = false;
        for slot in &slots {
            mem::swap(&mut slot.lock().batch, &mut spare);
            if spare.lines > 0 {
                found_lines = true;
                write(shared, &mut *sink, &spare, &mut is_broken);
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

/// The places of all shards; those of shards that are gone are seen once more and then forgotten.
fn take_stock(shared: &Shared) -> Vec<Arc<Slot>> {
    let mut slots = shared.slots.lock().unwrap_or_else(PoisonError::into_inner);
    let all = slots.clone();
    // Two: the one in the list and the clone.
    slots.retain(|slot| Arc::strong_count(slot) > 2);
    all
}

fn write(shared: &Shared, sink: &mut dyn Write, batch: &Batch, is_broken: &mut bool) {
    match write_all(sink, &batch.bytes) {
        Ok(()) => {
            shared.written.inc_by(batch.lines);
            *is_broken = false;
        }
        Err(error) => {
            shared.dropped.inc_by(batch.lines);
            if !mem::replace(is_broken, true) {
                tracing::warn!(%error, "access log cannot be written");
            }
        }
    }
}

fn write_all(sink: &mut dyn Write, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match sink.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::park_timeout(RETRY),
            Err(error) => return Err(error),
        }
    }
    sink.flush()
}
