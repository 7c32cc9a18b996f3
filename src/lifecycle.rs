//! Start, readiness and draining as ownership: the holder of a guard is not done yet.
//!
//! [`Readiness`] is a set of named guards, one for each part that must be done before traffic may come. [`Drain`] walks the
//! process through its end, once and forwards only. Everyone else holds a [`DrainWatch`], which tells the phase (one atomic
//! load) or waits for one, and a [`Busy`] token while there is something that must be allowed to finish.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use tokio::sync::{Notify, watch};
use tokio::time::{Duration, sleep, timeout};

/// Where the process is on its way to its end. Phases only ever advance; later ones include the earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Phase {
    /// Serving.
    Running,
    /// Not ready any more, but still serving, also new connections, until load balancers have noticed. Responses say
    /// `Connection: close`. Idle connections stay open, because a request may be on its way.
    Announcing,
    /// Listeners and idle connections are closed, requests in flight finish.
    Closing,
    /// Out of time: everything that is left is cut.
    Aborting,
}

impl Phase {
    /// Lower-case name, as in logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Announcing => "announcing",
            Self::Closing => "closing",
            Self::Aborting => "aborting",
        }
    }
}

/// How long a drain may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrainTimes {
    /// How long the process still serves when it is not ready any more, so that load balancers stop sending. Default 25 s.
    pub delay: Duration,
    /// How long requests in flight may take after the listeners were closed. Default 120 s.
    pub timeout: Duration,
}

impl Default for DrainTimes {
    fn default() -> Self {
        Self { delay: Duration::from_secs(25), timeout: Duration::from_secs(120) }
    }
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Everything finished.
    Complete,
    /// This many [`Busy`] tokens were held when the time was up, or the drain was cut short.
    Aborted {
        /// Tokens held at that moment.
        left: usize,
    },
}

/// How long the holders of tokens may take to end when they are aborted.
const ABORT_GRACE: Duration = Duration::from_secs(1);

/// Decides about the end of the process. Dropping it aborts: nothing outlives its owner.
#[derive(Debug)]
pub struct Drain {
    shared: Arc<Shared>,
    phase: watch::Sender<Phase>,
}

#[derive(Debug)]
struct Shared {
    /// A copy of the phase for checks per request: reading a watch takes a lock.
    phase: AtomicU8,
    busy: AtomicUsize,
    /// Woken when `busy` reaches zero.
    idle: Notify,
}

impl Default for Drain {
    fn default() -> Self {
        Self::new()
    }
}

impl Drain {
    /// A process that is running.
    pub fn new() -> Self {
        let shared =
            Shared { phase: AtomicU8::new(Phase::Running as u8), busy: AtomicUsize::new(0), idle: Notify::new() };
        Self { shared: Arc::new(shared), phase: watch::Sender::new(Phase::Running) }
    }

    /// A view of this drain for everyone else.
    pub fn watch(&self) -> DrainWatch {
        DrainWatch { shared: Arc::clone(&self.shared), phase: self.phase.subscribe() }
    }

    /// Goes to a phase unless it was reached already. Returns whether this call did it.
    pub fn advance(&self, to: Phase) -> bool {
        self.phase.send_if_modified(|phase| {
            if *phase >= to {
                return false;
            }
            *phase = to;
            self.shared.phase.store(to as u8, Ordering::Release);
            match (to, self.busy()) {
                // There is nothing to cut.
                (Phase::Aborting, 0) => {}
                (phase, busy) => tracing::info!(phase = phase.as_str(), busy, "the drain advances"),
            }
            true
        })
    }

    /// How many [`Busy`] tokens are held.
    pub fn busy(&self) -> usize {
        self.shared.busy.load(Ordering::Acquire)
    }

    /// Walks through all phases. Advancing it meanwhile cuts it short, as a second signal does with [`Phase::Aborting`].
    pub async fn run(&self, times: &DrainTimes) -> Drained {
        let watch = self.watch();
        self.advance(Phase::Announcing);
        tokio::select! {
            () = sleep(times.delay) => {}
            () = watch.reached(Phase::Closing) => {}
        }
        self.advance(Phase::Closing);
        tokio::select! {
            biased;
            () = watch.reached(Phase::Aborting) => {}
            () = self.idle() => return Drained::Complete,
            () = sleep(times.timeout) => {}
        }
        self.advance(Phase::Aborting);
        let left = self.busy();
        // They know by now. What does not end within this time ends with the process.
        let _ = timeout(ABORT_GRACE, self.idle()).await;
        Drained::Aborted { left }
    }

    /// Waits until no [`Busy`] token is held.
    async fn idle(&self) {
        loop {
            let mut idle = std::pin::pin!(self.shared.idle.notified());
            // Subscribed before the check, so that a token that is dropped in between is not missed.
            idle.as_mut().enable();
            if self.busy() == 0 {
                return;
            }
            idle.await;
        }
    }
}

impl Drop for Drain {
    fn drop(&mut self) {
        self.advance(Phase::Aborting);
    }
}

/// A view of the process's [`Drain`]. Cheap to clone.
#[derive(Clone, Debug)]
pub struct DrainWatch {
    shared: Arc<Shared>,
    phase: watch::Receiver<Phase>,
}

impl DrainWatch {
    /// The phase of this moment: one atomic load.
    pub fn phase(&self) -> Phase {
        match self.shared.phase.load(Ordering::Acquire) {
            0 => Phase::Running,
            1 => Phase::Announcing,
            2 => Phase::Closing,
            3.. => Phase::Aborting,
        }
    }

    /// Whether the end has begun: responses should close their connections.
    pub fn is_draining(&self) -> bool {
        self.phase() > Phase::Running
    }

    /// Waits until this phase or a later one is reached; cancel safe. The first poll takes a lock that all waiters share, so a
    /// connection pins one of these for its life, not one for each request.
    pub async fn reached(&self, phase: Phase) {
        if self.phase() >= phase {
            return;
        }
        // An error means that the drain was dropped, which aborts and so reaches every phase.
        let _ = self.phase.clone().wait_for(|now| *now >= phase).await;
    }

    /// Says that there is something that a drain must allow to finish: a connection, or a listener that may still accept one.
    /// So there is no moment between two tokens in which nothing seems to be left.
    pub fn busy(&self) -> Busy {
        self.shared.busy.fetch_add(1, Ordering::AcqRel);
        Busy(Arc::clone(&self.shared))
    }
}

/// Held while something must be allowed to finish.
#[derive(Debug)]
pub struct Busy(Arc<Shared>);

impl Drop for Busy {
    fn drop(&mut self) {
        if self.0.busy.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.idle.notify_waiters();
        }
    }
}

/// Whether traffic may come: when all guards are dropped and no drain has begun. Cheap to clone.
///
/// Register every guard before the first one can be dropped, or readiness shows too early.
#[derive(Clone, Debug)]
pub struct Readiness {
    pending: watch::Sender<BTreeMap<&'static str, usize>>,
    drain: DrainWatch,
}

/// What [`Readiness::pending`] says during a drain.
const DRAINING: &str = "draining";

impl Readiness {
    /// A process with nothing to wait for yet.
    pub fn new(drain: DrainWatch) -> Self {
        Self { pending: watch::Sender::new(BTreeMap::new()), drain }
    }

    /// Registers something that must be done first. Dropping the guard says that it is done. A task that fails ends the
    /// process or keeps its guard.
    pub fn guard(&self, name: &'static str) -> ReadinessGuard {
        self.pending.send_modify(|pending| *pending.entry(name).or_default() += 1);
        ReadinessGuard { name, pending: self.pending.clone() }
    }

    /// Whether traffic may come.
    pub fn is_ready(&self) -> bool {
        !self.drain.is_draining() && self.pending.borrow().is_empty()
    }

    /// What readiness waits for, sorted, each name once; `draining` first during a drain. Empty when ready.
    pub fn pending(&self) -> Vec<&'static str> {
        let draining = self.drain.is_draining().then_some(DRAINING);
        draining.into_iter().chain(self.pending.borrow().keys().copied()).collect()
    }

    /// Waits until all guards are dropped, whether a drain has begun or not; cancel safe.
    pub async fn complete(&self) {
        // It cannot fail: the sender is ours.
        let _ = self.pending.subscribe().wait_for(BTreeMap::is_empty).await;
    }
}

/// Keeps the process from being ready until dropped.
#[derive(Debug)]
#[must_use = "dropping the guard says that its task is done"]
pub struct ReadinessGuard {
    name: &'static str,
    pending: watch::Sender<BTreeMap<&'static str, usize>>,
}

impl Drop for ReadinessGuard {
    fn drop(&mut self) {
        self.pending.send_modify(|pending| {
            if let Some(count) = pending.get_mut(self.name) {
                *count -= 1;
                if *count == 0 {
                    pending.remove(self.name);
                    tracing::debug!(task = self.name, left = pending.len(), "a task of the start is done");
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    const TIMES: DrainTimes = DrainTimes { delay: Duration::from_secs(25), timeout: Duration::from_secs(120) };

    /// Runs the drain in a task of its own, and what was there to see of it.
    fn run(drain: &Arc<Drain>) -> tokio::task::JoinHandle<(Drained, Duration)> {
        let drain = Arc::clone(drain);
        tokio::spawn(async move {
            let start = Instant::now();
            let drained = drain.run(&TIMES).await;
            (drained, start.elapsed())
        })
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_process_ends_after_the_delay() {
        let drain = Arc::new(Drain::new());
        let watch = drain.watch();
        assert_eq!((watch.phase(), watch.is_draining()), (Phase::Running, false));
        let end = run(&drain);
        watch.reached(Phase::Announcing).await;
        assert!(watch.is_draining());
        assert_eq!(end.await.unwrap(), (Drained::Complete, TIMES.delay));
        assert_eq!(watch.phase(), Phase::Closing);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_in_flight_is_let_finish() {
        let drain = Arc::new(Drain::new());
        let watch = drain.watch();
        let tokens = [watch.busy(), watch.busy(), watch.clone().busy()];
        assert_eq!(drain.busy(), 3);
        let end = run(&drain);
        watch.reached(Phase::Closing).await;
        for token in tokens {
            tokio::time::advance(Duration::from_secs(10)).await;
            assert!(!end.is_finished());
            drop(token);
        }
        assert_eq!(end.await.unwrap(), (Drained::Complete, TIMES.delay + Duration::from_secs(30)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_finish_in_time_is_cut_and_counted() {
        let drain = Arc::new(Drain::new());
        let watch = drain.watch();
        let stubborn = watch.busy();
        let obedient = tokio::spawn({
            let (watch, token) = (watch.clone(), watch.busy());
            async move {
                watch.reached(Phase::Aborting).await;
                drop(token);
            }
        });
        let (drained, took) = run(&drain).await.unwrap();
        assert_eq!(drained, Drained::Aborted { left: 2 });
        assert_eq!(took, TIMES.delay + TIMES.timeout + ABORT_GRACE);
        obedient.await.unwrap();
        assert_eq!(drain.busy(), 1);
        drop(stubborn);
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_signal_aborts_at_once() {
        let drain = Arc::new(Drain::new());
        let watch = drain.watch();
        let token = watch.busy();
        let end = run(&drain);
        watch.reached(Phase::Announcing).await;
        assert!(drain.advance(Phase::Aborting));
        watch.reached(Phase::Aborting).await;
        drop(token);
        let (drained, took) = end.await.unwrap();
        assert!(matches!(drained, Drained::Aborted { .. }));
        assert_eq!(took, Duration::ZERO);
    }

    #[tokio::test]
    async fn phases_never_go_back_and_a_dropped_drain_aborts() {
        let drain = Drain::new();
        let watch = drain.watch();
        assert!(drain.advance(Phase::Closing));
        assert!(!drain.advance(Phase::Announcing) && !drain.advance(Phase::Closing));
        assert_eq!(watch.phase(), Phase::Closing);
        let waiting = tokio::spawn({
            let watch = watch.clone();
            async move { watch.reached(Phase::Aborting).await }
        });
        drop(drain);
        waiting.await.unwrap();
        assert_eq!(watch.phase(), Phase::Aborting);
        watch.reached(Phase::Aborting).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_dropped_on_another_thread_is_noticed() {
        let drain = Arc::new(Drain::new());
        let watch = drain.watch();
        let tokens: Vec<_> = (0..4).map(|_| watch.busy()).collect();
        let end = run(&drain);
        watch.reached(Phase::Closing).await;
        let threads: Vec<_> = tokens.into_iter().map(|token| std::thread::spawn(move || drop(token))).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(end.await.unwrap().0, Drained::Complete);
    }

    #[tokio::test]
    async fn ready_means_that_every_guard_is_dropped() {
        let drain = Drain::new();
        let readiness = Readiness::new(drain.watch());
        assert!(readiness.is_ready());
        let (table, one, two) = (readiness.guard("table"), readiness.guard("listener"), readiness.guard("listener"));
        assert_eq!(readiness.pending(), ["listener", "table"]);
        drop(one);
        assert_eq!(readiness.clone().pending(), ["listener", "table"]);
        drop(two);
        assert_eq!(readiness.pending(), ["table"]);
        assert!(!readiness.is_ready());
        let waiting = tokio::spawn({
            let readiness = readiness.clone();
            async move { readiness.complete().await }
        });
        drop(table);
        waiting.await.unwrap();
        assert!(readiness.is_ready() && readiness.pending().is_empty());
    }

    #[tokio::test]
    async fn draining_takes_readiness_back() {
        let drain = Drain::new();
        let readiness = Readiness::new(drain.watch());
        let _guard = readiness.guard("table");
        drain.advance(Phase::Announcing);
        assert!(!readiness.is_ready());
        assert_eq!(readiness.pending(), ["draining", "table"]);
    }
}
