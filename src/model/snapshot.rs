//! The whole of what is served: the fold over all units.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::certificate::Certificate;
use super::host::HostSpec;
use super::names::{HostPattern, ObjectRef};

/// Everything served at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The units that serve something, by host.
    pub hosts: BTreeMap<HostPattern, Arc<HostSpec>>,
    /// What TLS clients get that name no host we know; none: a self-signed certificate made at start.
    pub default_certificate: Option<Arc<Certificate>>,
}

/// What can be translated by itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UnitKey {
    /// All that is served for one host pattern.
    Host(HostPattern),
    /// The default certificate.
    DefaultCertificate,
    /// Findings about one object as a whole. Serves nothing.
    Object(ObjectRef),
}
