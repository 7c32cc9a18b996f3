//! `docs/metrics.md`, written from the definitions of the families.

use std::fmt::Write as _;

use super::families::{Family, GROUPS};
use super::nginx::FAMILIES;

/// The text of `docs/metrics.md`.
pub fn document() -> String {
    let mut text = String::from(
        "# Metrics\n\n\
         <!-- Generated from src/observe/families.rs: UPDATE_GOLDEN=1 cargo test. -->\n\n\
         Served as `/metrics` on the admin address, in the text format of Prometheus. Labels hold names of configured\n\
         objects or members of closed sets, never what clients send, so that the number of series is bounded by the\n\
         configuration. Series of an object vanish with it. Histograms of durations have upper bounds of 1 ms to 10 s unless\n\
         something else is said.\n",
    );
    for group in GROUPS {
        let _ = write!(text, "\n## {}\n\n", group.title);
        if !group.note.is_empty() {
            let _ = write!(text, "{}\n\n", group.note);
        }
        table(&mut text, group.families);
    }
    text.push_str(OF_NGINX);
    table(&mut text, FAMILIES);
    text.push_str(NOT_OF_NGINX);
    text.push_str(OF_HAPROXY);
    text
}

/// What stands before the families of ingress-nginx.
const OF_NGINX: &str = "
## Under the names of ingress-nginx

With `--metrics-compat ingress-nginx` (chart: `metrics.compat`) /metrics has these besides, so that dashboards and alerts made
for ingress-nginx go on: 9614 \"NGINX Ingress controller\", \"Request Handling Performance\", and the alerts that its chart suggests.
Off by default: each path, method and status of a request has some 60 series of its own, as there (20 KB of a scrape).

All but `ssl_expire_time_seconds` also have `controller_class` (`--controller-name`), `controller_namespace` and `controller_pod` (of
the pod, from `POD_NAMESPACE` and `POD_NAME`). `host`, `path` and `service` are those of the Ingress' rule: `_` stands for a rule
without a host, a wildcard for all its hosts, and a server alias counts under the rule's host. `canary` is namespace, Service and
port of the canary that got the request, and empty otherwise. `method` is `_other` for one that is not usual. `status` is told
exactly for the usual ones, by class for others (`4xx`), `499` when the client left, `000` when there was no answer. Requests that
no route took have an empty `ingress`, which the dashboards leave out of their tables. Upper bounds of times are those above.
From 5,000 sets of path, method and status on, further ones share `_more`.

";

/// What stands behind them.
const NOT_OF_NGINX: &str = "
Not there, as nothing here is like it: `nginx_ingress_controller_admission_*`, `check_success` and `check_errors` (there is no
admission webhook: `tidegate check` and Events tell what is wrong), `ssl_certificate_info`, `nginx_process_read_bytes_total` and
`nginx_process_write_bytes_total`, buckets of sizes other than `+Inf`, the quantiles of `ingress_upstream_latency_seconds`, and the
`go_*` metrics. Sizes of answers are those of their bodies: bytes of heads are not counted. Metrics of `--metrics-per-host=false`,
`--report-status-classes` and the other options of that kind do not exist.
";

/// What is said of HAProxy's names. The families themselves are in `stats`, which this may not know.
const OF_HAPROXY: &str = "
## Under the names of HAProxy

With `--metrics-compat haproxy` (chart: `metrics.compat`) /metrics has the families of HAProxy's own exporter (since 2.4) besides, of the
same rows as `/stats;csv`, so that dashboards and alerts made for these names go on. Off by default. What is counted is
what `--stats` counts, which need not be given: [stats.md](stats.md#columns) tells what each number means here. Each family has a
`# HELP` line.

| Families | Labels | Rows |
|---|---|---|
| `haproxy_process_*` | | the process |
| `haproxy_frontend_*` | `proxy` | listeners: `http`, `https` |
| `haproxy_backend_*` | `proxy` | upstreams, as `NAMESPACE_svc_SERVICE_PORT` |
| `haproxy_server_*` | `proxy`, `server` | endpoints, as address and port |
| `tidegate_haproxy_rows_left_out` | `kind` | upstreams (`backend`) and endpoints (`server`) beyond a limit |

`*_http_responses_total` have `code` besides (`1xx` to `5xx`, `other`), `*_status` have `state`, with a series for each state there is. An
endpoint takes some 60 series and 6 KB of a scrape, an upstream likewise; those that are not checked have no series of checks. At
most 2,000 upstreams and 2,000 endpoints have series, the first in order of names; totals of a listener and of an upstream count all.

Not there, as nothing here is counted like it: of the process `process_idle_time_percent`, `process_current_tasks`,
`process_current_run_queue`, `process_*_key_rate`, `process_frontend_ssl_reuse`, `process_ssl_cache_*`, `process_*_zlib_memory`,
`process_limit_http_comp`, `process_unstoppable_jobs`, `process_*_peers`, `process_busy_polling_enabled`, `process_failed_resolutions`,
`process_spliced_bytes_out_total`, `process_bytes_out_rate`, `process_recv_logs_total`; of the others `http_comp_*`, `http_cache_*`,
`failed_header_rewriting_total`, `internal_errors_total`, `intercepted_requests_total`, `denied_connections_total`,
`denied_sessions_total`, `connection_attempts_total`, `connection_reuses_total`, `limit_sessions` of upstreams and endpoints,
`requests_denied_total` and `responses_denied_total` of upstreams, `check_up_down_total`, `check_last_change_seconds` and
`downtime_seconds_total` of upstreams, `queue_limit`, `current_throttle`, `idle_connections_*`, `unsafe_idle_connections_current`,
`safe_idle_connections_current`, `used_connections_current`, `need_connections_current`.
";

fn table(text: &mut String, families: &[Family]) {
    text.push_str("| Metric | Type | Labels | Meaning |\n|---|---|---|---|\n");
    for family in families {
        let labels: Vec<_> = family.labels.iter().map(|label| format!("`{label}`")).collect();
        let (name, kind, labels) = (family.name, family.kind.as_str(), labels.join(", "));
        let _ = writeln!(text, "| `{name}` | {kind} | {labels} | {} |", family.meaning);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docs_metrics_md_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/docs")).unwrap();
            std::fs::write(path, document()).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            written == document(),
            "docs/metrics.md is stale: run UPDATE_GOLDEN=1 cargo test --lib observe::document"
        );
    }
}
