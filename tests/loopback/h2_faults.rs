//! Faults of HTTP/2 that were found on a running Tidegate, each with the input that showed it.

use crate::support::frames::{
    ACK, DATA, END_HEADERS, END_STREAM, FrameClient, GOAWAY, HEADERS, PING, PROTOCOL_ERROR, RST_STREAM, SETTINGS,
    WINDOW_UPDATE, accept, block, frame, pseudo, read_frame,
};
use crate::support::h2::{H2Client, H2Pod, run, send};
use crate::support::{Manifests, Pod, Tidegate, eventually, get};

fn one_pod(pod: &Pod) -> Tidegate {
    Tidegate::serve(&Manifests::everything_to(&[pod.address]))
}

#[test]
fn fault_w1_trailers_with_a_pseudo_field_are_malformed() {
    for field in [":path", ":status", ":x", "X-Upper", "connection"] {
        let pod = Pod::scripted(|mut connection| {
            let _ = connection.rest();
        });
        let server = one_pod(&pod);
        let mut client = FrameClient::connect(server.http);
        client.request(1, 0, &pseudo("POST", "a.example", "/"));
        client.send(DATA, 0, 1, b"hello");
        client.request(1, END_STREAM, &[(field, "/")]);
        assert_eq!(client.reset_of(1), PROTOCOL_ERROR, "{field}");
        client.ping();
        let received = String::from_utf8_lossy(&pod.received_in_all()).into_owned();
        assert!(!received.ends_with("0\r\n\r\n"), "{field}: the body must not look complete: {received}");
    }
}

#[test]
fn a_hash_in_a_path_is_refused_as_over_http_1() {
    let pod = Pod::named("web");
    let server = one_pod(&pod);
    let mut client = FrameClient::connect(server.http);
    client.request(1, END_STREAM, &pseudo("GET", "a.example", "/a#b"));
    assert_eq!(client.head(1).status(), 400);
    assert_eq!(server.ask("GET /a#b HTTP/1.1\r\nHost: a.example\r\n\r\n").status(), 400);
    assert_eq!(pod.connections(), 0);
    assert_eq!(server.metric("tidegate_requests_refused_total", "reason=\"malformed\""), 2.0);
}

#[test]
fn heads_that_are_too_large_are_answered_and_counted_as_over_http_1() {
    let pod = Pod::named("web");
    let server = one_pod(&pod);
    let mut client = FrameClient::connect(server.http);
    let large = "x".repeat(40_000);
    let mut fields = pseudo("GET", "a.example", "/");
    fields.push(("x-large", &large));
    let head = block(&fields);
    let (first, rest) = head.split_at(16_000);
    client.send(HEADERS, END_STREAM, 1, first);
    let (second, third) = rest.split_at(16_000);
    client.send(crate::support::frames::CONTINUATION, 0, 1, second);
    client.send(crate::support::frames::CONTINUATION, END_HEADERS, 1, third);
    assert_eq!(client.head(1).status(), 431);
    client.request(3, END_STREAM, &pseudo("GET", "a.example", "/"));
    assert_eq!(client.head(3).status(), 200, "the connection goes on");
    assert_eq!(server.metric("tidegate_requests_refused_total", "reason=\"head_too_large\""), 1.0);
    let long = format!("/{}", "x".repeat(9_000));
    client.request(5, END_STREAM, &pseudo("GET", "a.example", &long));
    assert_eq!(client.head(5).status(), 414);
    assert_eq!(server.metric("tidegate_requests_refused_total", "reason=\"target_too_long\""), 1.0);
    assert_eq!(pod.requests().len(), 1);
}

#[test]
fn fault_b41_crumbs_of_a_cookie_are_one_field() {
    let pod = Pod::named("web");
    let server = one_pod(&pod);
    let mut client = FrameClient::connect(server.http);
    let mut fields = pseudo("GET", "a.example", "/");
    for number in 0..90 {
        fields.push(("cookie", "a=1"));
        if number < 15 {
            fields.push(("x-other", "1"));
        }
    }
    client.request(1, END_STREAM, &fields);
    assert_eq!(client.head(1).status(), 200);
    assert_eq!(pod.only_request().all("cookie"), [vec!["a=1"; 90].join("; ")]);
}

#[test]
fn fault_b42_a_field_that_http_1_takes_is_taken() {
    let pod = Pod::named("web");
    let server = one_pod(&pod);
    let long = "x".repeat(20_000);
    assert_eq!(server.ask(format!("GET / HTTP/1.1\r\nHost: a.example\r\nX-Long: {long}\r\n\r\n")).status(), 200);
    run(async {
        let client = H2Client::plain(&server).await;
        let answer = client.ask(client.request("GET", "a.example", "/").header("x-long", &long), b"").await;
        assert_eq!(answer.status, 200);
    });
    assert_eq!(pod.requests()[1].field("x-long"), Some(long.as_str()));
}

#[test]
fn fault_b48_a_post_without_a_body_tells_http_1_pods_so() {
    let pod = Pod::named("web");
    let server = one_pod(&pod);
    let mut client = FrameClient::connect(server.http);
    for (stream, method) in [(1, "POST"), (3, "PUT"), (5, "PATCH"), (7, "GET"), (9, "DELETE")] {
        client.request(stream, END_STREAM, &pseudo(method, "a.example", "/"));
        assert_eq!(client.head(stream).status(), 200);
    }
    let lengths: Vec<_> =
        pod.requests().iter().map(|request| request.field("content-length").map(str::to_owned)).collect();
    assert_eq!(lengths, [Some("0".into()), Some("0".into()), Some("0".into()), None, None]);
}

#[test]
fn fault_f11_a_client_that_takes_nothing_holds_up_no_other_client_of_the_same_pod() {
    let pod = H2Pod::scripted(|mut call| async move {
        let length = if call.request.uri().path() == "/large" { 1 << 20 } else { 20 };
        let mut stream = call.head(http::Response::builder(), false);
        let _ = send(&mut stream, &vec![b'x'; length], true).await;
    });
    let server = Tidegate::serve(&Manifests::everything_to_h2c(&[pod.address]));
    // No window for answers: what the pod sends stays with us.
    let mut greedy = FrameClient::connect_with(server.http, &[(4, 0)]);
    for stream in (1..).step_by(2).take(17) {
        greedy.request(stream, END_STREAM, &pseudo("GET", "a.example", "/large"));
    }
    for _ in 0..17 {
        greedy.wait_for("a head", |frame| frame.kind == HEADERS);
    }
    // It took until the greedy client was given up, half a minute; an answer is waited for ten seconds.
    assert_eq!(server.ask(get("a.example", "/")).body.len(), 20);
    assert_eq!(pod.connections(), 1);
}

#[test]
fn fault_f19_a_pod_that_sends_frames_of_no_use_loses_its_connection() {
    let pod = Pod::scripted(|mut connection| {
        accept(&mut connection);
        while let Ok(incoming) = read_frame(&mut connection) {
            if incoming.kind == HEADERS {
                // 0x88 is `:status: 200`.
                connection.send(frame(HEADERS, END_HEADERS | END_STREAM, incoming.stream, &[0x88]));
                break;
            }
        }
        // Read what comes, or the pongs fill the sockets before the flood is noticed.
        let mut reader = connection.stream().try_clone().unwrap();
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut reader, &mut std::io::sink());
        });
        let many: Vec<u8> = std::iter::repeat_n(frame(PING, 0, 0, b"12345678"), 100).flatten().collect();
        let taken = (0..100_000).take_while(|_| connection.try_send(&many).is_ok()).count();
        assert!(taken < 100_000, "ten million pings were taken");
    });
    let server = Tidegate::serve(&Manifests::everything_to_h2c(&[pod.address]));
    assert_eq!(server.ask(get("a.example", "/")).status(), 200);
    eventually("another connection", || {
        assert_eq!(server.ask(get("a.example", "/")).status(), 200);
        (pod.connections() >= 2).then_some(())
    });
    assert!(server.metric("tidegate_http2_limits_total", r#"limit="pings",side="pod""#) >= 1.0);
}

#[test]
fn windows_of_pods_are_given_back_as_clients_take_their_answers() {
    let pod = Pod::scripted(|mut connection| {
        accept(&mut connection);
        let stream = loop {
            match read_frame(&mut connection) {
                Ok(incoming) if incoming.kind == HEADERS => break incoming.stream,
                Ok(_) => {}
                Err(_) => return,
            }
        };
        connection.send(frame(HEADERS, END_HEADERS, stream, &[0x88]));
        // What our settings allow a stream.
        let mut window: i64 = 64 * 1024;
        let mut left = 1_000_000_i64;
        loop {
            // The answer is longer than the window: it comes to its end only if the window is given back.
            while window > 16_000 && left > 0 {
                let piece = left.min(16_000);
                connection.send(frame(DATA, 0, stream, &vec![b'x'; usize::try_from(piece).unwrap()]));
                (window, left) = (window - piece, left - piece);
            }
            if left == 0 {
                break;
            }
            let Ok(incoming) = read_frame(&mut connection) else { return };
            match (incoming.kind, incoming.flags & ACK, incoming.stream) {
                (WINDOW_UPDATE, _, of) if of == stream => {
                    window += i64::from(u32::from_be_bytes(incoming.payload[..4].try_into().unwrap()));
                }
                (GOAWAY, ..) => return,
                (SETTINGS, 0, _) => {}
                _ => {}
            }
        }
        connection.send(frame(DATA, END_STREAM, stream, b""));
        let _ = connection.rest();
    });
    let server = Tidegate::serve(&Manifests::everything_to_h2c(&[pod.address]));
    let mut client = server.connect();
    client.send(get("a.example", "/"));
    assert_eq!(client.answer().body.len(), 1_000_000);
}

#[test]
fn an_answer_that_breaks_a_rule_of_http2_is_a_bad_response_and_says_which() {
    let hop = frame(HEADERS, END_HEADERS | END_STREAM, 1, &block(&[(":status", "200"), ("connection", "close")]));
    let early = frame(HEADERS, END_HEADERS, 1, &block(&[(":status", "103"), ("link", "</a>")])).repeat(40);
    let reset = frame(RST_STREAM, 0, 1, &2_u32.to_be_bytes());
    for (answer, reason, text) in [
        (hop, "bad_response", "a field is specific to a connection"),
        (early, "bad_response", "too many interim responses"),
        (reset, "reset", "stream failed"),
    ] {
        let pod = Pod::scripted(move |mut connection| {
            accept(&mut connection);
            while let Ok(frame) = read_frame(&mut connection) {
                if frame.kind == HEADERS {
                    connection.send(&answer);
                }
            }
        });
        let server = Tidegate::serve(&Manifests::everything_to_h2c(&[pod.address]));
        let seen = server.ask(get("a.example", "/"));
        assert_eq!(seen.status(), 502);
        assert!(seen.text().contains(text), "{seen}");
        let labels = format!("reason=\"{reason}\"");
        assert_eq!(server.metric("tidegate_upstream_failures_total", &labels), 1.0, "{text}");
    }
}

#[test]
fn fault_b07_characters_that_should_be_escaped_pass_on_all_four_ways() {
    let one = Pod::named("web");
    let two = Pod::scripted(|mut connection| {
        accept(&mut connection);
        while let Ok(frame) = read_frame(&mut connection) {
            if frame.kind == HEADERS {
                let head = block(&[(":status", "200")]);
                connection.send(crate::support::frames::frame(HEADERS, END_HEADERS | END_STREAM, frame.stream, &head));
            }
        }
    });
    for server in [one_pod(&one), Tidegate::serve(&Manifests::everything_to_h2c(&[two.address]))] {
        let mut client = FrameClient::connect(server.http);
        for (path, stream) in ["/a\"b", "/a<b>", "/a`b", "/a{b}|c^d", "/a?b=\"<>"].iter().zip((1..).step_by(2)) {
            assert_eq!(server.ask(get("a.example", path)).status(), 200, "{path}");
            client.request(stream, END_STREAM, &pseudo("GET", "a.example", path));
            assert_eq!(client.head(stream).status(), 200, "{path}");
        }
    }
    assert!(one.requests().iter().any(|request| request.target() == "/a\"b"));
}
