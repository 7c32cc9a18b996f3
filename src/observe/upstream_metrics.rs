//! What is counted for each upstream: a port of a Service.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::durations::Durations;
use super::exposition::Exposition;
use super::families::{
    UPSTREAM_ATTEMPTS, UPSTREAM_CONNECTS, UPSTREAM_ENDPOINTS, UPSTREAM_FAILURES, UPSTREAM_HEAD, UPSTREAM_RETRIES,
};

/// Why an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UpstreamFailure {
    /// There is no endpoint, or none that was not tried already.
    NoEndpoint,
    /// The endpoint refused the connection.
    ConnectRefused,
    /// The connection was not made in time.
    ConnectTimeout,
    /// The connection was not made for another reason, as when there is no way to the address.
    ConnectOther,
    /// The request could not be written.
    Write,
    /// The endpoint closed the connection before the response was complete.
    Closed,
    /// The endpoint reset the connection or stream.
    Reset,
    /// What came back is not a valid response.
    BadResponse,
    /// The response head did not come in time.
    HeadTimeout,
    /// The response body stalled.
    BodyTimeout,
}

impl UpstreamFailure {
    const ALL: [Self; 10] = [
        Self::NoEndpoint,
        Self::ConnectRefused,
        Self::ConnectTimeout,
        Self::ConnectOther,
        Self::Write,
        Self::Closed,
        Self::Reset,
        Self::BadResponse,
        Self::HeadTimeout,
        Self::BodyTimeout,
    ];

    /// The value of the label `reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoEndpoint => "no_endpoint",
            Self::ConnectRefused => "connect_refused",
            Self::ConnectTimeout => "connect_timeout",
            Self::ConnectOther => "connect_other",
            Self::Write => "write",
            Self::Closed => "closed",
            Self::Reset => "reset",
            Self::BadResponse => "bad_response",
            Self::HeadTimeout => "timeout",
            Self::BodyTimeout => "body_timeout",
        }
    }
}

/// The counters of one upstream.
#[derive(Debug, Default)]
pub struct UpstreamMetrics {
    attempts: AtomicU64,
    retries: AtomicU64,
    connects: AtomicU64,
    endpoints: AtomicU64,
    failures: [AtomicU64; UpstreamFailure::ALL.len()],
    heads: Durations,
}

impl UpstreamMetrics {
    /// An attempt to pass a request to an endpoint starts.
    pub fn attempt(&self) {
        self.attempts.fetch_add(1, Ordering::Relaxed);
    }

    /// The attempt that starts is made because an earlier one failed. Counted beside [`Self::attempt`].
    pub fn retry(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    /// An attempt failed.
    pub fn failure(&self, reason: UpstreamFailure) {
        self.failures[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// A connection to an endpoint was opened.
    pub fn connected(&self) {
        self.connects.fetch_add(1, Ordering::Relaxed);
    }

    /// A response head arrived, this long after its attempt started.
    pub fn response_head(&self, latency: Duration) {
        self.heads.record(latency);
    }

    /// The number of endpoints that requests can go to is now `count`.
    pub fn set_endpoints(&self, count: usize) {
        self.endpoints.store(count as u64, Ordering::Relaxed);
    }
}

/// Writes the families of upstreams.
pub(crate) fn write(out: &mut Exposition, rows: &[(String, Arc<UpstreamMetrics>)]) {
    for (family, value) in [
        (UPSTREAM_ATTEMPTS, (|m| &m.attempts) as fn(&UpstreamMetrics) -> &AtomicU64),
        (UPSTREAM_RETRIES, |m| &m.retries),
        (UPSTREAM_CONNECTS, |m| &m.connects),
        (UPSTREAM_ENDPOINTS, |m| &m.endpoints),
    ] {
        out.family(&family);
        for (labels, upstream) in rows {
            out.integer(family.name, "", labels, value(upstream).load(Ordering::Relaxed));
        }
    }
    out.family(&UPSTREAM_FAILURES);
    for (labels, upstream) in rows {
        for reason in UpstreamFailure::ALL {
            let failures = upstream.failures[reason as usize].load(Ordering::Relaxed);
            if failures > 0 {
                out.integer_with(UPSTREAM_FAILURES.name, "", labels, ("reason", reason.as_str()), failures);
            }
        }
    }
    out.family(&UPSTREAM_HEAD);
    for (labels, upstream) in rows.iter().filter(|(_, upstream)| upstream.heads.count() > 0) {
        upstream.heads.write(out, UPSTREAM_HEAD.name, labels);
    }
}
