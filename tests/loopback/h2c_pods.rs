//! HTTP/1 clients of pods that speak HTTP/2 in clear, and how such pods leave.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};

use h2::Reason;
use http::{HeaderMap, HeaderValue, Response};

use crate::support::frames::{
    ACK, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, REFUSED_STREAM, RST_STREAM, SETTINGS, accept, frame,
    read_frame,
};
use crate::support::h2::{Call, H2Client, H2Pod, run, send};
use crate::support::{BodyEnd, DEADLINE, End, Manifests, Pod, PodConnection, Tidegate, eventually, get};

fn to(pod: &H2Pod) -> Tidegate {
    Tidegate::serve(&Manifests::everything_to_h2c(&[pod.address]))
}

/// A pod that tells in its answer's body and trailers what it got.
async fn echo(mut call: Call) {
    let Ok((body, trailers)) = call.body().await else { return };
    let mut stream = call.head(Response::builder(), false);
    let _ = send(&mut stream, &body, false).await;
    let mut back = HeaderMap::new();
    back.insert("x-count", HeaderValue::from(trailers.len()));
    for (name, value) in &trailers {
        back.append(name, value.clone());
    }
    let _ = stream.send_trailers(back);
}

#[test]
fn bodies_and_trailers_pass_between_http1_and_an_h2c_pod() {
    let pod = H2Pod::scripted(echo);
    let server = to(&pod);
    let mut client = server.connect();
    let answer = client.ask("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!((answer.status(), answer.text().as_str(), answer.end), (200, "hello", BodyEnd::Chunked));
    assert!(answer.trailers.is_empty(), "the client has not asked for trailers");
    let answer = client.ask(
        "POST / HTTP/1.1\r\nHost: a.example\r\nTE: trailers\r\nConnection: te\r\nTransfer-Encoding: chunked\r\n\r\n\
         3\r\nabc\r\n3\r\ndef\r\n0\r\nx-sum: 7\r\nx-forwarded-for: 6.6.6.6\r\n\r\n",
    );
    assert_eq!((answer.text().as_str(), answer.end), ("abcdef", BodyEnd::Chunked));
    let expected = [("x-count", "1"), ("x-sum", "7")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(answer.trailers, expected);
    let large = "x".repeat(3_000_000);
    let request = format!("PUT / HTTP/1.1\r\nHost: a.example\r\nContent-Length: {}\r\n\r\n{large}", large.len());
    let mut upload = client.stream().try_clone().unwrap();
    let sending = std::thread::spawn(move || std::io::Write::write_all(&mut upload, request.as_bytes()).unwrap());
    let answer = client.answer();
    sending.join().unwrap();
    assert!(answer.text() == large, "{} bytes", answer.body.len());
    assert_eq!(pod.connections(), 1);
}

#[test]
fn heads_pass_between_http1_and_an_h2c_pod() {
    let pod = H2Pod::scripted(|mut call| async move {
        let head = Response::builder()
            .header("set-cookie", "a=1")
            .header("set-cookie", "b=2")
            .header("content-length", "3")
            .header("x-back", "1");
        match call.request.uri().path() {
            "/head" => drop(call.head(head, true)),
            "/none" => drop(call.head(Response::builder().status(204), true)),
            "/empty" => drop(call.head(Response::builder(), true)),
            _ => {
                let mut stream = call.head(head, false);
                send(&mut stream, b"abc", true).await.unwrap();
            }
        }
    });
    let server = to(&pod);
    let mut client = server.connect();
    let answer = client.ask(
        "GET /x?y=z HTTP/1.1\r\nHost: a.example:8080\r\nConnection: x-hop\r\nX-Hop: 1\r\nCookie: a=1; b=2\r\n\
         X-Odd: \u{e9}\r\n\r\n",
    );
    assert_eq!((answer.status(), answer.text().as_str(), answer.field("content-length")), (200, "abc", Some("3")));
    assert_eq!(answer.all("set-cookie"), ["a=1", "b=2"]);
    assert_eq!((answer.field("connection"), answer.field("x-back")), (None, Some("1")));
    let head = client.ask("HEAD /head HTTP/1.1\r\nHost: a.example\r\n\r\n");
    assert_eq!((head.status(), head.field("content-length"), head.body.len()), (200, Some("3"), 0));
    let none = client.ask(get("a.example", "/none"));
    assert_eq!((none.status(), none.field("content-length"), none.field("transfer-encoding")), (204, None, None));
    assert_eq!(client.ask(get("a.example", "/empty")).body.len(), 0);
    let (_, uri, headers) = pod.heads().remove(0);
    assert_eq!(uri.to_string(), "http://a.example:8080/x?y=z");
    assert_eq!(headers["cookie"], "a=1; b=2");
    assert_eq!(headers["x-odd"].as_bytes(), "\u{e9}".as_bytes());
    assert_eq!(headers["x-forwarded-host"], "a.example:8080");
    for absent in ["x-hop", "connection", "host", "te"] {
        assert!(!headers.contains_key(absent), "{absent}");
    }
}

#[test]
fn rule_68_interim_answers_of_an_h2c_pod_reach_the_client() {
    let pod = H2Pod::scripted(|mut call| async move {
        let hint = Response::builder().status(103).header("link", "</a.css>").body(()).unwrap();
        call.respond.send_informational(hint).unwrap();
        call.answer(200, b"ok").await;
    });
    let server = to(&pod);
    let answer = server.ask(get("a.example", "/"));
    assert_eq!((answer.status(), answer.text().as_str()), (200, "ok"));
    assert_eq!(answer.interim.len(), 1);
    assert_eq!((answer.interim[0].status(), answer.interim[0].field("link")), (103, Some("</a.css>")));
}

#[test]
fn b07_a_client_that_waits_for_100_gets_it_before_its_body_goes_to_an_h2c_pod() {
    let pod = H2Pod::scripted(echo);
    let server = to(&pod);
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    let told = client.head().unwrap();
    assert_eq!(told, b"HTTP/1.1 100 Continue\r\n\r\n");
    client.send("hello");
    assert_eq!(client.answer_to("POST").text(), "hello");
    assert_eq!(pod.heads()[0].2["expect"], "100-continue");
}

#[test]
fn f18_an_answer_that_an_h2c_pod_cuts_short_never_looks_complete() {
    let pod = H2Pod::scripted(|mut call| async move {
        let head = Response::builder();
        let head = if call.request.uri().path() == "/length" { head.header("content-length", "10") } else { head };
        let mut stream = call.head(head, false);
        send(&mut stream, b"hello", false).await.unwrap();
        stream.send_reset(Reason::INTERNAL_ERROR);
    });
    let server = to(&pod);
    for path in ["/length", "/chunked"] {
        // What came may be lost with the reset of the stream; what must not happen is an end that looks regular.
        let mut client = server.connect();
        client.send(get("a.example", path));
        let answer = client.response("GET").expect("an answer");
        assert!(answer.status() == 502 || matches!(answer.end, BodyEnd::Truncated(_)), "{answer}");
    }
}

#[test]
fn a_client_that_leaves_cancels_the_request_to_an_h2c_pod() {
    let (gone, seen) = mpsc::channel();
    let gone = Arc::new(Mutex::new(gone));
    let pod = H2Pod::scripted(move |mut call| {
        let gone = Arc::clone(&gone);
        async move {
            let mut stream = call.head(Response::builder(), false);
            send(&mut stream, b"some", false).await.unwrap();
            while send(&mut stream, &[b'x'; 1000], false).await.is_ok() {}
            gone.lock().unwrap().send(()).unwrap();
        }
    });
    let server = to(&pod);
    let mut client = server.connect();
    client.send(get("a.example", "/"));
    client.head().unwrap();
    client.into_wire().reset();
    seen.recv_timeout(DEADLINE).unwrap();
}

#[test]
fn an_upload_that_ends_early_is_reset_at_an_h2c_pod() {
    let (told, seen) = mpsc::channel();
    let told = Arc::new(Mutex::new(told));
    let pod = H2Pod::scripted(move |mut call| {
        let told = Arc::clone(&told);
        async move {
            let outcome = call.body().await;
            told.lock().unwrap().send(outcome.is_err()).unwrap();
        }
    });
    let server = to(&pod);
    for rest in ["Content-Length: 10\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n"] {
        let mut client = server.connect();
        client.send(format!("POST / HTTP/1.1\r\nHost: a.example\r\n{rest}"));
        client.finish();
        assert!(seen.recv_timeout(DEADLINE).unwrap(), "the body must not look complete: {rest}");
    }
}

#[test]
fn a_refused_stream_is_tried_again_whatever_its_method() {
    let refused = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&refused);
    let pod = H2Pod::scripted(move |mut call| {
        let is_first = count.fetch_add(1, Ordering::SeqCst).is_multiple_of(2);
        async move {
            if is_first {
                call.respond.send_reset(Reason::REFUSED_STREAM);
            } else {
                echo(call).await;
            }
        }
    });
    let server = to(&pod);
    assert_eq!(server.ask(get("a.example", "/")).status(), 200);
    let answer = server.ask("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!((answer.status(), answer.text().as_str()), (200, "hello"));
    assert_eq!(refused.load(Ordering::SeqCst), 4);
    // Other resets are answers of a kind.
    let pod = H2Pod::scripted(|mut call| async move { call.respond.send_reset(Reason::INTERNAL_ERROR) });
    let server = to(&pod);
    assert_eq!(server.ask(get("a.example", "/")).status(), 502);
    assert_eq!(pod.calls(), 1);
}

/// Serves HTTP/2 by hand: does `first` with the first request of the pod, answers 200 to all others.
fn by_hand(first: impl Fn(&mut PodConnection, u32) -> bool + Send + Sync + 'static) -> Pod {
    let had_first = AtomicBool::new(false);
    Pod::scripted(move |mut connection| {
        accept(&mut connection);
        while let Ok(incoming) = read_frame(&mut connection) {
            match (incoming.kind, incoming.flags & ACK) {
                (SETTINGS, 0) => {}
                (HEADERS, _) if !had_first.swap(true, Ordering::SeqCst) => {
                    match first(&mut connection, incoming.stream) {
                        true => {}
                        false => return,
                    }
                }
                // 0x88 is `:status: 200`.
                (HEADERS, _) => {
                    let _ = connection.try_send(frame(HEADERS, END_HEADERS | END_STREAM, incoming.stream, &[0x88]));
                }
                _ => {}
            }
        }
    })
}

fn goaway(last: u32) -> Vec<u8> {
    frame(GOAWAY, 0, 0, &[last.to_be_bytes(), 0_u32.to_be_bytes()].concat())
}

#[test]
fn a_request_behind_the_last_stream_of_a_goaway_is_tried_again_whatever_its_method() {
    for method in ["GET", "POST"] {
        // The connection stays open: to close it with the body unread would reset it, and take the GOAWAY along.
        let pod = by_hand(|connection, _| {
            connection.send(goaway(0));
            true
        });
        let server = Tidegate::serve(&Manifests::everything_to_h2c(&[pod.address]));
        let answer = server.ask(format!("{method} / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\nhi"));
        assert_eq!((method, answer.status()), (method, 200));
        assert_eq!(pod.connections(), 2);
    }
}

#[test]
fn a_request_before_the_last_stream_of_a_goaway_is_finished_and_the_next_goes_elsewhere() {
    let pod = by_hand(|connection, stream| {
        connection.send(goaway(stream));
        connection.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, &[0x88]));
        true
    });
    let server = Tidegate::serve(&Manifests::everything_to_h2c(&[pod.address]));
    let mut client = server.connect();
    assert_eq!(client.ask(get("a.example", "/")).status(), 200);
    assert_eq!(client.ask("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\nhi").status(), 200);
    assert_eq!(pod.connections(), 2);
}

#[test]
fn a_connection_that_ends_while_idle_costs_no_request() {
    let pod = by_hand(|connection, stream| {
        connection.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, &[0x88]));
        false
    });
    let server = Tidegate::serve(&Manifests::everything_to_h2c(&[pod.address]));
    let mut client = server.connect();
    assert_eq!(client.ask(get("a.example", "/")).status(), 200);
    eventually("another connection", || {
        assert_eq!(client.ask(get("a.example", "/")).status(), 200);
        (pod.connections() == 2).then_some(())
    });
}

#[test]
fn a_pod_that_closes_instead_of_answering_is_asked_again_only_if_that_is_safe() {
    // On a new connection nothing is sent twice.
    let pod = by_hand(|_, _| false);
    let server = Tidegate::serve(&Manifests::everything_to_h2c(&[pod.address]));
    assert_eq!(server.ask("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\nhi").status(), 502);
    // One that is refused by hand, with frames, is asked again: nobody has looked at it.
    let pod = by_hand(|connection, stream| {
        connection.send(frame(RST_STREAM, 0, stream, &REFUSED_STREAM.to_be_bytes()));
        true
    });
    let server = Tidegate::serve(&Manifests::everything_to_h2c(&[pod.address]));
    assert_eq!(server.ask("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\nhi").status(), 200);
    assert_eq!(pod.connections(), 1);
}

#[test]
fn b20_a_pod_that_does_not_speak_http2_is_a_502() {
    let http1 = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    for said in [http1, "hello there, this is no HTTP/2"] {
        let pod = Pod::scripted(move |mut connection| {
            let _ = connection.some();
            connection.send(said);
            let _ = connection.rest();
        });
        let server = Tidegate::serve(&Manifests::everything_to_h2c(&[pod.address]));
        assert_eq!(server.ask(get("a.example", "/")).status(), 502);
    }
}

#[test]
fn f21_a_pod_that_never_answers_is_a_504_and_gets_a_new_connection() {
    let pod = by_hand(|_, _| true);
    let options = ["--response-timeout", "300ms"];
    let server = Tidegate::serve_with(&Manifests::everything_to_h2c(&[pod.address]), &options);
    assert_eq!(server.ask(get("a.example", "/")).status(), 504);
    assert_eq!(server.ask(get("a.example", "/")).status(), 200);
    assert_eq!(pod.connections(), 2, "the connection that led nowhere is not used again");
}

#[test]
fn f26_a_client_that_does_not_read_holds_little_of_a_pods_answer() {
    let (counted, seen) = mpsc::channel();
    let counted = Arc::new(Mutex::new(counted));
    let pod = H2Pod::scripted(move |mut call| {
        let counted = Arc::clone(&counted);
        async move {
            let mut stream = call.head(Response::builder(), false);
            let mut sent = 0_usize;
            while send(&mut stream, &[b'x'; 16_384], false).await.is_ok() {
                sent += 16_384;
            }
            counted.lock().unwrap().send(sent).unwrap();
        }
    });
    let options = ["--send-timeout", "400ms"];
    let server = Tidegate::serve_with(&Manifests::everything_to_h2c(&[pod.address]), &options);
    let mut client = server.connect();
    client.send(get("a.example", "/"));
    let sent = seen.recv_timeout(DEADLINE).unwrap();
    assert!(sent < 16_000_000, "{sent} bytes were taken from the pod for a client that reads nothing");
    let (_, end) = client.rest();
    assert!(matches!(end, End::Reset | End::Fin));
}

/// A pod whose connections take one stream at a time, which the client knows before the first request is served.
/// `serve` answers a request's stream and its body; false ends the connection.
fn one_at_a_time(serve: impl Fn(&mut PodConnection, u32, &[u8]) -> bool + Send + Sync + 'static) -> Pod {
    Pod::scripted(move |mut connection| {
        accept(&mut connection);
        connection.send(frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 1]));
        let (mut acknowledged, mut waiting, mut body) = (0, Vec::new(), Vec::new());
        while let Ok(incoming) = read_frame(&mut connection) {
            match (incoming.kind, incoming.flags & ACK) {
                (SETTINGS, ACK) => acknowledged += 1,
                (HEADERS | DATA, ends_stream) => {
                    if incoming.kind == DATA {
                        body.extend_from_slice(&incoming.payload);
                    }
                    if ends_stream != 0 {
                        waiting.push((incoming.stream, std::mem::take(&mut body)));
                    }
                }
                _ => {}
            }
            if acknowledged == 2 && !waiting.drain(..).all(|(stream, body)| serve(&mut connection, stream, &body)) {
                return;
            }
        }
    })
}

/// Answers 200 with this body.
fn ok(connection: &mut PodConnection, stream: u32, body: &[u8]) -> bool {
    let head = frame(HEADERS, END_HEADERS, stream, &[0x88]);
    connection.try_send([head, frame(DATA, END_STREAM, stream, body)].concat()).is_ok()
}

#[test]
fn rule_71_a_request_is_sent_again_as_often_as_connections_of_a_pod_go_away() {
    for method in ["GET", "POST"] {
        let pod = one_at_a_time(|connection, stream, body| {
            if connection.index < 5 {
                connection.send(goaway(0));
                return true;
            }
            ok(connection, stream, body)
        });
        let server = Tidegate::serve(&Manifests::everything_to_h2c(&[pod.address]));
        let answer = server.ask(format!("{method} / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\nhi"));
        assert_eq!((method, answer.status(), answer.text().as_str()), (method, 200, "hi"));
        assert_eq!(pod.connections(), 6);
    }
}

#[test]
fn rule_71_a_pod_that_lets_all_of_its_connections_go_at_once_costs_no_request() {
    let (arrived, seen) = mpsc::channel();
    let arrived = Mutex::new(arrived);
    let both_open = Barrier::new(2);
    let pod = one_at_a_time(move |connection, stream, body| {
        match (connection.index, stream) {
            // Each of two connections serves one request, at the same time, so that there are two.
            (0 | 1, 1) => {
                arrived.lock().unwrap().send(()).unwrap();
                both_open.wait();
                ok(connection, stream, body)
            }
            // Graceful, as servers do it: first the highest id there can be, then that of the last request served.
            (0 | 1, _) => {
                connection.send([goaway(0x7fff_ffff), goaway(1)].concat());
                true
            }
            _ => ok(connection, stream, body),
        }
    });
    let server = Tidegate::serve(&Manifests::everything_to_h2c(&[pod.address]));
    let (mut one, mut other) = (server.connect(), server.connect());
    one.send(get("a.example", "/"));
    seen.recv_timeout(DEADLINE).unwrap();
    other.send(get("a.example", "/"));
    assert_eq!((one.answer().status(), other.answer().status()), (200, 200));
    assert_eq!(pod.connections(), 2);
    let answer = one.ask("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\nhi");
    assert_eq!((answer.status(), answer.text().as_str()), (200, "hi"));
    assert_eq!(other.ask(get("a.example", "/")).status(), 200);
}

#[test]
fn rule_71_a_call_whose_message_was_sent_already_is_sent_again_when_it_was_not_processed() {
    for answer in [frame(RST_STREAM, 0, 1, &REFUSED_STREAM.to_be_bytes()), goaway(0)] {
        let refused = AtomicBool::new(false);
        let pod = one_at_a_time(move |connection, stream, body| {
            if !refused.swap(true, Ordering::SeqCst) {
                assert_eq!(body, b"\0\0\0\0\0");
                connection.send(&answer);
                return true;
            }
            ok(connection, stream, body)
        });
        let server = Tidegate::serve(&Manifests::everything_to_h2c(&[pod.address]));
        run(async move {
            let client = H2Client::plain(&server).await;
            let call = client.request("POST", "a.example", "/a.B/C").header("te", "trailers");
            let answer = client.ask(call.header("content-type", "application/grpc"), b"\0\0\0\0\0").await;
            assert_eq!((answer.status, answer.body.as_slice()), (200, b"\0\0\0\0\0".as_slice()));
            drop(pod);
        });
    }
}

#[test]
fn rule_71_a_body_of_which_too_much_was_sent_is_not_sent_again() {
    let pod = H2Pod::scripted(|mut call| async move {
        let mut seen = 0;
        while seen < 66_000 {
            let data = call.request.body_mut().data().await.unwrap().unwrap();
            seen += data.len();
            call.request.body_mut().flow_control().release_capacity(data.len()).unwrap();
        }
        call.respond.send_reset(Reason::REFUSED_STREAM);
    });
    let server = to(&pod);
    let mut client = server.connect();
    client.send(format!("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 90000\r\n\r\n{}", "x".repeat(70_000)));
    assert_eq!(client.answer_to("POST").status(), 502);
    assert_eq!(pod.calls(), 1);
}

#[test]
fn rule_71_a_pod_that_only_sends_requests_away_is_not_asked_for_ever() {
    let pod = one_at_a_time(|connection, _, _| {
        connection.send(goaway(0));
        true
    });
    let server = Tidegate::serve(&Manifests::everything_to_h2c(&[pod.address]));
    assert_eq!(server.ask(get("a.example", "/")).status(), 502);
    assert!(pod.connections() < 20, "{}", pod.connections());
    let pod = H2Pod::scripted(|mut call| async move { call.respond.send_reset(Reason::REFUSED_STREAM) });
    let server = to(&pod);
    assert_eq!(server.ask(get("a.example", "/")).status(), 502);
    assert_eq!(pod.calls(), 3);
}
