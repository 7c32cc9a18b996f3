//! What the author of a Service says of some of its endpoints (annotation `endpoint-overrides`), as data.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::affinity::{key_of, pod_identity};
use super::names::ObjectName;
use super::upstream::{EndpointSpec, EndpointState, Weight};

/// Which pod an endpoint is, by hashes of its name and UID: `targetRef` of the EndpointSlice. Zeros: it says none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodMark {
    /// Of its name.
    pub name: u64,
    /// Of its UID.
    pub uid: u64,
}

impl PodMark {
    /// Of a pod.
    pub fn of(name: &str, uid: &str) -> Self {
        Self { name: key_of(name.as_bytes()), uid: key_of(uid.as_bytes()) }
    }

    /// What sessions of a Service know it by; `None` where it has no UID.
    pub fn identity(&self, service: &ObjectName) -> Option<u64> {
        let has_uid = !self.is_none() && self.uid != key_of(b"");
        has_uid.then(|| pod_identity(self.uid, service))
    }

    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// What is said of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointOverride {
    /// Which one.
    pub of: OverrideOf,
    /// The hash of the UID that its pod must have; `None`: any.
    pub uid: Option<u64>,
    /// Its state, where that is said.
    pub state: Option<EndpointState>,
    /// Its share, where that is said.
    pub weight: Option<Weight>,
}

/// Which endpoint something is said of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OverrideOf {
    /// The one with this address.
    Address(IpAddr),
    /// That of the pod with this hash of its name.
    Pod(u64),
}

/// Whether an override is for an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applies {
    /// It is for another one.
    No,
    /// It was for a pod that is gone, whose address or name another one has.
    Stale,
    /// It is for this one.
    Yes,
}

impl EndpointOverride {
    /// Whether it is for the endpoint with this address, of this pod.
    pub fn applies(&self, address: IpAddr, pod: PodMark) -> Applies {
        let is_it = match self.of {
            OverrideOf::Address(of) => of.to_canonical() == address.to_canonical(),
            OverrideOf::Pod(name) => pod.name == name && !pod.is_none(),
        };
        match self.uid {
            _ if !is_it => Applies::No,
            Some(uid) if uid != pod.uid => Applies::Stale,
            Some(_) | None => Applies::Yes,
        }
    }

    /// Changes what is said.
    pub fn apply(&self, spec: &mut EndpointSpec) {
        spec.state = self.state.unwrap_or(spec.state);
        spec.weight = self.weight.unwrap_or(spec.weight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_override_is_for_its_pod_and_not_for_the_next_one_with_its_address() {
        let (ours, next) = (PodMark::of("web-1", "a"), PodMark::of("web-2", "b"));
        let (here, there) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let of = |of, uid: Option<&str>| EndpointOverride {
            of,
            uid: uid.map(|uid| key_of(uid.as_bytes())),
            state: Some(EndpointState::Draining),
            weight: None,
        };
        let by_address = |uid| of(OverrideOf::Address(here), uid);
        assert_eq!(by_address(None).applies(here, next), Applies::Yes);
        assert_eq!(by_address(None).applies(there, ours), Applies::No);
        assert_eq!(by_address(Some("a")).applies(here, ours), Applies::Yes);
        assert_eq!(by_address(Some("a")).applies(here, next), Applies::Stale);
        assert_eq!(by_address(Some("a")).applies(here, PodMark::default()), Applies::Stale);
        let by_pod = of(OverrideOf::Pod(ours.name), Some("a"));
        assert_eq!(by_pod.applies(there, ours), Applies::Yes);
        assert_eq!(by_pod.applies(there, PodMark::of("web-1", "c")), Applies::Stale);
        assert_eq!(by_pod.applies(here, next), Applies::No);
    }
}
