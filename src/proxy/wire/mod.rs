//! Bytes on connections, to clients and to pods: sockets, TLS, and bodies over both protocols. Knows nothing of requests.

pub(crate) mod ahead;
pub(crate) mod body;
pub mod buffers;
pub(crate) mod client_mark;
pub(crate) mod h1_body;
pub(crate) mod h2;
pub(crate) mod ledger;
pub(crate) mod pace;
mod quiet;
pub(crate) mod slow;
pub(crate) mod socket;
pub(crate) mod tls;
