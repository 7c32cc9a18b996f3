//! The replicas of this installation, for who looks at the numbers of one: which this is, and where the others are.

use std::net::{IpAddr, SocketAddr};

use serde_json::json;

use super::ProcessFacts;

/// A replica that takes requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The name of its pod; empty where it is not known.
    pub pod: String,
    /// Where its statistics are.
    pub stats: SocketAddr,
    /// Whether it is this one.
    pub identity: Identity,
}

/// Whether a replica is this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// It is.
    This,
    /// It is another one.
    Other,
}

impl Peer {
    /// A replica, as it is listed. `node` is the name of this pod.
    pub fn new(pod: &str, address: IpAddr, port: u16, node: &str) -> Self {
        let identity = if pod == node { Identity::This } else { Identity::Other };
        Self { pod: pod.to_owned(), stats: SocketAddr::new(address, port), identity }
    }

    /// Its name, or else its address.
    pub(super) fn name(&self) -> String {
        if self.pod.is_empty() { self.stats.ip().to_string() } else { self.pod.clone() }
    }

    /// The URL of its page.
    pub(super) fn url(&self) -> String {
        format!("http://{}/stats", self.stats)
    }
}

/// `/stats/replicas`: this pod, and all that take requests.
pub(super) fn json(facts: &ProcessFacts) -> String {
    let replicas = facts.peers.iter().flatten().map(|peer| {
        json!({
            "pod": peer.name(),
            "address": peer.stats.ip(),
            "stats": peer.url(),
            "isThis": peer.identity == Identity::This,
        })
    });
    let document = json!({
        "pod": facts.node,
        "isFollowed": facts.peers.is_some(),
        "replicas": replicas.collect::<Vec<_>>(),
    });
    format!("{document}\n")
}
