//! TLS in front of a pod that speaks in clear: it decrypts, and passes bytes on in both directions.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::manifests::certificate;
use super::tls::TlsClient;

/// How it speaks TLS.
#[derive(Clone, Debug)]
pub struct Speech {
    /// What it takes in ALPN; it does not look at ALPN when this is empty.
    pub protocols: Vec<&'static str>,
    /// Certificates and key, both PEM.
    pub certificate: (String, String),
    /// Whether it stops at TLS 1.2.
    pub is_tls12: bool,
    /// Whether it ends connections without close_notify.
    pub cuts: bool,
    /// The authority, as PEM, that must have signed a certificate of the other side.
    pub asks_for: Option<String>,
}

impl Speech {
    /// With a certificate of its own making.
    pub fn of(protocols: &[&'static str]) -> Self {
        let certificate = certificate(&["pod.example"]);
        Self { protocols: protocols.to_vec(), certificate, is_tls12: false, cuts: false, asks_for: None }
    }
}

/// What was said in a hello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The server name.
    pub name: Option<String>,
    /// The protocols that were offered.
    pub protocols: Vec<String>,
}

/// A listening address.
#[derive(Debug)]
pub struct TlsPod {
    pub address: SocketAddr,
    seen: Arc<Seen>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Seen {
    hellos: Mutex<Vec<Asked>>,
    handshakes: Mutex<Vec<bool>>,
    failures: Mutex<Vec<String>>,
    endings: Mutex<Vec<bool>>,
    farewells: AtomicUsize,
}

impl TlsPod {
    /// In front of `pod`.
    pub fn before(pod: SocketAddr, speech: Speech) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::<Seen>::default();
        let (stop, stopped) = oneshot::channel();
        let thread = {
            let seen = Arc::clone(&seen);
            thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async move {
                    tokio::select! {
                        () = accept(listener, pod, speech, seen) => {}
                        _ = stopped => {}
                    }
                });
                runtime.shutdown_timeout(Duration::ZERO);
            })
        };
        Self { address, seen, stop: Some(stop), thread: Some(thread) }
    }

    /// What hellos have asked for so far.
    pub fn hellos(&self) -> Vec<Asked> {
        self.seen.hellos.lock().unwrap().clone()
    }

    /// Handshakes that have succeeded so far, and whether each resumed an earlier session.
    pub fn handshakes(&self) -> Vec<bool> {
        self.seen.handshakes.lock().unwrap().clone()
    }

    /// Why others have failed.
    pub fn failures(&self) -> Vec<String> {
        self.seen.failures.lock().unwrap().clone()
    }

    /// Connections of which the other side has been given the end so far, because the pod has ended them.
    pub fn farewells(&self) -> usize {
        self.seen.farewells.load(Ordering::SeqCst)
    }

    /// Connections that the other side has ended so far, and whether each was ended with close_notify.
    pub fn endings(&self) -> Vec<bool> {
        self.seen.endings.lock().unwrap().clone()
    }
}

impl Drop for TlsPod {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(listener: std::net::TcpListener, pod: SocketAddr, speech: Speech, seen: Arc<Seen>) {
    let listener = TcpListener::from_std(listener).unwrap();
    let config = config(&speech, &seen);
    loop {
        let (tcp, _) = listener.accept().await.unwrap();
        let _ = tcp.set_nodelay(true);
        let (config, seen, cuts) = (Arc::clone(&config), Arc::clone(&seen), speech.cuts);
        tokio::spawn(async move {
            match TlsClient::accept(tcp, config).await {
                Ok(tls) => {
                    seen.handshakes.lock().unwrap().push(tls.is_resumed());
                    if let Ok(plain) = TcpStream::connect(pod).await {
                        let _ = plain.set_nodelay(true);
                        pass(tls, plain, cuts, &seen).await;
                        // Otherwise it was counted when that was said.
                        seen.farewells.fetch_add(usize::from(cuts), Ordering::SeqCst);
                    }
                }
                Err(error) => seen.failures.lock().unwrap().push(error.to_string()),
            }
        });
    }
}

/// Passes bytes on until both directions have ended.
async fn pass(tls: TlsClient, mut plain: TcpStream, cuts: bool, seen: &Seen) {
    let (mut from_proxy, mut to_proxy) = tokio::io::split(tls);
    let (mut from_pod, mut to_pod) = plain.split();
    let inward = async {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match from_proxy.read(&mut buffer).await {
                Ok(count @ 1..) => to_pod.write_all(&buffer[..count]).await?,
                ended => {
                    seen.endings.lock().unwrap().push(ended.is_ok());
                    return to_pod.shutdown().await;
                }
            }
        }
    };
    let outward = async {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match from_pod.read(&mut buffer).await? {
                // An error ends both directions, and so the connection.
                0 if cuts => return Err(std::io::ErrorKind::ConnectionAborted.into()),
                0 => {
                    to_proxy.shutdown().await?;
                    seen.farewells.fetch_add(1, Ordering::SeqCst);
                    return Ok(());
                }
                count => {
                    to_proxy.write_all(&buffer[..count]).await?;
                    to_proxy.flush().await?;
                }
            }
        }
    };
    let _ = tokio::try_join!(inward, outward);
}

fn config(speech: &Speech, seen: &Arc<Seen>) -> Arc<ServerConfig> {
    let (chain, key) = &speech.certificate;
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let key = CertifiedKey::new(chain, aws_lc_rs::sign::any_supported_type(&key).unwrap());
    let versions: &[_] = if speech.is_tls12 { &[&rustls::version::TLS12] } else { rustls::ALL_VERSIONS };
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .unwrap();
    let config = match &speech.asks_for {
        None => config.with_no_client_auth(),
        Some(pem) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
            let provider = Arc::new(aws_lc_rs::default_provider());
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            config.with_client_cert_verifier(verifier.unwrap())
        }
    };
    let mut config = config.with_cert_resolver(Arc::new(Listening { key: Arc::new(key), seen: Arc::clone(seen) }));
    config.alpn_protocols = speech.protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    config.ticketer = aws_lc_rs::Ticketer::new().unwrap();
    Arc::new(config)
}

/// Shows the certificate and notes what was asked for.
#[derive(Debug)]
struct Listening {
    key: Arc<CertifiedKey>,
    seen: Arc<Seen>,
}

impl ResolvesServerCert for Listening {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().map(str::to_owned);
        let protocols = hello.alpn().into_iter().flatten().map(|name| String::from_utf8_lossy(name).into_owned());
        self.seen.hellos.lock().unwrap().push(Asked { name, protocols: protocols.collect() });
        Some(Arc::clone(&self.key))
    }
}
