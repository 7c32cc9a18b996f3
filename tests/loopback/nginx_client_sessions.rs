//! Certificates of clients over time: chains, revocation, changes of Secrets, and sessions that are resumed.

use std::sync::{Arc, Mutex};

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use serde_json::json;

use super::nginx_client_certificates::{
    NAMES, SECRET, TRUSTED, alice, clients, connect, hello, manifests, serve, serve_trusting, status,
};
use crate::support::h2::{run, soon};
use crate::support::tls::{Hello, Identity, TlsClient};
use crate::support::{Authority, Tidegate, get};

async fn ask(client: &mut TlsClient, host: &str) -> u16 {
    status(&client.ask(get(host, "/")).await.unwrap().0)
}

async fn ask_with(server: &Tidegate, identity: &Identity) -> u16 {
    ask(&mut connect(server, "a.example", Some(identity)).await, "a.example").await
}

/// Asks until the answer has this status, on new connections.
async fn until(server: &Tidegate, identity: &Identity, wanted: u16) {
    soon("another answer", async {
        while ask_with(server, identity).await != wanted {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[test]
fn nginx_x1_so_many_certificates_may_be_between_as_the_depth_says() {
    let one = TRUSTED.intermediate("One");
    let two = one.intermediate("Two");
    let behind = |authority: &Authority, others: &[&Authority]| {
        let identity = authority.sign_client(&NAMES, 7, -1..1);
        let chain = others.iter().map(|other| other.pem.as_str());
        Identity { pem: [identity.pem.as_str()].into_iter().chain(chain).collect::<Vec<_>>().join("\n"), ..identity }
    };
    let of_one = behind(&one, &[&one]);
    let of_two = behind(&two, &[&two, &one]);
    // Some send the authority, too.
    let of_one_and_all = behind(&one, &[&one, &TRUSTED]);
    for (depth, expected) in
        [("1", [200, 200, 400]), ("0", [200, 200, 400]), ("2", [200, 200, 200]), ("x", [200, 200, 400])]
    {
        let (_pod, server) = serve(&[SECRET, ("auth-tls-verify-depth", depth)]);
        run(async {
            let mut found = Vec::new();
            for identity in [&of_one, &of_one_and_all, &of_two] {
                found.push(ask_with(&server, identity).await);
            }
            assert_eq!(found, expected, "{depth}");
            assert_eq!(ask_with(&server, &alice()).await, 200);
            assert_eq!(ask_with(&server, &behind(&one, &[])).await, 400, "what is between must be shown");
        });
    }
}

#[test]
fn nginx_x1_what_an_authority_has_revoked_is_refused_and_so_is_what_nobody_knows_of() {
    let (good, bad) = (TRUSTED.sign_client(&NAMES, 7, -1..1), TRUSTED.sign_client(&NAMES, 8, -1..1));
    for (crl, expected) in [
        (TRUSTED.revoke(&[8], -1..1), [200, 400]),
        (TRUSTED.revoke(&[], -1..1), [200, 200]),
        // It has expired.
        (TRUSTED.revoke(&[8], -2..-1), [400, 400]),
        (Authority::new("Others").revoke(&[8], -1..1), [400, 400]),
    ] {
        let (_pod, server) = serve_trusting(&[SECRET], json!({"ca.crt": TRUSTED.pem, "ca.crl": crl}));
        run(async {
            assert_eq!([ask_with(&server, &good).await, ask_with(&server, &bad).await], expected);
        });
    }
}

#[test]
fn nginx_x6_a_changed_secret_counts_at_once_also_on_open_connections() {
    let (pod, server) = serve(&[SECRET]);
    let other = Authority::new("Others");
    let (good, theirs) = (alice(), other.sign_client(&NAMES, 7, -1..1));
    let objects = || manifests(&pod, &[SECRET]);
    run(async {
        let mut open = connect(&server, "a.example", Some(&good)).await;
        assert_eq!(ask(&mut open, "a.example").await, 200);
        server
            .replace(&objects().object(clients(json!({"ca.crt": TRUSTED.pem, "ca.crl": TRUSTED.revoke(&[7], -1..1)}))));
        until(&server, &good, 400).await;
        assert_eq!(ask(&mut open, "a.example").await, 400, "it has been revoked");
        server.replace(&objects().object(clients(json!({"ca.crt": other.pem}))));
        until(&server, &theirs, 200).await;
        assert_eq!(ask(&mut open, "a.example").await, 400, "its authority has gone");
        server.replace(&objects());
        until(&server, &theirs, 403).await;
        assert_eq!(ask(&mut open, "a.example").await, 403, "nobody knows whom to trust");
        server.replace(&objects().object(clients(json!({"ca.crt": TRUSTED.pem}))));
        until(&server, &good, 200).await;
        assert_eq!(ask(&mut open, "a.example").await, 200, "it is still the connection of who has shown it");
    });
}

#[test]
fn nginx_x8_a_connection_from_before_a_certificate_was_needed_is_to_be_made_anew() {
    let (pod, server) = serve(&[]);
    let good = alice();
    run(async {
        let mut open = connect(&server, "a.example", Some(&good)).await;
        assert_eq!(ask(&mut open, "a.example").await, 200);
        server.replace(&manifests(&pod, &[SECRET]).object(clients(json!({"ca.crt": TRUSTED.pem}))));
        soon("a certificate is needed", async {
            while ask(&mut connect(&server, "a.example", None).await, "a.example").await != 400 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert_eq!(ask(&mut open, "a.example").await, 421);
        assert_eq!(ask_with(&server, &good).await, 200);
    });
}

#[test]
fn nginx_x8_sessions_are_resumed_with_the_certificate_and_for_their_own_host_only() {
    for is_tls12 in [false, true] {
        let (pod, server) = serve(&[SECRET]);
        let config = |identity: Option<&Identity>| Arc::new(Hello { is_tls12, ..hello(identity) }.config());
        run(async {
            let resume = async |name: &str, host: &str, config: &Arc<rustls::ClientConfig>| {
                let mut client = TlsClient::connect_with(server.https, name, config).await.unwrap();
                (client.is_resumed(), ask(&mut client, host).await)
            };
            let with = config(Some(&alice()));
            assert_eq!(resume("a.example", "a.example", &with).await, (false, 200));
            for _ in 0..3 {
                assert_eq!(resume("a.example", "a.example", &with).await, (true, 200), "the certificate came along");
            }
            let without = config(None);
            for _ in 0..2 {
                // Who has none gets another chance to show one.
                assert_eq!(resume("a.example", "a.example", &without).await, (false, 400));
            }
            // A session of the open host is one of the open host.
            assert_eq!(resume("b.example", "b.example", &without).await, (false, 200));
            assert_eq!(resume("b.example", "b.example", &without).await, (true, 200));
            assert_eq!(resume("b.example", "a.example", &without).await, (true, 421));
            assert_eq!(resume("b.example", "b.example", &with).await, (false, 200));
            assert_eq!(resume("b.example", "a.example", &with).await, (true, 421));
            // One from before the certificate was needed is not resumed, so that it is asked for.
            let early = config(Some(&alice()));
            server.replace(&manifests(&pod, &[]));
            soon("no certificate is needed", async {
                while ask(&mut connect(&server, "a.example", None).await, "a.example").await != 200 {
                    tokio::task::yield_now().await;
                }
            })
            .await;
            assert_eq!(resume("a.example", "a.example", &early).await, (false, 200));
            assert_eq!(resume("a.example", "a.example", &early).await, (true, 200));
            let revoked = json!({"ca.crt": TRUSTED.pem, "ca.crl": TRUSTED.revoke(&[7], -1..1)});
            server.replace(&manifests(&pod, &[SECRET]).object(clients(revoked)));
            until(&server, &alice(), 400).await;
            assert_eq!(resume("a.example", "a.example", &early).await, (false, 400));
            // And one with a certificate is verified again.
            assert_eq!(resume("a.example", "a.example", &with).await, (true, 400));
        });
    }
}

#[test]
fn nginx_x1_what_a_client_shows_is_bounded() {
    let (_pod, server) = serve(&[SECRET]);
    let one = TRUSTED.intermediate("One");
    let identity = alice();
    let size = one.pem.len() * 3 / 4;
    let with = |bytes: usize| Identity {
        pem: format!("{}\n{}", identity.pem, one.pem.repeat(bytes / size)),
        ..identity.clone()
    };
    run(async {
        let config = Arc::new(hello(Some(&with(24 * 1024))).config());
        for is_resumed in [false, true] {
            let mut client = TlsClient::connect_with(server.https, "a.example", &config).await.unwrap();
            assert_eq!((client.is_resumed(), ask(&mut client, "a.example").await), (is_resumed, 200));
        }
        for bytes in [48, 63, 128] {
            let connecting = TlsClient::connect(server.https, "a.example", &hello(Some(&with(bytes * 1024)))).await;
            let answer = match connecting {
                Ok(mut client) => client.ask(get("a.example", "/")).await.map(|(head, _)| head),
                Err(error) => Err(error),
            };
            assert!(answer.is_err(), "{bytes} KiB: {answer:?}");
        }
        assert_eq!(ask_with(&server, &identity).await, 200);
    });
}

/// Has no certificate and keeps what it is told of authorities.
#[derive(Debug, Default)]
struct Told(Mutex<Vec<String>>);

impl ResolvesClientCert for Told {
    fn resolve(&self, names: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        *self.0.lock().unwrap() = names.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        None
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[test]
fn nginx_x1_clients_are_told_whose_certificates_are_right() {
    let (pod, server) = serve(&[SECRET]);
    let other = Authority::new("Others");
    let told = async |is_tls12: bool| {
        let told = Arc::new(Told::default());
        let mut config = Hello { is_tls12, ..hello(None) }.config();
        config.client_auth_cert_resolver = Arc::clone(&told) as _;
        let config = Arc::new(config);
        let mut client = TlsClient::connect_with(server.https, "a.example", &config).await.unwrap();
        assert_eq!(ask(&mut client, "a.example").await, 400);
        told.0.lock().unwrap().clone()
    };
    run(async {
        for is_tls12 in [false, true] {
            let names = told(is_tls12).await;
            assert!(names.len() == 1 && names[0].contains("Clients"), "{names:?}");
        }
        server.replace(&manifests(&pod, &[SECRET]).object(clients(json!({"ca.crt": other.pem}))));
        until(&server, &other.sign_client(&NAMES, 7, -1..1), 200).await;
        let names = told(false).await;
        assert!(names.len() == 1 && names[0].contains("Others"), "{names:?}");
    });
}
