//! Pages of other origins as annotations of ingress-nginx tell of them. Names of tests carry the behaviour that they show.

use serde_json::{Value, json};

use crate::support::h2::{H2Client, run};
use crate::support::{Manifests, Message, Pod, Tidegate, get};

const PREFIX: &str = "nginx.ingress.kubernetes.io/";
const PAGE: &str = "https://page.example";

/// What a browser is told by default, without the origin.
const DEFAULTS: [(&str, &str); 4] = [
    ("access-control-allow-credentials", "true"),
    ("access-control-allow-methods", "GET, PUT, POST, DELETE, PATCH, OPTIONS"),
    (
        "access-control-allow-headers",
        "DNT,Keep-Alive,User-Agent,X-Requested-With,If-Modified-Since,Cache-Control,Content-Type,Range,Authorization",
    ),
    ("access-control-max-age", "1728000"),
];

/// `a.example` has CORS and these annotations, `b.example` has none.
fn serve_with(pod: &Pod, pairs: &[(&str, &str)], tls: Value) -> Tidegate {
    let paths = [("/", "Prefix", "web"), ("/down", "Prefix", "down")];
    let pairs = [("enable-cors", "true")].iter().chain(pairs);
    let annotations: Value = pairs.map(|(key, value)| (format!("{PREFIX}{key}"), json!(value))).collect();
    let manifests = Manifests::new()
        .service("web", &[pod.address])
        .service("down", &[])
        .ingress_with("a", Some("a.example"), &paths, annotations, tls)
        .ingress("b", Some("b.example"), &paths);
    Tidegate::serve(&manifests)
}

fn serve(pairs: &[(&str, &str)]) -> (Pod, Tidegate) {
    let pod = Pod::named("web");
    let server = serve_with(&pod, pairs, json!([]));
    (pod, server)
}

/// A request of a page of this origin.
fn of(method: &str, target: &str, origin: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nHost: a.example\r\nOrigin: {origin}\r\n\r\n")
}

fn allowed(answer: &Message) -> Option<&str> {
    answer.field("access-control-allow-origin")
}

#[test]
fn nginx_j1_without_further_annotations_all_pages_may_read_answers() {
    let (pod, server) = serve(&[]);
    // ingress-nginx tells clients so that name no origin, too.
    for request in [of("GET", "/", PAGE), get("a.example", "/")] {
        let answer = server.ask(request);
        assert_eq!((answer.status(), answer.text()), (200, "web".to_owned()));
        assert_eq!(allowed(&answer), Some("*"));
        for (name, value) in DEFAULTS {
            assert_eq!(answer.field(name), Some(value), "{name}");
        }
        assert_eq!((answer.field("access-control-expose-headers"), answer.field("vary")), (None, None));
    }
    let answer = server.ask(get("b.example", "/"));
    assert_eq!((answer.text(), allowed(&answer)), ("web".to_owned(), None));
    assert_eq!(pod.requests().len(), 3);
}

#[test]
fn nginx_j1_what_annotations_set_is_told_and_what_cannot_be_read_leaves_the_default() {
    let (_pod, server) = serve(&[
        ("cors-allow-methods", "GET, POST"),
        ("cors-allow-headers", "X-Token"),
        ("cors-expose-headers", "X-Page, X-Pages"),
        ("cors-allow-credentials", "false"),
        ("cors-max-age", "600"),
    ]);
    let answer = server.ask(of("GET", "/", PAGE));
    for (name, value) in [
        ("access-control-allow-origin", Some("*")),
        ("access-control-allow-methods", Some("GET, POST")),
        ("access-control-allow-headers", Some("X-Token")),
        ("access-control-expose-headers", Some("X-Page, X-Pages")),
        ("access-control-allow-credentials", None),
        ("access-control-max-age", Some("600")),
    ] {
        assert_eq!(answer.field(name), value, "{name}");
    }
    let (_pod, server) = serve(&[
        ("cors-allow-methods", "GET\r\nX-Evil: 1"),
        ("cors-allow-headers", "X-Token;"),
        ("cors-expose-headers", ""),
        ("cors-allow-credentials", "maybe"),
        ("cors-max-age", "soon"),
    ]);
    let answer = server.ask(of("GET", "/", PAGE));
    for (name, value) in DEFAULTS {
        assert_eq!(answer.field(name), Some(value), "{name}");
    }
    assert_eq!((answer.field("access-control-expose-headers"), answer.field("x-evil")), (None, None));
    assert_eq!(server.admin("/debug/problems").text().matches("InvalidAnnotation").count(), 5);
}

#[test]
fn nginx_j2_listed_origins_are_told_back_and_j3_others_are_served_without_a_word() {
    let (pod, server) =
        serve(&[("cors-allow-origin", "https://page.example:8443 ,https://*.shop.example,app://x,bare,")]);
    for (origin, is_allowed) in [
        ("https://page.example:8443", true),
        ("https://PAGE.example:8443", true),
        ("https://page.example", false),
        ("http://page.example:8443", false),
        ("https://one.shop.example", true),
        ("https://one.two.shop.example", false),
        ("https://shop.example", false),
        ("app://x", true),
        ("bare", false),
        ("https://evil.example", false),
        ("null", false),
    ] {
        let answer = server.ask(of("GET", "/", origin));
        assert_eq!(answer.text(), "web", "{origin}");
        assert_eq!(allowed(&answer), is_allowed.then_some(origin), "{origin}");
        assert_eq!(answer.field("access-control-max-age").is_some(), is_allowed, "{origin}");
        assert_eq!(answer.field("vary"), Some("Origin"), "{origin}");
    }
    assert_eq!(allowed(&server.ask(get("a.example", "/"))), None);
    assert_eq!(pod.requests().len(), 12);
    assert!(server.admin("/debug/problems").text().contains("entries that are no origins"));
}

#[test]
fn nginx_j4_options_of_an_allowed_origin_is_204_and_j6_of_others_goes_to_the_pod() {
    let (pod, server) = serve(&[("cors-allow-origin", PAGE)]);
    let mut client = server.connect();
    for target in ["/", "/any/path?x", "/down"] {
        client.send(of("OPTIONS", target, PAGE));
        let answer = client.answer();
        assert_eq!((answer.status(), answer.text()), (204, String::new()), "{target}");
        assert_eq!(allowed(&answer), Some(PAGE));
        assert_eq!((answer.field("content-length"), answer.field("content-type")), (None, None));
    }
    assert_eq!(pod.requests().len(), 0);
    let answer = client.ask(of("OPTIONS", "/", "https://evil.example"));
    assert_eq!((answer.text(), allowed(&answer)), ("web".to_owned(), None));
    assert_eq!(pod.only_request().start, "OPTIONS / HTTP/1.1");
}

#[test]
fn nginx_j4_preflights_come_before_redirects_and_address_lists() {
    let pod = Pod::named("web");
    let tls = json!([{"hosts": ["a.example"], "secretName": "missing"}]);
    for pairs in [
        &[("denylist-source-range", "127.0.0.0/8"), ("ssl-redirect", "false")][..],
        &[("permanent-redirect", "https://b.example/")],
        &[("ssl-redirect", "true")],
    ] {
        let server = serve_with(&pod, pairs, tls.clone());
        let answer = server.ask(of("OPTIONS", "/", PAGE));
        assert_eq!((answer.status(), allowed(&answer)), (204, Some("*")), "{pairs:?}");
        let answer = server.ask(of("GET", "/", PAGE));
        assert!(matches!(answer.status(), 301 | 308 | 403), "{pairs:?}");
        assert_eq!(allowed(&answer), Some("*"), "{pairs:?}");
    }
    assert_eq!(pod.connections(), 0);
}

#[test]
fn nginx_j5_errors_of_ours_say_the_same() {
    let pod = Pod::named("web");
    let limits = [("proxy-body-size", "1"), ("cors-allow-origin", PAGE)];
    let server = serve_with(&pod, &limits, json!([]));
    let answer = server.ask(of("GET", "/down", PAGE));
    assert_eq!((answer.status(), allowed(&answer)), (503, Some(PAGE)));
    let long = format!("POST / HTTP/1.1\r\nHost: a.example\r\nOrigin: {PAGE}\r\nContent-Length: 2\r\n\r\nhi");
    let answer = server.ask(long);
    assert_eq!((answer.status(), allowed(&answer)), (413, Some(PAGE)));
    let answer = server.ask(of("GET", "/down", "https://evil.example"));
    assert_eq!((answer.status(), allowed(&answer)), (503, None));
}

#[test]
fn nginx_j5_one_value_each_takes_the_place_of_the_pods() {
    let of_pod = "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: https://pod.example\r\nVary: Accept\r\n\
                  ACCESS-CONTROL-ALLOW-METHODS: TRACE\r\nAccess-Control-Allow-Credentials: true\r\n\
                  Access-Control-Allow-Origin: https://other.example\r\nContent-Length: 0\r\n\r\n";
    let pod = Pod::answering(of_pod);
    let pairs = [("cors-allow-origin", PAGE), ("cors-allow-credentials", "false")];
    let server = serve_with(&pod, &pairs, json!([]));
    let values = |answer: &Message, name: &str| answer.all(name).into_iter().map(str::to_owned).collect::<Vec<_>>();
    let answer = server.ask(of("GET", "/", PAGE));
    assert_eq!(values(&answer, "access-control-allow-origin"), [PAGE]);
    assert_eq!(values(&answer, "access-control-allow-methods"), [DEFAULTS[1].1]);
    assert_eq!(values(&answer, "access-control-allow-credentials"), Vec::<String>::new());
    assert_eq!(values(&answer, "vary"), ["Accept", "Origin"]);
    // Of who may not read it nothing is known here: what the pod says stays.
    let answer = server.ask(of("GET", "/", "https://evil.example"));
    assert_eq!(values(&answer, "access-control-allow-origin"), ["https://pod.example", "https://other.example"]);
}

#[test]
fn nginx_j4_and_j5_hold_over_http_2() {
    let (pod, server) = serve(&[("cors-allow-origin", PAGE)]);
    run(async {
        let client = H2Client::plain(&server).await;
        let ask = async |method: &str, path: &str, origin: &str| {
            client.ask(client.request(method, "a.example", path).header("origin", origin), &[]).await
        };
        let answer = ask("OPTIONS", "/", PAGE).await;
        assert_eq!((answer.status, answer.text().as_str()), (204, ""));
        assert_eq!(answer.field("access-control-allow-origin"), Some(PAGE));
        assert_eq!(answer.field("content-length"), None);
        let answer = ask("GET", "/", PAGE).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "web"));
        assert_eq!(answer.field("access-control-allow-origin"), Some(PAGE));
        let answer = ask("OPTIONS", "/", "https://evil.example").await;
        assert_eq!((answer.text().as_str(), answer.field("access-control-allow-origin")), ("web", None));
        let answer = ask("GET", "/down", PAGE).await;
        assert_eq!((answer.status, answer.field("access-control-allow-origin")), (503, Some(PAGE)));
    });
    assert_eq!(pod.requests().len(), 2);
}
