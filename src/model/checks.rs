//! How the health of endpoints is checked, as data.

use std::sync::Arc;
use std::time::Duration;

/// How the health of an upstream's endpoints is checked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Checks {
    /// What is asked.
    pub kind: CheckKind,
    /// Between two checks of an endpoint. Each pause is up to a tenth shorter or longer. Default 2 s; HAProxy `inter`.
    pub interval: Duration,
    /// How long one check may take, connecting included. Default 2 s; HAProxy `timeout check`.
    pub timeout: Duration,
    /// Good checks, one after the other, after which an endpoint is up again. At least 1; default 2; HAProxy `rise`.
    pub rise: u32,
    /// Bad checks, one after the other, after which it is down. At least 1; default 3; HAProxy `fall`. The first check of an
    /// endpoint decides alone.
    pub fall: u32,
}

/// What a check asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CheckKind {
    /// Whether a connection is taken. HAProxy `check`.
    Tcp,
    /// Whether a request is answered as expected, over HTTP/1.1, or TLS and HTTP/1.1 where pods are spoken to so. HAProxy `option
    /// httpchk`.
    Http(Arc<HttpCheck>),
}

/// A request that checks, and the answer that is good.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HttpCheck {
    /// The request, all of it: a head that ends with an empty line and closes the connection.
    pub request: Box<str>,
    /// Whether its method is `HEAD`, so that answers have no body.
    pub is_head: bool,
    /// The lowest and the highest status that is good, both included. Default 200 to 399; HAProxy `http-check expect status`.
    pub good: (u16, u16),
}

impl Checks {
    /// These of HAProxy where nothing is said.
    pub const INTERVAL: Duration = Duration::from_secs(2);
    /// The same.
    pub const RISE: u32 = 2;
    /// The same.
    pub const FALL: u32 = 3;
}
