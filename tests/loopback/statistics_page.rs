//! The page of `--stats`: what browsers are told, who may act, and what actions do to traffic.

use serde_json::json;

use crate::support::{Client, Manifests, Message, Pod, Tidegate, get};

/// `ops` and `reader`, whose password is `secret`.
const USERS: &str = "ops:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\nreader:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n";
const OPS: &str = "Authorization: Basic b3BzOnNlY3JldA==\r\n";
const READER: &str = "Authorization: Basic cmVhZGVyOnNlY3JldA==\r\n";

fn manifests(pods: &[Pod]) -> Manifests {
    let addresses: Vec<_> = pods.iter().map(|pod| pod.address).collect();
    let annotations = json!({"tidegate.dev/balance": "round-robin"});
    let paths = [("/", "Prefix", "web")];
    Manifests::new().service("web", &addresses).ingress_with("web", Some("a.example"), &paths, annotations, json!([]))
}

fn page(server: &Tidegate, target: &str, fields: &str) -> Message {
    let address = server.stats.unwrap();
    Client::connect(address).ask(format!("GET {target} HTTP/1.1\r\nHost: {address}\r\n{fields}\r\n"))
}

fn post(server: &Tidegate, fields: &str, body: &str) -> Message {
    let address = server.stats.unwrap();
    let host = if fields.contains("Host:") { String::new() } else { format!("Host: {address}\r\n") };
    let length = body.len();
    Client::connect(address).ask(format!(
        "POST /stats?q=web&sort=-stot HTTP/1.1\r\n{host}Content-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {length}\r\n{fields}\r\n{body}"
    ))
}

/// The value of the first input of this name.
fn input(page: &str, name: &str) -> String {
    let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("{page}"));
    rest.split('"').next().unwrap().to_owned()
}

/// A form for the pod with the page's token.
fn form(page: &str, pod: &Pod, action: &str) -> String {
    let (token, backend) = (input(page, "token"), input(page, "backend"));
    let server = pod.address.to_string().replace(':', "%3A");
    format!("token={token}&backend={backend}&server={server}&{action}")
}

/// How many of 20 requests this pod gets.
fn share(server: &Tidegate, name: &str) -> usize {
    (0..20).filter(|_| server.ask(get("a.example", "/")).text() == name).count()
}

#[test]
fn the_page_brings_all_it_needs_and_says_so_to_browsers() {
    let pods = [Pod::named("one")];
    let server = Tidegate::serve_with(&manifests(&pods), &["--stats", "127.0.0.1:0"]);
    let page = page(&server, "/stats", "");
    assert_eq!(page.status(), 200);
    let policy = page.field("content-security-policy").unwrap();
    for part in ["default-src 'none'", "script-src 'sha256-", "style-src 'sha256-", "frame-ancestors 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(page.field("x-frame-options"), Some("DENY"));
    assert_eq!(page.field("cache-control"), Some("no-store"));
    assert_eq!(page.field("x-content-type-options"), Some("nosniff"));
    assert_eq!(page.field("referrer-policy"), Some("same-origin"));
    let text = page.text();
    assert!(text.contains("_svc_web_80") && text.contains(&format!(">{}<", pods[0].address)), "{text}");
    assert!(text.contains("this replica only") && text.contains(env!("CARGO_PKG_VERSION")));
    assert!(!text.contains("http://") && !text.contains("https://") && !text.contains(" src="), "nothing is loaded");
}

#[test]
fn an_endpoint_that_is_drained_by_the_page_gets_nothing_until_it_is_ready_again() {
    let pods = [Pod::named("one"), Pod::named("other")];
    let server = Tidegate::serve_with(&manifests(&pods), &["--stats", "127.0.0.1:0"]);
    let text = page(&server, "/stats", "").text();
    assert_eq!(share(&server, "one"), 10);
    for (action, word) in [("action=drain", "DRAIN"), ("action=maint", "MAINT")] {
        let done = post(&server, "", &form(&text, &pods[0], action));
        assert_eq!((done.status(), done.field("location")), (303, Some("/stats?q=web&sort=-stot")));
        assert_eq!(share(&server, "one"), 0);
        assert!(page(&server, "/stats", "").text().contains(&format!(">{word}</span> <small>by an operator")));
    }
    assert_eq!(post(&server, "", &form(&text, &pods[0], "action=ready")).status(), 303);
    assert_eq!(share(&server, "one"), 10);
    assert_eq!(post(&server, "", &form(&text, &pods[0], "action=weight&weight=0")).status(), 303);
    assert_eq!(share(&server, "one"), 0);
    assert_eq!(post(&server, "", &form(&text, &pods[0], "action=weight&weight=")).status(), 303);
    assert_eq!(share(&server, "one"), 10);
    let address = server.stats.unwrap();
    let own = format!("Origin: http://{address}\r\nSec-Fetch-Site: same-origin\r\n");
    assert_eq!(post(&server, &own, &form(&text, &pods[0], "action=drain")).status(), 303);
    assert_eq!(share(&server, "one"), 0);
}

#[test]
fn actions_that_do_not_come_from_the_page_change_nothing() {
    let pods = [Pod::named("one"), Pod::named("other")];
    let server = Tidegate::serve_with(&manifests(&pods), &["--stats", "127.0.0.1:0"]);
    let text = page(&server, "/stats", "").text();
    let drain = form(&text, &pods[0], "action=drain");
    let other_token = drain.replace(&input(&text, "token"), &"0".repeat(64));
    let without = drain.split_once('&').unwrap().1;
    let gone = drain.replace("127.0.0.1", "192.0.2.1");
    let too_long = format!("{drain}&x={}", "y".repeat(8192));
    for (fields, body, status, says) in [
        ("", without, 403, "load /stats again"),
        ("", &*other_token, 403, "load /stats again"),
        ("Origin: http://evil.example\r\n", &drain, 403, "another site"),
        ("Origin: null\r\n", &drain, 403, "another site"),
        ("Sec-Fetch-Site: cross-site\r\n", &drain, 403, "another site"),
        // A name of somebody else's that leads here.
        ("Host: evil.example\r\nOrigin: http://evil.example\r\n", &drain, 403, "may read but not act"),
        ("", &gone, 404, "endpoint is gone"),
        ("", &drain.replace("drain", "kill"), 400, "ready, drain, maint or weight"),
        ("", &too_long, 400, "too long"),
    ] {
        let answer = post(&server, fields, body);
        assert_eq!(answer.status(), status, "{fields}{body}: {}", answer.text());
        assert!(answer.text().contains(says), "{}", answer.text());
    }
    assert_eq!(share(&server, "one"), 10);
    let address = server.stats.unwrap();
    let put = format!("PUT /stats HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(Client::connect(address).ask(put).status(), 405);
    let elsewhere = format!("POST /stats;csv HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(Client::connect(address).ask(elsewhere).status(), 405);
}

#[test]
fn of_users_with_passwords_only_admins_act() {
    let pods = [Pod::named("one"), Pod::named("other")];
    let directory = tempfile::tempdir().unwrap();
    let users = directory.path().join("users");
    std::fs::write(&users, USERS).unwrap();
    let options = ["--stats", "127.0.0.1:0", "--stats-users", users.to_str().unwrap(), "--stats-admins", "ops,nobody"];
    let server = Tidegate::serve_with(&manifests(&pods), &options);
    assert_eq!(page(&server, "/stats", "").status(), 401);
    let (admin, reader) = (page(&server, "/stats", OPS).text(), page(&server, "/stats", READER).text());
    assert!(admin.contains("ops may act.") && reader.contains("reader may read."));
    assert!(!reader.contains("method=\"post\""));
    let drain = form(&admin, &pods[0], "action=drain");
    assert_eq!(post(&server, "", &drain).status(), 401);
    // The token is that of another user, and this one may not act.
    assert_eq!(post(&server, READER, &drain).status(), 403);
    assert_eq!(share(&server, "one"), 10);
    assert_eq!(post(&server, OPS, &drain).status(), 303);
    assert_eq!(share(&server, "one"), 0);
}

#[test]
fn the_server_filters_and_sorts_for_browsers_without_script() {
    let pods = [Pod::named("one"), Pod::named("other")];
    let server = Tidegate::serve_with(&manifests(&pods), &["--stats", "127.0.0.1:0"]);
    let shows = |query: &str, pod: &Pod| {
        page(&server, &format!("/stats?{query}"), "").text().contains(&format!(">{}<", pod.address))
    };
    let one = pods[0].address.to_string().replace(':', "%3A");
    assert_eq!([shows(&format!("q={one}"), &pods[0]), shows(&format!("q={one}"), &pods[1])], [true, false]);
    assert!(page(&server, "/stats?q=%3Cscript%3E", "").text().contains("value=\"&lt;script&gt;\""));
    assert!(page(&server, "/stats?sort=-stot", "").text().contains("aria-sort=\"descending\""));
}
