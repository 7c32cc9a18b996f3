//! Requests of our own beside that of a client: to a service that is asked, over HTTP/1.1. Connections come from the shard's
//! pool and go back to it.
//!
//! All is bounded: the whole time, the head of the answer, what is read of its body, and the requests in flight.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use super::attempt::{Attempt, Patience};
use super::connect::{self, Obtained};
use super::h1::{H1Response, Keep};
use super::response::{HeadWait, PodResponse};
use super::retry::{Failure, Reached};
use super::tls;
use crate::http1::{Limits, MAX_INTERIM, Method, RequestContext, ResponseHead};
use crate::model::{Protocol, RoutePolicy};
use crate::proxy::error::ProxyError;
use crate::proxy::shard::Shard;
use crate::proxy::shard::timer::LazyTimer;
use crate::proxy::wire::body::{BodySink, BodySource, unless_lost};
use crate::upstream::{Backend, Unpicked, Wanted};

/// Endpoints, and connections that turn out to be closed, that are tried for one request.
const TRIES: usize = 3;
/// Longest head of an answer. Bytes.
const HEAD: usize = 32 * 1024;
/// What is read of a body, to use the connection again: so many bytes for so long.
const BODY: usize = 64 * 1024;
const BODY_TIME: Duration = Duration::from_secs(1);
/// Requests in flight of one service, those of clients among them where it is one that they reach too.
const IN_FLIGHT: usize = 1024;

/// A request of our own.
pub(crate) struct Aside<'a> {
    /// Where it goes.
    pub backend: &'a Backend,
    /// The policy of the route for which it is made.
    pub policy: &'a RoutePolicy,
    /// All of it: head and body.
    pub bytes: &'a [u8],
    /// Its method.
    pub method: Method,
    /// When it is given up.
    pub deadline: Instant,
}

/// The head of an answer.
pub(crate) struct AsideAnswer {
    /// What `head` points into.
    pub bytes: Vec<u8>,
    /// The head.
    pub head: ResponseHead,
}

/// Sends it and waits for the answer, unless the client goes meanwhile.
pub(crate) async fn send(
    shard: &Rc<Shard>,
    aside: &Aside<'_>,
    client: &impl BodySink,
) -> Result<AsideAnswer, ProxyError> {
    let answered = timeout_at(aside.deadline, unless_lost(client, tries(shard, aside)));
    answered.await.unwrap_or(Err(ProxyError::ResponseTimeout))
}

async fn tries(shard: &Rc<Shard>, aside: &Aside<'_>) -> Result<AsideAnswer, ProxyError> {
    let Aside { backend: Backend { upstream, metrics, for_https: _, checked: _ }, policy, .. } = aside;
    let (mut tried, mut newer_than, mut error) = (Vec::new(), None, ProxyError::NoEndpoints);
    for _ in 0..TRIES {
        let began = Instant::now();
        let most = policy.upstream_requests.min(IN_FLIGHT);
        // What the route says of each pod is said of its own pods.
        let own = Wanted { each: None, slow_start: None, hash_bound: None, ..Wanted::of(policy, None, &tried, began) };
        let wanted = Wanted { most, ..own };
        let endpoint = match upstream.pick(&wanted) {
            Ok(endpoint) => endpoint,
            Err(Unpicked::Full | Unpicked::Waited) => return Err(ProxyError::UpstreamFull),
            Err(Unpicked::NoEndpoint) => break,
        };
        metrics.attempt();
        let patience = Patience { head: aside.deadline.saturating_duration_since(began), gap: BODY_TIME };
        let attempt = Attempt { endpoint, policy, patience, metrics, began, newer_than, replacement: None };
        let Failure { error: failed, reached, was_reused, .. } = match once(shard, aside, &attempt).await {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        error = failed;
        match reached {
            Reached::NotConnected => tried.push(attempt.endpoint.id()),
            Reached::NotSent => newer_than = Some(Instant::now()),
            Reached::Unanswered if was_reused && aside.method.is_idempotent() => newer_than = Some(Instant::now()),
            Reached::Unanswered | Reached::LeftBehind | Reached::Refused | Reached::PassedOver | Reached::Pod => break,
        }
    }
    Err(error)
}

async fn once(shard: &Rc<Shard>, aside: &Aside<'_>, attempt: &Attempt<'_>) -> Result<AsideAnswer, Failure> {
    let may_repeat = aside.method.is_idempotent();
    let Obtained { mut conn, is_reused, since } = match &aside.backend.upstream.key().protocol {
        Protocol::Http1 => connect::obtain(shard, attempt, may_repeat, &Nobody).await?,
        Protocol::Tls(of_pods) => tls::obtain_http1(shard, attempt, of_pods, may_repeat).await?,
        // Nothing that is asked is said to speak it.
        Protocol::H2c => return Err(ProxyError::UpgradeUnsupported.into()),
    };
    let (reader, mut writer) = conn.socket.split();
    if let Err(fault) = writer.write_all(aside.bytes, &[], attempt.patience.head).await {
        let reached = if fault.written { Reached::Unanswered } else { Reached::NotSent };
        return Err(Failure { was_reused: is_reused, ..Failure::new(ProxyError::UpstreamClosed, reached) });
    }
    let mut pod =
        H1Response { reader, shard, gap: BODY_TIME, buffer: None, protocol: b"", accept: None, is_last: false };
    let request = RequestContext { method: aside.method, upgrade: None };
    let head = final_head(&mut pod, request, attempt.patience.head, since).await;
    let head = head.map_err(|failure| Failure { was_reused: is_reused, ..failure })?;
    let answer_bytes = pod.bytes()[..head.len].to_vec();
    let keep = pod.connection(&head, request);
    let mut body = pod.into_body(&head);
    let is_read = timeout(BODY_TIME, drain(&mut body)).await == Ok(Ok(true));
    let keep = H1Response::finish(&mut body, keep);
    drop(body);
    if let (true, Keep::For(advertised)) = (is_read, keep) {
        shard.keep(&attempt.endpoint, conn, (since, None), advertised);
    }
    Ok(AsideAnswer { bytes: answer_bytes, head })
}

async fn final_head(
    pod: &mut H1Response<'_>,
    request: RequestContext,
    patience: Duration,
    since: Instant,
) -> Result<ResponseHead, Failure> {
    let (received, mut timer, mut head) = (Cell::new(0), LazyTimer::default(), ResponseHead::new());
    let mut wait = HeadWait::new(patience, since, &received, &mut timer);
    let limits = Limits { head_bytes: HEAD, ..Limits::RESPONSE };
    for _ in 0..=MAX_INTERIM {
        pod.next_head(&mut head, request, &limits, &mut wait, &Nobody).await?;
        if !head.is_interim() {
            return Ok(head);
        }
        pod.skip_head(&head);
        head.reset();
    }
    Err(ProxyError::InterimFlood.into())
}

/// Reads a short body to its end. Returns whether that was it.
async fn drain(body: &mut impl BodySource) -> Result<bool, ProxyError> {
    let mut length = 0;
    while let Some(piece) = body.chunk().await? {
        length += piece.len();
        if length > BODY {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Takes nothing, and never goes.
pub(crate) struct Nobody;

impl BodySink for Nobody {
    async fn data(&mut self, _: &[u8]) -> Result<(), ProxyError> {
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), ProxyError> {
        Ok(())
    }

    async fn end(&mut self, _: &[u8]) -> Result<(), ProxyError> {
        Ok(())
    }
}
