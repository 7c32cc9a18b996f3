//! Who may see the debug views. They show the hosts, Services, addresses of pods and clients, and names of Secrets of all tenants.

use std::net::IpAddr;

/// Who may see the debug views. Source `--debug-views`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DebugViews {
    /// Connections from a loopback address: what runs in the pod or on the machine, and `kubectl port-forward`, which
    /// connects from inside the pod's network. Default.
    #[default]
    Loopback,
    /// Everyone who reaches the admin address.
    All,
    /// Nobody.
    Off,
}

impl DebugViews {
    /// Why `peer`, the other end of the connection, may not see them, and what to do.
    pub(super) fn refusal(self, peer: IpAddr) -> Option<&'static str> {
        match self {
            Self::All => None,
            Self::Loopback if peer.to_canonical().is_loopback() => None,
            Self::Loopback => Some(
                "debug views are for connections from loopback addresses: ask through kubectl port-forward, or start with --debug-views all",
            ),
            Self::Off => Some("debug views are off: start with --debug-views loopback"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_views_are_for_loopback_addresses_unless_told_otherwise() {
        let is_refused = |views: DebugViews, peer: &str| views.refusal(peer.parse().unwrap()).is_some();
        for own in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(!is_refused(DebugViews::default(), own), "{own}");
            assert!(is_refused(DebugViews::Off, own), "{own}");
        }
        for other in
            ["10.0.0.1", "128.0.0.1", "0.0.0.0", "::", "::2", "fd00::1", "fe80::1", "::ffff:10.0.0.1", "::127.0.0.1"]
        {
            assert!(is_refused(DebugViews::default(), other), "{other}");
            assert!(is_refused(DebugViews::Off, other), "{other}");
            assert!(!is_refused(DebugViews::All, other), "{other}");
        }
    }
}
