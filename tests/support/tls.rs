//! TLS clients: rustls over a socket of tokio, trusting everybody and telling what it was shown. And the side of a server, for
//! pods.

use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    ClientConfig, ClientConnection, Connection, DigitallySignedStruct, Error, ServerConfig, ServerConnection,
    SignatureScheme,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

/// Takes any certificate.
#[derive(Debug)]
struct Anybody {
    provider: Arc<CryptoProvider>,
    schemes: Option<Vec<SignatureScheme>>,
}

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        // The key alone, as OpenSSL does: the TLS library would refuse the certificate itself if it is of version 1.
        let (_, parsed) = x509_parser::parse_x509_certificate(certificate)
            .map_err(|_| Error::InvalidCertificate(rustls::CertificateError::BadEncoding))?;
        let key = SubjectPublicKeyInfoDer::from(parsed.public_key().raw);
        rustls::crypto::verify_tls13_signature_with_raw_key(message, &key, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone().unwrap_or_else(|| self.provider.signature_verification_algorithms.supported_schemes())
    }
}

/// What a client says in its hello.
#[derive(Clone, Debug, Default)]
pub struct Hello {
    /// Protocols, in order; none at all when empty.
    pub alpn: Vec<&'static str>,
    /// Signature schemes it can check; all when not given.
    pub schemes: Option<Vec<SignatureScheme>>,
    /// Whether it stops at TLS 1.2.
    pub is_tls12: bool,
    /// The certificate that it shows where it is asked for one.
    pub identity: Option<Identity>,
}

/// A certificate of a client, with others behind it, and its key, both PEM.
#[derive(Clone, Debug)]
pub struct Identity {
    pub pem: String,
    pub key: String,
}

impl Identity {
    /// The certificate alone, as DER.
    pub fn der(&self) -> Vec<u8> {
        CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap().to_vec()
    }
}

impl Hello {
    /// One that offers this protocol.
    pub fn of(protocol: &'static str) -> Self {
        Self { alpn: vec![protocol], ..Self::default() }
    }

    /// What a client needs to say it. Clients that share it may resume each other's sessions.
    pub fn config(&self) -> ClientConfig {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = Anybody { provider: Arc::clone(&provider), schemes: self.schemes.clone() };
        let versions: &[_] = if self.is_tls12 { &[&rustls::version::TLS12] } else { rustls::ALL_VERSIONS };
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(Identity { pem, key }) => {
                let chain = CertificateDer::pem_slice_iter(pem.as_bytes()).map(Result::unwrap).collect();
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
                let key = provider.key_provider.load_private_key(key).unwrap();
                // Whatever the certificate says of itself.
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(CertifiedKey::new(chain, key))))
            }
        };
        config.alpn_protocols = self.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        config
    }
}

/// A TLS connection, of a client if nothing else is said.
#[derive(Debug)]
pub struct TlsClient {
    tcp: TcpStream,
    session: Connection,
}

impl TlsClient {
    /// Shakes hands for `name`: a host name, or an address for no server name at all.
    pub async fn connect(address: SocketAddr, name: &str, hello: &Hello) -> io::Result<Self> {
        Self::connect_behind(b"", address, name, hello).await
    }

    /// The same with what [`Hello::config`] gave.
    pub async fn connect_with(address: SocketAddr, name: &str, config: &Arc<ClientConfig>) -> io::Result<Self> {
        Self::shake_hands(b"", address, name, Arc::clone(config)).await
    }

    /// The same with something in front of the hello, in one segment with it.
    pub async fn connect_behind(before: &[u8], address: SocketAddr, name: &str, hello: &Hello) -> io::Result<Self> {
        Self::shake_hands(before, address, name, Arc::new(hello.config())).await
    }

    async fn shake_hands(
        before: &[u8],
        address: SocketAddr,
        name: &str,
        config: Arc<ClientConfig>,
    ) -> io::Result<Self> {
        let mut tcp = TcpStream::connect(address).await?;
        tcp.set_nodelay(true)?;
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let session = ClientConnection::new(config, name).map_err(io::Error::other)?;
        let mut session = Connection::from(session);
        if !before.is_empty() {
            let mut first = before.to_vec();
            session.write_tls(&mut first)?;
            tcp.write_all(&first).await?;
        }
        let mut client = Self { tcp, session };
        poll_fn(|cx| client.poll_handshake(cx)).await?;
        Ok(client)
    }

    /// The side of a server.
    pub async fn accept(tcp: TcpStream, config: Arc<ServerConfig>) -> io::Result<Self> {
        let session = ServerConnection::new(config).map_err(io::Error::other)?;
        let mut server = Self { tcp, session: session.into() };
        let outcome = poll_fn(|cx| server.poll_handshake(cx)).await;
        if outcome.is_err() {
            // The alert.
            let _ = poll_fn(|cx| server.poll_send(cx)).await;
        }
        outcome.map(|()| server)
    }

    /// Whether an earlier session was resumed.
    pub fn is_resumed(&self) -> bool {
        self.session.handshake_kind() == Some(rustls::HandshakeKind::Resumed)
    }

    /// The certificate that was shown, as DER.
    pub fn certificate(&self) -> Vec<u8> {
        self.session.peer_certificates().expect("a certificate")[0].to_vec()
    }

    /// The DNS names of that certificate.
    pub fn names(&self) -> Vec<String> {
        let der = self.certificate();
        let (_, certificate) = x509_parser::parse_x509_certificate(&der).expect("a certificate");
        let names = certificate.subject_alternative_name().expect("an extension").expect("names");
        let names = names.value.general_names.iter().filter_map(|name| match name {
            x509_parser::extensions::GeneralName::DNSName(name) => Some((*name).to_owned()),
            _ => None,
        });
        names.collect()
    }

    /// The protocol that was agreed on.
    pub fn alpn(&self) -> Option<String> {
        self.session.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned())
    }

    /// Sends an HTTP/1 request and reads its answer, whose length must be told: head as text, body.
    pub async fn ask(&mut self, request: impl AsRef<[u8]>) -> io::Result<(String, Vec<u8>)> {
        self.write_all(request.as_ref()).await?;
        self.flush().await?;
        self.answer().await
    }

    /// Reads the next answer.
    pub async fn answer(&mut self) -> io::Result<(String, Vec<u8>)> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.read_u8().await?);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let length =
            head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        self.read_exact(&mut body).await?;
        Ok((head, body))
    }

    pub fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_send(cx))?;
            if !self.session.is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            if ready!(self.poll_receive(cx))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.session.wants_write() {
            ready!(self.tcp.poll_write_ready(cx))?;
            match self.session.write_tls(&mut Socket(&self.tcp)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => drop(outcome?),
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.tcp.poll_read_ready(cx))?;
            match self.session.read_tls(&mut Socket(&self.tcp)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
                Ok(count) => {
                    let processed = self.session.process_new_packets();
                    processed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
                    return Poll::Ready(Ok(count));
                }
            }
        }
    }
}

impl AsyncRead for TlsClient {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let mut buffer = vec![0; into.remaining()];
        loop {
            match this.session.reader().read(&mut buffer) {
                Ok(count) => {
                    into.put_slice(&buffer[..count]);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
            ready!(this.poll_receive(cx))?;
        }
    }
}

impl AsyncWrite for TlsClient {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_send(cx))?;
        let count = this.session.writer().write(data)?;
        // What does not leave now leaves with the next write or flush.
        let _ = this.poll_send(cx)?;
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_send(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.session.send_close_notify();
        ready!(this.poll_send(cx))?;
        Pin::new(&mut this.tcp).poll_shutdown(cx)
    }
}

struct Socket<'a>(&'a TcpStream);

impl Read for Socket<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(into)
    }
}

impl Write for Socket<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.try_write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
