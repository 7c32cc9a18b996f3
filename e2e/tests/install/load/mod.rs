//! Clients that never stop asking, and count every request that was not answered as it should.

mod http2;

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tokio::time::Instant;

use crate::client::WebSocket;
use crate::sample::HOST;
use crate::story::{DRAIN, Story};

/// Most that one client asks, and for how long: whatever happens, load ends.
const REQUESTS: u64 = 50_000;
const LIMIT: Duration = Duration::from_secs(900);
/// Longest wait for an answer, or any part of it.
const WAIT: Duration = Duration::from_secs(10);

/// What was asked, and what went wrong.
#[derive(Default)]
struct Count {
    /// All requests that were answered as they should.
    asked: AtomicU64,
    /// Connections of HTTP/1.
    connections: AtomicU64,
    /// Those of `asked` over HTTP/2, and the connections for them.
    http2: AtomicU64,
    http2_connections: AtomicU64,
    /// Requests that the server said it did not process, and that were sent again.
    refused: AtomicU64,
    /// WebSockets that were closed at the end of a drain.
    drained: AtomicU64,
    failed: Mutex<Vec<String>>,
    /// No uploads for now.
    idempotent_only: AtomicBool,
    stop: AtomicBool,
}

/// Load that goes on until it is stopped.
pub(crate) struct Load {
    count: Arc<Count>,
    clients: Vec<JoinHandle<()>>,
    socket: JoinHandle<u64>,
}

impl Load {
    /// Kept connections over http and https, a new connection for each request over both, connections of HTTP/2 over https,
    /// and a WebSocket that reconnects only when it is closed in order or a drain is over.
    pub(crate) fn start(story: &Story, http: SocketAddr, https: SocketAddr) -> Self {
        let count = Arc::new(Count::default());
        let tls = tls(story);
        let mut clients = Vec::new();
        for (kept, tls) in
            [(true, None), (false, None), (true, Some(Arc::clone(&tls))), (false, Some(Arc::clone(&tls)))]
        {
            let count = Arc::clone(&count);
            let address = if tls.is_some() { https } else { http };
            clients.push(thread::spawn(move || ask(&count, address, kept, tls.as_ref())));
        }
        let counter = Arc::clone(&count);
        clients.push(thread::spawn(move || http2::run(&counter, https, &tls)));
        let counter = Arc::clone(&count);
        let socket = thread::spawn(move || talk(&counter, http));
        Self { count, clients, socket }
    }

    /// Requests answered so far.
    pub(crate) fn asked(&self) -> u64 {
        self.count.asked.load(Ordering::Relaxed)
    }

    /// Asks nothing over HTTP/1 to pods that could not be sent to them again meanwhile.
    pub(crate) fn without_uploads(&self, body: impl FnOnce()) {
        self.count.idempotent_only.store(true, Ordering::Relaxed);
        body();
        self.count.idempotent_only.store(false, Ordering::Relaxed);
    }

    /// No request has failed so far.
    #[track_caller]
    pub(crate) fn expect_no_failure(&self, during: &str) {
        self.count.expect_no_failure(during);
    }

    /// Ends it; what it asked, all without failure.
    #[track_caller]
    pub(crate) fn stop(self) -> String {
        self.count.stop.store(true, Ordering::Relaxed);
        let Self { count, clients, socket } = self;
        for client in clients {
            client.join().expect("a client does not panic");
        }
        let messages = socket.join().expect("nor does a WebSocket");
        let load = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let http2 = load(&count.http2);
        let told = format!(
            "{} requests of HTTP/1 on {} connections, {http2} of HTTP/2 on {} ({} sent again as unprocessed), {messages} \
             WebSocket messages ({} sockets ended with a drain), 0 failed",
            load(&count.asked) - http2,
            load(&count.connections),
            load(&count.http2_connections),
            load(&count.refused),
            load(&count.drained),
        );
        count.expect_no_failure("the load");
        told
    }
}

impl Count {
    fn goes_on(&self, since: Instant) -> bool {
        !self.stop.load(Ordering::Relaxed) && since.elapsed() < LIMIT
    }

    fn fail(&self, what: String) {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    #[track_caller]
    fn expect_no_failure(&self, during: &str) {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let first = &failed[..failed.len().min(10)];
        assert!(failed.is_empty(), "{} requests failed by the end of {during}, the first {first:#?}", failed.len());
    }
}

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

fn ask(count: &Count, address: SocketAddr, kept: bool, tls: Option<&Arc<ClientConfig>>) {
    let since = Instant::now();
    let mut connection: Option<BufReader<Box<dyn Stream>>> = None;
    for number in 0..REQUESTS {
        if !count.goes_on(since) {
            return;
        }
        let asked = (|| {
            let mut stream = match connection.take() {
                Some(stream) => stream,
                None => {
                    count.connections.fetch_add(1, Ordering::Relaxed);
                    BufReader::new(connect(address, tls)?)
                }
            };
            let close = exchange(&mut stream, kept)?;
            if kept && !close {
                connection = Some(stream);
            }
            Ok::<_, std::io::Error>(())
        })();
        match asked {
            Ok(()) => {
                count.asked.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => count.fail(format!(
                "request {number} after {:?} (tls {}, kept {kept}): {error}",
                since.elapsed(),
                tls.is_some()
            )),
        }
        // About a hundred a second from each.
        thread::park_timeout(Duration::from_millis(10));
    }
}

/// One request that must be answered 200; whether the connection ends with it.
fn exchange(stream: &mut BufReader<Box<dyn Stream>>, kept: bool) -> std::io::Result<bool> {
    let close = if kept { "" } else { "connection: close\r\n" };
    stream.get_mut().write_all(format!("GET / HTTP/1.1\r\nhost: {HOST}\r\n{close}\r\n").as_bytes())?;
    stream.get_mut().flush()?;
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head)? == 0 {
            return Err(std::io::Error::other(format!("closed after {head:?}")));
        }
    }
    let head = head.to_ascii_lowercase();
    if !head.starts_with("http/1.1 200 ") {
        return Err(std::io::Error::other(head));
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
    let length: u64 = length.ok_or_else(|| std::io::Error::other(format!("no length: {head}")))?;
    let read = std::io::copy(&mut stream.take(length), &mut std::io::sink())?;
    if read != length {
        return Err(std::io::Error::other(format!("{read} of {length} bytes")));
    }
    Ok(head.contains("\r\nconnection: close"))
}

fn connect(address: SocketAddr, tls: Option<&Arc<ClientConfig>>) -> std::io::Result<Box<dyn Stream>> {
    let stream = TcpStream::connect_timeout(&address, WAIT)?;
    stream.set_read_timeout(Some(WAIT))?;
    stream.set_nodelay(true)?;
    let Some(tls) = tls else { return Ok(Box::new(stream)) };
    let name = ServerName::try_from(HOST).expect("a name");
    let session = ClientConnection::new(Arc::clone(tls), name).map_err(std::io::Error::other)?;
    Ok(Box::new(StreamOwned::new(session, stream)))
}

fn tls(story: &Story) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let certificate = rustls::pki_types::CertificateDer::from_pem_file(&story.trust).expect("a certificate");
    roots.add(certificate).expect("it is an authority's");
    Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

/// Asks every 100 ms over one WebSocket; how many messages came back. When its end is announced it opens another, and
/// when it is closed at the end of a drain, which no announcement precedes: not before it is as old as that.
fn talk(count: &Count, address: SocketAddr) -> u64 {
    let since = Instant::now();
    let (mut socket, mut messages) = (None, 0);
    while count.goes_on(since) {
        let mut opened = Instant::now();
        let asked = (|| {
            let mut open = match socket.take() {
                Some((at, open)) => {
                    opened = at;
                    open
                }
                None => WebSocket::open(address)?,
            };
            let answer = open.ask("hello")?;
            if answer == "hello" {
                socket = Some((opened, open));
                Ok(())
            } else {
                Err(std::io::Error::other(answer))
            }
        })();
        match asked {
            Ok(()) => messages += 1,
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof && opened.elapsed() >= DRAIN => {
                count.drained.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => count.fail(format!("WebSocket after {:?}: {error}", since.elapsed())),
        }
        thread::park_timeout(Duration::from_millis(100));
    }
    messages
}
