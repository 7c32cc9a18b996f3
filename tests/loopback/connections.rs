//! The client's connection: how many requests it carries, when it ends, and how large a head may be.

use crate::support::{End, Manifests, Pod, Tidegate, get};

/// A pod that answers with the target it was asked for.
fn echo_of_targets() -> Pod {
    Pod::scripted(|mut connection| {
        while let Some(request) = connection.request() {
            let target = request.target();
            connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{target}", target.len()));
        }
    })
}

fn served_with(options: &[&str]) -> (Pod, Tidegate) {
    let pod = echo_of_targets();
    let server = Tidegate::serve_with(&Manifests::everything_to(&[pod.address]), options);
    (pod, server)
}

#[test]
fn a_connection_carries_one_request_after_the_other() {
    let (pod, server) = served_with(&[]);
    let mut client = server.connect();
    for index in 0..50 {
        let answer = client.ask(get("a", &format!("/{index}")));
        assert_eq!((answer.text(), answer.field("connection")), (format!("/{index}"), None));
    }
    // Connections to pods rest now and then.
    assert!(pod.connections() < 10, "{}", pod.connections());
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let (pod, server) = served_with(&[]);
    let mut client = server.connect();
    let bodies =
        ["", "Content-Length: 3\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n"];
    let requests: String = (0..60)
        .map(|index| match bodies[index % 3] {
            "" => get("a", &format!("/{index}")),
            body => format!("POST /{index} HTTP/1.1\r\nHost: a\r\n{body}"),
        })
        .collect();
    client.send(requests);
    for index in 0..60 {
        assert_eq!(client.answer().text(), format!("/{index}"));
    }
    let seen: Vec<_> = pod.requests().iter().map(|request| request.text()).collect();
    assert!(seen.chunks(3).all(|three| three == ["", "abc", "abc"]), "{seen:?}");
    assert!(client.unread().is_empty());
}

#[test]
fn pipelined_requests_may_be_cut_anywhere() {
    let (_pod, server) = served_with(&[]);
    let requests = [
        get("a", "/0"),
        "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi".to_owned(),
        "POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nhi\r\n0\r\n\r\n".to_owned(),
        get("a", "/3"),
    ]
    .concat();
    for cut in 1..requests.len() {
        let mut client = server.connect();
        let (front, back) = requests.split_at(cut);
        client.send(front);
        // What is whole is answered before the rest is sent.
        client.send(back);
        for index in 0..4 {
            assert_eq!(client.answer().text(), format!("/{index}"), "cut at {cut}");
        }
    }
}

#[test]
fn a_head_may_come_byte_by_byte() {
    let (_pod, server) = served_with(&[]);
    let mut client = server.connect();
    for _ in 0..2 {
        for byte in get("a", "/drip").as_bytes() {
            client.send([*byte]);
        }
        assert_eq!(client.answer().text(), "/drip");
    }
}

#[test]
fn a_client_that_asks_to_close_is_closed_behind_its_answer() {
    let (_pod, server) = served_with(&[]);
    for connection in ["close", "Close", "x, close", "keep-alive, close"] {
        let mut client = server.connect();
        client.send(format!("GET /last HTTP/1.1\r\nHost: a\r\nConnection: {connection}\r\n\r\n{}", get("a", "/never")));
        let answer = client.answer();
        assert_eq!((answer.text().as_str(), answer.field("connection")), ("/last", Some("close")));
        client.expect_end();
    }
}

#[test]
fn after_so_many_requests_a_connection_is_closed_in_an_orderly_way() {
    let (_pod, server) = served_with(&["--max-requests-per-connection", "3"]);
    let mut client = server.connect();
    let requests: String = (0..5).map(|index| get("a", &format!("/{index}"))).collect();
    client.send(requests);
    for (index, connection) in [None, None, Some("close")].into_iter().enumerate() {
        let answer = client.answer();
        assert_eq!((answer.text(), answer.field("connection")), (format!("/{index}"), connection));
    }
    client.expect_end();
}

#[test]
fn e2_the_target_has_a_limit() {
    let (_pod, server) = served_with(&["--max-target-bytes", "100"]);
    let exact = format!("/{}", "x".repeat(99));
    assert_eq!(server.ask(get("a", &exact)).status(), 200);
    for target in [format!("{exact}x"), format!("/?{}", "x".repeat(99)), format!("/{}", "x".repeat(20_000))] {
        let mut client = server.connect();
        let answer = client.ask(get("a", &target));
        assert_eq!((answer.status(), answer.field("connection")), (414, Some("close")), "{}", target.len());
        client.expect_end();
    }
}

/// A head of exactly so many bytes.
fn head_of(bytes: usize) -> String {
    let empty = "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n".len();
    format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "y".repeat(bytes - empty))
}

#[test]
fn e2_the_head_has_a_limit() {
    for (options, limit) in [
        (&[][..], 32 * 1024),
        (&["--max-head-bytes", "1KiB"], 1024),
        (&["--max-head-bytes", "16KiB"], 16 * 1024),
        // As large as a buffer gets.
        (&["--max-head-bytes", "256KiB"], 256 * 1024),
    ] {
        let (_pod, server) = served_with(options);
        assert_eq!(server.ask(head_of(limit)).status(), 200, "{limit}");
        for bytes in [limit + 1, limit + 2, 2 * limit] {
            let mut client = server.connect();
            let answer = client.ask(head_of(bytes));
            assert_eq!((answer.status(), answer.field("connection")), (431, Some("close")), "{bytes} of {limit}");
            client.expect_end();
        }
    }
}

#[test]
fn e2_a_head_that_never_ends_is_refused_at_the_limit() {
    let (_pod, server) = served_with(&["--max-head-bytes", "256KiB"]);
    let mut client = server.connect();
    let _ = client.try_send(format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "y".repeat(2 << 20)));
    assert_eq!(client.answer().status(), 431);
}

#[test]
fn e2_fields_have_a_limit() {
    let request = |count: usize| format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(count - 1));
    for (options, limit) in [(&[][..], 100), (&["--max-head-fields", "3"], 3), (&["--max-head-fields", "128"], 128)] {
        let (_pod, server) = served_with(options);
        assert_eq!(server.ask(request(limit)).status(), 200, "{limit}");
        let mut client = server.connect();
        let answer = client.ask(request(limit + 1));
        assert_eq!((answer.status(), answer.field("connection")), (431, Some("close")), "{limit}");
        client.expect_end();
    }
}

#[test]
fn e2_the_body_has_a_limit_whichever_way_it_is_framed() {
    let (pod, server) = served_with(&["--max-body-bytes", "10"]);
    let post = |fields: &str, body: &str| format!("POST /up HTTP/1.1\r\nHost: a\r\n{fields}\r\n{body}");
    assert_eq!(server.ask(post("Content-Length: 10\r\n", "0123456789")).status(), 200);
    assert_eq!(server.ask(post("Transfer-Encoding: chunked\r\n", "a\r\n0123456789\r\n0\r\n\r\n")).status(), 200);
    let before = pod.requests().len();
    for (fields, body) in [
        ("Content-Length: 11\r\n", "0123456789a"),
        ("Content-Length: 11\r\n", ""),
        ("Content-Length: 11\r\nExpect: 100-continue\r\n", ""),
        ("Transfer-Encoding: chunked\r\n", "a\r\n0123456789\r\n1\r\na\r\n0\r\n\r\n"),
        ("Transfer-Encoding: chunked\r\n", "b\r\n0123456789a\r\n0\r\n\r\n"),
    ] {
        let mut client = server.connect();
        let answer = client.ask(post(fields, body));
        assert_eq!((answer.status(), answer.field("connection")), (413, Some("close")), "{fields}");
        assert!(answer.interim.is_empty());
        client.expect_end();
    }
    assert_eq!(pod.requests().len(), before, "no pod took one of them for whole");
}

#[test]
fn e2_the_size_of_a_body_is_judged_for_its_route_and_before_its_redirect() {
    let pod = Pod::named("web");
    let manifests = Manifests::new().service("web", &[pod.address]).ingress_with(
        "forced",
        Some("shop.example"),
        &[("/in", "Prefix", "web")],
        serde_json::json!({"tidegate.dev/force-ssl-redirect": "true"}),
        serde_json::json!([]),
    );
    let server = Tidegate::serve_with(&manifests, &["--max-body-bytes", "10"]);
    let post = |path: &str, length: usize| {
        let body = "x".repeat(length);
        server.ask(format!("POST {path} HTTP/1.1\r\nHost: shop.example\r\nContent-Length: {length}\r\n\r\n{body}"))
    };
    assert_eq!(post("/in", 11).status(), 413);
    assert_eq!(post("/in", 10).status(), 308);
    assert_eq!(post("/out", 11).status(), 404);
    let metrics = server.admin("/metrics").text();
    let is_it = |line: &&str| line.starts_with("tidegate_requests_total") && line.contains("forced");
    let of_route: Vec<_> = metrics.lines().filter(is_it).collect();
    assert!(of_route.iter().any(|line| line.contains("code=\"4") && line.ends_with(" 1")), "{of_route:?}");
}

#[test]
fn e2_413_reaches_a_client_that_sends_everything_first() {
    let (_pod, server) = served_with(&["--max-body-bytes", "1KiB"]);
    for framing in ["Content-Length: 4194304\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n400000\r\n"] {
        let mut client = server.connect();
        client.send(format!("POST /up HTTP/1.1\r\nHost: a\r\n{framing}"));
        client.send(vec![b'x'; 4 << 20]);
        assert_eq!(client.answer().status(), 413, "{framing:?}");
    }
}

#[test]
fn rule_26_what_matches_nothing_is_404_and_keeps_the_connection() {
    let pod = echo_of_targets();
    let manifests = Manifests::new().service("web", &[pod.address]).ingress(
        "one",
        Some("shop.example"),
        &[("/in", "Prefix", "web")],
    );
    let server = Tidegate::serve(&manifests);
    let mut client = server.connect();
    for request in [
        get("shop.example", "/"),
        get("shop.example", "/inside"),
        get("other.example", "/in"),
        get("a.shop.example", "/in"),
        "HEAD / HTTP/1.1\r\nHost: shop.example\r\n\r\n".to_owned(),
        "OPTIONS / HTTP/1.1\r\nHost: shop.example\r\n\r\n".to_owned(),
        "POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 3\r\n\r\nabc".to_owned(),
        "DELETE / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 0\r\n\r\n".to_owned(),
    ] {
        let answer = client.ask(&request);
        assert_eq!((answer.status(), answer.field("connection")), (404, None), "{request}");
    }
    assert_eq!(client.ask(get("shop.example", "/in")).text(), "/in");
    assert_eq!(pod.requests().len(), 1);
}

#[test]
fn b08_a_body_that_nobody_took_is_never_read_as_a_request() {
    let pod = echo_of_targets();
    let manifests = Manifests::new().service("web", &[pod.address]).service("empty", &[]).ingress(
        "one",
        Some("shop.example"),
        &[("/web", "Prefix", "web"), ("/empty", "Prefix", "empty")],
    );
    let server = Tidegate::serve(&manifests);
    let smuggled = get("shop.example", "/web/smuggled");
    for (path, status) in [("/none", 404), ("/empty", 503)] {
        for size in [smuggled.len(), 60_000, 1 << 20] {
            for chunked in [false, true] {
                let body = smuggled.repeat(size.div_ceil(smuggled.len()));
                let framed = if chunked {
                    format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
                } else {
                    format!("Content-Length: {}\r\n\r\n{body}", body.len())
                };
                let mut client = server.connect();
                client.send(format!("POST {path} HTTP/1.1\r\nHost: shop.example\r\n{framed}"));
                let _ = client.try_send(get("shop.example", "/web/next"));
                assert_eq!(client.answer().status(), status);
                // Either the next request is the next, or there is none.
                if let Some(answer) = client.response("GET") {
                    assert_eq!(answer.text(), "/web/next", "{path} {size} {chunked}");
                }
            }
        }
    }
    assert!(pod.requests().iter().all(|request| request.target() == "/web/next"));
}

#[test]
fn b08_a_short_body_of_known_length_is_drained_and_the_connection_goes_on() {
    let server = Tidegate::serve(&Manifests::new());
    let mut client = server.connect();
    for _ in 0..3 {
        // The body comes behind the answer.
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n");
        let answer = client.answer();
        assert_eq!((answer.status(), answer.field("connection")), (404, None));
        client.send(vec![b'x'; 60_000]);
    }
    assert_eq!(client.ask(get("a", "/")).status(), 404);
}

#[test]
fn f59_a_client_that_has_ended_its_direction_still_gets_its_answers() {
    let (_pod, server) = served_with(&[]);
    let mut client = server.connect();
    client.send([get("a", "/1"), get("a", "/2")].concat());
    client.finish();
    for target in ["/1", "/2"] {
        assert_eq!(client.answer().text(), target);
    }
    client.expect_end();
    let mut client = server.connect();
    client.send("POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\ndata");
    client.finish();
    assert_eq!(client.answer().text(), "/up");
    client.expect_end();
}

#[test]
fn a_client_that_ends_within_a_request_is_closed_without_an_answer() {
    let (pod, server) = served_with(&[]);
    for part in ["G", "GET / HTTP/1.1\r\nHost", "GET / HTTP/1.1\r\nHost: a\r\n", "PRI * HTTP/2.0\r\n\r\n"] {
        let mut client = server.connect();
        client.send(part);
        client.finish();
        client.expect_end();
    }
    assert_eq!(pod.connections(), 0);
}

#[test]
fn a_client_that_leaves_within_its_body_takes_the_pods_connection_along() {
    let pod = Pod::scripted(|mut connection| {
        let mut head = connection.head().unwrap();
        head.truncate(3);
        // It never gets an end it could take for one.
        let (rest, _) = connection.rest();
        assert!(head == b"POS" && !rest.ends_with(b"0\r\n\r\n"), "{rest:?}");
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    });
    let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
    for part in [
        "Content-Length: 9\r\n\r\nhalf",
        "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "Transfer-Encoding: chunked\r\n\r\n9\r\nhalf",
    ] {
        let mut client = server.connect();
        client.send(format!("POST /up HTTP/1.1\r\nHost: a\r\n{part}"));
        client.finish();
        let (rest, end) = client.rest();
        assert!(rest.is_empty() && end == End::Fin, "{end:?} {:?}", String::from_utf8_lossy(&rest));
    }
    pod.wait_for_connections(3);
}
