//! Counts an exchange at its upstream and endpoints in the manner of HAProxy, where that is asked for. Most exchanges never come here.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

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

/// Where an exchange keeps it.
pub(crate) type TalliedCell = Cell<Option<Box<Tallied>>>;

/// What an exchange came to, as far as it is counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outcome {
    pub(super) now: Instant,
    pub(super) status: u16,
    pub(super) request_bytes: u64,
    pub(super) response_bytes: u64,
    /// Waiting, connecting, to the head of the answer, and all of it.
    pub(super) times: [Duration; 4],
    pub(super) fate: Fate,
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The last endpoint answered.
    Answered,
    /// Somebody else did, or nobody.
    Unanswered,
    /// A filter refused it.
    Denied,
    /// It was wrong.
    Refused,
    /// The client has gone; `true`: the endpoint had answered.
    Left(bool),
}

impl Tallied {
    /// An exchange comes to an upstream that is counted. Where another one answers instead of the status `replaced`, it has ended there.
    #[cold]
    #[inline(never)]
    pub(crate) fn begin(cell: &TalliedCell, replaced: u16, upstream: &Arc<Upstream>, now: Instant) {
        if let Some(before) = cell.take() {
            // Another one answers in place of this status.
            before.each(|tally| tally.answered(replaced));
        }
        if let Some(tally) = upstream.tally() {
            tally.begins(now);
        }
        let begun = Self { upstream: Arc::clone(upstream), endpoint: None, is_attempt_over: true };
        cell.set(Some(Box::new(begun)));
    }

    /// It is passed to an endpoint.
    #[cold]
    #[inline(never)]
    pub(crate) fn attempt(cell: &TalliedCell, endpoint: &Arc<Endpoint>, now: Instant) {
        let Some(mut this) = cell.take() else { return };
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
        cell.set(Some(this));
    }

    /// The attempt has failed; `is_connected` tells whether there was a connection.
    #[cold]
    #[inline(never)]
    pub(crate) fn failed(cell: &TalliedCell, error: &ProxyError, is_connected: bool) {
        let Some(this) = cell.take() else { return };
        if let Some(count) = failure(error, is_connected) {
            this.each(|tally| tally.count(count));
        }
        cell.set(Some(this));
    }

    /// The exchange is over.
    pub(super) fn end(&self, outcome: &Outcome) {
        let Outcome { status, request_bytes, response_bytes, times, fate, .. } = *outcome;
        let count = |tally: &Tally, is_its_answer: bool| {
            tally.add(Count::BytesIn, request_bytes);
            tally.add(Count::BytesOut, response_bytes);
            if is_its_answer {
                tally.answered(status);
                tally.took(times);
            }
            if matches!(fate, Fate::Left(_)) {
                tally.count(Count::ClientAborts);
            }
        };
        if let Some(tally) = self.upstream.tally() {
            count(tally, true);
        }
        if let Some(tally) = self.endpoint.as_deref().and_then(Endpoint::tally) {
            count(tally, matches!(fate, Fate::Answered | Fate::Left(true)));
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
pub(super) fn at_listener(tally: &ListenerTally, outcome: &Outcome) {
    let Outcome { now, status, request_bytes, response_bytes, times: _, fate } = *outcome;
    let requests = &tally.requests;
    requests.begins(now);
    requests.ends();
    requests.answered(status);
    requests.add(Count::BytesIn, request_bytes);
    requests.add(Count::BytesOut, response_bytes);
    match fate {
        Fate::Answered | Fate::Unanswered => {}
        Fate::Denied => requests.count(Count::Denied),
        Fate::Refused => requests.count(Count::BadRequests),
        Fate::Left(_) => requests.count(Count::ClientAborts),
    }
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
