//! HTTP/2 connections to endpoints. Requests share them; there are as many as the number of streams needs, usually one.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::session::{Lease, Session};
use crate::proxy::error::ProxyError;

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

    /// Adds a connection.
    pub(crate) fn add(&self, id: u64, session: Rc<Session>) {
        self.entries.borrow_mut().entry(id).or_default().sessions.push(session);
    }

    /// A connection with room for one more stream whose pod has said that it takes extended CONNECT.
    pub(crate) fn for_connect(&self, id: u64, newer_than: Option<Instant>) -> Option<Lease> {
        let entries = self.entries.borrow();
        let is_fit = |session: &&Rc<Session>| {
            let is_new = newer_than.is_none_or(|since| session.made() >= since);
            is_new && session.is_usable() && session.has_room() && session.takes_connect()
        };
        entries.get(&id)?.sessions.iter().find(is_fit).map(Lease::new)
    }

    /// Drops connections that are not usable any more or idle for too long. Their requests finish.
    pub(crate) fn sweep(&self) {
        self.entries.borrow_mut().retain(|_, entry| {
            entry.sessions.retain(|session| {
                let stays = session.is_usable() && session.idle_since().is_none_or(|since| since.elapsed() < IDLE);
                if !stays {
                    session.give_up();
                }
                stays
            });
            !entry.sessions.is_empty() || entry.dialing.is_some()
        });
    }

    /// The connection with the fewest streams that has room for one more. Connections made before `newer_than` do
    /// not count.
    pub(crate) fn choose(&self, id: u64, newer_than: Option<Instant>) -> Choice {
        let entries = self.entries.borrow();
        let Some(entry) = entries.get(&id) else { return Choice::Dial };
        let is_new = |session: &Session| newer_than.is_none_or(|since| session.made() >= since);
        let usable = || entry.sessions.iter().filter(|session| session.is_usable() && is_new(session));
        if let Some(session) = usable().filter(|session| session.has_room()).min_by_key(|session| session.leases()) {
            return Choice::Use(Lease::new(session));
        }
        match &entry.dialing {
            Some(outcome) => Choice::Wait(outcome.clone()),
            None if usable().count() < MOST => Choice::Dial,
            None => usable()
                .min_by_key(|session| session.leases())
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
        self.sessions.add(self.id, session);
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
