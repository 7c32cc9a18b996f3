//! The life of an HTTP/2 connection: how many requests at a time and in all, how long, and how it ends.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::support::frames::{
    ACK, END_HEADERS, END_STREAM, FrameClient, GOAWAY, HEADERS, NO_ERROR, PING, REFUSED_STREAM, RST_STREAM, block,
    pseudo,
};
use crate::support::h2::{H2Client, H2Pod, read, run, soon};
use crate::support::{Manifests, Pod, Tidegate, eventually};

/// A pod that answers when it is let, and its gate.
fn gated() -> (H2Pod, Arc<Semaphore>) {
    let open = Arc::new(Semaphore::new(0));
    let gate = Arc::clone(&open);
    let pod = H2Pod::scripted(move |mut call| {
        let gate = Arc::clone(&gate);
        async move {
            let _permit = gate.acquire().await.unwrap();
            call.answer(200, b"ok").await;
        }
    });
    (pod, open)
}

#[test]
fn a_client_may_have_100_requests_open_and_one_more_is_refused() {
    let (pod, open) = gated();
    let server = Tidegate::serve(&Manifests::everything_to_h2c(&[pod.address]));
    let mut client = FrameClient::connect(server.http);
    for stream in (1..=201).step_by(2) {
        client.request(stream, END_STREAM, &pseudo("GET", "a.example", "/"));
    }
    assert_eq!(client.reset_of(201), REFUSED_STREAM);
    eventually("100 calls", || (pod.calls() == 100).then_some(()));
    open.add_permits(100);
    for _ in 0..100 {
        client.wait_for("an answer", |frame| frame.kind == HEADERS);
    }
    client.request(203, END_STREAM, &pseudo("GET", "a.example", "/"));
    assert_eq!(client.head(203).status(), 200);
}

/// A connection that has had one request and is about to be idle for too long.
fn soon_idle() -> (Pod, Tidegate, FrameClient) {
    let pod = Pod::named("web");
    let options = ["--idle-timeout", "200ms"];
    let server = Tidegate::serve_with(&Manifests::everything_to(&[pod.address]), &options);
    let mut client = FrameClient::connect(server.http);
    client.request(1, END_STREAM, &pseudo("GET", "a.example", "/"));
    assert_eq!(client.head(1).status(), 200);
    (pod, server, client)
}

#[test]
fn c10_an_idle_connection_is_told_to_go_and_closed() {
    let (_pod, _server, mut client) = soon_idle();
    assert_eq!(client.goaway(), NO_ERROR);
    let ping = client.wait_for("the ping of the farewell", |frame| frame.kind == PING);
    assert_eq!(ping.flags & ACK, 0);
    let last = client.wait_for("the second GOAWAY", |frame| frame.kind == GOAWAY);
    assert_eq!(last.payload[..4], 1_u32.to_be_bytes(), "the last stream that was served");
    client.expect_end();
}

#[test]
fn c10_requests_that_cross_the_last_farewell_do_not_reset_the_connection() {
    let (_pod, _server, mut client) = soon_idle();
    client.goaway();
    client.wait_for("the second GOAWAY", |frame| frame.kind == GOAWAY);
    client.expect_end();
    // One that reads and writes at once may have opened these already: a write that fails would hide from it that
    // they were not served.
    let head = block(&pseudo("GET", "a.example", "/"));
    for stream in (3..100).step_by(2) {
        assert!(client.try_send(HEADERS, END_STREAM | END_HEADERS, stream, &head), "stream {stream}");
    }
}

#[test]
fn c10_a_client_that_ignores_the_farewell_is_left() {
    let pod = Pod::named("web");
    let options = ["--idle-timeout", "100ms", "--send-timeout", "200ms"];
    let server = Tidegate::serve_with(&Manifests::everything_to(&[pod.address]), &options);
    let mut client = FrameClient::connect(server.http);
    // The ping is not answered.
    while client.frame().is_ok() {}
}

#[test]
fn c10_an_open_request_is_no_idleness() {
    let (pod, open) = gated();
    let options = ["--idle-timeout", "100ms"];
    let server = Tidegate::serve_with(&Manifests::everything_to_h2c(&[pod.address]), &options);
    run(async {
        let mut client = H2Client::plain(&server).await;
        let (answer, _) = client.open(client.request("GET", "a.example", "/"), true).await;
        let mut answer = std::pin::pin!(read(answer));
        // Longer than the limit: that nothing happens in this time is the point.
        let silence = std::time::Duration::from_millis(400);
        tokio::time::timeout(silence, answer.as_mut()).await.expect_err("the gate is closed");
        open.add_permits(1);
        assert_eq!(soon("the answer", answer).await.unwrap().status, 200);
        assert_eq!(client.end().await, Ok(()));
    });
}

#[test]
fn c10_an_old_connection_finishes_what_it_has() {
    let (pod, open) = gated();
    let options = ["--h2-max-age", "300ms"];
    let server = Tidegate::serve_with(&Manifests::everything_to_h2c(&[pod.address]), &options);
    let mut client = FrameClient::connect(server.http);
    client.request(1, END_STREAM, &pseudo("GET", "a.example", "/"));
    let first = client.wait_for("GOAWAY", |frame| frame.kind == GOAWAY);
    assert_eq!((first.code(), &first.payload[..4]), (NO_ERROR, &0x7fff_ffff_u32.to_be_bytes()[..]));
    // A request that crosses the farewell is served too.
    client.request(3, END_STREAM, &pseudo("GET", "a.example", "/"));
    let last = client.wait_for("the second GOAWAY", |frame| frame.kind == GOAWAY);
    assert_eq!(last.payload[..4], 3_u32.to_be_bytes());
    open.add_permits(2);
    let (one, other) =
        (client.wait_for("an answer", |f| f.kind == HEADERS), client.wait_for("both", |f| f.kind == HEADERS));
    assert_eq!((one.status(), other.status()), (200, 200));
    client.expect_end();
}

#[test]
fn c10_a_connection_carries_only_so_many_requests() {
    let pod = Pod::named("web");
    let options = ["--max-requests-per-connection", "3"];
    let server = Tidegate::serve_with(&Manifests::everything_to(&[pod.address]), &options);
    let mut client = FrameClient::connect(server.http);
    for stream in [1, 3] {
        client.request(stream, END_STREAM, &pseudo("GET", "a.example", "/"));
        assert_eq!(client.head(stream).status(), 200);
    }
    client.request(5, END_STREAM, &pseudo("GET", "a.example", "/"));
    // The farewell comes with the last request, before its answer.
    assert_eq!(client.goaway(), NO_ERROR);
    assert_eq!(client.head(5).status(), 200);
    client.expect_end();
}

#[test]
fn f34_a_drain_lets_open_requests_finish_and_new_connections_bring_one() {
    let (pod, open) = gated();
    let options = ["--drain-delay", "60s"];
    let server = Tidegate::serve_with(&Manifests::everything_to_h2c(&[pod.address]), &options);
    run(async {
        let client = H2Client::plain(&server).await;
        let (answer, _) = client.open(client.request("GET", "a.example", "/"), true).await;
        eventually("the call", || (pod.calls() == 1).then_some(()));
        let mut idle = H2Client::plain(&server).await;
        server.terminate();
        eventually("unreadiness", || (server.admin("/readyz").status() == 503).then_some(()));
        // Connections that come now bring a request: their clients cannot know better.
        open.add_permits(10);
        let mut late = H2Client::plain(&server).await;
        assert_eq!(late.get("a.example", "/").await.status, 200);
        assert_eq!(late.end().await, Ok(()));
        assert_eq!(soon("the answer", read(answer)).await.unwrap().status, 200);
        // One that has not been used may be used as well.
        assert_eq!(idle.get("a.example", "/").await.status, 200);
        assert_eq!(idle.end().await, Ok(()));
    });
}

#[test]
fn f35_what_does_not_finish_in_a_drain_is_cut_in_the_end() {
    let (pod, _open) = gated();
    let options = ["--drain-delay", "0s", "--drain-timeout", "200ms"];
    let server = Tidegate::serve_with(&Manifests::everything_to_h2c(&[pod.address]), &options);
    let mut client = FrameClient::connect(server.http);
    client.request(1, END_STREAM, &pseudo("GET", "a.example", "/"));
    eventually("the call", || (pod.calls() == 1).then_some(()));
    server.terminate();
    while let Ok(frame) = client.frame() {
        assert!(!(frame.kind == HEADERS && frame.stream == 1), "an answer to a request nobody answered");
        assert!(frame.kind != RST_STREAM || frame.code() != NO_ERROR);
    }
    server.join().unwrap();
}

#[test]
fn a_drain_closes_connections_that_are_never_used() {
    let pod = Pod::named("web");
    let options = ["--drain-delay", "100ms", "--send-timeout", "200ms"];
    let server = Tidegate::serve_with(&Manifests::everything_to(&[pod.address]), &options);
    let mut client = FrameClient::connect(server.http);
    let other = server.connect();
    server.terminate();
    while client.frame().is_ok() {}
    drop(other);
    server.join().unwrap();
}
