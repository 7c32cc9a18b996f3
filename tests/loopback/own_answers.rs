//! Answers that no pod gave: each says what happened and names the request.

use crate::support::{Manifests, Message, Pod, Tidegate, get, not_accepting, refusing};

/// The body is one line of text that has the status and the request's id, which the head has too.
#[track_caller]
fn explains(answer: &Message, status: u16, text: &str) {
    assert_eq!(answer.status(), status, "{answer}");
    assert_eq!(answer.field("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(answer.field("server"), Some("tidegate"));
    assert!(answer.field("date").is_some());
    let (id, body) = (answer.field("x-request-id").unwrap(), answer.text());
    assert!(id.len() >= 8, "{id}");
    assert!(body.starts_with(&format!("{status} ")) && body.contains(id) && body.contains(text), "{body}");
    assert_eq!(body.trim_end().lines().count(), 1, "{body}");
    assert!(body.ends_with('\n'));
}

#[test]
fn errors_explain_themselves_and_name_the_request() {
    let (refused, _held) = refusing();
    let (mute, _full) = not_accepting();
    let closing = Pod::scripted(|mut connection| {
        connection.request();
    });
    let manifests = Manifests::new()
        .service("refused", &[refused])
        .service("mute", &[mute])
        .service("closing", &[closing.address])
        .service("empty", &[])
        .ingress(
            "one",
            Some("shop.example"),
            &[
                ("/refused", "Prefix", "refused"),
                ("/mute", "Prefix", "mute"),
                ("/closing", "Prefix", "closing"),
                ("/empty", "Prefix", "empty"),
                ("/unknown", "Prefix", "unknown"),
            ],
        );
    let server = Tidegate::serve_with(&manifests, &["--connect-timeout", "100ms"]);
    for (path, status, text) in [
        ("/", 404, "no route"),
        ("/unknown", 503, "backend"),
        ("/empty", 503, "no endpoint"),
        ("/refused", 502, "connections"),
        ("/mute", 504, "connection"),
        ("/closing", 502, "closed"),
        ("/%zz", 400, "path"),
    ] {
        let mut client = server.connect();
        let answer = client.ask(get("shop.example", path));
        explains(&answer, status, text);
        assert_eq!(answer.field("retry-after"), (status == 503).then_some("1"), "{path}");
        assert_eq!(answer.field("connection"), None, "{path}: nothing is wrong with the connection");
        // The same to HEAD, but for the body.
        let head = client.ask(format!("HEAD {path} HTTP/1.1\r\nHost: shop.example\r\n\r\n"));
        assert_eq!((head.status(), head.body.len()), (status, 0));
        assert!(head.field("content-length").is_some_and(|length| length != "0"));
        assert_eq!(client.ask(get("shop.example", "/")).status(), 404);
    }
    explains(&server.ask("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"), 405, "method");
    explains(&server.ask("GET / HTTP/1.1\r\n\r\n"), 400, "Host");
    explains(&server.ask("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"), 501, "Transfer-Encoding");
    explains(&server.ask("GET / HTTP/3.0\r\nHost: a\r\n\r\n"), 505, "version");
    explains(&server.ask("GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n"), 417, "expect");
}

#[test]
fn errors_name_the_id_that_the_client_gave() {
    let server = Tidegate::serve(&Manifests::new());
    let answer = server.ask("GET / HTTP/1.1\r\nHost: a\r\nX-Request-ID: my-own-id\r\n\r\n");
    assert_eq!(answer.field("x-request-id"), Some("my-own-id"));
    assert!(answer.text().contains("my-own-id"));
}

#[test]
fn errors_to_http_1_0_close_unless_asked_otherwise() {
    let server = Tidegate::serve(&Manifests::new());
    let mut client = server.connect();
    let kept = client.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!((kept.status(), kept.field("connection")), (404, Some("keep-alive")));
    let closed = client.ask("GET / HTTP/1.0\r\n\r\n");
    assert_eq!((closed.status(), closed.field("connection")), (404, Some("close")));
    client.expect_end();
}

#[test]
fn errors_tell_nothing_that_the_client_sent() {
    let server = Tidegate::serve(&Manifests::new());
    for request in [
        get("evil.example", "/<script>alert(1)</script>"),
        "GET /<script> HTTP/1.1\r\nHost: <script>\r\n\r\n".to_owned(),
        "<script> / HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nHost: a\r\nX-Request-ID: <script>\r\n\r\n".to_owned(),
    ] {
        let answer = server.ask(request);
        assert!(!answer.text().contains("script") && !answer.to_string().contains("script"), "{answer}");
    }
}

#[test]
fn e7_what_clients_invent_does_not_become_series() {
    let server = Tidegate::serve(&Manifests::new().ingress("one", Some("shop.example"), &[("/", "Prefix", "web")]));
    let send = |from: usize| {
        let mut client = server.connect();
        for index in from..from + 100 {
            let request =
                format!("M{index} /p{index}?q{index} HTTP/1.1\r\nHost: h{index}.example\r\nX-{index}: y\r\n\r\n");
            assert_eq!(client.ask(request).status(), 404);
            assert_eq!(client.ask(get("shop.example", &format!("/{index}"))).status(), 503);
            server.ask(format!("GET /{index} HTTP/1.{index}\r\nHost: a\r\n\r\n"));
        }
    };
    let series = || {
        let text = server.admin("/metrics").text();
        text.lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split(' ').next().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    send(100);
    let before = series();
    send(1000);
    assert_eq!(series(), before);
}
