//! An HTTP/2 connection to an endpoint with room for a request: an existing or a new one.

use std::rc::Rc;

use super::attempt::Attempt;
use super::connect::dial;
use super::drive_session::drive;
use super::retry::{Failure, Reached};
use crate::http1::Limits;
use crate::http2::connection::{Config, Connection, Returns, Role};
use crate::proxy::shard::Shard;
use crate::proxy::shard::session::{Lease, Session};
use crate::proxy::shard::sessions::Choice;
use crate::proxy::wire::h2::link::Link;
use crate::proxy::wire::h2::transport::Transport;
use crate::proxy::wire::socket::Socket;

/// Answer bytes that a stream may bring before the client has taken any. What clients that take nothing make us hold is
/// this for each of their streams.
const STREAM_WINDOW: u32 = 64 * 1024;
/// The same for a connection: as large as the API allows, and given back on arrival. So an answer that its client does
/// not take holds up no other (RFC 9113 §5.2.2).
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;
/// Streams of a connection, also if the pod would take more.
const STREAMS: u32 = 100;

/// Answers that break a rule of HTTP/2 over the life of a connection, which then ends.
const BROKEN_ANSWERS: u32 = 10_000;

/// A connection to the endpoint with room for a request.
pub(super) async fn obtain(shard: &Rc<Shard>, attempt: &Attempt<'_>) -> Result<Lease, Failure> {
    let id = attempt.endpoint.id();
    loop {
        match shard.sessions.choose(id, attempt.newer_than) {
            Choice::Use(lease) => return Ok(lease),
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
    let (tcp, place) = dial(shard, attempt).await?;
    let config = Config {
        streams: STREAMS,
        stream_window: STREAM_WINDOW,
        connection_window: CONNECTION_WINDOW,
        returns_connection_window: Returns::OnArrival,
        // Requests of several routes share the connection: none of their policies holds for it.
        head: Limits::RESPONSE,
        // One application's broken answers must not end the requests of others, before there are very many.
        local_resets: BROKEN_ANSWERS,
        ..Config::default()
    };
    let link = Link::new(Connection::new(Role::Client, &config), &shard.buffers, &shard.outputs);
    let session = Session::new(link, attempt.endpoint.endpoint());
    let transport = Transport::new(Socket::Tcp(tcp), None);
    let driven = drive(Rc::clone(shard), Rc::clone(&session), transport);
    tokio::task::spawn_local(async move {
        let _place = place;
        driven.await;
    });
    Ok(session)
}
