//! Our sockets as the `h2` crate takes them, with the deadlines that it does not have.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::meter::Meter;
use crate::proxy::wire::buffers::{Buffer, BufferPool};
use crate::proxy::wire::socket::Socket;

/// A socket that was full must take this much before its deadline: a client that reads one byte a second does not keep
/// its connection. Bytes.
const PROGRESS: usize = 16 * 1024;

/// How long the other side may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// To take what we send, or 16 KiB of it.
    pub write: Duration,
    /// From the start of a header block to its end.
    pub head: Duration,
}

/// A socket, in front of which there may be bytes that were read already.
pub(crate) struct H2Io {
    socket: Socket,
    first: Option<Buffer>,
    pool: Rc<BufferPool>,
    meter: Rc<Meter>,
    patience: Patience,
    /// Runs while the socket is full, with the bytes that it has taken since.
    stall: Option<(Pin<Box<Sleep>>, usize)>,
    /// Runs while a header block is open.
    head: Option<Pin<Box<Sleep>>>,
}

impl H2Io {
    pub(crate) fn new(
        socket: Socket,
        first: Option<Buffer>,
        pool: &Rc<BufferPool>,
        meter: Rc<Meter>,
        patience: Patience,
    ) -> Self {
        Self { socket, first, pool: Rc::clone(pool), meter, patience, stall: None, head: None }
    }

    fn read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(buffer) = &mut self.first {
            let count = buffer.data().len().min(into.remaining());
            into.put_slice(&buffer.data()[..count]);
            buffer.consume(count);
            if buffer.is_empty() {
                self.first = None;
            }
            return Poll::Ready(Ok(()));
        }
        if let Socket::Tcp(tcp) = &mut self.socket {
            return Pin::new(tcp).poll_read(cx, into);
        }
        ready!(self.socket.poll_readable(cx))?;
        // Safe code cannot read into uninitialised memory: it has to copy.
        let mut buffer = self.pool.take();
        let space = buffer.space();
        let room = space.len().min(into.remaining());
        let count = ready!(self.socket.split().0.poll_read(cx, &mut space[..room]))?;
        into.put_slice(&space[..count]);
        Poll::Ready(Ok(()))
    }

    /// The socket takes nothing now: waits, or fails after the deadline.
    fn stalled<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let limit = self.patience.write;
        let (sleep, _) = self.stall.get_or_insert_with(|| (Box::pin(tokio::time::sleep(limit)), 0));
        ready!(sleep.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn took(&mut self, count: usize) {
        if let Some((_, taken)) = &mut self.stall {
            *taken += count;
            if *taken >= PROGRESS {
                self.stall = None;
            }
        }
    }

    fn written(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match outcome {
            Poll::Ready(Ok(count)) => {
                self.took(count);
                Poll::Ready(Ok(count))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => self.stalled(cx),
        }
    }
}

impl AsyncRead for H2Io {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.meter.is_flooded() {
            // The connection is about to be ended: nothing more is read.
            return Poll::Pending;
        }
        if this.meter.is_turn_over() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = into.filled().len();
        match this.read(cx, into) {
            Poll::Ready(outcome) => {
                this.meter.read(&into.filled()[before..]);
                if !this.meter.is_in_head() {
                    this.head = None;
                }
                Poll::Ready(outcome)
            }
            Poll::Pending if this.meter.is_in_head() => {
                let limit = this.patience.head;
                let sleep = this.head.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
                ready!(sleep.as_mut().poll(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncWrite for H2Io {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = this.socket.split().1.poll_write(cx, data);
        this.written(cx, outcome)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match this.socket.split().1.poll_flush(cx) {
            Poll::Ready(outcome) => {
                this.stall = None;
                Poll::Ready(outcome)
            }
            Poll::Pending => this.stalled(cx),
        }
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
        let this = self.get_mut();
        let outcome = this.socket.split().1.poll_write_vectored(cx, slices);
        this.written(cx, outcome)
    }
}
