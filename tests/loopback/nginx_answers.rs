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
        (&[("proxy-redirect-from", "http://pod:8080/two/"), ("proxy-redirect-to", "off")], None),
        (&[("proxy-redirect-from", "http://pod:8080/"), ("proxy-redirect-to", "$secret://x/")], Some("variable")),
        (&[("proxy-cookie-domain", "~(?!x)pod.* a.example")], Some("look-around")),
        (&[("proxy-cookie-domain", "~((((a{99}){99}){99}){99}) a.example")], Some("InvalidAnnotation")),
        (&[("proxy-cookie-domain", "'~((((a{99}){99}){99}){99})' a.example")], Some("too large")),
        (&[("proxy-redirect-from", "~(/"), ("proxy-redirect-to", "/")], Some("regular expression")),
        (&[("proxy-cookie-path", "~^(?<rest>.*)$ $rest")], Some("variable")),
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

const BY_REQUEST: [(&str, &str); 4] = [
    ("proxy-redirect-from", r"~*^http://POD:\d+/two(/.*)$"),
    ("proxy-redirect-to", "$scheme://$host/$arg_one$1"),
    ("proxy-cookie-domain", r"~^(pod)\.internal$ $1.$host"),
    ("proxy-cookie-path", "/two/ \"/$http_x_one/; Secure\""),
];

#[test]
fn nginx_z4_patterns_and_variables_are_those_of_nginx_over_http_1_and_http_2() {
    let pod = Pod::answering(REDIRECT);
    let server = serve(&pod, &BY_REQUEST);
    let request = "GET /?one=1;%0D HTTP/1.1\r\nHost: A.example:81\r\nX-One: a; Path=/evil\r\n\r\n";
    let expected = [
        "http://a.example/1;%0D/x?y",
        "1; url=http://a.example/1;%0D/",
        "a=1; Domain=pod.a.example; Path=/a%3B%20Path=/evil/; Secure",
        "b=2; Path=/",
    ];
    let mut client = server.connect();
    for _ in 0..2 {
        assert_eq!(told(&client.ask(request)), expected);
    }
    run(async {
        let answer = H2Client::plain(&server).await.get("a.example", "/").await;
        assert_eq!(answer.field("location"), Some("http://a.example//x?y"));
    });
    let problems = server.admin("/debug/problems").text();
    assert!(!problems.contains("proxy-"), "{problems}");
    // A request that a filter answers has nothing of it, and the neighbour neither.
    assert_eq!(told(&server.ask(get("b.example", "/"))), AS_SENT);
}

#[test]
fn nginx_z4_a_location_that_becomes_a_path_is_made_a_url_unless_redirects_are_relative() {
    let pod = Pod::answering(REDIRECT);
    let path = [("proxy-redirect-from", "http://pod:8080/two/"), ("proxy-redirect-to", "/one/")];
    for (more, location) in [
        (vec![], "http://a.example/one/x?y"),
        (vec![("use-port-in-redirects", "true")], "http://a.example:81/one/x?y"),
        (vec![("relative-redirects", "true")], "/one/x?y"),
    ] {
        let server = serve(&pod, &[&path[..], &more].concat());
        let answer = server.ask(get("a.example:81", "/"));
        assert_eq!((answer.field("location"), answer.field("refresh")), (Some(location), Some("1; url=/one/")));
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
