//! A real Prometheus scrapes the metrics Service as the chart's ServiceMonitor would have it; every query of the
//! dashboard and of the alerts runs, and those of the dashboard return data.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};
use tidegate_e2e::{DEADLINE, eventually};
use tokio::time::Instant;

use crate::build::{root, run};
use crate::figures;
use crate::story::{HTTP, HTTPS, Story};

const PORT_NAME: &str = "__meta_kubernetes_endpointslice_port_name";

/// What makes series that a healthy installation does not have: a Service whose only endpoint refuses, one without
/// any, and an Ingress with a mistake.
const TROUBLE: &str = r#"
apiVersion: v1
kind: Service
metadata: {namespace: shop, name: refusing}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {namespace: shop, name: refusing, labels: {kubernetes.io/service-name: refusing}}
addressType: IPv4
ports: [{name: http, port: 9}]
endpoints:
  - {addresses: [10.244.1.1], conditions: {ready: true}}
  - {addresses: [10.244.2.1], conditions: {ready: true}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {namespace: shop, name: trouble, annotations: {tidegate.dev/balance: random}}
spec:
  ingressClassName: tidegate
  tls: [{hosts: [trouble.example.org], secretName: absent}]
  rules:
    - host: trouble.example.org
      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: refusing, port: {name: http}}}}]}
"#;

/// Starts it in the network of a node, where pods can be reached, and asks.
pub(crate) fn run_queries(story: &Story) {
    story.apply(&TROUBLE.replace("annotations: {", "annotations: {tidegate.dev/ssl-redirect: \"false\", "));
    let directory = story.cluster.run().directory().join("prometheus");
    fs::create_dir_all(&directory).expect("the directory is there");
    let config = directory.join("prometheus.yml");
    fs::write(&config, configuration(story).to_string()).expect("the directory is there");
    run(Command::new("promtool").args(["check", "config"]).arg(&config));
    let mut prometheus = in_node(story, "prometheus");
    prometheus.arg(format!("--config.file={}", config.display()));
    prometheus.arg(format!("--storage.tsdb.path={}", directory.join("data").display()));
    prometheus.arg("--web.listen-address=127.0.0.1:9091");
    story.cluster.run().spawn_command("prometheus", &prometheus).expect("prometheus starts");
    eventually("both pods are scraped", || {
        let found = query(story, "count(up{job=\"tidegate\"} == 1)").ok()?;
        (found[0]["value"][1] == "2").then_some(())
    });
    check_metrics(story);
    let mut waiting = dashboard();
    let all = waiting.len();
    let begun = Instant::now();
    while !waiting.is_empty() && begun.elapsed() < DEADLINE {
        traffic(story);
        waiting.retain(|text| {
            let found = query(story, text).unwrap_or_else(|refused| panic!("{text}: {refused}"));
            found.as_array().is_none_or(Vec::is_empty)
        });
    }
    assert!(waiting.is_empty(), "no data: {waiting:#?}");
    let alerts = alerts(story);
    for text in &alerts {
        query(story, text).unwrap_or_else(|refused| panic!("{text}: {refused}"));
    }
    story.say(&format!(
        "Prometheus scrapes both pods; {all} queries of the dashboard return data, {} alerts run",
        alerts.len()
    ));
    story.delete(TROUBLE);
}

/// Answers, a refused request, and one that fails.
fn traffic(story: &Story) {
    let node = story.node(1, HTTP);
    for _ in 0..5 {
        for (url, more) in [
            ("http://shop.example.org/", &[][..]),
            ("http://trouble.example.org/", &[]),
            ("http://shop.example.org/", &["-H", "Host: a b"]),
        ] {
            story.curl().with(more).get(url, node);
        }
        story.curl().get("https://shop.example.org/", story.node(2, HTTPS));
    }
}

fn in_node(story: &Story, program: &str) -> Command {
    let mut command = Command::new("nsenter");
    let namespace = format!("/run/netns/{}kn1", story.cluster.run().name());
    command.arg(format!("--net={namespace}")).arg("--").arg(program);
    command
}

/// What the Prometheus Operator makes of the rendered ServiceMonitor.
fn configuration(story: &Story) -> Value {
    let monitor = rendered(story, "templates/monitors.yaml", "metrics.serviceMonitor.enabled=true");
    let spec = &monitor["spec"];
    let endpoint = &spec["endpoints"][0];
    let mut relabel = Vec::new();
    for (name, value) in spec["selector"]["matchLabels"].as_object().expect("labels") {
        relabel.push(json!({"action": "keep", "source_labels": [service_label(name)], "regex": value}));
    }
    relabel.push(json!({"action": "keep", "source_labels": [PORT_NAME], "regex": endpoint["port"]}));
    let job = service_label(spec["jobLabel"].as_str().expect("a label"));
    for (from, to) in [
        (job.as_str(), "job"),
        ("__meta_kubernetes_namespace", "namespace"),
        ("__meta_kubernetes_service_name", "service"),
        ("__meta_kubernetes_pod_name", "pod"),
        (PORT_NAME, "endpoint"),
    ] {
        relabel.push(json!({"source_labels": [from], "target_label": to}));
    }
    let targets = story.cluster.run().directory().join("prometheus/targets.json");
    fs::write(&targets, Value::from(targets_of(story, &spec["namespaceSelector"]["matchNames"])).to_string())
        .expect("the directory is there");
    json!({
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [{
            "job_name": "monitor",
            "honor_labels": endpoint["honorLabels"],
            "metrics_path": endpoint["path"],
            "relabel_configs": relabel,
            "file_sd_configs": [{"files": [targets]}],
        }],
    })
}

/// Every port of every endpoint of these namespaces with the labels of Prometheus's `endpointslice` role, which Debian's
/// build lacks: the relabeling chooses among them.
fn targets_of(story: &Story, namespaces: &Value) -> Vec<Value> {
    let mut targets = Vec::new();
    for namespace in namespaces.as_array().expect("a list").iter().filter_map(Value::as_str) {
        for slice in story.list("discovery.k8s.io/v1", "EndpointSlice", namespace) {
            let service = slice["metadata"]["labels"]["kubernetes.io/service-name"].as_str().unwrap_or_default();
            let Some(object) = story.get("v1", "Service", namespace, service) else { continue };
            let mut labels =
                json!({"__meta_kubernetes_namespace": namespace, "__meta_kubernetes_service_name": service});
            for (name, value) in object["metadata"]["labels"].as_object().into_iter().flatten() {
                labels[service_label(name)] = value.clone();
            }
            for endpoint in slice["endpoints"].as_array().into_iter().flatten() {
                for port in slice["ports"].as_array().into_iter().flatten() {
                    let mut labels = labels.clone();
                    labels[PORT_NAME] = port["name"].clone();
                    labels["__meta_kubernetes_pod_name"] = endpoint["targetRef"]["name"].clone();
                    let address = endpoint["addresses"][0].as_str().unwrap_or_default();
                    targets.push(json!({"targets": [format!("{address}:{}", port["port"])], "labels": labels}));
                }
            }
        }
    }
    targets
}

fn service_label(name: &str) -> String {
    format!("__meta_kubernetes_service_label_{}", name.replace(['.', '/', '-'], "_"))
}

/// The one object of a template.
fn rendered(story: &Story, file: &str, value: &str) -> Value {
    let chart = root().join("charts/tidegate").display().to_string();
    let arguments = ["template", "tidegate", &chart, "--namespace", "tidegate", "--show-only", file, "--set", value];
    // Helm built by `go install` takes itself for one of Kubernetes 1.20.
    let arguments = [&arguments[..], &["--kube-version", "1.34.0"]].concat();
    serde_saphyr::from_str(&story.cluster.helm(&arguments)).expect("YAML")
}

/// promtool finds nothing to say about the metrics of a pod.
fn check_metrics(story: &Story) {
    let pods = story.list("v1", "Pod", "tidegate");
    let name = pods[0]["metadata"]["name"].as_str().expect("a name");
    let file = story.cluster.run().directory().join("metrics.txt");
    fs::write(&file, figures::metrics(story, name).expect("the pod answers")).expect("the directory is there");
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]).stdin(fs::File::open(&file).expect("a file"));
    let output = promtool.output().expect("promtool runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

/// The queries of the dashboard, with all of its variables.
fn dashboard() -> Vec<String> {
    let text = fs::read_to_string(root().join("charts/tidegate/dashboards/tidegate.json")).expect("the dashboard");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let mut queries = Vec::new();
    collect(&dashboard, "expr", &mut queries);
    let mut variables = vec![("$__rate_interval", "10s".to_owned())];
    for name in ["$namespace", "$ingress", "$service"] {
        variables.push((name, ".*".to_owned()));
    }
    let filled = queries
        .into_iter()
        .map(|query| variables.iter().fold(query, |query, (name, value)| query.replace(name, value)));
    filled.collect()
}

fn alerts(story: &Story) -> Vec<String> {
    let rule = rendered(story, "templates/prometheusrule.yaml", "metrics.prometheusRule.enabled=true");
    let mut queries = Vec::new();
    collect(&rule, "expr", &mut queries);
    assert!(!queries.is_empty());
    queries
}

/// Texts of all fields of this name.
fn collect(value: &Value, name: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value.as_str() {
                    Some(text) if key == name => found.push(text.to_owned()),
                    Some(_) | None => collect(value, name, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, name, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The result of a query now, or why it was refused.
fn query(story: &Story, text: &str) -> Result<Value, String> {
    let mut curl = in_node(story, "curl");
    curl.args(["-sS", "--max-time", "10", "--get", "--data-urlencode", &format!("query={text}")]);
    let output = curl.arg("http://127.0.0.1:9091/api/v1/query").output().map_err(|error| error.to_string())?;
    let answer: Value = serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
    if answer["status"] == "success" { Ok(answer["data"]["result"].clone()) } else { Err(answer.to_string()) }
}
