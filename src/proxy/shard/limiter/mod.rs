//! What clients have asked for, over all shards: how often of late (`buckets`), and how much is in progress (`in_progress`).
//!
//! Counts are kept by what they belong to, an object and a client, and not by tables: a new table forgets nothing. Locks are
//! held for some dozen instructions, and each for a part of all clients.

mod buckets;
mod in_progress;

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::Instant;

use crate::model::{ObjectName, Rate};
pub(crate) use buckets::Admission;
use buckets::Buckets;
pub(crate) use in_progress::Place;
use in_progress::Places;

/// The counts of the process. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Limiter(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    buckets: Buckets,
    places: Arc<Places>,
    /// Secret, so that clients cannot choose whom they are mistaken for.
    hasher: RandomState,
    /// When the first request was counted.
    began: OnceLock<Instant>,
}

/// A client of an object: a number that stands for both. Two that have the same one would count together, which nobody can bring
/// about and chance does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientKey(u64);

impl Limiter {
    /// The key of a client of this object. IPv6 clients count by their /64, which is what one of them has for itself.
    pub(crate) fn key(&self, object: &ObjectName, client: IpAddr) -> ClientKey {
        const HOST_BITS: u128 = u64::MAX as u128;
        let client = match client.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address) & !HOST_BITS)),
        };
        ClientKey(self.0.hasher.hash_one((object, client)))
    }

    /// Counts a request that came at `now`, unless it comes too early for one of the rates.
    pub(crate) fn admit(&self, key: ClientKey, rates: &[Option<Rate>; 2], now: Instant) -> Admission {
        let began = *self.0.began.get_or_init(|| now);
        self.0.buckets.admit(key.0, rates, nanos(now.saturating_duration_since(began)))
    }

    /// A place for one more request in progress, unless all are taken.
    pub(crate) fn place(&self, key: ClientKey, most: NonZeroU32) -> Option<Place> {
        Places::take(&self.0.places, key.0, most)
    }
}

/// A time as a number: 584 years fit.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_told_apart_by_object_and_address_and_ipv6_ones_by_their_network() {
        let limiter = Limiter::default();
        let (one, other) = (ObjectName::new("x", "one"), ObjectName::new("x", "other"));
        let key = |object: &ObjectName, client: &str| limiter.key(object, client.parse().unwrap());
        assert_eq!(key(&one, "192.0.2.1"), key(&one, "::ffff:192.0.2.1"));
        assert_ne!(key(&one, "192.0.2.1"), key(&one, "192.0.2.2"));
        assert_ne!(key(&one, "192.0.2.1"), key(&other, "192.0.2.1"));
        assert_eq!(key(&one, "2001:db8::1"), key(&one, "2001:db8::ffff:ffff:ffff:ffff"));
        assert_ne!(key(&one, "2001:db8::1"), key(&one, "2001:db8:0:1::1"));
        assert_ne!(key(&one, "0.0.0.0"), key(&one, "::"));
        assert_ne!(key(&one, "192.0.2.1"), Limiter::default().key(&one, "192.0.2.1".parse().unwrap()));
    }
}
