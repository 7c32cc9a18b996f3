//! Attempts over HTTP/2, in clear with prior knowledge (`appProtocol: kubernetes.io/h2c`) or through TLS: gRPC above all. A
//! pod that takes extended CONNECT (RFC 8441) gets a WebSocket handshake as one; for others see `upgrade` and `tls`.

use std::cell::Cell;
use std::pin::pin;
use std::time::Duration;

use tokio::time::Instant;

use super::attempt::{Attempt, WHOLE_BODY, context, must_switch, websocket_key};
use super::h2_body::{H2PodSink, H2PodSource};
use super::h2_head::{self, PodRequest};
use super::response::{HeadWait, Parts, Passed, PodResponse, pass_on};
use super::retry::{Failure, Reached};
use super::tunnel::tunnel;
use super::upload::beside;
use crate::http1::websocket::{self, ACCEPT};
use crate::http1::{Limits, RequestContext, ResponseError, ResponseHead, SyntaxError, Upgrade};
use crate::http2::connection::Key;
use crate::model::RoutePolicy;
use crate::proxy::error::ProxyError;
use crate::proxy::shard::scratch::ExchangeBuffers;
use crate::proxy::shard::session::{Lease, Loss, Session};
use crate::proxy::walk::Walk;
use crate::proxy::walk::body_copy::Copying;
use crate::proxy::walk::client_io::{ClientSink, ClientSource};
use crate::proxy::walk::record::Record;
use crate::proxy::wire::body::{BodySink, Keeping, copy, unless_lost};
use crate::proxy::wire::pace::Pace;
use crate::proxy::wire::socket::within;

/// One attempt.
pub(super) async fn attempt<S: ClientSource, K: ClientSink>(
    walk: &mut Walk<'_>,
    attempt: &Attempt<'_>,
    mut session: Lease,
    is_whole: bool,
    source: &mut S,
    sink: &mut K,
) -> Result<(), Failure> {
    let (shard, policy, patience) = (walk.shard, attempt.policy, attempt.patience);
    let (request, must_switch) = (context(walk.work), must_switch(walk));
    let ExchangeBuffers { out, response, answer, answer_edit, timer, .. } = &mut *walk.work;
    let head = memchr::memmem::find(out, b"\r\n\r\n").map_or(out.len(), |end| end + 4);
    let record = &walk.record;
    let is_bodiless = is_whole && out.len() == head;
    // A client over HTTP/1 takes no answer that does not belong to its key.
    let accept = awaited_accept(request.upgrade, &out[..head]);
    let is_connect = accept.is_some() && unless_lost(sink, takes_connect(&session, policy)).await?;
    let pod_request = h2_head::of_http1(&out[..head], is_connect).ok_or(ProxyError::PathInvalid)?;
    let opened = open(&mut session, &pod_request, is_bodiless && !is_connect, policy);
    let stream = unless_lost(sink, opened).await?;
    let handed_over = Instant::now();
    let parts = Parts {
        shard,
        policy,
        patience,
        record,
        request,
        must_switch,
        response,
        answer_edit,
        timer,
        handed_over,
        replacement: attempt.replacement,
    };
    let has_answered = Cell::new(false);
    let pod = H2Response {
        gap: patience.gap,
        session: &session,
        stream,
        record,
        has_answered: &has_answered,
        accept: accept.as_ref(),
        head: answer,
    };
    let mut to_pod = H2PodSink::new(&session.link, stream, policy.timeouts.upload);
    let outcome = {
        let limit = policy.body_bytes;
        let mut source = Copying { source: &mut *source, copy: record.take_body_copy() };
        let outcome = {
            let mut rest =
                Keeping { source: &mut source, kept: out, start: head, most: WHOLE_BODY, is_over: &has_answered };
            let sending = pin!(async {
                // What earlier attempts have received of the body.
                to_pod.data(&rest.kept[head..]).await?;
                copy(&mut rest, &mut to_pod, &record.received, limit).await
            });
            beside(record, (!is_bodiless).then_some(sending), pass_on(parts, pod, sink)).await.0
        };
        if let Some(copy) = source.copy {
            record.keep_body_copy(copy);
        }
        outcome
    };
    let outcome = match outcome {
        Ok(Passed::Whole { .. }) => Ok(()),
        Ok(Passed::Tunnel(mut from_pod)) => {
            from_pod.become_tunnel();
            Box::pin(tunnel(policy, record, source, sink, *from_pod, to_pod)).await;
            Ok(())
        }
        Err(failure) => Err(failure),
    };
    outcome.map_err(|failure| Failure {
        was_reused: session.is_reused,
        // All bytes that have come are kept, or none.
        is_body_at_hand: out.len().checked_sub(head).is_some_and(|kept| kept as u64 == record.received.get()),
        ..failure
    })
}

/// Whether the pod of this connection takes the switch of protocols that the request in `walk.work.out` asks for. A
/// handshake without a key is none, and needs no switch.
pub(super) async fn takes_upgrade<K: ClientSink>(
    walk: &Walk<'_>,
    attempt: &Attempt<'_>,
    session: &Lease,
    sink: &K,
) -> Result<bool, Failure> {
    let upgrade = walk.work.request.upgrade;
    if awaited_accept(upgrade, &walk.work.out).is_none() {
        return Ok(upgrade == Some(Upgrade::WebSocket));
    }
    unless_lost(sink, takes_connect(session, attempt.policy)).await
}

/// What a client over HTTP/1 waits for that has sent `head`; `None` if it asks for no WebSocket.
fn awaited_accept(upgrade: Option<Upgrade>, head: &[u8]) -> Option<[u8; ACCEPT]> {
    match upgrade? {
        Upgrade::WebSocket => websocket_key(head).and_then(websocket::accept),
        Upgrade::Other => None,
    }
}

/// Whether the pod takes extended CONNECT. It says so with its settings, which are the first that it sends.
async fn takes_connect(session: &Lease, policy: &RoutePolicy) -> Result<bool, Failure> {
    match within(policy.timeouts.response, |cx| session.poll_greeted(cx)).await {
        Some(takes_connect) => Ok(takes_connect),
        None => {
            session.give_up();
            Err(Failure::new(ProxyError::ResponseTimeout, Reached::NotSent))
        }
    }
}

/// Opens a stream with the request's head. If the connection has ended meanwhile, the pod has not seen the request.
async fn open(
    session: &mut Lease,
    request: &PodRequest<'_>,
    is_bodiless: bool,
    policy: &RoutePolicy,
) -> Result<Key, Failure> {
    let opened = within(policy.timeouts.upload, |cx| {
        session.poll_open(cx, &request.start, is_bodiless, |give| {
            request.fields().for_each(|(name, value)| give(name, value))
        })
    });
    match opened.await {
        Some(Ok(stream)) => Ok(stream),
        Some(Err(_)) => {
            session.give_up();
            Err(Failure::new(ProxyError::UpstreamClosed, Reached::LeftBehind))
        }
        None => Err(Failure::new(ProxyError::ResponseTimeout, Reached::NotSent)),
    }
}

/// What a lost stream means for its request.
fn failure(session: &Session, loss: Loss, record: &Record) -> Failure {
    let reached = match loss {
        Loss::Refused => Reached::Refused,
        Loss::LeftBehind => Reached::LeftBehind,
        Loss::Connection => {
            session.give_up();
            Reached::Unanswered
        }
        Loss::SpeaksTls => return ProxyError::PodSpeaksTls.into(),
        Loss::Cancelled => return ProxyError::UpstreamCancelled.into(),
        Loss::Reset => return ProxyError::UpstreamStream.into(),
        Loss::Broken(rule) => {
            record.broken_rule.set(Some(rule));
            return ProxyError::ResponseRule.into();
        }
        Loss::Head(error) => return ProxyError::from(error).into(),
    };
    Failure::new(ProxyError::UpstreamClosed, reached)
}

/// An answer over HTTP/2.
struct H2Response<'a> {
    /// Longest time between two parts of the body.
    gap: Duration,
    session: &'a Session,
    stream: Key,
    record: &'a Record,
    /// Set with the final head: from then on no copy of the request's body is needed.
    has_answered: &'a Cell<bool>,
    /// What a client over HTTP/1 is told when a WebSocket is open: the pod has no key that it could answer.
    accept: Option<&'a [u8; ACCEPT]>,
    /// What the last head points into.
    head: &'a mut Vec<u8>,
}

impl<'a> PodResponse for H2Response<'a> {
    type Body = H2PodSource<'a>;
    type Connection = ();

    async fn next_head(
        &mut self,
        head: &mut ResponseHead,
        _: RequestContext,
        limits: &Limits,
        wait: &mut HeadWait<'_>,
        sink: &impl BodySink,
    ) -> Result<(), Failure> {
        let Self { session, stream, head: bytes, accept, record, .. } = self;
        match wait.ready(sink, |cx| session.poll_head(cx, *stream, bytes, head)).await {
            // The connection's limit is the largest that a route may have.
            Ok(Ok(())) if bytes.len() > limits.head_bytes => {
                Err(ProxyError::from(ResponseError::Syntax(SyntaxError::TooLarge)).into())
            }
            Ok(Ok(())) => {
                if head.upgrade.is_some()
                    && let Some(accept) = accept
                {
                    head.add_field(bytes, websocket::ACCEPT_FIELD, &accept[..]);
                }
                self.has_answered.set(!head.is_interim());
                Ok(())
            }
            Ok(Err(loss)) => Err(failure(session, loss, record)),
            Err(ProxyError::ClientClosed) => Err(ProxyError::ClientClosed.into()),
            Err(timeout) => {
                // Perhaps the connection is dead. Other requests must not wait for it too.
                session.give_up();
                Err(timeout.into())
            }
        }
    }

    fn bytes(&self) -> &[u8] {
        self.head
    }

    fn skip_head(&mut self, _: &ResponseHead) {}

    fn connection(&self, _: &ResponseHead, _: RequestContext) {}

    fn into_body(self, _: &ResponseHead) -> H2PodSource<'a> {
        let pace = Pace { gap: self.gap, rate: 0 };
        H2PodSource::new(&self.session.link, self.stream, &self.record.received, pace)
    }

    fn finish(_: &mut H2PodSource<'a>, (): ()) {}
}
