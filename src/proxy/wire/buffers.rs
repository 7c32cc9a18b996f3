//! Byte buffers of a shard. A connection takes one when its socket has data, and gives it back when it is idle.
//!
//! The pool hands out the buffer that came back last, so that a busy shard works in few, warm pages. The pool does not
//! know what the buffers hold. It is not `Send`: each shard has its own.
//!
//! A buffer that comes out of the pool still holds what its last owner wrote, outside of [`Buffer::data`]: whoever
//! calls [`Buffer::space`] may only write to it, and [`Buffer::fill`] must only count what was written.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::mem;
use std::rc::Rc;

use super::ledger::LedgerShare;
use crate::observe::Relief;

/// Capacities of buffers, in bytes. Heads and short bodies fit the first; a body that keeps filling its buffer
/// grows into the others (16 KiB costs 1.7 times the CPU of 256 KiB on a body of 1 MB).
pub const CAPACITIES: [usize; 3] = [16 * 1024, 64 * 1024, 256 * 1024];

/// Buffers of each capacity that are kept for reuse; those above are freed. 8 + 4 + 4 MiB for the process at most, as each
/// shard has its part.
const RETAINED: [usize; 3] = [512, 64, 16];

/// Least part of them that a shard has, however many shards there are.
const LEAST_RETAINED: [usize; 3] = [64, 8, 2];

/// While more bytes than this are out of the pool in buffers above the first capacity, bodies do not grow theirs:
/// clients that do not read long answers hold that much. 32 MiB for the process.
const GROWN: usize = 32 * 1024 * 1024;

/// The buffers of one shard.
pub struct BufferPool {
    free: [RefCell<Vec<Box<[u8]>>>; CAPACITIES.len()],
    taken: Cell<usize>,
    /// Bytes out of the pool in buffers above the first capacity.
    grown: Cell<usize>,
    /// Where all bytes of buffers are charged, in the pool and out of it.
    share: Rc<LedgerShare>,
    /// This shard's part of [`RETAINED`] and of [`GROWN`].
    retained: [usize; CAPACITIES.len()],
    most_grown: usize,
}

/// A region of bytes with a filled part, which goes back to its pool when dropped.
pub struct Buffer {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
    pool: Rc<BufferPool>,
}

impl BufferPool {
    /// An empty pool of the only shard, without a limit of memory.
    pub fn new() -> Rc<Self> {
        Self::of_shard(&Rc::default(), 1)
    }

    /// An empty pool of one of so many shards.
    pub(crate) fn of_shard(share: &Rc<LedgerShare>, shards: usize) -> Rc<Self> {
        let shards = shards.max(1);
        Rc::new(Self {
            free: Default::default(),
            taken: Cell::new(0),
            grown: Cell::new(0),
            share: Rc::clone(share),
            retained: std::array::from_fn(|class| (RETAINED[class] / shards).max(LEAST_RETAINED[class])),
            most_grown: GROWN / shards,
        })
    }

    /// An empty buffer of the smallest capacity.
    pub fn take(self: &Rc<Self>) -> Buffer {
        self.take_class(0)
    }

    /// An empty buffer of the smallest capacity that holds `len` bytes, or of the largest there is.
    pub fn take_for(self: &Rc<Self>, len: usize) -> Buffer {
        let last = CAPACITIES.len() - 1;
        self.take_class(CAPACITIES.iter().position(|capacity| *capacity >= len).unwrap_or(last))
    }

    /// Bytes held for reuse.
    pub fn retained(&self) -> usize {
        self.free.iter().zip(CAPACITIES).map(|(free, capacity)| free.borrow().len() * capacity).sum()
    }

    /// Buffers that are out of the pool now.
    pub fn taken(&self) -> usize {
        self.taken.get()
    }

    /// Whether a buffer that is merely full, and not too small, may still grow.
    pub fn may_grow(&self) -> bool {
        self.grown.get() < self.most_grown && self.share.relief() == Relief::None
    }

    /// Frees the buffers that are kept for reuse.
    pub(crate) fn free(&self) {
        for free in &self.free {
            for bytes in free.take() {
                self.share.give_back(bytes.len());
            }
        }
    }

    /// Frees a part of those that wait for reuse beyond a few, those that wait for longest first. Called once a second, it
    /// returns the memory of a storm within half a minute, and takes little from who needs it again.
    pub(crate) fn thin(&self) {
        for (free, least) in self.free.iter().zip(LEAST_RETAINED) {
            let mut free = free.borrow_mut();
            let spare = thinned(free.len(), least);
            for bytes in free.drain(..spare) {
                self.share.give_back(bytes.len());
            }
        }
    }

    fn take_class(self: &Rc<Self>, class: usize) -> Buffer {
        self.taken.set(self.taken.get() + 1);
        if class > 0 {
            self.grown.set(self.grown.get() + CAPACITIES[class]);
        }
        let kept = self.free[class].borrow_mut().pop();
        let bytes = kept.unwrap_or_else(|| {
            self.share.take(CAPACITIES[class]);
            vec![0; CAPACITIES[class]].into_boxed_slice()
        });
        Buffer { bytes, start: 0, end: 0, pool: Rc::clone(self) }
    }

    fn give(&self, bytes: Box<[u8]>) {
        self.taken.set(self.taken.get() - 1);
        if bytes.len() > CAPACITIES[0] {
            self.grown.set(self.grown.get() - bytes.len());
        }
        if let Some(class) = CAPACITIES.iter().position(|capacity| *capacity == bytes.len()) {
            let mut free = self.free[class].borrow_mut();
            if free.len() < self.retained[class] && self.share.relief() == Relief::None {
                free.push(bytes);
                return;
            }
        }
        self.share.give_back(bytes.len());
    }
}

/// How many of `count` things that are kept for reuse are freed at a time: an eighth of what is more than `least`.
pub(crate) fn thinned(count: usize, least: usize) -> usize {
    count.saturating_sub(least).div_ceil(8)
}

impl Buffer {
    /// What was filled in and not consumed yet.
    #[inline]
    pub fn data(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// The same, to be changed in place.
    #[inline]
    pub fn data_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.end]
    }

    /// Where to write next; empty when there is no room behind the data.
    #[inline]
    pub fn space(&mut self) -> &mut [u8] {
        &mut self.bytes[self.end..]
    }

    /// Counts `n` bytes written to the start of [`Self::space`] as data; more than fits counts as all of it.
    #[inline]
    pub fn fill(&mut self, n: usize) {
        self.end = (self.end + n).min(self.bytes.len());
    }

    /// Drops `n` bytes from the front of the data; more than there are drops them all.
    #[inline]
    pub fn consume(&mut self, n: usize) {
        self.start += n;
        if self.start >= self.end {
            self.clear();
        }
    }

    /// Drops all data.
    #[inline]
    pub fn clear(&mut self) {
        self.start = 0;
        self.end = 0;
    }

    /// Copies from `bytes` what fits behind the data, and tells how much that was.
    pub fn append(&mut self, bytes: &[u8]) -> usize {
        let space = self.space();
        let n = space.len().min(bytes.len());
        space[..n].copy_from_slice(&bytes[..n]);
        self.fill(n);
        n
    }

    /// Length of the data.
    #[inline]
    pub fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether there is no data.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Whether neither space nor consumed bytes are left: only [`Self::grow`] helps.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.len() == self.bytes.len()
    }

    /// Bytes it can hold.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.bytes.len()
    }

    /// Moves the data to the front, so that all that is free is in [`Self::space`].
    pub fn make_room(&mut self) {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
    }

    /// Moves the data to a buffer of the next capacity; false when there is none.
    pub fn grow(&mut self) -> bool {
        let Some(class) = CAPACITIES.iter().position(|capacity| *capacity > self.bytes.len()) else {
            return false;
        };
        let mut larger = self.pool.take_class(class);
        larger.append(self.data());
        *self = larger;
        true
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.pool.give(mem::take(&mut self.bytes));
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffer").field("len", &self.len()).field("capacity", &self.capacity()).finish_non_exhaustive()
    }
}

impl fmt::Debug for BufferPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferPool")
            .field("taken", &self.taken())
            .field("retained", &self.retained())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::ledger::Ledger;
    use super::*;

    #[test]
    fn data_goes_in_behind_and_out_in_front() {
        let pool = BufferPool::new();
        let mut buffer = pool.take();
        assert!(buffer.is_empty() && buffer.capacity() == 16 * 1024);
        buffer.space()[..5].copy_from_slice(b"hello");
        buffer.fill(5);
        buffer.consume(2);
        assert_eq!(buffer.data(), b"llo");
        buffer.make_room();
        assert_eq!(buffer.data(), b"llo");
        assert_eq!(buffer.space().len(), 16 * 1024 - 3);
        buffer.consume(3);
        assert!(buffer.is_empty() && buffer.space().len() == buffer.capacity());
    }

    #[test]
    fn what_is_out_in_large_buffers_is_counted_until_it_comes_back() {
        let pool = BufferPool::new();
        let _small = pool.take();
        let mut held = Vec::new();
        while pool.may_grow() {
            let mut buffer = pool.take();
            assert!(buffer.grow() && buffer.grow());
            held.push(buffer);
        }
        assert_eq!(held.len(), GROWN / CAPACITIES[2]);
        held.pop();
        assert!(pool.may_grow());
        held.clear();
        assert_eq!(pool.grown.get(), 0);
    }

    #[test]
    fn a_full_buffer_grows_until_it_cannot() {
        let pool = BufferPool::new();
        let mut buffer = pool.take();
        assert_eq!(buffer.append(&[7; 20_000]), 16 * 1024);
        assert!(buffer.is_full() && buffer.space().is_empty());
        assert!(buffer.grow());
        assert_eq!((buffer.len(), buffer.capacity()), (16 * 1024, 64 * 1024));
        assert!(buffer.data().iter().all(|b| *b == 7));
        assert!(buffer.grow());
        assert!(!buffer.grow());
        assert_eq!((buffer.len(), buffer.capacity()), (16 * 1024, 256 * 1024));
        drop(buffer);
        assert_eq!(pool.retained(), (16 + 64 + 256) * 1024);
    }

    #[test]
    fn the_last_given_back_is_the_first_taken() {
        let pool = BufferPool::new();
        let (first, second) = (pool.take(), pool.take());
        let address = second.bytes.as_ptr();
        assert_eq!(pool.taken(), 2);
        drop(first);
        drop(second);
        assert_eq!(pool.taken(), 0);
        let again = pool.take();
        assert_eq!(again.bytes.as_ptr(), address);
        assert!(again.is_empty());
    }

    #[test]
    fn fault_f4_shards_share_the_bounds() {
        let ledger = Ledger::new(None);
        for (shards, kept, grown) in [(1, 512, GROWN), (4, 128, GROWN / 4), (32, 64, GROWN / 32)] {
            let share = LedgerShare::new(&ledger);
            let pool = BufferPool::of_shard(&share, shards);
            let many: Vec<Buffer> = (0..RETAINED[0] + 10).map(|_| pool.take()).collect();
            drop(many);
            assert_eq!(pool.retained(), kept * CAPACITIES[0], "{shards} shards");
            let mut held = Vec::new();
            while pool.may_grow() {
                held.push(pool.take_for(CAPACITIES[2]));
            }
            assert_eq!(held.len(), grown / CAPACITIES[2], "{shards} shards");
        }
    }

    #[test]
    fn fault_f2_what_a_storm_leaves_is_freed_little_by_little() {
        let share = LedgerShare::new(&Ledger::new(Some(1 << 30)));
        let pool = BufferPool::of_shard(&share, 1);
        drop((0..RETAINED[0]).map(|_| pool.take()).collect::<Vec<_>>());
        drop((0..RETAINED[2]).map(|_| pool.take_for(CAPACITIES[2])).collect::<Vec<_>>());
        let all = pool.retained();
        pool.thin();
        assert!(pool.retained() < all && pool.retained() > all / 4 * 3);
        (0..40).for_each(|_| pool.thin());
        let least = LEAST_RETAINED[0] * CAPACITIES[0] + LEAST_RETAINED[2] * CAPACITIES[2];
        assert_eq!(pool.retained(), least);
        drop((pool, share));
    }

    #[test]
    fn all_that_is_allocated_is_charged_and_nothing_is_kept_while_memory_is_short() {
        let ledger = Ledger::new(Some(1 << 30));
        let share = LedgerShare::new(&ledger);
        let pool = BufferPool::of_shard(&share, 1);
        let many: Vec<Buffer> = (0..100).map(|_| pool.take()).collect();
        assert_eq!(ledger.charged(), 100 * CAPACITIES[0] as u64);
        drop(many);
        assert_eq!(ledger.charged(), 100 * CAPACITIES[0] as u64, "they are kept");
        let few: Vec<Buffer> = (0..12).map(|_| pool.take()).collect();
        ledger.measured(1 << 30);
        pool.free();
        assert!(!pool.may_grow());
        assert_eq!((pool.retained(), ledger.charged()), (0, 12 * CAPACITIES[0] as u64));
        drop(few);
        assert_eq!(pool.retained(), 0);
        drop((pool, share));
        assert_eq!(ledger.charged(), 0);
    }

    #[test]
    fn no_more_is_kept_than_the_bound() {
        let pool = BufferPool::new();
        let many: Vec<Buffer> = (0..RETAINED[0] + 10).map(|_| pool.take()).collect();
        drop(many);
        assert_eq!(pool.retained(), RETAINED[0] * CAPACITIES[0]);
    }

    #[test]
    fn the_capacity_follows_the_need() {
        let pool = BufferPool::new();
        for (need, capacity) in [(0, 16), (16 * 1024, 16), (16 * 1024 + 1, 64), (65 * 1024, 256), (9_000_000, 256)] {
            assert_eq!(pool.take_for(need).capacity(), capacity * 1024, "{need}");
        }
    }

    #[test]
    fn counting_too_much_is_held_to_what_there_is() {
        let pool = BufferPool::new();
        let mut buffer = pool.take();
        buffer.fill(1_000_000);
        assert_eq!(buffer.len(), buffer.capacity());
        buffer.consume(1_000_000);
        assert!(buffer.is_empty());
    }
}
