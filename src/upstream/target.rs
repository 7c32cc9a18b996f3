//! What a compiled route leads to: the living side of a `RouteSpec`, with its counters at hand.

use std::sync::Arc;

use super::checked::Checked;
use super::living::Upstream;
use crate::model::Reply;
use crate::observe::{RouteDetail, RouteMetrics, UpstreamMetrics};

/// The target of a route, resolved when its table is built.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where requests go.
    pub destination: Destination,
    /// What is counted of them.
    pub metrics: Arc<RouteMetrics>,
    /// What else is kept of them in the manner of ingress-nginx, where that is asked for.
    pub detail: Option<Arc<RouteDetail>>,
    /// Services that are asked beside it; few routes have any.
    pub besides: Option<Arc<Besides>>,
}

/// Services that filters of a route name.
#[derive(Clone, Debug, Default)]
pub struct Besides {
    /// Who says whether requests are served.
    pub auth: Option<Backend>,
    /// Who answers errors.
    pub errors: Option<Backend>,
    /// Who gets copies of requests.
    pub mirror: Option<Backend>,
}

/// Where a route's requests go.
#[derive(Clone, Debug)]
pub enum Destination {
    /// To an endpoint of an upstream.
    Forward(Backend),
    /// To no pod. We answer.
    Reply(Reply),
}

/// An upstream as a route uses it. Routes that name its port in the same way share all of it.
#[derive(Clone, Debug)]
pub struct Backend {
    /// Where requests go.
    pub upstream: Arc<Upstream>,
    /// What attempts are counted in.
    pub metrics: Arc<UpstreamMetrics>,
    /// Where requests go instead whose client uses https.
    pub for_https: Option<Box<Backend>>,
    /// How its endpoints are checked, where the route asks for it.
    pub checked: Option<Arc<Checked>>,
}
