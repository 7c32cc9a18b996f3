//! Attempts at endpoints that speak HTTP/2 in clear with prior knowledge (`appProtocol: kubernetes.io/h2c`): gRPC above
//! all.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use h2::client::ResponseFuture;
use h2::{Reason, RecvStream, SendStream};
use http::Response;
use tokio::time::Instant;

use super::attempt::{Attempt, WHOLE_BODY, context, expect};
use super::open_session::obtain;
use super::response::{HeadWait, Parts, PodResponse, pass_on};
use super::retry::{Failure, Reached};
use super::upload::Upload;
use crate::http1::{Limits, Progress, RequestContext, ResponseHead};
use crate::model::RoutePolicy;
use crate::proxy::error::{ProxyError, Side};
use crate::proxy::shard::scratch::ExchangeBuffers;
use crate::proxy::shard::sessions::{Lease, Session};
use crate::proxy::walk::Walk;
use crate::proxy::walk::client_io::{ClientSink, ClientSource};
use crate::proxy::wire::body::{BodySink, Keeping, copy};
use crate::proxy::wire::h2::body::{H2Sink, H2Source, Inbox, reading};
use crate::proxy::wire::h2::convert;
use crate::proxy::wire::h2::piece::Piece;
use crate::proxy::wire::pace::Pace;

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
    let ExchangeBuffers { out, response, answer_edit, timer, .. } = &mut *walk.work;
    let head = memchr::memmem::find(out, b"\r\n\r\n").map_or(out.len(), |end| end + 4);
    let record = &walk.record;
    let request = convert::request(&out[..head]).ok_or(ProxyError::PathInvalid)?;
    let is_bodiless = is_whole && out.len() == head;
    let (pending, stream) = open(&mut session, request, is_bodiless)?;
    let parts =
        Parts { shard, policy, record, request: context, response, answer_edit, timer, handed_over: Instant::now() };
    let pod =
        H2Response { policy, session: &session, received: &record.received, pending, head: Vec::new(), body: None };
    let has_answered = Cell::new(false);
    let outcome = {
        let mut to_pod = H2Sink::new(stream, &session.outlet, Side::Upstream, policy.timeouts.response);
        let limit = policy.body_bytes;
        let mut rest = Keeping { source, kept: out, start: head, most: WHOLE_BODY, is_over: &has_answered };
        let sending = pin!(async {
            // What earlier attempts have received of the body.
            to_pod.data(&rest.kept[head..]).await?;
            copy(&mut rest, &mut to_pod, &record.received, limit).await
        });
        pass_on(parts, pod, &mut Upload::when(!is_bodiless, sending), &has_answered, sink).await.map(|_| ())
    };
    outcome.map_err(|failure| Failure {
        was_reused: session.is_reused,
        // All bytes that have come are kept, or none.
        is_body_at_hand: out.len().checked_sub(head).is_some_and(|kept| kept as u64 == record.received.get()),
        ..failure
    })
}

type Opened = (Pending, Rc<RefCell<SendStream<Piece>>>);

/// Opens a stream with the request's head. If the connection has ended meanwhile, the pod has not seen the request.
fn open(session: &mut Lease, request: http::Request<()>, is_bodiless: bool) -> Result<Opened, Failure> {
    let (answer, stream) = session.sender.send_request(request, is_bodiless).map_err(|error| {
        session.give_up();
        let has_ended = error.is_go_away() || error.is_io();
        Failure::new(ProxyError::UpstreamClosed, if has_ended { Reached::LeftBehind } else { Reached::Pod })
    })?;
    Ok((Pending(answer), Rc::new(RefCell::new(stream))))
}

/// A stream or a connection failed before the final head. A pod has not processed a stream that it refused, nor a
/// stream behind the last one that its GOAWAY names (RFC 9113 §8.7).
fn failure(error: &h2::Error) -> Failure {
    let is_refused = error.is_remote() && error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
    let reached = match (error.is_reset(), error.is_remote() && error.is_go_away()) {
        (true, _) if is_refused => Reached::Refused,
        (true, _) => return ProxyError::UpstreamStream.into(),
        (false, true) => Reached::LeftBehind,
        (false, false) => Reached::Unanswered,
    };
    Failure::new(ProxyError::UpstreamClosed, reached)
}

/// The answer that is to come.
struct Pending(ResponseFuture);

/// What a pod says to a request.
enum Said {
    Interim(Response<()>),
    Final(Response<RecvStream>),
}

impl Pending {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Said, h2::Error>> {
        if let Poll::Ready(Some(Ok(interim))) = self.0.poll_informational(cx) {
            return Poll::Ready(Ok(Said::Interim(interim)));
        }
        Pin::new(&mut self.0).poll(cx).map_ok(Said::Final)
    }
}

/// An answer over HTTP/2.
struct H2Response<'a> {
    policy: &'a RoutePolicy,
    session: &'a Session,
    /// Bytes of the request's body so far.
    received: &'a Cell<u64>,
    pending: Pending,
    /// The last head, in HTTP/1 form.
    head: Vec<u8>,
    /// Set with the final head.
    body: Option<RecvStream>,
}

impl<'a> PodResponse for H2Response<'a> {
    type Body = H2Source<'a>;
    type Connection = ();

    async fn next_head(
        &mut self,
        head: &mut ResponseHead,
        request: RequestContext,
        limits: &Limits,
        wait: &mut HeadWait<'_>,
    ) -> Result<(), Failure> {
        let said = match wait.ready(|cx| self.pending.poll(cx)).await {
            Ok(Ok(said)) => said,
            Ok(Err(error)) => {
                if !error.is_reset() {
                    self.session.give_up();
                }
                return Err(failure(&error));
            }
            Err(timeout) => {
                // Perhaps the connection is dead. Other requests must not wait for it too.
                self.session.give_up();
                return Err(timeout.into());
            }
        };
        let parts = match said {
            Said::Interim(interim) => interim.into_parts().0,
            Said::Final(last) => {
                let (parts, body) = last.into_parts();
                self.body = Some(body);
                parts
            }
        };
        convert::response_head(&parts, &mut self.head);
        match head.parse(&self.head, request, limits) {
            // A final head comes with a body stream, and an interim head does not.
            Ok(Progress::Complete) if head.is_interim() == self.body.is_none() => Ok(()),
            Ok(Progress::Complete | Progress::Partial) => Err(ProxyError::UpstreamStream.into()),
            Err(error) => Err(ProxyError::from(error).into()),
        }
    }

    fn bytes(&self) -> &[u8] {
        &self.head
    }

    fn skip_head(&mut self, _: &ResponseHead) {}

    fn connection(&self, _: &ResponseHead, _: RequestContext) {}

    fn into_body(self, _: &ResponseHead) -> H2Source<'a> {
        let pace = Pace { gap: self.policy.timeouts.response_gap, rate: 0 };
        let inbox = Inbox::new(self.body.expect("next_head takes no final head without it"));
        H2Source::of_answer(&inbox, self.received, pace)
    }

    async fn relay(body: &mut H2Source<'a>, sink: &mut impl BodySink, sent: &Cell<u64>) -> Result<(), ProxyError> {
        let inbox = body.inbox();
        reading(&inbox, copy(body, sink, sent, None)).await
    }

    fn finish(_: &mut H2Source<'a>, (): ()) {}
}
