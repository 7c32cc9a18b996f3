//! The first bytes of a client on a plain listener, which tell HTTP/2 from HTTP/1.

use tokio::time::Instant;

use crate::proxy::shard::Shard;
use crate::proxy::wire::buffers::Buffer;
use crate::proxy::wire::socket::{Socket, within};

/// What an HTTP/2 client begins with (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The first bytes of a plain connection: enough to tell HTTP/2 from HTTP/1, or all that came in time.
pub(crate) struct FirstBytes {
    pub bytes: Buffer,
    /// When the first of them came.
    pub since: Instant,
}

impl FirstBytes {
    /// Whether they begin HTTP/2.
    pub(super) fn is_http2(&self) -> bool {
        self.bytes.data().starts_with(PREFACE)
    }
}

/// Reads them. `None` means that the connection is to be closed.
pub(super) async fn first_bytes(shard: &Shard, socket: &mut Socket, received: Option<Buffer>) -> Option<FirstBytes> {
    let limit = shard.config.listener.timeouts.head;
    if received.is_none() {
        within(limit, |cx| socket.poll_readable(cx)).await?.ok()?;
    }
    let since = Instant::now();
    let mut bytes = received.unwrap_or_else(|| shard.buffers.take());
    let mut reader = socket.split().0;
    loop {
        let is_start = bytes.data().len() < PREFACE.len() && PREFACE.starts_with(bytes.data());
        if !is_start {
            return Some(FirstBytes { bytes, since });
        }
        let left = limit.saturating_sub(since.elapsed());
        match within(left, |cx| reader.poll_read(cx, bytes.space())).await {
            Some(Ok(count @ 1..)) => bytes.fill(count),
            Some(Ok(0) | Err(_)) => return None,
            // A client that sent only the beginning of the preface is answered in HTTP/1.
            None => return Some(FirstBytes { bytes, since }),
        }
    }
}
