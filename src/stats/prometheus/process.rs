//! The families of the process: `haproxy_process_…`.

use crate::observe::Count;
use crate::observe::Exposition;
use crate::observe::FamilyKind::{self, Counter, Gauge};
use crate::stats::rows::Frontend;
use crate::stats::{ProcessFacts, Stats};

/// Writes them.
pub(super) fn write(out: &mut Exposition, stats: &Stats, facts: &ProcessFacts) {
    for (name, kind, value, meaning) in families(stats, facts) {
        out.begin(name, kind, meaning);
        out.integer(name, "", "", value);
    }
    let (name, meaning) = ("haproxy_process_build_info", "Always 1: the label is the version of Tidegate");
    out.begin(name, Gauge, meaning);
    out.integer_with(name, "", "", ("version", facts.version), 1);
}

/// What nothing here is like is 0, as it is in an HAProxy that does not use it.
fn families(stats: &Stats, facts: &ProcessFacts) -> Vec<(&'static str, FamilyKind, u64, &'static str)> {
    let ProcessFacts {
        version: _,
        peers: _,
        pid: _,
        node: _,
        threads,
        uptime,
        started,
        resident,
        memory_limit,
        open_files,
        connections_limit,
        connections,
        is_stopping,
        dropped_logs,
    } = facts;
    let of = |pick: fn(&Frontend) -> u64| stats.frontends.iter().map(pick).sum::<u64>();
    let secure = stats.frontends.iter().find(|it| it.name == "https").map(|it| it.connections).unwrap_or_default();
    let (limit, connections, threads) = (*connections_limit as u64, *connections as u64, *threads as u64);
    let rate = of(|it| it.connections.rate);
    let highest_rate = of(|it| it.connections.highest_rate);
    vec![
        ("haproxy_process_nbthread", Gauge, threads, "Data-plane threads"),
        ("haproxy_process_nbproc", Gauge, 1, "Always 1: there is one process"),
        ("haproxy_process_relative_process_id", Gauge, 1, "Always 1"),
        ("haproxy_process_uptime_seconds", Gauge, uptime.as_secs(), "Seconds since the start"),
        ("haproxy_process_start_time_seconds", Gauge, *started, "Unix time of the start"),
        ("haproxy_process_max_memory_bytes", Gauge, *memory_limit, "Memory it may use; 0: no limit"),
        ("haproxy_process_pool_allocated_bytes", Gauge, *resident, "Resident memory of the process"),
        ("haproxy_process_pool_used_bytes", Gauge, *resident, "The same: there are no pools"),
        ("haproxy_process_pool_failures_total", Counter, 0, "Always 0: there are no pools"),
        ("haproxy_process_max_fds", Gauge, *open_files, "Files it may have open"),
        ("haproxy_process_max_sockets", Gauge, *open_files, "The same"),
        ("haproxy_process_max_connections", Gauge, limit, "Most connections of clients"),
        ("haproxy_process_hard_max_connections", Gauge, limit, "The same"),
        ("haproxy_process_current_connections", Gauge, connections, "Connections of clients now"),
        ("haproxy_process_connections_total", Counter, of(|it| it.connections.total), "Connections of clients"),
        ("haproxy_process_requests_total", Counter, of(|it| it.requests.sessions.total), "Requests that are over"),
        ("haproxy_process_max_ssl_connections", Gauge, 0, "Always 0: there is no limit of their own"),
        ("haproxy_process_current_ssl_connections", Gauge, secure.now, "Connections of clients with TLS now"),
        ("haproxy_process_ssl_connections_total", Counter, secure.total, "Connections of clients with TLS"),
        ("haproxy_process_max_pipes", Gauge, 0, "Always 0: there are no pipes"),
        ("haproxy_process_pipes_used_total", Counter, 0, "Always 0: there are no pipes"),
        ("haproxy_process_pipes_free_total", Counter, 0, "Always 0: there are no pipes"),
        ("haproxy_process_current_connection_rate", Gauge, rate, "New connections of the last second"),
        ("haproxy_process_limit_connection_rate", Gauge, 0, "Always 0: there is no such limit"),
        ("haproxy_process_max_connection_rate", Gauge, highest_rate, "Most new connections within a second"),
        ("haproxy_process_current_session_rate", Gauge, rate, "New connections of the last second"),
        ("haproxy_process_limit_session_rate", Gauge, 0, "Always 0: there is no such limit"),
        ("haproxy_process_max_session_rate", Gauge, highest_rate, "Most new connections within a second"),
        ("haproxy_process_current_ssl_rate", Gauge, secure.rate, "New connections with TLS of the last second"),
        ("haproxy_process_limit_ssl_rate", Gauge, 0, "Always 0: there is no such limit"),
        ("haproxy_process_max_ssl_rate", Gauge, secure.highest_rate, "Most new connections with TLS within a second"),
        ("haproxy_process_http_comp_bytes_in_total", Counter, 0, "Always 0: nothing is compressed"),
        ("haproxy_process_http_comp_bytes_out_total", Counter, 0, "Always 0: nothing is compressed"),
        ("haproxy_process_stopping", Gauge, u64::from(*is_stopping), "Whether it drains"),
        ("haproxy_process_jobs", Gauge, connections, "Connections of clients now"),
        ("haproxy_process_listeners", Gauge, stats.frontends.len() as u64, "Listeners"),
        ("haproxy_process_dropped_logs_total", Counter, *dropped_logs, "Lines of the access log that were lost"),
        (
            "haproxy_process_bytes_out_total",
            Counter,
            of(|it| it.requests.get(Count::BytesOut)),
            "Bytes of bodies of answers",
        ),
    ]
}
