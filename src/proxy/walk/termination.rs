//! How requests end, in the two letters of HAProxy's logs: who ended one, and in which phase ("Session state at
//! disconnection" in its configuration manual).

use crate::proxy::error::ProxyError;
use crate::proxy::pod_tls_fault::PodTlsFault;

/// A request that ended as it should.
pub(crate) const WELL: [u8; 2] = *b"--";

/// We answered it ourselves: a redirect, a page, a question for a password.
pub(crate) const ANSWERED: [u8; 2] = *b"LR";

/// We refused it: a filter does not let it through.
pub(crate) const REFUSED: [u8; 2] = *b"PR";

/// How far a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// No pod was chosen.
    Request,
    /// A connection to a pod is looked for.
    Connection,
    /// A pod has it, and its answer is awaited.
    Head,
    /// The answer has begun.
    Body,
}

impl Progress {
    /// HAProxy's letter.
    fn letter(self) -> u8 {
        match self {
            Self::Request => b'R',
            Self::Connection => b'C',
            Self::Head => b'H',
            Self::Body => b'D',
        }
    }

    /// The letter of something that happens while a pod answers, if the pod has the request already.
    fn answering(self) -> u8 {
        match self {
            Self::Request | Self::Connection | Self::Head => b'H',
            Self::Body => b'D',
        }
    }
}

/// The state of a request that this error ended, which had come so far.
pub(crate) fn state(error: &ProxyError, progress: Progress) -> [u8; 2] {
    match error {
        // P: what the client sent is blocked.
        ProxyError::Request(_)
        | ProxyError::PathInvalid
        | ProxyError::PathAmbiguous
        | ProxyError::Misdirected
        | ProxyError::MethodNotAllowed => REFUSED,
        ProxyError::BodyTooLarge | ProxyError::RequestBody(_) => [b'P', progress.letter()],
        // c: the client's time is over; C: it has gone.
        ProxyError::HeadTimeout => *b"cR",
        ProxyError::BodyTimeout => [b'c', progress.letter()],
        ProxyError::ClientStalled => *b"cD",
        ProxyError::ClientClosed => [b'C', progress.letter()],
        // L: no route is ours to answer.
        ProxyError::NoRoute => ANSWERED,
        // S, and C: there is no server that takes connections.
        ProxyError::BackendUnavailable | ProxyError::NoEndpoints | ProxyError::ConnectRefused => *b"SC",
        // Where HAProxy has no place for a request, its time in the queue is over. Ours has no time.
        ProxyError::UpstreamFull | ProxyError::QueueTimeout => *b"sQ",
        ProxyError::ConnectOther => *b"RC",
        ProxyError::ConnectTimeout | ProxyError::PodTls(PodTlsFault::Timeout) => *b"sC",
        // A handshake belongs to the connection.
        ProxyError::PodTls(_) => *b"SC",
        // S: the server has failed; s: its time is over; P: its answer is blocked.
        ProxyError::UpstreamClosed => *b"SH",
        ProxyError::UpstreamTruncated => *b"SD",
        ProxyError::UpstreamCancelled | ProxyError::UpstreamStream => [b'S', progress.answering()],
        ProxyError::ResponseTimeout => *b"sH",
        ProxyError::ResponseStalled => *b"sD",
        ProxyError::UpstreamStalled => [b's', progress.answering()],
        ProxyError::PodSpeaksTls
        | ProxyError::Response(_)
        | ProxyError::InterimFlood
        | ProxyError::UpgradeUnsupported
        | ProxyError::PassedOver
        | ProxyError::Replaced => *b"PH",
        ProxyError::ResponseBody(_) => *b"PD",
        ProxyError::ResponseRule => [b'P', progress.answering()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::{ChunkError, RequestError, ResponseError};
    use crate::proxy::pod_tls_fault;

    fn states(error: &ProxyError) -> String {
        let all = [Progress::Request, Progress::Connection, Progress::Head, Progress::Body];
        let states = all.map(|progress| String::from_utf8(state(error, progress).to_vec()).unwrap());
        let first = states[0].clone();
        if states.iter().all(|state| *state == first) { first } else { states.join(" ") }
    }

    #[test]
    fn every_kind_of_error_has_its_state_in_each_phase() {
        use ProxyError::*;
        for (error, expected) in [
            (Request(RequestError::Version), "PR"),
            (HeadTimeout, "cR"),
            (PathInvalid, "PR"),
            (PathAmbiguous, "PR"),
            (Misdirected, "PR"),
            (BodyTooLarge, "PR PC PH PD"),
            (RequestBody(ChunkError::Size), "PR PC PH PD"),
            (BodyTimeout, "cR cC cH cD"),
            (ClientClosed, "CR CC CH CD"),
            (ClientStalled, "cD"),
            (MethodNotAllowed, "PR"),
            (NoRoute, "LR"),
            (BackendUnavailable, "SC"),
            (NoEndpoints, "SC"),
            (UpstreamFull, "sQ"),
            (QueueTimeout, "sQ"),
            (ConnectRefused, "SC"),
            (ConnectOther, "RC"),
            (ConnectTimeout, "sC"),
            (PodSpeaksTls, "PH"),
            (UpstreamClosed, "SH"),
            (UpstreamTruncated, "SD"),
            (Response(ResponseError::Status), "PH"),
            (InterimFlood, "PH"),
            (ResponseBody(ChunkError::DataEnd), "PD"),
            (ResponseRule, "PH PH PH PD"),
            (UpgradeUnsupported, "PH"),
            (UpstreamCancelled, "SH SH SH SD"),
            (UpstreamStream, "SH SH SH SD"),
            (ResponseTimeout, "sH"),
            (ResponseStalled, "sD"),
            (PassedOver, "PH"),
            (Replaced, "PH"),
            (UpstreamStalled, "sH sH sH sD"),
        ] {
            assert_eq!(states(&error), expected, "{error:?}");
        }
        for fault in pod_tls_fault::ALL {
            let expected = if fault == PodTlsFault::Timeout { "sC" } else { "SC" };
            assert_eq!(states(&PodTls(fault)), expected, "{fault:?}");
        }
    }
}
