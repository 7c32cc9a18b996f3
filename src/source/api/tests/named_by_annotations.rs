//! Secrets that annotations name, where the list has certificates only: what is asked, and how many there may be.

use std::collections::BTreeSet;
use std::sync::Mutex;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::fake::{Answer, Followed, expired, line, list};
use crate::model::{ObjectName, ProblemCode};
use crate::source::Event;
use crate::source::api::{SecretAccess, TURNS};

const SELECTOR: &str = "fieldSelector=metadata.name%3Dusers%2Ctype%21%3Dkubernetes.io%2Ftls";

fn secret(name: &str, version: &str) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "shop", "resourceVersion": version},
        "type": "Opaque",
        "data": {"auth": "YTp4"},
    })
}

fn names<const N: usize>(names: [(&str, &str); N]) -> BTreeSet<ObjectName> {
    names.map(|(namespace, name)| ObjectName::new(namespace, name)).into()
}

#[tokio::test]
async fn one_that_is_named_is_listed_and_watched_by_its_name_unless_the_list_has_it() {
    for access in [SecretAccess::Cluster, SecretAccess::Namespaces(vec!["shop".into()])] {
        let mut followed = Followed::start(access, |asked| {
            match (asked.resource.as_str(), asked.name.as_str(), asked.is_watch, asked.nth) {
                ("secrets", "users", false, 0) => Some(Answer::Body(list(&[secret("users", "5")], "9", ""))),
                ("secrets", "users", true, 0) => Some(Answer::Open(vec![
                    line("MODIFIED", &secret("users", "11")),
                    line("DELETED", &secret("users", "12")),
                    line("ADDED", &secret("users", "13")),
                ])),
                _ => None,
            }
        })
        .await;
        // Nothing is asked for by a name before one is named.
        followed.until(|event, _| *event == Event::Listed).await;
        assert!(followed.asked("secrets", false).iter().all(|asked| asked.name.is_empty()));
        followed.want(names([("shop", "users")]));
        followed.until(|_, followed| followed.objects.contains_key("Secret shop/users")).await;
        followed.until(|_, followed| !followed.removals.is_empty()).await;
        followed.until(|_, followed| followed.objects.contains_key("Secret shop/users")).await;
        let by_name = |is_watch| {
            let asked = followed.asked("secrets", is_watch).into_iter();
            asked.filter(|asked| asked.name == "users").map(|asked| asked.query).collect::<Vec<_>>()
        };
        let (lists, watches) = (by_name(false), by_name(true));
        assert!(watches.iter().all(|query| query.contains(SELECTOR)), "{watches:?}");
        // When it went it was looked for, as the other watch might have had it by then.
        assert!(lists[0].contains(SELECTOR) && lists[1].is_empty(), "{lists:?}");
        assert_eq!((lists.len(), watches.len()), (2, 1));
        // It is taken back when no annotation names it any more.
        followed.want([].into());
        followed.until(|_, followed| followed.removals.len() == 2).await;
        assert!(followed.objects.is_empty());
    }
}

#[tokio::test]
async fn names_that_are_none_and_other_namespaces_are_never_asked_for() {
    let mut followed = Followed::start(SecretAccess::Namespaces(vec!["shop".into()]), |_| None).await;
    followed.until_synced().await;
    let hostile = ["a,type=Opaque", "..", "a/b", "", "a b", "a\r\nb", "A", "é"];
    let odd = hostile.into_iter().filter(|name| *name != "..").map(|name| ("shop", name));
    let wanted = odd.chain([("elsewhere", "users"), ("shop", "last")]);
    followed.want(wanted.map(|(namespace, name)| ObjectName::new(namespace, name)).collect());
    let is_asked = || followed.asked("secrets", true).iter().any(|asked| asked.name == "last");
    tokio::time::timeout(super::fake::DEADLINE, async {
        while !is_asked() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    let asked: BTreeSet<_> = followed.asked("secrets", false).into_iter().map(|asked| asked.name).collect();
    assert_eq!(asked, ["".to_owned(), "last".to_owned()].into());
}

#[tokio::test]
async fn a_list_that_has_failed_takes_nothing_away_and_is_taken_again() {
    let mut followed = Followed::start(SecretAccess::Cluster, |asked| {
        match (asked.resource.as_str(), asked.name.as_str(), asked.is_watch, asked.nth) {
            ("secrets", "users", false, 1) => Some(Answer::Status(500, "{}")),
            ("secrets", "users", false, 3) => Some(Answer::Body(list(&[], "20", ""))),
            ("secrets", "users", false, _) => Some(Answer::Body(list(&[secret("users", "5")], "9", ""))),
            ("secrets", "users", true, 0 | 1) => Some(Answer::Lines(vec![expired()])),
            _ => None,
        }
    })
    .await;
    followed.until(|event, _| *event == Event::Listed).await;
    followed.want(names([("shop", "users")]));
    followed.until(|_, followed| followed.objects.get("Secret shop/users") == Some(&2)).await;
    assert!(followed.removals.is_empty());
    followed.until(|_, followed| !followed.removals.is_empty()).await;
}

#[tokio::test]
async fn one_that_is_made_anew_with_another_type_does_not_go_after_it_has_come() {
    // It went from the list of certificates, or from the one by its name; and it is there, for the other.
    for goes_by_name in [false, true] {
        let (lines, live) = mpsc::unbounded_channel();
        let live = Mutex::new(Some(live));
        let mut followed = Followed::start(SecretAccess::Cluster, move |asked| {
            let is_selected = asked.query.contains("fieldSelector");
            let is_it = asked.query.contains("metadata.name") == goes_by_name;
            match (asked.resource.as_str(), asked.is_watch) {
                ("secrets", false) if is_selected && is_it => {
                    Some(Answer::Body(list(&[secret("users", "5")], "9", "")))
                }
                ("secrets", false) if !is_selected => Some(Answer::Body(secret("users", "21").to_string())),
                ("secrets", true) if is_it => live.lock().unwrap().take().map(Answer::Live),
                _ => None,
            }
        })
        .await;
        followed.until(|event, _| *event == Event::Listed).await;
        followed.want(names([("shop", "users")]));
        followed.until_synced().await;
        assert!(followed.objects.contains_key("Secret shop/users"));
        lines.send(line("DELETED", &secret("users", "20"))).unwrap();
        lines.send(line("ADDED", &secret("other", "30"))).unwrap();
        followed.until(|_, followed| followed.objects.contains_key("Secret shop/other")).await;
        assert!(followed.removals.is_empty(), "{goes_by_name}");
        let asked = followed.asked("secrets", false);
        assert!(asked.iter().any(|asked| asked.name == "users" && asked.query.is_empty()), "it was looked for");
    }
}

#[tokio::test]
async fn there_are_so_many_and_no_more_and_who_came_first_stays() {
    let mut followed = Followed::start(SecretAccess::Cluster, |asked| {
        let is_one = asked.resource == "secrets" && !asked.is_watch && !asked.name.is_empty();
        is_one.then(|| Answer::Body(list(&[secret(&asked.name, "1")], "9", "")))
    })
    .await;
    followed.until(|event, _| *event == Event::Listed).await;
    let last = ObjectName::new("shop", "z-first");
    followed.want([last.clone()].into());
    followed.until(|_, followed| followed.objects.contains_key("Secret shop/z-first")).await;
    // All lists but these are of no interest here.
    let many: BTreeSet<_> = (0..1001).map(|count| ObjectName::new("shop", format!("users-{count:04}"))).collect();
    followed.want(many.iter().cloned().chain([last]).collect());
    followed.until(|event, _| matches!(event, Event::Problems(problems) if !problems.is_empty())).await;
    let [problem] = &followed.problems[..] else { panic!("{:?}", followed.problems) };
    let told = (problem.object.to_string(), problem.code);
    assert_eq!(told, ("Secret shop/users-0999".to_owned(), ProblemCode::TooManySecrets));
    assert!(problem.message.contains("this one and 1 others"), "{}", problem.message);
    assert!(followed.lists_at_once("secrets") <= TURNS + 1);
    // Room is made.
    followed.want(many.into_iter().skip(900).collect());
    followed.until(|event, _| matches!(event, Event::Problems(problems) if problems.is_empty())).await;
    followed.until(|_, followed| followed.objects.contains_key("Secret shop/users-1000")).await;
}
