use super::*;

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::{Index, select};

const PATTERNS: [&str; 12] =
    ["", "x.z", "a.x.z", "b.x.z", "a.y.z", "*.z", "*.x.z", "*.y.z", "*.a.x.z", "**.z", "**.x.z", "**.a.x.z"];
const HOSTS: [&str; 10] = ["x.z", "y.z", "z", "a.x.z", "b.x.z", "c.x.z", "a.y.z", "b.y.z", "b.a.x.z", "other.example"];

/// What routes ask for besides their path.
const ASKED: [&[&str]; 7] = [
    &[],
    &["method A"],
    &["header b"],
    &["query c"],
    &["header b", "header d"],
    &["method A", "query c"],
    &["header b", "query c"],
];
/// What requests have.
const HAVE: [&[&str]; 6] = [&[], &["A"], &["b"], &["c"], &["A", "b", "c"], &["b", "c", "d"]];

/// Paths of rules: canonical, so that the reference can compare them as text.
fn rule_path() -> impl Strategy<Value = String> {
    prop_oneof![3 => "(/(a|b|ab|%2F)){1,3}/?", 1 => Just("/".to_owned())]
}

fn plain_path() -> impl Strategy<Value = String> {
    "(/(a|b|ab|A)){0,4}/?".prop_map(|path| if path.is_empty() { "/".to_owned() } else { path })
}

fn odd_path() -> impl Strategy<Value = String> {
    "(/(a|b|%61|a;p|%2f|%2F|\\.|\\.\\.|%2e%2E|\\.\\.;p|;|%|%0a|\\.a)?){1,6}"
}

/// The units of some patterns, each with so few or so many routes that either index is used.
fn units() -> impl Strategy<Value = Vec<HostSpec>> {
    prop::collection::vec(unit(), 0..8).prop_map(|units| {
        let by_pattern: BTreeMap<_, _> = units.into_iter().map(|unit| (unit.key.clone(), unit)).collect();
        by_pattern.into_values().collect()
    })
}

fn unit() -> impl Strategy<Value = HostSpec> {
    // A third of the units has routes that ask for more than a path.
    let asked = prop_oneof![2 => Just(&ASKED[..1]), 1 => Just(&ASKED[..])];
    let rules = |count: std::ops::Range<usize>| {
        asked.clone().prop_flat_map(move |asked| {
            prop::collection::vec((any::<bool>(), rule_path(), select(asked)), count.clone())
        })
    };
    let routes = prop_oneof![rules(0..6), rules(0..40)];
    // Namespaces beside `test`, from which all routes come.
    let tenants = select(vec![None, None, Some(&["test", "other"][..]), Some(&["other"])]);
    let tls_of = prop::collection::vec(select(vec![Some("test"), Some("other"), None]), 0..3);
    let tenancy = (tenants, tls_of);
    (select(&PATTERNS[..]), routes, any::<bool>(), any::<bool>(), any::<bool>(), tenancy).prop_map(
        |(pattern, routes, falls_through, has_fallback, has_tls, (tenants, tls_of))| {
            let name = |path: &str, kind: &str| format!("{pattern} {kind} {path}");
            let make = |(number, (is_exact, path, asked)): (usize, (bool, String, &'static [&'static str]))| {
                let name = format!("{} {asked:?} {number}", name(&path, if is_exact { "exact" } else { "prefix" }));
                asking(if is_exact { exact(&path, &name) } else { prefix(&path, &name) }, asked)
            };
            let mut unit = host(pattern, routes.into_iter().enumerate().map(make).collect());
            if falls_through {
                unit.unmatched = Unmatched::FallThrough;
            }
            let unit = if has_fallback { with_fallback(unit, &name("", "fallback")) } else { unit };
            let unit = if has_tls { with_tls(unit, &[certificate(0)]) } else { unit };
            match tenants {
                Some(tenants) if pattern.starts_with('*') => with_tenancy(unit, tenants, &tls_of),
                Some(tenants) => with_tenancy(unit, tenants, &[]),
                None => unit,
            }
        },
    )
}

proptest! {
    #[test]
    fn b17_lookups_equal_the_reference(units in units(), paths in prop::collection::vec(plain_path(), 8)) {
        let table = table(units.clone());
        for host in HOSTS {
            for (path, has) in paths.iter().zip(HAVE.iter().cycle()) {
                let expected = reference::find(&units, host, path, has);
                let found = find_for(&table, host, path, has);
                prop_assert_eq!(found, expected.as_ref().map(Option::as_deref).map_err(|e| *e));
            }
            prop_assert_eq!(has_tls(&table, host), reference::has_tls(&units, host));
        }
    }

    #[test]
    fn b16_odd_paths_route_as_their_canonical_form_or_not_at_all(
        units in units(),
        paths in prop::collection::vec(odd_path(), 16),
    ) {
        let table = table(units.clone());
        for host in HOSTS {
            for (path, has) in paths.iter().zip(HAVE.iter().cycle()) {
                let expected = reference::find(&units, host, path, has);
                let found = find_for(&table, host, path, has);
                prop_assert_eq!(found, expected.as_ref().map(Option::as_deref).map_err(|e| *e), "{}{}", host, path);
            }
        }
    }

    #[test]
    fn rules_in_any_spelling_are_reached_by_that_spelling(path in odd_path(), is_exact in any::<bool>()) {
        let rule = if is_exact { exact(&path, "odd") } else { prefix(&path, "odd") };
        let table = table([host("a.com", vec![rule, prefix("/", "root")])]);
        if let Ok(found) = find(&table, "a.com", &path) {
            prop_assert_eq!(found, Some("odd"));
        }
    }

    #[test]
    fn any_bytes_are_answered(path in any::<String>(), rules in prop::collection::vec(any::<String>(), 0..12)) {
        let rules = rules.iter().map(|rule| prefix(rule, rule)).collect();
        let table = table([host("a.com", rules)]);
        let _ = find(&table, "a.com", &path);
        let _ = find(&table, &path, "/");
    }

    #[test]
    fn incremental_equals_full(
        start in units(),
        changes in prop::collection::vec((unit(), any::<Option<Index>>()), 1..12),
        path in plain_path(),
    ) {
        let mut units: BTreeMap<_, _> = start.iter().map(|unit| (unit.key.clone(), unit.clone())).collect();
        let mut incremental = table(start);
        for (unit, removal) in changes {
            let key = match removal {
                Some(index) if !units.is_empty() => index.get(&units.keys().cloned().collect::<Vec<_>>()).clone(),
                Some(_) | None => unit.key.clone(),
            };
            let spec = (key == unit.key && removal.is_none()).then(|| Arc::new(unit));
            let before = dump(&incremental);
            let next = incremental.with_host(&key, spec.as_ref(), &mut resolve);
            prop_assert_eq!(before, dump(&incremental));
            incremental = next;
            match spec {
                Some(unit) => units.insert(key, HostSpec::clone(&unit)),
                None => units.remove(&key),
            };
            let full = table(units.values().cloned());
            prop_assert_eq!(dump(&incremental), dump(&full));
            for host in HOSTS {
                for has in HAVE {
                    prop_assert_eq!(find_for(&incremental, host, &path, has), find_for(&full, host, &path, has));
                }
                prop_assert_eq!(incremental.certificates(Some(host)), full.certificates(Some(host)));
                prop_assert_eq!(has_tls(&incremental, host), has_tls(&full, host));
            }
        }
    }
}
