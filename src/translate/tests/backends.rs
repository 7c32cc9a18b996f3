//! Backends: what can be forwarded to, and what is answered instead (semantics 4.4).

use std::sync::Arc;

use super::builders::*;
use crate::model::{Action, EndpointPort, PodTls, PortRef, ProblemCode, Protocol, Severity, TlsHttp, UpstreamSpec};
use crate::source::objects::{Backend, Change, PathKind, PortValue, Service, ServiceKind};

/// One Ingress with this backend under `/x` and a sound one beside it, in a world with these.
fn with_backend(backend: Backend, more: impl IntoIterator<Item = Change>) -> World {
    let paths = [path(PathKind::Prefix, "/x", backend), prefix("/", "a")];
    world(more.into_iter().chain([ingress("web").rule("a.example", &paths).change()]))
}

fn upstream(world: &World) -> Arc<UpstreamSpec> {
    match &world.host("a.example").routes[0].action {
        Action::Forward(upstream) => upstream.clone(),
        Action::Reply(reply) => panic!("{reply:?}: {:#?}", world.problems),
        action @ (Action::Split(_) | Action::Canary(_)) => panic!("{action:?}"),
    }
}

/// What a faulty backend comes to: its answer, and its code at its field below the backend.
fn fault(world: &World) -> (String, ProblemCode, String) {
    assert_eq!(world.routes("a.example")[1], "/ → shop/a:80", "the neighbour is served");
    let answer = world.routes("a.example")[0].strip_prefix("/x → ").unwrap().to_owned();
    let problem = world.only_problem();
    assert_eq!(problem.severity, Severity::Error);
    assert!(problem.message.contains(&answer), "{answer} is in {problem}");
    let field = problem.field.strip_prefix("spec.rules[0].http.paths[0].backend").unwrap();
    (answer, problem.code, field.to_owned())
}

#[test]
fn rule_28_a_resource_backend_is_404_for_its_path() {
    let world = with_backend(Backend::Resource("StorageBucket/icons".into()), []);
    assert_eq!(fault(&world), ("404".into(), ProblemCode::UnsupportedBackend, ".resource".into()));
}

#[test]
fn rule_28_a_backend_that_is_neither_or_both_is_503() {
    let world = with_backend(Backend::Invalid, []);
    assert_eq!(fault(&world), ("503".into(), ProblemCode::InvalidField, String::new()));
}

#[test]
fn rule_29_ports_are_found_by_number_or_name_and_go_to_slices_by_name() {
    let mut two = service("two");
    two.ports = [port("http", 80, 8080), port("admin", 81, 9090)].into();
    let endpoint_port = EndpointPort::Named { name: "admin".into(), otherwise: 9090 };
    let by_number = with_backend(backend("two", 81), [of_service(two.clone())]);
    assert_eq!(upstream(&by_number).key.endpoint_port, endpoint_port);
    assert_eq!(upstream(&by_number).port, PortRef::Number(81));
    let by_name = with_backend(backend_by_name("two", "admin"), [of_service(two)]);
    assert_eq!(upstream(&by_name).key.endpoint_port, endpoint_port);
    assert_eq!(upstream(&by_name).port, PortRef::Name("admin".into()));
}

#[test]
fn rule_30_services_of_other_namespaces_are_not_seen() {
    let world = with_backend(backend("elsewhere", 80), [of_service(service("other/elsewhere"))]);
    assert_eq!(fault(&world), ("503".into(), ProblemCode::ServiceNotFound, ".service.name".into()));
}

#[test]
fn rule_31_a_missing_service_or_port_is_503_for_its_path() {
    let missing = with_backend(backend("missing", 80), []);
    assert_eq!(fault(&missing), ("503".into(), ProblemCode::ServiceNotFound, ".service.name".into()));
    for backend in [backend("a", 81), backend_by_name("a", "https")] {
        let world = with_backend(backend, []);
        assert_eq!(fault(&world), ("503".into(), ProblemCode::PortNotFound, ".service.port".into()));
        assert!(world.problems[0].remedy.contains("80 (http)"), "{}", world.problems[0]);
    }
}

#[test]
fn rule_31_what_is_no_port_is_503_for_its_path() {
    let none = Backend::Service { name: "a".into(), port: None };
    let nameless = Backend::Service { name: "a".into(), port: Some(PortValue::Name("".into())) };
    for backend in [none, nameless, backend("a", 0), backend("a", -1), backend("a", 65_536)] {
        let world = with_backend(backend, []);
        assert_eq!(fault(&world), ("503".into(), ProblemCode::InvalidField, ".service.port".into()));
    }
}

#[test]
fn rule_32_headless_services_are_like_others_and_without_ports_the_number_is_used() {
    let mut headless = Service { kind: ServiceKind::Headless, ..service("headless") };
    let world = with_backend(backend("headless", 80), [of_service(headless.clone())]);
    assert_eq!(upstream(&world).key.endpoint_port, EndpointPort::Named { name: "http".into(), otherwise: 8080 });

    headless.ports = Box::default();
    let world = with_backend(backend("headless", 9000), [of_service(headless.clone())]);
    assert_eq!(upstream(&world).key.endpoint_port, EndpointPort::Fixed(9000));
    let world = with_backend(backend_by_name("headless", "http"), [of_service(headless)]);
    assert_eq!(fault(&world), ("503".into(), ProblemCode::PortNotFound, ".service.port".into()));
}

#[test]
fn rule_42_app_protocol_decides_what_is_spoken() {
    let tls = |http| Protocol::Tls(Arc::new(PodTls::unverified(http)));
    for (app_protocol, expected) in [
        (None, Protocol::Http1),
        (Some("http"), Protocol::Http1),
        (Some("kubernetes.io/http"), Protocol::Http1),
        (Some("kubernetes.io/ws"), Protocol::Http1),
        (Some("ws"), Protocol::Http1),
        (Some("example.com/own"), Protocol::Http1),
        (Some("example.com/https"), Protocol::Http1),
        (Some("kubernetes.io/h2c"), Protocol::H2c),
        (Some("h2c"), Protocol::H2c),
        (Some("grpc"), Protocol::H2c),
        (Some("GRPC"), Protocol::H2c),
        (Some("https"), tls(TlsHttp::Negotiated)),
        (Some("HTTPS"), tls(TlsHttp::Negotiated)),
        (Some("kubernetes.io/wss"), tls(TlsHttp::Negotiated)),
        (Some("wss"), tls(TlsHttp::Negotiated)),
        (Some("grpcs"), tls(TlsHttp::Http2)),
        (Some("Grpcs"), tls(TlsHttp::Http2)),
    ] {
        let mut special = service("special");
        special.ports[0].app_protocol = app_protocol.map(Into::into);
        let world = with_backend(backend("special", 80), [of_service(special)]);
        assert_eq!(upstream(&world).key.protocol, expected, "{app_protocol:?}");
        assert_eq!(world.problems(), [""; 0]);
    }
}

#[test]
fn rule_43_ports_other_than_tcp_are_503() {
    let mut udp = service("udp");
    udp.ports[0].is_tcp = false;
    let world = with_backend(backend("udp", 80), [of_service(udp.clone())]);
    assert_eq!(fault(&world), ("503".into(), ProblemCode::UnsupportedProtocol, ".service.port".into()));

    udp.ports = [udp.ports[0].clone(), port("tcp", 80, 8081)].into();
    let world = with_backend(backend("udp", 80), [of_service(udp)]);
    assert_eq!(upstream(&world).key.endpoint_port, EndpointPort::Named { name: "tcp".into(), otherwise: 8081 });
}

#[test]
fn equal_backends_of_different_routes_are_one_upstream() {
    let world = world([ingress("web").rule("a.example", &[prefix("/x", "a"), exact("/y", "a")]).change()]);
    let routes = &world.host("a.example").routes;
    assert_eq!(routes[0].action, routes[1].action);
}
