//! When a request goes to another endpoint, where the route's author says so.

use std::fmt;

/// What an attempt may come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RetryCase {
    /// There is no connection, or it ends before the head of an answer.
    Error,
    /// The connection, its handshake, the sending or the head of the answer takes too long.
    Timeout,
    /// What comes is no head of an answer.
    InvalidHead,
    /// The pod answers with 403.
    Status403,
    /// The pod answers with 404.
    Status404,
    /// The pod answers with 429.
    Status429,
    /// The pod answers with 500.
    Status500,
    /// The pod answers with 502.
    Status502,
    /// The pod answers with 503.
    Status503,
    /// The pod answers with 504.
    Status504,
    /// One of the others, of a request that must not be processed twice.
    NonIdempotent,
}

impl RetryCase {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Error,
        Self::Timeout,
        Self::InvalidHead,
        Self::Status403,
        Self::Status404,
        Self::Status429,
        Self::Status500,
        Self::Status502,
        Self::Status503,
        Self::Status504,
        Self::NonIdempotent,
    ];

    /// Those that are about the status of an answer.
    pub const STATUSES: [Self; 7] = [
        Self::Status403,
        Self::Status404,
        Self::Status429,
        Self::Status500,
        Self::Status502,
        Self::Status503,
        Self::Status504,
    ];

    /// That a pod answers with this status; `None`: no rule can be about it.
    pub fn of_status(status: u16) -> Option<Self> {
        match status {
            403 => Some(Self::Status403),
            404 => Some(Self::Status404),
            429 => Some(Self::Status429),
            500 => Some(Self::Status500),
            502 => Some(Self::Status502),
            503 => Some(Self::Status503),
            504 => Some(Self::Status504),
            _ => None,
        }
    }

    /// As nginx names it (`proxy_next_upstream`).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Timeout => "timeout",
            Self::InvalidHead => "invalid_header",
            Self::Status403 => "http_403",
            Self::Status404 => "http_404",
            Self::Status429 => "http_429",
            Self::Status500 => "http_500",
            Self::Status502 => "http_502",
            Self::Status503 => "http_503",
            Self::Status504 => "http_504",
            Self::NonIdempotent => "non_idempotent",
        }
    }

    fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// The cases in which a request goes to another endpoint.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct RetryRule(u16);

impl RetryRule {
    /// Whether it does in this one.
    pub fn has(self, case: RetryCase) -> bool {
        self.0 & case.bit() != 0
    }
}

impl FromIterator<RetryCase> for RetryRule {
    fn from_iter<I: IntoIterator<Item = RetryCase>>(cases: I) -> Self {
        Self(cases.into_iter().fold(0, |bits, case| bits | case.bit()))
    }
}

impl fmt::Debug for RetryRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(RetryCase::ALL.into_iter().filter(|case| self.has(*case))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_has_the_cases_it_is_made_of_and_no_other() {
        for case in RetryCase::ALL {
            let alone = RetryRule::from_iter([case]);
            let others: RetryRule = RetryCase::ALL.into_iter().filter(|other| *other != case).collect();
            for other in RetryCase::ALL {
                assert_eq!((alone.has(other), others.has(other)), (other == case, other != case));
            }
            assert!(!RetryRule::default().has(case));
        }
    }

    #[test]
    fn the_statuses_of_rules_are_those_in_their_names() {
        for status in 100..600 {
            let named = RetryCase::ALL.into_iter().find(|case| case.as_str() == format!("http_{status}"));
            assert_eq!(RetryCase::of_status(status), named);
            assert_eq!(named.is_some(), named.is_some_and(|case| RetryCase::STATUSES.contains(&case)));
        }
    }
}
