//! Canaries share the requests of a Service and port, whichever rules and hosts lead there.

use super::builders::*;
use crate::model::{HostPattern, ObjectKind, ObjectRef, UnitKey};
use crate::source::objects::builders::IngressBuilder;
use crate::source::objects::{Change, Service};
use crate::translate::{Input, canary};

/// Asserts that what is kept of canaries is what looking for them anew comes to.
pub(super) fn assert_canaries_are_followed(input: &Input) {
    let hosts: Vec<_> = input.index().hosts().cloned().collect();
    let mut all = Vec::new();
    for host in &hosts {
        let found = canary::hung(input, host);
        let kept = input.canaries().at(host).map(|kept| kept.iter().map(|hung| (**hung).clone()).collect());
        assert!(found == kept, "{host}: {found:#?}, {kept:#?}");
        all.extend(found.into_iter().flatten());
    }
    for hung in &all {
        let of_port = all.iter().filter(|other| other.of == hung.of);
        let first = of_port.min_by_key(|other| (other.by.created(), other.by.name(), other.field.order()));
        let kept = input.canaries().of(crate::translate::lower::BackendRef {
            namespace: &hung.of.service.namespace,
            backend: &crate::source::objects::Backend::Service {
                name: hung.of.service.name.clone(),
                port: hung.of.port.clone(),
            },
        });
        assert!(kept == first, "{kept:#?}, {first:#?}");
    }
    assert!(!all.is_empty() || hosts.iter().all(|host| input.canaries().at(host).is_none_or(<[_]>::is_empty)));
}

fn canary(name: &str, weight: &str) -> IngressBuilder {
    ingress(name)
        .annotate("nginx.ingress.kubernetes.io/canary", "true")
        .annotate("nginx.ingress.kubernetes.io/canary-weight", weight)
}

fn removal(ingress: &str) -> Change {
    Change::removal(ObjectRef::new(ObjectKind::Ingress, name(ingress)))
}

fn hosts(units: Vec<UnitKey>) -> Vec<String> {
    let host = |unit: UnitKey| match unit {
        UnitKey::Host(key) => Some(key.pattern.to_string()),
        UnitKey::Stream(_) | UnitKey::DefaultCertificate | UnitKey::Object(_) => None,
    };
    units.into_iter().filter_map(host).collect()
}

fn main() -> Change {
    let paths = [prefix("/", "a"), prefix("/x", "a"), prefix("/b", "b")];
    ingress("main").rule("a.example", &paths).rule("b.example", &[prefix("/y", "a")]).change()
}

/// Of another Ingress, and another port of the Service.
fn other() -> Change {
    let paths = [path(crate::source::objects::PathKind::Prefix, "/z", backend("a", 81)), prefix("/", "a")];
    ingress("other").rule("c.example", &paths).rule("d.example", &[prefix("/", "b")]).change()
}

const SHARED: &str = "shop/a:80, 7 % shop/c:80";

fn two_ports() -> Change {
    let mut service = service("a");
    service.ports = [service.ports[0].clone(), port("other", 81, 9090)].into();
    of_service(service)
}

fn new_canary() -> Change {
    canary("new", "7").created(9).rule("a.example", &[prefix("/", "c")]).change()
}

#[test]
fn nginx_f1_a_canary_gets_its_share_of_all_rules_of_the_service_and_port() {
    let objects = [main(), other(), two_ports(), new_canary()];
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]] {
        let mut world = world([]);
        world.apply(order.map(|at| objects[at].clone()));
        assert_canaries_are_followed(&world.input);
        assert_eq!(world.problems(), [""; 0]);
        let shared = |path: &str| format!("{path} → {SHARED}");
        assert_eq!(world.routes("a.example"), [shared("/b").replace(SHARED, "shop/b:80"), shared("/x"), shared("/")]);
        assert_eq!(world.routes("b.example"), [shared("/y")]);
        assert_eq!(world.routes("c.example"), [shared("/z").replace(SHARED, "shop/a:81"), shared("/")]);
        assert_eq!(world.routes("d.example"), ["/ → shop/b:80"]);
    }
}

#[test]
fn nginx_f1_many_changes_at_once_come_to_the_same_as_one_after_the_other() {
    let changes = [main(), new_canary(), other(), two_ports(), removal("main"), main()];
    let mut one_by_one = world([]);
    one_by_one.apply(changes.clone());
    let mut at_once = Input::new(one_by_one.input.settings().clone());
    let services = ["a", "b", "c", "d"].map(|name| of_service(service(name)));
    at_once.apply_all([of_class(our_class())].into_iter().chain(services).chain(changes));
    assert_canaries_are_followed(&at_once);
    assert_eq!(crate::translate::snapshot(&at_once).0, one_by_one.snapshot);
}

#[test]
fn nginx_f1_what_comes_goes_or_changes_at_one_host_is_followed_at_the_others() {
    let mut world = world([main(), other(), two_ports()]);
    assert_eq!(hosts(world.apply([new_canary()])), ["a.example", "b.example", "c.example"]);
    assert_eq!(hosts(world.apply([new_canary()])), [""; 0], "it is as before");
    // Of the canary: its weight, its Service.
    let lighter = canary("new", "3").created(9).rule("a.example", &[prefix("/", "c")]).change();
    world.apply([lighter]);
    assert_eq!(world.routes("b.example"), ["/y → shop/a:80, 3 % shop/c:80"]);
    world.apply([new_canary(), Change::removal(ObjectRef::new(ObjectKind::Service, name("c")))]);
    assert_eq!(world.routes("b.example"), ["/y → shop/a:80, 7 % 503"]);
    world.apply([of_service(service("c"))]);
    assert_eq!(world.routes("b.example"), [format!("/y → {SHARED}")]);
    // What does not concern the Service touches no other host.
    let moved = ingress("quiet").rule("a.example", &[prefix("/quiet", "b")]).change();
    assert_eq!(hosts(world.apply([moved])), ["a.example"]);
    // The path goes to another Service, and then to nobody.
    let elsewhere = ingress("main").rule("a.example", &[prefix("/", "b")]).rule("b.example", &[prefix("/y", "a")]);
    world.apply([elsewhere.change()]);
    assert_eq!(world.routes("b.example"), ["/y → shop/a:80"]);
    assert_eq!(world.routes("d.example"), ["/ → shop/b:80, 7 % shop/c:80"]);
    world.apply([removal("main")]);
    assert_eq!(world.routes("d.example"), ["/ → shop/b:80"]);
    assert_eq!(world.problems(), ["CanaryWithoutMain Ingress shop/new spec.rules[0].http.paths[0]"]);
    world.apply([main()]);
    assert_eq!(world.routes("c.example").last(), Some(&format!("/ → {SHARED}")));
    world.apply([removal("new")]);
    assert_eq!(world.routes("c.example").last().map(String::as_str), Some("/ → shop/a:80"));
    assert!(world.input.canaries().is_empty());
}

#[test]
fn nginx_f1_a_rule_of_a_canary_may_move_between_hosts_of_one_service() {
    let mut world = world([main(), other(), two_ports(), new_canary()]);
    for host in ["c.example", "a.example", "c.example"] {
        world.apply([canary("new", "7").created(9).rule(host, &[prefix("/", "c")]).change()]);
        assert_canaries_are_followed(&world.input);
        assert_eq!(world.routes("b.example"), [format!("/y → {SHARED}")], "{host}");
    }
}

#[test]
fn nginx_f1_a_path_that_another_namespace_takes_frees_the_service_everywhere() {
    let mut world = world([main(), other(), two_ports(), new_canary(), of_service(service("zoo/a"))]);
    let older = ingress("zoo/older").created(-1).rule("a.example", &[prefix("/", "a")]).change();
    world.apply([older, ingress("zoo/quiet").rule("e.example", &[prefix("/", "a")]).change()]);
    assert_eq!(world.routes("b.example"), ["/y → shop/a:80"]);
    assert!(world.problems().contains(&"CanaryWithoutMain Ingress shop/new spec.rules[0].http.paths[0]".into()));
    world.apply([removal("zoo/older")]);
    assert_eq!(world.routes("b.example"), [format!("/y → {SHARED}")]);
    assert_eq!(world.routes("e.example"), ["/ → zoo/a:80"], "a Service of the same name in another namespace");
}

#[test]
fn nginx_f1_the_first_canary_of_a_service_and_port_counts() {
    let first = canary("first", "5").created(5).rule("b.example", &[prefix("/y", "d")]).change();
    let mut world = world([main(), other(), two_ports(), new_canary()]);
    world.apply([first]);
    assert_eq!(world.routes("c.example").last().map(String::as_str), Some("/ → shop/a:80, 5 % shop/d:80"));
    let conflict = world.only_problem();
    let is_told = conflict.message
        == "the canary of Service shop/a and this port is spec.rules[0].http.paths[0] of the \
 older Ingress shop/first, so this one does not count";
    assert!(is_told && conflict.object.name == name("new"), "{conflict}");
    world.apply([removal("first")]);
    assert_eq!(world.routes("c.example").last(), Some(&format!("/ → {SHARED}")));
    assert_eq!(world.problems(), [""; 0]);
    // Many rules of one canary, and canaries that say the same, are no conflict: deployment tools write them so.
    let twice = canary("new", "7").rule("a.example", &[prefix("/", "c"), prefix("/x", "c")]).change();
    let same = canary("same", "7").rule("b.example", &[prefix("/y", "c")]).change();
    world.apply([twice, same]);
    assert_eq!(world.problems(), [""; 0]);
    let two = canary("new", "7").rule("a.example", &[prefix("/", "c"), prefix("/x", "d")]).change();
    world.apply([removal("same"), two]);
    assert_eq!(world.problems(), ["Conflict Ingress shop/new spec.rules[0].http.paths[1]"]);
}

#[test]
fn nginx_f1_the_type_of_the_path_must_be_the_same() {
    let kind = crate::source::objects::PathKind::ImplementationSpecific;
    let canary = canary("new", "7").rule("a.example", &[path(kind, "/x", backend("c", 80))]).change();
    let world = world([main(), canary]);
    assert_eq!(world.problems(), ["CanaryWithoutMain Ingress shop/new spec.rules[0].http.paths[0]"]);
    assert_eq!(world.routes("b.example"), ["/y → shop/a:80"]);
}

#[test]
fn nginx_f1_default_backends_are_shared_too() {
    let with_rules =
        ingress("rules").rule("e.example", &[prefix("/b", "b")]).default_backend(backend("a", 80)).change();
    let for_all = ingress("all").default_backend(backend("a", 80)).change();
    let mut world = world([main(), new_canary(), with_rules.clone(), for_all.clone()]);
    for host in ["e.example", ""] {
        assert_eq!(world.fallback(host).as_deref(), Some(SHARED), "{host}");
    }
    // The default backend of a canary shares those, and a rule for / where no other one is.
    let of_default = canary("new", "7").default_backend(backend("c", 80)).change();
    let of_root = canary("new", "7").rule("e.example", &[prefix("/", "c")]).change();
    for new in [of_default.clone(), of_root] {
        world.apply([removal("new")]);
        assert_eq!(world.fallback("e.example").as_deref(), Some("shop/a:80"));
        world.apply([new]);
        assert_eq!(world.fallback("e.example").as_deref(), Some(SHARED));
        assert_eq!(world.routes("b.example"), [format!("/y → {SHARED}")]);
        assert_canaries_are_followed(&world.input);
    }
    world.apply([of_default, removal("all")]);
    assert_eq!(world.problems(), ["CanaryWithoutMain Ingress shop/new spec.defaultBackend"]);
}

#[test]
fn other_names_of_a_host_are_shared_and_no_rule_of_a_canary_finds_its_main_there() {
    let main = ingress("main").rule("a.example", &[prefix("/", "a")]).annotate("test.tidegate.dev/alias", "b.example");
    let at = |host: &str| canary("new", "7").rule(host, &[prefix("/", "c")]).change();
    let mut world = world([main.change(), at("a.example")]);
    assert_eq!(world.routes("b.example"), [format!("/ → {SHARED}")]);
    world.apply([at("b.example")]);
    assert_canaries_are_followed(&world.input);
    for host in ["a.example", "b.example"] {
        assert_eq!(world.routes(host), ["/ → shop/a:80"]);
    }
    assert_eq!(world.problems(), ["CanaryWithoutMain Ingress shop/new spec.rules[0].http.paths[0]"]);
    // Nor does an alias of a canary count.
    let of_canary = canary("new", "7").rule("a.example", &[prefix("/", "c")]);
    world.apply([of_canary.annotate("test.tidegate.dev/alias", "c.example").change()]);
    assert_canaries_are_followed(&world.input);
    assert!(world.find("c.example").is_none_or(|host| host.routes.is_empty()));
    assert_eq!(world.routes("b.example"), [format!("/ → {SHARED}")]);
}

#[test]
fn canaries_of_others_and_none_at_all_cost_nothing() {
    let mut world = world([main(), other(), two_ports()]);
    assert!(world.input.canaries().is_empty());
    world.apply([canary("new", "7").class(Some("other")).rule("a.example", &[prefix("/", "c")]).change()]);
    assert_eq!(world.routes("b.example"), ["/y → shop/a:80"]);
    assert_canaries_are_followed(&world.input);
    let invalidated = world.apply([of_service(Service { prefers_ipv6: true, ..service("d") })]);
    assert_eq!(hosts(invalidated), [""; 0]);
    assert!(world.input.canaries().at(&HostPattern::Any).is_none());
}
