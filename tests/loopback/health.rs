//! The health address: what a load balancer's checks get, whatever they put in front.

use crate::support::{Client, Manifests, Tidegate, eventually, get};

const V1: &[u8] = b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n";
const V1_UNKNOWN: &[u8] = b"PROXY UNKNOWN\r\n";
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb";
const V2_LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\x07\x04\0\x04abcd";

fn serve() -> Tidegate {
    Tidegate::serve_with(&Manifests::new(), &["--health", "127.0.0.1:0"])
}

fn connect(server: &Tidegate) -> Client {
    Client::connect(server.health.expect("a health address"))
}

#[test]
fn health_is_answered_behind_a_header_from_anybody_and_without_one() {
    let server = serve();
    for header in [b"", V1, V1_UNKNOWN, V2, V2_LOCAL] {
        for (path, status, text) in
            [("/healthz", 200, "ok\n"), ("/readyz", 200, "ready\n"), ("/readyz?x", 200, "ready\n")]
        {
            let request = [header, get("a", path).as_bytes()].concat();
            let mut client = connect(&server);
            client.send(&request);
            let answer = client.answer();
            assert_eq!((answer.status(), answer.text().as_str()), (status, text));
            let mut client = connect(&server);
            for byte in request {
                client.send([byte]);
            }
            assert_eq!(client.answer().status(), status);
            client.expect_end();
        }
        let mut client = connect(&server);
        client.send(header);
        let answer = client.ask("HEAD /readyz HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!((answer.status(), answer.body.len()), (200, 0));
    }
}

#[test]
fn e11_nothing_but_health_is_shown() {
    let server = serve();
    for path in ["/", "/metrics", "/debug/snapshot", "/debug/problems", "/healthz/", "/readyz/x", "//readyz", "*"] {
        assert_eq!(connect(&server).ask(get("a", path)).status(), 404, "{path}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let answer = connect(&server).ask(format!("{method} /readyz HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!((answer.status(), answer.field("allow")), (405, Some("GET, HEAD")), "{method}");
    }
    let request = "GET /readyz HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx";
    assert_eq!(connect(&server).ask(request).status(), 400);
}

#[test]
fn e10_what_only_looks_like_a_header_is_closed_and_harms_nobody() {
    let server = serve();
    for garbage in [
        &b"PROXY nonsense\r\n"[..],
        b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
        &[b'x'; 20_000],
        &[b'\r'; 200],
    ] {
        let mut client = connect(&server);
        let _ = client.try_send(garbage);
        // Closed, or told that it is no HTTP.
        let (said, _) = client.rest();
        assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 4"), "{said:?}");
    }
    // A check of TCP alone; one that leaves within a header.
    for part in [&b""[..], &V1[..9], &V2[..13]] {
        let mut client = connect(&server);
        client.send(part);
        client.finish();
        client.expect_end();
    }
    assert_eq!(connect(&server).ask(get("a", "/readyz")).status(), 200);
}

#[test]
fn readiness_ends_with_the_drain_and_life_does_not() {
    let server = Tidegate::serve_with(&Manifests::new(), &["--health", "127.0.0.1:0", "--drain-delay", "5s"]);
    assert_eq!(connect(&server).ask(get("a", "/readyz")).status(), 200);
    server.terminate();
    eventually("not ready", || (connect(&server).ask(get("a", "/readyz")).status() == 503).then_some(()));
    assert_eq!(connect(&server).ask(get("a", "/healthz")).status(), 200);
    server.terminate();
    server.join().unwrap();
}
