//! PROXY protocol headers in front of connections: who is believed, who is served, and what pods are told (E10, F58).

use std::net::{IpAddr, Ipv4Addr};

use h2::client::Builder;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::h2::{H2Client, run};
use crate::support::tls::{Hello, TlsClient};
use crate::support::{Client, Manifests, Pod, Tidegate, eventually, get};

/// The load balancer, by what `--trusted-proxies` says below.
const BALANCER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
/// Somebody who has found the way past it.
const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1));

const V1: &[u8] = b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n";
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb";
const V2_LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
const V2_UNSPECIFIED: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\0\0\x03abc";
const V2_UDP: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x12\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb";

fn serve(pod: &Pod, mode: &str) -> Tidegate {
    serve_with(&Manifests::everything_to(&[pod.address]), mode, &[])
}

fn serve_with(manifests: &Manifests, mode: &str, options: &[&str]) -> Tidegate {
    // 203.0.113.0/24 is a proxy in front of the load balancer.
    let trusted = ["--proxy-protocol", mode, "--trusted-proxies", "127.0.0.2,203.0.113.0/24"];
    Tidegate::serve_with(manifests, &[&trusted, options].concat())
}

fn count(server: &Tidegate, listener: &str, result: &str) -> f64 {
    server.metric("tidegate_proxy_protocol_total", &format!("listener=\"{listener}\",result=\"{result}\""))
}

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    /// It is served, and the pod is told this client.
    Served(&'static str),
    /// Its first bytes are a bad request.
    Bad,
    /// It is closed without a word.
    Closed,
}
use Then::{Bad, Closed, Served};

#[test]
fn e10_f58_who_is_served_and_as_whom() {
    let v6 = b"PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n";
    let mapped = b"PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 1 2\r\n";
    let real = "127.0.0.2";
    let unknown = b"PROXY UNKNOWN\r\n";
    let rows: &[(&str, &[u8], [Then; 5])] = &[
        // Off; auto: load balancer, stranger; require: load balancer, stranger.
        ("nothing", b"", [Served(real), Served(real), Served("127.0.0.1"), Closed, Closed]),
        ("v1", V1, [Bad, Served("192.0.2.1"), Bad, Served("192.0.2.1"), Closed]),
        ("v2", V2, [Bad, Served("192.0.2.1"), Bad, Served("192.0.2.1"), Closed]),
        ("v1, IPv6", v6, [Bad, Served("2001:db8::1"), Bad, Served("2001:db8::1"), Closed]),
        ("v1, IPv4 in IPv6", mapped, [Bad, Served("192.0.2.1"), Bad, Served("192.0.2.1"), Closed]),
        ("v1 UNKNOWN", unknown, [Bad, Served(real), Bad, Served(real), Closed]),
        ("v2 LOCAL", V2_LOCAL, [Bad, Served(real), Bad, Served(real), Closed]),
        ("v2 unspecified", V2_UNSPECIFIED, [Bad, Served(real), Bad, Served(real), Closed]),
        ("v2 of datagrams", V2_UDP, [Bad, Closed, Bad, Closed, Closed]),
        ("a bad line", b"PROXY TCP4 192.0.2.1 198.51.100.2 056324 443\r\n", [Bad, Closed, Bad, Closed, Closed]),
        ("an oversize length", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff", [Bad, Closed, Bad, Closed, Closed]),
        ("two headers", &[V1, V2].concat(), [Bad, Bad, Bad, Bad, Closed]),
    ];
    let pod = Pod::named("web");
    let servers = ["off", "auto", "require"].map(|mode| serve(&pod, mode));
    let [off, auto, require] = &servers;
    let columns = [(off, BALANCER), (auto, BALANCER), (auto, STRANGER), (require, BALANCER), (require, STRANGER)];
    for (what, header, outcomes) in rows {
        for ((server, peer), expected) in columns.into_iter().zip(outcomes) {
            let what = format!("{what} from {peer}");
            let before = pod.requests().len();
            let mut client = Client::connect_from(peer, server.http);
            let sent = client.try_send([header, get("a", "/").as_bytes()].concat());
            match expected {
                Served(address) => {
                    assert_eq!(client.answer().text(), "web", "{what}");
                    let request = &pod.requests()[before];
                    assert_eq!(request.field("x-forwarded-for"), Some(*address), "{what}");
                    assert_eq!(request.field("x-real-ip"), Some(*address), "{what}");
                    assert_eq!(request.field("x-forwarded-port"), Some("80"), "{what}");
                }
                Bad => assert_eq!(client.answer().status(), 400, "{what}"),
                // A reset as good as an orderly end: bytes were left unread.
                Closed => assert!(sent.is_err() || client.rest().0.is_empty(), "{what}"),
            }
            assert_eq!(pod.requests().len() - before, usize::from(matches!(expected, Served(_))), "{what}");
        }
    }
    for (server, results) in [
        (off, &[][..]),
        (auto, &[("v1", 4.0), ("v2", 1.0), ("local", 3.0), ("absent", 1.0), ("invalid", 3.0)]),
        (require, &[("v1", 4.0), ("v2", 1.0), ("local", 3.0), ("missing", 1.0), ("invalid", 3.0), ("untrusted", 12.0)]),
    ] {
        let expected: f64 = results.iter().map(|(_, count)| count).sum();
        assert_eq!(server.metric("tidegate_proxy_protocol_total", ""), expected);
        for (result, expected) in results {
            assert_eq!(count(server, "http", result), *expected, "{result}");
        }
    }
}

#[test]
fn headers_arrive_in_any_pieces_and_what_stands_behind_them_is_kept() {
    let pod = Pod::named("web");
    let server = serve(&pod, "auto");
    for header in [V1, V2, V2_LOCAL, b""] {
        let mut client = Client::connect_from(BALANCER, server.http);
        for byte in [header, get("a", "/").as_bytes()].concat() {
            client.send([byte]);
        }
        assert_eq!(client.answer().text(), "web");
        // The header alone, and requests later.
        let mut client = Client::connect_from(BALANCER, server.http);
        client.send(header);
        let seen = ["v1", "v2", "local"].map(|result| count(&server, "http", result)).iter().sum::<f64>();
        assert!(seen > 0.0);
        assert_eq!(client.ask(get("a", "/1")).text(), "web");
        assert_eq!(client.ask(get("a", "/2")).text(), "web");
        // Two requests at once, with an empty line in front of them.
        let mut client = Client::connect_from(BALANCER, server.http);
        client.send([header, b"\r\n", get("a", "/3").as_bytes(), get("a", "/4").as_bytes()].concat());
        assert_eq!((client.answer().text(), client.answer().text()), ("web".into(), "web".into()));
    }
    for request in pod.requests() {
        let client = request.field("x-forwarded-for").unwrap();
        assert!(matches!(client, "192.0.2.1" | "127.0.0.2"), "{client}");
    }
}

#[test]
fn e10_a_header_stands_at_the_start_of_a_connection_only() {
    let pod = Pod::named("web");
    let server = serve(&pod, "require");
    for second in [V1, V2] {
        let mut client = Client::connect_from(BALANCER, server.http);
        client.send([V1, get("a", "/").as_bytes()].concat());
        assert_eq!(client.answer().text(), "web");
        client.send([second, get("a", "/").as_bytes()].concat());
        assert_eq!(client.answer().status(), 400);
    }
}

#[test]
fn e10_what_the_named_client_says_of_itself_is_believed_only_if_its_own_address_is_trusted() {
    let pod = Pod::named("web");
    let server = serve(&pod, "require");
    let request = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.9\r\nX-Real-IP: 198.51.100.9\r\n\
        X-Forwarded-Proto: https\r\n\r\n";
    for (client, told, real, proto) in [
        ("192.0.2.1", "192.0.2.1", "192.0.2.1", "http"),
        ("203.0.113.7", "198.51.100.9, 203.0.113.7", "198.51.100.9", "https"),
        // A client of its own network that says it is the load balancer gains nothing but its trust: keep that range small.
        ("127.0.0.2", "198.51.100.9, 127.0.0.2", "198.51.100.9", "https"),
    ] {
        let header = format!("PROXY TCP4 {client} 198.51.100.2 1 80\r\n");
        let mut balancer = Client::connect_from(BALANCER, server.http);
        balancer.send(header);
        assert_eq!(balancer.ask(request).text(), "web");
        let seen = pod.requests().pop().unwrap();
        assert_eq!(seen.field("x-forwarded-for"), Some(told));
        assert_eq!(seen.all("x-real-ip").first().copied(), Some(real));
        assert_eq!(seen.field("x-forwarded-proto"), Some(proto));
    }
}

#[test]
fn f58_a_header_that_does_not_come_or_does_not_end_is_not_waited_for_long() {
    let pod = Pod::named("web");
    let manifests = Manifests::everything_to(&[pod.address]);
    let options = ["--head-timeout", "300ms", "--handshake-timeout", "300ms"];
    for mode in ["auto", "require"] {
        let server = serve_with(&manifests, mode, &options);
        for (listener, address) in [("http", server.http), ("https", server.https)] {
            for part in [&b""[..], b"\r\n", b"PROXY TCP4 192", &V2[..12], &V2[..20]] {
                let mut client = Client::connect_from(BALANCER, address);
                client.send(part);
                client.rest();
            }
            assert_eq!(count(&server, listener, "timeout"), 5.0, "{mode} {listener}");
        }
    }
    // Its own limit, from its first byte.
    let server = serve(&pod, "require");
    let mut client = Client::connect_from(BALANCER, server.http);
    client.send(&V1[..10]);
    client.rest();
    assert_eq!(count(&server, "http", "timeout"), 1.0);
}

#[test]
fn connections_that_only_come_and_go_are_counted_and_served_nothing() {
    let pod = Pod::named("web");
    let server = serve(&pod, "require");
    for (listener, address) in [("http", server.http), ("https", server.https)] {
        for part in [&b""[..], &V1[..10], &V2[..14]] {
            let mut client = Client::connect_from(BALANCER, address);
            client.send(part);
            client.finish();
            client.expect_end();
        }
        assert_eq!(count(&server, listener, "closed"), 3.0);
    }
    eventually("closed connections", || (server.metric("tidegate_connections_open", "") == 0.0).then_some(()));
}

#[test]
fn a_header_stands_in_front_of_tls() {
    let pod = Pod::named("web");
    let tls = json!([{"hosts": ["a.example"], "secretName": "a"}]);
    let manifests = Manifests::new().service("web", &[pod.address]).certificate("a", &["a.example"]).ingress_with(
        "a",
        Some("a.example"),
        &[("/", "Prefix", "web")],
        json!({}),
        tls,
    );
    // Clients of this test come from 127.0.0.1.
    let trusted = ["--trusted-proxies", "127.0.0.1"];
    for (mode, headers) in [("auto", &[V1, V2, V2_LOCAL, b""][..]), ("require", &[V1, V2, V2_LOCAL])] {
        let server = Tidegate::serve_with(&manifests, &[&["--proxy-protocol", mode][..], &trusted].concat());
        run(async {
            for header in headers {
                let is_named = matches!(*header, V1 | V2);
                let expected = if is_named { "192.0.2.1" } else { "127.0.0.1" };
                let connect = async |protocol| {
                    TlsClient::connect_behind(header, server.https, "a.example", &Hello::of(protocol)).await.unwrap()
                };
                let mut client = connect("http/1.1").await;
                assert_eq!(client.names(), ["a.example"]);
                let (_, body) = client.ask(get("a.example", "/")).await.unwrap();
                assert_eq!(body, b"web");
                let seen = pod.requests().pop().unwrap();
                assert_eq!(seen.field("x-forwarded-for"), Some(expected), "{mode}");
                assert_eq!(seen.field("x-forwarded-proto"), Some("https"));
                let client = connect("h2").await;
                let client = H2Client::over(client, "https", &Builder::new()).await;
                assert_eq!(client.get("a.example", "/").await.text(), "web");
                assert_eq!(pod.requests().pop().unwrap().field("x-forwarded-for"), Some(expected), "{mode}");
            }
        });
        assert_eq!(count(&server, "https", "v1"), 2.0);
        assert_eq!(server.metric("tidegate_tls_handshakes_total", "ok"), headers.len() as f64 * 2.0);
    }
    // Nobody is trusted: a header is no hello, and in `require` nothing is.
    for (mode, header, is_served) in
        [("auto", V1, false), ("auto", V2, false), ("auto", b"", true), ("require", V2, false), ("require", b"", false)]
    {
        let server = Tidegate::serve_with(&manifests, &["--proxy-protocol", mode, "--trusted-proxies", "127.0.0.2"]);
        run(async {
            let hello = Hello::of("http/1.1");
            let outcome = TlsClient::connect_behind(header, server.https, "a.example", &hello).await;
            assert_eq!(outcome.is_ok(), is_served, "{mode}");
        });
    }
}

#[test]
fn a_header_stands_in_front_of_http_2_in_clear() {
    let pod = Pod::named("web");
    let manifests = Manifests::everything_to(&[pod.address]);
    let server = Tidegate::serve_with(&manifests, &["--proxy-protocol", "auto", "--trusted-proxies", "127.0.0.1"]);
    run(async {
        for (header, expected) in [(V1, "192.0.2.1"), (V2, "192.0.2.1"), (V2_LOCAL, "127.0.0.1"), (b"", "127.0.0.1")] {
            let mut tcp = TcpStream::connect(server.http).await.unwrap();
            tcp.write_all(header).await.unwrap();
            let client = H2Client::over(tcp, "http", &Builder::new()).await;
            assert_eq!(client.get("a", "/").await.text(), "web");
            assert_eq!(pod.requests().pop().unwrap().field("x-forwarded-for"), Some(expected));
        }
    });
}

#[test]
fn e10_who_is_told_explanations_goes_by_a_header_only_where_all_must_send_one() {
    let (header, other) = ("127.0.0.2", "192.0.2.0/24");
    let both = "127.0.0.2,192.0.2.0/24";
    // The load balancer's address is `header`'s, the one that V1 and V2 tell is in `other`.
    for (mode, explain_to, told, plain) in [
        ("require", other, Some(true), None),
        ("require", header, Some(false), None),
        ("auto", other, Some(false), Some(false)),
        ("auto", header, Some(false), Some(true)),
        ("auto", both, Some(true), Some(true)),
        ("off", other, None, Some(false)),
        ("off", header, None, Some(true)),
    ] {
        let pod = Pod::named("a");
        let server = serve_with(&Manifests::everything_to(&[pod.address]), mode, &["--explain-to", explain_to]);
        let asking = "GET / HTTP/1.1\r\nHost: a\r\nTidegate-Explain: 1\r\n\r\n";
        for (before, expected) in [(V1, told), (V2, told), (b"", plain)] {
            let Some(expected) = expected else { continue };
            let mut client = Client::connect_from(BALANCER, server.http);
            client.send(before);
            let answer = client.ask(asking);
            let is_told = answer.field("tidegate-explanation").is_some();
            assert_eq!((answer.status(), is_told), (200, expected), "{mode} {explain_to} {before:?}");
        }
    }
}
