//! The socket of an HTTP/2 connection.

use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::stall::Stall;
use crate::http2::connection::Connection;
use crate::proxy::wire::buffers::{Buffer, BufferPool};
use crate::proxy::wire::socket::Socket;

/// A socket, in front of which there may be bytes that were read already.
pub(crate) struct Transport {
    /// The socket.
    pub(crate) socket: Socket,
    first: Option<Box<Buffer>>,
    /// How long the other side takes nothing.
    pub(crate) stall: Stall,
}

impl Transport {
    /// `first`: bytes that were read already.
    pub(crate) fn new(socket: Socket, first: Option<Box<Buffer>>) -> Self {
        Self { socket, first, stall: Stall::default() }
    }

    /// Reads what there is; never nothing. The end of the connection is an error.
    pub(crate) fn poll_receive(&mut self, cx: &mut Context<'_>, buffers: &Rc<BufferPool>) -> Poll<io::Result<Buffer>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Ok(*first));
        }
        // Most waits begin with nothing there: a buffer is taken when something has come.
        ready!(self.socket.poll_readable(cx))?;
        let mut buffer = buffers.take();
        match ready!(self.socket.split().0.poll_read(cx, buffer.space()))? {
            0 => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            count => {
                buffer.fill(count);
                Poll::Ready(Ok(buffer))
            }
        }
    }

    /// Takes back what was received and not used: it comes first the next time.
    pub(crate) fn put_back(&mut self, rest: Buffer) {
        self.first = Some(Box::new(rest));
    }

    /// Sends the output. Ready when the socket has taken all of it.
    pub(crate) fn poll_send(&mut self, cx: &mut Context<'_>, codec: &mut Connection) -> Poll<io::Result<()>> {
        let mut writer = self.socket.split().1;
        let outcome = loop {
            if codec.output().is_empty() {
                break writer.poll_flush(cx);
            }
            match writer.poll_write(cx, codec.output()) {
                Poll::Pending => break Poll::Pending,
                Poll::Ready(Ok(0)) => break Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => {
                    codec.sent(count);
                    self.stall.took(count);
                }
                Poll::Ready(Err(error)) => break Poll::Ready(Err(error)),
            }
        };
        self.stall.is_waiting(outcome.is_pending());
        outcome
    }
}
