//! Certificates of `--certificate-dir`: which hosts they serve, and what is wrong with them.
//!
//! A file counts like a TLS entry of an Ingress that names every name of its certificate, and comes behind all entries of objects
//! for the same name. It belongs to the operator, so it counts for hosts of every namespace.

use std::sync::Arc;

use crate::model::{
    Certificate, CertificateError, HostPattern, ObjectKind, ObjectName, ObjectRef, Problem, ProblemCode, Severity,
    TlsSpec,
};
use crate::source::objects::CertificateFile;

use super::files_by_host::hosts_of;
use super::input::Input;
use super::validity::{Validity, best, validity};

/// The field of findings about what a file holds.
const CONTENT: &str = "content";

/// The TLS that files give at exactly this host, in their order of names: for each kind of key the first, one within its time
/// before others.
pub(crate) fn at(input: &Input, host: &HostPattern) -> Option<TlsSpec> {
    let files = input.files_by_host().files(host);
    let certificates = files.filter_map(|file| input.objects().certificate_file(file)?.usable());
    let certificates = best(certificates, input.settings().now);
    (!certificates.is_empty()).then(|| TlsSpec { certificates: certificates.into() })
}

/// The TLS that files give at a host or, where none names it, at the wildcard above.
pub(crate) fn covering(input: &Input, host: &HostPattern) -> Option<TlsSpec> {
    at(input, host).or_else(|| at(input, &host.wildcard_above()?))
}

/// The certificate of `default.pem`.
pub(crate) fn default(input: &Input) -> Option<&Arc<Certificate>> {
    input.objects().certificate_file(CertificateFile::DEFAULT)?.usable()
}

/// The file of which this is the certificate, if it names one of these hosts or is the default.
pub fn certificate_file_of(input: &Input, certificate: &Arc<Certificate>) -> Option<Arc<str>> {
    let mut files = input.objects().certificate_files();
    files.find(|file| file.usable() == Some(certificate)).map(|file| Arc::clone(&file.name))
}

/// The findings about a file.
pub(crate) fn problems(input: &Input, name: &ObjectName) -> Option<Vec<Problem>> {
    let file = input.objects().certificate_file(&name.name)?;
    let problem = |code, severity, message: String, remedy: &str| Problem {
        object: ObjectRef::new(ObjectKind::File, name.clone()),
        field: CONTENT.into(),
        code,
        severity,
        message,
        remedy: remedy.into(),
    };
    let certificate = match &file.certificate {
        Ok(certificate) => certificate,
        Err(fault) => {
            let (severity, instead) = match file.last_good {
                Some(_) => (Severity::Warning, "its last usable certificate goes on serving"),
                None => (Severity::Error, "no host is served with it"),
            };
            let (fault, remedy) = fault_and_remedy(fault);
            let message = format!("this file of --certificate-dir cannot be used: {fault}; {instead}");
            return Some(vec![problem(ProblemCode::InvalidCertificate, severity, message, remedy)]);
        }
    };
    let mut problems = Vec::new();
    let state = match validity(certificate, input.settings().now) {
        Validity::Valid => None,
        Validity::Expired => Some("has expired"),
        Validity::NotYet => Some("is not valid yet"),
    };
    if let Some(state) = state {
        let message = format!("its certificate {state}, so clients that check will refuse it");
        problems.push(problem(ProblemCode::CertificateExpired, Severity::Warning, message, "Renew the certificate"));
    }
    if *file.name != *CertificateFile::DEFAULT && hosts_of(Some(file)).is_empty() {
        let message =
            "its certificate names no host: no DNS name among its subject alternative names, and without those no \
                       common name that is a host; no client gets it"
                .into();
        let remedy =
            "Issue it with the DNS names of its hosts, or name the file default.pem to serve clients without a name";
        problems.push(problem(ProblemCode::CertificateMismatch, Severity::Warning, message, remedy));
    }
    Some(problems)
}

/// The fault in words of a file that holds both chain and key, and what to do.
fn fault_and_remedy(fault: &CertificateError) -> (String, &'static str) {
    let whole = "Put the certificate, those of its issuers and the unencrypted private key into this one file, as for HAProxy's crt";
    let of_key = "Make a new key of a kind that is supported, and a certificate for it";
    match fault {
        CertificateError::NoCertificate => ("it holds no PEM certificate that is readable".into(), whole),
        CertificateError::StrayCertificate => (
            "a certificate in it does not begin at the start of a line, and would be left out of the chain".into(),
            "Put each BEGIN CERTIFICATE at the start of a line",
        ),
        CertificateError::Unreadable => ("its first certificate is not readable as X.509".into(), whole),
        CertificateError::NoKey => ("it holds no unencrypted PEM private key (PKCS#1, PKCS#8 or SEC1)".into(), whole),
        CertificateError::KeyMismatch => (
            "its private key does not belong to its first certificate".into(),
            "Put the certificate of the key first, then those of its issuers",
        ),
        CertificateError::KeyTooShort(_) => (
            fault.to_string(),
            "Make a new key with 2048 bits or more, as by openssl genrsa 2048, and a certificate for it",
        ),
        CertificateError::ChainTooLong => (
            "it holds more certificates than a chain may have (10)".into(),
            "Leave only the chain of one certificate in it",
        ),
        CertificateError::UnsupportedKey | CertificateError::KeyTooLong => (fault.to_string(), of_key),
    }
}
