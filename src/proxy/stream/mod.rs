//! Streams: connections and datagrams that are passed on without a look at what is in them.
//!
//! - `keep`: binds the ports that the table wants, one socket for each shard, and tells which the system does not give.
//! - `serve`: a shard serves the ports that it is given.
//! - `tcp`: the walk of one connection; `pod`: an endpoint for it; `relay`: its bytes, both ways.
//! - `udp`: datagrams, in sessions by the address of the client; `table`: which there are; `session`: one of them.

mod keep;
mod listening;
mod pod;
mod relay;
mod serve;
mod session;
mod table;
mod tcp;
mod udp;

pub use keep::{PortSettings, keep};
pub(crate) use serve::run;
