//! The streams of a listener, compiled: which one takes a connection, and where it goes.

use std::sync::Arc;

use super::route::Route;
use crate::model::{Filters, PathMatch, RouteMatch, RouteSpec, StreamRoute, StreamSpec};

/// All streams of one listener.
#[derive(Debug)]
pub struct CompiledStream<T> {
    spec: Arc<StreamSpec>,
    /// In the order of the spec. A connection has neither path nor fields, so they match any.
    routes: Box<[Arc<Route<T>>]>,
}

impl<T> CompiledStream<T> {
    /// Compiles a unit; `resolve` makes the target of each of its routes.
    pub(super) fn compile(spec: &Arc<StreamSpec>, resolve: &mut dyn FnMut(&RouteSpec) -> T) -> Self {
        let routes = spec.routes.iter().map(|route| Arc::new(Route::compile(&Arc::new(route_of(route)), resolve)));
        Self { spec: Arc::clone(spec), routes: routes.collect() }
    }

    /// What it was compiled from.
    pub fn spec(&self) -> &Arc<StreamSpec> {
        &self.spec
    }

    /// What streams are asked for, each with its route, in order.
    pub fn routes(&self) -> impl Iterator<Item = (&StreamRoute, &Arc<Route<T>>)> {
        self.spec.routes.iter().zip(&self.routes)
    }

    /// The stream of connections without a server name.
    pub fn route(&self) -> Option<(&StreamRoute, &Arc<Route<T>>)> {
        self.routes().find(|(stream, _)| stream.server_name.is_none())
    }
}

/// A stream as a route of its own: what chooses among backends and counts them is the same.
fn route_of(stream: &StreamRoute) -> RouteSpec {
    let StreamRoute { server_name: _, action, affinity: _, policy, origin } = stream;
    RouteSpec {
        matches: RouteMatch::path(PathMatch::Prefix("/".into())),
        action: action.clone(),
        filters: Filters::default(),
        policy: Arc::clone(policy),
        origin: origin.clone(),
    }
}
