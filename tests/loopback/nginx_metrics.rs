//! Metrics under the names of ingress-nginx (`--metrics-compat ingress-nginx`), against what was sent.

use std::collections::BTreeMap;

use serde_json::json;

use crate::support::h2::{H2Client, run};
use crate::support::{Client, DEADLINE, Manifests, Pod, Tidegate, eventually, get};

const COMPAT: &[&str] = &["--metrics-compat", "ingress-nginx", "--workers", "2"];

/// The requests that are counted for an Ingress: host, path, method, status, service and canary, by how many.
type Counted = BTreeMap<[String; 6], f64>;

fn label(series: &str, name: &str) -> String {
    let (_, rest) = series.split_once(&format!(",{name}=\"")).unwrap_or_else(|| panic!("{name} in {series}"));
    rest.split('"').next().unwrap().to_owned()
}

fn counted(server: &Tidegate) -> Counted {
    let text = server.admin("/metrics").text();
    let lines = text.lines().filter_map(|line| line.strip_prefix("nginx_ingress_controller_requests{"));
    let series = lines.map(|line| line.rsplit_once(' ').unwrap());
    let names = ["host", "path", "method", "status", "service", "canary"];
    series.map(|(labels, value)| (names.map(|name| label(labels, name)), value.parse().unwrap())).collect()
}

#[track_caller]
fn expect(server: &Tidegate, expected: &[([&str; 6], f64)]) {
    let expected: Counted = expected.iter().map(|(labels, value)| (labels.map(str::to_owned), *value)).collect();
    let deadline = tokio::time::Instant::now() + DEADLINE;
    while counted(server) != expected {
        // A request is counted when it is over, which its client may see first.
        assert!(tokio::time::Instant::now() < deadline, "{:#?}\nexpected {expected:#?}", counted(server));
        std::thread::park_timeout(std::time::Duration::from_millis(5));
    }
}

#[test]
fn requests_over_both_protocols_are_counted_by_path_method_and_status() {
    let [web, api] = ["web", "api"].map(Pod::named);
    let manifests = Manifests::new()
        .service("web", &[web.address])
        .service("api", &[api.address])
        .ingress("shop", Some("shop.example"), &[("/", "Prefix", "web"), ("/api", "Prefix", "api")])
        .ingress("any", Some("*.any.example"), &[("/", "Prefix", "web")])
        .ingress("gone", Some("gone.example"), &[("/", "Prefix", "missing")]);
    let server = Tidegate::serve_with(&manifests, COMPAT);
    for target in ["/", "/x?y=z", "/api/1"] {
        assert_eq!(server.ask(get("shop.example", target)).status(), 200);
    }
    assert_eq!(server.ask("POST / HTTP/1.1\r\nHost: a.any.example\r\nContent-Length: 2\r\n\r\nhi").status(), 200);
    assert_eq!(server.ask("BREW / HTTP/1.1\r\nHost: b.any.example\r\nConnection: close\r\n\r\n").status(), 200);
    assert_eq!(server.ask(get("gone.example", "/")).status(), 503);
    assert_eq!(server.ask(get("nobody.example", "/")).status(), 404);
    run(async {
        let client = H2Client::plain(&server).await;
        assert_eq!(client.ask(client.request("PUT", "shop.example", "/api"), b"body").await.status, 200);
    });
    expect(
        &server,
        &[
            (["shop.example", "/", "GET", "200", "web", ""], 2.0),
            (["shop.example", "/api", "GET", "200", "api", ""], 1.0),
            (["shop.example", "/api", "PUT", "200", "api", ""], 1.0),
            (["*.any.example", "/", "POST", "200", "web", ""], 1.0),
            (["*.any.example", "/", "_other", "200", "web", ""], 1.0),
            (["gone.example", "/", "GET", "503", "missing", ""], 1.0),
            (["_", "", "GET", "404", "", ""], 1.0),
        ],
    );
    let metric = |name: &str, labels: &str| server.metric(&format!("nginx_ingress_controller_{name}"), labels);
    for family in ["request_duration", "response_duration", "header_duration", "connect_duration"] {
        assert_eq!(metric(&format!("{family}_seconds_count"), r#"service="api""#), 2.0, "{family}");
    }
    let [connect, head, response] =
        ["connect", "header", "response"].map(|time| metric(&format!("{time}_duration_seconds_sum"), "shop.example"));
    assert!(0.0 < connect && connect <= head && head <= response, "{connect} {head} {response}");
    assert_eq!(metric("connect_duration_seconds_count", r#"status="503""#), 0.0, "there was no pod to connect to");
    assert_eq!(metric("request_size_sum", r#"path="/api",method="GET""#), get("shop.example", "/api/1").len() as f64);
    // The bodies: the name of the pod.
    assert_eq!(metric("response_size_sum", r#"path="/api""#), 6.0);
    assert_eq!(metric("orphan_ingress", r#"ingress="gone",type="no-service""#), 1.0);
    assert_eq!(metric("orphan_ingress", r#"ingress="shop""#), 0.0);
    assert_eq!(metric("config_last_reload_successful", ""), 1.0);
    assert!(metric("success", "") >= 1.0);
    assert_eq!(metric("nginx_process_requests_total", ""), 8.0);
    assert!(metric("nginx_process_connections_total", r#"state="accepted""#) >= 8.0);
    assert!(metric("nginx_process_resident_memory_bytes", "") > 1e6);
    // Tidegate's own are as they were.
    assert_eq!(server.metric("tidegate_requests_total", r#"ingress="shop""#), 4.0);
    // Series end with the Ingress, the sum of requests does not.
    server.replace(&Manifests::new().service("web", &[web.address]).ingress("left", None, &[("/", "Prefix", "web")]));
    eventually("the end of a series", || (!counted(&server).keys().any(|of| of[0] == "shop.example")).then_some(()));
    assert_eq!(metric("nginx_process_requests_total", ""), 8.0);
}

#[test]
fn what_a_canary_gets_is_counted_beside_its_main_ingress() {
    let pods = ["main", "next"].map(Pod::named);
    let annotations = json!({
        "nginx.ingress.kubernetes.io/canary": "true",
        "nginx.ingress.kubernetes.io/canary-by-header": "X-Next",
    });
    let manifests = Manifests::new()
        .service("main", &[pods[0].address])
        .service("next", &[pods[1].address])
        .ingress("web", Some("a.example"), &[("/", "Prefix", "main")])
        .ingress_with("canary", Some("a.example"), &[("/", "Prefix", "next")], annotations, json!([]));
    let server = Tidegate::serve_with(&manifests, COMPAT);
    assert_eq!(server.ask(get("a.example", "/")).text(), "main");
    let request = "GET / HTTP/1.1\r\nHost: a.example\r\nX-Next: always\r\nConnection: close\r\n\r\n";
    assert_eq!(server.ask(request).text(), "next");
    expect(
        &server,
        &[
            (["a.example", "/", "GET", "200", "main", ""], 1.0),
            (["a.example", "/", "GET", "200", "main", "test-next-80"], 1.0),
        ],
    );
}

#[test]
fn certificates_are_told_by_host_and_connections_by_what_they_do() {
    let pod = Pod::named("web");
    let manifests = Manifests::new().service("web", &[pod.address]).certificate("cert", &["a.example"]).ingress_with(
        "web",
        Some("a.example"),
        &[("/", "Prefix", "web")],
        json!({}),
        json!([{"hosts": ["a.example"], "secretName": "cert"}]),
    );
    let server = Tidegate::serve_with(&manifests, COMPAT);
    let ends = server.metric("nginx_ingress_controller_ssl_expire_time_seconds", r#"host="a.example""#);
    assert!(ends > 1.7e9, "{ends}");
    let idle: Vec<_> = (0..3).map(|_| Client::connect(server.http)).collect();
    let state = |state: &str| {
        let labels = format!("state=\"{state}\"");
        server.metric("nginx_ingress_controller_nginx_process_connections", &labels)
    };
    eventually("three that wait", || (state("waiting") == 3.0 && state("active") == 3.0).then_some(()));
    drop(idle);
    eventually("none", || (state("waiting") == 0.0 && state("active") == 0.0).then_some(()));
}

#[test]
fn nothing_is_there_unless_it_is_asked_for() {
    let pod = Pod::named("web");
    let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
    assert_eq!(server.ask(get("a.example", "/")).status(), 200);
    assert!(!server.admin("/metrics").text().contains("nginx_ingress_controller"));
}
