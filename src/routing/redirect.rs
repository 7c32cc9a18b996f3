//! Whether a request is sent to https before anything else happens with it.

use crate::model::HttpsRedirect;

/// Where challenges of certificate authorities are answered (RFC 8555 §8.3): never redirected.
const ACME: &str = "/.well-known/acme-challenge/";

/// How a request came, as far as redirects depend on it.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// Whether it came over TLS.
    pub is_https: bool,
    /// Whether it names a host. Without one (HTTP/1.0) there is no URL to send the client to.
    pub names_host: bool,
    /// Its path as sent, without query.
    pub path: &'a str,
}

/// Why a request is not sent to https.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unredirected {
    /// Its route does not ask for it.
    Off,
    /// Its route asks for it where there is TLS, and no TLS entry covers the host.
    WithoutTls,
    /// It came by https.
    Https,
    /// It names no host.
    WithoutHost,
    /// It asks for a challenge of a certificate authority.
    AcmeChallenge,
    /// A trusted proxy in front says that its client used https.
    ProxySaysHttps,
}

/// Decides for a request to a route with this redirect. `proxy_says_https` is asked last. `None`: it is redirected.
pub fn unredirected(
    redirect: HttpsRedirect,
    has_tls: bool,
    arrival: Arrival<'_>,
    proxy_says_https: impl FnOnce() -> bool,
) -> Option<Unredirected> {
    match redirect {
        HttpsRedirect::Off => Some(Unredirected::Off),
        HttpsRedirect::WithTls if !has_tls => Some(Unredirected::WithoutTls),
        HttpsRedirect::WithTls | HttpsRedirect::Always if arrival.is_https => Some(Unredirected::Https),
        HttpsRedirect::WithTls | HttpsRedirect::Always if !arrival.names_host => Some(Unredirected::WithoutHost),
        HttpsRedirect::WithTls | HttpsRedirect::Always if arrival.path.starts_with(ACME) => {
            Some(Unredirected::AcmeChallenge)
        }
        HttpsRedirect::WithTls | HttpsRedirect::Always => proxy_says_https().then_some(Unredirected::ProxySaysHttps),
    }
}
