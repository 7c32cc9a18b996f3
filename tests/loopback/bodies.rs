//! Large bodies, both ways at once, and neither side waiting for more than it must.

use std::sync::Arc;
use std::thread;

use crate::support::{BodyEnd, DEADLINE, Manifests, Pod, Tidegate, get};

const LARGE: usize = 10 << 20;

/// Bytes in which every misplaced piece shows.
fn pattern(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// In chunks of all sizes up to 100 kB.
fn chunked(body: &[u8]) -> Vec<u8> {
    let (mut rest, mut size, mut out) = (body, 1, Vec::new());
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(size.min(rest.len()));
        out.extend_from_slice(format!("{:X};ext=\"1\"\r\n", piece.len()).as_bytes());
        out.extend_from_slice(piece);
        out.extend_from_slice(b"\r\n");
        rest = behind;
        size = size * 3 % 100_003 + 1;
    }
    out.extend_from_slice(b"0\r\n\r\n");
    out
}

#[test]
fn large_bodies_arrive_whole_in_both_directions() {
    let body = Arc::new(pattern(LARGE));
    let pod = {
        let body = Arc::clone(&body);
        Pod::scripted(move |mut connection| {
            while let Some(request) = connection.request() {
                if request.method() == "POST" {
                    assert!(request.body == *body, "{} bytes", request.body.len());
                    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
                    continue;
                }
                match request.target() {
                    "/length" => {
                        connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n"));
                        connection.send(&*body);
                    }
                    "/chunked" => {
                        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                        connection.send(chunked(&body));
                    }
                    _ => {
                        connection.send("HTTP/1.1 200 OK\r\n\r\n");
                        connection.send(&*body);
                        return;
                    }
                }
            }
        })
    };
    let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
    let mut client = server.connect();
    client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {LARGE}\r\n\r\n"));
    client.send(&*body);
    assert_eq!(client.answer().text(), "ok");
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.send(chunked(&body));
    assert_eq!(client.answer().text(), "ok");
    for (target, end) in [("/length", BodyEnd::Length), ("/chunked", BodyEnd::Chunked), ("/close", BodyEnd::Chunked)] {
        let answer = client.ask(get("a", target));
        assert!(answer.body == *body && answer.end == end, "{target}: {} bytes, {:?}", answer.body.len(), answer.end);
    }
    let answer = server.ask("GET /chunked HTTP/1.0\r\nHost: a\r\n\r\n");
    assert!(answer.body == *body && answer.end == BodyEnd::Close);
}

#[test]
fn both_directions_move_at_the_same_time() {
    // The pod echoes each piece before the client sends the next: whoever waits for the whole request never ends.
    let pod = Pod::scripted(|mut connection| {
        let _ = connection.head();
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        loop {
            let line = connection.line().unwrap();
            let size = usize::from_str_radix(std::str::from_utf8(&line).unwrap().trim_end(), 16).unwrap();
            let data = connection.exactly(size + 2).unwrap();
            connection.send([line.as_slice(), &data].concat());
            if size == 0 {
                break;
            }
        }
        while connection.request().is_some() {
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext");
        }
    });
    let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert!(client.head().unwrap().starts_with(b"HTTP/1.1 200 OK\r\n"));
    for index in 0..50 {
        let piece = format!("{:x}\r\n{}\r\n", 5 + index, "e".repeat(5 + index));
        client.send(&piece);
        assert_eq!(client.exactly(piece.len()).unwrap(), piece.as_bytes());
    }
    client.send("0\r\n\r\n");
    assert_eq!(client.exactly(5).unwrap(), b"0\r\n\r\n");
    // And both connections go on.
    assert_eq!(client.ask(get("a", "/next")).text(), "next");
    assert_eq!(pod.connections(), 1);
}

#[test]
fn a_large_echo_does_not_lock_up() {
    // Everything is echoed at once, in both directions more than all buffers hold.
    let pod = Pod::scripted(|mut connection| {
        let _ = connection.head();
        connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n"));
        let mut echoed = 0;
        while echoed < LARGE {
            let piece = connection.some().unwrap();
            echoed += piece.len();
            connection.send(piece);
        }
        let _ = connection.request();
    });
    let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
    let mut client = server.connect();
    let body = pattern(LARGE);
    client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {LARGE}\r\n\r\n"));
    let mut sending = client.stream().try_clone().unwrap();
    let sent = body.clone();
    let sender = thread::spawn(move || std::io::Write::write_all(&mut sending, &sent).unwrap());
    assert!(client.answer().body == body);
    sender.join().unwrap();
}

#[test]
fn f27_a_slow_client_holds_the_pod_back() {
    let (tell, told) = std::sync::mpsc::channel();
    let pod = Pod::scripted(move |mut connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
        connection.stream().set_write_timeout(Some(std::time::Duration::from_millis(300))).unwrap();
        let piece = vec![b'x'; 1 << 20];
        let mut sent = 0;
        while sent < 1_000_000_000 && connection.try_send(&piece).is_ok() {
            sent += piece.len();
        }
        tell.send(sent).unwrap();
    });
    let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
    let mut client = server.connect();
    client.send(get("a", "/"));
    client.head().unwrap();
    // The pod's writes stall once the kernels' buffers and one of ours are full; then it gives up.
    let sent = told.recv_timeout(DEADLINE).unwrap();
    assert!(sent < 64 << 20, "{sent} bytes are held for a client that reads nothing");
    let (rest, _) = client.rest();
    assert!((sent..sent + (2 << 20)).contains(&rest.len()), "the pod sent {sent} bytes, the client got {}", rest.len());
}

#[test]
fn f26_a_slow_pod_holds_the_client_back() {
    let (go, gone) = std::sync::mpsc::channel::<()>();
    let gone = std::sync::Mutex::new(gone);
    let pod = Pod::scripted(move |mut connection| {
        // It reads only when told to.
        gone.lock().unwrap().recv_timeout(DEADLINE).unwrap();
        let request = connection.request().unwrap();
        connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{:08}", request.body.len() % 100_000_000));
    });
    let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
    let mut client = server.connect();
    let total = 64 << 20;
    client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {total}\r\n\r\n"));
    client.stream().set_write_timeout(Some(std::time::Duration::from_millis(300))).unwrap();
    let piece = vec![b'x'; 64 << 10];
    let mut sent = 0;
    while sent < total {
        match std::io::Write::write(&mut client.stream(), &piece[..piece.len().min(total - sent)]) {
            Ok(count) => sent += count,
            Err(_) => break,
        }
    }
    assert!(sent < total, "somebody holds {sent} bytes");
    client.stream().set_write_timeout(Some(DEADLINE)).unwrap();
    go.send(()).unwrap();
    client.send(vec![b'x'; total - sent]);
    assert_eq!(client.answer().text(), format!("{total:08}"));
}

#[test]
fn b07_an_answer_before_the_end_of_the_body_reaches_the_client() {
    for (status, closes) in [("200 OK", false), ("401 Unauthorized", true), ("413 Content Too Large", true)] {
        let connection = if closes { "close" } else { "keep-alive" };
        let answer = format!("HTTP/1.1 {status}\r\nConnection: {connection}\r\nContent-Length: 5\r\n\r\nearly");
        let pod = Pod::scripted(move |mut connection| {
            if connection.head().is_err() {
                return;
            }
            connection.send(&answer);
            if closes {
                return;
            }
            let _ = connection.rest();
        });
        let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
        for framing in ["Content-Length: 4194304\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n400000\r\n"] {
            let mut client = server.connect();
            client.send(format!("POST /up HTTP/1.1\r\nHost: a\r\n{framing}"));
            // The answer is there although nothing of the body is.
            let answer = client.answer();
            assert_eq!((answer.start.as_str(), answer.text().as_str()), (&*format!("HTTP/1.1 {status}"), "early"));
            // What follows is no request of this connection.
            let _ = client.try_send(get("a", "/smuggled").repeat(3000));
            assert!(client.response("GET").is_none(), "the rest of the body is not read as requests");
        }
        let received = String::from_utf8_lossy(&pod.received_in_all()).into_owned();
        assert!(!received.contains("\r\nGET /smuggled"), "{received}");
    }
}

#[test]
fn b07_an_early_answer_to_a_client_that_sends_everything_first_is_not_lost() {
    let pod = Pod::scripted(|mut connection| {
        let _ = connection.head();
        connection.send("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 5\r\n\r\nearly");
    });
    let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
    for size in [100, 10_000, 1 << 20] {
        let mut client = server.connect();
        client.send(format!("POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n"));
        client.send(vec![b'x'; size]);
        assert_eq!(client.answer().text(), "early", "{size}");
    }
}

#[test]
fn b07_a_pods_connection_with_an_unfinished_request_is_not_used_again() {
    let pod = Pod::scripted(|mut connection| {
        while let Ok(head) = connection.head() {
            assert!(head.starts_with(b"POST /up ") || head.starts_with(b"GET /next "));
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly");
        }
    });
    let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
    let mut client = server.connect();
    client.send("POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nsome");
    assert_eq!(client.answer().text(), "early");
    assert_eq!(server.ask(get("a", "/next")).text(), "early");
    assert_eq!(pod.connections(), 2);
    // The rest of the body is short enough to be drained, so that the client's connection goes on.
    client.send(vec![b'x'; 996]);
    assert_eq!(client.ask(get("a", "/next")).text(), "early");
}

#[test]
fn f18_a_pod_that_dies_during_the_upload_is_502() {
    let pod = Pod::scripted(|mut connection| {
        let _ = connection.head();
        let _ = connection.some();
        connection.reset();
    });
    let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
    let mut client = server.connect();
    client.send("POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 4194304\r\n\r\nsome");
    let answer = client.answer();
    assert_eq!((answer.status(), answer.field("connection")), (502, Some("close")));
    assert_eq!(pod.connections(), 1, "a body under way is not sent twice");
}

#[test]
fn small_bodies_come_with_their_head_in_one_segment() {
    let (tell, told) = std::sync::mpsc::channel();
    let pod = Pod::scripted(move |mut connection| {
        // What one read brings.
        while let Ok(bytes) = connection.some() {
            tell.send(bytes).unwrap();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
    let mut client = server.connect();
    for _ in 0..3 {
        assert_eq!(client.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody").text(), "ok");
        assert!(told.recv_timeout(DEADLINE).unwrap().ends_with(b"\r\n\r\nbody"));
    }
}

#[test]
fn b04_a_hundred_thousand_chunks_of_one_byte_pass_in_both_directions() {
    let chunks = Arc::new("1\r\nx\r\n".repeat(100_000) + "0\r\n\r\n");
    let pod = {
        let chunks = Arc::clone(&chunks);
        Pod::scripted(move |mut connection| {
            while let Some(request) = connection.request() {
                assert_eq!(request.body.len(), 100_000);
                connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                connection.send(chunks.as_bytes());
            }
        })
    };
    let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.send(chunks.as_bytes());
    let answer = client.answer();
    assert_eq!((answer.body.len(), answer.end), (100_000, BodyEnd::Chunked));
}
