//! What annotations can set of how pods are checked.

use std::sync::Arc;
use std::time::Duration;

use super::take_over::take_over;

/// What is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CheckOptions {
    /// Whether pods are checked at all. HAProxy `check` of a server.
    pub(crate) is_on: Option<bool>,
    /// The request of a check; without one a connection is enough. HAProxy `option httpchk`.
    pub(crate) http: Option<CheckRequest>,
    /// The time between two checks of a pod. HAProxy `inter`.
    pub(crate) interval: Option<Duration>,
    /// Longest time that the answer to a check takes, once there is a connection. HAProxy `timeout check`.
    pub(crate) timeout: Option<Duration>,
    /// Checks in a row that must succeed for a pod to be up again. HAProxy `rise`.
    pub(crate) rise: Option<u32>,
    /// Checks in a row that must fail for a pod to be down. HAProxy `fall`.
    pub(crate) fall: Option<u32>,
}

/// The request of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CheckRequest {
    /// The method, a token.
    pub(crate) method: Arc<str>,
    /// The path, perhaps with a query: visible characters from a slash on.
    pub(crate) path: Arc<str>,
    /// The host that pods are asked for; `None`: none is said.
    pub(crate) host: Option<Arc<str>>,
    /// The version of HTTP.
    pub(crate) version: CheckVersion,
}

/// The version of HTTP of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CheckVersion {
    /// 1.0.
    Http10,
    /// 1.1.
    Http11,
}

impl CheckOptions {
    /// Takes over what others set and these do not. Returns whether both set the same thing differently.
    pub(super) fn absorb(&mut self, other: Self) -> bool {
        let Self { is_on, http, interval, timeout, rise, fall } = other;
        let differs = [
            take_over(&mut self.is_on, is_on),
            take_over(&mut self.http, http),
            take_over(&mut self.interval, interval),
            take_over(&mut self.timeout, timeout),
            take_over(&mut self.rise, rise),
            take_over(&mut self.fall, fall),
        ];
        differs.contains(&true)
    }
}
