//! Once it is warm, passing a request over HTTP/1 asks the allocator for nothing.
//!
//! Tidegate runs in this process, between a client and a pod that allocate nothing themselves: what the process
//! allocates while requests pass is what the requests cost.

#![allow(clippy::unwrap_used, reason = "they are tests")]

#[path = "support/mod.rs"]
mod support;

use std::alloc::System;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use support::{Manifests, Tidegate};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Requests before anything is counted: pools and buffers fill, connections are made.
const WARM: usize = 200;
/// Requests that are counted together.
const COUNTED: usize = 500;
/// How often they are. Of all rounds the best counts: other threads of the process do something now and then.
const ROUNDS: usize = 5;

/// A request, what ends its answer, and what the pod answers.
struct Case {
    name: &'static str,
    request: &'static [u8],
    answer: &'static [u8],
    end: &'static [u8],
}

const CASES: [Case; 5] = [
    Case {
        name: "GET",
        request: b"GET /plain HTTP/1.1\r\nHost: a.example\r\n\r\n",
        answer: b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nEND",
        end: b"END",
    },
    Case {
        name: "GET with the fields of a browser",
        request: b"GET /browser?page=1 HTTP/1.1\r\nHost: a.example\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n\
            Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en\r\n\
            Accept-Encoding: gzip, deflate, br\r\nReferer: http://a.example/\r\nCookie: session=0123456789; theme=dark\r\n\
            Connection: keep-alive\r\nUpgrade-Insecure-Requests: 1\r\nSec-Fetch-Mode: navigate\r\nPriority: u=0, i\r\n\r\n",
        answer: b"HTTP/1.1 200 OK\r\nServer: app\r\nDate: Fri, 20 Nov 2026 10:00:00 GMT\r\nContent-Type: text/html\r\n\
            Cache-Control: private, no-cache\r\nVary: Accept-Encoding, Cookie\r\nETag: \"5f3e\"\r\nX-Frame-Options: DENY\r\n\
            Set-Cookie: session=0123456789; Path=/; HttpOnly\r\nContent-Length: 3\r\n\r\nEND",
        end: b"END",
    },
    Case {
        name: "POST with a length",
        request: b"POST /post HTTP/1.1\r\nHost: a.example\r\nContent-Length: 12\r\n\r\nsome bodyEND",
        answer: b"HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\nEND",
        end: b"END",
    },
    Case {
        name: "answer in chunks",
        request: b"GET /chunked HTTP/1.1\r\nHost: a.example\r\n\r\n",
        answer: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nsome body\r\n3\r\nEND\r\n0\r\n\r\n",
        end: b"0\r\n\r\n",
    },
    Case {
        name: "path with other spellings",
        request: b"GET /a%20b/%7Ec/./d HTTP/1.1\r\nHost: a.example\r\n\r\n",
        answer: b"HTTP/1.1 204 No Content\r\n\r\n",
        end: b"\r\n\r\n",
    },
];

#[test]
fn a_request_that_passes_allocates_nothing() {
    for Case { name, request, answer, end } in CASES {
        let server = Tidegate::serve(&Manifests::everything_to(&[pod(answer)]));
        let mut client = TcpStream::connect(server.http).unwrap();
        client.set_nodelay(true).unwrap();
        let mut ask = |times: usize| (0..times).for_each(|_| exchange(&mut client, request, end));
        let mut allocations_of = |times| {
            let region = Region::new(ALLOCATOR);
            ask(times);
            let change = region.change();
            change.allocations + change.reallocations
        };
        assert!(allocations_of(WARM) > 0, "{name}: connections cost something, so what is counted is counted");
        let least = (0..ROUNDS).map(|_| allocations_of(COUNTED)).min().unwrap();
        assert_eq!(least, 0, "{name}: allocations in {COUNTED} requests");
    }
}

fn exchange(client: &mut TcpStream, request: &[u8], end: &[u8]) {
    client.write_all(request).unwrap();
    let mut buffer = [0; 4096];
    let mut filled = 0;
    while !buffer[..filled].ends_with(end) {
        let read = client.read(&mut buffer[filled..]).unwrap();
        assert!(read > 0, "closed after {:?}", String::from_utf8_lossy(&buffer[..filled]));
        filled += read;
    }
    assert!(buffer.starts_with(b"HTTP/1.1 20"), "{:?}", String::from_utf8_lossy(&buffer[..filled]));
}

/// A pod that answers every request in the same way. Bodies of requests end with `END`.
fn pod(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            thread::spawn(move || while pod_exchange(&mut stream, answer).is_some() {});
        }
    });
    address
}

fn pod_exchange(stream: &mut TcpStream, answer: &[u8]) -> Option<()> {
    let mut buffer = [0; 4096];
    let mut filled = 0;
    loop {
        let end: &[u8] = if buffer.starts_with(b"POST") { b"END" } else { b"\r\n\r\n" };
        if buffer[..filled].ends_with(end) {
            return stream.write_all(answer).ok();
        }
        match stream.read(&mut buffer[filled..]) {
            Ok(0) | Err(_) => return None,
            Ok(read) => filled += read,
        }
    }
}
