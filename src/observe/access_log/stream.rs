//! Lines to a stream, such as standard output.

use std::io::{self, ErrorKind, Write};
use std::mem;
use std::thread;
use std::time::Duration;

use super::writer::{Batch, Sink};
use crate::observe::syslog::Severity;

/// How long to wait for an output that another process made non-blocking.
const RETRY: Duration = Duration::from_millis(10);

/// A stream.
pub(super) struct Stream {
    to: Box<dyn Write + Send>,
    is_broken: bool,
}

impl Stream {
    pub(super) fn new(to: Box<dyn Write + Send>) -> Self {
        Self { to, is_broken: false }
    }
}

impl Sink for Stream {
    fn ready(&mut self) -> Result<(), Duration> {
        Ok(())
    }

    fn write(&mut self, batch: &Batch) -> u64 {
        match write_all(&mut *self.to, &batch.bytes) {
            Ok(()) => {
                self.is_broken = false;
                0
            }
            Err(error) => {
                if !mem::replace(&mut self.is_broken, true) {
                    tracing::warn!(%error, "access log cannot be written");
                }
                batch.lines
            }
        }
    }

    /// Changes of state are in the process's log.
    fn tell(&mut self, _: Severity, _: &str) -> u64 {
        0
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
