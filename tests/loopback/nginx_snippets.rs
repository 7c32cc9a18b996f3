//! Snippets of nginx's configuration, ModSecurity and traces. Names of tests carry the behaviour that they show.

use serde_json::{Value, json};

use crate::support::h2::{H2Client, run};
use crate::support::{Manifests, Pod, Tidegate, get};

const TRANSLATE: [&str; 2] = ["--nginx-snippets", "translate"];

/// `a.example` has these annotations, `b.example` has none.
fn serve(pod: &Pod, pairs: &[(&str, &str)], options: &[&str]) -> Tidegate {
    let annotations: Value =
        pairs.iter().map(|(key, value)| (format!("nginx.ingress.kubernetes.io/{key}"), json!(value))).collect();
    let paths = [("/", "Prefix", "web")];
    let manifests = Manifests::new()
        .service("web", &[pod.address])
        .ingress_with("a", Some("a.example"), &paths, annotations, json!([]))
        .ingress("b", Some("b.example"), &paths);
    Tidegate::serve_with(&manifests, options)
}

fn status(server: &Tidegate, target: &str) -> u16 {
    server.ask(get("a.example", target)).status()
}

#[test]
fn nginx_z2_a_refused_snippet_is_served_without_unless_it_restricts_access() {
    let pod = Pod::named("web");
    for (snippet, expected) in [
        ("more_set_headers 'X-One: 1';", 200),
        ("return 301 https://b.example;", 200),
        ("proxy_set_header Upgrade $http_upgrade;", 200),
        ("location = /metrics { deny all; }", 503),
        ("if ($http_x_key != 'secret') { return 403; }", 503),
        ("auth_request /auth;", 503),
        ("access_by_lua_block { ngx.exit(403) }", 503),
        ("more_set_headers 'X-One: 1", 503),
        ("frobnicate;", 503),
    ] {
        for key in ["configuration-snippet", "server-snippet"] {
            let server = serve(&pod, &[(key, snippet)], &[]);
            let answer = server.ask(get("a.example", "/x"));
            assert_eq!((answer.status(), answer.field("x-one")), (expected, None), "{snippet}");
            assert_eq!(server.ask(get("b.example", "/x")).status(), 200);
        }
    }
}

#[test]
fn nginx_z2_translated_fields_are_those_that_nginx_would_send() {
    let pod = Pod::answering(
        "HTTP/1.1 200 OK\r\nServer: pod\r\nX-Powered-By: php\r\nX-One: pod\r\nX-Two: pod\r\nContent-Length: 0\r\n\r\n",
    );
    let snippet = "more_set_headers \"X-One: 1\"; add_header X-Two \"$host\"; add_header X-Three 3 always;\n\
                   proxy_hide_header X-Powered-By; more_clear_headers Server; expires 1h;\n\
                   proxy_set_header X-For-Pods \"$request_method $uri\"; proxy_set_header Accept-Encoding \"\";\n\
                   if ($http_x_stop) { return 403; }";
    let server = serve(&pod, &[("configuration-snippet", snippet)], &TRANSLATE);
    let answer = server.ask("GET /a HTTP/1.1\r\nHost: a.example\r\nAccept-Encoding: gzip\r\n\r\n");
    assert_eq!(answer.all("x-one"), ["1"]);
    assert_eq!(answer.all("x-two"), ["pod", "a.example"]);
    assert_eq!(answer.all("x-three"), ["3"]);
    assert_eq!(answer.field("x-powered-by"), None);
    assert_eq!(answer.field("server"), Some("tidegate"));
    assert_eq!(answer.field("cache-control"), Some("max-age=3600"));
    let request = pod.only_request();
    assert_eq!((request.field("x-for-pods"), request.field("accept-encoding")), (Some("GET /a"), None));
    let refused = server.ask("GET /a HTTP/1.1\r\nHost: a.example\r\nX-Stop: 1\r\n\r\n");
    assert_eq!(refused.status(), 403);
    // Only what is said with `always`, or by more_set_headers, is part of an error.
    assert_eq!(
        [refused.field("x-one"), refused.field("x-two"), refused.field("x-three")],
        [Some("1"), None, Some("3")]
    );
    run(async {
        let answer = H2Client::plain(&server).await.get("a.example", "/").await;
        assert_eq!((answer.field("x-one"), answer.field("x-three")), (Some("1"), Some("3")));
    });
}

#[test]
fn nginx_z2_translated_rules_refuse_and_redirect() {
    let pod = Pod::named("web");
    let snippet = "location = /metrics { deny all; }\nlocation ~* ^/actuator { return 404; }\n\
                   rewrite ^/old/(.*)$ /new/$1 permanent;\n\
                   if ($request_uri ~ ^/gone) { return 410; }\n\
                   if ($http_user_agent ~* \"(bot|spider)\") { return 403; }";
    let server = serve(&pod, &[("server-snippet", snippet)], &TRANSLATE);
    for (target, expected) in [
        ("/metrics", 403),
        ("/%6detrics", 403),
        ("//metrics", 403),
        ("/metrics/x", 200),
        ("/ACTUATOR/env", 404),
        ("/gone", 410),
        ("/x/../gone", 410),
        ("/old/a", 301),
        ("/x", 200),
    ] {
        assert_eq!(status(&server, target), expected, "{target}");
    }
    assert_eq!(server.ask(get("a.example", "/old/a?b")).field("location"), Some("/new/a?b"));
    let bot = server.ask("GET /x HTTP/1.1\r\nHost: a.example\r\nUser-Agent: A-Bot/1\r\n\r\n");
    assert_eq!(bot.status(), 403);
}

#[test]
fn nginx_z2_translated_lists_say_who_is_served() {
    let pod = Pod::named("web");
    for (snippet, expected) in [
        ("allow 10.0.0.0/8; deny all;", 403),
        ("allow 127.0.0.0/8; deny all;", 200),
        ("deny 127.0.0.1;", 403),
        ("deny 10.0.0.1;", 200),
        ("deny all;", 403),
    ] {
        let server = serve(&pod, &[("configuration-snippet", snippet)], &TRANSLATE);
        assert_eq!(status(&server, "/"), expected, "{snippet}");
    }
}

#[test]
fn nginx_z2_without_modsecurity_requests_are_served_or_nobody_is() {
    let pod = Pod::named("web");
    for (pairs, served, failed) in [
        (&[("enable-modsecurity", "true")][..], 200, 503),
        (&[("enable-owasp-core-rules", "true")], 200, 503),
        (&[("modsecurity-snippet", "SecRuleEngine On")], 200, 503),
        (&[("enable-modsecurity", "false"), ("enable-owasp-core-rules", "false")], 200, 200),
    ] {
        assert_eq!(status(&serve(&pod, pairs, &[]), "/"), served, "{pairs:?}");
        assert_eq!(status(&serve(&pod, pairs, &["--waf-missing", "fail"]), "/"), failed, "{pairs:?}");
    }
}

#[test]
fn nginx_traces_of_clients_go_on_to_pods() {
    let pod = Pod::named("web");
    let pairs = [("enable-opentelemetry", "true"), ("opentelemetry-trust-incoming-span", "true")];
    let server = serve(&pod, &pairs, &[]);
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request = format!("GET / HTTP/1.1\r\nHost: a.example\r\ntraceparent: {parent}\r\ntracestate: a=b\r\n\r\n");
    assert_eq!(server.ask(request).status(), 200);
    let request = pod.only_request();
    assert_eq!((request.field("traceparent"), request.field("tracestate")), (Some(parent), Some("a=b")));
}
