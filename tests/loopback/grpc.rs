//! gRPC end to end: calls of all four kinds through Tidegate to a pod that speaks HTTP/2 in clear.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use h2::{Reason, RecvStream};
use http::{HeaderMap, HeaderValue, Response};
use serde_json::json;

use crate::support::h2::{Call, H2Client, H2Pod, read, read_body, run, send, soon};
use crate::support::{DEADLINE, Manifests, Tidegate, eventually};

/// A message in its frame: not compressed, length, bytes.
fn message(text: &str) -> Vec<u8> {
    let mut message = vec![0];
    message.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
    message.extend_from_slice(text.as_bytes());
    message
}

/// Messages of a body, as far as they are complete; drops them from it.
fn take_messages(body: &mut Vec<u8>) -> Vec<String> {
    let mut messages = Vec::new();
    while body.len() >= 5 {
        let length = u32::from_be_bytes(body[1..5].try_into().unwrap()) as usize;
        if body.len() < 5 + length {
            break;
        }
        let rest = body.split_off(5 + length);
        messages.push(String::from_utf8(std::mem::replace(body, rest).split_off(5)).unwrap());
    }
    messages
}

fn status(code: &'static str) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static(code));
    trailers.insert("grpc-message", HeaderValue::from_static("done"));
    trailers
}

fn ok() -> http::response::Builder {
    Response::builder().header("content-type", "application/grpc")
}

/// A service with a method of each kind.
async fn greeter(mut call: Call) {
    match call.request.uri().path() {
        "/greet.Greeter/Unary" => {
            let (mut body, _) = call.body().await.unwrap();
            let name = take_messages(&mut body).remove(0);
            let mut stream = call.head(ok(), false);
            send(&mut stream, &message(&format!("hello {name}")), false).await.unwrap();
            stream.send_trailers(status("0")).unwrap();
        }
        "/greet.Greeter/Down" => {
            call.body().await.unwrap();
            let mut stream = call.head(ok(), false);
            for index in 0..1_000 {
                send(&mut stream, &message(&format!("message {index}")), false).await.unwrap();
            }
            stream.send_trailers(status("0")).unwrap();
        }
        "/greet.Greeter/Up" => {
            let (mut body, _) = call.body().await.unwrap();
            let count = take_messages(&mut body).len();
            let mut stream = call.head(ok(), false);
            send(&mut stream, &message(&count.to_string()), false).await.unwrap();
            stream.send_trailers(status("0")).unwrap();
        }
        "/greet.Greeter/Both" => {
            let mut stream = call.head(ok(), false);
            let mut body = Vec::new();
            while let Some(Ok(data)) = call.request.body_mut().data().await {
                call.request.body_mut().flow_control().release_capacity(data.len()).unwrap();
                body.extend_from_slice(&data);
                for text in take_messages(&mut body) {
                    send(&mut stream, &message(&format!("re: {text}")), false).await.unwrap();
                }
            }
            stream.send_trailers(status("0")).unwrap();
        }
        "/greet.Greeter/Missing" => {
            call.head(ok().header("grpc-status", "12").header("grpc-message", "not here"), true);
        }
        _ => {
            let mut stream = call.head(ok(), false);
            stream.send_trailers(status("5")).unwrap();
        }
    }
}

fn service() -> (H2Pod, Tidegate) {
    let pod = H2Pod::scripted(greeter);
    let server = Tidegate::serve(&Manifests::everything_to_h2c(&[pod.address]));
    (pod, server)
}

fn call(client: &H2Client, method: &str) -> http::request::Builder {
    let request = client.request("POST", "grpc.example", &format!("/greet.Greeter/{method}"));
    request.header("content-type", "application/grpc").header("te", "trailers")
}

/// The next messages, at least one.
async fn some_messages(stream: &mut RecvStream, body: &mut Vec<u8>) -> Vec<String> {
    loop {
        let messages = take_messages(body);
        if !messages.is_empty() {
            return messages;
        }
        let data = soon("a message", stream.data()).await.expect("more").expect("no reset");
        stream.flow_control().release_capacity(data.len()).unwrap();
        body.extend_from_slice(&data);
    }
}

#[test]
fn a_unary_call_brings_its_message_and_its_status() {
    let (pod, server) = service();
    run(async {
        let client = H2Client::plain(&server).await;
        let request = call(&client, "Unary").header("grpc-timeout", "5S").header("x-token-bin", "AAEC");
        let mut answer = client.ask(request, &message("world")).await;
        assert_eq!((answer.status, answer.field("content-type")), (200, Some("application/grpc")));
        assert_eq!(take_messages(&mut answer.body), ["hello world"]);
        assert_eq!([&answer.trailers["grpc-status"], &answer.trailers["grpc-message"]], ["0", "done"]);
    });
    let (method, uri, headers) = pod.heads().remove(0);
    assert_eq!((method.as_str(), uri.path()), ("POST", "/greet.Greeter/Unary"));
    assert_eq!(uri.authority().unwrap(), "grpc.example");
    assert_eq!([&headers["grpc-timeout"], &headers["x-token-bin"]], ["5S", "AAEC"]);
    assert_eq!(headers["te"], "trailers");
    assert_eq!(headers["x-forwarded-proto"], "http");
    for absent in ["host", "connection", "transfer-encoding", "content-length"] {
        assert!(!headers.contains_key(absent), "{absent}");
    }
}

#[test]
fn a_call_over_tls_is_the_same() {
    let pod = H2Pod::scripted(greeter);
    let tls = json!([{"hosts": ["grpc.example"], "secretName": "cert"}]);
    let manifests = Manifests::new()
        .h2c_service("greeter", &[pod.address])
        .certificate("cert", &["grpc.example"])
        .ingress_with("i", Some("grpc.example"), &[("/greet.Greeter", "Prefix", "greeter")], json!({}), tls);
    let server = Tidegate::serve(&manifests);
    run(async {
        let client = H2Client::tls(&server, "grpc.example").await;
        let mut answer = client.ask(call(&client, "Unary"), &message("world")).await;
        assert_eq!(take_messages(&mut answer.body), ["hello world"]);
        assert_eq!(answer.trailers["grpc-status"], "0");
    });
    assert_eq!(pod.heads()[0].2["x-forwarded-proto"], "https");
}

#[test]
fn a_server_stream_brings_every_message() {
    let (_pod, server) = service();
    run(async {
        let client = H2Client::plain(&server).await;
        let mut answer = client.ask(call(&client, "Down"), &message("x")).await;
        let messages = take_messages(&mut answer.body);
        assert_eq!((messages.len(), messages[999].as_str()), (1_000, "message 999"));
        assert_eq!(answer.trailers["grpc-status"], "0");
    });
}

#[test]
fn a_client_stream_takes_every_message() {
    let (_pod, server) = service();
    run(async {
        let client = H2Client::plain(&server).await;
        let (answer, mut stream) = client.open(call(&client, "Up"), false).await;
        for index in 0..1_000 {
            send(&mut stream, &message(&format!("message {index}")), false).await.unwrap();
        }
        send(&mut stream, b"", true).await.unwrap();
        let mut answer = soon("the answer", read(answer)).await.unwrap();
        assert_eq!(take_messages(&mut answer.body), ["1000"]);
    });
}

#[test]
fn a_conversation_goes_back_and_forth_message_by_message() {
    let (_pod, server) = service();
    run(async {
        let client = H2Client::plain(&server).await;
        let (answer, mut stream) = client.open(call(&client, "Both"), false).await;
        // The head comes before any message.
        let mut answer = soon("the head", answer).await.unwrap().into_body();
        let mut body = Vec::new();
        for index in 0..50 {
            send(&mut stream, &message(&index.to_string()), false).await.unwrap();
            assert_eq!(some_messages(&mut answer, &mut body).await, [format!("re: {index}")]);
        }
        send(&mut stream, b"", true).await.unwrap();
        let (rest, trailers) = soon("the end", read_body(&mut answer)).await.unwrap();
        assert_eq!((rest.len(), &trailers["grpc-status"]), (0, &HeaderValue::from_static("0")));
    });
}

#[test]
fn an_answer_of_trailers_only_stays_one_head() {
    let (_pod, server) = service();
    run(async {
        let client = H2Client::plain(&server).await;
        let (answer, mut stream) = client.open(call(&client, "Missing"), false).await;
        // The answer may be complete before this is sent: then nobody wants it any more (RFC 9113 §8.1).
        let _ = send(&mut stream, &message("x"), true).await;
        let answer = soon("the answer", answer).await.unwrap();
        assert!(answer.body().is_end_stream(), "one frame of headers, nothing behind it");
        assert_eq!([&answer.headers()["grpc-status"], &answer.headers()["grpc-message"]], ["12", "not here"]);
        // Trailers without any message before them.
        let answer = client.ask(call(&client, "Empty"), &message("x")).await;
        assert_eq!((answer.body.len(), &answer.trailers["grpc-status"]), (0, &HeaderValue::from_static("5")));
    });
}

#[test]
fn a_cancelled_call_is_cancelled_at_the_pod() {
    let (gone, seen) = mpsc::channel();
    let gone = Arc::new(Mutex::new(gone));
    let pod = H2Pod::scripted(move |mut call| {
        let gone = Arc::clone(&gone);
        async move {
            if call.request.uri().path() == "/streaming" {
                let mut stream = call.head(ok(), false);
                send(&mut stream, &message("one"), false).await.unwrap();
                let _ = std::future::poll_fn(|cx| stream.poll_reset(cx)).await;
            } else {
                call.reset().await;
            }
            gone.lock().unwrap().send(()).unwrap();
        }
    });
    let server = Tidegate::serve(&Manifests::everything_to_h2c(&[pod.address]));
    run(async {
        let client = H2Client::plain(&server).await;
        let (answer, mut stream) = client.open(client.request("POST", "grpc.example", "/waiting"), false).await;
        eventually("the call", || (pod.calls() == 1).then_some(()));
        stream.send_reset(Reason::CANCEL);
        seen.recv_timeout(DEADLINE).unwrap();
        drop((answer, stream));
        let (answer, mut stream) = client.open(client.request("POST", "grpc.example", "/streaming"), false).await;
        let mut body = soon("a head", answer).await.unwrap().into_body();
        assert_eq!(soon("a message", body.data()).await.unwrap().unwrap(), message("one"));
        stream.send_reset(Reason::CANCEL);
        seen.recv_timeout(DEADLINE).unwrap();
        // The connection to the pod is none the worse.
        let (_answer, _stream) = client.open(client.request("POST", "grpc.example", "/waiting"), false).await;
        eventually("the third call", || (pod.calls() == 3).then_some(()));
    });
    assert_eq!(pod.connections(), 1);
}

#[test]
fn a_call_that_a_pod_resets_within_its_answer_is_reset() {
    let go = Arc::new(tokio::sync::Notify::new());
    let gate = Arc::clone(&go);
    let pod = H2Pod::scripted(move |mut call| {
        let gate = Arc::clone(&gate);
        async move {
            let mut stream = call.head(ok(), false);
            send(&mut stream, &message("one"), false).await.unwrap();
            gate.notified().await;
            stream.send_reset(Reason::CANCEL);
        }
    });
    let server = Tidegate::serve(&Manifests::everything_to_h2c(&[pod.address]));
    run(async {
        let client = H2Client::plain(&server).await;
        let (answer, _stream) = client.open(call(&client, "x"), true).await;
        let mut body = soon("a head", answer).await.unwrap().into_body();
        assert_eq!(soon("a message", body.data()).await.unwrap().unwrap(), message("one"));
        go.notify_one();
        let error = soon("the reset", body.data()).await.unwrap().unwrap_err();
        assert!(error.is_reset() && error.reason() == Some(Reason::CANCEL), "{error}");
    });
}

#[test]
fn a_call_that_a_pod_cancels_is_cancelled_for_its_client_too() {
    // Servers of gRPC do so when a deadline is over. The client has it too, and reads a 502 as unavailability.
    let pod = H2Pod::scripted(|mut call| async move { call.respond.send_reset(Reason::CANCEL) });
    let server = Tidegate::serve(&Manifests::everything_to_h2c(&[pod.address]));
    run(async {
        let client = H2Client::plain(&server).await;
        let reset = client.try_ask(call(&client, "/greet.Greeter/Unary"), &message("you")).await.unwrap_err();
        assert_eq!(reset.reason(), Some(Reason::CANCEL));
        let other = client.ask(client.request("POST", "a.example", "/"), b"body").await;
        assert_eq!(other.status, 502);
        assert!(other.text().contains("cancelled"), "{}", other.text());
    });
}

#[test]
fn a_conversation_may_pause_for_longer_than_a_request_body_may() {
    let (_pod, server) = {
        let pod = H2Pod::scripted(greeter);
        let options = ["--body-gap-timeout", "100ms"];
        let server = Tidegate::serve_with(&Manifests::everything_to_h2c(&[pod.address]), &options);
        (pod, server)
    };
    run(async {
        let client = H2Client::plain(&server).await;
        let (answer, mut stream) = client.open(call(&client, "Both"), false).await;
        let mut answer = soon("the head", answer).await.unwrap().into_body();
        let mut body = Vec::new();
        for index in 0..3 {
            // Nothing to wait for: that nothing happens in this time is the point.
            tokio::time::timeout(Duration::from_millis(250), answer.data()).await.expect_err("silence");
            send(&mut stream, &message(&index.to_string()), false).await.unwrap();
            assert_eq!(some_messages(&mut answer, &mut body).await, [format!("re: {index}")]);
        }
    });
}

#[test]
fn an_upload_behind_an_early_head_may_take_longer_than_an_answer_may_pause() {
    let pod = H2Pod::scripted(|mut call| async move {
        let mut stream = call.head(ok(), false);
        let (body, _) = call.body().await.unwrap();
        send(&mut stream, &message(&body.len().to_string()), false).await.unwrap();
        stream.send_trailers(status("0")).unwrap();
    });
    let options = ["--response-timeout", "300ms"];
    let server = Tidegate::serve_with(&Manifests::everything_to_h2c(&[pod.address]), &options);
    run(async {
        let client = H2Client::plain(&server).await;
        let (answer, mut stream) = client.open(call(&client, "Up"), false).await;
        let mut answer = soon("the head", answer).await.unwrap().into_body();
        for _ in 0..6 {
            tokio::time::timeout(Duration::from_millis(100), answer.data()).await.expect_err("silence");
            send(&mut stream, b"x", false).await.unwrap();
        }
        send(&mut stream, b"", true).await.unwrap();
        let (mut body, _) = soon("the end", read_body(&mut answer)).await.unwrap();
        assert_eq!(take_messages(&mut body), ["6"]);
    });
}

#[test]
fn a_pod_that_has_left_is_answered_for() {
    let address = crate::support::refusing();
    let server = Tidegate::serve(&Manifests::everything_to_h2c(&[address.0]));
    run(async {
        let client = H2Client::plain(&server).await;
        let answer = client.ask(call(&client, "Unary"), &message("x")).await;
        // gRPC clients take 502, 503 and 504 as UNAVAILABLE.
        assert_eq!(answer.status, 502);
    });
}

#[test]
fn many_calls_share_a_connection_and_more_than_it_takes_get_another() {
    let mut few = h2::server::Builder::new();
    few.max_concurrent_streams(10);
    let open = Arc::new(tokio::sync::Semaphore::new(0));
    let gate = Arc::clone(&open);
    let pod = H2Pod::with(few, move |mut call| {
        let gate = Arc::clone(&gate);
        async move {
            let _ = call.body().await;
            let _permit = gate.acquire().await.unwrap();
            call.answer(200, b"ok").await;
        }
    });
    let server = Tidegate::serve(&Manifests::everything_to_h2c(&[pod.address]));
    run(async {
        let client = H2Client::plain(&server).await;
        // The first settles the settings of the connection.
        open.add_permits(1);
        assert_eq!(client.get("grpc.example", "/").await.status, 200);
        let calls: Vec<_> = {
            let mut calls = Vec::new();
            for _ in 0..30 {
                calls.push(client.open(client.request("GET", "grpc.example", "/"), true).await);
            }
            calls
        };
        eventually("all calls at the pod", || (pod.calls() == 31).then_some(()));
        // Until the pod's SETTINGS have come, a new connection may be given more calls than it will take later.
        assert!((2..=3).contains(&pod.connections()), "{} connections", pod.connections());
        open.add_permits(30);
        for (answer, _) in calls {
            assert_eq!(soon("an answer", read(answer)).await.unwrap().status, 200);
        }
        assert_eq!(client.ask(call(&client, "x"), &Bytes::new()).await.status, 200);
    });
}
