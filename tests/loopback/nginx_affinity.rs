//! Which requests go to the same pod, as annotations of ingress-nginx ask for it. Names of tests carry the behaviour that they
//! show.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::support::h2::{H2Client, run};
use crate::support::{Manifests, Message, Path, Pod, Tidegate, eventually, get, refusing};

const PATHS: &[Path<'_>] = &[("/app", "Prefix", "web"), ("/", "Prefix", "web")];

fn pods(count: usize) -> Vec<Pod> {
    (0..count).map(|n| Pod::named(&format!("pod-{n}"))).collect()
}

fn addresses(pods: &[Pod]) -> Vec<SocketAddr> {
    pods.iter().map(|pod| pod.address).collect()
}

fn manifests(addresses: &[SocketAddr], annotations: &[(&str, &str)]) -> Manifests {
    Manifests::new().service("web", addresses).ingress_with(
        "web",
        Some("a.example"),
        PATHS,
        nginx(annotations),
        json!([]),
    )
}

fn serve(addresses: &[SocketAddr], annotations: &[(&str, &str)]) -> Tidegate {
    Tidegate::serve_with(&manifests(addresses, annotations), &["--workers", "4"])
}

fn nginx(pairs: &[(&str, &str)]) -> Value {
    pairs.iter().map(|(key, value)| (format!("nginx.ingress.kubernetes.io/{key}"), json!(value))).collect()
}

fn ask(server: &Tidegate, target: &str, cookie: Option<&str>) -> Message {
    let cookie = cookie.map(|cookie| format!("Cookie: {cookie}\r\n")).unwrap_or_default();
    server.ask(format!("GET {target} HTTP/1.1\r\nHost: a.example\r\n{cookie}\r\n"))
}

/// Name and value of the cookie that an answer sets, and its attributes.
fn set(answer: &Message) -> Option<(String, String)> {
    let (pair, attributes) = answer.field("set-cookie")?.split_once("; ")?;
    Some((pair.to_owned(), attributes.to_owned()))
}

/// How often each pod has answered requests with these cookies.
fn shares(server: &Tidegate, count: usize, cookie: Option<&str>) -> BTreeMap<String, usize> {
    let mut shares = BTreeMap::new();
    for _ in 0..count {
        *shares.entry(ask(server, "/", cookie).text()).or_insert(0) += 1;
    }
    shares
}

const COOKIE: (&str, &str) = ("affinity", "cookie");
const PERSISTENT: (&str, &str) = ("affinity-mode", "persistent");

#[test]
fn nginx_g1_a_client_with_the_cookie_stays_with_its_pod_and_is_told_once() {
    for mode in [("affinity-mode", "balanced"), PERSISTENT] {
        let pods = pods(5);
        let server = serve(&addresses(&pods), &[COOKIE, mode]);
        let first = ask(&server, "/app/x", None);
        let (cookie, attributes) = set(&first).expect("a cookie");
        assert!(cookie.starts_with("INGRESSCOOKIE=") && attributes == "Path=/app; HttpOnly", "{first}");
        for _ in 0..20 {
            let answer = ask(&server, "/app", Some(&format!("a=b; {cookie}")));
            assert_eq!((answer.text(), set(&answer)), (first.text(), None), "{mode:?}");
        }
        run(async {
            let client = H2Client::plain(&server).await;
            assert!(client.get("a.example", "/app").await.field("set-cookie").is_some());
        });
    }
}

#[test]
fn nginx_g2_g3_the_cookie_is_as_it_is_asked_for() {
    let pods = pods(1);
    let annotations = [
        COOKIE,
        ("session-cookie-name", "route"),
        ("session-cookie-path", "/x"),
        ("session-cookie-domain", ".a.example"),
        ("session-cookie-max-age", "172800"),
        ("session-cookie-samesite", "Lax"),
        ("session-cookie-secure", "true"),
    ];
    let server = serve(&addresses(&pods), &annotations);
    let (cookie, attributes) = set(&ask(&server, "/", None)).expect("a cookie");
    assert!(cookie.starts_with("route="), "{cookie}");
    assert_eq!(attributes, "Path=/x; Domain=.a.example; Max-Age=172800; Secure; HttpOnly; SameSite=Lax");
}

#[test]
fn nginx_g4_a_cookie_that_names_a_pod_that_is_gone_gives_another_and_a_new_cookie_in_persistent_mode() {
    let pods = pods(3);
    let server = serve(&addresses(&pods), &[COOKIE, PERSISTENT]);
    let first = ask(&server, "/", None);
    let (cookie, _) = set(&first).expect("a cookie");
    let left: Vec<_> = pods
        .iter()
        .map(|pod| pod.address)
        .filter(|address| {
            let name = format!("pod-{}", pods.iter().position(|pod| pod.address == *address).unwrap());
            name != first.text()
        })
        .collect();
    server.replace(&manifests(&left, &[COOKIE, PERSISTENT]));
    eventually("another pod", || (ask(&server, "/", Some(&cookie)).text() != first.text()).then_some(()));
    let moved = ask(&server, "/", Some(&cookie));
    assert!(set(&moved).is_some_and(|(new, _)| new != cookie), "{moved}");
    // In balanced mode anything is a key.
    let server = serve(&addresses(&pods), &[COOKIE]);
    let shares = shares(&server, 30, Some("INGRESSCOOKIE=garbage"));
    assert_eq!(shares.len(), 1, "{shares:?}");
    assert_eq!(set(&ask(&server, "/", Some("INGRESSCOOKIE=garbage"))), None);
}

#[test]
fn nginx_g4_a_dead_pod_of_a_cookie_gives_502_unless_the_client_may_move() {
    for mode in [("affinity-mode", "balanced"), PERSISTENT] {
        let live = Pod::named("live");
        let (dead, held) = refusing();
        let all = [dead, live.address];
        let moving = [COOKIE, mode, ("session-cookie-change-on-failure", "true")];
        for (annotations, may_move) in [(&moving[..2], false), (&moving[..], true)] {
            let server = serve(&all, annotations);
            // Of both pods there are cookies: keys, or those of the pods.
            let cookies: Vec<_> = match mode {
                PERSISTENT => all.iter().map(|address| format!("{:016x}", tidegate::model::token(*address))).collect(),
                _ => (0..16_u64).map(|key| format!("{key:016x}")).collect(),
            };
            let statuses: Vec<_> = cookies
                .iter()
                .map(|cookie| ask(&server, "/", Some(&format!("INGRESSCOOKIE={cookie}"))).status())
                .collect();
            assert_eq!(statuses.contains(&502), !may_move, "{mode:?} {statuses:?}");
            assert!(statuses.contains(&200));
        }
        drop(held);
    }
}

#[test]
fn nginx_g5_in_persistent_mode_pods_that_come_take_over_nobody() {
    let pods = pods(10);
    let all = addresses(&pods);
    let server = serve(&all[..1], &[COOKIE, PERSISTENT]);
    let (cookie, _) = set(&ask(&server, "/", None)).expect("a cookie");
    for count in 2..=10 {
        server.replace(&manifests(&all[..count], &[COOKIE, PERSISTENT]));
        let others = || (0..4 * count).any(|_| ask(&server, "/", None).text() == format!("pod-{}", count - 1));
        eventually("the new pod", || others().then_some(()));
        assert_eq!(ask(&server, "/", Some(&cookie)).text(), "pod-0");
    }
    server.replace(&manifests(&[], &[COOKIE, PERSISTENT]));
    eventually("503", || (ask(&server, "/", Some(&cookie)).status() == 503).then_some(()));
    server.replace(&manifests(&all[1..2], &[COOKIE, PERSISTENT]));
    eventually("a new pod", || (ask(&server, "/", Some(&cookie)).text() == "pod-1").then_some(()));
}

#[test]
fn nginx_g6_another_ingress_of_the_host_gives_no_cookie() {
    let pod = Pod::named("pod");
    let manifests = Manifests::new()
        .service("web", &[pod.address])
        .ingress_with("sticky", Some("a.example"), &[("/sticky", "Prefix", "web")], nginx(&[COOKIE]), json!([]))
        .ingress("plain", Some("a.example"), &[("/", "Prefix", "web")]);
    let server = Tidegate::serve(&manifests);
    assert!(set(&ask(&server, "/sticky", None)).is_some());
    assert_eq!(set(&ask(&server, "/", None)), None);
}

#[test]
fn nginx_f9_a_client_stays_with_its_side_of_a_canary() {
    let pods = ["main", "canary"].map(Pod::named);
    for (behavior, is_sticky) in [("sticky", true), ("legacy", false)] {
        let manifests = Manifests::new()
            .service("main", &[pods[0].address])
            .service("canary", &[pods[1].address])
            .ingress_with("main", Some("a.example"), &[("/", "Prefix", "main")], nginx(&[COOKIE]), json!([]))
            .ingress_with(
                "canary",
                Some("a.example"),
                &[("/", "Prefix", "canary")],
                nginx(&[("canary", "true"), ("canary-weight", "50"), ("affinity-canary-behavior", behavior)]),
                json!([]),
            );
        let server = Tidegate::serve(&manifests);
        for _ in 0..20 {
            let first = ask(&server, "/", None);
            let Some((cookie, _)) = set(&first) else {
                assert!(!is_sticky && first.text().contains("canary"), "{behavior}: {}", first.text());
                continue;
            };
            // With "legacy" answers of the canary set no cookie, and the main backend keeps its clients all the same.
            assert!(is_sticky || first.text().contains("main"), "{behavior}: {}", first.text());
            assert!((0..20).all(|_| ask(&server, "/", Some(&cookie)).text() == first.text()), "{behavior}");
        }
        if !is_sticky {
            // A cookie that says canary, from before the change: drawn again.
            let sides = shares(&server, 64, Some("INGRESSCOOKIE=00000000000000abc"));
            assert_eq!(sides.len(), 2, "{sides:?}");
        }
    }
}

#[test]
fn nginx_r1_requests_with_the_same_text_go_to_the_same_pod() {
    let pods = pods(6);
    let server = serve(&addresses(&pods), &[("upstream-hash-by", "$request_uri")]);
    assert_eq!(shares(&server, 100, None).len(), 1);
    let spread: std::collections::BTreeSet<_> =
        (0..60).map(|n| server.ask(get("a.example", &format!("/{n}"))).text()).collect();
    assert_eq!(spread.len(), 6);
    assert_eq!(set(&ask(&server, "/", None)), None);
}

#[test]
fn nginx_r1_a_dead_pod_of_a_text_costs_no_request() {
    let live = Pod::named("live");
    let (dead, _held) = refusing();
    let server = serve(&[dead, live.address], &[("upstream-hash-by", "$request_uri")]);
    for n in 0..20 {
        assert_eq!(server.ask(get("a.example", &format!("/{n}"))).text(), "live");
    }
}

#[test]
fn nginx_r2_a_subset_has_so_many_pods() {
    let pods = pods(9);
    let annotations = [
        ("upstream-hash-by", "$http_host"),
        ("upstream-hash-by-subset", "true"),
        ("upstream-hash-by-subset-size", "3"),
    ];
    let server = serve(&addresses(&pods), &annotations);
    assert_eq!(shares(&server, 120, None).len(), 3);
}

#[test]
fn what_cannot_be_read_is_told_and_its_neighbours_serve() {
    let pod = Pod::named("pod");
    let long = "x".repeat(10_000);
    for (key, value) in [
        ("affinity", "ip"),
        ("affinity-mode", "sticky"),
        ("session-cookie-name", "a=b"),
        ("session-cookie-name", "a\r\nSet-Cookie: x=y"),
        ("session-cookie-path", "x"),
        ("session-cookie-path", "/x; Domain=evil.example"),
        ("session-cookie-domain", "a.example; Secure"),
        ("session-cookie-domain", &long),
        ("session-cookie-expires", "-1"),
        ("session-cookie-max-age", "99999999999999999999"),
        ("session-cookie-samesite", "maybe"),
        ("upstream-hash-by", "$nginx_version"),
        ("upstream-hash-by", ""),
        ("upstream-hash-by", "a\r\nb"),
        ("upstream-hash-by-subset-size", "three"),
    ] {
        let server = serve(&[pod.address], &[COOKIE, (key, value)]);
        assert_eq!(ask(&server, "/", None).text(), "pod", "{key}: {value:?}");
        let problems = server.admin("/debug/problems").text();
        assert!(problems.contains(key), "{problems}");
    }
}
