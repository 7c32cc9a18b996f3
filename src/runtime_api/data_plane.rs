//! What HAProxy's Data Plane API has at the same paths, in version 3 of its shapes, for the tools that know them.
//!
//! Source: the specification of haproxytech/client-native (`runtime_server`, `native_stats`, `info`).

use std::time::SystemTime;

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::order::{State, no_endpoint, no_upstream, said, whole};
use super::problem::Problem;
use super::shape;
use crate::stats::{Action, Column, ProcessFacts, Row, RowKind, Server, Standing, Stats, Value, Wanted, rows};

/// The body of a PUT of a server. A client may send back what it was given, but of that only one thing can be changed.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Replacement {
    #[serde(default, deserialize_with = "said")]
    admin_state: Option<State>,
    #[serde(default, deserialize_with = "said")]
    operational_state: Option<Operational>,
    #[serde(default, deserialize_with = "said")]
    id: Option<String>,
    #[serde(default, deserialize_with = "said")]
    name: Option<String>,
    #[serde(default, deserialize_with = "said")]
    address: Option<String>,
    #[serde(default, deserialize_with = "whole")]
    port: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Operational {
    Up,
    Down,
    Stopping,
}

impl Operational {
    fn of(standing: Standing) -> Self {
        match standing {
            Standing::Unchecked | Standing::Up | Standing::Draining => Self::Up,
            Standing::Down | Standing::Ejected | Standing::Maintenance => Self::Down,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Stopping => "stopping",
        }
    }
}

impl Replacement {
    /// What is to be done with this server, if everything else stays as it is.
    pub(super) fn action(&self, server: &Server) -> Result<Action, Problem> {
        let Self { admin_state, operational_state, id, name, address, port } = self;
        let differs = |said: &Option<String>, is: String| said.as_ref().is_some_and(|said| *said != is);
        if differs(id, server.id.to_string())
            || differs(name, server.name())
            || differs(address, server.address.ip().to_string())
            || port.is_some_and(|port| port != server.address.port())
        {
            let detail =
                "id, name, address and port come from Kubernetes: change the Service, its EndpointSlices or the pods";
            return Err(Problem::conflict(detail));
        }
        let is = Operational::of(server.standing);
        if operational_state.is_some_and(|said| said != is) {
            let detail =
                format!("operational_state is {} and cannot be set: checks and requests decide it", is.as_str());
            return Err(Problem::conflict(detail));
        }
        let state = admin_state.ok_or_else(|| Problem::bad("admin_state is missing: ready, drain or maint"))?;
        Ok(state.action())
    }
}

/// A server (`runtime_server`).
pub(super) fn server(of: &Server) -> Json {
    json!({
        "id": of.id.to_string(),
        "name": of.name(),
        "address": of.address.ip(),
        "port": of.address.port(),
        "operational_state": Operational::of(of.standing).as_str(),
        "admin_state": shape::state(of.standing),
    })
}

/// The servers of a backend.
pub(super) fn servers(stats: &Stats, backend: &str) -> Result<Json, Problem> {
    let backend = stats.backend(backend).ok_or_else(|| no_upstream(backend))?;
    Ok(backend.servers.iter().map(server).collect())
}

/// One of them.
pub(super) fn find<'s>(stats: &'s Stats, backend: &str, name: &str) -> Result<&'s Server, Problem> {
    stats.backend(backend).ok_or_else(|| no_upstream(backend))?.server(name).ok_or_else(|| no_endpoint(name))
}

/// Which rows of `/stats/native` are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Narrowed {
    kind: Option<RowKind>,
    name: Option<String>,
    parent: Option<String>,
}

impl Narrowed {
    pub(super) fn read([kind, name, parent]: [Option<String>; 3]) -> Result<Self, Problem> {
        let kind = match kind.as_deref() {
            None => None,
            Some("frontend") => Some(RowKind::Frontend),
            Some("backend") => Some(RowKind::Backend),
            Some("server") => Some(RowKind::Server),
            Some(_) => return Err(Problem::bad("type is frontend, backend or server")),
        };
        Ok(Self { kind, name, parent })
    }
}

/// All numbers (`native_stats_collection`).
pub(super) fn native_stats(stats: &Stats, wanted: &Narrowed) -> Json {
    let Narrowed { kind, name, parent } = wanted;
    let is = |said: &Option<String>, is: &str| said.as_ref().is_none_or(|said| said == is);
    let text = |row: &Row, column| match row.get(column) {
        Some(Value::Text(text)) => text.clone().into_owned(),
        Some(Value::Number(_) | Value::Signed(_)) | None => String::new(),
    };
    let rows = rows(stats, Wanted::ALL).filter(|row| kind.is_none_or(|kind| kind == row.kind));
    let shown = rows.filter_map(|row| {
        let (proxy, server) = (text(&row, Column::Pxname), text(&row, Column::Svname));
        let numbers = shape::numbers(&row);
        let shown = match row.kind {
            RowKind::Frontend if parent.is_none() && is(name, &proxy) => {
                json!({"type": "frontend", "name": proxy, "stats": numbers})
            }
            RowKind::Backend if parent.is_none() && is(name, &proxy) => {
                json!({"type": "backend", "name": proxy, "stats": numbers})
            }
            RowKind::Server if is(name, &server) && is(parent, &proxy) => {
                json!({"type": "server", "name": server, "backend_name": proxy, "stats": numbers})
            }
            RowKind::Frontend | RowKind::Backend | RowKind::Server => return None,
        };
        Some(shown)
    });
    json!({"runtimeAPI": "tidegate", "stats": shown.collect::<Vec<_>>()})
}

/// `/v3/info`.
pub(super) fn info(facts: &ProcessFacts) -> Json {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    json!({
        "api": {"version": format!("v3.0 tidegate {}", facts.version)},
        "system": {
            "hostname": facts.node,
            "os_string": "Linux",
            "cpu_info": {"num_cpus": facts.threads},
            "time": u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
        },
    })
}

/// Why configuration is not changed here, and which object is to be changed. `path` is what stands behind `haproxy`.
pub(super) fn not_here(path: &[String]) -> Problem {
    let last = path.iter().rev().find_map(|part| object_of(part));
    let object = last.unwrap_or("the Ingress, the Service and their annotations (docs/annotations.md)");
    let detail = format!("Kubernetes objects are the configuration, and nothing is configured here: change {object}");
    Problem::new(StatusCode::NOT_IMPLEMENTED, detail)
}

/// The object that has what a section of HAProxy's configuration has.
fn object_of(section: &str) -> Option<&'static str> {
    Some(match section {
        "servers" | "server_templates" => "the Service and its pods: its EndpointSlices are the servers",
        "backends" | "http_checks" | "tcp_checks" | "stick_rules" => {
            "the Service or the Ingress: annotations have what a backend is told (docs/annotations.md)"
        }
        "frontends" | "binds" | "dgram_binds" => {
            "the options of tidegate serve, in Helm's values: listeners are not objects"
        }
        "acls"
        | "backend_switching_rules"
        | "http_request_rules"
        | "http_response_rules"
        | "http_after_response_rules"
        | "server_switching_rules"
        | "filters" => "the Ingress: its rules and annotations decide requests (docs/annotations.md)",
        "defaults" | "global" => "the ConfigMap of --haproxy-configmap, or the options of tidegate serve",
        "userlists" | "users" | "groups" => "the Secret that the Ingress names in its annotations for authentication",
        "crt_stores" | "crt_loads" | "ssl_certificates" => {
            "the Secret of type kubernetes.io/tls that the Ingress names in spec.tls"
        }
        "transactions" => "objects by the Kubernetes API, each by itself: there are no transactions",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_names_the_object_of_the_innermost_section() {
        let says = |path: &str| {
            let problem = not_here(&path.split('/').map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(problem.status, 501);
            problem.detail
        };
        assert!(says("configuration/backends/b/servers/s").contains("EndpointSlices"));
        assert!(says("configuration/backends").contains("the Service or the Ingress"));
        assert!(says("configuration/frontends/f/http_request_rules/0").contains("the Ingress: its rules"));
        assert!(says("storage/ssl_certificates").contains("kubernetes.io/tls"));
        assert!(says("transactions").contains("no transactions"));
        assert!(says("configuration/new_thing").contains("the Ingress, the Service"));
    }
}
