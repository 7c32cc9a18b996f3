//! What attempts over both protocols share: how they fail, and what they need of the request.

use crate::http1::RequestContext;
use crate::proxy::error::ProxyError;
use crate::proxy::shard::scratch::ExchangeBuffers;
use crate::proxy::walk::Walk;
use crate::proxy::walk::client_io::{ClientSink, ClientSource};

/// A request's body of at most this size that has arrived whole is sent in one write with the head, and is at hand
/// for another attempt. Bytes.
pub(crate) const WHOLE_BODY: usize = 64 * 1024;
/// An attempt that failed.
pub(crate) struct Failed {
    /// What happened.
    pub error: ProxyError,
    /// What may be done about it.
    pub again: Again,
}

/// What may follow a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// Nothing.
    Never,
    /// Another attempt on any connection: the pod refused the request unprocessed.
    Anywhere,
    /// Another endpoint.
    Elsewhere,
    /// Any endpoint, but on a new connection.
    Afresh,
}

/// Tells a waiting client to go on (RFC 9110 §10.1.1): its request has a route and a connection.
pub(crate) async fn expect<S: ClientSource, K: ClientSink>(
    walk: &mut Walk<'_>,
    source: &mut S,
    sink: &mut K,
) -> Result<(), ProxyError> {
    if walk.work.request.expects_continue && !walk.was_told_to_go_on && !source.is_buffered() {
        walk.was_told_to_go_on = true;
        sink.interim(100, &[], &[]).await?;
    }
    Ok(())
}

/// What the answer's parser must know of the request.
pub(crate) fn context(work: &ExchangeBuffers) -> RequestContext {
    RequestContext { method: work.request.method, asked_upgrade: work.request.upgrade.is_some() }
}
