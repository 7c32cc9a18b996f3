use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proptest::prelude::*;
use proptest::sample::select;

use super::checksum::Checksum;
use super::*;
use crate::model::PodMark;
use crate::model::{
    CaBundle, Certificate, CertificateError, ClientTrust, ObjectKind, ObjectName, ObjectRef, SecretUsers, SharedKeys,
    UserList,
};
use crate::observe::Metrics;
use crate::source::objects::*;

const AT: u64 = 1_800_000_000;
/// What an authority of clients has revoked.
const LIST: &[u8] = include_bytes!("../../model/fixtures/clients-revoked.crl");

static CERTIFICATES: LazyLock<Vec<Arc<Certificate>>> = LazyLock::new(|| {
    let kinds = [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ED25519, &rcgen::PKCS_RSA_SHA256];
    let make = |kind| {
        let key = rcgen::KeyPair::generate_for(kind).unwrap();
        let made = rcgen::CertificateParams::new(["a.example".to_owned()]).unwrap().self_signed(&key).unwrap();
        Arc::new(Certificate::parse(made.pem().as_bytes(), key.serialize_pem().as_bytes()).unwrap())
    };
    kinds.map(make).into()
});

fn text() -> impl Strategy<Value = Arc<str>> {
    prop_oneof![
        select(vec!["", "a", "web", "shop", "a.example", "/x", "end 0 0", "\n", "{", "\"\\", "ü\u{0}"])
            .prop_map(Arc::from),
        any::<String>().prop_map(Arc::from),
    ]
}

fn object_name() -> impl Strategy<Value = ObjectName> {
    (text(), text()).prop_map(|(namespace, name)| ObjectName { namespace, name })
}

fn some<T: std::fmt::Debug>(of: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    prop::option::of(of)
}

fn list<T: std::fmt::Debug>(of: impl Strategy<Value = T>) -> impl Strategy<Value = Box<[T]>> {
    prop::collection::vec(of, 0..3).prop_map(Into::into)
}

fn backend() -> impl Strategy<Value = Backend> {
    let port = prop_oneof![any::<i32>().prop_map(PortValue::Number), text().prop_map(PortValue::Name)];
    prop_oneof![
        (text(), some(port)).prop_map(|(name, port)| Backend::Service { name, port }),
        text().prop_map(Backend::Resource),
        Just(Backend::Invalid),
    ]
}

fn path() -> impl Strategy<Value = Path> {
    let kind = prop_oneof![
        Just(PathKind::Exact),
        Just(PathKind::Prefix),
        Just(PathKind::ImplementationSpecific),
        text().prop_map(PathKind::Unknown),
    ];
    (text(), kind, backend()).prop_map(|(path, kind, backend)| Path { path, kind, backend })
}

fn ingress() -> impl Strategy<Value = Change> {
    let rule = (text(), some(list(path()))).prop_map(|(host, paths)| Rule { host, paths });
    let tls = (list(text()), some(text())).prop_map(|(hosts, secret)| TlsEntry { hosts, secret });
    let annotations = prop::collection::btree_map(text(), text(), 0..3).prop_map(Annotations::from);
    let address = prop_oneof![any::<std::net::IpAddr>().prop_map(Address::Ip), text().prop_map(Address::Hostname)];
    (
        object_name(),
        any::<i64>(),
        some(text()),
        annotations,
        some(backend()),
        list(rule),
        list(tls),
        (list(address), any::<bool>()),
    )
        .prop_map(
            |(name, created, class, annotations, default_backend, rules, tls, (addresses, is_status_ours))| {
                let ingress = Ingress {
                    name: name.clone(),
                    created,
                    class,
                    annotations,
                    default_backend,
                    rules,
                    tls,
                    addresses,
                    is_status_ours,
                };
                Change::arrival(ingress)
            },
        )
}

fn class() -> impl Strategy<Value = Change> {
    (text(), text(), some(text()), any::<bool>()).prop_map(|(name, controller, parameters, is_default)| {
        let class = IngressClass { name: name.clone(), controller, parameters, is_default };
        Change::arrival(class)
    })
}

fn service() -> impl Strategy<Value = Change> {
    let kind = prop_oneof![
        Just(ServiceKind::Cluster),
        Just(ServiceKind::Headless),
        text().prop_map(ServiceKind::ExternalName)
    ];
    let port = (text(), any::<u16>(), some(any::<u16>()), any::<bool>(), some(text())).prop_map(
        |(name, port, target, is_tcp, app_protocol)| ServicePort {
            name,
            port,
            target,
            is_tcp,
            is_udp: !is_tcp,
            app_protocol,
        },
    );
    let cluster_ip = some(any::<std::net::IpAddr>());
    let annotations = prop::collection::btree_map(text(), text(), 0..3).prop_map(Annotations::from);
    let fields = (object_name(), any::<i64>(), kind, list(port), any::<bool>(), cluster_ip, annotations);
    fields.prop_map(|(name, created, kind, ports, prefers_ipv6, cluster_ip, annotations)| {
        let service = Service { name: name.clone(), created, kind, ports, prefers_ipv6, cluster_ip, annotations };
        Change::arrival(service)
    })
}

fn slice() -> impl Strategy<Value = Change> {
    let addresses = select(vec![AddressKind::IPv4, AddressKind::IPv6, AddressKind::Other]);
    let port = (text(), some(any::<u16>()), any::<bool>()).prop_map(|(name, port, is_tcp)| SlicePort {
        name,
        port,
        is_tcp,
        is_udp: !is_tcp,
    });
    let endpoint = (any::<std::net::IpAddr>(), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(address, is_ready, is_serving, is_terminating)| SliceEndpoint {
            address,
            is_ready,
            is_serving,
            is_terminating,
            pod: if is_serving { PodMark::default() } else { PodMark::of("web-1", "uid") },
        },
    );
    (object_name(), some(text()), addresses, some(list(port)), list(endpoint), list(text())).prop_map(
        |(name, service, addresses, ports, endpoints, unreadable)| {
            let hints = endpoints
                .iter()
                .filter(|endpoint| endpoint.is_ready)
                .map(|_| SliceHints { zones: ["a".into()].into(), nodes: Box::default() });
            let hints = hints.collect();
            let slice = EndpointSlice {
                name: name.clone(),
                service,
                addresses,
                ports,
                endpoints,
                hints,
                unreadable,
                pods: Box::default(),
            };
            Change::arrival(slice)
        },
    )
}

fn secret() -> impl Strategy<Value = Change> {
    let certificate = || (0..CERTIFICATES.len()).prop_map(|which| Arc::clone(&CERTIFICATES[which]));
    let fault = prop_oneof![
        text().prop_map(SecretFault::Type),
        select(vec!["tls.crt", "tls.key"]).prop_map(SecretFault::Missing),
        select(vec![
            CertificateError::NoCertificate,
            CertificateError::ChainTooLong,
            CertificateError::Unreadable,
            CertificateError::NoKey,
            CertificateError::UnsupportedKey,
            CertificateError::StrayCertificate,
            CertificateError::KeyTooLong,
            CertificateError::KeyMismatch,
        ])
        .prop_map(SecretFault::Content),
    ];
    let content = prop_oneof![
        certificate().prop_map(|certificate| (Ok(certificate), None)),
        (fault, some(certificate())).prop_map(|(fault, last_good)| (Err(fault), last_good)),
    ];
    let authorities = some(certificate())
        .prop_map(|of| of.map(|of| Arc::new(CaBundle::from_der(of.chain().map(<[u8]>::to_vec)).unwrap())));
    let parts = (object_name(), content, authorities, some(secret_users()));
    parts.prop_map(|(name, (certificate, last_good), authorities, users)| {
        let crl = [None, Some(LIST), Some(b"garbage")][name.name.len() % 3];
        let clients = authorities.as_ref().map(|of| ClientTrust::parse(Arc::clone(of), crl).map(Arc::new));
        let lone_chain = authorities.clone();
        let shared = [&[][..], &[0; 31], &[7; 32], &[0; 2000]][name.name.len() % 4];
        let shared = (!shared.is_empty()).then(|| SharedKeys::parse([(&*name.name, shared)]));
        let secret =
            Secret { name: name.clone(), certificate, last_good, authorities, lone_chain, clients, users, shared };
        Change::arrival(secret)
    })
}

/// Entries with hashes of several forms, and entries with all sorts of faults.
fn secret_users() -> impl Strategy<Value = Arc<SecretUsers>> {
    let hash = select(vec![
        "{SHA}W8r/fyL/UzygmbNAjq2HbA67qac=",
        "{PLAIN}open sesame",
        "$apr1$as3aXsuB$xJgV9F8l.UoaA9enmVy4b/",
        "$apr1$as3aXsuB",
        "$2y$20$5JQoea/yufc3SrlC/gwAZ.tDtrjeaClva8L6gf17wQItiVPDZnoDe",
        ".fmECtRTQBVjc",
        "hunter2",
    ]);
    let entries = prop::collection::vec(("[a-c:]{0,2}", hash), 0..14);
    (some(Just(())), entries).prop_map(|(has_file, entries)| {
        let lines: String = entries.iter().map(|(name, hash)| format!("{name}:{hash}\n")).collect();
        let file = has_file.map(|()| UserList::of_file(lines.as_bytes()));
        let map = UserList::of_map(entries.iter().map(|(name, hash)| (&**name, hash.as_bytes())));
        Arc::new(SecretUsers { file, map })
    })
}

fn objects(changes: impl IntoIterator<Item = Change>) -> Objects {
    let mut objects = Objects::default();
    for change in changes {
        objects.apply(change);
    }
    objects
}

/// Everything in order, as text and with keys.
fn content(objects: &Objects) -> BTreeSet<String> {
    let ingresses = objects.ingresses().map(|object| format!("{object:?}"));
    let classes = objects.classes().map(|object| format!("{object:?}"));
    let services = objects.services().map(|object| format!("{object:?} {:?}", objects.slices_of(&object.name).count()));
    let slices = objects.slices().map(|object| format!("{object:?}"));
    let secrets = objects.secrets().map(|object| {
        let pairs = [object.certificate.as_ref().ok(), object.last_good.as_ref()].map(|certificate| {
            certificate.map(|c| (c.chain().map(<[u8]>::to_vec).collect::<Vec<_>>(), c.private_key().secret_der()))
        });
        let authorities =
            object.authorities.as_ref().map(|bundle| bundle.certificates().map(<[u8]>::to_vec).collect::<Vec<_>>());
        let lists = object.users.iter().flat_map(|users| users.file.iter().chain([&users.map]));
        let of_list = |list: &UserList| {
            list.users.iter().map(|(name, hash)| (name.to_owned(), hash.text().to_owned())).collect::<Vec<_>>()
        };
        let users: Vec<_> = lists.map(of_list).collect();
        let shared = object.shared.as_ref().and_then(|shared| shared.as_ref().ok());
        let shared: Vec<_> = shared.iter().flat_map(|shared| shared.entries()).collect();
        format!("{object:?} {pairs:?} {authorities:?} {users:?} {shared:?}")
    });
    ingresses.chain(classes).chain(services).chain(slices).chain(secrets).collect()
}

fn file(objects: &Objects) -> Vec<u8> {
    let mut bytes = Vec::new();
    let size = write(objects, UNIX_EPOCH + Duration::from_secs(AT), &mut bytes).unwrap();
    assert_eq!(size, bytes.len() as u64);
    bytes
}

fn one_of_each() -> Objects {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut one = |strategy: BoxedStrategy<Change>| strategy.new_tree(&mut runner).unwrap().current();
    let key = SavedKey(0).change();
    objects([one(ingress().boxed()), one(class().boxed()), one(service().boxed()), one(slice().boxed()), key])
}

struct SavedKey(usize);

impl SavedKey {
    fn change(&self) -> Change {
        let name = ObjectName::new("shop", "cert");
        let secret = Secret {
            name: name.clone(),
            certificate: Ok(Arc::clone(&CERTIFICATES[self.0])),
            last_good: None,
            authorities: None,
            lone_chain: None,
            clients: None,
            users: None,
            shared: None,
        };
        Change::arrival(secret)
    }
}

/// A file with this body, whatever it is, and the right end.
fn sealed(first: &str, body: &[&str]) -> Vec<u8> {
    let mut bytes = format!("{first}\n").into_bytes();
    body.iter().for_each(|line| bytes.extend_from_slice(format!("{line}\n").as_bytes()));
    let mut sum = Checksum::new();
    sum.add(&bytes);
    bytes.extend_from_slice(format!("end {} {:016x}\n", body.len(), sum.value()).as_bytes());
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn f03_what_is_written_is_read_again(
        changes in prop::collection::vec(prop_oneof![ingress(), class(), service(), slice(), secret()], 0..12)
    ) {
        let before = objects(changes);
        let bytes = file(&before);
        let saved = parse(&bytes[..]).unwrap();
        prop_assert_eq!((saved.left_out, saved.bytes), (0, bytes.len() as u64));
        prop_assert_eq!(saved.at, UNIX_EPOCH + Duration::from_secs(AT));
        prop_assert_eq!(content(&objects(saved.changes)), content(&before));
    }

    #[test]
    fn f04_garbage_is_refused_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(parse(&bytes[..]).is_err());
        let body = String::from_utf8_lossy(&bytes).replace('\n', " ");
        let _ = parse(&sealed("tidegate-snapshot 1 5", &[&format!("{{{body}")])[..]).unwrap();
    }
}

#[test]
fn f04_any_byte_changed_anywhere_is_refused() {
    let bytes = file(&one_of_each());
    assert!(parse(&bytes[..]).is_ok());
    for at in 0..bytes.len() {
        for flip in [0x01, 0x20, 0x80, 0xff] {
            let mut wrong = bytes.clone();
            wrong[at] ^= flip;
            assert!(parse(&wrong[..]).is_err(), "byte {at} of {}", bytes.len());
        }
    }
}

#[test]
fn f04_a_file_cut_off_anywhere_or_with_more_behind_is_refused() {
    let bytes = file(&one_of_each());
    for length in 0..bytes.len() {
        assert!(parse(&bytes[..length]).is_err(), "the first {length} of {}", bytes.len());
    }
    let more = [&bytes[..], b"x"].concat();
    assert!(matches!(parse(&more[..]), Err(Rejection::Corrupt)));
}

#[test]
fn f64_a_secret_of_a_version_before_passwords_is_read() {
    let secret = r#"{"Secret":{"name":{"namespace":"shop","name":"auth"},"certificate":null,"fault":{"Type":"Opaque"},"last_good":null,"authorities":null}}"#;
    let saved = parse(&sealed("tidegate-snapshot 1 5", &[secret])[..]).unwrap();
    assert_eq!((saved.changes.len(), saved.left_out), (1, 0));
    assert_eq!(objects(saved.changes).secret(&ObjectName::new("shop", "auth")).unwrap().users, None);
}

#[test]
fn f64_what_a_later_version_adds_is_passed_over() {
    let ingress =
        r#"{"Ingress":{"name":{"namespace":"shop","name":"web","uid":"1"},"created":7,"class":null,"annotations":{},
        "default_backend":null,"rules":[],"tls":[],"new":{"a":[1,2]}}}"#
            .replace('\n', "");
    let saved = parse(&sealed("tidegate-snapshot 1 5", &[&ingress, r#"{"Gateway":{"name":"x"}}"#])[..]).unwrap();
    assert_eq!((saved.changes.len(), saved.left_out), (1, 1));
    assert_eq!(objects(saved.changes).ingress(&ObjectName::new("shop", "web")).unwrap().created, 7);
    let other = parse(&sealed("tidegate-snapshot 2 5", &[&ingress])[..]).unwrap_err();
    assert!(matches!(other, Rejection::Version(2)), "{other}");
    for first in
        ["tidegate-snapshot 1", "tidegate-snapshot 1 x", "tidegate-snapshots 1 5", "", "tidegate-snapshot 1 5 6"]
    {
        assert!(matches!(parse(&sealed(first, &[])[..]), Err(Rejection::NotOne)), "{first:?}");
    }
    assert!(parse(&sealed(&format!("tidegate-snapshot 1 {}", u64::MAX), &[])[..]).is_err());
}

#[test]
fn f03_a_certificate_had_back_does_a_handshake() {
    for which in 0..CERTIFICATES.len() {
        let saved = parse(&file(&objects([SavedKey(which).change()]))[..]).unwrap();
        let Some(Object::Secret(secret)) = saved.changes[0].current() else { panic!("a Secret") };
        let certificate = secret.certificate.as_ref().unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let resolver = Arc::new(rustls::sign::SingleCertAndKey::from(Arc::clone(certificate.key())));
        let server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider));
        let server =
            server.with_safe_default_protocol_versions().unwrap().with_no_client_auth().with_cert_resolver(resolver);
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CERTIFICATES[which].key().cert[0].clone()).unwrap();
        let client =
            rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let client = client.with_root_certificates(roots).with_no_client_auth();
        let mut client = rustls::ClientConnection::new(Arc::new(client), "a.example".try_into().unwrap()).unwrap();
        let mut server = rustls::ServerConnection::new(Arc::new(server)).unwrap();
        while client.is_handshaking() || server.is_handshaking() {
            let mut wire = Vec::new();
            client.write_tls(&mut wire).unwrap();
            server.read_tls(&mut &wire[..]).unwrap();
            server.process_new_packets().unwrap();
            let mut wire = Vec::new();
            while server.wants_write() {
                server.write_tls(&mut wire).unwrap();
            }
            let mut wire = &wire[..];
            while !wire.is_empty() {
                client.read_tls(&mut wire).unwrap();
                client.process_new_packets().unwrap();
            }
        }
    }
}

#[test]
fn a05_keys_are_never_printed() {
    let saved = parse(&file(&objects([SavedKey(0).change()]))[..]).unwrap();
    let shown = format!("{saved:?}");
    let key = CERTIFICATES[0].private_key().secret_der();
    assert!(shown.contains("a.example") && !shown.contains(&format!("{key:?}")[1..40]), "{shown}");
    assert!(!shown.contains("MII") && !shown.contains("key"), "{shown}");
}

#[track_caller]
fn eventually(what: &str, mut probe: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !probe() {
        assert!(tokio::time::Instant::now() < deadline, "not in time: {what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

#[test]
fn f03_the_file_is_written_when_all_is_known_and_once_more_at_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("objects.saved");
    let metrics = Arc::new(Metrics::new());
    let writer = Writer::start(path.clone(), Arc::clone(&metrics)).unwrap();
    let recorder = writer.recorder();
    recorder.note(SavedKey(0).change());
    assert!(read(&path).unwrap().is_none());
    recorder.set_complete();
    eventually("the first writing", || read(&path).unwrap().is_some_and(|saved| saved.changes.len() == 1));
    let metadata = fs::metadata(&path).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    recorder.note(Change::arrival(a_class()));
    recorder.note(Change::removal(ObjectRef::new(ObjectKind::Secret, ObjectName::new("shop", "cert"))));
    writer.finish();
    let saved = read(&path).unwrap().unwrap();
    assert!(saved.changes == [Change::arrival(a_class())], "{saved:?}");
    assert!(saved.at.elapsed().unwrap() < Duration::from_secs(60));
    assert_eq!(saved.bytes, fs::metadata(&path).unwrap().len());
    assert_ne!(metadata.ino(), fs::metadata(&path).unwrap().ino(), "renamed, not written over");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    let text = metrics.render();
    assert!(text.contains(&format!("tidegate_snapshot_bytes {}\n", saved.bytes)), "{text}");
    assert!(text.contains("tidegate_snapshot_write_errors_total 0\n"));
    assert!(!text.contains("tidegate_snapshot_written_timestamp_seconds 0\n"));
}

fn a_class() -> IngressClass {
    IngressClass::new("a", "x")
}

#[test]
fn f02_a_file_is_left_alone_until_everything_was_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("objects.saved");
    fs::write(&path, file(&one_of_each())).unwrap();
    let before = fs::read(&path).unwrap();
    let writer = Writer::start(path.clone(), Arc::default()).unwrap();
    writer.recorder().note(SavedKey(0).change());
    writer.finish();
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn what_cannot_be_written_is_counted_and_a_link_is_not_followed() {
    let directory = tempfile::tempdir().unwrap();
    let metrics = Arc::new(Metrics::new());
    let writer = Writer::start(directory.path().join("no/such/place"), Arc::clone(&metrics)).unwrap();
    writer.recorder().set_complete();
    writer.finish();
    assert!(!metrics.render().contains("tidegate_snapshot_write_errors_total 0\n"));

    let (path, other) = (directory.path().join("x"), directory.path().join("other"));
    fs::write(&other, "kept").unwrap();
    std::os::unix::fs::symlink(&other, directory.path().join(".x.new")).unwrap();
    let writer = Writer::start(path.clone(), Arc::default()).unwrap();
    writer.recorder().set_complete();
    writer.finish();
    assert_eq!(fs::read(&other).unwrap(), b"kept");
    assert!(read(&path).unwrap().is_some());
}

#[test]
fn f03_a_file_is_as_current_as_it_was_last_told_to_be() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x");
    let write_at = |at| write(&Objects::default(), at, fs::File::create(&path).unwrap()).unwrap();
    let touch = |at| fs::File::options().write(true).open(&path).unwrap().set_modified(at).unwrap();
    let now = SystemTime::now();
    let day = Duration::from_secs(86_400);
    write_at(now - 3 * day);
    touch(now - day);
    let at = read(&path).unwrap().unwrap().at;
    assert!(at.duration_since(now - day).unwrap_or_default() < Duration::from_secs(2));
    // A clock that ran ahead says nothing.
    touch(now + day);
    assert!(read(&path).unwrap().unwrap().at < now - 2 * day);
}

#[test]
fn f04_what_is_no_plain_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    assert!(matches!(read(directory.path()), Err(Rejection::Unreadable(_))));
    let path = directory.path().join("large");
    fs::File::create(&path).unwrap().set_len((512 << 20) + 1).unwrap();
    assert!(matches!(read(&path), Err(Rejection::TooLarge)));
    fs::File::options().write(true).open(&path).unwrap().set_len(100 << 20).unwrap();
    assert!(matches!(read(&path), Err(Rejection::NotOne)));
}
