//! The pools of futures that serve requests, one for each protocol, shared by the connections of a shard.

use std::rc::Rc;

use super::h1::connection::Workers as H1Workers;
use super::h2::stream::Workers as H2Workers;
use crate::proxy::shard::Shard;

/// Futures that serve requests.
pub(crate) struct Serving {
    /// For HTTP/1 connections.
    pub h1: H1Workers,
    /// For HTTP/2 streams.
    pub h2: Rc<H2Workers>,
}

impl Serving {
    /// None yet, for a shard.
    pub(crate) fn new(shard: &Shard) -> Rc<Self> {
        let (share, shards) = (&shard.share, shard.config.shards);
        Rc::new(Self { h1: H1Workers::of_shard(share, shards), h2: Rc::new(H2Workers::of_shard(share, shards)) })
    }

    /// Frees those that are idle.
    pub(crate) fn free(&self) {
        self.h1.free();
        self.h2.free();
    }

    /// Frees a part of those that are idle, beyond a few.
    pub(crate) fn thin(&self) {
        self.h1.thin();
        self.h2.thin();
    }
}
