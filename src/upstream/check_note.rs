//! What the last check of an endpoint came to, for views.

use std::fmt;

use tokio::time::{Duration, Instant};

/// What a check came to. HAProxy's `check_status` is beside each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckOutcome {
    /// A connection was taken: `L4OK`.
    Connected,
    /// No connection was taken: `L4CON`.
    NotConnected,
    /// No connection was taken in time: `L4TOUT`.
    ConnectTimeout,
    /// The TLS handshake failed: `L6RSP`.
    NoTls,
    /// It was not done in time: `L6TOUT`.
    TlsTimeout,
    /// The answer has a good status: `L7OK`.
    Good(u16),
    /// The answer has another status: `L7STS`.
    Bad(u16),
    /// There was no valid answer: `L7RSP`.
    Invalid,
    /// There was no answer in time: `L7TOUT`.
    Timeout,
}

impl CheckOutcome {
    /// Whether it is good.
    pub fn is_good(self) -> bool {
        matches!(self, Self::Connected | Self::Good(_))
    }

    /// As HAProxy writes it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Connected => "L4OK",
            Self::NotConnected => "L4CON",
            Self::ConnectTimeout => "L4TOUT",
            Self::NoTls => "L6RSP",
            Self::TlsTimeout => "L6TOUT",
            Self::Good(_) => "L7OK",
            Self::Bad(_) => "L7STS",
            Self::Invalid => "L7RSP",
            Self::Timeout => "L7TOUT",
        }
    }

    /// The status of the answer, if there was one.
    pub fn status(self) -> Option<u16> {
        match self {
            Self::Good(status) | Self::Bad(status) => Some(status),
            Self::Connected | Self::NotConnected | Self::ConnectTimeout => None,
            Self::NoTls | Self::TlsTimeout | Self::Invalid | Self::Timeout => None,
        }
    }

    /// As HAProxy says it.
    fn description(self) -> &'static str {
        match self {
            Self::Connected => "Layer4 check passed",
            Self::NotConnected => "Layer4 connection problem",
            Self::ConnectTimeout => "Layer4 timeout",
            Self::NoTls => "Layer6 invalid response",
            Self::TlsTimeout => "Layer6 timeout",
            Self::Good(_) => "Layer7 check passed",
            Self::Bad(_) => "Layer7 wrong status",
            Self::Invalid => "Layer7 invalid response",
            Self::Timeout => "Layer7 timeout",
        }
    }

    /// In words.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Connected => "a connection was taken",
            Self::NotConnected => "no connection was taken",
            Self::ConnectTimeout => "no connection was taken in time",
            Self::NoTls => "the TLS handshake failed",
            Self::TlsTimeout => "the TLS handshake was not done in time",
            Self::Good(_) => "the answer has a good status",
            Self::Bad(_) => "the answer has a status that is not good",
            Self::Invalid => "there was no valid answer",
            Self::Timeout => "there was no answer in time",
        }
    }
}

/// What is known of an endpoint by its checks.
#[derive(Clone, Copy, Debug)]
pub struct CheckNote {
    /// What the last check came to.
    pub outcome: CheckOutcome,
    /// How long it took.
    pub took: Duration,
    /// Since when the endpoint is up or down.
    pub since: Instant,
    /// Bad checks so far.
    pub bad: u64,
    /// How often it went down.
    pub downs: u64,
    /// How long it was down, the time since it went down last not included.
    pub down_for: Duration,
    /// Good checks that bring it up, bad ones that take it down. HAProxy `check_rise`, `check_fall`.
    pub turns: (u32, u32),
}

impl CheckNote {
    /// Of a check that ended now, as if it were the first; `turns` are its rise and fall.
    pub fn first(outcome: CheckOutcome, took: Duration, turns: (u32, u32), now: Instant) -> Self {
        Self { outcome, took, since: now, bad: 0, downs: 0, down_for: Duration::ZERO, turns }
    }
}

/// As HAProxy's log says it.
impl fmt::Display for CheckNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.outcome.description())?;
        if let Some(status) = self.outcome.status() {
            write!(f, ", code: {status}")?;
        }
        write!(f, ", check duration: {}ms", self.took.as_millis())
    }
}
