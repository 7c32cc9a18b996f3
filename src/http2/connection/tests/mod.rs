//! Whole connections: frames by hand on one side, and what comes of them.

mod bodies;
mod client;
mod connect;
mod floods;
mod limits;
mod memory;
#[expect(unreachable_pub, reason = "fuzz targets use it too")]
mod pair;
mod peer_h2;
mod random;
mod rules;
mod server;
mod support;
#[expect(unreachable_pub, reason = "fuzz targets use it too")]
mod wild;
