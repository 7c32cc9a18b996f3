use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::stats::tests::{facts, stats};

/// Names, types and labels of what HAProxy 2.6 of Debian answers to `http-request use-service prometheus-exporter`.
const OF_HAPROXY: &str = include_str!("haproxy.txt");

/// Of each family its type and the names of its labels.
fn families(text: &str) -> BTreeMap<String, (String, String)> {
    let mut families = BTreeMap::new();
    for line in text.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|line| line.split_once(' ')) {
            let before = families.insert(name.to_owned(), (kind.to_owned(), String::new()));
            assert!(before.is_none(), "{name} is there twice");
        } else if !line.starts_with('#') {
            let series = line.rsplit_once(' ').unwrap().0;
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let labels = labels.trim_end_matches('}').split("\",").filter_map(|label| Some(label.split_once('=')?.0));
            let labels: Vec<_> = labels.collect();
            families.get_mut(name).unwrap().1 = if labels.is_empty() { "-".into() } else { labels.join(",") };
        }
    }
    families
}

fn of_haproxy() -> BTreeMap<&'static str, (&'static str, &'static str)> {
    let lines = OF_HAPROXY.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    lines.map(|parts| (parts[0], (parts[1], parts[2]))).collect()
}

#[test]
fn names_types_and_labels_are_those_of_haproxy() {
    let golden = of_haproxy();
    let ours = families(&prometheus(&stats(), &facts()));
    for (name, (kind, labels)) in &ours {
        let theirs = golden.get(name.as_str()).copied();
        let expected = if name == "tidegate_haproxy_rows_left_out" { ("gauge", "kind") } else { theirs.expect(name) };
        assert_eq!((kind.as_str(), labels.as_str()), expected, "{name}");
    }
    assert!(ours.len() > 120, "{}", ours.len());
}

#[test]
fn what_haproxy_has_besides_is_listed_in_the_docs() {
    let (ours, document) = (families(&prometheus(&stats(), &facts())), crate::observe::document());
    let list = document.split_once("## Under the names of HAProxy").unwrap().1.split_once("Not there").unwrap().1;
    let named: BTreeSet<_> = list.split('`').skip(1).step_by(2).collect();
    let is_named = |name: &str| {
        named.iter().any(|pattern| match pattern.split_once('*') {
            Some((start, end)) => name.starts_with(start) && name.ends_with(end),
            None => name == *pattern,
        })
    };
    for name in of_haproxy().keys().filter(|name| !ours.contains_key(**name)) {
        let short = name.trim_start_matches("haproxy_");
        let behind = short.split_once('_').unwrap().1;
        assert!(is_named(short) || is_named(behind), "{name}");
    }
}

#[test]
fn values_are_those_of_the_rows() {
    let text = prometheus(&stats(), &facts());
    let lines: BTreeSet<_> = text.lines().collect();
    for line in [
        r#"haproxy_process_current_connections 3"#,
        r#"haproxy_frontend_status{proxy="http",state="UP"} 1"#,
        r#"haproxy_backend_http_responses_total{proxy="shop_svc_web_http",code="2xx"} 19"#,
        r#"haproxy_backend_response_time_average_seconds{proxy="shop_svc_web_http"} 0.02"#,
        r#"haproxy_backend_agg_server_status{proxy="shop_svc_web_http",state="DOWN"} 1"#,
        r#"haproxy_backend_agg_check_status{proxy="shop_svc_web_http",state="L7STS"} 1"#,
        r#"haproxy_server_status{proxy="shop_svc_web_http",server="10.0.0.3:8080",state="UP"} 1"#,
    ] {
        assert!(lines.contains(line), "{line}\n{text}");
    }
}

#[test]
fn rows_beyond_the_limit_have_no_series_and_are_counted() {
    let mut stats = stats();
    let servers = &mut stats.backends[0].servers;
    let before = servers.len();
    servers.extend(std::iter::repeat_n(servers[0].clone(), ROWS_LIMIT));
    let text = prometheus(&stats, &facts());
    assert_eq!(text.matches("\nhaproxy_server_sessions_total{").count(), ROWS_LIMIT);
    assert!(text.contains(&format!("tidegate_haproxy_rows_left_out{{kind=\"server\"}} {before}\n")), "{before}");
}
