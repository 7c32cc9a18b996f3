//! Certificates of clients as annotations ask for them, with what the Secret that they name holds, and for whom that counts.

use std::sync::Arc;

use crate::model::{CertificateNeed, ClientAuth, ClientRule, ClientTrust, ProblemCode, Severity};

use super::annotations::{ClientOptions, Options, SubjectPattern};
use super::input::Input;
use super::lower::{Claim, Lowered};
use super::secret::{SecretFinding, allowed};

const INSTEAD: &str = "nobody is served: all requests are answered with 403";
/// How many certificates may be between that of a client and an authority where nothing is said.
const DEPTH: u32 = 1;

/// What the objects that claim a host ask of its clients. Nearly always nothing, which takes no memory.
pub(super) struct OfHost<'a>(Vec<(&'a Lowered, Arc<ClientAuth>)>);

impl<'a> OfHost<'a> {
    /// `claims` are those of the host, oldest first.
    pub(super) fn of(input: &Input, claims: impl Iterator<Item = &'a Claim>) -> Self {
        let mains = claims.map(|claim| &claim.by).filter(|by| !by.options().is_canary());
        Self(mains.filter_map(|by| Some((by, Arc::new(of_object(input, by.options())?)))).collect())
    }

    /// What is asked of the clients of an object: what the oldest says that says anything, unless the object asks for as much
    /// itself. A younger one of another namespace has no say: it could shut out the clients of a host that others serve.
    pub(super) fn for_object(&self, object: &Lowered) -> Option<Arc<ClientAuth>> {
        let own = self.0.iter().find(|(by, _)| by.is_same(object));
        let has_say = |by: &Lowered| {
            by.name().namespace == object.name().namespace || by.object().seniority() < object.object().seniority()
        };
        let first = self.0.iter().find(|(by, _)| by.is_same(object) || has_say(by));
        match (own, first) {
            (Some((_, own)), Some((by, first))) if strictness(own) < strictness(first) => {
                let is_of_tenant = by.name().namespace == object.name().namespace;
                Some(if is_of_tenant { Arc::clone(first) } else { Arc::new(raised(own, first)) })
            }
            (own, first) => own.or(first).map(|(_, auth)| Arc::clone(auth)),
        }
    }
}

/// An object's own rule, with the need that an older one of another namespace has. Whom certificates must come from, and where
/// clients without one are sent, is not for another namespace to say.
fn raised(own: &ClientAuth, other: &ClientAuth) -> ClientAuth {
    let need = other.rule().map_or(CertificateNeed::Required, |other| other.need);
    own.rule().map_or(ClientAuth::Unknown, |own| ClientAuth::Rule(ClientRule { need, ..own.clone() }))
}

/// The higher, the less a client may do without.
fn strictness(auth: &ClientAuth) -> u8 {
    match auth.rule().map(|rule| rule.need) {
        Some(CertificateNeed::NotAsked) => 0,
        Some(CertificateNeed::OptionalOfAnybody) => 1,
        Some(CertificateNeed::Optional) => 2,
        Some(CertificateNeed::Required) | None => 3,
    }
}

/// What an object asks of clients; `None`: nothing.
fn of_object(input: &Input, options: &Options) -> Option<ClientAuth> {
    let options = options.clients()?;
    let ClientOptions { secret, need, depth, error_page, subject, forwarding } = options;
    secret.as_ref()?;
    let trust = trust(input, options);
    let subject = match subject {
        None => Ok(None),
        Some(SubjectPattern::Pattern(pattern)) => Ok(Some(pattern.clone())),
        Some(SubjectPattern::Unreadable) => Err(()),
    };
    Some(match (trust, subject) {
        (Ok(trust), Ok(subject)) => ClientAuth::Rule(ClientRule {
            need: need.unwrap_or_default(),
            trust: Arc::clone(trust),
            depth: depth.unwrap_or(DEPTH),
            error_page: error_page.clone(),
            subject,
            forwarding: forwarding.unwrap_or_default(),
        }),
        (Err(_), _) | (_, Err(())) => ClientAuth::Unknown,
    })
}

/// What is wrong with the authorities that an object names, or with naming none.
pub(super) fn finding(input: &Input, options: &Options) -> Option<SecretFinding> {
    let options = options.clients()?;
    if options.secret.is_none() {
        let message = "annotations for certificates of clients have no effect, as auth-tls-secret names no authorities: everybody is served";
        let remedy = "Set auth-tls-secret to a Secret that has them in ca.crt, or remove the others";
        return Some(fault(ProblemCode::UnsupportedAnnotation, message.into(), remedy));
    }
    trust(input, options).err().flatten().map(|finding| *finding)
}

/// The authorities of the Secret. An error without a finding was told with the annotation.
fn trust<'a>(input: &'a Input, options: &ClientOptions) -> Result<&'a Arc<ClientTrust>, Option<Box<SecretFinding>>> {
    let Some(named) = &options.secret else { return Err(None) };
    let name = allowed(input, named, INSTEAD)?;
    let fault = |code, message, remedy| Err(Some(Box::new(fault(code, message, remedy))));
    let Some(secret) = input.objects().secret(name) else {
        let message = format!("Secret {name} does not exist or may not be read, so {INSTEAD}");
        let remedy = "Create the Secret, with the authorities of clients as PEM in its key ca.crt";
        return fault(ProblemCode::SecretNotFound, message, remedy);
    };
    match &secret.clients {
        Some(Ok(trust)) => Ok(trust),
        Some(Err(error)) => {
            let message = format!("ca.crl of Secret {name} cannot be used, so {INSTEAD}: {error}");
            let remedy = "Put one revocation list as PEM for each authority into ca.crl, or remove the key";
            fault(ProblemCode::InvalidSecret, message, remedy)
        }
        None => {
            let message = format!("Secret {name} holds no usable ca.crt, so {INSTEAD}");
            let remedy =
                "Put the authorities of clients as PEM into ca.crt of a Secret of type Opaque or kubernetes.io/tls";
            fault(ProblemCode::InvalidSecret, message, remedy)
        }
    }
}

fn fault(code: ProblemCode, message: String, remedy: &str) -> SecretFinding {
    SecretFinding { code, severity: Severity::Error, message, remedy: remedy.into() }
}
