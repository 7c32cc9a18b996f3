//! Copies of requests as annotations of ingress-nginx ask for them. Names of tests carry the behaviour that they show.

use serde_json::{Value, json};

use crate::support::h2::{H2Client, run};
use crate::support::{Manifests, Pod, Tidegate, eventually, get, not_accepting, refusing};

const TARGET: (&str, &str) = ("mirror-target", "http://copied.test.svc.cluster.local$request_uri");

fn manifests(pod: &Pod, pairs: &[(&str, &str)]) -> Manifests {
    let paths = [("/", "Prefix", "web")];
    let annotations: Value =
        pairs.iter().map(|(key, value)| (format!("nginx.ingress.kubernetes.io/{key}"), json!(value))).collect();
    Manifests::new()
        .service("web", &[pod.address])
        .ingress_with("a", Some("a.example"), &paths, annotations, json!([]))
        .ingress("b", Some("b.example"), &paths)
}

/// Requests for `a.example` are copied to `copied`, with further annotations.
fn serve(copied: &Pod, pairs: &[(&str, &str)]) -> (Pod, Tidegate) {
    let pod = Pod::named("web");
    let pairs = [&[TARGET], pairs].concat();
    let server = Tidegate::serve(&manifests(&pod, &pairs).service("copied", &[copied.address]));
    (pod, server)
}

fn count(server: &Tidegate, result: &str) -> f64 {
    server.metric("tidegate_mirrored_requests_total", result)
}

fn wait_for(server: &Tidegate, result: &str, expected: f64) {
    eventually("copies are counted", || (count(server, result) == expected).then_some(()));
}

#[test]
fn nginx_w1_each_request_goes_to_the_target_too_and_its_answer_is_thrown_away() {
    let copied = Pod::answering("HTTP/1.1 500 Oops\r\nSet-Cookie: a=b\r\nContent-Length: 4\r\n\r\noops");
    let (pod, server) = serve(&copied, &[]);
    let mut client = server.connect();
    for number in 1..=3 {
        let answer = client.ask(get("a.example", &format!("/x/{number}?y=%20")));
        assert_eq!((answer.status(), answer.text(), answer.field("set-cookie")), (200, "web".into(), None));
        wait_for(&server, "answered", f64::from(number));
    }
    assert_eq!(client.ask(get("b.example", "/")).status(), 200);
    let starts: Vec<_> = copied.requests().iter().map(|request| request.start.clone()).collect();
    assert_eq!(starts, [1, 2, 3].map(|number| format!("GET /x/{number}?y=%20 HTTP/1.1")));
    assert_eq!((pod.requests().len(), copied.connections()), (4, 1));
}

#[test]
fn nginx_w2_the_copy_has_the_body_unless_it_must_not() {
    let post =
        "POST /x HTTP/1.1\r\nHost: a.example\r\nX-One: 1\r\nX-Forwarded-For: 9.9.9.9\r\nContent-Length: 2\r\n\r\nhi";
    for (pairs, body, length) in [
        (vec![], "hi", Some("2")),
        (vec![("mirror-request-body", "on")], "hi", Some("2")),
        (vec![("mirror-request-body", "off")], "", None),
    ] {
        let copied = Pod::named("copied");
        let (pod, server) = serve(&copied, &pairs);
        assert_eq!(server.ask(post).text(), "web");
        wait_for(&server, "answered", 1.0);
        let copy = copied.only_request();
        assert_eq!(
            (copy.start.as_str(), copy.text().as_str(), copy.field("content-length")),
            ("POST /x HTTP/1.1", body, length)
        );
        assert_eq!((copy.field("x-one"), copy.field("x-forwarded-for")), (Some("1"), Some("127.0.0.1")));
        assert_eq!(pod.only_request().text(), "hi");
    }
}

#[test]
fn nginx_w2_of_a_body_that_is_long_or_breaks_off_there_is_no_copy_and_the_pod_has_all_of_it() {
    let copied = Pod::named("copied");
    let (pod, server) = serve(&copied, &[]);
    let long = format!("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 100000\r\n\r\n{}", "x".repeat(100_000));
    assert_eq!(server.ask(long).text(), "web");
    let pieces = ["x"; 10].map(|byte| format!("2710\r\n{}\r\n", byte.repeat(10_000)));
    let chunked = "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(server.ask(format!("{chunked}{}0\r\n\r\n", pieces.concat())).text(), "web");
    wait_for(&server, "dropped", 2.0);
    let mut broken = server.connect();
    broken.send("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\nh");
    eventually("the pod is asked", || (pod.connections() > 0).then_some(()));
    drop(broken);
    wait_for(&server, "dropped", 3.0);
    assert_eq!((count(&server, "dropped"), copied.requests().len()), (3.0, 0));
    let lengths: Vec<_> = pod.requests().iter().map(|request| request.body.len()).collect();
    assert_eq!(lengths[..2], [100_000, 100_000]);
}

#[test]
fn nginx_w2_a_body_that_comes_later_is_copied_when_it_is_there_and_the_pod_waits_for_nothing() {
    for (pairs, framing, first, rest) in [
        (&[][..], "Content-Length: 2", "h", "i"),
        (&[], "Transfer-Encoding: chunked", "1\r\nh\r\n", "1\r\ni\r\n0\r\n\r\n"),
        (&[], "Transfer-Encoding: chunked", "", "2\r\nhi\r\n0\r\nX-Trailer: 1\r\n\r\n"),
        // The body is waited for, so that the request can go to another pod.
        (&[("proxy-next-upstream", "error http_503 non_idempotent")], "Content-Length: 2", "h", "i"),
    ] {
        let copied = Pod::named("copied");
        let (pod, server) = serve(&copied, pairs);
        let mut late = server.connect();
        late.send(format!("PUT /x HTTP/1.1\r\nHost: a.example\r\n{framing}\r\n\r\n{first}"));
        if pairs.is_empty() {
            eventually("the pod is asked", || (pod.connections() == 1).then_some(()));
        }
        assert_eq!(copied.connections(), 0, "{framing}");
        late.send(rest);
        assert_eq!(late.answer().text(), "web");
        wait_for(&server, "answered", 1.0);
        let copy = copied.only_request();
        assert_eq!(
            (&*copy.start, copy.text(), copy.field("content-length")),
            ("PUT /x HTTP/1.1", "hi".into(), Some("2"))
        );
        assert_eq!((copy.field("transfer-encoding"), pod.only_request().text()), (None, "hi".into()), "{framing}");
        assert_eq!(count(&server, "dropped"), 0.0);
    }
}

#[test]
fn nginx_w3_the_host_is_that_of_the_target_or_another() {
    for (host, expected) in [
        (None, "copied.test.svc.cluster.local"),
        (Some("other.example:81"), "other.example:81"),
        (Some("$host"), "a.example"),
        (Some("$service_name.$namespace.svc:$service_port"), "web.test.svc:80"),
    ] {
        let copied = Pod::named("copied");
        let pairs: Vec<_> = host.iter().map(|host| ("mirror-host", *host)).collect();
        let (_pod, server) = serve(&copied, &pairs);
        assert_eq!(server.ask(get("a.example", "/")).status(), 200);
        wait_for(&server, "answered", 1.0);
        assert_eq!(copied.only_request().field("host"), Some(expected));
    }
}

#[test]
fn nginx_w3_a_request_that_makes_no_host_is_not_copied_and_is_served() {
    let copied = Pod::named("copied");
    let (_pod, server) = serve(&copied, &[("mirror-host", "$http_x_host")]);
    let ask = |line: &str| server.ask(format!("GET / HTTP/1.1\r\nHost: a.example\r\n{line}\r\n")).text();
    for line in ["", "X-Host: a b\r\n", "X-Host: a/b\r\n"] {
        assert_eq!(ask(line), "web");
    }
    assert_eq!((count(&server, "dropped"), copied.connections()), (3.0, 0));
    assert_eq!(ask("X-Host: b.example\r\n"), "web");
    wait_for(&server, "answered", 1.0);
    assert_eq!(copied.only_request().field("host"), Some("b.example"));
}

#[test]
fn nginx_w4_a_target_that_fails_or_hangs_changes_nothing() {
    let pod = Pod::named("web");
    let (refused, _socket) = refusing();
    let (silent, _sockets) = not_accepting();
    for address in [refused, silent] {
        let objects = manifests(&pod, &[TARGET, ("proxy-connect-timeout", "1")]).service("copied", &[address]);
        let server = Tidegate::serve(&objects);
        assert_eq!(server.ask(get("a.example", "/")).text(), "web");
        wait_for(&server, "failed", 1.0);
    }
    let server = Tidegate::serve(&manifests(&pod, &[TARGET]).service("copied", &[]));
    assert_eq!(server.ask(get("a.example", "/")).text(), "web");
    wait_for(&server, "failed", 1.0);
}

#[test]
fn nginx_w4_copies_that_hang_are_bounded_and_the_rest_is_dropped_and_counted() {
    let (copied, release) = Pod::held();
    let (pod, server) = serve(&copied, &[]);
    let mut client = server.connect();
    for _ in 0..200 {
        assert_eq!(client.ask(get("a.example", "/")).text(), "web");
    }
    assert_eq!(pod.requests().len(), 200);
    assert_eq!(count(&server, "dropped"), 72.0);
    drop(release);
    wait_for(&server, "answered", 128.0);
    assert_eq!(client.ask(get("a.example", "/")).text(), "web");
    wait_for(&server, "answered", 129.0);
}

#[test]
fn nginx_w1_requests_that_a_filter_answers_are_not_copied_and_clients_of_http_2_are() {
    let copied = Pod::named("copied");
    let (_pod, server) = serve(&copied, &[("denylist-source-range", "127.0.0.1")]);
    assert_eq!(server.ask(get("a.example", "/")).status(), 403);
    assert_eq!((copied.connections(), count(&server, "dropped")), (0, 0.0));
    let (_pod, server) = serve(&copied, &[]);
    run(async {
        assert_eq!(H2Client::plain(&server).await.get("a.example", "/x").await.status, 200);
    });
    wait_for(&server, "answered", 1.0);
    assert_eq!(copied.only_request().start, "GET /x HTTP/1.1");
}

#[test]
fn what_cannot_be_copied_to_is_told_and_requests_are_served() {
    let copied = Pod::named("copied");
    for pair in [
        ("mirror-target", "nonsense"),
        ("mirror-target", "http://copied.test.svc/\r\nHost: x"),
        ("mirror-target", "http://$http_x/"),
        ("mirror-target", "http://169.254.169.254/$request_uri"),
        ("mirror-target", "http://localhost/"),
        ("mirror-target", "http://missing.test.svc/"),
        ("mirror-host", "x\r\nX: y"),
        ("mirror-host", "$secret"),
        ("mirror-host", "$host/"),
        ("mirror-request-body", "maybe"),
    ] {
        let pod = Pod::named("web");
        let server = Tidegate::serve(&manifests(&pod, &[pair]).service("copied", &[copied.address]));
        assert_eq!(server.ask(get("a.example", "/")).text(), "web", "{pair:?}");
        let problems = server.admin("/debug/problems").text();
        assert!(problems.contains(pair.0), "{pair:?} {problems}");
        assert!(!problems.contains("503"), "{problems}");
    }
    assert_eq!(copied.connections(), 0);
}
