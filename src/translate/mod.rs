//! From objects to a snapshot: pure functions, one unit (host) at a time.
//!
//! `Input` takes changes in and tells which units they invalidate; `unit` translates one of them; `snapshot` is the fold over
//! all. Nothing here knows sockets, clocks or where objects come from. Every finding about an object is made by exactly
//! one unit, so that units can be replaced one by one and the findings with them.

mod address;
pub mod annotations;
mod apply;
mod asked;
mod backend_readiness;
mod basic_auth;
mod canaries;
mod canary;
mod certificate_files;
mod claims;
mod classes;
mod client_auth;
mod config_map;
mod conflicts;
mod endpoints;
mod external;
mod external_name;
mod files_by_host;
mod filters;
mod following;
mod global;
mod haproxy_config;
mod hints;
mod host;
mod in_force;
mod index;
mod input;
mod invalidated;
mod kin;
mod lower;
mod named_config_maps;
mod nginx_config;
mod object;
mod path;
mod pattern;
mod pattern_hosts;
mod pod_tls;
mod problems;
mod replicas;
mod resolutions;
mod rulers;
mod secret;
mod service;
mod settings;
mod shared_keys;
mod slashes;
mod stream;
mod stream_claims;
mod tenancy;
mod tls;
mod validity;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{
    Certificate, HostSpec, ListenerSet, ObjectKind, ObjectName, ObjectRef, Problem, Snapshot, StreamSpec, UnitKey,
};
use crate::source::objects::Ingress;

pub use backend_readiness::{BackendReadiness, backend_readiness};
pub use canary::{CanaryRuleOf, shared_by_other};
pub use certificate_files::certificate_file_of;
pub use claims::{Claimant, claimants, host_owner, path_match, path_reading, secret_of, uncounted_tls};
pub use endpoints::{Condition, Survey, endpoints, overridden, survey};
pub use external::{External, external};
pub use global::Global;
pub use input::Input;
pub use invalidated::Invalidated;
pub use path::PathReading;
pub use secret::{certificates, host_certificates};
pub use settings::{
    ExternalNames, HostOwnership, OwnSockets, Place, Profile, Settings, StreamSettings, VisibleConfigMaps,
    VisibleSecrets,
};
pub use shared_keys::shared_keys;

use lower::Lowered;

/// The findings of all units that have any.
pub type Findings = BTreeMap<UnitKey, Vec<Problem>>;

/// The objects of ours that route to a Service.
pub fn users_of_service(input: &Input, service: &ObjectName) -> impl Iterator<Item = ObjectRef> {
    let users = input.index().users(ObjectKind::Service, service).iter();
    let users = users.filter(|user| user.is_ours(input.objects(), input.settings())).map(Lowered::reference);
    users.chain(input.streams().users(service))
}

/// Whether an object is a canary: what does not get to its backends goes to those of another object.
pub fn is_canary(input: &Input, service: &ObjectName, object: &ObjectRef) -> bool {
    let mut users = input.index().users(ObjectKind::Service, service).iter();
    users.any(|user| user.reference() == *object && user.options().is_canary())
}

/// A unit, translated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Translated {
    /// What it serves.
    pub value: Value,
    /// What it finds, sorted.
    pub problems: Vec<Problem>,
}

/// What a unit serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Of `UnitKey::Host`; `None` when nothing is served for the host.
    Host(Option<Arc<HostSpec>>),
    /// Of `UnitKey::Stream`; `None` when nothing is passed on there.
    Stream(Option<Arc<StreamSpec>>),
    /// Of `UnitKey::DefaultCertificate`; `None` when there is none.
    DefaultCertificate(Option<Arc<Certificate>>),
    /// Of `UnitKey::Object`, which is there for its findings.
    Nothing,
}

/// Whether this Ingress is ours to serve and to report on.
pub fn is_ours(input: &Input, ingress: &Ingress) -> bool {
    classes::is_ours(ingress, input.objects(), input.settings())
}

/// The class that an Ingress asks for, whoever serves it.
pub fn asked_class(ingress: &Ingress) -> Option<&str> {
    classes::asked_class(ingress)
}

/// Translates one unit.
pub fn unit(input: &Input, key: &UnitKey) -> Translated {
    let (value, mut problems) = match key {
        UnitKey::Host(key) => match key.listeners {
            ListenerSet::Default => {
                let (spec, problems) = host::translate(input, &key.pattern);
                (Value::Host(spec), problems)
            }
            // Ingress is served on the default listeners only.
            ListenerSet::Of(_) => (Value::Host(None), Vec::new()),
        },
        UnitKey::Stream(key) => {
            let (spec, problems) = stream::translate(input, *key);
            (Value::Stream(spec), problems)
        }
        UnitKey::DefaultCertificate => {
            let (certificate, problems) = secret::default_certificate(input);
            (Value::DefaultCertificate(certificate), problems)
        }
        UnitKey::Object(object) => (Value::Nothing, object::problems(input, object)),
    };
    problems.sort_unstable();
    Translated { value, problems }
}

/// Replaces a unit by its new translation. Returns whether what is served has changed.
pub fn merge(snapshot: &mut Snapshot, findings: &mut Findings, key: &UnitKey, translated: Translated) -> bool {
    let Translated { value, problems } = translated;
    if problems.is_empty() {
        findings.remove(key);
    } else {
        findings.insert(key.clone(), problems);
    }
    match (key, value) {
        (UnitKey::Host(key), Value::Host(spec)) => replace(&mut snapshot.hosts, key, spec),
        (UnitKey::Stream(key), Value::Stream(spec)) => replace(&mut snapshot.streams, key, spec),
        (UnitKey::DefaultCertificate, Value::DefaultCertificate(certificate)) => {
            let differs = snapshot.default_certificate != certificate;
            snapshot.default_certificate = certificate;
            differs
        }
        (UnitKey::Host(_) | UnitKey::Stream(_) | UnitKey::DefaultCertificate | UnitKey::Object(_), _) => false,
    }
}

/// Replaces the value of a key. Returns whether it has changed.
fn replace<K: Ord + Clone, V: PartialEq>(map: &mut BTreeMap<K, Arc<V>>, key: &K, new: Option<Arc<V>>) -> bool {
    match (new, map.get_mut(key)) {
        (Some(new), Some(old)) if *old == new => false,
        (Some(new), Some(old)) => {
            *old = new;
            true
        }
        (Some(new), None) => {
            map.insert(key.clone(), new);
            true
        }
        (None, _) => map.remove(key).is_some(),
    }
}

/// Translates everything. The result is that of `merge` for each unit, but the maps are built in one go.
pub fn snapshot(input: &Input) -> (Snapshot, Findings) {
    let (mut hosts, mut streams, mut findings) = (Vec::new(), Vec::new(), Vec::new());
    let mut default_certificate = None;
    for key in input.units() {
        let Translated { value, problems } = unit(input, &key);
        match value {
            Value::Host(Some(spec)) => hosts.push((spec.key.clone(), spec)),
            Value::Stream(Some(spec)) => streams.push((spec.listener, spec)),
            Value::DefaultCertificate(certificate) => default_certificate = certificate,
            Value::Host(None) | Value::Stream(None) | Value::Nothing => {}
        }
        if !problems.is_empty() {
            findings.push((key, problems));
        }
    }
    let snapshot = Snapshot {
        hosts: hosts.into_iter().collect(),
        default_certificate,
        listeners: BTreeMap::new(),
        streams: streams.into_iter().collect(),
    };
    (snapshot, findings.into_iter().collect())
}
