//! Counts an exchange at its upstream and endpoints in the manner of HAProxy, where that is asked for. Most exchanges never come here.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::record::{Record, Times};
use crate::observe::{Count, ListenerTally, Tally};
use crate::proxy::error::{ProxyError, Side};
use crate::upstream::{Endpoint, Upstream};

/// What an exchange has begun and ends when it ends.
pub(crate) struct Tallied {
    upstream: Arc<Upstream>,
    /// The endpoint of the last attempt.
    endpoint: Option<Arc<Endpoint>>,
    is_attempt_over: bool,
}

/// What an exchange came to, as far as it is counted.
#[derive(Clone, Copy)]
pub(super) struct Outcome {
    pub(super) request_bytes: u64,
    pub(super) now: Instant,
    pub(super) total: Duration,
}

impl Tallied {
    /// An exchange comes to an upstream that is counted. Where another one did not serve it, it has ended there.
    #[cold]
    #[inline(never)]
    pub(crate) fn begin(record: &Record, upstream: &Arc<Upstream>, now: Instant) {
        if let Some(before) = record.tallied.take() {
            // Another one answers in place of this status.
            before.each(|tally| tally.answered(record.replaced.get()));
        }
        if let Some(tally) = upstream.tally() {
            tally.begins(now);
        }
        let begun = Self { upstream: Arc::clone(upstream), endpoint: None, is_attempt_over: true };
        record.tallied.set(Some(Box::new(begun)));
    }

    /// It is passed to an endpoint.
    #[cold]
    #[inline(never)]
    pub(crate) fn attempt(record: &Record, endpoint: &Arc<Endpoint>, now: Instant) {
        let Some(mut this) = record.tallied.take() else { return };
        if let Some(before) = this.endpoint.take() {
            let is_other = before.id() != endpoint.id();
            for tally in [before.tally(), this.upstream.tally()].into_iter().flatten() {
                tally.count(Count::Retries);
                if is_other {
                    tally.count(Count::Redispatches);
                }
            }
            this.leave(&before);
        }
        if let Some(tally) = endpoint.tally() {
            tally.begins(now);
        }
        this.endpoint = Some(Arc::clone(endpoint));
        this.is_attempt_over = false;
        record.tallied.set(Some(this));
    }

    /// The attempt has failed; `is_connected` tells whether there was a connection.
    #[cold]
    #[inline(never)]
    pub(crate) fn failed(record: &Record, error: &ProxyError, is_connected: bool) {
        let Some(this) = record.tallied.take() else { return };
        if let Some(count) = failure(error, is_connected) {
            this.each(|tally| tally.count(count));
        }
        record.tallied.set(Some(this));
    }

    /// The exchange is over.
    #[cold]
    #[inline(never)]
    pub(super) fn end(self: Box<Self>, record: &Record, outcome: Outcome) {
        let Outcome { request_bytes, now, total } = outcome;
        let Times { connect, head, response: _ } = record.times(now);
        let status = record.status.get();
        let queued = Duration::from_millis(record.queued.get().into());
        let answered = head.zip(connect).map(|(head, connect)| head.saturating_sub(connect));
        let times = [queued, connect.unwrap_or_default(), answered.unwrap_or_default(), total];
        let has_left = has_left(record);
        let count = |tally: &Tally, is_its_answer: bool| {
            tally.add(Count::BytesIn, request_bytes);
            tally.add(Count::BytesOut, record.sent.get());
            if is_its_answer {
                tally.answered(status);
                tally.took(times);
            }
            if has_left {
                tally.count(Count::ClientAborts);
            }
        };
        if let Some(tally) = self.upstream.tally() {
            count(tally, true);
        }
        if let Some(tally) = self.endpoint.as_deref().and_then(Endpoint::tally) {
            count(tally, head.is_some());
        }
    }

    /// Counts at both.
    fn each(&self, count: impl Fn(&Tally)) {
        let endpoint = self.endpoint.as_deref().and_then(Endpoint::tally);
        endpoint.into_iter().chain(self.upstream.tally()).for_each(count);
    }

    fn leave(&mut self, endpoint: &Endpoint) {
        if !std::mem::replace(&mut self.is_attempt_over, true)
            && let Some(tally) = endpoint.tally()
        {
            tally.ends();
        }
    }
}

impl Drop for Tallied {
    fn drop(&mut self) {
        if let Some(endpoint) = self.endpoint.take() {
            self.leave(&endpoint);
        }
        if let Some(tally) = self.upstream.tally() {
            tally.ends();
        }
    }
}

/// Counts a request at its listener.
#[cold]
#[inline(never)]
pub(super) fn at_listener(tally: &ListenerTally, record: &Record, outcome: Outcome) {
    let Outcome { request_bytes, now, .. } = outcome;
    let requests = &tally.requests;
    requests.begins(now);
    requests.ends();
    requests.answered(record.status.get());
    requests.add(Count::BytesIn, request_bytes);
    requests.add(Count::BytesOut, record.sent.get());
    if record.answered_by.is_some() && (400..500).contains(&record.status.get()) {
        requests.count(Count::Denied);
    }
    if has_left(record) {
        requests.count(Count::ClientAborts);
    } else if record.is_refused.get() {
        requests.count(Count::BadRequests);
    }
}

/// Whether the client has gone before the end.
fn has_left(record: &Record) -> bool {
    record
        .error
        .get()
        .is_some_and(|error| error == ProxyError::ClientClosed.reason() || error == ProxyError::ClientStalled.reason())
}

/// What a failed attempt counts as; `None`: it says nothing of the endpoint.
fn failure(error: &ProxyError, is_connected: bool) -> Option<Count> {
    match error {
        ProxyError::PassedOver | ProxyError::Replaced => None,
        ProxyError::UpstreamTruncated | ProxyError::ResponseBody(_) => Some(Count::ServerAborts),
        error if error.side() != Side::Upstream => None,
        _ if is_connected => Some(Count::ResponseErrors),
        _ => Some(Count::ConnectErrors),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_as_haproxy_does() {
        for (error, is_connected, expected) in [
            (ProxyError::ConnectRefused, false, Some(Count::ConnectErrors)),
            (ProxyError::UpstreamClosed, true, Some(Count::ResponseErrors)),
            (ProxyError::UpstreamTruncated, true, Some(Count::ServerAborts)),
            (ProxyError::ClientClosed, true, None),
            (ProxyError::PassedOver, true, None),
        ] {
            assert_eq!(failure(&error, is_connected), expected, "{error:?}");
        }
    }
}
