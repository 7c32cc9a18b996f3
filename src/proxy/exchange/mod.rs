//! THE REQUEST WALK: one request from its head to the end of its answer. This file only calls the phases.

mod admit;
mod aside_head;
mod auth_life;
mod call;
mod copy;
mod inquire;
mod instead;
mod reply;
pub(crate) mod request_head;

use std::sync::Arc;

use crate::filter::{self, FieldName, RequestView, Response, Uncounted, Verdict};
use crate::http1::{Framing, RequestHead, TargetForm};
use crate::model::{Filter, Needs, Reply, RoutePolicy, RouteTimeouts};
use crate::proxy::config::ListenerConfig;
use crate::proxy::error::{ProxyError, Side};
use crate::proxy::pods::forward::forward;
use crate::proxy::pods::gather;
use crate::proxy::shard::scratch::ExchangeBuffers;
use crate::proxy::walk::client_address::client;
use crate::proxy::walk::client_io::{ClientSink, ClientSource, GO_ON};
use crate::proxy::walk::grpc::is_grpc;
use crate::proxy::walk::meter::{Counted, RequestMeter};
use crate::proxy::walk::peer::{Peer, Scheme};
use crate::proxy::walk::record::{Captured, Kept};
use crate::proxy::walk::{Walk, explanation};
use crate::routing::{self, Route};
use crate::upstream::{Backend, Destination, Target};
use admit::{Admission, admit};
use inquire::inquire;

/// What is read and thrown away of a body nobody took, at most, to keep the connection. Bytes.
pub(crate) const DRAINED_BYTES: u64 = 64 * 1024;

/// Walks. `Err` means that the client's connection (or stream) is of no further use.
pub(crate) async fn exchange<S: ClientSource, K: ClientSink>(
    walk: &mut Walk<'_>,
    source: &mut S,
    sink: &mut K,
) -> Result<(), ProxyError> {
    walk.work.request_change.clear();
    request_head::identify(walk.work, walk.shard.random());
    walk.record.is_https = walk.peer.scheme == Scheme::Https;
    walk.record.is_explained = explanation::is_asked(walk.listener, walk.peer, walk.work);
    let mut instead_of = None;
    let outcome = loop {
        let Err(error) = answer(walk, instead_of, source, sink).await else { break Ok(()) };
        match instead_of {
            None => instead_of = instead::replaced(walk, &error).filter(|_| !sink.has_responded()),
            Some(status) => break Box::pin(instead::answer_failure(walk, status, error, sink)).await,
        }
        let Some(status) = instead_of else { break answer_failure(walk, error, sink).await };
        walk.record.replaced.set(status);
    };
    walk.is_over = true;
    outcome
}

/// Tells the client what went wrong, if it can still be told.
async fn answer_failure<K: ClientSink>(walk: &mut Walk<'_>, error: ProxyError, sink: &mut K) -> Result<(), ProxyError> {
    walk.record.failed(walk.shard, &error);
    if sink.has_responded() || matches!(error, ProxyError::ClientClosed | ProxyError::ClientStalled) {
        return Err(error);
    }
    if error == ProxyError::UpstreamCancelled && walk.peer.is_http2 && is_grpc(&walk.work.request, &walk.work.head) {
        // The client has the same deadline and knows what a reset behind it means. It would take a 502 for a failure.
        walk.record.status.set(error.status());
        return Err(error);
    }
    let must_close = leaves_unread(&walk.work.request, error.side());
    walk.work.answer_edit.clear();
    match walk.record.broken_rule.get() {
        Some(rule) if matches!(error, ProxyError::ResponseRule) => {
            reply::send(walk, error.status(), format_args!("{error}: {rule}"), sink, must_close).await
        }
        _ => reply::send(walk, error.status(), &error, sink, must_close).await,
    }
}

/// Answers a request, or lets another backend answer instead of an error with the status `instead_of`. Both forward by the same
/// call, which is large: a second one made all requests dearer.
async fn answer<S: ClientSource, K: ClientSink>(
    walk: &mut Walk<'_>,
    instead_of: Option<u16>,
    source: &mut S,
    sink: &mut K,
) -> Result<(), ProxyError> {
    let (route, backend, pod_head);
    let mut body = None;
    if let Some(status) = instead_of {
        let Some(known) = walk.record.route.clone() else { return Err(ProxyError::NoRoute) };
        route = known;
        let Some((other, at_hand)) = instead::turn(walk, &route, status) else {
            return Box::pin(instead::answer_nothing(walk, sink)).await;
        };
        (backend, pod_head, body) = (other, None, at_hand);
    } else {
        if walk.work.request.form == TargetForm::Asterisk {
            return Box::pin(answer_for_all(walk, sink)).await;
        }
        let Admission { route: found, has_tls } = admit(walk.shard, walk.peer, &walk.listener.forwarding, walk.work)?;
        walk.record.route = Some(Arc::clone(&found));
        route = found;
        let policy = &*route.spec.policy;
        source.obey(&policy.timeouts);
        sink.obey(&policy.timeouts);
        let refusal = match pass_filters(walk, &route, has_tls)? {
            Verdict::Continue => None,
            Verdict::Respond(response) => Some(response),
            asks @ (Verdict::Ask(_) | Verdict::Call(_)) => Box::pin(ask_all(walk, &route, has_tls, asks, sink)).await?,
        };
        if let Some(response) = refusal {
            return answer_of_filter(walk, &response, sink).await;
        }
        (backend, pod_head) = (backend_of(walk, &route)?, policy.pod_head.as_deref());
        if let Some(fields) = walk.shard.access_log.of_answers() {
            walk.record.kept.get_or_insert_default().captured = Some(Captured::of(fields));
        }
        if !walk.work.request_change.copy.is_empty() {
            copy::send(walk, &route, source);
        }
        if walk.work.request.expects_continue {
            if gather::buffered(walk, policy, &backend.upstream).is_some() {
                Box::pin(go_on(walk, source, sink)).await?;
            } else {
                await_go_on(walk, policy, source);
            }
        }
    }
    request_head::compose(walk.work, walk.peer, &walk.listener.forwarding, pod_head, || walk.shard.random());
    if instead_of.is_some() {
        instead::complete(walk.work, body);
    }
    let for_others = if route.target.besides.is_some() && instead_of_route(&route, backend) {
        route.spec.policy.for_others().map(Box::new)
    } else {
        None
    };
    if for_others.is_some() {
        walk.work.request_change.preference = None;
    }
    // One call for both: a second one makes every request dearer.
    forward(walk, backend, for_others.as_deref().unwrap_or(&route.spec.policy), source, sink).await
}

/// Whether a backend is another one than those of the route.
fn instead_of_route(route: &Route<Target>, backend: &Backend) -> bool {
    let is_it = |own: &Backend| Arc::ptr_eq(&own.upstream, &backend.upstream);
    match &route.target.destination {
        Destination::Forward(own) => !(is_it(own) || own.for_https.as_deref().is_some_and(is_it)),
        Destination::Reply(_) => true,
    }
}

/// The backend that a request is forwarded to.
#[inline]
fn backend_of<'r>(walk: &mut Walk<'_>, route: &'r Arc<Route<Target>>) -> Result<&'r Backend, ProxyError> {
    if route.target.besides.is_some()
        && let Some(backend) = instead::stand_in(walk, route)
    {
        return Ok(backend);
    }
    match &route.target.destination {
        Destination::Forward(backend) => match &backend.for_https {
            Some(for_https) if walk.peer.scheme == Scheme::Https => Ok(for_https),
            Some(_) | None => Ok(backend),
        },
        Destination::Reply(Reply::BackendUnavailable) => Err(ProxyError::BackendUnavailable),
        Destination::Reply(Reply::NotFound) => Err(ProxyError::NoRoute),
    }
}

/// A client that waits to be told to go on waits for its pod to say so, unless its body is coming already.
fn await_go_on<S: ClientSource>(walk: &mut Walk<'_>, policy: &RoutePolicy, source: &mut S) {
    let is_waiting = !source.is_buffered();
    walk.work.request.expects_continue = is_waiting;
    walk.record.awaits_go_on.set(is_waiting);
    if is_waiting {
        // That silence is not the client's fault.
        let body_gap = policy.timeouts.body_gap + GO_ON;
        source.obey(&RouteTimeouts { body_gap, ..policy.timeouts });
    }
}

/// A client that waits to be told to go on is told so: its body is waited for before a pod is asked.
async fn go_on<S: ClientSource, K: ClientSink>(
    walk: &mut Walk<'_>,
    source: &mut S,
    sink: &mut K,
) -> Result<(), ProxyError> {
    walk.work.request.expects_continue = false;
    if source.is_buffered() { Ok(()) } else { sink.interim(100, &[], &[]).await }
}

/// Answers `OPTIONS *`, which asks about the proxy itself (RFC 9110 §9.3.7).
async fn answer_for_all<K: ClientSink>(walk: &mut Walk<'_>, sink: &mut K) -> Result<(), ProxyError> {
    let must_close = leaves_unread(&walk.work.request, Side::Internal);
    let edit = &mut walk.work.answer_edit;
    edit.clear();
    edit.add(FieldName::ALLOW, reply::METHODS);
    reply::send(walk, 200, "these methods are served where a route allows them", sink, must_close).await
}

/// Lets the request pass the limit of its route and then the filters.
fn pass_filters<'r>(walk: &mut Walk<'_>, route: &'r Route<Target>, has_tls: bool) -> Result<Verdict<'r>, ProxyError> {
    let filters = &route.spec.filters;
    let fits =
        filter::body_size(route.spec.policy.body_bytes, &walk.work.request).map_err(|_| ProxyError::BodyTooLarge);
    if filters.needs().more {
        return pass_more_filters(walk, route, filters, has_tls, fits);
    }
    fits?;
    let Walk { listener, peer, work, .. } = walk;
    Ok(filter::only_https(filters, &view(&work.head, &work.request, peer, listener, has_tls)))
}

/// Asks what a filter asks, and goes on behind it: the next may ask too. `None`: all let the request continue.
async fn ask_all<'r, K: ClientSink>(
    walk: &mut Walk<'_>,
    route: &'r Route<Target>,
    has_tls: bool,
    mut verdict: Verdict<'r>,
    sink: &K,
) -> Result<Option<Box<Response<'r>>>, ProxyError> {
    loop {
        let asked_by = match verdict {
            Verdict::Continue => return Ok(None),
            Verdict::Respond(response) => return Ok(Some(response)),
            Verdict::Ask(ask) => {
                let by = ask.by;
                match inquire(walk.shard, *ask).await {
                    Verdict::Continue => by,
                    then @ (Verdict::Respond(_) | Verdict::Ask(_) | Verdict::Call(_)) => {
                        verdict = then;
                        continue;
                    }
                }
            }
            Verdict::Call(question) => {
                let by = question.by;
                if let Some(response) = call::call(walk, route, *question, sink).await? {
                    return Ok(Some(Box::new(response)));
                }
                by
            }
        };
        let left = filter::behind(&route.spec.filters, asked_by);
        verdict = pass_more_filters(walk, route, left, has_tls, Ok(()))?;
    }
}

/// What is known of each request.
#[inline]
fn view<'a>(
    head: &'a [u8],
    request: &'a RequestHead,
    peer: &'a Peer,
    listener: &ListenerConfig,
    has_tls: bool,
) -> RequestView<'a> {
    RequestView {
        head,
        request,
        is_tls: peer.tls.is_some(),
        is_https: peer.scheme == Scheme::Https,
        is_trusted: peer.is_trusted,
        has_tls,
        port: peer.port,
        http_port: listener.forwarding.http_port,
        https_port: listener.forwarding.https_port,
        client: None,
        decoded_path: b"",
        pattern: None,
        route: None,
        random: 0,
        meter: &Uncounted,
        identity: peer,
    }
}

/// The same where there are filters besides the redirect to https: those that are left of them.
#[inline(never)]
fn pass_more_filters<'r>(
    walk: &mut Walk<'_>,
    route: &Route<Target>,
    filters: &'r [Filter],
    has_tls: bool,
    fits: Result<(), ProxyError>,
) -> Result<Verdict<'r>, ProxyError> {
    let needs = route.spec.filters.needs();
    let Walk { shard, listener, peer, work, ready_at, record, .. } = walk;
    let ExchangeBuffers { head, request, request_change, .. } = &mut **work;
    let client = needs.client.then(|| client(head, request, peer, &listener.forwarding));
    let canonical = if needs.path { canonical_path(request.path(head)) } else { String::new() };
    let meter = RequestMeter::new(&shard.limiter, route.spec.origin.label(), *ready_at);
    let view = RequestView {
        client,
        decoded_path: &routing::decoded(&canonical),
        pattern: route.spec.matches.path.pattern(),
        route: Some(&route.spec),
        random: if needs.random { shard.random() as u64 } else { 0 },
        meter: &meter,
        ..view(head, request, peer, listener, has_tls)
    };
    if record.kept.is_none() {
        record.kept = keep(needs, &route.spec.filters, &view);
    }
    fits?;
    let verdict = filter::request(filters, &view, request_change);
    record.session = request_change.session;
    let Counted { place, has_forgotten } = meter.finish();
    if has_forgotten {
        shard.metrics.client_forgotten();
    }
    // Filters behind one that has asked count nothing.
    walk.place = place.or(walk.place.take());
    Ok(verdict)
}

/// What is kept of a request for its answer, if anything is.
fn keep(needs: Needs, filters: &[Filter], view: &RequestView<'_>) -> Option<Box<Kept>> {
    let origin = if needs.origin { filter::origin(view.request, view.head) } else { None };
    let values = if needs.answer { filter::values(filters, view) } else { None };
    let url_values = if needs.url_values { filter::url_values(filters, view) } else { None };
    let is_any = origin.is_some() || values.is_some() || url_values.is_some();
    is_any.then(|| Box::new(Kept { origin, values, url_values, ..Kept::default() }))
}

/// The path of a request that has found its route, which only paths with a canonical form do.
fn canonical_path(path: &[u8]) -> String {
    std::str::from_utf8(path).ok().and_then(|path| routing::canonical_path(path).ok()).unwrap_or_default()
}

/// Answers what a filter answers.
async fn answer_of_filter<K: ClientSink>(
    walk: &mut Walk<'_>,
    response: &Response<'_>,
    sink: &mut K,
) -> Result<(), ProxyError> {
    let Response { by, status, fields, text, body } = response;
    let kind = by.kind();
    walk.record.answered_by = Some(kind.as_str());
    walk.shard.metrics.answered_by(kind);
    if *status >= 400 {
        walk.record.error.set(Some(kind.as_str()));
    }
    let filters = walk.record.route.as_ref().map(|route| &route.spec.filters);
    if filters.is_some_and(|filters| filter::replaces_own(filters, by, *status)) {
        walk.record.replaced.set(*status);
        return Err(ProxyError::Replaced);
    }
    // A connection that is not for the host is not for the next request to it either.
    let must_close = leaves_unread(&walk.work.request, Side::Internal) || *status == 421;
    let edit = &mut walk.work.answer_edit;
    edit.clear();
    fields.iter().for_each(|(name, value)| edit.add(*name, value));
    match body {
        Some(body) => Box::pin(reply::send_text(walk, *status, body, sink, must_close)).await,
        None => reply::send(walk, *status, text, sink, must_close).await,
    }
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
pub(crate) async fn refuse<K: ClientSink>(walk: &mut Walk<'_>, error: ProxyError, sink: &mut K) {
    walk.work.head.clear();
    request_head::generate_id(walk.work, walk.shard.random());
    walk.record.failed(walk.shard, &error);
    walk.work.answer_edit.clear();
    // The client may have gone.
    let _ = reply::send(walk, error.status(), &error, sink, true).await;
    walk.is_over = true;
}
