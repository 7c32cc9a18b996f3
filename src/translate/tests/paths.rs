//! Paths and what two Ingresses make of one (semantics 4.1).

use super::builders::*;
use crate::model::{ProblemCode, Severity};
use crate::source::objects::PathKind;

#[test]
fn rule_01_all_three_path_types_are_accepted_and_implementation_specific_is_prefix() {
    let world = world([ingress("web")
        .rule(
            "a.example",
            &[exact("/e", "a"), prefix("/p", "b"), path(PathKind::ImplementationSpecific, "/i", backend("c", 80))],
        )
        .change()]);
    assert_eq!(world.routes("a.example"), ["= /e → shop/a:80", "/i → shop/c:80", "/p → shop/b:80"]);
    assert_eq!(world.problems(), [""; 0]);
}

#[test]
fn rule_01_a_path_without_or_with_an_unknown_type_is_not_served() {
    for (kind, text) in [("", "pathType is missing"), ("Regex", "pathType \"Regex\" is unknown")] {
        let unknown = path(PathKind::Unknown(kind.into()), "/u", backend("a", 80));
        let world = world([ingress("web").rule("a.example", &[unknown, prefix("/", "b")]).change()]);
        assert_eq!(world.routes("a.example"), ["/ → shop/b:80"]);
        let problem = world.only_problem();
        assert_eq!(problem.field, "spec.rules[0].http.paths[0].pathType");
        assert!(problem.message.starts_with(text), "{problem}");
    }
}

#[test]
fn rule_02_03_04_paths_keep_their_text_with_case_and_trailing_slash() {
    let world = world([ingress("web").rule("a.example", &[exact("/Foo/", "a"), prefix("/Foo/", "b")]).change()]);
    assert_eq!(world.routes("a.example"), ["= /Foo/ → shop/a:80", "/Foo/ → shop/b:80"]);
}

#[test]
fn rule_05_06_07_routes_stand_in_order_of_precedence() {
    let paths = [
        prefix("/", "a"),
        prefix("/foo", "a"),
        exact("/b", "a"),
        prefix("/foo/", "a"),
        exact("/a", "a"),
        exact("/foo", "a"),
        prefix("/bar", "a"),
    ];
    let world = world([ingress("web").rule("a.example", &paths).change()]);
    let routes: Vec<_> =
        world.routes("a.example").into_iter().map(|line| line.split(" →").next().unwrap().to_owned()).collect();
    assert_eq!(routes, ["= /foo", "= /a", "= /b", "/foo/", "/bar", "/foo", "/"]);
}

#[test]
fn rule_10_paths_that_no_request_can_have_are_refused_one_by_one() {
    for (text, reason) in [
        ("", "does not start with a slash"),
        ("foo", "does not start with a slash"),
        ("/a\r\nb", "control characters"),
        ("/a%0d", "control characters"),
        ("/a?b=c", "query"),
        ("/a#b", "fragment"),
        ("/a%", "hexadecimal"),
        ("/a%4", "hexadecimal"),
        ("/a%zz", "hexadecimal"),
        ("/a%+4", "hexadecimal"),
        ("/a//b", "segments"),
        ("//", "segments"),
        ("/a/./b", "segments"),
        ("/a/../b", "segments"),
        ("/a/.", "segments"),
        ("/a/..", "segments"),
        ("/a/%2e%2E/b", "segments"),
        ("/a/..;x/b", "segments"),
        ("/;/b", "segments"),
        ("/a%2fb", "encoded slash"),
        ("/a%2Fb", "encoded slash"),
    ] {
        for kind in [PathKind::Exact, PathKind::Prefix] {
            let odd = path(kind, text, backend("a", 80));
            let world = world([ingress("web").rule("a.example", &[prefix("/ok", "b"), odd]).change()]);
            assert_eq!(world.routes("a.example"), ["/ok → shop/b:80"], "{text:?}");
            let problem = world.only_problem();
            assert_eq!(problem.code, ProblemCode::InvalidPath);
            assert_eq!(problem.severity, Severity::Error);
            assert_eq!(problem.field, "spec.rules[0].http.paths[1].path");
            assert!(problem.message.contains(reason), "{text:?}: {problem}");
        }
    }
}

#[test]
fn rule_10_other_spellings_of_a_path_are_the_same_path() {
    let world = world([
        ingress("old").created(1).rule("a.example", &[prefix("/admin", "a"), prefix("/caf%C3%A9 x", "a")]).change(),
        ingress("new").created(2).rule("a.example", &[prefix("/%61dmin", "b"), prefix("/café%20x", "b")]).change(),
    ]);
    assert_eq!(world.routes("a.example"), ["/caf%C3%A9 x → shop/a:80", "/admin → shop/a:80"]);
    assert_eq!(
        world.problems(),
        [
            "Conflict Ingress shop/new spec.rules[0].http.paths[0]",
            "Conflict Ingress shop/new spec.rules[0].http.paths[1]"
        ]
    );
}

#[test]
fn rule_12_an_empty_implementation_specific_path_is_the_root() {
    let empty = path(PathKind::ImplementationSpecific, "", backend("a", 80));
    let world = world([ingress("web").rule("a.example", &[empty]).change()]);
    assert_eq!(world.routes("a.example"), ["/ → shop/a:80"]);
}

#[test]
fn rule_13_the_oldest_ingress_keeps_a_path_and_the_others_are_told() {
    let at = |text: &str, created, service| {
        ingress(text).created(created).rule("a.example", &[prefix("/x", service)]).change()
    };
    let world = world([at("newest", 3, "a"), at("oldest", 1, "b"), at("middle", 2, "c")]);
    assert_eq!(world.routes("a.example"), ["/x → shop/b:80"]);
    assert_eq!(
        world.problems(),
        [
            "Conflict Ingress shop/middle spec.rules[0].http.paths[0]",
            "Conflict Ingress shop/newest spec.rules[0].http.paths[0]",
        ]
    );
    assert_eq!(world.problems[0].severity, Severity::Error);
    assert!(world.problems[0].message.contains("shop/oldest"), "{}", world.problems[0]);
}

#[test]
fn rule_13_of_the_same_age_the_first_by_namespace_and_name_wins() {
    let at = |text: &str| ingress(text).rule("a.example", &[prefix("/x", "a")]).change();
    let world = world([at("shop/b"), at("shop/a"), at("zoo/a")]);
    assert_eq!(world.host("a.example").routes[0].origin.label(), &name("shop/a"));
    // The same backend in the same namespace: nothing is lost.
    let severities: Vec<_> = world.problems.iter().map(|problem| problem.severity).collect();
    assert_eq!(severities, [Severity::Warning, Severity::Error]);
}

#[test]
fn rule_13_a_winner_with_a_broken_backend_keeps_its_path() {
    let world = world([
        ingress("old").created(1).rule("a.example", &[prefix("/x", "missing")]).change(),
        ingress("new").created(2).rule("a.example", &[prefix("/x", "a")]).change(),
    ]);
    assert_eq!(world.routes("a.example"), ["/x → 503"]);
}

#[test]
fn rule_13_within_an_ingress_the_first_entry_wins() {
    let world = world([ingress("web")
        .rule("a.example", &[prefix("/x", "a"), prefix("/x", "b")])
        .rule("A.example", &[prefix("/x", "c"), path(PathKind::ImplementationSpecific, "/x", backend("d", 80))])
        .change()]);
    assert_eq!(world.routes("a.example"), ["/x → shop/a:80"]);
    assert_eq!(
        world.problems(),
        [
            "Conflict Ingress shop/web spec.rules[0].http.paths[1]",
            "Conflict Ingress shop/web spec.rules[1].http.paths[0]",
            "Conflict Ingress shop/web spec.rules[1].http.paths[1]",
        ]
    );
}

#[test]
fn rule_14_one_path_with_different_types_lives_in_both_ingresses() {
    let world = world([
        ingress("old").created(1).rule("a.example", &[prefix("/x", "a")]).change(),
        ingress("new").created(2).rule("a.example", &[exact("/x", "b")]).change(),
    ]);
    assert_eq!(world.routes("a.example"), ["= /x → shop/b:80", "/x → shop/a:80"]);
    assert_eq!(world.problems(), [""; 0]);
}

#[test]
fn a04_all_arrival_orders_of_three_rivals_give_the_same_table() {
    let rivals = ["one", "two", "three"].map(|text| {
        ingress(text).rule("a.example", &[prefix("/x", "a")]).default_backend(backend("b", 80)).tls(&[], None)
    });
    let rivals = rivals.map(super::builders::IngressBuilder::change);
    let mut seen = Vec::new();
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let world = world(order.map(|at| rivals[at].clone()));
        seen.push((world.snapshot, world.problems));
    }
    assert!(seen.iter().all(|one| *one == seen[0]));
}
