//! Every rule of Ingress semantics has a test that carries its number, or is a decision that needs none; `docs/ingress.md`
//! lists them. A test covers rules by its name: `rule_13_14_…` covers 13 and 14.
//!
//! `UPDATE_GOLDEN=1 cargo test --test rules` writes the table anew.

#[path = "support/sources.rs"]
mod sources;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use sources::{root, sources};

/// A rule and what Tidegate does.
struct Rule {
    /// Number, as in names of tests.
    id: &'static str,
    /// `M`: the API or its conformance suite demands it. `S`: convention of Ingress controllers. `D`: ours to decide.
    kind: char,
    /// What Tidegate does, in one line.
    text: &'static str,
    /// Whether there is nothing to test: something is left out on purpose.
    is_decision: bool,
}

const fn rule(id: &'static str, kind: char, text: &'static str) -> Rule {
    Rule { id, kind, text, is_decision: false }
}

const fn decision(id: &'static str, kind: char, text: &'static str) -> Rule {
    Rule { id, kind, text, is_decision: true }
}

#[rustfmt::skip]
const RULES: &[Rule] = &[
    rule("1", 'M', "Exact, Prefix and ImplementationSpecific are accepted; ImplementationSpecific is Prefix, and counts as Prefix in conflicts; a path that looks like a pattern is compared as it is written, with a Problem, unless an Ingress of the host asks for patterns (annotations `use-regex` and `rewrite-target`)"),
    rule("2", 'M', "Exact is the whole path, case-sensitive; `/foo` and `/foo/` differ"),
    rule("3", 'M', "Prefix goes element by element: `/aaa/bb` does not take `/aaa/bbb`"),
    rule("4", 'M', "a trailing slash of a Prefix is ignored; Prefix `/` takes everything"),
    rule("5", 'M', "of Prefix `/foo` and `/foo/` the longer gets what both match"),
    rule("6", 'M', "the longest path first, Exact before Prefix at equal length"),
    rule("7", 'D', "any Exact hit wins over every Prefix"),
    rule("8", 'M', "paths are case-sensitive"),
    rule("9", 'M', "the query takes no part in matching and is forwarded unchanged"),
    rule("10", 'D', "matching on a canonical form, forwarding the raw bytes, 400 where the two lead to different routes because of dot segments, empty segments or `;` in one, or where a dot segment stands beside `%2F` or `%5C`, which are part of a segment otherwise; escapes of unreserved characters (`/%7Euser`) match as the characters; in rules, spellings of one path are one path, and empty and dot segments, control characters, `?`, `#` and (in Exact and Prefix) `%2F` are refused"),
    rule("11", 'M', "a rule without paths sends its host to the default backend of its Ingress; without one the host is claimed all the same, and only a catch-all (24) serves it"),
    rule("12", 'M', "an empty ImplementationSpecific path is `/`"),
    rule("13", 'S', "the oldest Ingress keeps a host, path and type (creation time, then namespace and name), within an Ingress the first entry; the others get a Conflict"),
    rule("14", 'D', "one path with different types lives in both Ingresses"),
    rule("15", 'M', "hosts are compared in lower case, without port and without one trailing dot"),
    rule("16", 'M', "`*.foo.com` is exactly one more label; a bare `*` is invalid"),
    rule("17", 'M', "an exact host beats a wildcard, and a host with rules keeps its unmatched paths: no fall back to a wildcard or to hostless rules, only to the catch-all default backend, if that is of the namespace that has the rules or of the command line; a host that only TLS entries name claims no requests"),
    rule("18", 'M', "rules without a host take the hosts that no other rule claims"),
    rule("19", 'M', "an invalid host costs its rule only"),
    rule("20", 'M', "`:authority` and the absolute form win over Host; one consistent Host is forwarded"),
    rule("21", 'M', "no Host, or two, in HTTP/1.1: 400"),
    rule("22", 'D', "an IP address as host goes to hostless rules and the catch-all"),
    rule("23", 'S', "internationalised hosts are compared as A-labels, in lower case"),
    rule("24", 'M', "an Ingress with only a default backend takes all hosts but those that another namespace has rules for; the oldest wins"),
    rule("25", 'D', "with rules, a default backend takes the unmatched paths of the Ingress' own hosts, the oldest such Ingress for each host; with hostless rules it is a catch-all as in 24"),
    rule("26", 'M', "nothing matches and no default backend (Ingress or `--default-backend`): 404"),
    rule("27", 'M', "an Ingress with neither rules nor default backend serves nothing and is told"),
    rule("28", 'M', "resource backends answer 404 for their path; a backend that is neither or both answers 503"),
    rule("29", 'M', "ports by number or name of the Service's port, and then by that port's name in EndpointSlices"),
    rule("30", 'M', "Services of the Ingress' own namespace only"),
    rule("31", 'D', "a missing Service or port answers 503 for its path, and so does a Service without endpoints; a path that is switched to one from a Service with endpoints keeps the former for a second at the most, until the new one has some"),
    rule("32", 'M', "headless Services are like others; without ports the number in the Ingress is used as it is"),
    rule("33", 'M', "EndpointSlices count by label and namespace, whoever wrote them"),
    rule("34", 'S', "ExternalName: the addresses that DNS gives, balanced, asked for again when the time to live is over; a failure keeps them for a bounded time; TLS asks for the name; slices left over from before count no more; `--external-name off` answers 503"),
    rule("34a", 'S', "a dot at the end of an external name makes it the whole name; without one search domains are tried, after the name itself if that has a dot; chains of CNAMEs are followed"),
    rule("34b", 'S', "the port of an ExternalName is that of the Service with this number or name: its numeric targetPort, or its port; another number stands for itself, so that no port need be declared"),
    rule("34c", 'S', "external names that lead to loopback, link-local, metadata or our own addresses get no request, whenever DNS says so, nor does localhost; an IP address as name is an address"),
    rule("35", 'M', "all slices with the Service's label; an address and port counts once"),
    rule("36", 'M', "ready endpoints; only if there are none, those that serve while they terminate"),
    rule("37", 'M', "publishNotReadyAddresses comes as ready and needs nothing more"),
    rule("38", 'M', "of a dual-stack Service its first family, or else the other; slices of names are ignored with a Problem"),
    rule("39", 'M', "the first address of an endpoint"),
    rule("40", 'D', "a slice port without a number takes the Service's numeric targetPort, or its port; a slice without ports gets no requests"),
    decision("41", 'S', "topology hints are not used: all endpoints are"),
    rule("42", 'M', "appProtocol: `kubernetes.io/h2c`, `h2c`, `grpc` are HTTP/2 in clear; `kubernetes.io/ws`, `ws`, `http` and unknown names HTTP/1.1; `https`, `kubernetes.io/wss`, `wss` are TLS with HTTP/2 or HTTP/1.1 as the pod chooses, `grpcs` TLS with HTTP/2; certificates are not verified"),
    rule("43", 'M', "TCP only: other ports answer 503 with a Problem"),
    decision("44", 'S', "sessionAffinity of a Service is not taken over"),
    rule("45", 'S', "slices of any size; an empty one is no endpoints"),
    rule("46", 'M', "served is an Ingress whose class is an IngressClass with our controller, by exact string; with `--ingress-class-lookup false` one that names `--ingress-class`"),
    rule("47", 'M', "the annotation `kubernetes.io/ingress.class` is honoured when it gives the name of `--ingress-class`, and decides over the field"),
    rule("48", 'M', "classless Ingresses are served with `--watch-ingress-without-class` only; with `--manifests` also when a class of ours is marked as default"),
    rule("49", 'M', "a class that does not exist is not served, with a Problem; it may come and go"),
    rule("50", 'M', "parameters of a class of ours: a Problem, and defaults"),
    rule("51", 'M', "nothing is said about Ingresses of other classes"),
    rule("52", 'M', "Secrets of the Ingress' own namespace, of type kubernetes.io/tls or, where they are read by name, for an annotation or from manifests, Opaque with the same keys; SNI selects the certificate, Host the route"),
    rule("53", 'M', "a TLS entry without hosts covers the hosts of the Ingress' rules; for hostless rules that is TLS with the default certificate"),
    rule("54", 'S', "certificates by exact name, one-label wildcard, default; only from namespaces with a rule for the host, if any has one, and from `--certificate-namespaces`; of several Ingresses the oldest with a usable certificate that covers the host, a second one only from the same Ingress with another kind of key"),
    rule("55", 'S', "a missing, broken or mismatched Secret costs its own hosts their certificate only, and the last usable version of a Secret goes on serving; an expired certificate is served with a warning, a valid one of the same Ingress first"),
    rule("56", 'S', "a TLS entry without Secret is served with the default certificate"),
    rule("57", 'M', "a new certificate reaches new handshakes at once and leaves connections alone"),
    rule("58", 'S', "without SNI the default certificate, then routing by Host"),
    rule("59", 'M', "421 where a coalesced connection asks for a host with another certificate"),
    rule("60", 'M', "ALPN h2 and http/1.1, no overlap is an alert; RSA keys of 2048 to 4096 bits and ECDSA keys in PKCS#1, PKCS#8 and SEC1"),
    rule("61", 'S', "TLS 1.2 and 1.3 only"),
    rule("62", 'M', "status.loadBalancer.ingress has an ip or a hostname for each address, without ports"),
    rule("62a", 'M', "status is written after the table that carries the Ingress is published"),
    rule("63", 'M', "addresses come from `--publish-service` (load balancer, external IPs, cluster IP) or `--publish-address`; the holder of the Lease writes them, only where they differ; they are cleared when an Ingress leaves its class, be it while no process runs, and kept at shutdown"),
    rule("64", 'M', "our own status write leads to no other"),
    rule("65", 'S', "another address reaches the status of every Ingress within seconds, at a bounded rate"),
    rule("66", 'M', "hop-by-hop fields are dropped, and those that Connection names"),
    rule("67", 'M', "WebSocket needs no annotation, over HTTP/1.1 and HTTP/2; nor do other upgrades of HTTP/1.1 (`SPDY/3.1`), but for `h2c`, other versions of HTTP and TLS, which are left out"),
    rule("68", 'M', "1xx pass, 204, 304 and HEAD have no body, trailers pass"),
    rule("69", 'M', "Host, method, path and query reach the pod byte for byte"),
    rule("70", 'M', "`OPTIONS *` is answered with what we serve, and CONNECT refused with 400, 405 or 501"),
    rule(
        "71",
        'S',
        "a retry only where no pod processed the request (nothing was sent, GOAWAY, REFUSED_STREAM), or the method is idempotent; in both cases the body must be at hand",
    ),
    rule("71a", 'M', "a response without Server gets ours, a pod's own is kept"),
    rule("72", 'M', "the order in which objects arrive makes no difference"),
    rule("73", 'M', "a lost API server, a broken watch and a list that must be taken again leave the configuration in force"),
    rule("74", 'M', "ready is who has listed every kind once and published the first table"),
    rule("75", 'M', "a malformed or huge object costs itself only"),
    rule("76", 'M', "without the right to read Secrets TLS is served with the default certificate, and the rest as ever"),
    rule("77", 'M', "what is deleted leaves no route, no upstream and no series of metrics"),
];

const START: &str = "<!-- rules: generated by `UPDATE_GOLDEN=1 cargo test --test rules` -->";
const END: &str = "<!-- end of rules -->";

/// Tests shown per rule; all of them would make the table unreadable.
const SHOWN: usize = 2;

#[test]
fn every_rule_has_a_test_or_is_a_decision_and_the_table_is_fresh() {
    let tests = tests_by_rule();
    let missing: Vec<&str> =
        RULES.iter().filter(|rule| !rule.is_decision && !tests.contains_key(rule.id)).map(|rule| rule.id).collect();
    let page = root().join("docs/ingress.md");
    let text = fs::read_to_string(&page).expect("docs/ingress.md is there");
    let (head, rest) = text.split_once(START).expect("docs/ingress.md marks the start of the table");
    let (_, tail) = rest.split_once(END).expect("docs/ingress.md marks the end of the table");
    let fresh = format!("{head}{START}\n{}{END}{tail}", table(&tests));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&page, &fresh).expect("docs/ingress.md is writable");
    } else {
        assert!(text == fresh, "docs/ingress.md is stale: UPDATE_GOLDEN=1 cargo test --test rules");
    }
    assert!(missing.is_empty(), "no test is called rule_NN_… for these rules: {}", missing.join(", "));
}

#[test]
fn names_of_tests_tell_their_rules() {
    assert_eq!(ids("fn rule_06_exact_beats_prefix()"), ["6"]);
    assert_eq!(ids("    fn rule_02_03_04_paths("), ["2", "3", "4"]);
    assert_eq!(ids("async fn rule_71a_server_field("), ["71a"]);
    assert_eq!(ids("fn rule_63_and_65_status("), ["63", "65"]);
    assert_eq!(ids("fn rule_of_thumb("), [""; 0]);
    assert_eq!(ids("fn b03_content_length("), [""; 0]);
}

fn table(tests: &BTreeMap<String, Vec<String>>) -> String {
    let mut text = String::from("| rule | kind | what Tidegate does | shown by |\n|---|---|---|---|\n");
    for Rule { id, kind, text: what, is_decision } in RULES {
        let shown = match tests.get(*id) {
            Some(tests) => {
                let mut shown: Vec<String> = tests.iter().take(SHOWN).map(|test| format!("`{test}`")).collect();
                if tests.len() > SHOWN {
                    shown.push(format!("{} more", tests.len() - SHOWN));
                }
                shown.join(", ")
            }
            None if *is_decision => "decision".into(),
            None => "**missing**".into(),
        };
        writeln!(text, "| {id} | {kind} | {what} | {shown} |").expect("a String takes everything");
    }
    text
}

/// Names of tests by the rules they carry, in order of file and line.
fn tests_by_rule() -> BTreeMap<String, Vec<String>> {
    let files = sources(&["src", "tests", "e2e/tests"]);
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (_, text) in files.iter().filter(|(file, _)| *file != Path::new("tests/rules.rs")) {
        for line in text.lines() {
            for id in ids(line) {
                let name = line.trim().split("fn ").nth(1).and_then(|rest| rest.split('(').next()).unwrap_or_default();
                found.entry(id).or_default().push(name.to_owned());
            }
        }
    }
    found
}

/// The rules that a line declares a test for.
fn ids(line: &str) -> Vec<String> {
    let Some((before, rest)) = line.split_once("fn rule_") else { return Vec::new() };
    if !matches!(before.trim(), "" | "async" | "pub" | "pub(crate)") {
        return Vec::new();
    }
    let is_id = |part: &&str| {
        let digits = part.trim_end_matches(|c: char| c.is_ascii_lowercase());
        !digits.is_empty() && part.len() - digits.len() <= 1 && digits.bytes().all(|b| b.is_ascii_digit())
    };
    // `and`: rule_63_and_65_…
    let parts = rest.split('_').filter(|part| *part != "and");
    parts.take_while(is_id).map(|id| id.trim_start_matches('0').to_owned()).collect()
}
