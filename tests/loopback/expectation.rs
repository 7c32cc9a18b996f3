//! `Expect: 100-continue` (RFC 9110 §10.1.1): the pod decides, between all protocols.

use std::future::poll_fn;

use http::HeaderValue;

use crate::support::h2::{H2Client, H2Pod, read, run, send, soon};
use crate::support::{Client, Manifests, Pod, Tidegate, get};

const WAITING: &str = "POST /up HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
/// As a pod says it. We say it without fields.
const TOLD: &[u8] = b"HTTP/1.1 100 Continue\r\nx-pod: 1\r\n\r\n";

fn to(pod: &Pod) -> Tidegate {
    Tidegate::serve(&Manifests::everything_to(&[pod.address]))
}

fn to_h2(pod: &H2Pod) -> Tidegate {
    Tidegate::serve(&Manifests::everything_to_h2c(&[pod.address]))
}

/// A pod that refuses by the head alone, and would fail if a body came.
fn refusing() -> Pod {
    Pod::scripted(|mut connection| {
        let head = String::from_utf8(connection.head().unwrap()).unwrap().to_lowercase();
        assert!(head.contains("\r\nexpect: 100-continue\r\n"), "{head}");
        connection.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno");
        assert_eq!(connection.rest().0, b"");
    })
}

fn refusing_h2() -> H2Pod {
    H2Pod::scripted(|mut call| async move {
        assert_eq!(call.request.headers()["expect"], "100-continue");
        call.answer(401, b"no").await;
    })
}

/// A pod that says 100 before it reads, and answers with what it read.
fn asking() -> Pod {
    Pod::scripted(|mut connection| {
        while let Ok(head) = connection.head() {
            if head.starts_with(b"GET") {
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext");
                continue;
            }
            assert!(connection.unread().is_empty());
            connection.send(TOLD);
            let body = connection.exactly(4).unwrap();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
            connection.send(body);
        }
    })
}

fn asking_h2() -> H2Pod {
    H2Pod::scripted(|mut call| async move {
        let told = http::Response::builder().status(100).header("x-pod", "1").body(()).unwrap();
        call.respond.send_informational(told).unwrap();
        let (body, _) = call.body().await.unwrap();
        call.answer(200, &body).await;
    })
}

#[test]
fn fault_b25_a_pods_refusal_comes_before_the_upload() {
    let (one, two) = (refusing(), refusing_h2());
    for server in [to(&one), to_h2(&two)] {
        let mut client = server.connect();
        let answer = client.ask(WAITING);
        assert_eq!((answer.status(), answer.text().as_str(), answer.interim.len()), (401, "no", 0));
        // Nobody knows whether the client sends its body now.
        assert_eq!(answer.field("connection"), Some("close"));
        client.expect_end();
        run(async {
            let client = H2Client::plain(&server).await;
            let request = client.request("POST", "a.example", "/").header("expect", "100-continue");
            let (answer, _stream) = client.open(request, false).await;
            let answer = soon("an answer", read(answer)).await.unwrap();
            assert_eq!((answer.status, answer.text().as_str()), (401, "no"));
        });
    }
}

#[test]
fn fault_b25_the_pods_100_reaches_the_client_and_then_the_body_goes() {
    let (one, two) = (asking(), asking_h2());
    for server in [to(&one), to_h2(&two)] {
        let mut client = server.connect();
        for _ in 0..2 {
            client.send(WAITING);
            assert_eq!(client.head().unwrap(), TOLD);
            client.send("data");
            let answer = client.answer();
            assert_eq!((answer.status(), answer.text().as_str(), answer.interim.len()), (200, "data", 0));
            assert_eq!(answer.field("connection"), None);
        }
        run(async {
            let client = H2Client::plain(&server).await;
            let request = client.request("POST", "a.example", "/").header("expect", "100-continue");
            let request = request.header("content-length", "4");
            let (mut answer, mut stream) = client.open(request, false).await;
            let told = soon("100", poll_fn(|cx| answer.poll_informational(cx))).await.unwrap().unwrap();
            assert_eq!((told.status().as_u16(), &told.headers()["x-pod"]), (100, &HeaderValue::from_static("1")));
            send(&mut stream, b"body", true).await.unwrap();
            assert_eq!(soon("an answer", read(answer)).await.unwrap().text(), "body");
        });
    }
    assert_eq!((one.connections(), two.connections()), (1, 1));
}

#[test]
fn fault_b25_a_client_that_does_not_wait_to_be_told_is_not_held_up() {
    let (pod, h2_pod) = (Pod::named("web"), H2Pod::named("web"));
    for server in [to(&pod), to_h2(&h2_pod)] {
        let mut client: Client = server.connect();
        client.send(WAITING);
        client.send("data");
        let answer = client.answer();
        assert_eq!((answer.text().as_str(), answer.interim.len()), ("web", 0));
        assert_eq!(client.ask(get("a", "/next")).text(), "web");
    }
}
