//! Annotations and what is said about those we do not know.

use super::builders::*;
use crate::model::{Action, Balance, ProblemCode, Severity};
use crate::translate::Settings;

fn with(key: &str, value: &str) -> World {
    world([ingress("web").annotate(key, value).rule("a.example", &[prefix("/", "a")]).change()])
}

fn balance(world: &World) -> Balance {
    match &world.host("a.example").routes[0].action {
        Action::Forward(upstream) => upstream.balance,
        Action::Reply(reply) => panic!("{reply:?}"),
    }
}

#[test]
fn balance_is_set_by_annotation_over_the_settings() {
    assert_eq!(balance(&with("tidegate.dev/balance", "round-robin")), Balance::RoundRobin);
    assert_eq!(balance(&with("tidegate.dev/balance", "least-in-flight")), Balance::LeastInFlight);
    let settings = Settings { balance: Balance::RoundRobin, ..Settings::default() };
    let world = world_with(settings, [ingress("web").rule("a.example", &[prefix("/", "a")]).change()]);
    assert_eq!(balance(&world), Balance::RoundRobin);
}

#[test]
fn a_value_that_cannot_be_read_is_reported_and_the_default_applies() {
    let world = with("tidegate.dev/balance", "random");
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
    assert_eq!(problem.remedy, "Did you mean tidegate.dev/ssl-redirect");
    assert!(with("tidegate.dev/", "").only_problem().remedy.contains("docs/annotations.md"));
    assert_eq!(with("tidegate.deviant/x", "").problems(), [""; 0]);
    assert_eq!(with("example.com/x", "").problems(), [""; 0]);
}

#[test]
fn a01_hostile_texts_are_quoted_and_cut() {
    let world = with("tidegate.dev/balance", &format!("\r\n{}\u{1b}[31m", "x".repeat(256 * 1024)));
    let problem = world.only_problem();
    assert!(problem.message.len() < 400, "{}", problem.message.len());
    assert!(!problem.message.contains(char::is_control));
}
