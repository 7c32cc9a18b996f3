//! Second phase of the walk: the request's head as the pod gets it.
//!
//! Field lines are copied as they came, in runs. Fields of the client's connection are left out, and we write the
//! fields that say who the client is (RFC 9110 §7.6; the same fields as ingress-nginx).

use crate::filter::{Fields, is_https};
use crate::http1::{FieldKind, Framing, RequestHead, TargetForm, Upgrade, websocket, writer};
use crate::model::{PodConnection, PodHead};
use crate::proxy::config::Forwarding;
use crate::proxy::shard::scratch::ExchangeBuffers;
use crate::proxy::walk::client_address::client_of;
use crate::proxy::walk::peer::Peer;

/// Room for the fields that we add, in bytes. They may take more.
const FORWARDED: usize = 512;

/// Writes the head into `work.out`: everything but the body. `differing` is what the route's policy says of it, `random` gives
/// bits for a nonce, if one is needed.
pub(crate) fn compose(
    work: &mut ExchangeBuffers,
    peer: &Peer,
    forwarding: &Forwarding,
    differing: Option<&PodHead>,
    random: impl FnOnce() -> u128,
) {
    let ExchangeBuffers { head, request, request_change, out, request_id, .. } = work;
    out.clear();
    // Growth by doubling would take twice the length of a long head.
    out.reserve_exact(head.len() + FORWARDED);
    let is_old = differing.is_some_and(PodHead::is_old)
        && request.upgrade.is_none()
        && !matches!(request.framing, Framing::Chunked | Framing::UntilClose);
    if request_change.target.is_empty() {
        writer::request_line(out, head, request);
    } else {
        writer::request_line_to(out, head, request, &request_change.target);
    }
    if is_old {
        writer::in_http_1_0(out);
    }
    let mut host_anew = request.form == TargetForm::Absolute || request.field(FieldKind::Host).is_none();
    if let Some(host) = differing.and_then(|head| head.host.as_ref()) {
        host_anew = true;
        writer::field(out, b"host", host.as_str().as_bytes());
    } else if !request_change.host.is_empty() {
        host_anew = true;
        writer::field(out, b"host", &request_change.host);
    } else if host_anew {
        writer::field(out, b"host", request.authority.of(head));
    }
    let trusted = peer.is_trusted;
    let is_connect = peer.is_http2 && request.upgrade.is_some();
    if is_connect {
        // Over HTTP/2 there is no key (RFC 8441 §5): the pod gets ours and no other.
        let keys = request.fields.iter_mut();
        keys.filter(|field| field.name.of(head).eq_ignore_ascii_case(websocket::KEY_FIELD))
            .for_each(|field| field.hop = true);
    }
    request_change.fields.write(Fields { bytes: head, list: &request.fields }, out, |field| match field.kind {
        FieldKind::Host => !host_anew,
        _ => !field.hop && travels(field.kind, trusted),
    });
    if is_connect {
        writer::field(out, websocket::KEY_FIELD, &websocket::key(random()));
    }
    let fields = &request_change.fields;
    forwarded(out, head, request, peer, forwarding, |kind| fields.adds(kind));
    if !fields.adds(FieldKind::XRequestId) {
        writer::field(out, b"x-request-id", request_id.as_bytes());
    }
    if request.expects_continue && !is_old {
        out.extend_from_slice(b"expect: 100-continue\r\n");
    }
    // RFC 9110 §10.1.4: who sends TE names it as an option of the connection.
    out.extend_from_slice(match (request.upgrade, request.accepts_trailers && !is_old) {
        (Some(_), true) => b"te: trailers\r\nconnection: te, upgrade\r\n",
        (Some(_), false) => b"connection: upgrade\r\n",
        (None, true) => b"te: trailers\r\nconnection: te\r\n",
        (None, false) => &b""[..],
    });
    if request.upgrade.is_some() {
        writer::field(out, b"upgrade", request.upgrade_name(head));
    } else if let Some(connection) = differing.and_then(|head| head.connection) {
        out.extend_from_slice(match connection {
            PodConnection::Close => b"connection: close\r\n",
            PodConnection::KeepAlive => b"connection: keep-alive\r\n",
        });
    }
    if request.upgrade != Some(Upgrade::WebSocket) {
        writer::framing_field(out, request.framing);
    }
    out.extend_from_slice(writer::HEAD_END);
}

/// Whether a request field goes on to the pod. Forwarding fields do so only from trusted peers.
pub(super) fn travels(kind: FieldKind, trusted: bool) -> bool {
    match kind {
        FieldKind::Connection
        | FieldKind::KeepAlive
        | FieldKind::ProxyConnection
        | FieldKind::Te
        | FieldKind::Trailer
        | FieldKind::TransferEncoding
        | FieldKind::ContentLength
        | FieldKind::Upgrade
        | FieldKind::Http2Settings
        | FieldKind::Expect
        | FieldKind::ProxyAuthorization
        | FieldKind::ProxyAuthenticate
        | FieldKind::XForwardedFor
        | FieldKind::XRequestId
        | FieldKind::Proxy
        | FieldKind::Twin => false,
        FieldKind::XForwardedHost
        | FieldKind::XForwardedProto
        | FieldKind::XForwardedPort
        | FieldKind::XForwardedOther
        | FieldKind::XScheme
        | FieldKind::XRealIp
        | FieldKind::Forwarded
        | FieldKind::XOriginal
        | FieldKind::XRewrite => trusted,
        FieldKind::Host
        | FieldKind::Authorization
        | FieldKind::Cookie
        | FieldKind::Server
        | FieldKind::Date
        | FieldKind::UserAgent
        | FieldKind::Referer
        | FieldKind::Other => true,
    }
}

/// Says who the client is and how it reached us, where no trusted peer has said so and the route says nothing else.
pub(super) fn forwarded(
    out: &mut Vec<u8>,
    head: &[u8],
    request: &RequestHead,
    peer: &Peer,
    forwarding: &Forwarding,
    is_set: impl Fn(FieldKind) -> bool,
) {
    let fields = &request.fields;
    let told = |kind| is_set(kind) || peer.is_trusted && fields.iter().any(|field| field.kind == kind && !field.hop);
    out.extend_from_slice(b"x-forwarded-for: ");
    if peer.is_trusted {
        for field in fields.iter().filter(|field| field.kind == FieldKind::XForwardedFor && !field.value.is_empty()) {
            out.extend_from_slice(field.value.of(head));
            out.extend_from_slice(b", ");
        }
    }
    out.extend_from_slice(peer.address_text.as_bytes());
    out.extend_from_slice(b"\r\n");
    if !told(FieldKind::XForwardedHost) && !request.authority.is_empty() {
        writer::field(out, b"x-forwarded-host", request.authority.of(head));
    }
    if !told(FieldKind::XForwardedProto) {
        writer::field(out, b"x-forwarded-proto", peer.scheme.as_str().as_bytes());
    }
    if !told(FieldKind::XForwardedPort) {
        // The scheme that a trusted peer tells has a port of its own.
        let proto = if peer.is_trusted { request.field(FieldKind::XForwardedProto) } else { None };
        let port = match proto.and_then(|field| is_https(field.value.of(head))) {
            Some(true) => forwarding.https_port,
            Some(false) => forwarding.http_port,
            None => peer.port,
        };
        writer::field(out, b"x-forwarded-port", itoa::Buffer::new().format(port).as_bytes());
    }
    if !told(FieldKind::XRealIp) {
        match client_of(head, fields, peer, forwarding) {
            Some(client) => {
                use std::io::Write as _;
                let _ = write!(out, "x-real-ip: {client}\r\n");
            }
            None => writer::field(out, b"x-real-ip", peer.address_text.as_bytes()),
        }
    }
}

/// Takes over the client's request id, or makes one.
pub(crate) fn identify(work: &mut ExchangeBuffers, random: u128) {
    let ExchangeBuffers { head, request, request_id, .. } = work;
    request_id.clear();
    if let Some(field) = request.field(FieldKind::XRequestId) {
        let value = field.value.of(head);
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte);
        if (1..=128).contains(&value.len()) && value.iter().all(is_plain) {
            request_id.extend(value.iter().map(|&byte| char::from(byte)));
            return;
        }
    }
    generate_id(work, random);
}

/// Makes a request id: 32 hexadecimal digits, as ingress-nginx does.
pub(crate) fn generate_id(work: &mut ExchangeBuffers, random: u128) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 32];
    for (pair, byte) in text.chunks_exact_mut(2).zip(random.to_be_bytes()) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    work.request_id.clear();
    work.request_id.push_str(std::str::from_utf8(&text).unwrap_or_default());
}

#[cfg(test)]
mod tests;
