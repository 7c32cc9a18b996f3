//! The same rows in the text format of Prometheus, under the names of HAProxy's own exporter, so that dashboards made for it go on
//! (`--metrics-compat haproxy`).

mod families;
mod process;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::iter::zip;

use self::families::{ANSWERS, CHECKS, FAMILIES, Family, SERVER_STATES, STATES, Shows};
use super::columns::Column as C;
use super::fields::{Row, RowKind, Value};
use super::rows::{Backend, Stats};
use super::{ProcessFacts, Standing};
use crate::observe::{Exposition, FamilyKind, label};

/// Most upstreams, and most endpoints, that have series. An endpoint takes up to 8 KB of a scrape, an upstream likewise.
const ROWS_LIMIT: usize = 2_000;

/// All families. Of many rows this is work of some ten milliseconds.
pub fn prometheus(stats: &Stats, facts: &ProcessFacts) -> String {
    let mut out = Exposition::after(String::with_capacity(64 * 1024));
    process::write(&mut out, stats, facts);
    let frontends: Vec<_> = stats.frontends.iter().map(|it| Labelled::new(Row::of_frontend(it))).collect();
    let backends: Vec<_> =
        stats.backends.iter().take(ROWS_LIMIT).map(|it| Labelled::new(Row::of_backend(it))).collect();
    let servers = stats.backends.iter().flat_map(|of| of.servers.iter().map(move |server| Row::of_server(of, server)));
    let servers: Vec<_> = servers.take(ROWS_LIMIT).map(Labelled::new).collect();
    let summaries: HashMap<u32, Summary> =
        stats.backends.iter().take(ROWS_LIMIT).map(|it| (it.id, Summary::of(it))).collect();
    for (kind, scope, rows) in [
        (RowKind::Frontend, "haproxy_frontend_", &frontends),
        (RowKind::Backend, "haproxy_backend_", &backends),
        (RowKind::Server, "haproxy_server_", &servers),
    ] {
        for family in FAMILIES.iter().filter(|family| family.of.contains(&kind)) {
            write(&mut out, scope, family, rows, &summaries);
        }
    }
    let left_out = [
        ("backend", stats.backends.len().saturating_sub(backends.len())),
        ("server", stats.backends.iter().map(|it| it.servers.len()).sum::<usize>().saturating_sub(servers.len())),
    ];
    let name = "tidegate_haproxy_rows_left_out";
    out.begin(
        name,
        FamilyKind::Gauge,
        "Upstreams and endpoints beyond a limit, which have no series under HAProxy's names",
    );
    for (kind, count) in left_out {
        out.integer_with(name, "", "", ("kind", kind), count as u64);
    }
    out.finish()
}

/// A row with the labels that all of its series have.
struct Labelled {
    row: Row,
    labels: String,
}

impl Labelled {
    fn new(row: Row) -> Self {
        let mut labels = String::new();
        label(&mut labels, "proxy", text(&row, C::Pxname));
        if row.kind == RowKind::Server {
            label(&mut labels, "server", text(&row, C::Svname));
        }
        Self { row, labels }
    }
}

fn text(row: &Row, column: C) -> &str {
    match row.get(column) {
        Some(Value::Text(text)) => text,
        Some(Value::Number(_) | Value::Signed(_)) | None => "",
    }
}

/// The endpoints of an upstream by state, and by what their checks came to.
struct Summary {
    states: [u64; SERVER_STATES.len()],
    checks: Option<[u64; CHECKS.len()]>,
}

impl Summary {
    fn of(backend: &Backend) -> Self {
        let mut summary = Self { states: [0; SERVER_STATES.len()], checks: None };
        for server in &backend.servers {
            for (count, state) in zip(&mut summary.states, SERVER_STATES) {
                *count += u64::from(*state == state_of(server.standing.as_str()));
            }
            if let Some(check) = &server.check {
                for (count, code) in zip(summary.checks.get_or_insert_default(), CHECKS) {
                    *count += u64::from(*code == check.code);
                }
            }
        }
        summary
    }
}

/// A value of `state` for the status of a row.
fn state_of(status: &str) -> &str {
    // HAProxy has no state of its own for these.
    if status == Standing::Unchecked.as_str() || status == "OPEN" { "UP" } else { status }
}

fn write(out: &mut Exposition, scope: &str, family: &Family, rows: &[Labelled], summaries: &HashMap<u32, Summary>) {
    let Family { name, kind, of: _, shows, meaning } = family;
    let name = format!("{scope}{name}");
    out.begin(&name, *kind, meaning);
    for Labelled { row, labels } in rows {
        let one_of = |out: &mut Exposition, all: &[&str], is: &str| {
            for state in all {
                out.integer_with(&name, "", labels, ("state", state), u64::from(*state == is));
            }
        };
        match *shows {
            Shows::Number(column) => match row.get(column) {
                Some(Value::Number(number)) => out.integer(&name, "", labels, *number),
                Some(Value::Signed(number)) => out.float(&name, "", labels, *number as f64),
                Some(Value::Text(_)) | None => {}
            },
            Shows::Millis(column) => {
                if let Some(Value::Number(millis)) = row.get(column) {
                    out.float(&name, "", labels, *millis as f64 / 1000.0);
                }
            }
            Shows::Answers => {
                for (column, code) in ANSWERS {
                    if let Some(Value::Number(count)) = row.get(column) {
                        out.integer_with(&name, "", labels, ("code", code), *count);
                    }
                }
            }
            Shows::State => {
                let all = if row.kind == RowKind::Server { SERVER_STATES } else { STATES };
                one_of(out, all, state_of(text(row, C::Status)));
            }
            Shows::Check => {
                let code = text(row, C::CheckStatus);
                if !code.is_empty() {
                    one_of(out, CHECKS, code);
                }
            }
            Shows::StatesOfServers => {
                for (count, state) in zip(summaries.get(&row.proxy).map_or(&[][..], |it| &it.states), SERVER_STATES) {
                    out.integer_with(&name, "", labels, ("state", state), *count);
                }
            }
            Shows::ChecksOfServers => {
                let checks = summaries.get(&row.proxy).and_then(|it| it.checks.as_ref());
                for (count, code) in zip(checks.map_or(&[][..], |it| it), CHECKS) {
                    out.integer_with(&name, "", labels, ("state", code), *count);
                }
            }
        }
    }
}
