//! What all accept loops do alike: where the system refuses a connection, and at their end.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::Poll;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Duration, Instant};

/// Connections that the kernel holds until we accept them.
pub(crate) const BACKLOG: i32 = 4096;
/// Pause after the system has refused us a connection (no file descriptors left): to try again at once would spin.
const REST: Duration = Duration::from_millis(50);
/// How often this is logged while it lasts.
const REMINDER: Duration = Duration::from_secs(60);

/// What was said of connections that could not be accepted.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    said: Option<Instant>,
}

impl Refusals {
    /// Logs an error of `accept`, unless it was logged of late, and pauses. A client that has left already is no error.
    pub(crate) async fn take(&mut self, error: io::Error) {
        if error.kind() == io::ErrorKind::ConnectionAborted {
            return;
        }
        if self.said.is_none_or(|said| said.elapsed() >= REMINDER) {
            self.said = Some(Instant::now());
            tracing::warn!(%error, "cannot accept connections; trying on");
        }
        tokio::time::sleep(REST).await;
    }
}

/// Hands out the connections that wait in the kernel's queue. They would be reset with the socket.
pub(crate) async fn take_waiting(listener: &TcpListener, mut take: impl FnMut(TcpStream, SocketAddr)) {
    tokio::task::yield_now().await;
    for _ in 0..BACKLOG {
        match poll_fn(|cx| Poll::Ready(listener.poll_accept(cx))).await {
            Poll::Ready(Ok((tcp, address))) => take(tcp, address),
            Poll::Ready(Err(_)) | Poll::Pending => break,
        }
    }
}
