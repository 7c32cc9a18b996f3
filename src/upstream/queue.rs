//! Requests that wait until an endpoint of their upstream is not full: first in, first out, whichever shard they are on.
//!
//! Whoever frees a place wakes the first in line, and nobody else. The first tries to get an endpoint; when it leaves the line,
//! with or without one, it wakes the next. So of several places that are freed at once each finds its request, and none is woken
//! in vain for more than one try. That an endpoint tells the queue of a freed place is not needed for a request to get its turn,
//! only for it to get it at once: the first in line looks by itself from time to time ([`LOOK`]).
//!
//! Routes of one upstream may have different limits. A request need not wait behind one with a lower limit, which an endpoint may be
//! too full for: the first of each higher limit is woken too.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Duration, Instant, timeout_at};

/// How often the first in line looks by itself whether it can go on.
const LOOK: Duration = Duration::from_millis(100);

/// The line of an upstream.
#[derive(Debug, Default)]
pub(super) struct WaitQueue {
    line: Mutex<VecDeque<Waiter>>,
    /// How long the line is.
    length: AtomicU32,
}

/// A request in the line.
#[derive(Debug)]
struct Waiter {
    turn: Arc<Notify>,
    /// How many requests an endpoint may have by its route.
    limit: u32,
}

/// A place in the line, until it drops.
#[derive(Debug)]
pub(super) struct Place {
    queue: Arc<WaitQueue>,
    turn: Arc<Notify>,
}

impl WaitQueue {
    /// How many requests wait.
    pub(super) fn len(&self) -> u32 {
        self.length.load(SeqCst)
    }

    /// Whether none waits.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The last place, if fewer than `most` wait, for a request whose route allows an endpoint `limit` requests.
    pub(super) fn join(self: &Arc<Self>, most: u32, limit: u32) -> Option<Place> {
        let mut line = self.lock();
        if line.len() >= most as usize {
            return None;
        }
        let turn = Arc::new(Notify::new());
        line.push_back(Waiter { turn: Arc::clone(&turn), limit });
        self.length.store(line.len() as u32, SeqCst);
        Some(Place { queue: Arc::clone(self), turn })
    }

    /// Wakes the first in line: it may be its turn.
    #[inline]
    pub(super) fn wake(&self) {
        if !self.is_empty() {
            self.wake_first();
        }
    }

    #[cold]
    fn wake_first(&self) {
        wake_leaders(&self.lock());
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Waiter>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Those that nobody with as high a limit waits before.
fn leaders(line: &VecDeque<Waiter>) -> impl Iterator<Item = &Waiter> {
    let mut highest = 0;
    line.iter().filter(move |waiter| {
        let leads = waiter.limit > highest;
        highest = highest.max(waiter.limit);
        leads
    })
}

fn wake_leaders(line: &VecDeque<Waiter>) {
    leaders(line).for_each(|waiter| waiter.turn.notify_one());
}

impl Place {
    /// Whether nobody waits before it whom it has to wait for.
    pub(super) fn may_go(&self) -> bool {
        leaders(&self.queue.lock()).any(|waiter| Arc::ptr_eq(&waiter.turn, &self.turn))
    }

    /// Waits until it may be its turn, or until `deadline`; tells whether that has not come.
    pub(super) async fn wait(&self, deadline: Instant) -> bool {
        let until = if self.may_go() { deadline.min(Instant::now() + LOOK) } else { deadline };
        let _ = timeout_at(until, self.turn.notified()).await;
        Instant::now() < deadline
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut line = self.queue.lock();
        let Some(at) = line.iter().position(|waiter| Arc::ptr_eq(&waiter.turn, &self.turn)) else { return };
        line.remove(at);
        self.queue.length.store(line.len() as u32, SeqCst);
        wake_leaders(&line);
    }
}
