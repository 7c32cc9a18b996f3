//! Our sockets as hyper takes them.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
#[expect(clippy::disallowed_types, reason = "hyper's timer speaks of the standard library's Instant")]
use std::time::Instant;

use hyper::rt::{ReadBufCursor, Sleep, Timer};

use crate::proxy::buffers::{Buffer, BufferPool};
use crate::proxy::socket::Socket;

/// A socket, in front of which there may be bytes that were read already.
pub(super) struct HyperIo {
    socket: Socket,
    first: Option<Buffer>,
    pool: Rc<BufferPool>,
}

impl HyperIo {
    pub(super) fn new(socket: Socket, first: Option<Buffer>, pool: &Rc<BufferPool>) -> Self {
        Self { socket, first, pool: Rc::clone(pool) }
    }
}

impl hyper::rt::Read for HyperIo {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, mut into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let Self { socket, first, pool } = self.get_mut();
        if let Some(buffer) = first {
            let count = buffer.data().len().min(into.remaining());
            into.put_slice(&buffer.data()[..count]);
            buffer.consume(count);
            if buffer.is_empty() {
                *first = None;
            }
            return Poll::Ready(Ok(()));
        }
        ready!(socket.poll_readable(cx))?;
        // hyper's cursor is uninitialised memory, which safe code reaches by copying only.
        let mut buffer = pool.take();
        let space = buffer.space();
        let room = space.len().min(into.remaining());
        let count = ready!(socket.split().0.poll_read(cx, &mut space[..room]))?;
        into.put_slice(&space[..count]);
        Poll::Ready(Ok(()))
    }
}

impl hyper::rt::Write for HyperIo {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().socket.split().1.poll_write(cx, data)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().socket.split().1.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().socket.split().1.poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        matches!(self.socket, Socket::Tcp(_))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().socket.split().1.poll_write_vectored(cx, slices)
    }
}

/// tokio's clock as hyper takes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct TokioTimer;

struct TokioSleep(Pin<Box<tokio::time::Sleep>>);

impl Future for TokioSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }
}

impl Sleep for TokioSleep {}

#[expect(clippy::disallowed_types, reason = "as above")]
impl Timer for TokioTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        Box::pin(TokioSleep(Box::pin(tokio::time::sleep(duration))))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(TokioSleep(Box::pin(tokio::time::sleep_until(deadline.into()))))
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn Sleep>>, deadline: Instant) {
        *sleep = self.sleep_until(deadline);
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }
}
