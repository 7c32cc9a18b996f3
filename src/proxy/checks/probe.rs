//! One check of one endpoint.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout_at};

use crate::http1::{Limits, MAX_INTERIM, Method, Progress, RequestContext, ResponseHead};
use crate::model::{CheckKind, Checks, HttpCheck, PodTls, Protocol, TlsHttp};
use crate::proxy::error::ProxyError;
use crate::proxy::pod_tls_fault::PodTlsFault;
use crate::proxy::pods::connect::reason;
use crate::proxy::pods::handshake::{Terms, server_name, shake_hands};
use crate::proxy::shard::pod_tls::PodTlsConfigs;
use crate::proxy::wire::buffers::BufferPool;
use crate::proxy::wire::socket::Socket;
use crate::upstream::{CheckOutcome, Endpoint};

/// Longest head of an answer. Bytes.
const HEAD: usize = 16 * 1024;

/// What checks share.
pub(super) struct Tools {
    pub(super) buffers: Rc<BufferPool>,
    pub(super) pod_tls: PodTlsConfigs,
}

/// Checks an endpoint; `None`: we could not, for a reason of our own. Pods that speak nothing but HTTP/2 are checked by a connection
/// alone.
pub(super) async fn probe(
    tools: &Tools,
    endpoint: &Arc<Endpoint>,
    protocol: &Protocol,
    checks: &Checks,
) -> Option<CheckOutcome> {
    let deadline = Instant::now() + checks.timeout;
    let tcp = match timeout_at(deadline, connect(endpoint.address())).await {
        Ok(Ok(tcp)) => tcp,
        Ok(Err(error)) if reason(error.kind()) == ProxyError::ConnectRefused => {
            return Some(CheckOutcome::NotConnected);
        }
        Ok(Err(error)) => {
            tracing::debug!(address = %endpoint.address(), %error, "no check of a pod, for a reason of our own");
            return None;
        }
        Err(_) => return Some(CheckOutcome::ConnectTimeout),
    };
    // A check leaves no connection behind that waits for its end, on either side.
    let _ = SockRef::from(&tcp).set_linger(Some(Duration::ZERO));
    let CheckKind::Http(http) = &checks.kind else { return Some(CheckOutcome::Connected) };
    let mut socket = match protocol {
        Protocol::Http1 => Socket::Tcp(tcp),
        Protocol::H2c => return Some(CheckOutcome::Connected),
        Protocol::Tls(tls) if tls.http == TlsHttp::Http2 => return Some(CheckOutcome::Connected),
        Protocol::Tls(tls) => match secure(tools, endpoint, tls, tcp, deadline).await {
            Ok(socket) => socket,
            Err(PodTlsFault::Timeout) => return Some(CheckOutcome::TlsTimeout),
            Err(_) => return Some(CheckOutcome::NoTls),
        },
    };
    Some(match timeout_at(deadline, ask(&mut socket, http, checks.timeout)).await {
        Ok(Some(status)) if (http.good.0..=http.good.1).contains(&status) => CheckOutcome::Good(status),
        Ok(Some(status)) => CheckOutcome::Bad(status),
        Ok(None) => CheckOutcome::Invalid,
        Err(_) => CheckOutcome::Timeout,
    })
}

async fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.connect(address).await
}

async fn secure(
    tools: &Tools,
    endpoint: &Arc<Endpoint>,
    tls: &PodTls,
    tcp: TcpStream,
    deadline: Instant,
) -> Result<Socket, PodTlsFault> {
    let config = tools.pod_tls.of(endpoint, tls, Instant::now()).map_err(|error| PodTlsFault::from(&error))?;
    let terms = Terms { config, name: server_name(tls, endpoint.address()), protocols: &[b"http/1.1"] };
    let stream = shake_hands(tcp, terms, &tools.buffers, deadline).await?;
    Ok(Socket::Tls(Box::new(stream)))
}

/// The status of the answer to the request; `None`: there is no valid one.
async fn ask(socket: &mut Socket, http: &HttpCheck, stall: Duration) -> Option<u16> {
    let HttpCheck { request, is_head, good: _ } = http;
    let (mut reader, mut writer) = socket.split();
    writer.write_all(request.as_bytes(), &[], stall).await.ok()?;
    let context = RequestContext { method: if *is_head { Method::Head } else { Method::Get }, upgrade: None };
    let limits = Limits { head_bytes: HEAD, ..Limits::RESPONSE };
    let (mut bytes, mut filled, mut head) = (vec![0; 1024], 0, ResponseHead::new());
    let mut interim = 0;
    loop {
        if filled == bytes.len() {
            bytes.resize((bytes.len() * 2).min(HEAD + 1), 0);
        }
        let read = poll_fn(|cx| reader.poll_read(cx, &mut bytes[filled..])).await.ok().filter(|read| *read > 0)?;
        filled += read;
        while head.parse(&bytes[..filled], context, &limits).ok()? == Progress::Complete {
            if !head.is_interim() {
                return Some(head.status);
            }
            interim += 1;
            if interim > MAX_INTERIM {
                return None;
            }
            bytes.copy_within(head.len..filled, 0);
            filled -= head.len;
            head = ResponseHead::new();
        }
    }
}
