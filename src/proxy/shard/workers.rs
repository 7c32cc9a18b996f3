//! Futures that serve requests, shared by the connections of a shard.
//!
//! The state of an exchange takes two kilobytes. Kept in each connection's task, it would be most of what an idle
//! connection costs; allocated for each request, it would be the only allocation there is. So a connection that
//! becomes readable borrows a worker: a future that waits for a job, serves it, leaves the outcome, and waits again.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::observe::Relief;
use crate::proxy::wire::buffers::thinned;
use crate::proxy::wire::ledger::{Charge, LedgerShare};

/// Idle workers that the process keeps; each shard has its part, and more are freed. One is needed for each request in
/// flight.
const KEPT: usize = 1024;
/// Least part of them that a shard has.
const LEAST_KEPT: usize = 128;
/// Those of them that stay however long they are not needed.
const NEEDED: usize = 16;
/// What is charged with a worker's own memory, for the scratch and the head of its request. Bytes.
const BESIDE: usize = 2 * 1024;

/// What passes between a worker and its borrower.
enum Slot<J, O> {
    Empty,
    Job(J),
    Outcome(O),
}

type Shared<J, O> = Rc<RefCell<Slot<J, O>>>;

/// A future that serves jobs of type `J`, one at a time, and never ends. With a job it runs until dropped or done.
pub(crate) struct Worker<J, O> {
    slot: Shared<J, O>,
    run: Pin<Box<dyn Future<Output = ()>>>,
    _charge: Charge,
}

impl<J, O> Worker<J, O> {
    /// Goes on with the job.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<O> {
        // A worker never ends. Its result is in the slot.
        let _ = self.run.as_mut().poll(cx);
        match self.slot.replace(Slot::Empty) {
            Slot::Outcome(outcome) => Poll::Ready(outcome),
            Slot::Empty | Slot::Job(_) => Poll::Pending,
        }
    }
}

/// The idle workers of a shard, last used first.
pub(crate) struct Workers<J, O> {
    idle: RefCell<Vec<Worker<J, O>>>,
    kept: usize,
    share: Rc<LedgerShare>,
}

impl<J: 'static, O: 'static> Workers<J, O> {
    /// None yet, of one of so many shards. Their memory is charged to `share`.
    pub(crate) fn of_shard(share: &Rc<LedgerShare>, shards: usize) -> Self {
        let kept = (KEPT / shards.max(1)).max(LEAST_KEPT);
        Self { idle: RefCell::default(), kept, share: Rc::clone(share) }
    }

    /// Frees those that are idle.
    pub(crate) fn free(&self) {
        self.idle.take();
    }

    /// Frees a part of those that are idle, beyond a few.
    pub(crate) fn thin(&self) {
        let mut idle = self.idle.borrow_mut();
        let spare = thinned(idle.len(), NEEDED);
        let freed: Vec<_> = idle.drain(..spare).collect();
        drop(idle);
        drop(freed);
    }

    /// Gives `job` to a worker, which does it with `serve` while it is polled. Dropping the worker ends the job.
    ///
    /// `serve` is a type of its own, not a function pointer: the future is then made where it runs, and is not copied.
    pub(crate) fn start<S, F>(&self, job: J, serve: S) -> Worker<J, O>
    where
        S: Fn(J) -> F + Copy + 'static,
        F: Future<Output = O> + 'static,
    {
        let idle = self.idle.borrow_mut().pop();
        let worker = idle.unwrap_or_else(|| {
            let slot = Rc::new(RefCell::new(Slot::Empty));
            let run = Box::pin(work(Rc::clone(&slot), serve));
            let charge = Charge::new(&self.share, size_of_val(&*run) + BESIDE);
            Worker { run, slot, _charge: charge }
        });
        *worker.slot.borrow_mut() = Slot::Job(job);
        worker
    }

    /// Takes a worker back whose job is done.
    pub(crate) fn give_back(&self, worker: Worker<J, O>) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < self.kept && self.share.relief() == Relief::None {
            idle.push(worker);
        }
    }

    /// Lets a worker do `job` with `serve`. Dropping the returned future ends the job and its worker.
    pub(crate) async fn run<S, F>(&self, job: J, serve: S) -> O
    where
        S: Fn(J) -> F + Copy + 'static,
        F: Future<Output = O> + 'static,
    {
        let mut worker = self.start(job, serve);
        let outcome = poll_fn(|cx| worker.poll(cx)).await;
        self.give_back(worker);
        outcome
    }
}

async fn work<J, O, S: Fn(J) -> F, F: Future<Output = O>>(slot: Shared<J, O>, serve: S) {
    loop {
        // No waker is needed: who leaves a job polls the worker.
        let job = poll_fn(|_| match slot.replace(Slot::Empty) {
            Slot::Job(job) => Poll::Ready(job),
            Slot::Empty | Slot::Outcome(_) => Poll::Pending,
        })
        .await;
        let outcome = serve(job).await;
        *slot.borrow_mut() = Slot::Outcome(outcome);
        let mut has_yielded = false;
        poll_fn(|_| if std::mem::replace(&mut has_yielded, true) { Poll::Ready(()) } else { Poll::Pending }).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn jobs_share_workers_and_a_dropped_job_takes_its_worker_along() {
        async fn double(job: u32) -> u32 {
            tokio::task::yield_now().await;
            job * 2
        }
        let workers = Workers::of_shard(&Rc::default(), 1);
        assert_eq!(workers.run(2, double).await, 4);
        assert_eq!(workers.run(3, double).await, 6);
        assert_eq!(workers.idle.borrow().len(), 1);
        let both = tokio::join!(workers.run(4, double), workers.run(5, double));
        assert_eq!(both, (8, 10));
        assert_eq!(workers.idle.borrow().len(), 2);
        let mut dropped = Box::pin(workers.run(6, double));
        let first = poll_fn(|cx| Poll::Ready(dropped.as_mut().poll(cx))).await;
        assert!(first.is_pending());
        drop(dropped);
        assert_eq!(workers.idle.borrow().len(), 1);
        assert_eq!(workers.run(7, double).await, 14);
    }
}
