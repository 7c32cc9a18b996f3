//! What an ExternalName Service names: from its field alone.

use std::net::IpAddr;

use crate::model::{ExternalName, HostnameError, ObjectName};
use crate::source::objects::{Service, ServiceKind};

use super::settings::{ExternalNames, Settings};

/// What is on the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outside {
    /// A name, to be resolved.
    Name(ExternalName),
    /// An address, which no DNS is asked for.
    Address(IpAddr),
}

/// Why an ExternalName Service is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    /// None is.
    #[error("is outside of the cluster, where nothing is asked (--external-name off)")]
    Off,
    /// The name is the machine's own.
    #[error("is this machine itself")]
    Localhost,
    /// It is no name.
    #[error("is no DNS name: {0}")]
    Invalid(HostnameError),
}

/// What the Service names; `None` unless it is an ExternalName.
pub(crate) fn outside(service: &Service, settings: &Settings) -> Option<Result<Outside, Unusable>> {
    let ServiceKind::ExternalName(text) = &service.kind else { return None };
    Some(match settings.external_names {
        ExternalNames::Off => Err(Unusable::Off),
        ExternalNames::Resolved => parse(text),
    })
}

/// What the host of a URL is, which stands for a Service without a namespace.
pub(crate) fn outside_of_url(host: &ObjectName, settings: &Settings) -> Result<Outside, Unusable> {
    match settings.external_names {
        ExternalNames::Off => Err(Unusable::Off),
        ExternalNames::Resolved => parse(&host.name),
    }
}

/// The name that has to be resolved for the host of a URL, if there is one.
pub(crate) fn name_of_url(host: &ObjectName, settings: &Settings) -> Option<ExternalName> {
    let is_url = host.namespace.is_empty();
    match is_url.then(|| outside_of_url(host, settings))? {
        Ok(Outside::Name(name)) => Some(name),
        Ok(Outside::Address(_)) | Err(Unusable::Off | Unusable::Localhost | Unusable::Invalid(_)) => None,
    }
}

/// The name that has to be resolved for the Service, if there is one.
pub(crate) fn name_of(service: &Service, settings: &Settings) -> Option<ExternalName> {
    match outside(service, settings)? {
        Ok(Outside::Name(name)) => Some(name),
        Ok(Outside::Address(_)) | Err(Unusable::Off | Unusable::Localhost | Unusable::Invalid(_)) => None,
    }
}

/// The API takes IPv4 addresses too, and ingress-nginx connects to them.
fn parse(text: &str) -> Result<Outside, Unusable> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(Outside::Address(address.to_canonical()));
    }
    match ExternalName::parse(text) {
        Ok(name) if name.is_localhost() => Err(Unusable::Localhost),
        Ok(name) => Ok(Outside::Name(name)),
        Err(error) => Err(Unusable::Invalid(error)),
    }
}
