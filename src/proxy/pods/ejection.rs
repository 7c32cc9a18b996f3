//! Whether attempts fail, told to upstreams of routes that leave out endpoints that fail too often.

use tokio::time::Instant;

use crate::model::Ejection;
use crate::proxy::error::{ProxyError, Side};
use crate::upstream::{Backend, Endpoint};

/// An endpoint has answered, with this status.
#[cold]
pub(super) fn answered(backend: &Backend, endpoint: &Endpoint, (rule, status): (Ejection, u16)) {
    if status >= 500 {
        blame(backend, endpoint, rule);
    } else {
        backend.upstream.served(endpoint);
    }
}

/// An attempt at an endpoint has failed, and not because a kept connection had ended; `status` is that of its answer, if there is
/// one. What the client or we are to blame for says nothing.
#[cold]
pub(crate) fn failed(backend: &Backend, endpoint: &Endpoint, (rule, status): (Ejection, u16), error: &ProxyError) {
    if is_failure(error, status) {
        blame(backend, endpoint, rule);
    }
}

fn blame(backend: &Backend, endpoint: &Endpoint, rule: Ejection) {
    if backend.upstream.failed(endpoint, rule, Instant::now()) {
        backend.metrics.ejected();
        let (service, address) = (&backend.upstream.key().service, endpoint.address());
        tracing::info!(%service, endpoint = %address, failures = rule.failures, "endpoint left out: it fails too often");
    }
}

/// Whether an error is a failure of the pod's.
fn is_failure(error: &ProxyError, status: u16) -> bool {
    match error {
        // A deadline of the client's, and descriptors or ports of ours.
        ProxyError::UpstreamCancelled | ProxyError::ConnectOther | ProxyError::UpgradeUnsupported => false,
        // It has answered, and others are asked: also for 404 and 429.
        ProxyError::PassedOver | ProxyError::Replaced => status >= 500,
        error => error.side() == Side::Upstream,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_are_blamed_for_what_they_do_alone() {
        for error in [ProxyError::ConnectRefused, ProxyError::UpstreamClosed, ProxyError::ResponseTimeout] {
            assert!(is_failure(&error, 0), "{error:?}");
        }
        for error in
            [ProxyError::ClientClosed, ProxyError::BodyTimeout, ProxyError::NoEndpoints, ProxyError::ConnectOther]
        {
            assert!(!is_failure(&error, 0), "{error:?}");
        }
        for error in [ProxyError::PassedOver, ProxyError::Replaced] {
            assert!(is_failure(&error, 503) && !is_failure(&error, 404), "{error:?}");
        }
    }
}
