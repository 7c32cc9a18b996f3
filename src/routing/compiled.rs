//! A unit of the model, compiled: the routes of one host pattern and the index that finds them.

use std::sync::Arc;

use super::path_index::PathIndex;
use crate::model::{HostPattern, HostSpec, RouteSpec, TlsSpec};

/// What a request is sent to. `T` is what the data plane executes.
#[derive(Clone, Debug)]
pub struct Route<T> {
    /// What to do.
    pub target: T,
    /// What it was compiled from.
    pub spec: Arc<RouteSpec>,
}

/// All that is served for one host pattern.
#[derive(Debug)]
pub struct CompiledHost<T> {
    pattern: HostPattern,
    has_rules: bool,
    index: PathIndex,
    routes: Box<[Arc<Route<T>>]>,
    fallback: Option<Arc<Route<T>>>,
    tls: Option<TlsSpec>,
}

impl<T> CompiledHost<T> {
    /// Compiles a unit; `resolve` makes the target of each of its routes.
    pub(super) fn compile(spec: &HostSpec, resolve: &mut dyn FnMut(&RouteSpec) -> T) -> Self {
        let HostSpec { pattern, has_rules, routes, fallback, tls } = spec;
        let mut compile = |spec: &Arc<RouteSpec>| Arc::new(Route { target: resolve(spec), spec: Arc::clone(spec) });
        Self {
            pattern: pattern.clone(),
            has_rules: *has_rules || !routes.is_empty() || fallback.is_some(),
            index: PathIndex::build(routes.iter().map(|route| &route.matches.path)),
            routes: routes.iter().map(&mut compile).collect(),
            fallback: fallback.as_ref().map(compile),
            tls: tls.clone(),
        }
    }

    /// Which hosts.
    pub fn pattern(&self) -> &HostPattern {
        &self.pattern
    }

    /// The routes with paths, in the order of the model, also those that others leave nothing to do.
    pub fn routes(&self) -> &[Arc<Route<T>>] {
        &self.routes
    }

    /// What takes the paths that no route matches.
    pub fn fallback(&self) -> Option<&Arc<Route<T>>> {
        self.fallback.as_ref()
    }

    /// Present when a TLS entry names the host.
    pub fn tls(&self) -> Option<&TlsSpec> {
        self.tls.as_ref()
    }

    /// Whether the unit takes requests for its hosts. One that has a TLS entry alone leaves them to other rules.
    pub(super) fn has_rules(&self) -> bool {
        self.has_rules
    }

    /// Routes with paths, and the fallback.
    pub(super) fn route_count(&self) -> usize {
        self.routes.len() + usize::from(self.fallback.is_some())
    }

    /// The route for a path, without the fallback.
    pub(super) fn find(&self, path: &str) -> Option<&Arc<Route<T>>> {
        self.routes.get(self.index.find(path)? as usize)
    }
}
