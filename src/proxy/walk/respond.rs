//! Fourth phase of the walk: a pod has sent its head, and the client has received nothing of the answer yet.
//!
//! This decides what becomes of the answer: whether it is passed on, and with which head.

use super::answer_head::{self, AnswerHead};
use super::client_io::ClientSink;
use super::record::Record;
use crate::filter::{Fields, HeadEdit};
use crate::http1::{RequestContext, ResponseHead};
use crate::proxy::shard::clock::Date;

/// What becomes of a pod's answer behind its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Its body is passed on.
    Relay,
    /// The connection has switched protocols: bytes pass both ways.
    Tunnel,
}

/// Decides, and gives the client the head. `bytes` are those that `response` points into; `edit` is memory for what
/// changes of it.
pub(crate) fn respond<K: ClientSink>(
    date: Date<'_>,
    record: &Record,
    request: RequestContext,
    response: &ResponseHead,
    bytes: &[u8],
    edit: &mut HeadEdit,
    sink: &mut K,
) -> Decision {
    edit.clear();
    answer_head::edit(record, response.status, Fields { bytes, list: &response.fields }, edit);
    let mut answer = AnswerHead::of_pod(response, bytes, request, edit, date);
    // A client that was not told to go on may send its body now, or never (RFC 9110 §10.1.1).
    answer.must_close |= record.must_close.get() || record.awaits_go_on.get() && record.received.get() == 0;
    sink.respond(&answer);
    if response.upgrade.is_some() { Decision::Tunnel } else { Decision::Relay }
}
