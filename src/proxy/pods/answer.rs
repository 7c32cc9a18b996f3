//! The pod's answer over HTTP/1: its head, interim ones before it, and its body on the way to the client.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use crate::http1::{Framing, MAX_INTERIM, Progress, RequestContext, ResponseHead};
use crate::proxy::error::{ProxyError, Side};
use crate::proxy::shard::Shard;
use crate::proxy::shard::timer::LazyTimer;
use crate::proxy::walk::client_io::{Answer, ClientSink};
use crate::proxy::walk::record::Record;
use crate::proxy::wire::body::copy;
use crate::proxy::wire::buffers::Buffer;
use crate::proxy::wire::h1_body::{H1Source, Patience};
use crate::proxy::wire::socket::Reader;
use tokio::time::Instant;

/// How an answer ended.
pub(crate) enum Answered<'a> {
    /// All of it was passed on.
    Whole {
        /// How long the connection may be kept for another request; `None` when it must not.
        keep: Option<Option<Duration>>,
    },
    /// 101 was passed on: what follows is a tunnel.
    Tunnel(Box<H1Source<'a>>),
}

/// An answer that failed.
pub(crate) struct AnswerFault {
    /// What happened.
    pub error: ProxyError,
    /// Whether the pod had sent anything of an answer.
    pub had_bytes: bool,
}

/// Reads the answer to the attempt that began at `started` from `reader` and passes it on to `sink`.
#[expect(clippy::too_many_arguments, reason = "what it works on is borrowed from two owners")]
pub(crate) async fn answer<'a, K: ClientSink>(
    shard: &Rc<Shard>,
    mut reader: Reader<'a>,
    response: &mut ResponseHead,
    request: RequestContext,
    record: &Record,
    started: Instant,
    timer: &mut LazyTimer,
    sink: &mut K,
) -> Result<Answered<'a>, AnswerFault> {
    let mut buffer = read_head(shard, &mut reader, response, request, record, started, timer, sink).await?;
    record.head_after.set(Some(started.elapsed()));
    let fault = |error| AnswerFault { error, had_bytes: true };
    record.status.set(response.status);
    sink.respond(&Answer::of_pod(response, buffer.data(), request, &record.explanation(), &shard.clock));
    let keep = response
        .keep_alive
        .then(|| response.idle_timeout(buffer.data()).map(|seconds| Duration::from_secs(u64::from(seconds))))
        // Nor is a connection of any further use whose pod was asked to switch and did not.
        .filter(|_| response.framing != Framing::UntilClose && !request.asked_upgrade);
    buffer.consume(response.len);
    let patience = Patience { gap: shard.config.timeouts.response_gap, rate: 0 };
    let framing = response.framing;
    let mut source = H1Source::new(reader, &shard.buffers, Some(buffer), framing, Side::Upstream, patience);
    if response.upgrade.is_some() {
        return Ok(Answered::Tunnel(Box::new(source)));
    }
    copy(&mut source, sink, &record.sent, None).await.map_err(fault)?;
    // Bytes behind the end of an answer are not an answer to anything.
    let is_clean = source.into_leftover().is_none();
    Ok(Answered::Whole { keep: keep.filter(|_| is_clean) })
}

#[expect(clippy::too_many_arguments, reason = "as above")]
/// Reads up to the end of the final head, which stays in front of the returned buffer. The time for that does not
/// begin again with every byte of a head, only with every whole one and while the request's body is still moving.
async fn read_head<K: ClientSink>(
    shard: &Rc<Shard>,
    reader: &mut Reader<'_>,
    response: &mut ResponseHead,
    request: RequestContext,
    record: &Record,
    started: Instant,
    timer: &mut LazyTimer,
    sink: &mut K,
) -> Result<Buffer, AnswerFault> {
    let patience = shard.config.timeouts.response;
    let mut deadline = Deadline { at: started + patience, moved: record.received.get() };
    let limits = shard.config.limits.response_head();
    let mut buffer: Option<Buffer> = None;
    let mut interim = 0;
    response.reset();
    loop {
        let had_bytes = interim > 0 || buffer.as_ref().is_some_and(|buffer| !buffer.is_empty());
        let fault = |error| AnswerFault { error, had_bytes };
        wait(reader, &mut deadline, patience, &record.received, timer).await.map_err(fault)?;
        let buffer_in = buffer.get_or_insert_with(|| shard.buffers.take());
        buffer_in.make_room();
        if buffer_in.space().is_empty() {
            buffer_in.grow();
        }
        let read = timer.until(deadline.at, |cx| reader.poll_read(cx, buffer_in.space())).await;
        match read {
            None => return Err(fault(ProxyError::ResponseTimeout)),
            Some(Ok(0) | Err(_)) => return Err(fault(ProxyError::UpstreamClosed)),
            Some(Ok(count)) => buffer_in.fill(count),
        }
        loop {
            let parsed = response.parse(buffer_in.data(), request, &limits);
            match parsed.map_err(|error| AnswerFault { error: error.into(), had_bytes: true })? {
                Progress::Partial => break,
                Progress::Complete if response.is_interim() => {}
                Progress::Complete => match buffer.take() {
                    Some(buffer) => return Ok(buffer),
                    None => return Err(fault(ProxyError::UpstreamClosed)),
                },
            }
            interim += 1;
            if interim > MAX_INTERIM {
                return Err(AnswerFault { error: ProxyError::InterimFlood, had_bytes: true });
            }
            if response.status != 100 {
                let sent = sink.interim(response.status, buffer_in.data(), &response.fields).await;
                sent.map_err(|error| AnswerFault { error, had_bytes: true })?;
            }
            buffer_in.consume(response.len);
            deadline = Deadline { at: Instant::now() + patience, moved: record.received.get() };
        }
    }
}

/// When the pod's time is over, and how much of the request's body had moved when it was set.
struct Deadline {
    at: Instant,
    moved: u64,
}

/// Waits for the pod without a buffer; longer if meanwhile the request's body was still moving towards it.
async fn wait(
    reader: &mut Reader<'_>,
    deadline: &mut Deadline,
    patience: Duration,
    received: &Cell<u64>,
    timer: &mut LazyTimer,
) -> Result<(), ProxyError> {
    loop {
        match timer.until(deadline.at, |cx| reader.poll_readable(cx)).await {
            Some(Ok(())) => return Ok(()),
            Some(Err(_)) => return Err(ProxyError::UpstreamClosed),
            None if received.get() != deadline.moved => {
                *deadline = Deadline { at: Instant::now() + patience, moved: received.get() };
            }
            None => return Err(ProxyError::ResponseTimeout),
        }
    }
}
