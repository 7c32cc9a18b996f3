//! Listeners as data, so that ports can open and close while the process runs.
//!
//! The listeners of the command line serve Ingress. They are the default set and are not listed in a snapshot. Others
//! are named by the socket that clients connect to.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::listener_key::ListenerKey;
use super::origin::Origin;

/// The listeners on which a host is served.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ListenerSet {
    /// Those of the command line. All that Ingress uses; costs a pointer's size and no allocation.
    #[default]
    Default,
    /// These. Never empty.
    Of(Arc<BTreeSet<ListenerKey>>),
}

/// A listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerSpec {
    /// Its socket.
    pub key: ListenerKey,
    /// What clients speak on it.
    pub application: Application,
    /// The object that asks for it.
    pub origin: Origin,
}

/// What clients speak on a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Application {
    /// HTTP in clear.
    Http,
    /// HTTP over TLS that ends here.
    Https,
    /// TLS that ends at the pods: the server name chooses the stream.
    TlsPassthrough,
    /// Bytes of any kind.
    Opaque,
}
