//! What the API server's audit log says.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// A request, as the audit log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audited {
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

/// Requests that authorisation refused.
pub(super) fn denied(log: &Path) -> Vec<Audited> {
    events(log).filter(|event| event["annotations"]["authorization.k8s.io/decision"] == "forbid").map(read).collect()
}

/// All requests of a user.
pub(super) fn of_user(log: &Path, user: &str) -> Vec<Audited> {
    events(log).map(read).filter(|request| request.user == user).collect()
}

fn events(log: &Path) -> impl Iterator<Item = Value> {
    let text = fs::read_to_string(log).unwrap_or_default();
    // The last line may be half written.
    let events: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    events.into_iter()
}

fn read(event: Value) -> Audited {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let object = &event["objectRef"];
    let mut resource = text(&object["resource"]);
    if let Some(subresource) = object["subresource"].as_str() {
        resource = format!("{resource}/{subresource}");
    }
    if resource.is_empty() {
        resource = text(&event["requestURI"]);
    }
    Audited {
        user: text(&event["user"]["username"]),
        verb: text(&event["verb"]),
        resource,
        namespace: text(&object["namespace"]),
        name: text(&object["name"]),
    }
}
