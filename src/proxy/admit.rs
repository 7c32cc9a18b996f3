//! First phase of the walk: from a request's head to what shall happen with it. One table load.

use std::sync::Arc;

use super::error::ProxyError;
use super::peer::{Peer, Scheme};
use super::scratch::Work;
use super::shard::Shard;
use crate::http1::{FieldKind, Framing, Method, TargetForm};
use crate::model::HttpsRedirect;
use crate::routing::{PathRefusal, Route, normalize_host};
use crate::upstream::Target;

/// Where challenges of certificate authorities are answered (RFC 8555 §8.3): never redirected.
const ACME: &str = "/.well-known/acme-challenge/";

/// What shall happen with a request.
pub(crate) enum Admission {
    /// Its route's target takes it.
    Route(Arc<Route<Target>>),
    /// The client shall come again over https.
    RedirectToHttps(Arc<Route<Target>>),
}

/// Decides by the table of this moment.
pub(crate) fn admit(shard: &Shard, peer: &Peer, work: &mut Work) -> Result<Admission, ProxyError> {
    let Work { head, request, host, path: scratch, .. } = work;
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
        && sni != host
        && table.certificates(Some(sni)).list != table.certificates(Some(host)).list
    {
        return Err(ProxyError::Misdirected);
    }
    let found = table.find(host, path, scratch).map_err(|refusal| match refusal {
        PathRefusal::Invalid => ProxyError::PathInvalid,
        PathRefusal::Ambiguous => ProxyError::PathAmbiguous,
    })?;
    let route = Arc::clone(found.route.ok_or(ProxyError::NoRoute)?);
    let redirect = match route.https_redirect {
        HttpsRedirect::Off => false,
        HttpsRedirect::WithTls => found.has_tls,
        HttpsRedirect::Always => true,
    };
    // Without a host (HTTP/1.0) there is no URL to send the client to.
    let redirect = redirect && !request.authority.is_empty();
    if redirect && !path.starts_with(ACME) && !came_by_https(peer, work) {
        return Ok(Admission::RedirectToHttps(route));
    }
    Ok(Admission::Route(route))
}

/// Whether the client used https. On a plain connection a trusted proxy in front knows better, if it says either.
fn came_by_https(peer: &Peer, work: &Work) -> bool {
    let told =
        if peer.is_trusted && peer.tls.is_none() { work.request.field(FieldKind::XForwardedProto) } else { None };
    let told = told.map_or(&b""[..], |field| field.value.of(&work.head));
    told.eq_ignore_ascii_case(b"https") || (peer.scheme == Scheme::Https && !told.eq_ignore_ascii_case(b"http"))
}
