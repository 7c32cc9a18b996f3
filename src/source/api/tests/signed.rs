//! Who wrote a status, as `metadata.managedFields` tells.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::super::lenient;
use crate::model::ObjectName;
use crate::source::kinds::{self, Kind};
use crate::source::objects::{Object, Signature};

fn signature() -> Signature {
    Signature::of(&ObjectName::new("edge", "tidegate"))
}

fn entry(manager: &str, operation: &str, subresource: &str, fields: &Value) -> Value {
    json!({
        "manager": manager, "operation": operation, "apiVersion": "networking.k8s.io/v1", "time": "2026-01-01T00:00:00Z",
        "fieldsType": "FieldsV1", "fieldsV1": fields, "subresource": subresource,
    })
}

/// As kubectl and a GitOps tool leave it.
fn ingress(managed_fields: Value) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": {
            "name": "web", "namespace": "shop", "resourceVersion": "7", "uid": "3f0a6a3e-6d4b-4b43-a1f4-6d6a4e4f2a10",
            "creationTimestamp": "2026-01-01T00:00:00Z", "generation": 1, "managedFields": managed_fields,
        },
        "spec": {"ingressClassName": "tidegate", "rules": [{"host": "shop.example", "http": {"paths": [
            {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"number": 80}}}},
        ]}}]},
        "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}},
    })
}

fn spec_fields() -> Value {
    json!({"f:metadata": {"f:labels": {".": {}, "f:app": {}}}, "f:spec": {"f:ingressClassName": {}, "f:rules": {}, "f:tls": {}}})
}

fn ingress_kind() -> &'static Kind {
    kinds::named("Ingress").unwrap()
}

fn raw(object: &Value) -> Box<RawValue> {
    RawValue::from_string(object.to_string()).unwrap()
}

fn read(object: &Value, signature: Option<&Signature>) -> Result<bool, String> {
    let item = lenient::item(ingress_kind(), &raw(object), signature);
    let change = item.content.map_err(|malformed| format!("{malformed:?}"))?;
    let Some(Object::Ingress(ingress)) = change.current() else { panic!("{change:?}") };
    assert_eq!(
        (&ingress.name, item.version.as_str(), ingress.addresses.len()),
        (&ObjectName::new("shop", "web"), "7", 1)
    );
    Ok(ingress.is_status_ours)
}

#[test]
fn rule_49_an_ingress_tells_whether_its_status_is_ours() {
    let (ours, balancer) = (signature(), json!({"f:status": {"f:loadBalancer": {"f:ingress": {}}}}));
    let ours = ours.as_str();
    let kubectl = || entry("kubectl", "Update", "", &spec_fields());
    for (managed, expected) in [
        (json!([kubectl(), entry(ours, "Apply", "status", &balancer)]), true),
        (json!([entry(ours, "Apply", "status", &balancer), entry("x", "Update", "status", &balancer)]), true),
        // After a write that takes the addresses out.
        (json!([entry(ours, "Apply", "status", &json!({"f:status": {}}))]), false),
        (json!([entry(ours, "Apply", "status", &json!({"f:status": {"f:loadBalancer": {}}}))]), false),
        // Another's, an installation's of another Lease, and one's that borrows the name for something else.
        (json!([kubectl(), entry("nginx-ingress-controller", "Update", "status", &balancer)]), false),
        (json!([entry("tidegate:edge/tidegate-2", "Apply", "status", &balancer)]), false),
        (json!([entry(ours, "Update", "status", &balancer)]), false),
        (json!([entry(ours, "Apply", "", &balancer)]), false),
        (json!([]), false),
        (json!(null), false),
        // What cannot be read is nobody's, and costs the Ingress nothing.
        (json!("garbage"), false),
        (json!([7, entry(ours, "Apply", "status", &balancer)]), false),
        (json!([{"manager": ours, "operation": 5, "fieldsV1": []}]), false),
        (json!([entry(ours, "Apply", "status", &json!("garbage"))]), false),
    ] {
        let object = ingress(managed);
        assert_eq!(read(&object, Some(&signature())), Ok(expected), "{object}");
        assert_eq!(read(&object, None), Ok(false), "{object}");
    }
}

#[test]
fn a_malformed_ingress_is_told_by_its_field_whoever_wrote_it() {
    let mut object = ingress(json!([entry(signature().as_str(), "Apply", "status", &json!({}))]));
    object["spec"]["rules"] = json!(7);
    let malformed = lenient::item(ingress_kind(), &raw(&object), Some(&signature())).content.unwrap_err();
    assert!(format!("{malformed:?}").contains("spec.rules"), "{malformed:?}");
}
