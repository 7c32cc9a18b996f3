//! Connections to the API: at most so many, each with one request and a deadline, unless it watches. The first bytes decide nothing
//! here: TLS is spoken, or it is not.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::caller::{Peer, Shown};
use super::desk::Desk;
use super::tls::Configs;
use super::write_deadline::WriteDeadline;
use crate::control_http::{DEADLINE, FIELD_LIMIT, HEAD_LIMIT, HyperIo};
use crate::model::common_name;

/// Most connections at a time, besides those that watch.
const MOST: usize = 64;
/// Age from which a connection is closed in favour of another one.
const OLD: Duration = Duration::from_secs(1);
/// Wait after an accept that failed, as when descriptors are used up.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Takes connections until dropped, which ends them.
pub(super) async fn accept(listener: TcpListener, mut tls: Option<Configs>, desk: &Arc<Desk>) {
    let mut crowd = Crowd::default();
    loop {
        let (socket, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection to the run-time API was not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let acceptor = tls.as_mut().map(|configs| TlsAcceptor::from(configs.of_now()));
        let (desk, watches) = (Arc::clone(desk), Arc::new(AtomicBool::new(false)));
        let talk = Talk { desk, watches: Arc::clone(&watches), deadline: Instant::now() + DEADLINE };
        crowd.begin(watches, async move {
            match acceptor {
                None => talk.converse(socket, Peer { address: peer.ip(), shown: Shown::Nothing }).await,
                Some(acceptor) => match timeout_at(talk.deadline, acceptor.accept(socket)).await {
                    Ok(Ok(stream)) => {
                        let shown = shown(&stream);
                        talk.converse(stream, Peer { address: peer.ip(), shown }).await;
                    }
                    Ok(Err(error)) => {
                        tracing::debug!(%error, client = %peer.ip(), "a handshake with the run-time API failed")
                    }
                    Err(_) => tracing::debug!(client = %peer.ip(), "a handshake with the run-time API took too long"),
                },
            }
        });
        // Lets the new connection run first.
        tokio::task::yield_now().await;
        crowd.shrink();
    }
}

/// What the client showed; the TLS library has verified it.
fn shown(stream: &TlsStream<TcpStream>) -> Shown {
    let (_, session) = stream.get_ref();
    match session.peer_certificates().and_then(|chain| chain.first()) {
        None => Shown::Nothing,
        Some(leaf) => common_name(leaf).map_or(Shown::Nameless, Shown::Certificate),
    }
}

/// One connection.
struct Talk {
    desk: Arc<Desk>,
    /// Set once it watches: then it may take longer.
    watches: Arc<AtomicBool>,
    deadline: Instant,
}

impl Talk {
    /// Answers the one request of the connection.
    async fn converse<S: AsyncRead + AsyncWrite + Unpin>(self, stream: S, peer: Peer) {
        let Self { desk, watches, deadline } = self;
        let service = service_fn(|request| {
            let answered = desk.answer(request, &peer, &watches);
            async move { Ok::<_, Infallible>(answered.await) }
        });
        let mut http = http1::Builder::new();
        http.keep_alive(false).max_buf_size(HEAD_LIMIT).max_headers(FIELD_LIMIT).header_read_timeout(None);
        let io = HyperIo::new(Vec::new(), WriteDeadline::new(stream));
        let mut conversation = pin!(http.serve_connection(io, service));
        let ended = match timeout_at(deadline, conversation.as_mut()).await {
            Err(_) if watches.load(Relaxed) => conversation.await,
            Err(_) => return tracing::debug!("a connection to the run-time API took too long"),
            Ok(ended) => ended,
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection to the run-time API failed");
        }
    }
}

/// The connections that there are.
#[derive(Default)]
struct Crowd {
    tasks: JoinSet<()>,
    /// The oldest first, without those that watch. Some of them may have ended.
    order: VecDeque<(Instant, AbortHandle, Arc<AtomicBool>)>,
}

impl Crowd {
    fn begin(&mut self, watches: Arc<AtomicBool>, task: impl Future<Output = ()> + Send + 'static) {
        let handle = self.tasks.spawn(task);
        self.order.push_back((Instant::now(), handle, watches));
    }

    /// Leaves at most `MOST`: ends the oldest if it is old, otherwise the newest.
    fn shrink(&mut self) {
        while self.tasks.try_join_next().is_some() {}
        if self.order.len() <= MOST {
            return;
        }
        // Those that watch have places of their own.
        self.order.retain(|(_, task, watches)| !task.is_finished() && !watches.load(Relaxed));
        while self.order.len() > MOST {
            let is_old = self.order.front().is_some_and(|(since, ..)| since.elapsed() >= OLD);
            let surplus = if is_old { self.order.pop_front() } else { self.order.pop_back() };
            if let Some((_, task, _)) = surplus {
                task.abort();
            }
        }
    }
}
