//! Which requests go to the same pod, as our own annotations and those of haproxytech's controller ask for it.

use serde_json::{Value, json};

use crate::support::{Manifests, Message, Pod, Tidegate, eventually};

/// A Service with these pods, which are known by UID, and an Ingress for `a.example`, with these annotations on the Service.
fn manifests(pods: &[(&Pod, &str)], annotations: &Value) -> Manifests {
    let mut manifests = Manifests::new().annotated_service("web", &[], annotations.clone());
    for (index, (pod, uid)) in pods.iter().enumerate() {
        let target = json!({"kind": "Pod", "name": format!("pod-{uid}"), "namespace": "test", "uid": uid});
        manifests = manifests.endpoint_of("web", index, pod.address, target);
    }
    manifests.ingress("web", Some("a.example"), &[("/", "Prefix", "web")])
}

fn ask(server: &Tidegate, fields: &str) -> Message {
    server.ask(format!("GET /x?user=ann HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n"))
}

fn with_cookie(server: &Tidegate, cookie: &str) -> Message {
    ask(server, &format!("Cookie: {cookie}\r\n"))
}

/// Name and value of the cookie that an answer sets, and its attributes.
fn set(answer: &Message) -> Option<(String, String)> {
    let (pair, attributes) = answer.field("set-cookie")?.split_once("; ")?;
    Some((pair.to_owned(), attributes.to_owned()))
}

#[test]
fn a_session_stays_with_its_pod_on_every_replica_and_after_restarts() {
    let pods = [Pod::named("one"), Pod::named("two"), Pod::named("three")];
    let known: Vec<_> = pods.iter().zip(["a", "b", "c"]).collect();
    for annotations in [json!({"tidegate.dev/session-cookie": "sid"}), json!({"haproxy.org/cookie-persistence": "sid"})]
    {
        let manifests = manifests(&known, &annotations);
        let replicas = [Tidegate::serve(&manifests), Tidegate::serve(&manifests)];
        for _ in 0..3 {
            let first = ask(&replicas[0], "");
            let (cookie, attributes) = set(&first).expect("a cookie");
            assert!(cookie.starts_with("sid=") && attributes == "Path=/; HttpOnly", "{first}");
            for server in &replicas {
                for _ in 0..6 {
                    let answer = with_cookie(server, &cookie);
                    assert_eq!((answer.text(), set(&answer)), (first.text(), None), "{annotations}");
                }
            }
        }
    }
}

#[test]
fn a_pod_that_gets_the_address_of_another_gets_none_of_its_sessions() {
    let (one, two) = (Pod::named("one"), Pod::named("two"));
    let annotations = json!({"tidegate.dev/session-cookie": "sid", "tidegate.dev/balance": "round-robin"});
    let server = Tidegate::serve(&manifests(&[(&one, "a"), (&two, "b")], &annotations));
    let first = ask(&server, "");
    let (cookie, _) = set(&first).expect("a cookie");
    assert_eq!(with_cookie(&server, &cookie).text(), first.text());
    let [uid_one, uid_two] = if first.text() == "one" { ["c", "b"] } else { ["a", "c"] };
    server.replace(&manifests(&[(&one, uid_one), (&two, uid_two)], &annotations));
    // Nobody has the pod of the cookie: each request is told another one.
    eventually("the new pod", || set(&with_cookie(&server, &cookie)));
    let seen: std::collections::BTreeSet<_> = (0..4).map(|_| with_cookie(&server, &cookie).text()).collect();
    assert_eq!(seen.len(), 2, "round robin, as without a cookie");
}

#[test]
fn the_cookie_has_the_attributes_that_are_asked_for() {
    let pod = Pod::named("pod");
    let annotations = json!({
        "tidegate.dev/session-cookie": "route",
        "tidegate.dev/session-cookie-path": "/x",
        "tidegate.dev/session-cookie-domain": ".a.example",
        "tidegate.dev/session-cookie-max-age": "3600",
        "tidegate.dev/session-cookie-secure": "true",
        "tidegate.dev/session-cookie-http-only": "false",
        "tidegate.dev/session-cookie-samesite": "Strict",
    });
    // Without a UID it is the address that the cookie is of.
    let manifests = Manifests::new().annotated_service("web", &[pod.address], annotations).ingress(
        "web",
        Some("a.example"),
        &[("/", "Prefix", "web")],
    );
    let server = Tidegate::serve(&manifests);
    let (cookie, attributes) = set(&ask(&server, "")).expect("a cookie");
    assert_eq!(cookie, format!("route={:016x}", tidegate::model::token(pod.address)));
    assert_eq!(attributes, "Path=/x; Domain=.a.example; Max-Age=3600; Secure; SameSite=Strict");
    assert_eq!(set(&with_cookie(&server, &cookie)), None);
}

#[test]
fn requests_with_the_same_thing_in_common_go_to_the_same_pod_and_others_to_any() {
    let pods = [Pod::named("one"), Pod::named("two"), Pod::named("three")];
    let known: Vec<_> = pods.iter().zip(["a", "b", "c"]).collect();
    let spread = |server: &Tidegate, fields: &dyn Fn(usize) -> String| {
        (0..24).map(|n| ask(server, &fields(n)).text()).collect::<std::collections::BTreeSet<_>>().len()
    };
    for (value, same) in [
        ("source", ""),
        ("uri", ""),
        ("query:user", ""),
        ("header:X-User", "X-User: ann\r\n"),
        ("cookie:user", "Cookie: user=ann\r\n"),
    ] {
        let annotations = json!({"tidegate.dev/hash-by": value, "tidegate.dev/balance": "round-robin"});
        let server = Tidegate::serve(&manifests(&known, &annotations));
        assert_eq!(spread(&server, &|_| same.to_owned()), 1, "{value}");
        if !same.is_empty() {
            assert_eq!(spread(&server, &|n| same.replace("ann", &format!("user-{n}"))), 3, "{value}");
            assert_eq!(spread(&server, &|_| String::new()), 3, "{value}: without it they go by balance");
        }
    }
}
