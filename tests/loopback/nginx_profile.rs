//! The defaults of ingress-nginx (`--profile ingress-nginx`), beside ours. Names of tests carry the behaviour that they show.

use serde_json::{Value, json};

use crate::support::h2::{H2Client, run};
use crate::support::tls::{Hello, TlsClient};
use crate::support::{Manifests, Path, Pod, Tidegate, get};

const PROFILE: [&str; 2] = ["--profile", "ingress-nginx"];

fn serve(paths: &[Path<'_>], annotations: Value, tls: Value, options: &[&str]) -> ([Pod; 2], Tidegate) {
    let pods = ["one", "two"].map(Pod::named);
    let manifests = Manifests::new()
        .service("one", &[pods[0].address])
        .service("two", &[pods[1].address])
        .ingress_with("web", Some("a.example"), paths, annotations, tls);
    let server = Tidegate::serve_with(&manifests, options);
    (pods, server)
}

fn who(server: &Tidegate, target: &str) -> String {
    let answer = server.ask(get("a.example", target));
    if answer.status() == 200 { answer.text() } else { answer.status().to_string() }
}

const ROOT: &[Path<'_>] = &[("/", "Prefix", "one")];

fn with_tls() -> Value {
    json!([{"hosts": ["a.example"], "secretName": "missing"}])
}

#[test]
fn nginx_n2_m1_bodies_have_a_megabyte_unless_an_option_or_an_annotation_says_else() {
    let post = |length: usize| {
        format!(
            "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: {length}\r\n\r\n{}",
            "x".repeat(length.min(1 << 20))
        )
    };
    let more = (1 << 20) + 1;
    let (_pods, server) = serve(ROOT, json!({}), json!([]), &PROFILE);
    assert_eq!(server.ask(post(1 << 20)).status(), 200);
    assert_eq!(server.ask(post(more)).status(), 413);
    let (_pods, server) = serve(ROOT, json!({}), json!([]), &[PROFILE[0], PROFILE[1], "--max-body-bytes", "2MiB"]);
    assert_ne!(server.ask(format!("{}x", post(more))).status(), 413);
    let own = json!({"nginx.ingress.kubernetes.io/proxy-body-size": "0"});
    let (_pods, server) = serve(ROOT, own, json!([]), &PROFILE);
    assert_ne!(server.ask(format!("{}x", post(more))).status(), 413);
    let (_pods, server) = serve(ROOT, json!({}), json!([]), &[]);
    assert_ne!(server.ask(format!("{}x", post(more))).status(), 413);
}

#[test]
fn nginx_n1_b8_answers_over_https_say_hsts_once_and_answers_in_clear_do_not() {
    for (options, expected) in [(&PROFILE[..], Some("max-age=31536000; includeSubDomains")), (&[], Some("max-age=7"))] {
        let pod =
            Pod::answering("HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=7\r\nContent-Length: 0\r\n\r\n");
        let manifests = Manifests::new().service("web", &[pod.address]).ingress(
            "web",
            Some("a.example"),
            &[("/", "Prefix", "web")],
        );
        let server = Tidegate::serve_with(&manifests, options);
        let over_https = |host: &'static str| {
            let mut head = String::new();
            run(async {
                let hello = Hello::of("http/1.1");
                let mut client = TlsClient::connect(server.https, host, &hello).await.expect("a handshake");
                head = client.ask(get(host, "/")).await.expect("an answer").0.to_lowercase();
            });
            head
        };
        let told = |head: &str| {
            let lines: Vec<_> =
                head.lines().filter_map(|line| line.strip_prefix("strict-transport-security: ")).collect();
            assert!(lines.len() <= 1, "{head}");
            lines.first().map(|line| (*line).to_owned())
        };
        assert_eq!(told(&over_https("a.example")), expected.map(|value: &str| value.to_lowercase()));
        assert_eq!(server.ask(get("a.example", "/")).field("strict-transport-security"), Some("max-age=7"));
        assert_eq!(told(&over_https("b.example")), None, "nobody's host");
    }
}

#[test]
fn nginx_n4_n5_pods_get_the_fields_of_ingress_nginx() {
    let (pods, server) = serve(ROOT, json!({}), json!([]), &PROFILE);
    let request = "GET /x HTTP/1.1\r\nHost: a.example:81\r\nX_Bad: 1\r\nX-Forwarded-For: 9.9.9.9\r\nX-Scheme: gopher\r\n\
                   X-Original-Forwarded-For: 8.8.8.8\r\nProxy: evil\r\nX-Request-ID: abc\r\n\r\n";
    assert_eq!(server.ask(request).status(), 200);
    let got = pods[0].only_request();
    for (name, expected) in [
        ("host", Some("a.example:81")),
        ("x-request-id", Some("abc")),
        ("x-real-ip", Some("127.0.0.1")),
        ("x-forwarded-for", Some("127.0.0.1")),
        ("x-original-forwarded-for", Some("9.9.9.9")),
        ("x-forwarded-host", Some("a.example:81")),
        ("x-forwarded-proto", Some("http")),
        ("x-forwarded-scheme", Some("http")),
        ("x-scheme", Some("http")),
        ("proxy", None),
        ("x_bad", None),
    ] {
        assert_eq!(got.field(name), expected, "{name}");
    }
    run(async {
        let client = H2Client::plain(&server).await;
        assert_eq!(client.get("a.example", "/h2").await.status, 200);
    });
    let (pods, server) = serve(ROOT, json!({}), json!([]), &[]);
    assert_eq!(server.ask(request).status(), 200);
    let got = pods[0].only_request();
    assert_eq!((got.field("x-scheme"), got.field("x_bad")), (None, Some("1")));
}

#[test]
fn nginx_b1_the_slash_at_the_end_is_left_out_unless_it_is_to_be_preserved() {
    let at = |annotations: Value, options: &[&str]| {
        let (_pods, server) = serve(ROOT, annotations, with_tls(), options);
        server.ask(get("a.example", "/")).field("location").map(str::to_owned)
    };
    assert_eq!(at(json!({}), &PROFILE).as_deref(), Some("https://a.example"));
    let preserving = json!({"nginx.ingress.kubernetes.io/preserve-trailing-slash": "true"});
    assert_eq!(at(preserving, &PROFILE).as_deref(), Some("https://a.example/"));
    assert_eq!(at(json!({}), &[]).as_deref(), Some("https://a.example/"));
}

#[test]
fn paths_of_type_implementation_specific_are_compared_by_text() {
    let paths: &[Path<'_>] =
        &[("/", "Prefix", "one"), ("/foo", "ImplementationSpecific", "two"), ("/foo/bar", "Prefix", "one")];
    for (options, expected) in
        [(&PROFILE[..], ["two", "two", "two", "one", "two", "one"]), (&[], ["two", "one", "two", "one", "two", "one"])]
    {
        let (_pods, server) = serve(paths, json!({}), json!([]), options);
        let found = ["/foo", "/foobar", "/foo/x", "/foo/bar/x", "/foo/barx", "/fo"].map(|target| who(&server, target));
        assert_eq!(found, expected, "{options:?}");
    }
}

#[test]
fn nginx_s14_a_path_without_the_slash_of_its_rule_is_sent_to_the_one_with_it() {
    let all: &[Path<'_>] = &[
        ("/a/", "Prefix", "one"),
        ("/b/", "Exact", "one"),
        ("/c/", "ImplementationSpecific", "one"),
        ("/d/", "Prefix", "one"),
        ("/d", "Exact", "two"),
        ("/e", "Prefix", "one"),
        ("/", "Prefix", "two"),
    ];
    let location = |server: &Tidegate, target: &str| {
        let answer = server.ask(get("a.example:81", target));
        (answer.status(), answer.field("location").map(str::to_owned))
    };
    // Before the redirect to https, and before anybody is asked who they are.
    let (pods, server) = serve(all, json!({"nginx.ingress.kubernetes.io/auth-type": "basic"}), with_tls(), &PROFILE);
    for (target, expected) in
        [("/a", "http://a.example/a/"), ("/b?x=/y&z", "http://a.example/b/?x=/y&z"), ("/%63?", "http://a.example/c/")]
    {
        assert_eq!(location(&server, target), (301, Some(expected.to_owned())), "{target}");
    }
    assert_eq!(location(&server, "/d").1.as_deref(), Some("https://a.example/d"));
    assert_eq!(location(&server, "/a/").1.as_deref(), Some("https://a.example/a"));
    assert!(pods.iter().all(|pod| pod.requests().is_empty()));

    let (_pods, server) = serve(all, json!({}), json!([]), &PROFILE);
    let found = ["/a/", "/d", "/d/x", "/e", "/ab", "/"].map(|target| who(&server, target));
    assert_eq!(found, ["one", "two", "one", "one", "two", "two"]);
    // Patterns have none, and neither have our own defaults.
    let regex = json!({"nginx.ingress.kubernetes.io/use-regex": "true"});
    let (_pods, server) = serve(&[("/a/", "Prefix", "one")], regex, json!([]), &PROFILE);
    assert_eq!(who(&server, "/a"), "404");
    let (_pods, server) = serve(&[("/a/", "Prefix", "one")], json!({}), json!([]), &[]);
    assert_eq!(who(&server, "/a"), "one");
}

#[test]
fn the_profile_holds_also_where_nothing_is_said() {
    let (_pods, server) = serve(ROOT, json!({}), json!([]), &["--profile", "tidegate"]);
    assert_eq!(who(&server, "/"), "one");
}
