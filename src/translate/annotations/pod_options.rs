//! What annotations can set of how pods are spoken to.

/// What is spoken to pods, whatever the port of their Service says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PodProtocol {
    /// HTTP/1.1 in clear.
    Http,
    /// HTTP through TLS.
    Https,
    /// HTTP/2 in clear.
    Grpc,
    /// HTTP/2 through TLS.
    Grpcs,
}
