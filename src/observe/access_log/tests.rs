use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{SystemTime, UNIX_EPOCH};

use super::*;
use crate::observe::clock::Clock;

const PATIENCE: Duration = Duration::from_secs(30);

fn entry() -> Entry<'static> {
    Entry {
        time: UNIX_EPOCH + Duration::from_millis(1_767_323_045_678),
        client: IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7)),
        scheme: "https",
        method: b"GET",
        host: b"shop.example",
        target: b"/cart?item=1",
        protocol: "HTTP/1.1",
        status: 200,
        request_bytes: 321,
        response_bytes: 4321,
        duration: Duration::from_micros(1_002_345),
        upstream: Some(UpstreamPart {
            address: SocketAddr::from(([10, 0, 0, 9], 8080)),
            head: Some(Duration::from_micros(900)),
            attempts: 1,
            tls: None,
        }),
        route: Some(RoutePart { namespace: "shop", ingress: "web", service: "cart" }),
        request_id: b"0123456789abcdef",
        user_agent: Some(b"curl/8"),
        referer: None,
        tls: Some(TlsPart { version: "1.3", sni: Some("shop.example") }),
        error: None,
    }
}

/// An entry in which a client put `evil` wherever it can.
fn hostile(evil: &[u8]) -> Entry<'_> {
    Entry {
        method: evil,
        host: evil,
        target: evil,
        request_id: evil,
        user_agent: Some(evil),
        referer: Some(evil),
        ..entry()
    }
}

/// What no format of these tests asks for.
struct Unasked;

impl Details for Unasked {
    fn request(&self, _: &crate::model::Variable, _: &mut dyn FnMut(&[u8])) {
        unreachable!("only lines of an operator's format ask");
    }

    fn user(&self) -> Option<String> {
        unreachable!("only lines of an operator's format ask");
    }

    fn facts(&self) -> Facts<'_> {
        unreachable!("only lines of an operator's format ask");
    }

    fn field(&self, _: &str, _: &mut dyn FnMut(&[u8])) {
        unreachable!("only lines of HAProxy's format ask");
    }

    fn course(&self) -> Course<'_> {
        unreachable!("only lines of HAProxy's format ask");
    }
}

fn line(format: fn(&mut Vec<u8>, &Clock, &Entry<'_>), entry: &Entry<'_>) -> String {
    let mut clock = Clock::new();
    clock.set(entry.time);
    let mut out = Vec::new();
    format(&mut out, &clock, entry);
    String::from_utf8(out).unwrap()
}

#[test]
fn json_lines_say_what_happened() {
    assert_eq!(
        line(format::json, &entry()),
        concat!(
            r#"{"time":"2026-01-02T03:04:05.678Z","client":"203.0.113.7","scheme":"https","method":"GET","#,
            r#""host":"shop.example","target":"/cart?item=1","protocol":"HTTP/1.1","status":200,"request_bytes":321,"#,
            r#""response_bytes":4321,"duration":1.002345,"upstream":"10.0.0.9:8080","attempts":1,"#,
            r#""upstream_duration":0.000900,"namespace":"shop","ingress":"web","service":"cart","#,
            r#""request_id":"0123456789abcdef","user_agent":"curl/8","tls":"1.3","sni":"shop.example"}"#,
            "\n"
        )
    );
}

#[test]
fn common_lines_begin_with_the_combined_log_format() {
    assert_eq!(
        line(format::common, &entry()),
        concat!(
            r#"203.0.113.7 - - [02/Jan/2026:03:04:05 +0000] "GET /cart?item=1 HTTP/1.1" 200 4321 "-" "curl/8" "#,
            r#""shop.example" 10.0.0.9:8080 1.002345 0.000900 1 "shop/web/cart" "0123456789abcdef" -"#,
            "\n"
        )
    );
    let refused = Entry {
        client: "::ffff:10.1.2.3".parse().unwrap(),
        method: b"",
        host: b"",
        target: b"",
        status: 400,
        upstream: None,
        route: None,
        user_agent: None,
        error: Some("malformed"),
        ..entry()
    };
    assert_eq!(
        line(format::common, &refused),
        concat!(
            r#"10.1.2.3 - - [02/Jan/2026:03:04:05 +0000] "  HTTP/1.1" 400 4321 "-" "-" "-" - 1.002345 - 0 "-" "#,
            r#""0123456789abcdef" malformed"#,
            "\n"
        )
    );
}

#[test]
fn tls_towards_the_pod_is_a_member_of_its_own() {
    let address = "10.0.0.9:8443".parse().unwrap();
    let upstream = UpstreamPart { address, head: None, attempts: 1, tls: Some("TLSv1.3") };
    let json = line(format::json, &Entry { upstream: Some(upstream), ..entry() });
    assert!(
        json.contains(r#","upstream":"10.0.0.9:8443","attempts":1,"upstream_tls":"TLSv1.3","namespace""#),
        "{json}"
    );
}

#[test]
fn ipv6_endpoints_are_bracketed() {
    let address = "[2001:db8::1]:80".parse().unwrap();
    let entry = Entry { upstream: Some(UpstreamPart { address, head: None, attempts: 2, tls: None }), ..entry() };
    assert!(line(format::common, &entry).contains(" [2001:db8::1]:80 1.002345 - 2 "));
    let json: serde_json::Value = serde_json::from_str(&line(format::json, &entry)).unwrap();
    assert_eq!(json["upstream"], "[2001:db8::1]:80");
}

#[test]
fn e06_no_value_adds_a_line_or_a_member() {
    let evils: [&[u8]; 5] =
        [b"a\nb", b"\r\n\r\n", b"\x1b[2J\x1b]0;x\x07", b"\",\"status\":200,\"x\":\"", b"\xff\xfe\x80\xc2\x9b31m"];
    for evil in evils {
        let entry = hostile(evil);
        let json = line(format::json, &entry);
        let parsed: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(parsed.as_object().unwrap().len(), 22, "{json}");
        assert_eq!(parsed["user_agent"], String::from_utf8_lossy(evil).as_ref());
        let common = line(format::common, &entry);
        assert_eq!(common.matches('"').count(), 12, "{common}");
        for line in [json, common] {
            assert_eq!(line.find('\n'), Some(line.len() - 1), "{line}");
            assert!(!line.trim_end().chars().any(char::is_control), "{line}");
        }
    }
}

#[test]
fn e06_lines_are_at_most_4_kib() {
    let long = "n".repeat(300);
    for evil in [vec![b'a'; 1 << 20], vec![b'\n'; 1 << 20], vec![0xff; 1 << 20], "ü".repeat(1 << 19).into_bytes()] {
        let entry = Entry {
            client: "2001:db8:1111:2222:3333:4444:5555:6666".parse().unwrap(),
            request_bytes: u64::MAX,
            response_bytes: u64::MAX,
            duration: Duration::MAX,
            upstream: Some(UpstreamPart {
                address: "[2001:db8:1111:2222:3333:4444:5555:6666]:65535".parse().unwrap(),
                head: Some(Duration::MAX),
                attempts: u8::MAX,
                tls: Some("TLSv1.3"),
            }),
            route: Some(RoutePart { namespace: &long, ingress: &long, service: &long }),
            tls: Some(TlsPart { version: "1.3", sni: Some(&long) }),
            error: Some("upstream_response_head_timed_out"),
            ..hostile(&evil)
        };
        let json = line(format::json, &entry);
        assert!(json.len() <= 4096, "{}", json.len());
        assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok());
        let common = line(format::common, &entry);
        assert!(common.len() <= 4096, "{}", common.len());
    }
}

/// Hands over what is written, and writes only when allowed to.
struct Gate {
    written: Sender<Vec<u8>>,
    allowed: Receiver<()>,
}

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A gate whose test is over is open.
        let _ = self.allowed.recv();
        let _ = self.written.send(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn gated() -> (AccessLog, Metrics, Receiver<Vec<u8>>, Sender<()>) {
    let (written, lines) = channel();
    let (allow, allowed) = channel();
    let metrics = Metrics::new();
    let log = AccessLog::start(AccessLogFormat::Json, Box::new(Gate { written, allowed }), &metrics).unwrap();
    (log, metrics, lines, allow)
}

#[test]
fn a_line_is_written_without_more_traffic() {
    let (log, _metrics, lines, open) = gated();
    drop(open);
    let shard = log.shard();
    for round in 0..3 {
        shard.log(&entry(), &Unasked);
        let written = lines.recv_timeout(PATIENCE).unwrap();
        assert_eq!(written.iter().filter(|byte| **byte == b'\n').count(), 1, "round {round}");
    }
}

#[test]
fn e06_a_blocked_output_costs_lines_and_not_time() {
    let (log, metrics, lines, open) = gated();
    let shard = log.shard();
    let entry = hostile(&[b'x'; 1000]);
    let mut logged = 0;
    while metrics.access_log().1.get() == 0 {
        shard.log(&entry, &Unasked);
        logged += 1;
        assert!(logged < 10_000, "a buffer of 1 MiB takes a few hundred lines");
    }
    drop(open);
    assert!(log.stop(PATIENCE));
    let bytes: Vec<u8> = lines.try_iter().flatten().collect();
    let written = bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
    let (counted, dropped) = metrics.access_log();
    assert_eq!((written, written + dropped.get()), (counted.get(), logged));
}

#[test]
fn all_lines_are_written_at_the_end_also_those_of_shards_that_are_gone() {
    let (log, metrics, lines, open) = gated();
    drop(open);
    let shards: Vec<_> = (0..4).map(|_| log.shard()).collect();
    let threads: Vec<_> = shards
        .into_iter()
        .map(|shard| {
            thread::spawn(move || {
                for _ in 0..500 {
                    shard.log(&entry(), &Unasked);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert!(log.stop(PATIENCE));
    let bytes: Vec<u8> = lines.try_iter().flatten().collect();
    assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), 2000);
    assert_eq!((metrics.access_log().0.get(), metrics.access_log().1.get()), (2000, 0));
}

#[test]
fn stopping_gives_up_on_an_output_that_stands_still() {
    let (log, _metrics, _lines, _shut) = gated();
    log.shard().log(&entry(), &Unasked);
    assert!(!log.stop(Duration::from_millis(1)));
}

#[test]
fn a_broken_output_counts_as_dropped() {
    struct Broken;
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let metrics = Metrics::new();
    let log = AccessLog::start(AccessLogFormat::Common, Box::new(Broken), &metrics).unwrap();
    log.shard().log(&Entry { time: SystemTime::now(), ..entry() }, &Unasked);
    assert!(log.stop(PATIENCE));
    assert_eq!((metrics.access_log().0.get(), metrics.access_log().1.get()), (0, 1));
}

#[test]
fn a_log_that_is_off_takes_nothing() {
    let metrics = Metrics::new();
    let log = AccessLog::start(AccessLogFormat::Off, AccessLog::stdout().unwrap(), &metrics).unwrap();
    assert!(!log.shard().is_on() && !ShardLog::off().is_on());
    log.shard().log(&entry(), &Unasked);
    assert!(log.stop(PATIENCE));
    assert_eq!(metrics.access_log().0.get(), 0);
}

#[test]
fn changes_of_state_go_to_the_syslog_server_without_lines_of_requests() {
    let server = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(PATIENCE)).unwrap();
    let target = format!("syslog:udp://{}?facility=local2", server.local_addr().unwrap());
    let metrics = Metrics::new();
    let target = SyslogTarget::parse(&target).unwrap();
    let log = AccessLog::start_syslog(AccessLogFormat::Off, &target, &metrics).unwrap();
    assert!(!log.shard().is_on());
    log.states().backend_empty(&"shop_svc_cart_80");
    let mut buffer = [0; 512];
    let length = server.recv(&mut buffer).unwrap();
    let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
    assert!(
        message.starts_with("<144>") && message.ends_with("]: backend shop_svc_cart_80 has no server available!"),
        "{message}"
    );
    assert!(log.stop(PATIENCE));
}

#[test]
fn lines_wait_for_a_syslog_server_that_is_away_and_never_keep_who_logs() {
    let place = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = place.local_addr().unwrap();
    drop(place);
    let metrics = Metrics::new();
    let target = SyslogTarget::parse(&format!("syslog:tcp://{address}")).unwrap();
    let log = AccessLog::start_syslog(AccessLogFormat::Json, &target, &metrics).unwrap();
    let shard = log.shard();
    shard.log(&entry(), &Unasked);
    let server = std::net::TcpListener::bind(address).unwrap();
    let (mut client, _) = server.accept().unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut begin = [0; 12];
    io::Read::read_exact(&mut client, &mut begin).unwrap();
    assert!(String::from_utf8_lossy(&begin).contains(" <134>"), "{begin:?}");
    // It is away again, for good.
    drop((client, server));
    while metrics.access_log().1.get() == 0 {
        shard.log(&hostile(&[b'x'; 1000]), &Unasked);
    }
    assert!(log.stop(PATIENCE));
}
