//! WebSockets where a side speaks HTTP/2 (RFC 8441): all ways between HTTP/1 and HTTP/2, and what is no WebSocket.

use std::sync::{Mutex, mpsc};

use bytes::Bytes;
use h2::ext::Protocol;
use h2::{RecvStream, SendStream};
use http::Response;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::support::frames::{self, FrameClient};
use crate::support::h2::{Call, H2Client, H2Pod, read_body, run, send, soon};
use crate::support::{DEADLINE, End, Manifests, Message, Pod, PodConnection, Tidegate, eventually};

/// A client that has been offered WebSockets.
async fn offered(server: &Tidegate) -> H2Client {
    let client = H2Client::plain(server).await;
    soon("the offer", async {
        while !client.sender.is_extended_connect_protocol_enabled() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    client
}

/// Asks for a WebSocket.
async fn ask(client: &H2Client) -> Result<(Response<RecvStream>, SendStream<Bytes>), h2::Error> {
    let request = client.request("CONNECT", "a.example", "/chat?x=y");
    let request = request.extension(Protocol::from_static("websocket")).header("sec-websocket-version", "13");
    let request = request.header("sec-websocket-protocol", "chat").header("sec-websocket-key", "none of mine");
    let (answer, stream) = client.open(request, false).await;
    Ok((soon("an answer", answer).await?, stream))
}

/// A WebSocket that is open.
async fn open(client: &H2Client) -> (Response<RecvStream>, SendStream<Bytes>) {
    let (answer, stream) = ask(client).await.expect("an answer");
    assert_eq!(answer.status(), 200);
    (answer, stream)
}

/// What comes next of the other side.
async fn next(body: &mut RecvStream) -> String {
    let data = soon("bytes", body.data()).await.expect("more").expect("no reset");
    body.flow_control().release_capacity(data.len()).unwrap();
    String::from_utf8(data.to_vec()).unwrap()
}

/// The status of an answer and its body.
async fn refusal(client: &H2Client) -> (u16, String) {
    let (mut answer, _stream) = ask(client).await.expect("an answer");
    let (body, _) = soon("a body", read_body(answer.body_mut())).await.expect("no reset");
    (answer.status().as_u16(), String::from_utf8(body).unwrap())
}

/// Answers the handshake of a client over HTTP/1.
fn accept(connection: &mut PodConnection) -> Message {
    let request = connection.request().expect("a request");
    let Some(key) = request.field("sec-websocket-key") else {
        let _ = connection.try_send("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n");
        return request;
    };
    let key = derive_accept_key(key.as_bytes());
    connection.send(format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Back: 1\r\n\
         Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Accept: {key}\r\n\r\nearly bird"
    ));
    request
}

/// A pod that opens a WebSocket over HTTP/1, says so and sends back what comes, also when nothing more does.
fn http1_pod() -> Pod {
    Pod::scripted(|mut connection| {
        accept(&mut connection);
        let (said, end) = connection.rest();
        if end == End::Fin {
            let _ = connection.try_send(format!("you said {}", String::from_utf8(said).unwrap()));
        }
    })
}

/// The same over HTTP/2.
fn h2_pod() -> H2Pod {
    with_connect(|mut call| async move {
        if call.request.extensions().get::<Protocol>().map(Protocol::as_str) != Some("websocket") {
            if call.body().await.is_ok() {
                call.answer(426, &[]).await;
            }
            return;
        }
        let head = Response::builder().status(200).header("x-back", "1").header("sec-websocket-protocol", "chat");
        let mut stream = call.head(head, false);
        send(&mut stream, b"early bird", false).await.unwrap();
        let Ok((said, _)) = call.body().await else { return };
        let _ = send(&mut stream, format!("you said {}", String::from_utf8(said).unwrap()).as_bytes(), true).await;
    })
}

/// A pod that takes extended CONNECT.
fn with_connect<F: Future<Output = ()> + Send + 'static>(script: impl Fn(Call) -> F + Send + Sync + 'static) -> H2Pod {
    let mut builder = h2::server::Builder::new();
    builder.enable_connect_protocol();
    H2Pod::with(builder, script)
}

fn to(pod: &Pod) -> Tidegate {
    Tidegate::serve(&Manifests::everything_to(&[pod.address]))
}

fn to_h2(pod: &H2Pod) -> Tidegate {
    Tidegate::serve(&Manifests::everything_to_h2c(&[pod.address]))
}

/// A handshake over HTTP/1, and the answer that belongs to it.
fn handshake() -> (String, String) {
    let key = generate_key();
    let head = format!(
        "GET /chat?x=y HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    );
    (head, derive_accept_key(key.as_bytes()))
}

#[test]
fn rule_67_bytes_go_both_ways_between_a_client_over_http2_and_pods_of_both_protocols() {
    let (one, two) = (http1_pod(), h2_pod());
    for server in [to(&one), to_h2(&two)] {
        run(async {
            let client = offered(&server).await;
            for _ in 0..2 {
                let (mut answer, mut stream) = open(&client).await;
                let fields = answer.headers();
                assert!(fields["x-back"] == "1" && fields["sec-websocket-protocol"] == "chat");
                for absent in ["sec-websocket-accept", "upgrade", "connection", "content-length"] {
                    assert!(!fields.contains_key(absent), "{absent}");
                }
                assert_eq!(next(answer.body_mut()).await, "early bird");
                send(&mut stream, b"hello", true).await.unwrap();
                let (rest, _) = soon("the rest", read_body(answer.body_mut())).await.unwrap();
                assert_eq!(String::from_utf8(rest).unwrap(), "you said hello");
            }
            // Other requests of the connection are no worse for it.
            assert_eq!(client.get("a.example", "/").await.status, 426);
        });
    }
    let request = one.requests().remove(0);
    assert_eq!((request.start.as_str(), request.field("upgrade")), ("GET /chat?x=y HTTP/1.1", Some("websocket")));
    assert_eq!((request.field("connection"), request.field("content-length")), (Some("upgrade"), None));
    assert_ne!(request.field("sec-websocket-key"), Some("none of mine"), "the one key is ours");
    let keys: std::collections::BTreeSet<_> =
        one.requests().iter().take(2).map(|request| request.field("sec-websocket-key").map(str::to_owned)).collect();
    assert_eq!(keys.len(), 2, "a key for each");
    let (method, uri, headers) = two.heads().remove(0);
    assert_eq!((method.as_str(), uri.path_and_query().unwrap().as_str()), ("CONNECT", "/chat?x=y"));
    assert_eq!(headers["sec-websocket-version"], "13");
    assert!(!headers.contains_key("sec-websocket-key") && headers.contains_key("x-forwarded-for"));
}

#[test]
fn rule_67_a_client_over_http1_opens_a_websocket_to_a_pod_over_http2() {
    let pod = h2_pod();
    let server = to_h2(&pod);
    let mut client = server.connect();
    let (head, accept) = handshake();
    let answer = client.ask(head);
    assert_eq!((answer.status(), answer.field("upgrade")), (101, Some("websocket")));
    assert_eq!(answer.start, "HTTP/1.1 101 Switching Protocols");
    assert!(answer.field("connection").unwrap().eq_ignore_ascii_case("upgrade"));
    assert_eq!(answer.field("sec-websocket-accept"), Some(accept.as_str()));
    assert_eq!((answer.field("x-back"), answer.field("transfer-encoding")), (Some("1"), None));
    client.send("hello");
    client.finish();
    assert_eq!(client.rest(), (b"early birdyou said hello".to_vec(), End::Fin));

    // Without a key nobody could be answered: it is no handshake.
    let answer =
        server.ask("GET /chat HTTP/1.1\r\nHost: a.example\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert_eq!(answer.status(), 426);
    assert_eq!(pod.heads().iter().map(|head| head.0.as_str()).collect::<Vec<_>>(), ["CONNECT", "GET"]);
}

#[test]
fn large_messages_go_both_ways_as_the_windows_allow() {
    let pod = with_connect(|mut call| async move {
        let mut stream = call.head(Response::builder(), false);
        let (said, _) = call.body().await.unwrap();
        let _ = send(&mut stream, &said, true).await;
    });
    let server = to_h2(&pod);
    run(async {
        let client = offered(&server).await;
        let (mut answer, mut stream) = open(&client).await;
        let large = vec![b'x'; 3_000_000];
        soon("all of it is taken", send(&mut stream, &large, true)).await.unwrap();
        let (rest, _) = soon("the rest", read_body(answer.body_mut())).await.unwrap();
        assert!(rest == large);
    });
}

#[test]
fn what_is_no_websocket_is_answered_and_success_without_one_is_a_502() {
    let plain = |status: &'static str| {
        Pod::scripted(move |mut connection| {
            connection.request().unwrap();
            connection.send(format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nno"));
        })
    };
    let connect = |status: u16| {
        with_connect(move |mut call| async move {
            call.answer(status, b"no").await;
        })
    };
    let seen = |server: &Tidegate| {
        let mut seen = None;
        run(async {
            let client = offered(server).await;
            seen = Some(refusal(&client).await);
        });
        seen.unwrap()
    };
    for (status, text) in [(403, "403 Forbidden"), (426, "426 Upgrade Required"), (503, "503 Busy")] {
        let (one, two) = (plain(text), connect(status));
        for server in [to(&one), to_h2(&two)] {
            assert_eq!(seen(&server), (status, "no".to_owned()));
        }
    }
    // The pod has not offered CONNECT, and speaks no HTTP/1.
    let (one, two) = (plain("200 OK"), H2Pod::named("h2"));
    for server in [to(&one), to_h2(&two)] {
        assert_eq!(seen(&server).0, 502);
    }
    assert_eq!(two.calls(), 0);
}

#[test]
fn a_pod_that_does_not_know_its_key_is_a_502() {
    let wrong = derive_accept_key(b"dGhlIHNhbXBsZSBub25jZQ==");
    for line in ["".to_owned(), format!("Sec-WebSocket-Accept: {wrong}\r\n")] {
        let pod = Pod::scripted(move |mut connection| {
            connection.request().unwrap();
            connection.send(format!(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{line}\r\n"
            ));
            let _ = connection.rest();
        });
        let server = to(&pod);
        run(async {
            let client = offered(&server).await;
            assert_eq!(refusal(&client).await.0, 502);
        });
    }
}

#[test]
fn each_direction_may_end_by_itself() {
    // The pod ends first.
    let (told, seen) = mpsc::channel();
    let told = Mutex::new(told);
    let pod = Pod::scripted(move |mut connection| {
        accept(&mut connection);
        connection.finish();
        told.lock().unwrap().send(connection.rest()).unwrap();
    });
    let server = to(&pod);
    run(async {
        let client = offered(&server).await;
        let (mut answer, mut stream) = open(&client).await;
        let (rest, _) = soon("the end", read_body(answer.body_mut())).await.unwrap();
        assert_eq!(rest, b"early bird");
        send(&mut stream, b"and yet", true).await.unwrap();
        assert_eq!(seen.recv_timeout(DEADLINE).unwrap(), (b"and yet".to_vec(), End::Fin));
    });
}

#[test]
fn a_side_that_breaks_off_takes_the_other_along() {
    // The client resets its stream: the pod's connection ends, or its stream.
    let (told, seen) = mpsc::channel();
    let told = Mutex::new(told);
    let one = Pod::scripted(move |mut connection| {
        accept(&mut connection);
        let _ = connection.rest();
        told.lock().unwrap().send(()).unwrap();
    });
    let two = h2_pod();
    for server in [to(&one), to_h2(&two)] {
        run(async {
            let client = offered(&server).await;
            let (_answer, mut stream) = open(&client).await;
            stream.send_reset(h2::Reason::CANCEL);
            // The connection lives on.
            let (mut answer, _stream) = open(&client).await;
            assert_eq!(next(answer.body_mut()).await, "early bird");
        });
    }
    seen.recv_timeout(DEADLINE).unwrap();
    eventually("the end of the pod's streams", || (two.open() == 0).then_some(()));

    // The pod breaks off: the client must not take it for an end.
    let one = Pod::scripted(|mut connection| {
        accept(&mut connection);
        connection.exactly(1).unwrap();
        connection.reset();
    });
    let two = with_connect(|mut call| async move {
        let mut stream = call.head(Response::builder(), false);
        send(&mut stream, b"early bird", false).await.unwrap();
        let _ = call.request.body_mut().data().await;
        stream.send_reset(h2::Reason::INTERNAL_ERROR);
    });
    for server in [to(&one), to_h2(&two)] {
        run(async {
            let client = offered(&server).await;
            let (mut answer, mut stream) = open(&client).await;
            assert_eq!(next(answer.body_mut()).await, "early bird");
            send(&mut stream, b"x", false).await.unwrap();
            let end = soon("the end", read_body(answer.body_mut())).await;
            assert!(end.is_err(), "a reset, not an end: {end:?}");
        });
    }
}

#[test]
fn a_quiet_websocket_outlives_the_deadlines_of_bodies_and_not_its_own() {
    let (one, two) = (http1_pod(), h2_pod());
    for manifests in [Manifests::everything_to(&[one.address]), Manifests::everything_to_h2c(&[two.address])] {
        for (option, status) in [("--body-gap-timeout", 408), ("--response-timeout", 504)] {
            let server = Tidegate::serve_with(&manifests, &[option, "200ms"]);
            run(async {
                let client = offered(&server).await;
                let (mut answer, mut stream) = open(&client).await;
                assert_eq!(next(answer.body_mut()).await, "early bird");
                // By then the time is over.
                let mut slow = server.connect();
                slow.send("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\n");
                assert_eq!(slow.answer().status(), status);
                send(&mut stream, b"hello", true).await.unwrap();
                let (rest, _) = soon("the rest", read_body(answer.body_mut())).await.unwrap();
                assert_eq!(rest, b"you said hello");
            });
        }
        let server = Tidegate::serve_with(&manifests, &["--tunnel-idle-timeout", "300ms"]);
        run(async {
            let client = offered(&server).await;
            let (mut answer, _stream) = open(&client).await;
            assert_eq!(next(answer.body_mut()).await, "early bird");
            assert!(soon("the end", read_body(answer.body_mut())).await.is_err(), "a reset, not an end");
        });
    }
}

#[test]
fn websockets_over_http2_can_be_switched_off() {
    let pod = http1_pod();
    let server = Tidegate::serve_with(&Manifests::everything_to(&[pod.address]), &["--h2-websocket", "false"]);
    let connect = |client: &mut FrameClient, stream| {
        let mut fields = frames::pseudo("CONNECT", "a.example", "/chat");
        fields.push((":protocol", "websocket"));
        client.request(stream, 0, &fields);
    };
    let mut client = FrameClient::connect(server.http);
    connect(&mut client, 1);
    assert_eq!(client.reset_of(1), 1, "PROTOCOL_ERROR");
    assert_eq!(pod.connections(), 0);
    let server = to(&pod);
    let mut client = FrameClient::connect(server.http);
    connect(&mut client, 1);
    assert_eq!(client.head(1).status(), 200);
}

#[test]
fn a_websocket_is_counted_as_over_http1() {
    let pod = http1_pod();
    let server = to(&pod);
    run(async {
        let client = offered(&server).await;
        let (mut answer, mut stream) = open(&client).await;
        send(&mut stream, b"hello", true).await.unwrap();
        let _ = soon("the rest", read_body(answer.body_mut())).await.unwrap();
    });
    eventually("it is counted", || (server.metric("tidegate_requests_total", "code=\"101\"") >= 1.0).then_some(()));
}

#[test]
fn a_client_that_leaves_ends_its_websockets() {
    let pod = h2_pod();
    let server = to_h2(&pod);
    run(async {
        let client = offered(&server).await;
        let (mut answer, stream) = open(&client).await;
        assert_eq!(next(answer.body_mut()).await, "early bird");
        drop((answer, stream, client));
    });
    eventually("the end of the pod's stream", || (pod.open() == 0).then_some(()));
}
