//! What goes wrong between us and the API server, and how long to wait before the next try.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::time::Duration;

use kube::core::Status;
use tokio::time::Instant;

/// The kind of a failure: a label of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    /// 401: our credentials are not accepted.
    Unauthorized,
    /// 403: our role does not allow it.
    Forbidden,
    /// 410: the server does not know our version any more. Everything is listed again.
    Gone,
    /// 429.
    Throttled,
    /// 500 and above.
    Server,
    /// Any other status.
    Refused,
    /// There is no connection, or it broke.
    Connection,
    /// The server's certificate is not from an authority that we trust, or not for this server.
    Untrusted,
    /// Nothing arrived for too long.
    Timeout,
    /// What arrived cannot be read.
    Garbage,
    /// The server ends watches as soon as they have begun.
    Closed,
}

impl Reason {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::Gone => "gone",
            Self::Throttled => "throttled",
            Self::Server => "server",
            Self::Refused => "refused",
            Self::Connection => "connection",
            Self::Untrusted => "untrusted",
            Self::Timeout => "timeout",
            Self::Garbage => "garbage",
            Self::Closed => "closed",
        }
    }

    fn of_status(status: u16) -> Self {
        match status {
            401 => Self::Unauthorized,
            403 => Self::Forbidden,
            410 => Self::Gone,
            429 => Self::Throttled,
            500.. => Self::Server,
            _ => Self::Refused,
        }
    }
}

/// One failure.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) reason: Reason,
    /// For people. Has no content of objects.
    text: String,
    /// The server's wish for the time of the next try.
    after: Option<Duration>,
    /// The object that the server says does not exist.
    absent: Option<String>,
}

/// Longest part of a server's message that is shown. Characters.
const TOLD: usize = 300;

impl Failure {
    pub(super) fn new(reason: Reason, text: impl Into<String>) -> Self {
        Self { reason, text: text.into(), after: None, absent: None }
    }

    /// From an answer that is not a success.
    pub(super) fn of_answer(status: u16, body: &[u8]) -> Self {
        let told = serde_json::from_slice::<Status>(body).unwrap_or_default();
        let said = match told.message {
            message if message.is_empty() => String::from_utf8_lossy(body).trim().to_owned(),
            message => message,
        };
        let details = told.details.filter(|_| status == 404 && told.reason == "NotFound");
        Self { absent: details.map(|details| details.name), ..Self::of_status(status, &said) }
    }

    /// From a status, which watches can send too.
    pub(super) fn of_status(status: u16, said: &str) -> Self {
        let said: String = said.chars().filter(|c| !c.is_control()).take(TOLD).collect();
        Self::new(Reason::of_status(status), format!("status {status}: {said}"))
    }

    /// From the client.
    pub(super) fn of_client(error: &kube::Error) -> Self {
        // Every layer repeats the text of the next one or says nothing, so only the innermost counts.
        let text = causes(error).last().map(ToString::to_string).unwrap_or_default();
        let reason = match error {
            kube::Error::Auth(_) => Reason::Unauthorized,
            _ if is_distrust(error) => Reason::Untrusted,
            _ => Reason::Connection,
        };
        Self::new(reason, text)
    }

    /// Whether the API itself says that it has no object of this name. A proxy in between can answer 404 too.
    pub(super) fn says_absent(&self, name: &str) -> bool {
        self.absent.as_deref() == Some(name)
    }

    /// Whether the answer was 404, whoever gave it.
    pub(super) fn is_absent(&self) -> bool {
        self.reason == Reason::Refused && self.text.starts_with("status 404:")
    }

    pub(super) fn after(mut self, after: Option<Duration>) -> Self {
        self.after = after;
        self
    }
}

/// An error and its causes. The inner error of an I/O error is not among its sources, and is often an I/O error itself.
pub(super) fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| {
        let inner = error.downcast_ref::<io::Error>().and_then(|error| error.get_ref());
        inner.map(|inner| inner as &(dyn std::error::Error + 'static)).or_else(|| error.source())
    })
}

/// Whether we ended the handshake because of the server's certificate.
fn is_distrust(error: &kube::Error) -> bool {
    let mut found = causes(error).filter_map(|cause| cause.downcast_ref());
    found.any(|cause| matches!(cause, rustls::Error::InvalidCertificate(_)))
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Longest pause before objects of a kind have been listed once: readiness waits for it.
const LONGEST_AT_START: Duration = Duration::from_millis(1500);
/// Longest pause while there is no connection: a refused connection costs nothing.
const LONGEST_WITHOUT_CONNECTION: Duration = Duration::from_secs(5);
/// Longest pause otherwise.
const LONGEST: Duration = Duration::from_secs(20);
/// Longest pause while a single object may not be read: there may be many of them.
const LONGEST_FOR_ONE: Duration = Duration::from_secs(60);
/// First pause.
const SHORTEST: Duration = Duration::from_millis(250);
/// Longest wait that a server may ask for.
const LONGEST_WISH: Duration = Duration::from_secs(60);
/// Time without failures after which they are forgotten.
const FORGET: Duration = Duration::from_secs(90);

/// Pauses that double with every failure. Half of each is random, so that clients that failed together do not retry together.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
    last: Option<Instant>,
    /// Whether there was no server at the last failure.
    was_alone: bool,
    /// Longest pause while we are refused (403).
    longest_if_refused: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: SHORTEST, last: None, was_alone: false, longest_if_refused: LONGEST }
    }
}

impl Backoff {
    /// For one of many watches of single objects.
    pub(super) fn for_one_object() -> Self {
        Self { longest_if_refused: LONGEST_FOR_ONE, ..Self::default() }
    }

    /// How long to pause after this failure.
    pub(super) fn pause(&mut self, failure: &Failure, is_start: bool) -> Duration {
        let now = Instant::now();
        if self.last.is_some_and(|last| now.duration_since(last) > FORGET) {
            self.next = SHORTEST;
        }
        self.last = Some(now);
        // A server that is back does not know our version (410) or is busy for a moment (429). That is a new failure, not
        // one more of those without a server.
        let is_alone = matches!(failure.reason, Reason::Connection | Reason::Untrusted | Reason::Timeout);
        if std::mem::replace(&mut self.was_alone, is_alone) && !is_alone {
            self.next = SHORTEST;
        }
        let longest = match failure.reason {
            Reason::Forbidden => self.longest_if_refused,
            Reason::Throttled => LONGEST,
            Reason::Connection | Reason::Untrusted | Reason::Timeout if !is_start => LONGEST_WITHOUT_CONNECTION,
            _ if is_start => LONGEST_AT_START,
            _ => LONGEST,
        };
        let pause = self.next.min(longest);
        self.next = (self.next * 2).min(self.longest_if_refused);
        let pause = pause / 2 + (pause / 2).mul_f64(chance());
        pause.max(failure.after.unwrap_or_default().min(LONGEST_WISH))
    }
}

/// A number from 0 to 1.
pub(super) fn chance() -> f64 {
    let random = RandomState::new().build_hasher().finish();
    f64::from(u32::try_from(random >> 32).unwrap_or_default()) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn f01_a_server_that_is_back_and_busy_is_asked_again_soon() {
        for is_start in [true, false] {
            let mut backoff = Backoff::default();
            for _ in 0..20 {
                let pause = backoff.pause(&Failure::new(Reason::Connection, ""), is_start);
                assert!(pause <= LONGEST_WITHOUT_CONNECTION);
                tokio::time::advance(pause).await;
            }
            let busy = Failure::new(Reason::Throttled, "").after(Some(Duration::from_secs(1)));
            let pauses: Vec<_> = (0..8).map(|_| backoff.pause(&busy, is_start)).collect();
            assert!(pauses[..3].iter().all(|pause| *pause <= Duration::from_secs(1)), "{pauses:?}");
            // The pauses grow while it keeps refusing.
            assert!(pauses[7] >= LONGEST / 2, "{pauses:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_of_many_that_is_refused_is_tried_every_minute_at_last_and_not_with_the_others() {
        let mut pauses = Vec::new();
        for _ in 0..50 {
            let mut backoff = Backoff::for_one_object();
            for _ in 0..12 {
                let pause = backoff.pause(&Failure::new(Reason::Forbidden, ""), true);
                tokio::time::advance(pause).await;
                pauses.push(pause);
            }
            let last = pauses[pauses.len() - 1];
            assert!((LONGEST_FOR_ONE / 2..=LONGEST_FOR_ONE).contains(&last), "{last:?}");
        }
        let last: std::collections::BTreeSet<_> = pauses.chunks(12).map(|tries| tries[11]).collect();
        assert!(last.len() > 40, "{last:?}");
    }

    #[test]
    fn only_a_status_of_the_api_says_that_an_object_is_absent() {
        let told = |status, body: &str| Failure::of_answer(status, body.as_bytes()).says_absent("tls");
        let body = r#"{"kind":"Status","reason":"NotFound","details":{"name":"tls","kind":"secrets"},"code":404}"#;
        assert!(told(404, body));
        assert!(!told(403, body));
        assert!(!told(404, &body.replace("tls", "other")));
        assert!(!told(404, &body.replace("NotFound", "Other")));
        assert!(!told(404, "404 page not found") && !told(404, ""));
    }
}
