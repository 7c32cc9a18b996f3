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
