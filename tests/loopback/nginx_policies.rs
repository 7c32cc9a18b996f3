//! Limits and timeouts as annotations of ingress-nginx set them. Names of tests carry the behaviour that they show. Options say
//! something else each time, so that a test fails where its annotation does nothing.

use std::net::SocketAddr;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::support::h2::{H2Client, run};
use crate::support::{BodyEnd, DEADLINE, Manifests, Pod, Tidegate, get, not_accepting, refusing};

/// Longer than any test waits.
const FOREVER: &str = "10m";

fn serve(pods: &[SocketAddr], key: &str, value: &str, options: &[&str]) -> Tidegate {
    let annotations = json!({(format!("nginx.ingress.kubernetes.io/{key}")): value});
    let paths = [("/", "Prefix", "web")];
    let manifests =
        Manifests::new().service("web", pods).ingress_with("web", Some("a.example"), &paths, annotations, json!([]));
    Tidegate::serve_with(&manifests, options)
}

fn post(length: usize) -> String {
    format!("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: {length}\r\n\r\n")
}

#[test]
fn nginx_m1_a_longer_body_is_413_with_a_length_and_in_chunks() {
    let pod = Pod::named("web");
    let server = serve(&[pod.address], "proxy-body-size", "1k", &["--max-body-bytes", "1MiB"]);
    for (length, status) in [(1024, 200), (1025, 413)] {
        let body = "x".repeat(length);
        assert_eq!(server.ask(format!("{}{body}", post(length))).status(), status, "{length}");
        let chunked = "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(server.ask(format!("{chunked}{length:x}\r\n{body}\r\n0\r\n\r\n")).status(), status, "{length}");
    }
    run(async {
        let client = H2Client::plain(&server).await;
        for (length, status) in [(1024, 200), (1025, 413)] {
            let request = client.request("POST", "a.example", "/").header("content-length", length);
            assert_eq!(client.ask(request, &vec![b'x'; length]).await.status, status, "{length}");
        }
    });
}

#[test]
fn nginx_m1_zero_is_no_limit_and_what_is_no_size_leaves_the_default() {
    let pod = Pod::named("web");
    let limit = ["--max-body-bytes", "10"];
    let server = serve(&[pod.address], "proxy-body-size", "0", &limit);
    assert_eq!(server.ask(format!("{}{}", post(100_000), "x".repeat(100_000))).status(), 200);
    let server = serve(&[pod.address], "proxy-body-size", "50Mi", &limit);
    assert_eq!(server.ask(format!("{}{}", post(11), "x".repeat(11))).status(), 413);
}

#[test]
fn nginx_m2_a_413_by_length_comes_before_the_body() {
    let pod = Pod::named("web");
    let server = serve(&[pod.address], "proxy-body-size", "8m", &[]);
    let mut client = server.connect();
    // Nothing of the body is sent.
    client.send(post((8 << 20) + 1));
    assert_eq!(client.answer().status(), 413);
    assert_eq!(pod.connections(), 0);
}

#[test]
fn nginx_o1_a_pod_that_takes_no_connection_is_given_up_after_whole_seconds() {
    let (mute, _held) = not_accepting();
    let server = serve(&[mute], "proxy-connect-timeout", "1", &["--connect-timeout", FOREVER]);
    assert_eq!(server.ask(get("a.example", "/")).status(), 504);
    // What is no number of seconds leaves the default.
    let server = serve(&[mute], "proxy-connect-timeout", "600s", &["--connect-timeout", "100ms"]);
    assert_eq!(server.ask(get("a.example", "/")).status(), 504);
}

#[test]
fn nginx_o2_a_silent_pod_is_504_before_its_head_and_cut_within_its_body() {
    for (part, status) in [("", 504), ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", 200)] {
        let pod = Pod::scripted(move |mut connection| {
            connection.request();
            connection.send(part);
            assert!(connection.request().is_none());
        });
        let server = serve(&[pod.address], "proxy-read-timeout", "1", &["--response-timeout", FOREVER]);
        let answer = server.ask(get("a.example", "/"));
        assert_eq!(answer.status(), status, "{part:?}");
        if status == 200 {
            assert!(matches!(answer.end, BodyEnd::Truncated(_)), "{:?}", answer.end);
        }
    }
}

#[test]
fn nginx_o2_a_pod_that_takes_no_more_of_a_request_is_504() {
    let (release, held) = channel::<()>();
    let held = std::sync::Mutex::new(held);
    let pod = Pod::scripted(move |mut connection| {
        let _ = connection.head();
        let _ = held.lock().unwrap().recv();
    });
    let server = serve(&[pod.address], "proxy-send-timeout", "1", &["--response-timeout", FOREVER]);
    let mut client = server.connect();
    client.send(post(1 << 30));
    let mut upload = client.stream().try_clone().unwrap();
    // More than all buffers on the way can hold; it ends when the connection does.
    let uploading = thread::spawn(move || {
        let piece = vec![b'x'; 1 << 20];
        while std::io::Write::write_all(&mut upload, &piece).is_ok() {}
    });
    assert_eq!(client.answer().status(), 504);
    drop(client);
    drop(release);
    uploading.join().unwrap();
}

#[test]
fn nginx_o3_refused_connections_are_502_after_all_tries_and_p3_the_first_one_counts() {
    let refused: Vec<_> = (0..5).map(|_| refusing()).collect();
    let addresses: Vec<_> = refused.iter().map(|(address, _)| *address).collect();
    for (tries, attempts) in [("1", 1.0), ("2", 2.0), ("5", 5.0), ("0", 5.0), ("-1", 3.0)] {
        let server = serve(&addresses, "proxy-next-upstream-tries", tries, &[]);
        assert_eq!(server.ask(get("a.example", "/")).status(), 502);
        assert_eq!(server.metric("tidegate_upstream_attempts_total", ""), attempts, "{tries}");
    }
}

/// A pod that says what protocol it switches to, and then sends back what it gets.
fn echo() -> Pod {
    Pod::scripted(|mut connection| {
        connection.request();
        connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
        while let Ok(bytes) = connection.some() {
            if connection.try_send(bytes).is_err() {
                break;
            }
        }
    })
}

#[test]
fn nginx_o4_a_socket_lives_while_data_flow_and_no_longer() {
    let pod = echo();
    let options = ["--tunnel-idle-timeout", FOREVER];
    let server = serve(&[pod.address], "proxy-read-timeout", "1", &options);
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
    assert!(client.head().unwrap().starts_with(b"HTTP/1.1 101"));
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(1500) {
        client.send("x");
        assert_eq!(client.exactly(1).unwrap(), b"x");
    }
    client.expect_end();
    assert!(started.elapsed() < DEADLINE);
}

#[test]
fn nginx_o4_an_answer_lives_while_data_flow() {
    let (next, wanted) = channel::<()>();
    let wanted = std::sync::Mutex::new(wanted);
    let pod = Pod::scripted(move |mut connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        let wanted = wanted.lock().unwrap();
        while wanted.recv().is_ok() {
            connection.send("1\r\nx\r\n");
        }
        connection.send("0\r\n\r\n");
    });
    let server = serve(&[pod.address], "proxy-read-timeout", "1", &[]);
    let mut client = server.connect();
    client.send(get("a.example", "/"));
    client.head().unwrap();
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(1500) {
        next.send(()).unwrap();
        assert_eq!(client.exactly(6).unwrap(), b"1\r\nx\r\n");
    }
    drop(next);
    assert_eq!(client.exactly(5).unwrap(), b"0\r\n\r\n");
}

#[test]
fn nginx_z5_both_directions_stream_whatever_is_said_of_buffers() {
    for (key, value) in [
        ("proxy-buffering", "off"),
        ("proxy-buffering", "on"),
        ("proxy-request-buffering", "off"),
        ("client-body-buffer-size", "1m"),
        ("proxy-buffer-size", "16k"),
        ("proxy-buffers-number", "4"),
        ("proxy-busy-buffers-size", "32k"),
        ("proxy-max-temp-file-size", "0"),
    ] {
        let pod = Pod::scripted(|mut connection| {
            let _ = connection.head();
            let first = connection.exactly(5).unwrap();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
            connection.send(first);
            let last = connection.exactly(5).unwrap();
            connection.send(last);
        });
        let server = serve(&[pod.address], key, value, &[]);
        assert!(!server.admin("/debug/problems").text().contains(key), "{key}: {value} is nothing to tell");
        let mut client = server.connect();
        // The pod sees the first half before there is a second one, and so does the client of its answer.
        client.send(format!("{}first", post(10)));
        let head = client.head().unwrap();
        assert!(head.starts_with(b"HTTP/1.1 200"), "{key}: {value}");
        assert_eq!(client.exactly(5).unwrap(), b"first");
        client.send("last.");
        assert_eq!(client.exactly(5).unwrap(), b"last.");
    }
}

#[test]
fn nginx_proxy_buffer_size_does_not_narrow_the_head_of_an_answer() {
    let head = format!("HTTP/1.1 200 OK\r\nSet-Cookie: a={}\r\nContent-Length: 0\r\n\r\n", "x".repeat(50_000));
    let pod = Pod::answering(head);
    let server = serve(&[pod.address], "proxy-buffer-size", "4k", &[]);
    assert_eq!(server.ask(get("a.example", "/")).status(), 200);
}

#[test]
fn nginx_z3_and_z6_what_has_no_effect_changes_nothing() {
    let pod = Pod::named("web");
    for (key, value) in [
        ("enable-rewrite-log", "true"),
        ("fastcgi-index", "index.php"),
        ("http2-push-preload", "true"),
        ("proxy-http-version", "1.1"),
    ] {
        let server = serve(&[pod.address], key, value, &[]);
        assert_eq!(server.ask(get("a.example", "/")).text(), "web", "{key}: {value}");
    }
    assert!(pod.requests().iter().all(|request| request.start == "GET / HTTP/1.1"));
}
