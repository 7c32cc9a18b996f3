//! A client for tests: raw requests, one at a time, and what came back, byte for byte. It verifies no certificate; it
//! keeps the one it was shown.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme, StreamOwned};
use serde_json::{Value, json};

/// Longest wait for anything of a connection: some tests stop the server for a while.
const PATIENCE: Duration = Duration::from_secs(30);

/// A request: nothing is added to it but `content-length` where there is a body.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// GET, POST, …
    pub method: &'a str,
    /// The value of Host.
    pub host: &'a str,
    /// The target: path and query.
    pub path: &'a str,
    /// Further fields.
    pub fields: &'a [(&'a str, &'a str)],
    /// Empty for none.
    pub body: &'a str,
}

impl<'a> Request<'a> {
    /// A GET without further fields.
    pub fn get(host: &'a str, path: &'a str) -> Self {
        Self { method: "GET", host, path, fields: &[], body: "" }
    }

    /// Sends it on a connection of its own, without TLS.
    pub fn send(&self, address: SocketAddr) -> Result<Answer> {
        Connection::plain(address)?.send(self)
    }

    /// Sends it on a TLS connection of its own; the name for SNI is that of the request's host.
    pub fn send_tls(&self, address: SocketAddr) -> Result<Answer> {
        Connection::tls(address, self.host)?.send(self)
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// `HTTP/1.1`.
    pub version: String,
    /// Names as they came, and values.
    pub fields: Vec<(String, String)>,
    /// Its body, without framing.
    pub body: String,
}

impl Answer {
    /// The value of a field, whatever the case of its name.
    pub fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// What an [`EchoPod`](crate::EchoPod) tells in its answer; null when it was none.
    pub fn echo(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// A connection that is kept for as long as the server wants.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    /// Read and not used yet.
    rest: Vec<u8>,
    is_over: bool,
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Connection {
    /// Connects, without TLS.
    pub fn plain(address: SocketAddr) -> Result<Self> {
        Ok(Self { stream: Stream::Plain(connect(address)?), rest: Vec::new(), is_over: false })
    }

    /// Connects and shakes hands. An empty name sends no SNI.
    pub fn tls(address: SocketAddr, name: &str) -> Result<Self> {
        let (name, config) = if name.is_empty() {
            (ServerName::from(address.ip()), client_config())
        } else {
            (ServerName::try_from(name.to_owned()).map_err(Error::other)?, client_config())
        };
        let mut tcp = connect(address)?;
        let mut session = ClientConnection::new(config, name).map_err(Error::other)?;
        while session.is_handshaking() {
            session.complete_io(&mut tcp)?;
        }
        let stream = Stream::Tls(Box::new(StreamOwned::new(session, tcp)));
        Ok(Self { stream, rest: Vec::new(), is_over: false })
    }

    /// Whether the server said that the last answer was the last one.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// The first certificate that the server showed.
    pub fn certificate(&self) -> Option<Vec<u8>> {
        match &self.stream {
            Stream::Plain(_) => None,
            Stream::Tls(stream) => Some(stream.conn.peer_certificates()?.first()?.to_vec()),
        }
    }

    /// Sends a request and reads the whole answer.
    pub fn send(&mut self, request: &Request<'_>) -> Result<Answer> {
        let Request { method, host, path, fields, body } = request;
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n");
        for (name, value) in *fields {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            text.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        text.push_str("\r\n");
        text.push_str(body);
        self.write(text.as_bytes())?;
        self.answer(*method == "HEAD")
    }

    fn answer(&mut self, is_head: bool) -> Result<Answer> {
        loop {
            if let Some((mut answer, length)) = parse_head(&self.rest)? {
                self.rest.drain(..length);
                if answer.status < 200 {
                    continue;
                }
                let has_none = is_head || matches!(answer.status, 204 | 304);
                let body = if has_none { Vec::new() } else { self.body(&answer)? };
                answer.body = String::from_utf8_lossy(&body).into_owned();
                self.is_over |= answer.field("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
                return Ok(answer);
            }
            self.more()?;
        }
    }

    fn body(&mut self, answer: &Answer) -> Result<Vec<u8>> {
        if answer.field("transfer-encoding").is_some() {
            return self.chunks();
        }
        let Some(length) = answer.field("content-length") else {
            self.is_over = true;
            while self.more().is_ok() {}
            return Ok(std::mem::take(&mut self.rest));
        };
        let length = length.parse().map_err(Error::other)?;
        self.take(length)
    }

    fn chunks(&mut self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line()?;
            let size = line.split(';').next().unwrap_or_default();
            let size = usize::from_str_radix(size, 16).map_err(Error::other)?;
            if size == 0 {
                while !self.line()?.is_empty() {}
                return Ok(body);
            }
            body.extend(self.take(size)?);
            self.line()?;
        }
    }

    fn line(&mut self) -> Result<String> {
        loop {
            if let Some(end) = self.rest.windows(2).position(|pair| pair == b"\r\n") {
                let line = self.take(end + 2)?;
                return Ok(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            self.more()?;
        }
    }

    fn take(&mut self, length: usize) -> Result<Vec<u8>> {
        while self.rest.len() < length {
            self.more()?;
        }
        Ok(self.rest.drain(..length).collect())
    }

    fn more(&mut self) -> Result<()> {
        let mut buffer = [0; 16 << 10];
        let count = match &mut self.stream {
            Stream::Plain(stream) => stream.read(&mut buffer)?,
            Stream::Tls(stream) => stream.read(&mut buffer)?,
        };
        if count == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.rest.extend_from_slice(&buffer[..count]);
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(bytes),
            Stream::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        }
    }
}

fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn parse_head(bytes: &[u8]) -> Result<Option<(Answer, usize)>> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(length) = head.parse(bytes).map_err(Error::other)? else { return Ok(None) };
    let fields = head.headers.iter();
    let fields = fields.map(|field| (field.name.to_owned(), String::from_utf8_lossy(field.value).into_owned()));
    let answer = Answer {
        status: head.code.unwrap_or_default(),
        version: format!("HTTP/1.{}", head.version.unwrap_or_default()),
        fields: fields.collect(),
        body: String::new(),
    };
    Ok(Some((answer, length)))
}

/// A certificate that signs itself, for the Secret of an Ingress.
#[derive(Debug)]
pub struct Certificate {
    names: Vec<String>,
    der: Vec<u8>,
    pem: String,
    key: String,
}

impl Certificate {
    /// Makes one for these names.
    ///
    /// # Panics
    /// When a name cannot be in a certificate.
    pub fn new(names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
        let params = CertificateParams::new(names.clone()).expect("names of a certificate");
        let made = params.self_signed(&key).expect("a certificate");
        Self { names, der: made.der().to_vec(), pem: made.pem(), key: key.serialize_pem() }
    }

    /// A Secret of type kubernetes.io/tls with it.
    pub fn secret(&self, namespace: &str, name: &str) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
            "metadata": {"namespace": namespace, "name": name},
            "stringData": {"tls.crt": self.pem, "tls.key": self.key},
        })
    }

    /// Whether a server that asks for this name is shown this certificate, and a client that trusts nothing else would
    /// accept it.
    pub fn is_shown(&self, address: SocketAddr, name: &str) -> bool {
        let shown = Connection::tls(address, name).ok().and_then(|connection| connection.certificate());
        shown.is_some_and(|shown| shown == self.der && self.is_accepted(name))
    }

    /// Whether a client that trusts nothing else accepts it for a name.
    fn is_accepted(&self, name: &str) -> bool {
        let leaf = CertificateDer::from(self.der.clone());
        let mut roots = RootCertStore::empty();
        if roots.add(leaf.clone()).is_err() {
            return false;
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build();
        let (Ok(verifier), Ok(name)) = (verifier, ServerName::try_from(name)) else { return false };
        verifier.verify_server_cert(&leaf, &[], &name, &[], UnixTime::now()).is_ok()
    }

    /// The names it was made for.
    pub fn names(&self) -> &[String] {
        &self.names
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn client_config() -> Arc<ClientConfig> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    let config = CONFIG.get_or_init(|| {
        let builder = ClientConfig::builder_with_provider(provider());
        let builder = builder.with_safe_default_protocol_versions().expect("the provider has them");
        let verifier = Arc::new(AcceptAll(provider()));
        let mut config = builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
        // Each handshake shows the certificate of the moment.
        config.resumption = rustls::client::Resumption::disabled();
        Arc::new(config)
    });
    Arc::clone(config)
}

/// Accepts every certificate; whether it is the right one is asked later.
#[derive(Debug)]
struct AcceptAll(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAll {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
