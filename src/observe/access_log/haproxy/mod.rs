//! The line that HAProxy writes with `option httplog` (its configuration manual, "HTTP log format").

use std::io::Write as _;
use std::time::Duration;

use super::captures::{self, Captures};
use super::details::{Course, Details};
use super::entry::{Entry, longest};
use super::escape;
use super::format::{address, endpoint, number};
use crate::model::UpstreamSpec;
use crate::observe::clock::Clock;

/// Appends a line: `client:port [time] frontend backend/server TR/Tw/Tc/Tr/Ta status bytes - - state connections queues
/// {captured} "request"`.
#[cold]
#[inline(never)]
pub(super) fn write(out: &mut Vec<u8>, clock: &Clock, entry: &Entry<'_>, details: &impl Details, captures: &Captures) {
    let course = details.course();
    let Course { received, queued, connect, head, state, status, connections, backend, answer, .. } = &course;
    // The address has no brackets, also one of IPv6.
    address(out, entry.client);
    number(out, b":", course.remote_port.into());
    out.extend_from_slice(b" [");
    out.extend_from_slice(&clock.haproxy());
    out.extend_from_slice(b"] ");
    let frontend = if course.is_tls { "https" } else { "http" };
    out.extend_from_slice(frontend.as_bytes());
    // HAProxy marks TLS so (`%ft`).
    out.extend_from_slice(if course.is_tls { b"~ " } else { b" " });
    match backend {
        Some(backend) => name(out, backend),
        // As HAProxy, where a request got no further than the frontend.
        None => out.extend_from_slice(frontend.as_bytes()),
    }
    out.push(b'/');
    match &entry.upstream {
        Some(upstream) => endpoint(out, upstream.address),
        None => out.extend_from_slice(b"<NOSRV>"),
    }
    for (before, time) in [(b' ', received), (b'/', queued), (b'/', connect), (b'/', head)] {
        out.push(before);
        milliseconds(out, *time);
    }
    out.push(b'/');
    milliseconds(out, Some(entry.duration));
    match status {
        0 => out.extend_from_slice(b" -1"),
        status => number(out, b" ", u64::from(*status)),
    }
    number(out, b" ", entry.response_bytes);
    // No cookie is captured, and the two marks behind the state are about cookies of HAProxy's.
    out.extend_from_slice(b" - - ");
    out.extend_from_slice(state);
    out.extend_from_slice(b"--");
    number(out, b" ", connections.process);
    number(out, b"/", connections.frontend);
    number(out, b"/", connections.backend);
    number(out, b"/", connections.server);
    number(out, b"/", course.retries.into());
    // Of queues, which there are none of.
    out.extend_from_slice(b" 0/0 ");
    if !captures.request.is_empty() {
        of_request(out, details, captures);
        out.push(b' ');
    }
    if !captures.answer.is_empty() {
        match answer {
            Some(block) => out.extend_from_slice(block),
            None => {
                captures::begin(out);
                (0..captures.answer.len()).for_each(|index| captures::separate(out, index));
                captures::end(out);
            }
        }
        out.push(b' ');
    }
    request(out, entry);
    out.push(b'\n');
}

/// The name of a backend. What no API server would take as a name of objects cannot leave its place either.
fn name(out: &mut Vec<u8>, backend: &UpstreamSpec) {
    let before = out.len();
    // Writing to a Vec cannot fail.
    let _ = write!(out, "{}", backend.backend_name());
    if !out[before..].iter().all(u8::is_ascii_graphic) {
        let name: Vec<u8> = out.drain(before..).filter(|byte| *byte != b' ').collect();
        escape::haproxy(out, &name, longest::NAME);
    }
}

fn of_request(out: &mut Vec<u8>, details: &impl Details, captures: &Captures) {
    captures::begin(out);
    for (index, capture) in captures.request.iter().enumerate() {
        captures::separate(out, index);
        details.field(capture.name(), &mut |value| capture.write(out, value));
    }
    captures::end(out);
}

fn request(out: &mut Vec<u8>, entry: &Entry<'_>) {
    if entry.method.is_empty() {
        out.extend_from_slice(b"\"<BADREQ>\"");
        return;
    }
    out.push(b'"');
    escape::haproxy(out, entry.method, longest::METHOD);
    out.push(b' ');
    escape::haproxy(out, entry.target, longest::TARGET);
    out.push(b' ');
    out.extend_from_slice(entry.protocol.as_bytes());
    out.push(b'"');
}

/// Whole milliseconds; -1 where that was not reached.
fn milliseconds(out: &mut Vec<u8>, time: Option<Duration>) {
    match time {
        Some(time) => number(out, b"", u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
        None => out.extend_from_slice(b"-1"),
    }
}

#[cfg(test)]
mod tests;
