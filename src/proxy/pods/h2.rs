//! Endpoints that speak HTTP/2 in clear with prior knowledge (`appProtocol: kubernetes.io/h2c`): gRPC above all.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use h2::client::ResponseFuture;
use h2::{Reason, RecvStream, SendStream};
use http::Response;
use tokio::time::Instant;

use super::attempt::{Again, Failed, WHOLE_BODY, context, expect};
use super::open_session::obtain;
use super::relay::both;
use crate::http1::{MAX_INTERIM, Progress, RequestContext, ResponseHead};
use crate::observe::UpstreamMetrics;
use crate::proxy::error::{ProxyError, Side};
use crate::proxy::shard::Shard;
use crate::proxy::shard::scratch::ExchangeBuffers;
use crate::proxy::shard::sessions::{Lease, Session};
use crate::proxy::walk::Walk;
use crate::proxy::walk::client_io::{Answer, ClientSink, ClientSource};
use crate::proxy::walk::record::Record;
use crate::proxy::wire::body::{BodySink, Keeping, copy};
use crate::proxy::wire::h1_body::Patience;
use crate::proxy::wire::h2::body::{H2Sink, H2Source, Inbox, reading};
use crate::proxy::wire::h2::convert;
use crate::proxy::wire::h2::piece::Piece;
use crate::upstream::InFlight;

/// One attempt. Connections made before `afresh` do not serve.
pub(crate) async fn attempt<S: ClientSource, K: ClientSink>(
    walk: &mut Walk<'_>,
    endpoint: &InFlight,
    metrics: &UpstreamMetrics,
    is_whole: bool,
    afresh: Option<Instant>,
    source: &mut S,
    sink: &mut K,
) -> Result<(), Failed> {
    let shard = walk.shard;
    let mut session = obtain(shard, endpoint, metrics, afresh).await?;
    let never = |error| Failed { error, again: Again::Never };
    expect(walk, source, sink).await.map_err(never)?;
    let asked = context(walk.work);
    let may_be_repeated = is_whole && afresh.is_none() && walk.work.request.method.is_idempotent();
    let ExchangeBuffers { out, response, .. } = &mut *walk.work;
    let head = memchr::memmem::find(out, b"\r\n\r\n").map_or(out.len(), |end| end + 4);
    let record = &walk.record;
    let request = convert::request(&out[..head]).ok_or_else(|| never(ProxyError::PathInvalid))?;
    let is_bodiless = is_whole && out.len() == head;
    let (answer, stream) = open(&mut session, request, is_bodiless)?;
    let has_answered = Cell::new(false);
    let download = download(shard, &session, answer, response, asked, record, &has_answered, sink);
    let (uploaded, answered) = if is_bodiless {
        (None, Some(download.await))
    } else {
        let mut to_pod = H2Sink::new(stream, &session.outlet, Side::Upstream, shard.config.timeouts.response);
        let limit = shard.config.limits.body_bytes;
        let mut rest = Keeping { source, kept: out, start: head, most: WHOLE_BODY, is_over: &has_answered };
        let upload = async {
            // What came before this attempt, if it is not the first.
            to_pod.data(&rest.kept[head..]).await?;
            copy(&mut rest, &mut to_pod, &record.received, limit).await
        };
        both(upload, download).await
    };
    let Fault { error, is_unprocessed, is_refused, is_lost } = match answered {
        Some(Ok(())) => return Ok(()),
        Some(Err(fault)) => fault,
        None => return Err(never(uploaded.and_then(Result::err).unwrap_or(ProxyError::ClientClosed))),
    };
    // All of the body that has come, or nothing.
    let is_at_hand = out.len().checked_sub(head).is_some_and(|kept| kept as u64 == record.received.get());
    let again = match (is_unprocessed && is_at_hand, is_lost && session.is_reused && may_be_repeated) {
        (true, _) if is_refused => Again::Anywhere,
        (true, _) | (false, true) => Again::Afresh,
        (false, false) => Again::Never,
    };
    Err(Failed { error, again })
}

type Opened = (Pending, Rc<RefCell<SendStream<Piece>>>);

/// Opens a stream with the request's head. If the connection has ended meanwhile, the pod has not seen the request.
fn open(session: &mut Lease, request: http::Request<()>, is_bodiless: bool) -> Result<Opened, Failed> {
    let (answer, stream) = session.sender.send_request(request, is_bodiless).map_err(|error| {
        session.give_up();
        let has_ended = error.is_go_away() || error.is_io();
        let again = if has_ended { Again::Afresh } else { Again::Never };
        Failed { error: ProxyError::UpstreamClosed, again }
    })?;
    Ok((Pending(answer), Rc::new(RefCell::new(stream))))
}

struct Fault {
    error: ProxyError,
    /// The pod has certainly not processed the request.
    is_unprocessed: bool,
    /// It refused the stream, and the connection goes on.
    is_refused: bool,
    /// The connection ended before there was anything of an answer.
    is_lost: bool,
}

impl Fault {
    /// What may not be tried again.
    fn of(error: ProxyError) -> Self {
        Self { error, is_unprocessed: false, is_refused: false, is_lost: false }
    }

    /// A stream or a connection that failed before the final head. The pod has not processed what it refused, and what
    /// came behind the last stream of a GOAWAY (RFC 9113 §8.7).
    fn of_stream(error: &h2::Error, had_bytes: bool) -> Self {
        let is_refused = error.is_remote() && error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
        let is_unprocessed = is_refused || (error.is_remote() && error.is_go_away());
        let is_lost = !is_unprocessed && !error.is_reset() && !had_bytes;
        let error = if is_unprocessed || is_lost { ProxyError::UpstreamClosed } else { ProxyError::UpstreamStream };
        Self { error, is_unprocessed, is_refused, is_lost }
    }
}

/// An answer that is waited for.
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

#[expect(clippy::too_many_arguments, reason = "the parts of an exchange, each borrowed differently")]
async fn download<K: ClientSink>(
    shard: &Rc<Shard>,
    session: &Session,
    mut pending: Pending,
    response: &mut ResponseHead,
    asked: RequestContext,
    record: &Record,
    has_answered: &Cell<bool>,
    sink: &mut K,
) -> Result<(), Fault> {
    let started = Instant::now();
    let mut head = Vec::with_capacity(512);
    let body = head_of(shard, session, &mut pending, response, asked, record, sink, &mut head).await?;
    has_answered.set(true);
    record.head_after.set(Some(started.elapsed()));
    record.status.set(response.status);
    sink.respond(&Answer::of_pod(response, &head, asked, &record.explanation(), &shard.clock));
    let patience = Patience { gap: shard.config.timeouts.response_gap, rate: 0 };
    let inbox = Inbox::new(body);
    let mut source = H2Source::of_answer(&inbox, &record.received, patience);
    reading(&inbox, copy(&mut source, sink, &record.sent, None)).await.map_err(Fault::of)
}

/// Waits for the final head, which is then in `head` and `response`, and passes interim ones on.
#[expect(clippy::too_many_arguments, reason = "the parts of an exchange, each borrowed differently")]
async fn head_of<K: ClientSink>(
    shard: &Rc<Shard>,
    session: &Session,
    pending: &mut Pending,
    response: &mut ResponseHead,
    asked: RequestContext,
    record: &Record,
    sink: &mut K,
    head: &mut Vec<u8>,
) -> Result<RecvStream, Fault> {
    let mut interim = 0;
    loop {
        let before = record.received.get();
        let said = tokio::time::timeout(shard.config.timeouts.response, poll_fn(|cx| pending.poll(cx))).await;
        let said = match said {
            Ok(Ok(said)) => said,
            Ok(Err(error)) => {
                if !error.is_reset() {
                    session.give_up();
                }
                return Err(Fault::of_stream(&error, interim > 0));
            }
            // The request's body is still moving towards the pod.
            Err(_) if record.received.get() != before => continue,
            Err(_) => {
                // It may be the connection that leads nowhere; others must not wait for the same.
                session.give_up();
                return Err(Fault::of(ProxyError::ResponseTimeout));
            }
        };
        let limits = shard.config.limits.response_head();
        let (parts, body) = match said {
            Said::Interim(interim) => (interim.into_parts().0, None),
            Said::Final(last) => {
                let (parts, body) = last.into_parts();
                (parts, Some(body))
            }
        };
        convert::response_head(&parts, head);
        response.reset();
        match response.parse(head, asked, &limits) {
            Ok(Progress::Complete) => {}
            Ok(Progress::Partial) => return Err(Fault::of(ProxyError::UpstreamStream)),
            Err(error) => return Err(Fault::of(error.into())),
        }
        if let Some(body) = body {
            return Ok(body);
        }
        interim += 1;
        if interim > MAX_INTERIM {
            return Err(Fault::of(ProxyError::InterimFlood));
        }
        if response.status != 100 {
            sink.interim(response.status, head, &response.fields).await.map_err(Fault::of)?;
        }
    }
}
