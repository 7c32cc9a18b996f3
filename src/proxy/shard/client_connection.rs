//! An HTTP/2 connection of a client, as far as others may look at it: what its task writes down, in cells.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;

use tokio::time::Instant;

use super::views::{ClientView, Standing};
use crate::proxy::wire::client_mark::ClientMark;
use crate::proxy::wire::h2::link::Link;

/// A connection.
pub(crate) struct ClientConnection {
    address: SocketAddr,
    is_tls: bool,
    link: Rc<Link>,
    /// What it is doing.
    pub(crate) mark: Rc<ClientMark>,
    /// When it began.
    pub(crate) began: Instant,
    /// Requests so far.
    pub(crate) served: Cell<u64>,
    /// Whether the process is about to end.
    pub(crate) is_draining: Cell<bool>,
    /// When the client was told to send no further requests.
    pub(crate) ending_since: Cell<Option<Instant>>,
    /// Since when no stream is open and nothing is left to be sent.
    pub(crate) idle_since: Cell<Option<Instant>>,
}

impl ClientConnection {
    /// One that begins now.
    pub(crate) fn new(address: SocketAddr, is_tls: bool, link: &Rc<Link>, mark: &Rc<ClientMark>) -> Rc<Self> {
        let now = Instant::now();
        Rc::new(Self {
            address,
            is_tls,
            link: Rc::clone(link),
            mark: Rc::clone(mark),
            began: now,
            served: Cell::new(0),
            is_draining: Cell::new(false),
            ending_since: Cell::new(None),
            idle_since: Cell::new(Some(now)),
        })
    }

    /// What there is to see now.
    pub(super) fn view(&self) -> ClientView {
        let codec = self.link.codec.borrow().view();
        ClientView {
            address: self.address,
            is_tls: self.is_tls,
            age: self.began.elapsed(),
            requests: self.served.get(),
            idle: self.idle_since.get().map(|since| since.elapsed()),
            standing: if codec.is_going_away || self.ending_since.get().is_some() {
                Standing::Ending
            } else if self.is_draining.get() {
                Standing::Draining
            } else {
                Standing::Open
            },
            codec,
        }
    }
}
