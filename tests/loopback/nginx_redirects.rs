//! Redirects as annotations of ingress-nginx ask for them. Names of tests carry the behaviour that they show.

use serde_json::{Value, json};

use crate::support::h2::{H2Client, run};
use crate::support::{Manifests, Path, Pod, Tidegate, get};

/// A pod that counts as `web`, and a server with one Ingress for `a.example` that has these annotations.
fn serve_with(annotations: Value, paths: &[Path<'_>], tls: Value, options: &[&str]) -> (Pod, Tidegate) {
    let pod = Pod::named("web");
    let manifests =
        Manifests::new().service("web", &[pod.address]).ingress_with("web", Some("a.example"), paths, annotations, tls);
    let server = Tidegate::serve_with(&manifests, options);
    (pod, server)
}

fn serve(annotations: Value) -> (Pod, Tidegate) {
    serve_with(annotations, &[("/", "Prefix", "web")], json!([]), &[])
}

fn nginx(pairs: &[(&str, &str)]) -> Value {
    pairs.iter().map(|(key, value)| (format!("nginx.ingress.kubernetes.io/{key}"), json!(value))).collect()
}

fn location(server: &Tidegate, request: impl AsRef<[u8]>) -> (u16, Option<String>) {
    let answer = server.ask(request);
    (answer.status(), answer.field("location").map(str::to_owned))
}

fn at(status: u16, url: &str) -> (u16, Option<String>) {
    (status, Some(url.to_owned()))
}

fn with_tls() -> Value {
    json!([{"hosts": ["a.example"], "secretName": "missing"}])
}

#[test]
fn nginx_b1_one_slash_at_the_end_is_left_out_without_preserve_trailing_slash_and_b2_kept_with_it() {
    let paths = [("/", "Prefix", "web")];
    for (value, root, below) in
        [("false", "https://a.example", "https://a.example/x"), ("true", "https://a.example/", "https://a.example/x/")]
    {
        let annotations = nginx(&[("preserve-trailing-slash", value)]);
        let (_pod, server) = serve_with(annotations, &paths, with_tls(), &[]);
        assert_eq!(location(&server, get("a.example:80", "/")), at(308, root));
        assert_eq!(location(&server, get("a.example", "/x/")), at(308, below));
    }
}

#[test]
fn nginx_b7_use_port_in_redirects_adds_the_port_of_https() {
    let paths = [("/", "Prefix", "web")];
    let (_pod, server) =
        serve_with(nginx(&[("use-port-in-redirects", "true")]), &paths, with_tls(), &["--public-https-port", "443"]);
    assert_eq!(location(&server, get("a.example:80", "/x")), at(308, "https://a.example:443/x"));
    let (_pod, server) =
        serve_with(nginx(&[("use-port-in-redirects", "false")]), &paths, with_tls(), &["--public-https-port", "8443"]);
    assert_eq!(location(&server, get("a.example:80", "/x")), at(308, "https://a.example/x"));
}

#[test]
fn nginx_c1_c3_app_root_redirects_the_root_and_nothing_else() {
    let (pod, server) = serve(nginx(&[("app-root", "/app")]));
    assert_eq!(location(&server, get("a.example", "/")), at(302, "http://a.example/app"));
    assert_eq!(location(&server, get("a.example:8080", "/?x")), at(302, "http://a.example:8080/app"));
    assert_eq!(pod.requests().len(), 0);
    for path in ["/app", "/x", "/index.html"] {
        assert_eq!(server.ask(get("a.example", path)).text(), "web", "{path}");
    }
    run(async {
        let client = H2Client::plain(&server).await;
        let answer = client.get("a.example", "/").await;
        assert_eq!((answer.status, answer.field("location")), (302, Some("http://a.example/app")));
    });
}

#[test]
fn nginx_c1_the_root_is_redirected_before_it_is_sent_to_https() {
    let paths = [("/", "Prefix", "web")];
    let (_pod, server) = serve_with(nginx(&[("app-root", "/app")]), &paths, with_tls(), &[]);
    assert_eq!(location(&server, get("a.example", "/")), at(302, "http://a.example/app"));
    assert_eq!(location(&server, get("a.example", "/app")), at(308, "https://a.example/app"));
}

#[test]
fn nginx_c2_app_root_needs_no_rule_for_the_root() {
    let (_pod, server) = serve_with(nginx(&[("app-root", "/app")]), &[("/app", "Prefix", "web")], json!([]), &[]);
    assert_eq!(location(&server, get("a.example", "/")), at(302, "http://a.example/app"));
    assert_eq!(server.ask(get("a.example", "/app")).text(), "web");
    assert_eq!(server.ask(get("a.example", "/x")).status(), 404);
}

#[test]
fn nginx_c4_a_url_is_no_app_root() {
    for value in ["https://evil.example/", "//evil.example/", "app", "/a\r\nX: y"] {
        let (_pod, server) = serve(nginx(&[("app-root", value)]));
        assert_eq!(server.ask(get("a.example", "/")).text(), "web", "{value:?}");
    }
}

#[test]
fn nginx_d1_d4_permanent_redirect_sends_everything_to_the_url_and_nothing_to_pods() {
    let (pod, server) = serve(nginx(&[("permanent-redirect", "https://b.example/x?y")]));
    for request in [
        get("a.example", "/"),
        get("a.example", "/z?w"),
        get("a.example", "/.well-known/acme-challenge/x"),
        "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\nhi".to_owned(),
    ] {
        assert_eq!(location(&server, request), at(301, "https://b.example/x?y"));
    }
    run(async {
        let client = H2Client::plain(&server).await;
        let answer = client.get("a.example", "/z").await;
        assert_eq!((answer.status, answer.field("location")), (301, Some("https://b.example/x?y")));
    });
    assert_eq!(pod.connections(), 0);
}

#[test]
fn nginx_d1_variables_stand_for_what_the_request_has() {
    let forwarded = ["--trusted-proxies", "127.0.0.0/8"];
    for (value, target, url) in [
        ("https://b.example$request_uri", "/x?y=%20z", "https://b.example/x?y=%20z"),
        ("https://$host/new$uri$is_args$args", "/a%20b?c", "https://a.example/new/a%20b?c"),
        ("https://b.example/?to=$scheme://$http_host", "/", "https://b.example/?to=http://a.example:81"),
        ("https://b.example/$http_x_one", "/", "https://b.example/1%2"),
        ("https://b.example/$remote_addr", "/", "https://b.example/10.1.1.1"),
    ] {
        let annotations = nginx(&[("permanent-redirect", value)]);
        let (_pod, server) = serve_with(annotations, &[("/", "Prefix", "web")], json!([]), &forwarded);
        let request =
            format!("GET {target} HTTP/1.1\r\nHost: A.example:81\r\nX-One: 1%2\r\nX-Forwarded-For: 10.1.1.1\r\n\r\n");
        let url = url.replace("a.example:81", "A.example:81");
        assert_eq!(location(&server, request), at(301, &url), "{value}");
    }
}

#[test]
fn nginx_d1_d2_codes_are_those_of_redirects_and_others_leave_the_default() {
    for (annotation, values, status) in
        [("permanent-redirect", ["308", "303", "307"], 301), ("temporal-redirect", ["307", "301", "303"], 302)]
    {
        let code = format!("{annotation}-code");
        for value in values {
            let (_pod, server) = serve(nginx(&[(annotation, "https://b.example/"), (&code, value)]));
            assert_eq!(location(&server, get("a.example", "/")), at(value.parse().unwrap(), "https://b.example/"));
        }
        for value in ["200", "299", "309", "0304", "x", ""] {
            let (_pod, server) = serve(nginx(&[(annotation, "https://b.example/"), (&code, value)]));
            assert_eq!(location(&server, get("a.example", "/")), at(status, "https://b.example/"), "{value}");
        }
    }
}

#[test]
fn nginx_d1_d2_with_a_code_that_leads_nowhere_the_url_is_the_text_of_the_answer() {
    for annotation in ["permanent-redirect", "temporal-redirect"] {
        for (code, url, text) in [
            ("300", "https://b.example/x", "https://b.example/x"),
            ("304", "https://b.example/x", ""),
            ("305", "https://b.example/$arg_a", "https://b.example/<b>%0D"),
            ("306", "https://$host/", "https://a.example/"),
        ] {
            let (pod, server) = serve(nginx(&[(annotation, url), (&format!("{annotation}-code"), code)]));
            let mut client = server.connect();
            for _ in 0..2 {
                let answer = client.ask(get("a.example", "/?a=<b>%0D"));
                assert_eq!((answer.status(), answer.field("location")), (code.parse().unwrap(), None), "{annotation}");
                assert_eq!(answer.text(), text, "{annotation} {code}");
                let kind = answer.field("content-type").map(str::to_owned);
                assert_eq!(kind, (code != "304").then(|| "text/plain; charset=utf-8".to_owned()));
            }
            run(async {
                let answer = H2Client::plain(&server).await.get("a.example", "/?a=b").await;
                assert_eq!((answer.status, answer.field("location")), (code.parse().unwrap(), None));
                assert_eq!(answer.text(), text.replace("<b>%0D", "b"));
            });
            assert_eq!(pod.connections(), 0);
        }
    }
    let (_pod, server) = serve(nginx(&[("permanent-redirect", "/x"), ("permanent-redirect-code", "300")]));
    assert_eq!(server.ask(get("a.example", "/")).text(), "/x");
}

#[test]
fn nginx_d2_of_two_redirects_the_temporal_one_wins() {
    let both = [("permanent-redirect", "https://b.example/"), ("temporal-redirect", "https://c.example/")];
    let (pod, server) = serve(nginx(&both));
    assert_eq!(location(&server, get("a.example", "/")), at(302, "https://c.example/"));
    assert_eq!(pod.connections(), 0);
}

#[test]
fn nginx_d3_a_path_is_made_a_url_unless_redirects_are_relative() {
    let (_pod, server) = serve(nginx(&[("permanent-redirect", "/x")]));
    assert_eq!(location(&server, get("a.example:8080", "/")), at(301, "http://a.example/x"));
    let (_pod, server) = serve(nginx(&[("permanent-redirect", "/x"), ("use-port-in-redirects", "true")]));
    assert_eq!(location(&server, get("a.example:8080", "/")), at(301, "http://a.example:8080/x"));
    let (_pod, server) = serve(nginx(&[("permanent-redirect", "/x"), ("relative-redirects", "true")]));
    assert_eq!(location(&server, get("a.example:8080", "/")), at(301, "/x"));
}

#[test]
fn nginx_permanent_redirect_comes_before_the_redirect_to_https() {
    let annotations = nginx(&[("permanent-redirect", "https://b.example/"), ("force-ssl-redirect", "true")]);
    let (_pod, server) = serve(annotations);
    assert_eq!(location(&server, get("a.example", "/")), at(301, "https://b.example/"));
}

#[test]
fn a_hostile_redirect_is_not_applied_and_its_neighbour_serves() {
    let long = format!("https://b.example/{}", "x".repeat(4000));
    for value in [
        "https://b.example/\r\nSet-Cookie: a=b",
        "javascript:alert(1)",
        "//evil.example/",
        "https://b.example$nginx_version",
        "$scheme://b.example/",
        "https://b.example/$1",
        "b.example",
        &long,
    ] {
        for key in ["permanent-redirect", "temporal-redirect"] {
            let (_pod, server) = serve(nginx(&[(key, value)]));
            let answer = server.ask(get("a.example", "/"));
            assert_eq!((answer.text().as_str(), answer.field("location")), ("web", None), "{key}: {value:?}");
            let problems = server.admin("/debug/problems").text();
            assert!(problems.contains(key), "{problems}");
        }
    }
    let (_pod, server) = serve(nginx(&[("temporal-redirect", "/x")]));
    assert_eq!(server.ask(get("a.example", "/")).text(), "web", "a temporal redirect leads to a URL");
}
