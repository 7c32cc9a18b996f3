//! A unit of the model, compiled: the routes of one host pattern and the index that finds them.

use std::sync::Arc;

use super::matcher::Matcher;
use super::route::Route;
use crate::model::{AskedOf, Filter, HostKey, HostPattern, HostSpec, Predicates, RouteSpec, TlsSpec, Unmatched};

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
    default_backend: Option<Arc<Route<T>>>,
    // Repeated from the spec, so that a look-up does not touch its memory.
    keeps_unmatched: bool,
    has_tls: bool,
    asks_for_certificates: bool,
}

impl<T> CompiledHost<T> {
    /// Compiles a unit; `resolve` makes the target of each of its routes. `former` is the unit that it replaces.
    pub(super) fn compile(
        spec: &Arc<HostSpec>,
        former: Option<&Self>,
        resolve: &mut dyn FnMut(&RouteSpec) -> T,
    ) -> Self {
        let HostSpec { key: _, routes, unmatched, tls: _, tenancy } = &**spec;
        let tenancy = tenancy.as_deref();
        let mut compile = |spec: &Arc<RouteSpec>| Arc::new(Route::compile(spec, resolve));
        let (keeps_unmatched, fallback) = match unmatched {
            Unmatched::Keep(fallback) => (true, fallback.as_ref()),
            Unmatched::FallThrough => (false, None),
        };
        Self {
            spec: Arc::clone(spec),
            matcher: Matcher::build(routes.iter().map(|route| &route.matches), former.map(|former| &former.matcher)),
            routes: routes.iter().map(&mut compile).collect(),
            fallback: fallback.map(&mut compile),
            default_backend: tenancy.and_then(|tenancy| tenancy.default_backend.as_ref()).map(compile),
            keeps_unmatched,
            has_tls: spec.has_tls(),
            asks_for_certificates: asking(spec).next().is_some(),
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

    /// What takes requests of hosts that the fallback may not take (`Tenancy::default_backend`).
    pub fn default_backend(&self) -> Option<&Arc<Route<T>>> {
        self.default_backend.as_ref()
    }

    /// What takes requests of another unit that neither its routes nor its fallback take. This unit is that of the rules
    /// without a host.
    pub(super) fn catch_all_for(&self, unit: &Self) -> Option<&Arc<Route<T>>> {
        let fallback = self.fallback.as_ref()?;
        if fallback.spec.takes_from(unit.spec.tenants()) { Some(fallback) } else { self.default_backend.as_ref() }
    }

    /// The namespaces that have rules for the host.
    pub fn tenants(&self) -> &[Arc<str>] {
        self.spec.tenants()
    }

    /// The TLS of the hosts whose requests this unit takes or, where it takes none, of those that it names.
    pub fn tls(&self) -> Option<&TlsSpec> {
        self.spec.tls.as_ref()
    }

    /// The TLS of hosts that this wildcard names and that another unit, `owner`, has rules for.
    pub(super) fn tls_for(&self, owner: &Self) -> Option<&TlsSpec> {
        self.spec.tls_for(owner.spec.tenants())
    }

    /// Whether TLS entries name the host, for whichever hosts they count.
    pub fn has_tls(&self) -> bool {
        self.has_tls
    }

    /// Whether a route asks clients for certificates.
    pub(super) fn asks_for_certificates(&self) -> bool {
        self.asks_for_certificates
    }

    /// Whose certificates the routes ask clients for; `None`: they do not ask.
    pub(super) fn asked_of(&self) -> Option<AskedOf> {
        if !self.asks_for_certificates {
            return None;
        }
        let of_filter = |filter: &Filter| if let Filter::ClientAuth(auth) = filter { auth.asked_of() } else { None };
        asking(&self.spec).flat_map(|route| route.filters.iter().find_map(of_filter)).reduce(AskedOf::and)
    }

    /// Whether requests that no route takes belong to this unit.
    pub(super) fn keeps_unmatched(&self) -> bool {
        self.keeps_unmatched
    }

    /// Whether the unit is asked for a route. One that has a TLS entry alone is not.
    pub(super) fn takes_requests(&self) -> bool {
        self.keeps_unmatched || !self.routes.is_empty()
    }

    /// All that requests can be given: routes with paths, and those for what no path takes.
    pub fn all_routes(&self) -> impl Iterator<Item = &Arc<Route<T>>> {
        self.routes.iter().chain(&self.fallback).chain(&self.default_backend)
    }

    /// The number of all of them.
    pub(super) fn route_count(&self) -> usize {
        self.routes.len() + usize::from(self.fallback.is_some()) + usize::from(self.default_backend.is_some())
    }

    /// The route for a request with this path, without the fallback.
    #[inline]
    pub(super) fn find(&self, path: &str, holds: Holds<'_>) -> Option<&Arc<Route<T>>> {
        let holds = |route: u32| self.routes.get(route as usize).is_some_and(|route| has_what_is_asked(route, holds));
        self.routes.get(self.matcher.find(path, holds)? as usize)
    }
}

/// The routes that ask clients for certificates.
fn asking(spec: &HostSpec) -> impl Iterator<Item = &Arc<RouteSpec>> {
    let fallback = match &spec.unmatched {
        Unmatched::Keep(fallback) => fallback.as_ref(),
        Unmatched::FallThrough => None,
    };
    spec.routes.iter().chain(fallback).filter(|route| route.filters.needs().certificate)
}

fn has_what_is_asked<T>(route: &Route<T>, holds: Holds<'_>) -> bool {
    route.spec.matches.predicates.as_deref().is_none_or(holds)
}
