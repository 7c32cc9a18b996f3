//! What can be wrong with a head.

use crate::http1::{RequestError, ResponseError};

/// What is wrong with the head of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadFault {
    /// It is no request (RFC 9113 §8.1.1): the stream is reset with PROTOCOL_ERROR. The text says what is wrong.
    #[error("the request is malformed: {0}")]
    Malformed(&'static str),
    /// It is understood and refused, as it would be over HTTP/1: the client is answered with the error's status.
    #[error(transparent)]
    Refused(#[from] RequestError),
}

/// What is wrong with the head of a response. The client is answered 502 either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResponseFault {
    /// It is no response (RFC 9113 §8.1.1): the stream is reset with PROTOCOL_ERROR. The text says what is wrong.
    #[error("the response is malformed: {0}")]
    Malformed(&'static str),
    /// It is understood and refused, as it would be over HTTP/1: the stream is reset with CANCEL.
    #[error(transparent)]
    Refused(#[from] ResponseError),
}

/// What is wrong with a trailer section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrailerFault {
    /// It is no trailer section (RFC 9113 §8.1): the stream is reset with PROTOCOL_ERROR. The text says what is wrong.
    #[error("the trailers are malformed: {0}")]
    Malformed(&'static str),
    /// It has more fields than [`MAX_TRAILER_FIELDS`](crate::http1::MAX_TRAILER_FIELDS) or more bytes than
    /// [`MAX_TRAILER_BYTES`](crate::http1::MAX_TRAILER_BYTES).
    #[error("the trailers are too large")]
    TooLarge,
}
