//! Switches to other protocols than WebSocket (rule 67), and upgrades that a pod of HTTP/2 does not take.

use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::support::h2::{H2Client, H2Pod, run};
use crate::support::{End, Manifests, Pod, Tidegate};

fn to(pod: &Pod) -> Tidegate {
    Tidegate::serve(&Manifests::everything_to(&[pod.address]))
}

/// A pod that switches to what it is asked for, once it has the request's body, and sends back what comes then.
fn switching() -> Pod {
    Pod::scripted(|mut connection| {
        while let Some(request) = connection.request() {
            let Some(protocol) = request.field("upgrade") else {
                connection.send("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n");
                continue;
            };
            assert_eq!(request.field("connection"), Some("upgrade"));
            connection.send(format!(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\nX-Back: 1\r\n\r\n\
                 {}early bird",
                request.text()
            ));
            let (said, _) = connection.rest();
            connection.send(format!("you said {}", String::from_utf8(said).unwrap()));
            return;
        }
    })
}

#[test]
fn fault_b54_rule_67_any_protocol_is_switched_to_also_behind_a_body() {
    let pod = switching();
    let server = to(&pod);
    for (start, lines, body, rest) in [
        ("POST /exec", "Upgrade: SPDY/3.1\r\nContent-Length: 0\r\n", "", ""),
        ("GET /attach", "Upgrade: tcp\r\n", "", ""),
        ("POST /control", "Upgrade: control-protocol\r\nContent-Length: 4\r\n", "body", ""),
        // A body that comes later and one in chunks.
        ("POST /control", "Upgrade: control-protocol\r\nContent-Length: 4\r\n", "", "body"),
        ("POST /control", "Upgrade: control-protocol\r\nTransfer-Encoding: chunked\r\n", "", "4\r\nbody\r\n0\r\n\r\n"),
        ("PUT /long", "Upgrade: control-protocol\r\nExpect: 100-continue\r\nContent-Length: 4\r\n", "body", ""),
    ] {
        let before = pod.requests().len();
        let mut client = server.connect();
        client.send(format!("{start} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n{lines}\r\n{body}"));
        if !rest.is_empty() {
            pod.wait_for_connections(before + 1);
            client.send(rest);
        }
        let head = String::from_utf8(client.head().unwrap()).unwrap().to_lowercase();
        assert!(head.starts_with("http/1.1 101 ") && head.contains("\r\nx-back: 1\r\n"), "{head}");
        let asked = lines.split("\r\n").next().unwrap().to_lowercase();
        assert!(head.contains(&format!("\r\n{asked}\r\n")) && head.contains("\r\nconnection: upgrade\r\n"), "{head}");
        client.send("hello");
        client.finish();
        let said =
            if body.len() + rest.len() > 0 { "bodyearly birdyou said hello" } else { "early birdyou said hello" };
        assert_eq!(client.rest(), (said.into(), End::Fin), "{lines}");
    }
    let lengths: Vec<_> = pod.requests().iter().map(|seen| seen.field("content-length").map(str::to_owned)).collect();
    assert_eq!(
        lengths,
        [Some("0"), None, Some("4"), Some("4"), None, Some("4")].map(|length| length.map(str::to_owned))
    );
}

#[test]
fn fault_b54_b05_what_would_carry_requests_past_us_is_no_upgrade() {
    let pod = Pod::named("web");
    let server = to(&pod);
    for protocol in ["h2c", "H2C", "h2", "TLS/1.0", "tls", "HTTP/2.0", "a, b", "a b", "a/b/c", "/1", "a/", ""] {
        let answer = server.ask(format!(
            "POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\nContent-Length: 2\r\n\r\nhi"
        ));
        assert_eq!((answer.status(), answer.field("connection")), (200, None), "{protocol}");
    }
    for request in pod.requests() {
        assert_eq!((request.field("upgrade"), request.field("connection")), (None, None), "{request}");
    }
}

#[test]
fn fault_b54_b20_a_switch_to_another_protocol_than_was_asked_for_is_a_502() {
    for protocol in ["websocket", "SPDY/3", "h2c", "SPDY/3.1, other"] {
        let pod = Pod::scripted(move |mut connection| {
            connection.request();
            connection.send(format!("HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\r\n"));
            let _ = connection.rest();
        });
        let server = to(&pod);
        let ask = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n";
        assert_eq!(server.ask(ask).status(), 502, "{protocol}");
    }
}

#[test]
fn fault_b54_b05_an_upgrade_that_is_answered_otherwise_closes_both_connections() {
    let pod = Pod::scripted(|mut connection| {
        while connection.request().is_some() {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno");
        }
    });
    let server = to(&pod);
    for (lines, body) in [("", ""), ("Content-Length: 4\r\n", "body"), ("Transfer-Encoding: chunked\r\n", "0\r\n\r\n")]
    {
        let before = pod.connections();
        let mut client = server.connect();
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n{lines}\r\n{body}"));
        // The client already speaks what it thinks it got.
        let _ = client.try_send("GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
        let answer = client.answer();
        assert_eq!((answer.text().as_str(), answer.field("connection")), ("no", Some("close")));
        client.rest();
        assert_eq!(pod.connections(), before + 1);
    }
    assert_eq!(pod.requests().len(), 3, "{:?}", pod.requests());
}

/// A handshake of WebSocket.
fn handshake() -> String {
    let key = generate_key();
    format!(
        "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: {key}\r\n\r\n"
    )
}

/// A pod on whose port both versions of HTTP are spoken, as many servers do, and HTTP/2 without extended CONNECT.
fn of_both_versions() -> Pod {
    Pod::scripted(|mut connection| {
        let first = connection.head().unwrap();
        if first.starts_with(b"PRI * HTTP/2.0") {
            let settings = crate::support::frames::frame(crate::support::frames::SETTINGS, 0, 0, &[]);
            connection.send(settings);
            let _ = connection.rest();
            return;
        }
        let head = String::from_utf8(first).unwrap();
        let value = |name: &str| {
            let fields = head.lines().filter_map(|line| line.split_once(": "));
            fields.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect::<String>()
        };
        assert_eq!(value("connection"), "upgrade", "{head}");
        connection.send(format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {}\r\nSec-WebSocket-Accept: {}\r\n\r\nopen",
            value("upgrade"),
            derive_accept_key(value("sec-websocket-key").as_bytes())
        ));
        let _ = connection.rest();
    })
}

#[test]
fn fault_b53_an_upgrade_goes_over_http1_to_a_pod_that_does_not_take_it_over_http2() {
    let pod = of_both_versions();
    let server = Tidegate::serve(&Manifests::everything_to_h2c(&[pod.address]));
    for request in
        [handshake(), "POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: spdy/3.1\r\n\r\n".into()]
    {
        let mut client = server.connect();
        let answer = client.ask(request);
        assert_eq!(answer.status(), 101);
        client.finish();
        assert_eq!(client.rest().0, b"open");
    }
}

#[test]
fn fault_b53_an_upgrade_that_a_pod_takes_over_neither_version_is_a_clear_error() {
    let pod = H2Pod::named("h2");
    let server = Tidegate::serve(&Manifests::everything_to_h2c(&[pod.address]));
    for request in
        [handshake(), "POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: spdy/3.1\r\n\r\n".into()]
    {
        let answer = server.ask(request);
        assert_eq!(answer.status(), 502);
        assert!(answer.text().contains("HTTP/2 only"), "{}", answer.text());
    }
    assert_eq!(pod.calls(), 0);
    // Others are served as before.
    run(async {
        let client = H2Client::plain(&server).await;
        assert_eq!(client.get("a", "/").await.text(), "h2");
    });
}
