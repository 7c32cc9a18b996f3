//! The bytes of a stream, both ways. Each direction ends by itself; a connection on which nothing moves holds no buffer.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::observe::{StreamFailure, StreamMetrics};
use crate::proxy::wire::buffers::{Buffer, BufferPool};
use crate::proxy::wire::socket::{Reader, Socket, Writer, within};

/// What both directions of a stream share.
pub(super) struct Moved<'a> {
    /// Bytes from the client, as far as the pod was given them.
    pub(super) received: &'a Cell<u64>,
    /// Bytes to the client.
    pub(super) sent: &'a Cell<u64>,
    pub(super) metrics: &'a StreamMetrics,
    pub(super) buffers: &'a Rc<BufferPool>,
    /// How long nothing may move.
    pub(super) idle: Duration,
}

/// A side of the stream that has broken off.
enum Broken {
    Source,
    Sink,
    /// It takes nothing for too long.
    Full,
}

/// Passes bytes both ways until both directions have ended, one side has broken off, or nothing has moved for too long.
pub(super) async fn relay(client: &mut Socket, pod: &mut Socket, moved: &Moved<'_>) -> Result<(), StreamFailure> {
    let (client_reader, client_writer) = client.split();
    let (pod_reader, pod_writer) = pod.split();
    let Moved { received, sent, metrics, buffers, idle } = moved;
    let upward = async {
        let count = |bytes: usize| {
            received.set(received.get() + bytes as u64);
            metrics.received(bytes);
        };
        let outcome = one_way(client_reader, pod_writer, buffers, *idle, count).await;
        outcome.map_err(|broken| match broken {
            Broken::Source => StreamFailure::Client,
            Broken::Sink => StreamFailure::Pod,
            Broken::Full => StreamFailure::Idle,
        })
    };
    let downward = async {
        let count = |bytes: usize| {
            sent.set(sent.get() + bytes as u64);
            metrics.sent(bytes);
        };
        let outcome = one_way(pod_reader, client_writer, buffers, *idle, count).await;
        outcome.map_err(|broken| match broken {
            Broken::Source => StreamFailure::Pod,
            Broken::Sink => StreamFailure::Client,
            Broken::Full => StreamFailure::Idle,
        })
    };
    let ways = async { tokio::try_join!(upward, downward).map(|((), ())| ()) };
    tokio::select! {
        outcome = ways => outcome,
        () = stands_still(received, sent, *idle) => Err(StreamFailure::Idle),
    }
}

/// Waits until nothing has moved for `idle`. One timer for both directions: bytes do not touch it.
async fn stands_still(received: &Cell<u64>, sent: &Cell<u64>, idle: Duration) {
    let mut before = (received.get(), sent.get());
    loop {
        sleep_until(Instant::now() + idle).await;
        let now = (received.get(), sent.get());
        if now == before {
            return;
        }
        before = now;
    }
}

/// Passes bytes on until their end, which is passed on too.
#[expect(clippy::manual_async_fn, reason = "an async fn keeps what it is given twice, and idle streams would hold it")]
fn one_way(
    mut reader: Reader<'_>,
    mut writer: Writer<'_>,
    buffers: &Rc<BufferPool>,
    stall: Duration,
    count: impl Fn(usize),
) -> impl Future<Output = Result<(), Broken>> {
    async move {
        let mut size = 1;
        loop {
            // Without a buffer.
            poll_fn(|cx| reader.poll_readable(cx)).await.map_err(|_| Broken::Source)?;
            // In a box: a connection on which nothing moves does not carry along what is needed to move something.
            match Box::pin(burst((&mut reader, &mut writer), buffers, &mut size, stall, &count)).await? {
                Burst::Over => {}
                Burst::End => return Ok(()),
            }
        }
    }
}

/// What comes after bytes that came together.
enum Burst {
    /// More of them, some time.
    Over,
    /// Nothing.
    End,
}

/// Passes on what is there.
async fn burst(
    (reader, writer): (&mut Reader<'_>, &mut Writer<'_>),
    buffers: &Rc<BufferPool>,
    size: &mut usize,
    stall: Duration,
    count: &impl Fn(usize),
) -> Result<Burst, Broken> {
    let mut buffer = buffers.take_for(*size);
    loop {
        let read = poll_fn(|cx| Poll::Ready(reader.poll_read(cx, buffer.space()))).await;
        let bytes = match read {
            Poll::Pending => return Ok(Burst::Over),
            Poll::Ready(Ok(0)) => {
                writer.shutdown().await;
                return Ok(Burst::End);
            }
            Poll::Ready(Ok(bytes)) => bytes,
            Poll::Ready(Err(_)) => return Err(Broken::Source),
        };
        buffer.fill(bytes);
        pass(writer, buffer.data(), stall, count).await?;
        buffer.clear();
        if bytes == buffer.capacity() {
            // What keeps filling its buffer gets a larger one.
            if buffers.may_grow() && buffer.grow() {
                *size = buffer.capacity();
            }
        } else if bytes < buffer.capacity() / 4 {
            *size = 1;
        }
    }
}

/// Writes bytes, and counts them as they go: a slow receiver is no idle one.
async fn pass(writer: &mut Writer<'_>, mut data: &[u8], stall: Duration, count: &impl Fn(usize)) -> Result<(), Broken> {
    while !data.is_empty() {
        match within(stall, |cx| writer.poll_write(cx, data)).await {
            None => return Err(Broken::Full),
            Some(Ok(0) | Err(_)) => return Err(Broken::Sink),
            Some(Ok(bytes)) => {
                count(bytes);
                data = &data[bytes..];
            }
        }
    }
    match within(stall, |cx| writer.poll_flush(cx)).await {
        None => Err(Broken::Full),
        Some(outcome) => outcome.map_err(|_| Broken::Sink),
    }
}

/// Sends bytes that were read before the pod was there.
pub(super) async fn send_first(
    pod: &mut Socket,
    header: &[u8],
    received: Option<Buffer>,
    moved: &Moved<'_>,
) -> Result<(), StreamFailure> {
    let bytes = received.as_ref().map_or(&[][..], Buffer::data);
    if header.is_empty() && bytes.is_empty() {
        return Ok(());
    }
    pod.split().1.write_all(header, bytes, moved.idle).await.map_err(|_| StreamFailure::Pod)?;
    moved.received.set(moved.received.get() + bytes.len() as u64);
    moved.metrics.received(bytes.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    #[tokio::test]
    async fn what_a_slow_receiver_takes_counts_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut socket = Socket::Tcp(TcpStream::connect(listener.local_addr().unwrap()).await.unwrap());
        let (_slow, _) = listener.accept().await.unwrap();
        // More than the kernel takes for a receiver that reads nothing.
        let data = vec![0; 64 << 20];
        let taken = Cell::new(0);
        let count = |bytes| taken.set(taken.get() + bytes);
        let mut writer = socket.split().1;
        let mut passing = pin!(pass(&mut writer, &data, Duration::from_secs(60), &count));
        assert!(poll_fn(|cx| Poll::Ready(passing.as_mut().poll(cx))).await.is_pending());
        assert!(taken.get() > 0 && taken.get() < data.len(), "{}", taken.get());
    }
}
