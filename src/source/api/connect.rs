//! The client of the API server and its connections.
//!
//! kube builds a client too, but without probes. When a peer vanishes silently (a machine that lost its power, a firewall that
//! dropped the connection), a watch would be silent until its own end, minutes later. So the kernel probes the peer. That costs
//! the API server a packet without content four times a minute for each connection, and only while nothing else is sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{Response, StatusCode};
use hyper::body::Incoming;
use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::Client;
use kube::client::{Body, ClientBuilder, ConfigExt};
use kube::config::Config;
use tower::{BoxError, ServiceBuilder};

/// How long it may take to set up a connection, with TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Silence of a connection after which the kernel probes the peer; client-go has 15 s too (Go's default).
pub(super) const PROBE_AFTER: Duration = Duration::from_secs(15);
/// Time between two probes.
const PROBE_EVERY: Duration = Duration::from_secs(5);
/// Probes without an answer after which a connection ends.
const PROBES: u32 = 3;
/// Time without a sign of life that ends a connection, also when what was sent is not acknowledged (TCP_USER_TIMEOUT).
pub(super) const PEER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a connection without a request is kept.
const IDLE: Duration = Duration::from_secs(60);

/// Makes a client; `is_refused` is set when the server does not accept our credentials.
pub(super) fn client(config: Config, is_refused: &Arc<AtomicBool>) -> Result<Client, kube::Error> {
    if config.proxy_url.is_some() {
        // Its error says what is missing.
        return Client::try_from(config);
    }
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_keepalive(Some(PROBE_AFTER));
    tcp.set_keepalive_interval(Some(PROBE_EVERY));
    tcp.set_keepalive_retries(Some(PROBES));
    tcp.set_tcp_user_timeout(Some(PEER_TIMEOUT));
    let mut connector = TimeoutConnector::new(config.rustls_https_connector_with_connector(tcp)?);
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    // HTTP/1, so each watch has a connection. A shared connection would have at most a hundred streams, too few for Secrets
    // that are watched one by one.
    let connections: legacy::Client<_, Body> = legacy::Builder::new(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .build(connector);
    let is_refused = Arc::clone(is_refused);
    let service = ServiceBuilder::new()
        .map_response(move |answer: Response<Incoming>| {
            if answer.status() == StatusCode::UNAUTHORIZED {
                is_refused.store(true, Ordering::Relaxed);
            }
            answer
        })
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(connections);
    Ok(ClientBuilder::new(service, config.default_namespace).build())
}
