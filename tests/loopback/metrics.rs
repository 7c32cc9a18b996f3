//! What /metrics says against what was sent: every series of the data plane that moved, and by how much.
//!
//! Sums and buckets of histograms hold times, which no test knows; their counts are compared.

use std::collections::BTreeMap;

use serde_json::json;
use tidegate::observe::GROUPS;

use crate::support::frames::{END_STREAM, FrameClient, REFUSED_STREAM, pseudo};
use crate::support::h2::{H2Client, H2Pod, run};
use crate::support::tls::{Hello, TlsClient};
use crate::support::{DEADLINE, Manifests, Pod, PodConnection, Speech, Tidegate, TlsPod, eventually, get, refusing};

/// The families that these tests compare, without the prefix.
const DATA_PLANE: [&str; 28] = [
    "requests_total",
    "request_duration_seconds",
    "request_bytes_total",
    "response_bytes_total",
    "requests_refused_total",
    "filter_answers_total",
    "mirrored_requests_total",
    "passwords_total",
    "upstream_attempts_total",
    "upstream_failures_total",
    "upstream_retries_total",
    "upstream_queue_requests",
    "upstream_queued_total",
    "upstream_ejections_total",
    "upstream_checks_total",
    "upstream_endpoints_down",
    "upstream_connections_total",
    "upstream_tls_handshakes_total",
    "upstream_response_head_seconds",
    "upstream_endpoints",
    "upstream_idle_connections",
    "connections_open",
    "connections_total",
    "connections_shed_total",
    "proxy_protocol_total",
    "http2_limits_total",
    "tls_handshakes_total",
    "tls_handshake_duration_seconds",
];

#[test]
fn every_family_of_the_data_plane_is_compared_with_traffic() {
    let groups = GROUPS.iter().filter(|group| ["Requests", "Upstreams", "Connections and TLS"].contains(&group.title));
    let names: Vec<_> =
        groups.flat_map(|group| group.families).map(|family| &family.name["tidegate_".len()..]).collect();
    assert_eq!(names, DATA_PLANE);
    let text = include_str!("metrics.rs");
    for family in DATA_PLANE {
        assert!(text.matches(family).count() > 1, "{family} is in no expectation");
    }
}

/// Series by name and labels, without those of the namespace that all of it is in.
type Series = BTreeMap<String, f64>;

fn scrape(server: &Tidegate) -> Series {
    let text = server.admin("/metrics").text();
    let samples = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
    let named = samples.filter_map(|(series, value)| {
        let series = series.strip_prefix("tidegate_")?;
        let name = series.split('{').next()?;
        let is_time = name.ends_with("_seconds_sum") || name.ends_with("_seconds_bucket");
        let family = name.strip_suffix("_count").unwrap_or(name);
        (DATA_PLANE.contains(&family) && !is_time).then(|| (series, value.parse().unwrap()))
    });
    named.map(|(series, value)| (series.replace("namespace=\"test\",", ""), value)).collect()
}

/// What moved since `before`, once it is what is expected.
#[track_caller]
fn expect(server: &Tidegate, before: &Series, expected: &[(&str, f64)]) {
    let expected = expected.iter().filter(|(_, by)| *by != 0.0);
    let expected: Series = expected.map(|(series, by)| ((*series).to_owned(), *by)).collect();
    let deadline = tokio::time::Instant::now() + DEADLINE;
    loop {
        let now = scrape(server);
        let moved = now.iter().map(|(series, value)| (series, value - before.get(series).unwrap_or(&0.0)));
        let moved: Series = moved.filter(|(_, by)| *by != 0.0).map(|(series, by)| (series.clone(), by)).collect();
        if moved == expected {
            return;
        }
        // A request is counted when it is over, which its client may see first.
        assert!(tokio::time::Instant::now() < deadline, "moved {moved:#?}\nexpected {expected:#?}");
        std::thread::park_timeout(std::time::Duration::from_millis(5));
    }
}

/// The bytes of requests once so many are counted: the duration is counted last, and all of it after the answer.
fn bytes_of(server: &Tidegate, requests: f64) -> f64 {
    let are_counted = || server.metric("tidegate_request_duration_seconds_count", "web") >= requests;
    eventually("the end of the requests", || are_counted().then_some(()));
    server.metric("tidegate_request_bytes_total", "web")
}

const REQUESTS_200: &str = r#"requests_total{ingress="all",service="web",code="200"}"#;
const DURATIONS: &str = r#"request_duration_seconds_count{ingress="all",service="web"}"#;
const REQUEST_BYTES: &str = r#"request_bytes_total{ingress="all",service="web"}"#;
const RESPONSE_BYTES: &str = r#"response_bytes_total{ingress="all",service="web"}"#;
const ATTEMPTS: &str = r#"upstream_attempts_total{service="web",port="80"}"#;
const RETRIES: &str = r#"upstream_retries_total{service="web",port="80"}"#;
const CONNECTS: &str = r#"upstream_connections_total{service="web",port="80"}"#;
const HEADS: &str = r#"upstream_response_head_seconds_count{service="web",port="80"}"#;
const ENDPOINTS: &str = r#"upstream_endpoints{service="web",port="80"}"#;
const IDLE: &str = "upstream_idle_connections";
const OPEN: &str = r#"connections_open{listener="http"}"#;
const ACCEPTED: &str = r#"connections_total{listener="http"}"#;
const OPEN_TLS: &str = r#"connections_open{listener="https"}"#;
const ACCEPTED_TLS: &str = r#"connections_total{listener="https"}"#;

#[test]
fn requests_over_http1_are_counted_once_with_their_bytes() {
    let pod = Pod::named("web");
    let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
    let before = scrape(&server);
    assert_eq!(before[ENDPOINTS], 1.0);
    let mut client = server.connect();
    let (first, second) = (get("a.example", "/"), "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!(client.ask(&first).status(), 200);
    assert_eq!(client.ask(second).status(), 200);
    let moved = [
        (REQUESTS_200, 2.0),
        (DURATIONS, 2.0),
        (REQUEST_BYTES, (first.len() + second.len()) as f64),
        // The bodies: `web` twice.
        (RESPONSE_BYTES, 6.0),
        (ATTEMPTS, 2.0),
        (CONNECTS, 1.0),
        (HEADS, 2.0),
        (IDLE, 1.0),
        (OPEN, 1.0),
        (ACCEPTED, 1.0),
    ];
    expect(&server, &before, &moved);
    drop(client);
    expect(&server, &before, &moved.into_iter().filter(|(series, _)| *series != OPEN).collect::<Vec<_>>());
}

#[test]
fn connections_to_pods_that_are_closed_are_no_longer_idle() {
    let pod = Pod::named("web");
    let server = Tidegate::serve_with(&Manifests::everything_to(&[pod.address]), &["--upstream-idle-timeout", "100ms"]);
    let before = scrape(&server);
    assert_eq!(server.ask(get("a.example", "/")).status(), 200);
    let last = [(REQUESTS_200, 1.0), (DURATIONS, 1.0), (REQUEST_BYTES, 35.0), (RESPONSE_BYTES, 3.0), (ATTEMPTS, 1.0)];
    expect(&server, &before, &[&last[..], &[(CONNECTS, 1.0), (HEADS, 1.0), (ACCEPTED, 1.0)]].concat());
}

#[test]
fn requests_over_http2_and_tls_are_counted_once() {
    let pod = H2Pod::named("web");
    let server = Tidegate::serve(&Manifests::everything_to_h2c(&[pod.address]));
    let before = scrape(&server);
    run(async move {
        let client = H2Client::tls(&server, "a.example").await;
        for _ in 0..3 {
            assert_eq!(client.get("a.example", "/").await.status, 200);
        }
        let bytes = bytes_of(&server, 3.0);
        assert!(bytes > 3.0 * 10.0, "heads count with what they would have in HTTP/1: {bytes}");
        let moved = [
            (REQUESTS_200, 3.0),
            (DURATIONS, 3.0),
            (REQUEST_BYTES, bytes),
            (RESPONSE_BYTES, 9.0),
            (ATTEMPTS, 3.0),
            (CONNECTS, 1.0),
            (HEADS, 3.0),
            (OPEN_TLS, 1.0),
            (ACCEPTED_TLS, 1.0),
            (r#"tls_handshakes_total{result="ok",version="1.3"}"#, 1.0),
            ("tls_handshake_duration_seconds_count", 1.0),
        ];
        expect(&server, &before, &moved);
    });
}

#[test]
fn handshakes_with_pods_are_counted_by_their_outcome() {
    let h2_pod = H2Pod::named("web");
    let sound = TlsPod::before(h2_pod.address, Speech::of(&["h2"]));
    let server = Tidegate::serve(&Manifests::everything_to_speaking("https", &[sound.address]));
    let before = scrape(&server);
    for _ in 0..2 {
        assert_eq!(server.ask(get("a.example", "/")).status(), 200);
    }
    let moved = [
        (REQUESTS_200, 2.0),
        (DURATIONS, 2.0),
        (REQUEST_BYTES, 70.0),
        (RESPONSE_BYTES, 6.0),
        (ATTEMPTS, 2.0),
        (CONNECTS, 1.0),
        (r#"upstream_tls_handshakes_total{service="web",port="80",result="ok"}"#, 1.0),
        (HEADS, 2.0),
        (ACCEPTED, 2.0),
    ];
    expect(&server, &before, &moved);
}

#[test]
fn passwords_are_counted_by_what_is_found_out_of_them() {
    let pod = Pod::named("web");
    let annotations = json!({
        "nginx.ingress.kubernetes.io/auth-type": "basic",
        "nginx.ingress.kubernetes.io/auth-secret": "users",
    });
    let users = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "users", "namespace": "test"},
        "stringData": {"auth": "a:{PLAIN}x"},
    });
    let paths = [("/", "Prefix", "web")];
    let routes = Manifests::new().service("web", &[pod.address]);
    let server = Tidegate::serve(&routes.ingress_with("a", Some("a"), &paths, annotations, json!([])).object(users));
    // a:x and a:y, and none, which is not looked at.
    for (field, status) in [("Basic YTp4", 200), ("Basic YTp5", 401), ("Basic YTp4", 200), ("x", 401)] {
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: {field}\r\n\r\n");
        assert_eq!(server.ask(request).status(), status, "{field}");
    }
    let counted = |answer: &str| server.metric("tidegate_passwords_total", &format!("answer=\"{answer}\""));
    assert_eq!(["right", "wrong", "busy", "limited"].map(counted), [2.0, 1.0, 0.0, 0.0]);
}

#[test]
fn a_handshake_that_fails_is_no_request() {
    let server = Tidegate::serve(&Manifests::new());
    let before = scrape(&server);
    run(async move {
        assert!(TlsClient::connect(server.https, "a.example", &Hello::of("no-such-protocol")).await.is_err());
        let moved = [(ACCEPTED_TLS, 1.0), (r#"tls_handshakes_total{result="failed",version="none"}"#, 1.0)];
        expect(&server, &before, &moved);
    });
}

const NONE: &str = r#"namespace="_none",ingress="_none",service="_none""#;

#[test]
fn requests_without_a_route_and_requests_refused_are_told_apart() {
    let server = Tidegate::serve(&Manifests::new());
    let before = scrape(&server);
    let (unrouted, refused) = (get("a.example", "/"), "GET / HTTP/1.1\r\n\r\n");
    assert_eq!(server.ask(&unrouted).status(), 404);
    assert_eq!(server.ask(refused).status(), 400);
    let of = |name: &str| format!("{name}{{{NONE}}}");
    // A client has its answer a moment before the request is counted.
    let counted = || server.metric("tidegate_request_duration_seconds_count", "_none");
    eventually("both requests to be counted", || (counted() >= 2.0).then_some(()));
    let answers = server.metric("tidegate_response_bytes_total", "_none");
    expect(
        &server,
        &before,
        &[
            (&format!("requests_total{{{NONE},code=\"404\"}}"), 1.0),
            (&format!("requests_total{{{NONE},code=\"400\"}}"), 1.0),
            (&of("request_duration_seconds_count"), 2.0),
            // A head that makes no sense has no length.
            (&of("request_bytes_total"), unrouted.len() as f64),
            (&of("response_bytes_total"), answers),
            (r#"requests_refused_total{reason="host"}"#, 1.0),
            (ACCEPTED, 2.0),
        ],
    );
}

/// What one request of a client comes to, beside its bytes, when its pods do as they are told.
#[track_caller]
fn expect_of_one(manifests: &Manifests, options: &[&str], status: u16, moved: &[(&str, f64)]) {
    let server = Tidegate::serve_with(manifests, options);
    let before = scrape(&server);
    let request = get("a.example", "/");
    let answer = server.ask(&request);
    assert_eq!(answer.status(), status);
    let requests = format!(r#"requests_total{{ingress="all",service="web",code="{status}"}}"#);
    let counted = [(requests.as_str(), 1.0), (DURATIONS, 1.0), (ACCEPTED, 1.0), (REQUEST_BYTES, request.len() as f64)];
    let body = [(RESPONSE_BYTES, answer.body.len() as f64)];
    expect(&server, &before, &[&counted, &body[..], moved].concat());
}

fn failure(reason: &str) -> String {
    format!(r#"upstream_failures_total{{service="web",port="80",reason="{reason}"}}"#)
}

type Script = fn(PodConnection);

#[test]
fn each_way_to_fail_has_its_reason() {
    let (refused, _held) = refusing();
    let moved = [(ATTEMPTS, 1.0), (&failure("connect_refused"), 1.0)];
    expect_of_one(&Manifests::everything_to(&[refused]), &[], 502, &moved);
    expect_of_one(&Manifests::everything_to(&[]), &[], 503, &[(&failure("no_endpoint"), 1.0)]);
    let scripts: [(&str, u16, Script); 4] = [
        ("closed", 502, |mut connection| drop(connection.request())),
        ("bad_response", 502, |mut connection| {
            connection.request();
            connection.send("this is no HTTP\r\n\r\n");
        }),
        ("timeout", 504, |mut connection| while connection.request().is_some() {}),
        ("body_timeout", 200, |mut connection| {
            connection.request();
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
            connection.request();
        }),
    ];
    for (reason, status, script) in scripts {
        let pod = Pod::scripted(script);
        // The head of an answer that breaks off later has arrived.
        let heads = f64::from(status == 200);
        let moved = [(ATTEMPTS, 1.0), (CONNECTS, 1.0), (HEADS, heads), (&failure(reason), 1.0)];
        expect_of_one(&Manifests::everything_to(&[pod.address]), &["--response-timeout", "150ms"], status, &moved);
    }
}

#[test]
fn what_a_filter_answers_is_counted_by_its_name() {
    let pod = Pod::named("web");
    for (key, value, status, filter) in [
        ("app-root", "/app", 302, "app_root"),
        ("permanent-redirect", "https://b.example/", 301, "redirect_to"),
        ("force-ssl-redirect", "true", 308, "redirect"),
        ("limit-rps", "many", 503, "limits"),
        ("denylist-source-range", "127.0.0.0/8", 403, "sources"),
        ("auth-url", "nonsense", 503, "auth"),
    ] {
        let annotations = serde_json::json!({(format!("nginx.ingress.kubernetes.io/{key}")): value});
        let manifests = Manifests::new().service("web", &[pod.address]).ingress_with(
            "all",
            None,
            &[("/", "Prefix", "web")],
            annotations,
            serde_json::json!([]),
        );
        let answers = format!(r#"filter_answers_total{{filter="{filter}"}}"#);
        expect_of_one(&manifests, &[], status, &[(&answers, 1.0)]);
    }
}

#[test]
fn a_copy_of_a_request_is_counted_by_what_became_of_it() {
    let (pod, copied) = (Pod::named("web"), Pod::named("copied"));
    let annotations =
        serde_json::json!({"nginx.ingress.kubernetes.io/mirror-target": "http://copied.test.svc/$request_uri"});
    let manifests = Manifests::new().service("web", &[pod.address]).service("copied", &[copied.address]);
    let manifests = manifests.ingress_with("all", None, &[("/", "Prefix", "web")], annotations, serde_json::json!([]));
    let server = Tidegate::serve(&manifests);
    let count = |result: &str| server.metric("tidegate_mirrored_requests_total", result);
    assert_eq!(server.ask(get("a", "/")).status(), 200);
    eventually("the copy is answered", || (count("answered") == 1.0).then_some(()));
    let long = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n{}", "x".repeat(70_000));
    assert_eq!(server.ask(long).status(), 200);
    assert_eq!((count("answered"), count("failed"), count("dropped")), (1.0, 0.0, 1.0));
}

#[test]
fn a_retry_is_an_attempt_and_a_retry() {
    // Closes when it has read the second request: the connection was kept, so it is asked again on another.
    let pod = Pod::scripted(|mut connection| {
        let is_first = connection.index == 0;
        for count in 1.. {
            if connection.request().is_none() || is_first && count == 2 {
                return;
            }
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
    let mut client = server.connect();
    assert_eq!(client.ask(get("a", "/")).status(), 200);
    let warm = |server: &Tidegate| server.metric("tidegate_upstream_idle_connections", "") == 1.0;
    eventually("an idle connection", || warm(&server).then_some(()));
    let before = scrape(&server);
    assert_eq!(client.ask(get("a", "/")).status(), 200);
    let moved = [
        (REQUESTS_200, 1.0),
        (DURATIONS, 1.0),
        (REQUEST_BYTES, get("a", "/").len() as f64),
        (RESPONSE_BYTES, 2.0),
        (ATTEMPTS, 2.0),
        (RETRIES, 1.0),
        (CONNECTS, 1.0),
        (HEADS, 1.0),
        (&failure("closed"), 1.0),
    ];
    expect(&server, &before, &moved);
}

#[test]
fn a_client_that_leaves_is_a_499_and_no_failure_of_the_pod() {
    let (arrived, seen) = std::sync::mpsc::channel();
    let pod = Pod::scripted(move |mut connection| {
        connection.request();
        arrived.send(()).unwrap();
        let _ = connection.rest();
    });
    let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
    let before = scrape(&server);
    run(async move {
        let client = H2Client::plain(&server).await;
        let (_answer, mut stream) = client.open(client.request("GET", "a.example", "/"), true).await;
        seen.recv_timeout(DEADLINE).unwrap();
        stream.send_reset(h2::Reason::CANCEL);
        let requests = r#"requests_total{ingress="all",service="web",code="499"}"#;
        let bytes = bytes_of(&server, 1.0);
        let moved = [(requests, 1.0), (DURATIONS, 1.0), (REQUEST_BYTES, bytes), (ATTEMPTS, 1.0), (CONNECTS, 1.0)];
        expect(&server, &before, &[&moved[..], &[(OPEN, 1.0), (ACCEPTED, 1.0)]].concat());
    });
}

#[test]
fn http2_clients_that_go_beyond_a_limit_are_counted_by_limit() {
    let pod = Pod::scripted(|mut connection| {
        let _ = connection.rest();
    });
    let server = Tidegate::serve_with(&Manifests::everything_to(&[pod.address]), &["--h2-max-streams", "1"]);
    let before = scrape(&server);
    let mut client = FrameClient::connect(server.http);
    client.request(1, 0, &pseudo("POST", "a.example", "/"));
    client.request(3, END_STREAM, &pseudo("GET", "a.example", "/"));
    assert_eq!(client.reset_of(3), REFUSED_STREAM);
    let moved = [
        (r#"http2_limits_total{limit="streams",side="client"}"#, 1.0),
        (r#"requests_refused_total{reason="overload"}"#, 1.0),
        (ATTEMPTS, 1.0),
        (CONNECTS, 1.0),
        (OPEN, 1.0),
        (ACCEPTED, 1.0),
    ];
    expect(&server, &before, &moved);
}

#[test]
fn a_tunnel_is_one_request_with_all_its_bytes() {
    let pod = Pod::scripted(|mut connection| {
        connection.head().unwrap();
        connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
        let said = connection.exactly(5).unwrap();
        connection.send([&said[..], b" back"].concat());
    });
    let server = Tidegate::serve(&Manifests::everything_to(&[pod.address]));
    let before = scrape(&server);
    let request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let mut client = server.connect();
    assert_eq!(client.ask(request).status(), 101);
    client.send("hello");
    assert_eq!(client.rest().0, b"hello back");
    drop(client);
    let moved = [
        (r#"requests_total{ingress="all",service="web",code="101"}"#, 1.0),
        (DURATIONS, 1.0),
        (REQUEST_BYTES, (request.len() + 5) as f64),
        (RESPONSE_BYTES, 10.0),
        (ATTEMPTS, 1.0),
        (CONNECTS, 1.0),
        (HEADS, 1.0),
        (ACCEPTED, 1.0),
    ];
    expect(&server, &before, &moved);
}

#[test]
fn a_connection_that_gives_way_is_counted() {
    let pod = Pod::named("web");
    let server = Tidegate::serve_with(&Manifests::everything_to(&[pod.address]), &["--max-connections", "1"]);
    let before = scrape(&server);
    let mut first = server.connect();
    let mut second = server.connect();
    first.expect_end();
    assert_eq!(second.ask(get("a", "/")).status(), 200);
    let bytes = bytes_of(&server, 1.0);
    let moved = [
        (r#"connections_shed_total{reason="limit"}"#, 1.0),
        (REQUESTS_200, 1.0),
        (DURATIONS, 1.0),
        (REQUEST_BYTES, bytes),
        (RESPONSE_BYTES, 3.0),
        (ATTEMPTS, 1.0),
        (CONNECTS, 1.0),
        (HEADS, 1.0),
        (IDLE, 1.0),
        (OPEN, 1.0),
        (ACCEPTED, 2.0),
    ];
    expect(&server, &before, &moved);
}

#[test]
fn a_proxy_header_is_counted_beside_its_connection() {
    let options = ["--proxy-protocol", "require", "--trusted-proxies", "127.0.0.1/32"];
    let server = Tidegate::serve_with(&Manifests::new(), &options);
    let before = scrape(&server);
    let mut client = server.connect();
    client.send("PROXY TCP4 203.0.113.7 127.0.0.1 4000 80\r\n");
    let moved = [(r#"proxy_protocol_total{listener="http",result="v1"}"#, 1.0), (OPEN, 1.0), (ACCEPTED, 1.0)];
    expect(&server, &before, &moved);
}

#[test]
fn what_annotations_ask_of_endpoints_is_counted() {
    let (pod, answer) = Pod::held();
    let annotations = |pairs: &[(&str, &str)]| -> serde_json::Value {
        pairs.iter().map(|(key, value)| (format!("tidegate.dev/{key}"), json!(value))).collect()
    };
    let limited = annotations(&[("max-requests-per-endpoint", "1"), ("ejection-failures", "1")]);
    let checked = annotations(&[("health-check", "tcp"), ("health-check-interval", "100ms")]);
    let (gone, _held) = refusing();
    let manifests = Manifests::new()
        .service("held", &[pod.address])
        .service("gone", &[gone])
        .ingress_with("held", Some("held.example"), &[("/", "Prefix", "held")], limited, json!([]))
        .ingress_with("gone", Some("gone.example"), &[("/", "Prefix", "gone")], checked, json!([]));
    let server = Tidegate::serve(&manifests);
    let metric = |name: &str, labels: &str| server.metric(&format!("tidegate_{name}"), labels);
    let of = |service: &str| format!("service=\"{service}\"");
    let mut first = server.connect();
    first.send(get("held.example", "/"));
    pod.wait_for_connections(1);
    let mut second = server.connect();
    second.send(get("held.example", "/"));
    eventually("it waits", || (metric("upstream_queue_requests", &of("held")) == 1.0).then_some(()));
    answer.send(()).unwrap();
    answer.send(()).unwrap();
    assert_eq!((first.answer().status(), second.answer().status()), (200, 200));
    assert_eq!(metric("upstream_queue_requests", &of("held")), 0.0);
    assert_eq!(metric("upstream_queued_total", &of("held")), 1.0);
    assert_eq!(metric("upstream_ejections_total", &of("held")), 0.0, "the last one is never left out");
    eventually("it is down", || (metric("upstream_endpoints_down", &of("gone")) == 1.0).then_some(()));
    let checks = |result: &str| metric("upstream_checks_total", &format!("result=\"{result}\""));
    assert!(checks("bad") >= 1.0 && checks("good") == 0.0);
}
