mod config_maps;
mod fake;
mod faults;
mod listing;
mod named_by_annotations;
mod replicas;
mod signed;
mod single;

use std::sync::Mutex;

use serde_json::json;
use tokio::sync::mpsc;

use super::SecretAccess;
use crate::model::ObjectKind;
use crate::source::{Connection, Event};
use fake::{Answer, Followed, expired, ingress, line, list, malformed};

#[tokio::test]
async fn f10_a_relist_that_breaks_off_takes_nothing_away() {
    let all = || [ingress("a", "1"), ingress("b", "2"), ingress("c", "3")];
    let mut followed = Followed::start(SecretAccess::Cluster, move |asked| {
        match (asked.resource.as_str(), asked.is_watch, asked.nth) {
            ("ingresses", false, 0) => Some(Answer::Body(list(&all(), "10", ""))),
            ("ingresses", true, 0) => Some(Answer::Lines(vec![expired()])),
            // Half of them, and no second page.
            ("ingresses", false, 1) => Some(Answer::Body(list(&all()[..1], "20", "more"))),
            ("ingresses", false, 2) => Some(Answer::Status(500, "{}")),
            // A page that breaks off.
            ("ingresses", false, 3) => Some(Answer::Broken(list(&all()[..1], "20", ""))),
            // A page that is JSON but no list.
            ("ingresses", false, 4) => Some(Answer::Body("{}".into())),
            ("ingresses", false, _) => Some(Answer::Body(list(&all()[..2], "20", ""))),
            _ => None,
        }
    })
    .await;
    followed.until_synced().await;
    assert_eq!(followed.objects.len(), 3);
    followed.until(|_, followed| followed.objects.len() < 3).await;
    assert_eq!(followed.removals, ["Ingress shop/c"]);
    assert_eq!(followed.asked("ingresses", false).len(), 6);
    assert!(followed.asked("ingresses", false)[2].query.contains("continue=more"));
    assert!(followed.asked("ingresses", false)[0].query.contains("limit=500"));
}

#[tokio::test]
async fn f05_a_storm_of_gone_removes_nothing_and_slows_down() {
    let mut followed =
        Followed::start(SecretAccess::Cluster, |asked| match (asked.resource.as_str(), asked.is_watch) {
            ("ingresses", false) => Some(Answer::Body(list(&[ingress("a", "1")], "10", ""))),
            ("ingresses", true) if asked.nth % 2 == 0 => Some(Answer::Status(410, "")),
            ("ingresses", true) => Some(Answer::Lines(vec![expired()])),
            _ => None,
        })
        .await;
    let started = tokio::time::Instant::now();
    followed.until(|_, followed| followed.objects.get("Ingress shop/a") == Some(&5)).await;
    assert!(followed.removals.is_empty());
    // 250 ms, 500 ms, 1 s and 2 s, at least half of each.
    assert!(started.elapsed() > std::time::Duration::from_millis(1800), "{:?}", started.elapsed());
    assert!(followed.metrics.render().contains("tidegate_watch_relists_total{kind=\"Ingress\"} 4"));
}

#[tokio::test]
async fn rule_75_a_malformed_object_costs_itself_only() {
    let (lines, live) = mpsc::unbounded_channel();
    let live = Mutex::new(Some(live));
    let mut followed =
        Followed::start(SecretAccess::Cluster, move |asked| match (asked.resource.as_str(), asked.is_watch) {
            ("ingresses", false) => Some(Answer::Body(list(
                &[ingress("a", "1"), malformed("b", "2"), ingress("c", "3"), json!(7)],
                "10",
                "",
            ))),
            ("ingresses", true) => live.lock().unwrap().take().map(Answer::Live),
            _ => None,
        })
        .await;
    followed.until_synced().await;
    assert_eq!(followed.objects.keys().collect::<Vec<_>>(), ["Ingress shop/a", "Ingress shop/c"]);
    let [problem] = &followed.problems[..] else { panic!("{:?}", followed.problems) };
    assert_eq!((problem.object.to_string().as_str(), problem.field.as_str()), ("Ingress shop/b", "spec.rules"));

    // Served and now malformed: routes follow the API.
    lines.send(line("MODIFIED", &malformed("a", "11"))).unwrap();
    lines.send(line("MODIFIED", &ingress("b", "12"))).unwrap();
    followed.until(|_, followed| followed.objects.contains_key("Ingress shop/b")).await;
    assert_eq!(followed.removals, ["Ingress shop/a"]);
    followed.until(|event, _| matches!(event, Event::Problems(problems) if problems.len() == 1)).await;
    assert_eq!(followed.problems[0].object.to_string(), "Ingress shop/a");
    lines.send(line("DELETED", &malformed("a", "13"))).unwrap();
    followed.until(|event, _| matches!(event, Event::Problems(problems) if problems.is_empty())).await;
    assert_eq!(followed.asked("ingresses", false).len(), 1);
}

#[tokio::test]
async fn garbage_in_a_watch_brings_a_list_so_that_nothing_is_missed() {
    let garbage = ["not json", "{\"type\":\"WHAT\",\"object\":{}}", "[]"];
    let mut followed =
        Followed::start(SecretAccess::Cluster, move |asked| match (asked.resource.as_str(), asked.is_watch) {
            ("services", false) if asked.nth == 0 => Some(Answer::Body(list(&[], "10", ""))),
            ("services", false) => Some(Answer::Body(list(&[ingress("a", "9")], "20", ""))),
            ("services", true) => garbage.get(asked.nth).map(|line| Answer::Lines(vec![(*line).to_owned()])),
            _ => None,
        })
        .await;
    followed.until(|_, followed| followed.objects.get("Service shop/a") == Some(&2)).await;
    assert!(followed.removals.is_empty());
    assert!(followed.metrics.render().contains("reason=\"garbage\""));
}

#[tokio::test]
async fn a_watch_that_ends_goes_on_where_it_was() {
    let bookmark = json!({"kind": "Ingress", "metadata": {"resourceVersion": "77"}});
    let mut followed = Followed::start(SecretAccess::Cluster, move |asked| {
        match (asked.resource.as_str(), asked.is_watch, asked.nth) {
            ("ingresses", false, _) => Some(Answer::Body(list(&[ingress("a", "1")], "10", ""))),
            ("ingresses", true, 0) => {
                Some(Answer::Lines(vec![line("ADDED", &ingress("b", "11")), line("BOOKMARK", &bookmark)]))
            }
            ("ingresses", true, 1) => Some(Answer::Lines(vec![line("BOOKMARK", &bookmark)])),
            // F11: gone and back in one breath, and an event told twice.
            ("ingresses", true, 2) => Some(Answer::Open(vec![
                line("DELETED", &ingress("a", "78")),
                line("DELETED", &ingress("a", "78")),
                line("ADDED", &ingress("a", "79")),
                line("ADDED", &ingress("a", "79")),
            ])),
            _ => None,
        }
    })
    .await;
    followed.until_synced().await;
    followed
        .until(|_, followed| followed.objects.get("Ingress shop/a") == Some(&2) && !followed.removals.is_empty())
        .await;
    assert_eq!(followed.removals, ["Ingress shop/a"]);
    let watches = followed.asked("ingresses", true);
    assert!(watches[0].query.contains("resourceVersion=10"), "{watches:?}");
    assert!(watches[0].query.contains("allowWatchBookmarks=true"), "{watches:?}");
}

#[tokio::test]
async fn rule_76_without_secrets_the_rest_goes_on() {
    for mode in [SecretAccess::Cluster, SecretAccess::Namespaces(vec!["a".into(), "b".into()])] {
        let mut followed = Followed::start(mode, |asked| match asked.resource.as_str() {
            "secrets" => Some(Answer::Status(403, "{\"message\":\"secrets is forbidden\"}")),
            _ => None,
        })
        .await;
        followed.until_synced().await;
        let text = followed.metrics.render();
        assert!(text.contains("tidegate_watch_errors_total{kind=\"Secret\",reason=\"forbidden\"}"), "{text}");
        assert!(text.contains("tidegate_watch_connected{kind=\"Secret\"} 0"), "{text}");
        assert!(followed.asked("secrets", false)[0].query.contains("fieldSelector=type%3Dkubernetes.io%2Ftls"));
    }
}

#[tokio::test]
async fn f02_secrets_that_are_refused_for_a_moment_are_waited_for() {
    // An API server that has just come refuses everything until it has read the roles.
    let mut followed = Followed::start(SecretAccess::Cluster, |asked| match asked.resource.as_str() {
        "secrets" if asked.nth < 1 => Some(Answer::Status(403, "forbidden")),
        "services" if asked.nth < 2 => Some(Answer::Status(403, "forbidden")),
        _ => None,
    })
    .await;
    followed.until(|event, _| *event == Event::Listed).await;
    assert!(followed.asked("secrets", false).len() >= 2);
}

#[tokio::test]
async fn without_classes_nothing_is_ready() {
    let mut followed = Followed::start(SecretAccess::Cluster, |asked| match asked.resource.as_str() {
        "ingressclasses" if asked.nth < 2 => Some(Answer::Status(403, "forbidden")),
        _ => None,
    })
    .await;
    followed.until(|event, _| *event == Event::Listed).await;
    assert!(followed.asked("ingressclasses", false).len() >= 3);
}

#[tokio::test]
async fn f08_refusals_of_all_sorts_are_tried_again() {
    let sorts = [500, 429, 403, 401, 503, 404];
    let mut followed =
        Followed::start(SecretAccess::Cluster, move |asked| match (asked.resource.as_str(), asked.is_watch) {
            ("ingresses", false) if asked.nth < 4 => Some(Answer::Status(sorts[asked.nth], "<html>")),
            ("ingresses", false) => Some(Answer::Body(list(&[ingress("a", "1")], "10", ""))),
            ("ingresses", true) if asked.nth < 1 => Some(Answer::Status(503, "")),
            ("ingresses", true) if asked.nth < 2 => Some(Answer::Broken(line("BOOKMARK", &json!({})) + "\n{\"half")),
            _ => None,
        })
        .await;
    followed.until_synced().await;
    followed.until(|event, _| *event == Event::Connected(ObjectKind::Ingress, Connection::Up)).await;
    followed.until(|event, _| matches!(event, Event::Connected(ObjectKind::Ingress, Connection::Down(_)))).await;
    followed.until(|event, _| *event == Event::Connected(ObjectKind::Ingress, Connection::Up)).await;
    assert!(followed.removals.is_empty());
    let text = followed.metrics.render();
    for reason in ["server", "throttled", "forbidden", "unauthorized", "connection"] {
        assert!(text.contains(&format!("kind=\"Ingress\",reason=\"{reason}\"}} ")), "{reason}: {text}");
    }
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_keeps_its_certificate_and_its_value() {
    let bad = json!({"metadata": {"name": "tls", "namespace": "shop", "resourceVersion": "11"}, "type": "kubernetes.io/tls", "data": {"tls.key": ["hunter2"]}});
    let good =
        json!({"metadata": {"name": "tls", "namespace": "shop", "resourceVersion": "1"}, "type": "kubernetes.io/tls"});
    let mut followed =
        Followed::start(SecretAccess::Cluster, move |asked| match (asked.resource.as_str(), asked.is_watch) {
            ("secrets", false) => Some(Answer::Body(list(std::slice::from_ref(&good), "10", ""))),
            ("secrets", true) => Some(Answer::Open(vec![line("MODIFIED", &bad)])),
            _ => None,
        })
        .await;
    followed.until(|event, _| matches!(event, Event::Problems(problems) if !problems.is_empty())).await;
    assert!(followed.removals.is_empty());
    assert!(!format!("{:?}", followed.problems).contains("hunter2"));
}

#[tokio::test]
async fn f02_an_api_that_is_down_at_the_start_is_waited_for() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kubeconfig");
    let text = format!(
        "{{apiVersion: v1, kind: Config, current-context: x, clusters: [{{name: c, cluster: {{server: 'http://{address}'}}}}], users: [{{name: u, user: {{}}}}], contexts: [{{name: x, context: {{cluster: c, user: u}}}}]}}"
    );
    std::fs::write(&file, text).unwrap();
    let access = super::Access::find(Some(file)).unwrap();
    let settings = super::Settings {
        namespaces: Vec::new(),
        classes: super::ClassAccess::Listed,
        secrets: SecretAccess::Cluster,
        config_maps: super::ConfigMapAccess::Names(Default::default()),
        shared_keys: None,
        self_service: None,
        config_maps_of_options: Default::default(),
        signature: None,
    };
    let metrics = std::sync::Arc::new(crate::observe::Metrics::new());
    let (sender, mut events) = mpsc::channel(4);
    let (_wanted, receiver) = tokio::sync::watch::channel(Default::default());
    tokio::spawn(super::follow(settings, access, metrics.clone(), sender, receiver));
    let failed = async {
        while !metrics.render().contains("reason=\"connection\"") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(fake::DEADLINE, failed).await.unwrap();
    assert!(events.try_recv().is_err());
}
