//! Every value set of charts/tidegate/ci, by server-side dry run.

use std::path::Path;

use serde_json::{Value, json};

use crate::values::sets;
use crate::{api, kubectl, template};

/// The kinds of the Prometheus Operator that the chart can make, with any content.
fn monitoring_kinds() -> Vec<Value> {
    let kind = |plural: &str, kind: &str| {
        let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{plural}.monitoring.coreos.com")},
            "spec": {
                "group": "monitoring.coreos.com", "scope": "Namespaced",
                "names": {"plural": plural, "singular": kind.to_lowercase(), "kind": kind, "listKind": format!("{kind}List")},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}],
            },
        })
    };
    vec![
        kind("servicemonitors", "ServiceMonitor"),
        kind("podmonitors", "PodMonitor"),
        kind("prometheusrules", "PrometheusRule"),
    ]
}

fn namespace(name: &str, level: &str) -> Value {
    let labels = json!({"pod-security.kubernetes.io/enforce": level, "pod-security.kubernetes.io/warn": level});
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
}

#[test]
fn every_value_set_is_accepted_by_the_api_server_and_by_the_restricted_pod_security_standard() {
    api().apply_all(monitoring_kinds());
    api().apply_all(vec![namespace("strict", "restricted"), namespace("free", "privileged")]);
    for name in ["tidegate", "shop", "blog", "monitoring", "ingress-nginx", "haproxy-controller"] {
        api().apply_all(vec![namespace(name, "restricted")]);
    }
    for plural in ["servicemonitors", "podmonitors", "prometheusrules"] {
        tidegate_e2e::eventually("the kind is served", || {
            api().raw(&format!("/apis/monitoring.coreos.com/v1/{plural}"))
        });
    }
    for set in sets() {
        accepted(&set);
    }
}

fn accepted(set: &Path) {
    let file = set.to_str().expect("UTF-8");
    let values = std::fs::read_to_string(set).expect("a file");
    let takes_node_ports = values.contains("hostPort: {enabled: true}") || values.contains("hostNetwork: true");
    let namespace = if takes_node_ports { "free" } else { "strict" };
    let yaml = template("tidegate", namespace, &["--values", file]);
    let objects: Vec<Value> = serde_saphyr::from_multiple(&yaml).expect("YAML");
    let mut objects: Vec<_> = objects.into_iter().filter(|object| !object.is_null()).collect();
    let workload = objects.iter().find(|object| object["kind"] == "Deployment" || object["kind"] == "DaemonSet");
    // Enforcement is at pods; and pods need their account.
    let template = &workload.expect("a workload")["spec"]["template"];
    let account = template["spec"]["serviceAccountName"].clone();
    let account =
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": namespace, "name": account}});
    let default =
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": namespace, "name": "default"}});
    api().apply_all(vec![account, default]);
    let mut pod = template.clone();
    pod["apiVersion"] = "v1".into();
    pod["kind"] = "Pod".into();
    pod["metadata"]["name"] = "from-template".into();
    pod["metadata"]["namespace"] = namespace.into();
    objects.push(pod.clone());
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    let (said, warned) = kubectl(&["apply", "--dry-run=server", "-f", "-"], &list.to_string())
        .unwrap_or_else(|refused| panic!("{file}: {refused}"));
    let warned: Vec<_> = warned.lines().filter(|line| !line.contains("last-applied-configuration")).collect();
    assert!(warned.is_empty(), "{file}: {warned:#?}");
    assert_eq!(said.lines().count(), objects.len(), "{file}: {said}");
    if takes_node_ports {
        pod["metadata"]["namespace"] = "strict".into();
        let refused = kubectl(&["apply", "--dry-run=server", "-f", "-"], &pod.to_string());
        assert!(
            refused.is_err_and(|said| said.contains("violates PodSecurity")),
            "{file}: ports of nodes are restricted"
        );
    }
}
