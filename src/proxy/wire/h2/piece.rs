//! Bytes on their way out. They are counted while the connection holds them.
//!
//! The `h2` crate bounds them for each stream only. A client that has a hundred streams with large windows, and does
//! not read its socket, would make us hold a hundred times as much.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes};
use tokio::time::Instant;

/// Most bytes that a connection holds for its socket to take.
const MOST: usize = 1024 * 1024;

/// What a connection holds.
pub(crate) struct Held {
    bytes: Cell<usize>,
    /// When it was last empty.
    nothing_since: Cell<Instant>,
    waiting: RefCell<Vec<Waker>>,
}

impl Default for Held {
    fn default() -> Self {
        Self { bytes: Cell::new(0), nothing_since: Cell::new(Instant::now()), waiting: RefCell::default() }
    }
}

impl Held {
    /// Waits until there is room for another piece.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.bytes.get() < MOST {
            return Poll::Ready(());
        }
        let mut waiting = self.waiting.borrow_mut();
        if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Since when the connection holds nothing; `None` while it holds something.
    pub(crate) fn nothing_since(&self) -> Option<Instant> {
        (self.bytes.get() == 0).then(|| self.nothing_since.get())
    }

    fn release(&self, bytes: usize) {
        let was_full = self.bytes.get() >= MOST;
        self.bytes.set(self.bytes.get() - bytes);
        if bytes > 0 && self.bytes.get() == 0 {
            self.nothing_since.set(Instant::now());
        }
        if was_full && self.bytes.get() < MOST {
            self.waiting.take().into_iter().for_each(Waker::wake);
        }
    }
}

/// A part of a body.
pub(crate) struct Piece {
    data: Bytes,
    counted: usize,
    held: Rc<Held>,
}

impl Piece {
    pub(crate) fn new(data: Bytes, held: &Rc<Held>) -> Self {
        let counted = data.len();
        held.bytes.set(held.bytes.get() + counted);
        Self { data, counted, held: Rc::clone(held) }
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.data.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.data.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.data.advance(count);
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.held.release(self.counted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn c05_a_connection_holds_a_mebibyte_and_wakes_who_waits_for_less() {
        let held = Rc::new(Held::default());
        let mut pieces: Vec<_> = (0..64).map(|_| Piece::new(Bytes::from(vec![0; 16 * 1024]), &held)).collect();
        let mut polls = 0;
        std::future::poll_fn(|cx| {
            polls += 1;
            if polls == 1 {
                // A task that asks twice waits once.
                assert!(held.poll_room(cx).is_pending() && held.poll_room(cx).is_pending());
                assert_eq!(held.waiting.borrow().len(), 1);
                // Bytes count until all of their piece was written.
                pieces[0].advance(16 * 1024 - 1);
                assert!(held.poll_room(cx).is_pending());
                pieces.pop();
                assert!(held.waiting.borrow().is_empty());
                return Poll::Pending;
            }
            held.poll_room(cx)
        })
        .await;
        assert_eq!(polls, 2);
        assert!(held.nothing_since().is_none());
        drop(pieces);
        assert!(held.nothing_since().is_some());
    }
}
