//! TLS of the API, from PEM files that may change: mounted Secrets rotate.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;

use crate::model::{CaBundle, CaError, Certificate, CertificateError};

/// Longest file. Bytes.
const LONGEST: u64 = 1 << 20;

/// Files that TLS is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, leaf first, and the private key unless that has a file of its own. PEM.
    pub certificate: PathBuf,
    /// The private key. PEM.
    pub key: Option<PathBuf>,
    /// Authorities whose clients are let in. PEM.
    pub client_ca: Option<PathBuf>,
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsFilesError {
    /// A file cannot be read.
    #[error("cannot read {0}: {1}")]
    Unreadable(PathBuf, io::Error),
    /// The certificate or its key cannot be used.
    #[error("{0} cannot be used: {1}")]
    Certificate(PathBuf, CertificateError),
    /// The authorities cannot be used.
    #[error("{0} cannot be used: {1}")]
    Authorities(PathBuf, CaError),
    /// The TLS library does not take them.
    #[error("TLS cannot be set up: {0}")]
    Library(String),
}

/// What tells one version of a file from the next.
type Stamp = Option<(Option<SystemTime>, u64)>;

/// The configuration that its files make, and the files.
#[derive(Debug)]
pub(super) struct Configs {
    files: TlsFiles,
    stamps: Vec<Stamp>,
    current: Arc<ServerConfig>,
}

impl Configs {
    /// Reads the files, which must be usable.
    pub(super) fn read(files: TlsFiles) -> Result<Self, TlsFilesError> {
        let (stamps, current) = (stamps(&files), config(&files)?);
        Ok(Self { files, stamps, current })
    }

    /// That of a connection which begins now. Files that cannot be used any more leave it as it was.
    pub(super) fn of_now(&mut self) -> Arc<ServerConfig> {
        let stamps = stamps(&self.files);
        if stamps != self.stamps {
            self.stamps = stamps;
            match config(&self.files) {
                Ok(next) => {
                    tracing::info!("the run-time API has a new certificate");
                    self.current = next;
                }
                Err(error) => tracing::error!(%error, "the run-time API keeps its former certificate"),
            }
        }
        Arc::clone(&self.current)
    }
}

fn stamps(files: &TlsFiles) -> Vec<Stamp> {
    let TlsFiles { certificate, key, client_ca } = files;
    let stamp = |path: &PathBuf| std::fs::metadata(path).ok().map(|file| (file.modified().ok(), file.len()));
    [Some(certificate), key.as_ref(), client_ca.as_ref()].into_iter().flatten().map(stamp).collect()
}

fn read(path: &Path) -> Result<Vec<u8>, TlsFilesError> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(LONGEST).read_to_end(&mut bytes));
    read.map_err(|error| TlsFilesError::Unreadable(path.to_owned(), error))?;
    Ok(bytes)
}

/// TLS 1.2 and 1.3 without resumption, so that new authorities count for every connection. A certificate of a client is asked for and
/// verified, and who has none is let through the handshake: the answer then says what is missing.
fn config(files: &TlsFiles) -> Result<Arc<ServerConfig>, TlsFilesError> {
    let TlsFiles { certificate, key, client_ca } = files;
    let chain = read(certificate)?;
    let key = key.as_deref().map_or_else(|| Ok(chain.clone()), read)?;
    let parsed =
        Certificate::parse(&chain, &key).map_err(|why| TlsFilesError::Certificate(certificate.clone(), why))?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|error| TlsFilesError::Library(error.to_string()))?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let bundle = CaBundle::parse(&read(path)?);
            let bundle = bundle.map_err(|why| TlsFilesError::Authorities(path.clone(), why))?;
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(bundle.roots()), provider);
            let verifier = verifier.allow_unauthenticated().build();
            builder.with_client_cert_verifier(verifier.map_err(|error| TlsFilesError::Library(error.to_string()))?)
        }
    };
    let certified = SingleCertAndKey::from((**parsed.key()).clone());
    let mut config = builder.with_cert_resolver(Arc::new(certified));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.cert_decompressors = Vec::new();
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem(name: &str) -> (String, String) {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn files_are_read_in_either_form_and_the_last_good_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let (chain, key) = pem("a.example");
        std::fs::write(path("both.pem"), format!("{key}{chain}")).unwrap();
        std::fs::write(path("tls.crt"), &chain).unwrap();
        std::fs::write(path("tls.key"), &key).unwrap();
        let apart = TlsFiles { certificate: path("tls.crt"), key: Some(path("tls.key")), client_ca: None };
        Configs::read(apart.clone()).unwrap();
        let combined = TlsFiles { certificate: path("both.pem"), key: None, client_ca: Some(path("tls.crt")) };
        let mut configs = Configs::read(combined).unwrap();
        let first = configs.of_now();
        assert!(Arc::ptr_eq(&first, &configs.of_now()));
        std::fs::write(path("both.pem"), "garbage").unwrap();
        assert!(Arc::ptr_eq(&first, &configs.of_now()));
        let (chain, key) = pem("b.example");
        std::fs::write(path("both.pem"), format!("{chain}{key}\n")).unwrap();
        assert!(!Arc::ptr_eq(&first, &configs.of_now()));
        let without_key = TlsFiles { key: None, ..apart.clone() };
        let error = Configs::read(without_key).unwrap_err().to_string();
        assert!(error.contains("tls.key holds no unencrypted PEM private key"), "{error}");
        let nowhere = TlsFiles { certificate: path("none"), ..apart };
        assert!(Configs::read(nowhere).unwrap_err().to_string().starts_with("cannot read "));
    }
}
