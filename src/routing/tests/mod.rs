//! Rules of routing by number (docs/ingress.md), hazards (B16 and B17 of docs/hazards.md), and the properties that tie the
//! table to a naive reference.

mod properties;
mod reference;
mod rules;
mod split;

use std::sync::{Arc, OnceLock};

use super::*;
use crate::model::{
    Action, Certificate, Filters, HeaderMatch, HostKey, HostPattern, HostSpec, Hostname, Labels, ListenerKey,
    ListenerSet, ObjectName, Origin, PathMatch, Place, Predicates, QueryMatch, Reply, RouteMatch, RouteSpec, Snapshot,
    Tenancy, TenantTls, TlsSpec, Transport, Unmatched, ValueMatch,
};

/// Targets are the names of the Ingresses.
type Table = RouteTable<String>;

fn exact(path: &str, name: &str) -> RouteSpec {
    route(PathMatch::Exact(path.into()), name)
}

fn prefix(path: &str, name: &str) -> RouteSpec {
    route(PathMatch::Prefix(path.into()), name)
}

fn route(path: PathMatch, name: &str) -> RouteSpec {
    RouteSpec {
        matches: RouteMatch::path(path),
        action: Action::Reply(Reply::NotFound),
        filters: Filters::default(),
        policy: Arc::default(),
        origin: Origin::ingress(ObjectName::new("test", name), Place::Unknown),
    }
}

/// `**.` is a wildcard of one or more labels.
fn pattern(text: &str) -> HostPattern {
    match text.strip_prefix("**.") {
        Some(parent) => HostPattern::Wildcard { parent: Hostname::parse(parent).unwrap(), labels: Labels::OneOrMore },
        None => HostPattern::parse(text).unwrap(),
    }
}

/// The same route for requests that have all that is named here: `method A`, `header b`, `query c`.
fn asking(mut route: RouteSpec, asked: &[&str]) -> RouteSpec {
    let named = |kind: &str| -> Vec<Arc<str>> {
        asked.iter().filter_map(|asked| asked.strip_prefix(kind)).map(|name| name.trim().into()).collect()
    };
    let value = || ValueMatch::Exact("".into());
    route.matches.predicates = (!asked.is_empty()).then(|| {
        Box::new(Predicates {
            method: named("method").pop(),
            headers: named("header").into_iter().map(|name| HeaderMatch { name, value: value() }).collect(),
            query: named("query").into_iter().map(|name| QueryMatch { name, value: value() }).collect(),
            ..Predicates::default()
        })
    });
    route
}

fn host(pattern: &str, routes: Vec<RouteSpec>) -> HostSpec {
    let empty = HostSpec::empty(self::pattern(pattern));
    let unmatched = if routes.is_empty() { Unmatched::FallThrough } else { Unmatched::Keep(None) };
    HostSpec { routes: routes.into_iter().map(Arc::new).collect(), unmatched, ..empty }
}

fn with_fallback(unit: HostSpec, name: &str) -> HostSpec {
    HostSpec { unmatched: Unmatched::Keep(Some(Arc::new(prefix("/", name)))), ..unit }
}

fn with_tls(unit: HostSpec, certificates: &[&Arc<Certificate>]) -> HostSpec {
    let certificates = certificates.iter().map(|&certificate| Arc::clone(certificate)).collect();
    let tls = TlsSpec { certificates };
    let is_wildcard = matches!(unit.key.pattern, HostPattern::Wildcard { .. });
    let of_all = is_wildcard.then(|| TenantTls { namespace: Some("test".into()), tls: tls.clone() });
    let tenancy = of_all.map(|of| Box::new(Tenancy { tls: [of].into(), ..Tenancy::default() }));
    HostSpec { tls: Some(tls), tenancy, ..unit }
}

/// The same unit, with rules of these namespaces and TLS of those.
fn with_tenancy(unit: HostSpec, tenants: &[&str], tls_of: &[Option<&str>]) -> HostSpec {
    let tls = tls_of.iter().zip(0..).map(|(namespace, number)| TenantTls {
        namespace: namespace.map(Into::into),
        tls: TlsSpec { certificates: [Arc::clone(certificate(number))].into() },
    });
    let default_backend = (unit.key.pattern == HostPattern::Any && unit.fallback().is_some())
        .then(|| Arc::new(prefix("/", "default backend")));
    let tenancy =
        Tenancy { tenants: tenants.iter().map(|&tenant| tenant.into()).collect(), tls: tls.collect(), default_backend };
    HostSpec { tenancy: Some(Box::new(tenancy)), ..unit }
}

fn certificate(number: usize) -> &'static Arc<Certificate> {
    static MADE: OnceLock<Vec<Arc<Certificate>>> = OnceLock::new();
    let make = || {
        let made = rcgen::generate_simple_self_signed(vec!["a.example".to_owned()]).unwrap();
        Arc::new(Certificate::parse(made.cert.pem().as_bytes(), made.signing_key.serialize_pem().as_bytes()).unwrap())
    };
    &MADE.get_or_init(|| (0..3).map(|_| make()).collect())[number]
}

fn snapshot(units: impl IntoIterator<Item = HostSpec>) -> Snapshot {
    Snapshot {
        hosts: units.into_iter().map(|unit| (unit.key.clone(), Arc::new(unit))).collect(),
        ..Snapshot::default()
    }
}

fn resolve(spec: &RouteSpec) -> String {
    spec.origin.label().name.to_string()
}

fn table(units: impl IntoIterator<Item = HostSpec>) -> Table {
    RouteTable::compile(&snapshot(units), &mut resolve)
}

/// The name of the route found for a request that has what is named here (`reference::holds`).
fn find_for<'t>(table: &'t Table, host: &str, path: &str, has: &[&str]) -> Result<Option<&'t str>, PathRefusal> {
    let host = normalize_host(host.as_bytes(), &mut String::new()).map(str::to_owned);
    let holds = |predicates: &Predicates| reference::holds(predicates, has);
    let found = table.find(host.as_deref(), path, &holds, &mut String::new())?;
    Ok(found.route.map(|route| route.target.as_str()))
}

/// The name of the route found by host and path.
fn find<'t>(table: &'t Table, host: &str, path: &str) -> Result<Option<&'t str>, PathRefusal> {
    find_for(table, host, path, &[])
}

fn found<'t>(table: &'t Table, host: &str, path: &str) -> Option<&'t str> {
    find(table, host, path).unwrap()
}

/// Whether a TLS entry covers a host.
fn has_tls(table: &Table, host: &str) -> bool {
    table.find(Some(host), "/", &|_| true, &mut String::new()).is_ok_and(|found| found.has_tls)
}

/// Everything a table holds, in order.
fn dump(table: &Table) -> Vec<String> {
    let mut lines: Vec<_> = table
        .hosts()
        .map(|unit| {
            let routes: Vec<_> = unit.routes().iter().map(|route| (&route.spec.matches, &route.target)).collect();
            let fallback = unit.fallback().map(|route| &route.target);
            let default = unit.default_backend().map(|route| &route.target);
            let tenants = unit.tenants();
            format!("{} {routes:?} {fallback:?} {default:?} {tenants:?} {:?}", unit.pattern(), unit.tls())
        })
        .collect();
    lines.sort();
    let (hosts, routes) = (table.host_count(), table.route_count());
    lines.push(format!("{hosts} hosts, {routes} routes, {:?}", table.default_certificate()));
    lines
}

/// Memory of ten thousand Ingresses, most of which have one host with one route. A target is four words: where requests
/// go, and their counters.
#[test]
fn routes_and_hosts_do_not_grow() {
    // A route's spec lies in an allocation of its own, with two counters, and the list of the host points to it.
    let route = size_of::<RouteSpec>() + 3 * size_of::<usize>() + size_of::<Route<[usize; 4]>>();
    let host = size_of::<HostSpec>() + size_of::<CompiledHost<[usize; 4]>>();
    assert!(route + host <= 440, "a route costs {route} bytes, a host {host}");
}
