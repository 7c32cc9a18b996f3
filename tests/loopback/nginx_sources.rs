//! Lists of clients as annotations of ingress-nginx give them. Names of tests carry the behaviour that they show.

use std::net::IpAddr;

use serde_json::{Value, json};

use crate::support::h2::{H2Client, run};
use crate::support::{Client, Manifests, Pod, Tidegate, get};

/// `a.example` has these annotations, `b.example` has none.
fn serve(pairs: &[(&str, &str)], options: &[&str]) -> (Pod, Tidegate) {
    let pod = Pod::named("web");
    let paths = [("/", "Prefix", "web")];
    let annotations: Value =
        pairs.iter().map(|(key, value)| (format!("nginx.ingress.kubernetes.io/{key}"), json!(value))).collect();
    let manifests = Manifests::new()
        .service("web", &[pod.address])
        .ingress_with("a", Some("a.example"), &paths, annotations, json!([]))
        .ingress("b", Some("b.example"), &paths);
    let server = Tidegate::serve_with(&manifests, options);
    (pod, server)
}

/// The status that a client with this address gets.
fn status(server: &Tidegate, client: &str) -> u16 {
    let client: IpAddr = client.parse().unwrap();
    Client::connect_from(client, server.http).ask(get("a.example", "/")).status()
}

#[test]
fn nginx_k1_the_lists_say_who_is_served_and_everybody_else_gets_403() {
    for (pairs, first, second, third) in [
        (&[("whitelist-source-range", "127.0.0.1/32, 127.0.0.3")][..], 200, 403, 200),
        (&[("allowlist-source-range", "127.0.0.1,127.0.0.3/32")], 200, 403, 200),
        (&[("denylist-source-range", "127.0.0.2")], 200, 403, 200),
        (&[("allowlist-source-range", "127.0.0.0/30"), ("denylist-source-range", "127.0.0.1/32")], 403, 200, 200),
        (&[("allowlist-source-range", "127.0.0.1"), ("whitelist-source-range", "127.0.0.2")], 200, 403, 403),
        (&[("allowlist-source-range", "0.0.0.0/0")], 200, 200, 200),
        (&[("allowlist-source-range", "::/0")], 403, 403, 403),
    ] {
        let (pod, server) = serve(pairs, &[]);
        let found = ["127.0.0.1", "127.0.0.2", "127.0.0.3"].map(|client| status(&server, client));
        assert_eq!(found, [first, second, third], "{pairs:?}");
        let served = found.iter().filter(|status| **status == 200).count();
        assert_eq!(pod.requests().len(), served, "who is refused reaches no pod");
    }
}

#[test]
fn nginx_k1_holds_over_http_2_and_for_requests_with_a_body() {
    let (pod, server) = serve(&[("denylist-source-range", "127.0.0.0/8")], &[]);
    run(async {
        let client = H2Client::plain(&server).await;
        assert_eq!(client.get("a.example", "/").await.status, 403);
        assert_eq!(client.get("b.example", "/").await.status, 200);
    });
    let post = "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\nhi";
    assert_eq!(server.ask(post).status(), 403);
    assert_eq!(pod.requests().len(), 1);
}

#[test]
fn nginx_k2_a_list_that_cannot_be_read_lets_nobody_in() {
    for key in ["whitelist-source-range", "allowlist-source-range", "denylist-source-range"] {
        for value in ["10.0.0.0/33", "127.0.0.1,nonsense", "", "127.0.0.1;", "127.0.0.1,", "a\r\nb", "010.0.0.1"] {
            let (pod, server) = serve(&[(key, value)], &[]);
            assert_eq!(status(&server, "127.0.0.1"), 503, "{key}: {value:?}");
            assert_eq!(server.ask(get("b.example", "/")).text(), "web", "the neighbour serves");
            assert_eq!(pod.requests().len(), 1);
            let problems = server.admin("/debug/problems").text();
            assert!(problems.contains("nobody is served"), "{problems}");
        }
    }
}

#[test]
fn nginx_k3_the_client_is_whom_a_trusted_proxy_names_and_nobody_else() {
    let list = [("allowlist-source-range", "192.0.2.0/24")];
    let named = |client: &str| format!("GET / HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-For: {client}\r\n\r\n");
    let (_pod, server) = serve(&list, &[]);
    assert_eq!(server.ask(named("192.0.2.1")).status(), 403);
    let (_pod, server) = serve(&list, &["--trusted-proxies", "127.0.0.1"]);
    for (client, expected) in [
        ("192.0.2.1", 200),
        ("::ffff:192.0.2.1", 200),
        ("198.51.100.1", 403),
        // Of several the last counts that no trusted proxy has.
        ("192.0.2.1, 198.51.100.1", 403),
        ("198.51.100.1, 192.0.2.1", 200),
        ("192.0.2.1, 127.0.0.1", 200),
        ("192.0.2.1, nonsense", 403),
        ("", 403),
    ] {
        assert_eq!(server.ask(named(client)).status(), expected, "{client}");
    }
}

#[test]
fn nginx_k3_the_client_is_whom_a_proxy_header_names() {
    let list = [("allowlist-source-range", "192.0.2.0/24")];
    let (_pod, server) = serve(&list, &["--proxy-protocol", "require", "--trusted-proxies", "127.0.0.1"]);
    for (client, expected) in [("192.0.2.1", 200), ("198.51.100.1", 403)] {
        let header = format!("PROXY TCP4 {client} 203.0.113.1 1 80\r\n");
        assert_eq!(server.ask(format!("{header}{}", get("a.example", "/"))).status(), expected, "{client}");
    }
}
