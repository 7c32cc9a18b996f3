//! What annotations can set of certificates of clients.

use crate::model::{CertificateForwarding, CertificateNeed, Pattern, Template};

use super::pod_options::NamedSecret;
use super::take_over::take_over;

/// What is set.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientOptions {
    /// The Secret with the authorities. Without one nothing else counts.
    pub(crate) secret: Option<NamedSecret>,
    /// Whether clients need a certificate.
    pub(crate) need: Option<CertificateNeed>,
    /// How many certificates may be between theirs and an authority.
    pub(crate) depth: Option<u32>,
    /// Where those are sent who have none that is right.
    pub(crate) error_page: Option<Template>,
    /// What the subject must match.
    pub(crate) subject: Option<SubjectPattern>,
    /// Whether pods get the certificate.
    pub(crate) forwarding: Option<CertificateForwarding>,
}

/// What the subject of a certificate must match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SubjectPattern {
    /// This.
    Pattern(Pattern),
    /// It cannot be read. Nobody knows whom it was to keep out.
    Unreadable,
}

impl ClientOptions {
    /// Takes over what others set and these do not. Returns whether both set the same thing differently.
    pub(super) fn absorb(&mut self, other: Self) -> bool {
        let Self { secret, need, depth, error_page, subject, forwarding } = other;
        let differs = [
            take_over(&mut self.secret, secret),
            take_over(&mut self.need, need),
            take_over(&mut self.depth, depth),
            take_over(&mut self.error_page, error_page),
            take_over(&mut self.subject, subject),
            take_over(&mut self.forwarding, forwarding),
        ];
        differs.contains(&true)
    }
}
