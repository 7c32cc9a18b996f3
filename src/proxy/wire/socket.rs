//! A connection as bytes: plain TCP or TLS, split into a reading and a writing side for one exchange at a time.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::time::Instant;

use super::quiet::is_quiet;
use super::tls::stream::{TlsStream, TlsVersion};

/// An open connection, to a client or to a pod.
pub(crate) enum Socket {
    /// In clear.
    Tcp(TcpStream),
    /// Through TLS.
    Tls(Box<TlsStream>),
}

impl Socket {
    /// The two directions, to be used at the same time within one task.
    pub(crate) fn split(&mut self) -> (Reader<'_>, Writer<'_>) {
        match self {
            Self::Tcp(tcp) => {
                let (read, write) = tcp.split();
                (Reader::Tcp(read), Writer::Tcp(write))
            }
            Self::Tls(tls) => (Reader::Tls(tls), Writer::Tls(tls)),
        }
    }

    /// Waits until there is something to read, without needing a buffer.
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(tcp) => tcp.poll_read_ready(cx),
            Self::Tls(tls) => tls.poll_read_ready(cx),
        }
    }

    /// Whether nothing has arrived that was not read: neither bytes nor the end of the connection. The system is asked.
    pub(crate) fn is_quiet(&self) -> bool {
        match self {
            Self::Tcp(tcp) => is_quiet(tcp),
            Self::Tls(tls) => tls.is_quiet(),
        }
    }

    /// The version of TLS, if there is TLS.
    pub(crate) fn tls_version(&self) -> Option<TlsVersion> {
        match self {
            Self::Tcp(_) => None,
            Self::Tls(tls) => Some(tls.version()),
        }
    }

    /// Ends the connection so that the other side sees an error: by a reset, or a TLS stream without close_notify.
    pub(crate) fn cut(&self) {
        match self {
            // This fails only if the connection has ended already.
            Self::Tcp(tcp) => drop(tcp.set_zero_linger()),
            Self::Tls(_) => {}
        }
    }

    /// Ends the sending side (close_notify, FIN). It waits a second at most.
    pub(crate) async fn close(&mut self) {
        self.split().1.shutdown().await;
    }
}

/// The reading side.
pub(crate) enum Reader<'a> {
    /// In clear.
    Tcp(ReadHalf<'a>),
    /// Through TLS.
    Tls(&'a TlsStream),
}

impl Reader<'_> {
    /// Reads what is there; 0 is the end.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(half) => {
                // Through AsyncRead, because it takes a short read as "no more", which saves a system call.
                let mut buf = ReadBuf::new(into);
                ready!(Pin::new(half).poll_read(cx, &mut buf))?;
                Poll::Ready(Ok(buf.filled().len()))
            }
            Self::Tls(tls) => tls.poll_read(cx, into),
        }
    }

    /// Waits until there is something to read, without needing a buffer.
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(half) => half.as_ref().poll_read_ready(cx),
            Self::Tls(tls) => tls.poll_read_ready(cx),
        }
    }

    /// Whether a read has come to an end that anybody on the way could have made: TLS without close_notify.
    pub(crate) fn is_cut(&self) -> bool {
        match self {
            Self::Tcp(_) => false,
            Self::Tls(tls) => tls.is_cut(),
        }
    }
}

/// The writing side.
pub(crate) enum Writer<'a> {
    /// In clear.
    Tcp(WriteHalf<'a>),
    /// Through TLS.
    Tls(&'a TlsStream),
}

impl Writer<'_> {
    /// Writes what the socket takes.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(half) => Pin::new(half).poll_write(cx, data),
            Self::Tls(tls) => tls.poll_write(cx, data),
        }
    }

    fn poll_write_both(&mut self, cx: &mut Context<'_>, first: &[u8], second: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(half) if !first.is_empty() && !second.is_empty() => {
                Pin::new(half).poll_write_vectored(cx, &[IoSlice::new(first), IoSlice::new(second)])
            }
            Self::Tcp(_) | Self::Tls(_) => self.poll_write(cx, if first.is_empty() { second } else { first }),
        }
    }

    /// Writes without waiting, where that is possible; `None` where it is not. Sockets nearly always take what they get.
    fn try_write_both(&self, first: &[u8], second: &[u8]) -> Option<io::Result<usize>> {
        let Self::Tcp(half) = self else { return None };
        let tcp = half.as_ref();
        let written = if first.is_empty() || second.is_empty() {
            tcp.try_write(if first.is_empty() { second } else { first })
        } else {
            tcp.try_write_vectored(&[IoSlice::new(first), IoSlice::new(second)])
        };
        match written {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            written => Some(written),
        }
    }

    /// Waits until the socket has taken all that was written.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(_) => Poll::Ready(Ok(())),
            Self::Tls(tls) => tls.poll_flush(cx),
        }
    }

    /// Writes both slices. The socket may take nothing for as long as `stall`.
    pub(crate) async fn write_all(&mut self, first: &[u8], second: &[u8], stall: Duration) -> Result<(), WriteFault> {
        let (mut first, mut second) = (first, second);
        let mut written = false;
        let fault = |error: io::Error, written: bool| WriteFault { timed_out: false, written, kind: error.kind() };
        while !(first.is_empty() && second.is_empty()) {
            let step = match self.try_write_both(first, second) {
                None => within(stall, |cx| self.poll_write_both(cx, first, second)).await,
                step => step,
            };
            let count = match step {
                None => return Err(WriteFault { timed_out: true, written, kind: io::ErrorKind::TimedOut }),
                Some(Ok(0)) => return Err(fault(io::ErrorKind::WriteZero.into(), written)),
                Some(Ok(count)) => count,
                Some(Err(error)) => return Err(fault(error, written)),
            };
            written = true;
            let of_first = count.min(first.len());
            first = &first[of_first..];
            second = &second[(count - of_first).min(second.len())..];
        }
        if matches!(self, Self::Tcp(_)) {
            return Ok(());
        }
        match within(stall, |cx| self.poll_flush(cx)).await {
            None => Err(WriteFault { timed_out: true, written, kind: io::ErrorKind::TimedOut }),
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(fault(error, written)),
        }
    }

    /// Ends this direction (FIN, close_notify) and leaves the other open.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(half) => Pin::new(half).poll_shutdown(cx),
            Self::Tls(tls) => tls.poll_shutdown(cx),
        }
    }

    /// The same, for at most a second.
    pub(crate) async fn shutdown(&mut self) {
        let _ = tokio::time::timeout(Duration::from_secs(1), poll_fn(|cx| self.poll_shutdown(cx))).await;
    }
}

/// How often a socket is asked whether its connection was reset, where readiness cannot tell.
const LOOK: Duration = Duration::from_secs(1);

impl Writer<'_> {
    /// Waits until the other side has reset the connection. Bytes and the end of its direction stay where they are.
    pub(crate) async fn reset(&self) {
        // Whatever arrives wakes us. Bytes that nobody reads, or the end, stay, and then readiness tells no more.
        let _ = poll_fn(|cx| self.poll_stirred(cx)).await;
        if !self.is_reset() {
            Box::pin(self.reset_at_last()).await;
        }
    }

    async fn reset_at_last(&self) {
        loop {
            tokio::time::sleep(LOOK).await;
            if self.is_reset() {
                return;
            }
        }
    }

    /// Waits until anything has arrived at the socket.
    fn poll_stirred(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(half) => half.as_ref().poll_read_ready(cx),
            Self::Tls(tls) => tls.poll_stirred(cx),
        }
    }

    /// Whether the connection was reset, or given up by the kernel. The system is asked.
    pub(crate) fn is_reset(&self) -> bool {
        let error = match self {
            Self::Tcp(half) => half.as_ref().take_error(),
            Self::Tls(tls) => tls.take_error(),
        };
        !matches!(error, Ok(None))
    }
}

/// A write that did not succeed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WriteFault {
    /// The other side took nothing for too long.
    pub timed_out: bool,
    /// Whether any byte had been accepted before.
    pub written: bool,
    /// What the system said.
    pub kind: io::ErrorKind,
}

/// Polls until ready or until `limit` has passed (`None`). Sets up a timer only when the first poll is not ready.
pub(crate) async fn within<T>(limit: Duration, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Option<T> {
    let first = poll_fn(|cx| Poll::Ready(poll(cx))).await;
    match first {
        Poll::Ready(value) => Some(value),
        Poll::Pending => tokio::time::timeout(limit, poll_fn(poll)).await.ok(),
    }
}

/// The same until a deadline.
pub(crate) async fn until<T>(deadline: Instant, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Option<T> {
    let first = poll_fn(|cx| Poll::Ready(poll(cx))).await;
    match first {
        Poll::Ready(value) => Some(value),
        Poll::Pending => tokio::time::timeout_at(deadline, poll_fn(poll)).await.ok(),
    }
}
