//! THE REQUEST WALK: one request from its head to the end of its answer. This file only calls the phases.

use std::rc::Rc;
use std::sync::Arc;

use tokio::time::Instant;

use super::admit::{Admission, admit};
use super::client::{ClientSink, ClientSource};
use super::error::{ProxyError, Side};
use super::explanation;
use super::filters;
use super::forward::forward;
use super::h1_client::DRAINED_BYTES;
use super::peer::Peer;
use super::record::Record;
use super::reply;
use super::scratch::Work;
use super::shard::Shard;
use crate::http1::{Framing, RequestHead};
use crate::model::Reply;
use crate::upstream::Destination;

/// An exchange under way: what its phases share. Dropping it, at the end or when the client leaves, counts and logs.
pub(crate) struct Walk<'a> {
    /// Where it happens.
    pub shard: &'a Rc<Shard>,
    /// Who asks.
    pub peer: &'a Peer,
    /// Memory to work with; the request's head is in it.
    pub work: &'a mut Work,
    /// What is known so far.
    pub record: Record,
    /// Whether a client that waits for `100 Continue` got it.
    pub was_told_to_go_on: bool,
    /// Whether it has come to its end: if not when dropped, the client has left.
    is_over: bool,
}

impl<'a> Walk<'a> {
    /// A walk for the request whose head is in `work`.
    pub(crate) fn new(shard: &'a Rc<Shard>, peer: &'a Peer, work: &'a mut Work, started: Instant) -> Self {
        Self { shard, peer, work, record: Record::new(started), was_told_to_go_on: false, is_over: false }
    }
}

impl Drop for Walk<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.record.failed(self.shard, &ProxyError::ClientClosed);
        }
        self.record.finish(self.shard, self.peer, self.work);
    }
}

/// Walks. `Err` means that the client's connection (or stream) is of no further use.
pub(crate) async fn exchange<S: ClientSource, K: ClientSink>(
    mut walk: Walk<'_>,
    source: &mut S,
    sink: &mut K,
) -> Result<(), ProxyError> {
    filters::identify(walk.work, walk.shard.random());
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
    let Work { reply, request_id, .. } = &mut *walk.work;
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
    let upstream = match &route.target.destination {
        Destination::Forward(upstream) => upstream,
        Destination::Reply(Reply::BackendUnavailable) => return Err(ProxyError::BackendUnavailable),
        Destination::Reply(Reply::NotFound) => return Err(ProxyError::NoRoute),
    };
    filters::compose(walk.work, walk.peer, &walk.shard.config.forwarding);
    forward(walk, upstream, source, sink).await
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
    work: &mut Work,
    started: Instant,
    error: ProxyError,
    sink: &mut K,
) {
    work.head.clear();
    let mut walk = Walk::new(shard, peer, work, started);
    filters::generate_id(walk.work, shard.random());
    walk.record.failed(shard, &error);
    walk.record.status.set(error.status());
    let Work { reply, request_id, .. } = &mut *walk.work;
    if let Ok(sent) = reply::error(shard, reply, request_id, "", &error, sink, true).await {
        walk.record.sent.set(sent);
    }
    walk.is_over = true;
}
