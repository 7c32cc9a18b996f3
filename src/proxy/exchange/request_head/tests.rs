use std::net::{IpAddr, SocketAddr};

use super::*;
use crate::http1::{Limits, Progress};
use crate::model::{PodHost, PodVersion};
use crate::proxy::walk::peer::Scheme;

const CLIENT: &str = "192.0.2.7";

/// The trusted proxies of all tests here.
fn forwarding() -> Forwarding {
    Forwarding { trusted: vec!["10.0.0.0/8".parse().unwrap()], ..Forwarding::default() }
}

fn peer(address: &str) -> Peer {
    let ip: IpAddr = address.parse().unwrap();
    Peer {
        address: SocketAddr::new(ip, 40_000),
        sender: ip,
        address_text: address.to_owned(),
        scheme: Scheme::Https,
        port: 443,
        is_trusted: forwarding().is_trusted(ip),
        is_http2: false,
        tls: None,
    }
}

fn work(head: &str) -> ExchangeBuffers {
    let mut work = ExchangeBuffers::default();
    assert_eq!(work.request.parse(head.as_bytes(), &Limits::REQUEST), Ok(Progress::Complete), "{head}");
    work.head.extend_from_slice(&head.as_bytes()[..work.request.len]);
    work
}

/// The lines that a pod gets for these lines of `from`, the request line first.
fn lines_from(from: &str, lines: &[&str]) -> Vec<String> {
    lines_differing(from, lines, None)
}

/// The same where the policy says something of the head.
fn lines_differing(from: &str, lines: &[&str], differing: Option<&PodHead>) -> Vec<String> {
    let mut work = work(&format!("{}\r\n\r\n", lines.join("\r\n")));
    identify(&mut work, 0xfeed);
    compose(&mut work, &peer(from), &forwarding(), differing, || 0);
    let text = String::from_utf8(work.out).unwrap();
    let lines = text.strip_suffix("\r\n\r\n").expect("a head with its end").split("\r\n");
    lines.map(str::to_owned).collect()
}

/// The values of a field, of a GET for `a.test` with these lines.
fn values(from: &str, lines: &[&str], name: &str) -> Vec<String> {
    let lines = lines_from(from, &[&["GET / HTTP/1.1", "Host: a.test"], lines].concat());
    let fields = lines[1..].iter().map(|line| line.split_once(':').expect("a field"));
    fields.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned()).collect()
}

#[test]
fn n05_a_pod_gets_what_came_and_who_it_came_from() {
    let lines = lines_from(CLIENT, &["GET /x?y=%20 HTTP/1.1", "Host: a.test:8443", "Accept:  */*", "x-odd: \t1\t"]);
    assert_eq!(
        lines,
        [
            "GET /x?y=%20 HTTP/1.1",
            "Host: a.test:8443",
            "Accept:  */*",
            "x-odd: \t1\t",
            "x-forwarded-for: 192.0.2.7",
            "x-forwarded-host: a.test:8443",
            "x-forwarded-proto: https",
            "x-forwarded-port: 443",
            "x-real-ip: 192.0.2.7",
            "x-request-id: 0000000000000000000000000000feed",
        ]
    );
}

#[test]
fn an_absolute_target_and_an_old_request_get_a_host_of_their_own() {
    let lines = lines_from(CLIENT, &["GET http://A.test?q HTTP/1.1", "Host: a.test"]);
    assert_eq!(lines[..2], ["GET /?q HTTP/1.1", "host: A.test"]);
    assert_eq!(lines.iter().filter(|line| line.to_lowercase().starts_with("host:")).count(), 1);
    let lines = lines_from(CLIENT, &["GET http://a.test/ HTTP/1.0"]);
    assert_eq!(lines[..2], ["GET / HTTP/1.1", "host: a.test"]);
    assert!(lines.contains(&"x-forwarded-host: a.test".to_owned()));
    let lines = lines_from(CLIENT, &["GET / HTTP/1.0"]);
    assert_eq!(lines[..2], ["GET / HTTP/1.1", "host: "]);
    assert!(!lines.iter().any(|line| line.starts_with("x-forwarded-host")));
}

#[test]
fn nginx_u2_a_host_of_the_route_takes_the_place_of_the_clients_and_is_the_only_one() {
    let head = PodHead { host: PodHost::parse("Pods.example:81"), ..PodHead::default() };
    for (lines, clients) in [
        (&["GET /x HTTP/1.1", "Host: a.test:8443"][..], Some("a.test:8443")),
        (&["GET http://a.test/x HTTP/1.1", "Host: a.test"], Some("a.test")),
        (&["GET /x HTTP/1.1", "Connection: host", "Host: a.test"], Some("a.test")),
        (&["GET /x HTTP/1.0"], None),
    ] {
        let lines = lines_differing(CLIENT, lines, Some(&head));
        assert_eq!(lines[..2], ["GET /x HTTP/1.1", "host: Pods.example:81"]);
        assert_eq!(lines.iter().filter(|line| line.to_lowercase().starts_with("host:")).count(), 1, "{lines:?}");
        let told = lines.iter().find_map(|line| line.strip_prefix("x-forwarded-host: "));
        assert_eq!(told, clients);
    }
}

#[test]
fn nginx_u3_what_is_said_of_the_connection_is_the_routes_and_upgrades_keep_theirs() {
    for (connection, said) in [(PodConnection::Close, "close"), (PodConnection::KeepAlive, "keep-alive")] {
        let head = PodHead { connection: Some(connection), ..PodHead::default() };
        let connection = |lines: &[&str]| {
            let lines = lines_differing(CLIENT, lines, Some(&head));
            let said = lines.iter().filter_map(|line| line.strip_prefix("connection: ")).map(str::to_owned);
            said.collect::<Vec<_>>()
        };
        assert_eq!(connection(&["GET / HTTP/1.1", "Host: a", "Connection: keep-alive, x"]), [said]);
        assert_eq!(connection(&["POST / HTTP/1.1", "Host: a", "Connection: te", "TE: trailers"]), ["te", said]);
        assert_eq!(connection(&["GET / HTTP/1.1", "Host: a", "Connection: upgrade", "Upgrade: x"]), ["upgrade"]);
    }
}

#[test]
fn nginx_z6_http_1_0_is_asked_where_that_can_be_asked_in_it() {
    let head = PodHead { version: PodVersion::Http10, ..PodHead::default() };
    let lines = |lines: &[&str]| lines_differing(CLIENT, lines, Some(&head));
    let get = lines(&["GET /x?y HTTP/1.1", "Host: a", "Connection: te", "TE: trailers"]);
    assert_eq!(get[..2], ["GET /x?y HTTP/1.0", "Host: a"]);
    assert!(!get.iter().any(|line| line.starts_with("te:") || line.starts_with("connection:")), "{get:?}");
    let post = lines(&["POST / HTTP/1.1", "Host: a", "Content-Length: 3", "Expect: 100-continue"]);
    assert_eq!((post[0].as_str(), post.last().unwrap().as_str()), ("POST / HTTP/1.0", "content-length: 3"));
    assert!(!post.iter().any(|line| line.starts_with("expect:")), "{post:?}");
    let chunked = lines(&["POST / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked"]);
    assert_eq!(
        (chunked[0].as_str(), chunked.last().unwrap().as_str()),
        ("POST / HTTP/1.1", "transfer-encoding: chunked")
    );
    let upgrade = lines(&["GET / HTTP/1.1", "Host: a", "Connection: upgrade", "Upgrade: x"]);
    assert_eq!(upgrade[0], "GET / HTTP/1.1");
}

#[test]
fn b01_framing_is_told_once_and_anew() {
    let lines = lines_from(CLIENT, &["POST / HTTP/1.1", "Host: a", "content-LENGTH: 0005"]);
    assert_eq!(lines.last().unwrap(), "content-length: 5");
    let lines = lines_from(CLIENT, &["POST / HTTP/1.1", "Host: a", "Transfer-ENCODING: Chunked"]);
    assert_eq!(lines.last().unwrap(), "transfer-encoding: chunked");
    let lines = lines_from(CLIENT, &["POST / HTTP/1.1", "Host: a"]);
    assert!(lines.last().unwrap().starts_with("x-request-id: "));
}

#[test]
fn b12_what_belongs_to_the_connection_stays_behind() {
    for name in [
        "Connection",
        "Keep-Alive",
        "Proxy-Connection",
        "Trailer",
        "Upgrade",
        "HTTP2-Settings",
        "Proxy-Authorization",
        "Proxy-Authenticate",
    ] {
        assert_eq!(values(CLIENT, &[&format!("{name}: x")], name), [""; 0], "{name}");
    }
    assert_eq!(values(CLIENT, &["Expect: 100-continue"], "expect"), [""; 0]);
    assert_eq!(values(CLIENT, &["Connection: close, X-One", "x-one: 1", "x-two: 2"], "x-one"), [""; 0]);
    assert_eq!(values(CLIENT, &["Connection: close, X-One", "x-one: 1", "x-two: 2"], "x-two"), ["2"]);
}

#[test]
fn b12_connection_cannot_name_what_is_ours_or_says_who_asks() {
    for name in ["host", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "x-request-id"] {
        assert_eq!(values(CLIENT, &[&format!("Connection: {name}")], name).len(), 1, "{name}");
        assert_eq!(values("10.1.1.1", &[&format!("Connection: {name}")], name).len(), 1, "{name}");
    }
    for (name, value) in [("cookie", "a=b"), ("authorization", "Basic x")] {
        let lines = [format!("Connection: {name}"), format!("{name}: {value}")];
        assert_eq!(values(CLIENT, &[&lines[0], &lines[1]], name), [value]);
    }
    let lines = lines_from(CLIENT, &["POST / HTTP/1.1", "Host: a", "Connection: content-length", "Content-Length: 1"]);
    assert_eq!(lines.last().unwrap(), "content-length: 1");
}

#[test]
fn te_travels_as_trailers_only_and_is_named_in_connection() {
    assert_eq!(values(CLIENT, &["TE: deflate, Trailers;q=1"], "te"), [""; 0]);
    assert_eq!(values(CLIENT, &["TE: deflate, Trailers"], "te"), ["trailers"]);
    assert_eq!(values(CLIENT, &["TE: trailers"], "connection"), ["te"]);
    assert_eq!(values(CLIENT, &[], "connection"), [""; 0]);
    let upgrade = ["Connection: upgrade, TE", "Upgrade: WebSocket", "TE: trailers"];
    assert_eq!(values(CLIENT, &upgrade, "connection"), ["te, upgrade"]);
    assert_eq!(values(CLIENT, &upgrade, "upgrade"), ["websocket"]);
    assert_eq!(values(CLIENT, &upgrade[..2], "connection"), ["upgrade"]);
    for refused in [["Connection: upgrade", "Upgrade: h2c"], ["Connection: close", "Upgrade: websocket"]] {
        assert_eq!(values(CLIENT, &refused, "upgrade"), [""; 0]);
        assert_eq!(values(CLIENT, &refused, "connection"), [""; 0]);
    }
}

#[test]
fn b13_an_untrusted_client_says_nothing_of_where_it_comes_from() {
    let told = [
        ("X-Forwarded-For", "1.1.1.1, 2.2.2.2", Some(CLIENT)),
        ("x-FORWARDED-host", "evil", Some("a.test")),
        ("X-Forwarded-Proto", "http", Some("https")),
        ("X-Forwarded-Port", "1", Some("443")),
        ("X-Real-IP", "1.1.1.1", Some(CLIENT)),
        ("X-Forwarded-Prefix", "/evil", None),
        ("X-Forwarded-Anything", "1", None),
        ("X-Scheme", "http", None),
        ("Forwarded", "for=1.1.1.1", None),
        ("X-Original-URL", "/evil", None),
        ("X-Original-Method", "GET", None),
        ("X-Rewrite-URL", "/evil", None),
    ];
    for (name, value, expected) in told {
        let line = format!("{name}: {value}");
        assert_eq!(values(CLIENT, &[&line, &line], name), Vec::from_iter(expected), "{name}");
    }
}

#[test]
fn fault_b81_the_scheme_that_a_trusted_proxy_tells_has_a_port_of_its_own() {
    for (proto, port) in [("https", "443"), ("https, http", "443"), ("wss", "443"), ("http", "80"), ("other", "443")] {
        let line = format!("X-Forwarded-Proto: {proto}");
        assert_eq!(values("10.1.1.1", &[&line], "x-forwarded-port"), [port], "{proto}");
    }
    let told = ["X-Forwarded-Proto: http", "X-Forwarded-Port: 8080"];
    assert_eq!(values("10.1.1.1", &told, "x-forwarded-port"), ["8080"]);
}

#[test]
fn b13_a_trusted_proxy_is_believed_and_extended() {
    const PROXY: &str = "10.1.1.1";
    for (name, value) in [
        ("X-Forwarded-Host", "outside.test"),
        ("X-Forwarded-Proto", "http"),
        ("X-Forwarded-Port", "8080"),
        ("X-Forwarded-Prefix", "/app"),
        ("X-Real-IP", "1.1.1.1"),
        ("Forwarded", "for=1.1.1.1"),
        ("X-Original-URL", "/outside"),
        ("X-Scheme", "http"),
    ] {
        assert_eq!(values(PROXY, &[&format!("{name}: {value}")], name), [value], "{name}");
    }
    let chain = ["X-Forwarded-For: 1.1.1.1", "x-forwarded-for:", "X-Forwarded-For: 2.2.2.2, 10.9.9.9"];
    assert_eq!(values(PROXY, &chain, "x-forwarded-for"), ["1.1.1.1, 2.2.2.2, 10.9.9.9, 10.1.1.1"]);
    assert_eq!(values(PROXY, &[], "x-forwarded-for"), [PROXY]);
    assert_eq!(values(PROXY, &[], "x-forwarded-proto"), ["https"]);
}

#[test]
fn x_real_ip_is_the_last_address_that_is_not_trusted() {
    for (chain, expected) in [
        ("", "10.1.1.1"),
        ("1.1.1.1", "1.1.1.1"),
        ("6.6.6.6, 1.1.1.1", "1.1.1.1"),
        ("6.6.6.6, 1.1.1.1, 10.2.2.2,10.3.3.3", "1.1.1.1"),
        ("10.2.2.2, 10.3.3.3", "10.2.2.2"),
        ("1.1.1.1:5555", "1.1.1.1"),
        ("[2001:db8::1]:5555, 10.2.2.2", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("::ffff:1.1.1.1", "1.1.1.1"),
        // What is no address, and all in front of it, was not said by a proxy.
        ("1.1.1.1, unknown", "10.1.1.1"),
        ("1.1.1.1, unknown, 10.2.2.2", "10.2.2.2"),
        ("1.1.1.1, \u{e9}, 10.2.2.2", "10.2.2.2"),
        ("1.1.1.1,, 10.2.2.2", "10.2.2.2"),
    ] {
        let lines = [format!("X-Forwarded-For: {chain}")];
        let lines = if chain.is_empty() { vec![] } else { vec![lines[0].as_str()] };
        assert_eq!(values("10.1.1.1", &lines, "x-real-ip"), [expected], "{chain}");
        assert_eq!(values(CLIENT, &lines, "x-real-ip"), [CLIENT], "{chain}");
    }
}

#[test]
fn b13_a_hundred_hops_are_a_hundred_hops() {
    let chain = vec!["10.2.2.2"; 100].join(", ");
    let line = format!("X-Forwarded-For: {chain}");
    assert_eq!(values("10.1.1.1", &[&line], "x-forwarded-for"), [format!("{chain}, 10.1.1.1")]);
    assert_eq!(values("10.1.1.1", &[&line], "x-real-ip"), ["10.2.2.2"]);
}

#[test]
fn b14_twins_of_managed_fields_are_dropped_whoever_sends_them() {
    for name in ["X_Forwarded_For", "X-Forwarded_For", "x_real_ip", "Content_Length", "Transfer_Encoding", "Proxy"] {
        for from in [CLIENT, "10.1.1.1"] {
            assert_eq!(values(from, &[&format!("{name}: 1")], name), [""; 0], "{name} from {from}");
        }
    }
    assert_eq!(values(CLIENT, &["my_own_field: 1"], "my_own_field"), ["1"]);
}

#[test]
fn n05_a_request_id_is_taken_over_if_it_is_a_plain_one() {
    let made = "0000000000000000000000000000feed";
    let (long, longest) = ("x".repeat(129), "x".repeat(128));
    for (id, expected) in [
        ("abc-DEF_1.2:3/4+5=", "abc-DEF_1.2:3/4+5="),
        ("", made),
        ("a b", made),
        ("a\"b", made),
        ("a\u{e9}b", made),
        (long.as_str(), made),
        (longest.as_str(), longest.as_str()),
    ] {
        assert_eq!(values(CLIENT, &[&format!("X-Request-ID: {id}")], "x-request-id"), [expected], "{id}");
    }
    let two = ["X-Request-ID: first", "x-request-id: second"];
    assert_eq!(values(CLIENT, &two, "x-request-id"), ["first"]);
}

#[test]
fn generated_ids_are_all_their_digits() {
    let mut work = ExchangeBuffers::default();
    work.request_id.push_str("what was there");
    generate_id(&mut work, u128::MAX - 0xf0);
    assert_eq!(work.request_id, "ffffffffffffffffffffffffffffff0f");
}
