//! One request of an HTTP/2 client, from its head to the end of its answer.

use std::cell::Cell;
use std::rc::Rc;

use tokio::time::Instant;

use super::sink::H2ClientSink;
use super::source::H2ClientSource;
use crate::http1::{Method, RequestError};
use crate::http2::connection::Key;
use crate::proxy::error::ProxyError;
use crate::proxy::exchange::{exchange, refuse};
use crate::proxy::shard::scratch::Scratch;
use crate::proxy::shard::{Shard, workers};
use crate::proxy::walk::Walk;
use crate::proxy::walk::grpc::is_grpc;
use crate::proxy::walk::peer::Peer;
use crate::proxy::wire::h2::link::Link;
use crate::proxy::wire::pace::Pace;

/// How a stream ended. An error says that its answer is not complete.
pub(super) type Outcome = Result<(), ProxyError>;

/// The futures that serve streams.
pub(crate) type Workers = workers::Workers<Stream, Outcome>;

/// A future that serves a stream.
pub(super) type Worker = workers::Worker<Stream, Outcome>;

/// A stream with a new request, whose head is in the scratch.
pub(crate) struct Stream {
    pub(super) shard: Rc<Shard>,
    pub(super) peer: Rc<Peer>,
    pub(super) link: Rc<Link>,
    pub(super) key: Key,
    pub(super) scratch: Box<Scratch>,
    /// Whether the request is refused for its head.
    pub(super) verdict: Result<(), RequestError>,
}

/// Serves one stream.
pub(super) async fn serve(stream: Stream) -> Outcome {
    let Stream { shard, peer, link, key, scratch, verdict } = stream;
    let mut scratch = shard.scratches.lend(scratch);
    let (started, listener) = (Instant::now(), &shard.config.listener);
    let Scratch { staged, work } = &mut *scratch;
    let is_head = work.request.method == Method::Head;
    let answered = Cell::new(false);
    let mut sink = H2ClientSink::new(&link, key, staged, is_head, &answered, listener.timeouts.write);
    let is_judged = !is_grpc(&work.request, &work.head);
    let mut walk = Walk::new(&shard, listener, &peer, work, started, started);
    if let Err(error) = verdict {
        refuse(&mut walk, error.into(), &mut sink).await;
        return Ok(());
    }
    let pace = Pace { gap: listener.timeouts.body_gap, rate: listener.timeouts.body_rate };
    let mut source = H2ClientSource::new(&link, key, &answered, pace, is_judged);
    exchange(&mut walk, &mut source, &mut sink).await
}
