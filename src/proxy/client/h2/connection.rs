//! Client connections that speak HTTP/2: over TLS by ALPN, in clear by prior knowledge.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use h2::server::{Builder, Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::Request;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::activity::{Activity, OpenStream};
use super::stream::{self, Stream};
use crate::lifecycle::Phase;
use crate::proxy::shard::Shard;
use crate::proxy::walk::peer::Peer;
use crate::proxy::wire::buffers::Buffer;
use crate::proxy::wire::h2::body::Outlet;
use crate::proxy::wire::h2::io::{H2Io, Patience};
use crate::proxy::wire::h2::meter::Meter;
use crate::proxy::wire::h2::piece::Piece;
use crate::proxy::wire::socket::Socket;

/// Most answer bytes that wait in the connection for each stream. They have window: they wait only for a socket that is
/// full.
const SEND_BUFFER: usize = 64 * 1024;
/// What the `h2` crate may be charged for small frames that its streams have not read (see [`Meter`] on turns). Bytes.
const SMALL_FRAMES: usize = 2 * 1024 * 1024;
/// Head bytes that the open streams of a connection may hold; more are refused (CVE-2026-49975 and its kin).
const HEADS: usize = 1024 * 1024;
/// How long a client may take to close a connection that was told to end and has no open stream. The send timeout
/// bounds it too.
const GOODBYE: Duration = Duration::from_secs(5);
/// How often a connection that is to end is checked.
const TICK: Duration = Duration::from_secs(1);
/// Length of the preface, which is not a frame.
const PREFACE: usize = 24;

type Client = Connection<H2Io, Piece>;

/// Serves the connection until one side ends it.
pub(crate) async fn serve(
    shard: Rc<Shard>,
    workers: Rc<stream::Workers>,
    socket: Socket,
    peer: Rc<Peer>,
    first: Option<Box<Buffer>>,
) {
    let shard = &shard;
    let meter = Rc::new(Meter::new(PREFACE));
    let timeouts = &shard.config.listener.timeouts;
    let patience = Patience { write: timeouts.write, head: timeouts.head };
    let io = H2Io::new(socket, first.map(|first| *first), &shard.buffers, Rc::clone(&meter), patience);
    let handshake = builder(shard).handshake(io);
    let Ok(Ok(mut connection)) = timeout(timeouts.head, handshake).await else { return };
    let outlet = Outlet { meter: Rc::clone(&meter), held: Rc::default() };
    let activity = Activity::new(&outlet.held, 2 * shard.config.listener.http2.pending_resets);
    let mut age = ConnectionAge::new(shard, &activity);
    let mut timer = pin!(sleep_until(age.next_check(shard, &activity)));
    let mut draining = pin!(shard.drain.reached(Phase::Announcing));
    loop {
        let event = tokio::select! {
            event = next(&mut connection, &meter, &activity) => event,
            () = draining.as_mut(), if !age.is_draining => Event::Draining,
            () = timer.as_mut() => Event::Timer,
        };
        match event {
            Event::Request(request, mut respond) => {
                age.served += 1;
                if activity.heads.get() > HEADS {
                    respond.send_reset(Reason::REFUSED_STREAM);
                } else {
                    let (shard, peer, outlet) = (Rc::clone(shard), Rc::clone(&peer), outlet.clone());
                    let open = OpenStream::new(&activity);
                    let workers = Rc::clone(&workers);
                    let stream = Stream { shard, peer, outlet, request, respond, open };
                    // The task is small: it borrows the memory of an exchange from the shard.
                    tokio::task::spawn_local(async move { workers.run(stream, stream::serve).await });
                }
            }
            Event::Over => return,
            Event::Hostile => {
                tracing::debug!(client = %peer.address, "an HTTP/2 client does much for nothing, closing");
                return close(&mut connection).await;
            }
            Event::Draining => age.is_draining = true,
            Event::Timer if age.is_given_up(shard, &activity) => return,
            Event::Timer => {}
        }
        if age.is_to_end(shard, &activity) {
            age.ending_since = Some(Instant::now());
            connection.graceful_shutdown();
        }
        if timer.is_elapsed() || age.is_draining {
            reset(timer.as_mut(), age.next_check(shard, &activity));
        }
    }
}

fn reset(timer: std::pin::Pin<&mut Sleep>, at: Instant) {
    if timer.deadline() != at {
        timer.reset(at);
    }
}

fn builder(shard: &Shard) -> Builder {
    let config = &shard.config.listener.http2;
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(config.streams)
        .initial_window_size(config.stream_window)
        .initial_connection_window_size(config.connection_window)
        .max_header_list_size(config.head_bytes)
        .max_send_buffer_size(SEND_BUFFER)
        .max_local_error_reset_streams(Some(config.local_resets))
        .max_pending_accept_reset_streams(config.pending_resets)
        .data_frame_budget(SMALL_FRAMES);
    builder
}

/// What happens next on a connection.
#[expect(clippy::large_enum_variant, reason = "it lives for a moment, and a request is what it mostly is")]
enum Event {
    Request(Request<RecvStream>, SendResponse<Piece>),
    Over,
    Hostile,
    Draining,
    Timer,
}

async fn next(connection: &mut Client, meter: &Meter, activity: &Activity) -> Event {
    poll_fn(|cx: &mut Context<'_>| {
        meter.begin_turn();
        let accepted = connection.poll_accept(cx);
        if meter.is_flooded() || activity.resets.are_too_many() {
            return Poll::Ready(Event::Hostile);
        }
        accepted.map(|accepted| match accepted {
            Some(Ok((request, respond))) => Event::Request(request, respond),
            Some(Err(_)) | None => Event::Over,
        })
    })
    .await
}

/// Tells the client ENHANCE_YOUR_CALM and closes.
async fn close(connection: &mut Client) {
    connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
    let _ = timeout(TICK, poll_fn(|cx| connection.poll_closed(cx))).await;
}

/// How old a connection is, and whether it is to end.
struct ConnectionAge {
    age_end: Instant,
    served: u64,
    is_draining: bool,
    /// When the client was told to send no further requests.
    ending_since: Option<Instant>,
}

impl ConnectionAge {
    fn new(shard: &Shard, activity: &Activity) -> Self {
        let age = spread(shard.config.listener.http2.age, shard.random());
        Self { age_end: activity.closed_at.get() + age, served: 0, is_draining: false, ending_since: None }
    }

    /// Whether the client must be told now to send no further requests.
    fn is_to_end(&self, shard: &Shard, activity: &Activity) -> bool {
        if self.ending_since.is_some() {
            return false;
        }
        let now = Instant::now();
        let is_idle = activity.idle_since().is_some_and(|since| now >= since + shard.config.listener.timeouts.idle);
        // A new connection may bring one request even in a drain: its client could not know of it.
        let is_drained = self.is_draining && (self.served > 0 || shard.drain.phase() >= Phase::Closing);
        is_idle
            || is_drained
            || now >= self.age_end
            || self.served >= shard.config.listener.limits.requests_per_connection
    }

    /// Whether the client had enough time to close.
    fn is_given_up(&self, shard: &Shard, activity: &Activity) -> bool {
        let since = self.ending_since.zip(activity.idle_since()).map(|(ending, idle)| ending.max(idle));
        since.is_some_and(|since| since.elapsed() >= goodbye(shard))
    }

    fn next_check(&self, shard: &Shard, activity: &Activity) -> Instant {
        let now = Instant::now();
        if self.is_draining || self.ending_since.is_some() {
            return now + goodbye(shard).min(TICK);
        }
        let idle = shard.config.listener.timeouts.idle;
        self.age_end.min(activity.idle_since().unwrap_or(now) + idle)
    }
}

fn goodbye(shard: &Shard) -> Duration {
    shard.config.listener.timeouts.write.min(GOODBYE)
}

/// An age that differs by up to a tenth, so that connections made together do not end together.
fn spread(age: Duration, random: u128) -> Duration {
    let part = u32::try_from(random % 201).unwrap_or(0);
    age - age / 10 + age / 1000 * part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c10_ages_differ_by_a_tenth_at_the_most() {
        let hour = Duration::from_secs(3600);
        let ages: std::collections::BTreeSet<_> = (0..1000).map(|random| spread(hour, random)).collect();
        assert_eq!(ages.first(), Some(&Duration::from_secs(3240)));
        assert_eq!(ages.last(), Some(&Duration::from_secs(3960)));
        assert_eq!(ages.len(), 201);
    }
}
