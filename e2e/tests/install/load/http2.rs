//! Clients of HTTP/2 over TLS: connections that live for as long as the server likes, each with several streams at a time.
//!
//! What they send again is what the server said it has not processed (RFC 9113, section 8.7): requests on streams above the
//! last one of a GOAWAY frame, and those reset with REFUSED_STREAM. Nothing else: a connection that cannot be made, or ends
//! without GOAWAY, fails the request that needed it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use h2::client::{self, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, Request};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsConnector;

use super::{Count, WAIT};
use crate::sample::{CALLS, HOST};

/// Connections, each with a stream of every kind at a time.
const CONNECTIONS: usize = 2;
const KINDS: [Kind; 4] = [Kind::Get, Kind::Slow, Kind::Upload, Kind::Call];
/// Between two requests of a kind on a connection.
const PACE: Duration = Duration::from_millis(20);
/// What an upload sends, in halves.
const UPLOAD: usize = 40_000;
/// A message as gRPC frames it: not compressed, five bytes.
const MESSAGE: &[u8] = b"\x00\x00\x00\x00\x05hello";

/// What is asked.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Get,
    /// Answered after a while: open when a connection is told to end.
    Slow,
    /// A POST of which the second half comes a while after the first.
    Upload,
    /// Unary gRPC, which goes to the pod over HTTP/2 too.
    Call,
}

/// What became of a request.
enum Fault {
    /// The connection had been told to end before the request was sent: it goes to another one.
    Unsent,
    /// The server said that it did not process it.
    Refused,
    Failed(String),
}

/// Asks until it is enough.
pub(super) fn run(count: &Arc<Count>, address: SocketAddr, tls: &ClientConfig) {
    let mut tls = tls.clone();
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let tls = TlsConnector::from(Arc::new(tls));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut clients = tokio::task::JoinSet::new();
        for _ in 0..CONNECTIONS {
            let connection = Arc::new(Connection { address, tls: tls.clone(), open: Mutex::default() });
            for kind in KINDS {
                let (count, connection) = (Arc::clone(count), Arc::clone(&connection));
                clients.spawn(async move { repeat(&count, &connection, kind).await });
            }
        }
        while let Some(ended) = clients.join_next().await {
            ended.expect("a client does not panic");
        }
    });
}

async fn repeat(count: &Count, connection: &Connection, kind: Kind) {
    let since = Instant::now();
    while count.goes_on(since) {
        if kind.is_upload() && count.idempotent_only.load(Ordering::Relaxed) {
            sleep(PACE).await;
            continue;
        }
        match timeout(WAIT, ask(count, connection, kind)).await {
            Ok(Ok(())) => {
                count.asked.fetch_add(1, Ordering::Relaxed);
                count.http2.fetch_add(1, Ordering::Relaxed);
            }
            Ok(Err(error)) => count.fail(format!("HTTP/2 {kind:?} after {:?}: {error}", since.elapsed())),
            Err(_) => count.fail(format!("HTTP/2 {kind:?} after {:?}: no answer", since.elapsed())),
        }
        sleep(PACE).await;
    }
}

/// One request that must be answered, on the second or third connection if need be.
async fn ask(count: &Count, connection: &Connection, kind: Kind) -> Result<(), String> {
    for _ in 0..3 {
        let (number, sender) = connection.obtain(count).await.map_err(|error| format!("no connection: {error}"))?;
        match exchange(sender, kind).await {
            Ok(()) => return Ok(()),
            Err(Fault::Unsent) => {}
            Err(Fault::Refused) => {
                count.refused.fetch_add(1, Ordering::Relaxed);
            }
            Err(Fault::Failed(error)) => {
                connection.leave(number).await;
                return Err(error);
            }
        }
        connection.leave(number).await;
    }
    Err("told to go away three times".to_owned())
}

/// A connection that is made again when it has been told to end.
struct Connection {
    address: SocketAddr,
    tls: TlsConnector,
    /// The number tells it from the one before.
    open: Mutex<(u64, Option<SendRequest<Bytes>>)>,
}

impl Connection {
    async fn obtain(&self, count: &Count) -> io::Result<(u64, SendRequest<Bytes>)> {
        let mut open = self.open.lock().await;
        if let (number, Some(sender)) = &*open {
            return Ok((*number, sender.clone()));
        }
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let stream = self.tls.connect(ServerName::try_from(HOST).expect("a name"), stream).await?;
        if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            return Err(io::Error::other("the server does not speak HTTP/2"));
        }
        let (sender, driver) = client::handshake(stream).await.map_err(io::Error::other)?;
        // Its requests learn how it ended.
        tokio::spawn(driver);
        count.http2_connections.fetch_add(1, Ordering::Relaxed);
        *open = (open.0 + 1, Some(sender.clone()));
        Ok((open.0, sender))
    }

    /// No new requests for it; those it has go on.
    async fn leave(&self, number: u64) {
        let mut open = self.open.lock().await;
        if open.0 == number {
            open.1 = None;
        }
    }
}

async fn exchange(sender: SendRequest<Bytes>, kind: Kind) -> Result<(), Fault> {
    let mut sender = sender.ready().await.map_err(Fault::before)?;
    let (answer, mut body) = sender.send_request(kind.head(), kind.is_bodiless()).map_err(Fault::before)?;
    drop(sender);
    // What stops it shows in the answer.
    let _ = kind.send(&mut body).await;
    let (head, mut body) = answer.await.map_err(Fault::after)?.into_parts();
    let mut text = Vec::new();
    while let Some(data) = body.data().await {
        let data = data.map_err(Fault::after)?;
        // An error is that of the next read.
        let _ = body.flow_control().release_capacity(data.len());
        text.extend_from_slice(&data);
    }
    let trailers = trailers(&mut body).await?;
    let is_right = head.status == 200 && kind.is_answer(&text, trailers.as_ref());
    let told = || Fault::Failed(format!("{} {:?} {trailers:?}", head.status, String::from_utf8_lossy(&text)));
    if is_right { Ok(()) } else { Err(told()) }
}

async fn trailers(body: &mut RecvStream) -> Result<Option<HeaderMap>, Fault> {
    body.trailers().await.map_err(Fault::after)
}

impl Kind {
    fn head(self) -> Request<()> {
        let head = |method: &str, path: &str| {
            Request::builder().method(method).uri(format!("https://{HOST}{path}")).version(http::Version::HTTP_2)
        };
        let head = match self {
            Self::Get => head("GET", "/"),
            Self::Slow => head("GET", "/?wait=300ms"),
            Self::Upload => head("POST", "/").header("content-length", UPLOAD),
            Self::Call => head("POST", &format!("{CALLS}Echo"))
                .header("content-type", "application/grpc")
                .header("te", "trailers"),
        };
        head.body(()).expect("a request")
    }

    fn is_upload(self) -> bool {
        match self {
            Self::Upload => true,
            Self::Get | Self::Slow | Self::Call => false,
        }
    }

    fn is_bodiless(self) -> bool {
        match self {
            Self::Get | Self::Slow => true,
            Self::Upload | Self::Call => false,
        }
    }

    async fn send(self, body: &mut SendStream<Bytes>) -> Result<(), h2::Error> {
        match self {
            Self::Get | Self::Slow => Ok(()),
            Self::Upload => {
                let half = Bytes::from(vec![b'x'; UPLOAD / 2]);
                body.send_data(half.clone(), false)?;
                sleep(Duration::from_millis(100)).await;
                body.send_data(half, true)
            }
            Self::Call => body.send_data(Bytes::from_static(MESSAGE), true),
        }
    }

    fn is_answer(self, text: &[u8], trailers: Option<&HeaderMap>) -> bool {
        let told = || serde_json::from_slice::<Value>(text).unwrap_or_default();
        match self {
            Self::Get | Self::Slow => told()["method"] == "GET",
            Self::Upload => told()["length"] == UPLOAD,
            Self::Call => text == MESSAGE && trailers.is_some_and(|trailers| trailers["grpc-status"] == "0"),
        }
    }
}

impl Fault {
    /// Before a frame of the request was sent.
    fn before(error: h2::Error) -> Self {
        if is_farewell(&error) { Self::Unsent } else { Self::Failed(format!("not sent: {error}")) }
    }

    /// h2 gives the error of a GOAWAY frame to streams above its last one only; others that end with the connection get
    /// an I/O error.
    fn after(error: h2::Error) -> Self {
        let is_refused = error.is_reset() && error.is_remote() && error.reason() == Some(Reason::REFUSED_STREAM);
        if is_refused || is_farewell(&error) { Self::Refused } else { Self::Failed(error.to_string()) }
    }
}

/// GOAWAY without a complaint.
fn is_farewell(error: &h2::Error) -> bool {
    error.is_go_away() && error.is_remote() && error.reason() == Some(Reason::NO_ERROR)
}
