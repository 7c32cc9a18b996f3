//! TLS to pods as annotations ask for it, with what the Secret that they name holds.

use std::sync::Arc;

use crate::model::{
    CaBundle, ClientCertificate, NameCheck, ObjectName, PodTls, ProblemCode, Severity, Sni, Verification,
};
use crate::source::objects::{Secret, SecretFault};

use super::annotations::{NamedSecret, PodTlsOptions};
use super::input::Input;
use super::secret::{SecretFinding, allowed, examine};
use super::validity::usable;

/// How many certificates may be between that of a pod and its authority, where nothing is said.
const DEPTH: u32 = 1;

/// The most that the TLS library takes.
const MOST_DEPTH: u32 = 6;

/// What happens where the Secret cannot be used.
pub(super) const INSTEAD: &str = "requests that need TLS to pods are answered with 503";

/// What pods are spoken to with, where nothing but the options says something else than `tls`. As in ingress-nginx it is the
/// Secret that brings the others into force, and its authorities those that say what is verified and which versions are spoken.
pub(crate) fn pod_tls(input: &Input, tls: &PodTls, options: &PodTlsOptions) -> Result<PodTls, SecretFinding> {
    let PodTlsOptions { secret, ca, certificate, verifies, depth, name, sends_name, versions } = options;
    if ca.is_some() || certificate.is_some() {
        return of_separate_secrets(input, tls, ca.as_ref(), certificate.as_ref());
    }
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
        Verification::Ca { authorities, depth: depth.unwrap_or(DEPTH), name: NameCheck::Asked }
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

/// The same with one Secret for the authorities and one for our certificate, as in haproxytech's controller: there certificates of
/// pods may be for any name.
fn of_separate_secrets(
    input: &Input,
    tls: &PodTls,
    ca: Option<&NamedSecret>,
    certificate: Option<&NamedSecret>,
) -> Result<PodTls, SecretFinding> {
    let mut tls = tls.clone();
    if let Some(ca) = ca {
        let (name, secret) = present(input, ca)?;
        let of_chain = || {
            let chain = usable(secret)?.chain().map(<[u8]>::to_vec).collect::<Vec<_>>();
            CaBundle::from_der(chain).ok().map(Arc::new)
        };
        let authorities = secret
            .authorities
            .clone()
            .or_else(|| secret.lone_chain.clone())
            .or_else(of_chain)
            .ok_or_else(|| without(name, "ca.crt or tls.crt"))?;
        tls.verification = Verification::Ca { authorities, depth: MOST_DEPTH, name: NameCheck::Any };
    }
    if let Some(certificate) = certificate {
        let (name, secret) = in_use(input, certificate)?;
        let own = usable(secret).cloned().ok_or_else(|| without(name, "tls.crt with its tls.key"))?;
        tls.client = Some(ClientCertificate(own));
    }
    Ok(tls)
}

/// The Secret, if it holds anything. One with authorities need not hold a certificate.
fn in_use<'a>(input: &'a Input, named: &'a NamedSecret) -> Result<(&'a ObjectName, &'a Arc<Secret>), SecretFinding> {
    let (name, secret) = present(input, named)?;
    let holds_enough = match &secret.certificate {
        Ok(_) => true,
        Err(SecretFault::Type(_) | SecretFault::Missing("tls.crt")) => secret.authorities.is_some(),
        Err(SecretFault::Missing(_) | SecretFault::Content(_)) => secret.last_good.is_some(),
    };
    if holds_enough { Ok((name, secret)) } else { Err(without(name, "ca.crt, and no usable tls.crt with its tls.key")) }
}

/// The Secret, if it is there and may be used.
fn present<'a>(input: &'a Input, named: &'a NamedSecret) -> Result<(&'a ObjectName, &'a Arc<Secret>), SecretFinding> {
    let unusable = || {
        let message = format!("the annotation for TLS to pods names no Secret that can be used, so {INSTEAD}");
        finding(ProblemCode::InvalidAnnotation, message, "Correct the annotation")
    };
    let name = allowed(input, named, INSTEAD).map_err(|found| found.map_or_else(unusable, |found| *found))?;
    match input.objects().secret(name) {
        Some(secret) => Ok((name, secret)),
        None => Err(examine(input, name, INSTEAD).unwrap_or_else(|| without(name, "certificates"))),
    }
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
