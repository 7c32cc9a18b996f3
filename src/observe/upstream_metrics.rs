//! What is counted for each upstream: a port of a Service.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::durations::Durations;
use super::exposition::Exposition;
use super::families::{
    UPSTREAM_ATTEMPTS, UPSTREAM_CHECKS, UPSTREAM_CONNECTS, UPSTREAM_DOWN, UPSTREAM_EJECTIONS, UPSTREAM_ENDPOINTS,
    UPSTREAM_FAILURES, UPSTREAM_HANDSHAKES, UPSTREAM_HEAD, UPSTREAM_QUEUED, UPSTREAM_RETRIES, UPSTREAM_WAITING,
};
use super::labels::PodHandshake;

/// Why an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UpstreamFailure {
    /// There is no endpoint, or none that was not tried already.
    NoEndpoint,
    /// All endpoints have as many requests in flight as they may, and no more may wait.
    Full,
    /// They have had for as long as a request may wait.
    Waited,
    /// The endpoint refused the connection.
    ConnectRefused,
    /// The connection was not made in time.
    ConnectTimeout,
    /// The connection was not made for another reason, as when there is no way to the address.
    ConnectOther,
    /// The connection was made, and the TLS handshake on it failed.
    Tls,
    /// The TLS handshake was not done in time.
    TlsTimeout,
    /// The request could not be written.
    Write,
    /// The endpoint closed the connection before the response was complete.
    Closed,
    /// The endpoint reset the connection or stream.
    Reset,
    /// What came back is not a valid response.
    BadResponse,
    /// The response had a status for which another endpoint was asked.
    PassedOver,
    /// The response head did not come in time.
    HeadTimeout,
    /// The response body stalled.
    BodyTimeout,
}

impl UpstreamFailure {
    const ALL: [Self; 15] = [
        Self::NoEndpoint,
        Self::Full,
        Self::Waited,
        Self::ConnectRefused,
        Self::ConnectTimeout,
        Self::ConnectOther,
        Self::Tls,
        Self::TlsTimeout,
        Self::Write,
        Self::Closed,
        Self::Reset,
        Self::BadResponse,
        Self::PassedOver,
        Self::HeadTimeout,
        Self::BodyTimeout,
    ];

    /// The value of the label `reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoEndpoint => "no_endpoint",
            Self::Full => "full",
            Self::Waited => "queue_timeout",
            Self::ConnectRefused => "connect_refused",
            Self::ConnectTimeout => "connect_timeout",
            Self::ConnectOther => "connect_other",
            Self::Tls => "tls",
            Self::TlsTimeout => "tls_timeout",
            Self::Write => "write",
            Self::Closed => "closed",
            Self::Reset => "reset",
            Self::BadResponse => "bad_response",
            Self::PassedOver => "passed_over",
            Self::HeadTimeout => "timeout",
            Self::BodyTimeout => "body_timeout",
        }
    }
}

/// What is counted of one upstream. What its attempts come to is made with the first of them: most are idle.
#[derive(Debug, Default)]
pub struct UpstreamMetrics {
    endpoints: AtomicU64,
    attempts: OnceLock<Box<Attempts>>,
    /// With the first request that waits, endpoint that is left out, or check.
    care: OnceLock<Box<Care>>,
}

/// What is counted where annotations ask for queues, ejection or checks.
#[derive(Debug, Default)]
struct Care {
    waiting: AtomicU64,
    waited: AtomicU64,
    ejections: AtomicU64,
    checks: [AtomicU64; 2],
    down: AtomicU64,
}

/// A request that waits, until it drops.
#[derive(Debug)]
pub struct Waiting<'a>(&'a AtomicU64);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug, Default)]
struct Attempts {
    all: AtomicU64,
    retries: AtomicU64,
    connects: AtomicU64,
    failures: [AtomicU64; UpstreamFailure::ALL.len()],
    heads: Durations,
    /// With the first of them: most upstreams are spoken to in clear.
    handshakes: OnceLock<Box<[AtomicU64; PodHandshake::ALL.len()]>>,
}

impl UpstreamMetrics {
    /// An attempt to pass a request to an endpoint starts.
    pub fn attempt(&self) {
        self.attempts().all.fetch_add(1, Ordering::Relaxed);
    }

    /// The attempt that starts is made because an earlier one failed. Counted beside [`Self::attempt`].
    pub fn retry(&self) {
        self.attempts().retries.fetch_add(1, Ordering::Relaxed);
    }

    /// An attempt failed.
    pub fn failure(&self, reason: UpstreamFailure) {
        self.attempts().failures[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// A connection to an endpoint was opened.
    pub fn connected(&self) {
        self.attempts().connects.fetch_add(1, Ordering::Relaxed);
    }

    /// A TLS handshake with an endpoint ended.
    pub fn handshake(&self, result: PodHandshake) {
        self.attempts().handshakes.get_or_init(Box::default)[result as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// A response head arrived, this long after its attempt started.
    pub fn response_head(&self, latency: Duration) {
        self.attempts().heads.record(latency);
    }

    /// A request waits for an endpoint that is not full.
    pub fn waits(&self) -> Waiting<'_> {
        let care = self.care();
        care.waited.fetch_add(1, Ordering::Relaxed);
        care.waiting.fetch_add(1, Ordering::Relaxed);
        Waiting(&care.waiting)
    }

    /// An endpoint is left out for a while.
    pub fn ejected(&self) {
        self.care().ejections.fetch_add(1, Ordering::Relaxed);
    }

    /// A check of an endpoint was good or bad.
    pub fn checked(&self, is_good: bool) {
        self.care().checks[usize::from(is_good)].fetch_add(1, Ordering::Relaxed);
    }

    /// One more endpoint is down by its checks, or one fewer.
    pub fn count_down(&self, is_up: bool) {
        let down = &self.care().down;
        let _ = if is_up { down.fetch_sub(1, Ordering::Relaxed) } else { down.fetch_add(1, Ordering::Relaxed) };
    }

    fn care(&self) -> &Care {
        self.care.get_or_init(Box::default)
    }

    /// The number of endpoints that requests can go to is now `count`.
    pub fn set_endpoints(&self, count: usize) {
        self.endpoints.store(count as u64, Ordering::Relaxed);
    }

    fn attempts(&self) -> &Attempts {
        self.attempts.get_or_init(Box::default)
    }
}

/// Writes the families of upstreams.
pub(crate) fn write(out: &mut Exposition, rows: &[(String, Arc<UpstreamMetrics>)]) {
    for (family, value) in [
        (UPSTREAM_ATTEMPTS, (|attempts| &attempts.all) as fn(&Attempts) -> &AtomicU64),
        (UPSTREAM_RETRIES, |attempts| &attempts.retries),
        (UPSTREAM_CONNECTS, |attempts| &attempts.connects),
    ] {
        out.family(&family);
        for (labels, upstream) in rows {
            let value = upstream.attempts.get().map_or(0, |attempts| value(attempts).load(Ordering::Relaxed));
            out.integer(family.name, "", labels, value);
        }
    }
    out.family(&UPSTREAM_ENDPOINTS);
    for (labels, upstream) in rows {
        out.integer(UPSTREAM_ENDPOINTS.name, "", labels, upstream.endpoints.load(Ordering::Relaxed));
    }
    write_care(out, rows);
    let rows: Vec<_> = rows.iter().filter_map(|(labels, upstream)| Some((labels, upstream.attempts.get()?))).collect();
    out.family(&UPSTREAM_FAILURES);
    for (labels, attempts) in &rows {
        for reason in UpstreamFailure::ALL {
            let failures = attempts.failures[reason as usize].load(Ordering::Relaxed);
            if failures > 0 {
                out.integer_with(UPSTREAM_FAILURES.name, "", labels, ("reason", reason.as_str()), failures);
            }
        }
    }
    out.family(&UPSTREAM_HANDSHAKES);
    for (labels, attempts) in &rows {
        for (result, count) in
            attempts.handshakes.get().into_iter().flat_map(|all| PodHandshake::ALL.iter().zip(&**all))
        {
            let count = count.load(Ordering::Relaxed);
            if count > 0 {
                out.integer_with(UPSTREAM_HANDSHAKES.name, "", labels, ("result", result.as_str()), count);
            }
        }
    }
    out.family(&UPSTREAM_HEAD);
    for (labels, attempts) in rows.iter().filter(|(_, attempts)| attempts.heads.count() > 0) {
        attempts.heads.write(out, UPSTREAM_HEAD.name, labels);
    }
}

/// Writes those of upstreams with queues, ejection or checks.
fn write_care(out: &mut Exposition, rows: &[(String, Arc<UpstreamMetrics>)]) {
    let rows: Vec<_> = rows.iter().filter_map(|(labels, upstream)| Some((labels, upstream.care.get()?))).collect();
    for (family, value) in [
        (UPSTREAM_WAITING, (|care| &care.waiting) as fn(&Care) -> &AtomicU64),
        (UPSTREAM_QUEUED, |care| &care.waited),
        (UPSTREAM_EJECTIONS, |care| &care.ejections),
        (UPSTREAM_DOWN, |care| &care.down),
    ] {
        out.family(&family);
        for (labels, care) in &rows {
            out.integer(family.name, "", labels, value(care).load(Ordering::Relaxed));
        }
    }
    out.family(&UPSTREAM_CHECKS);
    for (labels, care) in &rows {
        for (result, count) in ["bad", "good"].into_iter().zip(&care.checks) {
            let count = count.load(Ordering::Relaxed);
            if count > 0 {
                out.integer_with(UPSTREAM_CHECKS.name, "", labels, ("result", result), count);
            }
        }
    }
}
