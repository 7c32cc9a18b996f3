//! Options of what several replicas do together.

use clap::Args;

use super::units;
use crate::model::ObjectName;

/// What several replicas do together.
#[derive(Debug, Clone, Args)]
pub struct ReplicaArgs {
    /// The Service whose endpoints are the replicas of this installation, so that each knows how many there are and where.
    ///
    /// haproxy.org/pod-maxconn is divided by the number of those that are ready, and the page of --stats links to the others.
    /// Its EndpointSlices are read whatever --watch-namespace says. Default: none; then a limit is that of each replica.
    #[arg(long, value_name = "NS/NAME", env = "TIDEGATE_SELF_SERVICE", value_parser = units::object_name)]
    pub self_service: Option<ObjectName>,

    /// The Secret with keys that replicas share, so that TLS sessions and forms of one are known to all.
    ///
    /// Each entry of its data has 32 or more random bytes. The one with the greatest name seals, the others open, 16 at the
    /// most; changes are followed. Keys for each use are derived from them (HKDF). Default: each process has keys of its own,
    /// and behind a load balancer a client that gets to another replica begins a new TLS session. As nginx
    /// ssl_session_ticket_key.
    #[arg(long, value_name = "NS/NAME", env = "TIDEGATE_SHARED_KEYS", value_parser = units::object_name)]
    pub shared_keys: Option<ObjectName>,
}
