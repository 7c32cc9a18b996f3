//! HTTP/2 on both sides.

use serde_json::json;

use crate::frames::{
    DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PREFACE, RST_STREAM, SETTINGS, STATUS_200, frame, next, next_of,
    request,
};
use crate::support::{Client, Manifests, Pod, PodConnection, Tidegate};

/// A connection that has said its preface.
fn connect(server: &Tidegate) -> Client {
    let mut client = server.connect();
    client.send(PREFACE);
    client.send(frame(SETTINGS, 0, 0, &[]));
    client
}

/// Pods that speak HTTP/2 in clear.
fn h2c(pods: &[&Pod]) -> Manifests {
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "test"},
        "spec": {"ports": [{"name": "http", "port": 80, "appProtocol": "kubernetes.io/h2c"}]},
    });
    let objects = Manifests::new().object(service).ingress("all", None, &[("/", "Prefix", "web")]);
    pods.iter()
        .enumerate()
        .fold(objects, |objects, (index, pod)| objects.endpoint("web", index, pod.address, json!({"ready": true})))
}

/// Takes the preface and gives the pod's side of it.
fn greet(connection: &mut PodConnection) {
    assert_eq!(connection.exactly(PREFACE.len()).unwrap(), PREFACE);
    connection.send(frame(SETTINGS, 0, 0, &[]));
}

#[test]
fn c08_an_answer_of_ours_to_head_has_no_data() {
    let server = Tidegate::serve(&Manifests::new());
    let mut client = connect(&server);
    client.send(request(1, "HEAD", "nobody.test"));
    assert!(next_of(&mut client, HEADERS).ends_stream());
    client.send(request(3, "GET", "nobody.test"));
    let answer = next_of(&mut client, HEADERS);
    assert_eq!((answer.stream, answer.ends_stream()), (3, false));
    assert!(next_of(&mut client, DATA).payload.starts_with(b"404 "));
}

#[test]
fn c10_a_connection_has_a_last_request() {
    let server = Tidegate::serve_with(&Manifests::new(), &["--max-requests-per-connection", "2"]);
    let mut client = connect(&server);
    client.send(request(1, "HEAD", "nobody.test"));
    next_of(&mut client, HEADERS);
    client.send(request(3, "HEAD", "nobody.test"));
    next_of(&mut client, GOAWAY);
}

#[test]
fn c10_a_client_that_does_not_take_note_of_the_end_is_left() {
    let options = ["--idle-timeout", "300ms", "--send-timeout", "300ms"];
    let server = Tidegate::serve_with(&Manifests::new(), &options);
    // Neither one that says nothing more, nor one that never answers the ping behind the GOAWAY.
    let mut client = server.connect();
    client.send(PREFACE);
    let mut other = connect(&server);
    while next(&mut client).is_some() {}
    next_of(&mut other, GOAWAY);
    while next(&mut other).is_some() {}
}

#[test]
fn a_refused_stream_is_tried_again_whatever_its_method() {
    const REFUSED_STREAM: [u8; 4] = [0, 0, 0, 7];
    let pod = Pod::scripted(|mut connection| {
        greet(&mut connection);
        let stream = next_of(&mut connection, HEADERS).stream;
        connection.send(frame(RST_STREAM, 0, stream, &REFUSED_STREAM));
        let stream = next_of(&mut connection, HEADERS).stream;
        connection.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, STATUS_200));
        while next(&mut connection).is_some() {}
    });
    let server = Tidegate::serve(&h2c(&[&pod]));
    assert_eq!(server.ask("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nok").status(), 200);
}

#[test]
fn a_stream_reset_for_a_reason_of_the_pods_own_is_not_tried_again() {
    const INTERNAL_ERROR: [u8; 4] = [0, 0, 0, 2];
    let pod = Pod::scripted(|mut connection| {
        greet(&mut connection);
        let stream = next_of(&mut connection, HEADERS).stream;
        connection.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, STATUS_200));
        let stream = next_of(&mut connection, HEADERS).stream;
        connection.send(frame(RST_STREAM, 0, stream, &INTERNAL_ERROR));
        while let Some(frame) = next(&mut connection) {
            assert_ne!(frame.kind, HEADERS, "the request comes again");
        }
    });
    let server = Tidegate::serve(&h2c(&[&pod]));
    assert_eq!(server.ask("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").status(), 200);
    assert_eq!(server.ask("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").status(), 502);
    assert_eq!(pod.connections(), 1);
}

#[test]
fn a_request_that_was_not_answered_in_time_is_not_tried_again_and_the_next_one_gets_a_new_connection() {
    let pod = Pod::scripted(|mut connection| {
        greet(&mut connection);
        let stream = next_of(&mut connection, HEADERS).stream;
        connection.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, STATUS_200));
        while let Some(frame) = next(&mut connection) {
            assert!(frame.kind != HEADERS || frame.stream == 3, "the request comes again");
        }
    });
    let server = Tidegate::serve_with(&h2c(&[&pod]), &["--response-timeout", "300ms"]);
    for status in [200, 504, 200, 504] {
        assert_eq!(server.ask("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").status(), status);
    }
    assert_eq!(pod.connections(), 2);
}

#[test]
fn b05_a_client_that_asked_a_pod_of_http_2_to_switch_is_closed() {
    let pod = Pod::scripted(|mut connection| {
        greet(&mut connection);
        let stream = next_of(&mut connection, HEADERS).stream;
        connection.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, STATUS_200));
        while next(&mut connection).is_some() {}
    });
    let server = Tidegate::serve(&h2c(&[&pod]));
    let answer = server.ask("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert_eq!((answer.status(), answer.field("connection")), (200, Some("close")));
}
