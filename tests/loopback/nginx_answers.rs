//! What becomes of pods' answers where annotations of ingress-nginx say so. Names of tests carry the behaviour that they show.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::h2::{H2Client, run};
use crate::support::{Manifests, Message, Pod, Tidegate, get};

fn serve(pod: &Pod, pairs: &[(&str, &str)]) -> Tidegate {
    let annotations: Value =
        pairs.iter().map(|(key, value)| (format!("nginx.ingress.kubernetes.io/{key}"), json!(value))).collect();
    let paths = [("/", "Prefix", "web")];
    let manifests = Manifests::new()
        .service("web", &[pod.address])
        .ingress_with("a", Some("a.example"), &paths, annotations, json!([]))
        .ingress("b", Some("b.example"), &paths);
    Tidegate::serve(&manifests)
}

const REDIRECT: &str = "HTTP/1.1 302 Found\r\nLocation: http://pod:8080/two/x?y\r\nRefresh: 1; url=http://pod:8080/two/\r\n\
                        Set-Cookie: a=1; Domain=pod.internal; Path=/two/\r\nSet-Cookie: b=2; Path=/\r\n\
                        Content-Length: 0\r\n\r\n";

const ALL: [(&str, &str); 4] = [
    ("proxy-redirect-from", "http://pod:8080/two/"),
    ("proxy-redirect-to", "https://a.example/"),
    ("proxy-cookie-domain", "pod.internal a.example"),
    ("proxy-cookie-path", "/two/ /"),
];

/// Location, Refresh and all cookies.
fn told(answer: &Message) -> Vec<String> {
    ["location", "refresh", "set-cookie"].iter().flat_map(|name| answer.all(name)).map(str::to_owned).collect()
}

const REWRITTEN: [&str; 4] =
    ["https://a.example/x?y", "1; url=https://a.example/", "a=1; Domain=a.example; Path=/", "b=2; Path=/"];
const AS_SENT: [&str; 4] =
    ["http://pod:8080/two/x?y", "1; url=http://pod:8080/two/", "a=1; Domain=pod.internal; Path=/two/", "b=2; Path=/"];

#[test]
fn nginx_z4_locations_and_cookies_of_pods_are_rewritten_over_http_1_and_http_2() {
    let pod = Pod::answering(REDIRECT);
    let server = serve(&pod, &ALL);
    let answer = server.ask(get("a.example", "/"));
    assert_eq!((answer.status(), told(&answer)), (302, REWRITTEN.map(str::to_owned).to_vec()));
    assert_eq!(told(&server.ask(get("b.example", "/"))), AS_SENT);
    run(async {
        let answer = H2Client::plain(&server).await.get("a.example", "/").await;
        let cookies: Vec<_> =
            answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
        assert_eq!(answer.field("location"), Some(REWRITTEN[0]));
        assert_eq!(cookies, REWRITTEN[2..]);
    });
}

#[test]
fn nginx_z4_off_default_halves_and_what_is_not_read_leave_answers_as_they_are() {
    let pod = Pod::answering(REDIRECT);
    for (pairs, problem) in [
        (&[("proxy-redirect-from", "off"), ("proxy-redirect-to", "/")][..], None),
        (&[("proxy-redirect-from", "default"), ("proxy-redirect-to", "/")], None),
        (&[("proxy-redirect-from", "http://pod:8080/two/")], None),
        (&[("proxy-redirect-to", "/")], None),
        (&[("proxy-cookie-domain", "off"), ("proxy-cookie-path", "off")], None),
        (&[("proxy-redirect-from", "http://pod:8080/"), ("proxy-redirect-to", "$scheme://x/")], Some("variable")),
        (&[("proxy-cookie-domain", "~pod.* a.example")], Some("pattern")),
        (&[("proxy-cookie-path", "/two/ /\r\nX-Evil: 1")], Some("InvalidAnnotation")),
        (&[("proxy-cookie-path", "/two/")], Some("InvalidAnnotation")),
    ] {
        let server = serve(&pod, pairs);
        assert_eq!(told(&server.ask(get("a.example", "/"))), AS_SENT, "{pairs:?}");
        let problems = server.admin("/debug/problems").text();
        match problem {
            Some(problem) => assert!(problems.contains(problem), "{problems}"),
            None => assert!(!problems.contains("proxy-"), "{problems}"),
        }
    }
}

#[test]
fn nginx_z4_answers_of_ours_are_left_alone() {
    let pod = Pod::answering(REDIRECT);
    let server = serve(&pod, &[&ALL[..], &[("permanent-redirect", "http://pod:8080/two/x")]].concat());
    let answer = server.ask(get("a.example", "/"));
    assert_eq!((answer.status(), told(&answer)), (301, vec!["http://pod:8080/two/x".to_owned()]));
}

#[test]
fn nginx_l4_a_rate_holds_over_http_1_and_http_2() {
    let body = "x".repeat(128 << 10);
    let pod = Pod::answering(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    let server = serve(&pod, &[("limit-rate", "64"), ("proxy-buffering", "on")]);
    let began = Instant::now();
    assert_eq!(server.ask(get("a.example", "/")).text(), body);
    assert!(began.elapsed() >= Duration::from_secs(1), "the second half comes with the second second");
    run(async {
        let client = H2Client::plain(&server).await;
        let began = Instant::now();
        assert_eq!(client.get("a.example", "/").await.text(), body);
        assert!(began.elapsed() >= Duration::from_secs(1));
    });
}
