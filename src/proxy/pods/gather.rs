//! A body that is waited for before its request goes to a pod: a short one so that the request can go to another pod after an
//! answer, or one of up to some MiB so that no pod waits for a slow client. Only routes whose author asks for that wait.

use std::pin::pin;

use super::attempt::WHOLE_BODY;
use super::h1::LONG;
use super::retry::Facts;
use crate::http1::{Framing, writer};
use crate::model::{Protocol, RetryRule, RoutePolicy, TlsHttp};
use crate::proxy::error::ProxyError;
use crate::proxy::walk::Walk;
use crate::proxy::walk::client_io::{ClientSink, ClientSource};
use crate::proxy::walk::grpc::is_grpc;
use crate::proxy::wire::body::unless_lost;
use crate::proxy::wire::ledger::Kept;
use crate::upstream::Upstream;

/// What has come of a body.
pub(super) struct Gathered {
    /// Whether that is all of it.
    pub(super) is_whole: bool,
    /// Whether it is too long to be sent before anything else is done.
    pub(super) is_long: bool,
    /// Its memory, for as long as it may be needed.
    pub(super) _held: Kept,
}

/// How much of the body of this request, which has not arrived in whole, is waited for. In bytes; `None`: nothing.
pub(super) fn wanted(walk: &Walk<'_>, policy: &RoutePolicy, upstream: &Upstream, facts: Facts) -> Option<usize> {
    if let Some(most) = buffered(walk, policy, upstream) {
        return Some(most);
    }
    // A client that waits to be told to go on is not kept waiting by us.
    let rule = policy.retry.filter(|rule| *rule != RetryRule::default())?;
    let is_short = match walk.work.request.framing {
        Framing::Length(length) => length <= WHOLE_BODY as u64,
        Framing::None | Framing::Chunked | Framing::UntilClose => false,
    };
    let is_wanted = is_short && !walk.work.request.expects_continue;
    (is_wanted && Facts { is_whole: true, ..facts }.may_repeat(rule)).then_some(WHOLE_BODY)
}

/// The same for the sake of pods that would wait. A call of gRPC may have to be answered before its body ends, as may a tunnel.
pub(crate) fn buffered(walk: &Walk<'_>, policy: &RoutePolicy, upstream: &Upstream) -> Option<usize> {
    let most = policy.request_buffer?;
    let request = &walk.work.request;
    let is_for_calls = match &upstream.key().protocol {
        Protocol::Http1 => false,
        Protocol::H2c => true,
        Protocol::Tls(tls) => tls.http == TlsHttp::Http2,
    };
    let may_wait = !is_for_calls && request.upgrade.is_none() && !is_grpc(request, &walk.work.head);
    (may_wait && walk.shard.share.may_keep()).then_some(most)
}

/// Appends up to `most` bytes of it, and what came with them, to the head in `work.out`.
pub(super) async fn gather<S: ClientSource, K: ClientSink>(
    walk: &mut Walk<'_>,
    most: usize,
    limit: Option<u64>,
    source: &mut S,
    sink: &K,
) -> Result<Gathered, ProxyError> {
    let (received, share) = (&walk.record.received, &walk.shard.share);
    let head = walk.work.out.len();
    let out = &mut walk.work.out;
    let mut held = Kept::new(share, 0);
    let is_over = loop {
        if out.len() - head >= most || !share.may_keep() {
            break matches!(walk.work.request.framing, Framing::Length(length) if length == received.get());
        }
        let Some(piece) = unless_lost(sink, pin!(source.chunk())).await? else { break true };
        received.set(received.get() + piece.len() as u64);
        if limit.is_some_and(|limit| received.get() > limit) {
            return Err(ProxyError::BodyTooLarge);
        }
        out.extend_from_slice(piece);
        held = Kept::new(share, out.capacity() - head);
    };
    if let Some(copy) = walk.record.take_body_copy().and_then(|copy| copy.with(&out[head..])) {
        // The rest of its body comes later, if there is any.
        if is_over { copy.end() } else { walk.record.keep_body_copy(copy) }
    }
    let is_whole = match walk.work.request.framing {
        Framing::Length(length) if is_over && length != received.get() => return Err(ProxyError::ClientClosed),
        Framing::None | Framing::Length(_) => is_over,
        // Fields behind a body need chunks.
        Framing::Chunked | Framing::UntilClose => is_over && source.trailers().is_empty() && tell_length(out, head),
    };
    Ok(Gathered { is_whole, is_long: out.len() > LONG, _held: held })
}

/// Tells the length of the body behind the head, which has so many bytes, in place of chunks. False: the head tells no chunks.
fn tell_length(out: &mut Vec<u8>, head: usize) -> bool {
    let (mut chunked, mut told) = (Vec::new(), Vec::new());
    writer::framing_field(&mut chunked, Framing::Chunked);
    writer::framing_field(&mut told, Framing::Length((out.len() - head) as u64));
    let end = head.saturating_sub(writer::HEAD_END.len());
    let Some(start) = end.checked_sub(chunked.len()).filter(|start| out[*start..end] == chunked[..]) else {
        return false;
    };
    out.splice(start..end, told);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_is_all_there_has_a_length_in_place_of_chunks() {
        let head = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
        let mut out = [&head[..], b"twelve bytes"].concat();
        assert!(tell_length(&mut out, head.len()));
        assert_eq!(out, b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 12\r\n\r\ntwelve bytes");
        let other = b"POST / HTTP/1.1\r\nhost: a\r\n\r\n";
        let mut out = [&other[..], b"x"].concat();
        assert!(!tell_length(&mut out, other.len()));
        assert_eq!(out, [&other[..], b"x"].concat());
    }
}
