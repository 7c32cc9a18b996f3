//! HTTP/2 clients that mean harm or do not know better, frame by frame.

use crate::support::frames::{
    CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, FrameClient, GOAWAY, HEADERS, NO_ERROR,
    PING, PRIORITY, PROTOCOL_ERROR, RST_STREAM, SETTINGS, WINDOW_UPDATE, block, pseudo,
};
use crate::support::h2::{H2Client, H2Pod, run, send, soon};
use crate::support::{Manifests, Pod, Tidegate, get};

/// How often a client went beyond this limit.
fn beyond(server: &Tidegate, limit: &str) -> f64 {
    server.metric("tidegate_http2_limits_total", &format!("limit=\"{limit}\",side=\"client\""))
}

fn one_pod(pod: &Pod) -> Tidegate {
    Tidegate::serve(&Manifests::everything_to(&[pod.address]))
}

/// What came of a request that must be refused: the status of an answer, or 0 for the end of its stream.
fn refused(client: &mut FrameClient, stream: u32) -> u16 {
    let frame = client.wait_for("an end of the stream", |frame| {
        frame.kind == GOAWAY || frame.stream == stream && matches!(frame.kind, HEADERS | RST_STREAM)
    });
    if frame.kind == HEADERS { frame.status() } else { 0 }
}

/// The server is as well as before.
#[track_caller]
fn assert_serves(server: &Tidegate) {
    assert_eq!(server.ask(get("a.example", "/")).status(), 200);
}

#[test]
fn c08_what_has_another_meaning_in_http1_reaches_no_pod() {
    let pod = Pod::named("web");
    let server = one_pod(&pod);
    let request = pseudo("GET", "a.example", "/");
    let with = |more: &[(&'static str, &'static str)]| [request.as_slice(), more].concat();
    let instead = |name: &str, value: &'static str| -> Vec<_> {
        request.iter().map(|(n, v)| if *n == name { (*n, value) } else { (*n, *v) }).collect()
    };
    let without = |name: &str| -> Vec<_> { request.iter().filter(|(n, _)| *n != name).copied().collect() };
    let mut regular_first = vec![("accept", "*/*")];
    regular_first.extend(&request);
    let cases: Vec<(&str, Vec<(&str, &str)>)> = vec![
        ("connection", with(&[("connection", "close")])),
        ("connection that names a field", with(&[("connection", "x-real-ip")])),
        ("keep-alive", with(&[("keep-alive", "timeout=5")])),
        ("proxy-connection", with(&[("proxy-connection", "keep-alive")])),
        ("transfer-encoding", with(&[("transfer-encoding", "chunked")])),
        ("transfer-encoding in disguise", with(&[("transfer-encoding", "\tchunked")])),
        ("upgrade", with(&[("upgrade", "websocket")])),
        ("te other than trailers", with(&[("te", "gzip")])),
        ("upper case", with(&[("X-Upper", "1")])),
        ("empty name", with(&[("", "1")])),
        ("space in a name", with(&[("x y", "1")])),
        ("colon in a name", with(&[("x:y", "1")])),
        ("line end in a name", with(&[("x\r\ny", "1")])),
        ("line end in a value", with(&[("x", "1\r\nhost: b.example")])),
        ("line feed in a value", with(&[("x", "1\nhost: b.example")])),
        ("NUL in a value", with(&[("x", "1\0")])),
        ("no method", without(":method")),
        ("no scheme", without(":scheme")),
        ("no path", without(":path")),
        ("empty path", instead(":path", "")),
        ("a path without slash", instead(":path", "a")),
        ("an absolute path", instead(":path", "http://a.example/")),
        ("an absolute path elsewhere", instead(":path", "http://b.example/")),
        ("a path with a space", instead(":path", "/a b")),
        ("a path with another request", instead(":path", "/ HTTP/1.1\r\nHost: b.example\r\n\r\nGET /")),
        ("a path with a tab", instead(":path", "/a\tb")),
        ("a path with a backslash", instead(":path", "/a\\b")),
        ("a star", instead(":path", "*")),
        ("a method with a space", instead(":method", "GET /x")),
        ("a method with a line end", instead(":method", "GET\r\n")),
        ("an empty method", instead(":method", "")),
        ("a scheme of its own", instead(":scheme", "ftp")),
        ("a scheme with a host", instead(":scheme", "http://b.example/?")),
        ("an empty authority", instead(":authority", "")),
        ("an authority with a user", instead(":authority", "user@a.example")),
        ("an authority with a path", instead(":authority", "a.example/x")),
        ("an authority with a line end", instead(":authority", "a.example\r\nx: y")),
        ("an authority with port zero", instead(":authority", "a.example:0")),
        ("a method twice", with(&[(":method", "GET")])),
        ("a path twice", with(&[(":path", "/b")])),
        ("an authority twice", with(&[(":authority", "a.example")])),
        ("an unknown pseudo-field", with(&[(":protocol", "x")])),
        ("a pseudo-field of answers", with(&[(":status", "200")])),
        ("a pseudo-field behind others", regular_first),
        ("another host", with(&[("host", "b.example")])),
        ("the same host twice", with(&[("host", "a.example"), ("host", "a.example")])),
        ("content-length and no body", with(&[("content-length", "5")])),
        ("content-length with a sign", with(&[("content-length", "+0")])),
        ("content-length as a list", with(&[("content-length", "0, 0")])),
        ("content-length that is empty", with(&[("content-length", "")])),
        ("content-length twice", with(&[("content-length", "0"), ("content-length", "0")])),
        ("expect", with(&[("expect", "x")])),
    ];
    for (what, fields) in &cases {
        // One by one: what breaks the compression of fields ends the connection.
        let mut client = FrameClient::connect(server.http);
        client.request(1, END_STREAM, fields);
        let status = refused(&mut client, 1);
        assert!(matches!(status, 0 | 400 | 405 | 417), "{what}: {status}");
    }
    assert_eq!(pod.connections(), 0, "{:?}", String::from_utf8_lossy(&pod.received_in_all()));
    assert_serves(&server);
}

#[test]
fn c08_a_body_that_differs_from_its_length_ends_the_stream_and_the_request() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("too long", "5", &["hello!"]),
        ("too long by a frame", "5", &["hello", "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"]),
        ("too short", "50", &["hello"]),
        ("nothing at all", "5", &[""]),
        ("something", "0", &["GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"]),
    ];
    for (what, length, frames) in cases {
        let pod = Pod::scripted(|mut connection| {
            let _ = connection.rest();
        });
        let server = one_pod(&pod);
        let mut client = FrameClient::connect(server.http);
        let mut fields = pseudo("POST", "a.example", "/");
        fields.push(("content-length", length));
        client.request(1, 0, &fields);
        for (index, data) in frames.iter().enumerate() {
            let is_last = index + 1 == frames.len();
            client.send(DATA, if is_last { END_STREAM } else { 0 }, 1, data.as_bytes());
        }
        assert_eq!(client.reset_of(1), PROTOCOL_ERROR, "{what}");
        let received = String::from_utf8_lossy(&pod.received_in_all()).into_owned();
        assert!(!received.contains("smuggled"), "{what}: {received}");
        client.ping();
    }
}

#[test]
fn c08_two_lengths_that_differ_reach_no_pod() {
    let pod = Pod::named("web");
    let server = one_pod(&pod);
    let mut client = FrameClient::connect(server.http);
    let mut fields = pseudo("POST", "a.example", "/");
    fields.extend([("content-length", "5"), ("content-length", "10")]);
    client.request(1, 0, &fields);
    client.try_send(DATA, END_STREAM, 1, b"hello");
    assert!(matches!(refused(&mut client, 1), 0 | 400));
    assert_eq!(pod.connections(), 0);
}

#[test]
fn c04_more_than_100_fields_are_refused_and_cookie_crumbs_are_one() {
    let pod = Pod::named("web");
    let server = one_pod(&pod);
    let mut client = FrameClient::connect(server.http);
    let mut ask = |stream, fields: &[(&'static str, &'static str)]| {
        let mut all = pseudo("GET", "a.example", "/");
        all.extend_from_slice(fields);
        client.request(stream, END_STREAM, &all);
        refused(&mut client, stream)
    };
    assert_eq!(ask(1, &[("a", ""); 100]), 200);
    assert_eq!(ask(3, &[("a", ""); 101]), 431);
    assert_eq!(ask(5, &[("cookie", "a=b"); 100]), 200);
    assert_eq!(ask(7, &[("cookie", "a=b"); 101]), 200);
    assert_eq!(ask(11, &[("a", ""); 490]), 431);
    assert_eq!(ask(13, &[]), 200, "the connection goes on");
    assert_eq!(pod.requests().len(), 4);
}

#[test]
fn c01_rapid_reset_ends_the_connection() {
    let pod = Pod::named("web");
    let server = one_pod(&pod);
    let mut client = FrameClient::connect(server.http);
    let head = block(&pseudo("GET", "a.example", "/"));
    let mut stream = 1;
    // Each by itself, so that each is looked at; a client that goes on for 2,000 requests goes on for ever.
    let ended = (0..2_000).any(|_| {
        let sent = client.try_send(HEADERS, END_STREAM | END_HEADERS, stream, &head)
            && client.try_send(RST_STREAM, 0, stream, &CANCEL.to_be_bytes());
        stream += 2;
        !sent
    });
    if !ended {
        client.expect_end();
    }
    assert!(pod.requests().len() < 500, "{} requests reached the pod", pod.requests().len());
    assert_eq!(beyond(&server, "early_resets"), 1.0);
    assert_serves(&server);
}

#[test]
fn c01_resets_of_requests_that_wait_end_the_connection_with_a_reason() {
    let pod = Pod::scripted(|mut connection| {
        let _ = connection.rest();
    });
    let server = one_pod(&pod);
    let mut client = FrameClient::connect(server.http);
    let head = block(&pseudo("GET", "a.example", "/"));
    let mut stream = 1;
    let code = loop {
        client.try_send(HEADERS, END_STREAM | END_HEADERS, stream, &head);
        client.try_send(PING, 0, 0, b"12345678");
        // The request has been taken up when the pong is there.
        let frame = client.wait_for("a pong", |frame| frame.kind == PING || frame.kind == GOAWAY);
        if frame.kind == GOAWAY {
            break frame.code();
        }
        client.try_send(RST_STREAM, 0, stream, &CANCEL.to_be_bytes());
        stream += 2;
        assert!(stream < 4_000, "it goes on for ever");
    };
    assert_eq!(code, ENHANCE_YOUR_CALM);
    client.expect_end();
}

#[test]
fn c01_a_browser_that_leaves_a_page_is_no_attack() {
    let pod = Pod::scripted(|mut connection| {
        while let Some(request) = connection.request() {
            if request.target() == "/" {
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            } else {
                let _ = connection.rest();
            }
        }
    });
    let server = one_pod(&pod);
    let mut client = FrameClient::connect(server.http);
    let head = block(&pseudo("GET", "a.example", "/image"));
    for stream in (1..160).step_by(2) {
        client.send(HEADERS, END_STREAM | END_HEADERS, stream, &head);
    }
    client.ping();
    for stream in (1..160).step_by(2) {
        client.send(RST_STREAM, 0, stream, &CANCEL.to_be_bytes());
    }
    client.request(161, END_STREAM, &pseudo("GET", "a.example", "/"));
    assert_eq!(client.head(161).status(), 200);
}

#[test]
fn c02_streams_that_are_made_to_be_reset_end_the_connection() {
    let pod = Pod::scripted(|mut connection| {
        let _ = connection.rest();
    });
    let server = one_pod(&pod);
    let head = block(&pseudo("POST", "a.example", "/"));
    let variants: [(&str, u8, &[u8]); 3] = [
        ("a window update of nothing", WINDOW_UPDATE, &[0, 0, 0, 0]),
        ("a window update of too much", WINDOW_UPDATE, &[0x7f, 0xff, 0xff, 0xff]),
        ("a stream that depends on itself", PRIORITY, &[0, 0, 0, 0, 0]),
    ];
    for (what, kind, payload) in variants {
        let mut client = FrameClient::connect(server.http);
        let mut stream = 1_u32;
        let ended = loop {
            let mut payload = payload.to_vec();
            if kind == PRIORITY {
                payload[..4].copy_from_slice(&stream.to_be_bytes());
            }
            if !client.try_send(HEADERS, END_HEADERS, stream, &head) || !client.try_send(kind, 0, stream, &payload) {
                break true;
            }
            stream += 2;
            if stream > 6_000 {
                break false;
            }
        };
        if !ended {
            client.expect_end();
        }
        assert!(pod.connections() < 1_000, "{what}: {} connections to the pod", pod.connections());
    }
    assert_eq!(beyond(&server, "local_resets"), 3.0);
    assert_eq!(beyond(&server, "protocol"), 3.0 * 128.0);
}

#[test]
fn c03_a_header_block_without_end_ends_the_connection() {
    let pod = Pod::named("web");
    let server = one_pod(&pod);
    for payload in [&b""[..], &b"\0"[..1], &[0; 1000]] {
        let mut client = FrameClient::connect(server.http);
        client.send(HEADERS, END_STREAM, 1, &block(&pseudo("GET", "a.example", "/")));
        let filler = if payload.is_empty() { Vec::new() } else { block(&[("a", "b".repeat(payload.len()))]) };
        let ended = (0..10_000).any(|_| !client.try_send(CONTINUATION, 0, 1, &filler));
        if !ended {
            client.expect_end();
        }
    }
    assert_eq!(beyond(&server, "continuations"), 3.0);
    assert_eq!(pod.connections(), 0);
    assert_serves(&server);
}

#[test]
fn c03_a_header_block_that_never_ends_has_a_deadline() {
    let pod = Pod::named("web");
    let server = Tidegate::serve_with(&Manifests::everything_to(&[pod.address]), &["--head-timeout", "300ms"]);
    let mut client = FrameClient::connect(server.http);
    client.send(HEADERS, END_STREAM, 1, &block(&pseudo("GET", "a.example", "/")));
    client.expect_end();
    assert_eq!(pod.connections(), 0);
    assert_eq!(beyond(&server, "head_timeout"), 1.0);
}

#[test]
fn c06_frames_of_no_use_end_the_connection() {
    let pod = Pod::named("web");
    let server = one_pod(&pod);
    let floods: [(&str, u8, u32, &[u8]); 5] = [
        ("pings", PING, 0, b"12345678"),
        ("settings", SETTINGS, 0, &[0, 3, 0, 0, 0, 100]),
        ("small_frames", PRIORITY, 101, &[0, 0, 0, 0, 1]),
        ("window_updates", WINDOW_UPDATE, 0, &[0, 0, 0, 1]),
        ("small_frames", 0xfa, 0, b""),
    ];
    for (limit, kind, stream, payload) in floods {
        let before = beyond(&server, limit);
        let mut client = FrameClient::connect(server.http);
        let mut sent = 0;
        let many: Vec<u8> =
            std::iter::repeat_n(crate::support::frames::frame(kind, 0, stream, payload), 100).flatten().collect();
        // Read what comes, or the pongs fill the sockets before the flood is noticed.
        let mut reader = client.wire.stream().try_clone().unwrap();
        let (told, ended) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut reader, &mut std::io::sink());
            let _ = told.send(());
        });
        while client.wire.try_send(&many).is_ok() && ended.try_recv().is_err() {
            sent += 100;
            assert!(sent < 1_000_000, "{limit}: a million frames were taken");
        }
        assert_eq!(beyond(&server, limit), before + 1.0, "{limit}");
    }
    assert_serves(&server);
}

#[test]
fn c06_empty_data_frames_end_the_connection() {
    let pod = Pod::scripted(|mut connection| {
        let _ = connection.rest();
    });
    let server = one_pod(&pod);
    let mut client = FrameClient::connect(server.http);
    client.request(1, 0, &pseudo("POST", "a.example", "/"));
    let ended = (0..100_000).any(|_| !client.try_send(DATA, 0, 1, b""));
    assert!(ended, "100,000 empty frames were taken");
    assert_eq!(beyond(&server, "small_frames"), 1.0);
}

#[test]
fn c06_pings_now_and_then_are_answered_for_ever() {
    let pod = Pod::named("web");
    let server = one_pod(&pod);
    let mut client = FrameClient::connect(server.http);
    for _ in 0..1_500 {
        client.ping();
    }
    client.request(1, END_STREAM, &pseudo("GET", "a.example", "/"));
    assert_eq!(client.head(1).status(), 200);
}

#[test]
fn f61_c07_small_messages_to_a_stalled_pod_do_not_end_the_connection() {
    // The pod takes the head and then nothing, until it is told to.
    let (go, going) = std::sync::mpsc::channel::<()>();
    let going = std::sync::Mutex::new(going);
    let pod = Pod::scripted(move |mut connection| {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.extend(connection.exactly(1).unwrap());
        }
        going.lock().unwrap().recv().unwrap();
        let mut body = 0;
        loop {
            let line = connection.line().unwrap();
            let size = usize::from_str_radix(std::str::from_utf8(&line).unwrap().trim(), 16).unwrap();
            connection.exactly(size + 2).unwrap();
            body += size;
            if size == 0 {
                break;
            }
        }
        connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.to_string().len()));
        let _ = connection.rest();
    });
    let server = one_pod(&pod);
    let mut client = FrameClient::connect(server.http);
    client.request(1, 0, &pseudo("POST", "a.example", "/"));
    pod.wait_for_connections(1);
    // Fills the sockets on the way until the window is not given back any more: half of it is the most that is held
    // back otherwise.
    let (mut sent, mut given_back) = (0_usize, 0_usize);
    while sent - given_back <= 144 * 1024 {
        client.send(DATA, 0, 1, &[b'x'; 16 * 1024]);
        client.send(PING, 0, 0, b"tidegate");
        sent += 16 * 1024;
        loop {
            let frame = client.frame().unwrap();
            if frame.kind == WINDOW_UPDATE && frame.stream == 1 {
                given_back += u32::from_be_bytes(frame.payload[..4].try_into().unwrap()) as usize;
            }
            if frame.kind == PING {
                break;
            }
        }
    }
    // 16,000 messages of 5 bytes: 80 KB, within the window. Unread, they would be charged 4 MB.
    let messages: Vec<u8> =
        std::iter::repeat_n(crate::support::frames::frame(DATA, 0, 1, b"12345"), 1_000).flatten().collect();
    for _ in 0..16 {
        client.wire.send(&messages);
        sent += 5_000;
    }
    client.ping();
    go.send(()).unwrap();
    client.send(DATA, END_STREAM, 1, b"");
    assert_eq!(client.head(1).status(), 200);
    let answer = client.wait_for("the body", |frame| frame.kind == DATA);
    assert_eq!(String::from_utf8_lossy(&answer.payload), sent.to_string());
}

#[test]
fn f61_c07_small_messages_from_a_pod_to_a_stalled_client_do_not_end_the_connection_to_the_pod() {
    let pod = H2Pod::scripted(|mut call| async move {
        let count = if call.request.uri().path() == "/many" { 30_000 } else { 1 };
        let mut stream = call.head(http::Response::builder(), false);
        for _ in 0..count {
            if send(&mut stream, b"12345", false).await.is_err() {
                return;
            }
        }
        let _ = send(&mut stream, b"", true).await;
    });
    let server = Tidegate::serve(&Manifests::everything_to_h2c(&[pod.address]));
    run(async {
        // Room for others beside the one that stalls.
        let mut builder = h2::client::Builder::new();
        builder.initial_connection_window_size(1 << 20);
        let tcp = tokio::net::TcpStream::connect(server.http).await.unwrap();
        let client = H2Client::over(tcp, "http", &builder).await;
        let (answer, _stream) = client.open(client.request("GET", "a.example", "/many"), true).await;
        let mut stalled = soon("a head", answer).await.unwrap().into_body();
        // Others go on meanwhile, on the same connection to the pod.
        for _ in 0..20 {
            assert_eq!(client.get("a.example", "/").await.text(), "12345");
        }
        let (body, _) = soon("the rest", crate::support::h2::read_body(&mut stalled)).await.unwrap();
        assert_eq!(body.len(), 150_000);
    });
    assert_eq!(pod.connections(), 1);
}

#[test]
fn c09_streams_in_odd_states_do_no_harm() {
    let pod = Pod::named("web");
    let server = one_pod(&pod);
    let head = block(&pseudo("POST", "a.example", "/"));
    // Each of these is an error of the connection or of the stream; none of them may hurt anybody else.
    #[expect(clippy::type_complexity, reason = "a table of frames")]
    let scenes: [(&str, &[(u8, u8, u32, &[u8])]); 9] = [
        ("trailers without an end", &[(HEADERS, END_HEADERS, 1, &head), (HEADERS, END_HEADERS, 1, b"\0\x01a\x01b")]),
        ("data on an idle stream", &[(DATA, 0, 1, b"x")]),
        ("data on stream zero", &[(DATA, 0, 0, b"x")]),
        ("data behind the end", &[(HEADERS, END_HEADERS | END_STREAM, 1, &head), (DATA, 0, 1, b"x")]),
        ("an even stream", &[(HEADERS, END_HEADERS | END_STREAM, 2, &head)]),
        ("a smaller stream", &[(HEADERS, END_HEADERS, 5, &head), (HEADERS, END_HEADERS, 3, &head)]),
        ("a continuation of nothing", &[(CONTINUATION, END_HEADERS, 1, b"")]),
        ("a promise", &[(5, END_HEADERS, 1, b"\0\0\0\x02\x82")]),
        ("settings of a wrong length", &[(SETTINGS, 0, 0, b"x")]),
    ];
    for (what, frames) in scenes {
        let mut client = FrameClient::connect(server.http);
        for (kind, flags, stream, payload) in frames {
            client.try_send(*kind, *flags, *stream, payload);
        }
        let last = loop {
            match client.frame() {
                Ok(frame) if matches!(frame.kind, GOAWAY | RST_STREAM) => break Some(frame),
                Ok(_) => {}
                Err(_) => break None,
            }
        };
        assert!(last.is_none_or(|frame| frame.code() != NO_ERROR), "{what}");
    }
    assert_serves(&server);
}

#[test]
fn c11_absurd_settings_do_no_harm() {
    let pod = Pod::named("web");
    let server = one_pod(&pod);
    // A table of 4 GiB for our heads, no window, the largest frames.
    let settings = [(1, u32::MAX), (3, 0), (4, 0), (5, 16_777_215), (6, 1), (0xfff0, 7)];
    let mut client = FrameClient::connect_with(server.http, &settings);
    client.request(1, END_STREAM, &pseudo("GET", "a.example", "/"));
    client.head(1);
    client.send(WINDOW_UPDATE, 0, 1, &100_u32.to_be_bytes());
    assert_eq!(client.wait_for("data", |frame| frame.kind == DATA).payload, b"web");
    for settings in [&[0, 2, 0, 0, 0, 2][..], &[0, 4, 0x80, 0, 0, 0], &[0, 5, 0, 0, 0, 1]] {
        let mut client = FrameClient::connect(server.http);
        client.send(SETTINGS, 0, 0, settings);
        assert_ne!(client.goaway(), NO_ERROR);
    }
    assert_serves(&server);
}

#[test]
fn d08_half_a_preface_is_no_http2() {
    let pod = Pod::named("web");
    let server = one_pod(&pod);
    let mut client = server.connect();
    assert_eq!(client.ask("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n").status(), 505);
}
