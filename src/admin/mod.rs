//! Health, readiness, metrics and debug views over HTTP, on an address of their own. Health and readiness are also on another
//! address, for clients that may not see the rest.
//!
//! Nothing here changes anything. The state to show comes as functions, so this does not know where it comes from. There is one
//! request per connection, a deadline for each, and a bounded number of them.

mod answer;
mod debug;
mod explain;
mod seen;

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::control_http::{self, Arrived, Front, accept};
use crate::model::Problem;
use crate::observe::Metrics;

pub use debug::DebugViews;
pub use explain::{Asked, Explained, Explaining, Unexplained};
pub use seen::{Seeing, Shown};

/// The names of what readiness waits for; empty when ready. Must be quick.
pub type Pending = Arc<dyn Fn() -> Vec<String> + Send + Sync>;

/// The names of threads that hang, for which the process is not healthy. Must be quick.
pub type Stuck = Arc<dyn Fn() -> Vec<String> + Send + Sync>;

/// What the admin server shows. Cheap to clone.
#[derive(Clone)]
pub struct AdminState {
    /// For `/metrics`.
    pub metrics: Arc<Metrics>,
    /// What `/metrics` has besides, where that is asked for. Called like `snapshot`.
    pub more_metrics: Option<Arc<dyn Fn() -> String + Send + Sync>>,
    /// For `/readyz`.
    pub pending: Pending,
    /// For `/healthz`, and `/readyz`.
    pub stuck: Stuck,
    /// Who may ask for `/debug/…`.
    pub debug_views: DebugViews,
    /// For `/debug/snapshot`: JSON without secrets. May be slow: called on a thread for blocking work.
    pub snapshot: Arc<dyn Fn() -> String + Send + Sync>,
    /// For `/debug/problems`: the findings that stand. Called like `snapshot`.
    pub problems: Arc<dyn Fn() -> Vec<Problem> + Send + Sync>,
    /// For `/debug/explain`: what would become of a request.
    pub explain: Arc<dyn Fn(Asked) -> Explaining + Send + Sync>,
    /// For `/debug/connections`: at most so many connections of each kind.
    pub connections: Arc<dyn Fn(usize) -> Seeing + Send + Sync>,
}

/// Serves `listener` until dropped, which ends its connections too.
pub async fn serve(listener: TcpListener, state: AdminState) {
    // A view of a large configuration takes milliseconds of CPU from requests, so there is one at a time.
    let views = Arc::new(Semaphore::new(1));
    accept(listener, Front::Nothing, |arrived| answer(arrived, state.clone(), views.clone())).await;
}

/// Serves health and readiness only, until dropped. A request may have a PROXY protocol header: a load balancer that speaks
/// the protocol to its targets speaks it in health checks too.
pub async fn serve_health(listener: TcpListener, pending: Pending, stuck: Stuck) {
    let answer = |arrived| answer_health(arrived, pending.clone(), stuck.clone());
    accept(listener, Front::ProxyHeader, answer).await;
}

async fn answer(arrived: Arrived, state: AdminState, views: Arc<Semaphore>) -> hyper::Result<()> {
    let peer = arrived.peer;
    let answer = |request| {
        let (state, views) = (state.clone(), views.clone());
        async move { answer::answer(&request, peer, &state, &views).await }
    };
    control_http::serve(arrived, answer).await
}

async fn answer_health(arrived: Arrived, pending: Pending, stuck: Stuck) -> hyper::Result<()> {
    let answer = |request| std::future::ready(answer::answer_health(&request, &pending, &stuck));
    control_http::serve(arrived, answer).await
}

#[cfg(test)]
mod tests;
