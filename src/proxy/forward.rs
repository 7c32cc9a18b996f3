//! Third phase of the walk: an endpoint, a connection to it, the request there and the answer back.
//!
//! What may be tried again (RFC 9110 §9.2.2, RFC 9113 §8.7): anything that no pod has processed, while its body is at
//! hand. What a pod may have processed is sent again only once, and only if it is idempotent, complete in memory, and
//! was sent on a connection that had been waiting for it.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::answer::{AnswerFault, Answered, answer};
use super::body::copy;
use super::client::{ClientSink, ClientSource};
use super::connect;
use super::error::{ProxyError, Side};
use super::exchange::Walk;
use super::h1_body::{Frame, H1Sink, H1Source};
use super::h2;
use super::scratch::Work;
use crate::http1::{Framing, RequestContext};
use crate::model::Protocol;
use crate::observe::{UpstreamFailure, UpstreamMetrics};
use crate::upstream::{InFlight, Tried, Upstream};

/// A request's body of at most this size that has arrived whole is sent in one write with the head, and is at hand
/// for another attempt. Bytes.
pub(crate) const WHOLE_BODY: usize = 64 * 1024;
/// How often connections that went away may make one request take a new one: a pod that lets go of all of its
/// connections at once has at most so many HTTP/2 connections in a shard.
const MOST_RENEWALS: usize = 16;

/// An attempt that failed.
pub(crate) struct Failed {
    /// What happened.
    pub error: ProxyError,
    /// What may be done about it.
    pub again: Again,
}

/// What may follow a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// Nothing.
    Never,
    /// Another attempt on any connection: the pod refused the request unprocessed.
    Anywhere,
    /// Another endpoint.
    Elsewhere,
    /// Any endpoint, but on a new connection.
    Afresh,
}

/// Forwards the request in `walk.work.out` and relays the answer.
pub(crate) async fn forward<S: ClientSource, K: ClientSink>(
    walk: &mut Walk<'_>,
    upstream: &Arc<Upstream>,
    source: &mut S,
    sink: &mut K,
) -> Result<(), ProxyError> {
    let metrics = upstream.metrics();
    let is_whole = take_whole_body(walk, source);
    let mut tried = Tried::new();
    // Connections made before this moment are not used.
    let mut afresh: Option<Instant> = None;
    let (mut refusals, mut renewals) = (0, 0);
    let most = walk.shard.config.upstream.attempts;
    let mut error = ProxyError::NoEndpoints;
    for attempt in 0_usize.. {
        // The first attempt begins with the request: near enough, and one look at the clock less.
        let now = if attempt == 0 { walk.record.started() } else { Instant::now() };
        if attempt > 0 && !upstream.withdraw_retry(now) {
            break;
        }
        let Some(endpoint) = upstream.pick(&tried, now) else {
            if attempt == 0 {
                metrics.failure(UpstreamFailure::NoEndpoint);
            }
            break;
        };
        metrics.attempt();
        if attempt > 0 {
            metrics.retry();
        }
        walk.record.attempts.set(walk.record.attempts.get().saturating_add(1));
        walk.record.endpoint.set(Some(endpoint.endpoint().address()));
        let outcome = match (upstream.spec().protocol, is_whole) {
            (Protocol::Http1, true) => whole(walk, &endpoint, now, metrics, afresh, source, sink).await,
            (Protocol::Http1, false) => Box::pin(streaming(walk, &endpoint, now, metrics, afresh, source, sink)).await,
            (Protocol::H2c, _) => {
                Box::pin(h2::upstream::attempt(walk, &endpoint, metrics, is_whole, afresh, source, sink)).await
            }
        };
        let failed = match outcome {
            Ok(()) => {
                if let Some(latency) = walk.record.head_after.get() {
                    metrics.response_head(latency);
                }
                return Ok(());
            }
            Err(failed) => failed,
        };
        if failed.error.side() == Side::Upstream {
            metrics.failure(reason(&failed.error));
        }
        error = failed.error;
        match failed.again {
            Again::Never => break,
            Again::Anywhere => refusals += 1,
            Again::Afresh => {
                afresh = Some(Instant::now());
                renewals += 1;
            }
            Again::Elsewhere => tried.add(endpoint.endpoint().id()),
        }
        if tried.len() >= most || refusals >= most || renewals > MOST_RENEWALS {
            break;
        }
    }
    Err(error)
}

/// Whether the request is complete in `work.out`; appends a small body that has arrived.
fn take_whole_body<S: ClientSource>(walk: &mut Walk<'_>, source: &mut S) -> bool {
    let Work { out, request, .. } = &mut *walk.work;
    match request.framing {
        Framing::None | Framing::Length(0) => return true,
        Framing::Chunked | Framing::UntilClose => return false,
        Framing::Length(_) => {}
    }
    let Some(body) = source.whole().filter(|body| body.len() <= WHOLE_BODY) else { return false };
    out.extend_from_slice(body);
    walk.record.received.set(body.len() as u64);
    source.skip_whole();
    true
}

/// One attempt with a request that needs nothing more from the client.
async fn whole<S: ClientSource, K: ClientSink>(
    walk: &mut Walk<'_>,
    endpoint: &InFlight,
    now: Instant,
    metrics: &UpstreamMetrics,
    afresh: Option<Instant>,
    source: &mut S,
    sink: &mut K,
) -> Result<(), Failed> {
    let shard = walk.shard;
    let context = context(walk.work);
    let is_idempotent = walk.work.request.method.is_idempotent();
    let (mut conn, reused) = connect::obtain(shard, endpoint, now, metrics, is_idempotent, afresh.is_some()).await?;
    let (reader, mut writer) = conn.socket.split();
    let Work { out, response, alarm, .. } = &mut *walk.work;
    if let Err(fault) = writer.write_all(out, &[], shard.config.timeouts.response).await {
        let error = if fault.timed_out { ProxyError::UpstreamStalled } else { ProxyError::UpstreamClosed };
        let may = (!fault.written && afresh.is_none()) || (is_idempotent && reused && !fault.timed_out);
        return Err(Failed { error, again: if may { Again::Afresh } else { Again::Never } });
    }
    let answered = answer(shard, reader, response, context, &walk.record, now, alarm, sink).await;
    match answered {
        Ok(Answered::Whole { keep }) => {
            if let Some(advertised) = keep {
                shard.keep(endpoint, conn, advertised);
            }
            Ok(())
        }
        Ok(Answered::Tunnel(from_pod)) => {
            let to_pod = H1Sink::new(writer, out, Frame::Plain, Side::Upstream, shard.config.timeouts.response);
            Box::pin(tunnel(walk.shard, &walk.record, source, sink, *from_pod, to_pod)).await;
            Ok(())
        }
        Err(AnswerFault { error, had_bytes }) => {
            let may = error == ProxyError::UpstreamClosed && !had_bytes && reused && is_idempotent;
            Err(Failed { error, again: if may { Again::Afresh } else { Again::Never } })
        }
    }
}

/// One attempt with a request whose body is still arriving: both directions at once.
async fn streaming<S: ClientSource, K: ClientSink>(
    walk: &mut Walk<'_>,
    endpoint: &InFlight,
    now: Instant,
    metrics: &UpstreamMetrics,
    afresh: Option<Instant>,
    source: &mut S,
    sink: &mut K,
) -> Result<(), Failed> {
    let shard = walk.shard;
    let context = context(walk.work);
    let (mut conn, _) = connect::obtain(shard, endpoint, now, metrics, false, afresh.is_some()).await?;
    expect(walk, source, sink).await.map_err(|error| Failed { error, again: Again::Never })?;
    let (reader, writer) = conn.socket.split();
    let Work { out, response, request, alarm, .. } = &mut *walk.work;
    let frame = if request.framing == Framing::Chunked { Frame::Chunked } else { Frame::Plain };
    let mut to_pod = H1Sink::new(writer, out, frame, Side::Upstream, shard.config.timeouts.response);
    let limit = shard.config.limits.body_bytes;
    let upload = copy(source, &mut to_pod, &walk.record.received, limit);
    let download = answer(shard, reader, response, context, &walk.record, now, alarm, sink);
    let (uploaded, answered) = both(upload, download).await;
    match (answered, uploaded) {
        (Some(Ok(Answered::Whole { keep })), uploaded) => {
            if let (Some(advertised), Some(Ok(()))) = (keep, uploaded) {
                shard.keep(endpoint, conn, advertised);
            }
            Ok(())
        }
        // An upgrade has no body, so it is never streamed; a pod that switches all the same has lost its mind.
        (Some(Ok(Answered::Tunnel(_))), _) => Err(Failed { error: ProxyError::UpstreamClosed, again: Again::Never }),
        (Some(Err(AnswerFault { error, .. })), _) => Err(Failed { error, again: Again::Never }),
        (None, uploaded) => {
            let error = uploaded.and_then(Result::err).unwrap_or(ProxyError::ClientClosed);
            Err(Failed { error, again: Again::Never })
        }
    }
}

/// Tells a waiting client to go on (RFC 9110 §10.1.1): its request has a route and a connection.
pub(crate) async fn expect<S: ClientSource, K: ClientSink>(
    walk: &mut Walk<'_>,
    source: &mut S,
    sink: &mut K,
) -> Result<(), ProxyError> {
    if walk.work.request.expects_continue && !walk.was_told_to_go_on && !source.is_buffered() {
        walk.was_told_to_go_on = true;
        sink.interim(100, &[], &[]).await?;
    }
    Ok(())
}

/// What the answer's parser must know of the request.
pub(crate) fn context(work: &Work) -> RequestContext {
    RequestContext { method: work.request.method, asked_upgrade: work.request.upgrade.is_some() }
}

/// Runs both directions until the answer is through, or until the client fails, which leaves no answer (`None`). A pod
/// that does not take the body may still have an answer to give.
pub(crate) async fn both<A>(
    upload: impl Future<Output = Result<(), ProxyError>>,
    download: impl Future<Output = A>,
) -> (Option<Result<(), ProxyError>>, Option<A>) {
    let (mut upload, mut download) = (pin!(upload), pin!(download));
    let mut uploaded = None;
    poll_fn(|cx| {
        if uploaded.is_none()
            && let Poll::Ready(outcome) = upload.as_mut().poll(cx)
        {
            let is_fatal = outcome.as_ref().is_err_and(|error: &ProxyError| error.side() == Side::Client);
            uploaded = Some(outcome);
            if is_fatal {
                return Poll::Ready((uploaded.take(), None));
            }
        }
        download.as_mut().poll(cx).map(|answered| (uploaded.take(), Some(answered)))
    })
    .await
}

/// Passes bytes both ways until both directions have ended, one has failed, or nothing has moved for too long.
async fn tunnel<S: ClientSource, K: ClientSink>(
    shard: &super::shard::Shard,
    record: &super::record::Record,
    source: &mut S,
    sink: &mut K,
    mut from_pod: H1Source<'_>,
    mut to_pod: H1Sink<'_>,
) {
    if !source.become_tunnel() {
        return;
    }
    to_pod.staged().clear();
    sink.become_tunnel();
    from_pod.become_tunnel();
    to_pod.become_tunnel();
    let (received, sent) = (&record.received, &record.sent);
    let half_closed = Notify::new();
    let upward = async { copy(source, &mut to_pod, received, None).await.map(|()| half_closed.notify_one()) };
    let downward = async { copy(&mut from_pod, sink, sent, None).await.map(|()| half_closed.notify_one()) };
    let ways = async { tokio::try_join!(upward, downward) };
    let watch = async {
        let mut patience = shard.config.timeouts.tunnel_idle;
        let mut before = (received.get(), sent.get());
        loop {
            tokio::select! {
                () = tokio::time::sleep(patience) => {}
                // Who has nobody to answer need not be waited for as long as who is merely silent.
                () = half_closed.notified() => {
                    patience = patience.min(shard.config.timeouts.write);
                    before = (received.get(), sent.get());
                    continue;
                }
            }
            let now = (received.get(), sent.get());
            if now == before {
                return;
            }
            before = now;
        }
    };
    tokio::select! {
        _ = ways => {}
        () = watch => {}
    }
}

fn reason(error: &ProxyError) -> UpstreamFailure {
    match error {
        ProxyError::ConnectRefused => UpstreamFailure::ConnectRefused,
        ProxyError::ConnectTimeout => UpstreamFailure::ConnectTimeout,
        ProxyError::ResponseTimeout => UpstreamFailure::HeadTimeout,
        ProxyError::ResponseStalled => UpstreamFailure::BodyTimeout,
        ProxyError::UpstreamStalled => UpstreamFailure::Write,
        ProxyError::Response(_) | ProxyError::ResponseBody(_) | ProxyError::InterimFlood => {
            UpstreamFailure::BadResponse
        }
        ProxyError::UpstreamStream => UpstreamFailure::Reset,
        _ => UpstreamFailure::Closed,
    }
}
