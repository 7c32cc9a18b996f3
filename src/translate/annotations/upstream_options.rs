//! What annotations can set of the endpoints of an upstream: checks, ejection, how many requests each has, and who waits.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::model::{CheckKind, Checks, Ejection, EndpointOverride, HttpCheck, Queue, RoutePolicy};

use super::take_over::take_over;

/// Requests that may wait where nothing is said.
const QUEUE: u32 = 1024;
/// How long they may. haproxytech's controller has the same.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(5);
/// For how long endpoints that fail are left out the first time.
const EJECTED: Duration = Duration::from_secs(30);

/// Shortest time between two checks.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);
/// How long a check may take at the most.
const LONGEST_CHECK: Duration = Duration::from_secs(10);

/// What is set.
#[derive(Clone, Debug, Default)]
pub(crate) struct UpstreamOptions {
    /// How the health of endpoints is checked.
    pub(super) checks: CheckOptions,
    /// Requests in flight of each endpoint at the most.
    pub(super) endpoint_requests: Option<RequestLimit>,
    /// Requests that may wait.
    pub(super) queue_length: Option<u32>,
    /// How long they may.
    pub(super) queue_timeout: Option<Duration>,
    /// Failures after which an endpoint is left out; `Some(0)`: it never is.
    pub(super) ejection: Option<u32>,
    /// For how long.
    pub(super) ejection_time: Option<Duration>,
    /// For how long endpoints that have come get less than their share.
    pub(super) slow_start: Option<Duration>,
    /// Load in percent of the mean from which on requests with a key go on; `Some(0)`: any.
    pub(super) hash_bound: Option<u32>,
    /// What is said of some endpoints. Of a Service alone.
    pub(crate) overrides: Option<Arc<[EndpointOverride]>>,
}

/// Requests in flight at the most; 0 is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestLimit {
    /// Of each replica.
    OfEach(u32),
    /// Of all replicas together.
    OfAll(u32),
}

impl RequestLimit {
    /// What one replica may have of it: the same part as the others, and at least one.
    fn part(self, replicas: NonZeroU32) -> Option<NonZeroU32> {
        match self {
            Self::OfEach(requests) => NonZeroU32::new(requests),
            Self::OfAll(requests) => {
                NonZeroU32::new(requests).map(|all| NonZeroU32::new(all.get() / replicas).unwrap_or(NonZeroU32::MIN))
            }
        }
    }
}

/// How the health of endpoints is checked.
#[derive(Clone, Debug, Default)]
pub(crate) struct CheckOptions {
    /// Whether there are any. A request or a connection that is asked for is made unless this forbids it.
    pub(super) is_on: Option<bool>,
    /// What is asked; a connection where nothing is said and there are checks.
    pub(super) kind: Option<AskedCheck>,
    /// The host that is asked for.
    pub(super) host: Option<Arc<str>>,
    /// More fields of the request, each a line with its end.
    pub(super) fields: Option<Arc<str>>,
    /// Between two checks.
    pub(super) interval: Option<Duration>,
    /// How long one may take.
    pub(super) timeout: Option<Duration>,
    /// Good ones in a row after which an endpoint is up.
    pub(super) rise: Option<u32>,
    /// Bad ones in a row after which it is down.
    pub(super) fall: Option<u32>,
}

/// What a check asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AskedCheck {
    /// Nothing: there are no checks.
    Off,
    /// A connection.
    Tcp,
    /// A request.
    Http {
        /// Its method.
        method: Arc<str>,
        /// Its target.
        target: Arc<str>,
        /// The host that is asked for, where `health-check-host` does not say it.
        host: Option<Arc<str>>,
        /// Whether its version is 1.0, in which no host need be asked for.
        is_http10: bool,
        /// The lowest and the highest status that is good.
        good: (u16, u16),
    },
}

impl UpstreamOptions {
    /// Whether a limit is meant for all replicas together.
    pub(super) fn divides(&self) -> bool {
        matches!(self.endpoint_requests, Some(RequestLimit::OfAll(requests)) if requests > 0)
    }

    /// Changes what is set.
    pub(super) fn apply(&self, policy: &mut RoutePolicy, replicas: NonZeroU32) {
        let Self { checks, endpoint_requests, queue_length, queue_timeout, .. } = self;
        let Self { ejection, ejection_time, slow_start, hash_bound, .. } = self;
        policy.checks = checks.checks().map(Arc::new);
        policy.endpoint_requests = endpoint_requests.and_then(|limit| limit.part(replicas));
        let (length, timeout) = (queue_length.unwrap_or(QUEUE), queue_timeout.unwrap_or(QUEUE_TIMEOUT));
        policy.queue = policy.endpoint_requests.filter(|_| length > 0).map(|_| Queue { length, timeout });
        let failures = ejection.and_then(NonZeroU32::new);
        policy.ejection = failures.map(|failures| Ejection { failures, time: ejection_time.unwrap_or(EJECTED) });
        policy.slow_start = *slow_start;
        // Below the mean it would mean nothing.
        policy.hash_bound =
            hash_bound.filter(|percent| *percent > 0).and_then(|percent| NonZeroU32::new(percent.max(100)));
    }

    /// Takes over what others set and these do not. Returns whether both set the same thing differently.
    pub(super) fn absorb(&mut self, other: Self) -> bool {
        let Self { checks, endpoint_requests, queue_length, queue_timeout, .. } = other;
        let Self { ejection, ejection_time, slow_start, hash_bound, overrides, .. } = other;
        let differs = [
            self.checks.absorb(checks),
            take_over(&mut self.endpoint_requests, endpoint_requests),
            take_over(&mut self.queue_length, queue_length),
            take_over(&mut self.queue_timeout, queue_timeout),
            take_over(&mut self.ejection, ejection),
            take_over(&mut self.ejection_time, ejection_time),
            take_over(&mut self.slow_start, slow_start),
            take_over(&mut self.hash_bound, hash_bound),
            take_over(&mut self.overrides, overrides),
        ];
        differs.contains(&true)
    }
}

impl CheckOptions {
    fn checks(&self) -> Option<Checks> {
        let asked = match (self.is_on, &self.kind) {
            (Some(false), _) | (None, None) => return None,
            (Some(true), None) => &AskedCheck::Tcp,
            (_, Some(asked)) => asked,
        };
        let kind = match asked {
            AskedCheck::Off => return None,
            AskedCheck::Tcp => CheckKind::Tcp,
            AskedCheck::Http { method, target, host, is_http10, good } => CheckKind::Http(Arc::new(HttpCheck {
                request: self.request((method, target), host.as_deref(), *is_http10).into(),
                is_head: &**method == "HEAD",
                good: *good,
            })),
        };
        let interval = self.interval.unwrap_or(Checks::INTERVAL).max(SHORTEST_INTERVAL);
        // A check that takes long keeps others from being made.
        let timeout = self.timeout.unwrap_or(interval).clamp(SHORTEST_INTERVAL, LONGEST_CHECK);
        let (rise, fall) = (self.rise.unwrap_or(Checks::RISE).max(1), self.fall.unwrap_or(Checks::FALL).max(1));
        Some(Checks { kind, interval, timeout, rise, fall })
    }

    fn request(&self, (method, target): (&str, &str), host: Option<&str>, is_http10: bool) -> String {
        let host = self.host.as_deref().or(host);
        let (version, host) = match host {
            None if is_http10 => ("1.0", String::new()),
            host => (if is_http10 { "1.0" } else { "1.1" }, format!("Host: {}\r\n", host.unwrap_or("localhost"))),
        };
        let fields = self.fields.as_deref().unwrap_or_default();
        format!(
            "{method} {target} HTTP/{version}\r\n{host}User-Agent: tidegate-check\r\n{fields}Connection: close\r\n\r\n"
        )
    }

    fn absorb(&mut self, other: Self) -> bool {
        let Self { is_on, kind, host, fields, interval, timeout, rise, fall } = other;
        let differs = [
            take_over(&mut self.is_on, is_on),
            take_over(&mut self.kind, kind),
            take_over(&mut self.host, host),
            take_over(&mut self.fields, fields),
            take_over(&mut self.interval, interval),
            take_over(&mut self.timeout, timeout),
            take_over(&mut self.rise, rise),
            take_over(&mut self.fall, fall),
        ];
        differs.contains(&true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_all_replicas_is_divided_and_never_nothing() {
        let part = |limit: RequestLimit, replicas| limit.part(NonZeroU32::new(replicas).unwrap()).map(NonZeroU32::get);
        for (all, replicas, expected) in
            [(30, 1, Some(30)), (30, 2, Some(15)), (30, 4, Some(7)), (2, 3, Some(1)), (0, 3, None)]
        {
            assert_eq!(part(RequestLimit::OfAll(all), replicas), expected, "{all} {replicas}");
        }
        assert_eq!(part(RequestLimit::OfEach(30), 4), Some(30));
    }
}
