//! A plain listener behind a load balancer that ends TLS.

use serde_json::json;

use crate::support::h2::{H2Client, run};
use crate::support::{Manifests, Pod, Tidegate, get};

fn manifests(pod: &Pod) -> Manifests {
    let tls = json!([{"hosts": ["shop.example"], "secretName": "cert"}]);
    let force = json!({"tidegate.dev/force-ssl-redirect": "true"});
    let paths = &[("/", "Prefix", "web")];
    Manifests::new()
        .service("web", &[pod.address])
        .certificate("cert", &["shop.example"])
        .ingress_with("shop", Some("shop.example"), paths, json!({}), tls)
        .ingress_with("force", Some("force.example"), paths, force, json!([]))
}

const STANDS: [&str; 2] = ["--http-stands-for-https", "true"];

fn asking(host: &str, proto: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-Proto: {proto}\r\n\r\n")
}

#[test]
fn requests_on_the_plain_listener_count_as_https() {
    let pod = Pod::named("web");
    for (options, port) in [(&[][..], "443"), (&["--public-https-port", "8443"], "8443")] {
        let server = Tidegate::serve_with(&manifests(&pod), &[&STANDS, options].concat());
        for host in ["shop.example", "force.example"] {
            // What an untrusted client says of it counts for nothing.
            for request in [get(host, "/"), asking(host, "http")] {
                assert_eq!(server.ask(request).text(), "web", "not redirected");
                let seen = pod.requests().pop().unwrap();
                assert_eq!(seen.field("x-forwarded-proto"), Some("https"));
                assert_eq!(seen.field("x-forwarded-port"), Some(port));
            }
        }
        run(async {
            assert_eq!(H2Client::plain(&server).await.get("shop.example", "/").await.text(), "web");
        });
        assert_eq!(pod.requests().pop().unwrap().field("x-forwarded-proto"), Some("https"));
    }
    let server = Tidegate::serve(&manifests(&pod));
    assert_eq!(server.ask(get("shop.example", "/")).status(), 308, "not without the option");
}

#[test]
fn a_trusted_proxy_knows_better() {
    let pod = Pod::named("web");
    let server = Tidegate::serve_with(&manifests(&pod), &[&STANDS[..], &["--trusted-proxies", "127.0.0.1"]].concat());
    for host in ["shop.example", "force.example"] {
        let answer = server.ask(asking(host, "HTTP"));
        assert_eq!((answer.status(), answer.field("location")), (308, Some(format!("https://{host}/").as_str())));
        for request in [get(host, "/"), asking(host, "https"), asking(host, "wss")] {
            assert_eq!(server.ask(request).text(), "web");
        }
        let acme = asking(host, "http").replace("GET /", "GET /.well-known/acme-challenge/x");
        assert_eq!(server.ask(acme).text(), "web");
        assert_eq!(pod.requests().pop().unwrap().field("x-forwarded-proto"), Some("http"), "as told");
    }
}
