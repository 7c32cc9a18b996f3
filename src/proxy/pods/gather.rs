//! A short body that is waited for before its request goes to a pod, so that the request can go to another one after an answer.
//! Only routes whose author asks for that wait.

use std::pin::pin;

use super::attempt::WHOLE_BODY;
use super::retry::Facts;
use crate::http1::Framing;
use crate::model::{RetryRule, RoutePolicy};
use crate::proxy::error::ProxyError;
use crate::proxy::walk::Walk;
use crate::proxy::walk::client_io::{ClientSink, ClientSource};
use crate::proxy::wire::body::unless_lost;

/// Whether the body of this request, which has not arrived in whole, is waited for. A client that waits to be told to go on is
/// not kept waiting by us.
pub(super) fn is_wanted(walk: &Walk<'_>, policy: &RoutePolicy, facts: Facts) -> bool {
    let Some(rule) = policy.retry.filter(|rule| *rule != RetryRule::default()) else { return false };
    let is_short = match walk.work.request.framing {
        Framing::Length(length) => length <= WHOLE_BODY as u64,
        Framing::None | Framing::Chunked | Framing::UntilClose => false,
    };
    is_short && !walk.work.request.expects_continue && Facts { is_whole: true, ..facts }.may_repeat(rule)
}

/// Appends it to the head in `work.out`.
pub(super) async fn gather<S: ClientSource, K: ClientSink>(
    walk: &mut Walk<'_>,
    source: &mut S,
    sink: &K,
) -> Result<(), ProxyError> {
    let received = &walk.record.received;
    while let Some(piece) = unless_lost(sink, pin!(source.chunk())).await? {
        received.set(received.get() + piece.len() as u64);
        walk.work.out.extend_from_slice(piece);
    }
    match walk.work.request.framing {
        Framing::Length(length) if length == received.get() => {
            if let Some(copy) = walk.record.take_body_copy() {
                let head = walk.work.out.len() - usize::try_from(length).unwrap_or_default();
                // It has its body now, and goes.
                let _ = copy.with(&walk.work.out[head..]);
            }
            Ok(())
        }
        Framing::None | Framing::Length(_) | Framing::Chunked | Framing::UntilClose => Err(ProxyError::ClientClosed),
    }
}
