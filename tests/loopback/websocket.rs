//! WebSockets (rule 67): messages both ways, what comes early and late, and what is no WebSocket.

use std::sync::{Arc, Mutex, mpsc};

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Message, WebSocket};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::support::h2::{run, soon};
use crate::support::tls::{Hello, TlsClient};
use crate::support::{Client, DEADLINE, End, Manifests, Pod, PodConnection, Tidegate, eventually};

/// Accepts an upgrade; gives the request's head.
fn accept(connection: &mut PodConnection) -> String {
    let request = connection.request().expect("a request");
    let Some(key) = request.field("sec-websocket-key") else {
        connection.send("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n");
        return String::new();
    };
    let key = derive_accept_key(key.as_bytes());
    connection.send(format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Back: 1\r\n\
         Sec-WebSocket-Accept: {key}\r\n\r\n"
    ));
    request.to_string()
}

/// A pod that sends every message back.
fn echo() -> Pod {
    Pod::scripted(|mut connection| {
        if accept(&mut connection).is_empty() {
            return;
        }
        let stream = connection.stream().try_clone().unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        // What the script has read already is none of the socket's.
        let mut socket = WebSocket::from_partially_read(stream, connection.unread().to_vec(), Role::Server, None);
        while let Ok(message) = socket.read() {
            if message.is_close() || socket.send(message).is_err() {
                break;
            }
        }
        let _ = socket.close(None);
        while socket.read().is_ok() {}
    })
}

async fn open<S: AsyncRead + AsyncWrite + Unpin>(io: S, url: &str) -> WebSocketStream<S> {
    soon("an upgrade", client_async(url, io)).await.expect("an upgrade").0
}

async fn plain(server: &Tidegate) -> WebSocketStream<TcpStream> {
    open(TcpStream::connect(server.http).await.unwrap(), "ws://a.example/chat").await
}

async fn say<S: AsyncRead + AsyncWrite + Unpin>(socket: &mut WebSocketStream<S>, text: &str) -> String {
    socket.send(Message::text(text)).await.expect("it is open");
    soon("a message", socket.next()).await.expect("it is open").expect("a message").into_text().unwrap().to_string()
}

/// An upgrade by hand.
fn upgrade(more: &str) -> String {
    format!(
        "GET /chat HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n{more}\r\n",
        generate_key()
    )
}

fn one_pod(pod: &Pod) -> Tidegate {
    Tidegate::serve(&Manifests::everything_to(&[pod.address]))
}

#[test]
fn rule_67_messages_of_every_size_go_both_ways() {
    let pod = echo();
    let server = one_pod(&pod);
    run(async {
        let mut socket = plain(&server).await;
        for text in ["", "hello", "\u{e9}\u{4e16}"] {
            assert_eq!(say(&mut socket, text).await, text);
        }
        for size in [125, 126, 65_535, 65_536, 3_000_000] {
            let text = "x".repeat(size);
            assert!(say(&mut socket, &text).await == text, "{size}");
        }
        socket.send(Message::Ping(b"are you there"[..].into())).await.unwrap();
        let pong = soon("a pong", socket.next()).await.unwrap().unwrap();
        assert!(pong.is_ping() || pong.is_pong(), "{pong:?}");
        socket.close(None).await.unwrap();
    });
}

#[test]
fn rule_67_the_same_over_tls() {
    let pod = echo();
    let tls = json!([{"hosts": ["a.example"], "secretName": "a"}]);
    let manifests = Manifests::new().service("web", &[pod.address]).certificate("a", &["a.example"]).ingress_with(
        "a",
        Some("a.example"),
        &[("/", "Prefix", "web")],
        json!({}),
        tls,
    );
    let server = Tidegate::serve(&manifests);
    run(async {
        let tls = TlsClient::connect(server.https, "a.example", &Hello::of("http/1.1")).await.unwrap();
        let mut socket = Box::pin(open(tls, "wss://a.example/chat")).await;
        assert_eq!(say(&mut socket, "hello").await, "hello");
        let large = "x".repeat(1_000_000);
        assert!(say(&mut socket, &large).await == large);
        socket.close(None).await.unwrap();
        while let Some(Ok(_)) = soon("the end", socket.next()).await {}
    });
}

#[test]
fn rule_67_the_pod_gets_the_upgrade_and_the_client_the_answer() {
    let (told, seen) = mpsc::channel();
    let told = Mutex::new(told);
    let pod = Pod::scripted(move |mut connection| {
        let head = accept(&mut connection);
        told.lock().unwrap().send(head).unwrap();
        let _ = connection.rest();
    });
    let server = one_pod(&pod);
    let mut client = server.connect();
    let answer = client.ask(upgrade("Sec-WebSocket-Protocol: chat\r\nOrigin: http://a.example\r\n"));
    assert_eq!((answer.status(), answer.field("upgrade")), (101, Some("websocket")));
    assert!(answer.field("connection").unwrap().eq_ignore_ascii_case("upgrade"));
    assert_eq!((answer.field("x-back"), answer.field("content-length")), (Some("1"), None));
    assert!(answer.field("sec-websocket-accept").is_some());
    let head = seen.recv_timeout(DEADLINE).unwrap().to_ascii_lowercase();
    for line in
        ["connection: upgrade", "upgrade: websocket", "sec-websocket-protocol: chat", "x-forwarded-for: 127.0.0.1"]
    {
        assert!(head.contains(line), "{line} in {head}");
    }
}

#[test]
fn bytes_right_behind_the_upgrade_and_right_behind_the_101_arrive() {
    let pod = Pod::scripted(|mut connection| {
        let request = connection.request().unwrap();
        assert!(connection.unread().is_empty(), "B5: nothing before the 101");
        let key = derive_accept_key(request.field("sec-websocket-key").unwrap().as_bytes());
        // In one write with the head.
        connection.send(format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: {key}\r\n\r\nearly bird"
        ));
        assert_eq!(connection.exactly(11).unwrap(), b"early worm!");
        connection.send("bye");
    });
    let server = one_pod(&pod);
    let mut client = server.connect();
    client.send(format!("{}early worm!", upgrade("")));
    assert_eq!(client.answer().status(), 101);
    assert_eq!(client.rest(), (b"early birdbye".to_vec(), End::Fin));
}

#[test]
fn each_direction_may_end_by_itself() {
    let pod = Pod::scripted(|mut connection| {
        accept(&mut connection);
        // The client has ended; the pod has not.
        assert_eq!(connection.rest(), (b"from the client".to_vec(), End::Fin));
        connection.send("and yet");
    });
    let server = one_pod(&pod);
    let mut client = server.connect();
    assert_eq!(client.ask(upgrade("")).status(), 101);
    client.send("from the client");
    client.finish();
    assert_eq!(client.rest(), (b"and yet".to_vec(), End::Fin));

    let (told, seen) = mpsc::channel();
    let told = Mutex::new(told);
    let pod = Pod::scripted(move |mut connection| {
        accept(&mut connection);
        connection.send("from the pod");
        connection.finish();
        told.lock().unwrap().send(connection.rest()).unwrap();
    });
    let server = one_pod(&pod);
    let mut client = server.connect();
    assert_eq!(client.ask(upgrade("")).status(), 101);
    assert_eq!(client.rest(), (b"from the pod".to_vec(), End::Fin));
    client.send("and yet");
    client.finish();
    assert_eq!(seen.recv_timeout(DEADLINE).unwrap(), (b"and yet".to_vec(), End::Fin));
}

#[test]
fn a_side_that_breaks_off_takes_the_other_along() {
    let (told, seen) = mpsc::channel();
    let told = Mutex::new(told);
    let pod = Pod::scripted(move |mut connection| {
        accept(&mut connection);
        if connection.index == 0 {
            told.lock().unwrap().send(connection.rest().1).unwrap();
        } else {
            connection.reset();
        }
    });
    let server = one_pod(&pod);
    let mut client = server.connect();
    assert_eq!(client.ask(upgrade("")).status(), 101);
    client.into_wire().reset();
    seen.recv_timeout(DEADLINE).unwrap();
    let mut client = server.connect();
    assert_eq!(client.ask(upgrade("")).status(), 101);
    client.rest();
}

#[test]
fn a_socket_on_which_nothing_moves_is_closed_and_one_that_moves_is_not() {
    let pod = Pod::scripted(|mut connection| {
        accept(&mut connection);
        let (rest, _) = connection.rest();
        assert!(rest.iter().all(|byte| *byte == b'.'));
    });
    let options = ["--tunnel-idle-timeout", "300ms"];
    let server = Tidegate::serve_with(&Manifests::everything_to(&[pod.address]), &options);
    let mut client = server.connect();
    assert_eq!(client.ask(upgrade("")).status(), 101);
    let mut quiet = server.connect();
    assert_eq!(quiet.ask(upgrade("")).status(), 101);
    let is_over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // One that speaks all the time outlives the quiet one.
            while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                client.send(".");
                std::thread::park_timeout(std::time::Duration::from_millis(50));
            }
            client.send(".");
        });
        assert_eq!(quiet.rest().0, b"");
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn b05_an_upgrade_that_is_answered_otherwise_closes_the_connection_and_nothing_slips_through() {
    for status in ["200 OK", "404 Not Found", "426 Upgrade Required"] {
        let pod = Pod::scripted(move |mut connection| {
            while connection.request().is_some() {
                connection.send(format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nno"));
            }
        });
        let server = one_pod(&pod);
        let mut client = server.connect();
        // The client already speaks what it thinks it got.
        client.send(format!("{}GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n", upgrade("")));
        let answer = client.answer();
        assert_eq!((answer.text().as_str(), answer.field("connection")), ("no", Some("close")), "{status}");
        client.rest();
        assert_eq!(pod.requests().len(), 1, "{status}: {:#?}", pod.requests());
        assert_eq!(server.ask("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").text(), "no");
    }
}

#[test]
fn b05_what_is_no_upgrade_is_forwarded_without_the_wish_for_one() {
    let pod = Pod::named("web");
    let server = one_pod(&pod);
    let ask = |lines: &str| server.ask(format!("GET / HTTP/1.1\r\nHost: a.example\r\n{lines}\r\n")).status();
    assert_eq!(ask("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"), 200);
    assert_eq!(ask("Upgrade: websocket\r\n"), 200, "Connection does not name it");
    assert_eq!(ask("Connection: upgrade\r\n"), 200, "nothing is wished for");
    assert_eq!(ask("Connection: Upgrade\r\nUpgrade: h2c, websocket\r\n"), 200);
    assert_eq!(ask("Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n"), 200);
    let post = "POST / HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                Content-Length: 2\r\n\r\nhi";
    let answer = server.ask(post);
    assert!(matches!(answer.status(), 200 | 400), "{answer}");
    let old = "GET / HTTP/1.0\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    assert!(matches!(server.ask(old).status(), 200 | 400));
    for request in pod.requests() {
        for name in ["upgrade", "connection", "http2-settings"] {
            assert_eq!(request.field(name), None, "{request}");
        }
    }
}

#[test]
fn b20_a_pod_that_switches_unasked_is_a_502() {
    let pod = Pod::scripted(|mut connection| {
        connection.request().unwrap();
        connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
        let _ = connection.rest();
    });
    let server = one_pod(&pod);
    assert_eq!(server.ask("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").status(), 502);
}

#[test]
fn rule_67_an_open_socket_survives_every_change_of_what_is_configured() {
    let (pod, other) = (echo(), Pod::named("other"));
    let manifests = Manifests::everything_to(&[pod.address]);
    let server = Tidegate::serve(&manifests);
    run(async {
        let mut socket = plain(&server).await;
        assert_eq!(say(&mut socket, "before").await, "before");
        let text = |path: &str| {
            let answer = server.ask(format!("GET {path} HTTP/1.1\r\nHost: a.example\r\n\r\n"));
            (answer.status(), answer.text())
        };
        // Another rule, the endpoint gone, the Service gone, everything gone.
        let paths: &[_] = &[("/", "Prefix", "web"), ("/other", "Prefix", "other")];
        let changed = Manifests::new().service("web", &[pod.address]).service("other", &[other.address]);
        server.replace(&changed.ingress("all", None, paths));
        eventually("the new rule", || (text("/other").1 == "other").then_some(()));
        assert_eq!(say(&mut socket, "a rule later").await, "a rule later");
        server.replace(&Manifests::everything_to(&[other.address]));
        eventually("the other endpoint", || (text("/").1 == "other").then_some(()));
        assert_eq!(say(&mut socket, "an endpoint later").await, "an endpoint later");
        server.replace(&Manifests::new());
        eventually("nothing to be served", || (text("/").0 == 404).then_some(()));
        let large = "x".repeat(1_000_000);
        assert!(say(&mut socket, &large).await == large);
        socket.close(None).await.unwrap();
    });
}

#[test]
fn a_socket_is_no_obstacle_to_others_and_frees_what_it_held() {
    let pod = echo();
    let server = one_pod(&pod);
    run(async {
        let mut sockets = Vec::new();
        for _ in 0..20 {
            sockets.push(plain(&server).await);
        }
        for socket in &mut sockets {
            assert_eq!(say(socket, "hello").await, "hello");
        }
        drop(sockets);
    });
    eventually("the end of all of them", || {
        (server.metric("tidegate_connections_open", "listener=\"http\"") == 0.0).then_some(())
    });
}

#[test]
fn f60_a_drain_waits_for_sockets_and_cuts_them_in_the_end() {
    let pod = echo();
    let options = ["--drain-delay", "0s", "--drain-timeout", "400ms"];
    let server = Tidegate::serve_with(&Manifests::everything_to(&[pod.address]), &options);
    run(async {
        let mut socket = plain(&server).await;
        server.terminate();
        eventually("closed listeners", || Client::try_connect(server.http).is_none().then_some(()));
        assert_eq!(say(&mut socket, "still here").await, "still here");
        while let Some(Ok(_)) = soon("the end", socket.next()).await {}
    });
    server.join().unwrap();
    drop(Arc::new(pod));
}
