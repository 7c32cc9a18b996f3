//! Annotations that say how pods are spoken to.

use std::sync::Arc;

use super::builders::*;
use crate::model::{
    Action, ClientCertificate, HostKey, PodTls, ProblemCode, Protocol, Severity, TlsHttp, UnitKey, UpstreamSpec,
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
        ("AUTO_HTTP", Protocol::Http1, ProblemCode::UnsupportedAnnotation, Severity::Warning),
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
fn nginx_q2_the_secret_of_an_annotation_is_followed_and_invalidates_the_hosts_of_its_ingress() {
    let (key, secret_name) =
        ("nginx.ingress.kubernetes.io/proxy-ssl-secret", crate::model::ObjectName::new("shop", "pods"));
    let web = to_special(80).annotate(PROTOCOL, "HTTPS").annotate(key, "shop/pods");
    let mut world = world([of_service(speaking(None)), web.change()]);
    assert_eq!(world.input.followed_secrets().into_iter().collect::<Vec<_>>(), [secret_name]);
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
