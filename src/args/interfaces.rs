//! The addresses of this machine's network interfaces, as the kernel tells them.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

/// All addresses at which this process can be reached, with `hostNetwork` those of the node. Empty where `/proc` does not tell.
pub fn interface_addresses() -> BTreeSet<IpAddr> {
    let read = |file| std::fs::read_to_string(file).unwrap_or_default();
    v4(&read("/proc/net/fib_trie")).chain(v6(&read("/proc/net/if_inet6"))).collect()
}

/// The leaves of the routing table that are `host LOCAL`: the address stands on a line before.
fn v4(trie: &str) -> impl Iterator<Item = IpAddr> {
    let mut leaf = None;
    trie.lines().filter_map(move |line| {
        if let Some((_, address)) = line.split_once("|-- ") {
            leaf = address.trim().parse().ok();
        }
        line.trim_end().ends_with("/32 host LOCAL").then_some(leaf).flatten()
    })
}

/// The first field of each line: 32 hexadecimal digits.
fn v6(interfaces: &str) -> impl Iterator<Item = IpAddr> {
    let address = |line: &str| u128::from_str_radix(line.split_whitespace().next()?, 16).ok();
    interfaces.lines().filter_map(address).map(|bits| Ipv6Addr::from_bits(bits).to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_in_what_the_kernel_tells() {
        let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     +-- 10.0.2.0/24 2 0 2\n        \
                    |-- 10.0.2.0\n           /24 link UNICAST\n        |-- 10.0.2.15\n           /32 host LOCAL\n        \
                    |-- 10.0.2.255\n           /32 link BROADCAST\nLocal:\n     |-- 127.0.0.0\n        /8 host LOCAL\n     \
                    |-- 127.0.0.1\n        /32 host LOCAL\n";
        let found: Vec<_> = v4(trie).map(|address| address.to_string()).collect();
        assert_eq!(found, ["10.0.2.15", "127.0.0.1"]);
        let interfaces = "00000000000000000000000000000001 01 80 10 80       lo\nfd00000000000000000000000000000a 02 40 00 80     eth0\n";
        let found: Vec<_> = v6(interfaces).map(|address| address.to_string()).collect();
        assert_eq!(found, ["::1", "fd00::a"]);
        for garbage in ["", "|-- ", "|-- x\n/32 host LOCAL", "zz"] {
            assert_eq!((v4(garbage).count(), v6(garbage).count()), (0, 0), "{garbage}");
        }
    }
}
