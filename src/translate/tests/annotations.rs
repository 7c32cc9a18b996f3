//! Annotations and what is said about those we do not know.

use std::sync::Arc;

use super::builders::*;
use crate::model::{Balance, ObjectKind, ObjectRef, ProblemCode, RoutePolicy, Severity};
use crate::translate::Settings;
use crate::translate::annotations::{self, Dialects, Scope};

fn with(key: &str, value: &str) -> World {
    world([ingress("web").annotate(key, value).rule("a.example", &[prefix("/", "a")]).change()])
}

fn balance(world: &World) -> Balance {
    world.host("a.example").routes[0].policy.balance
}

#[test]
fn balance_is_set_by_annotation_over_the_settings() {
    assert_eq!(balance(&with("tidegate.dev/balance", "round-robin")), Balance::RoundRobin);
    assert_eq!(balance(&with("tidegate.dev/balance", "least-in-flight")), Balance::LeastInFlight);
    let policy = Arc::new(RoutePolicy { balance: Balance::RoundRobin, ..RoutePolicy::default() });
    let settings = Settings { policy, ..Settings::default() };
    let world = world_with(settings, [ingress("web").rule("a.example", &[prefix("/", "a")]).change()]);
    assert_eq!(balance(&world), Balance::RoundRobin);
}

#[test]
fn a_value_that_cannot_be_read_is_reported_and_the_default_applies() {
    let world = with("tidegate.dev/balance", "fastest");
    assert_eq!(balance(&world), Balance::LeastInFlight);
    let problem = world.only_problem();
    assert_eq!((problem.code, problem.severity), (ProblemCode::InvalidAnnotation, Severity::Error));
    assert_eq!(problem.field, "metadata.annotations[\"tidegate.dev/balance\"]");
    assert!(problem.remedy.contains("round-robin"), "{problem}");
}

#[test]
fn an_unknown_annotation_is_reported_with_what_may_be_meant() {
    let world = with("tidegate.dev/ssl-redirct", "true");
    let problem = world.only_problem();
    assert_eq!((problem.code, problem.severity), (ProblemCode::UnknownAnnotation, Severity::Warning));
    assert_eq!(problem.remedy, "Use tidegate.dev/ssl-redirect if that is what is meant");
    assert!(with("tidegate.dev/", "").only_problem().remedy.contains("docs/annotations.md"));
    assert_eq!(with("tidegate.deviant/x", "").problems(), [""; 0]);
    assert_eq!(with("example.com/x", "").problems(), [""; 0]);
}

#[test]
fn an_annotation_that_another_kind_of_object_must_carry_is_reported() {
    let world = with("test.tidegate.dev/of-service", "true");
    assert_eq!(
        world.only_problem().to_string(),
        "warning: Ingress shop/web: metadata.annotations[\"test.tidegate.dev/of-service\"]: UnknownAnnotation: annotation \
         \"test.tidegate.dev/of-service\" has no effect on an object of kind Ingress. Move it to an object of kind Service."
    );
    let of_service = [("test.tidegate.dev/of-service".into(), "true".into())].into_iter().collect();
    let object = ObjectRef { kind: ObjectKind::Service, name: name("a") };
    let parsed = annotations::read(&Dialects::default(), Scope::Service, &object.name, &of_service);
    assert_eq!(annotations::problems(&Dialects::default(), &object, &of_service, &parsed, None), []);
}

#[test]
fn annotations_of_other_controllers_are_reported_and_those_that_restrict_access_as_errors() {
    let web = ingress("web")
        .annotate("nginx.ingress.kubernetes.io/auth-of-tomorrow", "shop/clients")
        .annotate("nginx.org/jwt-key", "key")
        .annotate("haproxy-ingress.github.io/auth-secret", "users")
        .annotate("traefik.ingress.kubernetes.io/router.middlewares", "shop-auth@kubernetescrd")
        .annotate("haproxy-ingress.github.io/ssl-redirect", "false")
        .annotate("haproxy-ingress.github.io/timeout-server", "9s");
    let world = world([web.rule("a.example", &[prefix("/", "a")]).tls(&["a.example"], None).change()]);
    assert_eq!(
        world.problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "warning: Ingress shop/web: metadata.annotations: UnsupportedAnnotation: annotations of another controller \
             have no effect: \"haproxy-ingress.github.io/ssl-redirect\", \"haproxy-ingress.github.io/timeout-server\". \
             Use tidegate.dev/ssl-redirect instead, and remove the others.",
            "error: Ingress shop/web: metadata.annotations: UnsupportedAnnotation: requests are served without the \
             restrictions that annotations of another controller ask for: \"haproxy-ingress.github.io/auth-secret\", \
             \"nginx.ingress.kubernetes.io/auth-of-tomorrow\", \"nginx.org/jwt-key\" and 1 more. \
             Do not serve what needs them through Tidegate, restrict access in the application, then remove them.",
        ]
    );
    let world = with("haproxy-ingress.github.io/timeout-server", "9s");
    assert_eq!(world.only_problem().remedy, "Remove them, or see docs/annotations.md for those that exist");
}

#[test]
fn keys_that_ingress_nginx_does_not_have_are_told_with_what_may_be_meant() {
    let web = ingress("web")
        .annotate("nginx.ingress.kubernetes.io/proxy-body-sise", "8m")
        .annotate("nginx.ingress.kubernetes.io/of-nobody", "1")
        .annotate("nginx.ingress.kubernetes.io/enable-websocket", "true");
    let world = world([web.rule("a.example", &[prefix("/", "a")]).change()]);
    assert_eq!(
        world.problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "warning: Ingress shop/web: metadata.annotations: UnknownAnnotation: ingress-nginx has no annotations of these names, so \
          they have no effect there either: \"nginx.ingress.kubernetes.io/of-nobody\", \
          \"nginx.ingress.kubernetes.io/proxy-body-sise\". Use \"nginx.ingress.kubernetes.io/proxy-body-size\" if that is what \
          \"nginx.ingress.kubernetes.io/proxy-body-sise\" means, and remove the others."
        ]
    );
    let world = with("nginx.ingress.kubernetes.io/of-nobody", "1");
    assert_eq!(world.only_problem().remedy, "Remove them, or see docs/annotations.md for those that exist");
}

#[test]
fn keys_of_before_0_9_say_nothing_more_where_todays_say_the_same() {
    let old = |key: &str, value: &str, today: &str| {
        let web = ingress("web")
            .annotate(&format!("ingress.kubernetes.io/{key}"), value)
            .annotate(&format!("nginx.ingress.kubernetes.io/{key}"), today);
        world([web.rule("a.example", &[prefix("/", "a")]).change()]).problems.len()
    };
    assert_eq!(old("whitelist-source-range", "10.0.0.0/8", "10.0.0.0/8"), 0);
    assert_eq!(old("whitelist-source-range", "10.0.0.0/8", "10.0.0.0/9"), 1);
    assert_eq!(old("proxy-body-size", "8m", "8m"), 0);
}

#[test]
fn a01_hostile_texts_are_quoted_and_cut() {
    let world = with("tidegate.dev/balance", &format!("\r\n{}\u{1b}[31m", "x".repeat(256 * 1024)));
    let problem = world.only_problem();
    assert!(problem.message.len() < 400, "{}", problem.message.len());
    assert!(!problem.message.contains(char::is_control));
}

/// The findings about an Ingress with one path and TLS that has this annotation.
fn told(path: &str, key: &str, value: &str) -> Vec<String> {
    let web = ingress("web").annotate(key, value).tls(&["a.example"], None);
    world([web.rule("a.example", &[prefix(path, "a")]).change()]).problems()
}

#[test]
fn what_happens_anyway_is_not_told_and_what_differs_is() {
    for (path, key, value) in [
        ("/x", "haproxy-ingress.github.io/ssl-redirect", "true"),
        ("/x", "ingress.kubernetes.io/force-ssl-redirect", "true"),
        ("/", "ingress.kubernetes.io/rewrite-target", "/"),
        ("/x", "haproxy-ingress.github.io/use-regex", "false"),
        ("/x", "nginx.ingress.kubernetes.io/backend-protocol", "HTTP"),
        ("/x", "ingress.kubernetes.io/proxy-body-size", "0"),
        ("/x", "alb.ingress.kubernetes.io/ssl-redirect", "443"),
        ("/x", "traefik.ingress.kubernetes.io/router.middlewares", "default-redirect-https@kubernetescrd"),
        ("/x", "traefik.ingress.kubernetes.io/router.entrypoints", "web, websecure"),
        ("/x", "traefik.ingress.kubernetes.io/router.entrypoints", "websecure"),
        ("/x", "traefik.ingress.kubernetes.io/router.tls", "true"),
        ("/x", "nginx.org/websocket-services", "a"),
        ("/x", "nginx.ingress.kubernetes.io/websocket-services", "a"),
        ("/x", "nginx.ingress.kubernetes.io/enable-websockets", "true"),
    ] {
        assert_eq!(told(path, key, value), [""; 0], "{key}: {value}");
    }
    for (path, key, value) in [
        ("/x", "haproxy-ingress.github.io/ssl-redirect", "false"),
        ("/x", "ingress.kubernetes.io/rewrite-target", "/"),
        ("/", "haproxy-ingress.github.io/rewrite-target", "/app"),
        ("/x", "haproxy-ingress.github.io/use-regex", "true"),
        ("/x", "ingress.kubernetes.io/proxy-body-size", "8m"),
        ("/x", "traefik.ingress.kubernetes.io/router.entrypoints", "internal"),
    ] {
        assert_eq!(
            told(path, key, value),
            ["UnsupportedAnnotation Ingress shop/web metadata.annotations"],
            "{key}: {value}"
        );
    }
}

#[test]
fn what_is_for_https_alone_is_told_where_plain_http_is_served() {
    let problems = with("traefik.ingress.kubernetes.io/router.entrypoints", "websecure").problems();
    assert_eq!(problems, ["UnsupportedAnnotation Ingress shop/web metadata.annotations"]);
}

#[test]
fn a_redirect_to_https_is_no_restriction_and_every_other_middleware_may_be_one() {
    let with = |value: &str| with("traefik.ingress.kubernetes.io/router.middlewares", value);
    let severity = |value: &str| with(value).only_problem().severity;
    assert_eq!(
        severity("default-redirect-https@kubernetescrd"),
        Severity::Warning,
        "without TLS nothing is redirected"
    );
    for value in ["a-auth@kubernetescrd", "a-redirect-https@kubernetescrd,a-auth@kubernetescrd", "a-redirect-www", "x"]
    {
        assert_eq!(severity(value), Severity::Error, "{value}");
    }
}

#[test]
fn annotations_of_every_controller_are_told() {
    for (key, severity) in [
        ("alb.ingress.kubernetes.io/scheme", Severity::Warning),
        ("alb.ingress.kubernetes.io/inbound-cidrs", Severity::Error),
        ("appgw.ingress.kubernetes.io/request-timeout", Severity::Warning),
        ("haproxy.router.openshift.io/ip_whitelist", Severity::Error),
        ("konghq.com/plugins", Severity::Error),
        ("kubernetes.io/ingress.global-static-ip-name", Severity::Warning),
        ("networking.gke.io/managed-certificates", Severity::Warning),
        ("nginx.org/jwt-key", Severity::Error),
        ("projectcontour.io/response-timeout", Severity::Warning),
    ] {
        let world = with(key, "x");
        let problem = world.only_problem();
        assert_eq!((problem.code, problem.severity), (ProblemCode::UnsupportedAnnotation, severity), "{key}");
    }
    assert_eq!(with("kubernetes.io/ingress.class", "tidegate").problems(), [""; 0]);
}

#[test]
fn misspelt_prefixes_are_told() {
    let world = with("ngnix.ingress.kubernetes.io/auth-url", "x");
    let problem = world.only_problem();
    assert_eq!((problem.code, problem.severity), (ProblemCode::UnknownAnnotation, Severity::Warning));
    assert!(problem.remedy.contains("nginx.ingress.kubernetes.io/auth-url"), "{problem}");

    let unclassed = |value: &str| {
        let web = ingress("web").class(None).annotate("kubernets.io/ingress.class", value);
        world_of(web.rule("a.example", &[prefix("/", "a")]))
    };
    let world = unclassed("tidegate");
    assert!(world.only_problem().message.contains("so this Ingress has no class and is not served"));
    assert_eq!(unclassed("nginx").problems(), [""; 0], "not ours to judge");
}

fn world_of(web: IngressBuilder) -> World {
    world([web.change()])
}
