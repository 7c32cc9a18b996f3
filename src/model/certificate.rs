//! A certificate chain with its private key. It is checked once, when it arrives, so that no later step can fail on it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SigningKey};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};
use x509_parser::public_key::PublicKey;

/// Certificates a chain may have; more is refused.
const MAX_CHAIN: usize = 10;

/// Shortest RSA key. Bits. Shorter ones can be broken: browsers and TLS libraries refuse them (NIST SP 800-131A).
const MIN_RSA_BITS: usize = 2048;

/// Longest RSA key. Bits. A handshake with 4096 takes 1.8 ms of CPU, one with 8192 takes 32 ms: thirty clients in a second
/// would fill a shard, which all tenants use.
const MAX_RSA_BITS: usize = 4096;

/// What a certificate in PEM begins with.
const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// A usable chain and key. Two are equal when their chains are: each key was checked to belong to its chain.
pub struct Certificate {
    key: Arc<CertifiedKey>,
    private: PrivateKey,
    names: Vec<String>,
    not_before: i64,
    not_after: i64,
}

/// A private key as DER (PKCS#1, PKCS#8 or SEC1), for the file of saved objects. It cannot be printed: it has neither `Debug`
/// nor `Display`, and so a type that holds one cannot derive them.
pub struct PrivateKey(PrivateKeyDer<'static>);

impl PrivateKey {
    /// The bytes of the key. Secret: not for logs, views or messages.
    pub fn secret_der(&self) -> &[u8] {
        self.0.secret_der()
    }
}

/// Why PEM data is not a usable certificate and key. Never holds any of the data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// The certificate part is not PEM, or has no certificate.
    #[error("tls.crt holds no PEM certificate")]
    NoCertificate,
    /// A certificate of the chain does not begin at the start of a line.
    #[error("tls.crt has a certificate that does not begin at the start of a line, and would be left out of the chain")]
    StrayCertificate,
    /// More certificates than a chain may have.
    #[error("tls.crt holds more than {MAX_CHAIN} certificates")]
    ChainTooLong,
    /// The leaf is not a readable X.509 certificate.
    #[error("the first certificate in tls.crt is not readable as X.509")]
    Unreadable,
    /// The key part is not PEM, has no private key, or is encrypted.
    #[error("tls.key holds no unencrypted PEM private key (PKCS#1, PKCS#8 or SEC1)")]
    NoKey,
    /// The key is of a kind or size that is not supported.
    #[error(
        "the private key is of a kind or size that is not supported (RSA of 2048 to {MAX_RSA_BITS} bits, ECDSA P-256, P-384 or P-521, or Ed25519)"
    )]
    UnsupportedKey,
    /// An RSA key shorter than `MIN_RSA_BITS`.
    #[error("the RSA key has {0} bits, and clients refuse those with fewer than {MIN_RSA_BITS}")]
    KeyTooShort(usize),
    /// An RSA key longer than `MAX_RSA_BITS`.
    #[error("the RSA key has more than {MAX_RSA_BITS} bits, with which a handshake takes too much time of all hosts")]
    KeyTooLong,
    /// The key does not belong to the leaf.
    #[error("the private key in tls.key does not belong to the first certificate in tls.crt")]
    KeyMismatch,
}

impl Certificate {
    /// Reads a PEM chain, leaf first, and a PEM private key (`kubernetes.io/tls` Secret: `tls.crt`, `tls.key`).
    pub fn parse(chain_pem: &[u8], key_pem: &[u8]) -> Result<Self, CertificateError> {
        let (chain_pem, key_pem) = (apart(chain_pem), apart(key_pem));
        let mut chain = Vec::new();
        for item in CertificateDer::pem_slice_iter(&chain_pem) {
            chain.push(item.map_err(|_| CertificateError::NoCertificate)?);
            if chain.len() > MAX_CHAIN {
                return Err(CertificateError::ChainTooLong);
            }
        }
        let lines = chain_pem.split(|byte| matches!(byte, b'\n' | b'\r'));
        if lines.filter(|line| line.trim_ascii_start().starts_with(BEGIN)).count() > chain.len() {
            return Err(CertificateError::StrayCertificate);
        }
        // Errors of the certificates are reported before errors of the key.
        let key = PrivateKeyDer::from_pem_slice(&key_pem).map_err(|_| CertificateError::NoKey);
        Self::new(chain, key)
    }

    /// The same from DER, as [`Self::chain`] and [`PrivateKey::secret_der`] gave it.
    pub fn from_der(chain: Vec<Vec<u8>>, key: Vec<u8>) -> Result<Self, CertificateError> {
        if chain.len() > MAX_CHAIN {
            return Err(CertificateError::ChainTooLong);
        }
        let key = PrivateKeyDer::try_from(key).map_err(|_| CertificateError::NoKey);
        Self::new(chain.into_iter().map(CertificateDer::from).collect(), key)
    }

    fn new(
        chain: Vec<CertificateDer<'static>>,
        key: Result<PrivateKeyDer<'static>, CertificateError>,
    ) -> Result<Self, CertificateError> {
        let leaf = chain.first().ok_or(CertificateError::NoCertificate)?;
        let (_, parsed) = X509Certificate::from_der(leaf).map_err(|_| CertificateError::Unreadable)?;
        let names = names_of(&parsed);
        let validity = parsed.validity();
        let (not_before, not_after) = (validity.not_before.timestamp(), validity.not_after.timestamp());

        let private = PrivateKey(key?);
        check_length(&parsed)?;
        let key = aws_lc_rs::sign::any_supported_type(&private.0).map_err(|_| CertificateError::UnsupportedKey)?;
        check_key(&*key, &parsed)?;
        let key = CertifiedKey::new(chain, key);
        Ok(Self { key: Arc::new(key), private, names, not_before, not_after })
    }

    /// The chain, leaf first, each as DER.
    pub fn chain(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.key.cert.iter().map(AsRef::as_ref)
    }

    /// The private key, for the file of saved objects only.
    pub fn private_key(&self) -> &PrivateKey {
        &self.private
    }

    /// Chain and signing key, as the TLS library takes them.
    pub fn key(&self) -> &Arc<CertifiedKey> {
        &self.key
    }

    /// DNS names of the leaf: its subject alternative names, or its common name when it has none.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Start of validity, seconds since the Unix epoch.
    pub fn not_before(&self) -> i64 {
        self.not_before
    }

    /// End of validity, seconds since the Unix epoch.
    pub fn not_after(&self) -> i64 {
        self.not_after
    }

    /// Whether the leaf's key is RSA, ECDSA or EdDSA: a second certificate is of use only with another kind.
    pub fn algorithm(&self) -> rustls::SignatureAlgorithm {
        self.key.key.algorithm()
    }
}

/// The PEM text with each section on lines of its own. Who joins files without a line break at the end of the first one gets
/// `-----END CERTIFICATE----------BEGIN CERTIFICATE-----`, of which the second half would be passed over.
fn apart(pem: &[u8]) -> Cow<'_, [u8]> {
    const JOINED: &[u8] = b"----------BEGIN ";
    let found = memchr::memmem::find_iter(pem, JOINED).map(|at| at + 5);
    let mut apart = Vec::new();
    let mut from = 0;
    for at in found {
        apart.extend_from_slice(&pem[from..at]);
        apart.push(b'\n');
        from = at;
    }
    if from == 0 {
        return Cow::Borrowed(pem);
    }
    apart.extend_from_slice(&pem[from..]);
    Cow::Owned(apart)
}

/// Whether the key belongs to the leaf. Of the leaf only its public key matters here. The TLS library's own
/// check reads certificates as a client does, and fails for those of version 1 and with unknown critical extensions. Whether
/// they are good enough is for clients to decide.
fn check_key(key: &dyn SigningKey, leaf: &X509Certificate<'_>) -> Result<(), CertificateError> {
    let of_leaf = leaf.public_key();
    let of_key = key.public_key().ok_or(CertificateError::UnsupportedKey)?;
    if of_key.as_ref() != of_leaf.raw {
        // The same key under another name is RSA for PSS only.
        let is_same = of_key.as_ref().ends_with(&of_leaf.subject_public_key.data);
        return Err(if is_same { CertificateError::UnsupportedKey } else { CertificateError::KeyMismatch });
    }
    Ok(())
}

/// Whether the leaf's key has a length that is served. The key that belongs to it has the same, and the TLS library's own error for a
/// short one does not tell why.
fn check_length(leaf: &X509Certificate<'_>) -> Result<(), CertificateError> {
    match leaf.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => match bits(key.modulus) {
            short if short < MIN_RSA_BITS => Err(CertificateError::KeyTooShort(short)),
            long if long > MAX_RSA_BITS => Err(CertificateError::KeyTooLong),
            _ => Ok(()),
        },
        Ok(_) | Err(_) => Ok(()),
    }
}

/// The length of a number, most significant byte first.
fn bits(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let first = number.get(zeros).map_or(0, |first| first.leading_zeros() as usize);
    8 * (number.len() - zeros) - first
}

fn names_of(certificate: &X509Certificate<'_>) -> Vec<String> {
    let mut names = Vec::new();
    if let Ok(Some(extension)) = certificate.subject_alternative_name() {
        for name in &extension.value.general_names {
            if let GeneralName::DNSName(name) = name {
                names.push(name.to_ascii_lowercase());
            }
        }
        return names;
    }
    names.extend(
        certificate.subject().iter_common_name().filter_map(|cn| cn.as_str().ok()).map(str::to_ascii_lowercase),
    );
    names
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.key, &other.key) || self.key.cert == other.key.cert
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key: _, private: _, names, not_before: _, not_after } = self;
        f.debug_struct("Certificate").field("names", names).field("not_after", not_after).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(names: &[&str]) -> (String, String) {
        let made =
            rcgen::generate_simple_self_signed(names.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn a_pair_is_read_with_its_names() {
        let (chain, key) = pair(&["a.example", "*.b.example"]);
        let certificate = Certificate::parse(chain.as_bytes(), key.as_bytes()).unwrap();
        assert_eq!(certificate.names(), ["a.example", "*.b.example"]);
        assert!(certificate.not_after() > certificate.not_before());
        assert!(!format!("{certificate:?}").contains("key"));
    }

    #[test]
    fn a_pair_is_had_back_from_what_it_gives() {
        let kinds = [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ED25519, &rcgen::PKCS_RSA_SHA256];
        for kind in kinds {
            let key = rcgen::KeyPair::generate_for(kind).unwrap();
            let made = rcgen::CertificateParams::new(["a.example".to_owned()]).unwrap().self_signed(&key).unwrap();
            let read = Certificate::parse(made.pem().as_bytes(), key.serialize_pem().as_bytes()).unwrap();
            let (chain, der) = (read.chain().map(<[u8]>::to_vec).collect(), read.private_key().secret_der().to_vec());
            let again = Certificate::from_der(chain, der).unwrap();
            assert_eq!((&again, again.names(), again.not_after()), (&read, read.names(), read.not_after()));
            assert_eq!(again.algorithm(), read.algorithm());
        }
        assert_eq!(Certificate::from_der(Vec::new(), Vec::new()).unwrap_err(), CertificateError::NoCertificate);
    }

    #[test]
    fn fault_b70_a_certificate_of_version_1_is_read() {
        let (chain, key) = (include_bytes!("fixtures/v1.crt"), include_bytes!("fixtures/v1.key"));
        let certificate = Certificate::parse(chain, key).unwrap();
        assert_eq!(certificate.names(), ["a.example"]);
        let (_, other) = pair(&["a.example"]);
        assert_eq!(Certificate::parse(chain, other.as_bytes()).unwrap_err(), CertificateError::KeyMismatch);
    }

    #[test]
    fn fault_b70_a_critical_extension_that_nobody_knows_is_for_clients_to_judge() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(["a.example".to_owned()]).unwrap();
        let mut unknown = rcgen::CustomExtension::from_oid_content(&[1, 2, 3, 4, 5, 6], vec![5, 0]);
        unknown.set_criticality(true);
        params.custom_extensions.push(unknown);
        let made = params.self_signed(&key).unwrap();
        let certificate = Certificate::parse(made.pem().as_bytes(), key.serialize_pem().as_bytes()).unwrap();
        assert_eq!(certificate.names(), ["a.example"]);
    }

    #[test]
    fn rsa_keys_below_2048_bits_are_refused_with_their_length() {
        let (chain, key) = (include_bytes!("fixtures/rsa1024.crt"), include_bytes!("fixtures/rsa1024.key"));
        let error = Certificate::parse(chain, key).unwrap_err();
        assert_eq!(error, CertificateError::KeyTooShort(1024));
        assert!(error.to_string().contains("has 1024 bits"), "{error}");
    }

    #[test]
    fn fault_b73_certificates_that_were_joined_without_a_line_break_are_all_read() {
        let ((leaf, key), (issuer, _)) = (pair(&["a.example"]), pair(&["issuer.example"]));
        let joined = format!("{}{}{issuer}", leaf.trim_end(), issuer.trim_end());
        let certificate = Certificate::parse(joined.as_bytes(), key.as_bytes()).unwrap();
        assert_eq!(certificate.chain().len(), 3);
        let both = format!("{}{key}", leaf.trim_end());
        assert!(Certificate::parse(leaf.as_bytes(), both.as_bytes()).is_ok());
    }

    #[test]
    fn fault_b73_a_certificate_that_would_be_passed_over_is_told() {
        let ((leaf, key), (issuer, _)) = (pair(&["a.example"]), pair(&["issuer.example"]));
        for stray in [format!("{leaf} {issuer}"), format!("{leaf}\t{issuer}")] {
            let error = Certificate::parse(stray.as_bytes(), key.as_bytes()).unwrap_err();
            assert_eq!(error, CertificateError::StrayCertificate);
        }
        let commented =
            format!("subject: a\n----------\n{leaf}\n# the issuer, {}\n{issuer}", "-----BEGIN CERTIFICATE-----");
        assert_eq!(Certificate::parse(commented.as_bytes(), key.as_bytes()).unwrap().chain().len(), 2);
    }

    #[test]
    fn fault_f10_rsa_keys_above_4096_bits_are_refused() {
        let (chain, key) = (include_bytes!("fixtures/rsa8192.crt"), include_bytes!("fixtures/rsa8192.key"));
        let error = Certificate::parse(chain, key).unwrap_err();
        assert_eq!(error, CertificateError::KeyTooLong);
        assert!(error.to_string().contains("more than 4096 bits"), "{error}");
        for (number, length) in [(&[][..], 0), (&[0], 0), (&[1], 1), (&[0, 0x80], 8), (&[1, 0], 9), (&[0, 0, 0xff], 8)]
        {
            assert_eq!(bits(number), length, "{number:?}");
        }
    }

    #[test]
    fn what_is_unusable_says_why() {
        let (chain, key) = pair(&["a.example"]);
        let (_, other) = pair(&["a.example"]);
        let parse = |c: &str, k: &str| Certificate::parse(c.as_bytes(), k.as_bytes()).unwrap_err();
        assert_eq!(parse("", &key), CertificateError::NoCertificate);
        assert_eq!(parse("garbage", &key), CertificateError::NoCertificate);
        assert_eq!(parse(&key, &key), CertificateError::NoCertificate);
        assert_eq!(parse(&chain, ""), CertificateError::NoKey);
        assert_eq!(parse(&chain, &chain), CertificateError::NoKey);
        assert_eq!(parse(&chain, &other), CertificateError::KeyMismatch);
        assert_eq!(parse(&chain.repeat(11), &key), CertificateError::ChainTooLong);
        let der = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(parse(der, &key), CertificateError::Unreadable);
    }
}
