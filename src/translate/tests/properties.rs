//! The two paths to a snapshot agree: unit by unit after each change, and all at once.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use proptest::sample::select;

use super::builders::*;
use super::canaries::assert_canaries_are_followed;
use crate::model::{Certificate, ExternalName, HostSpec, LookupFailure, ObjectKind, ObjectName, ObjectRef, PortRef};
use crate::model::{Resolution, Snapshot, UnitKey};
use crate::source::objects::*;
use crate::translate::{Findings, HostOwnership, Input, Settings, StreamSettings, merge, snapshot, unit};

const HOSTS: [&str; 6] = ["", "a.example", "b.example", "*.example", "*.Example", "1.2.3.4"];
const PATHS: [&str; 7] = ["/", "/x", "/x/", "/%78", "/y", "bad", ""];
const SERVICES: [&str; 4] = ["s1", "s2", "s3", "default"];
const SECRETS: [&str; 3] = ["c1", "c2", "c3"];
const CLASSES: [&str; 3] = ["tidegate", "edge", "nginx"];
const NAMESPACES: [&str; 2] = ["shop", "zoo"];

static CERTIFICATES: LazyLock<Vec<Arc<Certificate>>> = LazyLock::new(|| {
    vec![
        certificate(&["a.example", "b.example"]),
        certificate(&["*.example"]),
        certificate_with(&["a.example"], (2020, 2021), &rcgen::PKCS_ECDSA_P256_SHA256),
        certificate_with(&["*.example", "a.example"], (2020, 2040), &rcgen::PKCS_ED25519),
    ]
});

fn text<const N: usize>(of: [&'static str; N]) -> impl Strategy<Value = Arc<str>> {
    select(of.to_vec()).prop_map(Into::into)
}

fn object_name<const N: usize>(of: [&'static str; N]) -> impl Strategy<Value = crate::model::ObjectName> {
    (text(NAMESPACES), text(of)).prop_map(|(namespace, name)| crate::model::ObjectName::new(namespace, name))
}

fn some_backend() -> impl Strategy<Value = Backend> {
    prop_oneof![
        8 => (text(SERVICES), prop_oneof![
            Just(PortValue::Number(80)), Just(PortValue::Number(81)), Just(PortValue::Name("http".into()))
        ]).prop_map(|(name, port)| Backend::Service { name, port: Some(port) }),
        1 => Just(Backend::Resource("Bucket/x".into())),
        1 => Just(Backend::Invalid),
    ]
}

fn some_path() -> impl Strategy<Value = Path> {
    let kind = select(vec![
        PathKind::Exact,
        PathKind::Prefix,
        PathKind::Prefix,
        PathKind::ImplementationSpecific,
        PathKind::Unknown("".into()),
    ]);
    (text(PATHS), kind, some_backend()).prop_map(|(path, kind, backend)| Path { path, kind, backend })
}

fn some_ingress() -> impl Strategy<Value = Change> {
    let rule = (text(HOSTS), prop::option::weighted(0.8, prop::collection::vec(some_path(), 0..3)));
    let entry = (prop::collection::vec(text(HOSTS), 0..3), prop::option::weighted(0.8, text(SECRETS)));
    let annotation = select(vec![
        ("tidegate.dev/balance", "round-robin"),
        ("tidegate.dev/ssl-redirect", "false"),
        ("tidegate.dev/ssl-redirekt", "false"),
        ("test.tidegate.dev/alias", "b.example"),
        ("test.tidegate.dev/alias", "c.example,a.example"),
        ("test.tidegate.dev/secret", "c1"),
        ("test.tidegate.dev/secret", "zoo/c2"),
        ("test.tidegate.dev/service", "s1"),
        ("nginx.ingress.kubernetes.io/backend-protocol", "HTTPS"),
        ("nginx.ingress.kubernetes.io/proxy-ssl-secret", "shop/c1"),
        ("nginx.ingress.kubernetes.io/proxy-ssl-verify", "on"),
        ("nginx.ingress.kubernetes.io/service-upstream", "true"),
        ("nginx.ingress.kubernetes.io/canary", "true"),
        ("nginx.ingress.kubernetes.io/canary", "true"),
        ("nginx.ingress.kubernetes.io/canary-weight", "7"),
        ("kubernetes.io/ingress.class", "tidegate"),
        ("kubernetes.io/ingress.class", "nginx"),
    ]);
    let parts = (
        object_name(["i1", "i2", "i3"]),
        0i64..3,
        prop::option::weighted(0.9, text(CLASSES)),
        prop::collection::vec(annotation, 0..4),
        prop::option::of(some_backend()),
        prop::collection::vec(rule, 0..3),
        prop::collection::vec(entry, 0..3),
    );
    parts.prop_map(|(name, created, class, annotations, default_backend, rules, tls)| {
        let annotations = annotations.into_iter().map(|(k, v)| (k.into(), v.into())).collect();
        let rules = rules.into_iter().map(|(host, paths)| Rule { host, paths: paths.map(Into::into) }).collect();
        let tls = tls.into_iter().map(|(hosts, secret)| TlsEntry { hosts: hosts.into(), secret }).collect();
        Change::arrival(Ingress { created, class, annotations, default_backend, rules, tls, ..Ingress::new(name) })
    })
}

/// Mains and canaries that are likely to meet: few hosts, paths and Services, of two namespaces.
fn some_canary_change() -> impl Strategy<Value = Change> {
    let backend = (text(["s1", "s2", "s3"]), select(vec![80, 80, 81]));
    let backend =
        backend.prop_map(|(name, port)| Backend::Service { name, port: Some(PortValue::Number(port)) }).boxed();
    let kind = select(vec![PathKind::Prefix, PathKind::Prefix, PathKind::Prefix, PathKind::Exact]);
    let path =
        (text(["/", "/x"]), kind, backend.clone()).prop_map(|(path, kind, backend)| Path { path, kind, backend });
    let rule = (text(["", "a.example", "b.example", "*.example"]), prop::collection::vec(path, 1..3));
    let parts = (
        (text(["shop", "shop", "zoo"]), text(["i1", "i2", "i3", "i4", "i5"]), 0i64..3),
        (
            prop::bool::weighted(0.5),
            select(vec!["5", "7"]),
            prop::option::weighted(0.2, select(vec!["b.example", "c.example"])),
        ),
        (prop::bool::weighted(0.9), prop::option::weighted(0.3, backend)),
        prop::collection::vec(rule, 0..3),
    );
    let ingress =
        parts.prop_map(|((namespace, name, created), (is_canary, weight, alias), (ours, default_backend), rules)| {
            let mut annotations = Vec::new();
            if is_canary {
                annotations.push(("nginx.ingress.kubernetes.io/canary", "true"));
                annotations.push(("nginx.ingress.kubernetes.io/canary-weight", weight));
            }
            annotations.extend(alias.map(|alias| ("test.tidegate.dev/alias", alias)));
            let annotations = annotations.into_iter().map(|(k, v)| (k.into(), v.into())).collect();
            let rules = rules.into_iter().map(|(host, paths)| Rule { host, paths: Some(paths.into()) }).collect();
            let class = Some(if ours { "tidegate" } else { "nginx" }.into());
            let name = ObjectName::new(namespace, name);
            Change::arrival(Ingress { created, class, annotations, default_backend, rules, ..Ingress::new(name) })
        });
    let change = (ingress, prop::bool::weighted(0.2));
    let change = change.prop_map(|(change, delete)| if delete { gone(change) } else { change });
    prop_oneof![8 => change, 2 => some_service(), 1 => some_class()]
}

fn some_class() -> impl Strategy<Value = Change> {
    (text(CLASSES), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(name, ours, parameters, is_default)| {
        let controller = if ours { "tidegate.dev/ingress-controller" } else { "other" };
        let parameters = parameters.then(|| "Proxy/x".into());
        of_class(IngressClass { name, controller: controller.into(), parameters, is_default })
    })
}

fn some_service() -> impl Strategy<Value = Change> {
    let kind = select(vec![
        ServiceKind::Cluster,
        ServiceKind::Headless,
        ServiceKind::ExternalName("x".into()),
        ServiceKind::ExternalName("y.example.".into()),
    ]);
    let app_protocol = select(vec![None, Some("h2c"), Some("https")]);
    let cluster_ip = select(vec![None, Some("10.96.0.1"), Some("10.96.0.2"), Some("127.0.0.1")]);
    let annotation = select(vec![
        None,
        None,
        Some(("tidegate.dev/balance", "ewma")),
        Some(("tidegate.dev/balance", "of a coin")),
        Some(("tidegate.dev/response-timeout", "7s")),
        Some(("tidegate.dev/ssl-redirect", "false")),
        Some(("tidegate.dev/expose", "5000:80,5001:http;proxy-in, 5353:81/udp,9000:80,5000")),
        Some(("tidegate.dev/expose", "5000:81;proxy-out=v2,5353:http/udp")),
        Some(("haproxy.org/server-ssl", "true")),
        Some(("haproxy.org/server-ca", "c2")),
        Some(("haproxy.org/route-acl", "path_end .css")),
        Some(("example.com/unknown", "x")),
    ]);
    let parts = (object_name(SERVICES), kind, 0u8..4, app_protocol, any::<bool>(), cluster_ip, (annotation, 0i64..3));
    parts.prop_map(|(name, kind, ports, app_protocol, prefers_ipv6, cluster_ip, (annotation, created))| {
        let annotations = annotation.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        let cluster_ip = cluster_ip.map(|text| text.parse().unwrap());
        let mut http = port("http", 80, 8080);
        http.app_protocol = app_protocol.map(Into::into);
        let ports = match ports {
            0 => vec![],
            1 => vec![ServicePort { is_tcp: false, is_udp: true, ..http }],
            _ => vec![http, port("admin", 81, 9090)],
        };
        of_service(Service { name, created, kind, ports: ports.into(), prefers_ipv6, cluster_ip, annotations })
    })
}

fn some_slice() -> impl Strategy<Value = Change> {
    let addresses = prop::collection::vec(select(vec!["10.0.0.1", "10.0.0.2", "127.0.0.1", "2001:db8::1"]), 0..3);
    let parts = (object_name(["e1", "e2"]), prop::option::of(text(SERVICES)), addresses, any::<bool>());
    parts.prop_map(|(name, service, addresses, is_fqdn)| {
        let endpoints: Vec<_> = addresses.into_iter().map(ready).collect();
        let addresses = if is_fqdn { AddressKind::Other } else { AddressKind::IPv4 };
        of_slice(EndpointSlice { name, service, addresses, ..slice("x", "x", &endpoints) })
    })
}

fn some_secret() -> impl Strategy<Value = Change> {
    (object_name(SECRETS), 0..CERTIFICATES.len() + 1).prop_map(|(name, which)| {
        let certificate = CERTIFICATES.get(which).cloned().ok_or(SecretFault::Missing("tls.crt"));
        let (authorities, lone_chain, clients, users) = (None, None, None, None);
        Change::arrival(Secret {
            name,
            certificate,
            last_good: None,
            authorities,
            lone_chain,
            clients,
            users,
            shared: None,
        })
    })
}

fn some_config_map() -> impl Strategy<Value = Change> {
    let value = select(vec!["shop/s1:80", "zoo/s2:http:PROXY", "shop/default:81::PROXY", "nonsense", "shop/s3:80:ssl"]);
    let entry = (select(vec!["5000", "5001", "5353", "0"]), value);
    let name = select(vec!["shop/tcp", "shop/udp", "zoo/tcp"]);
    (name, prop::collection::vec(entry, 0..3)).prop_map(|(name, entries)| config_map(name, &entries))
}

fn some_object() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => some_ingress(),
        1 => some_class(),
        3 => some_service(),
        1 => some_slice(),
        1 => some_secret(),
        1 => some_config_map(),
    ]
}

fn some_change() -> impl Strategy<Value = Change> {
    (some_object(), prop::bool::weighted(0.2)).prop_map(|(change, delete)| if delete { gone(change) } else { change })
}

fn gone(change: Change) -> Change {
    Change::removal(change.object().clone())
}

fn settings() -> impl Strategy<Value = Settings> {
    let owner = (select(vec!["", "a.example", "*.example"]), text(NAMESPACES));
    let owners = prop::collection::btree_map(owner.0.prop_map(pattern), owner.1, 0..2);
    let ownership = prop_oneof![
        Just(HostOwnership::Shared),
        owners.prop_map(|owners| HostOwnership::Namespace { owners: Arc::new(owners) })
    ];
    let central = prop::collection::btree_set(text(["zoo"]), 0..2);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let streams = (any::<bool>(), any::<bool>()).prop_map(|(one, other)| StreamSettings {
        tcp_config_map: one.then(|| name("shop/tcp")),
        // The same for both may be a mistake, and has to come to something.
        udp_config_map: other.then(|| name(if one { "shop/tcp" } else { "shop/udp" })),
        allowed_ports: vec![5000..=6000],
        namespaces: other.then(|| "shop".into()).into_iter().collect(),
        trusts_proxies: one,
    });
    (flags, ownership, central, streams).prop_map(
        |((classless, lookup, default, certificate, backend), host_ownership, certificate_namespaces, streams)| {
            Settings {
                streams: Arc::new(streams),
                serve_classless: classless,
                class_lookup: lookup,
                default_class_applies: default,
                default_certificate: certificate.then(|| name("shop/c1")),
                default_backend: backend.then(|| (name("shop/default"), PortRef::Number(80))),
                host_ownership,
                certificate_namespaces,
                now: NOW,
                ..Settings::default()
            }
        },
    )
}

static EXTERNAL: LazyLock<[ExternalName; 2]> =
    LazyLock::new(|| ["x", "y.example."].map(|name| ExternalName::parse(name).unwrap()));

static RESOLUTIONS: LazyLock<[Resolution; 5]> = LazyLock::new(|| {
    let to = |addresses: &[&str]| Resolution::resolved(addresses.iter().map(|address| address.parse().unwrap()));
    let stale = Resolution { failure: Some(LookupFailure::Timeout), ..to(&["192.0.2.1"]) };
    let gone = Resolution::failed(LookupFailure::NoSuchName);
    [to(&["192.0.2.1"]), to(&["127.0.0.1"]), to(&["127.0.0.1", "192.0.2.2"]), stale, gone]
});

/// The endpoints of all upstreams of a snapshot.
fn endpoints(
    input: &Input,
    snapshot: &Snapshot,
) -> BTreeMap<crate::model::UpstreamKey, Vec<crate::model::EndpointSpec>> {
    let routes = snapshot.hosts.values().flat_map(|host| host.routes.iter().chain(host.fallback()));
    let streams = snapshot.streams.values().flat_map(|stream| stream.routes.iter().map(|route| &route.action));
    let upstreams = routes.map(|route| &route.action).chain(streams).filter_map(|action| match action {
        crate::model::Action::Forward(upstream) => Some(upstream),
        crate::model::Action::Split(_) | crate::model::Action::Canary(_) | crate::model::Action::Reply(_) => None,
    });
    let filled = |key: &crate::model::UpstreamKey| crate::translate::endpoints(input, key);
    upstreams.map(|upstream| (upstream.key.clone(), filled(&upstream.key))).collect()
}

/// Whether a Service or a Secret is another one than before.
fn differ(before: &Input, after: &Input, object: &ObjectRef) -> bool {
    let of = |input: &Input| {
        let (service, secret) = (input.objects().service(&object.name), input.objects().secret(&object.name));
        match object.kind {
            ObjectKind::Service => (service.cloned(), None),
            ObjectKind::Secret => (None, secret.cloned()),
            ObjectKind::Ingress
            | ObjectKind::IngressClass
            | ObjectKind::EndpointSlice
            | ObjectKind::ConfigMap
            | ObjectKind::File => (None, None),
        }
    };
    of(before) != of(after)
}

/// The hosts at which Ingresses serve that name this object in an annotation, and these Ingresses.
fn served_by_users(input: &Input, snapshot: &Snapshot, object: &ObjectRef) -> Vec<UnitKey> {
    let key = format!("test.tidegate.dev/{}", object.kind.as_str().to_lowercase());
    let names = |ingress: &&Arc<Ingress>| {
        let value = ingress.annotations.get(&key).map(|value| &**value);
        value == Some(&*object.name.to_string())
            || value == Some(&*object.name.name) && ingress.name.namespace == object.name.namespace
    };
    let users: Vec<_> = input.objects().ingresses().filter(names).map(|ingress| &ingress.name).collect();
    let serves = |host: &&Arc<HostSpec>| {
        let mut routes = host.routes.iter().chain(host.fallback());
        routes.any(|route| users.contains(&route.origin.label()))
    };
    let hosts = snapshot.hosts.values().filter(serves).map(|host| UnitKey::Host(host.key.clone()));
    let of_object =
        |name: &&ObjectName| UnitKey::Object(ObjectRef { kind: ObjectKind::Ingress, name: (*name).clone() });
    hosts.chain(users.iter().map(of_object)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn rule_72_unit_by_unit_comes_to_the_same_as_all_at_once(
        settings in settings(), changes in prop::collection::vec(some_change(), 1..40)
    ) {
        let mut input = Input::new(settings);
        let (mut kept, mut findings) = snapshot(&input);
        let mut filled = endpoints(&input, &kept);
        for (at, change) in changes.into_iter().enumerate() {
            let (object, before) = (change.object().clone(), input.clone());
            let invalidated = match at % 10 {
                9 => input.advance(NOW + at as i64 * 40_000_000),
                2 | 6 => input.resolved(&EXTERNAL[at % 2], RESOLUTIONS[at % RESOLUTIONS.len()].clone()),
                _ => input.apply(change),
            };
            if differ(&before, &input, &object) {
                for key in served_by_users(&input, &kept, &object) {
                    prop_assert!(invalidated.units.contains(&key), "{key:?} uses {object}");
                }
            }
            for key in &invalidated.units {
                let before = kept.clone();
                let differs = merge(&mut kept, &mut findings, key, unit(&input, key));
                prop_assert_eq!(differs, before != kept);
            }
            let fresh = endpoints(&input, &kept);
            filled.retain(|spec, _| fresh.contains_key(spec) && !invalidated.services.contains(&spec.service));
            for (spec, addresses) in &fresh {
                filled.entry(spec.clone()).or_insert_with(|| addresses.clone());
            }
            assert_canaries_are_followed(&input);
            let full: (Snapshot, Findings) = snapshot(&input);
            prop_assert_eq!(&kept, &full.0);
            prop_assert_eq!(&findings, &full.1);
            prop_assert_eq!(&filled, &fresh);
        }
    }

    #[test]
    fn rule_72_unit_by_unit_comes_to_the_same_with_canaries_over_hosts(
        settings in settings(), changes in prop::collection::vec(some_canary_change(), 1..40)
    ) {
        let mut input = Input::new(settings);
        input.apply(of_class(our_class()));
        let (mut kept, mut findings) = snapshot(&input);
        for change in changes {
            let invalidated = input.apply(change);
            for key in &invalidated.units {
                merge(&mut kept, &mut findings, key, unit(&input, key));
            }
            assert_canaries_are_followed(&input);
            let full: (Snapshot, Findings) = snapshot(&input);
            prop_assert_eq!(&kept, &full.0);
            prop_assert_eq!(&findings, &full.1);
        }
    }

    #[test]
    fn rule_72_the_order_of_arrival_does_not_matter_to_canaries(
        settings in settings(),
        (objects, shuffled) in prop::collection::vec(some_canary_change(), 1..20).prop_flat_map(|objects| {
            let objects = objects.into_iter().chain([of_class(our_class())]);
            let unique: BTreeMap<_, _> = objects.map(|change| (change.object().clone(), change)).collect();
            let unique: Vec<_> = unique.into_values().collect();
            (Just(unique.clone()), Just(unique).prop_shuffle())
        })
    ) {
        let translated = |changes: Vec<Change>| {
            let mut input = Input::new(settings.clone());
            changes.into_iter().for_each(|change| { input.apply(change); });
            snapshot(&input)
        };
        prop_assert_eq!(translated(objects), translated(shuffled));
    }

    #[test]
    fn rule_72_the_order_of_arrival_does_not_matter(
        settings in settings(),
        (objects, shuffled) in prop::collection::vec(some_object(), 1..20).prop_flat_map(|objects| {
            // One version of each object: with several the last one would win, which is history.
            let unique: BTreeMap<_, _> = objects.into_iter().map(|change| (change.object().clone(), change)).collect();
            let unique: Vec<_> = unique.into_values().collect();
            (Just(unique.clone()), Just(unique).prop_shuffle())
        })
    ) {
        let translated = |changes: Vec<Change>| {
            let mut input = Input::new(settings.clone());
            changes.into_iter().for_each(|change| { input.apply(change); });
            let (snapshot, findings) = snapshot(&input);
            let endpoints = endpoints(&input, &snapshot);
            (snapshot, findings, endpoints)
        };
        prop_assert_eq!(translated(objects), translated(shuffled));
    }

    #[test]
    fn rule_75_no_object_makes_translation_panic_or_harms_its_neighbour(objects in prop::collection::vec(some_object(), 0..20)) {
        let sound = ingress("quiet/web").created(-1).rule("quiet.example", &[prefix("/", "s")]).change();
        let service = of_service(service("quiet/s"));
        let class = of_class(our_class());
        let alone = world([sound.clone(), service.clone()]);
        let crowded = world(objects.into_iter().chain([sound, service, class]));
        prop_assert_eq!(crowded.host("quiet.example"), alone.host("quiet.example"));
    }
}

#[test]
fn rule_72_all_orders_of_one_site_give_the_same() {
    let objects = [
        of_class(our_class()),
        ingress("web").rule("a.example", &[prefix("/", "a")]).tls(&[], Some("cert")).change(),
        of_service(service("a")),
        of_slice(slice("e", "a", &[ready("10.0.0.1")])),
        secret("cert", &CERTIFICATES[0]),
    ];
    let mut orders = vec![vec![]];
    for n in 0..objects.len() {
        orders = orders
            .into_iter()
            .flat_map(|order: Vec<usize>| {
                (0..=n).map(move |at| {
                    let mut order = order.clone();
                    order.insert(at, n);
                    order
                })
            })
            .collect();
    }
    assert_eq!(orders.len(), 120);
    let results = orders.into_iter().map(|order| {
        let mut input = Input::new(Settings { now: NOW, ..Settings::default() });
        let (mut kept, mut findings) = snapshot(&input);
        for at in order {
            for key in input.apply(objects[at].clone()).units {
                merge(&mut kept, &mut findings, &key, unit(&input, &key));
            }
        }
        let endpoints = endpoints(&input, &kept);
        (kept, findings, endpoints)
    });
    let results: Vec<_> = results.collect();
    assert!(results.iter().all(|result| *result == results[0]));
    assert_eq!((results[0].0.hosts.len(), results[0].1.len(), results[0].2.len()), (1, 0, 1));
}
