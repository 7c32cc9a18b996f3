//! Attempts at endpoints that speak TLS. The pod chooses in its handshake (ALPN) whether HTTP/1 or HTTP/2 follows, so the
//! protocol belongs to the connection. From there on an attempt is one of `h1` or `h2`.
//!
//! What a pod chose is remembered with its endpoint. Before that is known, requests wait for the first handshake instead of
//! shaking hands each by itself, because HTTP/2 needs one connection. Once it is known to be HTTP/1 none waits.
//!
//! A WebSocket is opened over HTTP/1.1, which all servers that have WebSockets take, unless there is a connection over
//! HTTP/2 whose pod has said that it takes extended CONNECT (RFC 8441). So most pods get a connection for it that offers
//! nothing but HTTP/1.1. A pod that refuses this is asked over HTTP/2. Other switches of protocols exist in HTTP/1.1 only.

use std::rc::Rc;

use tokio::time::Instant;

use super::attempt::Attempt;
use super::connect::{Obtained, idle, reach};
use super::handshake::{Terms, server_name, shake_hands};
use super::open_session::{Turn, session_on, turn};
use super::retry::{Failure, Reached};
use super::{h1, h2};
use crate::http1::Upgrade;
use crate::model::{PodTls, TlsHttp};
use crate::observe::PodHandshake;
use crate::proxy::error::ProxyError;
use crate::proxy::pod_tls_fault::PodTlsFault;
use crate::proxy::shard::Shard;
use crate::proxy::shard::connections::Counted;
use crate::proxy::shard::h1_conn::H1Conn;
use crate::proxy::shard::session::{Lease, Session};
use crate::proxy::walk::Walk;
use crate::proxy::walk::client_io::{ClientSink, ClientSource};
use crate::proxy::wire::body::unless_lost;
use crate::proxy::wire::socket::Socket;
use crate::proxy::wire::tls::stream::{Alpn, TlsStream};
use crate::upstream::Negotiated;

const BOTH: &[&[u8]] = &[b"h2", b"http/1.1"];
const ONLY_HTTP1: &[&[u8]] = &[b"http/1.1"];
const ONLY_HTTP2: &[&[u8]] = &[b"h2"];

/// A connection for an attempt, by what is spoken on it.
enum Way {
    Http1(Obtained),
    Http2(Lease),
}

/// One attempt.
pub(super) async fn attempt<S: ClientSource, K: ClientSink>(
    walk: &mut Walk<'_>,
    attempt: &Attempt<'_>,
    tls: &PodTls,
    is_whole: bool,
    source: &mut S,
    sink: &mut K,
) -> Result<(), Failure> {
    walk.record.pod_tls.set(None);
    let request = &walk.work.request;
    let may_repeat = is_whole && request.method.is_idempotent();
    let connections = Connections { shard: walk.shard, attempt, tls, may_repeat };
    let upgrade = request.upgrade;
    match unless_lost(sink, connections.way(upgrade)).await? {
        Way::Http1(obtained) => {
            walk.record.pod_tls.set(obtained.conn.socket.tls_version());
            h1::attempt(walk, attempt, obtained, is_whole, source, sink).await
        }
        Way::Http2(lease) => {
            walk.record.pod_tls.set(lease.tls());
            if upgrade.is_some() && !h2::takes_upgrade(walk, attempt, &lease, sink).await? {
                return Err(ProxyError::UpgradeUnsupported.into());
            }
            h2::attempt(walk, attempt, lease, is_whole, source, sink).await
        }
    }
}

/// A connection over HTTP/1.1, idle or new.
pub(super) async fn obtain_http1(
    shard: &Rc<Shard>,
    attempt: &Attempt<'_>,
    tls: &PodTls,
    may_repeat: bool,
) -> Result<Obtained, Failure> {
    let connections = Connections { shard, attempt, tls, may_repeat };
    match Box::pin(connections.http1(ONLY_HTTP1)).await? {
        Way::Http1(obtained) => Ok(obtained),
        Way::Http2(_) => Err(ProxyError::UpgradeUnsupported.into()),
    }
}

/// Where an attempt gets its connection from.
struct Connections<'a> {
    shard: &'a Rc<Shard>,
    attempt: &'a Attempt<'a>,
    tls: &'a PodTls,
    /// Whether the request may be sent twice.
    may_repeat: bool,
}

impl Connections<'_> {
    async fn way(&self, upgrade: Option<Upgrade>) -> Result<Way, Failure> {
        let Self { shard, attempt, tls, .. } = self;
        match tls.http {
            TlsHttp::Http2 => self.http2(ONLY_HTTP2).await,
            TlsHttp::Negotiated if upgrade.is_some() => {
                if upgrade == Some(Upgrade::WebSocket)
                    && let Some(lease) = shard.sessions.for_connect(attempt.endpoint.id(), attempt.newer_than)
                {
                    return Ok(Way::Http2(lease));
                }
                match self.http1(ONLY_HTTP1).await {
                    Err(failure) if failure.error == ProxyError::PodTls(PodTlsFault::NoProtocol) => {
                        self.http2(ONLY_HTTP2).await
                    }
                    outcome => outcome,
                }
            }
            TlsHttp::Negotiated => match attempt.endpoint.negotiated() {
                Some(Negotiated::Http1) => self.http1(BOTH).await,
                Some(Negotiated::Http2) | None => self.http2(BOTH).await,
            },
        }
    }

    /// An idle connection over HTTP/1, or a new one of either kind.
    async fn http1(&self, protocols: &'static [&'static [u8]]) -> Result<Way, Failure> {
        let Self { shard, attempt, may_repeat, .. } = self;
        if let Some(obtained) = idle(shard, attempt, *may_repeat) {
            return Ok(Way::Http1(obtained));
        }
        let (stream, place) = self.secure(protocols).await?;
        Ok(if self.is_http2(&stream) {
            let session = self.session(stream, place);
            let lease = Lease::new(&session);
            shard.sessions.add(attempt.endpoint.id(), session);
            Way::Http2(lease)
        } else {
            Way::Http1(made(stream, place))
        })
    }

    /// A connection over HTTP/2 with room, or a new one of either kind, for which others wait.
    async fn http2(&self, protocols: &'static [&'static [u8]]) -> Result<Way, Failure> {
        let Self { shard, attempt, .. } = self;
        let dialing = match turn(shard, attempt).await? {
            Turn::Use(lease) => return Ok(Way::Http2(lease)),
            Turn::Make(dialing) => dialing,
        };
        // The handshake that this request has waited for came to something else.
        if protocols == BOTH && attempt.endpoint.negotiated() == Some(Negotiated::Http1) {
            drop(dialing);
            return self.http1(protocols).await;
        }
        match self.secure(protocols).await {
            Ok((stream, place)) if self.is_http2(&stream) => {
                let session = self.session(stream, place);
                let lease = Lease::new(&session);
                dialing.succeeded(session);
                Ok(Way::Http2(lease))
            }
            Ok((stream, place)) => Ok(Way::Http1(made(stream, place))),
            Err(failure) => {
                dialing.failed(&failure.error);
                Err(failure)
            }
        }
    }

    /// A new connection. Failures make the endpoint suspect. The time for connecting is for the handshake too.
    async fn secure(&self, protocols: &'static [&'static [u8]]) -> Result<(TlsStream, Counted), Failure> {
        let Self { shard, attempt: Attempt { endpoint, policy, metrics, .. }, tls, .. } = self;
        let began = Instant::now();
        let deadline = began + policy.timeouts.connect;
        let (tcp, place) = reach(shard, self.attempt).await?;
        let outcome = match shard.pod_tls.of(endpoint.endpoint(), tls, began) {
            Ok(config) => {
                let terms = Terms { config, name: server_name(tls, endpoint.address()), protocols };
                shake_hands(tcp, terms, &shard.buffers, deadline).await
            }
            Err(error) => Err(PodTlsFault::from(&error)),
        };
        match outcome {
            Ok(stream) => {
                metrics.handshake(if stream.is_resumed() { PodHandshake::Resumed } else { PodHandshake::Full });
                endpoint.connect_succeeded();
                // One that was offered nothing else says nothing about others.
                if protocols == BOTH {
                    let is_http2 = self.is_http2(&stream);
                    endpoint.has_negotiated(if is_http2 { Negotiated::Http2 } else { Negotiated::Http1 });
                }
                Ok((stream, place))
            }
            Err(fault) => {
                metrics.handshake(fault.result());
                // A pod that does not speak HTTP/1.1 for a WebSocket is none the worse for that.
                if !(fault == PodTlsFault::NoProtocol && protocols == ONLY_HTTP1) {
                    endpoint.connect_failed(began);
                }
                let address = endpoint.address();
                tracing::debug!(%address, %fault, "no TLS connection to a pod");
                Err(Failure::new(ProxyError::PodTls(fault), Reached::NotConnected))
            }
        }
    }

    fn is_http2(&self, stream: &TlsStream) -> bool {
        self.tls.http == TlsHttp::Http2 || stream.alpn() == Alpn::Http2
    }

    fn session(&self, stream: TlsStream, place: Counted) -> Rc<Session> {
        let version = stream.version();
        session_on(self.shard, self.attempt, (Socket::Tls(Box::new(stream)), place), Some(version))
    }
}

fn made(stream: TlsStream, place: Counted) -> Obtained {
    let since = Instant::now();
    let conn = H1Conn::new(Socket::Tls(Box::new(stream)), Some(place), since);
    Obtained { conn, is_reused: false, since }
}
