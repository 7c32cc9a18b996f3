//! HTTP/2 connections to endpoints: shared by requests, as many as their number of streams asks for, usually one.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use h2::client::{Builder, Connection, SendRequest};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::body::Outlet;
use super::io::{H2Io, Patience};
use super::meter::Meter;
use super::piece::Piece;
use crate::observe::UpstreamMetrics;
use crate::proxy::connect::dial;
use crate::proxy::error::ProxyError;
use crate::proxy::forward::{Again, Failed};
use crate::proxy::shard::Shard;
use crate::proxy::socket::Socket;
use crate::upstream::{Endpoint, InFlight};

/// Answer bytes that a stream may bring before the client has taken any.
const STREAM_WINDOW: u32 = 256 * 1024;
/// The same for a connection.
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;
/// Longest head of an answer, each field counted with 32 bytes more.
const HEAD_BYTES: u32 = 64 * 1024;
/// Request bytes that wait in the connection for each stream.
const SEND_BUFFER: usize = 64 * 1024;
/// As towards clients.
const SMALL_FRAMES: usize = 2 * 1024 * 1024;
/// Streams of a connection until the pod has said how many it takes.
const STREAMS: usize = 100;
/// Connections to an endpoint; beyond them requests wait for a stream.
const MOST: usize = 16;
/// A connection that nobody uses is closed after this. Well below what forgets flows on the way.
const IDLE: Duration = Duration::from_secs(60);

/// The connections of a shard.
#[derive(Default)]
pub(crate) struct Sessions(RefCell<HashMap<u64, Entry>>);

/// Those to one endpoint.
#[derive(Default)]
struct Entry {
    sessions: Vec<Rc<Session>>,
    /// A connection that is being made; tells how that went.
    dialing: Option<watch::Receiver<Option<ProxyError>>>,
}

/// A connection to an endpoint.
pub(super) struct Session {
    sender: SendRequest<Piece>,
    endpoint: Arc<Endpoint>,
    /// For what is sent.
    pub(super) outlet: Outlet,
    streams: Cell<usize>,
    is_over: Cell<bool>,
    has_served: Cell<bool>,
    made: Instant,
    used: Cell<Instant>,
}

/// The use of a connection for one request.
pub(super) struct Lease {
    session: Rc<Session>,
    /// To send the request with.
    pub(super) sender: SendRequest<Piece>,
    /// Whether it had served others before.
    pub(super) is_reused: bool,
}

impl Session {
    /// Whether new requests may use it.
    fn is_usable(&self) -> bool {
        !self.is_over.get() && !self.endpoint.is_retired()
    }

    fn has_room(&self) -> bool {
        self.streams.get() < self.sender.current_max_send_streams().max(1)
    }

    /// From here on it gets no new requests; those it has go on.
    pub(super) fn give_up(&self) {
        self.is_over.set(true);
    }
}

impl Lease {
    fn new(session: &Rc<Session>) -> Self {
        session.streams.set(session.streams.get() + 1);
        let (session, sender) = (Rc::clone(session), session.sender.clone());
        Self { is_reused: session.has_served.replace(true), session, sender }
    }

    /// Whether the connection still takes requests. After the pod's GOAWAY it takes none, also where the last stream
    /// that the frame names is the highest there can be (RFC 9113 §6.8).
    fn takes_requests(&mut self) -> bool {
        !matches!(self.sender.poll_ready(&mut Context::from_waker(Waker::noop())), Poll::Ready(Err(_)))
    }
}

impl std::ops::Deref for Lease {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.session.streams.set(self.session.streams.get() - 1);
        self.session.used.set(Instant::now());
    }
}

impl Sessions {
    /// Lets go of connections that are of no use any more; their requests finish.
    pub(crate) fn sweep(&self) {
        self.0.borrow_mut().retain(|_, entry| {
            entry.sessions.retain(|session| {
                session.is_usable() && (session.streams.get() > 0 || session.used.get().elapsed() < IDLE)
            });
            !entry.sessions.is_empty() || entry.dialing.is_some()
        });
    }

    /// The connection with the fewest streams that has room for one more. Connections made before `afresh` do not count.
    fn choose(&self, id: u64, afresh: Option<Instant>) -> Choice {
        let entries = self.0.borrow();
        let Some(entry) = entries.get(&id) else { return Choice::Dial };
        let is_new = |session: &Session| afresh.is_none_or(|since| session.made >= since);
        let usable = || entry.sessions.iter().filter(|session| session.is_usable() && is_new(session));
        if let Some(session) = usable().filter(|session| session.has_room()).min_by_key(|session| session.streams.get())
        {
            return Choice::Use(Lease::new(session));
        }
        match &entry.dialing {
            Some(outcome) => Choice::Wait(outcome.clone()),
            None if usable().count() < MOST => Choice::Dial,
            None => usable()
                .min_by_key(|session| session.streams.get())
                .map_or(Choice::Dial, |session| Choice::Use(Lease::new(session))),
        }
    }
}

enum Choice {
    Use(Lease),
    /// Somebody else is making a connection.
    Wait(watch::Receiver<Option<ProxyError>>),
    Dial,
}

/// A connection to the endpoint with room for a request; one that was not made before `afresh`.
pub(super) async fn obtain(
    shard: &Rc<Shard>,
    endpoint: &InFlight,
    metrics: &UpstreamMetrics,
    afresh: Option<Instant>,
) -> Result<Lease, Failed> {
    let id = endpoint.endpoint().id();
    loop {
        match shard.sessions.choose(id, afresh) {
            Choice::Use(mut lease) => {
                if lease.takes_requests() {
                    return Ok(lease);
                }
                lease.give_up();
            }
            Choice::Wait(mut outcome) => {
                // An end without a word means that whoever was at it has left: the next one tries.
                if outcome.changed().await.is_ok()
                    && let Some(error) = outcome.borrow().clone()
                {
                    return Err(Failed { error, again: Again::Elsewhere });
                }
            }
            Choice::Dial => {
                let (told, outcome) = watch::channel(None);
                shard.sessions.0.borrow_mut().entry(id).or_default().dialing = Some(outcome);
                let dialing = Dialing { sessions: &shard.sessions, id };
                let made = connect(shard, endpoint, metrics).await;
                drop(dialing);
                let session = made.inspect_err(|failed| {
                    let _ = told.send(Some(failed.error.clone()));
                })?;
                let lease = Lease::new(&session);
                shard.sessions.0.borrow_mut().entry(id).or_default().sessions.push(session);
                let _ = told.send(None);
                return Ok(lease);
            }
        }
    }
}

/// Takes the note that a connection is being made away again, however that ends.
struct Dialing<'a> {
    sessions: &'a Sessions,
    id: u64,
}

impl Drop for Dialing<'_> {
    fn drop(&mut self) {
        if let Some(entry) = self.sessions.0.borrow_mut().get_mut(&self.id) {
            entry.dialing = None;
        }
    }
}

async fn connect(shard: &Rc<Shard>, endpoint: &InFlight, metrics: &UpstreamMetrics) -> Result<Rc<Session>, Failed> {
    let tcp = dial(shard, endpoint, metrics).await?;
    let meter = Rc::new(Meter::for_pod());
    let patience = Patience { write: shard.config.timeouts.response, head: shard.config.timeouts.response };
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
    let elsewhere = |error| Failed { error, again: Again::Elsewhere };
    let (sender, connection) = match timeout(shard.config.upstream.connect, builder.handshake(io)).await {
        Ok(Ok(made)) => made,
        Ok(Err(_)) => return Err(elsewhere(ProxyError::UpstreamStream)),
        Err(_) => return Err(elsewhere(ProxyError::ConnectTimeout)),
    };
    let session = Rc::new(Session {
        sender,
        endpoint: Arc::clone(endpoint.endpoint()),
        outlet: Outlet { meter: Rc::clone(&meter), held: Rc::default() },
        streams: Cell::new(0),
        is_over: Cell::new(false),
        has_served: Cell::new(false),
        made: Instant::now(),
        used: Cell::new(Instant::now()),
    });
    tokio::task::spawn_local(run(connection, meter, Rc::downgrade(&session)));
    Ok(session)
}

/// Runs the connection to its end, of which its requests learn by themselves.
async fn run(connection: Connection<H2Io, Piece>, meter: Rc<Meter>, session: std::rc::Weak<Session>) {
    let mut connection = pin!(connection);
    let _ = poll_fn(|cx| {
        meter.begin_turn();
        std::future::Future::poll(connection.as_mut(), cx)
    })
    .await;
    if let Some(session) = session.upgrade() {
        session.give_up();
    }
}
