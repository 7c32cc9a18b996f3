//! ingress-nginx's own ConfigMap: a change of it is a change of everything, and comes to what a start with it comes to.

use std::sync::Arc;

use super::builders::*;
use crate::model::{Filter, HostKey, ObjectKind, ObjectRef, ProblemCode, Rules, UnitKey};
use crate::source::objects::{Change, ConfigMap};
use crate::translate::{Input, Settings, VisibleConfigMaps, merge, snapshot, unit};

const MAP: &str = "edge/nginx";

fn settings() -> Settings {
    Settings { nginx_config_map: Some(name(MAP)), ..Settings::default() }
}

fn reference(text: &str) -> ObjectRef {
    ObjectRef::new(ObjectKind::ConfigMap, name(text))
}

fn web(text: &str, annotations: &[(&str, &str)]) -> Change {
    let web = ingress(text).rule(&format!("{text}.example"), &[prefix("/", "a")]);
    let key = |key: &str| format!("nginx.ingress.kubernetes.io/{key}");
    annotations.iter().fold(web, |web, (annotation, value)| web.annotate(&key(annotation), value)).change()
}

/// The longest body of the first route of a host.
fn body(input: &Input, host: &str) -> Option<u64> {
    snapshot(input).0.hosts[&HostKey::from(pattern(host))].routes[0].policy.body_bytes
}

#[test]
fn any_order_of_changes_comes_to_what_all_of_them_come_to_at_once() {
    let auth = ("global-auth-url", "http://auth.zoo.svc/check");
    let maps: [&[(&str, &str)]; 6] = [
        &[("proxy-body-size", "1m")],
        &[("proxy-body-size", "1m"), ("whitelist-source-range", "10.0.0.0/8"), auth],
        &[("add-headers", "edge/for-clients"), ("hsts", "true"), ("proxy-bodysize", "1m")],
        &[auth, ("block-cidrs", "nonsense"), ("global-allowed-response-headers", "x-one")],
        &[("use-forwarded-headers", "true"), ("global-auth-url", "https://login.example/"), ("ssl-redirect", "false")],
        &[],
    ];
    let others = [
        web("plain", &[]),
        web("own", &[("proxy-body-size", "2k"), ("custom-headers", "shop/headers")]),
        of_class(our_class()),
        of_service(service("a")),
        of_service(service("zoo/auth")),
        config_map("headers", &[("X-One", "1")]),
        config_map("edge/for-clients", &[("X-Two", "2"), ("Host", "x")]),
    ];
    let mut input = Input::new(settings());
    let (mut served, mut findings) = snapshot(&input);
    let removal = Change::removal(reference(MAP));
    let steps = maps.iter().map(|map| config_map(MAP, map)).chain([removal]);
    let mut steps = steps.zip(others.iter().map(Some).chain(std::iter::repeat(None)));
    let mut all: Vec<Change> = Vec::new();
    for (step, other) in steps.by_ref() {
        for change in [Some(step), other.cloned()].into_iter().flatten() {
            all.push(change.clone());
            for key in input.apply(change).units {
                let translated = unit(&input, &key);
                merge(&mut served, &mut findings, &key, translated);
            }
            let mut fresh = Input::new(settings());
            all.iter().for_each(|change| drop(fresh.apply(change.clone())));
            assert_eq!((&served, &findings), (&snapshot(&fresh).0, &snapshot(&fresh).1));
            assert_eq!(snapshot(&input), snapshot(&fresh));
            assert_eq!(input.followed(), fresh.followed());
            assert_eq!(input.wanted_names(), fresh.wanted_names());
        }
    }
}

#[test]
fn a_config_map_that_has_gone_holds_and_one_that_was_never_there_closes_everything() {
    let objects = [web("plain", &[]), of_class(our_class()), of_service(service("a"))];
    let is_closed = |input: &Input| {
        let filters = &snapshot(input).0.hosts[&HostKey::from(pattern("plain.example"))].routes[0].filters;
        filters.iter().any(|filter| matches!(filter, Filter::Rules(rules) if matches!(**rules, Rules::Closed(_))))
    };
    let told = |input: &Input| -> Vec<ProblemCode> {
        snapshot(input).1.into_values().flatten().filter(|p| p.object == reference(MAP)).map(|p| p.code).collect()
    };
    let mut input = Input::new(settings());
    objects.into_iter().for_each(|change| drop(input.apply(change)));
    assert!(is_closed(&input));
    assert_eq!(told(&input), [ProblemCode::ConfigMapNotFound]);

    let map = || config_map(MAP, &[("whitelist-source-range", "10.0.0.0/8")]);
    input.apply(map());
    let with_map = snapshot(&input).0;
    assert!(!is_closed(&input) && told(&input).is_empty());

    input.apply(Change::removal(reference(MAP)));
    assert_eq!(snapshot(&input).0, with_map, "who was kept out still is");
    assert_eq!(told(&input), [ProblemCode::ConfigMapNotFound]);
    input.apply(map());
    assert_eq!(snapshot(&input).0, with_map);
    assert!(told(&input).is_empty());
    input.apply(Change::removal(reference(MAP)));
    input.apply(config_map(MAP, &[]));
    assert_ne!(snapshot(&input).0, with_map);
    assert!(told(&input).is_empty());
}

#[test]
fn annotations_win_over_the_config_map_and_options_that_were_given_too() {
    let with = |given: &[&str]| Settings {
        given: Arc::new(given.iter().map(|option| (*option).into()).collect()),
        ..settings()
    };
    for (given, expected) in [(&[][..], Some(8 << 20)), (&["max-body-bytes"], None), (&["ssl-redirect"], Some(8 << 20))]
    {
        let own = web("own", &[("proxy-body-size", "2k")]);
        let map = config_map(MAP, &[("proxy-body-size", "8m")]);
        let world = world_with(with(given), [web("plain", &[]), own, map]);
        assert_eq!(body(&world.input, "plain.example"), expected, "{given:?}");
        assert_eq!(body(&world.input, "own.example"), Some(2 << 10), "{given:?}");
    }
}

#[test]
fn the_config_map_is_followed_whatever_may_be_read_and_those_that_it_names_where_they_may() {
    let config_maps = VisibleConfigMaps::Listed(Arc::new([name("edge/for-pods")].into()));
    let mut input = Input::new(Settings { config_maps, ..settings() });
    assert_eq!(input.followed(), [reference(MAP)].into());
    let map = [("add-headers", "edge/for-clients"), ("proxy-set-headers", "edge/for-pods")];
    let invalidated = input.apply(config_map(MAP, &map));
    for named in ["edge/for-clients", "edge/for-pods"] {
        assert!(invalidated.named.contains(&reference(named)) && input.follows(&reference(named)));
    }
    assert!(input.may_see_config_map(&name(MAP)) && !input.may_see_config_map(&name("edge/for-clients")));
    let findings = snapshot(&input).1;
    let told = &findings[&UnitKey::Object(reference(MAP))];
    let codes: Vec<_> = told.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, [ProblemCode::ConfigMapNotListed, ProblemCode::ConfigMapNotFound]);
    input.apply(config_map(MAP, &[]));
    assert_eq!(input.followed(), [reference(MAP)].into());
}

#[test]
fn a_config_map_that_changes_nothing_invalidates_nothing() {
    let mut world = world_with(settings(), [web("plain", &[]), config_map(MAP, &[("proxy-body-size", "8m")])]);
    assert!(world.input.apply(config_map(MAP, &[("proxy-body-size", "8m")])).is_empty());
    assert!(world.input.apply(config_map(MAP, &[("proxy-body-size", "8m"), ("use-http2", "true")])).is_empty());
    assert!(world.input.apply(config_map("edge/other", &[("proxy-body-size", "1m")])).is_empty());
}

#[test]
fn objects_that_ask_for_nothing_share_their_filters() {
    let map = config_map(MAP, &[("hsts", "true"), ("block-cidrs", "192.0.2.0/24"), ("proxy-body-size", "8m")]);
    let own = web("own", &[("proxy-body-size", "2k")]);
    let world = world_with(settings(), [web("one", &[]), web("two", &[]), own, map]);
    let of = |host: &str| {
        let route = &world.host(host).routes[0];
        (route.filters.as_ptr(), Arc::as_ptr(&route.policy), route.filters.len())
    };
    assert_eq!(of("one.example"), of("two.example"));
    assert_eq!((of("own.example").2, of("own.example").0 == of("one.example").0), (of("one.example").2, false));
}

#[test]
fn a_config_map_that_is_too_large_closes_all_routes() {
    let map = ConfigMap { name: name(MAP), data: Default::default(), is_too_large: true };
    let world = world_with(settings(), [web("plain", &[]), Change::arrival(map)]);
    let filters = &world.host("plain.example").routes[0].filters;
    let is_closed = |filter: &Filter| matches!(filter, Filter::Rules(rules) if matches!(**rules, Rules::Closed(_)));
    assert!(filters.iter().any(is_closed), "{filters:?}");
    assert!(
        world.problems().contains(&"InvalidConfigMap ConfigMap edge/nginx data".to_owned()),
        "{:?}",
        world.problems()
    );
}
