//! Patterns and rewritten paths as annotations of ingress-nginx ask for them. Names of tests carry the behaviour that they show.

use serde_json::{Value, json};

use crate::support::h2::{H2Client, run};
use crate::support::{Manifests, Path, Pod, Tidegate, get};

/// An Ingress: its name, its paths and its annotations.
type Ingress<'a> = (&'a str, &'a [Path<'a>], &'a [(&'a str, &'a str)]);

/// Pods that count as `one` and `two`, and a server with Ingresses for `a.example`.
fn serve(ingresses: &[Ingress<'_>]) -> ([Pod; 2], Tidegate) {
    let pods = ["one", "two"].map(Pod::named);
    let manifests = Manifests::new().service("one", &[pods[0].address]).service("two", &[pods[1].address]);
    let manifests = ingresses.iter().fold(manifests, |manifests, (name, paths, annotations)| {
        manifests.ingress_with(name, Some("a.example"), paths, nginx(annotations), json!([]))
    });
    let server = Tidegate::serve_with(&manifests, &[]);
    (pods, server)
}

fn nginx(pairs: &[(&str, &str)]) -> Value {
    pairs.iter().map(|(key, value)| (format!("nginx.ingress.kubernetes.io/{key}"), json!(value))).collect()
}

/// Who answers a request for this target, or the status.
fn who(server: &Tidegate, target: &str) -> String {
    let answer = server.ask(get("a.example", target));
    if answer.status() == 200 { answer.text() } else { answer.status().to_string() }
}

/// The target that the pod gets for this one, which is the only request.
fn target_of(pods: &[Pod; 2], server: &Tidegate, target: &str) -> String {
    assert_eq!(server.ask(get("a.example", target)).status(), 200, "{target}");
    let requests: Vec<_> = pods.iter().flat_map(Pod::requests).collect();
    requests.last().expect("a request").target().to_owned()
}

const REGEX: (&str, &str) = ("use-regex", "true");

#[test]
fn nginx_a1_one_ingress_makes_all_paths_of_its_host_patterns() {
    let (_pods, server) = serve(&[
        ("one", &[("/foo", "Prefix", "one")], &[]),
        ("two", &[("/v[0-9]+", "ImplementationSpecific", "two")], &[REGEX]),
    ]);
    for (target, expected) in [
        ("/foo", "one"),
        ("/foobar", "one"),
        ("/FOO/x", "one"),
        ("/v12/x", "two"),
        ("/V1", "two"),
        ("/v", "404"),
        ("/x/foo", "404"),
    ] {
        assert_eq!(who(&server, target), expected, "{target}");
    }
    let (_pods, server) = serve(&[("one", &[("/foo", "Exact", "one")], &[("rewrite-target", "/new")])]);
    assert_eq!(who(&server, "/foobar"), "one");
}

#[test]
fn nginx_a1_a_target_that_is_the_path_leaves_paths_as_they_are_and_that_of_a_prefix_path_does_not() {
    for (path, kind, is_pattern) in [
        ("/", "Prefix", false),
        ("/app", "Exact", false),
        ("/app", "ImplementationSpecific", false),
        ("/app", "Prefix", true),
    ] {
        let one: Ingress<'_> = ("one", &[(path, kind, "one")], &[("rewrite-target", path)]);
        let (_pods, server) = serve(&[one, ("two", &[("/x", "Exact", "two")], &[])]);
        assert_eq!(who(&server, "/X/y") == "two", is_pattern, "{path} {kind}");
    }
}

#[test]
fn nginx_a2_the_longest_pattern_is_asked_first() {
    let paths: &[Path<'_>] =
        &[("/foo/bar/bar", "ImplementationSpecific", "one"), ("/foo/bar/[a-z]{3}", "ImplementationSpecific", "two")];
    let (_pods, server) = serve(&[("one", paths, &[REGEX])]);
    assert_eq!(who(&server, "/foo/bar/bar"), "two");
    assert_eq!(who(&server, "/foo/bar/1"), "404");
}

#[test]
fn nginx_a3_groups_go_into_the_target_and_the_query_survives() {
    let paths: &[Path<'_>] = &[("/something(/|$)(.*)", "ImplementationSpecific", "one")];
    let (pods, server) = serve(&[("one", paths, &[("rewrite-target", "/$2")])]);
    for (target, expected) in [
        ("/something", "/"),
        ("/something/", "/"),
        ("/something/new", "/new"),
        ("/something/new?a=b&c", "/new?a=b&c"),
        ("/something/a%20b", "/a%20b"),
        ("/SomeThing/New", "/New"),
    ] {
        assert_eq!(target_of(&pods, &server, target), expected);
    }
    run(async {
        let client = H2Client::plain(&server).await;
        assert_eq!(client.get("a.example", "/something/h2?x").await.status, 200);
    });
    assert_eq!(pods[0].requests().last().unwrap().target(), "/h2?x");
    let request = &pods[0].requests()[0];
    assert_eq!(request.field("x-forwarded-prefix"), None);
}

#[test]
fn nginx_a4_a_target_without_groups_replaces_the_whole_path() {
    let (pods, server) = serve(&[("one", &[("/app", "Prefix", "one")], &[("rewrite-target", "/")])]);
    assert_eq!(target_of(&pods, &server, "/app/x"), "/");
    assert_eq!(target_of(&pods, &server, "/app?y"), "/?y");
}

#[test]
fn nginx_a5_a6_patterns_match_without_their_end_and_in_any_case() {
    let paths: &[Path<'_>] =
        &[("/id/[0-9]+", "ImplementationSpecific", "one"), ("/$", "ImplementationSpecific", "two")];
    let (_pods, server) = serve(&[("one", paths, &[REGEX])]);
    for (target, expected) in [("/id/123a", "one"), ("/ID/1", "one"), ("/", "two"), ("/x", "404")] {
        assert_eq!(who(&server, target), expected, "{target}");
    }
    let (_pods, server) = serve(&[("one", &[("/foo", "Prefix", "one")], &[])]);
    assert_eq!(who(&server, "/FOO"), "404");
}

#[test]
fn nginx_a7_pods_get_a_prefix_where_they_get_another_path() {
    let paths: &[Path<'_>] = &[("/(app|shop)(/|$)(.*)", "ImplementationSpecific", "one"), ("/z", "Prefix", "two")];
    let prefix = ("x-forwarded-prefix", "/$1");
    let (pods, server) = serve(&[("one", paths, &[("rewrite-target", "/$3"), prefix])]);
    let request = "GET /shop/x HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-Prefix: /evil\r\n\r\n";
    assert_eq!(server.ask(request).status(), 200);
    let requests = pods[0].requests();
    assert_eq!((requests[0].target(), requests[0].field("x-forwarded-prefix")), ("/x", Some("/shop")));
    let (pods, server) = serve(&[("one", &[("/", "Prefix", "one")], &[prefix])]);
    assert_eq!(server.ask(get("a.example", "/")).status(), 200);
    assert_eq!(pods[0].requests()[0].field("x-forwarded-prefix"), None);
}

#[test]
fn nginx_a8_without_patterns_a_prefix_goes_by_elements() {
    let (_pods, server) = serve(&[("one", &[("/foo", "Prefix", "one")], &[("use-regex", "false")])]);
    for (target, expected) in [("/foo", "one"), ("/foo/x", "one"), ("/foobar", "404")] {
        assert_eq!(who(&server, target), expected, "{target}");
    }
}

#[test]
fn a_target_that_is_a_url_sends_clients_there() {
    let paths: &[Path<'_>] = &[("/old/(.*)", "ImplementationSpecific", "one")];
    let (pods, server) = serve(&[("one", paths, &[("rewrite-target", "https://b.example/$1")])]);
    let answer = server.ask(get("a.example", "/old/x?y"));
    assert_eq!((answer.status(), answer.field("location")), (302, Some("https://b.example/x?y")));
    assert_eq!(pods[0].connections(), 0);
}

#[test]
fn a_default_backend_gets_the_target_too() {
    let pod = Pod::named("one");
    let manifests = Manifests::new().service("one", &[pod.address]).object(json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": {"name": "one", "namespace": "test", "annotations": nginx(&[("rewrite-target", "/new")])},
        "spec": {"ingressClassName": "tidegate", "defaultBackend": {"service": {"name": "one", "port": {"number": 80}}}},
    }));
    let server = Tidegate::serve_with(&manifests, &[]);
    assert_eq!(server.ask(get("b.example", "/x?y")).status(), 200);
    assert_eq!(pod.requests()[0].target(), "/new?y");
}

#[test]
fn a_pattern_that_cannot_be_served_is_told_and_its_neighbours_serve() {
    for pattern in ["/(?!api).*", "/(a)\\1", "/(a{1000}){1000}", "/re(.*", "/[z-a]"] {
        let paths: &[Path<'_>] =
            &[(pattern, "ImplementationSpecific", "one"), ("/ok/[0-9]", "ImplementationSpecific", "two")];
        let (_pods, server) = serve(&[("one", paths, &[REGEX])]);
        assert_eq!((who(&server, "/ok/1"), who(&server, "/api")), ("two".into(), "404".into()), "{pattern}");
        let problems = server.admin("/debug/problems").text();
        assert!(problems.contains("paths[0].path") && problems.contains("InvalidPath"), "{problems}");
    }
}

#[test]
fn a_hostile_target_is_not_applied_and_its_neighbour_serves() {
    let long = format!("/{}", "x".repeat(4000));
    for value in ["/x\r\nX: y", "/x y", "/x;", "/x#y", "/$nginx_version", "/x$", &long, "/\u{e9}", "/\"x"] {
        for key in ["rewrite-target", "x-forwarded-prefix"] {
            if key == "x-forwarded-prefix" && matches!(value, "/x;" | "/x#y" | "/\"x") {
                continue;
            }
            let (pods, server) = serve(&[("one", &[("/a", "Prefix", "one")], &[(key, value)])]);
            assert_eq!(target_of(&pods, &server, "/a/b"), "/a/b", "{key}: {value:?}");
            let problems = server.admin("/debug/problems").text();
            assert!(problems.contains(key), "{problems}");
        }
    }
}
