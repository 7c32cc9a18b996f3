//! What connections of HTTP/2 to clients and to pods have in common: the socket, and what lies between it and the
//! streams.

pub(crate) mod broken_rule;
pub(crate) mod link;
pub(crate) mod outflow;
pub(crate) mod outputs;
pub(crate) mod stall;
pub(crate) mod transport;
