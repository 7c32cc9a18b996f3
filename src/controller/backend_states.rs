//! Backends that get their first server, or lose the last one, in HAProxy's words.

use crate::observe::{Left, StateLog};
use crate::upstream::{EndpointSet, Upstream};

/// Servers of a backend that are named, at most.
const NAMED: usize = 16;

/// A backend that had no server has some.
pub(super) fn has_servers(states: &StateLog, upstream: &Upstream) {
    let backend = upstream.spec().backend_name();
    for endpoint in upstream.endpoints().as_slice().iter().take(NAMED) {
        states.server_up(&backend, &endpoint.address(), "its pod is ready");
    }
}

/// A backend has lost all servers, which were these.
pub(super) fn has_none(states: &StateLog, upstream: &Upstream, before: &EndpointSet) {
    let backend = upstream.spec().backend_name();
    for endpoint in before.as_slice().iter().take(NAMED) {
        let left = Left { sessions: endpoint.in_flight(), ..Left::default() };
        states.server_down(&backend, &endpoint.address(), "its pod is not ready or has gone", left);
    }
    states.backend_empty(&backend);
}
