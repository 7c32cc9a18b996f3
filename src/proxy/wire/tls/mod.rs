//! TLS on a socket: the session without input and output, and the stream that runs it.

pub(crate) mod session;
pub(crate) mod stream;
