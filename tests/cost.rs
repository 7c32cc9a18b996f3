//! Instructions per request in user space, counted by callgrind and compared with `benches/baseline.toml`.
//!
//! `scripts/cost` builds the program and runs this. One client asks one request after the other, and everybody takes a
//! pause before each step: so the proxy waits each time, and its way does not depend on who is faster. Of several
//! processes, and batches in each, the cheapest counts: where memory lies differs between processes, and what else a process
//! does now and then is in some batches.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "it is a test, and tells what it counted")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use support::asker::{Asker, Protocol};
use support::baseline::Baseline;
use support::{Manifests, eventually};

/// Requests before anything is counted.
const WARM: usize = 50;
/// Requests that are counted together, how often, and in how many processes.
const COUNTED: usize = 150;
const BATCHES: usize = 2;
const PROCESSES: usize = 5;
/// Longer than the proxy, slowed down, works on its part.
const PAUSE: Duration = Duration::from_millis(2);

struct Row {
    name: &'static str,
    protocol: Protocol,
    request: &'static str,
    access_log: &'static str,
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";
const BROWSER: &str = "GET /browser HTTP/1.1\r\nHost: a.example\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\nDNT: 1\r\nReferer: http://a.example/start\r\nSec-GPC: 1\r\n\
    Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; consent=yes\r\nUpgrade-Insecure-Requests: 1\r\n\
    Sec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\nPriority: u=0, i\r\n\
    Cache-Control: no-cache\r\n\r\n";

const ROWS: [Row; 5] = [
    Row { name: "http1", protocol: Protocol::Http1, request: GET, access_log: "off" },
    Row { name: "http1-browser", protocol: Protocol::Http1, request: BROWSER, access_log: "off" },
    Row { name: "http1-log", protocol: Protocol::Http1, request: GET, access_log: "json" },
    Row { name: "tls", protocol: Protocol::Tls, request: GET, access_log: "off" },
    Row { name: "h2", protocol: Protocol::H2, request: GET, access_log: "off" },
];

#[test]
#[ignore = "scripts/cost builds what it measures"]
fn a_request_costs_no_more_instructions_than_it_did() {
    let program = PathBuf::from(std::env::var_os("TIDEGATE_COST_PROGRAM").expect("scripts/cost says what to measure"));
    let profiles = std::env::var_os("TIDEGATE_COST_PROFILES").map(PathBuf::from);
    let baseline = Baseline::read("instructions");
    let cheapest = |row: Row| {
        let counts = (0..PROCESSES).map(|_| instructions(&program, &row, profiles.as_deref()));
        counts.inspect(|count| println!("{} {count:.0}", row.name)).fold(f64::INFINITY, f64::min)
    };
    let outcomes = ROWS.map(|row| (row.name, cheapest(row))).map(|(name, count)| baseline.check(name, count));
    let mut refused = String::new();
    for outcome in outcomes {
        match outcome {
            Ok(line) => println!("{line}"),
            Err(text) => refused += &format!("\n{text}\n"),
        }
    }
    assert!(refused.is_empty(), "{refused}");
}

#[test]
fn each_row_has_a_baseline() {
    let mut rows = ROWS.map(|row| row.name);
    rows.sort_unstable();
    assert_eq!(Baseline::read("instructions").names(), rows);
}

fn instructions(program: &Path, row: &Row, profiles: Option<&Path>) -> f64 {
    let directory = tempfile::tempdir().unwrap();
    // The folders above the manifests are watched too: what other processes do beside them must not count.
    let manifests = directory.path().join("own/folders/manifests");
    std::fs::create_dir_all(&manifests).unwrap();
    let objects = Manifests::everything_to(&[pod()]).certificate("tls", &["a.example"]);
    std::fs::write(manifests.join("objects.json"), objects.to_json()).unwrap();
    let profile = profiles.unwrap_or(directory.path()).join(format!("callgrind.{}", row.name));
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--instr-atstart=no", "--quiet"]);
    command.arg(format!("--callgrind-out-file={}", profile.display())).arg(program);
    command.args(["serve", "--workers", "1", "--log-format", "json", "--access-log", row.access_log, "--manifests"]);
    command.arg(&manifests).args(["--http", "127.0.0.1:0", "--https", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
    command.args(["--drain-delay", "0s", "--drain-timeout", "1s"]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("valgrind runs");
    let mut server = Server(child);
    let listening = server.listening();
    let listener = if row.protocol == Protocol::Http1 { "http" } else { "https" };
    let address = named(&listening, listener);
    let admin = named(&listening, "admin");
    eventually("readiness", || {
        (support::Client::connect(admin).ask(support::get("admin", "/readyz")).status() == 200).then_some(())
    });
    let mut asker = Asker::connect(row.protocol, address, row.request);
    let mut ask = |times: usize| {
        for _ in 0..times {
            thread::sleep(PAUSE);
            asker.ask();
        }
    };
    ask(WARM);
    for _ in 0..BATCHES {
        server.control("--instr=on");
        ask(COUNTED);
        server.control("--instr=off");
        // Into a file of its own, and counts from zero again.
        server.control("--dump");
    }
    server.end();
    let totals = (1..=BATCHES).map(|batch| total(&profile.with_extension(format!("{}.{batch}", row.name))));
    totals.fold(f64::INFINITY, f64::min) / COUNTED as f64
}

/// The instructions of a profile.
fn total(profile: &Path) -> f64 {
    let text = std::fs::read_to_string(profile).expect("callgrind leaves a profile");
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ")).expect("the profile has a total");
    total.trim().parse().unwrap()
}

struct Server(Child);

impl Server {
    /// The line that says where it listens.
    fn listening(&mut self) -> String {
        let mut lines = BufReader::new(self.0.stderr.take().unwrap()).lines().map_while(Result::ok);
        let line = lines.find(|line| line.contains("listening")).expect("it says where it listens");
        thread::spawn(move || lines.for_each(drop));
        line
    }

    fn control(&self, option: &str) {
        let id = self.0.id().to_string();
        let told = Command::new("callgrind_control").args([option, &id]).output().unwrap();
        assert!(told.status.success(), "{told:?}");
    }

    /// Ends it.
    fn end(mut self) {
        let sent = Command::new("sh").args(["-c", &format!("kill -TERM {}", self.0.id())]).status();
        assert!(sent.unwrap().success());
        self.0.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An address in a line of the log.
fn named(line: &str, name: &str) -> SocketAddr {
    let from = line.find(&format!("\"{name}\":\"")).unwrap_or_else(|| panic!("{name} in {line}"));
    line[from..].split('"').nth(3).unwrap().parse().unwrap()
}

/// A pod that takes its time and answers 200.
fn pod() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            stream.set_nodelay(true).unwrap();
            thread::spawn(move || answer_all(stream));
        }
    });
    address
}

fn answer_all(mut stream: TcpStream) {
    let fields = "Server: app\r\nDate: Fri, 20 Nov 2026 10:00:00 GMT\r\nContent-Type: text/html; charset=utf-8\r\n\
        Cache-Control: private, no-cache, must-revalidate\r\nVary: Accept-Encoding, Cookie\r\nETag: W/\"5f3e-18c2a1\"\r\n\
        X-Frame-Options: SAMEORIGIN\r\nStrict-Transport-Security: max-age=31536000\r\n\
        Set-Cookie: session=0123456789abcdef0123456789abcdef; Path=/; HttpOnly; Secure; SameSite=Lax\r\n";
    let body = "x".repeat(100);
    let mut buffer = [0; 4096];
    let mut filled = 0;
    while let Ok(read @ 1..) = stream.read(&mut buffer[filled..]) {
        filled += read;
        if buffer[..filled].ends_with(b"\r\n\r\n") {
            let fields = if buffer.starts_with(b"GET /browser") { fields } else { "" };
            filled = 0;
            thread::sleep(PAUSE);
            let answer = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 100\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).unwrap();
        }
    }
}
