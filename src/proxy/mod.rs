//! The data plane: connections, exchanges and bodies. It executes the table and does not know that Kubernetes exists.
//!
//! The folders, from the bottom to the top; each uses only those before it:
//!
//! - `wire`: bytes on connections, to clients and to pods. It knows nothing of requests.
//! - `shard`: what a thread has: pools of memory, of connections to pods, timers, the clock.
//! - `walk`: what the phases of one request share.
//! - `pods`: endpoints, connections, attempts, and what may follow one that failed.
//! - `exchange`: the walk of one request, from its head to the end of its answer.
//! - `client`: listeners, TLS, and connections that speak HTTP/1 or HTTP/2.
//! - `stream`: connections and datagrams that are passed on without a look at what is in them.
//! - `checks`: asks endpoints for their health, on a thread of its own.
//! - `thread`: runs the rest on one thread, a shard.

pub mod checks;
mod client;
pub mod config;
mod error;
mod exchange;
pub mod heads;
mod pod_tls_fault;
mod pods;
mod shard;
mod stream;
mod thread;
mod walk;
mod wire;

pub use client::{listener, tls};
pub use config::ProxyConfig;
pub use shard::Shared;
pub use shard::auth_memory::AuthMemory;
pub use shard::connections::Connections;
pub use shard::handover::Handover;
pub use shard::heartbeats::Heartbeats;
pub use shard::inspector::{Inspector, ShardAnswer};
pub use shard::limiter::Limiter;
pub use shard::ports::Ports;
pub use shard::views::{ClientView, Listing, PodView, ShardView, Standing};
pub use stream::{PortSettings, keep as keep_ports};
pub use thread::{Listeners, run, serve};
pub use wire::buffers;
pub use wire::ledger::Ledger;
