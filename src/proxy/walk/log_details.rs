//! What a line of the access log with a format of its own asks about a request that is over.

use std::time::Duration;

use rustls::CipherSuite;
use tokio::time::Instant;

use super::client_address::client;
use super::peer::{Peer, Scheme};
use super::record::{Record, Times};
use crate::filter::{self, Fields, RequestView, Uncounted};
use crate::model::{Action, UpstreamSpec, Variable};
use crate::observe::{Connections, Course, Details, Facts, Listener};
use crate::proxy::config::ListenerConfig;
use crate::proxy::shard::Shard;
use crate::proxy::shard::scratch::ExchangeBuffers;
use crate::routing;
use crate::upstream::{Destination, Upstream};

/// Of Services with more endpoints than this the requests at them are not summed up. That is done for each line.
const COUNTED: usize = 1024;

/// A request that is over, with all that is known of it.
pub(super) struct Finished<'a> {
    pub(super) shard: &'a Shard,
    pub(super) record: &'a Record,
    pub(super) listener: &'a ListenerConfig,
    pub(super) peer: &'a Peer,
    pub(super) work: &'a ExchangeBuffers,
    /// When its head was complete.
    pub(super) ready_at: Instant,
    /// When it was over.
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

impl Finished<'_> {
    /// Where its route leads, if that is to pods.
    fn backend(&self) -> Option<(&UpstreamSpec, &Upstream)> {
        let route = self.record.route.as_ref()?;
        match (&route.spec.action, &route.target.destination) {
            (Action::Forward(spec), Destination::Forward(backend)) => Some((spec, &backend.upstream)),
            _ => None,
        }
    }

    /// What is open now, with this request as if it were under way.
    fn connections(&self, shard: &Shard) -> Connections {
        let Self { record, peer, .. } = self;
        let listener = if peer.tls.is_some() { Listener::Https } else { Listener::Http };
        let (mut backend, mut server) = (0, 0);
        if let Some((_, upstream)) = self.backend() {
            let asked = record.endpoint.get();
            backend = 1;
            server = u64::from(record.handed_over.get().is_some());
            let endpoints = upstream.endpoints();
            if endpoints.len() <= COUNTED {
                for endpoint in endpoints.as_slice() {
                    let requests = endpoint.in_flight() as u64;
                    backend += requests;
                    if asked == Some(endpoint.address()) {
                        server += requests;
                    }
                }
            }
        }
        let process = shard.connections.open() as u64;
        Connections { process, frontend: shard.metrics.listener(listener).open(), backend, server }
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

    fn field(&self, name: &str, give: &mut dyn FnMut(&[u8])) {
        let Self { work, .. } = self;
        if work.head.is_empty() {
            return;
        }
        let value = Fields { bytes: &work.head, list: &work.request.fields }.last(name);
        // HTTP/2 clients say it by `:authority`.
        let is_host = name.eq_ignore_ascii_case("host");
        if let Some(value) = value.or_else(|| is_host.then(|| work.request.authority.of(&work.head))) {
            give(value);
        }
    }

    fn course(&self) -> Course<'_> {
        let Self { shard, record, peer, work, ready_at, at, .. } = self;
        let (is_asked, queued) = (record.attempts.get() > 0, record.queued.get());
        let Times { connect, head: _, response: _ } = record.times(*at);
        let handed_over = record.handed_over.get();
        // With what was tried before, as HAProxy counts it.
        let connect = match (record.attempts.get(), handed_over) {
            (2.., Some(handed_over)) => Some(handed_over.saturating_duration_since(*ready_at)),
            _ => connect,
        };
        Course {
            remote_port: peer.address.port(),
            is_tls: peer.tls.is_some(),
            backend: self.backend().map(|(spec, _)| spec),
            received: (!work.head.is_empty()).then(|| record.received_after(*ready_at)),
            queued: (is_asked || queued > 0).then(|| Duration::from_millis(queued.into())),
            connect,
            head: handed_over.and(record.head_after.get()),
            status: record.told(),
            state: record.state(),
            connections: self.connections(shard),
            retries: record.attempts.get().saturating_sub(1),
            answer: record.captured(),
        }
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
