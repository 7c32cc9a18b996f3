//! What a Service asks for beside HTTP: a port that leads to it.

use crate::model::{HeaderOfClients, HeaderVersion, ListenerKey, PortRef};

/// A port that is opened for a Service (annotation `expose`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exposed {
    /// The port.
    pub(crate) listener: ListenerKey,
    /// The port of the Service.
    pub(crate) port: PortRef,
    /// What connections begin with.
    pub(crate) from_clients: HeaderOfClients,
    /// What pods are told of clients.
    pub(crate) to_pods: Option<HeaderVersion>,
}
