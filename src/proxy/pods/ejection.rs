//! Whether attempts fail, told to upstreams of routes that leave out endpoints that fail too often.

use tokio::time::Instant;

use super::retry::Failure;
use crate::model::Ejection;
use crate::proxy::error::{ProxyError, Side};
use crate::upstream::{Backend, Endpoint};

/// An attempt at `endpoint` is over; `status` is that of its answer, if it was passed on. What the client or we are to blame for
/// says nothing.
#[cold]
pub(super) fn note(
    backend: &Backend,
    endpoint: &Endpoint,
    (rule, status): (Ejection, u16),
    outcome: &Result<(), Failure>,
) {
    let has_failed = match outcome {
        Ok(()) => Some(status >= 500),
        Err(failure) => is_failure(&failure.error),
    };
    match has_failed {
        Some(true) => {
            if backend.upstream.failed(endpoint, rule, Instant::now()) {
                backend.metrics.ejected();
                let (service, address) = (&backend.upstream.key().service, endpoint.address());
                tracing::info!(%service, endpoint = %address, failures = rule.failures, "endpoint left out: it fails too often");
            }
        }
        Some(false) => backend.upstream.served(endpoint),
        None => {}
    }
}

/// Whether an error is a failure of the pod's; `None`: it says nothing of the pod.
fn is_failure(error: &ProxyError) -> Option<bool> {
    match error {
        // A deadline of the client's, and descriptors or ports of ours.
        ProxyError::UpstreamCancelled | ProxyError::ConnectOther | ProxyError::UpgradeUnsupported => None,
        // The statuses that other endpoints are asked for may be 404 and 429.
        ProxyError::Replaced => None,
        error => (error.side() == Side::Upstream).then_some(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_are_blamed_for_what_they_do_alone() {
        for error in [ProxyError::ConnectRefused, ProxyError::UpstreamClosed, ProxyError::ResponseTimeout] {
            assert_eq!(is_failure(&error), Some(true), "{error:?}");
        }
        for error in
            [ProxyError::ClientClosed, ProxyError::BodyTimeout, ProxyError::NoEndpoints, ProxyError::ConnectOther]
        {
            assert_eq!(is_failure(&error), None, "{error:?}");
        }
    }
}
