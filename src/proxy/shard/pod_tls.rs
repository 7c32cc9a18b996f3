//! TLS towards pods as a shard knows it: for each endpoint a configuration, with the sessions that can be resumed.
//!
//! Sessions belong to one endpoint, because pods rarely share the keys of their tickets, and to one shard, because shards
//! share no locks. rustls finds sessions by server name only, which all pods of an upstream have in common; so each
//! endpoint has a configuration with a store of its own.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio::time::Instant;

use crate::model::{CaBundle, ClientCertificate, NameCheck, PodTls, Sni, TlsVersions, Verification};
use crate::upstream::Endpoint;

/// Endpoints of which sessions are kept. Their tickets take a few kilobytes, with the certificates that were shown.
const MOST: usize = 512;
/// Tickets kept for one endpoint: rustls keeps eight.
const TICKETS: usize = 8;
/// An endpoint with which no handshake was begun for this time is forgotten. Few pods take older tickets.
const FORGOTTEN: Duration = Duration::from_secs(3600);

/// The configurations of a shard.
#[derive(Default)]
pub(crate) struct PodTlsConfigs {
    entries: RefCell<HashMap<u64, Entry>>,
    /// Made with the first of them.
    provider: RefCell<Option<Arc<CryptoProvider>>>,
}

struct Entry {
    endpoint: Arc<Endpoint>,
    config: Arc<ClientConfig>,
    used: Instant,
}

impl PodTlsConfigs {
    /// The configuration for a handshake with this endpoint, whose upstream asks for `tls`.
    pub(crate) fn of(&self, endpoint: &Arc<Endpoint>, tls: &PodTls, now: Instant) -> Result<Arc<ClientConfig>, Error> {
        let mut entries = self.entries.borrow_mut();
        if let Some(entry) = entries.get_mut(&endpoint.id()) {
            entry.used = now;
            return Ok(Arc::clone(&entry.config));
        }
        let config = Arc::new(config(&self.provider(), tls)?);
        if entries.len() >= MOST {
            let oldest = entries.iter().min_by_key(|(_, entry)| entry.used).map(|(id, _)| *id);
            oldest.and_then(|id| entries.remove(&id));
        }
        let entry = Entry { endpoint: Arc::clone(endpoint), config: Arc::clone(&config), used: now };
        entries.insert(endpoint.id(), entry);
        Ok(config)
    }

    /// Forgets endpoints that have left or were not used for long. To be called about once a second.
    pub(crate) fn sweep(&self, now: Instant) {
        let stays = |entry: &Entry| !entry.endpoint.is_retired() && now.duration_since(entry.used) < FORGOTTEN;
        self.entries.borrow_mut().retain(|_, entry| stays(entry));
    }

    fn provider(&self) -> Arc<CryptoProvider> {
        let mut provider = self.provider.borrow_mut();
        Arc::clone(provider.get_or_insert_with(|| Arc::new(aws_lc_rs::default_provider())))
    }
}

/// No early data (RFC 8470: it can be replayed).
fn config(provider: &Arc<CryptoProvider>, tls: &PodTls) -> Result<ClientConfig, Error> {
    let PodTls { http: _, server_name: _, sni, verification, versions, client } = tls;
    let verifier: Arc<dyn ServerCertVerifier> = match verification {
        Verification::Unverified => {
            Arc::new(Anybody { schemes: provider.signature_verification_algorithms.supported_schemes() })
        }
        Verification::Ca { authorities, depth, name } => {
            let roots = Arc::clone(authorities.roots());
            let built = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider)).build();
            let verifier = built.map_err(|error| Error::General(error.to_string()))?;
            let algorithms = provider.signature_verification_algorithms;
            let authorities = Arc::clone(authorities);
            Arc::new(Signed { verifier, authorities, algorithms, depth: *depth as usize, name: *name })
        }
    };
    let both = [&rustls::version::TLS13, &rustls::version::TLS12];
    let versions = match versions {
        TlsVersions::Both => &both[..],
        TlsVersions::Only13 => &both[..1],
        TlsVersions::Only12 => &both[1..],
    };
    let config = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(versions)?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match client {
        None => config.with_no_client_auth(),
        Some(ClientCertificate(certificate)) => {
            let key = CertifiedKey::clone(certificate.key());
            config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key)))
        }
    };
    config.enable_sni = *sni == Sni::Sent;
    config.resumption = Resumption::in_memory_sessions(TICKETS);
    config.enable_early_data = false;
    // Decompression before authentication can be made to use much memory.
    config.cert_compressors = Vec::new();
    config.cert_decompressors = Vec::new();
    Ok(config)
}

/// Takes what an authority has signed, with no more certificates between than may be. The verifier of the TLS library takes up
/// to six.
#[derive(Debug)]
struct Signed {
    verifier: Arc<WebPkiServerVerifier>,
    authorities: Arc<CaBundle>,
    algorithms: WebPkiSupportedAlgorithms,
    depth: usize,
    name: NameCheck,
}

impl ServerCertVerifier for Signed {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // Senders put them in order (RFC 5246 §7.4.2), and some add the authority itself.
        let is_authority =
            |der: &CertificateDer<'_>| self.authorities.certificates().any(|known| known == der.as_ref());
        let between: Vec<_> = others.iter().filter(|der| !is_authority(der)).take(self.depth).cloned().collect();
        match self.name {
            NameCheck::Asked => self.verifier.verify_server_cert(leaf, &between, name, ocsp, now),
            NameCheck::Any => {
                let leaf = ParsedCertificate::try_from(leaf)?;
                let roots = self.authorities.roots();
                verify_server_cert_signed_by_trust_anchor(&leaf, roots, &between, now, self.algorithms.all)?;
                Ok(ServerCertVerified::assertion())
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, leaf, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, leaf, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// Takes any certificate. It does not ask for proof that the pod has its key either: whoever is between us and the pod
/// could show a certificate and key of his own. So certificates that cannot be read are no reason to refuse a pod.
#[derive(Debug)]
struct Anybody {
    schemes: Vec<SignatureScheme>,
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
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{EndpointPort, EndpointSpec, ObjectName, PortRef, Protocol, TlsHttp, UpstreamKey, UpstreamSpec};
    use crate::upstream::{Registry, Upstream};

    fn upstream(count: usize) -> Arc<Upstream> {
        let tls = Protocol::Tls(Arc::new(PodTls::unverified(TlsHttp::Negotiated)));
        let service = ObjectName::new("shop", "web");
        let key = UpstreamKey { service, endpoint_port: EndpointPort::Fixed(443), protocol: tls };
        let spec = Arc::new(UpstreamSpec { key, port: PortRef::Number(443), for_https: None });
        let (backend, _) = Registry::new(Arc::default()).get_or_create(&spec);
        backend.upstream.set_endpoints(endpoints(count));
        backend.upstream
    }

    fn endpoints(count: usize) -> Vec<EndpointSpec> {
        (0..count).map(|at| EndpointSpec::active(([10, 0, 0, 1], 1000 + at as u16).into())).collect()
    }

    #[test]
    fn an_endpoint_keeps_its_sessions_until_it_leaves_or_too_many_others_were_used_since() {
        let (configs, upstream, now) = (PodTlsConfigs::default(), upstream(MOST + 1), Instant::now());
        let tls = PodTls::unverified(TlsHttp::Negotiated);
        let set = upstream.endpoints();
        let [first, second, .., last] = set.as_slice() else { panic!("they are many") };
        let of = |endpoint, after| configs.of(endpoint, &tls, now + Duration::from_secs(after)).unwrap();
        let (config, other) = (of(first, 0), of(second, 1));
        assert!(!Arc::ptr_eq(&config, &other));
        for endpoint in &set.as_slice()[2..MOST] {
            of(endpoint, 2);
        }
        assert!(Arc::ptr_eq(&config, &of(first, 3)));
        of(last, 4);
        assert_eq!(configs.entries.borrow().len(), MOST);
        assert!(Arc::ptr_eq(&config, &of(first, 5)), "it was used since");
        assert!(!Arc::ptr_eq(&other, &of(second, 6)), "it was the one that was not used for longest");

        upstream.set_endpoints(endpoints(1));
        configs.sweep(now + Duration::from_secs(7));
        assert_eq!(configs.entries.borrow().keys().copied().collect::<Vec<_>>(), [first.id()]);
        configs.sweep(now + FORGOTTEN + Duration::from_secs(5));
        assert!(configs.entries.borrow().is_empty());
    }
}
