//! What annotations can set of how pods are spoken to.

use crate::model::{Hostname, ObjectName, TlsVersions};

use super::take_over::take_over;

/// What is spoken to pods, whatever the port of their Service says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PodProtocol {
    /// HTTP/1.1 in clear.
    Http,
    /// HTTP through TLS.
    Https,
    /// HTTP/2 in clear.
    Grpc,
    /// HTTP/2 through TLS.
    Grpcs,
    /// HTTP, through TLS where the client uses https.
    Auto,
}

/// What is set of TLS to pods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PodTlsOptions {
    /// The Secret with the authorities that sign pods' certificates, and with a certificate for pods that ask for one.
    pub(crate) secret: Option<NamedSecret>,
    /// The Secret with the authorities alone: pods' certificates are verified, for whichever name.
    pub(crate) ca: Option<NamedSecret>,
    /// The Secret with the certificate alone.
    pub(crate) certificate: Option<NamedSecret>,
    /// Whether pods' certificates are verified.
    pub(crate) verifies: Option<bool>,
    /// How many certificates may be between that of a pod and its authority.
    pub(crate) depth: Option<u32>,
    /// The name that pods' certificates must have.
    pub(crate) name: Option<Hostname>,
    /// Whether pods are told the name.
    pub(crate) sends_name: Option<bool>,
    /// The versions of TLS.
    pub(crate) versions: Option<TlsVersions>,
}

/// A Secret that an annotation names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NamedSecret {
    /// This one of the namespace of the object.
    Name(ObjectName),
    /// This one of another namespace, which may be used if the operator allows it.
    OfOther(ObjectName),
    /// It is not known which.
    Unusable,
}

impl PodTlsOptions {
    /// Keys of the annotations that have no effect without a Secret, and are there without one. That no name is to be sent is so
    /// without one, too.
    pub(crate) fn idle(&self) -> Vec<&'static str> {
        let Self { secret, ca: _, certificate: _, verifies, depth, name, sends_name, versions } = self;
        let set = [
            ("proxy-ssl-name", name.is_some()),
            ("proxy-ssl-protocols", versions.is_some()),
            ("proxy-ssl-server-name", *sends_name == Some(true)),
            ("proxy-ssl-verify", *verifies == Some(true)),
            ("proxy-ssl-verify-depth", depth.is_some()),
        ];
        set.into_iter().filter(|(_, is_set)| *is_set && secret.is_none()).map(|(key, _)| key).collect()
    }

    /// Takes over what others set and these do not. Returns whether both set the same thing differently.
    pub(super) fn absorb(&mut self, other: Self) -> bool {
        let Self { secret, ca, certificate, verifies, depth, name, sends_name, versions } = other;
        let differs = [
            take_over(&mut self.secret, secret),
            take_over(&mut self.ca, ca),
            take_over(&mut self.certificate, certificate),
            take_over(&mut self.verifies, verifies),
            take_over(&mut self.depth, depth),
            take_over(&mut self.name, name),
            take_over(&mut self.sends_name, sends_name),
            take_over(&mut self.versions, versions),
        ];
        differs.contains(&true)
    }
}
