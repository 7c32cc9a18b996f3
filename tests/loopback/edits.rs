//! Our own annotations for fields, refused paths and redirects.

use serde_json::{Value, json};

use crate::support::h2::{H2Client, H2Pod, run};
use crate::support::{Manifests, Message, Pod, Tidegate, get};

/// `a.example` has these annotations, `b.example` has none.
fn serve(pod: &Pod, pairs: &[(&str, &str)]) -> Tidegate {
    let paths = [("/", "Prefix", "web")];
    let annotations: Value = pairs.iter().map(|(key, value)| (format!("tidegate.dev/{key}"), json!(value))).collect();
    let manifests = Manifests::new()
        .service("web", &[pod.address])
        .ingress_with("a", Some("a.example"), &paths, annotations, json!([]))
        .ingress_with(
            "c",
            Some("c.example"),
            &[("/x", "Prefix", "nowhere")],
            json!({"tidegate.dev/response-headers": "X-Frame-Options: DENY\nX-Host: $host"}),
            json!([]),
        )
        .ingress("b", Some("b.example"), &paths);
    Tidegate::serve(&manifests)
}

const ANSWER: &str = "HTTP/1.1 404 Not Found\r\nServer: pod\r\nX-Powered-By: php\r\nX-Frame-Options: ALLOWALL\r\n\
                      X-Frame-Options: SAMEORIGIN\r\nContent-Length: 0\r\n\r\n";

const FIELDS: &str = "X-Frame-Options: DENY\n-X-Powered-By\nServer: edge\nX-Asked: $request_method $host$uri $http_x_one\n\
                      X-None: $http_x_none";

fn told(answer: &Message) -> [Vec<&str>; 5] {
    ["x-frame-options", "x-powered-by", "server", "x-asked", "x-none"].map(|name| answer.all(name))
}

#[test]
fn z2_fields_of_all_answers_of_pods_are_set_and_removed_over_http_1_and_http_2() {
    let pod = Pod::answering(ANSWER);
    let server = serve(&pod, &[("response-headers", FIELDS)]);
    let answer = server.ask("GET /%61 HTTP/1.1\r\nHost: a.example\r\nX-One: \u{1}1\t2\r\n\r\n".replace('\u{1}', ""));
    assert_eq!(answer.status(), 404);
    assert_eq!(told(&answer), [&["DENY"][..], &[], &["edge"], &["GET a.example/a 1\t2"], &[]].map(<[_]>::to_vec));
    let other = server.ask(get("b.example", "/"));
    assert_eq!(other.all("x-frame-options"), ["ALLOWALL", "SAMEORIGIN"]);
    assert_eq!(other.all("x-powered-by"), ["php"]);
    run(async {
        let answer = H2Client::plain(&server).await.get("a.example", "/").await;
        assert_eq!(answer.headers.get_all("x-frame-options").iter().collect::<Vec<_>>(), ["DENY"]);
        assert_eq!(answer.field("server"), Some("edge"));
        assert_eq!(answer.field("x-asked"), Some("GET a.example/"));
        assert_eq!(answer.field("x-powered-by"), None);
    });
}

#[test]
fn z2_fields_of_our_own_answers_are_set_too() {
    let pod = Pod::answering(ANSWER);
    let server = serve(&pod, &[("response-headers", FIELDS), ("deny-paths", "/x"), ("redirects", "/y /z")]);
    for (host, target, status) in [("a.example", "/x", 403), ("a.example", "/y", 302), ("c.example", "/x", 503)] {
        let answer = server.ask(get(host, target));
        assert_eq!((answer.status(), answer.all("x-frame-options")), (status, vec!["DENY"]), "{host}{target}");
    }
    assert_eq!(server.ask(get("c.example", "/x")).field("x-host"), Some("c.example"));
    assert_eq!(pod.connections(), 0);
}

#[test]
fn z2_fields_for_pods_are_set_and_removed() {
    let pod = Pod::named("web");
    let fields = "X-Forwarded-Proto: https\nX-Real-IP: 192.0.2.1\nX-Request-ID: one\nX-Script-Name: /app\n-Cookie\n\
                  X-Uri: $request_uri";
    let server = serve(&pod, &[("request-headers", fields)]);
    let request =
        "GET /a?b HTTP/1.1\r\nHost: a.example\r\nCookie: a=b\r\nX-Script-Name: evil\r\nX-Script-Name: 2\r\n\r\n";
    assert_eq!(server.ask(request).status(), 200);
    run(async {
        assert_eq!(H2Client::plain(&server).await.get("a.example", "/a?b").await.status, 200);
    });
    for request in pod.requests() {
        for (name, expected) in [
            ("x-forwarded-proto", &["https"][..]),
            ("x-real-ip", &["192.0.2.1"]),
            ("x-request-id", &["one"]),
            ("x-script-name", &["/app"]),
            ("cookie", &[]),
            ("x-uri", &["/a?b"]),
            ("x-forwarded-host", &["a.example"]),
        ] {
            assert_eq!(request.all(name), expected, "{name}");
        }
    }
}

#[test]
fn z2_no_spelling_of_a_refused_path_reaches_a_pod() {
    let pod = Pod::named("web");
    let server = serve(&pod, &[("deny-paths", "/metrics\n/admin/*")]);
    for path in [
        "/metrics",
        "/metrics/",
        "/metrics?x",
        "/%6detrics",
        "//metrics",
        "/./metrics",
        "/x/../metrics",
        "/metrics;x=y",
        "/x/%2e%2e/metrics",
        "/admin",
        "/admin/",
        "/admin/x",
        "/%61dmin/x",
        "//admin//x",
        "/x%2F..%2Fadmin",
        "/admin%2Fx",
        "/admin/../x",
    ] {
        let status = server.ask(get("a.example", path)).status();
        assert!(matches!(status, 403 | 400), "{path}: {status}");
    }
    assert_eq!(pod.connections(), 0);
    for (host, path) in [("a.example", "/administration"), ("a.example", "/metrics/x"), ("b.example", "/metrics")] {
        assert_eq!(server.ask(get(host, path)).status(), 200, "{host}{path}");
    }
}

#[test]
fn z2_a_list_of_refused_paths_that_cannot_be_read_closes_its_routes() {
    let pod = Pod::named("web");
    let server = serve(&pod, &[("deny-paths", "/a\nadmin")]);
    assert_eq!(server.ask(get("a.example", "/x")).status(), 503);
    assert_eq!(server.ask(get("b.example", "/x")).status(), 200);
}

#[test]
fn z2_redirects_of_paths_lead_where_they_say() {
    let pod = Pod::named("web");
    let lines = "/old /new 301\n/docs/* https://docs.example/$1$is_args$args 308\n/q https://$host$request_uri";
    let server = serve(&pod, &[("redirects", lines)]);
    for (target, expected) in [
        ("/old", Some((301, "/new"))),
        ("/old?x", Some((301, "/new"))),
        ("/old/x", None),
        ("/docs", Some((308, "https://docs.example/"))),
        ("/docs/a%20b/c?d=e", Some((308, "https://docs.example/a%20b/c?d=e"))),
        ("/q?a=1", Some((302, "https://a.example/q?a=1"))),
        ("/docsx", None),
    ] {
        let answer = server.ask(get("a.example", target));
        let found = answer.field("location").map(|location| (answer.status(), location));
        assert_eq!(found, expected, "{target}");
    }
    run(async {
        let answer = H2Client::plain(&server).await.get("a.example", "/old").await;
        assert_eq!((answer.status, answer.field("location")), (301, Some("/new")));
    });
}

#[test]
fn z2_fields_for_pods_over_http_2_are_set_and_removed() {
    let pod = H2Pod::scripted(|mut call| async move { call.answer(200, b"").await });
    let annotations = json!({"tidegate.dev/request-headers": "X-Forwarded-Proto: https\nX-One: $host\n-Cookie"});
    let manifests = Manifests::new().h2c_service("web", &[pod.address]).ingress_with(
        "a",
        Some("a.example"),
        &[("/", "Prefix", "web")],
        annotations,
        json!([]),
    );
    let server = Tidegate::serve(&manifests);
    let request = "GET / HTTP/1.1\r\nHost: a.example\r\nCookie: a=b\r\nX-One: evil\r\n\r\n";
    assert_eq!(server.ask(request).status(), 200);
    let (_, _, headers) = pod.heads().remove(0);
    let all = |name: &str| headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect::<Vec<_>>();
    assert_eq!((all("x-forwarded-proto"), all("x-one"), all("cookie")), (vec!["https"], vec!["a.example"], vec![]));
}
