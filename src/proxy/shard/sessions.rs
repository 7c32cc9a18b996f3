//! HTTP/2 connections to endpoints. Requests share them; there are as many as the number of streams needs, usually one.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use h2::client::SendRequest;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::proxy::error::ProxyError;
use crate::proxy::wire::h2::body::Outlet;
use crate::proxy::wire::h2::piece::Piece;
use crate::upstream::Endpoint;

/// Connections to an endpoint; beyond them requests wait for a stream.
const MOST: usize = 16;
/// An unused connection is closed after this time. Firewalls and NAT forget flows much later.
const IDLE: Duration = Duration::from_secs(60);

/// The connections of a shard.
pub(crate) struct Sessions {
    entries: RefCell<HashMap<u64, Entry>>,
    stall: Duration,
}

/// The connections to one endpoint.
#[derive(Default)]
struct Entry {
    sessions: Vec<Rc<Session>>,
    /// Set while a connection is being made; receives the outcome.
    dialing: Option<watch::Receiver<Option<ProxyError>>>,
}

/// A connection to an endpoint.
pub(crate) struct Session {
    sender: SendRequest<Piece>,
    endpoint: Arc<Endpoint>,
    /// Counts what is sent.
    pub(crate) outlet: Outlet,
    streams: Cell<usize>,
    is_over: Cell<bool>,
    has_served: Cell<bool>,
    made: Instant,
    used: Cell<Instant>,
}

/// The use of a connection for one request.
pub(crate) struct Lease {
    session: Rc<Session>,
    /// To send the request with.
    pub(crate) sender: SendRequest<Piece>,
    /// Whether it had served others before.
    pub(crate) is_reused: bool,
}

impl Session {
    /// A connection that was just made.
    pub(crate) fn new(sender: SendRequest<Piece>, endpoint: &Arc<Endpoint>, outlet: Outlet) -> Rc<Self> {
        Rc::new(Self {
            sender,
            endpoint: Arc::clone(endpoint),
            outlet,
            streams: Cell::new(0),
            is_over: Cell::new(false),
            has_served: Cell::new(false),
            made: Instant::now(),
            used: Cell::new(Instant::now()),
        })
    }

    /// Whether new requests may use it.
    fn is_usable(&self) -> bool {
        !self.is_over.get() && !self.endpoint.is_retired()
    }

    fn has_room(&self) -> bool {
        self.streams.get() < self.sender.current_max_send_streams().max(1)
    }

    /// Gives it no new requests from now on. Requests on it go on.
    pub(crate) fn give_up(&self) {
        self.is_over.set(true);
    }
}

impl Lease {
    pub(crate) fn new(session: &Rc<Session>) -> Self {
        session.streams.set(session.streams.get() + 1);
        let (session, sender) = (Rc::clone(session), session.sender.clone());
        Self { is_reused: session.has_served.replace(true), session, sender }
    }

    /// Whether the connection still takes requests. After a GOAWAY it takes none, also if the frame names the highest
    /// possible stream (RFC 9113 §6.8).
    pub(crate) fn takes_requests(&mut self) -> bool {
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
    /// No connections. One whose pod takes nothing for as long as `stall` is cut.
    pub(crate) fn new(stall: Duration) -> Self {
        Self { entries: RefCell::default(), stall }
    }

    /// How long a pod may take nothing.
    pub(crate) fn stall(&self) -> Duration {
        self.stall
    }

    /// Notes that a connection is being made, until what it gives is dropped.
    pub(crate) fn dial(&self, id: u64) -> Dialing<'_> {
        let (told, outcome) = watch::channel(None);
        self.entries.borrow_mut().entry(id).or_default().dialing = Some(outcome);
        Dialing { sessions: self, id, told }
    }

    /// Drops connections that are not usable any more or idle for too long. Their requests finish.
    pub(crate) fn sweep(&self) {
        self.entries.borrow_mut().retain(|_, entry| {
            entry.sessions.retain(|session| {
                session.is_usable() && (session.streams.get() > 0 || session.used.get().elapsed() < IDLE)
            });
            !entry.sessions.is_empty() || entry.dialing.is_some()
        });
    }

    /// The connection with the fewest streams that has room for one more. Connections made before `newer_than` do
    /// not count.
    pub(crate) fn choose(&self, id: u64, newer_than: Option<Instant>) -> Choice {
        let entries = self.entries.borrow();
        let Some(entry) = entries.get(&id) else { return Choice::Dial };
        let is_new = |session: &Session| newer_than.is_none_or(|since| session.made >= since);
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

pub(crate) enum Choice {
    Use(Lease),
    /// Another request is making a connection.
    Wait(watch::Receiver<Option<ProxyError>>),
    Dial,
}

/// A connection that is being made. Requests that wait for it get the outcome. If this is dropped before, the next of
/// them tries.
pub(crate) struct Dialing<'a> {
    sessions: &'a Sessions,
    id: u64,
    told: watch::Sender<Option<ProxyError>>,
}

impl Dialing<'_> {
    /// There is a connection.
    pub(crate) fn succeeded(self, session: Rc<Session>) {
        self.forget();
        self.sessions.entries.borrow_mut().entry(self.id).or_default().sessions.push(session);
        let _ = self.told.send(None);
    }

    /// There is none.
    pub(crate) fn failed(self, error: &ProxyError) {
        self.forget();
        let _ = self.told.send(Some(error.clone()));
    }

    fn forget(&self) {
        if let Some(entry) = self.sessions.entries.borrow_mut().get_mut(&self.id) {
            entry.dialing = None;
        }
    }
}

impl Drop for Dialing<'_> {
    fn drop(&mut self) {
        self.forget();
    }
}
