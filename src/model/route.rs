//! A route: which requests it takes and what happens to them.

use std::sync::Arc;

use super::filters::Filters;
use super::origin::Origin;
use super::pattern::Pattern;
use super::policy::RoutePolicy;
use super::route_match::RouteMatch;
use super::upstream::UpstreamSpec;

/// A match and what happens to the requests it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteSpec {
    /// Which requests of the host.
    pub matches: RouteMatch,
    /// What to do.
    pub action: Action,
    /// What is done with its requests and answers besides.
    pub filters: Filters,
    /// How requests are treated on their way. Most routes share one.
    pub policy: Arc<RoutePolicy>,
    /// Where it comes from: a metric label, and shown in logs and the debug view.
    pub origin: Origin,
}

impl RouteSpec {
    /// Whether this route, a catch-all, may take requests of a host for which these namespaces have rules. One that belongs
    /// to a namespace takes none from others.
    pub fn takes_from(&self, tenants: &[Arc<str>]) -> bool {
        match &self.origin {
            Origin::Object { kind: _, name, place: _ } => tenants.iter().all(|tenant| *tenant == name.namespace),
            Origin::DefaultBackend => true,
        }
    }
}

/// What a route does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Forward to an endpoint of this upstream.
    Forward(Arc<UpstreamSpec>),
    /// Share requests among several backends. No front end asks for it yet.
    Split(Arc<Split>),
    /// Share requests between a backend and its canary.
    Canary(Arc<Canary>),
    /// Answer ourselves: the route's backend cannot be used.
    Reply(Reply),
}

/// Backends that share the requests of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// One of them gets each request, by weight. Where no weight is above zero the answer is 503.
    pub backends: Box<[WeightedBackend]>,
}

/// One of several backends that share requests by weight (Gateway API `backendRefs`, canaries).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightedBackend {
    /// Its share is this part of the sum of all weights. Zero: none.
    pub weight: u32,
    /// Where its share goes. A backend that cannot be used keeps its share and answers with an error, so that the
    /// others do not get more than they were given.
    pub upstream: Result<Arc<UpstreamSpec>, Reply>,
}

/// A backend and another one that gets some of its requests (annotations `canary` and `canary-…`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canary {
    /// The backend.
    pub main: Result<Arc<UpstreamSpec>, Reply>,
    /// The other one. While it has no endpoint, all requests go to the first.
    pub canary: Result<Arc<UpstreamSpec>, Reply>,
    /// Which requests it gets.
    pub rule: CanaryRule,
}

/// Which requests a canary gets: what the header says, else what the cookie says, else by chance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CanaryRule {
    /// A header field that may say it.
    pub header: Option<CanaryHeader>,
    /// A cookie that says it with `always` or `never`.
    pub cookie: Option<Arc<str>>,
    /// How many of `total` requests it gets of those that say nothing.
    pub weight: u32,
    /// At least 100.
    pub total: u32,
    /// Whether clients do not stay with it (annotation `affinity-canary-behavior: legacy`).
    pub has_no_sessions: bool,
}

/// A header field that says whether a canary gets a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanaryHeader {
    /// Its name, in lower case.
    pub name: Arc<str>,
    /// How it says that.
    pub value: CanaryValue,
}

/// What a header field says about a canary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CanaryValue {
    /// `always` or `never`.
    Word,
    /// With this value: yes.
    Exact(Arc<str>),
    /// With a value that this matches: yes.
    Matching(Pattern),
    /// With any value: no. Its pattern cannot be read.
    Never,
}

/// Why a route answers by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reply {
    /// The Service, its port or its kind cannot be used: 503.
    BackendUnavailable,
    /// A backend of a kind that is not served: 404.
    NotFound,
}
