//! Paths of requests and rules: no input panics, every lookup is that of the naive reference, and a path is never
//! served by a route that its canonical form does not have.
//!
//! Lines: the path of a request, then paths of rules, each behind `=` if it is to match exactly.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use tidegate::model::{
    Action, Filters, HostPattern, HostSpec, Hostname, Labels, ObjectName, Origin, PathMatch, Place, Predicates, Reply,
    RouteMatch, RouteSpec, Snapshot, Unmatched,
};
use tidegate::routing::{PathRefusal, RouteTable};

#[path = "../../src/routing/tests/reference.rs"]
#[allow(dead_code)]
mod reference;

fuzz_target!(|text: &str| {
    let mut lines = text.split('\n');
    let path = lines.next().unwrap_or_default();
    let rules: Vec<_> = lines.take(40).collect();
    // Rules as they come, which the reference does not understand.
    let any = table(rules.iter().map(|rule| route(rule)));
    let found = any
        .find(Some("a.test"), path, &|_| true, &mut String::new())
        .map(|found| found.route.map(|route| route.target.clone()));
    // The scratch's former content takes no part.
    let mut scratch = String::from("/what/was/../there");
    assert_eq!(
        found,
        any.find(Some("a.test"), path, &|_| true, &mut scratch)
            .map(|found| found.route.map(|route| route.target.clone()))
    );

    let plain: Vec<_> = rules.iter().filter(|rule| is_plain_rule(rule)).map(|rule| route(rule)).collect();
    if !path.starts_with('/') || !path.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\#?".contains(&byte)) {
        return;
    }
    let mut routes: Vec<Arc<RouteSpec>> = Vec::new();
    for route in plain {
        if routes.iter().all(|other| !is_same_rule(&other.matches.path, &route.matches.path)) {
            routes.push(route);
        }
    }
    let table = table(routes.iter().cloned());
    let units = [unit(routes.into())];
    let expected = reference::find(&units, "a.test", path, &[]);
    let found = table.find(Some("a.test"), path, &|_| true, &mut scratch);
    let found = found.map(|found| found.route.map(|route| route.target.clone()));
    // A path that is refused for two reasons is refused for the one that is met first.
    assert_eq!(found.map_err(|_| ()), expected.map_err(|_| ()), "{path}");
});

fn table(routes: impl Iterator<Item = Arc<RouteSpec>>) -> RouteTable<String> {
    let unit = unit(routes.collect());
    let snapshot = Snapshot { hosts: [(unit.key.clone(), unit.into())].into_iter().collect(), ..Snapshot::default() };
    RouteTable::compile(&snapshot, &mut |spec| spec.origin.label().name.to_string())
}

fn unit(routes: Box<[Arc<RouteSpec>]>) -> HostSpec {
    let empty = HostSpec::empty(HostPattern::parse("a.test").expect("a host"));
    HostSpec { routes, unmatched: Unmatched::Keep(None), ..empty }
}

fn route(rule: &str) -> Arc<RouteSpec> {
    let path = match rule.strip_prefix('=') {
        Some(path) => PathMatch::Exact(path.into()),
        None => PathMatch::Prefix(rule.into()),
    };
    Arc::new(RouteSpec {
        matches: RouteMatch::path(path),
        action: Action::Reply(Reply::NotFound),
        filters: Filters::default(),
        policy: Default::default(),
        origin: Origin::ingress(ObjectName::new("test", rule), Place::Unknown),
    })
}

/// Whether the reference can compare it as text.
fn is_plain_rule(rule: &str) -> bool {
    let path = rule.strip_prefix('=').unwrap_or(rule);
    path.starts_with('/')
        && !path.contains("//")
        && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'/')
}

fn is_same_rule(one: &PathMatch, other: &PathMatch) -> bool {
    match (one, other) {
        (PathMatch::Exact(one), PathMatch::Exact(other)) => one == other,
        (PathMatch::Prefix(one), PathMatch::Prefix(other)) => one.trim_end_matches('/') == other.trim_end_matches('/'),
        (PathMatch::Exact(_) | PathMatch::Prefix(_) | PathMatch::Text(_) | PathMatch::Pattern(_), _) => false,
    }
}
