//! Resolves external names by DNS and tells the controller what comes of it. It runs on the control runtime; requests never
//! wait for it.
//!
//! Which names are wanted comes through a watch, what is found goes out as `Event::Resolved`. It knows nothing of Services,
//! routes and which addresses are refused: that is for translation.
//!
//! Every name is asked for again when its time to live is over. What is bounded: names, queries at a time, the time of each,
//! addresses of each name, and how long addresses are used that DNS does not give any more.

mod followed;
mod lookup;
mod names;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::model::ExternalName;
use crate::observe::Metrics;
use crate::source::Event;

use names::Names;

/// How names are resolved.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The DNS server to ask, without search domains. Default none: what `/etc/resolv.conf` says.
    pub server: Option<SocketAddr>,
    /// Names that are followed; no more are asked for. Default 1000.
    pub names: usize,
    /// Names that are asked for at a time. Default 16.
    pub at_a_time: usize,
    /// Longest time for one name, with search domains and attempts. Default 10 s.
    pub deadline: Duration,
    /// Shortest time to live: an answer is used for this long at least. Default 5 s.
    pub shortest_life: Duration,
    /// Longest time to live: a name is asked for again after this time at the latest. Default 5 min.
    pub longest_life: Duration,
    /// First wait after a failure; it doubles with each further one. Default 1 s.
    pub first_retry: Duration,
    /// Longest wait after a failure. Default 30 s.
    pub longest_retry: Duration,
    /// How long the last addresses are used after DNS last gave them, if it says that there are none. Default 5 min.
    pub kept_when_denied: Duration,
    /// The same if DNS does not answer. Default 1 h.
    pub kept_when_silent: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            server: None,
            names: 1000,
            at_a_time: 16,
            deadline: Duration::from_secs(10),
            shortest_life: Duration::from_secs(5),
            longest_life: Duration::from_secs(300),
            first_retry: Duration::from_secs(1),
            longest_retry: Duration::from_secs(30),
            kept_when_denied: Duration::from_secs(300),
            kept_when_silent: Duration::from_secs(3600),
        }
    }
}

/// Starts to resolve the names that are wanted. Ends when nobody wants or hears of names any more.
pub fn follow(
    settings: Settings,
    wanted: watch::Receiver<BTreeMap<ExternalName, u64>>,
    events: mpsc::Sender<Event>,
    metrics: Arc<Metrics>,
) -> JoinHandle<()> {
    tokio::spawn(Names::new(settings, metrics).follow(wanted, events))
}

#[cfg(test)]
mod tests;
