//! The JSON of listeners, upstreams and endpoints.

use serde_json::{Map, Value as Json, json};

use crate::stats::{Backend, Column, Frontend, ProcessFacts, Row, Scope, Server, Standing, Stats, Value};

/// Whom everything that is read concerns.
const SCOPE: &str = "this-replica";

/// Columns that say who a row is.
const NAMES: [Column; 5] = [Column::Pxname, Column::Svname, Column::Pid, Column::Iid, Column::Sid];

/// `/v1/info`, with whom actions are for.
pub(super) fn info(facts: &ProcessFacts, actions: Scope) -> Json {
    let ProcessFacts {
        version,
        pid,
        node,
        threads,
        uptime,
        memory_limit,
        open_files,
        connections_limit,
        connections,
        is_stopping,
        dropped_logs,
        peers: _,
        started: _,
        resident: _,
    } = facts;
    json!({
        "name": "Tidegate",
        "version": version,
        "scope": SCOPE,
        "scope_of_actions": actions.as_str(),
        "node": node,
        "pid": pid,
        "threads": threads,
        "uptime_seconds": uptime.as_secs(),
        "memory_limit_bytes": memory_limit,
        "open_files_limit": open_files,
        "connections": connections,
        "connections_limit": connections_limit,
        "stopping": is_stopping,
        "dropped_log_lines": dropped_logs,
    })
}

/// `/v1/listeners`.
pub(super) fn listeners(stats: &Stats) -> Json {
    let listener = |of: &Frontend| json!({"name": of.name, "id": of.id, "stats": numbers(&Row::of_frontend(of))});
    json!({"scope": SCOPE, "listeners": stats.frontends.iter().map(listener).collect::<Vec<_>>()})
}

/// `/v1/upstreams`: at most `limit` of them whose names come behind `after`.
pub(super) fn upstreams(stats: &Stats, after: Option<&str>, limit: usize) -> Json {
    let mut behind = stats.backends.iter().filter(|of| after.is_none_or(|after| of.name.as_str() > after)).peekable();
    let page: Vec<&Backend> = behind.by_ref().take(limit).collect();
    let next = behind.peek().and(page.last()).map(|last| &last.name);
    json!({"scope": SCOPE, "upstreams": page.iter().map(|of| upstream(of)).collect::<Vec<_>>(), "next": next})
}

/// An upstream with its endpoints.
pub(super) fn upstream(of: &Backend) -> Json {
    json!({
        "name": of.name,
        "id": of.id,
        "status": if of.up().next().is_some() { "UP" } else { "DOWN" },
        "stats": numbers(&Row::of_backend(of)),
        "endpoints": of.servers.iter().map(|server| endpoint(of, server)).collect::<Vec<_>>(),
    })
}

/// An endpoint with its numbers.
pub(super) fn endpoint(of: &Backend, server: &Server) -> Json {
    let mut shape = standing(server);
    shape.insert("stats".into(), Json::Object(numbers(&Row::of_server(of, server))));
    Json::Object(shape)
}

/// Whether an endpoint gets requests, and why: what changes are told of.
pub(super) fn standing(server: &Server) -> Map<String, Json> {
    let Server { address, id, standing, is_commanded, weight, initial_weight, requests: _, check: _ } = server;
    let shape = json!({
        "name": server.name(),
        "id": id,
        "address": address.ip(),
        "port": address.port(),
        "state": state(*standing),
        "status": standing.as_str(),
        "ejected": *standing == Standing::Ejected,
        "commanded": is_commanded,
        "weight": weight,
        "initial_weight": initial_weight,
    });
    match shape {
        Json::Object(shape) => shape,
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => Map::new(),
    }
}

/// The state that may be asked for, as HAProxy names it.
pub(super) fn state(standing: Standing) -> &'static str {
    match standing {
        Standing::Unchecked | Standing::Up | Standing::Down | Standing::Ejected => "ready",
        Standing::Draining => "drain",
        Standing::Maintenance => "maint",
    }
}

/// What is known of a row, by HAProxy's names.
pub(super) fn numbers(row: &Row) -> Map<String, Json> {
    let value = |column: Column| {
        let value = match row.get(column)? {
            Value::Text(text) => json!(text),
            Value::Number(number) => json!(number),
            Value::Signed(number) => json!(number),
        };
        Some((column.name().to_owned(), value))
    };
    Column::all().filter(|column| !NAMES.contains(column)).filter_map(value).collect()
}
