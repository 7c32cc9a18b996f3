//! Secrets by name: what is asked, what is believed, and what a refusal costs.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::fake::{Answer, Asked, Followed, expired, line};
use crate::model::{ObjectKind, ObjectName, ProblemCode};
use crate::source::api::{SecretAccess, TURNS};
use crate::source::{Connection, Event};

fn names<const N: usize>(names: [&str; N]) -> BTreeSet<ObjectName> {
    names.map(|name| ObjectName::new("shop", name)).into()
}

fn secret(name: &str, version: &str) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "shop", "resourceVersion": version},
        "type": "kubernetes.io/tls",
    })
}

fn bookmark(version: &str) -> String {
    line("BOOKMARK", &json!({"kind": "Secret", "metadata": {"resourceVersion": version}}))
}

/// The object as it stands.
fn stands(name: &str, version: &str) -> Option<Answer> {
    Some(Answer::Body(secret(name, version).to_string()))
}

/// Follows the Secrets of these names, all of which are wanted, from the first moment.
async fn follow<const N: usize>(
    listed: [&str; N],
    script: impl Fn(&Asked) -> Option<Answer> + Send + Sync + 'static,
) -> Followed {
    let listed = names(listed);
    let mut followed =
        Followed::start(SecretAccess::Names(listed.clone()), move |asked| match asked.resource.as_str() {
            "secrets" => script(asked),
            _ => None,
        })
        .await;
    followed.until(|event, _| *event == Event::Listed).await;
    followed.want(listed);
    followed
}

/// Versions from which the Secrets were watched.
fn watched_from(followed: &Followed) -> Vec<String> {
    let version = |asked: &Asked| {
        let found = asked.query.split('&').find_map(|part| part.strip_prefix("resourceVersion="));
        found.unwrap_or_default().to_owned()
    };
    followed.asked("secrets", true).iter().map(version).collect()
}

#[tokio::test]
async fn secrets_by_name_are_read_while_they_are_wanted_and_listed_and_never_listed() {
    let mut followed =
        Followed::start(SecretAccess::Names(names(["one", "two", "spare"])), |asked| match asked.resource.as_str() {
            "secrets" if !asked.is_watch => stands(&asked.name, "1"),
            _ => None,
        })
        .await;
    followed.until(|event, _| *event == Event::Listed).await;
    assert!(followed.asked("secrets", false).is_empty());
    // Authors of Ingresses write what they like.
    let strangers = (0..3000).map(|count| ObjectName::new("shop", format!("stranger-{count}")));
    let elsewhere = [ObjectName::new("elsewhere", "two"), ObjectName::new("shop", "x,y=z")];
    followed.want(names(["one"]).into_iter().chain(strangers).chain(elsewhere).collect());
    followed.until_synced().await;
    assert_eq!(followed.objects.keys().collect::<Vec<_>>(), ["Secret shop/one"]);
    followed.want(names(["two"]));
    followed.until(|_, followed| followed.objects.contains_key("Secret shop/two")).await;
    while followed.objects.len() > 1 {
        followed.next().await;
    }
    assert_eq!(followed.removals, ["Secret shop/one"]);
    // Wanted, not wanted, wanted again before the former watch has ended.
    followed.want([].into());
    tokio::task::yield_now().await;
    followed.want(names(["two", "one"]));
    followed.until(|_, followed| followed.objects.contains_key("Secret shop/one")).await;
    while !followed.objects.contains_key("Secret shop/two") {
        followed.next().await;
    }
    for asked in [followed.asked("secrets", false), followed.asked("secrets", true)].concat() {
        assert!(["one", "two"].contains(&asked.name.as_str()), "{asked:?}");
        assert_eq!(asked.is_watch, asked.query.contains("fieldSelector=metadata.name%3D"), "{asked:?}");
    }
}

#[tokio::test]
async fn one_that_is_refused_is_a_problem_of_its_own_until_it_may_be_read() {
    let mut followed = follow(["granted", "refused"], |asked| match (asked.name.as_str(), asked.is_watch) {
        ("refused", false) if asked.nth < 4 => Some(Answer::Status(403, "{\"message\":\"forbidden\"}")),
        (name, false) => stands(name, "1"),
        (_, true) => None,
    })
    .await;
    followed.until(|event, _| matches!(event, Event::Problems(problems) if !problems.is_empty())).await;
    let [problem] = &followed.problems[..] else { panic!("{:?}", followed.problems) };
    let told = (problem.object.to_string(), problem.code);
    assert_eq!(told, ("Secret shop/refused".to_owned(), ProblemCode::SecretForbidden));
    assert!(followed.asked("secrets", false).iter().filter(|asked| asked.name == "refused").count() >= 2);
    // It holds up neither the start nor what is said of all the others.
    followed.until_synced().await;
    let text = followed.metrics.render();
    assert!(text.contains("tidegate_watch_connected{kind=\"Secret\"} 1"), "{text}");
    assert!(text.contains("tidegate_watch_errors_total{kind=\"Secret\",reason=\"forbidden\"}"), "{text}");
    followed.until(|event, _| matches!(event, Event::Problems(problems) if problems.is_empty())).await;
    while !followed.objects.contains_key("Secret shop/refused") {
        followed.next().await;
    }
}

#[tokio::test]
async fn one_that_may_be_read_but_not_watched_is_a_problem_too_and_one_that_is_not_wanted_is_none() {
    let mut followed = follow(["tls"], |asked| match asked.is_watch {
        false => stands("tls", "1"),
        true => Some(Answer::Status(403, "")),
    })
    .await;
    followed.until(|event, _| matches!(event, Event::Problems(problems) if !problems.is_empty())).await;
    assert_eq!(followed.problems[0].code, ProblemCode::SecretForbidden);
    assert!(followed.objects.contains_key("Secret shop/tls"));
    followed.want([].into());
    followed.until(|event, _| matches!(event, Event::Problems(problems) if problems.is_empty())).await;
}

#[tokio::test]
async fn one_that_is_refused_later_keeps_its_certificate_and_lets_the_kind_be_up() {
    let mut followed = follow(["tls"], |asked| match (asked.is_watch, asked.nth) {
        (false, 0) => stands("tls", "5"),
        (false, _) => Some(Answer::Status(403, "")),
        (true, 0) => Some(Answer::Lines(vec![expired()])),
        (true, _) => None,
    })
    .await;
    followed.until(|event, _| matches!(event, Event::Connected(ObjectKind::Secret, Connection::Down(_)))).await;
    followed.until(|event, _| *event == Event::Connected(ObjectKind::Secret, Connection::Up)).await;
    followed.until(|event, _| matches!(event, Event::Problems(problems) if problems.len() == 1)).await;
    assert!(followed.removals.is_empty());
}

#[tokio::test]
async fn one_that_goes_while_we_are_away_goes_and_may_come_back() {
    let mut followed = follow(["tls"], |asked| match (asked.is_watch, asked.nth) {
        (false, 0) => stands("tls", "5"),
        (false, _) => Some(Answer::Absent),
        (true, 0) => Some(Answer::Lines(vec![line("ADDED", &secret("tls", "5")), bookmark("20")])),
        // From where the first one ended; but the server has forgotten that.
        (true, 1) => Some(Answer::Lines(vec![expired()])),
        // It is late, and knows what has gone already; then the new one comes.
        (true, _) => Some(Answer::Open(vec![
            line("ADDED", &secret("tls", "5")),
            line("DELETED", &secret("tls", "19")),
            line("ADDED", &secret("tls", "30")),
        ])),
    })
    .await;
    followed.until(|_, followed| !followed.removals.is_empty()).await;
    followed.until(|_, followed| followed.objects.contains_key("Secret shop/tls")).await;
    assert_eq!((followed.removals.len(), followed.objects["Secret shop/tls"]), (1, 1));
    assert_eq!(watched_from(&followed), ["0", "20", "0"]);
    assert_eq!(followed.asked("secrets", false).len(), 2);
}

#[tokio::test]
async fn one_that_is_absent_from_the_start_is_told_to_be() {
    let mut followed = follow(["tls"], |_| None).await;
    followed.until_synced().await;
    assert_eq!(followed.removals, ["Secret shop/tls"]);
}

#[tokio::test]
async fn what_was_overtaken_by_what_was_read_is_passed_over() {
    let mut followed = follow(["tls"], |asked| match asked.is_watch {
        false => stands("tls", "50"),
        true => Some(Answer::Open(vec![
            line("ADDED", &secret("tls", "40")),
            line("DELETED", &secret("tls", "41")),
            line("ADDED", &secret("tls", "50")),
            line("MODIFIED", &secret("tls", "60")),
            line("DELETED", &secret("tls", "61")),
        ])),
    })
    .await;
    followed.until(|_, followed| !followed.removals.is_empty()).await;
    let events = "tidegate_watch_events_total{kind=\"Secret\"} 3";
    assert!(followed.metrics.render().contains(events), "{}", followed.metrics.render());
}

#[tokio::test]
async fn a_watch_that_told_nothing_is_no_reason_not_to_look_again() {
    let mut followed = follow(["tls"], |asked| match (asked.is_watch, asked.nth) {
        (false, 0) => stands("tls", "5"),
        (false, _) => Some(Answer::Absent),
        // Its end in order, with no word on where it was.
        (true, 0) => Some(Answer::Lines(vec![line("ADDED", &secret("tls", "5"))])),
        (true, _) => None,
    })
    .await;
    followed.until(|_, followed| !followed.removals.is_empty()).await;
    assert_eq!(watched_from(&followed)[0], "0");
}

#[tokio::test]
async fn only_the_api_itself_can_say_that_one_is_absent() {
    let unknown = "{\"kind\":\"Status\",\"reason\":\"NotFound\",\"details\":{},\"code\":404}";
    let mut followed = follow(["tls"], move |asked| match (asked.is_watch, asked.nth) {
        (false, 1) => Some(Answer::Status(404, "<html>")),
        (false, 2) => Some(Answer::Status(404, unknown)),
        (false, 3) => Some(Answer::Body("{}".into())),
        (false, 4) => stands("other", "9"),
        (false, _) => stands("tls", "5"),
        (true, 0) => Some(Answer::Lines(vec![expired()])),
        (true, _) => None,
    })
    .await;
    followed.until(|_, followed| followed.objects.get("Secret shop/tls") == Some(&2)).await;
    assert!(followed.removals.is_empty());
}

#[tokio::test]
async fn many_are_read_a_few_at_a_time() {
    let listed: BTreeSet<_> = (0..60).map(|count| ObjectName::new("shop", format!("tls-{count}"))).collect();
    let mut followed = Followed::start(SecretAccess::Names(listed.clone()), |asked| {
        (asked.resource == "secrets" && !asked.is_watch)
            .then(|| Answer::Late(Duration::from_millis(20), Box::new(stands(&asked.name, "1").unwrap())))
    })
    .await;
    followed.until(|event, _| *event == Event::Listed).await;
    followed.want(listed);
    followed.until_synced().await;
    assert_eq!(followed.objects.len(), 60);
    let at_once = followed.lists_at_once("secrets");
    assert!((2..=TURNS).contains(&at_once), "{at_once}");
}
