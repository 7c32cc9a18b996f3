//! The compiled table, as the data plane asks it: a route for a host and a path, certificates for a server name.
//!
//! A table never changes. `with_host` makes the next one and shares every other host with this one.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::canonical::{Order, PathRefusal, Slashes, append_canonical, append_raw, checked, is_plain};
use super::compiled::{CompiledHost, Holds};
use super::host_index::{HostIndex, Owner};
use super::reading::written_path;
use super::route::Route;
use super::stream::CompiledStream;
use crate::model::{
    AskedOf, Certificate, HostKey, HostPattern, HostSpec, ListenerKey, ListenerSet, RouteSpec, Snapshot, StreamSpec,
    TlsSpec,
};

/// Everything served at one moment. `T` is what a route's target is to the data plane.
#[derive(Debug)]
pub struct RouteTable<T> {
    /// Of the default listeners.
    hosts: HostIndex<T>,
    /// Of other listeners. A unit that several of them serve stands in the index of each.
    others: BTreeMap<ListenerKey, HostIndex<T>>,
    /// What is passed on without a look at requests.
    streams: Arc<BTreeMap<ListenerKey, Arc<CompiledStream<T>>>>,
    default_certificate: Option<Arc<Certificate>>,
}

/// The answer for a request.
#[derive(Debug)]
pub struct Found<'t, T> {
    /// The most specific pattern with rules for this host, whether or not one of them matches. `None` when no rule is
    /// for this host.
    pub host: Option<&'t HostPattern>,
    /// The route; `None` is answered with 404. It may be the catch-all, which belongs to another pattern.
    pub route: Option<&'t Arc<Route<T>>>,
    /// Whether a TLS entry covers the host.
    pub has_tls: bool,
}

/// The certificates for a server name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Certificates<'t> {
    /// In order of preference. Empty when the default certificate serves and none is configured.
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
        let Self { hosts, others, streams, default_certificate } = self;
        let (hosts, others, streams) = (hosts.clone(), others.clone(), Arc::clone(streams));
        Self { hosts, others, streams, default_certificate: default_certificate.clone() }
    }
}

impl<T> RouteTable<T> {
    /// A table that serves nothing.
    pub fn empty() -> Self {
        let (hosts, others) = (HostIndex::empty(), BTreeMap::new());
        Self { hosts, others, streams: Arc::default(), default_certificate: None }
    }

    /// Compiles everything. `resolve` makes the target of each route.
    pub fn compile(snapshot: &Snapshot, resolve: &mut dyn FnMut(&RouteSpec) -> T) -> Self {
        // Listeners are opened, not looked up.
        let Snapshot { hosts, default_certificate, listeners: _, streams } = snapshot;
        let streams = streams.iter().map(|(key, spec)| (*key, Arc::new(CompiledStream::compile(spec, resolve))));
        let streams = Arc::new(streams.collect());
        let mut table = Self { streams, default_certificate: default_certificate.clone(), ..Self::empty() };
        for (key, spec) in hosts {
            table.set_host(key, Some(spec), resolve);
        }
        table
    }

    /// A table that differs in one unit: replaced by `spec`, or removed. Costs the unit and two or three small nodes.
    #[must_use]
    pub fn with_host(
        &self,
        key: &HostKey,
        spec: Option<&Arc<HostSpec>>,
        resolve: &mut dyn FnMut(&RouteSpec) -> T,
    ) -> Self {
        let mut next = self.clone();
        next.set_host(key, spec, resolve);
        next
    }

    /// A table that differs in the streams of one listener: replaced by `spec`, or removed.
    #[must_use]
    pub fn with_stream(
        &self,
        key: ListenerKey,
        spec: Option<&Arc<StreamSpec>>,
        resolve: &mut dyn FnMut(&RouteSpec) -> T,
    ) -> Self {
        let mut streams = BTreeMap::clone(&self.streams);
        match spec {
            Some(spec) => _ = streams.insert(key, Arc::new(CompiledStream::compile(spec, resolve))),
            None => _ = streams.remove(&key),
        }
        Self { streams: Arc::new(streams), ..self.clone() }
    }

    /// A table with another default certificate.
    #[must_use]
    pub fn with_default_certificate(&self, certificate: Option<Arc<Certificate>>) -> Self {
        Self { default_certificate: certificate, ..self.clone() }
    }

    /// What a listener beside the default ones serves, as a table of its own that shares everything with this one.
    /// `None`: no host is served there.
    pub fn of_listener(&self, listener: &ListenerKey) -> Option<Self> {
        let hosts = self.others.get(listener)?.clone();
        Some(Self { hosts, default_certificate: self.default_certificate.clone(), ..Self::empty() })
    }

    fn set_host(&mut self, key: &HostKey, spec: Option<&Arc<HostSpec>>, resolve: &mut dyn FnMut(&RouteSpec) -> T) {
        let HostKey { listeners, pattern } = key;
        let spec = spec.filter(|spec| !spec.is_empty());
        let mut compile =
            |former: Option<&CompiledHost<T>>| Some(Arc::new(CompiledHost::compile(spec?, former, resolve)));
        match listeners {
            ListenerSet::Default => {
                let unit = compile(self.hosts.get(pattern));
                self.hosts.set(pattern, unit);
            }
            ListenerSet::Of(listeners) => {
                let unit = compile(None);
                for listener in &**listeners {
                    self.others.entry(*listener).or_insert_with(HostIndex::empty).set(pattern, unit.clone());
                }
                self.others.retain(|_, hosts| hosts.unit_count() > 0);
            }
        }
    }

    /// The route for a host, as `normalize_host` gives it, and a path, as the client sent it. A query takes no part but
    /// in predicates, which `holds` decides.
    ///
    /// Allocates only where a path has other spellings than its own and `scratch` is too small for them.
    pub fn find(
        &self,
        host: Option<&str>,
        raw_path: &str,
        holds: Holds<'_>,
        scratch: &mut String,
    ) -> Result<Found<'_, T>, PathRefusal> {
        let Owner { unit, cover } = self.hosts.owner(host);
        let route_of = |spelling: &str| self.route(host, unit, spelling, holds);
        let route = if is_plain(raw_path) {
            route_of(raw_path)
        } else {
            route_of_all_spellings(route_of, checked(raw_path)?, scratch)?
        };
        Ok(Found { host: unit.map(CompiledHost::pattern), route, has_tls: cover.is_some() })
    }

    /// The certificates for a server name, lower case and without a trailing dot.
    pub fn certificates(&self, server_name: Option<&str>) -> Certificates<'_> {
        let entry = server_name.and_then(|name| self.hosts.owner(Some(name)).cover.tls());
        let default = self.default_certificate.as_slice();
        match entry {
            Some(TlsSpec { certificates }) if !certificates.is_empty() => {
                Certificates { list: certificates, source: CertificateSource::Entry }
            }
            Some(_) => Certificates { list: default, source: CertificateSource::EntryByDefault },
            None => Certificates { list: default, source: CertificateSource::Default },
        }
    }

    /// Whether any host asks clients for certificates. Known without counting.
    pub fn asks_for_certificates(&self) -> bool {
        self.hosts.asks_for_certificates()
    }

    /// Whose certificates clients of a server name, lower case and without a trailing dot, are asked for; `None`: they are not
    /// asked.
    pub fn asked_of(&self, server_name: Option<&str>) -> Option<AskedOf> {
        self.hosts.asked_of(server_name)
    }

    /// Whether a connection made for the server name `sni` may not carry requests for `host` (RFC 9110 §15.5.20): the
    /// two are served with other certificates. Both in lower case.
    pub fn misdirects(&self, sni: &str, host: &str) -> bool {
        sni != host && self.certificates(Some(sni)).list != self.certificates(Some(host)).list
    }

    /// The route that the path has as it is written, without a look at its canonical form. It explains a refusal as
    /// ambiguous.
    pub fn find_as_written(
        &self,
        host: Option<&str>,
        raw_path: &str,
        holds: Holds<'_>,
    ) -> Result<Option<&Arc<Route<T>>>, PathRefusal> {
        Ok(self.route(host, self.hosts.owner(host).unit, &written_path(raw_path)?, holds))
    }

    /// The streams of a listener.
    pub fn stream(&self, listener: &ListenerKey) -> Option<&Arc<CompiledStream<T>>> {
        self.streams.get(listener)
    }

    /// All streams, by listener.
    pub fn streams(&self) -> impl Iterator<Item = (&ListenerKey, &Arc<CompiledStream<T>>)> {
        self.streams.iter()
    }

    /// The default certificate, if one is configured.
    pub fn default_certificate(&self) -> Option<&Arc<Certificate>> {
        self.default_certificate.as_ref()
    }

    /// The unit of exactly this pattern on the default listeners.
    pub fn host(&self, pattern: &HostPattern) -> Option<&CompiledHost<T>> {
        self.hosts.get(pattern)
    }

    /// All units of the default listeners, in no particular order.
    pub fn hosts(&self) -> impl Iterator<Item = &CompiledHost<T>> {
        self.hosts.units()
    }

    /// All routes with their patterns, fallbacks included, in no particular order of hosts.
    pub fn routes(&self) -> impl Iterator<Item = (&HostPattern, &Arc<Route<T>>)> {
        self.hosts().flat_map(|unit| unit.all_routes().map(|route| (unit.pattern(), route)))
    }

    /// Number of units. Known without counting.
    pub fn host_count(&self) -> usize {
        self.hosts.unit_count()
    }

    /// Number of routes, fallbacks included. Known without counting.
    pub fn route_count(&self) -> usize {
        self.hosts.route_count()
    }

    /// The route of one spelling of a path. If the owner has none and does not keep such requests, the next unit for the
    /// host is asked.
    fn route<'t>(
        &'t self,
        host: Option<&str>,
        owner: Option<&'t CompiledHost<T>>,
        path: &str,
        holds: Holds<'_>,
    ) -> Option<&'t Arc<Route<T>>> {
        let mut unit = owner?;
        loop {
            let route = unit.find(path, holds).or(unit.fallback());
            if route.is_some() {
                return route;
            }
            let next = if unit.keeps_unmatched() { None } else { self.hosts.after(host, unit) };
            let Some(next) = next else { return self.hosts.any()?.catch_all_for(unit) };
            unit = next;
        }
    }
}

/// The route that all spellings of a path have for one request. If they have different routes, the path is refused.
fn route_of_all_spellings<'t, T>(
    route_of: impl Fn(&str) -> Option<&'t Arc<Route<T>>>,
    path: &str,
    scratch: &mut String,
) -> Result<Option<&'t Arc<Route<T>>>, PathRefusal> {
    scratch.clear();
    append_raw(path, scratch);
    let end = scratch.len();
    let order = append_canonical(path, Slashes::First, scratch)?;
    let (raw, canonical) = scratch.split_at(end);
    let route = route_of(canonical);
    let agrees = |spelling: &str| is_same(route_of(spelling), route);
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

fn is_same<T>(one: Option<&Arc<Route<T>>>, other: Option<&Arc<Route<T>>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}
