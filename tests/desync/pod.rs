//! Pods that do not behave.

use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use crate::support::{Client, DEADLINE, Manifests, Pod, Tidegate, eventually, get};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn b05_a_connection_on_which_an_upgrade_was_refused_is_not_used_again() {
    let pod = Pod::answering(OK);
    let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
    let mut client = Client::connect(server.http);
    let answer = client.ask("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert_eq!((answer.status(), answer.field("connection")), (200, Some("close")));
    assert_eq!(server.ask(get("a.test", "/")).status(), 200);
    assert_eq!(pod.connections(), 2);
}

#[test]
fn b20_a_body_behind_an_answer_to_head_is_nobodys_answer() {
    for next in [get("a.test", "/"), "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nab".into()] {
        let (answered, was_answered) = mpsc::channel();
        let (sent, was_sent) = mpsc::channel();
        let was_answered = Mutex::new(was_answered);
        let pod = Pod::scripted(move |mut connection| {
            while let Some(request) = connection.request() {
                if request.method() != "HEAD" {
                    connection.send(OK);
                    continue;
                }
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n");
                // When the answer is through, the connection waits for another request.
                was_answered.lock().unwrap().recv_timeout(DEADLINE).unwrap();
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
                sent.send(()).unwrap();
            }
        });
        let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
        let (mut first, mut second) = (server.connect(), server.connect());
        for _ in 0..20 {
            assert_eq!(first.ask("HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n").status(), 200);
            answered.send(()).unwrap();
            was_sent.recv_timeout(DEADLINE).unwrap();
            assert_eq!(second.ask(&next).text(), "ok");
        }
    }
}

#[test]
fn e01_a_response_head_that_drips_runs_out_of_time() {
    let pod = Pod::scripted(|mut connection| {
        connection.request();
        // One byte after the other until nobody listens.
        connection.send("HTTP/1.1 200 OK\r\nx: ");
        while connection.try_send("x").is_ok() {
            thread::park_timeout(Duration::from_millis(20));
        }
    });
    let server = Tidegate::serve_with(&Manifests::everything_to(&[pod.address]), &["--response-timeout", "500ms"]);
    assert_eq!(server.ask(get("a.test", "/")).status(), 504);
}

#[test]
fn a_tunnel_with_one_open_end_does_not_stay() {
    let pod = Pod::scripted(|mut connection| {
        connection.request();
        connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nbye");
        connection.finish();
        // The client holds its end; were it not for the proxy, this would wait for it.
        let _ = connection.some();
    });
    let server = Tidegate::serve_with(&Manifests::everything_to(&[pod.address]), &["--send-timeout", "300ms"]);
    let mut client = Client::connect(server.http);
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    client.head().unwrap();
    assert_eq!(client.rest().0, b"bye");
    eventually("the end of the tunnel", || (server.metric("tidegate_connections_open", "") == 0.0).then_some(()));
}
