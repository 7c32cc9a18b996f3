//! ExternalName Services (rule 34): ports, what is refused, and what DNS says.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::builders::*;
use crate::model::{Action, EndpointPort, ExternalName, LookupFailure, ObjectKind, ObjectRef, PortRef, Problem};
use crate::model::{ProblemCode, Protocol, Resolution, Severity, TlsHttp, UnitKey, UpstreamSpec};
use crate::source::objects::{Backend, Change, PathKind, Service, ServiceKind, ServicePort};
use crate::translate::{ExternalNames, OwnSockets, Settings};

fn external(of: &str, ports: &[ServicePort]) -> Service {
    Service { kind: ServiceKind::ExternalName(of.into()), ports: ports.into(), ..service("ext") }
}

fn web(backend: Backend) -> Change {
    ingress("web").rule("a.example", &[path(PathKind::Prefix, "/", backend)]).change()
}

/// An Ingress to port 8080 of the Service, with these settings.
fn leads_to(service: Service, settings: Settings) -> World {
    world_with(settings, [of_service(service), web(backend("ext", 8080))])
}

fn spec(world: &World) -> Result<Arc<UpstreamSpec>, &Problem> {
    match &world.host("a.example").routes[0].action {
        Action::Forward(upstream) => Ok(upstream.clone()),
        Action::Reply(_) | Action::Split(_) | Action::Canary(_) => Err(world.only_problem()),
    }
}

fn to(addresses: &[&str]) -> Resolution {
    Resolution::resolved(addresses.iter().map(|text| text.parse().unwrap()))
}

fn name(text: &str) -> ExternalName {
    ExternalName::parse(text).unwrap()
}

fn endpoints(world: &World) -> Vec<String> {
    world.endpoints("a.example").iter().map(ToString::to_string).collect()
}

/// The findings about everything as it is now.
fn findings(world: &World) -> Vec<Problem> {
    crate::translate::snapshot(&world.input).1.into_values().flatten().collect()
}

#[test]
fn rule_34b_ports_are_those_of_the_service_and_other_numbers_stand_for_themselves() {
    let named = port("web", 80, 8443);
    let without_target = ServicePort { target: None, ..port("web", 80, 1) };
    for (ports, asked, expected) in [
        (vec![], backend("ext", 443), Ok(443)),
        (vec![without_target.clone()], backend("ext", 80), Ok(80)),
        (vec![without_target], backend_by_name("ext", "web"), Ok(80)),
        (vec![named.clone()], backend("ext", 80), Ok(8443)),
        (vec![named.clone()], backend_by_name("ext", "web"), Ok(8443)),
        (vec![named.clone()], backend("ext", 9000), Ok(9000)),
        (vec![], backend_by_name("ext", "web"), Err(ProblemCode::PortNotFound)),
        (vec![named.clone()], backend_by_name("ext", "other"), Err(ProblemCode::PortNotFound)),
        (vec![ServicePort { is_tcp: false, ..named }], backend("ext", 80), Err(ProblemCode::UnsupportedProtocol)),
    ] {
        let world = world([of_service(external("x.example", &ports)), web(asked)]);
        let found = spec(&world).map(|spec| spec.key.endpoint_port.clone()).map_err(|problem| problem.code);
        assert_eq!(found, expected.map(EndpointPort::Fixed));
    }
}

#[test]
fn rule_34_tls_asks_for_the_external_name() {
    let spoken = |of: &str, protocol: &str| {
        let port = ServicePort { app_protocol: Some(protocol.into()), ..port("web", 8080, 443) };
        let world = leads_to(external(of, &[port]), Settings::default());
        spec(&world).unwrap().key.protocol.clone()
    };
    for (of, protocol, expected) in
        [("API.example.", "https", TlsHttp::Negotiated), ("api.example", "grpcs", TlsHttp::Http2)]
    {
        let Protocol::Tls(tls) = spoken(of, protocol) else { panic!("{protocol}") };
        assert_eq!((tls.http, tls.server_name.as_ref().unwrap().as_str()), (expected, "api.example"));
    }
    let Protocol::Tls(tls) = spoken("192.0.2.1", "https") else { panic!("TLS") };
    assert_eq!(tls.server_name, None, "an address is no server name");
    assert_eq!(spoken("api.example", "h2c"), Protocol::H2c);
}

#[test]
fn rule_34c_what_can_never_be_served_is_503_with_the_reason() {
    for (of, reason) in [
        ("localhost", "localhost"),
        ("LOCALHOST.", "localhost"),
        ("db.localhost", "localhost"),
        ("", "empty"),
        ("http://x.example/", "no DNS name"),
        ("x.example:80", "no DNS name"),
        ("127.0.0.1", "loopback"),
        ("::1", "loopback"),
        ("::ffff:169.254.169.254", "link-local"),
        ("100.100.100.200", "metadata"),
    ] {
        let world = leads_to(external(of, &[]), Settings::default());
        let problem = spec(&world).unwrap_err();
        assert_eq!((problem.code, problem.severity), (ProblemCode::ExternalNameRefused, Severity::Error), "{of}");
        assert!(problem.message.contains(reason) && problem.message.contains("503"), "{problem}");
        assert_eq!(world.input.wanted_names(), BTreeSet::new());
    }
}

#[test]
fn rule_34_switched_off_the_problem_names_the_option() {
    let settings = || Settings { external_names: ExternalNames::Off, ..Settings::default() };
    for of in ["x.example", "192.0.2.1", "localhost"] {
        let world = leads_to(external(of, &[]), settings());
        let problem = spec(&world).unwrap_err();
        assert_eq!((problem.code, problem.object.kind), (ProblemCode::UnsupportedService, ObjectKind::Ingress));
        assert!(problem.message.contains("--external-name off"), "{problem}");
        assert_eq!(world.input.wanted_names(), BTreeSet::new());
    }
}

#[test]
fn rule_34c_an_address_serves_without_dns() {
    let world = leads_to(external("192.0.2.7", &[]), Settings::default());
    assert_eq!(endpoints(&world), ["192.0.2.7:8080"]);
    assert_eq!(world.input.wanted_names(), BTreeSet::new());
}

#[test]
fn rule_34_endpoints_are_the_addresses_that_dns_gives() {
    let mut world = leads_to(external("x.example.", &[]), Settings::default());
    assert_eq!((endpoints(&world), world.problems.len()), (vec![], 0));
    assert_eq!(world.input.wanted_names(), [name("x.example.")].into());
    let invalidated = world.input.resolved(&name("x.example."), to(&["192.0.2.2", "192.0.2.1"]));
    assert_eq!((invalidated.units, invalidated.services.len()), (BTreeSet::new(), 1), "nothing is translated for it");
    assert_eq!(endpoints(&world), ["192.0.2.1:8080", "192.0.2.2:8080"]);
    let again = world.input.resolved(&name("x.example."), to(&["192.0.2.1", "192.0.2.2"]));
    assert!(again.is_empty());
    assert!(world.input.resolved(&name("x.example"), to(&["192.0.2.3"])).is_empty(), "nobody has this name");
}

#[test]
fn rule_34c_answers_that_lead_to_ourselves_or_the_node_are_refused() {
    let own = OwnSockets { addresses: ["10.0.0.5".parse().unwrap()].into(), ports: [8080, 9090].into() };
    let settings = Settings { own: Arc::new(own), ..Settings::default() };
    for (port, answer, used, told) in [
        (8080, &["127.0.0.1"][..], &[][..], Some(Severity::Error)),
        (8080, &["169.254.169.254", "::1", "fe80::1", "0.0.0.0"], &[], Some(Severity::Error)),
        (8080, &["127.0.0.1", "192.0.2.1"], &["192.0.2.1:8080"], Some(Severity::Warning)),
        (9090, &["10.0.0.5"], &[], Some(Severity::Error)),
        (9091, &["10.0.0.5"], &["10.0.0.5:9091"], None),
        (8080, &["64:ff9b::7f00:1"], &[], Some(Severity::Error)),
    ] {
        let changes = [of_service(external("x.example", &[])), web(backend("ext", port))];
        let mut world = world_with(settings.clone(), changes);
        let invalidated = world.input.resolved(&name("x.example"), to(answer));
        assert_eq!(endpoints(&world), used, "{answer:?}");
        let findings = findings(&world);
        assert_eq!(findings.first().map(|problem| problem.severity), told, "{findings:?}");
        for Problem { object, field, code, .. } in findings {
            assert_eq!((&*field, code), ("service ext", ProblemCode::ExternalNameRefused));
            assert!(invalidated.units.contains(&UnitKey::Object(object)));
        }
    }
}

#[test]
fn rule_34c_our_own_sockets_are_refused_also_where_loopback_is_allowed() {
    let own = OwnSockets { addresses: BTreeSet::new(), ports: [8080].into() };
    let settings = Settings { own: Arc::new(own), allow_loopback: true, ..Settings::default() };
    let mut world = leads_to(external("x.example", &[]), settings.clone());
    world.input.resolved(&name("x.example"), to(&["127.0.0.1"]));
    assert_eq!(endpoints(&world), [""; 0]);
    let mut world = world_with(settings, [of_service(external("x.example", &[])), web(backend("ext", 8081))]);
    world.input.resolved(&name("x.example"), to(&["127.0.0.1"]));
    assert_eq!(endpoints(&world), ["127.0.0.1:8081"]);
}

#[test]
fn rule_34_what_dns_cannot_resolve_is_told_on_the_ingress_with_the_reason() {
    let mut world = leads_to(external("x.example", &[]), Settings::default());
    let told = |world: &World| {
        let findings = findings(world);
        assert!(findings.len() <= 1, "{findings:?}");
        findings.into_iter().next().map(|problem| (problem.code, problem.severity, problem.message))
    };
    for (resolution, severity, part) in [
        (Resolution::failed(LookupFailure::NoSuchName), Severity::Error, "NXDOMAIN"),
        (Resolution::failed(LookupFailure::TooManyNames), Severity::Error, "too many names"),
        (Resolution { failure: Some(LookupFailure::Timeout), ..to(&["192.0.2.1"]) }, Severity::Warning, "before"),
    ] {
        let invalidated = world.input.resolved(&name("x.example"), resolution);
        let web = ObjectRef { kind: ObjectKind::Ingress, name: super::builders::name("web") };
        assert_eq!(invalidated.units, [UnitKey::Object(web)].into());
        let (code, told_as, message) = told(&world).unwrap();
        assert_eq!((code, told_as), (ProblemCode::ExternalNameUnresolved, severity));
        assert!(message.contains(part) && message.contains("x.example"), "{message}");
    }
    assert_eq!(endpoints(&world), ["192.0.2.1:8080"]);
    assert_eq!(world.input.resolved(&name("x.example"), to(&["192.0.2.1"])).units.len(), 1);
    assert_eq!(told(&world), None);
}

#[test]
fn rule_34_the_default_backend_of_the_command_line_may_be_external() {
    let default_backend = Some((super::builders::name("ext"), PortRef::Number(80)));
    let mut world = leads_to(external("x.example", &[]), Settings { default_backend, ..Settings::default() });
    world.input.apply(Change::removal(ObjectRef::new(ObjectKind::Ingress, super::builders::name("web"))));
    assert_eq!(world.input.wanted_names().len(), 1);
    let invalidated = world.input.resolved(&name("x.example"), Resolution::failed(LookupFailure::NoSuchName));
    assert_eq!(invalidated.units, [UnitKey::Host(pattern("").into())].into());
    assert_eq!(findings(&world)[0].field, "--default-backend");
}

#[test]
fn rule_34_only_names_that_a_route_of_ours_uses_are_wanted() {
    let mut world = world([of_service(external("x.example", &[]))]);
    assert_eq!(world.input.wanted_names(), BTreeSet::new());
    let invalidated = world.input.apply(web(backend("ext", 80)));
    assert_eq!(invalidated.names, [name("x.example")].into());
    assert!(world.input.wants_name(&name("x.example")));
    let invalidated = world.input.apply(of_service(external("y.example", &[])));
    assert_eq!(invalidated.names, [name("x.example"), name("y.example")].into());
    assert_eq!(world.input.wanted_names(), [name("y.example")].into());
    let foreign = ingress("web").class(Some("other")).rule("a.example", &[prefix("/", "ext")]).change();
    assert_eq!(world.input.apply(foreign).names, [name("y.example")].into());
    assert_eq!(world.input.wanted_names(), BTreeSet::new());
}

#[test]
fn f14_a_service_may_change_its_type_again_and_again() {
    let slices = || of_slice(slice("s", "ext", &[ready("10.0.0.1")]));
    let mut world = world([web(backend("ext", 8080)), slices()]);
    let cluster = Service { ports: [port("http", 8080, 8080)].into(), ..service("ext") };
    let headless = Service { kind: ServiceKind::Headless, ports: [].into(), ..service("ext") };
    for _ in 0..2 {
        for (service, expected) in [
            (cluster.clone(), &["10.0.0.1:8080"][..]),
            (external("x.example", &[]), &["192.0.2.1:8080"]),
            (headless.clone(), &["10.0.0.1:8080"]),
            (external("localhost", &[]), &[]),
            (external("x.example", &[port("http", 8080, 9000)]), &["192.0.2.1:9000"]),
        ] {
            world.input.apply(of_service(service));
            world.input.resolved(&name("x.example"), to(&["192.0.2.1"]));
            world.snapshot = crate::translate::snapshot(&world.input).0;
            match &world.host("a.example").routes[0].action {
                Action::Forward(_) => assert_eq!(endpoints(&world), expected),
                Action::Reply(_) | Action::Split(_) | Action::Canary(_) => assert!(expected.is_empty()),
            }
        }
    }
}
