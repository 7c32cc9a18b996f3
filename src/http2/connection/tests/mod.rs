//! Whole connections: frames by hand on one side, and what comes of them.

mod bodies;
mod client;
mod floods;
mod memory;
mod pair;
mod peer_h2;
mod random;
mod rules;
mod server;
mod support;
mod wild;
