//! The TLS handshake with a pod, from a connected socket to a [`TlsStream`].

use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::model::PodTls;
use crate::proxy::pod_tls_fault::PodTlsFault;
use crate::proxy::wire::buffers::BufferPool;
use crate::proxy::wire::tls::session::Session;
use crate::proxy::wire::tls::stream::{Link, TlsStream};

/// The first byte of what a server of TLS may send first: a handshake message or an alert (RFC 8446 §5.1).
const TLS: [u8; 2] = [0x16, 0x15];

/// Whom to shake hands with, and about what.
pub(crate) struct Terms {
    /// Versions, verification, sessions to resume.
    pub(crate) config: Arc<ClientConfig>,
    /// The name to ask for and to verify, or the pod's address, which is not asked for.
    pub(crate) name: ServerName<'static>,
    /// What is offered in ALPN, the best first.
    pub(crate) protocols: &'static [&'static [u8]],
}

/// What a pod's certificate must name. Of an address no server name is sent (RFC 6066 §3).
pub(crate) fn server_name(tls: &PodTls, address: SocketAddr) -> ServerName<'static> {
    let name = tls.server_name.as_ref().map(|name| ServerName::try_from(name.as_str().to_owned()));
    name.and_then(Result::ok).unwrap_or_else(|| ServerName::IpAddress(address.ip().into()))
}

/// Performs the client's side of a handshake until `deadline`. What ends it on our side leaves with the first request.
pub(crate) async fn shake_hands(
    tcp: TcpStream,
    terms: Terms,
    buffers: &Rc<BufferPool>,
    deadline: Instant,
) -> Result<TlsStream, PodTlsFault> {
    let Terms { config, name, protocols } = terms;
    let protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let session = Session::client(config, name, protocols, Rc::clone(buffers)).map_err(|error| broken(&error))?;
    let mut link = Link::new(tcp, session);
    match timeout_at(deadline, run(&mut link)).await {
        Ok(Ok(())) => Ok(TlsStream::new(link, None, false)),
        Ok(Err(fault)) => Err(fault),
        Err(_) => Err(PodTlsFault::Timeout),
    }
}

async fn run(link: &mut Link) -> Result<(), PodTlsFault> {
    let mut is_tls = false;
    loop {
        match link.session().shake_hands() {
            Ok(true) => return Ok(()),
            Ok(false) => poll_fn(|cx| link.poll_send(cx)).await.map_err(|_| PodTlsFault::Closed)?,
            Err(error) => {
                // The alert. A pod that does not take it at once gets none.
                let _ = link.try_send();
                return Err(broken(&error));
            }
        }
        poll_fn(|cx| link.poll_receive(cx)).await.map_err(|_| PodTlsFault::Closed)?;
        if link.is_ended() {
            return Err(PodTlsFault::Closed);
        }
        if !is_tls {
            is_tls = link.session().received().first().is_some_and(|first| TLS.contains(first));
            if !is_tls {
                return Err(PodTlsFault::NotTls);
            }
        }
    }
}

fn broken(error: &rustls::Error) -> PodTlsFault {
    tracing::debug!(%error, "a TLS handshake with a pod failed");
    error.into()
}
