//! What the API server's audit log says of refusals.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// A request that authorisation refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// Who asked: `system:serviceaccount:NAMESPACE:NAME` or the user's name.
    pub user: String,
    /// get, list, watch, create, update, patch, delete, …
    pub verb: String,
    /// Resource and, after a slash, subresource: `ingresses/status`; the path of a request that is for no object.
    pub resource: String,
    /// Empty for the whole cluster.
    pub namespace: String,
    /// Empty for lists.
    pub name: String,
}

pub(super) fn denied(log: &Path) -> Vec<Denied> {
    let text = fs::read_to_string(log).unwrap_or_default();
    // The last line may be half written.
    let events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    events
        .filter(|event| event["annotations"]["authorization.k8s.io/decision"] == "forbid")
        .map(|event| read(&event))
        .collect()
}

fn read(event: &Value) -> Denied {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let object = &event["objectRef"];
    let mut resource = text(&object["resource"]);
    if let Some(subresource) = object["subresource"].as_str() {
        resource = format!("{resource}/{subresource}");
    }
    if resource.is_empty() {
        resource = text(&event["requestURI"]);
    }
    Denied {
        user: text(&event["user"]["username"]),
        verb: text(&event["verb"]),
        resource,
        namespace: text(&object["namespace"]),
        name: text(&object["name"]),
    }
}
