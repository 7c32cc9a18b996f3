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
        ("least-in-flight", "cel-shop", json!({"tidegate.dev/balance": "fastest"}), only("shop.example.org")),
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

/// An Ingress with this field or annotation for its class, if any, and a rule for this host.
fn asking(namespace: &str, field: Option<&str>, annotation: Option<&str>, host: &str) -> Value {
    let annotations = annotation.map(|name| json!({"kubernetes.io/ingress.class": name}));
    let mut spec = json!({"rules": [rule(host)]});
    if let Some(name) = field {
        spec["ingressClassName"] = name.into();
    }
    let metadata = json!({"name": "web", "namespace": namespace, "annotations": annotations});
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": spec})
}

#[test]
fn rule_47_the_admission_policy_looks_at_every_ingress_that_would_be_served_however_and_whenever_it_asks_for_its_class()
{
    const NAMESPACE: &str = "cel-late";
    const FORBIDDEN: &str = "victim.example.org";
    api().apply(&format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {NAMESPACE}}}}}"));
    let policy = |name: &str, more: &[&str]| {
        let class = format!("ingressClass.name={name}");
        let hosts = format!("admissionPolicy.hosts.{NAMESPACE}={{own.example.org}}");
        let values = [&["admissionPolicy.enabled=true", &class, &hosts], more].concat();
        let set: Vec<_> = values.iter().flat_map(|value| ["--set", value]).collect();
        let only = ["--show-only", "templates/admissionpolicy.yaml"];
        let yaml = template(name, "cel-system", &[&set[..], &only[..]].concat());
        kubectl(&["apply", "-f", "-"], &yaml).expect("the policy is valid");
        yaml
    };
    let refused = |object: &Value| {
        let said = api().try_apply(&object.to_string()).err()?;
        let said = format!("{said:#}");
        assert!(said.contains("hosts of these rules"), "{said}");
        Some(())
    };
    let named = policy("late", &["admissionPolicy.classNames={late-internal}"]);
    let forbidden = |field, annotation| asking(NAMESPACE, field, annotation, FORBIDDEN);
    eventually("the policy is in force", || refused(&forbidden(Some("late"), None)));
    let ours = [
        (Some("late"), None),
        (Some("late-internal"), None),
        (None, Some("late")),
        // The annotation can be added to a field, though not made with it.
        (Some("nobody"), Some("late")),
        (Some("late"), Some("nobody")),
    ];
    let strangers = [(Some("nobody"), None), (None, Some("nobody")), (None, None)];
    for (field, annotation) in ours {
        for (before, mark) in strangers {
            let text = forbidden(before, mark).to_string();
            api().apply(&text);
            let changed = forbidden(field, annotation).to_string();
            let replaced = kubectl(&["replace", "-f", "-"], &changed).expect_err(&changed);
            assert!(replaced.contains("hosts of these rules"), "{changed}: {replaced}");
            api().delete(&text);
        }
        let own = asking(NAMESPACE, field, None, "own.example.org").to_string();
        api().apply(&own);
        api().delete(&own);
        if field.is_none() || annotation.is_none() {
            assert!(refused(&forbidden(field, annotation)).is_some(), "{field:?} {annotation:?}");
        }
    }
    kubectl(&["delete", "-f", "-"], &named).expect("it is there");

    let classless = policy("any", &["watch.ingressWithoutClass=true"]);
    eventually("the policy is in force", || refused(&forbidden(None, None)));
    assert!(refused(&forbidden(Some("any"), None)).is_some());
    for (field, annotation) in [(Some("nobody"), None), (None, Some("nobody"))] {
        let text = forbidden(field, annotation).to_string();
        api().apply(&text);
        let changed = forbidden(None, None).to_string();
        let replaced = kubectl(&["replace", "-f", "-"], &changed).expect_err(&changed);
        assert!(replaced.contains("hosts of these rules"), "{changed}: {replaced}");
        api().delete(&text);
    }
    kubectl(&["delete", "-f", "-"], &classless).expect("it is there");
}
