//! Status, the Lease and Events, on a real API server.

use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};
use tidegate_e2e::{ApiServer, EchoPod, Pods, Tidegate, eventually};
use tokio::time::Instant;

static API: LazyLock<ApiServer> = LazyLock::new(ApiServer::start);

const NETWORKING: &str = "networking.k8s.io/v1";

fn class(name: &str) -> String {
    format!(
        "apiVersion: {NETWORKING}\nkind: IngressClass\nmetadata: {{name: {name}}}\nspec: {{controller: example.com/{name}}}\n"
    )
}

/// A process of its own class and namespace: tests share the API server and nothing else.
fn follow(name: &str, options: &[&str]) -> Tidegate {
    let (controller, lease) = (format!("example.com/{name}"), format!("{name}/tidegate"));
    let own = ["--watch-namespace", name, "--ingress-class", name, "--controller-name", &controller, "--lease", &lease];
    Tidegate::follow(&API.kubeconfig(), &[&own[..], options].concat())
}

fn ingress(namespace: &str, name: &str, class: &str) -> Value {
    json!({
        "apiVersion": NETWORKING, "kind": "Ingress", "metadata": {"namespace": namespace, "name": name},
        "spec": {"ingressClassName": class, "rules": [{"host": format!("{name}.{namespace}.example"), "http": {"paths": [
            {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"number": 80}}}},
        ]}}]},
    })
}

fn addresses(namespace: &str, name: &str) -> Vec<String> {
    let object = API.get(NETWORKING, "Ingress", namespace, name).unwrap_or_default();
    let entries = object["status"]["loadBalancer"]["ingress"].as_array().cloned().unwrap_or_default();
    let text = |entry: &Value| entry["ip"].as_str().or(entry["hostname"].as_str()).map(str::to_owned);
    entries.iter().filter_map(text).collect()
}

fn has(namespace: &str, name: &str, expected: &[&str]) {
    eventually(&format!("status of {name} to be {expected:?}"), || {
        (addresses(namespace, name) == expected).then_some(())
    });
}

fn events(namespace: &str, name: &str) -> Vec<Value> {
    let all = API.list("events.k8s.io/v1", "Event", namespace);
    all.into_iter().filter(|event| event["regarding"]["name"] == name).collect()
}

#[test]
fn rule_62a_the_route_serves_when_the_status_appears() {
    let ns = "r62a";
    API.apply(&class(ns));
    let pod = EchoPod::start(&API, ns, "web");
    API.apply(&Pods { namespace: ns, service: "web", pods: &[&pod] }.yaml());
    let tidegate = follow(ns, &["--publish-address", "192.0.2.1,edge.example"]);
    for at in 0..20 {
        let name = format!("i{at}");
        API.apply_all(vec![ingress(ns, &name, ns)]);
        has(ns, &name, &["192.0.2.1", "edge.example"]);
        let (status, _) = tidegate.get(&format!("{name}.{ns}.example"), "/").expect("it answers");
        assert_eq!(status, 200, "{name}");
    }
}

#[test]
fn rule_49_status_is_cleared_when_an_ingress_leaves_us_and_rule_51_others_are_left_alone() {
    let (ns, other) = ("r49", "r49-other");
    API.apply(&class(ns));
    API.apply(&class(other));
    let theirs = ingress(ns, "theirs", other);
    API.apply_all(vec![ingress(ns, "moves", ns), ingress(ns, "stays", ns), theirs.clone()]);
    let tidegate = follow(ns, &["--publish-address", "192.0.2.1"]);
    has(ns, "moves", &["192.0.2.1"]);
    API.apply_all(vec![ingress(ns, "moves", other)]);
    has(ns, "moves", &[]);
    API.apply_all(vec![ingress(ns, "moves", ns)]);
    has(ns, "moves", &["192.0.2.1"]);
    API.delete(&class(ns));
    has(ns, "stays", &[]);
    has(ns, "moves", &[]);
    API.apply(&class(ns));
    has(ns, "stays", &["192.0.2.1"]);
    let known = API.get(NETWORKING, "Ingress", ns, "theirs").expect("it is there");
    assert_eq!(known["status"]["loadBalancer"].as_object().map_or(0, |status| status.len()), 0);
    assert!(events(ns, "theirs").is_empty());
    drop(tidegate);
}

#[test]
fn rule_64_our_own_write_leads_to_no_other() {
    let ns = "r64";
    API.apply(&class(ns));
    API.apply_all((0..20).map(|at| ingress(ns, &format!("i{at}"), ns)).collect());
    let tidegate = follow(ns, &["--publish-address", "192.0.2.1"]);
    (0..20).for_each(|at| has(ns, &format!("i{at}"), &["192.0.2.1"]));
    let version = |name: &str| API.get(NETWORKING, "Ingress", ns, name).unwrap()["metadata"]["resourceVersion"].clone();
    let before: Vec<_> = (0..20).map(|at| version(&format!("i{at}"))).collect();
    // Another Ingress that goes all the way says that what came before it is done.
    API.apply_all(vec![ingress(ns, "last", ns)]);
    has(ns, "last", &["192.0.2.1"]);
    assert_eq!(before, (0..20).map(|at| version(&format!("i{at}"))).collect::<Vec<_>>());
    assert_eq!(tidegate.metric("tidegate_status_writes_total", "result=\"written\""), 21.0);
}

#[test]
fn rule_63_and_65_every_status_follows_the_service_within_seconds() {
    let ns = "r65";
    API.apply(&class(ns));
    let service = |ip: &str| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{namespace: r65-edge, name: edge}}\nspec: {{ports: [{{port: 80}}], externalIPs: [{ip}]}}\n"
        )
    };
    API.apply(&service("192.0.2.1"));
    API.apply_all((0..1000).map(|at| ingress(ns, &format!("i{at}"), ns)).collect());
    let _tidegate = follow(ns, &["--publish-service", "r65-edge/edge"]);
    let all = |expected: &str| {
        let started = Instant::now();
        eventually("all statuses", || {
            let list = API.list(NETWORKING, "Ingress", ns);
            let is_done = |object: &Value| object["status"]["loadBalancer"]["ingress"] == json!([{"ip": expected}]);
            (list.len() == 1000 && list.iter().all(is_done)).then_some(())
        });
        started.elapsed()
    };
    all("192.0.2.1");
    API.apply(&service("192.0.2.2"));
    let took = all("192.0.2.2");
    println!("1000 statuses followed the Service in {took:?}");
    assert!(took < Duration::from_secs(30), "{took:?}");
}

#[test]
fn events_tell_the_author_everything_and_only_once() {
    let ns = "revents";
    API.apply(&class(ns));
    let mut broken = ingress(ns, "broken", ns);
    broken["metadata"]["annotations"] = json!({"tidegate.dev/ssl-redirekt": "false"});
    broken["spec"]["tls"] = json!([{"hosts": ["broken.example"], "secretName": "missing"}]);
    API.apply_all(vec![broken]);
    let first = follow(ns, &[]);
    let reasons = || {
        let mut reasons: Vec<_> = events(ns, "broken").iter().map(|event| event["reason"].to_string()).collect();
        reasons.sort();
        reasons
    };
    let expected = ["\"SecretNotFound\"", "\"ServiceNotFound\"", "\"UnknownAnnotation\""];
    eventually("an Event for each problem", || (reasons() == expected).then_some(()));
    let event = events(ns, "broken").remove(0);
    let object = API.get(NETWORKING, "Ingress", ns, "broken").unwrap();
    assert_eq!(event["regarding"]["uid"], object["metadata"]["uid"]);
    assert_eq!(event["type"], "Warning");
    drop(first);
    // The next process finds them.
    let second = follow(ns, &[]);
    eventually("all problems looked at", || {
        (second.metric("tidegate_events_written_total", "result=\"unchanged\"") == 3.0).then_some(())
    });
    assert_eq!(reasons(), expected);
}

#[test]
fn f16_one_of_two_reports_and_the_other_goes_on_when_it_ends() {
    let ns = "rlease";
    API.apply(&class(ns));
    let leader = |tidegate: &Tidegate| tidegate.metric("tidegate_leader", "") == 1.0;
    let one = follow(ns, &["--publish-address", "192.0.2.1", "--drain-delay", "0s"]);
    eventually("a leader", || leader(&one).then_some(()));
    let two = follow(ns, &["--publish-address", "192.0.2.1"]);
    API.apply_all(vec![ingress(ns, "a", ns)]);
    has(ns, "a", &["192.0.2.1"]);
    assert!(!leader(&two));
    one.terminate();
    let asked = Instant::now();
    eventually("the other to lead", || leader(&two).then_some(()));
    assert!(asked.elapsed() < Duration::from_secs(10), "the lease was given back");
    has(ns, "a", &["192.0.2.1"]);
    API.apply_all(vec![ingress(ns, "b", ns)]);
    has(ns, "b", &["192.0.2.1"]);
}
