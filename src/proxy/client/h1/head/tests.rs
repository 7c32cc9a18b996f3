use tokio::time::Instant;

use super::*;
use crate::filter::HeadEdit;
use crate::http1::{Limits, Method, Progress, RequestContext, ResponseHead, Upgrade};
use crate::proxy::shard::clock::Clock;

const HTTP_11: AnswerForm = AnswerForm { version: Version::Http11, is_head: false };
const HTTP_10: AnswerForm = AnswerForm { version: Version::Http10, is_head: false };
const HEAD: AnswerForm = AnswerForm { version: Version::Http11, is_head: true };

/// The lines that a client gets for these lines of a pod, and how the body comes.
fn written(lines: &[&str], form: AnswerForm, asked_upgrade: bool) -> (Vec<String>, Written) {
    let bytes = format!("{}\r\n\r\n", lines.join("\r\n")).into_bytes();
    let method = if form.is_head { Method::Head } else { Method::Get };
    let request = RequestContext { method, upgrade: asked_upgrade.then_some(Upgrade::WebSocket) };
    let mut response = ResponseHead::new();
    assert_eq!(response.parse(&bytes, request, &Limits::RESPONSE), Ok(Progress::Complete));
    let clock = Clock::default();
    let mut out = Vec::new();
    let written = write_head(
        &mut out,
        &AnswerHead::of_pod(&response, &bytes, request, &HeadEdit::default(), clock.date(Instant::now())),
        form,
        false,
    );
    let text = String::from_utf8(out).unwrap();
    let lines = text.strip_suffix("\r\n\r\n").expect("a head with its end").split("\r\n");
    (lines.filter(|line| !line.starts_with("date: ")).map(str::to_owned).collect(), written)
}

fn frame(frame: Frame) -> Written {
    Written { frame, close: false, ends_with_connection: false }
}

#[test]
fn an_answer_travels_with_its_lines_and_framing_of_our_own() {
    let pods =
        ["HTTP/1.1 200 Fine", "Content-LENGTH: 05", "X-One:  1", "Set-Cookie: a", "set-cookie: b", "Server: pod"];
    let (lines, how) = written(&pods, HTTP_11, false);
    let expected =
        ["HTTP/1.1 200 Fine", "X-One:  1", "Set-Cookie: a", "set-cookie: b", "Server: pod", "content-length: 5"];
    assert_eq!((lines, how), (expected.map(str::to_owned).to_vec(), frame(Frame::Plain)));
}

#[test]
fn server_and_date_are_added_where_they_are_missing() {
    let (lines, _) = written(&["HTTP/1.1 204 No Content"], HTTP_11, false);
    assert_eq!(lines, ["HTTP/1.1 204 No Content", "server: tidegate"]);
    let clock = Clock::default();
    let bytes = b"HTTP/1.1 204 No\r\nDate: yesterday\r\n\r\n";
    let request = RequestContext { method: Method::Get, upgrade: None };
    for (bytes, dates) in [(&bytes[..], 1), (b"HTTP/1.1 204 No\r\n\r\n", 1)] {
        let (mut response, mut out) = (ResponseHead::new(), Vec::new());
        response.parse(bytes, request, &Limits::RESPONSE).unwrap();
        write_head(
            &mut out,
            &AnswerHead::of_pod(&response, bytes, request, &HeadEdit::default(), clock.date(Instant::now())),
            HTTP_11,
            false,
        );
        assert_eq!(String::from_utf8(out).unwrap().to_lowercase().matches("\r\ndate: ").count(), dates);
    }
}

#[test]
fn a_server_or_date_that_stays_behind_is_replaced() {
    let pods = ["HTTP/1.1 204 No", "Connection: Server, Date", "Server: pod", "Date: yesterday"];
    let (lines, _) = written(&pods, HTTP_11, false);
    assert_eq!(lines, ["HTTP/1.1 204 No", "server: tidegate"]);
}

#[test]
fn b12_what_belongs_to_the_pods_connection_stays_behind() {
    let pods = [
        "HTTP/1.1 204 No",
        "Connection: keep-alive, X-Hop",
        "Keep-Alive: timeout=5",
        "X-Hop: 1",
        "Proxy-Connection: x",
        "Upgrade: h2c",
        "Trailer: x",
        "TE: x",
        "Proxy-Authenticate: Basic",
    ];
    let (lines, _) = written(&pods, HTTP_11, false);
    assert_eq!(lines, ["HTTP/1.1 204 No", "Proxy-Authenticate: Basic", "server: tidegate"]);
}

#[test]
fn b06_a_body_without_length_comes_in_chunks_or_ends_with_the_connection() {
    for pods in [&["HTTP/1.1 200 OK"][..], &["HTTP/1.1 200 OK", "Transfer-Encoding: chunked"], &["HTTP/1.0 200 OK"]] {
        let (lines, how) = written(pods, HTTP_11, false);
        assert_eq!((lines.last().unwrap().as_str(), how), ("transfer-encoding: chunked", frame(Frame::Chunked)));
        let (lines, how) = written(pods, HTTP_10, false);
        assert_eq!((lines[1..].join("\n").as_str()), "server: tidegate\nconnection: close");
        assert_eq!(how, Written { frame: Frame::Plain, close: true, ends_with_connection: true });
    }
    let (lines, how) = written(&["HTTP/1.1 200 OK", "Content-Length: 1"], HTTP_10, false);
    assert_eq!((lines.last().unwrap().as_str(), how), ("connection: keep-alive", frame(Frame::Plain)));
}

#[test]
fn answers_without_a_body_tell_its_length_and_send_nothing() {
    for (pods, form) in
        [(["HTTP/1.1 200 OK", "Content-Length: 7"], HEAD), (["HTTP/1.1 304 No", "Content-Length: 7"], HTTP_11)]
    {
        let (lines, how) = written(&pods, form, false);
        assert_eq!((lines.last().unwrap().as_str(), how), ("content-length: 7", frame(Frame::Absent)));
    }
    // RFC 9110 §8.6: never in a 204.
    let (lines, how) = written(&["HTTP/1.1 204 No", "Content-Length: 0"], HTTP_11, false);
    assert_eq!((lines.last().unwrap().as_str(), how), ("server: tidegate", frame(Frame::Absent)));
    let (_, how) = written(&["HTTP/1.1 200 OK"], AnswerForm { version: Version::Http10, is_head: true }, false);
    assert_eq!(how, frame(Frame::Absent));
}

#[test]
fn b05_a_switch_is_told_as_one_and_a_refused_one_closes() {
    let pods =
        ["HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: WebSocket", "Sec-WebSocket-Accept: x"];
    let (lines, how) = written(&pods, HTTP_11, true);
    let expected = [pods[0], pods[3], "connection: upgrade", "upgrade: websocket"];
    assert_eq!((lines, how), (expected.map(str::to_owned).to_vec(), frame(Frame::Absent)));
    let (lines, how) = written(&["HTTP/1.1 200 OK", "Content-Length: 1"], HTTP_11, true);
    assert!(how.close && lines.contains(&"connection: close".to_owned()));
}
