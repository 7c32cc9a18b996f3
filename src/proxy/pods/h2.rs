//! Attempts at endpoints that speak HTTP/2 in clear with prior knowledge (`appProtocol: kubernetes.io/h2c`): gRPC above
//! all.

use std::cell::Cell;
use std::pin::pin;

use tokio::time::Instant;

use super::attempt::{Attempt, WHOLE_BODY, context, expect};
use super::h2_body::{H2PodSink, H2PodSource};
use super::h2_head::{self, PodRequest};
use super::open_session::obtain;
use super::response::{HeadWait, Parts, PodResponse, pass_on};
use super::retry::{Failure, Reached};
use super::upload::beside;
use crate::http1::{Limits, RequestContext, ResponseError, ResponseHead, SyntaxError};
use crate::http2::connection::Key;
use crate::model::RoutePolicy;
use crate::proxy::error::ProxyError;
use crate::proxy::shard::scratch::ExchangeBuffers;
use crate::proxy::shard::session::{Lease, Loss, Session};
use crate::proxy::walk::Walk;
use crate::proxy::walk::client_io::{ClientSink, ClientSource};
use crate::proxy::wire::body::{BodySink, Keeping, copy};
use crate::proxy::wire::pace::Pace;
use crate::proxy::wire::socket::within;

/// One attempt.
pub(super) async fn attempt<S: ClientSource, K: ClientSink>(
    walk: &mut Walk<'_>,
    attempt: &Attempt<'_>,
    is_whole: bool,
    source: &mut S,
    sink: &mut K,
) -> Result<(), Failure> {
    let (shard, policy) = (walk.shard, attempt.policy);
    let mut session = obtain(shard, attempt).await?;
    expect(walk, source, sink).await?;
    let context = context(walk.work);
    let ExchangeBuffers { out, response, answer, answer_edit, timer, .. } = &mut *walk.work;
    let head = memchr::memmem::find(out, b"\r\n\r\n").map_or(out.len(), |end| end + 4);
    let record = &walk.record;
    let is_bodiless = is_whole && out.len() == head;
    let request = h2_head::of_http1(&out[..head]).ok_or(ProxyError::PathInvalid)?;
    let stream = open(&mut session, &request, is_bodiless, policy).await?;
    let parts =
        Parts { shard, policy, record, request: context, response, answer_edit, timer, handed_over: Instant::now() };
    let has_answered = Cell::new(false);
    let pod = H2Response {
        policy,
        session: &session,
        stream,
        received: &record.received,
        has_answered: &has_answered,
        head: answer,
    };
    let outcome = {
        let mut to_pod = H2PodSink::new(&session.link, stream, policy.timeouts.response);
        let limit = policy.body_bytes;
        let mut rest = Keeping { source, kept: out, start: head, most: WHOLE_BODY, is_over: &has_answered };
        let sending = pin!(async {
            // What earlier attempts have received of the body.
            to_pod.data(&rest.kept[head..]).await?;
            copy(&mut rest, &mut to_pod, &record.received, limit).await
        });
        beside((!is_bodiless).then_some(sending), pass_on(parts, pod, sink)).await.0.map(|_| ())
    };
    outcome.map_err(|failure| Failure {
        was_reused: session.is_reused,
        // All bytes that have come are kept, or none.
        is_body_at_hand: out.len().checked_sub(head).is_some_and(|kept| kept as u64 == record.received.get()),
        ..failure
    })
}

/// Opens a stream with the request's head. If the connection has ended meanwhile, the pod has not seen the request.
async fn open(
    session: &mut Lease,
    request: &PodRequest<'_>,
    is_bodiless: bool,
    policy: &RoutePolicy,
) -> Result<Key, Failure> {
    let opened = within(policy.timeouts.response, |cx| {
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
fn failure(session: &Session, loss: Loss) -> Failure {
    let reached = match loss {
        Loss::Refused => Reached::Refused,
        Loss::LeftBehind => Reached::LeftBehind,
        Loss::Connection => {
            session.give_up();
            Reached::Unanswered
        }
        Loss::Reset => return ProxyError::UpstreamStream.into(),
        Loss::Head(error) => return ProxyError::from(error).into(),
    };
    Failure::new(ProxyError::UpstreamClosed, reached)
}

/// An answer over HTTP/2.
struct H2Response<'a> {
    policy: &'a RoutePolicy,
    session: &'a Session,
    stream: Key,
    /// Bytes of the request's body so far.
    received: &'a Cell<u64>,
    /// Set with the final head: from then on no copy of the request's body is needed.
    has_answered: &'a Cell<bool>,
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
    ) -> Result<(), Failure> {
        let Self { session, stream, head: bytes, .. } = self;
        match wait.ready(|cx| session.poll_head(cx, *stream, bytes, head)).await {
            // The connection's limit is the largest that a route may have.
            Ok(Ok(())) if bytes.len() > limits.head_bytes => {
                Err(ProxyError::from(ResponseError::Syntax(SyntaxError::TooLarge)).into())
            }
            Ok(Ok(())) => {
                self.has_answered.set(!head.is_interim());
                Ok(())
            }
            Ok(Err(loss)) => Err(failure(session, loss)),
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
        let pace = Pace { gap: self.policy.timeouts.response_gap, rate: 0 };
        H2PodSource::new(&self.session.link, self.stream, self.received, pace)
    }

    fn finish(_: &mut H2PodSource<'a>, (): ()) {}
}
