//! Bounds of the process: connections, handshakes, requests of one upstream. Each leaves room for well-behaved clients.

use std::io::Write;
use std::net::TcpStream;

use tokio::time::timeout;

use crate::support::tls::{Hello, TlsClient};
use crate::support::{Client, DEADLINE, Manifests, Pod, Tidegate, eventually, get};

/// A server whose requests to `hangs.example` are held by their pod until the sender of the second is dropped; others go
/// to a pod that answers at once.
fn hanging(options: &[&str]) -> (Tidegate, [Pod; 2], std::sync::mpsc::Sender<()>) {
    let (hanging, release) = Pod::held();
    let quick = Pod::named("quick");
    let manifests = Manifests::new()
        .service("hangs", &[hanging.address])
        .service("quick", &[quick.address])
        .ingress("hangs", Some("hangs.example"), &[("/", "Prefix", "hangs")])
        .ingress("quick", Some("quick.example"), &[("/", "Prefix", "quick")]);
    (Tidegate::serve_with(&manifests, options), [hanging, quick], release)
}

#[test]
fn fault_f6_no_more_connections_are_served_than_allowed_whatever_comes_at_once() {
    let (server, _pods, release) = hanging(&["--max-connections", "50", "--upstream-max-requests", "100"]);
    let mut clients: Vec<Client> = (0..166).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send(get("hangs.example", "/"));
    }
    let open = || server.metric("tidegate_connections_open", "");
    eventually("50 connections", || (open() >= 50.0).then_some(()));
    for _ in 0..20 {
        assert!(open() <= 50.0, "{}", open());
    }
    // All of them are busy, so none gives way; all are served in the end.
    drop(release);
    for client in &mut clients {
        assert_eq!(client.answer().status(), 200);
        assert!(open() <= 50.0, "{}", open());
    }
}

#[test]
fn fault_f7_the_oldest_idle_connection_gives_way_to_a_newcomer() {
    let pod = Pod::named("web");
    let server = Tidegate::serve_with(
        &Manifests::everything_to(&[pod.address]),
        &["--max-connections", "101", "--idle-timeout", "1h"],
    );
    let mut idle: Vec<Client> = (0..101).map(|_| server.connect()).collect();
    for client in &mut idle {
        assert_eq!(client.ask(get("a", "/")).status(), 200);
    }
    let mut newcomers: Vec<Client> = (0..5).map(|_| server.connect()).collect();
    for newcomer in &mut newcomers {
        assert_eq!(newcomer.ask(get("a", "/")).status(), 200);
    }
    let (gone, stayed) = idle.split_at_mut(5);
    gone.iter_mut().for_each(Client::expect_end);
    for client in stayed {
        assert_eq!(client.ask(get("a", "/")).status(), 200);
    }
    assert_eq!(server.metric("tidegate_connections_shed_total", "reason=\"limit\""), 5.0);
}

#[test]
fn fault_f7_connections_that_never_sent_a_request_give_way_too() {
    let pod = Pod::named("web");
    let server = Tidegate::serve_with(
        &Manifests::everything_to(&[pod.address]),
        &["--max-connections", "20", "--head-timeout", "1h"],
    );
    let mut silent: Vec<Client> = (0..20).map(|_| server.connect()).collect();
    assert_eq!(server.ask(get("a", "/")).status(), 200);
    silent[0].expect_end();
}

#[tokio::test]
async fn handshakes_that_stand_still_give_way_to_others() {
    let pod = Pod::named("web");
    let server = Tidegate::serve_with(
        &Manifests::everything_to(&[pod.address]).certificate("tls", &["a.example"]),
        &["--handshake-timeout", "1h", "--head-timeout", "1h"],
    );
    let hello = Hello::default();
    // Older than all of them, and done.
    let mut first = TlsClient::connect(server.https, "a.example", &hello).await.expect("a handshake");
    // The beginning of a hello, without the rest. 256 + 32 may be under way.
    let half = |_| {
        let mut stream = TcpStream::connect(server.https).unwrap();
        stream.write_all(&[22, 3, 1, 2, 0, 1]).unwrap();
        stream
    };
    let standing: Vec<TcpStream> = (0..300).map(half).collect();
    let client = TlsClient::connect(server.https, "a.example", &hello);
    let mut client = timeout(DEADLINE, client).await.expect("in time").expect("a handshake");
    for client in [&mut client, &mut first] {
        let (head, _) = client.ask(get("a.example", "/")).await.expect("an answer");
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    }
    assert!(server.metric("tidegate_connections_shed_total", "reason=\"handshakes\"") >= 1.0);
    drop(standing);
}

#[test]
fn fault_f9_a_service_that_hangs_leaves_connections_for_others() {
    let (server, pods, release) = hanging(&["--upstream-max-requests", "10"]);
    let mut waiting: Vec<Client> = (0..10).map(|_| server.connect()).collect();
    for client in &mut waiting {
        client.send(get("hangs.example", "/"));
    }
    pods[0].wait_for_connections(10);
    let refused = server.ask(get("hangs.example", "/"));
    assert_eq!(refused.status(), 503);
    assert_eq!(server.ask(get("quick.example", "/")).status(), 200);
    assert_eq!(server.metric("tidegate_upstream_failures_total", "reason=\"full\""), 1.0);
    drop(release);
    for client in &mut waiting {
        assert_eq!(client.answer().status(), 200);
    }
    assert_eq!(server.ask(get("hangs.example", "/")).status(), 200);
}
