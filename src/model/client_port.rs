//! The port in URLs that are made of a request.

/// Whether a URL has the port that the client gave with the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ClientPort {
    /// It has.
    Kept,
    /// It has none.
    Dropped,
}
