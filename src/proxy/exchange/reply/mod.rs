//! Answers of our own: short plain text that says what happened and names the request, and redirects to https.

use std::io::Write as _;

use crate::http1::{Framing, writer};
use crate::proxy::error::ProxyError;
use crate::proxy::shard::Shard;
use crate::proxy::shard::scratch::ExchangeBuffers;
use crate::proxy::walk::client_io::{Answer, ClientSink};
use crate::proxy::wire::body::BodySink;

/// Answers with the error's status and a line of text. `explanation` is a whole header line or nothing.
pub(crate) async fn error<K: ClientSink>(
    shard: &Shard,
    reply: &mut Vec<u8>,
    request_id: &str,
    explanation: &str,
    error: &ProxyError,
    sink: &mut K,
    must_close: bool,
) -> Result<u64, ProxyError> {
    let status = error.status();
    let reason = writer::reason(status);
    let mut lines = String::from("content-type: text/plain; charset=utf-8\r\n");
    match status {
        405 => lines.push_str("allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"),
        503 => lines.push_str("retry-after: 1\r\n"),
        _ => {}
    }
    lines.push_str("x-request-id: ");
    lines.push_str(request_id);
    lines.push_str("\r\n");
    lines.push_str(explanation);
    reply.clear();
    let _ = writeln!(reply, "{status} {reason}: {error} (request id {request_id})");
    send(shard, sink, status, &lines, reply, must_close).await
}

/// Answers 308 with the same URL under https (nginx `http-redirect-code` 308).
pub(crate) async fn to_https<K: ClientSink>(
    shard: &Shard,
    work: &mut ExchangeBuffers,
    explanation: &str,
    sink: &mut K,
    must_close: bool,
) -> Result<u64, ProxyError> {
    let ExchangeBuffers { head, request, request_id, reply, .. } = work;
    let mut lines = String::from("location: https://");
    // Everything here passed the strict parser: visible ASCII without anything that could end the line.
    let host = request.host_name.map_or_else(
        || {
            let authority = request.authority.of(head);
            match request.port {
                Some(_) => authority.rsplitn(2, |&byte| byte == b':').last().unwrap_or_default(),
                None => authority,
            }
        },
        |name| name.of(head),
    );
    lines.extend(host.iter().map(|&byte| char::from(byte)));
    let port = shard.config.forwarding.https_port;
    if port != 443 {
        lines.push_str(&format!(":{port}"));
    }
    lines.extend(request.path(head).iter().map(|&byte| char::from(byte)));
    if let Some(query) = request.query {
        lines.push('?');
        lines.extend(query.of(head).iter().map(|&byte| char::from(byte)));
    }
    lines.push_str("\r\ncontent-type: text/plain; charset=utf-8\r\nx-request-id: ");
    lines.push_str(request_id);
    lines.push_str("\r\n");
    lines.push_str(explanation);
    reply.clear();
    let _ = writeln!(reply, "308 Permanent Redirect: this host is served over https (request id {request_id})");
    send(shard, sink, 308, &lines, reply, must_close).await
}

async fn send<K: ClientSink>(
    shard: &Shard,
    sink: &mut K,
    status: u16,
    lines: &str,
    body: &[u8],
    must_close: bool,
) -> Result<u64, ProxyError> {
    sink.respond(&Answer {
        status,
        reason: writer::reason(status).as_bytes(),
        bytes: &[],
        fields: &[],
        lines: lines.as_bytes(),
        framing: Framing::Length(body.len() as u64),
        told_length: None,
        is_upgrade: false,
        must_close,
        clock: &shard.clock,
    });
    BodySink::data(sink, body).await?;
    sink.end(&[]).await?;
    Ok(body.len() as u64)
}

#[cfg(test)]
mod tests;
