//! What the objects of one namespace can and cannot do to hosts of another (docs/security.md), from manifests to the answer
//! that a client gets.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::OnceLock;

use tidegate::explain::{self, Outcome, Question, View};
use tidegate::model::{Certificate, HostPattern, ObjectName, PortRef, Problem, ProblemCode};
use tidegate::routing::RouteTable;
use tidegate::source::manifests;
use tidegate::translate::{self, HostOwnership, Input, Settings};

/// Objects in the order of their age, with the namespaces `a`, `b`, `c` and `edge`, each of which has a Service `web` and a
/// Secret `cert` for `*.example` and `*.shop.example`.
struct World {
    input: Input,
    table: RouteTable<()>,
    problems: Vec<Problem>,
}

const NAMESPACES: [&str; 4] = ["a", "b", "c", "edge"];

fn world(settings: Settings, ingresses: &[&str]) -> World {
    let mut text = String::from(
        "{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: tidegate}, spec: {controller: tidegate.dev/ingress-controller}}\n",
    );
    for (namespace, (chain, key)) in NAMESPACES.iter().zip(certificates()) {
        let _ = write!(
            text,
            "---\n{{apiVersion: v1, kind: Service, metadata: {{name: web, namespace: {namespace}}}, spec: {{ports: [{{port: 80}}]}}}}\n\
             ---\n{{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {{name: web-1, namespace: {namespace}, labels: {{kubernetes.io/service-name: web}}}}, \
             addressType: IPv4, ports: [{{port: 8080}}], endpoints: [{{addresses: [10.0.0.1]}}]}}\n\
             ---\n{{apiVersion: v1, kind: Secret, type: kubernetes.io/tls, metadata: {{name: cert, namespace: {namespace}}}, stringData: {{tls.crt: {chain:?}, tls.key: {key:?}}}}}\n",
        );
    }
    for (age, ingress) in ingresses.iter().enumerate() {
        let (name, spec) = ingress.split_once(' ').expect("a name and a spec");
        let (namespace, name) = name.split_once('/').expect("namespace/name");
        let _ = write!(
            text,
            "---\n{{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {{name: {name}, namespace: {namespace}, creationTimestamp: \"2026-01-01T00:{age:02}:00Z\"}}, \
             spec: {{ingressClassName: tidegate, {spec}}}}}\n",
        );
    }
    let loaded = manifests::parse(Path::new("case.yaml"), text.into_bytes());
    assert_eq!(loaded.problems, []);
    let mut input = Input::new(Settings { now: 1_790_000_000, ..settings });
    loaded.changes.into_iter().for_each(|change| drop(input.apply(change)));
    let (snapshot, findings) = translate::snapshot(&input);
    let table = RouteTable::compile(&snapshot, &mut |_| ());
    World { input, table, problems: findings.into_values().flatten().collect() }
}

/// A certificate for each namespace, as PEM with its key.
fn certificates() -> &'static [(String, String)] {
    static MADE: OnceLock<Vec<(String, String)>> = OnceLock::new();
    let make = |_: &&str| {
        let names = ["*.example", "*.shop.example"].map(str::to_owned);
        let key = rcgen::KeyPair::generate().expect("a key is made");
        let made = rcgen::CertificateParams::new(names).and_then(|params| params.self_signed(&key));
        (made.expect("a certificate is made").pem(), key.serialize_pem())
    };
    MADE.get_or_init(|| NAMESPACES.iter().map(make).collect())
}

impl World {
    /// What answers: the Ingress a pod of which does, or our own status.
    fn answer(&self, url: &str) -> String {
        let explanation = self.explained(url);
        match explanation.outcome {
            Outcome::Forwarded => explanation.facts.origin.expect("a route").to_string(),
            Outcome::Redirected | Outcome::Refused => explanation.status.expect("a status").to_string(),
        }
    }

    fn explained(&self, url: &str) -> explain::Explanation {
        let view =
            View { input: &self.input, table: &self.table, living: &|()| None, source_problems: &[], https_port: 443 };
        explain::explain(&Question::parse(url, &[]).expect("a question"), &view)
    }

    /// The namespace whose certificate clients of a host are shown.
    fn shown(&self, host: &str) -> Option<&'static str> {
        let [shown] = self.table.certificates(Some(host)).list else { return None };
        let of = |(chain, key): &(String, String)| Certificate::parse(chain.as_bytes(), key.as_bytes()).expect("sound");
        certificates().iter().position(|pair| of(pair) == **shown).map(|at| NAMESPACES[at])
    }

    /// The problems in short. That an Ingress has TLS entries and nothing else, which the API refuses, is none here.
    fn problems(&self) -> Vec<String> {
        let line = |problem: &Problem| format!("{} {} {}", problem.code.as_str(), problem.object, problem.field);
        self.problems.iter().filter(|problem| problem.field != "spec").map(line).collect()
    }
}

fn rule(host: &str, path: &str) -> String {
    format!("{{host: \"{host}\", http: {{paths: [{{path: {path}, pathType: Prefix, backend: {BACKEND}}}]}}}}")
}

const BACKEND: &str = "{service: {name: web, port: {number: 80}}}";

fn rules(rules: &[String]) -> String {
    format!("rules: [{}]", rules.join(", "))
}

fn tls(host: &str) -> String {
    format!("tls: [{{hosts: [\"{host}\"], secretName: cert}}]")
}

fn shared() -> Settings {
    Settings::default()
}

#[test]
fn fault_f20_a_tls_entry_counts_for_a_host_only_from_a_namespace_with_a_rule_for_it() {
    let web = format!("a/web {}", rules(&[rule("web.shop.example", "/")]));
    for host in ["web.shop.example", "*.shop.example"] {
        let world = world(shared(), &[&web, &format!("b/thief {}", tls(host))]);
        assert_eq!(world.answer("http://web.shop.example/"), "a/web", "{host}");
        assert_eq!(world.shown("web.shop.example"), None, "{host}");
    }
}

#[test]
fn fault_f20_a_default_backend_takes_no_paths_of_a_host_of_another_namespace() {
    let web = format!("a/web {}", rules(&[rule("web.shop.example", "/x")]));
    let world = world(shared(), &[&web, &format!("b/all defaultBackend: {BACKEND}")]);
    assert_eq!(world.answer("http://web.shop.example/other"), "404");
    assert_eq!(world.answer("http://nobody.example/"), "b/all");
}

fn namespace_mode(owners: &[(&str, &str)]) -> Settings {
    let owners = owners.iter().map(|(host, owner)| {
        let host = HostPattern::parse(if *host == "*" { "" } else { host }).expect("a host");
        (host, (*owner).into())
    });
    Settings { host_ownership: HostOwnership::Namespace { owners: std::sync::Arc::new(owners.collect()) }, ..shared() }
}

fn both() -> [Settings; 2] {
    [shared(), namespace_mode(&[])]
}

#[test]
fn fault_f20_who_is_not_counted_is_told_without_names_of_others() {
    for settings in both() {
        let web = format!("a/secret-project {}", rules(&[rule("web.shop.example", "/"), rule("*.other.example", "/")]));
        let world = world(
            settings,
            &[&web, &format!("b/thief {}", tls("web.shop.example")), &format!("b/wild {}", tls("*.other.example"))],
        );
        let of_b: Vec<_> = world.problems.iter().filter(|problem| *problem.object.name.namespace == *"b").collect();
        let counted: Vec<_> = of_b.iter().filter(|problem| problem.code == ProblemCode::HostNotOwned).collect();
        assert_eq!(counted.len(), 2, "{:?}", world.problems());
        for problem in of_b {
            assert!(!problem.to_string().contains("secret-project"), "{problem}");
            assert!(!problem.to_string().contains("a/"), "{problem}");
        }
    }
}

#[test]
fn fault_f20_a_tls_entry_counts_where_the_namespace_has_a_rule_or_nobody_has() {
    for settings in both() {
        let web = format!("a/web {}, {}", rules(&[rule("web.shop.example", "/")]), tls("*.shop.example"));
        let own = world(settings.clone(), &[&web]);
        assert_eq!(own.answer("http://web.shop.example/"), "308");
        assert_eq!(own.shown("web.shop.example"), Some("a"));
        assert_eq!(own.shown("new.shop.example"), Some("a"), "a host of nobody");
        assert_eq!(own.problems(), [""; 0]);

        let apart = world(
            settings.clone(),
            &[
                &format!("a/certificates {}", tls("*.shop.example")),
                &format!("b/certificates {}", tls("*.shop.example")),
                &format!("b/web {}", rules(&[rule("web.shop.example", "/")])),
            ],
        );
        assert_eq!(apart.shown("web.shop.example"), Some("b"));
        assert_eq!(apart.answer("http://web.shop.example/"), "308");
        assert_eq!(apart.shown("new.shop.example"), Some("a"), "the oldest");

        let hostless =
            world(settings, &[&format!("a/any {}", rules(&[rule("", "/")])), &format!("b/tls {}", tls("x.example"))]);
        assert_eq!(hostless.shown("x.example"), Some("b"), "rules without a host are for no host");
    }
}

#[test]
fn fault_f20_a_tls_entry_for_a_host_under_the_wildcard_of_another_namespace_does_not_count() {
    for settings in both() {
        let wild = format!("a/wild {}", rules(&[rule("*.shop.example", "/")]));
        let world = world(settings, &[&wild, &format!("b/thief {}", tls("web.shop.example"))]);
        assert_eq!(world.answer("http://web.shop.example/"), "a/wild");
        assert_eq!(world.shown("web.shop.example"), None);
        assert_eq!(world.problems(), ["HostNotOwned Ingress b/thief spec.tls[0].hosts[0]"]);
    }
}

#[test]
fn fault_f20_entries_of_certificate_namespaces_count_for_every_host() {
    for settings in both() {
        let settings = Settings { certificate_namespaces: ["edge".into()].into(), ..settings };
        let web = format!("a/web {}", rules(&[rule("web.shop.example", "/"), rule("x.example", "/")]));
        let world = world(
            settings,
            &[&web, &format!("edge/wild {}", tls("*.shop.example")), &format!("edge/x {}", tls("x.example"))],
        );
        for host in ["web.shop.example", "x.example", "new.shop.example"] {
            assert_eq!(world.shown(host), Some("edge"), "{host}");
        }
        assert_eq!(world.answer("http://web.shop.example/"), "308");
        assert_eq!(world.problems(), [""; 0]);
    }
}

#[test]
fn fault_f20_only_the_default_backend_of_the_operator_takes_what_is_left_of_a_host() {
    for settings in both() {
        let all = |namespace: &str| format!("{namespace}/all defaultBackend: {BACKEND}");
        let web = format!("a/web {}", rules(&[rule("web.shop.example", "/x")]));
        let of_operator = Some((ObjectName::new("edge", "web"), PortRef::Number(80)));
        let with = world(Settings { default_backend: of_operator.clone(), ..settings.clone() }, &[&web, &all("b")]);
        assert_eq!(with.answer("http://web.shop.example/other"), "default-backend");
        assert_eq!(with.answer("http://nobody.example/"), "b/all");

        let own = world(Settings { default_backend: of_operator, ..settings.clone() }, &[&web, &all("a"), &all("b")]);
        assert_eq!(own.answer("http://web.shop.example/other"), "a/all", "of its own namespace");

        let hostless = world(settings, &[&web, &format!("b/any {}", rules(&[rule("", "/")]))]);
        assert_eq!(hostless.answer("http://web.shop.example/other"), "404");
        assert_eq!(hostless.answer("http://nobody.example/other"), "b/any");
    }
}

#[test]
fn fault_f20_a_host_of_two_namespaces_gives_its_left_overs_to_neither() {
    let world = world(
        shared(),
        &[
            &format!("a/all defaultBackend: {BACKEND}"),
            &format!("a/web {}", rules(&[rule("web.shop.example", "/x")])),
            &format!("b/web {}", rules(&[rule("web.shop.example", "/y")])),
        ],
    );
    assert_eq!(world.answer("http://web.shop.example/y"), "b/web");
    assert_eq!(world.answer("http://web.shop.example/z"), "404");
}

#[test]
fn fault_f20_hosts_are_shared_unless_told_otherwise() {
    let objects = [
        &*format!("a/web {}", rules(&[rule("web.shop.example", "/"), rule("*.other.example", "/")])),
        &format!("b/web {}", rules(&[rule("web.shop.example", "/login"), rule("x.other.example", "/")])),
    ];
    let shared = world(shared(), &objects);
    assert_eq!(shared.answer("http://web.shop.example/login"), "b/web");
    assert_eq!(shared.answer("http://x.other.example/"), "b/web");
    assert_eq!(shared.problems(), [""; 0]);

    let owned = world(namespace_mode(&[]), &objects);
    assert_eq!(owned.answer("http://web.shop.example/login"), "a/web");
    assert_eq!(owned.answer("http://x.other.example/"), "a/web", "who owns a wildcard owns the hosts below");
    assert_eq!(
        owned.problems(),
        ["HostNotOwned Ingress b/web spec.rules[0]", "HostNotOwned Ingress b/web spec.rules[1]"]
    );
}

#[test]
fn fault_f20_an_older_host_below_a_younger_wildcard_keeps_its_owner() {
    let world = world(
        namespace_mode(&[]),
        &[
            &format!("b/web {}", rules(&[rule("web.shop.example", "/x")])),
            &format!("a/wild {}, {}", rules(&[rule("*.shop.example", "/")]), tls("*.shop.example")),
            &format!("a/web {}", rules(&[rule("web.shop.example", "/y")])),
        ],
    );
    assert_eq!(world.answer("http://web.shop.example/x"), "b/web");
    assert_eq!(world.answer("http://web.shop.example/y"), "404");
    assert_eq!(world.answer("http://new.shop.example/y"), "308");
    assert_eq!(world.problems(), ["HostNotOwned Ingress a/web spec.rules[0]"]);
}

#[test]
fn fault_f20_the_operator_may_say_who_owns_a_host() {
    let settings = namespace_mode(&[("*.shop.example", "b"), ("x.example", "c"), ("*", "b")]);
    let world = world(
        settings,
        &[
            &format!(
                "a/web {}, {}",
                rules(&[rule("web.shop.example", "/"), rule("x.example", "/"), rule("", "/")]),
                tls("x.example")
            ),
            &format!("b/web {}", rules(&[rule("web.shop.example", "/")])),
            &format!("a/all defaultBackend: {BACKEND}"),
        ],
    );
    assert_eq!(world.answer("http://web.shop.example/"), "b/web");
    assert_eq!(world.answer("http://x.example/"), "404", "the owner has no rules yet");
    assert_eq!(world.shown("x.example"), None);
    assert_eq!(world.answer("http://nobody.example/"), "404");
    assert_eq!(
        world.problems(),
        [
            "HostNotOwned Ingress a/web spec.rules[0]",
            "HostNotOwned Ingress a/web spec.rules[1]",
            "HostNotOwned Ingress a/all spec.defaultBackend",
            "HostNotOwned Ingress a/web spec.rules[2]",
        ]
    );
}

#[test]
fn fault_f20_conflicts_do_not_name_objects_of_other_namespaces() {
    let backend = "{service: {name: web, port: {name: other}}}";
    let web = format!(
        "a/secret-project {}, {}, defaultBackend: {BACKEND}",
        rules(&[rule("web.shop.example", "/")]),
        tls("web.shop.example")
    );
    let younger = |name: &str| {
        format!(
            "{name} {}, {}, defaultBackend: {backend}",
            rules(&[rule("web.shop.example", "/")]),
            tls("web.shop.example")
        )
    };
    let world = world(shared(), &[&web, &younger("b/web"), &younger("a/web")]);
    let told = |namespace: &str| {
        let of = world.problems.iter().filter(|problem| *problem.object.name.namespace == *namespace);
        of.filter(|problem| problem.code == ProblemCode::Conflict).map(ToString::to_string).collect::<Vec<_>>()
    };
    let (of_a, of_b) = (told("a"), told("b"));
    assert_eq!((of_a.len(), of_b.len()), (2, 3), "{of_a:#?} {of_b:#?}");
    assert!(of_a.iter().all(|text| text.contains("the older Ingress a/secret-project")), "{of_a:#?}");
    assert!(of_b.iter().all(|text| text.contains("an older Ingress of another namespace")), "{of_b:#?}");
    assert!(!of_b.iter().any(|text| text.contains("secret-project")), "{of_b:#?}");
}

#[test]
fn fault_f20_explain_tells_who_has_the_say() {
    let objects = [
        &*format!("a/web {}", rules(&[rule("web.shop.example", "/x")])),
        &format!("b/web {}, {}", rules(&[rule("web.shop.example", "/y")]), tls("*.shop.example")),
        &format!("b/all defaultBackend: {BACKEND}"),
    ];
    let text = world(namespace_mode(&[]), &objects).explained("http://web.shop.example/y").to_string();
    for said in [
        "web.shop.example: exact host (owned by namespace a)",
        "404 because no path of this host takes it, and the default backend is another namespace's",
        "Prefix /y of Ingress b/web spec.rules[0].http.paths[0]: host web.shop.example belongs to another namespace",
        "Ingress b/all spec.defaultBackend: another namespace has rules for the host",
        "not by TLS entries of Ingress b/web for *.shop.example: another namespace has rules for the host",
    ] {
        assert!(text.contains(said), "{said}\n{text}");
    }
    let refused = world(
        namespace_mode(&[("new.shop.example", "a")]),
        &[&format!("b/new {}", rules(&[rule("new.shop.example", "/")]))],
    );
    let text = refused.explained("http://new.shop.example/").to_string();
    assert!(text.contains("Ingress b/new spec.rules[0]: host new.shop.example belongs to another namespace"), "{text}");
}

/// The Ingresses of the official conformance suite, each in a namespace of its own as there. They are there one after the
/// other; at the same time they would ask for hosts of each other.
#[test]
fn the_official_suite_comes_to_the_same_whoever_owns_hosts() {
    let exact = |path: &str| format!("{{path: {path}, pathType: Exact, backend: {BACKEND}}}");
    let prefix = |path: &str| format!("{{path: {path}, pathType: Prefix, backend: {BACKEND}}}");
    let at = |host: &str, paths: &[String]| {
        format!("rules: [{{host: \"{host}\", http: {{paths: [{}]}}}}]", paths.join(", "))
    };
    let features = [
        format!("a/default-backend defaultBackend: {BACKEND}"),
        format!("a/host-rules {}, {}", rules(&[rule("*.foo.com", "/"), rule("foo.bar.com", "/")]), tls("foo.bar.com")),
        format!("a/load-balancing defaultBackend: {BACKEND}"),
        format!("a/exact {}", at("exact-path-rules", &[exact("/foo")])),
        format!("a/prefix {}", at("prefix-path-rules", &["/foo", "/aaa/bbb", "/aaa"].map(prefix))),
        format!("a/mixed {}", at("mixed-path-rules", &[prefix("/foo"), exact("/foo")])),
        format!("a/slash {}", at("trailing-slash-path-rules", &[prefix("/aaa/bbb/"), exact("/foo/")])),
    ];
    for feature in &features {
        let [shared, owned] = both().map(|settings| {
            let world = world(settings, &[feature]);
            (translate::snapshot(&world.input), world.problems())
        });
        assert_eq!(shared, owned, "{feature}");
    }
}
