//! Whose forwarding fields are believed besides those that an option names: it can change while connections are served.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::model::Networks;

/// The present set of these peers. A clone is the same cell. Looking waits for nobody.
#[derive(Clone, Debug, Default)]
pub struct Believed(Arc<ArcSwapOption<Networks>>);

impl Believed {
    /// Whether this peer is one of them.
    pub fn has(&self, peer: IpAddr) -> bool {
        self.0.load().as_ref().is_some_and(|networks| networks.contains(peer))
    }

    /// Makes these the present ones.
    pub fn set(&self, networks: Option<Arc<Networks>>) {
        self.0.store(networks);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_seen_by_every_clone() {
        let believed = Believed::default();
        let (clone, peer) = (believed.clone(), "10.1.2.3".parse().unwrap());
        assert!(!clone.has(peer));
        believed.set(Some(Arc::new(Networks::new(vec!["10.0.0.0/8".parse().unwrap()]))));
        assert!(clone.has(peer) && !clone.has("192.0.2.1".parse().unwrap()));
        believed.set(None);
        assert!(!clone.has(peer));
    }
}
