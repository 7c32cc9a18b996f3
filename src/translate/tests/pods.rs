//! Annotations that say how pods are spoken to.

use std::sync::Arc;

use super::builders::*;
use crate::model::{
    Action, ClientCertificate, EndpointPort, HostKey, PodTls, ProblemCode, Protocol, Severity, Sni, TlsHttp, UnitKey,
    UpstreamSpec,
};
use crate::source::objects::builders::IngressBuilder;
use crate::source::objects::{PathKind, Service, ServiceKind};

const PROTOCOL: &str = "nginx.ingress.kubernetes.io/backend-protocol";

fn upstreams(world: &World) -> Vec<Arc<UpstreamSpec>> {
    let of = |action: &Action| match action {
        Action::Forward(upstream) => upstream.clone(),
        Action::Reply(_) | Action::Split(_) | Action::Canary(_) => panic!("{action:?}: {:#?}", world.problems),
    };
    world.host("a.example").routes.iter().map(|route| of(&route.action)).collect()
}

fn tls(http: TlsHttp) -> PodTls {
    PodTls::unverified(http)
}

fn through(tls: PodTls) -> Protocol {
    Protocol::Tls(Arc::new(tls))
}

/// An Ingress with one path to this port of `special`.
fn to_special(number: i32) -> IngressBuilder {
    ingress("web").rule("a.example", &[path(PathKind::Prefix, "/", backend("special", number))])
}

fn speaking(app_protocol: Option<&str>) -> Service {
    let mut special = service("special");
    special.ports[0].app_protocol = app_protocol.map(Into::into);
    special
}

#[test]
fn nginx_q1_the_annotation_decides_over_app_protocol_in_upper_and_lower_case() {
    for (value, expected) in [
        ("HTTP", Protocol::Http1),
        ("http", Protocol::Http1),
        ("HTTPS", through(tls(TlsHttp::Negotiated))),
        ("https", through(tls(TlsHttp::Negotiated))),
        ("GRPC", Protocol::H2c),
        ("gRPC", Protocol::H2c),
        ("GRPCS", through(tls(TlsHttp::Http2))),
        (" grpcs\n", through(tls(TlsHttp::Http2))),
    ] {
        for app_protocol in [None, Some("https"), Some("kubernetes.io/h2c"), Some("grpcs"), Some("http")] {
            let web = to_special(80).annotate(PROTOCOL, value).default_backend(backend("special", 80));
            let world = world([of_service(speaking(app_protocol)), web.change()]);
            assert_eq!(upstreams(&world)[0].key.protocol, expected, "{value:?} {app_protocol:?}");
            let fallback = &world.host("a.example").fallback().unwrap().action;
            assert_eq!(*fallback, world.host("a.example").routes[0].action, "{value:?} {app_protocol:?}");
            assert_eq!(world.problems(), [""; 0]);
        }
    }
}

#[test]
fn nginx_q1_what_is_not_spoken_is_told_and_what_is_unknown_is_http() {
    for (value, expected, code, severity) in [
        ("ajp", Protocol::Http1, ProblemCode::InvalidAnnotation, Severity::Error),
        ("", Protocol::Http1, ProblemCode::InvalidAnnotation, Severity::Error),
        ("HTTPS GRPC", Protocol::Http1, ProblemCode::InvalidAnnotation, Severity::Error),
        ("fcgi", Protocol::H2c, ProblemCode::UnsupportedAnnotation, Severity::Error),
    ] {
        let world = world([of_service(speaking(Some("h2c"))), to_special(80).annotate(PROTOCOL, value).change()]);
        assert_eq!(upstreams(&world)[0].key.protocol, expected, "{value}");
        let problem = world.only_problem();
        assert_eq!((problem.code, problem.severity), (code, severity), "{problem}");
    }
}

#[test]
fn nginx_q1_auto_http_is_http_and_another_upstream_through_tls_for_https() {
    for app_protocol in [None, Some("https"), Some("h2c")] {
        let web = to_special(80).annotate(PROTOCOL, "Auto_HTTP");
        let world = world([of_service(speaking(app_protocol)), web.change()]);
        let upstream = &upstreams(&world)[0];
        assert_eq!(upstream.key.protocol, Protocol::Http1);
        let for_https = upstream.for_https.as_ref().unwrap();
        let Protocol::Tls(tls) = &for_https.key.protocol else { panic!("{for_https:?}") };
        assert_eq!(**tls, PodTls::unverified(TlsHttp::Negotiated));
        assert_eq!((&for_https.port, &for_https.for_https), (&upstream.port, &None));
        assert_eq!(for_https.key.endpoint_port, upstream.key.endpoint_port);
        assert_eq!(world.problems(), [""; 0]);
    }
}

#[test]
fn nginx_q1_ingresses_of_different_protocols_have_upstreams_of_their_own() {
    let path = |at: &str| [prefix(at, "a")];
    let world = world([
        ingress("1").rule("a.example", &path("/1")).annotate(PROTOCOL, "HTTPS").change(),
        ingress("2").rule("a.example", &path("/2")).annotate(PROTOCOL, "GRPC").change(),
        ingress("3").rule("a.example", &path("/3")).change(),
        ingress("4").rule("a.example", &path("/4")).change(),
        ingress("5").rule("a.example", &path("/5")).annotate(PROTOCOL, "HTTP").change(),
    ]);
    let upstreams = upstreams(&world);
    let spoken: Vec<_> = upstreams.iter().map(|upstream| upstream.key.protocol.as_str()).collect();
    assert_eq!(spoken, ["https", "h2c", "http1", "http1", "http1"]);
    assert!(Arc::ptr_eq(&upstreams[2], &upstreams[3]), "neighbours that ask for the same share one");
    assert_eq!(upstreams[2], upstreams[4]);
}

#[test]
fn nginx_q1_services_without_ports_are_spoken_to_as_the_annotation_says_and_outside_names_are_asked_for() {
    let name = crate::model::ExternalName::parse("api.example").unwrap();
    let kinds = [
        (ServiceKind::Headless, PodTls::unverified(TlsHttp::Negotiated)),
        (ServiceKind::ExternalName("api.example".into()), tls(TlsHttp::Negotiated).named(name.host().clone())),
    ];
    for (kind, expected) in kinds {
        let bare = Service { kind, ports: Box::default(), ..service("special") };
        let world = world([of_service(bare), to_special(443).annotate(PROTOCOL, "HTTPS").change()]);
        assert_eq!(upstreams(&world)[0].key.protocol, through(expected));
    }
}

#[test]
fn nginx_q2_without_a_secret_nothing_has_an_effect_and_each_is_told() {
    let of = |key: &str, value: &str| {
        let key = format!("nginx.ingress.kubernetes.io/{key}");
        world([of_service(speaking(None)), to_special(80).annotate(PROTOCOL, "HTTPS").annotate(&key, value).change()])
    };
    for (key, value, severity) in [
        ("proxy-ssl-name", "pod.example", Severity::Warning),
        ("proxy-ssl-protocols", "TLSv1.3", Severity::Warning),
        ("proxy-ssl-server-name", "on", Severity::Warning),
        ("proxy-ssl-verify", "on", Severity::Error),
        ("proxy-ssl-verify-depth", "2", Severity::Warning),
    ] {
        let world = of(key, value);
        assert_eq!(upstreams(&world)[0].key.protocol, through(tls(TlsHttp::Negotiated)), "{key}");
        let problem = world.only_problem();
        assert_eq!((problem.code, problem.severity), (ProblemCode::UnsupportedAnnotation, severity), "{problem}");
        assert!(problem.field.contains(&format!("/{key}\"")), "{problem}");
        assert!(problem.message.contains("without proxy-ssl-secret"), "{problem}");
    }
    for (key, value) in [("proxy-ssl-server-name", "off"), ("proxy-ssl-verify", "off")] {
        let world = of(key, value);
        assert_eq!(upstreams(&world)[0].key.protocol, through(tls(TlsHttp::Negotiated)), "{key}");
        assert_eq!(world.problems(), [""; 0], "it is so without them");
    }
    let outside = Service { kind: ServiceKind::ExternalName("api.example".into()), ..service("special") };
    let off = "nginx.ingress.kubernetes.io/proxy-ssl-server-name";
    let web = to_special(80).annotate(PROTOCOL, "HTTPS").annotate(off, "off");
    let name = crate::model::ExternalName::parse("api.example").unwrap();
    let unsent = PodTls { sni: Sni::Withheld, ..tls(TlsHttp::Negotiated).named(name.host().clone()) };
    assert_eq!(upstreams(&world([of_service(outside), web.change()]))[0].key.protocol, through(unsent));
}

#[test]
fn nginx_q2_the_secret_of_an_annotation_is_followed_and_invalidates_the_hosts_of_its_ingress() {
    let (key, secret_name) =
        ("nginx.ingress.kubernetes.io/proxy-ssl-secret", crate::model::ObjectName::new("shop", "pods"));
    let web = to_special(80).annotate(PROTOCOL, "HTTPS").annotate(key, "shop/pods");
    let mut world = world([of_service(speaking(None)), web.change()]);
    assert_eq!(world.input.followed().into_iter().map(|object| object.name).collect::<Vec<_>>(), [secret_name]);
    assert_eq!(world.routes("a.example"), ["/ → 503"]);
    let host = UnitKey::Host(pattern("a.example").into());
    let mut spoken = |change| {
        assert!(world.input.apply(change).units.contains(&host));
        let (snapshot, _) = crate::translate::snapshot(&world.input);
        let host = &snapshot.hosts[&HostKey::from(pattern("a.example"))];
        match &host.routes[0].action {
            Action::Forward(upstream) => upstream.key.protocol.clone(),
            Action::Reply(_) | Action::Split(_) | Action::Canary(_) => panic!("{host:?}"),
        }
    };
    let of = |certificate: &Arc<_>| {
        through(PodTls { client: Some(ClientCertificate(Arc::clone(certificate))), ..tls(TlsHttp::Negotiated) })
    };
    let (first, second) = (certificate(&["first.example"]), certificate(&["second.example"]));
    assert_eq!(spoken(secret("pods", &first)), of(&first));
    assert_eq!(spoken(secret("pods", &second)), of(&second));
    assert_ne!(of(&first), of(&second));
    // Its last usable certificate goes on being shown.
    assert_eq!(spoken(broken_secret("pods")), of(&second));
}

#[test]
fn nginx_u1_the_address_of_the_service_is_the_one_endpoint_and_follows_it() {
    let key = "nginx.ingress.kubernetes.io/service-upstream";
    let cluster_ip = |text: &str| Some(text.parse().unwrap());
    let pods = || of_slice(slice("special-1", "special", &[ready("10.0.0.1"), ready("10.0.0.2")]));
    let endpoints = |service: Service, value: &str| {
        let world = world([of_service(service), pods(), to_special(80).annotate(key, value).change()]);
        assert_eq!(world.problems(), [""; 0]);
        world.endpoints("a.example").iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let of_pods = ["10.0.0.1:8080", "10.0.0.2:8080"];
    let special = Service { cluster_ip: cluster_ip("10.96.0.1"), ..service("special") };
    assert_eq!(endpoints(special.clone(), "true"), ["10.96.0.1:80"], "the port of the Service, not that of its pods");
    assert_eq!(endpoints(special.clone(), "false"), of_pods);
    assert_eq!(endpoints(service("special"), "true"), of_pods);
    let headless = Service { kind: ServiceKind::Headless, cluster_ip: None, ..special.clone() };
    assert_eq!(endpoints(headless, "true"), of_pods);
    let refused = Service { cluster_ip: cluster_ip("169.254.169.254"), ..special.clone() };
    assert_eq!(endpoints(refused, "true"), [""; 0]);
    let six = Service { cluster_ip: cluster_ip("fd00::1"), ..special.clone() };
    assert_eq!(endpoints(six, "true"), ["[fd00::1]:80"]);

    let mut world = world([of_service(special.clone()), pods(), to_special(80).annotate(key, "true").change()]);
    let moved = Service { cluster_ip: cluster_ip("10.96.0.2"), ..special };
    assert!(world.input.apply(of_service(moved)).services.contains(&name("special")), "its endpoints are made anew");
    assert_eq!(world.endpoints("a.example")[0].to_string(), "10.96.0.2:80");
}

#[test]
fn nginx_u1_an_ingress_to_pods_and_one_to_the_service_have_upstreams_of_their_own() {
    let key = "nginx.ingress.kubernetes.io/service-upstream";
    let special = Service { cluster_ip: Some("10.96.0.1".parse().unwrap()), ..service("special") };
    let path = |at: &str| [path(PathKind::Prefix, at, backend("special", 80))];
    let world = world([
        of_service(special),
        ingress("1").rule("a.example", &path("/1")).annotate(key, "true").change(),
        ingress("2").rule("a.example", &path("/2")).change(),
        ingress("3").rule("a.example", &path("/3")).annotate(key, "false").change(),
    ]);
    let upstreams = upstreams(&world);
    assert_eq!(upstreams[0].key.endpoint_port, EndpointPort::OfService(80));
    assert_ne!(upstreams[0], upstreams[1]);
    assert!(Arc::ptr_eq(&upstreams[1], &upstreams[2]));
}
