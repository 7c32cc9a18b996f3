//! Hosts and default backends (semantics 4.2 and 4.3).

use super::builders::*;
use crate::model::{HostPattern, PortRef, ProblemCode, Severity};
use crate::model::{Origin, Unmatched};
use crate::translate::Settings;

#[test]
fn rule_11_a_rule_without_http_sends_its_host_to_the_default_backend_of_its_ingress() {
    let world = world([ingress("web").bare_rule("a.example").default_backend(backend("b", 80)).change()]);
    assert_eq!(world.routes("a.example"), [""; 0]);
    assert_eq!(world.fallback("a.example").as_deref(), Some("shop/b:80"));
    assert!(world.find("").is_none(), "an Ingress with rules is no catch-all");
}

#[test]
fn rule_11_without_a_default_backend_the_host_is_claimed_all_the_same() {
    for web in [ingress("web").bare_rule("a.example"), ingress("web").rule("a.example", &[prefix("bad", "a")])] {
        let world = world([web.change(), ingress("any").rule("", &[prefix("/", "a")]).change()]);
        assert_eq!(world.host("a.example").unmatched, Unmatched::Keep(None));
        assert_eq!(world.fallback("a.example"), None);
    }
}

#[test]
fn rule_11_an_empty_list_of_paths_is_no_list() {
    let world = world([ingress("web").rule("a.example", &[]).default_backend(backend("b", 80)).change()]);
    assert_eq!(world.fallback("a.example").as_deref(), Some("shop/b:80"));
    assert_eq!(world.problems(), ["InvalidField Ingress shop/web spec.rules[0].http.paths"]);
    assert_eq!(world.problems[0].severity, Severity::Warning);
}

#[test]
fn rule_15_16_18_hosts_are_units_by_their_pattern_in_lower_case() {
    let world = world([ingress("web")
        .rule("A.Example", &[prefix("/", "a")])
        .rule("a.example.", &[prefix("/b", "b")])
        .rule("*.Foo.com", &[prefix("/", "c")])
        .rule("", &[prefix("/", "d")])
        .change()]);
    assert_eq!(world.problems(), [""; 0]);
    assert_eq!(world.routes("a.example"), ["/b → shop/b:80", "/ → shop/a:80"]);
    assert_eq!(world.routes("*.foo.com"), ["/ → shop/c:80"]);
    assert_eq!(world.routes(""), ["/ → shop/d:80"]);
}

#[test]
fn rule_17_a_host_that_only_a_tls_entry_names_is_told_from_one_with_rules() {
    let world = world([ingress("web").rule("", &[prefix("/", "a")]).tls(&["a.example"], None).change()]);
    assert_eq!(world.host("a.example").unmatched, Unmatched::FallThrough);
    assert!(world.host("a.example").tls.is_some());
    assert_ne!(world.host("").unmatched, Unmatched::FallThrough);
}

#[test]
fn rule_19_an_invalid_host_costs_its_rule_only() {
    for host in ["10.0.0.1", "a.example:80", "*", "a.*.b", "bücher.example", "[::1]", "http://a"] {
        let world =
            world([ingress("web").rule("ok.example", &[prefix("/", "a")]).rule(host, &[prefix("/", "b")]).change()]);
        assert_eq!(world.snapshot.hosts.len(), 1);
        let problem = world.only_problem();
        assert_eq!((problem.code, problem.severity), (ProblemCode::InvalidHost, Severity::Error));
        assert_eq!(problem.field, "spec.rules[1].host");
        assert!(problem.message.contains("the rule is not served"), "{problem}");
    }
}

#[test]
fn rule_23_hosts_in_a_labels_are_compared_as_they_stand() {
    let world = world([ingress("web").rule("XN--bcher-kva.example", &[prefix("/", "a")]).change()]);
    assert_eq!(world.routes("xn--bcher-kva.example"), ["/ → shop/a:80"]);
}

#[test]
fn rule_24_an_ingress_with_only_a_default_backend_takes_all_hosts_and_the_oldest_wins() {
    let world = world([
        ingress("new").created(2).default_backend(backend("a", 80)).change(),
        ingress("old").created(1).default_backend(backend("b", 80)).change(),
    ]);
    assert_eq!(world.fallback("").as_deref(), Some("shop/b:80"));
    assert_eq!(world.problems(), ["Conflict Ingress shop/new spec.defaultBackend"]);
    assert!(world.problems[0].message.contains("shop/old"));
}

#[test]
fn rule_25_with_rules_a_default_backend_serves_the_ingress_own_hosts() {
    let world = world([
        ingress("web")
            .rule("a.example", &[prefix("/x", "a")])
            .rule("b.example", &[prefix("/x", "a")])
            .default_backend(backend("c", 80))
            .change(),
        ingress("other").rule("c.example", &[prefix("/x", "a")]).change(),
        ingress("tls").tls(&["a.example"], None).default_backend(backend("d", 80)).change(),
    ]);
    assert_eq!(world.fallback("a.example").as_deref(), Some("shop/c:80"));
    assert_eq!(world.fallback("b.example").as_deref(), Some("shop/c:80"));
    assert_eq!(world.fallback("c.example"), None);
    assert_eq!(
        world.fallback("").as_deref(),
        Some("shop/d:80"),
        "no rules: a catch-all, whatever its TLS entries name"
    );
    assert_eq!(world.problems(), [""; 0]);
}

#[test]
fn rule_25_of_two_ingresses_with_one_host_the_older_gives_the_default_backend() {
    let rival = |text: &str, created, service: &str| {
        ingress(text)
            .created(created)
            .rule("a.example", &[prefix(&format!("/{text}"), "a")])
            .default_backend(backend(service, 80))
            .change()
    };
    let world = world([rival("new", 2, "b"), rival("old", 1, "c")]);
    assert_eq!(world.fallback("a.example").as_deref(), Some("shop/c:80"));
    let problem = world.only_problem();
    assert_eq!((problem.code, problem.field.as_str()), (ProblemCode::Conflict, "spec.defaultBackend"));
    assert!(problem.message.contains("host a.example") && problem.message.contains("shop/old"), "{problem}");
}

#[test]
fn rule_25_with_hostless_rules_the_default_backend_is_a_catch_all() {
    let world = world([ingress("web").rule("", &[prefix("/x", "a")]).default_backend(backend("b", 80)).change()]);
    assert_eq!(world.fallback("").as_deref(), Some("shop/b:80"));
}

#[test]
fn rule_26_nothing_served_is_nothing_there() {
    let world = world([]);
    assert!(world.snapshot.hosts.is_empty());
    assert_eq!(world.problems(), [""; 0]);
}

#[test]
fn rule_26_the_default_backend_of_the_settings_serves_unless_an_ingress_claims_all_hosts() {
    let settings = Settings { default_backend: Some((name("a"), PortRef::Name("http".into()))), ..Settings::default() };
    let alone = world_with(settings.clone(), []);
    assert_eq!(alone.fallback("").as_deref(), Some("shop/a:http"));
    assert_eq!(alone.host("").fallback().unwrap().origin, Origin::DefaultBackend);
    let claimed = world_with(settings, [ingress("web").default_backend(backend("b", 80)).change()]);
    assert_eq!(claimed.fallback("").as_deref(), Some("shop/b:80"));
    assert_eq!(claimed.problems(), [""; 0]);

    let missing = Some((name("missing"), PortRef::Number(80)));
    let broken = world_with(Settings { default_backend: missing, ..Settings::default() }, []);
    assert_eq!(broken.fallback("").as_deref(), Some("503"));
    assert_eq!(broken.problems(), ["ServiceNotFound Service shop/missing --default-backend"]);
}

#[test]
fn rule_27_an_ingress_with_neither_rules_nor_default_backend_is_told() {
    let world = world([ingress("web").change()]);
    assert_eq!(world.problems(), ["InvalidField Ingress shop/web spec"]);
    assert!(world.snapshot.hosts.is_empty());
}

#[test]
fn findings_about_a_default_backend_are_made_once_for_all_hosts() {
    let world = world([ingress("web")
        .bare_rule("a.example")
        .bare_rule("b.example")
        .default_backend(backend("missing", 80))
        .change()]);
    assert_eq!(world.problems(), ["ServiceNotFound Ingress shop/web spec.defaultBackend.service.name"]);
    assert_eq!(world.fallback("b.example").as_deref(), Some("503"));
    assert!(!world.snapshot.hosts.contains_key(&HostPattern::Any.into()));
}
