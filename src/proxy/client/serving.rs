//! The pools of futures that serve requests, one for each protocol, shared by the connections of a shard.

use std::rc::Rc;

use super::h1::connection::Workers as H1Workers;
use super::h2::stream::Workers as H2Workers;

/// Futures that serve requests.
#[derive(Default)]
pub(crate) struct Serving {
    /// For HTTP/1 connections.
    pub h1: H1Workers,
    /// For HTTP/2 streams.
    pub h2: Rc<H2Workers>,
}
