//! A unit of the model, compiled: the routes of one host pattern and the index that finds them.

use std::sync::Arc;

use super::matcher::Matcher;
use super::route::Route;
use crate::model::{HostKey, HostPattern, HostSpec, Predicates, RouteSpec, TlsSpec, Unmatched};

/// Tells whether a request has what predicates ask for. Called for routes with predicates only: routing knows of a
/// request no more than host and path.
pub type Holds<'a> = &'a dyn Fn(&Predicates) -> bool;

/// All that is served for one host pattern.
#[derive(Debug)]
pub struct CompiledHost<T> {
    spec: Arc<HostSpec>,
    matcher: Matcher,
    routes: Box<[Arc<Route<T>>]>,
    fallback: Option<Arc<Route<T>>>,
    // Repeated from the spec, so that a look-up does not touch its memory.
    keeps_unmatched: bool,
    has_tls: bool,
}

impl<T> CompiledHost<T> {
    /// Compiles a unit; `resolve` makes the target of each of its routes.
    pub(super) fn compile(spec: &Arc<HostSpec>, resolve: &mut dyn FnMut(&RouteSpec) -> T) -> Self {
        let HostSpec { key: _, routes, unmatched, tls } = &**spec;
        let mut compile = |spec: &Arc<RouteSpec>| Arc::new(Route::compile(spec, resolve));
        let (keeps_unmatched, fallback) = match unmatched {
            Unmatched::Keep(fallback) => (true, fallback.as_ref()),
            Unmatched::FallThrough => (false, None),
        };
        Self {
            spec: Arc::clone(spec),
            matcher: Matcher::build(routes.iter().map(|route| &route.matches)),
            routes: routes.iter().map(&mut compile).collect(),
            fallback: fallback.map(compile),
            keeps_unmatched,
            has_tls: tls.is_some(),
        }
    }

    /// Which hosts, and on which listeners.
    pub fn key(&self) -> &HostKey {
        &self.spec.key
    }

    /// Which hosts.
    pub fn pattern(&self) -> &HostPattern {
        &self.spec.key.pattern
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
        self.spec.tls.as_ref()
    }

    /// Whether a TLS entry names the host.
    pub(super) fn has_tls(&self) -> bool {
        self.has_tls
    }

    /// Whether requests that no route takes belong to this unit.
    pub(super) fn keeps_unmatched(&self) -> bool {
        self.keeps_unmatched
    }

    /// Whether the unit is asked for a route. One that has a TLS entry alone is not.
    pub(super) fn takes_requests(&self) -> bool {
        self.keeps_unmatched || !self.routes.is_empty()
    }

    /// Routes with paths, and the fallback.
    pub(super) fn route_count(&self) -> usize {
        self.routes.len() + usize::from(self.fallback.is_some())
    }

    /// The route for a request with this path, without the fallback.
    #[inline]
    pub(super) fn find(&self, path: &str, holds: Holds<'_>) -> Option<&Arc<Route<T>>> {
        let holds = |route: u32| self.routes.get(route as usize).is_some_and(|route| has_what_is_asked(route, holds));
        self.routes.get(self.matcher.find(path, holds)? as usize)
    }
}

fn has_what_is_asked<T>(route: &Route<T>, holds: Holds<'_>) -> bool {
    route.spec.matches.predicates.as_deref().is_none_or(holds)
}
