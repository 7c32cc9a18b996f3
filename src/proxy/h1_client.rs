//! A client connection that speaks HTTP/1: one request after the other.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use super::alarm::Alarm;
use super::body::{BodySink, BodySource};
use super::buffers::Buffer;
use super::client::{Answer, ClientSink, ClientSource};
use super::error::{ProxyError, Side};
use super::exchange::{Walk, exchange, refuse};
use super::h1_answer::{Asked, travels, write_head};
use super::h1_body::{Frame, H1Sink, H1Source, Patience};
use super::listener::FirstBytes;
use super::peer::Peer;
use super::scratch::{Scratch, Work};
use super::shard::Shard;
use super::socket::{Reader, Socket, until};
use crate::http1::{Field, Method, Progress, RequestError, SyntaxError, Version, writer};
use crate::lifecycle::{DrainWatch, Phase};

/// What is read and thrown away of a body nobody took, at most, to keep the connection. Bytes.
pub(crate) const DRAINED_BYTES: u64 = 64 * 1024;
/// How long it is read for that, or to let the client read our answer before the end.
const LINGER: Duration = Duration::from_secs(1);

const EMPTY_LINE: &[u8] = b"\r\n";

/// Serves the connection until either side has enough.
pub(crate) async fn serve(shard: Rc<Shard>, socket: Socket, peer: Rc<Peer>, first: Option<Box<FirstBytes>>) {
    let _sleeper = poll_fn(|cx| Poll::Ready(shard.sleepers.register(cx.waker()))).await;
    let (leftover, since) = first.map(|first| (first.bytes, first.since)).unzip();
    let mut job = Job { shard: Rc::clone(&shard), socket, peer, leftover, since, served: 0 };
    let mut alarm = Alarm::default();
    loop {
        if job.leftover.is_none() && !wait_for_request(&shard, &job.socket, job.served == 0, &mut alarm).await {
            return job.socket.close().await;
        }
        match shard.workers.run(job, requests).await {
            Some(next) => job = next,
            None => return,
        }
    }
}

/// A connection on which a request is arriving.
pub(crate) struct Job {
    shard: Rc<Shard>,
    socket: Socket,
    peer: Rc<Peer>,
    /// Bytes of the request that were read already.
    leftover: Option<Buffer>,
    /// When the first of these came, if that is a while ago.
    since: Option<Instant>,
    /// Requests so far.
    served: u64,
}

/// Serves requests until none is waiting. Gives the connection back, or `None` when it was closed.
async fn requests(mut job: Job) -> Option<Job> {
    let shard = Rc::clone(&job.shard);
    let mut scratch = shard.scratches.take();
    loop {
        job.served += 1;
        let is_last = job.served >= shard.config.limits.requests_per_connection;
        let started = job.since.take().unwrap_or_else(Instant::now);
        let bytes = job.leftover.take();
        match request(&shard, &mut job.socket, &job.peer, &mut scratch, (bytes, started), is_last).await {
            After::Next(None) => return Some(job),
            After::Next(rest) => job.leftover = rest,
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
    /// The next one, of which some bytes may be there.
    Next(Option<Buffer>),
    /// Close.
    Close,
    /// Close so that the client notices: its answer was to end with the connection and is not complete.
    Cut,
    /// The client may still be sending: let it read the answer before the end.
    Linger,
}

/// Waits for the first byte, holding nothing. False when the connection is to be closed.
async fn wait_for_request(shard: &Shard, socket: &Socket, is_new: bool, alarm: &mut Alarm) -> bool {
    let limit = if is_new { shard.config.timeouts.head } else { shard.config.timeouts.idle };
    let ready = alarm.until(Instant::now() + limit, |cx| match socket.poll_readable(cx) {
        Poll::Ready(ready) => Poll::Ready(ready.is_ok()),
        // Whoever has only just come is still to ask.
        Poll::Pending if !is_new && shard.drain.phase() >= Phase::Closing => Poll::Ready(false),
        Poll::Pending => Poll::Pending,
    });
    ready.await.unwrap_or(false)
}

async fn request(
    shard: &Rc<Shard>,
    socket: &mut Socket,
    peer: &Peer,
    scratch: &mut Scratch,
    (buffer, started): (Option<Buffer>, Instant),
    is_last: bool,
) -> After {
    let (mut reader, writer) = socket.split();
    let Scratch { staged, work } = scratch;
    let read = read_head(shard, &mut reader, work, buffer, started).await;
    let sink = H1Sink::new(writer, staged, Frame::Absent, Side::Client, shard.config.timeouts.write);
    let buffer = match read {
        Ok(Some(buffer)) => buffer,
        Ok(None) => return After::Close,
        Err(error) => {
            let mut sink = H1ClientSink::new(sink, &shard.drain, None, true);
            refuse(shard, peer, work, started, error, &mut sink).await;
            return After::Linger;
        }
    };
    let head = &work.request;
    let (framing, asked) = (head.framing, Asked { version: head.version, is_head: head.method == Method::Head });
    let accepts_trailers = head.accepts_trailers;
    let close = is_last || !head.keep_alive;
    let patience = Patience { gap: shard.config.timeouts.body_gap, rate: shard.config.timeouts.body_rate };
    let mut source = H1Source::new(reader, &shard.buffers, Some(buffer), framing, Side::Client, patience);
    let mut sink = H1ClientSink::new(sink, &shard.drain, Some(asked), close);
    sink.accepts_trailers = accepts_trailers;
    let walk = Walk::new(shard, peer, work, started);
    let outcome = exchange(walk, &mut source, &mut sink).await;
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
    // Old clients send an empty line behind a body (RFC 9112 §2.2): that is not the beginning of a request.
    After::Next(source.into_leftover().filter(|rest| rest.data() != EMPTY_LINE))
}

/// Reads and understands a head, leaving its bytes in `work.head`. Gives back the buffer with what follows; `None` at
/// a silent end.
async fn read_head(
    shard: &Shard,
    reader: &mut Reader<'_>,
    work: &mut Work,
    buffer: Option<Buffer>,
    started: Instant,
) -> Result<Option<Buffer>, ProxyError> {
    let limits = shard.config.limits.request_head();
    let mut buffer = buffer.unwrap_or_else(|| shard.buffers.take());
    work.request.reset();
    work.head.clear();
    loop {
        if !buffer.is_empty() && work.request.parse(buffer.data(), &limits)? == Progress::Complete {
            let length = work.request.len;
            work.head.extend_from_slice(&buffer.data()[..length]);
            buffer.consume(length);
            return Ok(Some(buffer));
        }
        buffer.make_room();
        if buffer.space().is_empty() && !buffer.grow() {
            return Err(RequestError::Syntax(SyntaxError::TooLarge).into());
        }
        let deadline = started + shard.config.timeouts.head;
        let read = until(deadline, |cx| reader.poll_read(cx, buffer.space())).await;
        match read {
            None if buffer.is_empty() || buffer.data() == EMPTY_LINE => return Ok(None),
            None => return Err(ProxyError::HeadTimeout),
            Some(Ok(0) | Err(_)) => return Ok(None),
            Some(Ok(count)) => buffer.fill(count),
        }
    }
}

/// Reads the rest of a body nobody took. False when it is too long or too slow for that.
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

/// Ends our direction and reads on for a moment: closing at once with unread bytes would reset the connection and
/// take our answer with it.
async fn linger(shard: &Shard, socket: &mut Socket) {
    let (mut reader, mut writer) = socket.split();
    writer.shutdown().await;
    let rest = async {
        let mut sink = shard.buffers.take();
        while let Ok(1..) = poll_fn(|cx| reader.poll_read(cx, sink.space())).await {}
    };
    let _ = tokio::time::timeout(LINGER, rest).await;
}

impl ClientSource for H1Source<'_> {
    fn whole(&self) -> Option<&[u8]> {
        Self::whole(self)
    }

    fn skip_whole(&mut self) {
        Self::skip_whole(self);
    }

    fn become_tunnel(&mut self) -> bool {
        Self::become_tunnel(self);
        true
    }
}

/// The way back over HTTP/1.
pub(crate) struct H1ClientSink<'a> {
    sink: H1Sink<'a>,
    drain: &'a DrainWatch,
    /// The request; `None` when it could not be understood.
    asked: Option<Asked>,
    /// Whether the connection closes after this answer.
    close: bool,
    /// Whether trailers are passed on (`TE: trailers`).
    accepts_trailers: bool,
    /// Whether the answer has neither length nor chunks.
    ends_with_connection: bool,
    responded: bool,
    was_tunnel: bool,
}

impl<'a> H1ClientSink<'a> {
    fn new(sink: H1Sink<'a>, drain: &'a DrainWatch, asked: Option<Asked>, close: bool) -> Self {
        Self {
            sink,
            drain,
            asked,
            close,
            accepts_trailers: false,
            ends_with_connection: false,
            responded: false,
            was_tunnel: false,
        }
    }
}

impl ClientSink for H1ClientSink<'_> {
    fn respond(&mut self, answer: &Answer<'_>) {
        self.responded = true;
        // Asked now and not when the request came: a drain may have begun since.
        self.close |= self.drain.is_draining();
        self.sink.begin();
        let written = write_head(self.sink.staged(), answer, self.asked.unwrap_or_default(), self.close);
        self.close = written.close;
        self.ends_with_connection = written.ends_with_connection;
        self.sink.set_frame(written.frame);
    }

    async fn interim(&mut self, status: u16, bytes: &[u8], fields: &[Field]) -> Result<(), ProxyError> {
        if self.asked.is_none_or(|asked| asked.version == Version::Http10) {
            return Ok(());
        }
        let out = self.sink.staged();
        writer::status_line(out, status, writer::reason(status).as_bytes());
        writer::copy_fields(out, bytes, fields, travels);
        out.extend_from_slice(writer::HEAD_END);
        self.sink.flush().await
    }

    fn has_responded(&self) -> bool {
        self.responded && self.sink.has_written()
    }

    fn become_tunnel(&mut self) {
        self.was_tunnel = true;
        self.sink.become_tunnel();
    }
}

impl BodySink for H1ClientSink<'_> {
    async fn data(&mut self, data: &[u8]) -> Result<(), ProxyError> {
        self.sink.data(data).await
    }

    async fn flush(&mut self) -> Result<(), ProxyError> {
        self.sink.flush().await
    }

    async fn end(&mut self, trailers: &[u8]) -> Result<(), ProxyError> {
        self.sink.end(if self.accepts_trailers { trailers } else { &[] }).await
    }
}
