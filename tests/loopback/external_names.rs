//! ExternalName Services: what clients get, with a DNS server over loopback.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};

use serde_json::{Value, json};

use crate::support::dns::{DnsServer, Zone};
use crate::support::{Manifests, Message, Pod, Speech, Tidegate, TlsPod, eventually, get};

/// An ExternalName Service `ext`, and an Ingress for a.example to this port of it.
fn external(name: &str, ports: Value, port: Value) -> Manifests {
    with_ingress(Manifests::new().object(service(name, ports)), port)
}

fn service(name: &str, ports: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "ext", "namespace": "test"},
        "spec": {"type": "ExternalName", "externalName": name, "ports": ports},
    })
}

fn with_ingress(manifests: Manifests, port: Value) -> Manifests {
    let backend = json!({"service": {"name": "ext", "port": port}});
    manifests.object(json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web", "namespace": "test"},
        "spec": {
            "ingressClassName": "tidegate",
            "rules": [{"host": "a.example", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}],
        },
    }))
}

/// To the port of this pod, by number and without ports of the Service.
fn to_port_of(name: &str, pod: &Pod) -> Manifests {
    external(name, json!([]), json!({"number": pod.address.port()}))
}

/// Two pods that listen on one port of two addresses.
fn pair() -> [Pod; 2] {
    let [first, second] = std::iter::repeat_with(|| {
        let first = TcpListener::bind("127.0.0.1:0").ok()?;
        let second = TcpListener::bind(SocketAddr::from(([127, 0, 0, 2], first.local_addr().ok()?.port()))).ok()?;
        Some([first, second])
    })
    .flatten()
    .next()
    .unwrap();
    [(first, "one"), (second, "two")].map(|(listener, name)| {
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{name}");
        Pod::listening(listener, move |mut connection| {
            while connection.request().is_some() {
                connection.send(&answer);
            }
        })
    })
}

fn ask(server: &Tidegate) -> Message {
    server.ask(get("a.example", "/"))
}

fn until_status(server: &Tidegate, status: u16) {
    eventually(&format!("{status}"), || (ask(server).status() == status).then_some(()));
}

fn until_text(server: &Tidegate, text: &str) {
    eventually(text, || (ask(server).text() == text).then_some(()));
}

/// The codes of the problems that stand.
fn problems(server: &Tidegate) -> String {
    server.admin("/debug/problems").text()
}

#[test]
fn rule_34_the_first_request_is_served_and_addresses_are_balanced_and_followed() {
    let (dns, [one, _two]) = (DnsServer::start(), pair());
    dns.addresses("api.example", &["127.0.0.1", "127.0.0.2"]);
    let server = Tidegate::serve_resolving(&to_port_of("api.example", &one), &dns, &[]);
    assert_eq!(ask(&server).status(), 200, "the first table has the first answer");
    let both: BTreeSet<String> = (0..20).map(|_| ask(&server).text()).collect();
    assert_eq!(both, ["one".to_owned(), "two".to_owned()].into());
    dns.addresses("api.example", &["127.0.0.2"]);
    eventually("only the second", || (0..10).all(|_| ask(&server).text() == "two").then_some(()));
    dns.addresses("api.example", &["127.0.0.1"]);
    until_text(&server, "one");
    assert_eq!(server.metric("tidegate_table_builds_total", "units"), 0.0, "no table is built for it");
    assert!(server.metric("tidegate_dns_lookups_total", "ok") >= 3.0);
}

#[test]
fn rule_34_changes_of_addresses_cost_no_request() {
    let (dns, [one, _two]) = (DnsServer::start(), pair());
    dns.addresses("api.example", &["127.0.0.1"]);
    let server = Tidegate::serve_resolving(&to_port_of("api.example", &one), &dns, &[]);
    let mut client = server.connect();
    for round in 0..6 {
        let (address, name) = if round % 2 == 0 { ("127.0.0.2", "two") } else { ("127.0.0.1", "one") };
        dns.addresses("api.example", &[address]);
        eventually(name, || {
            let answer = client.ask(get("a.example", "/"));
            assert_eq!(answer.status(), 200, "{}", answer.text());
            (answer.text() == name).then_some(())
        });
    }
}

#[test]
fn rule_34_a_failure_keeps_the_addresses_and_is_told() {
    let (dns, pod) = (DnsServer::start(), Pod::named("pod"));
    dns.addresses("api.example", &["127.0.0.1"]);
    let server = Tidegate::serve_resolving(&to_port_of("api.example", &pod), &dns, &[]);
    for zone in [Zone::Code(3), Zone::Code(2), Zone::Garbage(vec![0xff; 40])] {
        dns.set("api.example", zone);
        eventually("a warning", || problems(&server).contains("ExternalNameUnresolved").then_some(()));
        assert_eq!(ask(&server).text(), "pod");
        dns.addresses("api.example", &["127.0.0.1"]);
        eventually("no problem", || (!problems(&server).contains("ExternalName")).then_some(()));
    }
}

#[test]
fn rule_34_what_cannot_be_resolved_is_503_until_it_can() {
    let (dns, pod) = (DnsServer::start(), Pod::named("pod"));
    let server = Tidegate::serve_resolving(&to_port_of("new.example", &pod), &dns, &[]);
    assert_eq!(ask(&server).status(), 503);
    assert!(problems(&server).contains("NXDOMAIN"), "{}", problems(&server));
    let explained = server.admin("/debug/explain?url=http://a.example/").text();
    assert!(explained.contains("external name new.example: no address"), "{explained}");
    dns.addresses("new.example", &["127.0.0.1"]);
    until_text(&server, "pod");
    let explained = server.admin("/debug/explain?url=http://a.example/").text();
    assert!(explained.contains("external name new.example: 127.0.0.1:"), "{explained}");
}

#[test]
fn rule_34c_refused_addresses_get_no_request() {
    let (dns, pod) = (DnsServer::start(), Pod::named("pod"));
    dns.addresses("api.example", &["127.0.0.1"]);
    let server = Tidegate::serve_resolving(&to_port_of("api.example", &pod), &dns, &[]);
    until_text(&server, "pod");
    // Loopback is allowed for manifests; what is refused in clusters is shown in src/translate/tests/external_names.rs.
    for refused in [&["169.254.169.254"][..], &["0.0.0.0", "224.0.0.1"], &["fe80::1", "64:ff9b::a9fe:a9fe"]] {
        dns.addresses("api.example", refused);
        until_status(&server, 503);
        eventually("a problem", || problems(&server).contains("ExternalNameRefused").then_some(()));
        let with_a_good_one: Vec<_> = refused.iter().copied().chain(["127.0.0.1"]).collect();
        dns.addresses("api.example", &with_a_good_one);
        until_text(&server, "pod");
    }
}

#[test]
fn rule_34c_our_own_listeners_are_refused() {
    let dns = DnsServer::start();
    dns.addresses("me.example", &["127.0.0.1"]);
    // A free port that is known before the server is there.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let objects = external("me.example", json!([]), json!({"number": port}));
    let server = Tidegate::serve_resolving(&objects, &dns, &["--admin", &format!("127.0.0.1:{port}")]);
    assert_eq!(ask(&server).status(), 503);
    assert!(problems(&server).contains("our own"), "{}", problems(&server));
}

#[test]
fn rule_34a_chains_of_names_and_dots_at_the_end() {
    let (dns, pod) = (DnsServer::start(), Pod::named("pod"));
    dns.set("api.example", Zone::Chain(60, "edge.example".into()));
    dns.set("edge.example", Zone::Alias(60, "node.example".into()));
    dns.addresses("node.example", &["127.0.0.1"]);
    let server = Tidegate::serve_resolving(&to_port_of("API.example.", &pod), &dns, &[]);
    assert_eq!(ask(&server).text(), "pod");
    dns.set("loop.example", Zone::Alias(60, "loop.example".into()));
    server.replace(&to_port_of("loop.example", &pod));
    until_status(&server, 503);
}

#[test]
fn rule_34b_the_port_comes_from_the_service_or_the_rule() {
    let (dns, pod) = (DnsServer::start(), Pod::named("pod"));
    dns.addresses("api.example", &["127.0.0.1"]);
    let port = pod.address.port();
    let server = Tidegate::serve_resolving(&to_port_of("api.example", &pod), &dns, &[]);
    until_text(&server, "pod");
    let ports = json!([{"name": "web", "port": 80, "targetPort": port}, {"name": "same", "port": port}]);
    for asked in [json!({"name": "web"}), json!({"number": 80}), json!({"name": "same"}), json!({"number": port})] {
        server.replace(&external("api.example", json!([]), json!({"name": "none"})));
        until_status(&server, 503);
        assert!(problems(&server).contains("PortNotFound"));
        server.replace(&external("api.example", ports.clone(), asked));
        until_text(&server, "pod");
    }
}

#[test]
fn rule_34_tls_asks_for_the_external_name() {
    let dns = DnsServer::start();
    dns.addresses("api.example", &["127.0.0.1"]);
    let pod = Pod::named("pod");
    let front = TlsPod::before(pod.address, Speech::of(&["http/1.1"]));
    let ports = json!([{"port": 443, "targetPort": front.address.port(), "appProtocol": "https"}]);
    let server = Tidegate::serve_resolving(&external("api.example.", ports, json!({"number": 443})), &dns, &[]);
    assert_eq!(ask(&server).text(), "pod");
    assert_eq!(front.hellos()[0].name.as_deref(), Some("api.example"));
}

#[test]
fn rule_34c_localhost_and_no_names_are_503() {
    let (dns, pod) = (DnsServer::start(), Pod::named("pod"));
    let server = Tidegate::serve_resolving(&to_port_of("localhost", &pod), &dns, &[]);
    for name in ["localhost", "db.localhost.", "http://api.example/", "api.example:80"] {
        server.replace(&to_port_of(name, &pod));
        eventually(name, || problems(&server).contains("ExternalNameRefused").then_some(()));
        assert_eq!(ask(&server).status(), 503, "{name}");
    }
    assert_eq!((dns.asked("localhost"), pod.connections()), (0, 0));
    // An address is one, and DNS is not asked.
    server.replace(&to_port_of("127.0.0.1", &pod));
    until_text(&server, "pod");
}

#[test]
fn rule_34_switched_off_it_is_503_and_dns_is_not_asked() {
    let (dns, pod) = (DnsServer::start(), Pod::named("pod"));
    dns.addresses("api.example", &["127.0.0.1"]);
    let server = Tidegate::serve_resolving(&to_port_of("api.example", &pod), &dns, &["--external-name", "off"]);
    assert_eq!(ask(&server).status(), 503);
    assert!(problems(&server).contains("--external-name off"), "{}", problems(&server));
    assert_eq!(dns.asked("api.example"), 0);
}

#[test]
fn rule_34_a_service_that_is_deleted_and_made_again_is_503_and_200() {
    let (dns, pod) = (DnsServer::start(), Pod::named("pod"));
    dns.addresses("api.example", &["127.0.0.1"]);
    let port = json!({"number": pod.address.port()});
    let server = Tidegate::serve_resolving(&to_port_of("api.example", &pod), &dns, &[]);
    for _ in 0..3 {
        until_text(&server, "pod");
        server.replace(&with_ingress(Manifests::new(), port.clone()));
        until_status(&server, 503);
        let asked = dns.asked("api.example");
        server.replace(&to_port_of("api.example", &pod));
        until_text(&server, "pod");
        assert!(dns.asked("api.example") > asked, "it is resolved anew");
    }
}

#[test]
fn f14_a_service_may_change_its_type_under_traffic() {
    let (dns, [one, two]) = (DnsServer::start(), pair());
    dns.addresses("api.example", &["127.0.0.1"]);
    dns.addresses("other.example", &["127.0.0.2"]);
    let port = json!({"number": two.address.port()});
    // Its slice leads to the second pod, whatever the Service is.
    let slice = |manifests: Manifests| manifests.endpoint("ext", 0, two.address, json!({"ready": true}));
    let of = |object: Value| with_ingress(slice(Manifests::new().object(object)), port.clone());
    let kind = |spec: Value| json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "ext", "namespace": "test"}, "spec": spec});
    let cluster = || of(kind(json!({"ports": [{"name": "http", "port": two.address.port()}]})));
    let headless = || of(kind(json!({"clusterIP": "None"})));
    let outside = || of(service("api.example", json!([])));
    let server = Tidegate::serve_resolving(&cluster(), &dns, &[]);
    until_text(&server, "two");
    for (manifests, expected) in [
        (outside(), "one"),
        (headless(), "two"),
        (outside(), "one"),
        (cluster(), "two"),
        (outside(), "one"),
        (of(service("other.example", json!([]))), "two"),
    ] {
        server.replace(&manifests);
        eventually(expected, || {
            let answer = ask(&server);
            assert_eq!(answer.status(), 200, "no request fails: {}", answer.text());
            (answer.text() == expected).then_some(())
        });
    }
    server.replace(&of(service("localhost", json!([]))));
    until_status(&server, 503);
    server.replace(&headless());
    until_text(&server, "two");
    assert!(one.connections() > 0);
}
