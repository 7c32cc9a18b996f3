//! Attempts at endpoints that speak HTTP/1.

use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use super::attempt::{Attempt, WHOLE_BODY, context, must_switch, websocket_key};
use super::connect::{Obtained, speaks_tls};
use super::response::{HeadWait, Parts, Passed, PodResponse, pass_on};
use super::retry::{Failure, Reached};
use super::tunnel::tunnel;
use super::upload::beside;
use crate::http1::websocket::{self, ACCEPT};
use crate::http1::{Field, Framing, Limits, Progress, RequestContext, ResponseError, ResponseHead, writer};
use crate::model::RoutePolicy;
use crate::proxy::error::{ProxyError, Side};
use crate::proxy::shard::Shard;
use crate::proxy::shard::scratch::ExchangeBuffers;
use crate::proxy::walk::Walk;
use crate::proxy::walk::body_copy::Copying;
use crate::proxy::walk::client_io::{ClientSink, ClientSource};
use crate::proxy::wire::body::{BodySink, copy};
use crate::proxy::wire::buffers::Buffer;
use crate::proxy::wire::h1_body::{Frame, H1Sink, H1Source};
use crate::proxy::wire::pace::Pace;
use crate::proxy::wire::socket::Reader;

/// A request of at most this size that is complete is sent before anything else is done. Bytes; a head, and a body that has
/// arrived in whole, are not longer.
pub(super) const LONG: usize = WHOLE_BODY + 64 * 1024;

/// One attempt with any kind of request. `forward` calls `whole` by itself for pods in clear, which are most.
pub(super) async fn attempt<S: ClientSource, K: ClientSink>(
    walk: &mut Walk<'_>,
    attempt: &Attempt<'_>,
    obtained: Obtained,
    is_whole: bool,
    source: &mut S,
    sink: &mut K,
) -> Result<(), Failure> {
    if is_whole && walk.work.out.len() > LONG {
        Box::pin(long(walk, attempt, obtained, sink)).await
    } else if is_whole {
        whole(walk, attempt, obtained, source, sink).await
    } else {
        streaming(walk, attempt, obtained, source, sink).await
    }
}

/// One attempt with a request that needs nothing more from the client.
pub(super) async fn whole<S: ClientSource, K: ClientSink>(
    walk: &mut Walk<'_>,
    attempt: &Attempt<'_>,
    obtained: Obtained,
    source: &mut S,
    sink: &mut K,
) -> Result<(), Failure> {
    let (shard, policy, patience) = (walk.shard, attempt.policy, attempt.patience);
    let request = context(walk.work);
    let must_switch = must_switch(walk);
    let Obtained { mut conn, is_reused, since } = obtained;
    let (reader, mut writer) = conn.socket.split();
    let ExchangeBuffers { out, response, answer_edit, timer, request: asked, head, .. } = &mut *walk.work;
    if let Err(fault) = writer.write_all(out, &[], policy.timeouts.upload).await {
        let (error, reached) = match (fault.written, fault.timed_out) {
            (false, true) => (ProxyError::UpstreamStalled, Reached::NotSent),
            (true, true) => (ProxyError::UpstreamStalled, Reached::Pod),
            (false, false) => (ProxyError::UpstreamClosed, Reached::NotSent),
            (true, false) => (ProxyError::UpstreamClosed, Reached::Unanswered),
        };
        return Err(Failure { was_reused: is_reused, ..Failure::new(error, reached) });
    }
    let accept = if must_switch { websocket_key(out).and_then(websocket::accept) } else { None };
    let protocol = asked.upgrade_name(head);
    let pod = H1Response {
        reader,
        shard,
        gap: patience.gap,
        buffer: None,
        protocol,
        accept: accept.as_ref(),
        is_last: is_last(policy),
    };
    let parts = Parts {
        shard,
        policy,
        patience,
        record: &walk.record,
        request,
        must_switch,
        response,
        answer_edit,
        timer,
        handed_over: since,
        replacement: attempt.replacement,
    };
    let passed = pass_on(parts, pod, sink).await;
    match passed.map_err(|failure| Failure { was_reused: is_reused, ..failure })? {
        Passed::Whole { connection: Keep::For(advertised), arrived } => {
            shard.keep(&attempt.endpoint, conn, (since, arrived), advertised);
        }
        Passed::Whole { connection: Keep::No, .. } => {}
        Passed::Tunnel(mut from_pod) => {
            out.clear();
            let mut to_pod = H1Sink::new(writer, out, Frame::Plain, Side::Upstream, policy.timeouts.upload);
            from_pod.become_tunnel();
            to_pod.become_tunnel();
            Box::pin(tunnel(policy, &walk.record, source, sink, *from_pod, to_pod)).await;
        }
    }
    Ok(())
}

/// One attempt with a request whose body is still arriving: both directions at once.
pub(super) async fn streaming<S: ClientSource, K: ClientSink>(
    walk: &mut Walk<'_>,
    attempt: &Attempt<'_>,
    obtained: Obtained,
    source: &mut S,
    sink: &mut K,
) -> Result<(), Failure> {
    let (shard, policy, patience) = (walk.shard, attempt.policy, attempt.patience);
    let context = context(walk.work);
    let Obtained { mut conn, since, .. } = obtained;
    let (reader, writer) = conn.socket.split();
    let ExchangeBuffers { out, response, answer_edit, request, timer, head, .. } = &mut *walk.work;
    let frame = if request.framing == Framing::Chunked { Frame::Chunked } else { Frame::Plain };
    if policy.request_buffer.is_some() && frame == Frame::Chunked {
        in_a_chunk(out);
    }
    let mut to_pod = H1Sink::new(writer, out, frame, Side::Upstream, policy.timeouts.upload);
    let protocol = request.upgrade_name(head);
    let pod =
        H1Response { reader, shard, gap: patience.gap, buffer: None, protocol, accept: None, is_last: is_last(policy) };
    let parts = Parts {
        shard,
        policy,
        patience,
        record: &walk.record,
        request: context,
        must_switch: false,
        response,
        answer_edit,
        timer,
        handed_over: since,
        replacement: attempt.replacement,
    };
    let (passed, is_complete) = {
        let mut body = Copying { source: &mut *source, copy: walk.record.take_body_copy() };
        let mut sending = pin!(copy(&mut body, &mut to_pod, &walk.record.received, policy.body_bytes));
        let (passed, is_complete) = beside(&walk.record, Some(sending.as_mut()), pass_on(parts, pod, sink)).await;
        // What switches protocols has the whole request first.
        match passed {
            Ok(Passed::Tunnel(_)) if !is_complete => (passed, sending.await.is_ok()),
            _ => (passed, is_complete),
        }
    };
    // The part of the body that was sent is not kept.
    match passed.map_err(|failure| Failure { is_body_at_hand: false, ..failure })? {
        Passed::Whole { connection: Keep::For(advertised), arrived } if is_complete => {
            shard.keep(&attempt.endpoint, conn, (since, arrived), advertised);
            Ok(())
        }
        Passed::Tunnel(mut from_pod) if is_complete => {
            from_pod.become_tunnel();
            to_pod.become_tunnel();
            Box::pin(tunnel(policy, &walk.record, source, sink, *from_pod, to_pod)).await;
            Ok(())
        }
        Passed::Whole { .. } => Ok(()),
        Passed::Tunnel(_) => Err(ProxyError::UpstreamClosed.into()),
    }
}

/// One attempt with a request that needs nothing more from the client and is long: the pod may answer before it has taken all of
/// it.
async fn long<K: ClientSink>(
    walk: &mut Walk<'_>,
    attempt: &Attempt<'_>,
    obtained: Obtained,
    sink: &mut K,
) -> Result<(), Failure> {
    let (shard, policy, patience) = (walk.shard, attempt.policy, attempt.patience);
    let context = context(walk.work);
    let Obtained { mut conn, is_reused, since } = obtained;
    let (reader, writer) = conn.socket.split();
    let ExchangeBuffers { out, response, answer_edit, request, timer, head, .. } = &mut *walk.work;
    let mut staged = Vec::new();
    let mut to_pod = H1Sink::new(writer, &mut staged, Frame::Plain, Side::Upstream, policy.timeouts.upload);
    let protocol = request.upgrade_name(head);
    let pod =
        H1Response { reader, shard, gap: patience.gap, buffer: None, protocol, accept: None, is_last: is_last(policy) };
    let parts = Parts {
        shard,
        policy,
        patience,
        record: &walk.record,
        request: context,
        must_switch: false,
        response,
        answer_edit,
        timer,
        handed_over: since,
        replacement: attempt.replacement,
    };
    let (passed, is_complete) = {
        let sending = pin!(async {
            to_pod.data(out).await?;
            to_pod.end(&[]).await
        });
        beside(&walk.record, Some(sending), pass_on(parts, pod, sink)).await
    };
    match passed.map_err(|failure| Failure { was_reused: is_reused, ..failure })? {
        Passed::Whole { connection: Keep::For(advertised), arrived } if is_complete => {
            shard.keep(&attempt.endpoint, conn, (since, arrived), advertised);
            Ok(())
        }
        Passed::Whole { .. } => Ok(()),
        // It was not asked to switch protocols.
        Passed::Tunnel(_) => Err(ProxyError::UpstreamClosed.into()),
    }
}

/// Makes a chunk of what has come of a body, behind the head in `out`.
#[cold]
fn in_a_chunk(out: &mut Vec<u8>) {
    let head = memchr::memmem::find(out, b"\r\n\r\n").map_or(out.len(), |end| end + 4);
    if out.len() > head {
        let line = writer::chunk_size_line(out.len() - head);
        out.splice(head..head, line.as_bytes().iter().copied());
        out.extend_from_slice(writer::CHUNK_END);
    }
}

/// Whether a connection may be kept for another request.
pub(super) enum Keep {
    /// No.
    No,
    /// For as long as the pod says, if it says so.
    For(Option<Duration>),
}

/// An answer over HTTP/1.
pub(super) struct H1Response<'a> {
    /// The connection's side of the pod.
    pub(super) reader: Reader<'a>,
    /// The shard.
    pub(super) shard: &'a Rc<Shard>,
    /// Longest time between two parts of the body.
    pub(super) gap: Duration,
    /// What has arrived.
    pub(super) buffer: Option<Buffer>,
    /// The protocol that the request asks for.
    pub(super) protocol: &'a [u8],
    /// What the answer to a WebSocket handshake must say, if nobody behind us checks it.
    pub(super) accept: Option<&'a [u8; ACCEPT]>,
    /// Whether the connection serves no other request, whatever the pod says.
    pub(super) is_last: bool,
}

impl<'a> PodResponse for H1Response<'a> {
    type Body = H1Source<'a>;
    type Connection = Keep;

    async fn next_head(
        &mut self,
        head: &mut ResponseHead,
        request: RequestContext,
        limits: &Limits,
        wait: &mut HeadWait<'_>,
        sink: &impl BodySink,
    ) -> Result<(), Failure> {
        let Self { reader, shard, buffer, protocol, accept, .. } = self;
        loop {
            if let Some(buffer) = buffer.as_ref().filter(|buffer| !buffer.is_empty())
                && head.parse(buffer.data(), request, limits).map_err(|error| malformed(error, buffer))?
                    == Progress::Complete
            {
                if head.upgrade.is_some() && !head.upgrade_name(buffer.data()).eq_ignore_ascii_case(protocol) {
                    return Err(ProxyError::from(ResponseError::UnaskedSwitch).into());
                }
                return match accept {
                    Some(accept) if head.upgrade.is_some() && !says(head, buffer.data(), &accept[..]) => {
                        Err(ProxyError::from(ResponseError::WebSocketAccept).into())
                    }
                    _ => Ok(()),
                };
            }
            // Wait without a buffer: only connections with data hold one.
            if wait.ready(sink, |cx| reader.poll_readable(cx)).await?.is_err() {
                return Err(closed(buffer.as_ref()));
            }
            let buffer = buffer.get_or_insert_with(|| shard.buffers.take());
            buffer.make_room();
            if buffer.space().is_empty() {
                buffer.grow();
            }
            match wait.ready(sink, |cx| reader.poll_read(cx, buffer.space())).await? {
                Ok(0) | Err(_) => return Err(closed(Some(buffer))),
                Ok(count) => buffer.fill(count),
            }
        }
    }

    fn bytes(&self) -> &[u8] {
        self.buffer.as_ref().map_or(&[], Buffer::data)
    }

    fn skip_head(&mut self, head: &ResponseHead) {
        if let Some(buffer) = &mut self.buffer {
            buffer.consume(head.len);
        }
    }

    fn connection(&self, head: &ResponseHead, request: RequestContext) -> Keep {
        // A connection cannot be kept if its end ends the answer, or if its pod was asked to switch protocols and did
        // not.
        let is_kept = head.keep_alive && !self.is_last;
        let may_keep = is_kept && head.framing != Framing::UntilClose && request.upgrade.is_none();
        if may_keep {
            Keep::For(head.idle_timeout(self.bytes()).map(|seconds| Duration::from_secs(u64::from(seconds))))
        } else {
            Keep::No
        }
    }

    fn into_body(mut self, head: &ResponseHead) -> H1Source<'a> {
        self.skip_head(head);
        let Self { reader, shard, gap, buffer, protocol: _, accept: _, is_last: _ } = self;
        let pace = Pace { gap, rate: 0 };
        H1Source::new(reader, &shard.buffers, buffer, head.framing, Side::Upstream, pace, None)
    }

    fn finish(body: &mut H1Source<'a>, keep: Keep) -> Keep {
        // Bytes behind the end of an answer belong to no request.
        if body.has_leftover() { Keep::No } else { keep }
    }
}

/// Whether the pod is told that its connection ends with the answer.
fn is_last(policy: &RoutePolicy) -> bool {
    policy.pod_head.as_ref().is_some_and(|head| head.ends_connection())
}

/// Whether a head has this Sec-WebSocket-Accept and no other.
fn says(head: &ResponseHead, bytes: &[u8], accept: &[u8]) -> bool {
    let is_accept = |field: &&Field| field.name.of(bytes).eq_ignore_ascii_case(websocket::ACCEPT_FIELD);
    let mut fields = head.fields.iter().filter(is_accept);
    fields.next().is_some_and(|field| field.value.of(bytes) == accept) && fields.next().is_none()
}

/// What is in `buffer` is no head.
#[cold]
fn malformed(error: ResponseError, buffer: &Buffer) -> ProxyError {
    if speaks_tls(buffer.data()) { ProxyError::PodSpeaksTls } else { error.into() }
}

/// The connection has ended before the end of a head, of which the first bytes are in `buffer`.
fn closed(buffer: Option<&Buffer>) -> Failure {
    match buffer.map(Buffer::data) {
        None | Some([]) => Failure::new(ProxyError::UpstreamClosed, Reached::Unanswered),
        Some(begun) if speaks_tls(begun) => ProxyError::PodSpeaksTls.into(),
        Some(_) => ProxyError::UpstreamClosed.into(),
    }
}
