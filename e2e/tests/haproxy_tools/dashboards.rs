//! Metrics under HAProxy's names: beside those of a real HAProxy, and as a real Prometheus and the queries of dashboards see them.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tidegate_e2e::{DEADLINE, eventually, get};
use tokio::time::Instant;

use crate::pages::free_address;
use crate::{BACKEND, Subject};

/// Queries in the form that dashboards and collections of alerts for HAProxy have. `$P` selects a proxy as the variables of a dashboard do.
const QUERIES: &[&str] = &[
    r#"sum(rate(haproxy_frontend_http_responses_total{$P,code=~".*",region=~".*"}[5s])) by (code)"#,
    r#"sum(rate(haproxy_backend_http_responses_total{$P,code=~".*",region=~".*"}[5s])) by (code)"#,
    r#"sum(rate(haproxy_server_http_responses_total{$P,server=~".*",code=~".*"}[5s])) by (code, server)"#,
    "sum(rate(haproxy_frontend_bytes_in_total{$P}[5s])*8) by (instance)",
    "sum(rate(haproxy_frontend_bytes_out_total{$P}[5s])*8) by (instance)",
    "sum(rate(haproxy_backend_bytes_in_total{$P}[5s])*8) by (instance)",
    "sum(rate(haproxy_backend_bytes_out_total{$P}[5s])*8) by (instance)",
    "sum(rate(haproxy_frontend_connections_total{$P}[5s])) by (instance)",
    "sum(rate(haproxy_backend_connection_errors_total{$P}[5s])) by (instance)",
    "sum(rate(haproxy_frontend_http_requests_total{$P}[5s])) by (instance)",
    "sum(rate(haproxy_frontend_request_errors_total{$P}[5s])) by (instance)",
    "sum(rate(haproxy_frontend_requests_denied_total{$P}[5s])) by (instance)",
    "sum(rate(haproxy_backend_redispatch_warnings_total{$P}[5s])) by (instance)",
    "sum(rate(haproxy_backend_retry_warnings_total{$P}[5s])) by (instance)",
    "sum(rate(haproxy_backend_response_errors_total{$P}[5s])) by (instance)",
    "sum(haproxy_backend_current_queue{$P}) by (instance)",
    "sum(rate(haproxy_backend_http_requests_total{$P}[5s])) by (proxy)",
    "sum(haproxy_frontend_current_sessions{$P}) by (proxy)",
    "sum(haproxy_backend_current_sessions{$P}) by (proxy)",
    "haproxy_frontend_max_sessions{$P}",
    "haproxy_frontend_limit_sessions{$P}",
    "haproxy_frontend_max_session_rate{$P}",
    "haproxy_frontend_http_requests_rate_max{$P}",
    "haproxy_frontend_connections_rate_max{$P}",
    "rate(haproxy_frontend_sessions_total{$P}[5s])",
    "rate(haproxy_backend_sessions_total{$P}[5s])",
    "haproxy_backend_max_queue{$P}",
    "haproxy_backend_weight{$P}",
    "haproxy_backend_active_servers{$P}",
    "haproxy_backend_backup_servers{$P}",
    "rate(haproxy_backend_loadbalanced_total{$P}[5s])",
    "rate(haproxy_backend_client_aborts_total{$P}[5s])",
    "rate(haproxy_backend_server_aborts_total{$P}[5s])",
    "haproxy_backend_last_session_seconds{$P}",
    "haproxy_backend_queue_time_average_seconds{$P}",
    "haproxy_backend_connect_time_average_seconds{$P}",
    "haproxy_backend_response_time_average_seconds{$P}",
    "haproxy_backend_total_time_average_seconds{$P}",
    "haproxy_backend_max_queue_time_seconds{$P}",
    "haproxy_backend_max_connect_time_seconds{$P}",
    "haproxy_backend_max_response_time_seconds{$P}",
    "haproxy_backend_max_total_time_seconds{$P}",
    r#"haproxy_frontend_status{$P,state="UP"} == 1"#,
    r#"haproxy_backend_status{$P,state="UP"} == 1"#,
    r#"haproxy_server_status{$P,state="UP"} == 1"#,
    r#"sum(haproxy_backend_agg_server_status{$P,state="UP"}) by (proxy) == 2"#,
    r#"haproxy_backend_agg_server_check_status{$P,state="UP"} == 2"#,
    r#"haproxy_backend_agg_check_status{$P,state="L7OK"} == 2"#,
    r#"haproxy_server_check_status{$P,state="L7OK"} == 1"#,
    "haproxy_server_check_code{$P} == 200",
    "haproxy_server_check_duration_seconds{$P}",
    "haproxy_server_check_failures_total{$P}",
    "haproxy_server_check_up_down_total{$P}",
    "haproxy_server_check_last_change_seconds{$P}",
    "haproxy_server_downtime_seconds_total{$P}",
    "haproxy_server_current_sessions{$P}",
    "haproxy_server_weight{$P}",
    "rate(haproxy_server_bytes_in_total{$P}[5s])",
    "rate(haproxy_server_bytes_out_total{$P}[5s])",
    "rate(haproxy_server_response_errors_total{$P}[5s])",
    "rate(haproxy_server_connection_errors_total{$P}[5s])",
    "haproxy_server_response_time_average_seconds{$P}",
    "haproxy_server_max_total_time_seconds{$P}",
    "time() - haproxy_process_start_time_seconds < 600",
    "haproxy_process_uptime_seconds",
    "haproxy_process_current_connections",
    "haproxy_process_max_connections",
    "rate(haproxy_process_requests_total[5s])",
    "rate(haproxy_process_connections_total[5s])",
    "haproxy_process_pool_allocated_bytes > 0",
    "haproxy_process_pool_failures_total == 0",
    "haproxy_process_nbthread",
    "haproxy_process_max_fds > 0",
    "haproxy_process_max_sockets",
    "haproxy_process_max_pipes",
    "haproxy_process_current_ssl_connections",
    "haproxy_process_current_connection_rate",
    "haproxy_process_build_info",
    r#"((sum by (proxy) (rate(haproxy_server_http_responses_total{code="5xx"}[5s])) / sum by (proxy) (rate(haproxy_server_http_responses_total[5s]))) * 100) < 1"#,
    // The names of Prometheus' own exporter for HAProxy, from the CSV.
    "haproxy_up == 1",
    r#"sum(haproxy_server_up{backend=~".*",server=~".*"}) by (backend) == 2"#,
    r#"sum(rate(haproxy_frontend_http_responses_total{frontend=~"http",code="2xx"}[5s])) by (frontend)"#,
    r#"sum(haproxy_backend_current_sessions{backend=~".*"})"#,
    r#"sum(rate(haproxy_backend_bytes_out_total{backend=~".*"}[5s])) by (instance)"#,
];

/// A program that ends with this.
struct Runs(Child);

impl Drop for Runs {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(program: &str, arguments: &[String]) -> Runs {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--", program]).args(arguments).stdin(Stdio::null());
    Runs(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("scripts/setup e2e installs it"))
}

/// Types of families by name.
fn types(text: &str) -> BTreeMap<&str, &str> {
    text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect()
}

fn metrics(subject: &Subject) -> String {
    subject.server.admin("/metrics").expect("the admin address answers").1
}

#[test]
fn names_and_types_are_those_of_a_real_haproxy() {
    let subject = Subject::start_with(&["--metrics-compat=haproxy"]);
    let address = free_address();
    let config = subject.folder.0.join("haproxy.cfg");
    let text = format!(
        "defaults\n mode http\n timeout connect 1s\n timeout client 5s\n timeout server 5s\nfrontend http\n bind {address}\n \
         http-request use-service prometheus-exporter if {{ path /metrics }}\n default_backend web\nbackend web\n \
         option httpchk\n server one {} check\n",
        subject.name_of(0),
    );
    std::fs::write(&config, text).unwrap();
    let _haproxy = run("haproxy", &["-db".into(), "-f".into(), config.display().to_string()]);
    let real = eventually("HAProxy tells of a check", || {
        let (_, text) = get(address, "haproxy", "/metrics")?;
        text.contains("state=\"L7OK\"} 1").then_some(text)
    });
    let (ours, real) = (metrics(&subject), types(&real));
    let ours: Vec<_> = types(&ours).into_iter().filter(|(name, _)| name.starts_with("haproxy_")).collect();
    for (name, kind) in &ours {
        assert_eq!(real.get(name), Some(kind), "{name}");
    }
    assert!(ours.len() > 120, "{} of {}", ours.len(), real.len());
    eprintln!("{} of HAProxy's {} families", ours.len(), real.len());
}

#[test]
fn dashboards_made_for_haproxy_have_data() {
    let subject = Subject::start_with(&["--metrics-compat=haproxy"]);
    let (exporter, exported) = Subject::exporter(&format!("http://{}/stats;csv", subject.stats));
    let _exporter = Runs(exporter);
    let (folder, address) = (&subject.folder.0, free_address());
    let job = |name: &str, target: String| json!({"job_name": name, "static_configs": [{"targets": [target]}]});
    let jobs = [job("tidegate", subject.server.admin.to_string()), job("exporter", exported.to_string())];
    let config = folder.join("prometheus.yml");
    std::fs::write(&config, json!({"global": {"scrape_interval": "1s"}, "scrape_configs": jobs}).to_string()).unwrap();
    let _prometheus = run(
        "prometheus",
        &[
            format!("--config.file={}", config.display()),
            format!("--storage.tsdb.path={}", folder.join("data").display()),
            format!("--web.listen-address={address}"),
        ],
    );
    let query = |text: &str| {
        let encoded: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let (_, answer) = get(address, "prometheus", &format!("/api/v1/query?query={encoded}"))?;
        let answer: Value = serde_json::from_str(&answer).ok()?;
        assert!(answer["status"] != "error", "{text}: {answer}");
        Some(answer["data"]["result"].as_array()?.len())
    };
    eventually("both are scraped", || (query("count(up == 1) == 2")? > 0).then_some(()));
    let selector = format!(r#"proxy=~"{BACKEND}|http",instance=~"(.*)""#);
    let mut waiting: Vec<_> = QUERIES.iter().map(|text| text.replace("$P", &selector)).collect();
    let begun = Instant::now();
    while !waiting.is_empty() && begun.elapsed() < DEADLINE {
        assert_eq!(get(subject.server.http, "a.example", "/").map(|(status, _)| status), Some(200));
        waiting.retain(|text| query(text).unwrap_or(0) == 0);
    }
    assert!(waiting.is_empty(), "no data: {waiting:#?}");
    let mut promtool = Command::new("promtool");
    let text = folder.join("metrics.txt");
    std::fs::write(&text, metrics(&subject)).unwrap();
    let checked = promtool.args(["check", "metrics"]).stdin(std::fs::File::open(&text).unwrap()).output().unwrap();
    let said = String::from_utf8_lossy(&checked.stderr);
    // Names that HAProxy gave, of which promtool would have others.
    let ours = said.lines().filter(|line| !line.starts_with("haproxy_"));
    assert_eq!(ours.collect::<Vec<_>>(), Vec::<&str>::new());
    eprintln!("{} queries have data", QUERIES.len());
}
