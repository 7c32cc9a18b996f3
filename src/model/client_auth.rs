//! Which clients a host is for, by their certificate.

use std::sync::Arc;

use super::client_trust::ClientTrust;
use super::pattern::Pattern;
use super::template::Template;

/// Which clients a host is for, by the certificate that they show in their TLS handshake.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ClientAuth {
    /// It is not known: for nobody (403).
    Unknown,
    /// As the rule says.
    Rule(ClientRule),
    /// In clear nobody needs one at this path, where challenges of authorities are answered; through TLS as this says. What clients
    /// say of certificates stays behind.
    ExcusedInClear(Arc<Self>),
}

/// Which certificates clients need.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientRule {
    /// Whether they need one.
    pub need: CertificateNeed,
    /// Whom it must come from.
    pub trust: Arc<ClientTrust>,
    /// How many certificates may be between it and an authority. nginx `ssl_verify_depth`.
    pub depth: u32,
    /// Where clients without the right one are sent (302) instead of being told (400).
    pub error_page: Option<Template>,
    /// What its subject must match, as RFC 2253 writes it (403).
    pub subject: Option<Pattern>,
    /// Whether pods get it.
    pub forwarding: CertificateForwarding,
}

/// Whether clients need a certificate (nginx `ssl_verify_client`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CertificateNeed {
    /// They are not asked for one.
    NotAsked,
    /// They need one that is right.
    #[default]
    Required,
    /// They need none, but one that is shown must be right.
    Optional,
    /// They need none, and one that is shown may come from anybody. Else it must be right.
    OptionalOfAnybody,
}

/// Whether pods get the certificate of a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CertificateForwarding {
    /// Pods get its names, and whether it is right.
    #[default]
    Names,
    /// They get it as well.
    Whole,
}

/// Whose certificates the clients of a server name are asked for. They are told, so that browsers offer no others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskedOf {
    /// Those of these authorities.
    Authorities(Arc<ClientTrust>),
    /// Those of several such, by the path of the request: nobody is told.
    Several,
}

impl AskedOf {
    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if self == other { self } else { Self::Several }
    }
}

impl CertificateNeed {
    /// As annotations write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAsked => "off",
            Self::Required => "on",
            Self::Optional => "optional",
            Self::OptionalOfAnybody => "optional_no_ca",
        }
    }
}

impl ClientAuth {
    /// Which certificates clients need through TLS; `None`: it is not known.
    pub fn rule(&self) -> Option<&ClientRule> {
        match self {
            Self::Unknown => None,
            Self::Rule(rule) => Some(rule),
            Self::ExcusedInClear(auth) => auth.rule(),
        }
    }

    /// Whose certificates clients are asked for in their handshake; `None`: they are not asked.
    pub fn asked_of(&self) -> Option<AskedOf> {
        let rule = self.rule().filter(|rule| rule.need != CertificateNeed::NotAsked)?;
        Some(AskedOf::Authorities(Arc::clone(&rule.trust)))
    }
}
