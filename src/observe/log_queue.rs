//! The way of log lines to their output: a bounded queue and a thread of its own, so that whoever logs never waits. An
//! output that nobody reads loses lines, and nothing else.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::time::Instant;
use tracing_subscriber::fmt::MakeWriter;

/// Events that wait for the output; more are lost.
const WAITING: usize = 1024;
/// Longest event, in bytes: what is longer, such as a backtrace, is cut.
const EVENT: usize = 16 * 1024;

/// Where events go. Clones are the same queue.
#[derive(Clone, Debug)]
pub(crate) struct LogQueue {
    events: SyncSender<Option<Vec<u8>>>,
    lost: Arc<AtomicU64>,
    done: Arc<Mutex<Receiver<()>>>,
}

impl LogQueue {
    /// A queue whose thread writes to `sink`. `tell_lost` gives the line, with its end, that says how many were lost.
    pub(crate) fn start(
        mut sink: impl Write + Send + 'static,
        tell_lost: impl Fn(u64) -> String + Send + 'static,
    ) -> io::Result<Self> {
        let (events, waiting) = sync_channel::<Option<Vec<u8>>>(WAITING);
        let (guard, done) = sync_channel::<()>(0);
        let lost = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&lost);
        thread::Builder::new().name("log".to_owned()).spawn(move || {
            let _guard = guard;
            let mut told = 0;
            while let Ok(Some(event)) = waiting.recv() {
                // There is nobody to tell that the log cannot be written.
                let _ = sink.write_all(&event);
                let lost = counted.load(Relaxed);
                if lost > told {
                    let _ = sink.write_all(tell_lost(lost - told).as_bytes());
                    told = lost;
                }
            }
        })?;
        Ok(Self { events, lost, done: Arc::new(Mutex::new(done)) })
    }

    /// Events lost so far.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }

    /// Writes what waits, for at most `patience`. Nothing is written afterwards.
    pub(crate) fn finish(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        // A queue that is full may have a slow reader.
        while let Err(TrySendError::Full(_)) = self.events.try_send(None) {
            if Instant::now() >= deadline {
                return;
            }
            thread::park_timeout(Duration::from_millis(10));
        }
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = done.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    }
}

impl Write for LogQueue {
    /// Takes one event with its line feed.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let mut kept = event[..event.len().min(EVENT)].to_vec();
        if kept.len() < event.len() {
            kept.push(b'\n');
        }
        match self.events.try_send(Some(kept)) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.lost.fetch_add(1, Relaxed);
            }
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogQueue {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::Sender;

    use super::*;

    /// An output that tells of each line and then waits for a permit to take it.
    struct Slow(Receiver<()>, Sender<Vec<u8>>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.1.send(bytes.to_vec());
            let _ = self.0.recv();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn fault_f21_who_logs_never_waits_and_what_is_lost_is_told() {
        let (permits, permitted) = std::sync::mpsc::channel();
        let (told, lines) = std::sync::mpsc::channel();
        let mut queue = LogQueue::start(Slow(permitted, told), |lost| format!("{lost} lost\n")).unwrap();
        let next = || String::from_utf8(lines.recv_timeout(Duration::from_secs(20)).unwrap()).unwrap();
        queue.write_all(b"0\n").unwrap();
        assert_eq!(next(), "0\n", "the thread has it, and the queue is empty");
        for number in 1..=WAITING + 500 {
            queue.write_all(format!("{number}\n").as_bytes()).unwrap();
        }
        assert_eq!(queue.lost(), 500);
        drop(permits);
        assert_eq!(next(), "500 lost\n");
        for number in 1..=WAITING {
            assert_eq!(next(), format!("{number}\n"));
        }
        queue.write_all(b"the last\n").unwrap();
        queue.finish(Duration::from_secs(20));
        assert_eq!(next(), "the last\n");
    }

    #[test]
    fn the_end_waits_for_a_slow_reader_and_not_for_one_that_never_reads() {
        let (permits, permitted) = std::sync::mpsc::channel();
        let (told, lines) = std::sync::mpsc::channel();
        let mut queue = LogQueue::start(Slow(permitted, told), |lost| format!("{lost} lost\n")).unwrap();
        while queue.lost() == 0 {
            queue.write_all(b"full\n").unwrap();
        }
        queue.finish(Duration::from_millis(20));
        let begun = lines.try_iter().count();
        assert!(begun <= 1, "nobody has read");
        let reader = thread::spawn(move || drop(permits));
        queue.finish(Duration::from_secs(20));
        reader.join().unwrap();
        assert!(begun + lines.iter().filter(|line| line == b"full\n").count() >= WAITING);
    }

    #[test]
    fn a_long_event_is_cut() {
        let (told, lines) = std::sync::mpsc::channel();
        let (permits, permitted) = std::sync::mpsc::channel();
        drop(permits);
        let mut queue = LogQueue::start(Slow(permitted, told), |lost| format!("{lost} lost\n")).unwrap();
        queue.write_all(&[b'x'; EVENT + 100]).unwrap();
        queue.finish(Duration::from_secs(20));
        let line = lines.recv().unwrap();
        assert_eq!((line.len(), line.last()), (EVENT + 1, Some(&b'\n')));
    }
}
