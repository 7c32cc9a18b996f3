//! The unit of translation: everything that is served for one host.

use std::sync::Arc;

use super::certificate::Certificate;
use super::listener::ListenerSet;
use super::names::HostPattern;
use super::origin::Origin;
use super::route::RouteSpec;

/// What tells a host's unit from all others.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostKey {
    /// Where it is served. Sets of units of one pattern have no listener in common.
    pub listeners: ListenerSet,
    /// Which hosts.
    pub pattern: HostPattern,
}

/// On the default listeners.
impl From<HostPattern> for HostKey {
    fn from(pattern: HostPattern) -> Self {
        Self { listeners: ListenerSet::Default, pattern }
    }
}

/// All that is served for one host pattern. Pure data; equal units need no new table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostSpec {
    /// Which hosts, and where.
    pub key: HostKey,
    /// One for each distinct match, conflicts already decided, in order of precedence. Compiled tables share them.
    pub routes: Box<[Arc<RouteSpec>]>,
    /// What becomes of requests that no route takes.
    pub unmatched: Unmatched,
    /// Present when a TLS entry covers the hosts whose requests this unit takes or, where it takes none, those that it names.
    pub tls: Option<TlsSpec>,
    /// What matters where several namespaces name the host. `None` for nearly all units.
    pub tenancy: Option<Box<Tenancy>>,
}

/// What several namespaces have to do with one host pattern.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tenancy {
    /// The namespaces that have rules for the host; empty where it is only that of the first route, or the host of nobody.
    pub tenants: Box<[Arc<str>]>,
    /// Of a wildcard: the TLS that covers hosts that another unit has rules for. The first that counts for one of their
    /// tenants does.
    pub tls: Box<[TenantTls]>,
    /// Of `HostPattern::Any`: takes the requests of hosts that may not go to its fallback, which belongs to a namespace.
    pub default_backend: Option<Arc<RouteSpec>>,
}

/// The TLS that a namespace asks for at a wildcard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantTls {
    /// For hosts of this namespace alone. `None`: for all.
    pub namespace: Option<Arc<str>>,
    /// The TLS.
    pub tls: TlsSpec,
}

/// What becomes of a host's requests that none of its routes takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unmatched {
    /// They belong to this unit: its fallback takes them, or else the fallback of `HostPattern::Any`, which is the
    /// catch-all, where it may (`RouteSpec::takes_from`). Wildcards and the routes of `HostPattern::Any` are not asked. With
    /// Ingress this holds for every host that a rule names, even where the rule comes to no route; the fallback is the
    /// default backend of an Ingress that has rules for the host.
    Keep(Option<Arc<RouteSpec>>),
    /// The next less specific pattern is asked. With Ingress this holds for a host that only TLS entries name.
    FallThrough,
}

impl HostSpec {
    /// A unit that serves nothing.
    pub fn empty(key: impl Into<HostKey>) -> Self {
        Self { key: key.into(), routes: Box::default(), unmatched: Unmatched::FallThrough, tls: None, tenancy: None }
    }

    /// Whether the unit serves nothing and can be left out.
    pub fn is_empty(&self) -> bool {
        let Self { key: _, routes, unmatched, tls, tenancy } = self;
        routes.is_empty() && *unmatched == Unmatched::FallThrough && tls.is_none() && tenancy.is_none()
    }

    /// Whether TLS entries name the host, for whichever hosts they count.
    pub fn has_tls(&self) -> bool {
        self.tls.is_some() || self.tenancy.as_ref().is_some_and(|tenancy| !tenancy.tls.is_empty())
    }

    /// What takes the requests that no route takes.
    pub fn fallback(&self) -> Option<&Arc<RouteSpec>> {
        match &self.unmatched {
            Unmatched::Keep(fallback) => fallback.as_ref(),
            Unmatched::FallThrough => None,
        }
    }

    /// The namespaces that have rules for the host.
    pub fn tenants(&self) -> &[Arc<str>] {
        if let Some(tenancy) = self.tenancy.as_deref().filter(|tenancy| !tenancy.tenants.is_empty()) {
            return &tenancy.tenants;
        }
        match self.routes.first().or(self.fallback()).map(|route| &route.origin) {
            Some(Origin::Object { kind: _, name, place: _ }) => std::slice::from_ref(&name.namespace),
            Some(Origin::DefaultBackend) | None => &[],
        }
    }

    /// The TLS of this wildcard that covers hosts of another unit with these tenants.
    pub fn tls_for(&self, tenants: &[Arc<str>]) -> Option<&TlsSpec> {
        let counts = |of: &&TenantTls| of.namespace.as_ref().is_none_or(|namespace| tenants.contains(namespace));
        self.tenancy.as_ref()?.tls.iter().find(counts).map(|of| &of.tls)
    }
}

/// The TLS side of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSpec {
    /// In order of preference; a second one only with another kind of key. Empty: the default certificate serves.
    pub certificates: Box<[Arc<Certificate>]>,
}
