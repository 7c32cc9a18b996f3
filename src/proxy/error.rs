//! Everything that can go wrong with a request, with the answer to the client and the reason in logs and metrics.

use super::pod_tls_fault::PodTlsFault;
use crate::http1::{ChunkError, RequestError, ResponseError};

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The client's.
    Client,
    /// The pod's, or the way to it.
    Upstream,
    /// Ours or the configuration's.
    Internal,
}

/// Why a request was not answered by a pod, or not completely.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProxyError {
    /// The head breaks a rule.
    #[error("{0}")]
    Request(#[from] RequestError),
    /// The head did not arrive in time.
    #[error("the request's head did not arrive in time")]
    HeadTimeout,
    /// The path has an encoding that is not one, or encodes control characters.
    #[error("the path has an invalid percent-encoding or encodes a control character")]
    PathInvalid,
    /// The path means one route as written and another when normalised.
    #[error("the path leads to one route as written and to another when normalised")]
    PathAmbiguous,
    /// The request came over a TLS connection for another host.
    #[error("this connection was made for another host; use a new one")]
    Misdirected,
    /// The body is longer than allowed.
    #[error("the request's body is too large")]
    BodyTooLarge,
    /// The body's framing is broken.
    #[error("the request's body is malformed: {0}")]
    RequestBody(ChunkError),
    /// The body stopped arriving, or arrives too slowly.
    #[error("the request's body did not arrive in time")]
    BodyTimeout,
    /// The client went away.
    #[error("the client closed the connection")]
    ClientClosed,
    /// The client does not read the answer.
    #[error("the client does not read the answer")]
    ClientStalled,
    /// A method that no route can serve.
    #[error("the method is not allowed")]
    MethodNotAllowed,

    /// No rule and no default backend.
    #[error("no route for this host and path")]
    NoRoute,
    /// The route's Service cannot be used.
    #[error("the backend of this route cannot be used")]
    BackendUnavailable,
    /// The Service has no usable endpoint.
    #[error("no endpoint is ready")]
    NoEndpoints,

    /// As many requests of the upstream are in flight as may be.
    #[error("the backend has as many requests in flight as it may have")]
    UpstreamFull,
    /// All endpoints were full for as long as a request may wait.
    #[error("the backend has had as many requests in flight as it may have for too long")]
    QueueTimeout,
    /// No endpoint accepted a connection.
    #[error("the backend does not accept connections")]
    ConnectRefused,
    /// No connection could be opened, for a reason of our own: descriptors, ports or memory are used up.
    #[error("no connection to the backend could be opened from here")]
    ConnectOther,
    /// No endpoint answered a connection attempt in time.
    #[error("the backend does not answer connection attempts")]
    ConnectTimeout,
    /// There is no TLS connection to the pod.
    #[error("{0}")]
    PodTls(PodTlsFault),
    /// The pod answered with a message of TLS, on a connection in clear.
    #[error("the backend speaks TLS there: does its Service need appProtocol: https?")]
    PodSpeaksTls,
    /// The pod closed or reset before an answer.
    #[error("the backend closed the connection before answering")]
    UpstreamClosed,
    /// The pod closed or reset within its answer.
    #[error("the backend closed the connection within its answer")]
    UpstreamTruncated,
    /// The pod's answer breaks a rule.
    #[error("the backend's answer is malformed: {0}")]
    Response(#[from] ResponseError),
    /// Too many interim answers.
    #[error("the backend sends interim answers without end")]
    InterimFlood,
    /// The framing of the pod's answer is broken.
    #[error("the body of the backend's answer is malformed: {0}")]
    ResponseBody(ChunkError),
    /// The pod's answer breaks a rule of HTTP/2. The record tells which.
    #[error("the backend's answer is malformed")]
    ResponseRule,
    /// The pod speaks HTTP/2 without extended CONNECT (RFC 8441) and no HTTP/1.
    #[error("the backend speaks HTTP/2 only and offers no extended CONNECT, so it cannot switch protocols")]
    UpgradeUnsupported,
    /// The pod cancelled its HTTP/2 stream, as servers of gRPC do when a deadline is over.
    #[error("the backend cancelled the request")]
    UpstreamCancelled,
    /// The pod's HTTP/2 stream or connection failed.
    #[error("the backend's HTTP/2 stream failed")]
    UpstreamStream,
    /// No answer in time.
    #[error("the backend did not answer in time")]
    ResponseTimeout,
    /// The answer stopped arriving.
    #[error("the backend's answer stopped arriving")]
    ResponseStalled,
    /// The route would rather have the answer of another pod, which is asked.
    #[error("the backend answers with a status for which another pod is asked")]
    PassedOver,
    /// The route would rather have the answer of another backend, which is asked.
    #[error("the backend answers with a status for which another backend is asked")]
    Replaced,
    /// The pod does not read the request.
    #[error("the backend does not read the request")]
    UpstreamStalled,
}

impl ProxyError {
    /// Whose fault it is.
    pub(crate) fn side(&self) -> Side {
        match self {
            Self::Request(_)
            | Self::HeadTimeout
            | Self::PathInvalid
            | Self::PathAmbiguous
            | Self::Misdirected
            | Self::BodyTooLarge
            | Self::RequestBody(_)
            | Self::BodyTimeout
            | Self::ClientClosed
            | Self::ClientStalled
            | Self::MethodNotAllowed => Side::Client,
            Self::NoRoute
            | Self::BackendUnavailable
            | Self::NoEndpoints
            | Self::UpstreamFull
            | Self::QueueTimeout
            | Self::ConnectOther => Side::Internal,
            Self::ConnectRefused
            | Self::ConnectTimeout
            | Self::PodTls(_)
            | Self::PodSpeaksTls
            | Self::UpstreamClosed
            | Self::UpstreamTruncated
            | Self::Response(_)
            | Self::ResponseBody(_)
            | Self::ResponseRule
            | Self::InterimFlood
            | Self::UpgradeUnsupported
            | Self::UpstreamCancelled
            | Self::UpstreamStream
            | Self::ResponseTimeout
            | Self::ResponseStalled
            | Self::PassedOver
            | Self::Replaced
            | Self::UpstreamStalled => Side::Upstream,
        }
    }

    /// The status the client is answered with (RFC 9110 §15; 499 as nginx logs it: nobody is there to read it).
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Request(error) => error.status(),
            Self::HeadTimeout | Self::BodyTimeout => 408,
            Self::PathInvalid | Self::PathAmbiguous | Self::RequestBody(_) => 400,
            Self::Misdirected => 421,
            Self::BodyTooLarge => 413,
            Self::ClientClosed | Self::ClientStalled => 499,
            Self::MethodNotAllowed => 405,
            Self::NoRoute => 404,
            Self::BackendUnavailable
            | Self::NoEndpoints
            | Self::UpstreamFull
            | Self::QueueTimeout
            | Self::ConnectOther => 503,
            Self::ConnectTimeout
            | Self::PodTls(PodTlsFault::Timeout)
            | Self::ResponseTimeout
            | Self::ResponseStalled
            | Self::UpstreamStalled => 504,
            Self::ConnectRefused
            | Self::PodTls(_)
            | Self::PodSpeaksTls
            | Self::UpstreamClosed
            | Self::UpstreamTruncated
            | Self::Response(_)
            | Self::ResponseBody(_)
            | Self::ResponseRule
            | Self::InterimFlood
            | Self::UpgradeUnsupported
            | Self::UpstreamCancelled
            | Self::PassedOver
            | Self::Replaced
            | Self::UpstreamStream => 502,
        }
    }

    /// A short stable name for logs and metrics.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Request(_) => "bad_request",
            Self::HeadTimeout => "head_timeout",
            Self::PathInvalid => "path_invalid",
            Self::PathAmbiguous => "path_ambiguous",
            Self::Misdirected => "misdirected",
            Self::BodyTooLarge => "body_too_large",
            Self::RequestBody(_) => "bad_request_body",
            Self::BodyTimeout => "body_timeout",
            Self::ClientClosed => "client_closed",
            Self::ClientStalled => "client_stalled",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::NoRoute => "no_route",
            Self::BackendUnavailable => "backend_unavailable",
            Self::NoEndpoints => "no_endpoints",
            Self::UpstreamFull => "upstream_full",
            Self::QueueTimeout => "queue_timeout",
            Self::ConnectRefused => "connect_refused",
            Self::ConnectOther => "connect_other",
            Self::ConnectTimeout => "connect_timeout",
            Self::PodTls(fault) => fault.reason(),
            Self::PodSpeaksTls => "speaks_tls",
            Self::UpstreamClosed => "closed",
            Self::UpstreamTruncated => "truncated",
            Self::Response(_) | Self::ResponseBody(_) | Self::ResponseRule | Self::InterimFlood => "bad_response",
            Self::UpgradeUnsupported => "upgrade_unsupported",
            Self::UpstreamCancelled => "cancelled",
            Self::UpstreamStream => "stream_failed",
            Self::ResponseTimeout => "response_timeout",
            Self::ResponseStalled => "response_stalled",
            Self::PassedOver => "passed_over",
            Self::Replaced => "replaced",
            Self::UpstreamStalled => "request_stalled",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::{AuthorityError, FramingError, SyntaxError};
    use crate::proxy::pod_tls_fault;

    /// One of each kind, and of what is within.
    fn all() -> Vec<ProxyError> {
        use ProxyError::*;
        let tls = pod_tls_fault::ALL.map(PodTls);
        let others = vec![
            Request(RequestError::Syntax(SyntaxError::BareLf)),
            Request(RequestError::Syntax(SyntaxError::TooLarge)),
            Request(RequestError::Syntax(SyntaxError::LongStartLine)),
            Request(RequestError::Framing(FramingError::LengthAndCoding)),
            Request(RequestError::Framing(FramingError::CodingUnsupported)),
            Request(RequestError::Authority(AuthorityError::Port)),
            Request(RequestError::Expectation),
            Request(RequestError::Version),
            Request(RequestError::MethodNotAllowed),
            HeadTimeout,
            PathInvalid,
            PathAmbiguous,
            Misdirected,
            BodyTooLarge,
            RequestBody(ChunkError::Size),
            BodyTimeout,
            ClientClosed,
            ClientStalled,
            MethodNotAllowed,
            NoRoute,
            BackendUnavailable,
            NoEndpoints,
            UpstreamFull,
            QueueTimeout,
            ConnectRefused,
            ConnectOther,
            ConnectTimeout,
            PodSpeaksTls,
            UpstreamClosed,
            UpstreamTruncated,
            Response(ResponseError::Status),
            InterimFlood,
            ResponseBody(ChunkError::DataEnd),
            ResponseRule,
            UpgradeUnsupported,
            UpstreamCancelled,
            UpstreamStream,
            ResponseTimeout,
            ResponseStalled,
            PassedOver,
            Replaced,
            UpstreamStalled,
        ];
        tls.into_iter().chain(others).collect()
    }

    #[test]
    fn every_error_has_a_status_that_says_whose_fault_it_is() {
        for error in all() {
            let is_right = match (error.side(), error.status()) {
                // RFC 9110 counts methods and versions that we do not have as errors of the server.
                (Side::Client, status) => (400..500).contains(&status) || matches!(status, 501 | 505),
                (Side::Upstream, status) => matches!(status, 502 | 504),
                (Side::Internal, status) => matches!(status, 404 | 503),
            };
            assert!(is_right, "{error:?}");
        }
    }

    #[test]
    fn errors_are_small() {
        // Every result on the way of a request and a body holds one.
        assert!(size_of::<ProxyError>() <= 8, "{} bytes", size_of::<ProxyError>());
    }

    #[test]
    fn every_status_is_one_of_those_documented() {
        let mut statuses: Vec<_> = all().iter().map(ProxyError::status).collect();
        statuses.sort_unstable();
        statuses.dedup();
        assert_eq!(statuses, [400, 404, 405, 408, 413, 414, 417, 421, 431, 499, 501, 502, 503, 504, 505]);
    }

    #[test]
    fn every_error_has_a_reason_for_machines_and_a_text_for_people() {
        for error in all() {
            let (reason, text) = (error.reason(), error.to_string());
            assert!(!reason.is_empty() && reason.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
            // The text becomes part of a line.
            assert!(text.len() > 10 && text.bytes().all(|byte| (b' '..0x7f).contains(&byte)), "{text}");
            assert!(!text.ends_with('.') && text.starts_with(|first: char| first.is_ascii_alphabetic()), "{text}");
        }
    }
}
