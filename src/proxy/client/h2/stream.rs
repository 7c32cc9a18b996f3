//! One request of an HTTP/2 client, from its head to the end of its answer: a task of its own.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::Request;
use tokio::time::Instant;

use super::activity::OpenStream;
use super::sink::H2ClientSink;
use crate::http1::{Framing, Limits, Progress};
use crate::proxy::config::ListenerConfig;
use crate::proxy::error::ProxyError;
use crate::proxy::exchange::{exchange, refuse};
use crate::proxy::shard::scratch::Scratch;
use crate::proxy::shard::{Shard, workers};
use crate::proxy::walk::Walk;
use crate::proxy::walk::peer::Peer;
use crate::proxy::wire::h2::body::{H2Source, Inbox, Outlet};
use crate::proxy::wire::h2::convert;
use crate::proxy::wire::h2::piece::Piece;
use crate::proxy::wire::h2::reply::Reply;
use crate::proxy::wire::pace::Pace;

/// The futures that serve streams.
pub(crate) type Workers = workers::Workers<Stream, ()>;

/// A stream with a new request.
pub(crate) struct Stream {
    pub(super) shard: Rc<Shard>,
    pub(super) peer: Rc<Peer>,
    pub(super) outlet: Outlet,
    pub(super) request: Request<RecvStream>,
    pub(super) respond: SendResponse<Piece>,
    pub(super) open: OpenStream,
}

/// Serves one stream.
pub(super) async fn serve(stream: Stream) {
    let Stream { shard, peer, outlet, request, respond, open } = stream;
    let (parts, body) = request.into_parts();
    let inbox = Inbox::new(body);
    let reply = Rc::new(RefCell::new(Reply::Waiting(respond)));
    let mut exchanging = pin!(exchange_of(&shard, &peer, &outlet, &open, parts, &inbox, &reply));
    let outcome = poll_fn(|cx| {
        if let Poll::Ready(outcome) = exchanging.as_mut().poll(cx) {
            return Poll::Ready(Some(outcome));
        }
        inbox.borrow_mut().read_ahead(cx);
        reply.borrow_mut().poll_reset(cx).map(|()| None)
    })
    .await;
    let mut reply = reply.borrow_mut();
    match outcome {
        // Dropping the exchange ends the request to the pod too.
        None if matches!(*reply, Reply::Waiting(_)) => open.was_reset_early(),
        None | Some(Ok(())) => {}
        Some(Err(ProxyError::ClientStalled | ProxyError::ClientClosed)) => reply.reset(Reason::CANCEL),
        // An answer that is cut short must never look complete.
        Some(Err(_)) => reply.reset(Reason::INTERNAL_ERROR),
    }
}

async fn exchange_of(
    shard: &Rc<Shard>,
    peer: &Peer,
    outlet: &Outlet,
    open: &OpenStream,
    parts: http::request::Parts,
    inbox: &Rc<RefCell<Inbox>>,
    reply: &Rc<RefCell<Reply>>,
) -> Result<(), ProxyError> {
    let (started, listener) = (Instant::now(), &shard.config.listener);
    let mut scratch = shard.scratches.take();
    let Scratch { work, .. } = &mut *scratch;
    let is_head = parts.method == http::Method::HEAD;
    let mut sink = H2ClientSink::new(reply, outlet, is_head, listener.timeouts.write);
    let limits = limits(listener);
    work.request.reset();
    let has_body = !inbox.borrow().is_over();
    let written = convert::request_head(&parts, has_body, listener.limits.fields, &mut work.head);
    // The exchange works with the converted head only.
    drop(parts);
    match written.and_then(|()| Ok(work.request.parse(&work.head, &limits)?)) {
        Ok(Progress::Complete) => {}
        // A head that we wrote ourselves is complete.
        Ok(Progress::Partial) => return Err(ProxyError::ClientClosed),
        Err(error) => {
            let walk = Walk::new(shard, listener, peer, work, started, started);
            refuse(walk, error, &mut sink).await;
            return Ok(());
        }
    }
    open.holds(work.head.len());
    // HTTP/2 clients accept trailers without saying so.
    work.request.accepts_trailers |= matches!(work.request.framing, Framing::Chunked);
    let pace = Pace { gap: listener.timeouts.body_gap, rate: listener.timeouts.body_rate };
    let has_length = matches!(work.request.framing, Framing::Length(_));
    let mut source = H2Source::of_request(inbox, reply, pace, has_length);
    exchange(Walk::new(shard, listener, peer, work, started, started), &mut source, &mut sink).await
}

/// The limits of a head that the `h2` crate has checked and we have written, with Host and a framing field added.
fn limits(listener: &ListenerConfig) -> Limits {
    let mut limits = listener.limits.request_head();
    limits.fields += 2;
    limits.head_bytes = limits.head_bytes.max(2 * listener.http2.head_bytes as usize);
    limits
}
