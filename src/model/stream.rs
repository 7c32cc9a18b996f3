//! Traffic that is passed on without a look at requests: TCP, UDP, and TLS that ends at the pods.

use super::listener::ListenerKey;
use super::names::HostPattern;
use super::origin::Origin;
use super::route::WeightedBackend;

/// All streams of one listener: a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamSpec {
    /// Where clients connect. The transport says whether these are connections or datagrams.
    pub listener: ListenerKey,
    /// Conflicts already decided, the most specific server name first.
    pub routes: Box<[StreamRoute]>,
}

/// Where connections, or flows of datagrams, go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamRoute {
    /// The server names (TLS SNI) it takes. `None`: everything, whether or not it is TLS.
    pub server_name: Option<HostPattern>,
    /// One of them gets each connection, by weight.
    pub backends: Box<[WeightedBackend]>,
    /// Where it comes from.
    pub origin: Origin,
}
