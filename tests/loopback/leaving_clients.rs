//! Clients over HTTP/1 that leave while their pod has nothing to say.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use serde_json::json;
use socket2::SockRef;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use crate::support::h2::{Call, H2Pod, run};
use crate::support::tls::{Hello, TlsClient};
use crate::support::{DEADLINE, Manifests, Pod, Tidegate, certificate, eventually, get, not_accepting};

/// How soon a reset is noticed. The rest is for a machine with much else to do.
const NOTICED: Duration = Duration::from_secs(2);

const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody";
const CHUNKED: &str = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n";

/// A pod that sends `part` of an answer and is silent then. Tells when it has a request, and when its connection ends.
fn silent_behind(part: &'static str) -> (Pod, mpsc::Receiver<()>, mpsc::Receiver<()>) {
    let ((seen, is_seen), (ended, has_ended)) = (mpsc::channel(), mpsc::channel());
    let pod = Pod::scripted(move |mut connection| {
        if connection.request().is_some() {
            connection.send(part);
            seen.send(()).unwrap();
            let _ = connection.rest();
            let _ = ended.send(());
        }
    });
    (pod, is_seen, has_ended)
}

fn lost(server: &Tidegate) -> f64 {
    server.metric("tidegate_requests_total", r#"code="499""#)
}

/// `leave` makes a client leave, which is noticed soon: the pod's connection ends, and the request counts as 499.
fn is_noticed(server: &Tidegate, has_ended: &mpsc::Receiver<()>, leave: impl FnOnce()) {
    let before = lost(server);
    leave();
    let left = Instant::now();
    has_ended.recv_timeout(DEADLINE).expect("the pod's connection ends");
    eventually("a 499", || (lost(server) == before + 1.0).then_some(()));
    assert!(left.elapsed() < NOTICED, "{:?}", left.elapsed());
}

#[test]
fn fault_f13_a_reset_is_noticed_while_the_pod_is_silent() {
    for part in ["", "HTTP/1.1 103 \r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"] {
        let (pod, is_seen, has_ended) = silent_behind(part);
        let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
        // With another request behind, of which nothing is read yet, and with the end of the client's direction.
        let pipelined = [get("a", "/"), get("a", "/next")].concat();
        for (request, ends) in [(get("a", "/"), false), (POST.into(), false), (pipelined, false), (get("a", "/"), true)]
        {
            let mut client = server.connect();
            client.send(request);
            if ends {
                client.finish();
            }
            is_seen.recv_timeout(DEADLINE).unwrap();
            is_noticed(&server, &has_ended, || client.into_wire().reset());
        }
    }
}

#[test]
fn fault_f13_a_reset_is_noticed_behind_and_within_an_upload() {
    let (seen, is_seen) = mpsc::channel();
    let (ended, has_ended) = mpsc::channel();
    let pod = Pod::scripted(move |mut connection| {
        let _ = connection.head();
        while connection.some().is_ok() {
            seen.send(()).unwrap();
        }
        ended.send(()).unwrap();
    });
    let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
    for end in ["", "0\r\n\r\n"] {
        let mut client = server.connect();
        client.send(CHUNKED);
        is_seen.recv_timeout(DEADLINE).unwrap();
        if !end.is_empty() {
            client.send(end);
            is_seen.recv_timeout(DEADLINE).unwrap();
        }
        is_noticed(&server, &has_ended, || client.into_wire().reset());
    }
}

#[test]
fn fault_f13_a_reset_is_noticed_within_tls() {
    let (pod, is_seen, has_ended) = silent_behind("");
    let (certificate, key) = certificate(&["a.example"]);
    let tls = json!([{"hosts": ["a.example"], "secretName": "tls"}]);
    let manifests = Manifests::new().service("web", &[pod.address]).secret("tls", &certificate, &key).ingress_with(
        "all",
        Some("a.example"),
        &[("/", "Prefix", "web")],
        json!({}),
        tls,
    );
    let server = Tidegate::serve(&manifests);
    run(async {
        for requests in [get("a.example", "/"), [get("a.example", "/"), get("a.example", "/next")].concat()] {
            let mut client = TlsClient::connect(server.https, "a.example", &Hello::of("http/1.1")).await.unwrap();
            client.write_all(requests.as_bytes()).await.unwrap();
            client.flush().await.unwrap();
            is_seen.recv_timeout(DEADLINE).unwrap();
            is_noticed(&server, &has_ended, || {
                SockRef::from(client.tcp()).set_linger(Some(Duration::ZERO)).unwrap();
                drop(client);
            });
        }
    });
}

/// A pod's side of a stream, which tells when it has a request and when it is reset. `is_begun`: whether it answers a head.
async fn silent(mut call: Call, is_begun: bool, seen: mpsc::Sender<()>, ended: mpsc::Sender<()>) {
    let mut stream = if is_begun { Some(call.head(http::Response::builder(), false)) } else { None };
    seen.send(()).unwrap();
    match &mut stream {
        Some(stream) => drop(std::future::poll_fn(|cx| stream.poll_reset(cx)).await),
        None => call.reset().await,
    }
    let _ = ended.send(());
}

#[test]
fn fault_f13_a_reset_is_noticed_while_a_pod_of_http_2_is_silent() {
    for is_begun in [false, true] {
        let ((seen, is_seen), (ended, has_ended)) = (mpsc::channel(), mpsc::channel());
        let told = Arc::new(Mutex::new((seen, ended)));
        let pod = H2Pod::scripted(move |call| {
            let (seen, ended) = told.lock().unwrap().clone();
            silent(call, is_begun, seen, ended)
        });
        let server = Tidegate::serve(&Manifests::everything_to_h2c(&[pod.address]));
        for request in [get("a", "/"), POST.into(), [CHUNKED, "0\r\n\r\n"].concat()] {
            let mut client = server.connect();
            client.send(request);
            is_seen.recv_timeout(DEADLINE).unwrap();
            is_noticed(&server, &has_ended, || client.into_wire().reset());
        }
    }
}

#[test]
fn fault_f13_a_reset_is_noticed_while_we_connect() {
    let (mute, _full) = not_accepting();
    for manifests in [Manifests::everything_to(&[mute]), Manifests::everything_to_h2c(&[mute])] {
        let server = Tidegate::serve_with(&manifests, &["--connect-timeout", "30s"]);
        for request in [get("a", "/"), CHUNKED.into()] {
            let before = lost(&server);
            let mut client = server.connect();
            client.send(request);
            let attempts = "tidegate_upstream_attempts_total";
            eventually("an attempt", || (server.metric(attempts, "") == before + 1.0).then_some(()));
            client.into_wire().reset();
            let left = Instant::now();
            eventually("a 499", || (lost(&server) == before + 1.0).then_some(()));
            assert!(left.elapsed() < NOTICED, "{:?}", left.elapsed());
        }
    }
}

#[test]
fn fault_f13_a_client_that_only_ends_its_direction_gets_its_answer_however_late() {
    let (answer, may_answer) = mpsc::channel::<()>();
    let may_answer = Mutex::new(may_answer);
    let pod = Pod::scripted(move |mut connection| {
        while connection.request().is_some() {
            may_answer.lock().unwrap().recv_timeout(DEADLINE).unwrap();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate");
        }
    });
    let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
    let mut client = server.connect();
    client.send(get("a", "/"));
    client.finish();
    let begun = Instant::now();
    // Longer than it takes to ask the socket twice.
    eventually("some time", || (begun.elapsed() > NOTICED + Duration::from_millis(200)).then_some(()));
    answer.send(()).unwrap();
    assert_eq!(client.answer().text(), "late");
    client.expect_end();
}
