//! THE REQUEST WALK: one request from its head to the end of its answer. This file only calls the phases.

mod admit;
mod reply;
pub(crate) mod request_head;

use std::rc::Rc;
use std::sync::Arc;

use tokio::time::Instant;

use crate::http1::{Framing, RequestHead};
use crate::model::Reply;
use crate::proxy::error::{ProxyError, Side};
use crate::proxy::pods::forward::forward;
use crate::proxy::shard::Shard;
use crate::proxy::shard::scratch::ExchangeBuffers;
use crate::proxy::walk::client_io::{ClientSink, ClientSource};
use crate::proxy::walk::peer::Peer;
use crate::proxy::walk::{Walk, explanation};
use crate::upstream::Destination;
use admit::{Admission, admit};

/// What is read and thrown away of a body nobody took, at most, to keep the connection. Bytes.
pub(crate) const DRAINED_BYTES: u64 = 64 * 1024;

/// Walks. `Err` means that the client's connection (or stream) is of no further use.
pub(crate) async fn exchange<S: ClientSource, K: ClientSink>(
    mut walk: Walk<'_>,
    source: &mut S,
    sink: &mut K,
) -> Result<(), ProxyError> {
    request_head::identify(walk.work, walk.shard.random());
    walk.record.is_explained = explanation::is_asked(&walk.shard.config, walk.peer, walk.work);
    let outcome = walk_through(&mut walk, source, sink).await;
    walk.is_over = true;
    outcome
}

async fn walk_through<S: ClientSource, K: ClientSink>(
    walk: &mut Walk<'_>,
    source: &mut S,
    sink: &mut K,
) -> Result<(), ProxyError> {
    let error = match answer(walk, source, sink).await {
        Ok(()) => return Ok(()),
        Err(error) => error,
    };
    walk.record.failed(walk.shard, &error);
    if sink.has_responded() || matches!(error, ProxyError::ClientClosed | ProxyError::ClientStalled) {
        return Err(error);
    }
    let must_close = leaves_unread(&walk.work.request, error.side());
    walk.record.status.set(error.status());
    let explanation = walk.record.explanation();
    let ExchangeBuffers { reply, request_id, .. } = &mut *walk.work;
    let sent = reply::error(walk.shard, reply, request_id, &explanation, &error, sink, must_close).await?;
    walk.record.sent.set(sent);
    Ok(())
}

async fn answer<S: ClientSource, K: ClientSink>(
    walk: &mut Walk<'_>,
    source: &mut S,
    sink: &mut K,
) -> Result<(), ProxyError> {
    let route = match admit(walk.shard, walk.peer, walk.work)? {
        Admission::Route(route) => route,
        Admission::RedirectToHttps(route) => {
            walk.record.route = Some(route);
            walk.record.status.set(308);
            let must_close = leaves_unread(&walk.work.request, Side::Internal);
            let explanation = walk.record.explanation();
            let sent = reply::to_https(walk.shard, walk.work, &explanation, sink, must_close).await?;
            walk.record.sent.set(sent);
            return Ok(());
        }
    };
    walk.record.route = Some(Arc::clone(&route));
    let backend = match &route.target.destination {
        Destination::Forward(backend) => backend,
        Destination::Reply(Reply::BackendUnavailable) => return Err(ProxyError::BackendUnavailable),
        Destination::Reply(Reply::NotFound) => return Err(ProxyError::NoRoute),
    };
    request_head::compose(walk.work, walk.peer, &walk.shard.config.forwarding);
    forward(walk, backend, &route.spec.policy, source, sink).await
}

/// Whether a body stays that cannot be read and thrown away behind an answer of ours: it is too long or of unknown
/// length, it is what went wrong, or the client may never send it (RFC 9110 §10.1.1). Then no next request is known.
fn leaves_unread(request: &RequestHead, fault_of: Side) -> bool {
    match request.framing {
        Framing::None | Framing::Length(0) => false,
        Framing::Length(length) => length > DRAINED_BYTES || request.expects_continue || fault_of == Side::Client,
        Framing::Chunked | Framing::UntilClose => true,
    }
}

/// Answers a request whose head could not be read.
pub(crate) async fn refuse<K: ClientSink>(
    shard: &Rc<Shard>,
    peer: &Peer,
    work: &mut ExchangeBuffers,
    started: Instant,
    error: ProxyError,
    sink: &mut K,
) {
    work.head.clear();
    let mut walk = Walk::new(shard, peer, work, started, started);
    request_head::generate_id(walk.work, shard.random());
    walk.record.failed(shard, &error);
    walk.record.status.set(error.status());
    let ExchangeBuffers { reply, request_id, .. } = &mut *walk.work;
    if let Ok(sent) = reply::error(shard, reply, request_id, "", &error, sink, true).await {
        walk.record.sent.set(sent);
    }
    walk.is_over = true;
}
