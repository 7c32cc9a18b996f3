//! Status, the Lease and Events, on a real API server.

use std::sync::LazyLock;
use std::time::Duration;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::Ingress;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tidegate_e2e::{ApiServer, EchoPod, Kubernetes, Pods, Tidegate, eventually};
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
    follow_as(name, options, &[])
}

fn follow_as(name: &str, options: &[&str], environment: &[(&str, &str)]) -> Tidegate {
    follow_class(name, name, "tidegate", options, environment)
}

/// One of the installation with this Lease in the namespace.
fn follow_class(name: &str, class: &str, lease: &str, options: &[&str], environment: &[(&str, &str)]) -> Tidegate {
    let (controller, lease) = (format!("example.com/{class}"), format!("{name}/{lease}"));
    let kubeconfig = API.kubeconfig();
    let kubeconfig = kubeconfig.to_str().expect("a path in UTF-8");
    let own =
        ["--watch-namespace", name, "--ingress-class", class, "--controller-name", &controller, "--lease", &lease];
    let tidegate = Tidegate::start(&[&["--kubeconfig", kubeconfig], &own[..], options].concat(), environment);
    tidegate.wait_until_ready();
    tidegate
}

/// Ends it as Kubernetes does: the next one need not wait for the Lease.
fn end(tidegate: Tidegate) {
    tidegate.terminate();
    assert!(tidegate.join(), "it ends in order");
}

fn leads(tidegate: &Tidegate) -> bool {
    tidegate.metric("tidegate_leader", "") == 1.0
}

/// Statuses written and cleared.
fn writes(tidegate: &Tidegate) -> f64 {
    let of = |result| tidegate.metric("tidegate_status_writes_total", &format!("result=\"{result}\""));
    of("written") + of("cleared")
}

/// A write is counted a moment after it can be seen.
fn has_written(tidegate: &Tidegate, expected: f64) {
    eventually(&format!("{expected} writes"), || (writes(tidegate) == expected).then_some(()));
}

fn block_on<T>(future: impl Future<Output = kube::Result<T>>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    runtime.block_on(future).expect("the API server takes it")
}

/// Another one who writes statuses.
fn write_status(namespace: &str, name: &str, ip: &str) {
    let (namespace, name) = (namespace.to_owned(), name.to_owned());
    let body =
        json!({"apiVersion": NETWORKING, "kind": "Ingress", "status": {"loadBalancer": {"ingress": [{"ip": ip}]}}});
    block_on(async move {
        let api: Api<Ingress> = Api::namespaced(API.client(), &namespace);
        api.patch_status(&name, &PatchParams::apply("rival").force(), &Patch::Apply(body)).await
    });
}

fn write_balancer(namespace: &str, name: &str, ingress: Value) {
    let (namespace, name) = (namespace.to_owned(), name.to_owned());
    let body = json!({"status": {"loadBalancer": {"ingress": ingress}}});
    block_on(async move {
        let api: Api<Service> = Api::namespaced(API.client(), &namespace);
        api.patch_status(&name, &PatchParams::default(), &Patch::Merge(body)).await
    });
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
fn rule_63_addresses_are_those_of_the_service_whatever_its_type() {
    let ns = "r63";
    API.apply(&class(ns));
    API.apply_all(vec![ingress(ns, "a", ns)]);
    let service = |spec: Value| {
        let mut spec = spec;
        spec["ports"] = json!([{"port": 80, "protocol": "TCP"}]);
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": ns, "name": "edge"}, "spec": spec})
    };
    let tidegate = follow(ns, &["--publish-service", "r63/edge"]);
    eventually("it is the leader", || leads(&tidegate).then_some(()));
    // No Service, then one without an address: nothing is written.
    API.apply_all(vec![service(json!({"type": "LoadBalancer"}))]);
    eventually("the Service is seen", || {
        tidegate.log().contains("the addresses to publish have changed").then_some(())
    });
    assert_eq!((addresses(ns, "a"), writes(&tidegate)), (vec![], 0.0));
    write_balancer(ns, "edge", json!([{"hostname": "nlb.example"}, {"ip": "192.0.2.7"}]));
    has(ns, "a", &["192.0.2.7", "nlb.example"]);
    write_balancer(ns, "edge", json!([{"ip": "192.0.2.8"}]));
    has(ns, "a", &["192.0.2.8"]);
    API.apply_all(vec![service(json!({"type": "ClusterIP", "externalIPs": ["192.0.2.9"]}))]);
    has(ns, "a", &["192.0.2.9"]);
    API.apply_all(vec![service(json!({"type": "ClusterIP"}))]);
    let edge = API.get("v1", "Service", ns, "edge").expect("it is there");
    has(ns, "a", &[edge["spec"]["clusterIP"].as_str().expect("an address")]);
    // Whoever makes it anew does not want every status empty in between.
    has_written(&tidegate, 4.0);
    API.delete(&service(json!({})).to_string());
    eventually("it is missed", || tidegate.log().contains("does not exist: status stays").then_some(()));
    assert_eq!(addresses(ns, "a"), [edge["spec"]["clusterIP"].as_str().expect("an address")]);
    assert_eq!(writes(&tidegate), 4.0);
    API.apply_all(vec![service(json!({"externalIPs": ["192.0.2.10"]}))]);
    has(ns, "a", &["192.0.2.10"]);
}

#[test]
fn rule_51_an_address_that_another_has_written_over_ours_is_not_taken_out() {
    let ns = "r51";
    API.apply(&class(ns));
    API.apply(&class("r51-other"));
    API.apply_all(vec![ingress(ns, "a", ns), ingress(ns, "b", ns)]);
    let tidegate = follow(ns, &["--publish-address", "192.0.2.1"]);
    has(ns, "a", &["192.0.2.1"]);
    has(ns, "b", &["192.0.2.1"]);
    // The next controller was faster than we are.
    API.apply_all(vec![ingress(ns, "a", "r51-other")]);
    write_status(ns, "a", "192.0.2.99");
    API.apply_all(vec![ingress(ns, "b", "r51-other")]);
    has(ns, "b", &[]);
    // Whether ours were taken out of it before the next one wrote his, or were gone already.
    eventually("it is dealt with", || (writes(&tidegate) >= 3.0).then_some(()));
    API.apply_all(vec![ingress(ns, "last", ns)]);
    has(ns, "last", &["192.0.2.1"]);
    assert_eq!(addresses(ns, "a"), ["192.0.2.99"]);
}

#[test]
fn rule_49_what_left_while_nobody_watched_is_cleared_and_rule_51_what_others_wrote_stays() {
    let (ns, other) = ("r49away", "r49away-other");
    API.apply(&class(ns));
    API.apply(&class(other));
    API.apply_all(["leaves", "taken", "stays"].map(|name| ingress(ns, name, ns)).into());
    API.apply_all(["theirs", "same"].map(|name| ingress(ns, name, other)).into());
    write_status(ns, "theirs", "192.0.2.99");
    write_status(ns, "same", "192.0.2.1");
    let first = follow(ns, &["--publish-address", "192.0.2.1", "--drain-delay", "0s"]);
    for name in ["leaves", "taken", "stays"] {
        has(ns, name, &["192.0.2.1"]);
    }
    end(first);
    API.apply_all(["leaves", "taken"].map(|name| ingress(ns, name, other)).into());
    write_status(ns, "taken", "192.0.2.99");
    assert_eq!(addresses(ns, "leaves"), ["192.0.2.1"]);

    let second = follow(ns, &["--publish-address", "192.0.2.1"]);
    has(ns, "leaves", &[]);
    // Another Ingress that goes all the way says that what came before it is done.
    API.apply_all(vec![ingress(ns, "last", ns)]);
    has(ns, "last", &["192.0.2.1"]);
    for (name, ip) in [("stays", "192.0.2.1"), ("taken", "192.0.2.99"), ("theirs", "192.0.2.99"), ("same", "192.0.2.1")]
    {
        assert_eq!(addresses(ns, name), [ip], "{name}");
    }
    has_written(&second, 2.0);
}

#[test]
fn rule_49_another_class_of_the_same_installation_clears_what_the_former_had() {
    let (ns, other) = ("r49class", "r49class-other");
    API.apply(&class(ns));
    API.apply(&class(other));
    API.apply_all(vec![ingress(ns, "former", ns), ingress(ns, "next", other)]);
    let options = ["--publish-address", "192.0.2.1", "--drain-delay", "0s"];
    let first = follow(ns, &options);
    has(ns, "former", &["192.0.2.1"]);
    end(first);
    let _second = follow_class(ns, other, "tidegate", &options, &[]);
    has(ns, "next", &["192.0.2.1"]);
    has(ns, "former", &[]);
}

#[test]
fn rule_51_installations_of_two_classes_with_one_address_leave_each_other_alone() {
    let (ns, other) = ("r51two", "r51two-other");
    API.apply(&class(ns));
    API.apply(&class(other));
    API.apply_all(vec![ingress(ns, "one", ns), ingress(ns, "two", other), ingress(ns, "moves", ns)]);
    let options = ["--publish-address", "192.0.2.1", "--drain-delay", "0s"];
    let one = follow(ns, &options);
    let two = follow_class(ns, other, "other", &options, &[]);
    for name in ["one", "two", "moves"] {
        has(ns, name, &["192.0.2.1"]);
    }
    has_written(&one, 2.0);
    has_written(&two, 1.0);
    // What changes hands is cleared by the one and written by the other, in whatever order.
    API.apply_all(vec![ingress(ns, "moves", other)]);
    eventually("both have seen it", || ((writes(&one), writes(&two)) == (3.0, 2.0)).then_some(()));
    has(ns, "moves", &["192.0.2.1"]);
    // Started again, and with the other away, it finds nothing to do.
    end(two);
    end(one);
    let all = || ["one", "two", "moves"].map(|name| API.get(NETWORKING, "Ingress", ns, name));
    let before = all();
    let again = follow(ns, &options);
    API.apply_all(vec![ingress(ns, "last", ns)]);
    has(ns, "last", &["192.0.2.1"]);
    assert_eq!(all(), before);
    has_written(&again, 1.0);
}

#[test]
fn f17_a_status_that_is_always_changed_back_is_written_less_and_less() {
    let ns = "rrival";
    API.apply(&class(ns));
    API.apply_all(vec![ingress(ns, "a", ns)]);
    let tidegate = follow(ns, &["--publish-address", "192.0.2.1"]);
    has(ns, "a", &["192.0.2.1"]);
    let started = Instant::now();
    for _ in 0..3 {
        write_status(ns, "a", "192.0.2.99");
        has(ns, "a", &["192.0.2.1"]);
    }
    // Pauses of 1, 2 and 4 s.
    assert!(started.elapsed() >= Duration::from_millis(6500), "{:?}", started.elapsed());
    assert_eq!(writes(&tidegate), 4.0);
    assert!(tidegate.log().lines().count() < 40, "{}", tidegate.log());
}

#[test]
fn kubectl_describe_shows_what_is_wrong() {
    let ns = "rdescribe";
    API.apply(&class(ns));
    API.apply_all(vec![ingress(ns, "broken", ns)]);
    let _tidegate = follow(ns, &["--publish-address", "192.0.2.1"]);
    has(ns, "broken", &["192.0.2.1"]);
    let kubectl = Kubernetes::get().program("kubectl");
    eventually("the Event is shown", || {
        let mut command = std::process::Command::new(&kubectl);
        command.arg("--kubeconfig").arg(API.kubeconfig()).args(["describe", "ingress", "-n", ns, "broken"]);
        let shown = String::from_utf8(command.output().expect("kubectl runs").stdout).expect("text");
        let is_shown = |text: &str| shown.contains(text);
        (is_shown("Warning  ServiceNotFound")
            && is_shown("Service rdescribe/web does not exist")
            && is_shown("192.0.2.1"))
        .then_some(())
    });
}

#[test]
fn f16_one_of_two_reports_and_the_other_goes_on_when_it_ends() {
    let ns = "rlease";
    API.apply(&class(ns));
    API.apply_all(vec![ingress(ns, "a", ns)]);
    // Its drain lasts longer than the test: the Lease must not wait for that.
    let one = follow(ns, &["--publish-address", "192.0.2.1", "--drain-delay", "60s"]);
    eventually("a leader", || leads(&one).then_some(()));
    let two = follow(ns, &["--publish-address", "192.0.2.1"]);
    has(ns, "a", &["192.0.2.1"]);
    API.apply_all((0..10).map(|at| ingress(ns, &format!("i{at}"), ns)).collect());
    (0..10).for_each(|at| has(ns, &format!("i{at}"), &["192.0.2.1"]));
    assert!(!leads(&two));
    assert_eq!((writes(&one), writes(&two)), (11.0, 0.0));
    one.terminate();
    let asked = Instant::now();
    eventually("the other to lead", || leads(&two).then_some(()));
    assert!(asked.elapsed() < Duration::from_secs(10), "the lease was given back");
    API.apply_all(vec![ingress(ns, "b", ns)]);
    has(ns, "b", &["192.0.2.1"]);
    eventually("its write is counted", || (writes(&two) > 0.0).then_some(()));
    assert_eq!(writes(&two), 1.0, "what the first one wrote is as it should be");
}

#[test]
fn f16_another_takes_over_from_one_that_was_killed() {
    let ns = "rkilled";
    API.apply(&class(ns));
    API.apply_all(vec![ingress(ns, "a", ns)]);
    let one = follow_as(ns, &["--publish-address", "192.0.2.1"], &[("POD_NAME", "one"), ("POD_NAMESPACE", ns)]);
    has(ns, "a", &["192.0.2.1"]);
    let two = follow_as(ns, &["--publish-address", "192.0.2.1"], &[("POD_NAME", "two"), ("POD_NAMESPACE", ns)]);
    one.kill();
    let killed = Instant::now();
    // A container that is started again is its own successor.
    let again = follow_as(ns, &["--publish-address", "192.0.2.1"], &[("POD_NAME", "one"), ("POD_NAMESPACE", ns)]);
    eventually("it leads again", || leads(&again).then_some(()));
    assert!(killed.elapsed() < Duration::from_secs(10), "{:?}", killed.elapsed());
    assert!(!leads(&two));
    again.kill();
    let killed = Instant::now();
    API.apply_all(vec![ingress(ns, "b", ns)]);
    has(ns, "b", &["192.0.2.1"]);
    assert!(leads(&two));
    let took = killed.elapsed();
    assert!((Duration::from_secs(10)..Duration::from_secs(30)).contains(&took), "{took:?}");
}

#[test]
fn f16_status_is_not_written_without_the_lease_and_traffic_does_not_notice() {
    let ns = "rstolen";
    API.apply(&class(ns));
    let pod = EchoPod::start(&API, ns, "web");
    API.apply(&Pods { namespace: ns, service: "web", pods: &[&pod] }.yaml());
    API.apply_all(vec![ingress(ns, "a", ns)]);
    let tidegate = follow(ns, &["--publish-address", "192.0.2.1"]);
    has(ns, "a", &["192.0.2.1"]);
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"namespace": ns, "name": "tidegate"},
        "spec": {"holderIdentity": "thief", "leaseDurationSeconds": 15},
    });
    API.apply_all(vec![lease]);
    let stolen = Instant::now();
    eventually("it is noticed", || (!leads(&tidegate)).then_some(()));
    assert!(stolen.elapsed() < Duration::from_secs(10), "{:?}", stolen.elapsed());
    API.apply_all(vec![ingress(ns, "b", ns)]);
    let host = format!("b.{ns}.example");
    eventually("the route serves", || tidegate.get(&host, "/").filter(|(status, _)| *status == 200));
    assert_eq!((addresses(ns, "b"), writes(&tidegate)), (vec![], 1.0));
    // The thief is silent: after 15 s it is ours again.
    has(ns, "b", &["192.0.2.1"]);
    assert!(stolen.elapsed() > Duration::from_secs(14), "{:?}", stolen.elapsed());
}
