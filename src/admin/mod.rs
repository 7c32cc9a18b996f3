//! Health, readiness, metrics and debug views over HTTP, on an address of their own; health and readiness also on
//! another one, for those who may not see the rest.
//!
//! Nothing here changes anything. It must not know who gathers what it shows: state comes as functions. One request per
//! connection, a deadline for each, and a bounded number of them, of which the oldest gives way: a scrape that
//! stands still or a flood of connections does not keep the kubelet's probes out (class E11).

mod answer;
mod debug;
mod explain;
mod io;
mod prefix;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::model::Problem;
use crate::observe::Metrics;

pub use debug::DebugViews;
pub use explain::{Asked, Explained, Explaining, Unexplained};

/// Connections at a time.
const CONNECTIONS: usize = 64;

/// Bytes of a request's head. The smallest that hyper takes for its buffer.
const HEAD_LIMIT: usize = 8 << 10;

/// Fields of a request's head.
const FIELD_LIMIT: usize = 64;

/// Longest life of a connection, from accept to the last byte of the answer. Prometheus gives up a scrape after 10 s.
const DEADLINE: Duration = Duration::from_secs(30);

/// Wait after an accept that failed, as when descriptors are used up.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The names of what readiness waits for; empty when ready. Must be quick.
pub type Pending = Arc<dyn Fn() -> Vec<String> + Send + Sync>;

/// What the admin server shows. Cheap to clone.
#[derive(Clone)]
pub struct AdminState {
    /// For `/metrics`.
    pub metrics: Arc<Metrics>,
    /// For `/readyz`.
    pub pending: Pending,
    /// Who may ask for `/debug/…`.
    pub debug_views: DebugViews,
    /// For `/debug/snapshot`: JSON without secrets. May take its time: called on a thread for blocking work.
    pub snapshot: Arc<dyn Fn() -> String + Send + Sync>,
    /// For `/debug/problems`: the findings that stand. Called as `snapshot` is.
    pub problems: Arc<dyn Fn() -> Vec<Problem> + Send + Sync>,
    /// For `/debug/explain`: what would become of a request.
    pub explain: Arc<dyn Fn(Asked) -> Explaining + Send + Sync>,
}

/// Serves `listener` until dropped, which ends its connections too.
pub async fn serve(listener: TcpListener, state: AdminState) {
    // Views of a large configuration are milliseconds of CPU that requests would miss: one at a time.
    let views = Arc::new(Semaphore::new(1));
    accept(listener, |socket, peer| serve_connection(socket, peer, state.clone(), views.clone())).await;
}

/// Serves health and readiness only, behind a PROXY protocol header or without one: a load balancer that speaks the
/// protocol to its targets speaks it in health checks too. Until dropped.
pub async fn serve_health(listener: TcpListener, pending: Pending) {
    accept(listener, |socket, _| serve_health_connection(socket, pending.clone())).await;
}

/// Takes connections and lets each live as long as [`DEADLINE`] and [`CONNECTIONS`] allow.
async fn accept<F>(listener: TcpListener, serve: impl Fn(TcpStream, IpAddr) -> F)
where
    F: Future<Output = hyper::Result<()>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    let mut oldest_first = VecDeque::with_capacity(CONNECTIONS);
    loop {
        let (socket, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "admin connection not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        while connections.try_join_next().is_some() {}
        oldest_first.retain(|connection: &tokio::task::AbortHandle| !connection.is_finished());
        if oldest_first.len() >= CONNECTIONS
            && let Some(oldest) = oldest_first.pop_front()
        {
            oldest.abort();
        }
        let served = tokio::time::timeout(DEADLINE, serve(socket, peer.ip()));
        oldest_first.push_back(connections.spawn(async {
            match served.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(%error, "admin connection failed"),
                Err(_) => tracing::debug!("admin connection took too long"),
            }
        }));
    }
}

async fn serve_connection(
    socket: TcpStream,
    peer: IpAddr,
    state: AdminState,
    views: Arc<Semaphore>,
) -> hyper::Result<()> {
    let service = service_fn(move |request| {
        let (state, views) = (state.clone(), views.clone());
        async move { Ok::<_, Infallible>(answer::answer(&request, peer, &state, &views).await) }
    });
    http().serve_connection(io::HyperIo::new(socket), service).await
}

async fn serve_health_connection(mut socket: TcpStream, pending: Pending) -> hyper::Result<()> {
    // Nothing, or no header: there is nobody to answer.
    let Some(before) = prefix::skip(&mut socket).await else { return Ok(()) };
    let service =
        service_fn(|request| std::future::ready(Ok::<_, Infallible>(answer::answer_health(&request, &pending))));
    http().serve_connection(io::HyperIo::after(before, socket), service).await
}

fn http() -> http1::Builder {
    let mut http = http1::Builder::new();
    http.keep_alive(false).max_buf_size(HEAD_LIMIT).max_headers(FIELD_LIMIT).header_read_timeout(None);
    http
}

#[cfg(test)]
mod tests;
