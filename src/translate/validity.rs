//! Which certificate of a Secret is in use, and whether it is within its time.

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
