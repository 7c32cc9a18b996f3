//! What a line of the access log with a format of its own asks about a request that is over.

use rustls::CipherSuite;
use tokio::time::Instant;

use super::client_address::client;
use super::peer::{Peer, Scheme};
use super::record::{Record, Times};
use crate::filter::{self, RequestView, Uncounted};
use crate::model::Variable;
use crate::observe::{Details, Facts};
use crate::proxy::config::ListenerConfig;
use crate::proxy::shard::scratch::ExchangeBuffers;
use crate::routing;

/// A request that is over, with all that is known of it.
pub(super) struct Finished<'a> {
    pub(super) record: &'a Record,
    pub(super) listener: &'a ListenerConfig,
    pub(super) peer: &'a Peer,
    pub(super) work: &'a ExchangeBuffers,
    /// When that was.
    pub(super) at: Instant,
}

impl Finished<'_> {
    fn view(&self) -> RequestView<'_> {
        let Self { listener, peer, work, .. } = self;
        RequestView {
            head: &work.head,
            request: &work.request,
            is_tls: peer.tls.is_some(),
            is_https: peer.scheme == Scheme::Https,
            is_trusted: peer.is_trusted,
            has_tls: false,
            port: peer.port,
            http_port: listener.forwarding.http_port,
            https_port: listener.forwarding.https_port,
            client: None,
            decoded_path: b"",
            pattern: None,
            route: self.record.route.as_ref().map(|route| &*route.spec),
            random: 0,
            meter: &Uncounted,
            identity: &filter::Assumed,
        }
    }
}

impl Details for Finished<'_> {
    fn request(&self, variable: &Variable, give: &mut dyn FnMut(&[u8])) {
        let Self { listener, peer, work, .. } = self;
        let is_known = !work.head.is_empty();
        let view = self.view();
        match variable {
            Variable::RemoteAddress if is_known => {
                let client = client(&work.head, &work.request, peer, &listener.forwarding);
                give(client.to_string().as_bytes());
            }
            Variable::RemoteAddress => give(peer.address_text.as_bytes()),
            Variable::Scheme if !is_known => give(peer.scheme.as_str().as_bytes()),
            _ if !is_known => {}
            Variable::Uri => {
                let path = std::str::from_utf8(view.path()).ok();
                match path.and_then(|path| routing::canonical_path(path).ok()) {
                    Some(path) => give(&routing::decoded(&path)),
                    None => give(view.path()),
                }
            }
            variable => filter::value(variable, &view, give),
        }
    }

    fn user(&self) -> Option<String> {
        if self.work.head.is_empty() { None } else { filter::user(&self.view()) }
    }

    fn facts(&self) -> Facts<'_> {
        let Self { record, peer, at, .. } = self;
        let Times { connect, head, response } = record.times(*at);
        let route = record.route.as_ref();
        let names = route.and_then(|route| Some(route.target.detail.as_ref()?.names()));
        let is_canary = route.is_some_and(|route| route.is_canary);
        let replaced = record.replaced.get();
        Facts {
            names,
            canary: names.filter(|_| is_canary).map_or("", |names| &names.backend),
            connect,
            head,
            response,
            answered: if replaced == 0 { record.status.get() } else { replaced },
            cipher: peer.tls.as_ref().and_then(|tls| tls.cipher).map(name),
            remote_port: peer.address.port(),
            server_port: peer.port,
        }
    }
}

/// As OpenSSL, and so nginx, calls the cipher suites that are offered.
fn name(cipher: CipherSuite) -> &'static str {
    match cipher {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => "TLS_AES_128_GCM_SHA256",
        CipherSuite::TLS13_AES_256_GCM_SHA384 => "TLS_AES_256_GCM_SHA384",
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => "TLS_CHACHA20_POLY1305_SHA256",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => "ECDHE-ECDSA-AES128-GCM-SHA256",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 => "ECDHE-ECDSA-AES256-GCM-SHA384",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 => "ECDHE-ECDSA-CHACHA20-POLY1305",
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => "ECDHE-RSA-AES128-GCM-SHA256",
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 => "ECDHE-RSA-AES256-GCM-SHA384",
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => "ECDHE-RSA-CHACHA20-POLY1305",
        other => other.as_str().unwrap_or("unknown"),
    }
}

#[cfg(test)]
mod tests {
    use rustls::crypto::aws_lc_rs::ALL_CIPHER_SUITES;

    use super::*;

    #[test]
    fn all_cipher_suites_have_the_name_of_openssl() {
        for suite in ALL_CIPHER_SUITES {
            let name = name(suite.suite());
            assert!(!name.contains("_WITH_") && !name.starts_with("TLS13"), "{name}");
        }
    }
}
