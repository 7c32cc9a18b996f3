//! How often a client may be wrong. Clients are told apart by address, those of IPv6 by network (/64), as one subscriber has all
//! addresses of it. Lists of users count apart: where all clients come by one address, one who tries passwords of an application
//! keeps nobody from the others.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use tokio::time::Instant;

use super::recent::Recent;

/// Wrong passwords in a row.
const BURST: u32 = 10;
/// From then on one in this time.
pub(super) const INTERVAL: Duration = Duration::from_secs(1);
/// Clients that are remembered at least, if there are so many.
const CLIENTS: usize = 8192;

/// Whose attempts are counted together.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Place {
    address: IpAddr,
    list: [u8; 32],
}

impl Place {
    pub(super) fn new(client: IpAddr, list: &[u8; 32]) -> Self {
        const NETWORK: u128 = !0 << 64;
        let address = match client.to_canonical() {
            short @ IpAddr::V4(_) => short,
            IpAddr::V6(long) => IpAddr::V6(Ipv6Addr::from_bits(long.to_bits() & NETWORK)),
        };
        Self { address, list: *list }
    }
}

/// The attempts of clients.
pub(super) struct Attempts {
    /// When a client's attempts are forgotten, if there are no more.
    until: Recent<Place, Instant>,
}

impl Default for Attempts {
    fn default() -> Self {
        Self { until: Recent::new(CLIENTS) }
    }
}

impl Attempts {
    /// Counts an attempt, unless there were too many.
    pub(super) fn take(&mut self, by: Place, now: Instant) -> bool {
        let until = self.until.get(&by, now).map_or(now, |until| until.max(now));
        let is_allowed = until <= now + INTERVAL * (BURST - 1);
        if is_allowed {
            self.until.insert(by, until + INTERVAL, now);
        }
        is_allowed
    }

    /// The attempt was right, and does not count.
    pub(super) fn give_back(&mut self, by: Place) {
        let now = Instant::now();
        if let Some(until) = self.until.get(&by, now) {
            self.until.insert(by, until.checked_sub(INTERVAL).unwrap_or(until), now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(address: &str, list: u8) -> Place {
        Place::new(address.parse().unwrap(), &[list; 32])
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_may_be_wrong_ten_times_and_then_once_in_a_second() {
        let (mut attempts, now) = (Attempts::default(), Instant::now());
        let mut taken = |by, at: Instant| (0..100).filter(|_| attempts.take(by, at)).count();
        assert_eq!(taken(place("192.0.2.1", 1), now), 10);
        assert_eq!(taken(place("::ffff:192.0.2.1", 1), now), 0);
        assert_eq!(taken(place("192.0.2.2", 1), now), 10);
        assert_eq!(taken(place("192.0.2.1", 2), now), 10, "another list");
        assert_eq!(taken(place("192.0.2.1", 1), now + INTERVAL), 1);
        assert_eq!(taken(place("192.0.2.1", 1), now + INTERVAL * 4), 3);
        assert_eq!(taken(place("192.0.2.1", 1), now + INTERVAL * 100), 10);
        assert_eq!(taken(place("2001:db8::1", 1), now), 10);
        assert_eq!(taken(place("2001:db8::ffff:1", 1), now), 0, "of one network");
        assert_eq!(taken(place("2001:db8:0:1::1", 1), now), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_right_may_be_right_ever_again() {
        let (mut attempts, now, by) = (Attempts::default(), Instant::now(), place("192.0.2.1", 1));
        for _ in 0..1000 {
            assert!(attempts.take(by, now));
            attempts.give_back(by);
        }
        assert_eq!((0..100).filter(|_| attempts.take(by, now)).count(), 10);
    }
}
