use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::model::{ObjectKind, ObjectName, ObjectRef, Problem, ProblemCode, Severity};
use crate::observe::nginx::{FAMILIES, Served};
use crate::observe::{Listener, Scope, TableSize};

/// The expressions of the dashboards 9614 "NGINX Ingress controller" and "Request Handling Performance", and of the alerts that
/// its chart suggests: functions, metric names and matchers as there.
const EXPRESSIONS: &[&str] = &[
    // NGINX Ingress controller.
    r#"label_values(nginx_ingress_controller_config_hash, controller_namespace)"#,
    r#"label_values(nginx_ingress_controller_config_hash{namespace=~"$namespace"}, controller_class)"#,
    r#"label_values(nginx_ingress_controller_config_hash{controller_class=~"$controller_class"}, controller_pod)"#,
    r#"label_values(nginx_ingress_controller_requests{namespace=~"$n",controller_class=~"$c",controller_pod=~"$p"}, ingress)"#,
    r#"sum(changes(nginx_ingress_controller_config_last_reload_successful_timestamp_seconds{instance!="unknown",controller_class=~"$c"}[30s])) by (controller_class)"#,
    r#"round(sum(irate(nginx_ingress_controller_requests{controller_pod=~"$p",controller_class=~"$c",namespace=~"$n"}[2m])), 0.001)"#,
    r#"sum(avg_over_time(nginx_ingress_controller_nginx_process_connections{controller_pod=~"$p",controller_class=~"$c",controller_namespace=~"$n",state="active"}[2m]))"#,
    r#"sum(rate(nginx_ingress_controller_requests{controller_pod=~"$p",controller_class=~"$c",namespace=~"$n",status!~"[4-5].*"}[2m]))"#,
    r#"avg(irate(nginx_ingress_controller_success{controller_pod=~"$p",controller_class=~"$c",controller_namespace=~"$n"}[1m])) * 60"#,
    r#"count(nginx_ingress_controller_config_last_reload_successful{controller_pod=~"$p",controller_namespace=~"$n"} == 0)"#,
    r#"round(sum(irate(nginx_ingress_controller_requests{controller_pod=~"$p",controller_class=~"$c",controller_namespace=~"$n",ingress=~"$i"}[2m])) by (ingress), 0.001)"#,
    r#"sum (irate (nginx_ingress_controller_request_size_sum{controller_pod=~"$p",controller_class=~"$c",controller_namespace=~"$n"}[2m]))"#,
    r#"- sum (irate (nginx_ingress_controller_response_size_sum{controller_pod=~"$p",controller_class=~"$c",controller_namespace=~"$n"}[2m]))"#,
    r#"avg(nginx_ingress_controller_nginx_process_resident_memory_bytes{controller_pod=~"$p",controller_class=~"$c",controller_namespace=~"$n"})"#,
    r#"avg (rate (nginx_ingress_controller_nginx_process_cpu_seconds_total{controller_pod=~"$p",controller_class=~"$c",controller_namespace=~"$n"}[2m]))"#,
    r#"histogram_quantile(0.50, sum(rate(nginx_ingress_controller_request_duration_seconds_bucket{ingress!="",controller_pod=~"$p",controller_class=~"$c",controller_namespace=~"$n",ingress=~"$i"}[2m])) by (le, ingress))"#,
    r#"sum(irate(nginx_ingress_controller_request_size_sum{ingress!="",controller_pod=~"$p",ingress=~"$i"}[2m])) by (ingress)"#,
    r#"sum(irate(nginx_ingress_controller_response_size_sum{ingress!="",controller_pod=~"$p",ingress=~"$i"}[2m])) by (ingress)"#,
    r#"avg(nginx_ingress_controller_ssl_expire_time_seconds{kubernetes_pod_name=~"$p",namespace=~"$n",ingress=~"$i"}) by (host) - time()"#,
    // Request Handling Performance.
    r#"histogram_quantile(0.95, sum by (le)(rate(nginx_ingress_controller_request_duration_seconds_bucket{ingress =~ "$i"}[1m])))"#,
    r#"histogram_quantile(0.95, sum by (le)(rate(nginx_ingress_controller_response_duration_seconds_bucket{ingress =~ "$i"}[1m])))"#,
    r#"sum by (path)(rate(nginx_ingress_controller_request_duration_seconds_count{ingress =~ "$i"}[1m]))"#,
    r#"histogram_quantile(.5, sum by (le, path)(rate(nginx_ingress_controller_response_duration_seconds_bucket{ingress =~ "$i"}[1m])))"#,
    r#"sum by (path) (rate(nginx_ingress_controller_request_duration_seconds_count{ingress =~ "$i",status =~ "[4-5].*"}[1m]))"#,
    r#"sum by (path) (rate(nginx_ingress_controller_response_duration_seconds_sum{ingress =~ "$i"}[1m]))"#,
    r#"sum (rate(nginx_ingress_controller_request_duration_seconds_count{ingress =~ "$i",status =~"[4-5].*",}[1m])) by(path, status)"#,
    r#"sum (rate (nginx_ingress_controller_response_size_sum {ingress =~ "$i",}[1m])) by (path)"#,
    r#"sum (rate(nginx_ingress_controller_response_size_count {ingress =~ "$i",}[1m])) by (path)"#,
    r#"sum (rate(nginx_ingress_controller_response_size_bucket{ingress =~ "$i",}[1m])) by (le)"#,
    r#"sum (rate (nginx_ingress_controller_ingress_upstream_latency_seconds_sum {ingress =~ "$i",}[1m]))"#,
    r#"sum (rate (nginx_ingress_controller_ingress_upstream_latency_seconds_count {ingress =~ "$i",}[1m]))"#,
    // Alerts.
    r#"count(nginx_ingress_controller_config_last_reload_successful == 0) > 0"#,
    r#"(avg(nginx_ingress_controller_ssl_expire_time_seconds{host!="_"}) by (host) - time()) < 604800"#,
    r#"100 * ( sum( nginx_ingress_controller_requests{status=~"5.+"} ) / sum(nginx_ingress_controller_requests) ) > 5"#,
    r#"nginx_ingress_controller_orphan_ingress{type="no-endpoint"} == 1"#,
    r#"nginx_ingress_controller_leader_election_status{name="x"}"#,
    r#"nginx_ingress_controller_build_info{release=~".+"}"#,
    r#"rate(nginx_ingress_controller_nginx_process_requests_total[5m])"#,
    r#"rate(nginx_ingress_controller_nginx_process_connections_total{state="handled"}[5m])"#,
    r#"rate(nginx_ingress_controller_errors[5m]) > 0"#,
    r#"sum by (host, method) (rate(nginx_ingress_controller_requests{canary!=""}[5m]))"#,
    r#"rate(nginx_ingress_controller_connect_duration_seconds_bucket{service="x"}[1m])"#,
    r#"rate(nginx_ingress_controller_header_duration_seconds_sum{host="x"}[1m])"#,
    r#"rate(nginx_ingress_controller_bytes_sent_sum{host="x"}[1m])"#,
];

/// Labels that Prometheus or its configuration adds, and one that ingress-nginx does not have where its dashboard asks for it.
fn is_of_others(metric: &str, label: &str) -> bool {
    matches!(label, "instance" | "kubernetes_pod_name")
        || (label == "ingress" && metric.ends_with("ssl_expire_time_seconds"))
        || (label == "namespace" && metric.ends_with("config_hash"))
}

fn controller() -> ControllerNames {
    ControllerNames {
        class: "k8s.io/ingress-nginx".to_owned(),
        namespace: "ingress".to_owned(),
        pod: "edge-0".to_owned(),
        election: Some("tidegate-nginx".to_owned()),
    }
}

fn names(path: &str) -> RouteNames {
    RouteNames {
        namespace: "shop".into(),
        ingress: "web".into(),
        host: "shop.example".into(),
        path: path.into(),
        service: "cart".into(),
        port: "80".into(),
        backend: "shop-cart-80".into(),
    }
}

fn served(method: &str, status: u16) -> Served<'_> {
    Served {
        method: method.as_bytes(),
        status,
        duration: Duration::from_millis(30),
        connect: Some(Duration::from_millis(2)),
        head: Some(Duration::from_millis(9)),
        response: Some(Duration::from_millis(20)),
        request_bytes: 100,
        response_bytes: 2000,
        is_canary: false,
    }
}

fn problem(code: ProblemCode) -> Problem {
    Problem {
        object: ObjectRef { kind: ObjectKind::Ingress, name: ObjectName::new("shop", "web") },
        field: "spec".to_owned(),
        code,
        severity: Severity::Error,
        message: "m".to_owned(),
        remedy: "r".to_owned(),
    }
}

/// Metrics in which every family has something to show, and what keeps it.
fn busy() -> (Metrics, Vec<Arc<RouteDetail>>) {
    let metrics = Metrics::new().in_the_manner_of_nginx(Compat::Metrics, controller());
    let root = metrics.detail(|| names("/")).unwrap();
    root.record(&served("GET", 200));
    root.record(&served("GET", 200));
    root.record(&served("POST", 503));
    let canary = RouteNames { backend: "shop-cart-next-80".into(), ..names("/") };
    let canary = metrics.detail(|| canary).unwrap();
    canary.record(&Served { is_canary: true, ..served("GET", 200) });
    metrics.unrouted_detail().unwrap().record(&Served {
        connect: None,
        head: None,
        response: None,
        ..served("GET", 404)
    });
    let at = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    metrics.table_published(Scope::Full, Duration::ZERO, at, TableSize::default());
    metrics.set_host_certificates(|| {
        let secret = ObjectName::new("shop", "web-tls");
        vec![HostCertificate { host: "shop.example".into(), secret, end: at }]
    });
    metrics.problems_changed([], &[problem(ProblemCode::NoEndpoints), problem(ProblemCode::InvalidPath)]);
    metrics.report().leader().set(1);
    (metrics, vec![root, canary])
}

/// Series of a text by name and labels, with their values.
fn series(text: &str) -> BTreeMap<String, f64> {
    let samples = text.lines().filter(|line| line.starts_with("nginx_"));
    samples
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(series, value)| (series.to_owned(), value.parse().unwrap()))
        .collect()
}

/// The metric names of an expression, each with the labels that it selects by.
fn selectors(expression: &str) -> Vec<(String, Vec<String>)> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some(at) = rest.find("nginx_ingress_controller_") {
        let end = rest[at..].find(|c| !is_of_name(c)).map_or(rest.len(), |end| at + end);
        let (name, behind) = (rest[at..end].to_owned(), rest[end..].trim_start());
        let matchers = behind.strip_prefix('{').and_then(|inner| inner.split_once('}')).map_or("", |(inner, _)| inner);
        let labels =
            matchers.split(',').filter_map(|matcher| Some(matcher.split(['=', '!']).next()?.trim().to_owned()));
        found.push((name, labels.filter(|label| !label.is_empty()).collect()));
        rest = &rest[end..];
    }
    found
}

#[test]
fn the_expressions_of_dashboards_find_series_with_their_labels() {
    let (metrics, _details) = busy();
    let series = series(&metrics.render());
    for expression in EXPRESSIONS {
        let selectors = selectors(expression);
        assert!(!selectors.is_empty(), "{expression}");
        for (name, labels) in selectors {
            let labels: Vec<_> = labels.into_iter().filter(|label| !is_of_others(&name, label)).collect();
            let fits = |series: &String| {
                series.split('{').next() == Some(&name)
                    && labels.iter().all(|label| {
                        series.contains(&format!("{{{label}=\"")) || series.contains(&format!(",{label}=\""))
                    })
            };
            assert!(series.keys().any(fits), "{name} with {labels:?} of {expression}");
        }
    }
}

#[test]
fn requests_are_counted_by_route_method_and_status() {
    let (metrics, _details) = busy();
    let series = series(&metrics.render());
    let of_controller =
        r#"controller_class="k8s.io/ingress-nginx",controller_namespace="ingress",controller_pod="edge-0""#;
    let of = |canary: &str, method: &str, status: &str| {
        format!(
            r#"{of_controller},namespace="shop",ingress="web",service="cart",canary="{canary}",host="shop.example",path="/",method="{method}",status="{status}""#
        )
    };
    let get = of("", "GET", "200");
    for (name, value) in [
        (format!("nginx_ingress_controller_requests{{{get}}}"), 2.0),
        (format!("nginx_ingress_controller_requests{{{}}}", of("", "POST", "503")), 1.0),
        (format!("nginx_ingress_controller_requests{{{}}}", of("shop-cart-next-80", "GET", "200")), 1.0),
        (format!(r#"nginx_ingress_controller_request_duration_seconds_bucket{{{get},le="0.025"}}"#), 0.0),
        (format!(r#"nginx_ingress_controller_request_duration_seconds_bucket{{{get},le="0.05"}}"#), 2.0),
        (format!("nginx_ingress_controller_response_duration_seconds_sum{{{get}}}"), 0.04),
        (format!("nginx_ingress_controller_header_duration_seconds_sum{{{get}}}"), 0.018),
        (format!("nginx_ingress_controller_connect_duration_seconds_sum{{{get}}}"), 0.004),
        (format!("nginx_ingress_controller_request_size_sum{{{get}}}"), 200.0),
        (format!("nginx_ingress_controller_response_size_sum{{{get}}}"), 4000.0),
        (format!("nginx_ingress_controller_response_size_count{{{get}}}"), 2.0),
        (format!(r#"nginx_ingress_controller_ingress_upstream_latency_seconds_count{{{of_controller},namespace="shop",ingress="web",service="cart",canary=""}}"#), 3.0),
        (format!("nginx_ingress_controller_nginx_process_requests_total{{{of_controller}}}"), 5.0),
        (format!(r#"nginx_ingress_controller_requests{{{of_controller},namespace="",ingress="",service="",canary="",host="_",path="",method="GET",status="404"}}"#), 1.0),
        (format!(r#"nginx_ingress_controller_orphan_ingress{{{of_controller},namespace="shop",ingress="web",type="no-endpoint"}}"#), 1.0),
        (format!(r#"nginx_ingress_controller_orphan_ingress{{{of_controller},namespace="shop",ingress="web",type="no-service"}}"#), 0.0),
        (format!("nginx_ingress_controller_config_last_reload_successful{{{of_controller}}}"), 1.0),
        (format!("nginx_ingress_controller_config_last_reload_successful_timestamp_seconds{{{of_controller}}}"), 1_800_000_000.0),
        (format!("nginx_ingress_controller_success{{{of_controller}}}"), 1.0),
        (r#"nginx_ingress_controller_ssl_expire_time_seconds{class="k8s.io/ingress-nginx",namespace="ingress",host="shop.example",secret_name="shop/web-tls"}"#.to_owned(), 1_800_000_000.0),
        (format!(r#"nginx_ingress_controller_leader_election_status{{{of_controller},name="tidegate-nginx"}}"#), 1.0),
    ] {
        assert_eq!(series.get(&name), Some(&value), "{name}");
    }
    assert!(
        !series.keys().any(|name| name.contains("connect_duration_seconds_count") && name.contains(r#"status="404""#))
    );
}

#[test]
fn every_family_is_documented_and_written_once() {
    let (metrics, _details) = busy();
    let text = metrics.render();
    let written = text.lines().filter_map(|line| line.strip_prefix("# TYPE nginx_")?.split_once(' '));
    let written: Vec<_> = written.map(|(name, kind)| (format!("nginx_{name}"), kind.to_owned())).collect();
    let defined: Vec<_> =
        FAMILIES.iter().map(|family| (family.name.to_owned(), family.kind.as_str().to_owned())).collect();
    assert_eq!(written, defined);
}

#[test]
fn names_only_or_nothing_shows_nothing() {
    let without = Metrics::new();
    assert!(without.detail(|| names("/")).is_none() && without.unrouted_detail().is_none());
    assert!(!without.render().contains("nginx_ingress"));
    let named = Metrics::new().in_the_manner_of_nginx(Compat::Names, controller());
    assert_eq!(named.detail(|| names("/")).unwrap().names().upstream(), "shop-cart-80");
    named.set_host_certificates(|| panic!("nobody asks for them"));
    let detail = named.detail(|| names("/")).unwrap();
    detail.record(&served("GET", 200));
    assert!(format!("{detail:?}").matches("Series").count() == 1, "nothing is counted: {detail:?}");
    assert!(!named.render().contains("nginx_ingress") && !named.shows_connection_states());
}

#[test]
fn series_vanish_with_the_route_and_what_was_counted_stays_in_the_sum() {
    let (metrics, details) = busy();
    let root = metrics.detail(|| names("/")).unwrap();
    assert!(Arc::ptr_eq(&root, &details[0]), "a rebuilt table goes on counting where the former stood");
    drop((root, details));
    let series = series(&metrics.render());
    assert!(!series.keys().any(|name| name.contains("requests{") && name.contains("\"web\"")));
    let total =
        series.iter().find(|(name, _)| name.starts_with("nginx_ingress_controller_nginx_process_requests_total"));
    assert_eq!(total.map(|(_, value)| *value), Some(5.0));
}

#[test]
fn e07_clients_cannot_make_series_without_end() {
    let metrics = Metrics::new().in_the_manner_of_nginx(Compat::Metrics, controller());
    let details: Vec<_> = (0..200).map(|path| metrics.detail(|| names(&format!("/{path}"))).unwrap()).collect();
    for detail in &details {
        for method in ["GET", "X", "Y", "PUT"] {
            (0..1000).for_each(|status| detail.record(&served(method, status)));
        }
    }
    let text = metrics.render();
    let requests = text.lines().filter(|line| line.starts_with("nginx_ingress_controller_requests{")).count();
    assert_eq!(requests, 5_001);
    assert!(text.contains(r#"ingress="_more""#) && !text.contains(r#"method="X""#));
    drop(details);
    let anew = metrics.detail(|| names("/anew")).unwrap();
    anew.record(&served("GET", 200));
    assert!(metrics.render().contains(r#"path="/anew",method="GET",status="200"} 1"#), "what is gone makes room");
}

#[test]
fn connections_are_told_by_what_they_do() {
    let metrics = Metrics::new().in_the_manner_of_nginx(Compat::Metrics, controller());
    let _open: Vec<_> = (0..5).map(|_| metrics.listener(Listener::Http).accepted()).collect();
    let states = |reading, waiting| ConnectionStates { reading, waiting };
    metrics.connection_states_changed(states(0, 0), states(1, 3));
    metrics.connection_states_changed(states(1, 3), states(1, 2));
    let series = series(&metrics.render());
    let of = |state: &str| {
        let name = series.iter().find(|(name, _)| name.contains("process_connections{") && name.contains(state));
        *name.unwrap().1
    };
    assert_eq!([of("active"), of("reading"), of("waiting"), of("writing")], [5.0, 1.0, 2.0, 2.0]);
}
