//! A certificate that a client has shown: its names, its form in a field, and signatures made with its key.

use std::fmt::Write as _;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::SignatureScheme;
use rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::distinguished_name::written;

static ALGORITHMS: LazyLock<WebPkiSupportedAlgorithms> =
    LazyLock::new(|| aws_lc_rs::default_provider().signature_verification_algorithms);

/// What pods may be told of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateNames {
    /// Whose it is, as RFC 2253 writes it and nginx has it in `$ssl_client_s_dn`.
    pub subject: Box<str>,
    /// Who says so, in the same form.
    pub issuer: Box<str>,
}

impl CertificateNames {
    /// Those of a certificate; `None`: it cannot be read.
    pub fn of(der: &[u8]) -> Option<Self> {
        let Ok(([], certificate)) = X509Certificate::from_der(der) else { return None };
        Some(Self { subject: written(certificate.subject()).into(), issuer: written(certificate.issuer()).into() })
    }
}

/// The common name of the subject of a certificate, if it has exactly one and that is not empty.
pub fn common_name(der: &[u8]) -> Option<String> {
    let Ok(([], certificate)) = X509Certificate::from_der(der) else { return None };
    let mut names = certificate.subject().iter_common_name();
    let (name, None) = (names.next()?, names.next()) else { return None };
    name.as_str().ok().map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned)
}

/// A certificate as PEM with all but letters, digits and `-._~` escaped (nginx `$ssl_client_escaped_cert`).
pub fn escaped_pem(der: &[u8]) -> Vec<u8> {
    let text = STANDARD.encode(der);
    let mut pem = String::with_capacity(text.len() * 2);
    pem.push_str("-----BEGIN CERTIFICATE-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, behind) = rest.split_at(rest.len().min(64));
        // A String takes everything.
        let _ = writeln!(pem, "{line}");
        rest = behind;
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    let mut escaped = Vec::with_capacity(pem.len() * 5 / 4);
    for byte in pem.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            escaped.push(byte);
        } else {
            escaped.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    escaped
}

/// The public key of a certificate, as DER of SubjectPublicKeyInfo; `None`: the certificate cannot be read.
pub fn key_of_certificate(der: &[u8]) -> Option<Box<[u8]>> {
    let Ok(([], certificate)) = X509Certificate::from_der(der) else { return None };
    Some(certificate.public_key().raw.into())
}

/// Whether a message is signed with this key (SubjectPublicKeyInfo), in a handshake of TLS 1.2.
pub fn is_signed_in_handshake(message: &[u8], key: &[u8], scheme: SignatureScheme, signature: &[u8]) -> bool {
    let Some((key_algorithm, key)) = key_parts(key) else { return false };
    let known = ALGORITHMS.mapping.iter().find(|(known, _)| *known == scheme);
    known.is_some_and(|(_, algorithms)| {
        algorithms.iter().any(|algorithm| {
            algorithm.public_key_alg_id().as_ref() == key_algorithm
                && algorithm.verify_signature(key, message, signature).is_ok()
        })
    })
}

/// Whether a certificate or a revocation list is signed with this key (SubjectPublicKeyInfo).
pub(super) fn is_signed_by(der: &[u8], key: &[u8]) -> bool {
    let Some(([message, algorithm, signature], (key_algorithm, key))) = signed_parts(der).zip(key_parts(key)) else {
        return false;
    };
    ALGORITHMS.all.iter().any(|known| {
        known.signature_alg_id().as_ref() == algorithm
            && known.public_key_alg_id().as_ref() == key_algorithm
            && known.verify_signature(key, message, signature).is_ok()
    })
}

/// The parts of what is signed (RFC 5280 §4.1, §5.1): what the signature is of, the algorithm without its frame, and the signature.
fn signed_parts(der: &[u8]) -> Option<[&[u8]; 3]> {
    let (_, content, []) = element(der, SEQUENCE)? else { return None };
    let (message, _, rest) = element(content, SEQUENCE)?;
    let (_, algorithm, rest) = element(rest, SEQUENCE)?;
    let (_, bits, []) = element(rest, BIT_STRING)? else { return None };
    Some([message, algorithm, bits.strip_prefix(&[0])?])
}

/// The algorithm of a key without its frame, and the key (RFC 5280 §4.1.2.7).
fn key_parts(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_, content, []) = element(der, SEQUENCE)? else { return None };
    let (_, algorithm, rest) = element(content, SEQUENCE)?;
    let (_, bits, []) = element(rest, BIT_STRING)? else { return None };
    Some((algorithm, bits.strip_prefix(&[0])?))
}

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;

/// The first element of DER, if it has this tag: all of it, its content, and what is behind.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8], &[u8])> {
    let (&[first, length], rest) = der.split_first_chunk::<2>()?;
    if first != tag {
        return None;
    }
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81..=0x83 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, behind) = rest.split_at_checked(length)?;
    Some((&der[..der.len() - behind.len()], content, behind))
}
