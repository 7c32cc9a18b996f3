//! Answers of our own: a line of plain text that says what happened and names the request.

use std::fmt::Display;
use std::io::Write as _;

use tokio::time::Instant;

use crate::filter::{FieldName, Fields};
use crate::http1::{Framing, writer};
use crate::proxy::error::ProxyError;
use crate::proxy::shard::scratch::ExchangeBuffers;
use crate::proxy::walk::Walk;
use crate::proxy::walk::answer_head::{self, AnswerHead};
use crate::proxy::walk::client_io::ClientSink;

/// The methods that routes may serve, as Allow names them. Others are forwarded too, but for CONNECT and TRACE.
pub(super) const METHODS: &[u8] = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// Answers with this status and text, which a 204 does not have. `answer_edit` holds the fields that only this answer has, and
/// no others.
pub(super) async fn send<K: ClientSink>(
    walk: &mut Walk<'_>,
    status: u16,
    text: impl Display,
    sink: &mut K,
    must_close: bool,
) -> Result<(), ProxyError> {
    let ExchangeBuffers { reply, request_id, .. } = &mut *walk.work;
    reply.clear();
    if has_body(status) {
        // Writing to memory cannot fail.
        let _ = writeln!(reply, "{status} {}: {text} (request id {request_id})", writer::reason(status));
    }
    send_reply(walk, status, sink, must_close).await
}

/// Answers with this status and exactly this text, which a 204 and a 304 do not have.
pub(super) async fn send_text<K: ClientSink>(
    walk: &mut Walk<'_>,
    status: u16,
    text: &[u8],
    sink: &mut K,
    must_close: bool,
) -> Result<(), ProxyError> {
    let reply = &mut walk.work.reply;
    reply.clear();
    if has_body(status) {
        reply.extend_from_slice(text);
    }
    send_reply(walk, status, sink, must_close).await
}

/// Whether answers of ours with this status have a body (RFC 9110 §6.4.1).
fn has_body(status: u16) -> bool {
    !matches!(status, 204 | 304)
}

/// Answers with this status and what is in `reply`.
async fn send_reply<K: ClientSink>(
    walk: &mut Walk<'_>,
    status: u16,
    sink: &mut K,
    must_close: bool,
) -> Result<(), ProxyError> {
    let Walk { shard, record, work, .. } = walk;
    let ExchangeBuffers { answer_edit, reply, request_id, .. } = &mut **work;
    record.status.set(status);
    let reason = writer::reason(status);
    match status {
        405 => answer_edit.add(FieldName::ALLOW, METHODS),
        503 => answer_edit.add(FieldName::RETRY_AFTER, b"1"),
        _ => {}
    }
    let has_body = has_body(status);
    if has_body {
        answer_edit.add(FieldName::CONTENT_TYPE, b"text/plain; charset=utf-8");
    }
    answer_edit.add(FieldName::X_REQUEST_ID, request_id.as_bytes());
    answer_head::edit(record, status, Fields::default(), answer_edit);
    sink.respond(&AnswerHead {
        status,
        reason: reason.as_bytes(),
        fields: Fields::default(),
        edit: answer_edit,
        framing: if has_body { Framing::Length(reply.len() as u64) } else { Framing::None },
        told_length: None,
        upgrade: None,
        must_close,
        date: shard.clock.date(Instant::now()),
    });
    sink.data(reply).await?;
    sink.end(&[]).await?;
    record.sent.set(reply.len() as u64);
    Ok(())
}

#[cfg(test)]
mod tests;
