//! Endpoints: which addresses an upstream has (semantics 4.4).

use std::net::SocketAddr;

use super::builders::*;
use crate::model::{ObjectKind, ObjectRef, ProblemCode, Severity};
use crate::source::objects::{AddressKind, Change, EndpointSlice, Service, ServiceKind, SliceEndpoint, SlicePort};
use crate::translate::Settings;

/// The endpoints of Service `a`, port 80, with these.
fn endpoints(changes: impl IntoIterator<Item = Change>) -> Vec<String> {
    let web = ingress("web").default_backend(backend("a", 80)).change();
    texts(world(changes.into_iter().chain([web])).endpoints(""))
}

fn texts(addresses: Vec<SocketAddr>) -> Vec<String> {
    addresses.iter().map(ToString::to_string).collect()
}

fn v6(slice: EndpointSlice) -> EndpointSlice {
    EndpointSlice { addresses: AddressKind::IPv6, ..slice }
}

fn with_ports(slice: EndpointSlice, ports: Option<&[(&str, Option<u16>)]>) -> EndpointSlice {
    let new = |(name, port): &(&str, Option<u16>)| SlicePort {
        name: (*name).into(),
        port: *port,
        is_tcp: true,
        is_udp: false,
    };
    EndpointSlice { ports: ports.map(|ports| ports.iter().map(new).collect()), ..slice }
}

fn terminating(address: &str) -> SliceEndpoint {
    SliceEndpoint { is_ready: false, is_terminating: true, ..ready(address) }
}

fn unready(address: &str) -> SliceEndpoint {
    SliceEndpoint { is_ready: false, is_serving: false, ..ready(address) }
}

#[test]
fn rule_29_slices_may_give_one_port_name_different_numbers() {
    let old = with_ports(slice("s1", "a", &[ready("10.0.0.1")]), Some(&[("http", Some(8080)), ("admin", Some(9))]));
    let new = with_ports(slice("s2", "a", &[ready("10.0.0.2")]), Some(&[("admin", Some(8080)), ("http", Some(80))]));
    assert_eq!(endpoints([of_slice(old), of_slice(new)]), ["10.0.0.1:8080", "10.0.0.2:80"]);
}

#[test]
fn rule_33_slices_count_by_their_label_and_namespace_whoever_wrote_them() {
    let by_hand = slice("by-hand", "a", &[ready("192.0.2.7")]);
    let other_namespace = EndpointSlice { name: name("other/x"), ..slice("x", "a", &[ready("10.9.9.9")]) };
    let unlabelled = EndpointSlice { service: None, ..slice("y", "a", &[ready("10.9.9.8")]) };
    assert_eq!(endpoints([by_hand, other_namespace, unlabelled].map(of_slice)), ["192.0.2.7:8080"]);
}

#[test]
fn rule_34_slices_left_over_from_a_service_that_became_external_are_not_used() {
    let mut world = world([
        ingress("web").default_backend(backend("a", 80)).change(),
        of_slice(slice("s", "a", &[ready("10.0.0.1")])),
    ]);
    assert_eq!(world.endpoints("").len(), 1);
    let external = Service { kind: ServiceKind::ExternalName("x.example".into()), ..service("a") };
    world.input.apply(of_service(external));
    assert_eq!(texts(world.endpoints("")), [""; 0]);
    world.input.apply(Change::removal(ObjectRef::new(ObjectKind::Service, name("a"))));
    assert_eq!(texts(world.endpoints("")), [""; 0]);
}

#[test]
fn rule_35_an_address_in_two_slices_counts_once() {
    let moved = [slice("s1", "a", &[ready("10.0.0.1"), ready("10.0.0.2")]), slice("s2", "a", &[ready("10.0.0.1")])];
    assert_eq!(endpoints(moved.map(of_slice)), ["10.0.0.1:8080", "10.0.0.2:8080"]);
}

#[test]
fn rule_36_ready_endpoints_and_only_if_there_are_none_serving_ones_that_terminate() {
    let all = [ready("10.0.0.1"), terminating("10.0.0.2"), unready("10.0.0.3")];
    assert_eq!(endpoints([of_slice(slice("s", "a", &all))]), ["10.0.0.1:8080"]);
    assert_eq!(endpoints([of_slice(slice("s", "a", &all[1..]))]), ["10.0.0.2:8080"]);
    assert_eq!(endpoints([of_slice(slice("s", "a", &all[2..]))]), [""; 0]);
    let not_serving = SliceEndpoint { is_serving: false, ..terminating("10.0.0.4") };
    assert_eq!(endpoints([of_slice(slice("s", "a", &[not_serving]))]), [""; 0]);
}

#[test]
fn rule_37_endpoints_published_while_not_ready_come_as_ready() {
    let published = SliceEndpoint { is_serving: false, is_terminating: true, ..ready("10.0.0.1") };
    assert_eq!(endpoints([of_slice(slice("s", "a", &[published]))]), ["10.0.0.1:8080"]);
}

#[test]
fn rule_38_a_dual_stack_pod_counts_once_in_the_services_first_family() {
    let four = || of_slice(slice("four", "a", &[ready("10.0.0.1")]));
    let six = || of_slice(v6(slice("six", "a", &[ready("2001:db8::1")])));
    let prefers_six = || of_service(Service { prefers_ipv6: true, ..service("a") });
    assert_eq!(endpoints([four(), six()]), ["10.0.0.1:8080"]);
    assert_eq!(endpoints([four(), six(), prefers_six()]), ["[2001:db8::1]:8080"]);
    assert_eq!(endpoints([six()]), ["[2001:db8::1]:8080"]);
    assert_eq!(endpoints([four(), prefers_six()]), ["10.0.0.1:8080"]);
    let draining = of_slice(slice("four", "a", &[terminating("10.0.0.1")]));
    assert_eq!(endpoints([draining, six()]), ["[2001:db8::1]:8080"], "ready in the other family beats draining");
}

#[test]
fn rule_38_slices_of_names_are_ignored_and_reported() {
    let fqdn = EndpointSlice {
        addresses: AddressKind::Other,
        unreadable: ["pod.example".into()].into(),
        ..slice("fqdn", "a", &[])
    };
    let changes = || [of_slice(fqdn.clone()), of_slice(slice("four", "a", &[ready("10.0.0.1")]))];
    assert_eq!(endpoints(changes()), ["10.0.0.1:8080"]);
    let web = ingress("web").default_backend(backend("a", 80)).change();
    let used = world(changes().into_iter().chain([web]));
    assert_eq!(
        used.problems(),
        ["EndpointRejected Ingress shop/web service a", "EndpointRejected EndpointSlice shop/fqdn addressType"]
    );
    assert_eq!(world(changes()).problems(), [""; 0], "a slice that none of our Ingresses uses is not our business");
}

#[test]
fn rule_40_a_port_without_a_number_takes_the_target_port_and_no_port_is_none_b61() {
    let open = |ports| of_slice(with_ports(slice("s", "a", &[ready("10.0.0.1")]), ports));
    assert_eq!(endpoints([open(None)]), [""; 0], "no list is no port");
    assert_eq!(endpoints([open(Some(&[]))]), [""; 0], "an empty list is no port");
    let named = of_slice(with_ports(slice("named", "a", &[ready("10.0.0.2")]), Some(&[("http", Some(9))])));
    assert_eq!(endpoints([open(None), named]), ["10.0.0.2:9"]);
    assert_eq!(endpoints([open(Some(&[("http", None)]))]), ["10.0.0.1:8080"], "a port without number is any port");
    let mut named_target = service("a");
    named_target.ports[0].target = None;
    assert_eq!(endpoints([of_service(named_target), open(Some(&[("http", None)]))]), ["10.0.0.1:80"]);
}

#[test]
fn rule_43_udp_ports_of_slices_are_not_used() {
    let mut udp = slice("s", "a", &[ready("10.0.0.1")]);
    udp.ports.as_mut().unwrap()[0].is_tcp = false;
    assert_eq!(endpoints([of_slice(udp)]), [""; 0]);
}

#[test]
fn rule_45_ten_slices_of_a_hundred_are_one_of_a_thousand() {
    let address = |n: usize| ready(&format!("10.1.{}.{}", n / 250, 1 + n % 250));
    let all: Vec<_> = (0..1000).map(address).collect();
    let one = endpoints([of_slice(slice("one", "a", &all))]);
    let ten = endpoints(all.chunks(100).enumerate().map(|(n, some)| of_slice(slice(&format!("s{n}"), "a", some))));
    assert_eq!(one.len(), 1000);
    assert_eq!(one, ten);
    assert_eq!(endpoints([of_slice(slice("empty", "a", &[]))]), [""; 0]);
}

#[test]
fn rule_32_a_headless_service_without_ports_uses_the_number_of_the_ingress() {
    let headless = Service { kind: ServiceKind::Headless, ports: Box::default(), ..service("a") };
    let portless = with_ports(slice("s", "a", &[ready("10.0.0.1")]), Some(&[]));
    assert_eq!(endpoints([of_service(headless), of_slice(portless)]), ["10.0.0.1:80"]);
}

#[test]
fn a06_addresses_that_nobody_may_reach_through_us_are_refused() {
    let odd = ["127.0.0.1", "127.9.9.9", "169.254.169.254", "224.0.0.1", "0.0.0.0", "0.1.2.3", "255.255.255.255"];
    // F23: metadata services elsewhere, and what gateways translate.
    let metadata = ["168.63.129.16", "100.100.100.200", "192.0.0.192"];
    let metadata6 = ["fd00:ec2::254", "fd20:ce::254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "64:ff9b::7f00:1"];
    let odd6 = ["::1", "fe80::1", "ff02::1", "::", "::ffff:127.0.0.1", "::ffff:169.254.169.254"];
    let (odd, odd6) = ([&odd[..], &metadata].concat(), [&odd6[..], &metadata6].concat());
    for (address, is_v6) in odd.iter().map(|a| (a, false)).chain(odd6.iter().map(|a| (a, true))) {
        let bad = slice("bad", "a", &[ready(address)]);
        let bad = if is_v6 { v6(bad) } else { bad };
        let web = ingress("web").default_backend(backend("a", 80)).change();
        let world = world([of_slice(bad), web]);
        assert_eq!(texts(world.endpoints("")), [""; 0], "{address}");
        let problem = world.slice_problem();
        assert_eq!((problem.code, problem.severity), (ProblemCode::EndpointRejected, Severity::Error));
        assert!(problem.message.contains(address), "{problem}");
    }
}

#[test]
fn a06_manifests_may_use_loopback_and_nothing_else_of_the_kind() {
    let settings = Settings { allow_loopback: true, ..Settings::default() };
    let all = slice("s", "a", &[ready("127.0.0.1"), ready("169.254.169.254"), ready("0.0.0.0")]);
    let web = ingress("web").default_backend(backend("a", 80)).change();
    let world = world_with(settings, [of_slice(all), web]);
    assert_eq!(texts(world.endpoints("")), ["127.0.0.1:8080"]);
    assert!(world.slice_problem().message.contains("0.0.0.0 (unspecified)"));
}

#[test]
fn addresses_that_are_none_are_reported() {
    let odd = EndpointSlice { unreadable: ["10.0.0.1:80".into()].into(), ..slice("s", "a", &[ready("10.0.0.2")]) };
    let web = ingress("web").default_backend(backend("a", 80)).change();
    let world = world([of_slice(odd), web]);
    assert_eq!(texts(world.endpoints("")), ["10.0.0.2:8080"]);
    assert!(world.slice_problem().message.contains("\"10.0.0.1:80\""));
}
