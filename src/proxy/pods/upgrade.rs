//! Attempts with a request that asks to switch protocols, at an endpoint that speaks HTTP/2. HTTP/2 knows that for
//! WebSockets alone, and not every server offers it (RFC 8441). Otherwise HTTP/1 is tried, which many servers speak on the
//! same port.

use super::attempt::Attempt;
use super::retry::{Failure, Reached};
use super::{connect, h1, h2, open_session};
use crate::http1::{ResponseError, Upgrade};
use crate::proxy::error::ProxyError;
use crate::proxy::walk::Walk;
use crate::proxy::walk::client_io::{ClientSink, ClientSource};
use crate::proxy::wire::body::unless_lost;

/// One attempt.
pub(super) async fn attempt<S: ClientSource, K: ClientSink>(
    walk: &mut Walk<'_>,
    attempt: &Attempt<'_>,
    is_whole: bool,
    source: &mut S,
    sink: &mut K,
) -> Result<(), Failure> {
    let shard = walk.shard;
    if walk.work.request.upgrade == Some(Upgrade::WebSocket) {
        let lease = unless_lost(sink, open_session::obtain(shard, attempt)).await?;
        if h2::takes_upgrade(walk, attempt, &lease, sink).await? {
            return h2::attempt(walk, attempt, lease, is_whole, source, sink).await;
        }
    }
    let may_repeat = is_whole && walk.work.request.method.is_idempotent();
    let obtained = connect::obtain(shard, attempt, may_repeat, sink).await?;
    let outcome = h1::attempt(walk, attempt, obtained, is_whole, source, sink).await;
    outcome.map_err(|failure| {
        if speaks_http1(&failure.error) { failure } else { Failure::new(ProxyError::UpgradeUnsupported, Reached::Pod) }
    })
}

/// Whether an endpoint that this went wrong with may speak HTTP/1.
fn speaks_http1(error: &ProxyError) -> bool {
    !matches!(
        error,
        ProxyError::UpstreamClosed
            | ProxyError::Response(ResponseError::Syntax(_) | ResponseError::Version | ResponseError::Status)
    )
}
