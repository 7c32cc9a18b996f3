//! TLS through the real listener: which certificate whom, changes of certificates, and HTTP/1 inside.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::SignatureScheme;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::h2::{H2Client, run, soon};
use crate::support::tls::{Hello, TlsClient};
use crate::support::{Client, Manifests, Pod, Tidegate, certificate, eventually};

const PATHS: &[(&str, &str, &str)] = &[("/", "Prefix", "web")];

fn entry(hosts: &[&str], secret: &str) -> Value {
    json!([{"hosts": hosts, "secretName": secret}])
}

fn with_service(pod: &Pod) -> Manifests {
    Manifests::new().service("web", &[pod.address])
}

/// One host with TLS.
fn one_host(pod: &Pod) -> Manifests {
    let tls = entry(&["a.example"], "a");
    with_service(pod).certificate("a", &["a.example"]).ingress_with("a", Some("a.example"), PATHS, json!({}), tls)
}

/// A handshake for this name, with HTTP/1 inside.
async fn connect(server: &Tidegate, name: &str) -> TlsClient {
    soon("a handshake", TlsClient::connect(server.https, name, &Hello::of("http/1.1"))).await.expect("a handshake")
}

/// The names in the certificate that this name gets.
async fn shown(server: &Tidegate, name: &str) -> Vec<String> {
    connect(server, name).await.names()
}

fn get(host: &str, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n")
}

#[test]
fn rule_54_the_name_chooses_the_certificate_exact_before_wildcard_before_default() {
    let pod = Pod::named("web");
    let manifests = with_service(&pod)
        .certificate("exact", &["a.example"])
        .certificate("wild", &["*.example"])
        .certificate("default", &["default.test"])
        .ingress_with("a", Some("a.example"), PATHS, json!({}), entry(&["a.example"], "exact"))
        .ingress_with("w", Some("*.example"), PATHS, json!({}), entry(&["*.example"], "wild"));
    let server = Tidegate::serve_with(&manifests, &["--default-certificate", "test/default"]);
    run(async {
        assert_eq!(shown(&server, "a.example").await, ["a.example"]);
        assert_eq!(shown(&server, "A.Example").await, ["a.example"]);
        assert_eq!(shown(&server, "b.example").await, ["*.example"]);
        assert_eq!(shown(&server, "a.b.example").await, ["default.test"], "a wildcard stands for one label");
        assert_eq!(shown(&server, "other.test").await, ["default.test"]);
        assert_eq!(shown(&server, "127.0.0.1").await, ["default.test"], "no name at all (rule 58)");
        let (head, body) = connect(&server, "b.example").await.ask(get("b.example", "/")).await.unwrap();
        assert!(head.starts_with("HTTP/1.1 200") && body == b"web", "{head}");
    });
}

#[test]
fn rule_58_without_a_name_and_without_a_default_there_is_a_certificate_all_the_same() {
    let pod = Pod::named("web");
    let server = Tidegate::serve(&one_host(&pod));
    run(async {
        for name in ["127.0.0.1", "other.test"] {
            let mut client = connect(&server, name).await;
            assert_ne!(client.names(), ["a.example"]);
            // Routing goes by Host as ever.
            let (head, _) = client.ask(get("a.example", "/")).await.unwrap();
            assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        }
    });
}

#[test]
fn rule_55_56_a_host_without_a_usable_secret_gets_the_default_certificate_and_harms_nobody() {
    let pod = Pod::named("web");
    let (good, key) = certificate(&["c.example"]);
    let (_, other_key) = certificate(&["c.example"]);
    let manifests = one_host(&pod)
        .secret("garbage", "no certificate", "no key")
        .secret("mismatch", &good, &other_key)
        .object(json!({
            "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": {"name": "opaque", "namespace": "test"},
            "stringData": {"tls.crt": good, "tls.key": key},
        }))
        .ingress_with("m", Some("missing.example"), PATHS, json!({}), entry(&["missing.example"], "missing"))
        .ingress_with("g", Some("garbage.example"), PATHS, json!({}), entry(&["garbage.example"], "garbage"))
        .ingress_with("x", Some("mismatch.example"), PATHS, json!({}), entry(&["mismatch.example"], "mismatch"))
        .ingress_with("o", Some("opaque.example"), PATHS, json!({}), entry(&["opaque.example"], "opaque"))
        .ingress_with("n", Some("none.example"), PATHS, json!({}), json!([{"hosts": ["none.example"]}]))
        .certificate("default", &["default.test"]);
    let server = Tidegate::serve_with(&manifests, &["--default-certificate", "test/default"]);
    run(async {
        for name in ["missing.example", "garbage.example", "mismatch.example", "opaque.example", "none.example"] {
            let mut client = connect(&server, name).await;
            assert_eq!(client.names(), ["default.test"], "{name}");
            let (head, _) = client.ask(get(name, "/")).await.unwrap();
            assert!(head.starts_with("HTTP/1.1 200"), "{name}: {head}");
        }
        assert_eq!(shown(&server, "a.example").await, ["a.example"]);
    });
}

#[test]
fn rule_57_a_new_certificate_is_shown_at_once_and_open_connections_go_on() {
    let pod = Pod::named("web");
    let manifests = |secret: &(String, String)| {
        let tls = entry(&["a.example"], "a");
        with_service(&pod).secret("a", &secret.0, &secret.1).ingress_with("a", Some("a.example"), PATHS, json!({}), tls)
    };
    let server = Tidegate::serve(&manifests(&certificate(&["a.example"])));
    run(async {
        let mut http1 = connect(&server, "a.example").await;
        let http2 = H2Client::tls(&server, "a.example").await;
        let mut before = http1.certificate();
        for _ in 0..5 {
            server.replace(&manifests(&certificate(&["a.example"])));
            loop {
                let mut client = connect(&server, "a.example").await;
                let (head, _) = client.ask(get("a.example", "/")).await.unwrap();
                assert!(head.starts_with("HTTP/1.1 200"), "{head}");
                assert_eq!(client.names(), ["a.example"]);
                if client.certificate() != before {
                    before = client.certificate();
                    break;
                }
            }
            assert!(http1.ask(get("a.example", "/")).await.unwrap().0.starts_with("HTTP/1.1 200"));
            assert_eq!(http2.get("a.example", "/").await.status, 200);
        }
    });
}

#[test]
fn rule_55_garbage_in_place_of_a_certificate_keeps_the_last_good_one_and_deletion_drops_it() {
    let pod = Pod::named("web");
    let ingress = |manifests: Manifests| {
        let tls = entry(&["a.example"], "a");
        manifests.ingress_with("a", Some("a.example"), PATHS, json!({}), tls)
    };
    let (good, key) = certificate(&["a.example"]);
    let server = Tidegate::serve(&ingress(with_service(&pod).secret("a", &good, &key)));
    run(async {
        let first = connect(&server, "a.example").await.certificate();
        server.replace(&ingress(with_service(&pod).secret("a", "garbage", &key)));
        eventually("the problem", || server.admin("/debug/problems?format=text").text().contains("a").then_some(()));
        assert_eq!(connect(&server, "a.example").await.certificate(), first);
        server.replace(&ingress(with_service(&pod)));
        while connect(&server, "a.example").await.certificate() == first {}
        assert_ne!(shown(&server, "a.example").await, ["a.example"]);
    });
}

#[test]
fn rule_60_clients_get_the_kind_of_key_they_can_check() {
    let pod = Pod::named("web");
    let manifests =
        with_service(&pod).certificate("ecdsa", &["a.example"]).rsa_certificate("rsa", &["a.example"]).ingress_with(
            "a",
            Some("a.example"),
            PATHS,
            json!({}),
            json!([
                {"hosts": ["a.example"], "secretName": "ecdsa"}, {"hosts": ["a.example"], "secretName": "rsa"},
            ]),
        );
    let server = Tidegate::serve(&manifests);
    run(async {
        let kinds = [
            ("1.2.840.10045.2.1", vec![SignatureScheme::ECDSA_NISTP256_SHA256]),
            ("1.2.840.113549.1.1.1", vec![SignatureScheme::RSA_PSS_SHA256, SignatureScheme::RSA_PKCS1_SHA256]),
        ];
        for (kind, schemes) in kinds {
            for is_tls12 in [false, true] {
                let hello = Hello { schemes: Some(schemes.clone()), is_tls12, ..Hello::of("http/1.1") };
                let mut client = TlsClient::connect(server.https, "a.example", &hello).await.unwrap();
                let der = client.certificate();
                let (_, shown) = x509_parser::parse_x509_certificate(&der).unwrap();
                assert_eq!(shown.public_key().algorithm.algorithm.to_id_string(), kind);
                assert_eq!(client.names(), ["a.example"]);
                assert!(client.ask(get("a.example", "/")).await.unwrap().0.starts_with("HTTP/1.1 200"));
            }
        }
    });
}

#[test]
fn rule_60_protocols_are_agreed_on_or_the_handshake_fails() {
    let pod = Pod::named("web");
    let server = Tidegate::serve(&one_host(&pod));
    run(async {
        let offered = |alpn: &[&'static str]| {
            let hello = Hello { alpn: alpn.to_vec(), ..Hello::default() };
            async { TlsClient::connect(server.https, "a.example", &{ hello }).await }
        };
        let agreed = |client: io::Result<TlsClient>| client.unwrap().alpn();
        assert_eq!(agreed(offered(&["h2", "http/1.1"]).await).as_deref(), Some("h2"));
        assert_eq!(agreed(offered(&["http/1.1", "h2"]).await).as_deref(), Some("h2"));
        assert_eq!(agreed(offered(&["http/1.1"]).await).as_deref(), Some("http/1.1"));
        let mut silent = offered(&[]).await.unwrap();
        assert_eq!(silent.alpn(), None);
        assert!(silent.ask(get("a.example", "/")).await.unwrap().0.starts_with("HTTP/1.1 200"));
        let error = offered(&["spdy/3"]).await.unwrap_err();
        assert!(format!("{error:?}").contains("NoApplicationProtocol"), "{error:?}");
    });
}

#[test]
fn d08_plain_http_on_the_tls_port_is_told_so() {
    let pod = Pod::named("web");
    let server = Tidegate::serve(&one_host(&pod));
    let mut client = Client::connect(server.https);
    let answer = client.ask(get("a.example", "/"));
    assert_eq!((answer.status(), answer.field("connection")), (400, Some("close")));
    assert!(answer.text().contains("HTTPS port"));
    client.expect_end();
    // The preface of HTTP/2 in clear is no better.
    assert_eq!(Client::connect(server.https).ask("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").status(), 400);
    assert_eq!(pod.connections(), 0);
}

#[test]
fn d08_http1_inside_a_connection_for_h2_goes_nowhere() {
    let pod = Pod::named("web");
    let server = Tidegate::serve(&one_host(&pod));
    run(async {
        let mut client = TlsClient::connect(server.https, "a.example", &Hello::of("h2")).await.unwrap();
        client.write_all(get("a.example", "/").as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        let _ = soon("the end", client.read_to_end(&mut rest)).await;
        assert!(!String::from_utf8_lossy(&rest).contains("HTTP/1.1"));
        // Nor is HTTP/2 guessed where http/1.1 was agreed on.
        let mut client = connect(&server, "a.example").await;
        let (head, _) = client.ask("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        assert!(head.starts_with("HTTP/1.1 505"), "{head}");
    });
    assert_eq!(pod.connections(), 0);
}

#[test]
fn connections_are_kept_and_bodies_of_any_size_pass_both_ways() {
    let pod = Pod::scripted(|mut connection| {
        while let Some(request) = connection.request() {
            connection.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", request.body.len()));
            connection.send(&request.body);
        }
    });
    let server = Tidegate::serve(&one_host(&pod));
    run(async {
        let mut client = connect(&server, "a.example").await;
        for size in [0, 1, 16_383, 16_384, 16_385, 70_000, 5_000_000] {
            let body: Vec<u8> = (0..size).map(|index: usize| (index * 31 % 251) as u8).collect();
            let mut request =
                format!("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: {size}\r\n\r\n").into_bytes();
            request.extend_from_slice(&body);
            let (mut reading, mut writing) = tokio::io::split(client);
            let upload = tokio::spawn(async move {
                writing.write_all(&request).await.unwrap();
                writing.flush().await.unwrap();
                writing
            });
            let mut answer = Vec::new();
            let mut buffer = vec![0; 64 * 1024];
            let end = loop {
                let count = soon("more", reading.read(&mut buffer)).await.unwrap();
                assert!(count > 0, "the connection is kept");
                answer.extend_from_slice(&buffer[..count]);
                if let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n")
                    && answer.len() >= head + 4 + size
                {
                    break head + 4;
                }
            };
            assert!(answer[end..] == body, "{size}");
            client = reading.unsplit(upload.await.unwrap());
        }
    });
    assert_eq!(pod.requests()[0].field("x-forwarded-proto"), Some("https"));
}

#[test]
fn d01_a_handshake_has_a_deadline() {
    let pod = Pod::named("web");
    let server = Tidegate::serve_with(&one_host(&pod), &["--handshake-timeout", "200ms"]);
    // Nothing, half a record, a record without end.
    for bytes in [&b""[..], b"\x16\x03\x01", b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc\x03\x03"] {
        let mut client = Client::connect(server.https);
        client.send(bytes);
        let (rest, _) = client.rest();
        assert!(rest.is_empty(), "{rest:?}");
    }
    eventually("a count of them", || (server.metric("tidegate_tls_handshakes_total", "") >= 3.0).then_some(()));
}

#[test]
fn e1_a_client_that_does_not_read_over_tls_is_cut() {
    let (told, seen) = std::sync::mpsc::channel();
    let told = std::sync::Mutex::new(told);
    let pod = Pod::scripted(move |mut connection| {
        connection.request().unwrap();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
        let mut sent = 0;
        while connection.try_send([b'x'; 64 * 1024]).is_ok() {
            sent += 64 * 1024;
        }
        told.lock().unwrap().send(sent).unwrap();
    });
    let server = Tidegate::serve_with(&one_host(&pod), &["--send-timeout", "400ms"]);
    run(async {
        let mut client = connect(&server, "a.example").await;
        client.write_all(get("a.example", "/").as_bytes()).await.unwrap();
        let sent: usize = seen.recv_timeout(crate::support::DEADLINE).unwrap();
        assert!(sent < 16_000_000, "{sent} bytes were read from the pod for a client that reads nothing");
    });
}

#[test]
fn e1_a_body_that_stops_over_tls_is_408() {
    let pod = Pod::scripted(|mut connection| {
        let _ = connection.rest();
    });
    let server = Tidegate::serve_with(&one_host(&pod), &["--body-gap-timeout", "200ms"]);
    run(async {
        let mut client = connect(&server, "a.example").await;
        let request = "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 10\r\n\r\nhello";
        let (head, _) = soon("an answer", client.ask(request)).await.unwrap();
        assert!(head.starts_with("HTTP/1.1 408"), "{head}");
    });
}

#[test]
fn f50_handshakes_go_on_while_certificates_change_all_the_time() {
    let pod = Pod::named("web");
    let manifests = || one_host(&pod);
    let server = Tidegate::serve(&manifests());
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                server.replace(&manifests());
            }
        });
        run(async {
            for _ in 0..60 {
                let mut client = connect(&server, "a.example").await;
                assert_eq!(client.names(), ["a.example"]);
                let (head, _) = client.ask(get("a.example", "/")).await.unwrap();
                assert!(head.starts_with("HTTP/1.1 200"), "{head}");
            }
        });
        is_over.store(true, Ordering::Relaxed);
    });
}
