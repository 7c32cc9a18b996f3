//! B20: pods that answer with anything but HTTP. What the client sees, and that the connection is not used again.

use crate::support::{BodyEnd, DEADLINE, End, Manifests, Message, Pod, Tidegate, get};

/// What a pod does behind its bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    /// Waits for more requests.
    Stays,
    /// Closes.
    Closes,
    /// Resets.
    Resets,
}
use Then::{Closes, Resets, Stays};

/// Two requests of one client to a pod whose first connection is evil and whose others are sound.
struct Seen {
    first: Option<Message>,
    /// Whether the client's connection was good for another request, which then must have been answered soundly.
    went_on: bool,
    pod: Pod,
}

fn meet(request: &str, response: impl Into<Vec<u8>>, then: Then) -> Seen {
    let response = response.into();
    let pod = Pod::scripted(move |mut connection| {
        let is_evil = connection.index == 0;
        while connection.request().is_some() {
            if !is_evil {
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsound");
                continue;
            }
            let _ = connection.try_send(&response);
            match then {
                Stays => {}
                Closes => return,
                Resets => return connection.reset(),
            }
        }
    });
    let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
    let mut client = server.connect();
    client.send(request);
    let method = request.split(' ').next().unwrap();
    let first = client.response(method);
    let mut went_on = false;
    if client.try_send(get("a", "/second")).is_ok()
        && let Some(second) = client.response("GET")
    {
        assert_eq!(second.text(), "sound", "the second request must not meet the first one's leftovers");
        went_on = true;
    } else {
        assert_eq!(server.ask(get("a", "/second")).text(), "sound");
    }
    Seen { first, went_on, pod }
}

const GET: &str = "GET /first HTTP/1.1\r\nHost: a\r\n\r\n";
const HEAD: &str = "HEAD /first HTTP/1.1\r\nHost: a\r\n\r\n";
/// Not to be repeated.
const POST: &str = "POST /first HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx";

#[test]
fn b20_answers_that_are_no_http_become_502_and_their_connection_is_not_used_again() {
    let cases: Vec<(&str, Vec<u8>, Then)> = vec![
        ("garbage", b"what? \x00\x01\x02\xff\r\n\r\n".to_vec(), Stays),
        ("another protocol", b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec(), Stays),
        ("a TLS alert", b"\x15\x03\x01\x00\x02\x02\x46\r\n\r\n".to_vec(), Stays),
        ("HTTP/0.9", b"<html>hello</html>".to_vec(), Closes),
        ("an HTTP/2 preface", b"HTTP/2.0 200 OK\r\n\r\n".to_vec(), Stays),
        ("another version", b"HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec(), Stays),
        ("no status", b"HTTP/1.1 \r\nContent-Length: 0\r\n\r\n".to_vec(), Stays),
        ("a status of two digits", b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n".to_vec(), Stays),
        ("a status of four digits", b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n".to_vec(), Stays),
        ("status 99", b"HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n".to_vec(), Stays),
        ("status 600", b"HTTP/1.1 600 OK\r\nContent-Length: 0\r\n\r\n".to_vec(), Stays),
        ("a control character in the reason", b"HTTP/1.1 200 O\x07K\r\nContent-Length: 0\r\n\r\n".to_vec(), Stays),
        (
            "both framings",
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_vec(),
            Stays,
        ),
        ("two lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello".to_vec(), Stays),
        ("equal lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello".to_vec(), Stays),
        ("a list of lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello".to_vec(), Stays),
        ("a negative length", b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n".to_vec(), Stays),
        ("an empty length", b"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n".to_vec(), Stays),
        ("a huge length", b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n".to_vec(), Stays),
        ("another coding", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n".to_vec(), Stays),
        (
            "two codings",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_vec(),
            Stays,
        ),
        ("chunks in 1.0", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_vec(), Stays),
        ("bare LF", b"HTTP/1.1 200 OK\nContent-Length: 0\n\n".to_vec(), Stays),
        ("one bare LF", b"HTTP/1.1 200 OK\r\nX: y\nContent-Length: 0\r\n\r\n".to_vec(), Stays),
        ("a folded field", b"HTTP/1.1 200 OK\r\nX: y\r\n z\r\nContent-Length: 0\r\n\r\n".to_vec(), Stays),
        ("a space before the colon", b"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n".to_vec(), Stays),
        ("a field without a name", b"HTTP/1.1 200 OK\r\n: y\r\nContent-Length: 0\r\n\r\n".to_vec(), Stays),
        ("a line without a colon", b"HTTP/1.1 200 OK\r\nhello\r\nContent-Length: 0\r\n\r\n".to_vec(), Stays),
        ("NUL in a value", b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n".to_vec(), Stays),
        ("a bare CR in a value", b"HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 0\r\n\r\n".to_vec(), Stays),
        (
            "101 unasked",
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n".to_vec(),
            Stays,
        ),
        (
            "101 to h2c",
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n".to_vec(),
            Stays,
        ),
        ("interim answers without end", b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1000), Stays),
        ("a head of 70 KiB", format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "y".repeat(70 << 10)).into_bytes(), Stays),
        ("a head without end", format!("HTTP/1.1 200 OK\r\nX: {}", "y".repeat(1 << 20)).into_bytes(), Stays),
        ("a thousand fields", format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(1000)).into_bytes(), Stays),
        ("a long reason", format!("HTTP/1.1 200 {}\r\n\r\n", "x".repeat(70 << 10)).into_bytes(), Stays),
        ("half a head", b"HTTP/1.1 200 OK\r\nContent-Le".to_vec(), Closes),
        ("half a head and a reset", b"HTTP/1.1 200 OK\r\nContent-Le".to_vec(), Resets),
        ("an interim answer only", b"HTTP/1.1 103 Early Hints\r\n\r\n".to_vec(), Closes),
        ("an empty line first", b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec(), Stays),
        (
            "a bomb of Connection members",
            format!("HTTP/1.1 200 OK\r\nConnection: {}\r\nContent-Length: 0\r\n\r\n", "x,".repeat(500)).into_bytes(),
            Stays,
        ),
    ];
    for (what, response, then) in cases {
        let seen = meet(GET, response, then);
        let first = seen.first.unwrap_or_else(|| panic!("{what}: no answer"));
        assert_eq!(first.status(), 502, "{what}: {first}");
        assert!(first.text().contains(first.field("x-request-id").unwrap()), "{what}: {}", first.text());
        assert!(seen.went_on, "{what}: the client's connection is good for more");
        assert_eq!(seen.pod.connections(), 2, "{what}");
        let targets: Vec<_> = seen.pod.requests().iter().map(|request| request.target().to_owned()).collect();
        assert_eq!(targets, ["/first", "/second"], "{what}: nothing is asked twice");
    }
}

#[test]
fn b20_closing_without_an_answer_is_502_and_on_a_new_connection_not_asked_again() {
    for then in [Closes, Resets] {
        for request in [GET, POST] {
            let seen = meet(request, "", then);
            assert_eq!(seen.first.unwrap().status(), 502, "{then:?} {request}");
            assert_eq!(seen.pod.requests().len(), 2);
        }
    }
}

#[test]
fn b20_and_f18_a_truncated_body_never_ends_normally() {
    for (what, response, then) in [
        ("a length, FIN", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", Closes),
        ("a length, RST", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", Resets),
        ("no byte of a length", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", Closes),
        ("chunks, FIN", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", Closes),
        ("chunks, RST", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", Resets),
        ("within a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nhello", Closes),
        ("before the last line", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", Closes),
        ("within trailers", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y", Closes),
        ("no chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Closes),
        ("until close, RST", "HTTP/1.1 200 OK\r\n\r\nhello", Resets),
    ] {
        let seen = meet(GET, response, then);
        let first = seen.first.unwrap_or_else(|| panic!("{what}: no answer"));
        assert_eq!(first.status(), 200, "{what}");
        assert!(matches!(first.end, BodyEnd::Truncated(_)), "{what}: {:?}", first.end);
        assert!(!seen.went_on, "{what}");
        assert_eq!(seen.pod.connections(), 2, "{what}");
    }
}

#[test]
fn b20_a_client_of_http_1_0_learns_of_a_truncated_body_by_a_reset() {
    for response in [
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nbad",
    ] {
        let seen = meet("GET /first HTTP/1.0\r\nHost: a\r\n\r\n", response, Closes);
        // Nothing else tells it: its body ends with the connection.
        assert_eq!(seen.first.map(|first| first.end), Some(BodyEnd::Truncated(End::Reset)));
    }
}

#[test]
fn b20_bad_chunks_truncate() {
    for chunks in [
        "g\r\n",
        "5\nhello\n0\n\n",
        "5\r\nhelloworld\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "5;\r\nhello\r\n0\r\n\r\n",
        "\r\n5\r\nhello\r\n0\r\n\r\n",
        "ffffffffffffffff\r\nhello",
        "5\r\nhello\r\n0\r\nno colon\r\n\r\n",
        "5\r\nhello\r\n0\r\nX : y\r\n\r\n",
    ] {
        let response = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
        let seen = meet(GET, response, Stays);
        // Either the head was held back and it is a 502, or the body is cut.
        let first = seen.first.unwrap_or_else(|| panic!("{chunks:?}: no answer"));
        match first.status() {
            200 => assert!(matches!(first.end, BodyEnd::Truncated(_)), "{chunks:?}: {:?}", first.end),
            status => assert_eq!(status, 502, "{chunks:?}"),
        }
        assert_eq!(seen.pod.connections(), 2, "{chunks:?}");
    }
    let bomb = format!("0\r\n{}\r\n", "X: y\r\n".repeat(33));
    let seen = meet(GET, format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{bomb}"), Stays);
    assert!(seen.first.is_none_or(|first| first.status() == 502 || matches!(first.end, BodyEnd::Truncated(_))));
}

#[test]
fn b20_bytes_behind_an_answer_are_nobodys_answer() {
    let smuggled = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    for (what, request, response) in [
        ("behind a length", GET, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ("behind no body", GET, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        ("behind chunks", GET, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
        ("behind HEAD", HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"),
        ("behind 204", GET, "HTTP/1.1 204 No Content\r\n\r\n"),
        ("behind 304", GET, "HTTP/1.1 304 Not Modified\r\n\r\n"),
        ("behind an answer to POST", POST, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"),
        ("a body of HEAD", HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ("a body of 204", GET, "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok"),
        ("chunks of 204", GET, "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ] {
        let seen = meet(request, format!("{response}{smuggled}"), Stays);
        let first = seen.first.unwrap_or_else(|| panic!("{what}: no answer"));
        assert!(first.status() < 400, "{what}: {first}");
        assert!(!first.text().contains("evil"), "{what}");
        assert!(seen.went_on, "{what}");
        assert_eq!(seen.pod.connections(), 2, "{what}: the connection is not used again");
    }
}

#[test]
fn b20_bytes_that_come_while_a_connection_waits_spoil_it() {
    let (tell, told) = std::sync::mpsc::channel();
    let pod = Pod::scripted(move |mut connection| {
        let is_evil = connection.index == 0;
        while connection.request().is_some() {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsound");
            if is_evil {
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
                tell.send(()).unwrap();
            }
        }
    });
    let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
    assert_eq!(server.ask(get("a", "/first")).text(), "sound");
    told.recv_timeout(DEADLINE).unwrap();
    for _ in 0..5 {
        assert_eq!(server.ask(get("a", "/next")).text(), "sound");
    }
    assert_eq!(pod.connections(), 2);
}

#[test]
fn b20_an_answer_before_the_request_is_not_taken_for_one() {
    let pod = Pod::scripted(|mut connection| {
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly");
        while connection.request().is_some() {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsound");
        }
    });
    let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
    // Which of the two a single request gets cannot be known; but it must never shift the answers of later ones.
    for _ in 0..10 {
        let text = server.ask(get("a", "/")).text();
        assert!(text == "early" || text == "sound");
    }
    assert!(pod.connections() >= 5, "a connection that has bytes left is not used again: {}", pod.connections());
}

#[test]
fn b20_a_malformed_connection_field_costs_only_the_connection() {
    let seen = meet(GET, "HTTP/1.1 200 OK\r\nConnection: caf\u{e9}\r\nContent-Length: 2\r\n\r\nok", Stays);
    assert_eq!(seen.first.unwrap().text(), "ok");
    assert!(seen.went_on);
    assert_eq!(seen.pod.connections(), 2);
}

#[test]
fn b20_answers_of_one_byte_at_a_time_are_fine() {
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n2\r\nok\r\n0\r\nT: u\r\n\r\n";
    let pod = Pod::scripted(move |mut connection| {
        while connection.request().is_some() {
            for byte in answer.as_bytes() {
                connection.send([*byte]);
            }
        }
    });
    let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
    for _ in 0..3 {
        let answer = server.ask("GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n");
        assert_eq!((answer.text().as_str(), answer.field("x"), answer.trailers.len()), ("ok", Some("y"), 1));
    }
    assert_eq!(pod.connections(), 1);
}
