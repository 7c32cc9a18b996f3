//! `tidegate endpoint` against a real API server: the annotation that it writes, with which rights, beside others who write the Service,
//! and what a running Tidegate makes of it.

#![allow(clippy::unwrap_used, reason = "all of it is tests")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tidegate_e2e::{ApiServer, EchoPod, Pods, Tidegate, eventually};

const NAMESPACE: &str = "shop";
const ANNOTATION: &str = "tidegate.dev/endpoint-overrides";

/// Rights as docs/endpoints.md names them, and a user with less.
const RIGHTS: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: tidegate-endpoint, namespace: shop}
rules:
  - {apiGroups: [\"\"], resources: [services], verbs: [get, patch]}
  - {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: tidegate-endpoint, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: tidegate-endpoint}
subjects: [{kind: User, name: ops}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: shop}
rules:
  - {apiGroups: [\"\"], resources: [services], verbs: [get]}
  - {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{kind: User, name: reader}]
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: endpoint}
spec: {controller: example.com/endpoint}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop}
spec:
  ingressClassName: endpoint
  rules:
    - host: a.example
      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}
";

/// What the chart grants with `stats.durableActions` in a namespace, and without.
const REPLICA: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: replica, namespace: shop}
rules:
  - {apiGroups: [networking.k8s.io], resources: [ingresses], verbs: [get, list, watch]}
  - {apiGroups: [\"\"], resources: [services, secrets], verbs: [get, list, watch]}
  - {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [get, list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: replica, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: replica}
subjects: [{kind: User, name: replica}, {kind: User, name: replica-that-reads}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: durable, namespace: shop}
rules:
  - {apiGroups: [\"\"], resources: [services], verbs: [patch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: durable, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: durable}
subjects: [{kind: User, name: replica}]
";

fn command(kubeconfig: &Path, line: &[&str]) -> Command {
    let mut command = Command::new(Tidegate::program());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TIDEGATE_") || name == "KUBECONFIG") {
        command.env_remove(name);
    }
    command.arg("endpoint").args(line).arg("--kubeconfig").arg(kubeconfig);
    command
}

fn endpoint(kubeconfig: &Path, line: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = command(kubeconfig, line).output().unwrap();
    (status.code(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

/// The Service and a slice whose pods have UIDs, the names of pods with `uid-` before.
fn objects(pods: &[&EchoPod], more: &[(String, String)]) -> Vec<Value> {
    let [service, mut slice] = Pods { namespace: NAMESPACE, service: "web", pods }.objects();
    let entries = slice["endpoints"].as_array_mut().unwrap();
    entries.iter_mut().for_each(|entry| {
        entry["targetRef"]["uid"] = format!("uid-{}", entry["targetRef"]["name"].as_str().unwrap()).into()
    });
    entries.extend(more.iter().map(|(name, address)| {
        json!({
            "addresses": [address], "conditions": {"ready": false, "serving": false, "terminating": false},
            "targetRef": {"kind": "Pod", "namespace": NAMESPACE, "name": name, "uid": format!("uid-{name}")},
        })
    }));
    vec![service, slice]
}

#[test]
fn an_endpoint_is_drained_for_good_with_the_rights_of_the_caller() {
    let api = ApiServer::start();
    let pods = [EchoPod::start(&api, NAMESPACE, "web"), EchoPod::start(&api, NAMESPACE, "web")];
    // Some that never get requests, for writing at once.
    let more: Vec<_> = (1..=4).map(|at| (format!("idle-{at}"), format!("198.51.100.{at}"))).collect();
    api.apply_all(objects(&[&pods[0], &pods[1]], &more));
    api.apply(RIGHTS);
    let annotation = || {
        let service = api.get("v1", "Service", NAMESPACE, "web").unwrap();
        service["metadata"]["annotations"][ANNOTATION].as_str().unwrap_or_default().to_owned()
    };
    let kubeconfig = api.kubeconfig();
    let options = [
        "--watch-namespace",
        NAMESPACE,
        "--ingress-class",
        "endpoint",
        "--controller-name",
        "example.com/endpoint",
        "--report=false",
    ];
    let tidegate = Tidegate::follow(&kubeconfig, &options);
    // Whether this pod gets some of the next requests.
    let serves = |pod: &EchoPod| {
        let before = pod.requests();
        (0..10).for_each(|_| assert_eq!(tidegate.get("a.example", "/").map(|(status, _)| status), Some(200)));
        pod.requests() > before
    };
    eventually("both serve", || (serves(&pods[0]) && serves(&pods[1])).then_some(()));

    let ops = api.user_kubeconfig("ops", None);
    let (one, other) = (pods[0].name(), pods[1].name());
    let entry = format!("{one}@uid-{one}=drain");
    let (code, said) = endpoint(&ops, &["drain", "shop/web", one, "--dry-run"]);
    assert!(code == Some(0) && said.contains("dry run") && said.contains(&entry), "{said}");
    assert_eq!(annotation(), "");
    let (code, said) = endpoint(&ops, &["drain", "shop/web", one]);
    assert!(code == Some(0) && said.contains("drains on all replicas"), "{said}");
    assert_eq!(annotation(), entry);
    eventually("it drains", || (!serves(&pods[0])).then_some(()));
    let (code, said) = endpoint(&ops, &["drain", "shop/web", one]);
    assert!(code == Some(0) && said.contains("drains already"), "{said}");

    // Those who write at once lose nothing of each other.
    let started = more.iter().map(|(name, _)| {
        command(&ops, &["weight", "7", "shop/web", name]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    });
    for child in started.collect::<Vec<_>>() {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let written = annotation();
    assert!(more.iter().all(|(name, _)| written.contains(&format!("{name}@uid-{name}=weight:7"))), "{written}");
    assert!(written.starts_with(&entry), "{written}");
    let asked = api.requests_of("ops");
    assert!(asked.iter().all(|request| ["get", "list", "patch"].contains(&request.verb.as_str())), "{asked:?}");

    // By its address and port, as the statistics show it. What was said of pods that are gone goes.
    api.apply_all(objects(&[&pods[0], &pods[1]], &[]));
    let address = format!("{}:8080", api_address(&api, one));
    let (code, said) = endpoint(&ops, &["ready", "shop/web", &address]);
    assert!(code == Some(0) && said.matches("its pod is gone").count() == 4, "{said}");
    assert_eq!(annotation(), "");
    eventually("it is back", || serves(&pods[0]).then_some(()));

    let (code, said) = endpoint(&ops, &["drain", "shop/web", "none"]);
    assert!(code == Some(2) && said.contains("no endpoint \"none\": there are") && said.contains(other), "{said}");
    let (code, said) = endpoint(&ops, &["drain", "shop/none", one]);
    assert!(code == Some(2) && said.contains("services \"none\" not found"), "{said}");
    let reader = api.user_kubeconfig("reader", None);
    for more in [&[][..], &["--dry-run"]] {
        let (code, said) = endpoint(&reader, &[&["drain", "shop/web", one], more].concat());
        assert!(
            code == Some(2) && said.contains("cannot write Service shop/web") && said.contains("forbidden"),
            "{said}"
        );
    }
    let (code, said) = endpoint(&api.user_kubeconfig("nobody", None), &["drain", "shop/web", one]);
    assert!(code == Some(2) && said.contains("cannot read Service shop/web"), "{said}");
}

#[test]
fn socket_and_run_time_api_drain_an_endpoint_for_all_replicas_where_that_is_asked_for() {
    let api = ApiServer::start();
    let pods = [EchoPod::start(&api, NAMESPACE, "web"), EchoPod::start(&api, NAMESPACE, "web")];
    api.apply_all(objects(&[&pods[0], &pods[1]], &[]));
    api.apply(RIGHTS);
    api.apply(REPLICA);
    let annotation = || {
        let service = api.get("v1", "Service", NAMESPACE, "web").unwrap();
        service["metadata"]["annotations"][ANNOTATION].as_str().unwrap_or_default().to_owned()
    };
    // Two replicas with the rights of the chart, and one that may not patch Services.
    let replica = |name: &str, user: &str| {
        let socket = api.run().directory().join(name);
        let place = format!("--stats-socket={},level=admin", socket.display());
        let options = [
            "--watch-namespace",
            NAMESPACE,
            "--ingress-class",
            "endpoint",
            "--controller-name",
            "example.com/endpoint",
            "--ingress-class-lookup=false",
            "--secret-access=namespaces",
            "--report=false",
            "--runtime-api=127.0.0.1:0",
            "--stats-durable-actions",
            &place,
        ];
        (Tidegate::follow(&api.user_kubeconfig(user, None), &options), socket)
    };
    let (one, socket) = replica("one", "replica");
    let (other, _) = replica("other", "replica");
    let (reading, refused) = replica("reading", "replica-that-reads");
    let say = |socket: &Path, words: &str| {
        let mut command = Command::new(Tidegate::program());
        command.args(["socket", "--path"]).arg(socket).args(words.split(' '));
        let Output { status, stdout, stderr } = command.output().unwrap();
        assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).unwrap()
    };
    let serves = |tidegate: &Tidegate, pod: &EchoPod| {
        let before = pod.requests();
        (0..10).for_each(|_| assert_eq!(tidegate.get("a.example", "/").map(|(status, _)| status), Some(200)));
        pod.requests() > before
    };
    for tidegate in [&one, &other, &reading] {
        eventually("both serve", || (serves(tidegate, &pods[0]) && serves(tidegate, &pods[1])).then_some(()));
    }
    let name = pods[0].name();
    let slice = api.get("discovery.k8s.io/v1", "EndpointSlice", NAMESPACE, "web-1").unwrap();
    let server = format!("shop_svc_web_80/{}:{}", api_address(&api, name), slice["ports"][0]["port"]);
    let drain = format!("set server {server} state drain");

    let said = say(&refused, &drain);
    assert!(
        said.starts_with("nothing was changed: cannot write Service shop/web: services \"web\" is forbidden"),
        "{said}"
    );
    assert_eq!(annotation(), "");
    assert!(serves(&reading, &pods[0]), "nothing is done in this process either");

    assert_eq!(say(&socket, &drain).trim(), "");
    assert_eq!(annotation(), format!("{name}@uid-{name}=drain"));
    for tidegate in [&one, &other, &reading] {
        eventually("it drains", || (!serves(tidegate, &pods[0])).then_some(()));
    }
    let log = one.log();
    let told = log.lines().find(|line| line.contains("an operator commands an endpoint")).unwrap();
    assert!(told.contains("all-replicas") && told.contains("uid "), "{told}");
    // It survives those who have asked for it.
    drop(one);
    let (again, socket) = replica("again", "replica");
    assert!(!serves(&again, &pods[0]));
    assert_eq!(say(&socket, &format!("set server {server} weight 7")).trim(), "");
    assert_eq!(say(&socket, &format!("enable server {server}")).trim(), "");
    assert_eq!(annotation(), format!("{name}@uid-{name}=weight:7"));
    assert_eq!(say(&socket, &format!("get weight {server}")).trim(), "7 (initial 7)");

    let patch = |tidegate: &Tidegate| {
        let log = tidegate.log();
        let api = log.split_whitespace().find_map(|word| word.strip_prefix("runtime_api=")).unwrap();
        let target = format!("/v1/upstreams/{}", server.replace('/', "/endpoints/"));
        let body = r#"{"state": "maint", "weight": null}"#;
        let (kind, length) = ("application/json", body.len());
        let mut stream = TcpStream::connect(api).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let request = format!(
            "PATCH {target} HTTP/1.1\r\nHost: {api}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let answer = patch(&reading);
    assert!(answer.starts_with("HTTP/1.1 502 ") && answer.contains("nothing was changed: cannot write"), "{answer}");
    let answer = patch(&again);
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("tidegate-scope: all-replicas"), "{answer}");
    assert!(answer.contains(r#""scope":"all-replicas""#) && answer.contains(r#""weight":100"#), "{answer}");
    assert_eq!(annotation(), format!("{name}@uid-{name}=maint"));
}

/// The address of a pod, by its slice.
fn api_address(api: &ApiServer, name: &str) -> String {
    let slice = api.get("discovery.k8s.io/v1", "EndpointSlice", NAMESPACE, "web-1").unwrap();
    let entries = slice["endpoints"].as_array().unwrap();
    let entry = entries.iter().find(|entry| entry["targetRef"]["name"] == name).unwrap();
    entry["addresses"][0].as_str().unwrap().to_owned()
}
