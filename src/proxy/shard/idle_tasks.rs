//! The tasks of idle client connections. A drain wakes them, so that they close.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::Waker;

/// The connections of a shard. Each registers its task's waker once, for its life.
#[derive(Default)]
pub(crate) struct IdleTasks {
    wakers: RefCell<Vec<Option<Waker>>>,
    free: RefCell<Vec<usize>>,
}

/// A registration; ends when dropped.
pub(crate) struct IdleTask {
    idle_tasks: Rc<IdleTasks>,
    index: usize,
}

impl IdleTasks {
    /// Registers a task.
    pub(crate) fn register(self: &Rc<Self>, waker: &Waker) -> IdleTask {
        let mut wakers = self.wakers.borrow_mut();
        let index = self.free.borrow_mut().pop().unwrap_or(wakers.len());
        if index == wakers.len() {
            wakers.push(None);
        }
        wakers[index] = Some(waker.clone());
        IdleTask { idle_tasks: Rc::clone(self), index }
    }

    /// How many registrations there may be: an upper bound for `wake`.
    pub(crate) fn bound(&self) -> usize {
        self.wakers.borrow().len()
    }

    /// Wakes the tasks with an index in the range. A task that is not idle finds nothing to do.
    pub(crate) fn wake(&self, range: std::ops::Range<usize>) {
        let wakers = self.wakers.borrow();
        let end = range.end.min(wakers.len());
        for waker in wakers.get(range.start..end).into_iter().flatten().flatten() {
            waker.wake_by_ref();
        }
    }
}

impl Drop for IdleTask {
    fn drop(&mut self) {
        self.idle_tasks.wakers.borrow_mut()[self.index] = None;
        self.idle_tasks.free.borrow_mut().push(self.index);
    }
}
