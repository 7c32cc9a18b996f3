//! `tidegate migrate` against a real API server: an installation like that of ingress-nginx's chart, read with the rights that
//! docs/migrate-from-ingress-nginx.md names, with fewer, and with none; and what it writes is taken by the API server.

#![allow(clippy::unwrap_used, reason = "all of it is tests")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tidegate_e2e::{ApiServer, Kubernetes, Tidegate};

const INSTALLATION: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: edge-controller, namespace: ingress-nginx, labels: {app.kubernetes.io/name: ingress-nginx}}
spec:
  replicas: 2
  selector: {matchLabels: {app.kubernetes.io/name: ingress-nginx}}
  template:
    metadata: {labels: {app.kubernetes.io/name: ingress-nginx}}
    spec:
      containers:
        - name: controller
          image: registry.k8s.io/ingress-nginx/controller:v1.12.1
          args:
            - /nginx-ingress-controller
            - --configmap=$(POD_NAMESPACE)/edge-controller
            - --tcp-services-configmap=$(POD_NAMESPACE)/edge-tcp
            - --enable-ssl-passthrough
---
apiVersion: v1
kind: ConfigMap
metadata: {name: edge-controller, namespace: ingress-nginx}
data: {proxy-body-size: 20m, use-gzip: "true"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: edge-tcp, namespace: ingress-nginx}
data: {"5432": "data/postgres:5432"}
---
apiVersion: v1
kind: Service
metadata: {name: edge-controller, namespace: ingress-nginx, annotations: {example.org/lb: internal}}
spec:
  type: NodePort
  selector: {app.kubernetes.io/name: ingress-nginx}
  ports: [{name: http, port: 80, nodePort: 30080}, {name: https, port: 443, nodePort: 30443}]
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: nginx}
spec: {controller: k8s.io/ingress-nginx}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop, annotations: {nginx.ingress.kubernetes.io/proxy-body-size: 50m}}
spec:
  ingressClassName: nginx
  tls: [{hosts: [shop.example], secretName: missing}]
  rules:
    - host: shop.example
      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {name: http}}}}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: raw, namespace: shop, annotations: {nginx.ingress.kubernetes.io/ssl-passthrough: "true"}}
spec:
  ingressClassName: nginx
  rules:
    - host: raw.example
      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}
"#;

const OLD: &str = r#"
apiVersion: extensions/v1beta1
kind: Ingress
metadata:
  name: old
  namespace: shop
  annotations: {kubernetes.io/ingress.class: nginx, nginx.ingress.kubernetes.io/rewrite-target: /$2}
spec:
  backend: {serviceName: web, servicePort: 80}
  rules:
    - host: old.example
      http: {paths: [{path: "/api(/|$)(.*)", backend: {serviceName: web, servicePort: http}}]}
"#;

/// Rights that are enough, as the guide shows them.
const RIGHTS: &str = include_str!("../../examples/migrate/rights.yaml");

fn migrate(line: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(Tidegate::program());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TIDEGATE_") || name == "KUBECONFIG") {
        command.env_remove(name);
    }
    let Output { status, stdout, stderr } = command.arg("migrate").args(line).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

fn report(line: &[&str]) -> Value {
    let (code, out, err) = migrate(&[line, &["--output", "json"]].concat());
    assert_eq!(code, Some(1), "{out} {err}");
    serde_json::from_str(&out).unwrap()
}

fn verdicts(report: &Value) -> Vec<(&str, &str)> {
    let of = |ingress: &'_ Value, field: &str| ingress[field].as_str().map(str::to_owned).unwrap().leak() as &str;
    report["ingresses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|ingress| (of(ingress, "name"), of(ingress, "verdict")))
        .collect()
}

fn notes(report: &Value) -> String {
    report["notes"].as_array().unwrap().iter().map(|note| format!("{}\n", note.as_str().unwrap())).collect()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_cluster_is_only_listed_and_what_is_written_is_taken() {
    let api = ApiServer::start();
    api.apply(INSTALLATION);
    api.apply(RIGHTS);

    // With the rights of the guide.
    let mover = api.user_kubeconfig("mover", Some("tidegate-migrate"));
    let live = report(&["--kubeconfig", path(&mover)]);
    assert_eq!(verdicts(&live), [("raw", "refused"), ("web", "works")], "{live}");
    assert_eq!(live["installation"]["version"], "v1.12.1");
    assert_eq!(live["installation"]["service"], "ingress-nginx/edge-controller");
    let outcomes: Vec<_> = live["configMap"].as_array().unwrap().iter().map(|key| &key["outcome"]).collect();
    assert_eq!(outcomes, ["becomes", "not-served"], "{live}");
    assert_eq!(live["streams"][0]["target"], "data/postgres:5432");
    assert_eq!(notes(&live), "No Secrets were read, so 1 reference was not checked; --read-secrets reads them\n");
    assert_eq!(api.denied(), [], "the rights are enough");
    let asked = api.requests_of("mover");
    assert!(!asked.is_empty() && asked.iter().all(|request| request.verb == "list"), "{asked:?}");
    assert!(asked.iter().all(|request| request.resource != "secrets"), "{asked:?}");

    // Secrets are asked for when that is wished.
    let admin = api.kubeconfig();
    let all = report(&["--kubeconfig", path(&admin), "--read-secrets", "--namespace", "shop"]);
    assert_eq!(verdicts(&all), verdicts(&live));
    assert_eq!(all["installation"], live["installation"], "also where its Service is in another namespace");
    assert_eq!(all["ingresses"][1]["faults"][0]["code"], "SecretNotFound", "{all}");

    // With fewer rights the rest is told, and with none nothing.
    api.apply(
        "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: ingresses-only}
rules: [{apiGroups: [networking.k8s.io], resources: [ingresses], verbs: [list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: ingresses-only}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: ingresses-only}
subjects: [{kind: User, name: little}]
",
    );
    let little = report(&["--kubeconfig", path(&api.user_kubeconfig("little", None))]);
    assert_eq!(verdicts(&little), verdicts(&live));
    let told = notes(&little);
    for kind in ["IngressClasses", "Services", "Deployments", "DaemonSets"] {
        let line = format!("{kind} could not be listed (the rights of the kubeconfig do not allow it)");
        assert_eq!(told.matches(&line).count(), 1, "{told}");
    }
    let (code, out, err) = migrate(&["--kubeconfig", path(&api.user_kubeconfig("nobody", None))]);
    assert!(code == Some(2) && out.is_empty() && err.contains("Ingresses of https://"), "{err}");

    // What kubectl prints, with a manifest of old: the same, and the API server takes what is written.
    let folder = api.run().directory().join("migrate");
    std::fs::create_dir(&folder).unwrap();
    let dump = Command::new(Kubernetes::get().program("kubectl"))
        .args(["--kubeconfig", path(&admin), "get", "--all-namespaces", "--output", "yaml"])
        .arg("ingresses,ingressclasses,services,configmaps,deployments")
        .output()
        .unwrap();
    std::fs::write(folder.join("dump.yaml"), &dump.stdout).unwrap();
    std::fs::write(folder.join("old.yaml"), OLD).unwrap();
    let target = folder.join("out");
    let dumped = report(&["--manifests", path(&folder), "--write", path(&target)]);
    assert_eq!(verdicts(&dumped), [("old", "works"), ("raw", "refused"), ("web", "works")], "{dumped}");
    for part in ["installation", "configMap", "flags", "streams"] {
        assert_eq!(dumped[part], live[part], "{part}");
    }
    api.try_apply(OLD).expect_err("no API server takes it");
    api.apply(&std::fs::read_to_string(target.join("ingresses/shop.old.yaml")).unwrap());
    let stored = api.get("networking.k8s.io/v1", "Ingress", "shop", "old").unwrap();
    assert_eq!(stored["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["port"]["name"], "http");
    let values = std::fs::read_to_string(target.join("values.yaml")).unwrap();
    assert!(values.contains("http: 30080") && values.contains("--max-body-bytes=20MiB"), "{values}");
}
