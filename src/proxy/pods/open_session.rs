//! An HTTP/2 connection to an endpoint with room for a request: an existing or a new one.

use std::rc::Rc;

use super::attempt::Attempt;
use super::connect::dial;
use super::drive_session::drive;
use super::retry::{Failure, Reached};
use crate::http1::Limits;
use crate::http2::connection::{Config, Connection, Returns, Role};
use crate::proxy::shard::Shard;
use crate::proxy::shard::connections::Counted;
use crate::proxy::shard::session::{Lease, Session};
use crate::proxy::shard::sessions::{Choice, Dialing};
use crate::proxy::wire::h2::link::Link;
use crate::proxy::wire::h2::transport::Transport;
use crate::proxy::wire::socket::Socket;
use crate::proxy::wire::tls::stream::TlsVersion;

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

/// A connection to the endpoint in clear with room for a request.
pub(super) async fn obtain(shard: &Rc<Shard>, attempt: &Attempt<'_>) -> Result<Lease, Failure> {
    let dialing = match turn(shard, attempt).await? {
        Turn::Use(lease) => return Ok(lease),
        Turn::Make(dialing) => dialing,
    };
    match dial(shard, attempt).await {
        Ok((tcp, place)) => {
            let session = session_on(shard, attempt, (Socket::Tcp(tcp), place), None);
            let lease = Lease::new(&session);
            dialing.succeeded(session);
            Ok(lease)
        }
        Err(failure) => {
            dialing.failed(&failure.error);
            Err(failure)
        }
    }
}

/// What a request may do.
pub(super) enum Turn<'a> {
    /// It has a connection.
    Use(Lease),
    /// It is the one to make a connection. Others wait for it.
    Make(Dialing<'a>),
}

/// Waits while another request makes a connection.
pub(super) async fn turn<'a>(shard: &'a Shard, attempt: &Attempt<'_>) -> Result<Turn<'a>, Failure> {
    let id = attempt.endpoint.id();
    loop {
        match shard.sessions.choose(id, attempt.newer_than) {
            Choice::Use(lease) => return Ok(Turn::Use(lease)),
            Choice::Wait(mut outcome) => {
                // The sender was dropped: the request that was connecting has ended. The next one tries.
                if outcome.changed().await.is_ok()
                    && let Some(error) = outcome.borrow().clone()
                {
                    return Err(Failure::new(error, Reached::NotConnected));
                }
            }
            Choice::Dial => return Ok(Turn::Make(shard.sessions.dial(id))),
        }
    }
}

/// Begins HTTP/2 on a new connection, which has this place among those to pods.
pub(super) fn session_on(
    shard: &Rc<Shard>,
    attempt: &Attempt<'_>,
    (socket, place): (Socket, Counted),
    tls: Option<TlsVersion>,
) -> Rc<Session> {
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
    let session = Session::new(link, attempt.endpoint.endpoint(), tls);
    let transport = Transport::new(socket, None);
    let driven = drive(Rc::clone(shard), Rc::clone(&session), transport);
    tokio::task::spawn_local(async move {
        let _place = place;
        driven.await;
    });
    session
}
