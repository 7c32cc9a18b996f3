//! The alerts of the chart: each fires when it should, and none of a healthy installation. `promtool` computes them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::{output, template};

/// Series and their values each minute: of two pods that are well.
const WELL: &[(&str, &str)] = &[
    (r#"up{POD,pod="a",instance="a"}"#, "1x90"),
    (r#"up{POD,pod="b",instance="b"}"#, "1x90"),
    (r#"process_start_time_seconds{POD,pod="a",instance="a"}"#, "0x90"),
    (r#"tidegate_config_age_seconds{POD,pod="a",instance="a"}"#, "0x90"),
    (r#"tidegate_watch_errors_total{POD,pod="a",instance="a",kind="Service",reason="unauthorized"}"#, "0+1x90"),
    (r#"tidegate_snapshot_in_use{POD,pod="a",instance="a"}"#, "1x2 0x88"),
    (r#"tidegate_snapshot_write_errors_total{POD,pod="a",instance="a"}"#, "0x90"),
    (r#"tidegate_propagation_seconds_bucket{POD,pod="a",instance="a",kind="Ingress",le="0.01"}"#, "0+60x90"),
    (r#"tidegate_propagation_seconds_bucket{POD,pod="a",instance="a",kind="Ingress",le="+Inf"}"#, "0+60x90"),
    (r#"tidegate_leader{POD,pod="a",instance="a"}"#, "0x90"),
    (r#"tidegate_leader{POD,pod="b",instance="b"}"#, "1x90"),
    // A release beside it that does not report.
    (r#"tidegate_leader{namespace="other",job="other",pod="c",instance="c"}"#, "0x90"),
    (r#"tidegate_panics_total{POD,pod="a",instance="a"}"#, "0x90"),
    (r#"tidegate_requests_total{namespace="shop",ingress="web",service="web",code="200"}"#, "0+100x90"),
    (r#"tidegate_requests_total{namespace="shop",ingress="web",service="web",code="503"}"#, "0+1x90"),
    (r#"tidegate_upstream_endpoints{namespace="shop",service="web",port="http"}"#, "2x90"),
    (r#"tidegate_certificate_expiry_timestamp_seconds{namespace="shop",secret="web"}"#, "1000000x90"),
    (r#"tidegate_problems{code="Conflict",severity="warning"}"#, "1x90"),
];

/// The same with everything wrong that alerts tell, but that one pod can be scraped.
const WRONG: &[(&str, &str)] = &[
    (r#"up{POD,pod="a",instance="a"}"#, "1x90"),
    (r#"up{POD,pod="b",instance="b"}"#, "0x90"),
    (r#"process_start_time_seconds{POD,pod="a",instance="a"}"#, "3000x90"),
    (r#"tidegate_config_age_seconds{POD,pod="a",instance="a"}"#, "0+60x90"),
    (r#"tidegate_watch_errors_total{POD,pod="a",instance="a",kind="Service",reason="unauthorized"}"#, "0+3x90"),
    (r#"tidegate_snapshot_in_use{POD,pod="a",instance="a"}"#, "1x90"),
    (r#"tidegate_snapshot_write_errors_total{POD,pod="a",instance="a"}"#, "0+1x90"),
    (r#"tidegate_snapshot_rejected_total{POD,pod="a",instance="a",reason="corrupt"}"#, "1x90"),
    (r#"tidegate_propagation_seconds_bucket{POD,pod="a",instance="a",kind="Ingress",le="0.1"}"#, "0x90"),
    (r#"tidegate_propagation_seconds_bucket{POD,pod="a",instance="a",kind="Ingress",le="1"}"#, "0+60x90"),
    (r#"tidegate_propagation_seconds_bucket{POD,pod="a",instance="a",kind="Ingress",le="+Inf"}"#, "0+60x90"),
    (r#"tidegate_leader{POD,pod="a",instance="a"}"#, "0x90"),
    (r#"tidegate_leader{namespace="other",job="other",pod="c",instance="c"}"#, "1x90"),
    (r#"tidegate_panics_total{POD,pod="a",instance="a"}"#, "0x55 1x35"),
    (r#"tidegate_requests_total{namespace="shop",ingress="web",service="web",code="200"}"#, "0+100x90"),
    (r#"tidegate_requests_total{namespace="shop",ingress="web",service="web",code="503"}"#, "0+10x90"),
    (r#"tidegate_upstream_endpoints{namespace="shop",service="web",port="http"}"#, "0x90"),
    (r#"tidegate_certificate_expiry_timestamp_seconds{namespace="shop",secret="web"}"#, "9000x90"),
    (r#"tidegate_problems{code="Conflict",severity="error"}"#, "1x90"),
];

/// When it is looked.
const AT: &str = "80m";

/// Where Prometheus's tools read the rules and the tests of this process.
fn directory() -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("alerts-{}", std::process::id()));
    fs::create_dir_all(&directory).expect("a directory");
    directory
}

fn rules(values: &[&str]) -> Value {
    let mut options = vec!["--set", "metrics.prometheusRule.enabled=true"];
    options.extend(values.iter().flat_map(|value| ["--set", value]));
    options.extend(["--show-only", "templates/prometheusrule.yaml"]);
    let rule: Value = serde_saphyr::from_str(&template("edge", "ingress", &options)).expect("YAML");
    rule["spec"].clone()
}

fn names(rules: &Value) -> BTreeSet<&str> {
    let rules = rules["groups"][0]["rules"].as_array().expect("rules");
    rules.iter().map(|rule| rule["alert"].as_str().expect("an alert")).collect()
}

/// What fires with these series.
fn case(series: &[(&str, &str)], firing: &BTreeSet<&str>) -> Value {
    let pod = r#"namespace="ingress",job="edge""#;
    let series = series.iter().map(|(name, values)| json!({"series": name.replace("POD", pod), "values": values}));
    let samples = firing.iter().map(|name| json!({"labels": format!("{{alertname={name:?}}}"), "value": 1}));
    let firing = "group by (alertname) (ALERTS{alertstate=\"firing\"})";
    let asked = json!({"expr": firing, "eval_time": AT, "exp_samples": samples.collect::<Vec<_>>()});
    json!({"interval": "1m", "input_series": series.collect::<Vec<_>>(), "promql_expr_test": [asked]})
}

#[test]
fn every_alert_fires_when_it_should_and_none_of_a_healthy_installation() {
    let (directory, rules) = (directory(), rules(&[]));
    fs::write(directory.join("rules.json"), rules.to_string()).expect("it is written");
    let all = names(&rules);
    let (mut wrong, down) = (all.clone(), BTreeSet::from(["TidegateDown"]));
    assert!(wrong.remove("TidegateDown"));
    let cases = [case(WELL, &BTreeSet::new()), case(WRONG, &wrong), case(&[], &down)];
    let tests = json!({"rule_files": ["rules.json"], "evaluation_interval": "1m", "tests": cases});
    fs::write(directory.join("tests.json"), tests.to_string()).expect("it is written");
    let mut promtool = Command::new("promtool");
    promtool.args(["test", "rules"]).arg(directory.join("tests.json"));
    output(&mut promtool, "").unwrap_or_else(|said| panic!("{said}"));
    let _ = fs::remove_dir_all(directory);
}

#[test]
fn who_does_not_report_needs_no_holder_of_the_lease() {
    let (all, silent) = (rules(&[]), rules(&["status.report=false"]));
    let (all, silent) = (names(&all), names(&silent));
    assert_eq!(all.difference(&silent).collect::<Vec<_>>(), [&"TidegateNoLeader"]);
}
