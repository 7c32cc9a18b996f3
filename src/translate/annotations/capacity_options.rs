//! What annotations can set of how many requests a pod gets at once, and of how long others wait for their turn.

use std::time::Duration;

use super::take_over::take_over;

/// What is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CapacityOptions {
    /// Requests in progress that one pod has at the most, of all replicas of this process together; zero is no limit. HAProxy
    /// `maxconn` of a server.
    pub(crate) pod_maxconn: Option<u32>,
    /// Longest wait of a request for its turn. HAProxy `timeout queue`.
    pub(crate) queue_timeout: Option<Duration>,
}

impl CapacityOptions {
    /// Takes over what others set and these do not. Returns whether both set the same thing differently.
    pub(super) fn absorb(&mut self, other: Self) -> bool {
        let Self { pod_maxconn, queue_timeout } = other;
        let differs =
            [take_over(&mut self.pod_maxconn, pod_maxconn), take_over(&mut self.queue_timeout, queue_timeout)];
        differs.contains(&true)
    }
}
