//! Errors that another backend answers, as annotations of ingress-nginx ask for it. Names of tests carry the behaviour that they
//! show.

use serde_json::{Value, json};

use crate::support::h2::{H2Client, run};
use crate::support::{Client, Manifests, Message, Pod, Tidegate, get, refusing};

const CODES: (&str, &str) = ("custom-http-errors", "404,503");
const BACKEND: (&str, &str) = ("default-backend", "errors");
const PAGE: &str = "HTTP/1.1 418 Teapot\r\nContent-Length: 4\r\nX-Page: yes\r\n\r\npage";

fn manifests(pods: &[&Pod], errors: &Pod, pairs: &[(&str, &str)]) -> Manifests {
    let paths = [("/", "Prefix", "web")];
    let annotations: Value =
        pairs.iter().map(|(key, value)| (format!("nginx.ingress.kubernetes.io/{key}"), json!(value))).collect();
    let pods: Vec<_> = pods.iter().map(|pod| pod.address).collect();
    Manifests::new()
        .service("web", &pods)
        .service("errors", &[errors.address])
        .ingress_with("a", Some("a.example"), &paths, annotations, json!([]))
        .ingress("b", Some("b.example"), &paths)
}

/// `a.example` has these annotations, `b.example` has none. The pod says this, and `errors` answers with its page.
fn serve(said: &str, pairs: &[(&str, &str)], options: &[&str]) -> (Pod, Pod, Tidegate) {
    let said = format!("HTTP/1.1 {said}\r\nContent-Length: 3\r\n\r\npod");
    let (pod, errors) = (Pod::answering(said), Pod::answering(PAGE));
    let server = Tidegate::serve_with(&manifests(&[&pod], &errors, pairs), options);
    (pod, errors, server)
}

fn ask(server: &Tidegate) -> (u16, String) {
    let answer = server.ask(get("a.example", "/x"));
    (answer.status(), answer.text())
}

fn told(message: &Message) -> Vec<(&str, Option<&str>)> {
    let names =
        ["x-code", "x-format", "x-original-uri", "x-namespace", "x-ingress-name", "x-service-name", "x-service-port"];
    names.into_iter().map(|name| (&name[2..], message.field(name))).collect()
}

#[test]
fn nginx_s1_listed_errors_of_pods_are_answered_by_the_other_backend_and_no_others() {
    for (said, expected) in [
        ("404 Not Found", (418, "page")),
        ("503 Oops", (418, "page")),
        ("200 OK", (200, "pod")),
        ("500 Oops", (500, "pod")),
    ] {
        let (_pod, errors, server) = serve(said, &[CODES, BACKEND], &[]);
        let (status, text) = ask(&server);
        assert_eq!((status, &*text), expected, "{said}");
        assert_eq!(errors.requests().len(), usize::from(status == 418));
        assert_eq!(server.ask(get("b.example", "/")).text(), "pod", "the neighbour has its own errors");
    }
}

#[test]
fn nginx_s1_the_other_backend_is_told_of_the_error_and_of_nothing_that_a_client_invents() {
    let (_pod, errors, server) = serve("404 No", &[CODES, BACKEND], &[]);
    let request = "GET /x%20y?a=b HTTP/1.1\r\nHost: a.example\r\nAccept: application/json\r\nX-Code: 200\r\n\
                   X_Code: 200\r\nX-Namespace: kube-system\r\nX-Request-ID: seven\r\nCookie: id=1\r\n\r\n";
    let answer = server.ask(request);
    assert_eq!((answer.status(), answer.field("x-page")), (418, Some("yes")));
    let asked = errors.only_request();
    assert_eq!(asked.start, "GET /?a=b HTTP/1.1");
    assert_eq!(
        told(&asked),
        [
            ("code", Some("404")),
            ("format", Some("application/json")),
            ("original-uri", Some("/x%20y?a=b")),
            ("namespace", Some("test")),
            ("ingress-name", Some("a")),
            ("service-name", Some("web")),
            ("service-port", Some("80")),
        ]
    );
    assert_eq!((asked.all("x-code").len(), asked.all("x-namespace").len()), (1, 1));
    assert!(asked.all("x_code").is_empty(), "programs behind CGI take it for the other");
    assert_eq!((asked.field("x-request-id"), asked.field("host")), (Some("seven"), Some("a.example")));
}

#[test]
fn nginx_s1_requests_with_a_body_heads_and_clients_of_http_2_get_the_page_too() {
    let (_pod, errors, server) = serve("404 No", &[CODES, BACKEND], &[]);
    let mut client = server.connect();
    for request in [
        "POST /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\nhi",
        "PUT /x HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        "HEAD /x HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n",
    ] {
        assert_eq!(client.ask(request).status(), 418, "{request}");
    }
    run(async {
        assert_eq!(H2Client::plain(&server).await.get("a.example", "/x").await.status, 418);
    });
    let starts: Vec<_> = errors.requests().iter().map(|asked| asked.method().to_owned()).collect();
    assert_eq!(starts, ["POST", "PUT", "HEAD", "GET", "GET"]);
    let bodies: Vec<_> = errors
        .requests()
        .iter()
        .map(|asked| (asked.text(), asked.field("content-length").map(str::to_owned)))
        .collect();
    let length = |length: &str| Some(length.to_owned());
    let none = || (String::new(), None);
    assert_eq!(bodies, [("hi".into(), length("2")), (String::new(), length("0")), none(), none(), none()]);
}

#[test]
fn nginx_s1_a_body_is_sent_again_only_where_all_of_it_is_at_hand_and_never_that_of_another_request() {
    let (_pod, errors, server) = serve("404 No", &[CODES, BACKEND], &[]);
    let mut client = server.connect();
    let long = format!("POST /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 70000\r\n\r\n{}", "x".repeat(70_000));
    assert_eq!(client.ask(long).status(), 418);
    let long = errors.only_request();
    assert_eq!((long.method(), long.field("content-length"), long.body.len()), ("POST", Some("0"), 0));

    // The second request is refused by a filter before any head is written, where that of the first still lies.
    let pairs = [("custom-http-errors", "503"), BACKEND, ("limit-rpm", "1"), ("limit-burst-multiplier", "1")];
    let (_pod, errors, server) = serve("200 OK", &pairs, &[]);
    let mut client = server.connect();
    let statuses: Vec<_> = ["secret", "secret", "hidden"]
        .map(|body| format!("POST /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 6\r\n\r\n{body}"))
        .map(|request| client.ask(request).status())
        .into();
    assert_eq!(statuses, [200, 200, 418]);
    assert_eq!(errors.only_request().body, b"");
}

#[test]
fn nginx_s1_without_a_service_that_of_the_command_line_answers_and_without_that_404_of_ours() {
    let option = ["--default-backend", "test/errors:80"];
    let (_pod, errors, server) = serve("503 Oops", &[CODES], &option);
    assert_eq!(ask(&server), (418, "page".into()));
    assert_eq!(errors.only_request().field("x-code"), Some("503"));
    let (_pod, _errors, server) = serve("503 Oops", &[CODES], &[]);
    assert_eq!(ask(&server).0, 404);
}

#[test]
fn nginx_s1_errors_of_pods_that_do_not_answer_are_replaced_and_those_of_the_other_backend_are_not() {
    let (closed, _socket) = refusing();
    let errors = Pod::answering("HTTP/1.1 502 Oops\r\nContent-Length: 4\r\n\r\npage");
    let dead = manifests(&[], &errors, &[("custom-http-errors", "502"), BACKEND]).endpoint(
        "web",
        9,
        closed,
        json!({"ready": true}),
    );
    let server = Tidegate::serve(&dead);
    assert_eq!(ask(&server), (502, "page".into()));
    assert_eq!(errors.only_request().field("x-code"), Some("502"));

    let broken = Pod::scripted(|mut connection| {
        connection.request();
    });
    let pod = Pod::answering("HTTP/1.1 404 No\r\nContent-Length: 3\r\n\r\npod");
    let server = Tidegate::serve(&manifests(&[&pod], &broken, &[CODES, BACKEND]));
    let (status, text) = ask(&server);
    assert_eq!(status, 404, "{text}");
}

#[test]
fn nginx_s1_refusals_by_address_and_limit_are_answered_by_the_other_backend_and_the_connection_goes_on() {
    let codes = ("custom-http-errors", "403,503");
    for (pairs, allowed, code) in [
        (&[("denylist-source-range", "127.0.0.1")][..], 0, "403"),
        (&[("limit-rpm", "1"), ("limit-burst-multiplier", "1")], 2, "503"),
    ] {
        let (pod, errors, server) = serve("200 OK", &[&[codes, BACKEND][..], pairs].concat(), &[]);
        let mut client = Client::connect(server.http);
        let statuses: Vec<_> = (0..4)
            .map(|_| client.ask("POST /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello").status())
            .collect();
        let expected: Vec<_> = (0..4).map(|at| if at < allowed { 200 } else { 418 }).collect();
        assert_eq!(statuses, expected, "{pairs:?}");
        assert_eq!(pod.requests().len(), allowed);
        let asked = errors.requests();
        assert_eq!(asked.len(), 4 - allowed);
        assert!(asked.iter().all(|request| request.field("x-code") == Some(code)), "{pairs:?}");
        // The neighbour is asked on the same connection.
        assert_eq!(client.ask(get("b.example", "/")).text(), "pod");
    }
}

#[test]
fn nginx_s1_refusals_that_ask_for_something_and_those_of_what_cannot_be_read_stay() {
    let codes = ("custom-http-errors", "400,401,403,503,308");
    for (pairs, expected) in [
        (&[("auth-type", "basic"), ("auth-secret", "missing")][..], 503),
        (&[("allowlist-source-range", "no address")], 503),
        (&[("permanent-redirect", "https://c.example/"), ("permanent-redirect-code", "308")], 308),
    ] {
        let (_pod, errors, server) = serve("200 OK", &[&[codes, BACKEND][..], pairs].concat(), &[]);
        assert_eq!(ask(&server).0, expected, "{pairs:?}");
        assert_eq!(errors.requests().len(), 0);
    }
}

#[test]
fn nginx_s1_an_upgrade_that_is_refused_gets_the_page_and_nothing_behind_it() {
    let (_pod, errors, server) = serve("404 No", &[CODES, BACKEND], &[]);
    let mut client = server.connect();
    client.send(
        "GET /ws HTTP/1.1\r\nHost: a.example\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    assert_eq!(client.answer().status(), 418);
    client.expect_end();
    assert_eq!(errors.only_request().field("upgrade"), None);
}

#[test]
fn nginx_s2_the_service_takes_the_requests_of_one_without_endpoints() {
    let errors = Pod::answering(PAGE);
    for pairs in [vec![BACKEND], vec![BACKEND, CODES]] {
        let server = Tidegate::serve(&manifests(&[], &errors, &pairs));
        let answer = server.ask("POST /x?y HTTP/1.1\r\nHost: a.example\r\nX-Code: 1\r\nContent-Length: 2\r\n\r\nhi");
        assert_eq!(answer.status(), 418);
        let asked = errors.requests().pop().unwrap();
        assert_eq!((&*asked.start, &*asked.body), ("POST /x?y HTTP/1.1", &b"hi"[..]));
        assert_eq!((told(&asked)[0], told(&asked)[2]), (("code", Some("503")), ("original-uri", None)));
        assert_eq!(server.ask(get("b.example", "/")).status(), 503);
    }
    // Without the annotation the Service of the command line does not.
    let server = Tidegate::serve_with(&manifests(&[], &errors, &[]), &["--default-backend", "test/errors:80"]);
    assert_eq!(ask(&server).0, 503);
}

#[test]
fn nginx_s3_answers_of_pods_may_be_let_through() {
    let off = ("disable-proxy-intercept-errors", "true");
    let (_pod, errors, server) = serve("404 No", &[CODES, BACKEND, off], &[]);
    assert_eq!(ask(&server), (404, "pod".into()));
    assert_eq!(errors.requests().len(), 0);
    let told = server.admin("/debug/explain?url=http://a.example/x").text();
    assert!(told.contains("that no pod has said (custom-http-errors)"), "{told}");
    // Nginx replaces its own errors all the same.
    let (closed, _socket) = refusing();
    let codes = ("custom-http-errors", "403,502");
    let dead = manifests(&[], &errors, &[codes, BACKEND, off]).endpoint("web", 9, closed, json!({"ready": true}));
    assert_eq!(ask(&Tidegate::serve(&dead)), (418, "page".into()));
    assert_eq!(errors.only_request().field("x-code"), Some("502"));
    let (_pod, _errors, server) = serve("403 No", &[codes, BACKEND, off, ("denylist-source-range", "127.0.0.1")], &[]);
    assert_eq!(ask(&server), (418, "page".into()));
    let (_pod, _errors, server) = serve("403 No", &[codes, BACKEND, off], &[]);
    assert_eq!(ask(&server), (403, "pod".into()));
    let (_pod, _errors, server) = serve("404 No", &[CODES, BACKEND, ("disable-proxy-intercept-errors", "false")], &[]);
    assert_eq!(ask(&server).0, 418);
}

#[test]
fn values_that_cannot_be_read_are_told_and_change_nothing() {
    for pair in [
        ("custom-http-errors", "4xx"),
        ("custom-http-errors", "404;\r\n"),
        ("custom-http-errors", "99999999999999"),
        ("default-backend", "other/errors"),
        ("default-backend", "errors\r\nX: y"),
        ("default-backend", "$service"),
        ("default-backend", "missing"),
        ("disable-proxy-intercept-errors", "maybe"),
    ] {
        let (_pod, errors, server) = serve("404 No", &[pair], &[]);
        assert_eq!(ask(&server), (404, "pod".into()), "{pair:?}");
        assert_eq!(errors.requests().len(), 0);
        let problems = server.admin("/debug/problems").text();
        assert!(problems.contains(pair.0), "{pair:?} {problems}");
    }
}

#[test]
fn explain_tells_who_answers_errors() {
    let (_pod, _errors, server) = serve("404 No", &[CODES, BACKEND], &[]);
    let told = server.admin("/debug/explain?url=http://a.example/x").text();
    for expected in [
        "the answer of Service test/errors for 404, 503 (custom-http-errors), otherwise:",
        "the answer of Service test/errors where the Service has no endpoint (default-backend), otherwise:",
    ] {
        assert!(told.contains(expected), "{told}");
    }
    let server = Tidegate::serve(&manifests(&[], &Pod::answering(PAGE), &[BACKEND]));
    let told = server.admin("/debug/explain?url=http://a.example/x").text();
    assert!(told.contains("test/errors where the Service has no endpoint") && !told.contains("503 because"), "{told}");
}
