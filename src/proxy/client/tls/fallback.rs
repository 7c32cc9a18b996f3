//! The certificate for names without one. It is self-signed and made at start. So a handshake never fails for lack of a
//! certificate, and no tenant's certificate is shown for another tenant's name.

use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};

use crate::model::{Certificate, CertificateError};

/// Validity. A pod that lives longer restarts with a new one; clients cannot trust it anyway.
const VALIDITY: Duration = Duration::from_secs(2 * 365 * 24 * 3600);
/// How long before now the validity begins, for clients whose clock is behind.
const BACKDATE: Duration = Duration::from_secs(24 * 3600);

/// Why the fallback certificate could not be made.
#[derive(Debug, thiserror::Error)]
pub enum FallbackError {
    /// Making the key or signing failed.
    #[error("cannot make the fallback certificate")]
    Generation(#[from] rcgen::Error),
    /// The new certificate cannot be parsed.
    #[error("cannot read the fallback certificate")]
    Certificate(#[from] CertificateError),
}

/// Makes a self-signed ECDSA P-256 certificate for `tidegate.invalid`, valid from a day before `now` for two years.
pub fn fallback_certificate(now: SystemTime) -> Result<Certificate, FallbackError> {
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::new(["tidegate.invalid".to_owned()])?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Tidegate default certificate");
    params.not_before = (now - BACKDATE).into();
    params.not_after = (now + VALIDITY).into();
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = params.self_signed(&key)?;
    Ok(Certificate::parse(certificate.pem().as_bytes(), key.serialize_pem().as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fallback_names_nobody_and_is_valid_for_over_a_year() {
        let now = SystemTime::now();
        let seconds = now.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() as i64;
        let certificate = fallback_certificate(now).unwrap();
        assert_eq!(certificate.names(), ["tidegate.invalid"]);
        assert_eq!(certificate.algorithm(), rustls::SignatureAlgorithm::ECDSA);
        assert!(certificate.not_before() < seconds);
        assert!(certificate.not_after() > seconds + 366 * 24 * 3600);
        assert!(fallback_certificate(now).unwrap() != certificate);
    }
}
