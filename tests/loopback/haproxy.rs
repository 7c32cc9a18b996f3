//! What annotations of haproxytech's kubernetes-ingress ask for, on Ingresses and on Services. Names of tests carry the behaviour
//! that they show.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::support::{Authority, Manifests, Pod, Speech, Tidegate, TlsPod, get};

fn haproxy(pairs: &[(&str, &str)]) -> Value {
    pairs.iter().map(|(key, value)| (format!("haproxy.org/{key}"), json!(value))).collect()
}

/// A Service and an Ingress for `a.example` with these annotations.
fn manifests(pod: SocketAddr, of_service: &[(&str, &str)], of_ingress: &[(&str, &str)]) -> Manifests {
    Manifests::new().annotated_service("web", &[pod], haproxy(of_service)).ingress_with(
        "web",
        Some("a.example"),
        &[("/", "Prefix", "web")],
        haproxy(of_ingress),
        json!([]),
    )
}

/// The target that the pod gets for this one.
fn target_of(pod: &Pod, server: &Tidegate, target: &str) -> String {
    assert_eq!(server.ask(get("a.example", target)).status(), 200, "{target}");
    pod.requests().last().expect("a request").target().to_owned()
}

#[test]
fn haproxy_path_rewrite_replaces_all_of_a_path_of_which_a_part_matches() {
    for (value, cases) in [
        ("/", &[("/x/y?q=1", "/?q=1")][..]),
        ("(.*) /foo\\1", &[("/bar?q=1", "/foo/bar?q=1"), ("/%20x", "/foo/%20x")]),
        ("([^?]*)(\\?(.*))? \\1/foo\\2", &[("/bar?q=1", "/bar/foo?q=1")]),
        ("/foo/(.*) /\\1", &[("/foo/bar?q=1", "/bar?q=1"), ("/x/foo/bar", "/bar"), ("/other", "/other")]),
        ("/foo/(.*) /\\1\n/bar/(.*) /baz/\\1", &[("/foo/bar/x", "/baz/x"), ("/bar/x", "/baz/x")]),
        ("(.*)x \\1", &[("/ax", "/a"), ("x", "/")][..1]),
    ] {
        let pod = Pod::named("pod");
        let server = Tidegate::serve(&manifests(pod.address, &[], &[("path-rewrite", value)]));
        for (target, expected) in cases {
            assert_eq!(target_of(&pod, &server, target), *expected, "{value}: {target}");
        }
    }
}

#[test]
fn haproxy_request_redirect_keeps_the_path_and_the_query() {
    let pod = Pod::named("pod");
    let annotations = [("request-redirect", "b.example:8888"), ("request-redirect-code", "303")];
    let server = Tidegate::serve(&manifests(pod.address, &[], &annotations));
    let answer = server.ask(get("a.example", "/x/y?q=1"));
    assert_eq!((answer.status(), answer.field("location")), (303, Some("http://b.example:8888/x/y?q=1")));
    assert_eq!(pod.requests().len(), 0);
}

#[test]
fn haproxy_ssl_redirect_has_the_status_that_is_asked_for_and_needs_no_tls_entry() {
    let pod = Pod::named("pod");
    let annotations = [("ssl-redirect", "true"), ("ssl-redirect-code", "301"), ("ssl-redirect-port", "443")];
    let server = Tidegate::serve(&manifests(pod.address, &[], &annotations));
    let answer = server.ask(get("a.example", "/x?q=1"));
    assert_eq!((answer.status(), answer.field("location")), (301, Some("https://a.example/x?q=1")));
}

#[test]
fn haproxy_fields_are_set_on_both_ways_and_the_host_for_pods() {
    let pod = Pod::named("pod");
    let annotations = [
        ("request-set-header", "Ingress-ID abcd123\nX-Cost \"5%% of $1\""),
        ("response-set-header", "Cache-Control \"no-store,no-cache,private\""),
        ("set-host", "internal.example"),
    ];
    let server = Tidegate::serve(&manifests(pod.address, &[], &annotations));
    let answer = server.ask(get("a.example", "/"));
    assert_eq!(answer.field("cache-control"), Some("no-store,no-cache,private"));
    let requests = pod.requests();
    let request = requests.last().unwrap();
    assert_eq!(
        [request.field("ingress-id"), request.field("x-cost"), request.field("host")],
        [Some("abcd123"), Some("5% of $1"), Some("internal.example")]
    );
}

#[test]
fn haproxy_rate_limit_lets_so_many_come_at_once_and_no_more() {
    let pod = Pod::named("pod");
    let annotations = [("rate-limit-requests", "3"), ("rate-limit-period", "1h")];
    let server = Tidegate::serve(&manifests(pod.address, &[], &annotations));
    let statuses: Vec<_> = (0..5).map(|_| server.ask(get("a.example", "/")).status()).collect();
    assert_eq!(statuses, [200, 200, 200, 403, 403]);
    let annotations =
        [annotations[0], annotations[1], ("rate-limit-status-code", "429"), ("rate-limit-whitelist", "::1")];
    let server = Tidegate::serve(&manifests(pod.address, &[], &annotations));
    let statuses: Vec<_> = (0..4).map(|_| server.ask(get("a.example", "/")).status()).collect();
    assert_eq!(statuses, [200, 200, 200, 429]);
}

#[test]
fn haproxy_lists_let_clients_pass_or_not() {
    let pod = Pod::named("pod");
    for (annotation, expected) in [
        (("allow-list", "127.0.0.0/8"), 200),
        (("whitelist", "10.0.0.0/8"), 403),
        (("deny-list", "127.0.0.1, 10.0.0.0/8"), 403),
        (("deny-list", "patterns/ips"), 503),
    ] {
        let server = Tidegate::serve(&manifests(pod.address, &[], &[annotation]));
        assert_eq!(server.ask(get("a.example", "/")).status(), expected, "{annotation:?}");
    }
}

#[test]
fn haproxy_server_ssl_on_a_service_wins_over_an_ingress() {
    let pod = Pod::named("pod");
    let tls = TlsPod::before(pod.address, Speech::of(&["http/1.1"]));
    let server = Tidegate::serve(&manifests(tls.address, &[("server-ssl", "true")], &[("server-ssl", "false")]));
    assert_eq!(server.ask(get("a.example", "/")).text(), "pod");
    let server = Tidegate::serve(&manifests(pod.address, &[("server-ssl", "false")], &[("server-ssl", "true")]));
    assert_eq!(server.ask(get("a.example", "/")).text(), "pod");
}

#[test]
fn haproxy_cookie_persistence_keeps_a_client_with_its_pod() {
    let pods: Vec<_> = (0..4).map(|n| Pod::named(&format!("pod-{n}"))).collect();
    let addresses: Vec<_> = pods.iter().map(|pod| pod.address).collect();
    let manifests = Manifests::new()
        .annotated_service("web", &addresses, haproxy(&[("cookie-persistence", "chosen")]))
        .ingress("web", Some("a.example"), &[("/app", "Prefix", "web")]);
    let server = Tidegate::serve(&manifests);
    let first = server.ask(get("a.example", "/app"));
    let (pair, attributes) = first.field("set-cookie").unwrap().split_once("; ").unwrap();
    assert!(pair.starts_with("chosen=") && attributes.contains("Path=/;"), "{pair}; {attributes}");
    for _ in 0..8 {
        let again = server.ask(format!("GET /app HTTP/1.1\r\nHost: a.example\r\nCookie: {pair}\r\n\r\n"));
        assert_eq!((again.text(), again.field("set-cookie")), (first.text(), None));
    }
}

#[test]
fn haproxy_cors_answers_pages_whose_origin_matches() {
    let pod = Pod::named("pod");
    let annotations = [
        ("cors-enable", "true"),
        ("cors-allow-origin", "^https://(.+\\.)?example-1\\.com(:\\d{1,5})?$"),
        ("cors-max-age", "1m"),
    ];
    let server = Tidegate::serve(&manifests(pod.address, &[], &annotations));
    let ask = |method: &str, origin: &str| {
        server.ask(format!("{method} / HTTP/1.1\r\nHost: a.example\r\nOrigin: {origin}\r\n\r\n"))
    };
    let answer = ask("OPTIONS", "https://www.example-1.com:81");
    assert_eq!(answer.status(), 204);
    let fields = ["access-control-allow-origin", "access-control-allow-methods", "access-control-max-age"];
    assert_eq!(fields.map(|name| answer.field(name)), [Some("https://www.example-1.com:81"), Some("*"), Some("60")]);
    assert_eq!(answer.field("access-control-allow-credentials"), None);
    assert_eq!(ask("GET", "https://example-2.com").field("access-control-allow-origin"), None);
}

#[test]
fn haproxy_server_ca_of_a_service_verifies_pods_for_whichever_name() {
    let (right, wrong) = (Authority::new("right"), Authority::new("wrong"));
    let pod = Pod::named("pod");
    let certificate = right.sign("of.whatever.example", -1..1);
    let tls = TlsPod::before(pod.address, Speech { certificate, ..Speech::of(&["http/1.1"]) });
    let of_service = [("server-ssl", "true"), ("server-ca", "test/authorities")];
    for (key, authority, status) in
        [("tls.crt", &right, 200), ("ca.crt", &right, 200), ("tls.crt", &wrong, 502), ("other", &right, 503)]
    {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "authorities", "namespace": "test"},
            "stringData": {key: authority.pem},
        });
        let server = Tidegate::serve(&manifests(tls.address, &of_service, &[]).object(secret));
        assert_eq!(server.ask(get("a.example", "/")).status(), status, "{key}");
    }
}
