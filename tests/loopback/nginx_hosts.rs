//! Hosts that annotations of ingress-nginx add. Names of tests carry the behaviour that they show.

use serde_json::{Value, json};

use crate::support::{Manifests, Path, Pod, Tidegate, eventually, get};

/// An Ingress: its name, its host, its paths and its annotations.
type Ingress<'a> = (&'a str, &'a str, &'a [Path<'a>], &'a [(&'a str, &'a str)]);

fn manifests(pods: &[Pod; 2], ingresses: &[Ingress<'_>]) -> Manifests {
    let manifests = Manifests::new().service("one", &[pods[0].address]).service("two", &[pods[1].address]);
    ingresses.iter().fold(manifests, |manifests, (name, host, paths, annotations)| {
        manifests.ingress_with(name, Some(host), paths, nginx(annotations), json!([]))
    })
}

/// Pods that count as `one` and `two`, and a server.
fn serve(ingresses: &[Ingress<'_>]) -> ([Pod; 2], Tidegate) {
    serve_with(ingresses, &[])
}

fn serve_with(ingresses: &[Ingress<'_>], options: &[&str]) -> ([Pod; 2], Tidegate) {
    let pods = ["one", "two"].map(Pod::named);
    let server = Tidegate::serve_with(&manifests(&pods, ingresses), options);
    (pods, server)
}

fn nginx(pairs: &[(&str, &str)]) -> Value {
    pairs.iter().map(|(key, value)| (format!("nginx.ingress.kubernetes.io/{key}"), json!(value))).collect()
}

/// Who answers, or the status.
fn who(server: &Tidegate, host: &str, target: &str) -> String {
    let answer = server.ask(get(host, target));
    if answer.status() == 200 { answer.text() } else { answer.status().to_string() }
}

fn location(server: &Tidegate, request: impl AsRef<[u8]>) -> (u16, Option<String>) {
    let answer = server.ask(request);
    (answer.status(), answer.field("location").map(str::to_owned))
}

const ALIAS: &[(&str, &str)] = &[("server-alias", "b.example, *.c.example")];
const WWW: &[(&str, &str)] = &[("from-to-www-redirect", "true")];

#[test]
fn nginx_t1_an_alias_serves_all_that_the_host_has_from_any_ingress() {
    let (_pods, server) = serve(&[
        ("first", "a.example", &[("/one", "Prefix", "one")], ALIAS),
        ("second", "a.example", &[("/two", "Prefix", "two")], &[]),
    ]);
    for host in ["a.example", "b.example", "x.c.example"] {
        for (path, expected) in [("/one", "one"), ("/two", "two"), ("/three", "404")] {
            assert_eq!(who(&server, host, path), expected, "{host}{path}");
        }
    }
    assert_eq!(who(&server, "c.example", "/one"), "404");
    assert_eq!(server.admin("/debug/problems").text().matches("Ingress").count(), 0);
}

#[test]
fn nginx_t1_what_changes_at_the_host_changes_at_its_alias() {
    let pods = ["one", "two"].map(Pod::named);
    let first: Ingress<'_> = ("first", "a.example", &[("/one", "Prefix", "one")], ALIAS);
    let server = Tidegate::serve_with(&manifests(&pods, &[first]), &[]);
    assert_eq!(who(&server, "b.example", "/two"), "404");
    let second: Ingress<'_> = ("second", "a.example", &[("/two", "Prefix", "two")], &[]);
    server.replace(&manifests(&pods, &[first, second]));
    eventually("the change", || (who(&server, "b.example", "/two") == "two").then_some(()));
    server.replace(&manifests(&pods, &[first]));
    eventually("the change", || (who(&server, "b.example", "/two") == "404").then_some(()));
}

#[test]
fn nginx_t2_an_alias_that_a_rule_names_loses_to_it() {
    for is_reversed in [false, true] {
        let mut ingresses: Vec<Ingress<'_>> = vec![
            ("first", "a.example", &[("/", "Prefix", "one")], ALIAS),
            ("second", "b.example", &[("/two", "Prefix", "two")], &[]),
        ];
        if is_reversed {
            ingresses.swap(0, 1);
        }
        let (_pods, server) = serve(&ingresses);
        assert_eq!((who(&server, "b.example", "/two"), who(&server, "b.example", "/")), ("two".into(), "404".into()));
        let problems = server.admin("/debug/problems").text();
        assert!(problems.contains("a rule names host b.example"), "{problems}");
    }
}

#[test]
fn nginx_t3_an_alias_that_is_taken_away_is_not_served() {
    let pods = ["one", "two"].map(Pod::named);
    let paths: &[Path<'_>] = &[("/", "Prefix", "one")];
    let server = Tidegate::serve_with(&manifests(&pods, &[("first", "a.example", paths, ALIAS)]), &[]);
    assert_eq!(who(&server, "b.example", "/"), "one");
    server.replace(&manifests(&pods, &[("first", "a.example", paths, &[])]));
    eventually("the change", || (who(&server, "b.example", "/") == "404").then_some(()));
    assert_eq!(who(&server, "a.example", "/"), "one");
}

#[test]
fn nginx_t4_what_is_no_host_is_left_out_and_told() {
    for (value, told) in [("b.example,~^www\\d+\\.a$", "no host"), ("b.example, www.*", "no host"), ("b.example,", "")]
    {
        let (_pods, server) = serve(&[("first", "a.example", &[("/", "Prefix", "one")], &[("server-alias", value)])]);
        assert_eq!(who(&server, "b.example", "/"), "one", "{value}");
        let problems = server.admin("/debug/problems").text();
        assert_eq!(problems.contains("server-alias"), !told.is_empty(), "{problems}");
        assert!(problems.contains(told), "{problems}");
    }
    let long = "x".repeat(300);
    for value in ["", ",", "b.example\r\nX: y", "10.0.0.1", &long, &"b.example,".repeat(200)] {
        let (_pods, server) = serve(&[("first", "a.example", &[("/", "Prefix", "one")], &[("server-alias", value)])]);
        assert_eq!(who(&server, "a.example", "/"), "one", "{value:?}");
        assert!(server.admin("/debug/problems").text().contains("server-alias"), "{value:?}");
    }
}

#[test]
fn nginx_e1_e2_the_host_with_www_is_sent_to_the_one_without_and_the_other_way_round() {
    let paths: &[Path<'_>] = &[("/x", "Prefix", "one")];
    let ports = ["--public-http-port", "80"];
    for (rule, other) in [("foo.com", "www.foo.com"), ("www.foo.com", "foo.com")] {
        let (pods, server) = serve_with(&[("first", rule, paths, WWW)], &ports);
        for (target, url) in [("/x?y", format!("http://{rule}:80/x?y")), ("/", format!("http://{rule}:80"))] {
            assert_eq!(location(&server, get(other, target)), (308, Some(url)), "{other}{target}");
        }
        assert_eq!(pods[0].connections(), 0);
        assert_eq!(who(&server, rule, "/x"), "one");
        assert_eq!(who(&server, "bar.com", "/x"), "404");
    }
    let forwarded = ["--trusted-proxies", "127.0.0.0/8"];
    let (_pods, server) = serve_with(&[("first", "foo.com", paths, WWW)], &forwarded);
    let request = "GET /x HTTP/1.1\r\nHost: www.foo.com\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Port: 443\r\n\r\n";
    assert_eq!(location(&server, request), (308, Some("https://foo.com:443/x".into())));
}

#[test]
fn nginx_e3_a_rule_for_the_other_host_wins() {
    let (_pods, server) = serve(&[
        ("first", "foo.com", &[("/", "Prefix", "one")], WWW),
        ("second", "www.foo.com", &[("/two", "Prefix", "two")], &[]),
    ]);
    assert_eq!((who(&server, "www.foo.com", "/two"), who(&server, "www.foo.com", "/")), ("two".into(), "404".into()));
}
