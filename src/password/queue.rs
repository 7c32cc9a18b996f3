//! The threads that compute hashes, and what waits for them.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use foldhash::HashMap;
use tokio::sync::oneshot;

use super::Proof;
use super::check::is_right;
use crate::model::PasswordHash;

/// How much less the threads matter to the system than the shards.
const NICE: i32 = 10;

/// Bounds on work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Threads.
    pub(super) threads: usize,
    /// Hashes that wait.
    pub(super) waiting: usize,
    /// Hashes of one list of users that wait.
    pub(super) of_list: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { threads: 1, waiting: 256, of_list: 32 }
    }
}

/// A hash to compute.
pub(super) struct Job {
    hash: PasswordHash,
    password: Box<[u8]>,
    list: [u8; 32],
}

/// Too much waits already.
#[derive(Debug)]
pub(super) struct Full;

/// What becomes of a job. It ends without an answer if its thread is gone.
pub(super) type Waiting = Result<oneshot::Receiver<bool>, Full>;

/// What waits, and the threads.
pub(super) struct Queue {
    bounds: Bounds,
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Default)]
struct State {
    /// Who waits for each job, of those that wait and those that are computed.
    askers: HashMap<Proof, Vec<oneshot::Sender<bool>>>,
    /// The lists that have jobs that wait, the one whose turn it is first.
    turns: VecDeque<Turn>,
    waiting: usize,
    started: usize,
    busy: usize,
    most_busy: usize,
    computed: usize,
    is_closed: bool,
}

/// The jobs of one list that wait.
struct Turn {
    list: [u8; 32],
    jobs: VecDeque<(Proof, Job)>,
}

impl Job {
    pub(super) fn new(hash: &PasswordHash, password: &[u8], list: [u8; 32]) -> Self {
        Self { hash: hash.clone(), password: password.into(), list }
    }
}

impl Queue {
    pub(super) fn new(bounds: Bounds) -> Arc<Self> {
        Arc::new(Self { bounds, state: Mutex::default(), news: Condvar::new() })
    }

    /// Waits for a job that is there already.
    pub(super) fn join(&self, proof: &Proof) -> Option<Waiting> {
        let (sender, receiver) = oneshot::channel();
        self.lock().askers.get_mut(proof)?.push(sender);
        Some(Ok(receiver))
    }

    /// Adds a job.
    pub(super) fn add(self: &Arc<Self>, proof: Proof, job: Job) -> Waiting {
        let mut state = self.lock();
        let (sender, receiver) = oneshot::channel();
        if let Some(askers) = state.askers.get_mut(&proof) {
            askers.push(sender);
            return Ok(receiver);
        }
        let of_list = state.turns.iter().find(|turn| turn.list == job.list).map_or(0, |turn| turn.jobs.len());
        if state.waiting >= self.bounds.waiting || of_list >= self.bounds.of_list || !self.has_thread(&mut state) {
            return Err(Full);
        }
        state.askers.insert(proof, vec![sender]);
        state.push(proof, job);
        drop(state);
        self.news.notify_one();
        Ok(receiver)
    }

    /// Starts another thread if there may be one. Returns whether there is any.
    fn has_thread(self: &Arc<Self>, state: &mut State) -> bool {
        if state.started < self.bounds.threads.max(1) && state.waiting + state.busy >= state.started {
            let queue = Arc::clone(self);
            match std::thread::Builder::new().name("passwords".into()).spawn(move || queue.work_off()) {
                Ok(_) => state.started += 1,
                Err(error) => tracing::error!(%error, "a thread for passwords cannot be started"),
            }
        }
        state.started > 0
    }

    fn work_off(&self) {
        // It concerns this thread only. Without the right to do so all goes on as before.
        let _ = rustix::process::nice(NICE);
        let mut state = self.lock();
        loop {
            if state.is_closed {
                return;
            }
            let Some((proof, job)) = state.next() else {
                state = self.news.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            if state.askers.get(&proof).is_none_or(|askers| askers.iter().all(oneshot::Sender::is_closed)) {
                state.askers.remove(&proof);
                continue;
            }
            state.busy += 1;
            state.most_busy = state.most_busy.max(state.busy);
            drop(state);
            let is_right = is_right(&job.hash, &job.password);
            state = self.lock();
            state.busy -= 1;
            state.computed += 1;
            for asker in state.askers.remove(&proof).unwrap_or_default() {
                // Who waited may have left.
                let _ = asker.send(is_right);
            }
        }
    }

    /// The threads end when they have finished what they do.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        state.askers.clear();
        self.news.notify_all();
    }

    pub(super) fn work(&self) -> (usize, usize) {
        let state = self.lock();
        (state.most_busy, state.computed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn push(&mut self, proof: Proof, job: Job) {
        self.waiting += 1;
        match self.turns.iter_mut().find(|turn| turn.list == job.list) {
            Some(turn) => turn.jobs.push_back((proof, job)),
            None => self.turns.push_back(Turn { list: job.list, jobs: VecDeque::from([(proof, job)]) }),
        }
    }

    /// Lists take turns, so that none waits for all of another's.
    fn next(&mut self) -> Option<(Proof, Job)> {
        let mut turn = self.turns.pop_front()?;
        let next = turn.jobs.pop_front();
        if !turn.jobs.is_empty() {
            self.turns.push_back(turn);
        }
        self.waiting -= usize::from(next.is_some());
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(list: u8) -> Job {
        let hash = PasswordHash::parse("$1$POoMYrER$c1TKW8rf7m1/Rg3Z.TzjO0").unwrap();
        Job::new(&hash, b"open sesame", [list; 32])
    }

    #[test]
    fn lists_take_turns() {
        let mut state = State::default();
        for (proof, list) in [(1, 1), (2, 1), (3, 1), (4, 2), (5, 3), (6, 2)] {
            state.push([proof; 16], job(list));
        }
        let order: Vec<_> = std::iter::from_fn(|| state.next()).map(|(proof, _)| proof[0]).collect();
        assert_eq!(order, [1, 4, 5, 2, 6, 3]);
        assert_eq!(state.waiting, 0);
    }

    #[tokio::test]
    async fn who_asks_the_same_gets_the_same_answer() {
        let queue = Queue::new(Bounds::default());
        assert!(queue.join(&[1; 16]).is_none());
        let waiting = [queue.add([1; 16], job(1)), queue.add([1; 16], job(1)), queue.add([2; 16], job(1))];
        for one in waiting {
            assert!(one.unwrap().await.unwrap());
        }
        queue.close();
    }
}
