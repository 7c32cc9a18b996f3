//! B16 and B17: which pod a path reaches, and that it is the one the path means however it is read.

use crate::support::{Manifests, Pod, Tidegate, get};

/// Where a request ends up.
#[derive(Clone, Copy, Debug, PartialEq)]
enum To {
    A,
    B,
    Nowhere,
    Refused,
}
use To::{A, B, Nowhere, Refused};

struct Site {
    a: Pod,
    b: Pod,
    server: Tidegate,
}

impl Site {
    /// `/admin` (Prefix or Exact) goes to A and everything else to B.
    fn new(path_type: &str) -> Self {
        let (a, b) = (Pod::named("a"), Pod::named("b"));
        let manifests = Manifests::new().service("a", &[a.address]).service("b", &[b.address]).ingress(
            "one",
            None,
            &[("/admin", path_type, "a"), ("/", "Prefix", "b")],
        );
        let server = Tidegate::serve(&manifests);
        Self { a, b, server }
    }

    /// Checks the way of a target, and that it arrives as it was sent.
    #[track_caller]
    fn leads(&self, target: &str, expected: To) {
        let mut client = self.server.connect();
        let answer = client.ask(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let found = match (answer.status(), answer.text().as_str()) {
            (200, "a") => A,
            (200, "b") => B,
            (404, _) => Nowhere,
            (400, _) => Refused,
            (status, text) => panic!("{target}: {status} {text}"),
        };
        assert_eq!(found, expected, "{target}: {}", answer.text());
        let pod = match found {
            A => &self.a,
            B => &self.b,
            Nowhere | Refused => return,
        };
        assert_eq!(pod.requests().last().unwrap().target(), target, "raw bytes are forwarded");
    }
}

#[test]
fn b16_a_path_that_two_readers_would_route_differently_is_refused() {
    let site = Site::new("Prefix");
    for (target, to) in [
        ("/admin", A),
        ("/admin/", A),
        ("/admin/x", A),
        ("/%61dmin/x", A),
        ("/admi%6e", A),
        ("/public/../admin", Refused),
        ("/public/%2e%2e/admin", Refused),
        ("/public/%2E./admin", Refused),
        ("/public/..;x=1/admin", Refused),
        ("/;/admin", Refused),
        ("/.;/admin", Refused),
        ("/./admin", Refused),
        ("/public%2f..%2fadmin", Refused),
        ("/x/..%5cadmin", Refused),
        ("/admin%2fx", B),
        ("/admin%2Fx", B),
        ("//admin", Refused),
        ("///admin/x", Refused),
        ("/public//x", B),
        ("/admin/./x", A),
        ("/admin//x", A),
        ("/admin/y/../x", A),
        ("/admin/%41", A),
        ("/admin/..", Refused),
        ("/admin/../x", Refused),
        ("/admin/%2e%2e/x", Refused),
        ("/admin/..;/x", Refused),
        ("/ADMIN", B),
        ("/adminx", B),
        ("/admin;x", B),
        ("/admin%00", Refused),
        ("/admin%0d%0a", Refused),
        ("/x%0a", Refused),
        ("/x%7f", Refused),
        ("/a%zz", Refused),
        ("/a%", Refused),
        ("/a%4", Refused),
        ("/a%u0041", Refused),
        ("/..", Refused),
        ("/../..", Refused),
        ("/a/../../b", Refused),
        ("/x\\admin", Refused),
        ("/admin\\x", Refused),
        ("/admin%5cx", B),
        ("/admin%5c..%5cx", Refused),
        ("/caf%c3%a9", B),
        ("/%ff", B),
        ("/a/./b", B),
        ("/a/b/..", B),
        ("/admin?x=/../", A),
        ("/x?/admin", B),
        ("/x?/../admin", B),
        ("/x?%zz", B),
        ("/x%3f/../admin", Refused),
        ("/x%23", B),
        ("http://a/admin", A),
        ("http://a/%61dmin", A),
        ("http://a/./admin", Refused),
    ] {
        if target.starts_with("http:") {
            let answer = site.server.ask(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
            assert_eq!(answer.status(), if to == A { 200 } else { 400 }, "{target}");
        } else {
            site.leads(target, to);
        }
    }
}

#[test]
fn b16_the_same_holds_for_exact_paths() {
    let site = Site::new("Exact");
    for (target, to) in [
        ("/admin", A),
        ("/admin?x", A),
        ("/admin/", B),
        ("/admin/x", B),
        ("/%61dmin", A),
        ("/x/../admin", Refused),
        ("/./admin", Refused),
        ("//admin", Refused),
        ("/admin/.", B),
        ("/Admin", B),
        ("/admin%2f", B),
        ("/admin/..", B),
    ] {
        site.leads(target, to);
    }
}

#[test]
fn fault_x04_fault_b18_escapes_of_unreserved_characters_lead_where_the_characters_do_and_arrive_as_they_were() {
    let (a, b) = (Pod::named("a"), Pod::named("b"));
    let manifests = Manifests::new().service("a", &[a.address]).service("b", &[b.address]).ingress(
        "one",
        None,
        &[("/~user", "Prefix", "a"), ("/a/b", "Exact", "a"), ("/", "Prefix", "b")],
    );
    let site = Site { server: Tidegate::serve(&manifests), a, b };
    for target in ["/%7Euser", "/%7euser/x", "/~us%65r/%2e./~user", "/%61/b", "/a/%62?%61"] {
        site.leads(target, A);
    }
    for target in ["/%7Fuser", "/%7Euser/%2e%2E/x", "/%61/./b/../../x%", "/%61/../~user"] {
        site.leads(target, Refused);
    }
    site.leads("/%61%2fb", B);
}

#[test]
fn b17_a_prefix_counts_in_elements_the_longest_wins_and_exact_comes_first() {
    let (a, b) = (Pod::named("a"), Pod::named("b"));
    let manifests = Manifests::new().service("a", &[a.address]).service("b", &[b.address]).ingress(
        "one",
        None,
        &[
            ("/foo", "Prefix", "a"),
            ("/foo/bar/", "Prefix", "b"),
            ("/foo/x", "Exact", "b"),
            ("/foo/x", "Prefix", "a"),
            ("/only", "Exact", "b"),
        ],
    );
    let site = Site { server: Tidegate::serve(&manifests), a, b };
    for (target, to) in [
        ("/foo", A),
        ("/foo/", A),
        ("/foobar", Nowhere),
        ("/foo/ba", A),
        ("/foo/bar", B),
        ("/foo/bar/baz", B),
        ("/foo/barb", A),
        ("/foo/x", B),
        ("/foo/x/", A),
        ("/foo/x/y", A),
        ("/only", B),
        ("/only/", Nowhere),
        ("/ONLY", Nowhere),
        ("/", Nowhere),
    ] {
        site.leads(target, to);
    }
}

#[test]
fn b17_and_rule_17_exact_hosts_come_before_wildcards_which_span_one_label() {
    let (exact, wild, any) = (Pod::named("exact"), Pod::named("wild"), Pod::named("any"));
    let manifests = Manifests::new()
        .service("exact", &[exact.address])
        .service("wild", &[wild.address])
        .service("any", &[any.address])
        .ingress("exact", Some("a.shop.example"), &[("/in", "Prefix", "exact")])
        .ingress("wild", Some("*.shop.example"), &[("/", "Prefix", "wild")])
        .ingress("any", None, &[("/", "Prefix", "any")]);
    let server = Tidegate::serve(&manifests);
    for (host, target, expected) in [
        ("a.shop.example", "/in", "exact"),
        ("A.SHOP.example:80", "/in", "exact"),
        ("a.shop.example.", "/in", "exact"),
        ("a.shop.example", "/out", "404"),
        ("b.shop.example", "/in", "wild"),
        ("b.Shop.Example.:443", "/in", "wild"),
        ("shop.example", "/in", "any"),
        ("c.b.shop.example", "/in", "any"),
        ("127.0.0.1", "/in", "any"),
        ("[::1]:80", "/in", "any"),
        ("other", "/", "any"),
    ] {
        let answer = server.ask(get(host, target));
        let found = if answer.status() == 404 { "404".to_owned() } else { answer.text() };
        assert_eq!(found, expected, "{host} {target}");
    }
    assert_eq!(server.ask("GET / HTTP/1.0\r\n\r\n").text(), "any", "rule 22: no host at all");
}
