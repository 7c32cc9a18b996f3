//! Requests that look whether a change has arrived.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};

const PATIENCE: Duration = Duration::from_secs(10);

/// A kept connection for plain requests.
pub(crate) struct Probe {
    address: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Probe {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, stream: None }
    }

    /// One GET, on a new connection if the kept one is of no use.
    pub(crate) fn get(&mut self, host: &str, path: &str) -> io::Result<Answer> {
        if let Some(answer) = self.stream.take().and_then(|stream| self.on(stream, host, path).ok()) {
            return Ok(answer);
        }
        let stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        self.on(BufReader::new(stream), host, path)
    }

    fn on(&mut self, mut stream: BufReader<TcpStream>, host: &str, path: &str) -> io::Result<Answer> {
        stream.get_mut().write_all(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes())?;
        let bad = |what: &'static str| io::Error::new(io::ErrorKind::InvalidData, what);
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(|| bad("status line"))?;
        let (mut length, mut is_kept) = (0, true);
        loop {
            line.clear();
            stream.read_line(&mut line)?;
            if line == "\r\n" {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| bad("field"))?;
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().map_err(|_| bad("length"))?,
                "connection" => is_kept = !value.contains("close"),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        if is_kept {
            self.stream = Some(stream);
        }
        Ok(Answer { status, body: String::from_utf8_lossy(&body).into_owned() })
    }
}

/// The certificate that a new handshake for this name shows.
pub(crate) fn certificate(address: SocketAddr, name: &str) -> io::Result<Vec<u8>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anything(provider)))
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
    let mut connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream)?;
    }
    let leaf = connection.peer_certificates().and_then(<[_]>::first);
    leaf.map(|leaf| leaf.to_vec()).ok_or_else(|| io::Error::other("no certificate"))
}

/// Takes every certificate: which one is shown is what is asked.
#[derive(Debug)]
struct Anything(Arc<rustls::crypto::CryptoProvider>);

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
