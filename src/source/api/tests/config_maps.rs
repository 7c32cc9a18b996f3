//! ConfigMaps: each is asked for by its name, and none is listed.

use serde_json::{Value, json};

use super::fake::{Answer, Asked, Followed, line};
use crate::model::{ObjectKind, ObjectName, ObjectRef, ProblemCode};
use crate::source::Event;
use crate::source::api::SecretAccess;

fn config_map(name: &str, version: &str, value: &str) -> Value {
    json!({
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "shop", "resourceVersion": version},
        "data": {"X-One": value},
    })
}

fn wanted<const N: usize>(names: [(&str, &str); N]) -> std::collections::BTreeSet<ObjectRef> {
    names.map(|(namespace, name)| ObjectRef::new(ObjectKind::ConfigMap, ObjectName::new(namespace, name))).into()
}

/// Follows with this script for ConfigMaps. Those of the namespace `shop` may be read.
async fn follow(script: impl Fn(&Asked) -> Option<Answer> + Send + Sync + 'static) -> Followed {
    Followed::start(SecretAccess::Cluster, move |asked| match asked.resource.as_str() {
        "configmaps" => script(asked),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn one_that_is_named_is_read_and_watched_by_its_name_and_none_is_listed() {
    let mut followed = follow(|asked| match (asked.name.as_str(), asked.is_watch) {
        ("headers", false) => Some(Answer::Body(config_map("headers", "5", "1").to_string())),
        ("headers", true) => Some(Answer::Open(vec![
            line("MODIFIED", &config_map("headers", "11", "2")),
            line("DELETED", &config_map("headers", "12", "2")),
            line("ADDED", &config_map("headers", "13", "3")),
        ])),
        _ => None,
    })
    .await;
    followed.until(|event, _| *event == Event::Listed).await;
    let all = |followed: &Followed| [followed.asked("configmaps", false), followed.asked("configmaps", true)].concat();
    assert!(all(&followed).is_empty(), "nothing is asked for before one is named");
    followed.wanted.send_replace(wanted([("shop", "headers"), ("elsewhere", "headers"), ("shop", "a,b")]));
    followed.until(|_, followed| followed.objects.contains_key("ConfigMap shop/headers")).await;
    followed.until(|_, followed| !followed.removals.is_empty()).await;
    followed.until(|_, followed| followed.objects.contains_key("ConfigMap shop/headers")).await;
    let asked = all(&followed);
    assert!(asked.iter().all(|asked| asked.name == "headers"), "{asked:?}");
    let watches = followed.asked("configmaps", true);
    assert!(watches.iter().all(|asked| asked.query.contains("fieldSelector=metadata.name%3Dheaders")), "{watches:?}");
    // It is taken back when nothing names it any more.
    followed.wanted.send_replace([].into());
    followed.until(|_, followed| followed.removals.len() == 2).await;
    assert!(followed.objects.is_empty());
}

#[tokio::test]
async fn one_that_may_not_be_read_is_a_problem_and_everything_else_is_followed() {
    let mut followed = follow(|asked| match asked.name.as_str() {
        "refused" => Some(Answer::Status(403, "forbidden")),
        "headers" if !asked.is_watch => Some(Answer::Body(config_map("headers", "5", "1").to_string())),
        _ => None,
    })
    .await;
    followed.until(|event, _| *event == Event::Listed).await;
    followed.wanted.send_replace(wanted([("shop", "headers"), ("shop", "refused")]));
    followed.until_synced().await;
    assert!(followed.objects.contains_key("ConfigMap shop/headers"));
    let told: Vec<_> = followed.problems.iter().map(|problem| (problem.object.to_string(), problem.code)).collect();
    assert_eq!(told, [("ConfigMap shop/refused".to_owned(), ProblemCode::ConfigMapForbidden)]);
}
