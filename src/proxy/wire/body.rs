//! Bodies on their way: sources that give pieces, sinks that take them, and the one loop that copies.
//!
//! Two sources (HTTP/1 framing on a socket, an HTTP/2 stream) and two sinks (the same) make all four ways through the
//! proxy. A source hands out what has arrived; a sink gathers small pieces and writes when the source would wait.

use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

use crate::proxy::error::ProxyError;

/// Where a body comes from.
pub(crate) trait BodySource {
    /// The next piece, or `None` at the end. The piece is consumed by the following call.
    async fn chunk(&mut self) -> Result<Option<&[u8]>, ProxyError>;

    /// Whether `chunk` returns without waiting.
    fn is_buffered(&mut self) -> bool;

    /// Whether all that is left of it has arrived, as far as that can be told at once.
    fn has_arrived(&self) -> bool {
        false
    }

    /// Whether it is known that no piece follows those that were handed out.
    fn is_over(&self) -> bool {
        false
    }

    /// After the end: the trailer section as field lines, each with CRLF; empty when there is none.
    fn trailers(&self) -> &[u8];
}

/// Where a body goes.
pub(crate) trait BodySink {
    /// Takes a piece, now or with the next flush.
    async fn data(&mut self, data: &[u8]) -> Result<(), ProxyError>;

    /// Sends all that was taken.
    async fn flush(&mut self) -> Result<(), ProxyError>;

    /// Ends the body and sends all that was taken.
    async fn end(&mut self, trailers: &[u8]) -> Result<(), ProxyError>;

    /// Waits until it is known that nobody will take anything more, where that is noticed without sending.
    async fn lost(&self) {
        pending().await
    }

    /// Whether that is known now. The system may be asked.
    fn is_lost(&self) -> bool {
        false
    }
}

/// Waits for what the sink is to get next, unless its receiver goes meanwhile: that is the client, as no other sink
/// notices.
pub(crate) async fn unless_lost<T, E: From<ProxyError>>(
    sink: &impl BodySink,
    wait: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    either(pin!(wait), pin!(sink.lost())).await
}

/// The same where both are pinned already. It is not async, so that the compiler inlines it where each body passes.
#[inline]
fn either<T, E: From<ProxyError>>(
    mut wait: Pin<&mut impl Future<Output = Result<T, E>>>,
    mut lost: Pin<&mut impl Future<Output = ()>>,
) -> impl Future<Output = Result<T, E>> {
    poll_fn(move |cx| match wait.as_mut().poll(cx) {
        Poll::Ready(outcome) => Poll::Ready(outcome),
        Poll::Pending => lost.as_mut().poll(cx).map(|()| Err(ProxyError::ClientClosed.into())),
    })
}

/// Moves a whole body, counting its bytes in `moved`; more than `limit` bytes are an error.
pub(crate) async fn copy(
    source: &mut impl BodySource,
    sink: &mut impl BodySink,
    moved: &Cell<u64>,
    limit: Option<u64>,
) -> Result<(), ProxyError> {
    loop {
        if !source.is_buffered() {
            sink.flush().await?;
        }
        // Where it lies: it is long, and to hand it over would copy it.
        let piece = either(pin!(source.chunk()), pin!(sink.lost())).await?;
        match piece {
            Some(data) => {
                moved.set(moved.get() + data.len() as u64);
                if limit.is_some_and(|limit| moved.get() > limit) {
                    return Err(ProxyError::BodyTooLarge);
                }
                sink.data(data).await?;
                if source.is_over() {
                    return sink.end(source.trailers()).await;
                }
            }
            None => return sink.end(source.trailers()).await,
        }
    }
}

/// A source that keeps a copy of what it hands out, for another attempt. It keeps all of it or nothing.
pub(crate) struct Keeping<'a, S> {
    /// Where the body comes from.
    pub source: &'a mut S,
    /// The copy. The first `start` bytes belong to the request's head.
    pub kept: &'a mut Vec<u8>,
    /// Where the body begins.
    pub start: usize,
    /// Most bytes that are kept.
    pub most: usize,
    /// Set when no copy is needed any more.
    pub is_over: &'a Cell<bool>,
}

impl<S: BodySource> BodySource for Keeping<'_, S> {
    async fn chunk(&mut self) -> Result<Option<&[u8]>, ProxyError> {
        let data = self.source.chunk().await?;
        if let Some(data) = data {
            if self.is_over.get() {
                *self.kept = Vec::new();
            } else if self.most >= self.kept.len() - self.start + data.len() {
                self.kept.extend_from_slice(data);
            } else {
                self.is_over.set(true);
                self.kept.truncate(self.start);
            }
        }
        Ok(data)
    }

    fn is_buffered(&mut self) -> bool {
        self.source.is_buffered()
    }

    fn trailers(&self) -> &[u8] {
        self.source.trailers()
    }
}
