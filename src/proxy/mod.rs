//! The data plane: connections, exchanges and bodies. It executes the table and does not know that Kubernetes exists.
//!
//! A connection is accepted by a shard ([`listener`]), maybe through a handshake ([`tls`]), and speaks HTTP/1
//! (`h1_client`) or HTTP/2 (`h2`). Each of its requests takes the walk of `exchange`: admit (host, path, table),
//! filter (the head as the pod gets it), forward (endpoint, connection, attempts), answer.

mod admit;
mod alarm;
mod answer;
mod body;
pub mod buffers;
mod client;
mod clock;
pub mod config;
mod connect;
mod connections;
mod error;
mod exchange;
mod explanation;
mod filters;
mod forward;
mod h1_answer;
mod h1_body;
mod h1_client;
mod h2;
pub mod heads;
pub mod listener;
mod peer;
mod proxy_header;
mod record;
mod reply;
mod scratch;
mod shard;
mod sleepers;
mod socket;
mod thread;
pub mod tls;
mod workers;

pub use config::ProxyConfig;
pub use connections::Connections;
pub use shard::Shared;
pub use thread::{Listeners, run};
