//! The compiled table, as the data plane asks it: a route for a host and a path, certificates for a server name.
//!
//! A table never changes. `with_host` makes the next one and shares every other host with this one.

use std::sync::Arc;

use super::canonical::{Order, PathRefusal, Slashes, append_canonical, append_raw, checked, is_plain};
use super::compiled::{CompiledHost, Route};
use super::host_index::{HostIndex, Owner};
use super::reading::written_path;
use crate::model::{Certificate, HostPattern, HostSpec, RouteSpec, Snapshot};

/// Everything served at one moment. `T` is what a route's target is to the data plane.
#[derive(Debug)]
pub struct RouteTable<T> {
    hosts: HostIndex<T>,
    default_certificate: Option<Arc<Certificate>>,
}

/// The answer for a request.
#[derive(Debug)]
pub struct Found<'t, T> {
    /// The pattern whose rules apply, whether or not one of them matches. `None` when no rule is for this host.
    pub host: Option<&'t HostPattern>,
    /// The route; `None` is answered with 404. It may be the catch-all, which belongs to another pattern.
    pub route: Option<&'t Arc<Route<T>>>,
    /// Whether a TLS entry covers the host.
    pub has_tls: bool,
}

/// The certificates for a server name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Certificates<'t> {
    /// In order of preference. Empty when the default is to serve and none is configured.
    pub list: &'t [Arc<Certificate>],
    /// Where they come from.
    pub source: CertificateSource,
}

/// Why a name is served with the certificates it is served with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CertificateSource {
    /// A TLS entry covers the name, and they are its own.
    Entry,
    /// A TLS entry covers the name and has no usable certificate of its own: the default.
    EntryByDefault,
    /// No TLS entry covers the name, or there is no name: the default.
    Default,
}

impl<T> Clone for RouteTable<T> {
    fn clone(&self) -> Self {
        let Self { hosts, default_certificate } = self;
        Self { hosts: hosts.clone(), default_certificate: default_certificate.clone() }
    }
}

impl<T> RouteTable<T> {
    /// A table that serves nothing.
    pub fn empty() -> Self {
        Self { hosts: HostIndex::empty(), default_certificate: None }
    }

    /// Compiles everything. `resolve` makes the target of each route.
    pub fn compile(snapshot: &Snapshot, resolve: &mut dyn FnMut(&RouteSpec) -> T) -> Self {
        let Snapshot { hosts, default_certificate } = snapshot;
        let mut table = Self { hosts: HostIndex::empty(), default_certificate: default_certificate.clone() };
        for (pattern, spec) in hosts {
            table.set_host(pattern, Some(spec), resolve);
        }
        table
    }

    /// A table that differs in one unit: replaced by `spec`, or removed. Costs the unit and two or three small nodes.
    #[must_use]
    pub fn with_host(
        &self,
        pattern: &HostPattern,
        spec: Option<&HostSpec>,
        resolve: &mut dyn FnMut(&RouteSpec) -> T,
    ) -> Self {
        let mut next = self.clone();
        next.set_host(pattern, spec, resolve);
        next
    }

    /// A table with another default certificate.
    #[must_use]
    pub fn with_default_certificate(&self, certificate: Option<Arc<Certificate>>) -> Self {
        Self { hosts: self.hosts.clone(), default_certificate: certificate }
    }

    fn set_host(&mut self, pattern: &HostPattern, spec: Option<&HostSpec>, resolve: &mut dyn FnMut(&RouteSpec) -> T) {
        let unit = spec.filter(|spec| !spec.is_empty()).map(|spec| Arc::new(CompiledHost::compile(spec, resolve)));
        self.hosts.set(pattern, unit);
    }

    /// The route for a host, as `normalize_host` gives it, and a path, as the client sent it. A query takes no part.
    ///
    /// Allocates only where a path has other spellings than its own and `scratch` is too small for them.
    pub fn find(&self, host: Option<&str>, raw_path: &str, scratch: &mut String) -> Result<Found<'_, T>, PathRefusal> {
        let Owner { unit, tls } = self.hosts.owner(host);
        let route = if is_plain(raw_path) {
            self.route(unit, raw_path)
        } else {
            self.route_of_all_spellings(unit, checked(raw_path)?, scratch)?
        };
        Ok(Found { host: unit.map(CompiledHost::pattern), route, has_tls: tls.is_some() })
    }

    /// The certificates for a server name, lower case and without a trailing dot.
    pub fn certificates(&self, server_name: Option<&str>) -> Certificates<'_> {
        let entry = server_name.and_then(|name| self.hosts.owner(Some(name)).tls);
        let default = self.default_certificate.as_slice();
        match entry {
            Some(tls) if !tls.certificates.is_empty() => {
                Certificates { list: &tls.certificates, source: CertificateSource::Entry }
            }
            Some(_) => Certificates { list: default, source: CertificateSource::EntryByDefault },
            None => Certificates { list: default, source: CertificateSource::Default },
        }
    }

    /// Whether a TLS entry covers a host name, lower case and without a trailing dot.
    pub fn covers_with_tls(&self, host: &str) -> bool {
        self.hosts.owner(Some(host)).tls.is_some()
    }

    /// Whether a connection made for the server name `sni` may not carry requests for `host` (RFC 9110 §15.5.20): the
    /// two are served with other certificates. Both in lower case.
    pub fn misdirects(&self, sni: &str, host: &str) -> bool {
        sni != host && self.certificates(Some(sni)).list != self.certificates(Some(host)).list
    }

    /// The route that the path has as it is written, whatever it means in canonical form: what explains a refusal as
    /// ambiguous.
    pub fn find_as_written(&self, host: Option<&str>, raw_path: &str) -> Result<Option<&Arc<Route<T>>>, PathRefusal> {
        Ok(self.route(self.hosts.owner(host).unit, &written_path(raw_path)?))
    }

    /// The default certificate, if one is configured.
    pub fn default_certificate(&self) -> Option<&Arc<Certificate>> {
        self.default_certificate.as_ref()
    }

    /// The unit of exactly this pattern.
    pub fn host(&self, pattern: &HostPattern) -> Option<&CompiledHost<T>> {
        self.hosts.get(pattern)
    }

    /// All units, in no particular order.
    pub fn hosts(&self) -> impl Iterator<Item = &CompiledHost<T>> {
        self.hosts.units()
    }

    /// All routes with their patterns, fallbacks included, in no particular order of hosts.
    pub fn routes(&self) -> impl Iterator<Item = (&HostPattern, &Arc<Route<T>>)> {
        self.hosts().flat_map(|unit| unit.routes().iter().chain(unit.fallback()).map(|route| (unit.pattern(), route)))
    }

    /// Number of units. Known without counting.
    pub fn host_count(&self) -> usize {
        self.hosts.unit_count()
    }

    /// Number of routes, fallbacks included. Known without counting.
    pub fn route_count(&self) -> usize {
        self.hosts.route_count()
    }

    /// The route of one spelling of a path. A unit that owns the host keeps its unmatched paths: they go to its
    /// fallback or the catch-all, never to the routes of another unit.
    fn route<'t>(&'t self, unit: Option<&'t CompiledHost<T>>, path: &str) -> Option<&'t Arc<Route<T>>> {
        let unit = unit?;
        unit.find(path).or(unit.fallback()).or_else(|| self.hosts.any()?.fallback())
    }

    fn route_of_all_spellings<'t>(
        &'t self,
        unit: Option<&'t CompiledHost<T>>,
        path: &str,
        scratch: &mut String,
    ) -> Result<Option<&'t Arc<Route<T>>>, PathRefusal> {
        scratch.clear();
        append_raw(path, scratch);
        let end = scratch.len();
        let order = append_canonical(path, Slashes::First, scratch)?;
        let (raw, canonical) = scratch.split_at(end);
        let route = self.route(unit, canonical);
        let agrees = |spelling: &str| is_same(self.route(unit, spelling), route);
        if raw != canonical && !agrees(raw) {
            return Err(PathRefusal::Ambiguous);
        }
        if order == Order::Matters {
            scratch.clear();
            append_canonical(path, Slashes::Last, scratch)?;
            if !agrees(scratch) {
                return Err(PathRefusal::Ambiguous);
            }
        }
        Ok(route)
    }
}

fn is_same<T>(one: Option<&Arc<Route<T>>>, other: Option<&Arc<Route<T>>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}
