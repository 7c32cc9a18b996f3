//! What follows a failed attempt: the one decision about it, for both protocols, and how often it may be taken.
//!
//! A request that no pod has processed may be sent again, while its body is at hand (RFC 9113 §8.7). A request that a
//! pod may have processed is sent again only if it is idempotent, complete in memory, and was sent on a connection that
//! had served before, which pods close at their own time (RFC 9110 §9.2.2). That happens once. The author of a route may ask
//! for more, and may forbid other endpoints.

use tokio::time::Instant;

use crate::model::{RetryCase, RetryRule};
use crate::proxy::error::ProxyError;
use crate::proxy::pod_tls_fault::PodTlsFault;

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
    /// The pod has answered, and another one is asked instead.
    PassedOver,
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
    /// An attempt at the same address, behind which another pod may answer.
    SameAddress,
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
    /// Whether there is one address, behind which somebody else chooses a pod for each connection.
    pub has_one_address: bool,
}

impl Facts {
    /// Whether the request may be processed twice, by what the route's author says.
    pub(super) fn may_repeat(self, rule: RetryRule) -> bool {
        self.is_whole && (self.is_idempotent || rule.has(RetryCase::NonIdempotent))
    }
}

/// Decides. `rule` is what the route's author says, where he says anything and the client has got nothing of an answer.
pub(super) fn retry(failure: &Failure, facts: Facts, rule: Option<RetryRule>) -> Retry {
    match (decided(failure, facts, rule), failure.reached) {
        (Retry::OtherEndpoint, Reached::NotConnected) if facts.has_one_address => Retry::SameAddress,
        (decided, _) => decided,
    }
}

fn decided(failure: &Failure, facts: Facts, rule: Option<RetryRule>) -> Retry {
    let usual = usual(failure, facts);
    let Some(rule) = rule else { return usual };
    let is_asked_for = || case(&failure.error).is_some_and(|case| rule.has(case));
    match (failure.reached, usual) {
        (Reached::NotConnected, _) if !is_asked_for() => Retry::No,
        (_, Retry::No) if facts.may_repeat(rule) && is_asked_for() => Retry::OtherEndpoint,
        (_, usual) => usual,
    }
}

/// The case of a rule that an error is. `None` for those of the client, of ours, and of an answer that has begun.
fn case(error: &ProxyError) -> Option<RetryCase> {
    match error {
        ProxyError::ConnectTimeout
        | ProxyError::PodTls(PodTlsFault::Timeout)
        | ProxyError::ResponseTimeout
        | ProxyError::UpstreamStalled => Some(RetryCase::Timeout),
        ProxyError::ConnectRefused
        | ProxyError::ConnectOther
        | ProxyError::PodTls(_)
        | ProxyError::UpstreamClosed
        | ProxyError::UpstreamStream => Some(RetryCase::Error),
        ProxyError::PodSpeaksTls | ProxyError::Response(_) | ProxyError::ResponseRule | ProxyError::InterimFlood => {
            Some(RetryCase::InvalidHead)
        }
        // A call of gRPC whose deadline is over has no time for another pod.
        ProxyError::UpstreamCancelled
        | ProxyError::PassedOver
        | ProxyError::Replaced
        | ProxyError::UpgradeUnsupported
        | ProxyError::UpstreamTruncated
        | ProxyError::ResponseBody(_)
        | ProxyError::ResponseStalled
        | ProxyError::Request(_)
        | ProxyError::HeadTimeout
        | ProxyError::PathInvalid
        | ProxyError::PathAmbiguous
        | ProxyError::Misdirected
        | ProxyError::BodyTooLarge
        | ProxyError::RequestBody(_)
        | ProxyError::BodyTimeout
        | ProxyError::ClientClosed
        | ProxyError::ClientStalled
        | ProxyError::MethodNotAllowed
        | ProxyError::NoRoute
        | ProxyError::BackendUnavailable
        | ProxyError::NoEndpoints
        | ProxyError::UpstreamFull
        | ProxyError::QueueTimeout => None,
    }
}

/// Decides where the route's author says nothing.
fn usual(failure: &Failure, facts: Facts) -> Retry {
    match failure.reached {
        Reached::NotConnected | Reached::PassedOver => Retry::OtherEndpoint,
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
    /// Ids of endpoints that are not asked again. No memory while there is none.
    pub tried: Vec<u64>,
    /// Connections made before this moment are not used.
    pub newer_than: Option<Instant>,
    refusals: usize,
    renewals: usize,
    /// Connections to one address that were not made.
    missed: usize,
}

impl History {
    /// Nothing yet. `most`: how many endpoints may be tried, and how many may refuse.
    pub(super) fn new(most: usize) -> Self {
        Self { most, tried: Vec::new(), newer_than: None, refusals: 0, renewals: 0, missed: 0 }
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
            Retry::SameAddress => {
                self.missed += 1;
                self.missed < self.most
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
            Reached::PassedOver,
            Reached::Pod,
        ] {
            for (was_reused, is_body_at_hand) in all.into_iter().flat_map(|a| all.map(|b| (a, b))) {
                for bits in 0..16 {
                    let [is_idempotent, is_whole, was_renewed, has_one_address] =
                        [1, 2, 4, 8].map(|bit| bits & bit != 0);
                    let failure = Failure { error: ProxyError::UpstreamClosed, reached, was_reused, is_body_at_hand };
                    let facts = Facts { is_idempotent, is_whole, was_renewed, has_one_address };
                    let expected = match (reached, is_body_at_hand, was_renewed) {
                        (Reached::NotConnected, _, _) if has_one_address => Retry::SameAddress,
                        (Reached::NotConnected | Reached::PassedOver, _, _) => Retry::OtherEndpoint,
                        (Reached::NotSent, _, false) | (Reached::LeftBehind, true, _) => Retry::NewConnection,
                        (Reached::Refused, true, _) => Retry::AnyConnection,
                        (Reached::Unanswered, _, false) if is_idempotent && is_whole && was_reused => {
                            Retry::NewConnection
                        }
                        _ => Retry::No,
                    };
                    assert_eq!(retry(&failure, facts, None), expected, "{failure:?} {facts:?}");
                }
            }
        }
    }

    #[test]
    fn nginx_p2_a_rule_asks_for_more_and_for_less() {
        use RetryCase::{Error, InvalidHead, NonIdempotent, Status503, Timeout};
        let rule = |cases: &[RetryCase]| cases.iter().copied().collect::<RetryRule>();
        let repeatable = Facts { is_idempotent: true, is_whole: true, was_renewed: false, has_one_address: false };
        let errors = [
            (ProxyError::ConnectRefused, Reached::NotConnected, Error),
            (ProxyError::PodTls(PodTlsFault::Refused), Reached::NotConnected, Error),
            (ProxyError::ConnectTimeout, Reached::NotConnected, Timeout),
            (ProxyError::PodTls(PodTlsFault::Timeout), Reached::NotConnected, Timeout),
            (ProxyError::UpstreamClosed, Reached::Unanswered, Error),
            (ProxyError::UpstreamClosed, Reached::Pod, Error),
            (ProxyError::UpstreamStream, Reached::Pod, Error),
            (ProxyError::ResponseTimeout, Reached::Pod, Timeout),
            (ProxyError::UpstreamStalled, Reached::Pod, Timeout),
            (ProxyError::ResponseRule, Reached::Pod, InvalidHead),
            (ProxyError::PodSpeaksTls, Reached::Pod, InvalidHead),
        ];
        for (error, reached, of) in errors {
            let failure = Failure::new(error, reached);
            let is_unsent = reached == Reached::NotConnected;
            for case in RetryCase::ALL {
                let expected = if case == of { Retry::OtherEndpoint } else { Retry::No };
                assert_eq!(retry(&failure, repeatable, Some(rule(&[case]))), expected, "{failure:?} {case:?}");
                let post = Facts { is_idempotent: false, ..repeatable };
                let of_post = if is_unsent { expected } else { Retry::No };
                assert_eq!(retry(&failure, post, Some(rule(&[case]))), of_post, "{failure:?} {case:?}");
                assert_eq!(retry(&failure, post, Some(rule(&[case, NonIdempotent]))), expected, "{failure:?} {case:?}");
                let streaming = Facts { is_whole: false, ..repeatable };
                assert_eq!(retry(&failure, streaming, Some(rule(&[case, NonIdempotent]))), of_post, "{failure:?}");
            }
        }
        for error in [ProxyError::ResponseStalled, ProxyError::UpstreamTruncated, ProxyError::ClientClosed] {
            let all = RetryCase::ALL.into_iter().collect();
            assert_eq!(retry(&Failure::from(error), repeatable, Some(all)), Retry::No);
        }
        // Of what no pod has processed nothing changes, whatever is said.
        let left = Failure::new(ProxyError::UpstreamClosed, Reached::LeftBehind);
        let stale = Failure { was_reused: true, ..Failure::new(ProxyError::UpstreamClosed, Reached::Unanswered) };
        for rule in [rule(&[]), rule(&[Status503])] {
            assert_eq!(retry(&left, repeatable, Some(rule)), Retry::NewConnection);
            assert_eq!(retry(&stale, repeatable, Some(rule)), Retry::NewConnection);
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
        assert_eq!(count(Retry::SameAddress), 3);
        assert_eq!(count(Retry::NewConnection), 1 + MOST_RENEWALS as u64);
    }
}
