//! Sets of addresses: what lists of networks come to.

use std::fmt;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

/// A set of addresses. An address is found in time that grows with the logarithm of the number of networks, so that a long list
/// costs its author's requests little.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Networks(Box<[IpNet]>);

impl Networks {
    /// Of networks that may overlap, in any order. IPv4 networks that are written as IPv6 are those of IPv4.
    pub fn new(networks: Vec<IpNet>) -> Self {
        let networks: Vec<_> = networks.into_iter().map(canonical).collect();
        let mut apart = IpNet::aggregate(&networks);
        apart.sort_unstable();
        Self(apart.into())
    }

    /// Whether an address is one of them, in whichever way it is written.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let behind = self.0.partition_point(|network| network.network() <= address);
        behind.checked_sub(1).is_some_and(|at| self.0[at].contains(&address))
    }
}

fn canonical(network: IpNet) -> IpNet {
    const MAPPED_BITS: u8 = 96;
    let IpNet::V6(long) = network else { return network };
    let bits = long.prefix_len().checked_sub(MAPPED_BITS);
    let short = long.addr().to_ipv4_mapped().zip(bits).and_then(|(address, bits)| Ipv4Net::new(address, bits).ok());
    short.map_or(network, IpNet::V4)
}

impl fmt::Display for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, network) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            write!(f, "{separator}{network}")?;
        }
        Ok(())
    }
}

/// Which clients need neither a password nor a service's consent, by their address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Excused {
    /// These need none.
    pub allowed: Networks,
    /// Of those, these do.
    pub denied: Networks,
}

impl Excused {
    /// Whether a client with this address is one of them.
    pub fn contains(&self, client: IpAddr) -> bool {
        self.allowed.contains(client) && !self.denied.contains(client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(text: &str) -> Networks {
        Networks::new(text.split_whitespace().map(|network| network.parse().unwrap()).collect())
    }

    #[test]
    fn addresses_are_found_in_lists_of_any_order_and_overlap() {
        let all =
            networks("192.168.0.0/16 10.0.0.0/8 10.1.0.0/16 10.9.9.9/8 2001:db8::/32 ::1/128 ::ffff:203.0.113.0/120");
        assert_eq!(all.to_string(), "10.0.0.0/8, 192.168.0.0/16, 203.0.113.0/24, ::1/128, 2001:db8::/32");
        for (address, expected) in [
            ("10.0.0.0", true),
            ("10.255.255.255", true),
            ("11.0.0.0", false),
            ("9.255.255.255", false),
            ("192.168.7.7", true),
            ("192.169.0.0", false),
            ("::ffff:10.0.0.1", true),
            ("203.0.113.9", true),
            ("::1", true),
            ("::2", false),
            ("2001:db8:ffff::1", true),
            ("2001:db9::", false),
            ("0.0.0.0", false),
        ] {
            assert_eq!(all.contains(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn all_addresses_of_one_family_are_none_of_the_other() {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(networks("0.0.0.0/0").contains(address("1.2.3.4")) && !networks("0.0.0.0/0").contains(address("::1")));
        assert!(networks("::/0").contains(address("::1")) && !networks("::/0").contains(address("1.2.3.4")));
        assert!(!Networks::default().contains(address("1.2.3.4")));
    }
}
