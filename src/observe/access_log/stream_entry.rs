//! What the access log says about a connection of a stream, or about the datagrams of one client.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use super::escape;
use super::format::{address, endpoint, number, seconds};
use crate::model::{ListenerKey, ObjectName, Transport};
use crate::observe::clock::Clock;
use crate::observe::stream_metrics::StreamFailure;

/// A connection that has ended.
#[derive(Clone, Copy, Debug)]
pub struct StreamEntry<'a> {
    /// Wall clock when it was accepted.
    pub time: SystemTime,
    /// The client: the peer, or what a trusted proxy says.
    pub client: SocketAddr,
    /// The port.
    pub listener: ListenerKey,
    /// The endpoint of the last attempt; `None` when there was none.
    pub upstream: Option<SocketAddr>,
    /// Attempts to reach an endpoint.
    pub attempts: u8,
    /// How long it took until an endpoint was reached.
    pub connect: Option<Duration>,
    /// The Service; `None` where nothing took the connection.
    pub service: Option<&'a ObjectName>,
    /// Bytes that the client has sent.
    pub received: u64,
    /// Bytes that were sent to it.
    pub sent: u64,
    /// From when it was accepted to its end.
    pub duration: Duration,
    /// Why it ended otherwise than by both of its sides.
    pub failure: Option<StreamFailure>,
}

impl StreamEntry<'_> {
    fn protocol(&self) -> &'static str {
        match self.listener.transport {
            Transport::Tcp => "TCP",
            Transport::Udp => "UDP",
        }
    }
}

/// Appends a JSON object and a line feed.
pub(super) fn json(out: &mut Vec<u8>, clock: &Clock, entry: &StreamEntry<'_>) {
    out.extend_from_slice(b"{\"time\":\"");
    out.extend_from_slice(clock.rfc3339());
    out.extend_from_slice(b"\",\"client\":\"");
    address(out, entry.client.ip());
    number(out, b"\",\"client_port\":", entry.client.port().into());
    out.extend_from_slice(b",\"protocol\":\"");
    out.extend_from_slice(entry.protocol().as_bytes());
    number(out, b"\",\"port\":", entry.listener.port.into());
    number(out, b",\"received_bytes\":", entry.received);
    number(out, b",\"sent_bytes\":", entry.sent);
    out.extend_from_slice(b",\"duration\":");
    seconds(out, entry.duration);
    if let Some(upstream) = entry.upstream {
        out.extend_from_slice(b",\"upstream\":\"");
        endpoint(out, upstream);
        number(out, b"\",\"attempts\":", entry.attempts.into());
    }
    if let Some(connect) = entry.connect {
        out.extend_from_slice(b",\"connect_duration\":");
        seconds(out, connect);
    }
    if let Some(service) = entry.service {
        for (before, name) in [(&b",\"namespace\":\""[..], &service.namespace), (b"\",\"service\":\"", &service.name)] {
            out.extend_from_slice(before);
            escape::json(out, name.as_bytes(), super::entry::longest::NAME);
        }
        out.push(b'"');
    }
    if let Some(failure) = entry.failure {
        out.extend_from_slice(b",\"error\":\"");
        out.extend_from_slice(failure.as_str().as_bytes());
        out.push(b'"');
    }
    out.extend_from_slice(b"}\n");
}

/// Appends `client - - [time] "TCP port" sent received upstream seconds connect-seconds attempts "namespace/service" error`. What
/// there is not is `-`.
pub(super) fn common(out: &mut Vec<u8>, clock: &Clock, entry: &StreamEntry<'_>) {
    address(out, entry.client.ip());
    out.extend_from_slice(b" - - [");
    out.extend_from_slice(clock.common());
    out.extend_from_slice(b"] \"");
    out.extend_from_slice(entry.protocol().as_bytes());
    number(out, b" ", entry.listener.port.into());
    number(out, b"\" ", entry.sent);
    number(out, b" ", entry.received);
    out.push(b' ');
    match entry.upstream {
        Some(upstream) => endpoint(out, upstream),
        None => out.push(b'-'),
    }
    out.push(b' ');
    seconds(out, entry.duration);
    out.push(b' ');
    match entry.connect {
        Some(connect) => seconds(out, connect),
        None => out.push(b'-'),
    }
    number(out, b" ", entry.attempts.into());
    out.extend_from_slice(b" \"");
    match entry.service {
        Some(service) => {
            escape::common(out, service.namespace.as_bytes(), super::entry::longest::NAME);
            out.push(b'/');
            escape::common(out, service.name.as_bytes(), super::entry::longest::NAME);
        }
        None => out.push(b'-'),
    }
    out.extend_from_slice(b"\" ");
    out.extend_from_slice(entry.failure.map_or("-", StreamFailure::as_str).as_bytes());
    out.push(b'\n');
}

/// Appends the line that HAProxy writes with `option tcplog`: `client:port [time] frontend backend/server Tw/Tc/Tt bytes state
/// connections queues`. Connections and queues are not told: zeros.
pub(super) fn haproxy(out: &mut Vec<u8>, clock: &Clock, entry: &StreamEntry<'_>) {
    let milliseconds = |out: &mut Vec<u8>, before: &[u8], time: Option<Duration>| match time {
        Some(time) => number(out, before, u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
        None => {
            out.extend_from_slice(before);
            out.extend_from_slice(b"-1");
        }
    };
    let frontend = |out: &mut Vec<u8>| {
        out.extend_from_slice(entry.listener.transport.as_str().as_bytes());
        number(out, b"-", entry.listener.port.into());
    };
    address(out, entry.client.ip());
    number(out, b":", entry.client.port().into());
    out.extend_from_slice(b" [");
    out.extend_from_slice(&clock.haproxy());
    out.extend_from_slice(b"] ");
    frontend(out);
    out.push(b' ');
    match entry.service {
        Some(service) => {
            out.extend_from_slice(service.namespace.as_bytes());
            out.extend_from_slice(b"_svc_");
            out.extend_from_slice(service.name.as_bytes());
        }
        None => frontend(out),
    }
    out.push(b'/');
    match entry.upstream {
        Some(upstream) => endpoint(out, upstream),
        None => out.extend_from_slice(b"<NOSRV>"),
    }
    milliseconds(out, b" ", Some(Duration::ZERO).filter(|_| entry.upstream.is_some()));
    milliseconds(out, b"/", entry.connect);
    milliseconds(out, b"/", Some(entry.duration));
    number(out, b" ", entry.sent);
    out.push(b' ');
    out.extend_from_slice(entry.failure.map_or("--", StreamFailure::haproxy_state).as_bytes());
    number(out, b" 0/0/0/0/", u64::from(entry.attempts.saturating_sub(1)));
    out.extend_from_slice(b" 0/0\n");
}

/// Appends the line that ingress-nginx writes for streams (`log-format-stream`): `[client] [time] protocol status sent received
/// seconds`. Formats of an operator's are for requests.
pub(super) fn nginx(out: &mut Vec<u8>, clock: &Clock, entry: &StreamEntry<'_>) {
    out.push(b'[');
    address(out, entry.client.ip());
    out.extend_from_slice(b"] [");
    out.extend_from_slice(clock.common());
    out.extend_from_slice(b"] ");
    out.extend_from_slice(entry.protocol().as_bytes());
    number(out, b" ", entry.failure.map_or(200, StreamFailure::nginx_status).into());
    number(out, b" ", entry.sent);
    number(out, b" ", entry.received);
    number(out, b" ", entry.duration.as_secs());
    let millis = entry.duration.subsec_millis();
    out.extend_from_slice(&[b'.', digit(millis / 100), digit(millis / 10), digit(millis), b'\n']);
}

fn digit(number: u32) -> u8 {
    b'0' + (number % 10) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICE: (&str, &str) = ("shop", "mysql");

    fn lines(entry: &StreamEntry<'_>) -> [String; 4] {
        let mut clock = Clock::new();
        clock.set(entry.time);
        [json, common, haproxy, nginx].map(|write| {
            let mut out = Vec::new();
            write(&mut out, &clock, entry);
            String::from_utf8(out).unwrap()
        })
    }

    #[test]
    fn a_connection_has_a_line_in_each_form() {
        let service = ObjectName::new(SERVICE.0, SERVICE.1);
        let entry = StreamEntry {
            time: SystemTime::UNIX_EPOCH + Duration::from_millis(1_767_323_045_078),
            client: "203.0.113.7:33317".parse().unwrap(),
            listener: ListenerKey { port: 13306, transport: Transport::Tcp },
            upstream: Some("10.0.0.9:3306".parse().unwrap()),
            attempts: 2,
            connect: Some(Duration::from_micros(1500)),
            service: Some(&service),
            received: 120,
            sent: 4321,
            duration: Duration::from_millis(2098),
            failure: Some(StreamFailure::Pod),
        };
        let [json, common, haproxy, nginx] = lines(&entry);
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((&read["client"], &read["client_port"]), (&"203.0.113.7".into(), &33317.into()));
        assert_eq!((&read["protocol"], &read["port"]), (&"TCP".into(), &13306.into()));
        assert_eq!((&read["upstream"], &read["attempts"]), (&"10.0.0.9:3306".into(), &2.into()));
        assert_eq!((&read["service"], &read["error"]), (&"mysql".into(), &"pod_reset".into()));
        assert_eq!(
            common,
            "203.0.113.7 - - [02/Jan/2026:03:04:05 +0000] \"TCP 13306\" 4321 120 10.0.0.9:3306 2.098000 0.001500 2 \
             \"shop/mysql\" pod_reset\n"
        );
        assert_eq!(
            haproxy,
            "203.0.113.7:33317 [02/Jan/2026:03:04:05.078] tcp-13306 shop_svc_mysql/10.0.0.9:3306 0/1/2098 4321 SD \
             0/0/0/0/1 0/0\n"
        );
        assert_eq!(nginx, "[203.0.113.7] [02/Jan/2026:03:04:05 +0000] TCP 200 4321 120 2.098\n");
    }

    #[test]
    fn what_there_is_not_is_left_out() {
        let entry = StreamEntry {
            time: SystemTime::UNIX_EPOCH,
            client: "[2001:db8::1]:5".parse().unwrap(),
            listener: ListenerKey { port: 53, transport: Transport::Udp },
            upstream: None,
            attempts: 0,
            connect: None,
            service: None,
            received: 0,
            sent: 0,
            duration: Duration::ZERO,
            failure: None,
        };
        let [json, common, haproxy, nginx] = lines(&entry);
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert!(["upstream", "service", "error", "connect_duration"].iter().all(|name| read.get(name).is_none()));
        assert!(common.ends_with("\"UDP 53\" 0 0 - 0.000000 - 0 \"-\" -\n"), "{common}");
        assert!(haproxy.ends_with("udp-53 udp-53/<NOSRV> -1/-1/0 0 -- 0/0/0/0/0 0/0\n"), "{haproxy}");
        assert!(nginx.ends_with("UDP 200 0 0 0.000\n"), "{nginx}");
    }
}
