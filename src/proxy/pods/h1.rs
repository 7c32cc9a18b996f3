//! Endpoints that speak HTTP/1.

use tokio::time::Instant;

use super::answer::{AnswerFault, Answered, answer};
use super::attempt::{Again, Failed, context, expect};
use super::connect;
use super::relay::both;
use super::tunnel::tunnel;
use crate::http1::Framing;
use crate::observe::UpstreamMetrics;
use crate::proxy::error::{ProxyError, Side};
use crate::proxy::shard::scratch::ExchangeBuffers;
use crate::proxy::walk::Walk;
use crate::proxy::walk::client_io::{ClientSink, ClientSource};
use crate::proxy::wire::body::copy;
use crate::proxy::wire::h1_body::{Frame, H1Sink};
use crate::upstream::InFlight;

/// One attempt with a request that needs nothing more from the client.
pub(super) async fn whole<S: ClientSource, K: ClientSink>(
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
    let ExchangeBuffers { out, response, timer, .. } = &mut *walk.work;
    if let Err(fault) = writer.write_all(out, &[], shard.config.timeouts.response).await {
        let error = if fault.timed_out { ProxyError::UpstreamStalled } else { ProxyError::UpstreamClosed };
        let may = (!fault.written && afresh.is_none()) || (is_idempotent && reused && !fault.timed_out);
        return Err(Failed { error, again: if may { Again::Afresh } else { Again::Never } });
    }
    let answered = answer(shard, reader, response, context, &walk.record, now, timer, sink).await;
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
pub(super) async fn streaming<S: ClientSource, K: ClientSink>(
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
    let ExchangeBuffers { out, response, request, timer, .. } = &mut *walk.work;
    let frame = if request.framing == Framing::Chunked { Frame::Chunked } else { Frame::Plain };
    let mut to_pod = H1Sink::new(writer, out, frame, Side::Upstream, shard.config.timeouts.response);
    let limit = shard.config.limits.body_bytes;
    let upload = copy(source, &mut to_pod, &walk.record.received, limit);
    let download = answer(shard, reader, response, context, &walk.record, now, timer, sink);
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
