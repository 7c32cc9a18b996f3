//! Classes: which Ingresses are ours (semantics 4.5).

use super::builders::*;
use crate::model::{ObjectKind, ObjectName, ObjectRef, ProblemCode, Severity};
use crate::source::objects::{Change, IngressClass};
use crate::translate::{Input, Settings};

fn web() -> IngressBuilder {
    ingress("web").rule("a.example", &[prefix("/", "a")])
}

fn is_served(world: &World) -> bool {
    world.find("a.example").is_some()
}

#[test]
fn rule_46_the_class_resolves_to_our_controller_by_exact_string() {
    for (controller, expected) in [
        ("tidegate.dev/ingress-controller", true),
        ("Tidegate.dev/ingress-controller", false),
        ("tidegate.dev/ingress-controller/", false),
        ("k8s.io/ingress-nginx", false),
    ] {
        let world = world([of_class(class("edge", controller)), web().class(Some("edge")).change()]);
        assert_eq!(is_served(&world), expected, "{controller}");
        assert_eq!(world.problems(), [""; 0]);
    }
}

#[test]
fn rule_47_the_legacy_annotation_is_honoured_and_decides_over_the_field() {
    let annotated = |value: &str| web().annotate("kubernetes.io/ingress.class", value);
    assert!(is_served(&world([annotated("tidegate").class(None).change()])));
    assert!(is_served(&world([annotated("tidegate").class(Some("nginx")).change()])));
    assert!(!is_served(&world([annotated("nginx").class(None).change()])));
    assert!(!is_served(&world([annotated("nginx").change()])));
    assert!(is_served(&world([annotated("").change()])), "an empty annotation says nothing");
    let renamed = Settings { class: "edge".into(), ..Settings::default() };
    assert!(!is_served(&world_with(renamed, [annotated("tidegate").class(None).change()])));
}

#[test]
fn rule_46_without_classes_the_name_decides() {
    let settings = || Settings { class_lookup: false, ..Settings::default() };
    let served = |ingress: IngressBuilder| is_served(&world_with(settings(), [ingress.change()]));
    assert!(served(web().class(Some("tidegate"))));
    assert!(served(web().class(None).annotate("kubernetes.io/ingress.class", "tidegate")));
    assert!(!served(web().class(Some("nginx")).annotate("kubernetes.io/ingress.class", "nginx")));
    assert!(!served(web().class(Some("Tidegate"))));
    assert!(!served(web().class(None)));
    assert_eq!(world_with(settings(), [web().class(Some("nginx")).change()]).problems(), [""; 0]);
}

#[test]
fn secrets_are_wanted_by_ingresses_of_ours_and_by_the_settings() {
    let with = |text: &str, class: &str, secret: &str| {
        ingress(text)
            .class(Some(class))
            .rule("a.example", &[prefix("/", "a")])
            .tls(&["a.example"], Some(secret))
            .change()
    };
    let settings = Settings { default_certificate: Some(name("edge/default")), ..Settings::default() };
    let mut input = Input::new(settings);
    input.apply(with("web", "tidegate", "one"));
    input.apply(with("other", "nginx", "two"));
    let wanted = |input: &Input| input.followed().iter().map(|object| object.name.to_string()).collect::<Vec<_>>();
    assert_eq!(wanted(&input), ["edge/default"]);
    let invalidated = input.apply(of_class(our_class()));
    assert!(invalidated.named.contains(&secret_named("one")), "a class that comes makes Secrets wanted");
    assert_eq!(wanted(&input).len(), 2);
    let invalidated = input.apply(with("web", "tidegate", "three"));
    assert_eq!(invalidated.named.into_iter().collect::<Vec<_>>(), ["one", "three"].map(secret_named));
    assert!(!input.wants(&name("one")) && input.wants(&name("three")) && !input.wants(&name("two")));
}

#[test]
fn rule_48_classless_ingresses_are_served_by_switch_only() {
    let classless = || web().class(None).change();
    assert!(!is_served(&world([classless()])));
    let settings = Settings { serve_classless: true, ..Settings::default() };
    assert!(is_served(&world_with(settings, [classless()])));
}

#[test]
fn rule_48_for_manifests_a_class_of_ours_that_is_default_takes_classless_ingresses() {
    let settings = || Settings { default_class_applies: true, ..Settings::default() };
    let classless = || web().class(None).change();
    let default = |class| of_class(IngressClass { is_default: true, ..class });
    assert!(!is_served(&world_with(settings(), [classless()])));
    assert!(is_served(&world_with(settings(), [classless(), default(our_class())])));
    assert!(!is_served(&world_with(settings(), [classless(), default(class("nginx", "k8s.io/ingress-nginx"))])));
    assert!(!is_served(&world([classless(), default(our_class())])), "an API server has filled the class in");
}

#[test]
fn rule_49_a_class_that_does_not_exist_is_not_served_and_may_come_and_go() {
    let mut world = world([web().class(Some("later")).change()]);
    assert!(!is_served(&world));
    let problem = world.only_problem();
    assert_eq!((problem.code, problem.severity), (ProblemCode::ClassNotFound, Severity::Warning));
    assert_eq!(problem.field, "spec.ingressClassName");

    world.input.apply(of_class(class("later", "tidegate.dev/ingress-controller")));
    assert!(crate::translate::snapshot(&world.input).0.hosts.contains_key(&pattern("a.example").into()));
    world.input.apply(Change::removal(ObjectRef::new(ObjectKind::IngressClass, ObjectName::new("", "later"))));
    assert!(crate::translate::snapshot(&world.input).0.hosts.is_empty());
}

#[test]
fn rule_49_our_own_class_name_without_an_ingress_class_is_an_error() {
    let mut world = world([web().change()]);
    world.input.apply(Change::removal(ObjectRef::new(ObjectKind::IngressClass, ObjectName::new("", "tidegate"))));
    let (snapshot, findings) = crate::translate::snapshot(&world.input);
    assert!(snapshot.hosts.is_empty());
    let problems: Vec<_> = findings.into_values().flatten().collect();
    assert_eq!((problems.len(), problems[0].severity), (1, Severity::Error));
}

#[test]
fn rule_50_parameters_of_our_class_are_reported_and_it_serves_with_defaults() {
    let with_parameters = |class| of_class(IngressClass { parameters: Some("Proxy/x".into()), ..class });
    let world =
        world([with_parameters(our_class()), with_parameters(class("nginx", "k8s.io/ingress-nginx")), web().change()]);
    assert!(is_served(&world));
    assert_eq!(world.problems(), ["UnsupportedParameters IngressClass tidegate spec.parameters"]);
}

#[test]
fn rule_51_others_ingresses_are_left_alone() {
    let world = world([
        of_class(class("nginx", "k8s.io/ingress-nginx")),
        ingress("web")
            .class(Some("nginx"))
            .annotate("tidegate.dev/unknown", "x")
            .rule("1.2.3.4", &[prefix("bad", "missing")])
            .rule("a.example", &[prefix("/", "missing")])
            .tls(&["*"], Some("missing"))
            .change(),
    ]);
    assert!(world.snapshot.hosts.is_empty());
    assert_eq!(world.problems(), [""; 0]);
}
