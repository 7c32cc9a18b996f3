//! Canaries as annotations of ingress-nginx ask for them. Names of tests carry the behaviour that they show.

use serde_json::{Value, json};

use crate::support::h2::{H2Client, run};
use crate::support::{Manifests, Path, Pod, Tidegate, eventually, get};

const ROOT: &[Path<'_>] = &[("/", "Prefix", "main")];
const CANARY: &[Path<'_>] = &[("/", "Prefix", "canary")];

/// Objects for `a.example`: an Ingress to the pod that counts as `main`, and a canary with these paths and annotations.
fn manifests(pods: &[Pod; 2], paths: &[Path<'_>], annotations: &[(&str, &str)]) -> Manifests {
    let manifests = Manifests::new().service("main", &[pods[0].address]).service("canary", &[pods[1].address]);
    manifests.ingress_with("main", Some("a.example"), ROOT, json!({}), json!([])).ingress_with(
        "canary",
        Some("a.example"),
        paths,
        nginx(annotations),
        json!([]),
    )
}

fn serve(annotations: &[(&str, &str)]) -> ([Pod; 2], Tidegate) {
    let pods = ["main", "canary"].map(Pod::named);
    let annotations = [&[("canary", "true")], annotations].concat();
    // Counts are of the process, whichever thread serves a connection.
    let server = Tidegate::serve_with(&manifests(&pods, CANARY, &annotations), &["--workers", "4"]);
    (pods, server)
}

fn nginx(pairs: &[(&str, &str)]) -> Value {
    pairs.iter().map(|(key, value)| (format!("nginx.ingress.kubernetes.io/{key}"), json!(value))).collect()
}

/// Who answers a request with these lines, or the status.
fn who(server: &Tidegate, lines: &str) -> String {
    let answer = server.ask(format!("GET / HTTP/1.1\r\nHost: a.example\r\n{lines}\r\n"));
    if answer.status() == 200 { answer.text() } else { answer.status().to_string() }
}

/// How many of 200 requests the canary answers.
fn share(server: &Tidegate, lines: &str) -> usize {
    (0..200).filter(|_| who(server, lines) == "canary").count()
}

#[test]
fn nginx_f1_a_canary_alone_serves_nothing() {
    let pod = Pod::named("canary");
    let annotations = nginx(&[("canary", "true"), ("canary-weight", "100")]);
    let manifests = Manifests::new().service("canary", &[pod.address]).ingress_with(
        "canary",
        Some("a.example"),
        CANARY,
        annotations,
        json!([]),
    );
    let server = Tidegate::serve_with(&manifests, &[]);
    assert_eq!(who(&server, ""), "404");
    let problems = server.admin("/debug/problems").text();
    assert!(problems.contains("CanaryWithoutMain") && problems.contains("no other Ingress"), "{problems}");
}

#[test]
fn nginx_f1_host_path_and_type_must_be_those_of_the_main_ingress() {
    for paths in [&[("/", "Exact", "canary")][..], &[("/x", "Prefix", "canary")]] {
        let pods = ["main", "canary"].map(Pod::named);
        let annotations = [("canary", "true"), ("canary-weight", "100")];
        let server = Tidegate::serve_with(&manifests(&pods, paths, &annotations), &[]);
        assert_eq!((who(&server, ""), server.ask(get("a.example", "/x")).text()), ("main".into(), "main".into()));
    }
    let (_pods, server) = serve(&[("canary-weight", "100")]);
    assert_eq!(who(&server, ""), "canary");
}

#[test]
fn nginx_f2_other_annotations_of_a_canary_do_not_count() {
    let (_pods, server) = serve(&[
        ("canary-weight", "100"),
        ("permanent-redirect", "https://b.example/"),
        ("whitelist-source-range", "10.0.0.0/8"),
    ]);
    assert_eq!(who(&server, ""), "canary");
}

#[test]
fn nginx_f3_f4_f7_the_header_comes_before_the_cookie_and_the_cookie_before_the_weight() {
    let by = [("canary-by-header", "X-Canary"), ("canary-by-cookie", "side"), ("canary-weight", "100")];
    let (_pods, server) = serve(&by);
    for (lines, expected) in [
        ("X-Canary: always\r\n", "canary"),
        ("X-Canary: never\r\n", "main"),
        ("X-Canary: never\r\nCookie: side=always\r\n", "main"),
        ("X-Canary: other\r\nCookie: side=never\r\n", "main"),
        ("Cookie: a=b; side=never\r\n", "main"),
        ("Cookie: side=other\r\n", "canary"),
        ("", "canary"),
    ] {
        assert_eq!(who(&server, lines), expected, "{lines:?}");
    }
    let (_pods, server) = serve(&by[..2]);
    for (lines, expected) in [
        ("", "main"),
        ("x-canary: always\r\n", "canary"),
        ("Cookie: side=always\r\n", "canary"),
        ("Cookie: side=x\r\n", "main"),
    ] {
        assert_eq!(who(&server, lines), expected, "{lines:?}");
    }
    run(async {
        let client = H2Client::plain(&server).await;
        assert_eq!(client.get("a.example", "/").await.text(), "main");
    });
}

#[test]
fn nginx_f5_a_value_of_the_header_takes_the_place_of_always() {
    let (_pods, server) = serve(&[
        ("canary-by-header", "X-Canary"),
        ("canary-by-header-value", "v2"),
        ("canary-by-header-pattern", ".*"),
    ]);
    for (value, expected) in [("v2", "canary"), ("v22", "main"), ("always", "main"), ("never", "main")] {
        assert_eq!(who(&server, &format!("X-Canary: {value}\r\n")), expected, "{value}");
    }
}

#[test]
fn nginx_f6_a_pattern_of_the_header_takes_the_place_of_always_and_a_broken_one_leads_to_the_main_backend() {
    for (pattern, weight, expected) in [("^v[2-3]$", "0", "canary"), ("^v[5-6]$", "0", "main"), ("(", "100", "main")] {
        let by = [("canary-by-header", "X-Canary"), ("canary-by-header-pattern", pattern), ("canary-weight", weight)];
        let (_pods, server) = serve(&by);
        assert_eq!(who(&server, "X-Canary: v2\r\n"), expected, "{pattern}");
    }
}

#[test]
fn nginx_f8_the_weight_is_the_share_of_requests_that_say_nothing() {
    let cases: [(&[(&str, &str)], _); 5] = [
        (&[("canary-weight", "0")], 0..=0),
        (&[("canary-weight", "100")], 200..=200),
        (&[("canary-weight", "50")], 60..=140),
        (&[("canary-weight", "1000"), ("canary-weight-total", "1000")], 200..=200),
        (&[("canary-weight", "50"), ("canary-weight-total", "10")], 60..=140),
    ];
    for (annotations, expected) in cases {
        let (_pods, server) = serve(annotations);
        let share = share(&server, "");
        assert!(expected.contains(&share), "{annotations:?}: {share}");
    }
}

#[test]
fn nginx_f10_a_canary_without_endpoints_leaves_all_requests_to_the_main_backend() {
    let pods = ["main", "canary"].map(Pod::named);
    let annotations = [("canary", "true"), ("canary-weight", "100")];
    let server = Tidegate::serve_with(&manifests(&pods, CANARY, &annotations), &[]);
    assert_eq!(who(&server, ""), "canary");
    let without = Manifests::new()
        .service("main", &[pods[0].address])
        .service("canary", &[])
        .ingress_with("main", Some("a.example"), ROOT, json!({}), json!([]))
        .ingress_with("canary", Some("a.example"), CANARY, nginx(&annotations), json!([]));
    server.replace(&without);
    eventually("the main backend", || (who(&server, "") == "main").then_some(()));
    server.replace(&manifests(&pods, CANARY, &annotations));
    eventually("the canary", || (who(&server, "") == "canary").then_some(()));
}

#[test]
fn what_cannot_be_read_leaves_the_main_backend_alone() {
    let long = "x".repeat(10_000);
    for (key, value) in [
        ("canary-weight", "-1"),
        ("canary-weight", "ten"),
        ("canary-weight", "99999999999"),
        ("canary-weight-total", "x"),
        ("canary-by-header", "X Canary"),
        ("canary-by-header", "X-Canary\r\nX: y"),
        ("canary-by-cookie", "a;b"),
        ("canary-by-header", &long),
        ("canary-by-header-value", "v\r\nX: y"),
        ("canary-by-header-pattern", "(a{1000}){1000}"),
    ] {
        let (_pods, server) = serve(&[(key, value)]);
        assert_eq!(who(&server, "X-Canary: always\r\n"), "main", "{key}: {value:?}");
        let problems = server.admin("/debug/problems").text();
        assert!(problems.contains(key), "{problems}");
    }
}

#[test]
fn nginx_f1_all_paths_and_hosts_of_the_main_service_are_shared() {
    let pods = ["main", "canary"].map(Pod::named);
    let annotations = [("canary", "true"), ("canary-weight", "100")];
    let more = |manifests: Manifests| {
        let paths = &[("/more", "Prefix", "main"), ("/own", "Prefix", "canary")];
        let manifests = manifests.ingress("more", Some("a.example"), paths);
        manifests.ingress("other", Some("b.example"), &[("/x", "Exact", "main")])
    };
    let server = Tidegate::serve_with(&more(manifests(&pods, CANARY, &annotations)), &[]);
    let ask = |host: &str, path: &str| server.ask(get(host, path)).text();
    let all = [("a.example", "/"), ("a.example", "/more"), ("b.example", "/x"), ("a.example", "/own")];
    for (host, path) in all {
        assert_eq!(ask(host, path), "canary", "{host}{path}");
    }
    // Without its main rule it shares nothing anywhere, and with it everything again.
    let services = Manifests::new().service("main", &[pods[0].address]).service("canary", &[pods[1].address]);
    let alone = services.ingress_with("canary", Some("a.example"), CANARY, nginx(&annotations), json!([]));
    server.replace(&more(alone));
    eventually("the other host has its Service for itself", || (ask("b.example", "/x") == "main").then_some(()));
    assert_eq!(ask("a.example", "/more"), "main");
    server.replace(&more(manifests(&pods, CANARY, &annotations)));
    eventually("it is shared again", || (ask("b.example", "/x") == "canary").then_some(()));
}

#[test]
fn nginx_f1_default_backends_with_the_main_service_are_shared() {
    let pods = ["main", "canary"].map(Pod::named);
    let annotations = [("canary", "true"), ("canary-by-header", "X-Canary")];
    let default = json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "default", "namespace": "test"},
        "spec": {
            "ingressClassName": "tidegate",
            "defaultBackend": {"service": {"name": "main", "port": {"number": 80}}},
        },
    });
    let server = Tidegate::serve_with(&manifests(&pods, CANARY, &annotations).object(default), &[]);
    for (lines, expected) in [("", "main"), ("X-Canary: always\r\n", "canary")] {
        let answer = server.ask(format!("GET / HTTP/1.1\r\nHost: other.example\r\n{lines}\r\n"));
        assert_eq!(answer.text(), expected);
    }
}
