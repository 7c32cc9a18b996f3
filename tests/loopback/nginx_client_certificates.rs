//! Certificates of clients as annotations of ingress-nginx ask for them. Names of tests carry the behaviour that they show.

use std::sync::LazyLock;

use rcgen::DnType;
use serde_json::{Value, json};

use crate::support::h2::{H2Client, run, soon};
use crate::support::tls::{Hello, Identity, TlsClient};
use crate::support::{Authority, Manifests, Pod, Tidegate, get};

/// Whom hosts of these tests trust, and whom they do not.
pub(crate) static TRUSTED: LazyLock<Authority> = LazyLock::new(|| Authority::new("Clients"));
static OTHER: LazyLock<Authority> = LazyLock::new(|| Authority::new("Others"));
pub(crate) const NAMES: [(DnType, &str); 2] =
    [(DnType::CommonName, "alice"), (DnType::OrganizationName, "Example, Inc.")];
pub(crate) const SECRET: (&str, &str) = ("auth-tls-secret", "test/clients");
const NEED: &str = "auth-tls-verify-client";
const PASS: (&str, &str) = ("auth-tls-pass-certificate-to-upstream", "true");

pub(crate) fn alice() -> Identity {
    TRUSTED.sign_client(&NAMES, 7, -1..1)
}

pub(crate) fn annotations(pairs: &[(&str, &str)]) -> Value {
    pairs.iter().map(|(key, value)| (format!("nginx.ingress.kubernetes.io/{key}"), json!(value))).collect()
}

pub(crate) fn clients(content: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": {"name": "clients", "namespace": "test"},
        "stringData": content,
    })
}

/// `a.example` has these annotations, `b.example` has none. Both have TLS with one certificate.
pub(crate) fn manifests(pod: &Pod, pairs: &[(&str, &str)]) -> Manifests {
    let paths = [("/", "Prefix", "web"), ("/.well-known/acme-challenge/x", "Exact", "web")];
    let tls = |host| json!([{"hosts": [host], "secretName": "tls"}]);
    Manifests::new()
        .service("web", &[pod.address])
        .certificate("tls", &["a.example", "b.example"])
        .ingress_with("b", Some("b.example"), &paths, json!({}), tls("b.example"))
        .ingress_with("a", Some("a.example"), &paths, annotations(pairs), tls("a.example"))
}

pub(crate) fn serve(pairs: &[(&str, &str)]) -> (Pod, Tidegate) {
    serve_trusting(pairs, json!({"ca.crt": TRUSTED.pem}))
}

pub(crate) fn serve_trusting(pairs: &[(&str, &str)], content: Value) -> (Pod, Tidegate) {
    let pod = Pod::named("web");
    let server = Tidegate::serve(&manifests(&pod, pairs).object(clients(content)));
    (pod, server)
}

pub(crate) fn hello(identity: Option<&Identity>) -> Hello {
    Hello { identity: identity.cloned(), ..Hello::of("http/1.1") }
}

/// A connection for this name with this certificate, and HTTP/1 inside.
pub(crate) async fn connect(server: &Tidegate, name: &str, identity: Option<&Identity>) -> TlsClient {
    let hello = hello(identity);
    let connecting = TlsClient::connect(server.https, name, &hello);
    soon("a handshake", connecting).await.expect("no handshake fails for a certificate")
}

pub(crate) fn status(head: &str) -> u16 {
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

/// The answer to a request to `a.example`, as status and head.
async fn ask(server: &Tidegate, identity: Option<&Identity>) -> (u16, String) {
    let (head, _) = connect(server, "a.example", identity).await.ask(get("a.example", "/")).await.unwrap();
    (status(&head), head)
}

#[test]
fn nginx_x1_x2_what_is_needed_decides_who_is_served_and_nobody_loses_the_handshake() {
    let (good, foreign) = (alice(), OTHER.sign_client(&NAMES, 7, -1..1));
    let (past, future) = (TRUSTED.sign_client(&NAMES, 8, -2..-1), TRUSTED.sign_client(&NAMES, 9, 1..2));
    let (pem, key) = crate::support::certificate(&["self.example"]);
    let own = Identity { pem, key };
    // Without, right, of somebody else, of itself, expired, not valid yet.
    for (need, expected) in [
        (None, [400, 200, 400, 400, 400, 400]),
        (Some("on"), [400, 200, 400, 400, 400, 400]),
        (Some("optional"), [200, 200, 400, 400, 400, 400]),
        (Some("optional_no_ca"), [200, 200, 200, 200, 400, 400]),
        (Some("off"), [200; 6]),
        (Some("perhaps"), [400, 200, 400, 400, 400, 400]),
    ] {
        let need: Vec<_> = need.map(|need| (NEED, need)).into_iter().collect();
        let (pod, server) = serve(&[&[SECRET][..], &need].concat());
        run(async {
            let identities = [None, Some(&good), Some(&foreign), Some(&own), Some(&past), Some(&future)];
            for (at, (identity, expected)) in identities.into_iter().zip(expected).enumerate() {
                assert_eq!(ask(&server, identity).await.0, expected, "{need:?} {at}");
                let tls12 = Hello { is_tls12: true, ..hello(identity) };
                let mut client = TlsClient::connect(server.https, "a.example", &tls12).await.unwrap();
                let (head, _) = client.ask(get("a.example", "/")).await.unwrap();
                assert_eq!(status(&head), expected, "TLS 1.2 {need:?} {at}");
            }
            let (head, _) = connect(&server, "b.example", None).await.ask(get("b.example", "/")).await.unwrap();
            assert_eq!(status(&head), 200, "the neighbour asks for none");
        });
        assert_eq!(pod.requests().len(), 1 + 2 * expected.iter().filter(|status| **status == 200).count());
    }
}

#[test]
fn nginx_x1_holds_for_every_ingress_of_the_host_and_over_http_2() {
    let pod = Pod::named("web");
    let objects = manifests(&pod, &[SECRET]).object(clients(json!({"ca.crt": TRUSTED.pem})));
    let server = Tidegate::serve(&objects.ingress("more", Some("a.example"), &[("/more", "Prefix", "web")]));
    run(async {
        for (identity, expected) in [(None, 400), (Some(alice()), 200)] {
            let hello = Hello { identity, ..Hello::of("h2") };
            let tls = TlsClient::connect(server.https, "a.example", &hello).await.unwrap();
            let client = H2Client::over(tls, "https", &h2::client::Builder::new()).await;
            for path in ["/", "/more", "/more/x"] {
                assert_eq!(client.get("a.example", path).await.status, expected, "{path}");
            }
            let post = client.request("POST", "a.example", "/");
            assert_eq!(client.ask(post, b"body").await.status, expected);
        }
    });
}

#[test]
fn nginx_x1_in_clear_https_comes_first_and_challenges_of_authorities_need_no_certificate() {
    let (pod, server) = serve(&[SECRET]);
    let answer = server.ask(get("a.example", "/x"));
    assert_eq!(
        (answer.status(), answer.field("location").map(|to| to.starts_with("https://a.example"))),
        (308, Some(true))
    );
    let claims = "Host: a.example\r\nssl-client-verify: SUCCESS\r\nSSL_Client_Subject_DN: CN=root";
    let challenge = |path: &str| format!("GET /.well-known/acme-challenge/{path} HTTP/1.1\r\n{claims}\r\n\r\n");
    assert_eq!(server.ask(challenge("x")).status(), 200);
    let seen = String::from_utf8(pod.received_in_all()).unwrap().to_lowercase();
    assert!(!seen.contains("ssl"), "{seen}");
    assert_eq!(server.ask(challenge("..%2f..%2fadmin")).status(), 400, "it leads out of the path that is exempt");
    run(async {
        for (identity, expected) in [(None, 400), (Some(alice()), 200)] {
            let mut client = connect(&server, "a.example", identity.as_ref()).await;
            let (head, _) = client.ask(challenge("x")).await.unwrap();
            assert_eq!(status(&head), expected, "{identity:?}");
        }
    });
    let (_pod, unknown) = serve_trusting(&[SECRET], json!({}));
    assert_eq!(unknown.ask(challenge("x")).status(), 403, "whose certificates are right is not known");
    for (need, expected) in [("on", 400), ("optional", 200), ("off", 200)] {
        let (pod, server) = serve(&[SECRET, (NEED, need), ("ssl-redirect", "false")]);
        let request = "GET / HTTP/1.1\r\nHost: a.example\r\nssl-client-verify: SUCCESS\r\n\r\n";
        assert_eq!(server.ask(request).status(), expected, "{need}");
        if expected == 200 {
            assert_eq!(pod.only_request().all("ssl-client-verify"), ["NONE"], "{need}");
        }
    }
}

#[test]
fn nginx_x3_who_has_no_right_certificate_is_sent_to_the_page_for_errors() {
    let page = ("auth-tls-error-page", "https://help.example/certificate?from=$host");
    let (pod, server) = serve(&[SECRET, page]);
    run(async {
        for identity in [None, Some(&OTHER.sign_client(&NAMES, 1, -1..1))] {
            let (status, head) = ask(&server, identity).await;
            assert_eq!(status, 302);
            assert!(
                head.to_lowercase().contains("location: https://help.example/certificate?from=a.example\r\n"),
                "{head}"
            );
        }
        assert_eq!(ask(&server, Some(&alice())).await.0, 200);
    });
    assert_eq!(pod.requests().len(), 1);
    for page in ["/error", "javascript:alert(1)", "https://help.example/\r\nSet-Cookie: a=b"] {
        let (_pod, server) = serve(&[SECRET, ("auth-tls-error-page", page)]);
        run(async { assert_eq!(ask(&server, None).await.0, 400, "{page}") });
    }
}

#[test]
fn nginx_x4_x7_pods_are_told_what_was_found_and_nothing_that_clients_say_of_it() {
    let spoofed = [
        "ssl-client-cert: forged",
        "SSL-Client-Verify: SUCCESS",
        "ssl-client-subject-dn: CN=root",
        "ssl_client_subject_dn: CN=root",
        "ssl-client-issuer-dn: CN=root",
        "Ssl-Client-Anything: x",
        // Neither may ours be named away, nor come again behind the body.
        "Connection: ssl-client-verify, ssl-client-subject-dn",
        "Transfer-Encoding: chunked",
        "TE: trailers",
    ]
    .join("\r\n");
    let request = format!(
        "POST / HTTP/1.1\r\nHost: a.example\r\n{spoofed}\r\n\r\n0\r\nSsl-Client-Verify: SUCCESS\r\nX-Behind: y\r\n\r\n"
    );
    let (good, foreign) = (alice(), OTHER.sign_client(&NAMES, 7, -1..1));
    let subject = Some("O=Example\\, Inc.,CN=alice");
    for (pairs, identity, verify, subject, issuer, passes) in [
        (&[SECRET, PASS][..], Some(&good), "SUCCESS", subject, Some("CN=Clients"), true),
        (&[SECRET], Some(&good), "SUCCESS", subject, Some("CN=Clients"), false),
        (&[SECRET, PASS, (NEED, "optional")], None, "NONE", None, None, false),
        (
            &[SECRET, PASS, (NEED, "optional_no_ca")],
            Some(&foreign),
            "FAILED:unable to get local issuer certificate",
            subject,
            Some("CN=Others"),
            true,
        ),
        (&[SECRET, PASS, (NEED, "off")], Some(&good), "NONE", None, None, false),
    ] {
        let (pod, server) = serve(pairs);
        run(async {
            let (head, _) = connect(&server, "a.example", identity).await.ask(&request).await.unwrap();
            assert_eq!(status(&head), 200, "{pairs:?}");
        });
        let told = pod.only_request();
        let received = String::from_utf8(pod.received_in_all()).unwrap().to_lowercase();
        let behind = received.split("\r\n\r\n").nth(1).unwrap();
        assert!(behind.contains("x-behind: y") && !behind.contains("ssl-client"), "{behind}");
        assert_eq!(told.all("ssl-client-verify"), [verify], "{pairs:?}");
        assert_eq!(told.all("ssl-client-subject-dn"), subject.into_iter().collect::<Vec<_>>(), "{pairs:?}");
        assert_eq!(told.all("ssl-client-issuer-dn"), issuer.into_iter().collect::<Vec<_>>(), "{pairs:?}");
        let told_names = told.names();
        for name in ["ssl_client_subject_dn", "ssl-client-anything"] {
            assert!(!told_names.iter().any(|known| known.eq_ignore_ascii_case(name)), "{pairs:?} {name}");
        }
        let escaped = identity.filter(|_| passes).map(|identity| {
            let pem = identity.pem.replace("\r\n", "\n");
            let escape = |c: char| match c {
                'A'..='Z' | 'a'..='z' | '0'..='9' | '-' | '.' | '_' | '~' => c.to_string(),
                c => format!("%{:02X}", c as u32),
            };
            pem.chars().map(escape).collect::<String>()
        });
        let all = told.all("ssl-client-cert");
        assert_eq!(all, escaped.as_deref().into_iter().collect::<Vec<_>>(), "{pairs:?}");
    }
}

#[test]
fn nginx_x5_the_subject_must_match() {
    for (pattern, expected) in [
        ("CN=alice", [200, 403]),
        ("CN=(alice|bob)$", [200, 403]),
        ("CN=ali", [200, 403]),
        ("CN=Alice", [403, 403]),
        ("CN=bob", [403, 403]),
        // What cannot be read keeps everybody out.
        ("alice", [403, 403]),
        ("CN=(", [403, 403]),
        ("CN=(?=alice)", [403, 403]),
        ("", [403, 403]),
    ] {
        let (_pod, server) = serve(&[SECRET, (NEED, "optional"), ("auth-tls-match-cn", pattern)]);
        run(async {
            assert_eq!(ask(&server, Some(&alice())).await.0, expected[0], "{pattern}");
            assert_eq!(ask(&server, None).await.0, expected[1], "{pattern}");
        });
    }
}

#[test]
fn nginx_x6_a_secret_that_is_missing_unusable_or_of_another_namespace_lets_nobody_in() {
    let good = json!({"ca.crt": TRUSTED.pem});
    for (secret, content) in [
        ("test/missing", &good),
        ("other/clients", &good),
        ("clients", &good),
        ("test/", &good),
        ("/clients", &good),
        ("test/../clients", &good),
        ("", &good),
        ("test/clients", &json!({"ca.crt": ""})),
        ("test/clients", &json!({"ca.crt": "garbage"})),
        ("test/clients", &json!({"tls.crt": TRUSTED.pem})),
        ("test/clients", &json!({"ca.crt": TRUSTED.pem, "ca.crl": "garbage"})),
        ("test/clients", &json!({"ca.crt": TRUSTED.pem, "ca.crl": ""})),
    ] {
        for need in ["on", "optional_no_ca", "off"] {
            let (pod, server) = serve_trusting(&[("auth-tls-secret", secret), (NEED, need)], content.clone());
            run(async {
                assert_eq!(ask(&server, Some(&alice())).await.0, 403, "{secret:?} {content} {need}");
                let (head, _) = connect(&server, "b.example", None).await.ask(get("b.example", "/")).await.unwrap();
                assert_eq!(status(&head), 200, "the neighbour serves");
            });
            assert_eq!(pod.requests().len(), 1);
            let problems = server.admin("/debug/problems").text();
            assert!(problems.contains("nobody is served"), "{secret:?} {content}: {problems}");
        }
    }
}

#[test]
fn nginx_x8_a_connection_for_another_host_opens_none_that_needs_a_certificate() {
    let (pod, server) = serve(&[SECRET]);
    let good = alice();
    run(async {
        for name in ["b.example", "unknown.example", "127.0.0.1"] {
            let mut client = connect(&server, name, Some(&good)).await;
            let (head, _) = client.ask(get("a.example", "/")).await.unwrap();
            assert_eq!(status(&head), 421, "{name}");
            assert!(head.to_lowercase().contains("connection: close"), "{head}");
        }
        // The host as clients may write it.
        for host in ["A.Example", "a.example:443", "a.example."] {
            let mut client = connect(&server, "a.example", Some(&good)).await;
            let (head, _) = client.ask(get(host, "/")).await.unwrap();
            assert_eq!(status(&head), 200, "{host}");
        }
        let (head, _) = connect(&server, "a.example", Some(&good)).await.ask(get("b.example", "/")).await.unwrap();
        assert_eq!(status(&head), 200, "the other way round nothing is opened");
        // Both hosts have one certificate, so browsers use one connection for both.
        let client = H2Client::tls(&server, "b.example").await;
        assert_eq!(client.get("b.example", "/").await.status, 200);
        assert_eq!(client.get("a.example", "/").await.status, 421);
        assert_eq!(client.get("b.example", "/").await.status, 200);
        // RFC 9113 §8.3.1: a Host field beside :authority must not lead elsewhere either.
        let request = client.request("GET", "b.example", "/").header("host", "a.example");
        assert_ne!(client.try_ask(request, b"").await.map_or(0, |answer| answer.status), 200);
    });
    let hosts: Vec<_> = pod.requests().iter().map(|request| request.field("host").unwrap().to_owned()).collect();
    assert_eq!(hosts, ["A.Example", "a.example:443", "a.example.", "b.example", "b.example", "b.example"]);
}

#[test]
fn nginx_x1_a_certificate_of_version_1_is_one_that_its_authority_has_signed() {
    let ca = include_str!("../../src/model/fixtures/clients-ca.crt");
    let pem = include_str!("../../src/model/fixtures/client-v1.crt").to_owned();
    let own = Identity { pem, key: include_str!("../../src/model/fixtures/client-v1.key").to_owned() };
    for (content, expected) in [
        (json!({"ca.crt": ca}), 200),
        (json!({"ca.crt": ca, "ca.crl": include_str!("../../src/model/fixtures/clients-empty.crl")}), 200),
        (json!({"ca.crt": ca, "ca.crl": include_str!("../../src/model/fixtures/clients-revoked.crl")}), 400),
        (json!({"ca.crt": ca, "ca.crl": include_str!("../../src/model/fixtures/clients-old.crl")}), 400),
        (json!({"ca.crt": TRUSTED.pem}), 400),
    ] {
        let (_pod, server) = serve_trusting(&[SECRET], content.clone());
        run(async {
            for is_tls12 in [false, true] {
                let hello = Hello { is_tls12, ..hello(Some(&own)) };
                let mut client = TlsClient::connect(server.https, "a.example", &hello).await.unwrap();
                let (head, _) = client.ask(get("a.example", "/")).await.unwrap();
                assert_eq!(status(&head), expected, "{content}");
            }
        });
    }
}

#[test]
fn nginx_x1_who_has_not_the_key_of_a_certificate_has_no_certificate() {
    let (_pod, server) = serve(&[SECRET, (NEED, "optional_no_ca")]);
    let stolen = Identity { key: OTHER.sign_client(&NAMES, 1, -1..1).key, ..alice() };
    run(async {
        for is_tls12 in [false, true] {
            let hello = Hello { is_tls12, ..hello(Some(&stolen)) };
            let connected = TlsClient::connect(server.https, "a.example", &hello).await;
            let answer = match connected {
                Ok(mut client) => client.ask(get("a.example", "/")).await.map(|(head, _)| head),
                Err(error) => Err(error),
            };
            assert!(answer.is_err(), "{answer:?}");
        }
    });
}

#[test]
fn nginx_x7_who_is_asked_beside_the_pod_is_told_the_same() {
    let (pod, auth) = (Pod::named("web"), Pod::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    let url = ("auth-url", "http://auth.test.svc.cluster.local/");
    let objects = manifests(&pod, &[SECRET, (NEED, "optional"), url]).service("auth", &[auth.address]);
    let server = Tidegate::serve(&objects.object(clients(json!({"ca.crt": TRUSTED.pem}))));
    let request =
        "GET / HTTP/1.1\r\nHost: a.example\r\nssl-client-verify: SUCCESS\r\nSSL_Client_Verify: SUCCESS\r\n\r\n";
    run(async {
        for identity in [None, Some(&alice())] {
            let (head, _) = connect(&server, "a.example", identity).await.ask(request).await.unwrap();
            assert_eq!(status(&head), 200);
        }
    });
    for of in [&auth, &pod] {
        let told: Vec<_> =
            of.requests().iter().map(|told| told.field("ssl-client-verify").map(str::to_owned)).collect();
        assert_eq!(told, [Some("NONE".to_owned()), Some("SUCCESS".to_owned())]);
        assert!(of.requests().iter().all(|told| told.all("ssl_client_verify").is_empty()));
    }
}

#[test]
fn nginx_x1_wildcards_other_names_and_rules_without_a_host_ask_by_the_server_name() {
    let pod = Pod::named("web");
    let paths = [("/", "Prefix", "web")];
    let ask = |more: &[(&str, &str)]| annotations(&[&[SECRET][..], more].concat());
    let objects = Manifests::new()
        .service("web", &[pod.address])
        .ingress_with("wild", Some("*.w.example"), &paths, ask(&[]), json!([]))
        .ingress_with("named", Some("n.example"), &paths, ask(&[("server-alias", "other.example")]), json!([]))
        .ingress("open", Some("open.w.example"), &paths)
        .object(clients(json!({"ca.crt": TRUSTED.pem})));
    let any = objects.clone().ingress_with("any", None, &paths, ask(&[]), json!([]));
    let good = alice();
    for (objects, name, host, expected) in [
        (&objects, "x.w.example", "x.w.example", [400, 200]),
        (&objects, "x.w.example", "y.w.example", [421, 421]),
        (&objects, "open.w.example", "open.w.example", [200, 200]),
        (&objects, "open.w.example", "x.w.example", [421, 421]),
        (&objects, "x.w.example", "open.w.example", [200, 200]),
        (&objects, "n.example", "n.example", [400, 200]),
        (&objects, "other.example", "other.example", [400, 200]),
        (&objects, "127.0.0.1", "n.example", [421, 421]),
        (&any, "unknown.example", "unknown.example", [400, 200]),
        (&any, "127.0.0.1", "127.0.0.1", [400, 200]),
        (&any, "127.0.0.1", "unknown.example", [400, 200]),
        (&any, "open.w.example", "unknown.example", [421, 421]),
        (&any, "open.w.example", "open.w.example", [200, 200]),
    ] {
        let server = Tidegate::serve(objects);
        run(async {
            for (identity, expected) in [None, Some(&good)].into_iter().zip(expected) {
                let (head, _) = connect(&server, name, identity).await.ask(get(host, "/")).await.unwrap();
                assert_eq!(status(&head), expected, "{name} {host}");
            }
        });
    }
}
