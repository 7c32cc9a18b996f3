//! The numbers that operators of HAProxy know, as rows, and who asks for them: `/stats` over HTTP, and the stats socket with HAProxy's
//! commands. Rows and what is done to endpoints come as functions, so nothing here knows upstreams or the proxy.

mod act;
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
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

pub use self::http::serve;
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
    /// Tells an endpoint of an upstream what to do, for as long as its address stays. `false`: there is none with this address.
    pub act: Arc<dyn Fn(u32, SocketAddr, Action) -> bool + Send + Sync>,
    /// Forgets what was counted.
    pub forget: Arc<dyn Fn(Forgotten) + Send + Sync>,
    /// Some of the connections there are, at most so many. Its maker must set a deadline.
    pub sessions: Arc<dyn Fn(usize) -> Looking + Send + Sync>,
}

/// A look at connections: a line for each.
pub type Looking = Pin<Box<dyn Future<Output = Vec<String>> + Send>>;

/// What an operator says of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is what its objects say.
    Ready,
    /// It gets no new requests but those that a cookie leads there.
    Drain,
    /// It gets none.
    Maintain,
    /// Its share; `None`: what its objects say.
    Weigh(Option<u16>),
}

impl Action {
    /// As HAProxy writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "state ready",
            Self::Drain => "state drain",
            Self::Maintain => "state maint",
            Self::Weigh(_) => "weight",
        }
    }
}

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
