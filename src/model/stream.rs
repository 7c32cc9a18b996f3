//! Traffic that is passed on without a look at requests: TCP, UDP, and TLS that ends at the pods.

use std::sync::Arc;

use super::listener_key::ListenerKey;
use super::names::HostPattern;
use super::origin::Origin;
use super::policy::RoutePolicy;
use super::route::Action;

/// All streams of one listener: a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamSpec {
    /// Where clients connect. The transport says whether these are connections or datagrams.
    pub listener: ListenerKey,
    /// Whether connections of clients begin with a header of the PROXY protocol. Default no; ingress-nginx `PROXY`.
    pub from_clients: HeaderOfClients,
    /// What pods are told of clients, in a header of the PROXY protocol in front of a connection; `None`: nothing. Default
    /// nothing; ingress-nginx's second `PROXY`, HAProxy `send-proxy` and `send-proxy-v2`.
    pub to_pods: Option<HeaderVersion>,
    /// Conflicts already decided, the most specific server name first.
    pub routes: Box<[StreamRoute]>,
}

/// Where connections, or flows of datagrams, go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamRoute {
    /// The server names (TLS SNI) it takes. `None`: everything, whether or not it is TLS.
    pub server_name: Option<HostPattern>,
    /// To which pods. A reply stands for a connection that is closed.
    pub action: Action,
    /// Which connections go to the same endpoint.
    pub affinity: StreamAffinity,
    /// How connections are treated: of it count the balance, attempts, limits, checks and the times to connect and to be silent.
    pub policy: Arc<RoutePolicy>,
    /// Where it comes from.
    pub origin: Origin,
}

/// Which connections go to the same endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum StreamAffinity {
    /// It does not matter.
    #[default]
    None,
    /// Those of one client address (annotation `haproxy.org/load-balance: source`).
    ClientAddress,
}

/// Whether connections of clients begin with a header of the PROXY protocol. There is no `auto`: clients whose server speaks
/// first send nothing by which to tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum HeaderOfClients {
    /// They do not.
    #[default]
    None,
    /// All do, and only trusted peers connect: anything else is closed.
    Required,
}

/// A version of the PROXY protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeaderVersion {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}
