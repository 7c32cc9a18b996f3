//! First phase of the walk: from a request's head to what shall happen with it. One table load.

use std::sync::Arc;

use crate::http1::{FieldKind, Framing, Method, RequestHead, TargetForm};
use crate::proxy::error::ProxyError;
use crate::proxy::shard::Shard;
use crate::proxy::shard::scratch::ExchangeBuffers;
use crate::proxy::walk::peer::{Peer, Scheme};
use crate::routing::{Arrival, PathRefusal, Route, normalize_host, unredirected};
use crate::upstream::Target;

/// What shall happen with a request.
pub(crate) enum Admission {
    /// Its route's target takes it.
    Route(Arc<Route<Target>>),
    /// The client shall come again over https.
    RedirectToHttps(Arc<Route<Target>>),
}

/// Decides by the table of this moment.
pub(crate) fn admit(shard: &Shard, peer: &Peer, work: &mut ExchangeBuffers) -> Result<Admission, ProxyError> {
    let ExchangeBuffers { head, request, host, path: scratch, .. } = work;
    match request.method {
        Method::Connect | Method::Trace => return Err(ProxyError::MethodNotAllowed),
        Method::Get
        | Method::Head
        | Method::Post
        | Method::Put
        | Method::Delete
        | Method::Options
        | Method::Patch
        | Method::Other => {}
    }
    if request.form == TargetForm::Asterisk {
        // OPTIONS * asks about the proxy itself; no path rule can take it.
        return Err(ProxyError::MethodNotAllowed);
    }
    if let (Framing::Length(length), Some(limit)) = (request.framing, shard.config.limits.body_bytes)
        && length > limit
    {
        return Err(ProxyError::BodyTooLarge);
    }
    let host = request.host_name.and_then(|name| normalize_host(name.of(head), host));
    let path = std::str::from_utf8(request.path(head)).map_err(|_| ProxyError::PathInvalid)?;

    let table = shard.table.load();
    if peer.is_http2
        && let Some(tls) = &peer.tls
        && let (Some(sni), Some(host)) = (tls.server_name.as_deref(), host)
        && table.misdirects(sni, host)
    {
        return Err(ProxyError::Misdirected);
    }
    let found = table.find(host, path, scratch).map_err(|refusal| match refusal {
        PathRefusal::Invalid => ProxyError::PathInvalid,
        PathRefusal::Ambiguous => ProxyError::PathAmbiguous,
    })?;
    let route = Arc::clone(found.route.ok_or(ProxyError::NoRoute)?);
    let arrival = Arrival { is_https: peer.tls.is_some(), names_host: !request.authority.is_empty(), path };
    if unredirected(route.spec.https_redirect, found.has_tls, arrival, || came_by_https(peer, request, head)).is_none()
    {
        return Ok(Admission::RedirectToHttps(route));
    }
    Ok(Admission::Route(route))
}

/// Whether the client used https. On a plain connection a trusted proxy in front knows better, if it says either.
fn came_by_https(peer: &Peer, request: &RequestHead, head: &[u8]) -> bool {
    let told = if peer.is_trusted && peer.tls.is_none() { request.field(FieldKind::XForwardedProto) } else { None };
    let told = told.map_or(&b""[..], |field| field.value.of(head));
    told.eq_ignore_ascii_case(b"https") || (peer.scheme == Scheme::Https && !told.eq_ignore_ascii_case(b"http"))
}
