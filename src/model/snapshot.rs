//! The whole of what is served: the fold over all units.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::certificate::Certificate;
use super::host::{HostKey, HostSpec};
use super::listener::ListenerSpec;
use super::listener_key::ListenerKey;
use super::names::ObjectRef;
use super::stream::StreamSpec;

/// Everything served at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The units that serve something, by host.
    pub hosts: BTreeMap<HostKey, Arc<HostSpec>>,
    /// What TLS clients get that name no host we know; none: a self-signed certificate made at start.
    pub default_certificate: Option<Arc<Certificate>>,
    /// Listeners beside those of the command line. No front end asks for any yet.
    pub listeners: BTreeMap<ListenerKey, Arc<ListenerSpec>>,
    /// What is passed on without a look at requests. Each listener here is opened.
    pub streams: BTreeMap<ListenerKey, Arc<StreamSpec>>,
}

/// What can be translated by itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UnitKey {
    /// All that is served for one host pattern.
    Host(HostKey),
    /// All streams of one listener.
    Stream(ListenerKey),
    /// The default certificate.
    DefaultCertificate,
    /// Findings about one object as a whole. Serves nothing.
    Object(ObjectRef),
}
