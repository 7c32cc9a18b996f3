//! Which certificates are in use of those that are offered, and whether one is within its time.

use std::sync::Arc;

use crate::model::Certificate;
use crate::source::objects::Secret;

/// Where a certificate stands in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Validity {
    /// Before its first second.
    NotYet,
    /// Within its time.
    Valid,
    /// After its last second.
    Expired,
}

/// Where a certificate stands at a time in seconds since the Unix epoch.
pub(crate) fn validity(certificate: &Certificate, now: i64) -> Validity {
    if now < certificate.not_before() {
        Validity::NotYet
    } else if now > certificate.not_after() {
        Validity::Expired
    } else {
        Validity::Valid
    }
}

/// The certificate that a Secret gives: its own, or the last usable one it had.
pub(crate) fn usable(secret: &Arc<Secret>) -> Option<&Arc<Certificate>> {
    secret.certificate.as_ref().ok().or(secret.last_good.as_ref())
}

/// The certificate a host serves and, when there is one with another kind of key, a second. Those within their time
/// go first, otherwise the order is the author's.
pub(crate) fn best<'a>(offered: impl Iterator<Item = &'a Arc<Certificate>>, now: i64) -> Vec<Arc<Certificate>> {
    let is_valid = |offered: &&Arc<Certificate>| validity(offered, now) == Validity::Valid;
    let (valid, rest): (Vec<_>, Vec<_>) = offered.partition(is_valid);
    let mut chosen: Vec<Arc<Certificate>> = Vec::new();
    for certificate in valid.into_iter().chain(rest) {
        if chosen.iter().all(|other| other.algorithm() != certificate.algorithm()) {
            chosen.push(certificate.clone());
        }
    }
    chosen
}
