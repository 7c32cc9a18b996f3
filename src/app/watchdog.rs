//! A thread that nothing else can hold up. It measures the memory of the process for the ledger, and sees whether the
//! shards run.

use std::collections::HashMap;
use std::hint::black_box;
use std::io;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::time::Instant;

use crate::args::MemoryGauge;
use crate::observe::{Metrics, Relief};
use crate::proxy::{Heartbeats, Ledger};

/// How often it looks.
const INTERVAL: Duration = Duration::from_millis(250);
/// How often while memory is short.
const SHORT_INTERVAL: Duration = Duration::from_millis(50);
/// How often the allocator is made to give freed memory back, and shards are looked at.
const SECOND: Duration = Duration::from_secs(1);
/// A shard that has done nothing for so long is stuck: it looks at its timers four times a second.
const STUCK: Duration = Duration::from_secs(10);
/// More than the allocator keeps among others: its end makes the allocator give back what has been free for a second.
const LARGE: usize = 4 << 20;

/// The thread, which ends when this is dropped.
pub(super) struct Watchdog {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The names of threads that are stuck.
pub(super) type Stuck = Arc<Mutex<Vec<String>>>;

impl Watchdog {
    /// Starts it. `stuck` is what it finds.
    pub(super) fn start(ledger: Ledger, beats: Heartbeats, metrics: Arc<Metrics>, stuck: Stuck) -> io::Result<Self> {
        let (stop, stopped) = channel();
        let gauge = MemoryGauge::find();
        metrics.memory().limit(ledger.limit().unwrap_or(0));
        let mut rounds = Rounds { ledger, metrics, gauge, relief: Relief::None };
        let mut pulses = Pulses::default();
        let run = move || {
            let mut next = Instant::now();
            loop {
                let wait = if rounds.measure() == Relief::None { INTERVAL } else { SHORT_INTERVAL };
                let now = Instant::now();
                if now >= next {
                    next = now + SECOND;
                    drop(black_box(Vec::<u8>::with_capacity(LARGE)));
                    let found = pulses.feel(&beats.all(), now);
                    *stuck.lock().unwrap_or_else(PoisonError::into_inner) = found;
                }
                match stopped.recv_timeout(wait) {
                    Err(RecvTimeoutError::Timeout) => {}
                    Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        };
        let thread = thread::Builder::new().name("watchdog".to_owned()).spawn(run)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // It takes no longer than a look.
            let _ = thread.join();
        }
    }
}

/// What is done about memory, round after round.
struct Rounds {
    ledger: Ledger,
    metrics: Arc<Metrics>,
    gauge: MemoryGauge,
    /// What was logged last.
    relief: Relief,
}

impl Rounds {
    fn measure(&mut self) -> Relief {
        let Some(bytes) = self.gauge.read() else { return Relief::None };
        let now = self.ledger.measured(bytes);
        let highest = self.ledger.take_highest().max(now);
        let memory = self.metrics.memory();
        memory.used(self.ledger.used(), now);
        for relief in Relief::ALL.into_iter().filter(|relief| *relief > self.relief && *relief <= highest) {
            memory.began(relief);
        }
        let (used, limit) = (self.ledger.used(), self.ledger.limit().unwrap_or(0));
        if highest > self.relief {
            tracing::warn!(relief = highest.as_str(), used, limit, "memory is short: see docs/limits.md");
        } else if now < self.relief {
            tracing::info!(relief = now.as_str(), used, limit, "memory is less short");
        }
        self.relief = now;
        now
    }
}

/// When each shard was last seen to run.
#[derive(Default)]
struct Pulses(HashMap<String, (u64, Instant, bool)>);

impl Pulses {
    /// Those that are stuck, of all with the number of their beats.
    fn feel(&mut self, beats: &[(String, u64)], now: Instant) -> Vec<String> {
        self.0.retain(|name, _| beats.iter().any(|(beating, _)| beating == name));
        let mut stuck = Vec::new();
        for (name, beat) in beats {
            let (last, since, is_told) = self.0.entry(name.clone()).or_insert((*beat, now, false));
            if last != beat {
                if *is_told {
                    tracing::warn!(thread = name, "a thread that was stuck runs again");
                }
                (*last, *since, *is_told) = (*beat, now, false);
            } else if now.saturating_duration_since(*since) >= STUCK {
                if !*is_told {
                    tracing::error!(thread = name, "a thread is stuck: its connections hang, and /healthz says so");
                }
                *is_told = true;
                stuck.push(name.clone());
            }
        }
        stuck
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_f22_a_thread_without_a_beat_is_stuck_until_it_beats_again() {
        let mut pulses = Pulses::default();
        let begun = Instant::now();
        let beats = |one, two| vec![("shard-0".to_owned(), one), ("shard-1".to_owned(), two)];
        assert_eq!(pulses.feel(&beats(1, 1), begun), Vec::<String>::new());
        for second in 1..10 {
            let found = pulses.feel(&beats(1 + second, 1), begun + SECOND * u32::try_from(second).unwrap());
            assert_eq!(found, Vec::<String>::new(), "{second} s");
        }
        assert_eq!(pulses.feel(&beats(11, 1), begun + STUCK), ["shard-1"]);
        assert_eq!(pulses.feel(&beats(12, 2), begun + STUCK + SECOND), Vec::<String>::new());
        assert_eq!(pulses.feel(&beats(12, 2)[..1], begun + 3 * STUCK), ["shard-0"], "one that ended is not stuck");
    }
}
