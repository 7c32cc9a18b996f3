//! As what a rule of HTTP/2 is counted that a client or a pod broke.

use crate::http1::{RequestError, ResponseError, SyntaxError};
use crate::http2::connection::limits::Limit;
use crate::observe::Http2Limit;

/// What the codec tells of a stream or a connection that it ends: a limit, or none for another rule.
pub(crate) fn of_codec(limit: Option<Limit>) -> Http2Limit {
    match limit {
        Some(Limit::Streams) => Http2Limit::Streams,
        Some(Limit::Heads) => Http2Limit::Heads,
        Some(Limit::HeaderBlock) => Http2Limit::HeaderBlock,
        Some(Limit::Continuations) => Http2Limit::Continuations,
        Some(Limit::Trailers) => Http2Limit::Trailers,
        Some(Limit::Interims) => Http2Limit::Interims,
        Some(Limit::StreamWindow) => Http2Limit::StreamWindow,
        Some(Limit::ConnectionWindow) => Http2Limit::ConnectionWindow,
        Some(Limit::FrameSize) => Http2Limit::FrameSize,
        Some(Limit::Pings) => Http2Limit::Pings,
        Some(Limit::Settings) => Http2Limit::Settings,
        Some(Limit::WindowUpdates) => Http2Limit::WindowUpdates,
        Some(Limit::SmallFrames) => Http2Limit::SmallFrames,
        Some(Limit::EarlyResets) => Http2Limit::EarlyResets,
        Some(Limit::LocalResets) => Http2Limit::LocalResets,
        Some(Limit::Unread) => Http2Limit::Unread,
        None => Http2Limit::Protocol,
    }
}

/// A request whose head is refused. `None` if it is refused for what it says: over HTTP/1 it would be too.
pub(crate) fn of_request(error: RequestError) -> Option<Http2Limit> {
    matches!(error.status(), 414 | 431).then_some(Http2Limit::Head)
}

/// An answer whose head is refused.
pub(crate) fn of_response(error: ResponseError) -> Http2Limit {
    let is_large = matches!(
        error,
        ResponseError::Syntax(SyntaxError::TooLarge | SyntaxError::TooManyFields | SyntaxError::LongStartLine)
    );
    if is_large { Http2Limit::Head } else { Http2Limit::Protocol }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_of_the_codec_has_a_label_of_its_own() {
        let mut labels: Vec<_> = Limit::ALL.iter().map(|limit| of_codec(Some(*limit)).as_str()).collect();
        labels.push(of_codec(None).as_str());
        let count = labels.len();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), count);
    }

    #[test]
    fn heads_that_are_too_large_are_told_from_others() {
        assert_eq!(of_request(RequestError::TargetTooLong), Some(Http2Limit::Head));
        assert_eq!(of_request(RequestError::Syntax(SyntaxError::TooManyFields)), Some(Http2Limit::Head));
        assert_eq!(of_request(RequestError::MethodNotAllowed), None);
        assert_eq!(of_response(ResponseError::Syntax(SyntaxError::TooLarge)), Http2Limit::Head);
        assert_eq!(of_response(ResponseError::Status), Http2Limit::Protocol);
    }
}
