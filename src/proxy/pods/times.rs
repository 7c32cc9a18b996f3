//! How long attempts take, told to upstreams of routes that choose endpoints by it (annotation `load-balance: ewma`).

use tokio::time::Instant;

use super::retry::Failure;
use crate::proxy::error::ProxyError;
use crate::proxy::pod_tls_fault::PodTlsFault;
use crate::proxy::walk::record::{Record, Times};
use crate::upstream::{Endpoint, Upstream};

/// An attempt at `endpoint` is over: the time for connecting and that for the whole, as ingress-nginx adds them. A pod that
/// fails at once is not quick, so its time does not count; it is suspect where it could not be connected to.
#[cold]
pub(super) fn note(upstream: &Upstream, endpoint: &Endpoint, record: &Record, outcome: &Result<(), Failure>) {
    let counts = outcome.as_ref().err().is_none_or(|failure| takes_time(&failure.error));
    let now = Instant::now();
    let Times { connect, head: _, response } = record.times(now);
    if let Some(response) = response.filter(|_| counts) {
        upstream.took(endpoint, connect.unwrap_or_default() + response, now);
    }
}

/// Whether a failure is that something took too long, or is none of the pod's.
fn takes_time(error: &ProxyError) -> bool {
    matches!(
        error,
        ProxyError::ConnectTimeout
            | ProxyError::PodTls(PodTlsFault::Timeout)
            | ProxyError::ResponseTimeout
            | ProxyError::ResponseStalled
            | ProxyError::UpstreamStalled
            | ProxyError::ClientClosed
            | ProxyError::ClientStalled
            | ProxyError::PassedOver
    )
}
