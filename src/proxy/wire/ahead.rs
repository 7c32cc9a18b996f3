//! A body that is read ahead of its receiver: its source is done with it sooner than a slow receiver (nginx `proxy_buffering`).
//! What is read ahead lies in memory, within a bound, and counts in the ledger.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use super::body::{BodySink, BodySource, unless_lost};
use super::ledger::{Kept, LedgerShare};
use crate::proxy::error::ProxyError;

/// What was read and not sent.
struct Ahead<'a> {
    bytes: RefCell<Vec<u8>>,
    /// Bytes that are being sent.
    sending: Cell<usize>,
    /// Whether nothing follows.
    is_over: Cell<bool>,
    /// Counts what was read and what was taken.
    moves: Cell<usize>,
    /// Most bytes, but for those that came with the last.
    most: usize,
    share: &'a Rc<LedgerShare>,
    held: RefCell<Option<Kept>>,
}

/// Moves a whole body, counting its bytes in `moved`, and reads up to `most` bytes ahead. While memory is short, or others
/// keep as much as may be kept, nothing is read ahead. A source that breaks off ends the body when what came of it is sent.
pub(crate) async fn copy_ahead(
    source: &mut impl BodySource,
    sink: &mut impl BodySink,
    moved: &Cell<u64>,
    most: usize,
    share: &Rc<LedgerShare>,
) -> Result<(), ProxyError> {
    let ahead = Ahead {
        bytes: RefCell::default(),
        sending: Cell::new(0),
        is_over: Cell::new(false),
        moves: Cell::new(0),
        most,
        share,
        held: RefCell::default(),
    };
    let read = {
        let reading = pin!(ahead.read(&mut *source));
        let sending = pin!(ahead.send(&mut *sink, moved));
        ahead.both(reading, sending).await?
    };
    read?;
    sink.end(source.trailers()).await
}

impl Ahead<'_> {
    /// Reads to the end.
    async fn read(&self, source: &mut impl BodySource) -> Result<(), ProxyError> {
        let outcome = loop {
            poll_fn(|_| if self.has_room() { Poll::Ready(()) } else { Poll::Pending }).await;
            match source.chunk().await {
                Ok(Some(piece)) => self.add(piece),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.is_over.set(true);
        self.moves.set(self.moves.get() + 1);
        outcome
    }

    /// Sends what was read until nothing follows.
    async fn send(&self, sink: &mut impl BodySink, moved: &Cell<u64>) -> Result<(), ProxyError> {
        loop {
            if self.bytes.borrow().is_empty() {
                sink.flush().await?;
                let some = poll_fn(|_| {
                    let is_some = !self.bytes.borrow().is_empty() || self.is_over.get();
                    if is_some { Poll::Ready(Ok::<_, ProxyError>(())) } else { Poll::Pending }
                });
                unless_lost(&*sink, some).await?;
            }
            let bytes = self.bytes.take();
            if bytes.is_empty() {
                return Ok(());
            }
            moved.set(moved.get() + bytes.len() as u64);
            self.sending.set(bytes.capacity());
            sink.data(&bytes).await?;
            drop(bytes);
            self.sending.set(0);
            self.charge();
            self.moves.set(self.moves.get() + 1);
        }
    }

    fn has_room(&self) -> bool {
        let most = if self.share.may_keep() { self.most } else { 1 };
        self.bytes.borrow().len() + self.sending.get() < most
    }

    fn charge(&self) {
        let bytes = self.bytes.borrow().capacity() + self.sending.get();
        self.held.replace(None);
        self.held.replace(Some(Kept::new(self.share, bytes)));
    }

    fn add(&self, piece: &[u8]) {
        self.bytes.borrow_mut().extend_from_slice(piece);
        self.charge();
        self.moves.set(self.moves.get() + 1);
    }

    /// Runs both. Each may wait for the other, so both are polled until neither moves. An error of the sender ends both.
    async fn both(
        &self,
        mut reading: std::pin::Pin<&mut impl Future<Output = Result<(), ProxyError>>>,
        mut sending: std::pin::Pin<&mut impl Future<Output = Result<(), ProxyError>>>,
    ) -> Result<Result<(), ProxyError>, ProxyError> {
        let mut read = None;
        poll_fn(|cx| {
            loop {
                let before = self.moves.get();
                if read.is_none()
                    && let Poll::Ready(outcome) = reading.as_mut().poll(cx)
                {
                    read = Some(outcome);
                }
                // It ends when reading has.
                if let Poll::Ready(sent) = sending.as_mut().poll(cx) {
                    return Poll::Ready(sent.map(|()| read.take().unwrap_or(Ok(()))));
                }
                if self.moves.get() == before {
                    return Poll::Pending;
                }
            }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives pieces, and says how many it has given.
    struct Pieces {
        left: Vec<&'static [u8]>,
        given: Rc<Cell<usize>>,
        breaks: bool,
    }

    impl BodySource for Pieces {
        async fn chunk(&mut self) -> Result<Option<&[u8]>, ProxyError> {
            if self.left.is_empty() {
                return if self.breaks { Err(ProxyError::UpstreamTruncated) } else { Ok(None) };
            }
            self.given.set(self.given.get() + 1);
            Ok(Some(self.left.remove(0)))
        }

        fn is_buffered(&mut self) -> bool {
            true
        }

        fn trailers(&self) -> &[u8] {
            b"x: y\r\n"
        }
    }

    /// Takes a piece when it is allowed to.
    #[derive(Default)]
    struct Slow {
        may_take: Rc<Cell<bool>>,
        taken: Rc<RefCell<Vec<u8>>>,
        is_gone: Rc<Cell<bool>>,
    }

    impl BodySink for Slow {
        async fn data(&mut self, data: &[u8]) -> Result<(), ProxyError> {
            poll_fn(|_| if self.may_take.get() { Poll::Ready(()) } else { Poll::Pending }).await;
            self.taken.borrow_mut().extend_from_slice(data);
            Ok(())
        }

        async fn flush(&mut self) -> Result<(), ProxyError> {
            Ok(())
        }

        async fn end(&mut self, trailers: &[u8]) -> Result<(), ProxyError> {
            self.taken.borrow_mut().extend_from_slice(trailers);
            Ok(())
        }

        async fn lost(&self) {
            poll_fn(|_| if self.is_gone.get() { Poll::Ready(()) } else { Poll::Pending }).await;
        }
    }

    fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
    }

    #[test]
    fn nginx_z5_a_source_is_done_before_a_slow_sink_within_the_bound() {
        for (most, given) in [(100, 4), (3, 2), (1, 1)] {
            let (share, moved) = (Rc::<LedgerShare>::default(), Cell::new(0));
            let pieces = vec![&b"ab"[..], b"cd", b"ef", b"gh"];
            let mut source = Pieces { left: pieces, given: Rc::default(), breaks: false };
            let count = Rc::clone(&source.given);
            let mut sink = Slow::default();
            let (may_take, taken) = (Rc::clone(&sink.may_take), Rc::clone(&sink.taken));
            let mut copy = pin!(copy_ahead(&mut source, &mut sink, &moved, most, &share));
            assert!(poll_once(copy.as_mut()).is_pending());
            assert_eq!(count.get(), given, "{most}");
            assert_eq!(*taken.borrow(), b"");
            may_take.set(true);
            assert_eq!(poll_once(copy.as_mut()), Poll::Ready(Ok(())));
            assert_eq!(*taken.borrow(), b"abcdefghx: y\r\n");
            assert_eq!(moved.get(), 8);
        }
    }

    #[test]
    fn what_came_of_a_body_that_breaks_off_is_sent_and_it_is_an_error() {
        let (share, moved) = (Rc::<LedgerShare>::default(), Cell::new(0));
        let mut source = Pieces { left: vec![b"ab"], given: Rc::default(), breaks: true };
        let mut sink = Slow::default();
        sink.may_take.set(true);
        let taken = Rc::clone(&sink.taken);
        let outcome = poll_once(pin!(copy_ahead(&mut source, &mut sink, &moved, 9, &share)));
        assert_eq!(outcome, Poll::Ready(Err(ProxyError::UpstreamTruncated)));
        assert_eq!(*taken.borrow(), b"ab");
    }
}
