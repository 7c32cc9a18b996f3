//! First phase of the walk: from a request's head to what shall happen with it. One table load.

use std::sync::Arc;

use crate::filter::{self, RequestView, Verdict};
use crate::http1::{Framing, Method, TargetForm};
use crate::model::Predicates;
use crate::proxy::error::ProxyError;
use crate::proxy::shard::Shard;
use crate::proxy::shard::scratch::ExchangeBuffers;
use crate::proxy::walk::peer::{Peer, Scheme};
use crate::routing::{PathRefusal, Route, normalize_host};
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
    let holds = |predicates: &Predicates| filter::holds(predicates, request, head);
    let found = table.find(host, path, &holds, scratch).map_err(|refusal| match refusal {
        PathRefusal::Invalid => ProxyError::PathInvalid,
        PathRefusal::Ambiguous => ProxyError::PathAmbiguous,
    })?;
    let route = Arc::clone(found.route.ok_or(ProxyError::NoRoute)?);
    let view = RequestView {
        head,
        request,
        path,
        is_tls: peer.tls.is_some(),
        is_https: peer.scheme == Scheme::Https,
        is_trusted: peer.is_trusted,
        has_tls: found.has_tls,
        https_port: shard.config.forwarding.https_port,
    };
    let is_answered = match filter::request(&route.spec.filters, &view) {
        Verdict::Continue => false,
        Verdict::Respond(_) => true,
    };
    Ok(if is_answered { Admission::RedirectToHttps(route) } else { Admission::Route(route) })
}
