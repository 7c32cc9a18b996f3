//! What a change invalidates: no less than it must, and no more than it need.

use std::sync::Arc;

use super::builders::*;
use super::dialect::reads;
use crate::model::{ObjectKind, ObjectName, ObjectRef, UnitKey};
use crate::source::objects::{Change, Service};
use crate::translate::{HostOwnership, Input, Invalidated, Settings, unit};

fn units(invalidated: &Invalidated) -> Vec<String> {
    let text = |key: &UnitKey| match key {
        UnitKey::Host(key) => key.pattern.to_string(),
        UnitKey::Stream(listener) => format!("{listener:?}"),
        UnitKey::DefaultCertificate => "default certificate".into(),
        UnitKey::Object(object) => object.to_string(),
    };
    invalidated.units.iter().map(text).collect()
}

fn services(invalidated: &Invalidated) -> Vec<String> {
    invalidated.services.iter().map(ToString::to_string).collect()
}

/// 100 Ingresses with a host, a Service, a slice and a Secret each, and one certificate for all.
fn loaded() -> Input {
    let mut input = Input::new(Settings::default());
    let cert = certificate(&["*.example"]);
    input.apply(of_class(our_class()));
    for n in 0..100 {
        for change in objects(n, &cert) {
            input.apply(change);
        }
    }
    input
}

fn objects(n: usize, cert: &Arc<crate::model::Certificate>) -> [Change; 4] {
    let (service_name, host) = (format!("s{n}"), format!("h{n}.example"));
    [
        ingress(&format!("i{n}"))
            .rule(&host, &[prefix("/", &service_name)])
            .tls(&[&host], Some(&format!("cert{n}")))
            .change(),
        of_service(service(&service_name)),
        of_slice(slice(&format!("slice{n}"), &service_name, &[ready("10.0.0.1")])),
        secret(&format!("cert{n}"), cert),
    ]
}

#[test]
fn an_unchanged_object_touches_nothing() {
    let mut input = Input::new(Settings::default());
    let cert = certificate(&["*.example"]);
    for change in objects(1, &cert).into_iter().chain([of_class(our_class()), broken_secret("other")]) {
        assert!(!input.apply(change.clone()).is_empty() || change.object().kind == ObjectKind::Secret);
        assert!(input.apply(change).is_empty());
    }
    for gone in [
        Change::removal(ObjectRef::new(ObjectKind::Ingress, name("x"))),
        Change::removal(ObjectRef::new(ObjectKind::IngressClass, ObjectName::new("", "x"))),
        Change::removal(ObjectRef::new(ObjectKind::Service, name("x"))),
        Change::removal(ObjectRef::new(ObjectKind::EndpointSlice, name("x"))),
        Change::removal(ObjectRef::new(ObjectKind::Secret, name("x"))),
    ] {
        assert!(input.apply(gone).is_empty());
    }
}

#[test]
fn an_ingress_touches_the_hosts_it_names_and_named_and_itself() {
    let mut input = loaded();
    let moved = ingress("i7").rule("h8.example", &[prefix("/x", "s7")]).tls(&["new.example"], None).change();
    let invalidated = input.apply(moved);
    assert_eq!(units(&invalidated), ["h7.example", "h8.example", "new.example", "Ingress shop/i7"]);
    assert_eq!(services(&invalidated), [""; 0]);
}

#[test]
fn a_service_touches_the_hosts_that_forward_to_it_and_its_endpoints() {
    let mut input = loaded();
    input.apply(
        ingress("two").rule("uses.example", &[prefix("/", "s7")]).rule("not.example", &[prefix("/", "s8")]).change(),
    );
    let invalidated = input.apply(of_service(Service { prefers_ipv6: true, ..service("s7") }));
    assert_eq!(units(&invalidated), ["h7.example", "uses.example", "Ingress shop/i7", "Ingress shop/two"]);
    assert_eq!(services(&invalidated), ["shop/s7"]);
}

#[test]
fn rule_35_a_slice_touches_the_endpoints_of_its_old_and_its_new_service() {
    let mut input = loaded();
    let invalidated = input.apply(of_slice(slice("slice7", "s8", &[ready("10.0.0.1")])));
    assert_eq!(units(&invalidated), ["EndpointSlice shop/slice7"]);
    assert_eq!(services(&invalidated), ["shop/s7", "shop/s8"]);
}

#[test]
fn rule_57_a_secret_touches_the_hosts_it_serves() {
    let mut input = loaded();
    let invalidated = input.apply(secret("cert7", &certificate(&["h7.example"])));
    assert_eq!(units(&invalidated), ["h7.example", "Ingress shop/i7"]);
    assert_eq!(services(&invalidated), [""; 0]);
    assert!(input.apply(secret("unused", &certificate(&["h7.example"]))).is_empty());
}

#[test]
fn rule_49_a_class_touches_the_ingresses_that_ask_for_it() {
    let mut input = loaded();
    input.apply(ingress("later").class(Some("later")).rule("later.example", &[prefix("/", "s1")]).change());
    let invalidated = input.apply(of_class(class("later", "tidegate.dev/ingress-controller")));
    assert_eq!(units(&invalidated), ["later.example", "Ingress shop/later", "IngressClass later"]);
}

#[test]
fn fault_f20_a_wildcard_touches_the_hosts_below_that_depend_on_who_has_rules_for_it() {
    let owned = Settings { host_ownership: HostOwnership::Namespace { owners: Arc::default() }, ..Settings::default() };
    for (settings, below) in [(Settings::default(), &["tls.example"][..]), (owned, &["tls.example", "web.example"])] {
        let mut input = Input::new(settings);
        input.apply(of_class(our_class()));
        input.apply(ingress("web").rule("web.example", &[prefix("/", "a")]).change());
        input.apply(ingress("tls").rule("other.test", &[prefix("/", "a")]).tls(&["tls.example"], None).change());
        let wild = |path: &str| ingress("zoo/wild").rule("*.example", &[prefix(path, "a")]).change();
        let all: Vec<_> = below.iter().copied().chain(["*.example", "Ingress zoo/wild"]).collect();
        assert_eq!(units(&input.apply(wild("/"))), all);
        assert_eq!(
            units(&input.apply(wild("/x"))),
            ["*.example", "Ingress zoo/wild"],
            "the same rules are had by the same"
        );
        let gone = Change::removal(ObjectRef::new(ObjectKind::Ingress, name("zoo/wild")));
        assert_eq!(units(&input.apply(gone)), all);
    }
}

#[test]
fn rule_77_everything_deleted_leaves_nothing() {
    let mut input = loaded();
    let cert = certificate(&["*.example"]);
    for n in 0..100 {
        for change in objects(n, &cert) {
            let gone = Change::removal(change.object().clone());
            input.apply(gone);
        }
    }
    let (snapshot, findings) = crate::translate::snapshot(&input);
    assert!(snapshot.hosts.is_empty() && findings.is_empty());
    assert_eq!(input.index().hosts().count() + input.index().used(ObjectKind::Secret).count(), 0);
}

#[test]
fn a_faulty_slice_is_judged_again_when_an_ingress_comes_to_use_it() {
    let mut input = Input::new(Settings::default());
    input.apply(of_class(our_class()));
    input.apply(of_service(service("a")));
    input.apply(of_slice(slice("bad", "a", &[ready("127.0.0.1")])));
    let invalidated = input.apply(ingress("web").default_backend(backend("a", 80)).change());
    let object = ObjectRef { kind: ObjectKind::EndpointSlice, name: name("bad") };
    assert!(invalidated.units.contains(&UnitKey::Object(object)));
}

#[test]
fn hosts_that_an_annotation_adds_are_served_and_follow_what_the_others_follow() {
    let cert = certificate(&["*.example"]);
    let web =
        || ingress("web").rule("a.example", &[prefix("/", "a"), prefix("/b", "b")]).tls(&["a.example"], Some("cert"));
    let with_alias = || web().annotate("test.tidegate.dev/alias", "www.example,*.a.example").change();
    let mut world = world([secret("cert", &cert), with_alias()]);
    for host in ["a.example", "www.example", "*.a.example"] {
        assert_eq!(world.routes(host), ["/b → shop/b:80", "/ → shop/a:80"]);
    }
    assert_eq!(world.host("www.example").tls.as_ref().map(|tls| tls.certificates.clone()), Some([cert.clone()].into()));
    let mismatch = world.only_problem();
    assert!(mismatch.message.contains("is not used for host *.a.example"), "{mismatch}");
    assert_eq!(mismatch.field, "spec.tls[0].secretName");

    let all = ["*.a.example", "a.example", "www.example", "Ingress shop/web"];
    let sorted = |invalidated: &Invalidated| {
        let mut units = units(invalidated);
        units.sort_by_key(|unit| (unit.contains(' '), unit.clone()));
        units
    };
    let input = &mut world.input;
    assert_eq!(sorted(&input.apply(of_service(Service { prefers_ipv6: true, ..service("b") }))), all);
    assert_eq!(sorted(&input.apply(secret("cert", &certificate(&["a.example"])))), all);
    assert_eq!(sorted(&input.apply(web().change())), all);
    assert_eq!(input.index().hosts().count(), 1);
    assert_eq!(sorted(&input.apply(with_alias())), all);
    input.apply(Change::removal(ObjectRef::new(ObjectKind::Ingress, name("web"))));
    assert_eq!(input.index().hosts().count() + input.index().used(ObjectKind::Service).count(), 0);
}

#[test]
fn an_object_that_an_annotation_names_invalidates_all_hosts_of_the_ingress() {
    let mut input = Input::new(Settings { secrets_across_namespaces: true, ..Settings::default() });
    input.apply(of_class(our_class()));
    let web = || ingress("web").rule("a.example", &[prefix("/", "a")]).rule("b.example", &[prefix("/", "b")]);
    let naming =
        web().annotate("test.tidegate.dev/secret", "zoo/users").annotate("test.tidegate.dev/service", "errors");
    let invalidated = input.apply(naming.change());
    assert!(invalidated.named.contains(&secret_named("zoo/users")) && input.wants(&name("zoo/users")));
    let all = ["a.example", "b.example", "Ingress shop/web"];
    assert_eq!(units(&input.apply(broken_secret("zoo/users"))), all);
    assert!(input.apply(broken_secret("users")).is_empty(), "of another namespace");
    assert_eq!(units(&input.apply(of_service(service("errors")))), all);
    let invalidated = input.apply(web().change());
    assert!(invalidated.named.contains(&secret_named("zoo/users")) && !input.wants(&name("zoo/users")));
    assert_eq!(units(&input.apply(Change::removal(ObjectRef::new(ObjectKind::Service, name("errors"))))), [""; 0]);
    assert_eq!(units(&input.apply(Change::removal(ObjectRef::new(ObjectKind::Secret, name("zoo/users"))))), [""; 0]);
}

#[test]
fn annotations_are_read_once_for_each_object() {
    let mut input = Input::new(Settings::default());
    input.apply(of_class(our_class()));
    let web = |value: &str| {
        let hosts = (0..100).map(|n| format!("h{n}.example"));
        let web = ingress("web").annotate("test.tidegate.dev/counted", value);
        hosts.fold(web, |web, host| web.rule(&host, &[prefix("/", "a")]))
    };
    let before = reads();
    input.apply(web("true").change());
    crate::translate::snapshot(&input);
    assert_eq!(reads() - before, 1);
    let units = input.apply(web("true").default_backend(backend("b", 80)).change()).units;
    assert_eq!(units.len(), 101);
    units.iter().for_each(|key| drop(unit(&input, key)));
    assert_eq!(reads() - before, 1, "they are as before");
    input.apply(web("false").change());
    assert_eq!(reads() - before, 2);
}
