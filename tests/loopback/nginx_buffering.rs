//! `proxy-request-buffering` and `proxy-buffering`: no pod waits for a slow client. Names of tests carry the behaviour that they
//! show.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::mpsc::channel;

use serde_json::{Value, json};

use crate::support::h2::{H2Client, run};
use crate::support::{Client, DEADLINE, Manifests, Message, Pod, Speech, Tidegate, TlsPod, eventually, get};

/// Bytes that are kept where nothing more is said.
const KEPT: usize = 1 << 20;

const ON: (&str, &str) = ("proxy-request-buffering", "on");

fn serve(pods: &[SocketAddr], annotations: &[(&str, &str)], options: &[&str]) -> Tidegate {
    let all = annotations.iter().chain(&[ON, ("load-balance", "round_robin")]);
    let annotations: Value =
        all.map(|(key, value)| (format!("nginx.ingress.kubernetes.io/{key}"), json!(value))).collect();
    let paths = [("/", "Prefix", "web")];
    let manifests =
        Manifests::new().service("web", pods).ingress_with("web", Some("a.example"), &paths, annotations, json!([]));
    let options: Vec<_> = ["--workers", "1"].iter().chain(options).copied().collect();
    let server = Tidegate::serve_with(&manifests, &options);
    assert!(!server.admin("/debug/problems").text().contains("buffer"), "there is nothing to tell");
    server
}

fn head(fields: &str) -> String {
    format!("POST /up HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n\r\n")
}

/// The body in pieces, as a client sends them: with its length, or in chunks.
fn told(is_chunked: bool, pieces: &[&[u8]]) -> (String, Vec<Vec<u8>>) {
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    if !is_chunked {
        return (head(&format!("Content-Length: {length}")), pieces.iter().map(|piece| piece.to_vec()).collect());
    }
    let chunk = |piece: &&[u8]| [format!("{:x}\r\n", piece.len()).as_bytes(), *piece, b"\r\n"].concat();
    let mut chunks: Vec<_> = pieces.iter().map(chunk).collect();
    chunks.last_mut().unwrap().extend_from_slice(b"0\r\n\r\n");
    (head("Transfer-Encoding: chunked"), chunks)
}

/// Uploads of a pod, which may get other requests.
fn uploads(pod: &Pod) -> Vec<Message> {
    pod.requests().into_iter().filter(|request| request.method() == "POST").collect()
}

/// How many uploads a pod has got any of.
fn begun(pod: &Pod) -> usize {
    String::from_utf8_lossy(&pod.received_in_all()).matches("POST /up").count()
}

/// The server has seen what came before: it is one thread, and has answered others since.
fn settle(server: &Tidegate) {
    for _ in 0..5 {
        assert_eq!(server.ask(get("a.example", "/other")).status(), 200);
    }
}

#[test]
fn nginx_z5_on_asks_a_pod_when_the_body_is_there() {
    let pod = Pod::named("web");
    let server = serve(&[pod.address], &[], &[]);
    for is_chunked in [false, true] {
        let (head, pieces) = told(is_chunked, &[b"first", b"last."]);
        let mut client = server.connect();
        client.send(head);
        client.send(&pieces[0]);
        let before = uploads(&pod).len();
        settle(&server);
        assert_eq!(begun(&pod), before);
        client.send(&pieces[1]);
        assert_eq!(client.answer().text(), "web");
        let upload = uploads(&pod).pop().unwrap();
        assert_eq!((uploads(&pod).len(), &upload.body[..]), (before + 1, &b"firstlast."[..]));
        // As nginx does.
        assert_eq!((upload.field("content-length"), upload.field("transfer-encoding")), (Some("10"), None));
        // The connection goes on.
        assert_eq!(client.ask(get("a.example", "/")).text(), "web");
    }
}

#[test]
fn nginx_z5_fields_behind_a_body_stay_there() {
    let pod = Pod::named("web");
    let server = serve(&[pod.address], &[], &[]);
    let mut client = server.connect();
    client.send(head("Transfer-Encoding: chunked"));
    client.send("4\r\nbody\r\n0\r\nX-Sum: 1\r\n\r\n");
    assert_eq!(client.answer().text(), "web");
    let received = String::from_utf8(pod.received_in_all()).unwrap().to_lowercase();
    assert!(received.contains("\r\n4\r\nbody\r\n0\r\nx-sum: 1\r\n\r\n"), "{received}");
}

#[test]
fn nginx_z5_a_body_that_is_longer_than_its_memory_is_passed_on_from_there() {
    let first = vec![b'a'; KEPT + 300_000];
    for is_chunked in [false, true] {
        let pod = Pod::named("web");
        let server = serve(&[pod.address], &[("client-body-buffer-size", "8k")], &[]);
        let (head, pieces) = told(is_chunked, &[&first[..KEPT / 2], &first[KEPT / 2..], b"the end"]);
        let mut client = server.connect();
        client.send(head);
        client.send(&pieces[0]);
        settle(&server);
        assert_eq!(begun(&pod), 0);
        client.send(&pieces[1]);
        let has_begun = || pod.received_in_all().len() > KEPT;
        eventually("the pod has the first part", || has_begun().then_some(()));
        client.send(&pieces[2]);
        assert_eq!(client.answer().text(), "web");
        let upload = uploads(&pod).pop().unwrap();
        assert!(upload.body == [&first[..], b"the end"].concat(), "{is_chunked}: {} bytes", upload.body.len());
    }
}

#[test]
fn nginx_z5_client_body_buffer_size_is_what_is_kept() {
    let pod = Pod::named("web");
    let body = vec![b'a'; 3 << 20];
    let server = serve(&[pod.address], &[("client-body-buffer-size", "4m")], &[]);
    let (head, pieces) = told(false, &[&body[..2 << 20], &body[2 << 20..]]);
    let mut client = server.connect();
    client.send(head);
    client.send(&pieces[0]);
    settle(&server);
    assert_eq!(begun(&pod), 0);
    client.send(&pieces[1]);
    assert_eq!(client.answer().text(), "web");
    assert!(uploads(&pod).pop().unwrap().body == body);
}

#[test]
fn nginx_p2_a_body_that_was_waited_for_can_go_to_another_pod() {
    let bad = Pod::answering("HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno");
    let good = Pod::named("good");
    let rule = ("proxy-next-upstream", "http_503 non_idempotent");
    let body = vec![b'b'; 500_000];
    let tls = [bad.address, good.address].map(|pod| TlsPod::before(pod, Speech::of(&["http/1.1"])));
    for (pods, protocol) in [([bad.address, good.address], "HTTP"), ([tls[0].address, tls[1].address], "HTTPS")] {
        let server = serve(&pods, &[rule, ("backend-protocol", protocol)], &[]);
        for (is_chunked, part) in [(false, 10), (true, 10), (false, 100_000), (true, 100_000), (false, 500_000)] {
            for _ in 0..2 {
                let (head, pieces) = told(is_chunked, &[&body[..part]]);
                let mut client = server.connect();
                client.send(head);
                client.send(&pieces[0]);
                assert_eq!(client.answer().text(), "good", "{protocol} {is_chunked} {part}");
                assert!(uploads(&good).pop().unwrap().body == body[..part]);
                assert!(uploads(&bad).iter().all(|upload| upload.body.len() % 10 == 0));
            }
        }
    }
    assert!(uploads(&bad).len() >= 10);
}

#[test]
fn nginx_z5_a_pod_may_answer_before_it_has_taken_all() {
    let pod = Pod::scripted(|mut connection| {
        let _ = connection.head();
        connection.send("HTTP/1.1 403 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
        let _ = connection.rest();
    });
    let server = serve(&[pod.address], &[("client-body-buffer-size", "8m")], &[]);
    server_answers(&mut server.connect(), 6 << 20, 403);
}

fn server_answers(client: &mut Client, length: usize, status: u16) {
    client.send(head(&format!("Content-Length: {length}")));
    client.send(vec![b'x'; length]);
    assert_eq!(client.answer().status(), status);
}

#[test]
fn nginx_z5_a_client_that_waits_to_be_told_to_go_on_is_told_so() {
    let pod = Pod::named("web");
    let server = serve(&[pod.address], &[], &[]);
    let mut client = server.connect();
    client.send(head("Content-Length: 4\r\nExpect: 100-continue"));
    assert!(client.head().unwrap().starts_with(b"HTTP/1.1 100 "));
    settle(&server);
    assert_eq!(begun(&pod), 0);
    client.send("body");
    assert_eq!(client.answer().text(), "web");
    assert_eq!(uploads(&pod).pop().unwrap().field("expect"), None);
}

#[test]
fn nginx_m1_a_body_that_is_too_long_reaches_no_pod() {
    let pod = Pod::named("web");
    let server = serve(&[pod.address], &[("proxy-body-size", "1k")], &[]);
    let (head, pieces) = told(true, &[&[b'x'; 1025]]);
    let mut client = server.connect();
    client.send(head);
    client.send(&pieces[0]);
    assert_eq!(client.answer().status(), 413);
    assert_eq!(pod.connections(), 0);
}

#[test]
fn nginx_z5_a_client_that_stalls_or_leaves_costs_no_pod_anything() {
    let pod = Pod::named("web");
    let server = serve(&[pod.address], &[], &["--body-gap-timeout", "200ms"]);
    let mut client = server.connect();
    client.send(head("Content-Length: 4"));
    client.send("bo");
    assert_eq!(client.answer().status(), 408);
    let mut client = server.connect();
    client.send(head("Content-Length: 4"));
    client.send("bo");
    client.into_wire().reset();
    settle(&server);
    assert_eq!(begun(&pod), 0);
}

#[test]
fn nginx_q3_calls_of_grpc_and_tunnels_are_not_waited_for() {
    let pod = Pod::scripted(|mut connection| {
        let _ = connection.head();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        let _ = connection.rest();
    });
    let server = serve(&[pod.address], &[], &[]);
    let mut client = server.connect();
    client.send(head("Content-Type: application/grpc\r\nTransfer-Encoding: chunked"));
    client.send("4\r\nbody\r\n");
    assert_eq!(client.answer().text(), "ok");
}

#[test]
fn nginx_z5_bodies_over_http2_are_waited_for_too() {
    let pod = Pod::named("web");
    let server = serve(&[pod.address], &[], &[]);
    run(async {
        let client = H2Client::plain(&server).await;
        for length in [5, 70_000, 300_000, 2 << 20] {
            let body = vec![b'h'; length];
            let answer = client.ask(client.request("POST", "a.example", "/up"), &body).await;
            assert_eq!((answer.status, answer.text().as_str()), (200, "web"), "{length}");
            let upload = uploads(&pod).pop().unwrap();
            assert!(upload.body == body, "{length}: {} bytes", upload.body.len());
            assert_eq!(upload.field("content-length").is_some(), length < KEPT, "{length}");
        }
        // While it comes, no pod is asked.
        let (answer, mut stream) = client.open(client.request("POST", "a.example", "/up"), false).await;
        stream.send_data(bytes::Bytes::from_static(b"first"), false).unwrap();
        for _ in 0..5 {
            assert_eq!(client.ask(client.request("GET", "a.example", "/other"), b"").await.status, 200);
        }
        assert_eq!(begun(&pod), 4);
        stream.send_data(bytes::Bytes::from_static(b"last."), true).unwrap();
        assert_eq!(answer.await.unwrap().status(), 200);
        assert_eq!(uploads(&pod).pop().unwrap().body, b"firstlast.");
    });
}

#[test]
fn nginx_z5_on_lets_a_pod_be_done_before_its_client() {
    // More than the system keeps on the way.
    let length = 15 << 19;
    let body: Vec<u8> = (0..length).map(|at: usize| (at % 251) as u8).collect();
    let (done, is_done) = channel();
    let done = Mutex::new(done);
    let pod = {
        let body = body.clone();
        Pod::scripted(move |mut connection| {
            while connection.request().is_some() {
                connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"));
                connection.send(&body);
                done.lock().unwrap().send(()).unwrap();
            }
        })
    };
    for annotations in [
        vec![("proxy-buffering", "on"), ("proxy-buffers-number", "256"), ("proxy-buffer-size", "32k")],
        vec![("proxy-buffering", "on"), ("proxy-buffers-number", "4294967295"), ("proxy-buffer-size", "64k")],
    ] {
        let server = serve(&[pod.address], &annotations, &[]);
        let mut client = server.connect();
        client.send(get("a.example", "/"));
        is_done.recv_timeout(DEADLINE).expect("the pod is done, and the client has read nothing");
        assert!(client.answer().body == body);
        // The connection goes on, to the client and to the pod.
        client.send(get("a.example", "/"));
        assert!(client.answer().body == body);
        is_done.recv_timeout(DEADLINE).unwrap();
    }
}

#[test]
fn nginx_z5_an_answer_that_breaks_off_is_cut_behind_what_came_of_it() {
    for (framing, body) in [("Content-Length: 9", "half"), ("Transfer-Encoding: chunked", "4\r\nhalf\r\n")] {
        let pod = Pod::scripted(move |mut connection| {
            connection.request();
            connection.send(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n{body}"));
        });
        let server = serve(&[pod.address], &[("proxy-buffering", "on")], &[]);
        let mut client = server.connect();
        client.send(get("a.example", "/"));
        assert!(client.head().unwrap().starts_with(b"HTTP/1.1 200"));
        assert_eq!(client.rest().0, body.as_bytes());
    }
}
