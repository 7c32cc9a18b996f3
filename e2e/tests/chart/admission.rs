//! The ValidatingAdmissionPolicy: its CEL runs in the API server.

use serde_json::{Value, json};
use tidegate_e2e::eventually;

use crate::{api, kubectl, template};

fn ingress(namespace: &str, class: &str, annotations: &Value, spec: &Value) -> String {
    let mut spec = spec.clone();
    spec["ingressClassName"] = class.into();
    let metadata = json!({"name": "web", "namespace": namespace, "annotations": annotations});
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": spec}).to_string()
}

fn rule(host: &str) -> Value {
    let service = json!({"service": {"name": "web", "port": {"number": 80}}});
    json!({"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": service}]}})
}

#[test]
fn the_admission_policy_refuses_what_would_be_ignored_or_is_not_allowed_and_nothing_else() {
    for name in ["cel-shop", "cel-blog", "cel-other"] {
        api().apply(&format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}}}}}"));
    }
    let values = [
        "admissionPolicy.enabled=true",
        "admissionPolicy.hostsListedOnly=true",
        "admissionPolicy.hosts.cel-shop={shop.example.org,*.shop.example.org}",
        "admissionPolicy.hosts.cel-blog={*}",
        "ingressClass.name=cel",
    ];
    let set: Vec<_> = values.iter().flat_map(|value| ["--set", value]).collect();
    let policy =
        template("cel", "cel-system", &[&set[..], &["--show-only", "templates/admissionpolicy.yaml"]].concat());
    kubectl(&["apply", "-f", "-"], &policy).expect("the policy is valid");
    let none = json!({});
    let only = |host: &str| json!({"rules": [rule(host)]});
    let resource = json!({"resource": {"apiGroup": "example.org", "kind": "Bucket", "name": "x"}});
    let refused = [
        ("does not know these annotations", "cel-shop", json!({"tidegate.dev/rewrite": "/"}), only("shop.example.org")),
        (
            "must be \"true\" or \"false\"",
            "cel-shop",
            json!({"tidegate.dev/ssl-redirect": "yes"}),
            only("shop.example.org"),
        ),
        ("least-in-flight", "cel-shop", json!({"tidegate.dev/balance": "random"}), only("shop.example.org")),
        ("not to a resource backend", "cel-blog", none.clone(), json!({"defaultBackend": resource.clone()})),
        (
            "not to a resource backend",
            "cel-blog",
            none.clone(),
            json!({"rules": [{"host": "a.example.org", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": resource}]}}]}),
        ),
        ("hosts of these rules", "cel-shop", none.clone(), only("blog.example.org")),
        ("hosts of these rules", "cel-shop", none.clone(), only("evilshop.example.org")),
        ("hosts of these rules", "cel-other", none.clone(), only("shop.example.org")),
        ("hosts of these rules", "cel-shop", none.clone(), json!({"rules": [{"http": rule("x")["http"]}]})),
        (
            "hosts of these TLS entries",
            "cel-shop",
            none.clone(),
            json!({"rules": [rule("shop.example.org")], "tls": [{"hosts": ["blog.example.org"], "secretName": "x"}]}),
        ),
        (
            "may not take the requests of all hosts",
            "cel-shop",
            none.clone(),
            json!({"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}}),
        ),
    ];
    // A policy takes effect a moment after it was made.
    let (message, namespace, annotations, spec) = &refused[0];
    eventually("the policy is in force", || {
        api()
            .try_apply(&ingress(namespace, "cel", annotations, spec))
            .err()
            .filter(|said| format!("{said:#}").contains(message))
    });
    for (message, namespace, annotations, spec) in &refused {
        let text = ingress(namespace, "cel", annotations, spec);
        let said = api().try_apply(&text).expect_err(&text);
        assert!(format!("{said:#}").contains(message), "{text}: {said:#}");
        // The same of another class is none of our business.
        api().apply(&ingress(namespace, "other", annotations, spec));
        api().delete(&text);
    }
    let settings =
        json!({"tidegate.dev/ssl-redirect": "false", "tidegate.dev/balance": "round-robin", "example.org/any": "x"});
    let tls = json!({"rules": [rule("shop.example.org"), rule("a.b.shop.example.org")], "tls": [{"hosts": ["a.shop.example.org"], "secretName": "x"}]});
    let everything = json!({"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}});
    for (namespace, annotations, spec) in [
        ("cel-shop", &settings, &tls),
        ("cel-blog", &none, &only("any.example.org")),
        ("cel-blog", &none, &everything),
        ("cel-shop", &none, &json!({"rules": [rule("*.shop.example.org")]})),
    ] {
        let text = ingress(namespace, "cel", annotations, spec);
        api().apply(&text);
        api().delete(&text);
    }
    kubectl(&["delete", "-f", "-"], &policy).expect("it is there");
}
