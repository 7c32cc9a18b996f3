//! What passing a request asks of the allocator, once it is warm: nothing over HTTP/1, and over other protocols no more
//! than `benches/baseline.toml` says.
//!
//! Tidegate runs in this process, with a pod that allocates nothing; what the process allocates while requests pass is
//! what the requests cost. A client of HTTP/1 allocates nothing either. One of TLS or HTTP/2 does, so it is a process of
//! its own: this test binary once more, which asks when it is told to.

#![allow(clippy::unwrap_used, reason = "they are tests")]

#[path = "support/mod.rs"]
mod support;

use std::alloc::System;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use support::asker::{Asker, Protocol};
use support::baseline::Baseline;
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
fn a_request_that_passes_over_http1_allocates_nothing() {
    for Case { name, request, answer, end } in CASES {
        let server = Tidegate::serve(&Manifests::everything_to(&[pod(answer)]));
        let mut client = TcpStream::connect(server.http).unwrap();
        client.set_nodelay(true).unwrap();
        let least = allocations(name, |times| (0..times).for_each(|_| exchange(&mut client, request, end)));
        assert_eq!(least, 0, "{name}: allocations in {COUNTED} requests");
    }
}

const LOG: &[&str] = &["--access-log", "json"];
const ROWS: [(&str, Protocol, &[&str]); 4] = [
    ("http1", Protocol::Http1, &[]),
    ("http1-log", Protocol::Http1, LOG),
    ("tls", Protocol::Tls, &[]),
    ("h2", Protocol::H2, &[]),
];

#[test]
fn a_request_over_each_protocol_allocates_no_more_than_it_did() {
    let baseline = Baseline::read("allocations");
    let directory = tempfile::tempdir().unwrap();
    for (name, ..) in ROWS {
        // In a process of its own, whose output nobody reads: an access log goes there.
        let result = directory.path().join(name);
        let mut measure = again("measures_what_it_is_told_to");
        measure.env("ROW", name).env("RESULT", &result).stdout(Stdio::null());
        assert!(measure.status().unwrap().success(), "{name}");
        let allocations: f64 = std::fs::read_to_string(&result).unwrap().parse().unwrap();
        match baseline.check(name, allocations / COUNTED as f64) {
            Ok(line) => println!("{line}"),
            Err(refused) => panic!("{refused}"),
        }
    }
    assert_eq!(baseline.names().len(), ROWS.len());
}

#[test]
#[ignore = "another test starts it, in a process of its own"]
fn measures_what_it_is_told_to() {
    let row = std::env::var("ROW").unwrap();
    let (name, protocol, options) = ROWS.into_iter().find(|(name, ..)| *name == row).unwrap();
    let objects = Manifests::everything_to(&[pod(CASES[0].answer)]).certificate("tls", &["a.example"]);
    let server = Tidegate::serve_with(&objects, options);
    let listener = if protocol == Protocol::Http1 { server.http } else { server.https };
    let mut client = Client::start(protocol, listener);
    let least = allocations(name, |times| client.ask(times));
    std::fs::write(std::env::var_os("RESULT").unwrap(), least.to_string()).unwrap();
}

/// This binary once more, for one of its tests.
fn again(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture"]);
    command
}

/// The fewest allocations that so many requests came to.
fn allocations(name: &str, mut ask: impl FnMut(usize)) -> usize {
    let mut of = |times| {
        let region = Region::new(ALLOCATOR);
        ask(times);
        let change = region.change();
        change.allocations + change.reallocations
    };
    assert!(of(WARM) > 0, "{name}: connections cost something, so what is counted is counted");
    (0..ROUNDS).map(|_| of(COUNTED)).min().unwrap()
}

/// A client in a process of its own.
struct Client {
    process: Child,
    tell: ChildStdin,
    told: ChildStdout,
}

impl Client {
    fn start(protocol: Protocol, address: SocketAddr) -> Self {
        let mut process = again("asks_when_it_is_told_to")
            .env("CLIENT", format!("{protocol:?} {address}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (tell, told) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Self { process, tell, told }
    }

    /// Has it ask so many times, and waits until it has done so.
    fn ask(&mut self, times: usize) {
        self.tell.write_all(&u64::try_from(times).unwrap().to_le_bytes()).unwrap();
        // The test harness of that process prints too.
        let mut byte = [!DONE];
        while byte != [DONE] {
            self.told.read_exact(&mut byte).expect("the client goes on");
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What the client says when it has asked as often as it was told to.
const DONE: u8 = 0;

#[test]
#[ignore = "it is the client of another test, which starts it"]
fn asks_when_it_is_told_to() {
    let told = std::env::var("CLIENT").unwrap();
    let (protocol, address) = told.split_once(' ').unwrap();
    let protocols = [Protocol::Http1, Protocol::Tls, Protocol::H2];
    let protocol = protocols.into_iter().find(|known| format!("{known:?}") == protocol).unwrap();
    let mut asker = Asker::connect(protocol, address.parse().unwrap(), "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
    let mut times = [0; 8];
    while std::io::stdin().read_exact(&mut times).is_ok() {
        (0..u64::from_le_bytes(times)).for_each(|_| asker.ask());
        let mut out = std::io::stdout();
        out.write_all(&[DONE]).unwrap();
        out.flush().unwrap();
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
