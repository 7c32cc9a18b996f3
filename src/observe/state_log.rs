//! Changes of state of servers and backends, in HAProxy's words: to the syslog server of the access log, if it has one, and
//! to the process's log. Whoever tells of one never waits: what the server does not take in time is lost and counted.

use std::collections::VecDeque;
use std::fmt::{self, Display};
use std::mem;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::Thread;

use prometheus::IntCounter;

use super::syslog::Severity;

/// Lines that wait for the server; more are lost.
const WAITING: usize = 256;

/// Longest line. Bytes.
const LONGEST: usize = 1024;

/// Where changes of state are told. Clones are the same.
#[derive(Clone, Default)]
pub struct StateLog {
    /// `None` where there is no syslog server.
    lines: Option<Arc<StateLines>>,
}

/// What a backend has left when a server of it goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Servers that get requests.
    pub active: usize,
    /// Servers that get requests when no other can. There is no such setting yet, so zero.
    pub backup: usize,
    /// Requests at the server that has gone.
    pub sessions: usize,
    /// Requests that go from its queue to other servers. The queue is that of the backend, so zero.
    pub requeued: usize,
    /// Requests that wait in the queue of the backend.
    pub queued: usize,
}

impl StateLog {
    pub(super) fn new(lines: Option<Arc<StateLines>>) -> Self {
        Self { lines }
    }

    /// A server of a backend gets requests from now on (severity notice).
    pub fn server_up(&self, backend: &dyn Display, server: &dyn Display, reason: &str) {
        tracing::info!(%backend, %server, reason, "server is up");
        self.tell(Severity::Notice, format_args!("Server {backend}/{server} is UP, reason: {reason}."));
    }

    /// A server of a backend gets no more requests (severity alert).
    pub fn server_down(&self, backend: &dyn Display, server: &dyn Display, reason: &str, left: Left) {
        let Left { active, backup, sessions, requeued, queued } = left;
        tracing::warn!(%backend, %server, reason, active, sessions, "server is down");
        self.tell(
            Severity::Alert,
            format_args!(
                "Server {backend}/{server} is DOWN, reason: {reason}. {active} active and {backup} backup servers left. \
                 {sessions} sessions active, {requeued} requeued, {queued} remaining in queue."
            ),
        );
    }

    /// A backend has no server any more (severity emergency).
    pub fn backend_empty(&self, backend: &dyn Display) {
        tracing::error!(%backend, "backend has no server available");
        self.tell(Severity::Emergency, format_args!("backend {backend} has no server available!"));
    }

    fn tell(&self, severity: Severity, text: fmt::Arguments<'_>) {
        if let Some(lines) = &self.lines {
            lines.push(severity, &text.to_string());
        }
    }
}

/// Lines that wait for the thread that sends them.
pub(super) struct StateLines {
    waiting: Mutex<VecDeque<(Severity, String)>>,
    thread: OnceLock<Thread>,
    lost: IntCounter,
}

impl StateLines {
    /// None yet. `lost` counts those that have no place.
    pub(super) fn new(lost: IntCounter) -> Self {
        Self { waiting: Mutex::default(), thread: OnceLock::new(), lost }
    }

    /// From now on this thread is woken when there is a line.
    pub(super) fn wake_by(&self, thread: Thread) {
        // Nobody sets it twice, and a line that came before waits for the next round.
        let _ = self.thread.set(thread);
    }

    /// The lines that wait, which wait no longer.
    pub(super) fn take(&self) -> VecDeque<(Severity, String)> {
        mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn push(&self, severity: Severity, text: &str) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= WAITING {
            drop(waiting);
            self.lost.inc();
            return;
        }
        waiting.push_back((severity, one_line(text)));
        drop(waiting);
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }
}

/// The text without what would end a line or speaks to a terminal, and not longer than a line may be (class E6).
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(LONGEST));
    for c in text.chars() {
        let c = if c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}') { '?' } else { c };
        if line.len() + c.len_utf8() > LONGEST {
            break;
        }
        line.push(c);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(tell: impl FnOnce(&StateLog)) -> (Vec<(Severity, String)>, u64) {
        let lost = IntCounter::new("lost", "lost").unwrap();
        let lines = Arc::new(StateLines::new(lost.clone()));
        tell(&StateLog::new(Some(Arc::clone(&lines))));
        (lines.take().into(), lost.get())
    }

    #[test]
    fn changes_are_told_in_haproxys_words() {
        let (lines, _) = told(|log| {
            log.server_up(&"shop_svc_cart_80", &"10.0.0.9:8080", "Layer7 check passed");
            let left = Left { active: 1, backup: 2, sessions: 3, requeued: 4, queued: 5 };
            log.server_down(&"shop_svc_cart_80", &"10.0.0.9:8080", "Layer4 timeout", left);
            log.backend_empty(&"shop_svc_cart_80");
        });
        let expected = [
            (Severity::Notice, "Server shop_svc_cart_80/10.0.0.9:8080 is UP, reason: Layer7 check passed."),
            (
                Severity::Alert,
                "Server shop_svc_cart_80/10.0.0.9:8080 is DOWN, reason: Layer4 timeout. 1 active and 2 backup servers \
                 left. 3 sessions active, 4 requeued, 5 remaining in queue.",
            ),
            (Severity::Emergency, "backend shop_svc_cart_80 has no server available!"),
        ];
        assert_eq!(lines, expected.map(|(severity, text)| (severity, text.to_owned())));
    }

    #[test]
    fn e06_names_and_reasons_add_no_line() {
        let (lines, _) = told(|log| {
            log.server_up(&"a\nb", &"\u{2028}", "\r\n<0>forged \x1b[2J");
            log.server_up(&"a", &"b", &"ü".repeat(2000));
        });
        assert_eq!(lines[0].1, "Server a?b/? is UP, reason: ??<0>forged ?[2J.");
        assert!(lines[1].1.len() <= LONGEST);
    }

    #[test]
    fn what_nobody_takes_is_bounded_and_counted() {
        let (lines, lost) = told(|log| (0..WAITING + 7).for_each(|_| log.backend_empty(&"a")));
        assert_eq!((lines.len(), lost), (WAITING, 7));
    }

    #[test]
    fn without_a_server_they_are_in_the_process_log_alone() {
        StateLog::default().server_down(&"a", &"b", "c", Left::default());
    }
}
