//! The objects that most tests need, as values for [`Objects::apply_all`](crate::Objects::apply_all).

use serde_json::{Value, json};

/// An IngressClass of a controller.
pub fn class(name: &str, controller: &str) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "IngressClass",
        "metadata": {"name": name}, "spec": {"controller": controller},
    })
}

/// An Ingress that leads all of a host to the port 80 of the Service `web`; without a class if that is empty.
pub fn ingress(namespace: &str, name: &str, class: &str, host: &str) -> Value {
    let paths = json!([{
        "path": "/", "pathType": "Prefix",
        "backend": {"service": {"name": "web", "port": {"number": 80}}},
    }]);
    let mut spec = json!({"rules": [{"host": host, "http": {"paths": paths}}]});
    if !class.is_empty() {
        spec["ingressClassName"] = class.into();
    }
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": {"namespace": namespace, "name": name}, "spec": spec,
    })
}

/// The same with TLS for its host by a Secret.
pub fn tls_ingress(namespace: &str, name: &str, class: &str, host: &str, secret: &str) -> Value {
    let mut object = ingress(namespace, name, class, host);
    object["spec"]["tls"] = json!([{"hosts": [host], "secretName": secret}]);
    object
}
