//! Annotations of Services: they count for all routes to the Service and win over those of Ingresses.

use std::time::Duration;

use super::builders::*;
use crate::model::{AskedWhen, Balance, ObjectKind, ObjectRef, PortRef, ProblemCode, Severity, UnitKey};
use crate::source::objects::{Change, Service};
use crate::translate::Settings;

fn annotated(text: &str, annotations: &[(&str, &str)]) -> Service {
    let annotations = annotations.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    Service { annotations, ..service(text) }
}

fn balances(world: &World, host: &str) -> Vec<Balance> {
    world.host(host).routes.iter().map(|route| route.policy.balance).collect()
}

#[test]
fn a_service_wins_over_the_ingresses_that_route_to_it_and_nobody_is_told() {
    let world = world([
        of_service(annotated("a", &[("tidegate.dev/balance", "ewma"), ("tidegate.dev/connect-timeout", "250ms")])),
        ingress("web")
            .annotate("tidegate.dev/balance", "round-robin")
            .annotate("tidegate.dev/tunnel-idle-timeout", "7m")
            .rule("a.example", &[prefix("/", "a"), prefix("/b", "b")])
            .change(),
        ingress("other").rule("b.example", &[prefix("/", "a"), prefix("/b", "b")]).change(),
    ]);
    assert_eq!(world.problems(), [""; 0]);
    // The longer path comes first.
    assert_eq!(balances(&world, "a.example"), [Balance::RoundRobin, Balance::Ewma]);
    assert_eq!(balances(&world, "b.example"), [Balance::LeastInFlight, Balance::Ewma]);
    let timeouts = &world.host("a.example").routes[1].policy.timeouts;
    // What the Service does not say the Ingress does.
    assert_eq!((timeouts.connect, timeouts.tunnel_idle), (Duration::from_millis(250), Duration::from_secs(420)));
    assert_eq!(timeouts.response, Duration::from_secs(60));
}

#[test]
fn a_default_backend_follows_its_service_too() {
    let world = world([
        of_service(annotated("a", &[("tidegate.dev/balance", "ewma")])),
        ingress("web").default_backend(backend("a", 80)).change(),
    ]);
    let fallback = world.host("").fallback().unwrap().policy.balance;
    assert_eq!(fallback, Balance::Ewma);
}

#[test]
fn the_default_backend_of_the_options_follows_a_secret_that_its_service_names() {
    let settings =
        Settings { default_backend: Some((name("a"), PortRef::Number(80))), now: NOW, ..Settings::default() };
    let secured = [("haproxy.org/server-ssl", "true"), ("haproxy.org/server-ca", "ca")];
    let secured = || of_service(annotated("a", &secured));
    let authorities = secret("ca", &certificate(&["x.example"]));
    let mut world = world_with(settings.clone(), [secured()]);
    let before = world.fallback("");
    world.apply([authorities.clone()]);
    assert_ne!(world.fallback(""), before);
    assert_eq!(world.snapshot, world_with(settings, [secured(), authorities]).snapshot);
}

#[test]
fn what_is_wrong_on_a_service_is_told_there_once_somebody_routes_to_it() {
    let broken = [
        ("tidegate.dev/balance", "of a coin"),
        ("tidegate.dev/balanse", "ewma"),
        ("tidegate.dev/ssl-redirect", "false"),
    ];
    let unused = world([of_service(annotated("a", &broken))]);
    assert_eq!(unused.problems(), [""; 0]);
    let used = world([
        of_service(annotated("a", &broken)),
        ingress("web").rule("a.example", &[prefix("/", "a")]).change(),
        ingress("other").rule("b.example", &[prefix("/", "a")]).change(),
    ]);
    let problems: Vec<_> = used.problems.iter().collect();
    assert!(problems.iter().all(|problem| problem.object == ObjectRef::new(ObjectKind::Service, name("a"))));
    let codes: Vec<_> = problems.iter().map(|problem| (problem.code, problem.severity)).collect();
    let unknown = (ProblemCode::UnknownAnnotation, Severity::Warning);
    assert_eq!(codes, [(ProblemCode::InvalidAnnotation, Severity::Error), unknown, unknown]);
    assert!(problems[2].remedy.contains("Ingress"), "{}", problems[2]);
    assert_eq!(balances(&used, "a.example"), [Balance::LeastInFlight]);
}

#[test]
fn a_changed_annotation_makes_the_hosts_that_use_the_service_stale_and_no_others() {
    let mut world = world([
        ingress("web").rule("a.example", &[prefix("/", "a")]).change(),
        ingress("other").rule("b.example", &[prefix("/", "b")]).change(),
    ]);
    let units = world.apply([of_service(annotated("a", &[("tidegate.dev/balance", "ewma")]))]);
    let host = |text: &str| UnitKey::Host(pattern(text).into());
    let of_service_itself = UnitKey::Object(ObjectRef::new(ObjectKind::Service, name("a")));
    assert!(units.contains(&host("a.example")) && units.contains(&of_service_itself), "{units:?}");
    assert!(!units.contains(&host("b.example")), "{units:?}");
    assert_eq!(balances(&world, "a.example"), [Balance::Ewma]);
    world.apply([Change::removal(ObjectRef::new(ObjectKind::Service, name("a"))), of_service(service("a"))]);
    assert_eq!(balances(&world, "a.example"), [Balance::LeastInFlight]);
}

const ACL: (&str, &str) = ("haproxy.org/route-acl", "path_end .css");

/// Which routes of a host have a condition, in order: the path, and when it is asked.
fn conditional(world: &World, host: &str) -> Vec<(String, bool, bool)> {
    let routes = world.host(host).routes.iter().map(|route| {
        let predicates = route.matches.predicates.as_deref();
        let is_first = predicates.is_some_and(|predicates| predicates.asked == AskedWhen::First);
        (route.matches.path.path().to_owned(), predicates.is_some(), is_first)
    });
    routes.collect()
}

#[test]
fn a_service_with_a_condition_shares_its_path_and_is_asked_first() {
    let world = world([
        of_service(annotated("b", &[ACL])),
        ingress("web").rule("a.example", &[prefix("/", "a"), prefix("/long", "a"), prefix("/", "b")]).change(),
    ]);
    assert_eq!(world.problems(), [""; 0]);
    let expected = [("/".into(), true, true), ("/long".into(), false, false), ("/".into(), false, false)];
    assert_eq!(conditional(&world, "a.example"), expected);
    assert_eq!(world.routes("a.example"), ["/ → shop/b:80", "/long → shop/a:80", "/ → shop/a:80"]);
}

#[test]
fn a_condition_takes_nothing_from_another_namespace() {
    let of_zoo = Service { name: name("zoo/z"), ..annotated("z", &[ACL]) };
    let zoo = |created, path| ingress("zoo/thief").created(created).rule("a.example", &[prefix(path, "z")]).change();
    let shop = || ingress("web").created(7).rule("a.example", &[prefix("/", "a"), prefix("/long", "a")]).change();
    // On the path of an older object.
    let world_with_both = world([of_service(of_zoo.clone()), shop(), zoo(8, "/")]);
    assert_eq!(world_with_both.routes("a.example"), ["/long → shop/a:80", "/ → shop/a:80"]);
    assert_eq!(world_with_both.only_problem().code, ProblemCode::Conflict);
    // On a path of its own it comes in turn.
    let world_with_both = world([of_service(of_zoo.clone()), shop(), zoo(8, "/zoo")]);
    let expected = [("/long".into(), false, false), ("/zoo".into(), true, false), ("/".into(), false, false)];
    assert_eq!(conditional(&world_with_both, "a.example"), expected);
    // On a path that it had first, nobody else has the rest.
    let world_with_both = world([of_service(of_zoo), shop(), zoo(6, "/")]);
    assert_eq!(world_with_both.routes("a.example"), ["/long → shop/a:80", "/ → zoo/z:80"]);
    assert_eq!(world_with_both.only_problem().code, ProblemCode::Conflict);
}
