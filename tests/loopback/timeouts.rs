//! E1: nothing and nobody is waited for without end. The settings are short here; what they are by default, the
//! command line's own tests tell.

use std::time::Duration;

use tokio::time::Instant;

use crate::support::{BodyEnd, Client, DEADLINE, Manifests, Pod, Tidegate, eventually, get};

fn served_with(options: &[&str]) -> (Pod, Tidegate) {
    let pod = Pod::named("web");
    let server = Tidegate::serve_with(&Manifests::everything_to(&[pod.address]), options);
    (pod, server)
}

#[test]
fn e1_a_head_that_takes_too_long_is_408() {
    let (pod, server) = served_with(&["--head-timeout", "150ms"]);
    for part in ["G", "P", "PRI * HTTP/2.0\r\n", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: a\r\nX: y"] {
        let mut client = server.connect();
        client.send(part);
        let answer = client.answer();
        assert_eq!((answer.status(), answer.field("connection")), (408, Some("close")), "{part:?}");
        client.expect_end();
    }
    assert_eq!(pod.connections(), 0);
}

#[test]
fn e1_a_head_that_drips_is_408_however_steadily() {
    let (_pod, server) = served_with(&["--head-timeout", "200ms"]);
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nX: ");
    let mut other = Client::connect(server.http);
    other.stream().set_nonblocking(false).unwrap();
    // As fast as it goes would not be a drip; one byte per answered request of another client is a pace.
    while client.try_send("y").is_ok() {
        assert_eq!(other.ask(get("a", "/")).status(), 200);
        client.stream().set_nonblocking(true).unwrap();
        let has_answer = client.stream().peek(&mut [0; 1]).is_ok_and(|count| count > 0);
        client.stream().set_nonblocking(false).unwrap();
        if has_answer {
            break;
        }
    }
    assert_eq!(client.answer().status(), 408);
}

#[test]
fn e1_a_connection_without_a_request_is_closed_without_a_word() {
    let (_pod, server) = served_with(&["--head-timeout", "100ms", "--idle-timeout", "100ms"]);
    server.connect().expect_end();
    let mut client = server.connect();
    assert_eq!(client.ask(get("a", "/")).status(), 200);
    client.expect_end();
}

#[test]
fn e1_an_idle_connection_has_a_time_of_its_own() {
    let (_pod, server) = served_with(&["--head-timeout", "50ms", "--idle-timeout", "30s"]);
    let mut client = server.connect();
    assert_eq!(client.ask(get("a", "/")).status(), 200);
    // Another connection's head times out meanwhile: this one's does not begin before its first byte.
    let mut other = server.connect();
    other.send("G");
    assert_eq!(other.answer().status(), 408);
    assert_eq!(client.ask(get("a", "/")).status(), 200);
}

#[test]
fn e1_an_empty_line_behind_a_request_is_not_yet_the_next_one() {
    let (_pod, server) = served_with(&["--head-timeout", "50ms", "--idle-timeout", "30s"]);
    let mut client = server.connect();
    assert_eq!(client.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx\r\n").status(), 200);
    let mut other = server.connect();
    other.send("G");
    assert_eq!(other.answer().status(), 408);
    assert_eq!(client.ask(get("a", "/")).status(), 200);
}

#[test]
fn e1_a_body_that_stops_arriving_is_408_and_the_pod_does_not_take_it_for_whole() {
    let pod = Pod::scripted(|mut connection| {
        let _ = connection.head();
        let (rest, _) = connection.rest();
        assert!(!rest.ends_with(b"0\r\n\r\n"));
    });
    let server = Tidegate::serve_with(&Manifests::everything_to(&[pod.address]), &["--body-gap-timeout", "150ms"]);
    for part in [
        "Content-Length: 9\r\n\r\n",
        "Content-Length: 9\r\n\r\nhalf",
        "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ] {
        let mut client = server.connect();
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{part}"));
        let answer = client.answer();
        assert_eq!((answer.status(), answer.field("connection")), (408, Some("close")), "{part:?}");
        client.expect_end();
    }
    pod.wait_for_connections(3);
}

#[test]
fn e1_a_client_that_expects_100_and_then_sends_nothing_is_408() {
    let pod = Pod::scripted(|mut connection| {
        let _ = connection.rest();
    });
    let server = Tidegate::serve_with(&Manifests::everything_to(&[pod.address]), &["--body-gap-timeout", "100ms"]);
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n");
    let answer = client.answer();
    assert_eq!((answer.status(), answer.interim.len()), (408, 1));
}

#[test]
fn f21_a_pod_that_never_answers_is_504_and_its_connection_is_not_used_again() {
    let pod = Pod::scripted(|mut connection| {
        let is_mute = connection.index == 0;
        while connection.request().is_some() {
            if !is_mute {
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsound");
            }
        }
    });
    let server = Tidegate::serve_with(&Manifests::everything_to(&[pod.address]), &["--response-timeout", "150ms"]);
    let mut client = server.connect();
    let answer = client.ask(get("a", "/first"));
    assert_eq!((answer.status(), answer.field("connection")), (504, None));
    assert_eq!(client.ask(get("a", "/second")).text(), "sound");
    let targets: Vec<_> = pod.requests().iter().map(|request| request.target().to_owned()).collect();
    assert_eq!(targets, ["/first", "/second"]);
}

#[test]
fn f21_a_pod_that_stops_within_its_head_is_504_and_within_its_body_truncates() {
    for (part, status) in [
        ("HTTP/1.1 200 OK\r\nX: y", 504),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", 200),
        ("HTTP/1.1 103 \r\n\r\n", 504),
    ] {
        let pod = Pod::scripted(move |mut connection| {
            connection.request();
            connection.send(part);
            assert!(connection.request().is_none());
        });
        let server = Tidegate::serve_with(&Manifests::everything_to(&[pod.address]), &["--response-timeout", "150ms"]);
        let answer = server.ask(get("a", "/"));
        assert_eq!(answer.status(), status, "{part:?}");
        if status == 200 {
            assert!(matches!(answer.end, BodyEnd::Truncated(_)), "{:?}", answer.end);
        }
    }
}

#[test]
fn an_upload_that_moves_does_not_count_as_waiting_for_the_answer() {
    let (confirm, confirmed) = std::sync::mpsc::channel::<()>();
    let pod = Pod::scripted(move |mut connection| {
        let mut last = Vec::new();
        while !last.ends_with(b"0\r\n\r\n") {
            last = connection.some().unwrap();
            let _ = confirm.send(());
        }
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone");
    });
    let server = Tidegate::serve_with(&Manifests::everything_to(&[pod.address]), &["--response-timeout", "200ms"]);
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(900) {
        client.send("1\r\nx\r\n");
        confirmed.recv_timeout(DEADLINE).unwrap();
    }
    client.send("0\r\n\r\n");
    assert_eq!(client.answer().text(), "done");
}

#[test]
fn e1_a_client_that_reads_nothing_is_cut() {
    let (tell, told) = std::sync::mpsc::channel();
    let pod = Pod::scripted(move |mut connection| {
        connection.request();
        let sent = connection.try_send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
        let piece = vec![b'x'; 1 << 20];
        let failed = sent.is_err() || (0..1000).any(|_| connection.try_send(&piece).is_err());
        tell.send(failed).unwrap();
    });
    let server = Tidegate::serve_with(&Manifests::everything_to(&[pod.address]), &["--send-timeout", "200ms"]);
    let mut client = server.connect();
    client.send(get("a", "/"));
    assert!(told.recv_timeout(DEADLINE).unwrap(), "the pod learns that nobody reads");
    let (rest, end) = client.rest();
    assert!(rest.len() < 100_000_000, "{} bytes, {end:?}", rest.len());
}

#[test]
fn e1_a_slow_head_makes_no_idle_connection_younger_and_no_pod_slower() {
    let (pod, server) = served_with(&[]);
    let mut client = server.connect();
    assert_eq!(client.ask(get("a", "/")).status(), 200);
    let before = server.metric("tidegate_upstream_response_head_seconds_sum", "");
    let begun = Instant::now();
    client.send("POST / HTTP/1.1\r\nHost: a\r\n");
    // Requests that must not be sent twice get no connection that was idle for a second.
    eventually("a second", || (begun.elapsed() > Duration::from_millis(1100)).then_some(()));
    let answer = client.ask("Content-Length: 2\r\n\r\nhi");
    assert_eq!(answer.status(), 200);
    assert_eq!(pod.connections(), 2);
    let waited = server.metric("tidegate_upstream_response_head_seconds_sum", "") - before;
    assert!(waited < 1.0, "the pod answered at once, not after {waited} s");
}
