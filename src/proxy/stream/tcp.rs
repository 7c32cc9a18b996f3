//! The walk of a connection over TCP: who its client is, an endpoint, bytes both ways, a line in the log.

use std::cell::Cell;
use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::net::TcpStream;
use tokio::time::{Duration, Instant};

use super::listening::Listening;
use super::pod::{self, Current, Reached, Tried};
use super::relay::{Moved, relay, send_first};
use crate::lifecycle::Busy;
use crate::model::{HeaderOfClients, HeaderVersion, LogLines};
use crate::observe::{StreamEntry, StreamFailure};
use crate::proxy::client::proxy_header;
use crate::proxy::shard::Shard;
use crate::proxy::shard::clients::Entered;
use crate::proxy::shard::connections::Counted;
use crate::proxy::wire::client_mark::Standing;
use crate::proxy::wire::socket::Socket;
use crate::proxy_protocol::write;
use crate::routing::Route;
use crate::upstream::{InFlight, Target};

/// What is known of a connection, for its line in the log.
struct Record {
    time: SystemTime,
    began: Instant,
    client: SocketAddr,
    route: Option<Arc<Route<Target>>>,
    tried: Tried,
    connect: Option<Duration>,
    received: Cell<u64>,
    sent: Cell<u64>,
}

/// A connection that leads to an endpoint.
struct Linked {
    client: Socket,
    pod: Socket,
    /// Counted for as long as it lives.
    _counted: (InFlight, Counted),
    idle: Duration,
}

/// Serves a connection until its end. What sets it up is boxed: that memory is not needed while the connection lives.
pub(super) fn serve(
    shard: Rc<Shard>,
    listening: Rc<Listening>,
    tcp: TcpStream,
    address: SocketAddr,
    (entered, busy, place): (Entered, Busy, Counted),
) -> impl Future<Output = ()> {
    let (linking_shard, linking_port) = (Rc::clone(&shard), Rc::clone(&listening));
    let mut record = Box::new(Record {
        time: SystemTime::now(),
        began: Instant::now(),
        client: SocketAddr::new(address.ip().to_canonical(), address.port()),
        route: None,
        tried: Tried::default(),
        connect: None,
        received: Cell::new(0),
        sent: Cell::new(0),
    });
    let linking = Box::pin(async move {
        let linked = link(&linking_shard, &linking_port, tcp, &mut record).await;
        (linked, record)
    });
    async move {
        let _counted = (busy, place);
        let _open = listening.metrics.opened();
        // Others do not take its place, however long it is silent: it may be a session of a database.
        entered.mark.stands(Standing::Tunnel);
        let (linked, record) = linking.await;
        let outcome = match linked {
            Ok(mut linked) => {
                let Linked { client, pod, _counted: _, idle } = &mut *linked;
                let (received, sent) = (&record.received, &record.sent);
                let (metrics, buffers) = (&listening.metrics, &shard.buffers);
                let moved = Moved { received, sent, metrics, buffers, idle: *idle };
                let outcome = relay(client, pod, &moved).await;
                if outcome.is_err() {
                    // The other side learns that it was no orderly end.
                    client.cut();
                    pod.cut();
                }
                outcome
            }
            Err(failure) => Err(failure),
        };
        finish(&shard, &listening, &record, outcome.err());
    }
}

/// Finds out who the client is and reaches an endpoint.
async fn link(
    shard: &Rc<Shard>,
    listening: &Listening,
    mut tcp: TcpStream,
    record: &mut Record,
) -> Result<Box<Linked>, StreamFailure> {
    // A client that gets nowhere learns so at once.
    let cut = |tcp: &TcpStream, failure| {
        let _ = tcp.set_zero_linger();
        failure
    };
    let Some(Current { spec, route, affinity }) = pod::current(shard, &listening.key) else {
        return Err(cut(&tcp, StreamFailure::NoStream));
    };
    record.route = Some(Arc::clone(&route));
    let mut received = None;
    if spec.from_clients == HeaderOfClients::Required {
        let introduced = proxy_header::required(shard, &mut tcp, record.client).await;
        let Some((client, behind)) = introduced else { return Err(StreamFailure::Header) };
        (record.client, received) = (client, behind);
    }
    let header = match (spec.to_pods, tcp.local_addr()) {
        (Some(HeaderVersion::V1), Ok(local)) => write::v1(record.client, local),
        (Some(HeaderVersion::V2), Ok(local)) => write::v2(record.client, local, None),
        (Some(_), Err(_)) | (None, _) => Vec::new(),
    };
    let Some(backend) = pod::backend(&route.target) else { return Err(cut(&tcp, StreamFailure::NoEndpoint)) };
    let (policy, began) = (&route.spec.policy, Instant::now());
    let preference = pod::preference(affinity, record.client.ip());
    let reached = pod::reach(shard, backend, policy, preference, &mut record.tried).await;
    let Reached { tcp: pod, endpoint, _place: place } = reached.map_err(|failure| cut(&tcp, failure))?;
    record.connect = Some(pod::since(began));
    let (mut pod, idle) = (Socket::Tcp(pod), policy.timeouts.stream_idle);
    let (of_client, sent) = (&record.received, &record.sent);
    let moved = Moved { received: of_client, sent, metrics: &listening.metrics, buffers: &shard.buffers, idle };
    send_first(&mut pod, &header, received, &moved).await.map_err(|failure| cut(&tcp, failure))?;
    Ok(Box::new(Linked { client: Socket::Tcp(tcp), pod, _counted: (endpoint, place), idle }))
}

/// Counts a connection that failed, and logs it.
fn finish(shard: &Shard, listening: &Listening, record: &Record, failure: Option<StreamFailure>) {
    if let Some(failure) = failure {
        listening.metrics.failed(failure);
    }
    let is_left_out = record.route.as_ref().is_some_and(|route| route.spec.policy.log == LogLines::LeftOut);
    if !shard.access_log.is_on() || is_left_out {
        return;
    }
    let backend = record.route.as_ref().and_then(|route| pod::backend(&route.target));
    shard.access_log.log_stream(&StreamEntry {
        time: record.time,
        client: record.client,
        listener: listening.key,
        upstream: record.tried.last,
        attempts: record.tried.attempts,
        connect: record.connect,
        service: backend.map(|backend| &backend.upstream.key().service),
        received: record.received.get(),
        sent: record.sent.get(),
        duration: pod::since(record.began),
        failure,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<A, B, C, D, E, F>(_: fn(A, B, C, D, E) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_task_of_a_stream_is_small() {
        // Most of what an idle stream costs beside its two sockets.
        assert!(size_of_future(serve) <= 1424, "{} bytes", size_of_future(serve));
    }
}
