//! How requests of a route are treated on their way: what may differ from route to route of one upstream.
//!
//! Identity is on the upstream ([`UpstreamKey`](super::UpstreamKey)), policy on the route. Policy is resolved when objects
//! are translated: the defaults of the command line are one `RoutePolicy` that all routes share, and a route whose Ingress
//! sets something has one of its own. So a request finds every value on its route and reads no configuration.

/// How requests of a route are treated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct RoutePolicy {
    /// How an endpoint is chosen. Default least in flight; `--balance`, `tidegate.dev/balance`; HAProxy `balance`.
    pub balance: Balance,
}

impl RoutePolicy {
    /// The most endpoints that a policy may let a request try.
    pub const MOST_ATTEMPTS: usize = 8;
}

/// How an endpoint is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Balance {
    /// The next endpoint in turn is compared with one other. The one with fewer requests in flight is taken, the next
    /// in turn when equal: even on idle traffic, away from slow pods under load.
    #[default]
    LeastInFlight,
    /// Strictly in turn.
    RoundRobin,
}
