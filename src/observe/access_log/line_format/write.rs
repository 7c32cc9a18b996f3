//! Writes a line.

use std::time::Duration;

use super::variable::Own;
use super::{LONGEST, LineEscape, LineFormat, Piece, VALUES_ROOM};
use crate::model::Variable;
use crate::observe::access_log::details::{Details, Facts};
use crate::observe::access_log::entry::Entry;
use crate::observe::access_log::escape;
use crate::observe::access_log::format::{address, endpoint, number};
use crate::observe::clock::Clock;

/// Less room than this takes no value.
const LEAST: usize = 8;

impl LineFormat {
    /// Appends a line.
    #[cold]
    #[inline(never)]
    pub(in crate::observe::access_log) fn write(
        &self,
        out: &mut Vec<u8>,
        clock: &mut Clock,
        entry: &Entry<'_>,
        details: &dyn Details,
    ) {
        // As nginx: the time at which the line is written.
        clock.set(entry.time + entry.duration);
        let mut line = Line {
            out,
            clock,
            entry,
            details,
            facts: details.facts(),
            escape: match self.escape {
                LineEscape::Default => escape::nginx,
                LineEscape::Json => escape::json,
                LineEscape::None => escape::controls,
            },
            missing: match self.escape {
                LineEscape::Default => b"-",
                LineEscape::Json | LineEscape::None => b"",
            },
            room: VALUES_ROOM,
        };
        for piece in &*self.pieces {
            match piece {
                Piece::Text(text) => line.out.extend_from_slice(text.as_bytes()),
                Piece::Request(variable) => line.of_request(variable),
                Piece::Own(own) => line.own(*own),
            }
        }
        line.out.push(b'\n');
    }
}

/// A line that is being written.
struct Line<'a> {
    out: &'a mut Vec<u8>,
    clock: &'a Clock,
    entry: &'a Entry<'a>,
    details: &'a dyn Details,
    facts: Facts<'a>,
    escape: fn(&mut Vec<u8>, &[u8], usize),
    missing: &'static [u8],
    /// What values may still take.
    room: usize,
}

impl Line<'_> {
    /// A value of any length.
    fn text(&mut self, value: &[u8]) {
        let longest = self.room.min(LONGEST);
        if longest >= LEAST {
            let before = self.out.len();
            (self.escape)(self.out, value, longest);
            self.room -= self.out.len() - before;
        }
    }

    fn missing(&mut self) {
        self.out.extend_from_slice(self.missing);
    }

    fn text_or_missing(&mut self, value: Option<&[u8]>) {
        match value {
            Some(value) => self.text(value),
            None => self.missing(),
        }
    }

    fn of_request(&mut self, variable: &Variable) {
        let details = self.details;
        let mut is_there = false;
        details.request(variable, &mut |value| {
            if !value.is_empty() || *variable == Variable::IsArgs {
                is_there = true;
                self.text(value);
            }
        });
        if !is_there {
            self.missing();
        }
    }

    fn own(&mut self, own: Own) {
        let Entry { method, target, protocol, status, request_bytes, response_bytes, duration, upstream, .. } =
            *self.entry;
        let Facts { names, canary, connect, head, response, answered, cipher, remote_port, server_port } = self.facts;
        match own {
            Own::RemoteUser => match self.details.user() {
                Some(user) => self.text(user.as_bytes()),
                None => self.missing(),
            },
            Own::RemotePort => number(self.out, b"", remote_port.into()),
            Own::ServerPort => number(self.out, b"", server_port.into()),
            Own::ServerName => self.text(names.map_or("_", |names| &names.host).as_bytes()),
            Own::TimeLocal => self.out.extend_from_slice(self.clock.common()),
            Own::TimeIso8601 => {
                self.out.extend_from_slice(&self.clock.rfc3339()[..19]);
                self.out.extend_from_slice(b"+00:00");
            }
            Own::Msec => self.milliseconds(self.clock.since_1970()),
            Own::Request if method.is_empty() => self.missing(),
            Own::Request => {
                self.text(method);
                self.out.push(b' ');
                self.text(target);
                self.out.push(b' ');
                self.out.extend_from_slice(protocol.as_bytes());
            }
            Own::ServerProtocol => self.out.extend_from_slice(protocol.as_bytes()),
            Own::Status => self.status(status),
            Own::BytesSent => number(self.out, b"", response_bytes),
            Own::RequestLength => number(self.out, b"", request_bytes),
            Own::RequestTime => self.milliseconds(duration),
            Own::RequestId => self.text(self.entry.request_id),
            Own::ForwardedFor => self.forwarded_for(),
            Own::UpstreamAddress => match upstream {
                Some(upstream) => endpoint(self.out, upstream.address),
                None => self.missing(),
            },
            Own::UpstreamStatus => match upstream {
                Some(_) => self.status(answered),
                None => self.missing(),
            },
            Own::UpstreamLength => match upstream {
                Some(upstream) => number(self.out, b"", if upstream.head.is_some() { response_bytes } else { 0 }),
                None => self.missing(),
            },
            Own::UpstreamConnectTime => self.milliseconds_or_missing(connect),
            Own::UpstreamHeaderTime => self.milliseconds_or_missing(head),
            Own::UpstreamResponseTime => self.milliseconds_or_missing(response),
            Own::ProxyUpstreamName => {
                let name = names.map_or_else(|| "upstream-default-backend".to_owned(), |names| names.upstream());
                self.text(name.as_bytes());
            }
            Own::ProxyAlternativeUpstreamName => self.text(canary.as_bytes()),
            Own::Namespace => self.text(names.map_or("", |names| &names.namespace).as_bytes()),
            Own::IngressName => self.text(names.map_or("", |names| &names.ingress).as_bytes()),
            Own::ServiceName => self.text(names.map_or("", |names| &names.service).as_bytes()),
            Own::ServicePort => self.text(names.map_or("", |names| &names.port).as_bytes()),
            Own::LocationPath => self.text(names.map_or("", |names| &names.path).as_bytes()),
            Own::SslProtocol => self.text_or_missing(self.entry.tls.map(|tls| tls.version.as_bytes())),
            Own::SslCipher => self.text_or_missing(cipher.map(str::as_bytes)),
            Own::SslServerName => {
                self.text_or_missing(self.entry.tls.and_then(|tls| tls.sni).map(str::as_bytes));
            }
        }
    }

    /// What was there, and the client behind it.
    fn forwarded_for(&mut self) {
        let details = self.details;
        details.request(&Variable::Header("x-forwarded-for".into()), &mut |value| {
            if !value.is_empty() {
                self.text(value);
                self.out.extend_from_slice(b", ");
            }
        });
        address(self.out, self.entry.client);
    }

    /// Three digits.
    fn status(&mut self, status: u16) {
        self.digits(u32::from(status.min(999)));
    }

    fn digits(&mut self, value: u32) {
        let digit = |by: u32| b'0' + (value / by % 10) as u8;
        self.out.extend_from_slice(&[digit(100), digit(10), digit(1)]);
    }

    /// Seconds with milliseconds: `1.002`.
    fn milliseconds(&mut self, time: Duration) {
        number(self.out, b"", time.as_secs());
        self.out.push(b'.');
        self.digits(time.subsec_millis());
    }

    fn milliseconds_or_missing(&mut self, time: Option<Duration>) {
        match time {
            Some(time) => self.milliseconds(time),
            None => self.missing(),
        }
    }
}
