//! A client connection that speaks HTTP/1: one request after the other.

use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use super::head::AnswerForm;
use super::sink::H1ClientSink;
use crate::http1::{Method, Progress, RequestError, SyntaxError};
use crate::lifecycle::Phase;
use crate::proxy::client::first_bytes::FirstBytes;
use crate::proxy::error::{ProxyError, Side};
use crate::proxy::exchange::{DRAINED_BYTES, exchange, refuse};
use crate::proxy::shard::clients::Entered;
use crate::proxy::shard::scratch::{ExchangeBuffers, Scratch};
use crate::proxy::shard::timer::LazyTimer;
use crate::proxy::shard::{Shard, workers};
use crate::proxy::walk::Walk;
use crate::proxy::walk::grpc::is_grpc;
use crate::proxy::walk::peer::Peer;
use crate::proxy::wire::body::BodySource;
use crate::proxy::wire::buffers::Buffer;
use crate::proxy::wire::client_mark::{ClientMark, Standing};
use crate::proxy::wire::h1_body::{Frame, H1Sink, H1Source};
use crate::proxy::wire::pace::Pace;
use crate::proxy::wire::socket::{Reader, Socket, until};

/// How long it is read for that, or to let the client read our answer before the end.
const LINGER: Duration = Duration::from_secs(1);

const EMPTY_LINE: &[u8] = b"\r\n";

/// Serves the connection until one side ends it. Nothing is done before the future is polled; it holds no more than it needs
/// while the connection is idle.
pub(crate) fn serve(
    shard: Rc<Shard>,
    workers: &Workers,
    socket: Socket,
    peer: Rc<Peer>,
    first: Option<Box<FirstBytes>>,
    entered: Entered,
) -> impl Future<Output = ()> {
    let (leftover, since) = first.map(|first| (first.bytes, first.since)).unzip();
    // In a box, as it goes from hand to hand with each request.
    let mut job = Box::new(Job { shard, socket, peer, leftover, since, idle_since: None, served: 0, entered });
    async move {
        poll_fn(|cx| {
            job.entered.is_woken_by(cx.waker());
            Poll::Ready(())
        })
        .await;
        let mut timer = LazyTimer::default();
        loop {
            if job.leftover.is_none() && !wait_for_request(&job, &mut timer).await {
                return job.socket.close().await;
            }
            match workers.run(job, requests).await {
                Some(next) => {
                    job = next;
                    job.entered.mark.stands(Standing::Idle);
                }
                None => return,
            }
        }
    }
}

/// The futures that serve the requests of connections.
pub(crate) type Workers = workers::Workers<Box<Job>, Option<Box<Job>>>;

/// A connection on which a request is arriving.
pub(crate) struct Job {
    shard: Rc<Shard>,
    socket: Socket,
    peer: Rc<Peer>,
    /// Bytes of the request that were read already.
    leftover: Option<Buffer>,
    /// When the first of these came, if they came before this job.
    since: Option<Instant>,
    /// When the last request ended.
    idle_since: Option<Instant>,
    /// Requests so far.
    served: u64,
    /// Its place among the connections of the shard.
    entered: Entered,
}

/// Serves requests until none is waiting. Gives the connection back, or `None` when it was closed.
async fn requests(mut job: Box<Job>) -> Option<Box<Job>> {
    let shard = Rc::clone(&job.shard);
    let mut scratch = shard.scratches.take();
    loop {
        job.served += 1;
        let is_last = job.served >= shard.config.listener.limits.requests_per_connection;
        let since = job.since.take();
        let bytes = job.leftover.take();
        match request(&shard, &mut job, &mut scratch, (bytes, since), is_last).await {
            After::Next(rest, ended) => {
                job.idle_since = Some(ended);
                if rest.is_none() {
                    return Some(job);
                }
                job.leftover = rest;
            }
            After::Close => {
                job.socket.close().await;
                return None;
            }
            After::Cut => {
                job.socket.cut();
                return None;
            }
            After::Linger => {
                drop(scratch);
                linger(&shard, &mut job.socket).await;
                return None;
            }
        }
    }
}

/// What becomes of the connection after a request.
enum After {
    /// Another request follows, of which some bytes may be there. The one before ended at this time.
    Next(Option<Buffer>, Instant),
    /// Close.
    Close,
    /// Close by a reset: the end of the connection would end the answer, and the answer is not complete.
    Cut,
    /// The client may still be sending: let it read the answer before the end.
    Linger,
}

/// Waits for the first byte without a buffer. False when the connection is to be closed.
async fn wait_for_request(job: &Job, timer: &mut LazyTimer) -> bool {
    let Job { shard, socket, idle_since, .. } = job;
    let (is_new, timeouts) = (job.served == 0, &shard.config.listener.timeouts);
    let limit = if is_new { timeouts.head } else { timeouts.idle };
    let ready = timer.until(idle_since.unwrap_or_else(Instant::now) + limit, |cx| match socket.poll_readable(cx) {
        Poll::Ready(ready) => Poll::Ready(ready.is_ok()),
        // A new client may still send its first request.
        Poll::Pending if !is_new && shard.drain.phase() >= Phase::Closing => Poll::Ready(false),
        Poll::Pending => Poll::Pending,
    });
    ready.await.unwrap_or(false)
}

async fn request(
    shard: &Rc<Shard>,
    job: &mut Job,
    scratch: &mut Scratch,
    (buffer, since): (Option<Buffer>, Option<Instant>),
    is_last: bool,
) -> After {
    let Job { socket, peer, entered, .. } = job;
    let client = &*entered.mark;
    client.is_answered.set(false);
    client.stands(Standing::Busy);
    let (mut reader, writer) = socket.split();
    let Scratch { staged, work } = scratch;
    let started = since.unwrap_or_else(Instant::now);
    let read = read_head(shard, &mut reader, work, buffer, (started, since.is_none()), client).await;
    let sink = H1Sink::new(writer, staged, Frame::Absent, Side::Client, shard.config.listener.timeouts.write);
    let (buffer, ready_at) = match read {
        Ok(Some(complete)) => complete,
        Ok(None) => return After::Close,
        Err(error) => {
            let mut sink = H1ClientSink::new(sink, &shard.drain, None, true, client);
            let mut walk = Walk::new(shard, &shard.config.listener, peer, work, started, started);
            refuse(&mut walk, error, &mut sink).await;
            return After::Linger;
        }
    };
    let head = &work.request;
    let (framing, form) = (head.framing, AnswerForm { version: head.version, is_head: head.method == Method::Head });
    let accepts_trailers = head.accepts_trailers;
    let close = is_last || !head.keep_alive;
    let pace = Pace { gap: shard.config.listener.timeouts.body_gap, rate: shard.config.listener.timeouts.body_rate };
    let mut source = H1Source::new(reader, &shard.buffers, Some(buffer), framing, Side::Client, pace, Some(client));
    if is_grpc(&work.request, &work.head) {
        source.spare();
    }
    let mut sink = H1ClientSink::new(sink, &shard.drain, Some(form), close, client);
    sink.accepts_trailers = accepts_trailers;
    let (outcome, ended) = {
        let mut walk = Walk::new(shard, &shard.config.listener, peer, work, started, ready_at);
        (exchange(&mut walk, &mut source, &mut sink).await, walk.finish())
    };
    if sink.was_tunnel {
        return After::Close;
    }
    if outcome.is_err() {
        return if sink.ends_with_connection { After::Cut } else { After::Close };
    }
    if !source.is_done() && (sink.close || !drain_body(&mut source).await) {
        return After::Linger;
    }
    if sink.close {
        // A client that sent more must still be able to read this answer.
        return if source.has_more().await { After::Linger } else { After::Close };
    }
    // Old clients send an empty line behind a body (RFC 9112 §2.2). It does not begin a request.
    After::Next(source.into_leftover().filter(|rest| rest.data() != EMPTY_LINE), ended)
}

/// Reads and parses a head and leaves its bytes in `work.head`. Returns the buffer with what follows, and when the head
/// was complete; `None` if the client left without a request. `is_new`: whether `started` is now. `client` is told whether
/// the request waits for it.
async fn read_head(
    shard: &Shard,
    reader: &mut Reader<'_>,
    work: &mut ExchangeBuffers,
    buffer: Option<Buffer>,
    (started, mut is_new): (Instant, bool),
    client: &ClientMark,
) -> Result<Option<(Buffer, Instant)>, ProxyError> {
    let limits = shard.config.listener.limits.request_head();
    let mut buffer = buffer.unwrap_or_else(|| shard.buffers.take());
    work.request.reset();
    work.head.clear();
    loop {
        if !buffer.is_empty() && work.request.parse(buffer.data(), &limits)? == Progress::Complete {
            let length = work.request.len;
            work.head.extend_from_slice(&buffer.data()[..length]);
            buffer.consume(length);
            // No second look at the clock for a head that had arrived already.
            return Ok(Some((buffer, if is_new { started } else { Instant::now() })));
        }
        buffer.make_room();
        if buffer.space().is_empty() && !buffer.grow() {
            return Err(RequestError::Syntax(SyntaxError::TooLarge).into());
        }
        let deadline = started + shard.config.listener.timeouts.head;
        let read = until(deadline, |cx| {
            let read = reader.poll_read(cx, buffer.space());
            if read.is_pending() {
                is_new = false;
                client.waits();
            }
            read
        });
        let read = read.await;
        client.goes_on();
        match read {
            None if buffer.is_empty() || buffer.data() == EMPTY_LINE => return Ok(None),
            None => return Err(ProxyError::HeadTimeout),
            Some(Ok(0) | Err(_)) => return Ok(None),
            Some(Ok(count)) => buffer.fill(count),
        }
    }
}

/// Reads the rest of a body that nobody took. False when it is too long or too slow.
async fn drain_body(source: &mut H1Source<'_>) -> bool {
    let drained = async {
        let mut total = 0;
        while let Ok(Some(data)) = source.chunk().await.map(|data| data.map(<[u8]>::len)) {
            total += data as u64;
            if total > DRAINED_BYTES {
                return false;
            }
        }
        source.is_done()
    };
    tokio::time::timeout(LINGER, drained).await.unwrap_or(false)
}

/// Ends our direction and reads on for a moment. To close at once with unread bytes would reset the connection, and the
/// client would lose our answer.
async fn linger(shard: &Shard, socket: &mut Socket) {
    let (mut reader, mut writer) = socket.split();
    writer.shutdown().await;
    let rest = async {
        let mut sink = shard.buffers.take();
        while let Ok(1..) = poll_fn(|cx| reader.poll_read(cx, sink.space())).await {}
    };
    let _ = tokio::time::timeout(LINGER, rest).await;
}
