//! Which certificate a client sees.

use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use rustls::pki_types::CertificateDer;
use rustls::{ServerConfig, SignatureScheme};

use super::support::*;
use crate::model::Certificate;
use crate::proxy::client::tls::TlsStream;

/// The leaf a client is shown, and what the server knows of the connection.
fn shown(config: Arc<ServerConfig>, client: Client, name: &str) -> (CertificateDer<'static>, TlsStream) {
    let (client, name) = (client.config(), name.to_owned());
    let ask = move |tcp| {
        let mut stream = connect(client, &name, tcp);
        shake(&mut stream).unwrap();
        let leaf = stream.conn.peer_certificates().unwrap()[0].clone();
        be_greeted(&mut stream);
        leaf
    };
    meet(config, ask, |stream| greet(stream.unwrap()))
}

fn leaf(certificate: &Certificate) -> &CertificateDer<'static> {
    &certificate.key().cert[0]
}

#[test]
fn rule_54_the_server_name_chooses_and_the_choice_sees_it_in_lower_case() {
    let (a, b, other) = (ecdsa("a.example"), ecdsa("*.b.example"), ecdsa("default.example"));
    let (in_a, in_b, in_other) = (a.clone(), b.clone(), other.clone());
    let config = choosing(move |name| match name {
        Some("a.example") => vec![in_a.clone()],
        Some(name) if name.strip_suffix(".b.example").is_some_and(|label| !label.contains('.')) => vec![in_b.clone()],
        _ => vec![in_other.clone()],
    });
    for (name, certificate) in [
        ("a.example", &a),
        ("A.Example", &a),
        ("one.b.example", &b),
        ("two.one.b.example", &other),
        ("unknown.example", &other),
    ] {
        let (seen, stream) = shown(Arc::clone(&config), Client::default(), name);
        assert_eq!(&seen, leaf(certificate), "{name}");
        assert_eq!(stream.server_name(), Some(name.to_ascii_lowercase().as_str()));
    }
}

#[test]
fn rule_58_no_server_name_gets_the_default_certificate() {
    let (default, seen_names) = (ecdsa("default.example"), Arc::new(Mutex::new(Vec::new())));
    let (in_default, names) = (default.clone(), Arc::clone(&seen_names));
    let config = choosing(move |name| {
        names.lock().unwrap().push(name.map(str::to_owned));
        vec![in_default.clone()]
    });
    let (seen, stream) = shown(Arc::clone(&config), Client { sni: false, ..Client::default() }, "a.example");
    assert_eq!((&seen, stream.server_name()), (leaf(&default), None));
    // An address is not a server name (RFC 6066 §3).
    let (_, stream) = shown(config, Client::default(), "127.0.0.1");
    assert_eq!(stream.server_name(), None);
    assert_eq!(*seen_names.lock().unwrap(), [None, None]);
}

#[test]
fn rule_55_a_name_without_any_certificate_gets_the_fallback_and_not_a_failure() {
    let config = choosing(|_| Vec::new());
    let (seen, stream) = shown(config, Client::default(), "a.example");
    let (_, seen) = x509_parser::parse_x509_certificate(&seen).unwrap();
    assert_eq!(seen.subject().to_string(), "CN=Tidegate default certificate");
    assert_eq!(stream.server_name(), Some("a.example"));
}

#[test]
fn rule_57_rotation_reaches_new_handshakes_and_leaves_connections_alone() {
    use std::io::{Read, Write};

    let (old, new) = (ecdsa("a.example"), ecdsa("a.example"));
    let current = Arc::new(ArcSwap::from_pointee(vec![old.clone()]));
    let cell = Arc::clone(&current);
    let config = choosing(move |_| Vec::clone(&cell.load()));
    let second = Arc::clone(&config);
    let (old_leaf, rotated) = (leaf(&old).clone(), new.clone());
    let early = move |tcp| {
        let mut stream = connect(Client::default().config(), "a.example", tcp);
        shake(&mut stream).unwrap();
        assert_eq!(stream.conn.peer_certificates().unwrap()[0], old_leaf);
        let (seen, _) = {
            current.store(Arc::new(vec![rotated.clone()]));
            shown(second, Client::default(), "a.example")
        };
        assert_eq!(&seen, leaf(&rotated));
        stream.write_all(b"still here?").unwrap();
        let mut answer = [0; 3];
        stream.read_exact(&mut answer).unwrap();
        answer
    };
    let (answer, ()) = meet(config, early, |stream| async {
        let stream = stream.unwrap();
        let mut question = [0; 11];
        read_exact(&stream, &mut question).await;
        write_all(&stream, b"yes").await;
    });
    assert_eq!(&answer, b"yes");
}

#[test]
fn rule_60_ecdsa_is_preferred_and_rsa_serves_who_needs_it() {
    let (rsa, ecdsa) = (rsa("a.example"), ecdsa("a.example"));
    let config = showing(vec![rsa.clone(), ecdsa.clone()]);
    let only_rsa = || {
        let schemes =
            vec![SignatureScheme::RSA_PSS_SHA256, SignatureScheme::RSA_PKCS1_SHA256, SignatureScheme::RSA_PSS_SHA384];
        Some(schemes)
    };
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let all = Client { versions: vec![version], ..Client::default() };
        assert_eq!(&shown(Arc::clone(&config), all, "a.example").0, leaf(&ecdsa));
        let old = Client { versions: vec![version], schemes: only_rsa(), ..Client::default() };
        assert_eq!(&shown(Arc::clone(&config), old, "a.example").0, leaf(&rsa));
    }
}

#[test]
fn rule_58_a_client_that_cannot_use_the_hosts_certificate_gets_the_fallback() {
    let config = showing(vec![rsa("a.example")]);
    let client = Client { schemes: Some(vec![SignatureScheme::ECDSA_NISTP256_SHA256]), ..Client::default() };
    let (seen, _) = shown(config, client, "a.example");
    let (_, seen) = x509_parser::parse_x509_certificate(&seen).unwrap();
    assert_eq!(seen.subject().to_string(), "CN=Tidegate default certificate");
}

#[test]
fn rule_60_keys_in_pkcs8_pkcs1_and_sec1_serve() {
    for (kind, label) in [
        (&rcgen::PKCS_RSA_SHA256, "RSA PRIVATE KEY"),
        (&rcgen::PKCS_ECDSA_P256_SHA256, "EC PRIVATE KEY"),
        (&rcgen::PKCS_ECDSA_P384_SHA384, "EC PRIVATE KEY"),
    ] {
        let (chain, key) = pair("a.example", kind);
        let traditional = pem(label, traditional(key.serialized_der()));
        for key in [key.serialize_pem(), traditional] {
            let certificate = Arc::new(Certificate::parse(chain.as_bytes(), key.as_bytes()).unwrap());
            for client in [Client::default(), Client::tls12()] {
                let (seen, _) = shown(showing(vec![certificate.clone()]), client, "a.example");
                assert_eq!(&seen, leaf(&certificate), "{label}");
            }
        }
    }
}

/// The key inside a PKCS#8 container (RFC 5958 §2): what PKCS#1 and SEC1 hold.
fn traditional(pkcs8: &[u8]) -> &[u8] {
    use x509_parser::der_parser::der::parse_der;
    let (_, container) = parse_der(pkcs8).unwrap();
    container.as_sequence().unwrap()[2].as_slice().unwrap()
}

fn pem(label: &str, der: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in der.chunks(48) {
        for group in line.chunks(3) {
            let bits = group.iter().fold(0, |bits, byte| (bits << 8) | usize::from(*byte)) << (8 * (3 - group.len()));
            for i in 0..4 {
                let symbol = if i <= group.len() { ALPHABET[(bits >> (18 - 6 * i)) & 63] } else { b'=' };
                text.push(char::from(symbol));
            }
        }
        text.push('\n');
    }
    text + &format!("-----END {label}-----\n")
}
