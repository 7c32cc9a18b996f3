//! Releases that Helm makes in an API server: what it tells, what outlives them, and what comes back.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use tidegate_e2e::{Kubernetes, Tidegate, eventually};

use crate::{api, chart, kubectl, output};

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

fn class(name: &str) -> Option<Value> {
    api().get("networking.k8s.io/v1", "IngressClass", "", name)
}

#[test]
fn the_notes_tell_how_long_addresses_can_be_forged_and_what_delays_to_set() {
    const WARNING: &str = "WARNING: proxyProtocol is auto";
    let proxy = ["loadBalancer.profile=proxy", "trustedProxies={10.0.0.0/16}", "ingressClass.name=notes"];
    let notes = |more: &[&str]| install("notes", "notes", &[&proxy, more].concat());
    let auto = notes(&[]);
    assert!(auto.contains(WARNING) && auto.contains("then proxyProtocol: require"), "{auto}");
    let required = notes(&["proxyProtocol=require"]);
    assert!(!required.contains("auto"), "{required}");
    // Without the profile it is the same matter.
    let alone =
        install("notes", "notes", &["proxyProtocol=auto", "trustedProxies={10.0.0.0/16}", "ingressClass.name=notes"]);
    assert!(alone.contains(WARNING) && alone.contains("proxy_protocol_v2.enabled=true"), "{alone}");
    for said in [auto, required] {
        assert!(said.contains("deregistration_delay.timeout_seconds=180"), "{said}");
    }
    let longer = notes(&["drain.timeout=10m"]);
    assert!(longer.contains("deregistration_delay.timeout_seconds=660"), "{longer}");
    helm("notes", &["uninstall", "notes"], &[]).expect("it is there");
}

#[test]
fn a_lease_that_was_deleted_comes_back_with_the_rights_of_the_chart() {
    const NAME: &str = "lease-tidegate";
    install("lease", "lease", &["ingressClass.name=lease"]);
    let account: PathBuf = api().service_account_kubeconfig("lease", NAME);
    let lease = format!("lease/{NAME}");
    let tidegate = Tidegate::follow(&account, &["--ingress-class", "lease", "--lease", &lease]);
    let leads = || (tidegate.metric("tidegate_leader", "") > 0.0).then_some(());
    eventually("it leads", leads);
    let object = || api().get("coordination.k8s.io/v1", "Lease", "lease", NAME);
    let former = object().expect("the chart makes it")["metadata"]["uid"].clone();
    kubectl(&["delete", "--namespace", "lease", "lease", NAME], "").expect("it is there");
    eventually("another one is held", || {
        object().filter(|lease| lease["metadata"]["uid"] != former && lease["spec"]["holderIdentity"].is_string())
    });
    eventually("it leads again", leads);
    // Helm takes it for the one that it made.
    install("lease", "lease", &["ingressClass.name=lease"]);
    tidegate.terminate();
    assert!(tidegate.join());
    helm("lease", &["uninstall", "lease"], &[]).expect("it is there");
    assert!(object().is_none(), "it goes with the release");
}

#[test]
fn an_ingress_class_outlives_its_release_only_where_it_is_to_be_kept() {
    let values = ["ingressClass.name=kept", "status.report=false"];
    let keep = [&values[..], &["ingressClass.annotations.helm\\.sh/resource-policy=keep"]].concat();
    install("kept", "kept", &values);
    helm("kept", &["uninstall", "kept"], &[]).expect("it is there");
    assert!(class("kept").is_none());

    install("kept", "kept", &values);
    install("kept", "kept", &keep);
    helm("kept", &["uninstall", "kept"], &[]).expect("it is there");
    assert!(class("kept").is_some(), "docs/install.md: the class stays");
    install("kept", "kept", &keep);
    install("kept", "kept", &[&keep[..], &["ingressClass.create=false"]].concat());
    assert!(class("kept").is_some(), "docs/install.md: ingressClass.create=false leaves it");
    helm("kept", &["uninstall", "kept"], &[]).expect("it is there");
    kubectl(&["delete", "ingressclass", "kept"], "").expect("nobody else did");

    install("kept", "kept", &values);
    install("kept", "kept", &[&values[..], &["ingressClass.create=false"]].concat());
    assert!(class("kept").is_none(), "docs/install.md: it goes with the upgrade");
    helm("kept", &["uninstall", "kept"], &[]).expect("it is there");
}

#[test]
fn an_autoscaler_takes_over_the_number_of_pods_that_there_is() {
    let deployment = || api().get("apps/v1", "Deployment", "scaled", "scaled-tidegate").expect("it is installed");
    install("scaled", "scaled", &["ingressClass.name=scaled", "replicaCount=5"]);
    let autoscaled = ["ingressClass.name=scaled", "autoscaling.enabled=true"];
    install("scaled", "scaled", &autoscaled);
    assert_eq!(deployment()["spec"]["replicas"], 5, "and not 1, which is what the API takes for none");
    // What the autoscaler does.
    kubectl(&["scale", "--namespace", "scaled", "deployment/scaled-tidegate", "--replicas=7"], "")
        .expect("it is there");
    install("scaled", "scaled", &autoscaled);
    assert_eq!(deployment()["spec"]["replicas"], 7);
    helm("scaled", &["uninstall", "scaled"], &[]).expect("it is there");
}
