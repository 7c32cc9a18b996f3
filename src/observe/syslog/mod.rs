//! Lines to a syslog server (RFC 3164, RFC 5424), by datagrams (RFC 5426), over TCP (RFC 6587) or to a socket of this machine.
//!
//! Whoever sends may wait for the server, so a thread of its own does. A server that is away is asked again with growing
//! delays. What comes to a message is one line: senders take lines without their end, and nothing else could end one.

mod header;
mod link;
mod target;

use std::time::{Duration, SystemTime};

use header::Header;
use link::Link;

pub use target::{Facility, SyslogError, SyslogForm, SyslogTarget};

/// How urgent a line is (RFC 5424 §6.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    /// No requests of something can be served.
    Emergency = 0,
    /// Something is to be done.
    Alert = 1,
    /// Normal, and worth to be known.
    Notice = 5,
    /// Requests.
    Informational = 6,
}

/// What is written to a connection at a time. Bytes.
const PIECE: usize = 32 << 10;

/// Sends lines to a target.
pub(super) struct Syslog {
    header: Header,
    link: Link,
    /// Memory for messages, and for one of them.
    messages: Vec<u8>,
    message: Vec<u8>,
}

impl Syslog {
    pub(super) fn new(target: &SyslogTarget) -> Self {
        Self { header: Header::new(target), link: Link::new(target), messages: Vec::new(), message: Vec::new() }
    }

    /// Whether lines can be sent now; if not, how long it takes until that is worth another question. May take a while.
    pub(super) fn ready(&mut self) -> Result<(), Duration> {
        self.link.ready()
    }

    /// Sends lines, each with its line feed. Tells how many are lost for sure.
    pub(super) fn send(&mut self, severity: Severity, lines: &[u8]) -> u64 {
        self.header.set_time(SystemTime::now());
        let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        if !self.link.is_stream() {
            return lines.map(|line| u64::from(!self.send_one(severity, line))).sum();
        }
        let (mut lost, mut waiting) = (0, 0);
        for line in lines {
            self.message.clear();
            self.header.message(&mut self.message, severity, line);
            // Octet counting (RFC 6587 §3.4.1).
            self.messages.extend_from_slice(itoa::Buffer::new().format(self.message.len()).as_bytes());
            self.messages.push(b' ');
            self.messages.extend_from_slice(&self.message);
            waiting += 1;
            if self.messages.len() >= PIECE {
                lost += self.flush(&mut waiting);
            }
        }
        lost + self.flush(&mut waiting)
    }

    fn send_one(&mut self, severity: Severity, line: &[u8]) -> bool {
        self.message.clear();
        self.header.message(&mut self.message, severity, line);
        self.link.send(&self.message)
    }

    fn flush(&mut self, waiting: &mut u64) -> u64 {
        let waiting = std::mem::take(waiting);
        let is_sent = waiting == 0 || self.link.send_all(&self.messages);
        self.messages.clear();
        if is_sent { 0 } else { waiting }
    }
}

#[cfg(test)]
mod tests;
