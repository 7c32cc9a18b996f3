//! Ingress of the versions before `networking.k8s.io/v1`, which no API server has since Kubernetes 1.22 and many manifests still
//! have: the same object with other names for backends.

use serde_json::{Map, Value, json};

/// Brings a manifest into the form of `networking.k8s.io/v1`, as API servers did. What is not as it should be stays, and is found
/// when it is read.
pub(super) fn renew(ingress: &mut Value) {
    let Some(Value::Object(spec)) = ingress.get_mut("spec") else { return };
    if let Some(mut backend) = spec.remove("backend") {
        renew_backend(&mut backend);
        spec.insert("defaultBackend".into(), backend);
    }
    let rules = spec.get_mut("rules").and_then(Value::as_array_mut).into_iter().flatten();
    let paths = rules.filter_map(|rule| rule.pointer_mut("/http/paths")?.as_array_mut()).flatten();
    for path in paths.filter_map(Value::as_object_mut) {
        // It had a default then.
        path.entry("pathType").or_insert_with(|| json!("ImplementationSpecific"));
        path.get_mut("backend").into_iter().for_each(renew_backend);
    }
}

fn renew_backend(backend: &mut Value) {
    let Value::Object(fields) = backend else { return };
    let (name, port) = (fields.remove("serviceName"), fields.remove("servicePort"));
    if name.is_none() && port.is_none() {
        return;
    }
    let mut service = Map::new();
    service.extend(name.map(|name| ("name".to_owned(), name)));
    service.extend(port.map(|port| {
        let kind = if port.is_string() { "name" } else { "number" };
        ("port".to_owned(), json!({ kind: port }))
    }));
    fields.insert("service".into(), Value::Object(service));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backends_get_their_names_of_today_and_paths_a_type() {
        let mut ingress = json!({
            "spec": {
                "backend": {"serviceName": "other", "servicePort": "http"},
                "rules": [
                    {"host": "a.example", "http": {"paths": [
                        {"path": "/a", "backend": {"serviceName": "web", "servicePort": 80}},
                        {"path": "/b", "pathType": "Prefix", "backend": {"resource": {"kind": "Bucket", "name": "b"}}},
                        "nonsense",
                    ]}},
                    {"host": "b.example"},
                    7,
                ],
            },
        });
        renew(&mut ingress);
        let expected = json!({
            "spec": {
                "defaultBackend": {"service": {"name": "other", "port": {"name": "http"}}},
                "rules": [
                    {"host": "a.example", "http": {"paths": [
                        {
                            "path": "/a",
                            "pathType": "ImplementationSpecific",
                            "backend": {"service": {"name": "web", "port": {"number": 80}}},
                        },
                        {"path": "/b", "pathType": "Prefix", "backend": {"resource": {"kind": "Bucket", "name": "b"}}},
                        "nonsense",
                    ]}},
                    {"host": "b.example"},
                    7,
                ],
            },
        });
        assert_eq!(ingress, expected);
        for mut odd in [json!(null), json!({}), json!({"spec": 1}), json!({"spec": {"backend": []}})] {
            renew(&mut odd);
        }
    }
}
