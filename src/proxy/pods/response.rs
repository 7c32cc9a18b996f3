//! An attempt after its request was handed to the connection: it waits for the head of the answer, lets
//! `walk/respond` decide, and passes the body on. Both protocols implement [`PodResponse`].

use std::cell::Cell;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::attempt::Patience;
use super::replacement::Replacement;
use super::retry::{Failure, Reached};
use crate::filter::HeadEdit;
use crate::http1::{Limits, MAX_INTERIM, RequestContext, ResponseError, ResponseHead};
use crate::model::RoutePolicy;
use crate::proxy::error::ProxyError;
use crate::proxy::shard::Shard;
use crate::proxy::shard::timer::LazyTimer;
use crate::proxy::walk::client_io::{ClientSink, GO_ON};
use crate::proxy::walk::record::Record;
use crate::proxy::walk::respond::{Decision, respond};
use crate::proxy::wire::ahead::copy_ahead;
use crate::proxy::wire::body::{BodySink, BodySource, copy};
use crate::proxy::wire::slow::SlowSink;

/// How often a wait for a head looks whether the client is still there.
const LOOK: Duration = Duration::from_millis(500);

/// A pod's answer as it comes.
pub(super) trait PodResponse {
    /// Its body.
    type Body: BodySource;
    /// What the owner of the connection must know for its next use.
    type Connection;

    /// Waits for a head, interim or final, and parses it. It ends when the client has gone.
    async fn next_head(
        &mut self,
        head: &mut ResponseHead,
        request: RequestContext,
        limits: &Limits,
        wait: &mut HeadWait<'_>,
        sink: &impl BodySink,
    ) -> Result<(), Failure>;

    /// The bytes that the parsed head points into.
    fn bytes(&self) -> &[u8];

    /// Drops an interim head.
    fn skip_head(&mut self, head: &ResponseHead);

    /// What the final head says about the connection.
    fn connection(&self, head: &ResponseHead, request: RequestContext) -> Self::Connection;

    /// The body behind the final head.
    fn into_body(self, head: &ResponseHead) -> Self::Body;

    /// What is known about the connection behind the end of the body.
    fn finish(body: &mut Self::Body, connection: Self::Connection) -> Self::Connection;
}

/// The parts of an exchange that an answer needs.
pub(super) struct Parts<'a> {
    pub shard: &'a Rc<Shard>,
    pub policy: &'a RoutePolicy,
    pub patience: Patience,
    pub record: &'a Record,
    pub request: RequestContext,
    /// Whether success without a switch of protocols is an error.
    pub must_switch: bool,
    /// For the answer's head.
    pub response: &'a mut ResponseHead,
    /// Memory for edits of the answer's head.
    pub answer_edit: &'a mut HeadEdit,
    pub timer: &'a mut LazyTimer,
    /// When the connection got the request.
    pub handed_over: Instant,
    /// What may take the place of the attempt.
    pub replacement: Option<&'a Replacement<'a>>,
}

/// How an answer ended.
pub(super) enum Passed<B, C> {
    /// All of it was passed on.
    Whole {
        /// What its connection is good for now.
        connection: C,
        /// When all of it had come, if it came with the head.
        arrived: Option<Instant>,
    },
    /// The connection has switched protocols: what follows is a tunnel.
    Tunnel(Box<B>),
}

/// Waits for the final head, lets `respond` decide, and passes the body on.
pub(super) async fn pass_on<P: PodResponse, K: ClientSink>(
    parts: Parts<'_>,
    mut pod: P,
    sink: &mut K,
) -> Result<Passed<P::Body, P::Connection>, Failure> {
    let Parts { shard, policy, patience, record, request, must_switch, response, answer_edit, timer, .. } = parts;
    let Parts { handed_over, replacement, .. } = parts;
    record.handed_over.set(Some(handed_over));
    let mut wait = HeadWait::new(patience.head, handed_over, &record.received, timer);
    let limits = Limits { head_bytes: policy.response_head_bytes, ..Limits::RESPONSE };
    final_head(&mut pod, response, request, &limits, &mut wait, (record, handed_over + GO_ON), sink).await?;
    let now = Instant::now();
    record.head_after.set(Some(now.saturating_duration_since(handed_over)));
    if replacement.is_some_and(|replacement| replacement.passes_over(response.status, now)) {
        return Err(Failure::new(ProxyError::PassedOver, Reached::PassedOver));
    }
    if record.intercepts(response.status) {
        record.replaced.set(response.status);
        return Err(ProxyError::Replaced.into());
    }
    if must_switch && (200..300).contains(&response.status) {
        return Err(ProxyError::from(ResponseError::NoSwitch).into());
    }
    record.status.set(response.status);
    let decision = respond(shard.clock.date(now), record, request, response, pod.bytes(), answer_edit, sink);
    let connection = pod.connection(response, request);
    // Made in place: a body's state is some hundred bytes.
    let mut body = pod.into_body(response);
    match decision {
        Decision::Tunnel => Ok(Passed::Tunnel(Box::new(body))),
        Decision::Relay => {
            let arrived = body.has_arrived().then_some(now);
            match (policy.answer_ahead, policy.answer_rate) {
                (None, _) => copy(&mut body, sink, &record.sent, None).await?,
                (Some(most), None) => Box::pin(copy_ahead(&mut body, sink, &record.sent, most, &shard.share)).await?,
                (Some(most), Some(rate)) => {
                    let mut slow = SlowSink::new(sink, rate);
                    Box::pin(copy_ahead(&mut body, &mut slow, &record.sent, most, &shard.share)).await?;
                }
            }
            Ok(Passed::Whole { connection: P::finish(&mut body, connection), arrived })
        }
    }
}

/// Waits for the final head and passes interim ones on. A client that waits to be told to go on is told so at `go_on`, if
/// the pod has said nothing by then.
async fn final_head<P: PodResponse, K: ClientSink>(
    pod: &mut P,
    response: &mut ResponseHead,
    request: RequestContext,
    limits: &Limits,
    wait: &mut HeadWait<'_>,
    (record, go_on): (&Record, Instant),
    sink: &mut K,
) -> Result<(), Failure> {
    let mut interim = 0;
    response.reset();
    loop {
        let next = pod.next_head(response, request, limits, wait, sink);
        let head = if record.awaits_go_on.get() {
            let Ok(head) = Box::pin(timeout_at(go_on, next)).await else {
                record.awaits_go_on.set(false);
                if record.received.get() == 0 {
                    sink.interim(100, &[], &[]).await?;
                }
                continue;
            };
            head
        } else {
            next.await
        };
        // A pod that has begun to answer has begun to process.
        head.map_err(|failure| if interim == 0 { failure } else { Failure { reached: Reached::Pod, ..failure } })?;
        if !response.is_interim() {
            return Ok(());
        }
        interim += 1;
        if interim > MAX_INTERIM {
            return Err(ProxyError::InterimFlood.into());
        }
        // A 100 is for who waits for one.
        if response.status != 100 || record.awaits_go_on.take() {
            sink.interim(response.status, pod.bytes(), &response.fields).await?;
        }
        pod.skip_head(response);
        wait.begin();
    }
}

/// How long we wait for a head. The time begins again after each interim head, and while the request's body still
/// moves. It does not begin again with each byte of a head.
pub(super) struct HeadWait<'a> {
    patience: Duration,
    deadline: Instant,
    /// When to look next whether the client is still there. A look costs nothing while answers come sooner. A registration with
    /// the runtime would cost every request.
    look: Instant,
    /// Bytes of the request that have come, and how many had when the deadline was set.
    received: &'a Cell<u64>,
    before: u64,
    timer: &'a mut LazyTimer,
}

impl<'a> HeadWait<'a> {
    /// For a head of an answer to a request that its connection got at `since`.
    pub(super) fn new(patience: Duration, since: Instant, received: &'a Cell<u64>, timer: &'a mut LazyTimer) -> Self {
        Self { patience, deadline: since + patience, look: since + LOOK, received, before: received.get(), timer }
    }

    fn begin(&mut self) {
        self.deadline = Instant::now() + self.patience;
        self.before = self.received.get();
    }

    /// Polls until ready, until the time is over, or until the client has gone.
    pub(super) async fn ready<T>(
        &mut self,
        sink: &impl BodySink,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Result<T, ProxyError> {
        loop {
            if let Some(value) = self.timer.until(self.look.min(self.deadline), &mut poll).await {
                return Ok(value);
            }
            if sink.is_lost() {
                return Err(ProxyError::ClientClosed);
            }
            if self.look < self.deadline {
                self.look = Instant::now() + LOOK;
                continue;
            }
            if self.received.get() == self.before {
                return Err(ProxyError::ResponseTimeout);
            }
            self.begin();
        }
    }
}
