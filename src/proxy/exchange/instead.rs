//! What happens for few routes: another backend answers instead of pods that tell of errors, or that are not there.

use std::sync::Arc;

use super::reply;
use crate::filter::{self, ErrorFacts};
use crate::http1::{Framing, Method};
use crate::model::{Action, Reply};
use crate::proxy::error::{ProxyError, Side};
use crate::proxy::shard::scratch::ExchangeBuffers;
use crate::proxy::walk::Walk;
use crate::proxy::walk::client_io::ClientSink;
use crate::routing::Route;
use crate::upstream::{Backend, Destination, Target};

/// The backend that takes the requests of a route whose own has no endpoint. It is told so.
pub(super) fn stand_in<'r>(walk: &mut Walk<'_>, route: &'r Arc<Route<Target>>) -> Option<&'r Backend> {
    let besides = route.target.besides.as_ref()?;
    let backend = besides.errors.as_ref()?;
    let is_empty = match &route.target.destination {
        Destination::Forward(own) => own.upstream.endpoints().is_empty(),
        Destination::Reply(Reply::BackendUnavailable) => true,
        Destination::Reply(Reply::NotFound) => false,
    };
    if !(is_empty && filter::error_pages(&route.spec.filters)?.stands_in) {
        return None;
    }
    // Its own errors are its own.
    walk.record.replaced.set(503);
    tell(walk, route, 503, None);
    Some(backend)
}

/// The status of an answer that another backend gives instead; `None`: the client gets the error.
pub(super) fn replaced(walk: &Walk<'_>, error: &ProxyError) -> Option<u16> {
    if *error == ProxyError::Replaced {
        return Some(walk.record.replaced.get());
    }
    let is_of_backend = match error.side() {
        Side::Upstream => true,
        Side::Internal => {
            matches!(
                error,
                ProxyError::NoEndpoints
                    | ProxyError::BackendUnavailable
                    | ProxyError::UpstreamFull
                    | ProxyError::QueueTimeout
            )
        }
        Side::Client => false,
    };
    let status = error.status();
    let is_replaced = is_of_backend && walk.record.replaces(status);
    is_replaced.then_some(status)
}

/// Turns to the backend that answers instead of a pod: it is asked for `/` by the client's method, and gets the body that comes
/// with this, where it is at hand. `None`: there is no such backend.
pub(super) fn turn<'r>(
    walk: &mut Walk<'_>,
    route: &'r Arc<Route<Target>>,
    status: u16,
) -> Option<(&'r Backend, Option<Vec<u8>>)> {
    let body = at_hand(walk);
    let backend = route.target.besides.as_ref().and_then(|besides| besides.errors.as_ref())?;
    let ExchangeBuffers { head, request, .. } = &*walk.work;
    let mut uri = request.path(head).to_vec();
    let mut target = b"/".to_vec();
    if let Some(query) = request.query {
        for text in [&mut uri, &mut target] {
            text.push(b'?');
            text.extend_from_slice(query.of(head));
        }
    }
    tell(walk, route, status, Some(&uri));
    let Walk { work, record, .. } = walk;
    // Who may be speaking another protocol, or may send a body that nobody takes, is not asked for more.
    record.must_close.set(work.request.upgrade.is_some() || work.request.expects_continue);
    record.awaits_go_on.set(false);
    record.head_after.set(None);
    record.handed_over.set(None);
    let request = &mut work.request;
    if request.upgrade.is_some() {
        request.method = Method::Get;
    }
    request.framing = match (&body, request.framing) {
        (Some(body), _) => Framing::Length(body.len() as u64),
        (None, Framing::None) => Framing::None,
        (None, Framing::Length(_) | Framing::Chunked | Framing::UntilClose) => Framing::Length(0),
    };
    (request.upgrade, request.expects_continue) = (None, false);
    work.request_change.target = target;
    // That is said of the pods that have failed.
    work.request_change.host.clear();
    Some((backend, body))
}

/// The body of the request, if all of it lies behind the head that an attempt has sent. Only then may it be sent again.
fn at_hand(walk: &Walk<'_>) -> Option<Vec<u8>> {
    let Walk { work, record, .. } = walk;
    let Framing::Length(length @ 1..) = work.request.framing else { return None };
    // A request that a filter answered was not written yet.
    if record.attempts.get() == 0 || record.received.get() != length {
        return None;
    }
    let head = memchr::memmem::find(&work.out, b"\r\n\r\n")? + 4;
    let body = &work.out[head..];
    (body.len() as u64 == length).then(|| body.to_vec())
}

/// Completes a head that was composed for what [`turn`] chose: nothing more is awaited of the client.
pub(super) fn complete(work: &mut ExchangeBuffers, body: Option<Vec<u8>>) {
    if let (Method::Get, Some(end)) = (work.request.method, memchr::memchr(b' ', &work.out)) {
        work.out.splice(..end, *b"GET");
    }
    work.out.extend_from_slice(&body.unwrap_or_default());
    work.request.framing = Framing::None;
}

/// Answers instead of a pod where no other backend does.
pub(super) async fn answer_nothing<K: ClientSink>(walk: &mut Walk<'_>, sink: &mut K) -> Result<(), ProxyError> {
    let must_close = super::leaves_unread(&walk.work.request, Side::Upstream);
    walk.work.answer_edit.clear();
    reply::send(walk, 404, "nothing is here", sink, must_close).await
}

/// Gives the client the status that another backend was to answer, and did not.
pub(super) async fn answer_failure<K: ClientSink>(
    walk: &mut Walk<'_>,
    status: u16,
    error: ProxyError,
    sink: &mut K,
) -> Result<(), ProxyError> {
    walk.record.failed(walk.shard, &error);
    if sink.has_responded() || error.side() == Side::Client {
        return Err(error);
    }
    walk.work.answer_edit.clear();
    reply::send(walk, status, "the backend has failed, and so has the one that answers errors", sink, true).await
}

fn tell(walk: &mut Walk<'_>, route: &Arc<Route<Target>>, status: u16, uri: Option<&[u8]>) {
    let (service, port) = match &route.spec.action {
        Action::Forward(upstream) => (&*upstream.key.service.name, upstream.port.to_string()),
        Action::Split(_) | Action::Canary(_) | Action::Reply(_) => ("", String::new()),
    };
    let object = route.spec.origin.label();
    let facts = ErrorFacts { status, object: [&object.namespace, &object.name], service: [service, &port], uri };
    let ExchangeBuffers { head, request, request_change, .. } = &mut *walk.work;
    filter::tell(&facts, request, head, request_change);
}
