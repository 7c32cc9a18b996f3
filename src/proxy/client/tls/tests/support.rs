//! A client in a thread of its own, and certificates to show it.

use std::future::{Future, poll_fn};
use std::io;
use std::net::TcpStream as BlockingStream;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, KeyPair, SignatureAlgorithm as KeyKind};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, ServerConfig, SignatureScheme, StreamOwned};
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::model::Certificate;
use crate::proxy::client::tls::{
    Http2, SniResolver, TlsError, TlsStream, accept, fallback_certificate, server_config, tickets,
};
use crate::proxy::wire::buffers::BufferPool;

pub(super) const LONG: Duration = Duration::from_secs(60);

/// Runs one connection: `client` on the connected socket in a thread, `server` on the outcome of the handshake.
pub(super) fn meet<C, S, F>(
    config: Arc<ServerConfig>,
    client: impl FnOnce(BlockingStream) -> C + Send + 'static,
    server: impl FnOnce(Result<TlsStream, TlsError>) -> F,
) -> (C, S)
where
    C: Send + 'static,
    F: Future<Output = S>,
{
    let pool = BufferPool::new();
    let (client, outcome) = meet_with(config, &pool, client, server);
    assert_eq!(pool.taken(), 0, "a buffer leaked");
    (client, outcome)
}

pub(super) fn meet_with<C, S, F>(
    config: Arc<ServerConfig>,
    pool: &Rc<BufferPool>,
    client: impl FnOnce(BlockingStream) -> C + Send + 'static,
    server: impl FnOnce(Result<TlsStream, TlsError>) -> F,
) -> (C, S)
where
    C: Send + 'static,
    F: Future<Output = S>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (client, outcome) = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = thread::spawn(move || {
            let tcp = BlockingStream::connect(address).unwrap();
            tcp.set_nodelay(true).unwrap();
            tcp.set_read_timeout(Some(LONG)).unwrap();
            client(tcp)
        });
        let (tcp, _) = listener.accept().await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let accepted = accept(tcp, config, Rc::clone(pool), Instant::now() + LONG).await;
        (client, server(accepted).await)
    });
    (client.join().unwrap(), outcome)
}

/// A server configuration that shows `certificates` for every name.
pub(super) fn showing(certificates: Vec<Arc<Certificate>>) -> Arc<ServerConfig> {
    choosing(move |_| certificates.clone())
}

pub(super) fn choosing(
    choose: impl Fn(Option<&str>) -> Vec<Arc<Certificate>> + Send + Sync + 'static,
) -> Arc<ServerConfig> {
    let fallback = Arc::new(fallback_certificate(SystemTime::now()).unwrap());
    server_config(Arc::new(SniResolver::new(choose, fallback)), tickets().unwrap(), Http2::Offered).unwrap()
}

/// A self-signed certificate for `name` with a key of that kind, and the key in PKCS#8.
pub(super) fn pair(name: &str, kind: &'static KeyKind) -> (String, KeyPair) {
    let key = KeyPair::generate_for(kind).unwrap();
    let certificate = CertificateParams::new([name.to_owned()]).unwrap().self_signed(&key).unwrap();
    (certificate.pem(), key)
}

pub(super) fn certificate(name: &str, kind: &'static KeyKind) -> Arc<Certificate> {
    let (chain, key) = pair(name, kind);
    Arc::new(Certificate::parse(chain.as_bytes(), key.serialize_pem().as_bytes()).unwrap())
}

pub(super) fn ecdsa(name: &str) -> Arc<Certificate> {
    certificate(name, &rcgen::PKCS_ECDSA_P256_SHA256)
}

pub(super) fn rsa(name: &str) -> Arc<Certificate> {
    certificate(name, &rcgen::PKCS_RSA_SHA256)
}

/// What a client may be like.
pub(super) struct Client {
    pub(super) versions: Vec<&'static rustls::SupportedProtocolVersion>,
    pub(super) alpn: Vec<Vec<u8>>,
    pub(super) schemes: Option<Vec<SignatureScheme>>,
    pub(super) sni: bool,
}

impl Default for Client {
    fn default() -> Self {
        Self { versions: vec![&rustls::version::TLS13], alpn: Vec::new(), schemes: None, sni: true }
    }
}

impl Client {
    pub(super) fn tls12() -> Self {
        Self { versions: vec![&rustls::version::TLS12], ..Self::default() }
    }

    pub(super) fn config(self) -> Arc<ClientConfig> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = AcceptAny { provider: Arc::clone(&provider), schemes: self.schemes };
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&self.versions)
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        config.alpn_protocols = self.alpn;
        config.enable_sni = self.sni;
        Arc::new(config)
    }
}

pub(super) type ClientStream = StreamOwned<ClientConnection, BlockingStream>;

pub(super) fn connection(config: Arc<ClientConfig>, name: &str) -> ClientConnection {
    ClientConnection::new(config, ServerName::try_from(name.to_owned()).unwrap()).unwrap()
}

pub(super) fn connect(config: Arc<ClientConfig>, name: &str, tcp: BlockingStream) -> ClientStream {
    StreamOwned::new(connection(config, name), tcp)
}

/// Completes the handshake of a client.
pub(super) fn shake(stream: &mut ClientStream) -> io::Result<()> {
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(())
}

/// Accepts every certificate, but checks that the server holds its key.
#[derive(Debug)]
struct AcceptAny {
    provider: Arc<CryptoProvider>,
    schemes: Option<Vec<SignatureScheme>>,
}

impl ServerCertVerifier for AcceptAny {
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
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let all = || self.provider.signature_verification_algorithms.supported_schemes();
        self.schemes.clone().unwrap_or_else(all)
    }
}

pub(super) async fn read(stream: &TlsStream, into: &mut [u8]) -> io::Result<usize> {
    poll_fn(|cx| stream.poll_read(cx, into)).await
}

pub(super) async fn read_exact(stream: &TlsStream, into: &mut [u8]) {
    let mut n = 0;
    while n < into.len() {
        let more = read(stream, &mut into[n..]).await.unwrap();
        assert!(more > 0, "ended after {n} of {} bytes", into.len());
        n += more;
    }
}

pub(super) async fn write_all(stream: &TlsStream, mut data: &[u8]) {
    while !data.is_empty() {
        let n = poll_fn(|cx| stream.poll_write(cx, data)).await.unwrap();
        assert!(n > 0);
        data = &data[n..];
    }
    poll_fn(|cx| stream.poll_flush(cx)).await.unwrap();
}

pub(super) async fn shutdown(stream: &TlsStream) {
    poll_fn(|cx| stream.poll_shutdown(cx)).await.unwrap();
}

/// Answers `hello` to whatever comes first, closes, and waits until the client has closed too.
pub(super) async fn greet(stream: TlsStream) -> TlsStream {
    let mut first = [0; 100];
    assert!(read(&stream, &mut first).await.unwrap() > 0);
    write_all(&stream, b"hello").await;
    shutdown(&stream).await;
    while read(&stream, &mut first).await.unwrap() > 0 {}
    stream
}

/// The other side of [`greet`].
pub(super) fn be_greeted(stream: &mut ClientStream) {
    use std::io::{Read, Write};
    stream.write_all(b"good day").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "hello");
    stream.conn.send_close_notify();
    stream.flush().unwrap();
}
