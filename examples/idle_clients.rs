//! Many clients that ask once, read the answer, and then keep their connection and are quiet.
//!
//! `cargo run --release --example idle_clients -- http 127.0.0.1:8080 10000`
//!
//! Prints `ready` when all have their answer; ends with its standard input. `https` does not check certificates.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
const HEAD: &[u8] = b"HTTP/1.1 200";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "idle_clients: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    let usage = || io::Error::other("expected http or https, an address, and a number");
    let mut arguments = std::env::args().skip(1);
    let scheme = arguments.next().ok_or_else(usage)?;
    let address = arguments.next().and_then(|text| text.parse::<SocketAddr>().ok()).ok_or_else(usage)?;
    let count = arguments.next().and_then(|text| text.parse::<usize>().ok()).ok_or_else(usage)?;
    let config = Arc::new(config().map_err(io::Error::other)?);
    let mut open: Vec<Box<dyn Read>> = Vec::with_capacity(count);
    for _ in 0..count {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        open.push(match scheme.as_str() {
            "http" => Box::new(ask(stream)?),
            "https" => {
                let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
                let connection = ClientConnection::new(Arc::clone(&config), name).map_err(io::Error::other)?;
                Box::new(ask(StreamOwned::new(connection, stream))?)
            }
            _ => return Err(usage()),
        });
    }
    writeln!(io::stdout(), "ready")?;
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// One request. The answer is expected in one piece.
fn ask<S: Read + Write>(mut stream: S) -> io::Result<S> {
    stream.write_all(REQUEST)?;
    let mut answer = [0; 4096];
    let length = stream.read(&mut answer)?;
    if !answer[..length].starts_with(HEAD) {
        return Err(io::Error::other(format!("unexpected answer: {}", String::from_utf8_lossy(&answer[..length]))));
    }
    Ok(stream)
}

fn config() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    Ok(config.dangerous().with_custom_certificate_verifier(Arc::new(Anyone(provider))).with_no_client_auth())
}

/// Takes every certificate: what is measured is the server.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
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
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
