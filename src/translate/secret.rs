//! Certificates as Secrets hold them: which one is in use, and what is wrong with it (semantics 4.6).

use std::sync::Arc;

use crate::model::{Certificate, ObjectKind, ObjectName, ObjectRef, Problem, ProblemCode, Severity};

use super::annotations::NamedSecret;
use super::certificate_files;
use super::classes::is_ours;
use super::input::Input;
use super::settings::VisibleSecrets;
use super::validity::{Validity, usable, validity};

/// The Secrets that are in use and the files of certificates, with the end of validity of what they serve (seconds since the Unix epoch).
pub fn certificates(input: &Input) -> Vec<(ObjectName, i64)> {
    let ends = input.used_secrets().into_iter().filter_map(|name| {
        let certificate = input.objects().secret(name).and_then(usable)?;
        Some((name.clone(), certificate.not_after()))
    });
    // A file is in no namespace.
    let files = input.objects().certificate_files();
    let of_files =
        files.filter_map(|file| Some((ObjectName::new("", Arc::clone(&file.name)), file.usable()?.not_after())));
    ends.chain(of_files).collect()
}

/// The certificates that TLS entries of our Ingresses name, by host: where each comes from, and when it expires. `_` is the host of
/// the default certificate. Hosts of whose certificate nothing can be used are left out.
pub fn host_certificates(input: &Input) -> Vec<(Arc<str>, ObjectName, i64)> {
    let end = |secret: &ObjectName| Some(input.objects().secret(secret).and_then(usable)?.not_after());
    let ours = input.objects().ingresses().filter(|ingress| is_ours(ingress, input.objects(), input.settings()));
    let named = ours.flat_map(|ingress| {
        ingress.tls.iter().filter_map(|entry| {
            let secret = ObjectName::new(ingress.name.namespace.clone(), entry.secret.clone()?);
            let end = end(&secret)?;
            Some(entry.hosts.iter().map(move |host| (Arc::clone(host), secret.clone(), end)))
        })
    });
    let default = input.settings().default_certificate.iter();
    let default = default.filter_map(|secret| Some((Arc::from("_"), secret.clone(), end(secret)?)));
    named.flatten().chain(default).collect()
}

/// What is wrong with a Secret from which a certificate is wanted.
pub(crate) struct SecretFinding {
    /// The kind of fault.
    pub(crate) code: ProblemCode,
    /// Whether traffic suffers.
    pub(crate) severity: Severity,
    /// What is wrong and what follows.
    pub(crate) message: String,
    /// What to do.
    pub(crate) remedy: String,
}

/// The Secret that an annotation names, if it may be used. An error without a finding was told with the annotation. `instead` says
/// what happens where it may not.
pub(crate) fn allowed<'a>(
    input: &Input,
    named: &'a NamedSecret,
    instead: &str,
) -> Result<&'a ObjectName, Option<Box<SecretFinding>>> {
    let name = match named {
        NamedSecret::Unusable => return Err(None),
        NamedSecret::Name(name) => name,
        NamedSecret::OfOther(name) if input.settings().secrets_across_namespaces => name,
        NamedSecret::OfOther(name) => {
            return Err(Some(Box::new(SecretFinding {
                code: ProblemCode::SecretNotListed,
                severity: Severity::Error,
                message: format!("Secret {name} is one of another namespace, which is not read, so {instead}"),
                remedy:
                    "Copy it into the namespace of the Ingress, or ask the operator for --secrets-across-namespaces"
                        .into(),
            })));
        }
    };
    if input.may_see(name) { Ok(name) } else { Err(examine(input, name, instead).map(Box::new)) }
}

/// Looks at the Secret of this name. `instead` says what happens where it gives no certificate at all.
pub(crate) fn examine(input: &Input, name: &ObjectName, instead: &str) -> Option<SecretFinding> {
    if !input.may_see(name) {
        return Some(SecretFinding {
            code: ProblemCode::SecretNotListed,
            severity: Severity::Error,
            message: format!("Secret {name} is not among those that this installation may read, so {instead}"),
            remedy:
                "Ask its operator to add the Secret to --secret-names, which is secrets.names in the chart's values"
                    .into(),
        });
    }
    let Some(secret) = input.objects().secret(name) else {
        let readable = ", readable for this controller's role";
        let (fault, remedy) = match input.settings().secrets {
            VisibleSecrets::All => ("does not exist", ""),
            // Opaque ones are not listed.
            VisibleSecrets::Allowed => ("is missing, is not of type kubernetes.io/tls, or may not be read", readable),
            VisibleSecrets::Listed(_) => ("is missing or may not be read", readable),
        };
        return Some(SecretFinding {
            code: ProblemCode::SecretNotFound,
            severity: Severity::Error,
            message: format!("Secret {name} {fault}, so {instead}"),
            remedy: format!("Create a Secret of type kubernetes.io/tls in namespace {}{remedy}", name.namespace),
        });
    };
    match &secret.certificate {
        Ok(certificate) => expiry(certificate, name, input.settings().now),
        Err(fault) => {
            let (severity, instead) = match secret.last_good {
                Some(_) => (Severity::Warning, "its last usable certificate goes on serving"),
                None => (Severity::Error, instead),
            };
            Some(SecretFinding {
                code: ProblemCode::InvalidSecret,
                severity,
                message: format!("Secret {name} holds no usable certificate: {fault}; {instead}"),
                remedy: "Put the PEM chain, leaf first, into tls.crt and its PEM key into tls.key of a Secret of type kubernetes.io/tls"
                    .into(),
            })
        }
    }
}

fn expiry(certificate: &Certificate, name: &ObjectName, now: i64) -> Option<SecretFinding> {
    let state = match validity(certificate, now) {
        Validity::Valid => return None,
        Validity::Expired => "has expired",
        Validity::NotYet => "is not valid yet",
    };
    Some(SecretFinding {
        code: ProblemCode::CertificateExpired,
        severity: Severity::Warning,
        message: format!("the certificate in Secret {name} {state}, so clients that check will refuse it"),
        remedy: "Renew the certificate".into(),
    })
}

/// The unit of the default certificate.
pub(crate) fn default_certificate(input: &Input) -> (Option<Arc<Certificate>>, Vec<Problem>) {
    let Some(name) = &input.settings().default_certificate else {
        return (certificate_files::default(input).cloned(), Vec::new());
    };
    let certificate = input.objects().secret(name).and_then(usable).cloned();
    let instead = "a self-signed certificate serves as the default";
    let problem = examine(input, name, instead).map(|finding| {
        let SecretFinding { code, severity, message, remedy } = finding;
        let object = ObjectRef { kind: ObjectKind::Secret, name: name.clone() };
        Problem { object, field: "--default-certificate".into(), code, severity, message, remedy }
    });
    (certificate, problem.into_iter().collect())
}
