//! What follows a failed attempt: the one decision about it, for both protocols, and how often it may be taken.
//!
//! A request that no pod has processed may be sent again, while its body is at hand (RFC 9113 §8.7). A request that a
//! pod may have processed is sent again only if it is idempotent, complete in memory, and was sent on a connection that
//! had served before, which pods close at their own time (RFC 9110 §9.2.2). That happens once.

use tokio::time::Instant;

use crate::proxy::error::ProxyError;

/// How often one request takes a new connection because others went away. A pod that closes all of its HTTP/2
/// connections at once has at most so many to a shard.
const MOST_RENEWALS: usize = 16;

/// What a pod may have done with the request of a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    /// There was no connection.
    NotConnected,
    /// The connection took no byte of the request.
    NotSent,
    /// The connection went away, and the pod has not processed the request (GOAWAY).
    LeftBehind,
    /// The pod refused the request unprocessed, and the connection goes on (REFUSED_STREAM).
    Refused,
    /// The connection ended before any byte of an answer: the request may have been processed.
    Unanswered,
    /// Anything else: another attempt would not help, or would do harm.
    Pod,
}

/// An attempt that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// What happened.
    pub error: ProxyError,
    /// What the pod may have done with the request.
    pub reached: Reached,
    /// Whether the connection had served other requests before.
    pub was_reused: bool,
    /// Whether all of the body that has come from the client can be sent once more.
    pub is_body_at_hand: bool,
}

impl Failure {
    /// A failure that the attempt completes with what it knows of connection and body.
    pub(super) fn new(error: ProxyError, reached: Reached) -> Self {
        Self { error, reached, was_reused: false, is_body_at_hand: true }
    }
}

impl From<ProxyError> for Failure {
    /// A failure that nothing follows.
    fn from(error: ProxyError) -> Self {
        Self::new(error, Reached::Pod)
    }
}

/// What may follow a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retry {
    /// Nothing.
    No,
    /// An attempt at any endpoint, on any connection.
    AnyConnection,
    /// An attempt at any endpoint, on a connection made after this failure.
    NewConnection,
    /// An attempt at another endpoint.
    OtherEndpoint,
}

/// What is known of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// Whether its method is idempotent.
    pub is_idempotent: bool,
    /// Whether it is complete in memory.
    pub is_whole: bool,
    /// Whether the attempt had to be made on a new connection.
    pub was_renewed: bool,
}

/// Decides.
pub(super) fn retry(failure: &Failure, facts: Facts) -> Retry {
    match failure.reached {
        Reached::NotConnected => Retry::OtherEndpoint,
        Reached::NotSent if !facts.was_renewed => Retry::NewConnection,
        Reached::LeftBehind if failure.is_body_at_hand => Retry::NewConnection,
        Reached::Refused if failure.is_body_at_hand => Retry::AnyConnection,
        Reached::Unanswered if facts.is_idempotent && facts.is_whole && failure.was_reused && !facts.was_renewed => {
            Retry::NewConnection
        }
        Reached::NotSent | Reached::LeftBehind | Reached::Refused | Reached::Unanswered | Reached::Pod => Retry::No,
    }
}

/// What one request has tried so far.
pub(super) struct History {
    most: usize,
    /// Ids of endpoints to which there was no connection. No memory while there is none.
    pub tried: Vec<u64>,
    /// Connections made before this moment are not used.
    pub newer_than: Option<Instant>,
    refusals: usize,
    renewals: usize,
}

impl History {
    /// Nothing yet. `most`: how many endpoints may be tried, and how many may refuse.
    pub(super) fn new(most: usize) -> Self {
        Self { most, tried: Vec::new(), newer_than: None, refusals: 0, renewals: 0 }
    }

    /// Takes note of what is to follow an attempt at `endpoint`; false when that was done too often.
    pub(super) fn allows(&mut self, retry: Retry, endpoint: u64) -> bool {
        match retry {
            Retry::No => false,
            Retry::AnyConnection => {
                self.refusals += 1;
                self.refusals < self.most
            }
            Retry::NewConnection => {
                self.newer_than = Some(Instant::now());
                self.renewals += 1;
                self.renewals <= MOST_RENEWALS
            }
            Retry::OtherEndpoint => {
                self.tried.push(endpoint);
                self.tried.len() < self.most
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_one_consequence() {
        let all = [false, true];
        for reached in [
            Reached::NotConnected,
            Reached::NotSent,
            Reached::LeftBehind,
            Reached::Refused,
            Reached::Unanswered,
            Reached::Pod,
        ] {
            for (was_reused, is_body_at_hand) in all.into_iter().flat_map(|a| all.map(|b| (a, b))) {
                for bits in 0..8 {
                    let [is_idempotent, is_whole, was_renewed] = [1, 2, 4].map(|bit| bits & bit != 0);
                    let failure = Failure { error: ProxyError::UpstreamClosed, reached, was_reused, is_body_at_hand };
                    let facts = Facts { is_idempotent, is_whole, was_renewed };
                    let expected = match (reached, is_body_at_hand, was_renewed) {
                        (Reached::NotConnected, _, _) => Retry::OtherEndpoint,
                        (Reached::NotSent, _, false) | (Reached::LeftBehind, true, _) => Retry::NewConnection,
                        (Reached::Refused, true, _) => Retry::AnyConnection,
                        (Reached::Unanswered, _, false) if is_idempotent && is_whole && was_reused => {
                            Retry::NewConnection
                        }
                        _ => Retry::No,
                    };
                    assert_eq!(retry(&failure, facts), expected, "{failure:?} {facts:?}");
                }
            }
        }
    }

    #[tokio::test]
    async fn there_is_an_end_to_each_kind_of_retry() {
        let count = |retry| {
            let mut history = History::new(3);
            (1_u64..).find(|endpoint| !history.allows(retry, *endpoint)).unwrap()
        };
        assert_eq!(count(Retry::No), 1);
        assert_eq!(count(Retry::AnyConnection), 3);
        assert_eq!(count(Retry::OtherEndpoint), 3);
        assert_eq!(count(Retry::NewConnection), 1 + MOST_RENEWALS as u64);
    }
}
