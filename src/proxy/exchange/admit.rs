//! First phase of the walk: from a request's head to its route. One table load.

use std::cell::Cell;
use std::sync::Arc;

use crate::filter::{self, Circumstances};
use crate::http1::RequestHead;
use crate::model::Predicates;
use crate::proxy::config::Forwarding;
use crate::proxy::error::ProxyError;
use crate::proxy::shard::Shard;
use crate::proxy::shard::scratch::ExchangeBuffers;
use crate::proxy::walk::client_address::client;
use crate::proxy::walk::peer::Peer;
use crate::routing::{Draw, PathRefusal, Route, normalize_name};
use crate::upstream::{Destination, Target};

/// A request that has a route.
pub(crate) struct Admission {
    /// Its route.
    pub route: Arc<Route<Target>>,
    /// Whether a TLS entry covers its host.
    pub has_tls: bool,
}

/// Finds the route in the table of this moment.
pub(crate) fn admit(
    shard: &Shard,
    peer: &Peer,
    forwarding: &Forwarding,
    work: &mut ExchangeBuffers,
) -> Result<Admission, ProxyError> {
    let ExchangeBuffers { head, request, host, path: scratch, .. } = work;
    if !filter::is_routable(request) {
        return Err(ProxyError::MethodNotAllowed);
    }
    let host = request.host_name.and_then(|name| normalize_name(name.of(head), host));
    let path = std::str::from_utf8(request.path(head)).map_err(|_| ProxyError::PathInvalid)?;

    let table = shard.table.load();
    if peer.is_http2
        && let Some(tls) = &peer.tls
        && let (Some(sni), Some(host)) = (tls.server_name.as_deref(), host)
        && table.misdirects(sni, host)
    {
        return Err(ProxyError::Misdirected);
    }
    let drawn = Cell::new(None);
    let holds = |predicates: &Predicates| {
        let random = || {
            let number = drawn.get().unwrap_or_else(|| shard.random() as u64);
            drawn.set(Some(number));
            number
        };
        let client = || Some(client(head, request, peer, forwarding));
        filter::holds(predicates, request, head, Circumstances { client: &client, random: &random })
    };
    let found = table.find(host, path, &holds, scratch).map_err(|refusal| match refusal {
        PathRefusal::Invalid => ProxyError::PathInvalid,
        PathRefusal::Ambiguous => ProxyError::PathAmbiguous,
    })?;
    let route = found.route.ok_or(ProxyError::NoRoute)?;
    let route = if route.is_shared() { choose(shard, route, request, head) } else { Arc::clone(route) };
    Ok(Admission { route, has_tls: found.has_tls })
}

/// The route that a request falls to.
#[inline(never)]
fn choose(shard: &Shard, route: &Arc<Route<Target>>, request: &RequestHead, head: &[u8]) -> Arc<Route<Target>> {
    let side = |rule: &_| filter::side(rule, &route.spec.filters, request, head);
    let chosen = route.choose(&Draw {
        random: &|| shard.random() as u64,
        asks: &|rule| side(rule).or_else(|| filter::canary(rule, request, head)),
        lives: &has_endpoint,
    });
    Arc::clone(chosen)
}

/// Whether a target has a pod.
fn has_endpoint(target: &Target) -> bool {
    match &target.destination {
        Destination::Forward(backend) => !backend.upstream.endpoints().is_empty(),
        Destination::Reply(_) => false,
    }
}
