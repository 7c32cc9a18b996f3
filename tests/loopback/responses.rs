//! What comes back: the pod's answer with framing for this client and connection.

use crate::support::{BodyEnd, DEADLINE, Manifests, Message, Pod, Tidegate, get};

/// A pod that answers everything with `response`, and then closes if that is how its body ends.
fn served(response: impl Into<Vec<u8>>) -> (Pod, Tidegate) {
    let response: Vec<u8> = response.into();
    let until_close = {
        let text = String::from_utf8_lossy(&response).to_ascii_lowercase();
        !text.contains("content-length") && !text.contains("transfer-encoding")
    };
    let pod = Pod::scripted(move |mut connection| {
        while let Some(request) = connection.request() {
            connection.send(&response);
            let has_body = request.method() != "HEAD" && !response.starts_with(b"HTTP/1.1 204");
            if until_close && has_body && !response.starts_with(b"HTTP/1.1 304") {
                return;
            }
        }
    });
    let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
    (pod, server)
}

fn ask(server: &Tidegate, method: &str, version: &str) -> Message {
    server.ask(format!("{method} / HTTP/{version}\r\nHost: a\r\n\r\n"))
}

const PLAIN: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n";
const UNTIL_CLOSE: &str = "HTTP/1.1 200 OK\r\n\r\nhello";

#[test]
fn rule_71a_server_and_date_are_added_where_the_pod_has_none_and_kept_where_it_has() {
    let (_pod, server) = served(PLAIN);
    let answer = ask(&server, "GET", "1.1");
    assert_eq!(answer.field("server"), Some("tidegate"));
    let date = answer.field("date").unwrap();
    let age = std::time::SystemTime::now().duration_since(httpdate::parse_http_date(date).unwrap());
    assert!(age.is_ok_and(|age| age.as_secs() < 5), "{date}");

    let theirs =
        "HTTP/1.1 200 OK\r\nServer: gunicorn\r\nDate: Mon, 01 Jan 2001 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n";
    let (_pod, server) = served(theirs);
    let answer = ask(&server, "GET", "1.1");
    assert_eq!(answer.field("server"), Some("gunicorn"));
    assert_eq!(answer.field("date"), Some("Mon, 01 Jan 2001 00:00:00 GMT"));
}

#[test]
fn the_pods_status_line_and_fields_pass_as_they_are() {
    let (_pod, server) = served(
        "HTTP/1.1 418 I'm a \u{e4} teapot\r\nSet-Cookie: a=b; Path=/\r\nset-cookie: c=d\r\nX-Odd:  a\t b \r\nX-Empty:\r\n\
         WWW-Authenticate: Basic realm=\"x\"\r\nProxy-Authenticate: Basic\r\nX-Forwarded-For: 1\r\nVary: *\r\n\
         Content-Length: 2\r\nServer: s\r\nDate: d\r\n\r\nhi",
    );
    let answer = ask(&server, "GET", "1.1");
    assert_eq!(
        String::from_utf8_lossy(&answer.head),
        "HTTP/1.1 418 I'm a \u{e4} teapot\r\nSet-Cookie: a=b; Path=/\r\nset-cookie: c=d\r\nX-Odd:  a\t b \r\nX-Empty:\r\n\
         WWW-Authenticate: Basic realm=\"x\"\r\nProxy-Authenticate: Basic\r\nX-Forwarded-For: 1\r\nVary: *\r\n\
         Server: s\r\nDate: d\r\ncontent-length: 2\r\n\r\n"
    );
}

#[test]
fn a_length_stays_a_length_and_chunks_are_written_anew() {
    for version in ["1.1", "1.0"] {
        let (_pod, server) = served(PLAIN);
        let answer = ask(&server, "GET", version);
        assert_eq!((answer.text().as_str(), answer.end), ("hello", BodyEnd::Length), "{version}");
    }
    let (_pod, server) = served(CHUNKED);
    let answer = ask(&server, "GET", "1.1");
    assert_eq!((answer.text().as_str(), answer.end), ("hello", BodyEnd::Chunked));
}

#[test]
fn b06_a_body_without_length_is_chunked_for_1_1_and_ends_with_the_connection_for_1_0() {
    for response in [CHUNKED, UNTIL_CLOSE] {
        let (_pod, server) = served(response);
        let mut client = server.connect();
        let answer = client.ask(get("a", "/"));
        assert_eq!((answer.text().as_str(), answer.end), ("hello", BodyEnd::Chunked), "{response}");
        assert_eq!(answer.field("connection"), None);
        // The client's connection does not depend on the pod's.
        assert_eq!(client.ask(get("a", "/")).text(), "hello");

        for connection in ["close", "keep-alive"] {
            let answer = server.ask(format!("GET / HTTP/1.0\r\nHost: a\r\nConnection: {connection}\r\n\r\n"));
            assert_eq!((answer.text().as_str(), answer.end), ("hello", BodyEnd::Close), "{response}");
            assert_eq!((answer.field("transfer-encoding"), answer.field("connection")), (None, Some("close")));
        }
    }
}

#[test]
fn rule_68_answers_to_head_have_no_body_and_tell_what_the_pod_told() {
    for (response, length) in
        [("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Some("5")), ("HTTP/1.1 200 OK\r\nX: y\r\n\r\n", None)]
    {
        let (pod, server) = served(response);
        let mut client = server.connect();
        for _ in 0..3 {
            let answer = client.ask("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_eq!((answer.status(), answer.field("content-length")), (200, length));
        }
        assert_eq!(pod.connections(), 1, "the pod's connection is kept");
        assert!(client.unread().is_empty());
    }
    let (_pod, server) = served("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    let mut client = server.connect();
    for _ in 0..2 {
        let answer = client.ask("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!((answer.status(), answer.field("content-length")), (200, None));
    }
    // HTTP/1.0 too may go on.
    let answer = client.ask("HEAD / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!((answer.status(), answer.field("connection")), (200, Some("keep-alive")));
}

#[test]
fn rule_68_204_and_304_have_no_body() {
    for (response, status, length) in [
        ("HTTP/1.1 204 No Content\r\nX: y\r\n\r\n", 204, None),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", 204, None),
        ("HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n", 304, None),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n", 304, Some("1000")),
    ] {
        let (pod, server) = served(response);
        let mut client = server.connect();
        for _ in 0..3 {
            let answer = client.ask(get("a", "/"));
            assert_eq!((answer.status(), answer.field("content-length")), (status, length), "{response}");
            assert_eq!((answer.field("transfer-encoding"), answer.field("connection")), (None, None), "{response}");
        }
        assert_eq!(pod.connections(), 1, "{response}");
        assert!(client.unread().is_empty());
    }
}

#[test]
fn rule_68_interim_answers_pass_except_for_100() {
    let (_pod, server) = served(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: x\r\nX: y\r\n\r\n\
         HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Continue\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    );
    let answer = ask(&server, "GET", "1.1");
    let interim: Vec<_> = answer.interim.iter().map(|interim| String::from_utf8_lossy(&interim.head)).collect();
    assert_eq!(
        interim,
        ["HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n", "HTTP/1.1 102 Processing\r\n\r\n"]
    );
    assert_eq!((answer.status(), answer.text().as_str()), (200, "hi"));
    // A client of HTTP/1.0 does not know interim answers.
    assert!(ask(&server, "GET", "1.0").interim.is_empty());
}

#[test]
fn rule_68_early_hints_do_not_wait_for_the_answer() {
    let pod = Pod::scripted(|mut connection| {
        connection.request();
        connection.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n");
        // The second request tells that the first one's hints have arrived.
        connection.request();
    });
    let other = Pod::named("other");
    let manifests = Manifests::new().service("slow", &[pod.address]).service("other", &[other.address]).ingress(
        "one",
        None,
        &[("/", "Prefix", "slow"), ("/other", "Prefix", "other")],
    );
    let server = Tidegate::serve(&manifests);
    let mut client = server.connect();
    client.send(get("a", "/"));
    assert!(client.head().unwrap().starts_with(b"HTTP/1.1 103 "));
    assert_eq!(server.ask(get("a", "/other")).text(), "other");
}

#[test]
fn b20_sixteen_interim_answers_pass_and_seventeen_are_an_attack() {
    for (count, status) in [(16, 200), (17, 502)] {
        let interim = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(count);
        let (_pod, server) = served(format!("{interim}{PLAIN}"));
        assert_eq!(ask(&server, "GET", "1.1").status(), status, "{count}");
    }
}

#[test]
fn b15_trailers_reach_clients_that_take_them() {
    let (_pod, server) = served(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: grpc-status\r\n\r\n2\r\nhi\r\n0\r\ngrpc-status: 0\r\n\
         Content-Length: 9\r\nTransfer-Encoding: x\r\nSet-Cookie: a=b\r\nConnection: close\r\n\r\n",
    );
    let answer = server.ask("GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n");
    assert_eq!((answer.text().as_str(), answer.end), ("hi", BodyEnd::Chunked));
    assert_eq!(answer.trailers, [("grpc-status".to_owned(), "0".to_owned())]);
    let answer = ask(&server, "GET", "1.1");
    assert_eq!((answer.text().as_str(), answer.end, answer.trailers.len()), ("hi", BodyEnd::Chunked, 0));
    let answer = server.ask("GET / HTTP/1.0\r\nHost: a\r\nTE: trailers\r\n\r\n");
    assert_eq!((answer.text().as_str(), answer.end), ("hi", BodyEnd::Close));
}

#[test]
fn rule_66_what_belongs_to_the_pods_connection_does_not_reach_the_client() {
    let (_pod, server) = served(
        "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Mine\r\nKeep-Alive: timeout=5, max=9\r\nX-Mine: 1\r\nX-Yours: 2\r\n\
         Proxy-Connection: keep-alive\r\nUpgrade: h2c\r\nTE: x\r\nTrailer: y\r\nContent-Length: 0\r\nServer: s\r\nDate: d\r\n\r\n",
    );
    assert_eq!(ask(&server, "GET", "1.1").names(), ["x-yours", "server", "date", "content-length"]);
}

#[test]
fn a_pod_that_closes_does_not_close_the_clients_connection() {
    for response in [
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi",
        "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    ] {
        let pod = Pod::scripted(move |mut connection| {
            connection.request();
            connection.send(response);
        });
        let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
        let mut client = server.connect();
        for _ in 0..3 {
            let answer = client.ask(get("a", "/"));
            assert_eq!((answer.text().as_str(), answer.field("connection")), ("hi", None));
        }
        assert_eq!(pod.connections(), 3);
    }
}

#[test]
fn a_pod_of_http_1_0_may_keep_its_connection() {
    let (pod, server) = served("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi");
    for _ in 0..3 {
        assert_eq!(ask(&server, "GET", "1.1").start, "HTTP/1.1 200 OK");
    }
    assert_eq!(pod.connections(), 1);
}

#[test]
fn bodies_arrive_piece_by_piece_as_the_pod_sends_them() {
    // Each piece is sent only when the client has confirmed the former one by another request.
    let (confirm, confirmed) = std::sync::mpsc::channel::<()>();
    let confirmed = std::sync::Mutex::new(confirmed);
    let pod = Pod::scripted(move |mut connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        for piece in ["1\r\na\r\n", "1\r\nb\r\n", "1\r\nc\r\n"] {
            connection.send(piece);
            confirmed.lock().unwrap().recv_timeout(DEADLINE).unwrap();
        }
        connection.send("0\r\n\r\n");
        while connection.request().is_some() {}
    });
    let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
    let mut client = server.connect();
    client.send(get("a", "/"));
    client.head().unwrap();
    for piece in ["1\r\na\r\n", "1\r\nb\r\n", "1\r\nc\r\n"] {
        assert_eq!(client.exactly(6).unwrap(), piece.as_bytes());
        confirm.send(()).unwrap();
    }
    assert_eq!(client.exactly(5).unwrap(), b"0\r\n\r\n");
}

#[test]
fn b20_the_head_of_an_answer_may_have_64_kib_and_128_fields() {
    let head = |bytes: usize| {
        let empty = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: \r\n\r\n".len();
        format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: {}\r\n\r\n", "y".repeat(bytes - empty))
    };
    let fields = |count: usize| format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{}\r\n", "X: y\r\n".repeat(count - 1));
    for (response, status) in
        [(head(64 << 10), 200), (head((64 << 10) + 1), 502), (fields(128), 200), (fields(129), 502)]
    {
        let (_pod, server) = served(response);
        assert_eq!(ask(&server, "GET", "1.1").status(), status);
    }
}

#[test]
fn limits_of_requests_do_not_bind_answers() {
    let pod = Pod::answering(format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{}\r\n", "X: y\r\n".repeat(100)));
    let options = ["--max-head-fields", "5", "--max-head-bytes", "1KiB", "--max-body-bytes", "1"];
    let server = Tidegate::serve_with(&Manifests::everything_to(&[pod.address]), &options);
    assert_eq!(ask(&server, "GET", "1.1").all("x").len(), 100);
}
