//! An HTTP/2 connection to an endpoint with room for a request: an existing or a new one.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::{Rc, Weak};

use h2::client::{Builder, Connection};
use tokio::time::timeout;

use super::attempt::Attempt;
use super::connect::dial;
use super::retry::{Failure, Reached};
use crate::proxy::error::ProxyError;
use crate::proxy::shard::Shard;
use crate::proxy::shard::sessions::{Choice, Lease, Session};
use crate::proxy::wire::h2::body::Outlet;
use crate::proxy::wire::h2::io::{H2Io, Patience};
use crate::proxy::wire::h2::meter::Meter;
use crate::proxy::wire::h2::piece::Piece;
use crate::proxy::wire::socket::Socket;

/// Answer bytes that a stream may bring before the client has taken any.
const STREAM_WINDOW: u32 = 256 * 1024;
/// The same for a connection.
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;
/// Longest head of an answer, each field counted with 32 bytes more.
const HEAD_BYTES: u32 = 64 * 1024;
/// Request bytes that wait in the connection for each stream.
const SEND_BUFFER: usize = 64 * 1024;
/// The same limit as for clients (`client/h2`).
const SMALL_FRAMES: usize = 2 * 1024 * 1024;
/// Streams of a connection until the pod has said how many it takes.
const STREAMS: usize = 100;
/// A connection to the endpoint with room for a request.
pub(super) async fn obtain(shard: &Rc<Shard>, attempt: &Attempt<'_>) -> Result<Lease, Failure> {
    let id = attempt.endpoint.id();
    loop {
        match shard.sessions.choose(id, attempt.newer_than) {
            Choice::Use(mut lease) => {
                if lease.takes_requests() {
                    return Ok(lease);
                }
                lease.give_up();
            }
            Choice::Wait(mut outcome) => {
                // The sender was dropped: the request that was connecting has ended. The next one tries.
                if outcome.changed().await.is_ok()
                    && let Some(error) = outcome.borrow().clone()
                {
                    return Err(Failure::new(error, Reached::NotConnected));
                }
            }
            Choice::Dial => {
                let dialing = shard.sessions.dial(id);
                match connect(shard, attempt).await {
                    Ok(session) => {
                        let lease = Lease::new(&session);
                        dialing.succeeded(session);
                        return Ok(lease);
                    }
                    Err(failure) => {
                        dialing.failed(&failure.error);
                        return Err(failure);
                    }
                }
            }
        }
    }
}

async fn connect(shard: &Rc<Shard>, attempt: &Attempt<'_>) -> Result<Rc<Session>, Failure> {
    let tcp = dial(attempt).await?;
    let meter = Rc::new(Meter::for_pod());
    // Requests of several routes share the connection: none of their policies holds for it.
    let stall = shard.sessions.stall();
    let patience = Patience { write: stall, head: stall };
    let io = H2Io::new(Socket::Tcp(tcp), None, &shard.buffers, Rc::clone(&meter), patience);
    let mut builder = Builder::new();
    builder
        .enable_push(false)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(HEAD_BYTES)
        .max_send_buffer_size(SEND_BUFFER)
        .initial_max_send_streams(STREAMS)
        .data_frame_budget(SMALL_FRAMES);
    let failed = |error| Failure::new(error, Reached::NotConnected);
    let (sender, connection) = match timeout(attempt.policy.timeouts.connect, builder.handshake(io)).await {
        Ok(Ok(made)) => made,
        Ok(Err(_)) => return Err(failed(ProxyError::UpstreamStream)),
        Err(_) => return Err(failed(ProxyError::ConnectTimeout)),
    };
    let outlet = Outlet { meter: Rc::clone(&meter), held: Rc::default() };
    let session = Session::new(sender, attempt.endpoint.endpoint(), outlet);
    tokio::task::spawn_local(run(connection, meter, Rc::downgrade(&session)));
    Ok(session)
}

/// Runs the connection to its end. Its requests notice the end by themselves.
async fn run(connection: Connection<H2Io, Piece>, meter: Rc<Meter>, session: Weak<Session>) {
    let mut connection = pin!(connection);
    let _ = poll_fn(|cx| {
        meter.begin_turn();
        connection.as_mut().poll(cx)
    })
    .await;
    if let Some(session) = session.upgrade() {
        session.give_up();
    }
}
