//! Dialects beside ours: which are in force, who wins, and what is said about the others.

use super::builders::*;
use crate::model::{Balance, Filter, ProblemCode, Severity};
use crate::source::objects::builders::IngressBuilder;
use crate::translate::Settings;
use crate::translate::annotations::{DialectName, Dialects};

const NGINX: &str = "nginx.ingress.kubernetes.io/";

fn web(annotations: &[(&str, &str)]) -> IngressBuilder {
    let web = ingress("web").rule("a.example", &[prefix("/", "a")]).tls(&["a.example"], None);
    annotations.iter().fold(web, |web, (key, value)| web.annotate(key, value))
}

/// A world with one Ingress that has these annotations and TLS.
fn with(annotations: &[(&str, &str)]) -> World {
    world([web(annotations).change()])
}

fn filters(world: &World) -> &[Filter] {
    &world.host("a.example").routes[0].filters
}

#[test]
fn ours_wins_over_another_dialect_and_a_loser_that_differs_is_told() {
    let ours = "tidegate.dev/ssl-redirect";
    let theirs = format!("{NGINX}ssl-redirect");
    let differing = with(&[(ours, "true"), (&theirs, "false")]);
    assert_eq!(filters(&differing).len(), 1);
    assert_eq!(
        differing.only_problem().to_string(),
        "warning: Ingress shop/web: metadata.annotations[\"nginx.ingress.kubernetes.io/ssl-redirect\"]: OverriddenAnnotation: \
         \"tidegate.dev/ssl-redirect\" sets something else and wins, so it has no effect. Remove one of the two."
    );
    let equal = with(&[(ours, "false"), (&theirs, "false")]);
    assert_eq!((filters(&equal), equal.problems().len()), (&[][..], 0));
    // Settings of different names are one setting all the same.
    let balance =
        with(&[("tidegate.dev/balance", "least-in-flight"), (&format!("{NGINX}load-balance"), "round_robin")]);
    assert_eq!(balance.host("a.example").routes[0].policy.balance, Balance::LeastInFlight);
    assert_eq!(balance.only_problem().code, ProblemCode::OverriddenAnnotation);
}

#[test]
fn a_value_of_ours_that_cannot_be_read_leaves_the_setting_to_the_other_dialect() {
    let world = with(&[("tidegate.dev/ssl-redirect", "no"), (&format!("{NGINX}ssl-redirect"), "false")]);
    assert_eq!(filters(&world), []);
    assert_eq!(world.only_problem().code, ProblemCode::InvalidAnnotation);
}

#[test]
fn a_dialect_that_is_not_in_force_is_another_controllers() {
    let settings = Settings { dialects: Dialects::new([DialectName::Own]), now: NOW, ..Settings::default() };
    let world = world_with(settings, [web(&[(&format!("{NGINX}ssl-redirect"), "false")]).change()]);
    assert_eq!(filters(&world).len(), 1);
    let problem = world.only_problem();
    assert_eq!((problem.code, problem.severity), (ProblemCode::UnsupportedAnnotation, Severity::Warning));
    assert_eq!(problem.remedy, "Use tidegate.dev/ssl-redirect instead, and remove the others");
}

#[test]
fn what_a_dialect_does_not_read_yet_is_told_as_before() {
    let world =
        with(&[(&format!("{NGINX}auth-of-tomorrow"), "shop/clients"), (&format!("{NGINX}ssl-redirect"), "false")]);
    assert_eq!(filters(&world), []);
    let problem = world.only_problem();
    assert_eq!((problem.code, problem.severity), (ProblemCode::UnsupportedAnnotation, Severity::Error));
    assert!(problem.message.ends_with("\"nginx.ingress.kubernetes.io/auth-of-tomorrow\""), "{problem}");
}

#[test]
fn nginx_booleans_are_those_of_go_and_others_are_ignored_and_told() {
    let key = format!("{NGINX}ssl-redirect");
    for value in ["0", "f", "F", "FALSE", "false", "False"] {
        let world = with(&[(&key, value)]);
        assert_eq!((filters(&world), world.problems().len()), (&[][..], 0), "{value}");
    }
    for value in ["1", "t", "T", "TRUE", "true", "True"] {
        let world = with(&[(&key, value)]);
        assert_eq!((filters(&world).len(), world.problems().len()), (1, 0), "{value}");
    }
    for value in ["", "no", "off", "fAlse", " false", "false\r\nx: y", &"f".repeat(100_000)] {
        let world = with(&[(&key, value)]);
        assert_eq!(filters(&world).len(), 1);
        assert_eq!(world.only_problem().code, ProblemCode::InvalidAnnotation);
    }
}

#[test]
fn nginx_load_balance_takes_its_two_words() {
    let key = format!("{NGINX}load-balance");
    let balance = |world: &World| world.host("a.example").routes[0].policy.balance;
    let round_robin = with(&[(&key, "round_robin")]);
    assert_eq!((balance(&round_robin), round_robin.problems().len()), (Balance::RoundRobin, 0));
    let ewma = with(&[(&key, "ewma")]);
    assert_eq!((balance(&ewma), ewma.problems().len()), (Balance::Ewma, 0));
    let random = with(&[(&key, "random")]);
    assert_eq!(
        (balance(&random), random.only_problem().code),
        (Balance::LeastInFlight, ProblemCode::InvalidAnnotation)
    );
}
