//! The numbers that operators of HAProxy know, as rows, and who asks for them: `/stats` over HTTP, and the stats socket with HAProxy's
//! commands. Rows and what is done to endpoints come as functions, so nothing here knows upstreams or the proxy.

mod act;
mod acting;
mod columns;
mod csrf;
mod csv;
mod fields;
mod form;
mod history;
mod http;
mod json;
mod login;
mod page;
mod prometheus;
mod replicas;
mod rights;
mod rows;
pub mod socket;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

pub use self::http::serve;
pub use acting::{Act, ActFailure, Acting, Action, Scope};
pub(crate) use acting::{Actor, Addressee, command};
pub use columns::Column;
pub use csrf::Tokens;
pub(crate) use csrf::{is_local_name, is_same_origin};
pub use csv::csv;
pub use fields::{Row, RowKind, Value, Wanted, rows};
pub(crate) use form::pairs;
pub use json::json;
pub(crate) use login::Unadmitted;
pub use login::{Login, UserFile};
pub use prometheus::prometheus;
pub use replicas::{Identity, Peer};
pub use rights::Admins;
pub use rows::{Backend, Check, Frontend, Server, Standing, Stats};

use crate::observe::Forgotten;

/// Where rows come from, and who does what operators say. Cheap to clone.
#[derive(Clone)]
pub struct Source {
    /// Everything at this moment. May be slow: called on a thread for blocking work.
    pub rows: Arc<dyn Fn() -> Stats + Send + Sync>,
    /// What is known of the process. Called like `rows`.
    pub info: Arc<dyn Fn() -> ProcessFacts + Send + Sync>,
    /// For whom what is said of endpoints holds.
    pub scope: Scope,
    /// Tells endpoints what to do. Its maker must set a deadline.
    pub act: Act,
    /// Forgets what was counted.
    pub forget: Arc<dyn Fn(Forgotten) + Send + Sync>,
    /// Some of the connections there are, at most so many. Its maker must set a deadline.
    pub sessions: Arc<dyn Fn(usize) -> Looking + Send + Sync>,
}

/// A look at connections: a line for each.
pub type Looking = Pin<Box<dyn Future<Output = Vec<String>> + Send>>;

/// What `show info` tells beside the rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessFacts {
    /// Of the program.
    pub version: &'static str,
    /// Its number in the system.
    pub pid: u32,
    /// The name of the pod or machine.
    pub node: String,
    /// The replicas of this installation that take requests; `None`: nobody follows them.
    pub peers: Option<Vec<Peer>>,
    /// Data-plane threads.
    pub threads: usize,
    /// Since it started.
    pub uptime: Duration,
    /// When it started: Unix time in seconds.
    pub started: u64,
    /// Its resident memory, in bytes; 0: not known.
    pub resident: u64,
    /// Memory it may use, in bytes; 0: no limit.
    pub memory_limit: u64,
    /// Files it may have open.
    pub open_files: u64,
    /// Most connections of clients.
    pub connections_limit: usize,
    /// Connections of clients that are open.
    pub connections: usize,
    /// Whether it drains.
    pub is_stopping: bool,
    /// Lines of the access log that were lost.
    pub dropped_logs: u64,
}
