//! Endpoints that speak HTTP/2 in clear with prior knowledge (`appProtocol: kubernetes.io/h2c`): gRPC above all. One
//! connection for each endpoint and shard, shared by its requests.

use std::error::Error as _;
use std::rc::Rc;

use bytes::Bytes;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http2::{Builder, SendRequest};
use tokio::time::Instant;

use super::body::{H2Body, H2Source};
use super::io::{HyperIo, TokioTimer};
use super::{LocalExecutor, convert};
use crate::http1::{Progress, RequestContext, ResponseHead};
use crate::observe::UpstreamMetrics;
use crate::proxy::body::{BodySink, copy};
use crate::proxy::client::{Answer, ClientSink, ClientSource};
use crate::proxy::connect::dial;
use crate::proxy::error::{ProxyError, Side};
use crate::proxy::exchange::Walk;
use crate::proxy::forward::{Again, Failed, both, context, expect};
use crate::proxy::record::Record;
use crate::proxy::scratch::Work;
use crate::proxy::shard::Shard;
use crate::proxy::socket::Socket;
use crate::upstream::{Endpoint, InFlight};

/// A connection to an endpoint.
pub(crate) struct Session {
    sender: SendRequest<H2Body>,
    endpoint: std::sync::Arc<Endpoint>,
}

impl Session {
    /// Whether new requests may use it.
    pub(crate) fn is_usable(&self) -> bool {
        !self.sender.is_closed() && !self.endpoint.is_retired()
    }
}

/// One attempt.
pub(crate) async fn attempt<S: ClientSource, K: ClientSink>(
    walk: &mut Walk<'_>,
    endpoint: &InFlight,
    metrics: &UpstreamMetrics,
    is_whole: bool,
    source: &mut S,
    sink: &mut K,
) -> Result<(), Failed> {
    let (session, reused) = obtain(walk.shard, endpoint, metrics).await?;
    let never = |error| Failed { error, again: Again::Never };
    expect(walk, source, sink).await.map_err(never)?;
    let shard = walk.shard;
    let context = context(walk.work);
    let is_idempotent = walk.work.request.method.is_idempotent();
    let Work { out, response, .. } = &mut *walk.work;
    let head = memchr::memmem::find(out, b"\r\n\r\n").map_or(out.len(), |end| end + 4);
    let record = &walk.record;
    if is_whole {
        let body = H2Body::whole(Bytes::copy_from_slice(&out[head..]));
        let request = convert::request(&out[..head], body).ok_or_else(|| never(ProxyError::PathInvalid))?;
        return answer(shard, &session, request, response, context, record, sink).await.map_err(|fault| {
            forget(shard, endpoint, &session, &fault);
            let may = fault.is_unsent || (fault.is_lost && reused && is_idempotent);
            Failed { error: fault.error, again: if may { Again::Afresh } else { Again::Never } }
        });
    }
    let (mut to_pod, body) = H2Body::channel(Side::Upstream, shard.config.timeouts.response);
    let request = convert::request(&out[..head], body).ok_or_else(|| never(ProxyError::PathInvalid))?;
    let upload = async {
        copy(source, &mut to_pod, &record.received, shard.config.limits.body_bytes).await?;
        to_pod.flush().await
    };
    let download = answer(shard, &session, request, response, context, record, sink);
    match both(upload, download).await {
        (_, Some(Ok(()))) => Ok(()),
        (_, Some(Err(fault))) => {
            forget(shard, endpoint, &session, &fault);
            let may = fault.is_unsent && record.received.get() == 0;
            Err(Failed { error: fault.error, again: if may { Again::Afresh } else { Again::Never } })
        }
        (uploaded, None) => Err(never(uploaded.and_then(Result::err).unwrap_or(ProxyError::ClientClosed))),
    }
}

struct Fault {
    error: ProxyError,
    /// The pod has certainly done nothing with the request.
    is_unsent: bool,
    /// The connection ended before there was an answer.
    is_lost: bool,
}

impl Fault {
    /// What may not be tried again.
    fn of(error: ProxyError) -> Self {
        Self { error, is_unsent: false, is_lost: false }
    }

    /// A request that hyper could not get answered (RFC 9113 §8.7: what was refused, or came behind the last stream of
    /// a GOAWAY, was not looked at).
    fn of_send(error: TrySendError<http::Request<H2Body>>) -> Self {
        let was_kept = error.message().is_some();
        let error = error.into_error();
        let cause = error.source().and_then(|source| source.downcast_ref::<h2::Error>());
        let is_unsent = was_kept
            || cause.is_some_and(|cause| {
                cause.is_remote() && (cause.is_go_away() || cause.reason() == Some(h2::Reason::REFUSED_STREAM))
            });
        let is_lost = !is_unsent && !cause.is_some_and(h2::Error::is_reset);
        let error = if is_unsent || is_lost { ProxyError::UpstreamClosed } else { ProxyError::UpstreamStream };
        Self { error, is_unsent, is_lost }
    }
}

/// Leaves a connection to those who use it, if it is of no use to others: it takes no more requests, or does not
/// answer, which one to a pod that has vanished without a word never will.
fn forget(shard: &Shard, endpoint: &InFlight, session: &Rc<Session>, fault: &Fault) {
    if fault.is_unsent || fault.is_lost || fault.error == ProxyError::ResponseTimeout {
        let mut sessions = shard.sessions.borrow_mut();
        let id = endpoint.endpoint().id();
        if sessions.get(&id).is_some_and(|kept| Rc::ptr_eq(kept, session)) {
            sessions.remove(&id);
        }
    }
}

async fn answer<K: ClientSink>(
    shard: &Rc<Shard>,
    session: &Session,
    request: http::Request<H2Body>,
    response: &mut ResponseHead,
    context: RequestContext,
    record: &Record,
    sink: &mut K,
) -> Result<(), Fault> {
    let started = Instant::now();
    let mut sender = session.sender.clone();
    if sender.ready().await.is_err() {
        return Err(Fault { error: ProxyError::UpstreamClosed, is_unsent: true, is_lost: false });
    }
    let mut sending = std::pin::pin!(sender.try_send_request(request));
    let answered = loop {
        let before = record.received.get();
        match tokio::time::timeout(shard.config.timeouts.response, sending.as_mut()).await {
            Ok(answered) => break answered,
            Err(_) if record.received.get() != before => {}
            Err(_) => return Err(Fault::of(ProxyError::ResponseTimeout)),
        }
    };
    let (parts, body) = answered.map_err(Fault::of_send)?.into_parts();
    record.head_after.set(Some(started.elapsed()));
    let mut head = Vec::with_capacity(512);
    convert::response_head(&parts, &mut head);
    response.reset();
    match response.parse(&head, context, &shard.config.limits.response_head()) {
        Ok(Progress::Complete) => {}
        Ok(Progress::Partial) => return Err(Fault::of(ProxyError::UpstreamStream)),
        Err(error) => return Err(Fault::of(error.into())),
    }
    record.status.set(response.status);
    sink.respond(&Answer::of_pod(response, &head, context, &shard.clock));
    let mut source = H2Source::new(body, Side::Upstream, shard.config.timeouts.response_gap);
    copy(&mut source, sink, &record.sent, None).await.map_err(Fault::of)
}

/// The endpoint's connection, made if there is none; and whether it has served before.
async fn obtain(
    shard: &Rc<Shard>,
    endpoint: &InFlight,
    metrics: &UpstreamMetrics,
) -> Result<(Rc<Session>, bool), Failed> {
    let id = endpoint.endpoint().id();
    if let Some(session) = shard.sessions.borrow().get(&id).filter(|session| session.is_usable()) {
        return Ok((Rc::clone(session), true));
    }
    let tcp = dial(shard, endpoint, metrics).await?;
    let io = HyperIo::new(Socket::Tcp(tcp), None, &shard.buffers);
    let mut builder = Builder::new(LocalExecutor);
    builder
        .timer(TokioTimer)
        .initial_stream_window_size(256 * 1024)
        .initial_connection_window_size(4 * 1024 * 1024)
        .max_header_list_size(64 * 1024);
    let elsewhere = |error| Failed { error, again: Again::Elsewhere };
    let handshake = tokio::time::timeout(shard.config.upstream.connect, builder.handshake(io)).await;
    let (sender, connection) = match handshake {
        Ok(Ok(made)) => made,
        Ok(Err(_)) => return Err(elsewhere(ProxyError::UpstreamStream)),
        Err(_) => return Err(elsewhere(ProxyError::ConnectTimeout)),
    };
    tokio::task::spawn_local(async move {
        // Its requests learn of its end by themselves.
        let _ = connection.await;
    });
    let session = Rc::new(Session { sender, endpoint: std::sync::Arc::clone(endpoint.endpoint()) });
    shard.sessions.borrow_mut().insert(id, Rc::clone(&session));
    Ok((session, false))
}
