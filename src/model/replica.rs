//! The replicas of this installation, as the EndpointSlices of its own Service tell them.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

/// A replica that takes requests.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Replica {
    /// The name of its pod; empty where the EndpointSlice names none.
    pub pod: Box<str>,
    /// Its address.
    pub address: IpAddr,
}

/// The replicas that take requests, by name of pod, and each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replicas(Arc<[Replica]>);

impl Replicas {
    /// Those that were found, in any order. Of two addresses of a pod the first counts.
    pub fn new(mut found: Vec<Replica>) -> Self {
        found.sort_unstable();
        found.dedup_by(|one, other| one.address == other.address || !one.pod.is_empty() && one.pod == other.pod);
        Self(found.into())
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = &Replica> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// By what a limit is divided that is meant for all together. One where none is known: that is this process.
    pub fn divisor(&self) -> NonZeroU32 {
        u32::try_from(self.len()).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_with_two_addresses_is_one_replica() {
        let replica = |pod: &str, address: &str| Replica { pod: pod.into(), address: address.parse().unwrap() };
        let replicas = Replicas::new(vec![
            replica("b", "fd00::2"),
            replica("a", "10.0.0.1"),
            replica("b", "10.0.0.2"),
            replica("", "10.0.0.3"),
            replica("", "10.0.0.4"),
            replica("a", "10.0.0.1"),
        ]);
        let shown: Vec<_> = replicas.iter().map(|replica| format!("{} {}", replica.pod, replica.address)).collect();
        assert_eq!(shown, [" 10.0.0.3", " 10.0.0.4", "a 10.0.0.1", "b 10.0.0.2"]);
        assert_eq!((replicas.divisor().get(), Replicas::default().divisor().get()), (4, 1));
    }
}
