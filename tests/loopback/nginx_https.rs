//! The redirect to https as annotations of ingress-nginx ask for it. Names of tests carry the behaviour that they show.

use serde_json::{Value, json};

use crate::support::{Manifests, Pod, Tidegate, get};

/// A host with a TLS entry whose Secret does not exist, and one without.
fn manifests(pod: &Pod, annotations: &Value) -> Manifests {
    let paths = [("/", "Prefix", "web")];
    let tls = json!([{"hosts": ["tls.example"], "secretName": "missing"}]);
    Manifests::new()
        .service("web", &[pod.address])
        .ingress_with("tls", Some("tls.example"), &paths, annotations.clone(), tls)
        .ingress_with("plain", Some("plain.example"), &paths, annotations.clone(), json!([]))
}

fn serve(annotations: &Value, options: &[&str]) -> (Pod, Tidegate) {
    let pod = Pod::named("web");
    let server = Tidegate::serve_with(&manifests(&pod, annotations), options);
    (pod, server)
}

#[test]
fn nginx_b2_ssl_redirect_false_serves_plain_http() {
    let (_pod, server) = serve(&json!({"nginx.ingress.kubernetes.io/ssl-redirect": "false"}), &[]);
    assert_eq!(server.ask(get("tls.example", "/")).text(), "web");
    let (_pod, server) =
        serve(&json!({"nginx.ingress.kubernetes.io/ssl-redirect": "true"}), &["--ssl-redirect", "false"]);
    assert_eq!(server.ask(get("tls.example", "/")).status(), 308);
    assert_eq!(server.ask(get("plain.example", "/")).text(), "web");
}

#[test]
fn nginx_b3_a_host_whose_secret_is_missing_is_redirected_all_the_same() {
    let annotations = json!({"nginx.ingress.kubernetes.io/ssl-redirect": "true"});
    let (_pod, server) = serve(&annotations, &["--ssl-redirect", "false"]);
    let answer = server.ask(get("tls.example:80", "/x?y"));
    assert_eq!((answer.status(), answer.field("location")), (308, Some("https://tls.example/x?y")));
}

#[test]
fn nginx_b4_force_ssl_redirect_needs_no_tls_entry() {
    let (_pod, server) = serve(&json!({"nginx.ingress.kubernetes.io/force-ssl-redirect": "true"}), &[]);
    let answer = server.ask(get("plain.example", "/x"));
    assert_eq!((answer.status(), answer.field("location")), (308, Some("https://plain.example/x")));
}

#[test]
fn nginx_b5_a_trusted_proxy_says_that_its_client_used_https() {
    let annotations = json!({"nginx.ingress.kubernetes.io/force-ssl-redirect": "true"});
    let request = "GET / HTTP/1.1\r\nHost: plain.example\r\nX-Forwarded-Proto: https\r\n\r\n";
    let (_pod, server) = serve(&annotations, &["--trusted-proxies", "127.0.0.1"]);
    assert_eq!(server.ask(request).text(), "web");
    let (_pod, server) = serve(&annotations, &[]);
    assert_eq!(server.ask(request).status(), 308);
}

#[test]
fn nginx_b6_challenges_are_not_redirected() {
    let (_pod, server) = serve(&json!({"nginx.ingress.kubernetes.io/force-ssl-redirect": "true"}), &[]);
    assert_eq!(server.ask(get("plain.example", "/.well-known/acme-challenge/token")).text(), "web");
    assert_eq!(server.ask(get("plain.example", "/.well-known/other/token")).status(), 308);
}

#[test]
fn annotations_of_a_dialect_that_is_not_in_force_do_nothing() {
    let annotations = json!({"nginx.ingress.kubernetes.io/force-ssl-redirect": "true"});
    let (_pod, server) = serve(&annotations, &["--dialects", "tidegate.dev"]);
    assert_eq!(server.ask(get("plain.example", "/")).text(), "web");
}
