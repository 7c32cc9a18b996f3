//! Certificates as clients show them: no input panics or is right, and nothing that pods are told of one could end a line.

#![no_main]

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use rustls_pki_types::{CertificateDer, UnixTime};
use tidegate::model::{
    CaBundle, CertificateNames, ClientTrust, escaped_pem, is_signed_in_handshake, key_of_certificate,
};

/// Who has a certificate that it did not sign is never trusted.
static TRUST: LazyLock<ClientTrust> = LazyLock::new(|| {
    let bundle = CaBundle::parse(include_bytes!("../../src/model/fixtures/clients-ca.crt")).expect("an authority");
    let crl = include_bytes!("../../src/model/fixtures/clients-revoked.crl");
    ClientTrust::parse(Arc::new(bundle), Some(crl)).expect("a revocation list")
});

fuzz_target!(|input: &[u8]| {
    let now = UnixTime::since_unix_epoch(Duration::from_secs(1_780_000_000));
    let chain = [CertificateDer::from(input), CertificateDer::from(input)];
    let is_authority = TRUST.authorities().certificates().any(|der| der == input);
    // The one certificate that it has signed is revoked.
    assert!(TRUST.verify(&chain, 1, now).is_err() || is_authority);
    if let Some(CertificateNames { subject, issuer }) = CertificateNames::of(input) {
        for name in [subject, issuer] {
            assert!(name.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{name:?}");
        }
    }
    let pem = escaped_pem(input);
    assert!(pem.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(byte)));
    if let Some(key) = key_of_certificate(input) {
        let scheme = rustls::SignatureScheme::ECDSA_NISTP256_SHA256;
        assert!(!is_signed_in_handshake(b"message", &key, scheme, input));
    }
    // Revocation lists come with the same care.
    let authorities = Arc::clone(TRUST.authorities());
    let _ = ClientTrust::from_der(authorities, [input.to_vec()]).map(|trust| trust.verify(&chain, 1, now));
});
