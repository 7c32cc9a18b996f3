//! The two forms of a line.

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::entry::{Entry, longest};
use super::escape;
use crate::observe::clock::Clock;

/// Appends a JSON object and a line feed. Members that have nothing to say are left out.
pub(super) fn json(out: &mut Vec<u8>, clock: &Clock, entry: &Entry<'_>) {
    out.extend_from_slice(b"{\"time\":\"");
    out.extend_from_slice(clock.rfc3339());
    out.extend_from_slice(b"\",\"client\":\"");
    address(out, entry.client);
    text(out, b"\",\"scheme\":\"", entry.scheme.as_bytes(), 8);
    text(out, b"\",\"method\":\"", entry.method, longest::METHOD);
    text(out, b"\",\"host\":\"", entry.host, longest::HOST);
    text(out, b"\",\"target\":\"", entry.target, longest::TARGET);
    text(out, b"\",\"protocol\":\"", entry.protocol.as_bytes(), 16);
    number(out, b"\",\"status\":", entry.status.into());
    number(out, b",\"request_bytes\":", entry.request_bytes);
    number(out, b",\"response_bytes\":", entry.response_bytes);
    out.extend_from_slice(b",\"duration\":");
    seconds(out, entry.duration);
    if let Some(upstream) = &entry.upstream {
        out.extend_from_slice(b",\"upstream\":\"");
        endpoint(out, upstream.address);
        number(out, b"\",\"attempts\":", upstream.attempts.into());
        if let Some(head) = upstream.head {
            out.extend_from_slice(b",\"upstream_duration\":");
            seconds(out, head);
        }
        if let Some(version) = upstream.tls {
            text(out, b",\"upstream_tls\":\"", version.as_bytes(), 8);
            out.push(b'"');
        }
    }
    if let Some(route) = &entry.route {
        text(out, b",\"namespace\":\"", route.namespace.as_bytes(), longest::NAME);
        text(out, b"\",\"ingress\":\"", route.ingress.as_bytes(), longest::NAME);
        text(out, b"\",\"service\":\"", route.service.as_bytes(), longest::NAME);
        out.push(b'"');
    }
    text(out, b",\"request_id\":\"", entry.request_id, longest::REQUEST_ID);
    if let Some(user_agent) = entry.user_agent {
        text(out, b"\",\"user_agent\":\"", user_agent, longest::USER_AGENT);
    }
    if let Some(referer) = entry.referer {
        text(out, b"\",\"referer\":\"", referer, longest::REFERER);
    }
    if let Some(tls) = &entry.tls {
        text(out, b"\",\"tls\":\"", tls.version.as_bytes(), 8);
        if let Some(sni) = tls.sni {
            text(out, b"\",\"sni\":\"", sni.as_bytes(), longest::HOST);
        }
    }
    if let Some(error) = entry.error {
        text(out, b"\",\"error\":\"", error.as_bytes(), 64);
    }
    out.extend_from_slice(b"\"}\n");
}

fn text(out: &mut Vec<u8>, before: &[u8], value: &[u8], longest: usize) {
    out.extend_from_slice(before);
    escape::json(out, value, longest);
}

/// Appends the Combined Log Format, and behind it: `"host" upstream seconds upstream-seconds attempts
/// "namespace/ingress/service" "request id" error`. What there is not is `-`.
pub(super) fn common(out: &mut Vec<u8>, clock: &Clock, entry: &Entry<'_>) {
    address(out, entry.client);
    out.extend_from_slice(b" - - [");
    out.extend_from_slice(clock.common());
    out.extend_from_slice(b"] \"");
    escape::common(out, entry.method, longest::METHOD);
    out.push(b' ');
    escape::common(out, entry.target, longest::TARGET);
    out.push(b' ');
    out.extend_from_slice(entry.protocol.as_bytes());
    number(out, b"\" ", entry.status.into());
    number(out, b" ", entry.response_bytes);
    quoted(out, entry.referer, longest::REFERER);
    quoted(out, entry.user_agent, longest::USER_AGENT);
    quoted(out, Some(entry.host).filter(|host| !host.is_empty()), longest::HOST);
    out.push(b' ');
    match &entry.upstream {
        Some(upstream) => endpoint(out, upstream.address),
        None => out.push(b'-'),
    }
    out.push(b' ');
    seconds(out, entry.duration);
    out.push(b' ');
    match entry.upstream.and_then(|upstream| upstream.head) {
        Some(head) => seconds(out, head),
        None => out.push(b'-'),
    }
    number(out, b" ", entry.upstream.map_or(0, |upstream| upstream.attempts.into()));
    out.extend_from_slice(b" \"");
    if let Some(route) = &entry.route {
        for (part, after) in [(route.namespace, "/"), (route.ingress, "/"), (route.service, "")] {
            escape::common(out, part.as_bytes(), longest::NAME);
            out.extend_from_slice(after.as_bytes());
        }
    } else {
        out.push(b'-');
    }
    out.push(b'"');
    quoted(out, Some(entry.request_id), longest::REQUEST_ID);
    out.push(b' ');
    out.extend_from_slice(entry.error.unwrap_or("-").as_bytes());
    out.push(b'\n');
}

fn quoted(out: &mut Vec<u8>, value: Option<&[u8]>, longest: usize) {
    out.extend_from_slice(b" \"");
    escape::common(out, value.unwrap_or(b"-"), longest);
    out.push(b'"');
}

pub(super) fn number(out: &mut Vec<u8>, before: &[u8], value: u64) {
    out.extend_from_slice(before);
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Seconds with microseconds: `1.000250`.
pub(super) fn seconds(out: &mut Vec<u8>, duration: Duration) {
    number(out, b"", duration.as_secs());
    let mut fraction = *b".000000";
    let mut micros = duration.subsec_micros();
    for digit in fraction[1..].iter_mut().rev() {
        *digit = b'0' + (micros % 10) as u8;
        micros /= 10;
    }
    out.extend_from_slice(&fraction);
}

/// Address and port: `10.0.0.1:80`, `[2001:db8::1]:80`.
pub(super) fn endpoint(out: &mut Vec<u8>, endpoint: SocketAddr) {
    let is_bracketed = endpoint.ip().to_canonical().is_ipv6();
    if is_bracketed {
        out.push(b'[');
    }
    address(out, endpoint.ip());
    number(out, if is_bracketed { b"]:" } else { b":" }, endpoint.port().into());
}

/// An address without brackets, IPv4 written by hand: `fmt` takes three times as long.
pub(super) fn address(out: &mut Vec<u8>, address: IpAddr) {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let mut dot: &[u8] = b"";
            for octet in address.octets() {
                number(out, dot, octet.into());
                dot = b".";
            }
        }
        IpAddr::V6(address) => {
            // Writing to a Vec cannot fail.
            let _ = write!(out, "{address}");
        }
    }
}
