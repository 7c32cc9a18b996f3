//! HTTP/2 clients and HTTP/1 pods: heads, bodies and everything that has another form on the other side.

use bytes::Bytes;
use h2::Reason;
use http::{HeaderMap, HeaderValue};
use serde_json::json;

use crate::support::frames::{self, END_HEADERS, END_STREAM, FrameClient, HEADERS, pseudo};
use crate::support::h2::{H2Client, read, read_body, run, send, soon};
use crate::support::{BodyEnd, Manifests, Pod, Tidegate, eventually};

fn one_pod(pod: &Pod) -> Tidegate {
    Tidegate::serve(&Manifests::everything_to(&[pod.address]))
}

/// A host with a certificate, whose requests go to one pod.
fn with_tls(pod: &Pod, hosts: &[&str]) -> Manifests {
    let manifests = Manifests::new().service("web", &[pod.address]).certificate("cert", hosts);
    hosts.iter().enumerate().fold(manifests, |manifests, (index, host)| {
        let tls = json!([{"hosts": [host], "secretName": "cert"}]);
        manifests.ingress_with(&format!("i{index}"), Some(host), &[("/", "Prefix", "web")], json!({}), tls)
    })
}

/// A pod that tells in its answer's body what it got in the request's.
fn echo() -> Pod {
    Pod::scripted(|mut connection| {
        while let Some(request) = connection.request() {
            let length = request.body.len();
            connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"));
            connection.send(&request.body);
        }
    })
}

#[test]
fn rule_60_h2_is_spoken_over_tls_by_alpn_and_in_clear_by_prior_knowledge() {
    let pod = Pod::named("web");
    let server = Tidegate::serve(&with_tls(&pod, &["shop.example"]));
    run(async {
        let client = H2Client::tls(&server, "shop.example").await;
        let answer = client.get("shop.example", "/a?b=c").await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "web"));
        assert_eq!(answer.field("content-length"), Some("3"));
        assert!(answer.field("date").is_some() && answer.field("server").is_some());
        // Plain HTTP to a host with TLS is sent to https, also over HTTP/2.
        let client = H2Client::plain(&server).await;
        let answer = client.get("shop.example", "/a?b=c").await;
        assert_eq!((answer.status, answer.field("location")), (308, Some("https://shop.example/a?b=c")));
    });
    let request = pod.only_request();
    assert_eq!(request.start, "GET /a?b=c HTTP/1.1");
    assert_eq!(request.field("host"), Some("shop.example"));
    assert_eq!(request.field("x-forwarded-proto"), Some("https"));
    assert_eq!((request.field("content-length"), request.field("transfer-encoding")), (None, None));
}

#[test]
fn rule_20_authority_and_host_must_agree_and_one_host_is_forwarded() {
    let pod = Pod::named("web");
    let server = one_pod(&pod);
    let mut client = FrameClient::connect(server.http);
    let ask = |client: &mut FrameClient, stream, more: &[(&'static str, &'static str)], authority: bool| {
        let mut fields = pseudo("GET", "a.example", "/");
        if !authority {
            fields.remove(2);
        }
        fields.extend_from_slice(more);
        client.request(stream, END_STREAM, &fields);
        client.head(stream).status()
    };
    assert_eq!(ask(&mut client, 1, &[], true), 200);
    assert_eq!(ask(&mut client, 3, &[("host", "a.example")], true), 200);
    assert_eq!(ask(&mut client, 5, &[("host", "A.Example")], true), 200);
    assert_eq!(ask(&mut client, 7, &[("host", "b.example")], false), 200);
    assert_eq!(ask(&mut client, 9, &[("host", "b.example")], true), 400);
    assert_eq!(ask(&mut client, 11, &[("host", "a.example"), ("host", "b.example")], true), 400);
    assert_eq!(ask(&mut client, 13, &[("host", "a.example"), ("host", "a.example")], true), 400);
    assert_eq!(ask(&mut client, 15, &[("host", "a.example"), ("host", "b.example")], false), 400);
    assert_eq!(ask(&mut client, 17, &[], false), 400);
    assert_eq!(ask(&mut client, 19, &[("host", "a.example/b")], false), 400);
    assert_eq!(ask(&mut client, 21, &[("host", "u@a.example")], false), 400);
    let hosts: Vec<_> = pod.requests().iter().map(|request| request.field("host").unwrap().to_owned()).collect();
    assert_eq!(hosts, ["a.example", "a.example", "a.example", "b.example"]);
}

#[test]
fn a_body_of_known_length_keeps_its_length_and_another_is_sent_in_chunks() {
    let pod = echo();
    let server = one_pod(&pod);
    run(async {
        let client = H2Client::plain(&server).await;
        let sized = client.request("POST", "a.example", "/").header("content-length", "5");
        assert_eq!(client.ask(sized, b"hello").await.text(), "hello");
        let (answer, mut stream) = client.open(client.request("POST", "a.example", "/"), false).await;
        send(&mut stream, b"hello ", false).await.unwrap();
        send(&mut stream, b"world", true).await.unwrap();
        assert_eq!(soon("an answer", read(answer)).await.unwrap().text(), "hello world");
        let empty = client.request("POST", "a.example", "/").header("content-length", "0");
        assert_eq!(client.ask(empty, b"").await.status, 200);
    });
    let requests = pod.requests();
    assert_eq!((requests[0].field("content-length"), requests[0].end), (Some("5"), BodyEnd::Length));
    assert_eq!((requests[1].field("content-length"), requests[1].end), (None, BodyEnd::Chunked));
    assert_eq!((requests[2].field("content-length"), requests[2].body.len()), (Some("0"), 0));
    assert_eq!(pod.connections(), 1, "the connection to the pod is kept");
}

#[test]
fn large_bodies_pass_both_ways_unharmed() {
    let pod = echo();
    let server = Tidegate::serve(&with_tls(&pod, &["shop.example"]));
    let body: Vec<u8> = (0..6_000_000_u32).map(|index| (index * 7 % 251) as u8).collect();
    run(async {
        let client = H2Client::tls(&server, "shop.example").await;
        let (answer, mut stream) = client.open(client.request("PUT", "shop.example", "/"), false).await;
        send(&mut stream, &body, true).await.unwrap();
        let answer = soon("the answer", read(answer)).await.unwrap();
        assert!(answer.body == body, "{} of {} bytes", answer.body.len(), body.len());
    });
}

#[test]
fn rule_68_trailers_travel_both_ways() {
    let pod = Pod::scripted(|mut connection| {
        while connection.request().is_some() {
            connection.send(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 6\r\n\
                 content-length: 5\r\n\r\n",
            );
        }
    });
    let server = one_pod(&pod);
    run(async {
        let client = H2Client::plain(&server).await;
        let (answer, mut stream) = client.open(client.request("POST", "a.example", "/"), false).await;
        stream.send_data(Bytes::from_static(b"hello"), false).unwrap();
        let mut trailers = HeaderMap::new();
        for (name, value) in [("x-digest", "1"), ("x-forwarded-for", "6.6.6.6"), ("authorization", "x")] {
            trailers.append(name, HeaderValue::from_static(value));
        }
        stream.send_trailers(trailers).unwrap();
        let answer = soon("an answer", read(answer)).await.unwrap();
        assert_eq!(answer.text(), "abc");
        assert_eq!(answer.trailers.len(), 1, "{:?}", answer.trailers);
        assert_eq!(answer.trailers["x-sum"], "6");
    });
    // B15: what decides framing, routing or identity must not come behind a body.
    assert_eq!(pod.only_request().trailers, [("x-digest".to_owned(), "1".to_owned())]);
}

#[test]
fn b15_more_trailers_than_anybody_needs_end_the_stream() {
    let pod = Pod::scripted(|mut connection| {
        let _ = connection.rest();
    });
    let server = one_pod(&pod);
    run(async {
        let client = H2Client::plain(&server).await;
        let (answer, mut stream) = client.open(client.request("POST", "a.example", "/"), false).await;
        stream.send_data(Bytes::from_static(b"hello"), false).unwrap();
        let mut trailers = HeaderMap::new();
        for _ in 0..33 {
            trailers.append("x-t", HeaderValue::from_static("1"));
        }
        stream.send_trailers(trailers).unwrap();
        assert!(soon("the reset", read(answer)).await.unwrap_err().is_reset());
    });
    assert!(!String::from_utf8_lossy(&pod.received_in_all()).contains("\r\n0\r\n"), "the body must not look complete");
}

#[test]
fn cookie_crumbs_are_joined() {
    let pod = Pod::named("web");
    let server = one_pod(&pod);
    run(async {
        let client = H2Client::plain(&server).await;
        let request = client.request("GET", "a.example", "/");
        let request = request.header("cookie", "a=1").header("x-between", "x").header("cookie", "b=2; c=3");
        assert_eq!(client.ask(request, b"").await.status, 200);
    });
    assert_eq!(pod.only_request().field("cookie"), Some("a=1; b=2; c=3"));
}

#[test]
fn rule_68_answers_without_a_body_have_none_and_keep_what_they_tell() {
    let pod = Pod::scripted(|mut connection| {
        while let Some(request) = connection.request() {
            connection.send(match request.target() {
                "/head" => "HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n",
                "/none" => "HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n",
                "/same" => "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\nETag: \"e\"\r\n\r\n",
                _ => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            });
        }
    });
    let server = one_pod(&pod);
    run(async {
        let client = H2Client::plain(&server).await;
        let head = client.ask(client.request("HEAD", "a.example", "/head"), b"").await;
        assert_eq!((head.status, head.field("content-length"), head.body.len()), (200, Some("12345"), 0));
        let none = client.get("a.example", "/none").await;
        assert_eq!((none.status, none.field("content-length"), none.field("x-a")), (204, None, Some("b")));
        let same = client.get("a.example", "/same").await;
        assert_eq!((same.status, same.field("etag"), same.body.len()), (304, Some("\"e\""), 0));
        let empty = client.get("a.example", "/").await;
        assert_eq!((empty.status, empty.field("content-length"), empty.body.len()), (200, Some("0"), 0));
    });
    assert_eq!(pod.connections(), 1);
}

#[test]
fn rule_68_interim_answers_reach_the_client() {
    let pod = Pod::scripted(|mut connection| {
        while connection.request().is_some() {
            connection.send(
                "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: x\r\nX: y\r\n\r\n\
                 HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            );
        }
    });
    let server = one_pod(&pod);
    run(async {
        let client = H2Client::plain(&server).await;
        let (mut answer, _) = client.open(client.request("GET", "a.example", "/"), true).await;
        let hint = soon("a hint", std::future::poll_fn(|cx| answer.poll_informational(cx))).await.unwrap().unwrap();
        assert_eq!(hint.status(), 103);
        assert_eq!(hint.headers()["link"], "</a.css>; rel=preload");
        assert!(!hint.headers().contains_key("x") && !hint.headers().contains_key("connection"));
        assert_eq!(soon("an answer", read(answer)).await.unwrap().text(), "ok");
    });
}

#[test]
fn b07_a_client_that_waits_to_be_told_to_go_on_is_told() {
    let pod = echo();
    let server = one_pod(&pod);
    run(async {
        let client = H2Client::plain(&server).await;
        let request = client.request("POST", "a.example", "/").header("expect", "100-continue");
        let (mut answer, mut stream) = client.open(request, false).await;
        let told = soon("100", std::future::poll_fn(|cx| answer.poll_informational(cx))).await.unwrap().unwrap();
        assert_eq!(told.status(), 100);
        send(&mut stream, b"body", true).await.unwrap();
        assert_eq!(soon("an answer", read(answer)).await.unwrap().text(), "body");
        let odd = client.request("POST", "a.example", "/").header("expect", "200-ok");
        assert_eq!(client.ask(odd, b"body").await.status, 417);
    });
    assert_eq!(pod.only_request().field("expect"), Some("100-continue"));
}

#[test]
fn b18_connect_and_trace_are_refused() {
    let pod = Pod::named("web");
    let server = one_pod(&pod);
    let mut client = FrameClient::connect(server.http);
    client.request(1, 0, &[(":method", "CONNECT"), (":authority", "a.example:443")]);
    assert_eq!(client.head(1).status(), 405);
    client.request(3, END_STREAM, &pseudo("TRACE", "a.example", "/"));
    assert_eq!(client.head(3).status(), 405);
    // Extended CONNECT (RFC 8441) is for WebSockets.
    let mut fields = pseudo("CONNECT", "a.example", "/");
    fields.push((":protocol", "connect-udp"));
    client.request(5, 0, &fields);
    assert_eq!(client.head(5).status(), 501);
    client.request(7, END_STREAM, &pseudo("OPTIONS", "a.example", "*"));
    assert_eq!(client.head(7).status(), 200);
    assert_eq!(pod.connections(), 0);
}

#[test]
fn rule_59_another_host_on_the_connection_of_a_host_with_another_certificate_is_misdirected() {
    let pod = Pod::named("web");
    let entry = |host, secret| json!([{"hosts": [host], "secretName": secret}]);
    let paths: &[_] = &[("/", "Prefix", "web")];
    let manifests = Manifests::new()
        .service("web", &[pod.address])
        .certificate("ab", &["a.example", "b.example"])
        .certificate("c", &["c.example"])
        .ingress_with("a", Some("a.example"), paths, json!({}), entry("a.example", "ab"))
        .ingress_with("b", Some("b.example"), paths, json!({}), entry("b.example", "ab"))
        .ingress_with("c", Some("c.example"), paths, json!({}), entry("c.example", "c"))
        .ingress("d", Some("d.example"), paths);
    let server = Tidegate::serve(&manifests);
    run(async {
        let client = H2Client::tls(&server, "a.example").await;
        assert_eq!(client.get("a.example", "/").await.status, 200);
        assert_eq!(client.get("b.example", "/").await.status, 200, "the same certificate");
        assert_eq!(client.get("c.example", "/").await.status, 421);
        assert_eq!(client.get("d.example", "/").await.status, 421);
        assert_eq!(client.get("a.example", "/").await.status, 200, "the connection goes on");
    });
}

#[test]
fn errors_of_ours_are_short_texts_with_the_request_id() {
    let server = Tidegate::serve(&Manifests::new());
    run(async {
        let client = H2Client::plain(&server).await;
        let answer = client.get("a.example", "/").await;
        assert_eq!(answer.status, 404);
        let id = answer.field("x-request-id").unwrap();
        assert!(answer.text().contains(id) && answer.text().lines().count() == 1, "{}", answer.text());
        // With a body nobody reads, the answer comes all the same and the connection goes on.
        let (answer, mut stream) = client.open(client.request("POST", "a.example", "/"), false).await;
        stream.send_data(Bytes::from_static(b"some"), false).unwrap();
        assert_eq!(soon("an answer", read(answer)).await.unwrap().status, 404);
        let reason = soon("the reset", std::future::poll_fn(|cx| stream.poll_reset(cx))).await.unwrap();
        assert_eq!(reason, Reason::NO_ERROR, "RFC 9113 §8.1");
        assert_eq!(client.get("a.example", "/").await.status, 404);
    });
}

#[test]
fn an_answer_may_overtake_the_request() {
    let pod = Pod::scripted(|mut connection| {
        connection.head().unwrap();
        connection.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
        let _ = connection.rest();
    });
    let server = one_pod(&pod);
    run(async {
        let client = H2Client::plain(&server).await;
        let (answer, mut stream) = client.open(client.request("POST", "a.example", "/"), false).await;
        stream.send_data(Bytes::from_static(b"some"), false).unwrap();
        let answer = soon("an answer", read(answer)).await.unwrap();
        assert_eq!((answer.status, answer.text().as_str()), (403, "no"));
        assert_eq!(client.get("a.example", "/").await.status, 403);
    });
    eventually("the pod's first connection ends", || (pod.connections() == 2).then_some(()));
}

#[test]
fn a_reset_by_the_client_cancels_the_request_to_the_pod() {
    let (gone, seen) = std::sync::mpsc::channel();
    let gone = std::sync::Mutex::new(gone);
    let pod = Pod::scripted(move |mut connection| {
        // The reset may come before the request was sent.
        let request = connection.head().unwrap_or_default();
        if request.starts_with(b"GET /started") {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome");
        }
        let (rest, _) = connection.rest();
        gone.lock().unwrap().send(rest.len()).unwrap();
    });
    let server = one_pod(&pod);
    run(async {
        let client = H2Client::plain(&server).await;
        let (answer, mut stream) = client.open(client.request("GET", "a.example", "/waiting"), true).await;
        eventually("the request", || (pod.connections() == 1).then_some(()));
        stream.send_reset(Reason::CANCEL);
        assert_eq!(seen.recv_timeout(crate::support::DEADLINE).unwrap(), 0);
        drop(answer);
        let (answer, mut stream) = client.open(client.request("GET", "a.example", "/started"), true).await;
        let mut body = soon("a head", answer).await.unwrap().into_body();
        assert_eq!(soon("a piece", body.data()).await.unwrap().unwrap(), "some");
        stream.send_reset(Reason::CANCEL);
        assert_eq!(seen.recv_timeout(crate::support::DEADLINE).unwrap(), 0);
        // A client that leaves altogether has the same effect.
        let (_answer, _stream) = client.open(client.request("GET", "a.example", "/waiting"), true).await;
        eventually("the request", || (pod.connections() == 3).then_some(()));
        drop(client);
    });
    assert_eq!(seen.recv_timeout(crate::support::DEADLINE).unwrap(), 0);
}

#[test]
fn f18_an_answer_cut_short_never_looks_complete() {
    let pod = Pod::scripted(|mut connection| {
        let request = connection.request().unwrap();
        connection.send(match request.target() {
            "/length" => "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
            "/chunked" => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            _ => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
        });
        if request.target() == "/bad" {
            let _ = connection.rest();
        }
    });
    let server = one_pod(&pod);
    run(async {
        let client = H2Client::plain(&server).await;
        for path in ["/length", "/chunked", "/bad"] {
            match client.try_ask(client.request("GET", "a.example", path), b"").await {
                Err(error) => {
                    assert_eq!((error.is_reset(), error.reason()), (true, Some(Reason::INTERNAL_ERROR)), "{path}");
                }
                // Nothing of the answer had left yet when it turned out to be malformed.
                Ok(answer) => assert_eq!((path, answer.status), ("/bad", 502)),
            }
        }
    });
}

#[test]
fn a_request_cut_short_never_looks_complete_to_the_pod() {
    let (begun, started) = std::sync::mpsc::channel();
    let begun = std::sync::Mutex::new(begun);
    let pod = Pod::scripted(move |mut connection| {
        connection.head().unwrap();
        assert_eq!(connection.exactly(10).unwrap(), b"5\r\nhello\r\n");
        begun.lock().unwrap().send(None).unwrap();
        begun.lock().unwrap().send(Some(connection.rest().0)).unwrap();
    });
    let server = one_pod(&pod);
    run(async {
        let client = H2Client::plain(&server).await;
        let (_answer, mut stream) = client.open(client.request("POST", "a.example", "/"), false).await;
        stream.send_data(Bytes::from_static(b"hello"), false).unwrap();
        assert_eq!(started.recv_timeout(crate::support::DEADLINE).unwrap(), None);
        stream.send_reset(Reason::CANCEL);
        let rest = started.recv_timeout(crate::support::DEADLINE).unwrap();
        assert_eq!(rest, Some(Vec::new()), "the connection ends, the body does not");
    });
}

#[test]
fn c05_a_client_that_does_not_read_is_cut_and_the_pod_is_not_read_further() {
    let (counted, seen) = std::sync::mpsc::channel();
    let counted = std::sync::Mutex::new(counted);
    let pod = Pod::scripted(move |mut connection| {
        connection.request().unwrap();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
        let mut sent = 0;
        while connection.try_send([b'x'; 64 * 1024]).is_ok() {
            sent += 64 * 1024;
        }
        counted.lock().unwrap().send(sent).unwrap();
    });
    let server = Tidegate::serve_with(&Manifests::everything_to(&[pod.address]), &["--send-timeout", "400ms"]);
    run(async {
        let client = H2Client::plain(&server).await;
        let (answer, _stream) = client.open(client.request("GET", "a.example", "/"), true).await;
        let mut body = soon("a head", answer).await.unwrap().into_body();
        // The window is never given back.
        let error = loop {
            match soon("the reset", body.data()).await {
                Some(Ok(_)) => {}
                Some(Err(error)) => break error,
                None => panic!("the body ended"),
            }
        };
        assert_eq!((error.is_reset(), error.reason()), (true, Some(Reason::CANCEL)), "{error}");
        assert_eq!(server.metric("tidegate_http2_limits_total", r#"limit="stalled",side="client""#), 1.0);
        // Others on the connection are not concerned.
        let (answer, _stream) = client.open(client.request("GET", "a.example", "/"), true).await;
        assert_eq!(soon("a head", answer).await.unwrap().status(), 200);
    });
    let sent: usize = seen.recv_timeout(crate::support::DEADLINE).unwrap();
    assert!(sent < 16_000_000, "{sent} bytes were read from the pod for a client that reads nothing");
}

#[test]
fn c05_a_socket_that_takes_nothing_ends_the_connection() {
    let pod = Pod::scripted(|mut connection| {
        connection.request().unwrap();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
        while connection.try_send([b'x'; 64 * 1024]).is_ok() {}
    });
    let server = Tidegate::serve_with(&Manifests::everything_to(&[pod.address]), &["--send-timeout", "400ms"]);
    assert_eq!(server.metric("tidegate_connections_open", "listener=\"http\""), 0.0);
    // All the window there is, and nothing is read from the socket.
    let mut client = FrameClient::connect_with(server.http, &[(4, 0x7fff_ffff)]);
    client.send(frames::WINDOW_UPDATE, 0, 0, &0x7ff0_0000_u32.to_be_bytes());
    client.request(1, END_STREAM, &pseudo("GET", "a.example", "/"));
    pod.wait_for_connections(1);
    eventually("the end of the connection", || {
        (server.metric("tidegate_connections_open", "listener=\"http\"") == 0.0).then_some(())
    });
    assert!(server.metric("tidegate_http2_limits_total", r#"limit="stalled",side="client""#) >= 1.0);
}

#[test]
fn c05_a_slow_reader_that_goes_on_gets_everything() {
    let pod = Pod::answering(format!("HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n{}", "x".repeat(300_000)));
    let server = Tidegate::serve_with(&Manifests::everything_to(&[pod.address]), &["--send-timeout", "2s"]);
    let mut client = FrameClient::connect_with(server.http, &[(4, 1000)]);
    client.request(1, END_STREAM, &pseudo("GET", "a.example", "/"));
    let mut received = 0;
    loop {
        let frame = client.wait_for("data", |frame| frame.kind == frames::DATA);
        received += frame.payload.len();
        if frame.is_end_stream() {
            break;
        }
        let count = u32::try_from(frame.payload.len()).unwrap().to_be_bytes();
        client.send(frames::WINDOW_UPDATE, 0, 1, &count);
        client.send(frames::WINDOW_UPDATE, 0, 0, &count);
    }
    assert_eq!(received, 300_000);
}

#[test]
fn a_slow_upload_is_cut_and_a_waiting_one_is_answered() {
    let pod = Pod::scripted(|mut connection| {
        let _ = connection.rest();
    });
    let server = Tidegate::serve_with(&Manifests::everything_to(&[pod.address]), &["--body-gap-timeout", "300ms"]);
    run(async {
        let client = H2Client::plain(&server).await;
        let (answer, mut stream) = client.open(client.request("POST", "a.example", "/"), false).await;
        stream.send_data(Bytes::from_static(b"some"), false).unwrap();
        let mut answer = soon("408", answer).await.unwrap();
        assert_eq!(answer.status(), 408);
        assert!(!soon("its body", read_body(answer.body_mut())).await.unwrap().0.is_empty());
    });
}

#[test]
fn priority_fields_and_frames_change_nothing() {
    let pod = Pod::named("web");
    let server = one_pod(&pod);
    let mut client = FrameClient::connect(server.http);
    client.send(frames::PRIORITY, 0, 5, &[0, 0, 0, 0, 16]);
    let mut block = vec![0x80, 0, 0, 0, 16];
    block.extend(frames::block(&pseudo("GET", "a.example", "/")));
    client.send(HEADERS, END_STREAM | END_HEADERS | 0x20, 1, &block);
    assert_eq!(client.head(1).status(), 200);
}
