//! TLS to pods as annotations ask for it, with what the Secret that they name holds.

use std::sync::Arc;

use crate::model::{ClientCertificate, ObjectName, PodTls, ProblemCode, Severity, Sni, Verification};
use crate::source::objects::{Secret, SecretFault};

use super::annotations::{NamedSecret, PodTlsOptions};
use super::input::Input;
use super::secret::{SecretFinding, allowed, examine};
use super::validity::usable;

/// How many certificates may be between that of a pod and its authority, where nothing is said.
const DEPTH: u32 = 1;

/// What happens where the Secret cannot be used.
pub(super) const INSTEAD: &str = "requests that need TLS to pods are answered with 503";

/// What pods are spoken to with, where nothing but the options says something else than `tls`. As in ingress-nginx it is the
/// Secret that brings the others into force, and its authorities those that say what is verified and which versions are spoken.
pub(crate) fn pod_tls(input: &Input, tls: &PodTls, options: &PodTlsOptions) -> Result<PodTls, SecretFinding> {
    let PodTlsOptions { secret, verifies, depth, name, sends_name, versions } = options;
    let Some(secret) = secret else {
        // There no name is sent without one.
        let is_withheld = tls.server_name.is_some() && *sends_name == Some(false);
        return Ok(PodTls { sni: if is_withheld { Sni::Withheld } else { tls.sni }, ..tls.clone() });
    };
    let (secret_name, secret) = in_use(input, secret)?;
    let client = usable(secret).cloned().map(ClientCertificate);
    let authorities = secret.authorities.as_ref();
    let verification = if verifies.unwrap_or(false) {
        let authorities = authorities.cloned().ok_or_else(|| without(secret_name, "ca.crt"))?;
        Verification::Ca { authorities, depth: depth.unwrap_or(DEPTH) }
    } else {
        Verification::Unverified
    };
    let versions = versions.filter(|_| authorities.is_some());
    let is_told = sends_name.unwrap_or(name.is_none());
    Ok(PodTls {
        http: tls.http,
        server_name: name.as_ref().or(tls.server_name.as_ref()).cloned(),
        sni: if is_told { Sni::Sent } else { Sni::Withheld },
        verification,
        versions: versions.unwrap_or(tls.versions),
        client,
    })
}

/// The Secret, if it holds anything. One with authorities need not hold a certificate.
fn in_use<'a>(input: &'a Input, named: &'a NamedSecret) -> Result<(&'a ObjectName, &'a Arc<Secret>), SecretFinding> {
    let unusable = || {
        let message = format!("the annotation for TLS to pods names no Secret that can be used, so {INSTEAD}");
        finding(ProblemCode::InvalidAnnotation, message, "Correct the annotation")
    };
    let name = allowed(input, named, INSTEAD).map_err(|found| found.map_or_else(unusable, |found| *found))?;
    let Some(secret) = input.objects().secret(name) else {
        return Err(examine(input, name, INSTEAD).unwrap_or_else(|| without(name, "certificates")));
    };
    let holds_enough = match &secret.certificate {
        Ok(_) => true,
        Err(SecretFault::Type(_) | SecretFault::Missing("tls.crt")) => secret.authorities.is_some(),
        Err(SecretFault::Missing(_) | SecretFault::Content(_)) => secret.last_good.is_some(),
    };
    if holds_enough { Ok((name, secret)) } else { Err(without(name, "ca.crt, and no usable tls.crt with its tls.key")) }
}

fn without(secret: &ObjectName, what: &str) -> SecretFinding {
    let message = format!("Secret {secret} holds no usable {what}, so {INSTEAD}");
    finding(
        ProblemCode::InvalidSecret,
        message,
        "Put the authorities as PEM into ca.crt, and a certificate into tls.crt and tls.key",
    )
}

fn finding(code: ProblemCode, message: String, remedy: &str) -> SecretFinding {
    SecretFinding { code, severity: Severity::Error, message, remedy: remedy.into() }
}
