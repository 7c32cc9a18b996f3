//! The memory that one exchange needs. The shard keeps it and lends it out, so that requests allocate nothing once the
//! first few have passed.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

use super::timer::LazyTimer;
use crate::filter::{HeadEdit, RequestChange};
use crate::http1::{RequestHead, ResponseHead};
use crate::observe::Relief;
use crate::proxy::wire::buffers::thinned;
use crate::proxy::wire::ledger::LedgerShare;

/// Scratch memory of one exchange.
#[derive(Default)]
pub(crate) struct Scratch {
    /// What goes to the client next: the head of the answer, and small bodies with it.
    pub staged: Vec<u8>,
    /// The rest, which the walk works with.
    pub work: ExchangeBuffers,
}

/// The walk's own memory.
#[derive(Default)]
pub(crate) struct ExchangeBuffers {
    /// The request's head as bytes, in HTTP/1 form for both protocols.
    pub head: Vec<u8>,
    /// The parsed request head.
    pub request: RequestHead,
    /// What changes of the request on its way to the pod.
    pub request_change: RequestChange,
    /// The parsed head of the answer.
    pub response: ResponseHead,
    /// What the head of an answer over HTTP/2 points into.
    pub answer: Vec<u8>,
    /// What changes of the answer on its way to the client.
    pub answer_edit: HeadEdit,
    /// The request's head as the pod gets it. Behind it lies the body, as far as it is kept for another attempt.
    pub out: Vec<u8>,
    /// For lower-casing hosts.
    pub host: String,
    /// For normalising paths.
    pub path: String,
    /// The request's id: the client's, or ours.
    pub request_id: String,
    /// Text of an answer of our own.
    pub reply: Vec<u8>,
    /// For waiting.
    pub timer: LazyTimer,
}

/// The scratches of a shard that are not in use, last used first.
#[derive(Default)]
#[expect(
    clippy::vec_box,
    reason = "the box is what is lent out: an exchange's future holds a pointer, not half a kilobyte"
)]
pub(crate) struct ScratchPool {
    kept: RefCell<Vec<Box<Scratch>>>,
    share: Rc<LedgerShare>,
}

/// Scratches kept for reuse; more are freed.
const KEPT: usize = 256;
/// Those of them that stay however long they are not needed.
const LEAST_KEPT: usize = 16;
/// Longest memory that stays with a scratch, in bytes: memory that a few long messages needed is freed.
const KEPT_BYTES: usize = 32 * 1024;

impl ScratchPool {
    /// None yet. While the memory of `share` is short, none is kept.
    pub(crate) fn new(share: &Rc<LedgerShare>) -> Self {
        Self { kept: RefCell::default(), share: Rc::clone(share) }
    }

    /// Frees those that are not in use.
    pub(crate) fn free(&self) {
        self.kept.take();
    }

    /// Frees a part of those that are not in use, beyond a few.
    pub(crate) fn thin(&self) {
        let mut kept = self.kept.borrow_mut();
        let spare = thinned(kept.len(), LEAST_KEPT);
        kept.drain(..spare);
    }

    /// Lends one out.
    pub(crate) fn take(&self) -> Lent<'_> {
        self.lend(self.take_out())
    }

    /// Takes one out, to be lent later, where it is used.
    pub(crate) fn take_out(&self) -> Box<Scratch> {
        self.kept.borrow_mut().pop().unwrap_or_default()
    }

    /// Lends out one that was taken out.
    pub(crate) fn lend(&self, scratch: Box<Scratch>) -> Lent<'_> {
        Lent { scratch: Some(scratch), pool: self }
    }
}

/// A scratch on loan; goes back when dropped.
pub(crate) struct Lent<'p> {
    scratch: Option<Box<Scratch>>,
    pool: &'p ScratchPool,
}

impl Deref for Lent<'_> {
    type Target = Scratch;

    fn deref(&self) -> &Scratch {
        self.scratch.as_ref().expect("present until dropped")
    }
}

impl DerefMut for Lent<'_> {
    fn deref_mut(&mut self) -> &mut Scratch {
        self.scratch.as_mut().expect("present until dropped")
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let Some(mut scratch) = self.scratch.take() else { return };
        scratch.staged.clear();
        scratch.work.out.clear();
        let mut kept = self.pool.kept.borrow_mut();
        if kept.len() < KEPT && self.pool.share.relief() == Relief::None {
            for memory in [&mut scratch.staged, &mut scratch.work.out, &mut scratch.work.head, &mut scratch.work.answer]
            {
                if memory.capacity() > KEPT_BYTES {
                    *memory = Vec::new();
                }
            }
            kept.push(scratch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_f2_what_a_storm_leaves_is_freed_little_by_little() {
        let pool = ScratchPool::default();
        drop((0..KEPT).map(|_| pool.take()).collect::<Vec<_>>());
        (0..40).for_each(|_| pool.thin());
        assert_eq!(pool.kept.borrow().len(), LEAST_KEPT);
    }

    #[test]
    fn long_memory_does_not_stay_and_short_memory_does() {
        let pool = ScratchPool::default();
        let mut lent = pool.take();
        lent.work.out.reserve(KEPT_BYTES + 1);
        lent.work.head.reserve_exact(1000);
        drop(lent);
        let lent = pool.take();
        assert_eq!(lent.work.out.capacity(), 0);
        assert!(lent.work.head.capacity() >= 1000);
    }
}
