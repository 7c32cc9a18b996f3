//! Passwords as annotations of ingress-nginx ask for them. Names of tests carry the behaviour that they show.

use std::net::{IpAddr, Ipv4Addr};

use base64::Engine as _;
use serde_json::{Value, json};

use crate::support::h2::{H2Client, run};
use crate::support::{Client, Manifests, Pod, Tidegate, eventually, get};

/// Made by `htpasswd -nb FORM NAME 'open sesame'` of Apache 2.4.67 with -B, -m, -s, -2, -5 and -d, and by `openssl passwd -1`;
/// `plain` has it in clear.
const FILE: &str = "\
# users
bcrypt:$2y$05$5JQoea/yufc3SrlC/gwAZ.tDtrjeaClva8L6gf17wQItiVPDZnoDe
apr1:$apr1$as3aXsuB$xJgV9F8l.UoaA9enmVy4b/
md5:$1$POoMYrER$c1TKW8rf7m1/Rg3Z.TzjO0
sha:{SHA}W8r/fyL/UzygmbNAjq2HbA67qac=
sha256:$5$LO.pKQT6.0JHxQfO$K2UpXHHf0kgsm0oN8RO2iQrFsRFDDKxIjxMlHVGT.H5
sha512:$6$FzPgunAb9I3FZwwH$YR6q51szxw.AodYrwPayJ7rFZjJM/N6cxovuiQLoKtLMkEd16n3alSJsRKFYeptPsFbVq7crRY8tza1HgyzBv/
plain:{PLAIN}open sesame
des:.fmECtRTQBVjc
";
const USERS: [&str; 8] = ["bcrypt", "apr1", "md5", "sha", "sha256", "sha512", "plain", "des"];
/// Takes a second or more.
const SLOW: &str = "alice:$2y$14$5JQoea/yufc3SrlC/gwAZ.tDtrjeaClva8L6gf17wQItiVPDZnoDe";
const SHA: &str = "{SHA}W8r/fyL/UzygmbNAjq2HbA67qac=";
const BASIC: [(&str, &str); 3] = [("auth-type", "basic"), ("auth-secret", "users"), ("auth-realm", "the shop")];

fn users(content: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": {"name": "users", "namespace": "test"},
        "stringData": content,
    })
}

fn annotations(pairs: &[(&str, &str)]) -> Value {
    pairs.iter().map(|(key, value)| (format!("nginx.ingress.kubernetes.io/{key}"), json!(value))).collect()
}

/// `a.example` has these annotations, `b.example` has none.
fn manifests(pod: &Pod, pairs: &[(&str, &str)]) -> Manifests {
    let paths = [("/", "Prefix", "web"), ("/.well-known/acme-challenge/x", "Exact", "web")];
    let routes = Manifests::new().service("web", &[pod.address]).ingress("b", Some("b.example"), &paths);
    routes.ingress_with("a", Some("a.example"), &paths, annotations(pairs), json!([]))
}

fn serve(pairs: &[(&str, &str)], content: &Value) -> (Pod, Tidegate) {
    let pod = Pod::named("web");
    let server = Tidegate::serve(&manifests(&pod, pairs).object(users(content)));
    (pod, server)
}

fn encoded(name: &str, password: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}"))
}

/// A request for `/` of `a.example` with this user and password.
fn with(name: &str, password: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: a.example\r\nAuthorization: Basic {}\r\n\r\n", encoded(name, password))
}

#[test]
fn nginx_h1_without_a_right_password_the_answer_is_401_and_names_the_realm() {
    let (pod, server) = serve(&BASIC, &json!({"auth": FILE}));
    for request in [
        get("a.example", "/"),
        get("a.example", "/any/path"),
        with("sha", "wrong"),
        with("sha", ""),
        with("nobody", "open sesame"),
        with("des", "open se"),
        with("", ""),
        "GET / HTTP/1.1\r\nHost: a.example\r\nAuthorization: Bearer x\r\n\r\n".into(),
    ] {
        let answer = server.ask(&request);
        assert_eq!(answer.status(), 401, "{request}");
        assert_eq!(answer.field("www-authenticate"), Some("Basic realm=\"the shop\""), "{request}");
    }
    assert_eq!(pod.connections(), 0, "no pod hears of it");
    let answer = server.ask(with("sha", "open sesame"));
    assert_eq!((answer.status(), answer.text().as_str()), (200, "web"));
    assert_eq!(pod.only_request().all("authorization"), [""; 0], "pods do not get the password");
    assert_eq!(server.ask(get("b.example", "/")).status(), 200, "the neighbour asks for none");
}

#[test]
fn nginx_h1_holds_over_http_2_for_heads_and_for_bodies_that_wait() {
    let (pod, server) = serve(&BASIC, &json!({"auth": FILE}));
    run(async {
        let client = H2Client::plain(&server).await;
        let answer = client.get("a.example", "/").await;
        assert_eq!((answer.status, answer.field("www-authenticate")), (401, Some("Basic realm=\"the shop\"")));
        let field = format!("Basic {}", encoded("bcrypt", "open sesame"));
        let request = client.request("POST", "a.example", "/").header("authorization", field);
        assert_eq!(client.ask(request, b"hi").await.status, 200);
    });
    assert_eq!(pod.only_request().all("authorization"), [""; 0]);
    let mut client = server.connect();
    let head = client.ask("HEAD / HTTP/1.1\r\nHost: a.example\r\n\r\n");
    assert_eq!((head.status(), head.text().as_str()), (401, ""));
    assert!(head.field("www-authenticate").is_some());
    // The body never comes, so nothing may be waited for.
    let answer = client.ask("POST / HTTP/1.1\r\nHost: a.example\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    assert_eq!((answer.status(), answer.interim.len()), (401, 0));
    client.expect_end();
}

#[test]
fn nginx_h1_a_realm_ends_no_line_and_no_quote() {
    for (realm, expected) in [
        ("say \"friend\" \\o/", "Basic realm=\"say \\\"friend\\\" \\\\o/\""),
        ("off", "Basic realm=\"off\""),
        ("a\r\nSet-Cookie: x=y", "Basic realm=\"Authentication Required\""),
    ] {
        let annotations = [BASIC[0], BASIC[1], ("auth-realm", realm)];
        let (_pod, server) = serve(&annotations, &json!({"auth": FILE}));
        let answer = server.ask(get("a.example", "/"));
        assert_eq!((answer.status(), answer.field("www-authenticate")), (401, Some(expected)));
        assert_eq!(answer.field("set-cookie"), None);
    }
}

#[test]
fn nginx_h2_the_secret_is_a_file_of_any_form_of_hash_or_a_map() {
    let (_pod, server) = serve(&BASIC, &json!({"auth": FILE}));
    for name in USERS {
        assert_eq!(server.ask(with(name, "open sesame")).status(), 200, "{name}");
        // Of the hash of -d eight characters count.
        let wrong = if name == "des" { "open se" } else { "open sesam" };
        assert_eq!(server.ask(with(name, wrong)).status(), 401, "{name}");
    }
    let map = [BASIC[0], BASIC[1], ("auth-secret-type", "auth-map")];
    let (_pod, server) = serve(&map, &json!({"alice": SHA, "bob": "$apr1$as3aXsuB$xJgV9F8l.UoaA9enmVy4b/\n"}));
    for (name, password, status) in
        [("alice", "open sesame", 200), ("bob", "open sesame", 200), ("alice", "x", 401), ("carl", "open sesame", 401)]
    {
        assert_eq!(server.ask(with(name, password)).status(), status, "{name} {password}");
    }
}

#[test]
fn nginx_h3_h7_a_secret_that_is_missing_or_of_another_namespace_lets_nobody_in() {
    let of = |secret| [("auth-type", "basic"), ("auth-secret", secret)];
    for annotations in [
        &of("missing")[..],
        &of("other/users"),
        &of("../users"),
        &of(""),
        &[("auth-type", "basic")],
        &[("auth-type", "digest"), BASIC[1]],
        &[("auth-type", "anything"), BASIC[1]],
        &[BASIC[0], BASIC[1], ("auth-secret-type", "auth-list")],
        // An address that is allowed opens nothing whose users are unknown.
        &[BASIC[0], ("auth-secret", "missing"), ("allowlist-source-range", "127.0.0.0/8"), ("satisfy", "any")],
    ] {
        let (pod, server) = serve(annotations, &json!({"auth": FILE}));
        for request in [get("a.example", "/"), with("sha", "open sesame")] {
            assert_eq!(server.ask(request).status(), 503, "{annotations:?}");
        }
        assert_eq!(server.ask(get("b.example", "/")).status(), 200, "the neighbour serves");
        assert_eq!(pod.requests().len(), 1);
        let problems = server.admin("/debug/problems").text();
        assert!(problems.contains("nobody is served"), "{problems}");
    }
    let (_pod, server) = serve(&of("test/users"), &json!({"auth": FILE}));
    assert_eq!(server.ask(with("sha", "open sesame")).status(), 200, "its own namespace may stand there");
    let (_pod, server) = serve(&of("users"), &json!({"other-key": FILE}));
    assert_eq!(server.ask(with("sha", "open sesame")).status(), 503, "no key `auth`");
}

#[test]
fn nginx_h7_a_secret_of_another_namespace_counts_where_an_option_allows_it() {
    let mut secret = users(&json!({"auth": format!("alice:{SHA}")}));
    secret["metadata"]["namespace"] = json!("other");
    let pod = Pod::named("web");
    let manifests = manifests(&pod, &[("auth-type", "basic"), ("auth-secret", "other/users")]).object(secret);
    for (options, right, wrong) in [(&[][..], 503, 503), (&["--secrets-across-namespaces", "true"], 200, 401)] {
        let server = Tidegate::serve_with(&manifests, options);
        assert_eq!(server.ask(with("alice", "open sesame")).status(), right, "{options:?}");
        assert_eq!(server.ask(with("alice", "x")).status(), wrong, "{options:?}");
        assert_eq!(server.ask(get("b.example", "/")).status(), 200, "the neighbour serves");
        let problems = server.admin("/debug/problems").text();
        assert_eq!(problems.contains("--secrets-across-namespaces"), right == 503, "{problems}");
    }
}

#[test]
fn nginx_h4_content_that_cannot_be_read_lets_nobody_in_and_is_told() {
    let huge = "x:y\n".repeat(100_000);
    for content in ["foo:bar", "", "\n\n# nobody\n", ":\n:", "open sesame", "sha:{SHA}", "\u{0}\u{1}\r\r\n", &huge] {
        let (pod, server) = serve(&BASIC, &json!({"auth": content}));
        for request in [get("a.example", "/"), with("sha", "open sesame"), with("foo", "bar"), with("foo", "")] {
            assert_eq!(server.ask(request).status(), 401, "{:?}", &content[..content.len().min(40)]);
        }
        assert_eq!(pod.connections(), 0);
        let problems = server.admin("/debug/problems").text();
        assert!(problems.contains("\"Ingress\"") && problems.contains("401"), "{problems}");
    }
    let (_pod, server) = serve(&BASIC, &json!({"auth": FILE}));
    let problems = server.admin("/debug/problems").text();
    assert!(problems.contains("has 1 of DES-crypt") && problems.contains("warning"), "{problems}");
}

#[test]
fn nginx_h5_a_changed_secret_counts_at_once() {
    let (pod, server) = serve(&BASIC, &json!({"auth": format!("alice:{SHA}")}));
    let mut client = server.connect();
    assert_eq!(client.ask(with("alice", "open sesame")).status(), 200);
    assert_eq!(client.ask(with("bob", "open sesame")).status(), 401);
    server.replace(&manifests(&pod, &BASIC).object(users(&json!({"auth": format!("bob:{SHA}")}))));
    eventually("the new user is known", || (client.ask(with("bob", "open sesame")).status() == 200).then_some(()));
    assert_eq!(client.ask(with("alice", "open sesame")).status(), 401, "what was right before is forgotten");
    server.replace(&manifests(&pod, &BASIC));
    eventually("nobody is known", || (client.ask(with("bob", "open sesame")).status() == 503).then_some(()));
}

#[test]
fn nginx_n8_the_path_of_challenges_is_exempt_by_the_rule_and_not_by_the_request() {
    let (pod, server) = serve(&BASIC, &json!({"auth": FILE}));
    assert_eq!(server.ask(get("a.example", "/.well-known/acme-challenge/x")).status(), 200);
    assert_eq!(server.ask(get("a.example", "/.well-known/acme-challenge/y")).status(), 401, "the rule is that of /");
    assert_eq!(pod.requests().len(), 1);
}

#[test]
fn nginx_i7_a_path_that_is_exempt_from_passwords_is_still_for_listed_addresses() {
    let pairs = [&BASIC[..], &[("allowlist-source-range", "127.0.0.1/32"), ("satisfy", "any")]].concat();
    let (_pod, server) = serve(&pairs, &json!({"auth": FILE}));
    for (last, expected) in [(1, 200), (2, 403)] {
        let mut client = Client::connect_from(Ipv4Addr::new(127, 0, 0, last).into(), server.http);
        assert_eq!(client.ask(get("a.example", "/.well-known/acme-challenge/x")).status(), expected);
    }
}

#[test]
fn nginx_i7_with_satisfy_any_an_address_or_a_password_is_enough() {
    let allowed = ("allowlist-source-range", "127.0.0.1/32");
    let denied = ("denylist-source-range", "127.0.0.2");
    let any = ("satisfy", "any");
    // Without and with the password from an address that is listed, then from another.
    for (more, expected) in [
        (&[allowed][..], [401, 200, 403, 403]),
        (&[allowed, ("satisfy", "all")], [401, 200, 403, 403]),
        (&[allowed, any], [200, 200, 401, 200]),
        (&[allowed, ("denylist-source-range", "127.0.0.1"), any], [401, 200, 401, 200]),
        // A list of those that are refused makes nobody's address enough.
        (&[denied], [401, 200, 403, 403]),
        (&[denied, any], [401, 200, 401, 200]),
        (&[any], [401, 200, 401, 200]),
    ] {
        let (_pod, server) = serve(&[&BASIC[..], more].concat(), &json!({"auth": FILE}));
        let found = [1, 1, 2, 2].into_iter().enumerate().map(|(at, last)| {
            let mut client = Client::connect_from(Ipv4Addr::new(127, 0, 0, last).into(), server.http);
            let request = if at % 2 == 0 { get("a.example", "/") } else { with("sha", "open sesame") };
            client.ask(request).status()
        });
        assert_eq!(found.collect::<Vec<_>>(), expected, "{more:?}");
    }
}

#[test]
fn nginx_h1_no_password_is_asked_for_in_clear_where_https_is_used_instead() {
    let annotations = [&BASIC[..], &[("force-ssl-redirect", "true")]].concat();
    let (pod, server) = serve(&annotations, &json!({"auth": FILE}));
    for request in [get("a.example", "/"), with("sha", "open sesame"), with("sha", "wrong")] {
        let answer = server.ask(request);
        assert_eq!((answer.status(), answer.field("www-authenticate")), (308, None));
    }
    assert_eq!(pod.connections(), 0);
}

#[test]
fn wrong_passwords_without_end_disturb_no_other_route() {
    let (_pod, server) = serve(&BASIC, &json!({"auth": SLOW}));
    // Each from another address, so that only the threads and their queue bound it.
    let mut trying: Vec<_> = (0..100_u8)
        .map(|at| {
            let mut client = Client::connect_from(IpAddr::from([127, 0, 1, at]), server.http);
            client.send(with("alice", &format!("wrong-{at}")));
            client
        })
        .collect();
    // What finds no room is told so at once: so all others wait by now.
    let busy = || server.metric("tidegate_passwords_total", "answer=\"busy\"");
    eventually("the queue is full", || (busy() >= 60.0).then_some(()));
    let mut neighbour = server.connect();
    for _ in 0..50 {
        assert_eq!(neighbour.ask(get("b.example", "/")).status(), 200);
    }
    let wrong = server.metric("tidegate_passwords_total", "answer=\"wrong\"");
    assert!(wrong < 30.0, "the neighbour was answered while passwords were looked at: {wrong} were answered");
    let refused = trying.iter_mut().find_map(|client| {
        let answer = client.answer();
        (answer.status() == 503).then_some(answer)
    });
    assert_eq!(refused.unwrap().field("retry-after"), Some("1"));
}

#[test]
fn who_is_wrong_too_often_is_told_to_wait_and_others_are_not() {
    let (_pod, server) = serve(&BASIC, &json!({"auth": FILE}));
    let mut client = server.connect();
    assert_eq!(client.ask(with("sha", "open sesame")).status(), 200);
    let statuses: Vec<_> = (0..40).map(|at| client.ask(with("sha", &format!("wrong-{at}"))).status()).collect();
    assert!(statuses[..10].iter().all(|status| *status == 401), "{statuses:?}");
    let limited = eventually("a limit", || {
        let answer = client.ask(with("sha", "wrong"));
        (answer.status() == 429).then_some(answer)
    });
    assert_eq!(limited.field("retry-after"), Some("1"));
    assert_eq!(client.ask(with("sha", "open sesame")).status(), 200, "who was right before goes on");
    let mut other = Client::connect_from(Ipv4Addr::new(127, 0, 0, 9).into(), server.http);
    assert_eq!(other.ask(with("sha512", "open sesame")).status(), 200);
}

#[test]
fn what_is_asked_is_told_and_never_by_whom_or_with_what() {
    let annotations = [&BASIC[..], &[("allowlist-source-range", "127.0.0.0/8"), ("satisfy", "any")]].concat();
    let pod = Pod::named("web");
    let objects = manifests(&pod, &annotations).object(users(&json!({"auth": FILE})));
    let server = Tidegate::serve_with(&objects, &["--explain-to", "127.0.0.0/8"]);
    let shown = server.admin("/debug/snapshot").text();
    let table: Value = serde_json::from_str(&shown).unwrap();
    let host = table["hosts"].as_array().unwrap().iter().find(|host| host["host"] == "a.example").unwrap();
    let root = host["routes"].as_array().unwrap().iter().find(|route| route["path"] == "/").unwrap();
    let excused = json!({"allowed": "127.0.0.0/8", "denied": ""});
    assert_eq!(root["basicAuth"], json!({"realm": "the shop", "users": 8, "excused": excused}));
    let text = server.admin("/debug/explain?url=http://a.example/").text();
    let told = "401 for clients that are not in 127.0.0.0/8 (allowlist-source-range, satisfy) and that do not give the \
                password of one of 8 users (auth-type), for others:";
    assert!(text.contains(told), "{text}");
    for secret in ["sesame", "$2y$", "W8r/", "bcrypt:"] {
        assert!(!shown.contains(secret) && !text.contains(secret), "{secret}");
    }
    let mut client = Client::connect_from(Ipv4Addr::new(127, 0, 0, 1).into(), server.http);
    assert_eq!(client.ask(get("a.example", "/")).status(), 200);
    let (_pod, server) = serve(&BASIC, &json!({"auth": FILE}));
    let text = server.admin("/debug/explain?url=http://a.example/").text();
    assert!(text.contains("401 for clients that do not give the password of one of 8 users (auth-type)"), "{text}");
    let (_pod, server) = serve(&BASIC[..1], &json!({}));
    let text = server.admin("/debug/explain?url=http://a.example/").text();
    assert!(text.contains("503 because it is not known who has a password (auth-type)"), "{text}");
}

#[test]
fn the_filter_that_answers_is_named() {
    let pod = Pod::named("web");
    let objects = manifests(&pod, &BASIC).object(users(&json!({"auth": FILE})));
    let server = Tidegate::serve_with(&objects, &["--explain-to", "127.0.0.0/8"]);
    let answer = server.ask("GET / HTTP/1.1\r\nHost: a.example\r\nTidegate-Explain: 1\r\n\r\n");
    assert_eq!(answer.status(), 401);
    assert!(answer.field("tidegate-explanation").unwrap().contains("answer=basic_auth"), "{answer}");
}
