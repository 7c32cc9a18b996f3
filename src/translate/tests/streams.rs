//! Ports for what is no HTTP: who gets them, and where they lead.

use std::sync::Arc;

use super::builders::*;
use crate::model::{
    Action, EndpointPort, HeaderOfClients, HeaderVersion, ListenerKey, ObjectKind, Problem, ProblemCode, Severity,
    StreamAffinity, StreamSpec, Transport,
};
use crate::source::objects::{Change, Service, ServicePort};
use crate::translate::{OwnSockets, Settings, StreamSettings};

fn settings() -> Settings {
    let streams = StreamSettings {
        tcp_config_map: Some(name("edge/tcp")),
        udp_config_map: Some(name("edge/udp")),
        allowed_ports: vec![5000..=5999],
        ..StreamSettings::default()
    };
    let own = OwnSockets { ports: [5080].into(), ..OwnSockets::default() };
    Settings { streams: Arc::new(streams), own: Arc::new(own), now: NOW, ..Settings::default() }
}

fn exposing(of: &str, created: i64, value: &str) -> Change {
    annotated(of, created, &[("tidegate.dev/expose", value)])
}

fn annotated(of: &str, created: i64, annotations: &[(&str, &str)]) -> Change {
    let annotations = annotations.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    of_service(Service { annotations, created, ..service(of) })
}

fn dns(of: &str) -> Service {
    let udp = ServicePort { is_tcp: false, is_udp: true, ..port("dns", 53, 5353) };
    Service { ports: [udp, port("dns-tcp", 53, 5353)].into(), ..service(of) }
}

fn of_settings(settings: Settings, changes: impl IntoIterator<Item = Change>) -> World {
    // Nothing is said of the ConfigMaps but in the test for them.
    let maps = [config_map("edge/tcp", &[]), config_map("edge/udp", &[])];
    world_with(settings, maps.into_iter().chain(changes))
}

fn streams(changes: impl IntoIterator<Item = Change>) -> World {
    of_settings(settings(), changes)
}

fn tcp(world: &World, port: u16) -> Option<&StreamSpec> {
    world.snapshot.streams.get(&ListenerKey { port, transport: Transport::Tcp }).map(|spec| &**spec)
}

fn target(spec: &StreamSpec) -> String {
    let [route] = &*spec.routes else { panic!("{spec:?}") };
    let Action::Forward(upstream) = &route.action else { panic!("{route:?}") };
    format!("{}:{} of {}", upstream.key.service, upstream.port, route.origin.object().unwrap())
}

fn told(world: &World) -> Vec<(ProblemCode, String)> {
    let told = |problem: &Problem| (problem.code, format!("{}: {}", problem.object, problem.field));
    world.problems.iter().map(told).collect()
}

#[test]
fn a_config_map_of_the_operator_opens_ports() {
    let data = [
        ("3306", "shop/a:80"),
        ("7000", "shop/b:http:PROXY:PROXY"),
        ("7001", "shop/c:http::PROXY"),
        ("x", "shop/a:80"),
    ];
    let trusting = |trusts_proxies: bool| {
        let mut settings = settings();
        Arc::make_mut(&mut settings.streams).trusts_proxies = trusts_proxies;
        of_settings(settings, [config_map("edge/tcp", &data)])
    };
    let world = trusting(true);
    let spec = tcp(&world, 3306).unwrap();
    assert_eq!(target(spec), "shop/a:80 of ConfigMap edge/tcp");
    assert_eq!((spec.from_clients, spec.to_pods), (HeaderOfClients::None, None));
    let spec = tcp(&world, 7000).unwrap();
    assert_eq!((spec.from_clients, spec.to_pods), (HeaderOfClients::Required, Some(HeaderVersion::V1)));
    assert_eq!(tcp(&world, 7001).unwrap().to_pods, Some(HeaderVersion::V1));
    let wrong = (ProblemCode::InvalidConfigMap, "ConfigMap edge/tcp: data[\"x\"]".to_owned());
    assert_eq!(told(&world), [wrong]);
    let world = trusting(false);
    assert_eq!((tcp(&world, 7000), tcp(&world, 7001).is_some()), (None, true));
    assert!(told(&world).contains(&(ProblemCode::PortRefused, "ConfigMap edge/tcp: data[\"7000\"]".into())));
}

#[test]
fn a_config_map_that_is_missing_is_told() {
    let world = world_with(settings(), []);
    let missing =
        |name: &str, option: &str| (ProblemCode::ConfigMapNotFound, format!("ConfigMap edge/{name}: {option}"));
    assert_eq!(told(&world), [missing("tcp", "--tcp-services-configmap"), missing("udp", "--udp-services-configmap")]);
    assert!(world.input.may_see_config_map(&name("edge/tcp")));
    assert!(world.input.followed().iter().any(|object| object.name == name("edge/udp")));
}

#[test]
fn a_stream_shares_the_upstream_of_the_routes_to_its_port() {
    let world = streams([
        ingress("web").rule("a.example", &[prefix("/", "a")]).change(),
        exposing("a", 1, "5000:http"),
        of_slice(slice("e", "a", &[ready("10.0.0.1")])),
    ]);
    let Action::Forward(of_stream) = &tcp(&world, 5000).unwrap().routes[0].action else { panic!("it forwards") };
    let Action::Forward(of_route) = &world.host("a.example").routes[0].action else { panic!("it forwards") };
    assert_eq!(of_stream.key, of_route.key);
    assert_eq!(crate::translate::endpoints(&world.input, &of_stream.key).len(), 1);
}

#[test]
fn annotations_open_the_ports_that_are_allowed_and_no_others() {
    let world = streams([exposing("a", 1, "5000:80, 6000:80, 5080:80")]);
    assert_eq!(target(tcp(&world, 5000).unwrap()), "shop/a:80 of Service shop/a");
    assert_eq!((tcp(&world, 6000), tcp(&world, 5080)), (None, None), "not allowed, and one of our own");
    let field = "Service shop/a: metadata.annotations[\"tidegate.dev/expose\"]".to_owned();
    assert_eq!(told(&world), [(ProblemCode::PortRefused, field.clone()), (ProblemCode::PortRefused, field)]);
    let mut settings = settings();
    Arc::make_mut(&mut settings.streams).namespaces.insert("zoo".into());
    let world = of_settings(settings, [exposing("a", 1, "5000:80"), exposing("zoo/z", 2, "5000:80")]);
    assert_eq!(target(tcp(&world, 5000).unwrap()), "zoo/z:80 of Service zoo/z");
    assert_eq!(told(&world).len(), 1);
}

#[test]
fn a_port_that_several_ask_for_goes_to_the_operator_then_to_the_oldest() {
    let all = [
        exposing("a", 7, "5000:80"),
        exposing("b", 5, "5000:80"),
        exposing("zoo/z", 6, "5000:80"),
        config_map("edge/tcp", &[("5000", "shop/c:80")]),
    ];
    let world = streams(all.clone());
    assert_eq!(target(tcp(&world, 5000).unwrap()), "shop/c:80 of ConfigMap edge/tcp");
    assert_eq!(world.problems.len(), 3);
    let world = streams(all.into_iter().take(3));
    assert_eq!(target(tcp(&world, 5000).unwrap()), "shop/b:80 of Service shop/b");
    let messages: Vec<_> = world.problems.iter().map(|problem| problem.message.as_str()).collect();
    assert!(messages[0].contains("belongs to the older Service shop/b"), "{messages:?}");
    assert!(messages[1].contains("belongs to an older Service of another namespace"), "{messages:?}");
    assert!(world.problems.iter().all(|problem| problem.severity == Severity::Error));
}

#[test]
fn a_port_leads_nowhere_else_while_its_owner_cannot_be_served() {
    let world = streams([
        config_map("edge/tcp", &[("5000", "shop/none:80"), ("5001", "shop/a:81")]),
        exposing("a", 1, "5000:80"),
    ]);
    assert_eq!((tcp(&world, 5000), tcp(&world, 5001)), (None, None));
    let codes: Vec<_> = world.problems.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, [ProblemCode::Conflict, ProblemCode::ServiceNotFound, ProblemCode::PortNotFound]);
    assert!(world.problems[1].message.ends_with("so the port is not opened"), "{:?}", world.problems[1]);
}

#[test]
fn udp_leads_to_udp_ports_by_number_and_name() {
    let mut settings = settings();
    Arc::make_mut(&mut settings.streams).trusts_proxies = true;
    let data = [("53", "shop/dns:53"), ("54", "shop/dns:dns"), ("55", "shop/dns:dns-tcp"), ("56", "shop/a:80")];
    let world = of_settings(
        settings,
        [of_service(dns("dns")), config_map("edge/udp", &data), config_map("edge/tcp", &[("53", "shop/dns:53")])],
    );
    let key = |port, transport| ListenerKey { port, transport };
    let of = |port, transport| match &world.snapshot.streams[&key(port, transport)].routes[0].action {
        Action::Forward(upstream) => upstream.key.endpoint_port.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(of(53, Transport::Udp), EndpointPort::Udp { name: "dns".into(), otherwise: 5353 });
    assert_eq!(of(54, Transport::Udp), of(53, Transport::Udp));
    assert_eq!(of(53, Transport::Tcp), EndpointPort::Named { name: "dns-tcp".into(), otherwise: 5353 });
    let codes: Vec<_> = world.problems.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, [ProblemCode::UnsupportedProtocol, ProblemCode::UnsupportedProtocol]);
}

#[test]
fn annotations_of_the_service_count_for_its_streams() {
    let annotations = [
        ("tidegate.dev/expose", "5000:80"),
        ("tidegate.dev/tunnel-idle-timeout", "5s"),
        ("tidegate.dev/balance", "least-connections"),
        ("haproxy.org/load-balance", "source"),
    ];
    let world = streams([annotated("a", 1, &annotations)]);
    let route = &tcp(&world, 5000).unwrap().routes[0];
    assert_eq!(route.policy.timeouts.stream_idle.as_secs(), 5);
    assert_eq!(route.affinity, StreamAffinity::ClientAddress);
    assert_eq!(world.input.objects().service(&name("shop/a")).map(|service| service.created), Some(1));
}

#[test]
fn datagrams_are_not_checked_as_connections_are() {
    let annotations = [
        ("tidegate.dev/expose", "5353:53/udp, 5354:53"),
        ("tidegate.dev/health-check", "tcp"),
        ("tidegate.dev/ejection-failures", "5"),
    ];
    let annotations = annotations.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    let world = streams([of_service(Service { annotations, ..dns("dns") })]);
    let policy = |transport| {
        let spec = &world.snapshot.streams
            [&ListenerKey { port: if transport == Transport::Udp { 5353 } else { 5354 }, transport }];
        (spec.routes[0].policy.checks.is_some(), spec.routes[0].policy.ejection.is_some())
    };
    assert_eq!((policy(Transport::Udp), policy(Transport::Tcp)), ((false, false), (true, true)));
}

#[test]
fn a_service_that_was_made_anew_is_as_young_as_it_is() {
    let mut world = streams([exposing("old", 1, "5001:80"), exposing("other", 2, "5001:80")]);
    assert_eq!(tcp(&world, 5001).map(target).unwrap(), "shop/old:80 of Service shop/old");
    world.apply([exposing("old", 3, "5001:80")]);
    assert_eq!(tcp(&world, 5001).map(target).unwrap(), "shop/other:80 of Service shop/other");
}

#[test]
fn an_annotation_that_cannot_be_read_is_told_though_nobody_routes_to_the_service() {
    let world = streams([exposing("a", 1, "5000:80, what"), exposing("b", 2, "what")]);
    assert!(tcp(&world, 5000).is_some());
    let codes: Vec<_> = world.problems.iter().map(|problem| (problem.object.kind, problem.code)).collect();
    assert_eq!(codes, [(ObjectKind::Service, ProblemCode::InvalidAnnotation); 2]);
}
