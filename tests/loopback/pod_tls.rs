//! Pods that speak TLS: what is offered to them and chosen by them, what their connections serve, and how they end. What
//! must be the same as in clear is shown by the matrix.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;

use h2::ext::Protocol;
use http::{HeaderMap, HeaderValue, Response};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::support::h2::{Call, H2Client, H2Pod, run, send};
use crate::support::{Asked, BodyEnd, Manifests, Message, Pod, Speech, Tidegate, TlsPod, eventually, get};

/// Serves everything from this pod.
fn to(app_protocol: &str, pod: &TlsPod) -> Tidegate {
    to_with(app_protocol, pod, &[])
}

fn to_with(app_protocol: &str, pod: &TlsPod, options: &[&str]) -> Tidegate {
    Tidegate::serve_with(&Manifests::everything_to_speaking(app_protocol, &[pod.address]), options)
}

fn asked(protocols: &[&str]) -> Asked {
    Asked { name: None, protocols: protocols.iter().map(ToString::to_string).collect() }
}

fn handshakes(server: &Tidegate, result: &str) -> f64 {
    server.metric("tidegate_upstream_tls_handshakes_total", &format!("result=\"{result}\""))
}

#[test]
fn rule_42_https_is_http2_or_http1_as_the_pod_chooses_and_asks_for_no_name() {
    let (http1, http2) = (Pod::named("one"), H2Pod::named("two"));
    for app_protocol in ["https", "HTTPS", "kubernetes.io/wss", "wss"] {
        let only_http1 = TlsPod::before(http1.address, Speech::of(&["http/1.1"]));
        let server = to(app_protocol, &only_http1);
        assert_eq!(server.ask(get("a.example", "/")).text(), "one", "{app_protocol}");
        assert_eq!(only_http1.hellos(), [asked(&["h2", "http/1.1"])]);

        let both = TlsPod::before(http2.address, Speech::of(&["h2", "http/1.1"]));
        let server = to(app_protocol, &both);
        assert_eq!(server.ask(get("a.example", "/")).text(), "two", "{app_protocol}");
        assert_eq!(both.hellos(), [asked(&["h2", "http/1.1"])]);

        let no_alpn = TlsPod::before(http1.address, Speech::of(&[]));
        let server = to(app_protocol, &no_alpn);
        assert_eq!(server.ask(get("a.example", "/")).text(), "one", "{app_protocol}");
    }
}

#[test]
fn rule_42_grpcs_is_http2_also_where_the_pod_does_not_choose() {
    let pod = H2Pod::named("two");
    for protocols in [&["h2"][..], &[]] {
        let tls = TlsPod::before(pod.address, Speech::of(protocols));
        let server = to("grpcs", &tls);
        assert_eq!(server.ask(get("a.example", "/")).text(), "two");
        assert_eq!(tls.hellos(), [asked(&["h2"])]);
    }
}

#[test]
fn calls_of_grpc_pass_through_tls_with_their_trailers() {
    let pod = H2Pod::scripted(|mut call: Call| async move {
        let Ok((body, _)) = call.body().await else { return };
        let mut stream = call.head(Response::builder().header("content-type", "application/grpc"), false);
        send(&mut stream, &body, false).await.unwrap();
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        stream.send_trailers(trailers).unwrap();
    });
    let tls = TlsPod::before(pod.address, Speech::of(&["h2"]));
    let server = to("grpcs", &tls);
    run(async move {
        let client = H2Client::plain(&server).await;
        let call = || {
            let call = client.request("POST", "a.example", "/greet.Greeter/Unary").header("te", "trailers");
            client.ask(call.header("content-type", "application/grpc"), b"\0\0\0\0\x02hi")
        };
        for _ in 0..3 {
            let answer = call().await;
            assert_eq!(
                (answer.body.as_slice(), answer.trailers["grpc-status"].as_bytes()),
                (&b"\0\0\0\0\x02hi"[..], &b"0"[..])
            );
        }
        assert_eq!(tls.handshakes(), [false]);
    });
}

#[test]
fn requests_share_connections_as_in_clear() {
    let pod = Pod::named("one");
    let tls = TlsPod::before(pod.address, Speech::of(&["http/1.1"]));
    let server = to("https", &tls);
    let mut client = server.connect();
    // No more than a connection serves without rest.
    for _ in 0..3 {
        assert_eq!(client.ask(get("a.example", "/")).text(), "one");
        let post = "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\n\r\nbody";
        assert_eq!(client.ask(post).text(), "one");
    }
    assert_eq!(tls.handshakes(), [false]);
    assert_eq!((handshakes(&server, "ok"), handshakes(&server, "resumed")), (1.0, 0.0));
    assert_eq!(server.metric("tidegate_upstream_connections_total", ""), 1.0);
}

#[test]
fn requests_that_come_together_share_the_first_handshake_if_it_comes_to_http2() {
    const MANY: usize = 20;
    let together = Arc::new(tokio::sync::Barrier::new(MANY));
    let pod = H2Pod::scripted(move |mut call| {
        let together = Arc::clone(&together);
        async move {
            together.wait().await;
            call.answer(200, b"ok").await;
        }
    });
    let tls = TlsPod::before(pod.address, Speech::of(&["h2", "http/1.1"]));
    let server = to("https", &tls);
    let mut clients: Vec<_> = (0..MANY).map(|_| server.connect()).collect();
    clients.iter_mut().for_each(|client| client.send(get("a.example", "/")));
    for client in &mut clients {
        assert_eq!(client.answer().text(), "ok");
    }
    assert_eq!((tls.handshakes().len(), pod.connections()), (1, 1));
}

#[test]
fn requests_that_come_together_get_a_connection_each_if_it_is_http1() {
    const MANY: usize = 10;
    let together = Arc::new(Barrier::new(MANY));
    let pod = Pod::scripted(move |mut connection| {
        while connection.request().is_some() {
            together.wait();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let tls = TlsPod::before(pod.address, Speech::of(&["http/1.1"]));
    let server = to("https", &tls);
    for _ in 0..2 {
        let mut clients: Vec<_> = (0..MANY).map(|_| server.connect()).collect();
        clients.iter_mut().for_each(|client| client.send(get("a.example", "/")));
        for client in &mut clients {
            assert_eq!(client.answer().text(), "ok");
        }
    }
    assert_eq!(tls.handshakes().len(), MANY, "those of the first round serve the second");
}

#[test]
fn sessions_are_resumed_with_the_pod_that_gave_them() {
    for is_tls12 in [false, true] {
        let pod = Pod::scripted(|mut connection| {
            connection.request();
            connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
        });
        let pods = [(); 2].map(|()| TlsPod::before(pod.address, Speech { is_tls12, ..Speech::of(&["http/1.1"]) }));
        let addresses: Vec<_> = pods.iter().map(|pod| pod.address).collect();
        let server = Tidegate::serve(&Manifests::everything_to_speaking("https", &addresses));
        for _ in 0..12 {
            assert_eq!(server.ask(get("a.example", "/")).text(), "ok");
        }
        for pod in &pods {
            let resumed = pod.handshakes();
            assert!(resumed.len() > 2 && !resumed[0], "{resumed:?}");
            assert!(resumed[1..].iter().all(|is_resumed| *is_resumed), "TLS 1.2: {is_tls12}, {resumed:?}");
        }
        assert_eq!((handshakes(&server, "ok"), handshakes(&server, "resumed")), (2.0, 10.0));
    }
}

#[test]
fn a_connection_that_its_pod_has_closed_while_idle_is_not_used() {
    for cuts in [false, true] {
        // Each connection answers one request and is then closed.
        let pod = Pod::scripted(|mut connection| {
            connection.request();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        });
        let tls = TlsPod::before(pod.address, Speech { cuts, ..Speech::of(&["http/1.1"]) });
        let server = to("https", &tls);
        for method in ["GET", "POST", "POST", "GET", "GET"] {
            let answer = server.ask(format!("{method} / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\n\r\n"));
            assert_eq!((answer.status(), answer.text().as_str()), (200, "ok"));
            eventually("the pod's end", || (tls.farewells() == tls.handshakes().len()).then_some(()));
        }
        assert_eq!(server.metric("tidegate_upstream_failures_total", "reason=\"bad_response\""), 0.0);
    }
}

#[test]
fn pods_are_told_that_a_connection_ends() {
    let pod = Pod::named("one");
    let tls = TlsPod::before(pod.address, Speech::of(&["http/1.1"]));
    let server = to_with("https", &tls, &["--upstream-idle-timeout", "60s"]);
    assert_eq!(server.ask(get("a.example", "/")).text(), "one");
    // The endpoint leaves: its idle connection is closed, with close_notify.
    server.replace(&Manifests::everything_to_speaking("https", &[]));
    eventually("the end of the connection", || (!tls.endings().is_empty()).then_some(()));
    assert_eq!(tls.endings(), [true]);

    let pod = H2Pod::named("two");
    let tls = TlsPod::before(pod.address, Speech::of(&["h2"]));
    let server = to("https", &tls);
    assert_eq!(server.ask(get("a.example", "/")).text(), "two");
    server.replace(&Manifests::everything_to_speaking("https", &[]));
    eventually("the end of the connection", || (!tls.endings().is_empty()).then_some(()));
    assert_eq!(tls.endings(), [true]);
}

#[test]
fn an_answer_that_ends_with_its_connection_is_whole_only_with_close_notify() {
    for cuts in [false, true] {
        let pod = Pod::scripted(|mut connection| {
            connection.request();
            connection.send("HTTP/1.1 200 OK\r\n\r\nall of it");
        });
        let tls = TlsPod::before(pod.address, Speech { cuts, ..Speech::of(&["http/1.1"]) });
        let server = to("https", &tls);
        let answer = server.ask(get("a.example", "/"));
        assert_eq!((answer.status(), answer.text().as_str()), (200, "all of it"));
        let is_truncated = matches!(answer.end, BodyEnd::Truncated(_));
        assert_eq!((is_truncated, answer.end == BodyEnd::Chunked), (cuts, !cuts), "{:?}", answer.end);
        assert_eq!(server.metric("tidegate_upstream_failures_total", "reason=\"closed\""), f64::from(u8::from(cuts)));
    }
}

#[test]
fn an_answer_whose_length_is_told_is_whole_without_close_notify() {
    let pod = Pod::scripted(|mut connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nall of it");
    });
    let tls = TlsPod::before(pod.address, Speech { cuts: true, ..Speech::of(&["http/1.1"]) });
    let server = to("https", &tls);
    let answer = server.ask(get("a.example", "/"));
    assert_eq!((answer.text().as_str(), answer.end), ("all of it", BodyEnd::Length));
    let pod = Pod::scripted(|mut connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nall of it");
    });
    for cuts in [false, true] {
        let tls = TlsPod::before(pod.address, Speech { cuts, ..Speech::of(&["http/1.1"]) });
        let answer = to("https", &tls).ask(get("a.example", "/"));
        assert!(matches!(answer.end, BodyEnd::Truncated(_)), "{:?}", answer.end);
    }
}

#[test]
fn a_pod_is_held_up_by_a_client_that_does_not_read() {
    const MOST: usize = 64 << 20;
    let written = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&written);
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let pod = Pod::scripted(move |mut connection| {
        connection.request();
        connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {MOST}\r\n\r\n"));
        let piece = vec![b'x'; 64 << 10];
        connection.stream().set_nonblocking(true).unwrap();
        let mut is_held_up = false;
        while count.load(Ordering::SeqCst) < MOST {
            let left = MOST - count.load(Ordering::SeqCst);
            match std::io::Write::write(&mut connection.stream(), &piece[..left.min(piece.len())]) {
                Ok(sent) => drop(count.fetch_add(sent, Ordering::SeqCst)),
                Err(_) if is_held_up => thread::yield_now(),
                // Nothing more is taken for a while: the test looks and lets the client read.
                Err(_) => is_held_up = wait.lock().unwrap().recv_timeout(std::time::Duration::from_millis(200)).is_ok(),
            }
        }
        connection.stream().set_nonblocking(false).unwrap();
    });
    let tls = TlsPod::before(pod.address, Speech::of(&["http/1.1"]));
    let server = to("https", &tls);
    let mut client = server.connect();
    client.send(get("a.example", "/"));
    // Until it stands still.
    let mut before = usize::MAX;
    let mut still = 0;
    eventually("the pod is held up", || {
        let now = written.load(Ordering::SeqCst);
        still = if now > 0 && now == before { still + 1 } else { 0 };
        before = now;
        (still > 100).then_some(())
    });
    // What sockets hold on three ways, and a buffer of ours.
    assert!(before < MOST / 2, "{before}");
    go.send(()).unwrap();
    let answer = client.answer();
    assert_eq!((answer.body.len(), answer.end), (MOST, BodyEnd::Length));
}

/// A handshake over HTTP/1, and the answer that belongs to it.
fn handshake() -> (String, String) {
    let key = generate_key();
    let head = format!(
        "GET /chat HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    );
    (head, derive_accept_key(key.as_bytes()))
}

/// Opens a WebSocket, says something and reads what comes to the end.
fn converse(server: &Tidegate) -> (Message, String) {
    let (head, accept) = handshake();
    let mut client = server.connect();
    let answer = client.ask(head);
    assert_eq!((answer.status(), answer.field("sec-websocket-accept")), (101, Some(accept.as_str())), "{answer}");
    client.send("hello");
    client.finish();
    let (said, _) = client.rest();
    (answer, String::from_utf8(said).unwrap())
}

#[test]
fn rule_67_a_websocket_is_opened_over_http1_if_the_pod_takes_that() {
    let pod = Pod::scripted(|mut connection| {
        let request = connection.request().expect("a request");
        let key = derive_accept_key(request.field("sec-websocket-key").expect("a key").as_bytes());
        connection.send(format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: {key}\r\n\r\nearly bird, "
        ));
        let (said, _) = connection.rest();
        let _ = connection.try_send(format!("you said {}", String::from_utf8(said).unwrap()));
    });
    for app_protocol in ["https", "kubernetes.io/wss"] {
        // It would choose HTTP/2 if that were offered.
        let tls = TlsPod::before(pod.address, Speech::of(&["h2", "http/1.1"]));
        let server = to(app_protocol, &tls);
        for _ in 0..2 {
            assert_eq!(converse(&server).1, "early bird, you said hello");
        }
        assert_eq!(tls.hellos(), [asked(&["http/1.1"]), asked(&["http/1.1"])]);
    }
}

#[test]
fn rule_67_a_websocket_is_opened_by_extended_connect_if_the_pod_takes_only_that() {
    let mut builder = h2::server::Builder::new();
    builder.enable_connect_protocol();
    let pod = H2Pod::with(builder, |mut call: Call| async move {
        if call.request.extensions().get::<Protocol>().map(Protocol::as_str) != Some("websocket") {
            return call.answer(200, b"no websocket").await;
        }
        let mut stream = call.head(Response::builder().status(200), false);
        let Ok((said, _)) = call.body().await else { return };
        let _ = send(&mut stream, format!("you said {}", String::from_utf8(said).unwrap()).as_bytes(), true).await;
    });
    for app_protocol in ["https", "kubernetes.io/wss", "grpcs"] {
        let tls = TlsPod::before(pod.address, Speech::of(&["h2"]));
        let server = to(app_protocol, &tls);
        assert_eq!(converse(&server).1, "you said hello");
        let first: &[_] = if app_protocol == "grpcs" { &[] } else { &[asked(&["http/1.1"])] };
        let hellos = [first, &[asked(&["h2"])]].concat();
        assert_eq!(tls.hellos(), hellos, "{app_protocol}");
        // From now on it is known what the pod takes.
        assert_eq!(converse(&server).1, "you said hello");
        assert_eq!(server.ask(get("a.example", "/")).text(), "no websocket");
        assert_eq!(tls.hellos(), hellos, "{app_protocol}");
    }
}

#[test]
fn rule_67_a_pod_that_opens_websockets_in_neither_way_is_told_as_such() {
    let pod = H2Pod::named("two");
    let tls = TlsPod::before(pod.address, Speech::of(&["h2"]));
    for (app_protocol, hellos) in [("https", 2), ("grpcs", 1)] {
        let before = tls.hellos().len();
        let server = to(app_protocol, &tls);
        let answer = server.ask(handshake().0);
        assert_eq!((answer.status(), pod.calls()), (502, 0), "{answer}");
        assert_eq!(server.metric("tidegate_upstream_failures_total", "reason=\"bad_response\""), 1.0);
        assert_eq!(tls.hellos().len() - before, hellos, "{app_protocol}");
        let view = server.admin("/debug/snapshot").text();
        assert!(view.contains("\"suspect\": false"), "{view}");
    }
}

#[test]
fn views_tell_of_tls() {
    let pod = H2Pod::named("two");
    let tls = TlsPod::before(pod.address, Speech::of(&["h2"]));
    let server = to("https", &tls);
    assert_eq!(server.ask(get("a.example", "/")).text(), "two");
    let view: serde_json::Value = serde_json::from_slice(&server.admin("/debug/snapshot").body).unwrap();
    let route = &view["hosts"][0]["routes"][0];
    assert_eq!(route["protocol"], "https", "{route}");
    assert_eq!(route["tls"], serde_json::json!({"serverName": null, "verified": false}));
    let view: serde_json::Value = serde_json::from_slice(&server.admin("/debug/connections").body).unwrap();
    assert_eq!(view["http2Pods"][0]["tls"], "TLSv1.3", "{view}");
}
