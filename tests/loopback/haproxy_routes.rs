//! Services that take some requests of their paths (`route-acl`), and paths that take some (`path-suffixes`). Names of tests carry the
//! behaviour that they show.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Manifests, Path, Pod, Tidegate, get};

/// Pods that count as `main` and `other`, a Service for each, the other with this condition, and an Ingress for `a.example`.
fn serve(acl: &str, paths: &[Path<'_>]) -> ([Pod; 2], Tidegate) {
    let pods = ["main", "other"].map(Pod::named);
    let annotations = json!({ "haproxy.org/route-acl": acl });
    let manifests = Manifests::new()
        .service("main", &[pods[0].address])
        .annotated_service("other", &[pods[1].address], annotations)
        .ingress("web", Some("a.example"), paths);
    let server = Tidegate::serve_with(&manifests, &[]);
    (pods, server)
}

/// Who answers a request with these lines, or the status.
fn who(server: &Tidegate, target: &str, lines: &str) -> String {
    let answer = server.ask(format!("GET {target} HTTP/1.1\r\nHost: a.example\r\n{lines}\r\n"));
    if answer.status() == 200 { answer.text() } else { answer.status().to_string() }
}

const BOTH: &[Path<'_>] = &[("/", "Prefix", "main"), ("/", "Prefix", "other")];

#[test]
fn haproxy_route_acl_of_static_content_leads_to_a_service_of_its_own() {
    let one_line = "path_beg -i /static /images /javascript /stylesheets || path_end -i .jpg .gif .png .css .js";
    let lines = "acl url_static path_beg -i /static /images /javascript /stylesheets\n\
                 acl url_static path_end -i .jpg .gif .png .css .js";
    for acl in [one_line, lines] {
        let (_pods, server) = serve(acl, BOTH);
        for (target, expected) in [
            ("/", "main"),
            ("/static/x", "other"),
            ("/Images/a", "other"),
            ("/shop/a.JPG?big", "other"),
            ("/shop/a.jpeg", "main"),
            ("/x?a=.css", "main"),
            ("/app/site.css", "other"),
        ] {
            assert_eq!(who(&server, target, ""), expected, "{target}");
        }
    }
}

#[test]
fn haproxy_route_acl_comes_before_longer_paths_and_takes_what_is_below_its_own_path_alone() {
    let (_pods, server) = serve(
        "cookie(staging) -m found",
        &[("/", "Prefix", "main"), ("/app/long", "Prefix", "main"), ("/app", "Prefix", "other")],
    );
    let staging = "Cookie: staging=1\r\n";
    assert_eq!(who(&server, "/app/long", staging), "other");
    assert_eq!(who(&server, "/app/long", ""), "main");
    assert_eq!(who(&server, "/other", staging), "main");
    // Nobody else has it.
    let (_pods, server) = serve("hdr(X-Version) 2", &[("/app", "Prefix", "other")]);
    assert_eq!(who(&server, "/app", "x-version: 1, 2\r\n"), "other");
    assert_eq!(who(&server, "/app", ""), "404");
}

#[test]
fn haproxy_route_acl_by_chance_and_by_address() {
    let (_pods, server) = serve("rand(100) lt 25", BOTH);
    let mut shares = BTreeMap::new();
    for _ in 0..400 {
        *shares.entry(who(&server, "/%41", "")).or_insert(0) += 1;
    }
    // One in 10^9 runs has fewer or more.
    assert!((50..160).contains(&shares["other"]) && shares.len() == 2, "{shares:?}");
    let (_pods, server) = serve("src 127.0.0.0/8", BOTH);
    assert_eq!(who(&server, "/", ""), "other");
    let (_pods, server) = serve("!src 127.0.0.0/8", BOTH);
    assert_eq!(who(&server, "/", ""), "main");
}

#[test]
fn haproxy_route_acl_that_cannot_be_read_gives_its_service_nothing() {
    let (pods, server) = serve("ssl_fc", BOTH);
    assert_eq!(who(&server, "/", ""), "main");
    assert_eq!(pods[1].requests().len(), 0);
    let (pods, server) = serve("ssl_fc", &[("/", "Prefix", "main"), ("/app", "Prefix", "other")]);
    assert_eq!((who(&server, "/app/x", ""), who(&server, "/", "")), ("503".into(), "main".into()));
    assert_eq!(pods[1].requests().len(), 0);
}

#[test]
fn path_suffixes_let_an_ingress_take_some_requests_of_its_paths() {
    let pods = ["main", "other"].map(Pod::named);
    let annotations: Value = json!({ "tidegate.dev/path-suffixes": ".jpg .gif" });
    let manifests = Manifests::new()
        .service("main", &[pods[0].address])
        .service("other", &[pods[1].address])
        .ingress("web", Some("a.example"), &[("/", "Prefix", "main"), ("/app/long", "Prefix", "main")])
        .ingress_with("static", Some("a.example"), &[("/app", "Prefix", "other")], annotations, json!([]));
    let server = Tidegate::serve_with(&manifests, &[]);
    for (target, expected) in [
        ("/app/a.jpg", "other"),
        ("/app/a.gif?x", "other"),
        ("/app/a.JPG", "main"),
        ("/app/a.png", "main"),
        ("/a.jpg", "main"),
        // A longer path comes first.
        ("/app/long/a.jpg", "main"),
    ] {
        assert_eq!(who(&server, target, ""), expected, "{target}");
    }
    assert_eq!(server.ask(get("b.example", "/app/a.jpg")).status(), 404);
}
