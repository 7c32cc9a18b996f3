//! The access log: one line for each finished request, off the data path.
//!
//! A shard formats its line into the shard's buffer, under a lock that nobody else holds for longer than a swap. One
//! thread swaps the buffers for empty ones and writes them out: the first line at once, then every 50 ms or when a
//! buffer fills. When the output does not keep up, buffers reach their limit and further lines are dropped and counted.
//! No line, whatever clients send, is more than one line, or longer than 4 KiB, or 8 KiB in HAProxy's format, or 16 KiB in
//! one of an operator's (class E6).
//!
//! The output is a stream, or a syslog server. While that is away, lines stay in the buffers, within the same limit.

mod captures;
mod details;
mod entry;
mod escape;
mod format;
mod haproxy;
mod line_format;
mod stream;
mod stream_entry;
mod writer;

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, SystemTime};

use super::clock::Clock;
use super::metrics::Metrics;
use super::state_log::{StateLines, StateLog};
use super::syslog::{Syslog, SyslogTarget};
use stream::Stream;
use writer::{Shared, Sink, Slot};

pub use captures::{AnswerCaptures, Capture, CaptureError, Captures};
pub use details::{Connections, Course, Details, Facts};
pub use entry::{Entry, RoutePart, TlsPart, UpstreamPart};
pub use line_format::{LineEscape, LineFormat, LineFormatError};
pub use stream_entry::StreamEntry;

/// A buffer that holds this much takes no more lines: the bound on memory for each shard. Bytes.
const BUFFER_LIMIT: usize = 1 << 20;

/// A buffer that holds this much is written without waiting for the next round. Bytes.
const BUFFER_URGENT: usize = 256 << 10;

/// What lines look like.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum AccessLogFormat {
    /// No lines.
    Off,
    /// A JSON object for each line.
    #[default]
    Json,
    /// The Combined Log Format with upstream, timing, route and request id behind it.
    Common,
    /// HAProxy's `option httplog`, with these fields of requests and answers.
    Haproxy(Captures),
    /// As an operator writes it.
    Lines(LineFormat),
}

/// The access log and its writer thread. Dropping it ends the thread once what was logged is written.
pub struct AccessLog {
    format: AccessLogFormat,
    /// `None` when it is off.
    running: Option<Running>,
}

struct Running {
    shared: Arc<Shared>,
    thread: Thread,
    /// Disconnected when the thread is done.
    done: Receiver<()>,
}

impl AccessLog {
    /// Starts a log that writes to `sink` and counts lines in `metrics`.
    pub fn start(format: AccessLogFormat, sink: Box<dyn Write + Send>, metrics: &Metrics) -> io::Result<Self> {
        if format == AccessLogFormat::Off {
            return Ok(Self { format, running: None });
        }
        Self::run(format, Stream::new(sink), None, metrics)
    }

    /// The same to a syslog server, which gets changes of state too, whatever the format.
    pub fn start_syslog(format: AccessLogFormat, target: &SyslogTarget, metrics: &Metrics) -> io::Result<Self> {
        let states = Arc::new(StateLines::new(metrics.access_log().1.clone()));
        Self::run(format, Syslog::new(target), Some(states), metrics)
    }

    fn run(
        format: AccessLogFormat,
        mut sink: impl Sink + 'static,
        states: Option<Arc<StateLines>>,
        metrics: &Metrics,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared::new(metrics, states));
        let (guard, done) = sync_channel::<()>(0);
        let thread = thread::Builder::new().name("access-log".to_owned()).spawn({
            let shared = shared.clone();
            move || {
                let _guard = guard;
                writer::run(&shared, &mut sink);
            }
        })?;
        let thread = thread.thread().clone();
        if let Some(states) = &shared.states {
            states.wake_by(thread.clone());
        }
        Ok(Self { format, running: Some(Running { shared, thread, done }) })
    }

    /// Where changes of state are logged: beside the lines if they go to a syslog server, and in the process's log.
    pub fn states(&self) -> StateLog {
        StateLog::new(self.running.as_ref().and_then(|running| running.shared.states.clone()))
    }

    /// The process's standard output, unbuffered.
    pub fn stdout() -> io::Result<Box<dyn Write + Send>> {
        Ok(Box::new(File::from(io::stdout().as_fd().try_clone_to_owned()?)))
    }

    /// The log of one shard. Shards do not disturb each other.
    pub fn shard(&self) -> ShardLog {
        // It may run for changes of state alone.
        let running = self.running.as_ref().filter(|_| self.format != AccessLogFormat::Off).map(|running| {
            let slot = Arc::new(Slot::default());
            let mut slots = running.shared.slots.lock().unwrap_or_else(PoisonError::into_inner);
            slots.push(slot.clone());
            ShardRunning { slot, shared: running.shared.clone(), thread: running.thread.clone() }
        });
        ShardLog { format: self.format.clone(), running }
    }

    /// Writes what was logged, waiting at most `patience`, and ends the thread. False when the output was too slow:
    /// the rest is lost unless the process lives on.
    pub fn stop(self, patience: Duration) -> bool {
        let Some(running) = &self.running else { return true };
        running.stop();
        matches!(running.done.recv_timeout(patience), Err(std::sync::mpsc::RecvTimeoutError::Disconnected))
    }
}

impl Running {
    fn stop(&self) {
        self.shared.stopping.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.stop();
        }
    }
}

/// Where a shard logs its requests. Clones share the shard's buffer.
#[derive(Clone)]
pub struct ShardLog {
    format: AccessLogFormat,
    running: Option<ShardRunning>,
}

#[derive(Clone)]
struct ShardRunning {
    slot: Arc<Slot>,
    shared: Arc<Shared>,
    thread: Thread,
}

impl ShardLog {
    /// A log that takes nothing.
    pub fn off() -> Self {
        Self { format: AccessLogFormat::Off, running: None }
    }

    /// Whether lines go anywhere: when not, an [`Entry`] need not be put together.
    pub fn is_on(&self) -> bool {
        self.running.is_some()
    }

    /// The fields of answers that lines show, and that must be kept for them; `None`: none is shown.
    pub fn of_answers(&self) -> Option<AnswerCaptures> {
        match &self.format {
            AccessLogFormat::Haproxy(captures) => captures.of_answers(),
            AccessLogFormat::Off | AccessLogFormat::Json | AccessLogFormat::Common | AccessLogFormat::Lines(_) => None,
        }
    }

    /// Logs a finished request. Never blocks on the output: when that does not keep up, the line is dropped and counted.
    /// `details` are asked for what a format of an operator's names besides.
    pub fn log(&self, entry: &Entry<'_>, details: &impl Details) {
        self.append(entry.time, |out, clock, format| match format {
            AccessLogFormat::Off => {}
            AccessLogFormat::Json => format::json(out, clock, entry),
            AccessLogFormat::Common => format::common(out, clock, entry),
            AccessLogFormat::Haproxy(captures) => haproxy::write(out, clock, entry, details, captures),
            AccessLogFormat::Lines(format) => format.write(out, clock, entry, details),
        });
    }

    /// The same of a connection of a stream.
    pub fn log_stream(&self, entry: &StreamEntry<'_>) {
        self.append(entry.time, |out, clock, format| match format {
            AccessLogFormat::Off => {}
            AccessLogFormat::Json => stream_entry::json(out, clock, entry),
            AccessLogFormat::Common => stream_entry::common(out, clock, entry),
            AccessLogFormat::Haproxy(_) => stream_entry::haproxy(out, clock, entry),
            AccessLogFormat::Lines(_) => stream_entry::nginx(out, clock, entry),
        });
    }

    #[inline]
    fn append(&self, time: SystemTime, write: impl FnOnce(&mut Vec<u8>, &mut Clock, &AccessLogFormat)) {
        let Some(ShardRunning { slot, shared, thread }) = &self.running else { return };
        let mut slot = slot.lock();
        let before = slot.batch.bytes.len();
        if before >= BUFFER_LIMIT {
            drop(slot);
            shared.dropped.inc();
            return;
        }
        let writer::Pending { batch, clock } = &mut *slot;
        clock.set(time);
        write(&mut batch.bytes, clock, &self.format);
        batch.lines += 1;
        let after = batch.bytes.len();
        drop(slot);
        let is_urgent = before < BUFFER_URGENT && after >= BUFFER_URGENT;
        if is_urgent || (before == 0 && shared.is_resting.swap(false, Ordering::AcqRel)) {
            thread.unpark();
        }
    }
}

#[cfg(test)]
mod tests;
