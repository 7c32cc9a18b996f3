use k8s_openapi::api::core::v1::{self as core, TypedLocalObjectReference};
use k8s_openapi::api::discovery::v1 as discovery;
use k8s_openapi::api::networking::v1 as networking;
use serde_json::{Value, json};

use super::*;
use crate::model::{CertificateError, CrlError, ObjectKind, ObjectName, PodMark};
use crate::source::objects::*;

#[test]
fn every_kind_of_kubernetes_has_its_row() {
    let kinds: Vec<_> = ALL.iter().map(|kind| kind.object).collect();
    assert_eq!(kinds, ObjectKind::OF_KUBERNETES);
    for kind in ALL {
        assert_eq!(kind.object.resource(), Some(kind.resource));
        assert!(std::ptr::eq(named(kind.object.as_str()).unwrap(), kind));
    }
    assert!(named("File").is_none());
}

#[test]
fn every_kind_reads_what_it_has_saved_and_names_itself() {
    for kind in ALL {
        let name = kind.object.as_str();
        let mut manifest = json!({"metadata": {"name": "a"}, "addressType": "IPv4", "endpoints": []});
        let read = (kind.from_manifest)(&mut manifest, kind.namespace_or("default")).unwrap();
        assert_eq!(read.object.reference().kind, kind.object);
        let mut json = Vec::new();
        save(&read.object, &mut json).unwrap();
        assert_eq!((kind.from_saved)(&json), Some(read.object.clone()), "{name}");
        assert_eq!((kind.from_saved)(b"{}"), None, "{name}");
        let text = r#"{"metadata":{"name":"a","namespace":"default","resourceVersion":"7"},"addressType":"IPv4","endpoints":[]}"#;
        let wire::Sent { version, object } = (kind.from_api)(text, None).unwrap();
        assert_eq!((version.as_str(), object), ("7", read.object), "{name}");
    }
}

#[test]
fn a_config_map_keeps_its_texts_unless_there_are_too_many() {
    let map = |length: usize| {
        let value = "x".repeat(length);
        let object =
            json!({"metadata": {"name": "a", "namespace": "n"}, "data": {"k": value}, "binaryData": {"b": "eA=="}});
        config_map::convert(serde_json::from_value::<core::ConfigMap>(object).unwrap())
    };
    let small = map(LARGEST_CONFIG_MAP - 1);
    assert_eq!((small.data.keys().map(|key| &**key).collect::<Vec<_>>(), small.is_too_large), (vec!["k"], false));
    assert_eq!((map(LARGEST_CONFIG_MAP).data.len(), map(LARGEST_CONFIG_MAP).is_too_large), (0, true));
}

fn ingress_of(metadata: Value, spec: Value) -> Ingress {
    ingress::convert(
        serde_json::from_value::<networking::Ingress>(json!({"metadata": metadata, "spec": spec})).unwrap(),
    )
}

fn service_of(spec: Value) -> Service {
    service::convert(serde_json::from_value::<core::Service>(json!({"metadata": {"name": "s"}, "spec": spec})).unwrap())
}

fn slice_of(slice: Value) -> EndpointSlice {
    endpoint_slice::convert(serde_json::from_value::<discovery::EndpointSlice>(slice).unwrap())
}

fn secret_of(secret_value: Value) -> Secret {
    secret::convert(serde_json::from_value::<core::Secret>(secret_value).unwrap())
}

#[test]
fn an_ingress_keeps_what_its_author_wrote() {
    let converted = ingress_of(
        json!({"name": "a", "namespace": "n", "creationTimestamp": "1970-01-02T00:00:00Z"}),
        json!({
            "ingressClassName": "c",
            "defaultBackend": {"service": {"name": "d", "port": {"name": "http"}}},
            "rules": [
                {"host": "X.example", "http": {"paths": [
                    {"path": "/a", "pathType": "Exact", "backend": {"service": {"name": "s", "port": {"number": 70000}}}},
                    {"pathType": "Odd", "backend": {"resource": {"kind": "Bucket", "name": "b"}}},
                    {"path": "/b", "pathType": "Prefix", "backend": {}},
                    {"path": "/c", "pathType": "ImplementationSpecific", "backend": {"service": {"name": "s"}}},
                ]}},
                {},
                {"http": {"paths": []}},
            ],
            "tls": [{"hosts": ["x"], "secretName": "t"}, {"secretName": ""}],
        }),
    );
    let service = |port| Backend::Service { name: "s".into(), port };
    let path = |path: &str, kind, backend| Path { path: path.into(), kind, backend };
    let expected = Ingress {
        name: ObjectName::new("n", "a"),
        created: 86400,
        class: Some("c".into()),
        annotations: Annotations::default(),
        default_backend: Some(Backend::Service { name: "d".into(), port: Some(PortValue::Name("http".into())) }),
        rules: Box::new([
            Rule {
                host: "X.example".into(),
                paths: Some(Box::new([
                    path("/a", PathKind::Exact, service(Some(PortValue::Number(70000)))),
                    path("", PathKind::Unknown("Odd".into()), Backend::Resource("Bucket/b".into())),
                    path("/b", PathKind::Prefix, Backend::Invalid),
                    path("/c", PathKind::ImplementationSpecific, service(None)),
                ])),
            },
            Rule { host: "".into(), paths: None },
            Rule { host: "".into(), paths: Some(Box::default()) },
        ]),
        tls: Box::new([
            TlsEntry { hosts: ["x".into()].into(), secret: Some("t".into()) },
            TlsEntry { hosts: Box::default(), secret: None },
        ]),
        addresses: Box::default(),
        is_status_ours: false,
    };
    assert_eq!(converted, expected);
}

#[test]
fn an_ingress_of_nothing_is_the_newest_and_empty() {
    let converted = ingress::convert(networking::Ingress::default());
    assert_eq!(converted.created, i64::MAX);
    assert!(converted.rules.is_empty() && converted.tls.is_empty() && converted.default_backend.is_none());
}

#[test]
fn backends_are_a_service_or_a_resource() {
    let resource = || TypedLocalObjectReference { api_group: None, kind: "K".to_owned(), name: "n".to_owned() };
    let service = || networking::IngressServiceBackend { name: "s".to_owned(), port: None };
    let both = networking::IngressBackend { resource: Some(resource()), service: Some(service()) };
    assert_eq!(ingress::backend(both), Backend::Invalid);
    let port = |name: Option<&str>, number| {
        ingress::backend_port(networking::ServiceBackendPort { name: name.map(str::to_owned), number })
    };
    assert_eq!(port(Some("a"), None), Some(PortValue::Name("a".into())));
    assert_eq!(port(Some("a"), Some(0)), Some(PortValue::Name("a".into())));
    assert_eq!(port(Some(""), Some(80)), Some(PortValue::Number(80)));
    assert_eq!(port(Some(""), Some(0)), None);
    assert_eq!(port(None, None), None);
}

#[test]
fn annotations_that_cannot_concern_us_are_dropped() {
    let converted = ingress_of(
        json!({"name": "a", "annotations": {
            "tidegate.dev/x": "1",
            "nginx.ingress.kubernetes.io/x": "2",
            "haproxy.org/x": "3",
            "haproxy-ingress.github.io/x": "4",
            "ingress.kubernetes.io/x": "5",
            "kubernetes.io/ingress.class": "6",
            "kubernetes.io/other": "no",
            "kubectl.kubernetes.io/last-applied-configuration": "no",
            "x.tidegate.dev/x": "no",
        }}),
        json!({}),
    );
    let values: Vec<_> = converted.annotations.iter().map(|(_, v)| &**v).collect();
    assert_eq!(values.len(), 6);
    assert!(!values.contains(&"no"));
}

#[test]
fn classes_know_their_controller_and_whether_they_are_the_default() {
    let class = |metadata: Value| {
        let spec = json!({"controller": "x/y", "parameters": {"kind": "K", "name": "n"}});
        ingress_class::convert(serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap())
    };
    let key = "ingressclass.kubernetes.io/is-default-class";
    let converted = class(json!({"name": "c", "annotations": {key: "true"}}));
    let expected =
        IngressClass { name: "c".into(), controller: "x/y".into(), parameters: Some("K/n".into()), is_default: true };
    assert_eq!(converted, expected);
    assert!(!class(json!({"name": "c", "annotations": {key: "True"}})).is_default);
    assert!(!class(json!({"name": "c"})).is_default);
}

#[test]
fn services_are_routed_to_headless_or_elsewhere() {
    for (spec, kind) in [
        (json!({}), ServiceKind::Cluster),
        (json!({"type": "LoadBalancer", "clusterIP": "10.0.0.1"}), ServiceKind::Cluster),
        (json!({"clusterIP": "None"}), ServiceKind::Headless),
        (json!({"type": "ExternalName", "externalName": "x.example"}), ServiceKind::ExternalName("x.example".into())),
        (json!({"type": "ExternalName"}), ServiceKind::ExternalName("".into())),
    ] {
        assert_eq!(service_of(spec.clone()).kind, kind, "{spec}");
    }
    for (address, expected) in
        [("10.0.0.1", Some("10.0.0.1")), ("fd00::1", Some("fd00::1")), ("None", None), ("", None)]
    {
        let read = service_of(json!({"clusterIP": address})).cluster_ip.map(|ip| ip.to_string());
        assert_eq!(read.as_deref(), expected);
    }
}

#[test]
fn the_first_family_of_a_dual_stack_service_is_preferred() {
    for (families, is_preferred) in
        [(json!(null), false), (json!(["IPv4", "IPv6"]), false), (json!(["IPv6", "IPv4"]), true), (json!([]), false)]
    {
        assert_eq!(service_of(json!({"ipFamilies": families.clone()})).prefers_ipv6, is_preferred, "{families}");
    }
}

#[test]
fn service_ports_have_numbers_and_target_names_stay_open() {
    let converted = service_of(json!({"ports": [
        {"port": 80, "targetPort": 8080},
        {"name": "web", "port": 443, "targetPort": "https", "protocol": "TCP", "appProtocol": "grpc"},
        {"port": 53, "protocol": "UDP"},
        {"port": 65535, "targetPort": 65536},
        {"port": 65536},
        {"port": 0},
    ]}));
    let port = |name: &str, port, target, is_tcp| ServicePort {
        name: name.into(),
        port,
        target,
        is_tcp,
        is_udp: false,
        app_protocol: None,
    };
    let expected = [
        port("", 80, Some(8080), true),
        ServicePort { app_protocol: Some("grpc".into()), ..port("web", 443, None, true) },
        ServicePort { is_udp: true, ..port("", 53, None, false) },
        port("", 65535, None, true),
    ];
    assert_eq!(*converted.ports, expected);
}

#[test]
fn conditions_that_are_absent_have_the_defaults_of_the_api() {
    for (conditions, ready, serving, terminating) in [
        (json!(null), true, true, false),
        (json!({}), true, true, false),
        (json!({"ready": false}), false, false, false),
        (json!({"ready": false, "serving": true, "terminating": true}), false, true, true),
        (json!({"ready": true, "serving": false}), true, false, false),
        (json!({"terminating": true}), true, true, true),
    ] {
        let endpoint = json!({"addresses": ["10.0.0.1", "10.0.0.2"], "conditions": conditions.clone()});
        let converted = slice_of(json!({"addressType": "IPv4", "metadata": {"name": "s"}, "endpoints": [endpoint]}));
        let expected = SliceEndpoint {
            address: [10, 0, 0, 1].into(),
            is_ready: ready,
            is_serving: serving,
            is_terminating: terminating,
            pod: PodMark::default(),
        };
        assert_eq!(*converted.endpoints, [expected], "{conditions}");
    }
}

#[test]
fn hints_are_kept_beside_the_endpoints_that_can_be_read() {
    let converted = slice_of(json!({"addressType": "IPv4", "metadata": {"name": "s"}, "endpoints": [
        {"addresses": ["10.0.0.1"], "hints": {"forZones": [{"name": "a"}, {"name": "b"}]}},
        {"addresses": ["nonsense"], "hints": {"forZones": [{"name": "c"}]}},
        {"addresses": ["10.0.0.2"], "hints": {"forZones": [{"name": "a"}], "forNodes": [{"name": "n"}]}},
    ]}));
    let hints = |zones: &[&str], nodes: &[&str]| SliceHints {
        zones: zones.iter().map(|zone| (*zone).into()).collect(),
        nodes: nodes.iter().map(|node| (*node).into()).collect(),
    };
    assert_eq!(*converted.hints, [hints(&["a", "b"], &[]), hints(&["a"], &["n"])]);
    let without = slice_of(json!({"addressType": "IPv4", "metadata": {"name": "s"}, "endpoints": [
        {"addresses": ["10.0.0.1"], "hints": {}},
    ]}));
    assert!(without.hints.is_empty() && without.endpoints.len() == 1);
}

#[test]
fn slices_tell_service_ports_and_what_is_unreadable() {
    let converted = slice_of(json!({
        "addressType": "IPv6",
        "metadata": {"name": "s-1", "namespace": "n", "labels": {"kubernetes.io/service-name": "s"}},
        "ports": [{"name": "http", "port": 8080}, {}, {"port": 70000, "protocol": "SCTP"}],
        "endpoints": [{"addresses": ["fd00::1"]}, {"addresses": ["pod.example"]}, {"addresses": []}],
    }));
    assert_eq!(converted.name, ObjectName::new("n", "s-1"));
    assert_eq!(converted.service.as_deref(), Some("s"));
    assert_eq!(converted.addresses, AddressKind::IPv6);
    let port = |name: &str, port, is_tcp| SlicePort { name: name.into(), port, is_tcp, is_udp: false };
    assert_eq!(
        *converted.ports.unwrap(),
        [port("http", Some(8080), true), port("", None, true), port("", None, false)]
    );
    assert_eq!(converted.endpoints.len(), 1);
    assert_eq!(*converted.unreadable, ["pod.example".into()]);
}

#[test]
fn a_slice_of_names_or_without_ports_is_told_apart() {
    let names = slice_of(json!({"addressType": "FQDN", "metadata": {}, "endpoints": [{"addresses": ["a.example"]}]}));
    assert_eq!((names.addresses, names.endpoints.len(), names.unreadable.len()), (AddressKind::Other, 0, 0));
    let slice =
        |ports: Value| slice_of(json!({"addressType": "IPv4", "metadata": {}, "endpoints": [], "ports": ports}));
    assert_eq!(slice(json!(null)).ports, None);
    assert_eq!(slice(json!([])).ports, Some(Box::default()));
}

#[test]
fn secrets_hold_a_certificate_or_the_reason_why_not() {
    let made = rcgen::generate_simple_self_signed(vec!["a.example".to_owned()]).unwrap();
    let bytes = |text: String| serde_json::to_value(k8s_openapi::ByteString(text.into_bytes())).unwrap();
    let (chain, key) = (bytes(made.cert.pem()), bytes(made.signing_key.serialize_pem()));
    let secret = |kind: Value, data: Value| {
        secret_of(json!({"metadata": {"name": "s"}, "type": kind, "data": data})).certificate
    };
    let tls = json!("kubernetes.io/tls");
    let certificate = secret(tls.clone(), json!({"tls.crt": chain, "tls.key": key})).unwrap();
    assert_eq!(certificate.names(), ["a.example"]);
    for (kind, data, fault) in [
        (json!(null), json!({"tls.crt": chain}), SecretFault::Type("Opaque".into())),
        (json!("Opaque"), json!({"tls.key": key, "ca.crt": chain}), SecretFault::Type("Opaque".into())),
        (json!("Opaque"), json!({"tls.crt": chain, "tls.key": chain}), SecretFault::Content(CertificateError::NoKey)),
        (json!("x/y"), json!({"tls.crt": chain, "tls.key": key}), SecretFault::Type("x/y".into())),
        (tls.clone(), json!(null), SecretFault::Missing("tls.crt")),
        (tls.clone(), json!({"tls.crt": chain}), SecretFault::Missing("tls.key")),
        (tls.clone(), json!({"tls.crt": "", "tls.key": ""}), SecretFault::Content(CertificateError::NoCertificate)),
        (tls.clone(), json!({"tls.crt": chain, "tls.key": chain}), SecretFault::Content(CertificateError::NoKey)),
    ] {
        assert_eq!(secret(kind.clone(), data), Err(fault), "{kind}");
    }
}

#[test]
fn fault_b77_an_opaque_secret_with_the_keys_of_a_certificate_holds_one() {
    let made = rcgen::generate_simple_self_signed(vec!["a.example".to_owned()]).unwrap();
    let data = json!({"tls.crt": made.cert.pem(), "tls.key": made.signing_key.serialize_pem()});
    for kind in [json!(null), json!(""), json!("Opaque")] {
        let secret = secret_of(json!({"metadata": {"name": "s"}, "type": kind, "stringData": data}));
        assert_eq!(secret.certificate.unwrap().names(), ["a.example"], "{kind}");
    }
}

#[test]
fn nginx_q2_secrets_hold_authorities_beside_a_certificate_or_alone() {
    let made = rcgen::generate_simple_self_signed(vec!["ca.example".to_owned()]).unwrap();
    let (pem, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let authorities = |kind: &str, data: Value| {
        let secret = secret_of(json!({"metadata": {"name": "s"}, "type": kind, "stringData": data}));
        secret.authorities.map(|bundle| bundle.certificates().map(<[u8]>::to_vec).collect::<Vec<_>>())
    };
    let expected = Some(vec![made.cert.der().to_vec()]);
    assert_eq!(authorities("kubernetes.io/tls", json!({"ca.crt": pem, "tls.crt": pem, "tls.key": key})), expected);
    assert_eq!(authorities("Opaque", json!({"ca.crt": pem})), expected);
    assert_eq!(authorities("example.com/other", json!({"ca.crt": pem})), None);
    assert_eq!(authorities("kubernetes.io/tls", json!({"tls.crt": pem, "tls.key": key})), None);
    for garbage in ["", "garbage", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        assert_eq!(authorities("Opaque", json!({"ca.crt": garbage})), None, "{garbage}");
    }
    let long = pem.repeat(1 + 256 * 1024 / pem.len());
    assert_eq!(authorities("Opaque", json!({"ca.crt": long})), None);
}

#[test]
fn nginx_x1_authorities_of_clients_come_with_what_they_have_revoked() {
    let ca = include_str!("../../model/fixtures/clients-ca.crt");
    let crl = include_str!("../../model/fixtures/clients-empty.crl");
    let clients = |data: Value| {
        let secret = secret_of(json!({"metadata": {"name": "s"}, "type": "Opaque", "stringData": data}));
        secret.clients.map(|clients| clients.map(|trust| trust.revoked().count()))
    };
    assert_eq!(clients(json!({"ca.crt": ca})), Some(Ok(0)));
    assert_eq!(clients(json!({"ca.crt": ca, "ca.crl": crl})), Some(Ok(1)));
    assert_eq!(clients(json!({"ca.crt": ca, "ca.crl": ([crl, crl].concat())})), Some(Ok(2)));
    assert_eq!(clients(json!({"ca.crt": ca, "ca.crl": ""})), Some(Err(CrlError::NoList)));
    assert_eq!(clients(json!({"ca.crt": "garbage", "ca.crl": crl})), None);
    assert_eq!(clients(json!({"ca.crl": crl})), None);
}

#[test]
fn text_of_a_manifest_goes_before_its_data() {
    let converted = secret_of(json!({
        "metadata": {"name": "s"}, "type": "kubernetes.io/tls",
        "data": {"tls.crt": "", "tls.key": ""}, "stringData": {"tls.crt": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"},
    }));
    assert_eq!(converted.certificate, Err(SecretFault::Content(CertificateError::Unreadable)));
}

#[test]
fn users_are_parsed_when_a_secret_arrives_and_passwords_are_not_kept() {
    let secret = secret_of(json!({
        "metadata": {"name": "auth", "namespace": "n"},
        "stringData": {"auth": "alice:{PLAIN}sesame\nbob\n", "carl": "{SHA}W8r/fyL/UzygmbNAjq2HbA67qac="},
    }));
    let users = secret.users.as_ref().unwrap();
    let file = users.file.as_ref().unwrap();
    assert_eq!((file.users.len(), file.fault_count, users.map.users.len(), users.map.fault_count), (1, 1, 1, 1));
    assert!(!format!("{secret:?}").contains("sesame") && !format!("{secret:?}").contains("W8r"));
    let tls = secret_of(json!({
        "metadata": {"name": "tls", "namespace": "n"}, "type": "kubernetes.io/tls", "stringData": {"auth": "alice:x"},
    }));
    assert_eq!(tls.users, None);
}
