//! Releases that Helm makes in an API server: what it tells, what outlives them, and what comes back.

use std::process::Command;

use serde_json::json;
use tidegate_e2e::Kubernetes;

use crate::{api, chart, output};

/// Runs `helm` in a namespace; what it printed, or why it failed.
fn helm(namespace: &str, arguments: &[&str], values: &[&str]) -> Result<String, String> {
    let mut helm = Command::new(Kubernetes::get().helm());
    helm.args(arguments).args(["--namespace", namespace]).arg("--kubeconfig").arg(api().kubeconfig());
    helm.args(values.iter().flat_map(|value| ["--set", value]));
    output(&mut helm, "").map(|(said, _)| said)
}

fn install(namespace: &str, release: &str, values: &[&str]) -> String {
    api().apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}).to_string());
    let chart = chart().display().to_string();
    helm(namespace, &["upgrade", "--install", release, &chart], values).expect("it is installed")
}

#[test]
fn the_notes_tell_how_long_addresses_can_be_forged() {
    const WARNING: &str = "WARNING: proxyProtocol is auto";
    let proxy = ["loadBalancer.profile=proxy", "trustedProxies={10.0.0.0/16}", "ingressClass.name=notes"];
    let notes = |more: &[&str]| install("notes", "notes", &[&proxy, more].concat());
    let auto = notes(&[]);
    assert!(auto.contains(WARNING) && auto.contains("then proxyProtocol: require"), "{auto}");
    let required = notes(&["proxyProtocol=require"]);
    assert!(!required.contains("auto"), "{required}");
    helm("notes", &["uninstall", "notes"], &[]).expect("it is there");
}
