//! Clients outside: curl, and a WebSocket.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tidegate_e2e::Cluster;

use crate::sample::HOST;

/// An answer that curl got; status 0 when there was none.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Of HTTP: 1.1 or 2.
    pub(crate) version: String,
    pub(crate) body: String,
    /// Why there was no answer: shown when a test fails.
    #[expect(dead_code, reason = "read by Debug")]
    pub(crate) error: String,
}

impl Answer {
    /// A header that reached the pod, as the sample app tells it: `X-Forwarded-For`.
    pub(crate) fn seen(&self, header: &str) -> Option<String> {
        let told: Value = serde_json::from_str(&self.body).ok()?;
        told["headers"][header][0].as_str().map(str::to_owned)
    }
}

/// curl in the outside world.
pub(crate) struct Curl<'a> {
    cluster: &'a Cluster,
    trust: &'a Path,
    from: Option<Ipv4Addr>,
    more: &'static [&'static str],
}

impl<'a> Curl<'a> {
    pub(crate) fn new(cluster: &'a Cluster, trust: &'a Path) -> Self {
        Self { cluster, trust, from: None, more: &[] }
    }

    /// Connects from this address.
    pub(crate) fn from(self, address: Ipv4Addr) -> Self {
        Self { from: Some(address), ..self }
    }

    /// More options.
    pub(crate) fn with(self, more: &'static [&'static str]) -> Self {
        Self { more, ..self }
    }

    /// Gets a URL of the app from this address, whatever port the URL means.
    pub(crate) fn get(&self, url: &str, address: SocketAddr) -> Answer {
        let mut curl = self.cluster.outside("curl");
        curl.args(["-sS", "--max-time", "10", "-w", "\n%{http_code} %{http_version}"]).args(self.more);
        curl.arg("--connect-to").arg(format!("::{}:{}", address.ip(), address.port()));
        curl.arg("--cacert").arg(self.trust);
        if let Some(from) = self.from {
            curl.args(["--interface", &from.to_string()]);
        }
        let output = curl.arg(url).output().expect("curl runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (body, end) = text.rsplit_once('\n').unwrap_or(("", ""));
        let (status, version) = end.split_once(' ').unwrap_or(("0", ""));
        Answer {
            status: status.parse().unwrap_or(0),
            version: version.to_owned(),
            body: body.to_owned(),
            error: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// A WebSocket to the sample app, from whichever host the thread is on.
pub(crate) struct WebSocket(BufReader<TcpStream>);

impl WebSocket {
    /// Connects and upgrades.
    pub(crate) fn open(address: SocketAddr) -> std::io::Result<Self> {
        let limit = Duration::from_secs(10);
        let mut stream = TcpStream::connect_timeout(&address, limit)?;
        stream.set_read_timeout(Some(limit))?;
        write!(
            stream,
            "GET /socket HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )?;
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Err(std::io::Error::other(format!("closed after {head:?}")));
            }
        }
        // The answer to that key is in RFC 6455, section 1.3.
        let accepted = head.starts_with("HTTP/1.1 101 ") && head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        if accepted { Ok(Self(reader)) } else { Err(std::io::Error::other(head)) }
    }

    /// Sends a short text and waits for the message that comes back. An end in order, by a close frame, is the error
    /// `ConnectionAborted`.
    pub(crate) fn ask(&mut self, text: &str) -> std::io::Result<String> {
        let length = u8::try_from(text.len()).ok().filter(|length| *length < 126).expect("a short text");
        let mut frame = vec![0x81, 0x80 | length, 0, 0, 0, 0];
        frame.extend(text.bytes());
        self.0.get_mut().write_all(&frame)?;
        let mut head = [0; 2];
        self.0.read_exact(&mut head)?;
        if head[0] == 0x88 {
            return Err(std::io::ErrorKind::ConnectionAborted.into());
        }
        if head[0] != 0x81 {
            return Err(std::io::Error::other(format!("a frame that begins with {head:?}")));
        }
        let mut message = vec![0; usize::from(head[1])];
        self.0.read_exact(&mut message)?;
        Ok(String::from_utf8_lossy(&message).into_owned())
    }
}
