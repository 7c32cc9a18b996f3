//! `show info`, with the names and the order of HAProxy's fields.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use crate::observe::Count;
use crate::stats::{ProcessFacts, Stats};

/// The version of HAProxy whose commands and columns these are; tools compare it. Ours stands behind it.
const SPOKEN: &str = "3.0.0";
/// Tools want a date; it is that of the version of HAProxy.
const SPOKEN_SINCE: &str = "2024/05/29";

/// What is told of the version.
pub(super) fn version(facts: &ProcessFacts) -> String {
    format!("{SPOKEN}-tidegate-{}", facts.version)
}

/// `show info`: a line for each field.
pub(super) fn text(facts: &ProcessFacts, stats: &Stats) -> String {
    let mut out = String::new();
    for (name, value) in fields(facts, stats) {
        // Writing to a String cannot fail.
        let _ = match value {
            Json::String(text) => writeln!(out, "{name}: {text}"),
            value => writeln!(out, "{name}: {value}"),
        };
    }
    out
}

/// `show info json`: an object for each.
pub(super) fn json(facts: &ProcessFacts, stats: &Stats) -> String {
    let shown = fields(facts, stats).into_iter().enumerate().map(|(at, (name, value))| {
        let (origin, kind) = match value {
            Json::String(_) => ("Product", "str"),
            _ => ("Metric", "u64"),
        };
        let nature = if kind == "str" { "Output" } else { "Gauge" };
        json!({
            "field": {"pos": at, "name": name},
            "processNum": 1,
            "tags": {"origin": origin, "nature": nature, "scope": "Process"},
            "value": {"type": kind, "value": value},
        })
    });
    format!("{}\n", Json::Array(shown.collect()))
}

fn fields(facts: &ProcessFacts, stats: &Stats) -> Vec<(&'static str, Json)> {
    let ProcessFacts {
        version,
        pid,
        node,
        peers: _,
        threads,
        uptime,
        started: _,
        resident: _,
        memory_limit,
        open_files,
        connections_limit,
        connections,
        is_stopping,
        dropped_logs,
    } = facts;
    let of = |pick: fn(&crate::stats::Frontend) -> u64| stats.frontends.iter().map(pick).sum::<u64>();
    let (total, rate) = (of(|it| it.connections.total), of(|it| it.connections.rate));
    let highest_rate = of(|it| it.connections.highest_rate);
    let requests = of(|it| it.requests.sessions.total);
    let sent = of(|it| it.requests.get(Count::BytesOut));
    let secure = stats.frontends.iter().find(|it| it.name == "https").map(|it| it.connections).unwrap_or_default();
    let seconds = uptime.as_secs();
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let in_words = format!("{days}d {hours}h{:02}m{:02}s", seconds / 60 % 60, seconds % 60);
    vec![
        // Tools take nobody else's answers.
        ("Name", json!("HAProxy")),
        ("Version", json!(self::version(facts))),
        ("Release_date", json!(SPOKEN_SINCE)),
        ("Nbthread", json!(threads)),
        ("Nbproc", json!(1)),
        ("Process_num", json!(1)),
        ("Pid", json!(pid)),
        ("Uptime", json!(in_words)),
        ("Uptime_sec", json!(seconds)),
        ("Memmax_MB", json!(memory_limit >> 20)),
        ("Ulimit-n", json!(open_files)),
        ("Maxsock", json!(open_files)),
        ("Maxconn", json!(connections_limit)),
        ("Hard_maxconn", json!(connections_limit)),
        ("CurrConns", json!(connections)),
        ("CumConns", json!(total)),
        ("CumReq", json!(requests)),
        ("MaxSslConns", json!(secure.most)),
        ("CurrSslConns", json!(secure.now)),
        ("CumSslConns", json!(secure.total)),
        ("Maxpipes", json!(0)),
        ("PipesUsed", json!(0)),
        ("PipesFree", json!(0)),
        ("ConnRate", json!(rate)),
        ("ConnRateLimit", json!(0)),
        ("MaxConnRate", json!(highest_rate)),
        ("SessRate", json!(rate)),
        ("SessRateLimit", json!(0)),
        ("MaxSessRate", json!(highest_rate)),
        ("SslRate", json!(secure.rate)),
        ("SslRateLimit", json!(0)),
        ("MaxSslRate", json!(secure.highest_rate)),
        ("Tasks", json!(connections)),
        ("Run_queue", json!(0)),
        ("node", json!(node)),
        ("description", json!(format!("Tidegate {version}"))),
        ("Stopping", json!(u8::from(*is_stopping))),
        ("Jobs", json!(connections)),
        ("Listeners", json!(stats.frontends.len())),
        ("DroppedLogs", json!(dropped_logs)),
        ("TotalBytesOut", json!(sent)),
    ]
}
