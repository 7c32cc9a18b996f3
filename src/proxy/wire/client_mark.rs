//! What a client's connection is doing and when it last did something, for who must close connections in favour of
//! others.

use std::cell::Cell;
use std::rc::Rc;

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It has not sent a request yet, nor begun a TLS handshake.
    New,
    /// Its TLS handshake is under way.
    Handshake,
    /// It waits for its next request.
    Idle,
    /// A request of it is served, and it is not what that waits for.
    Busy,
    /// A request of it waits for it: for the rest of the head or body, or until it takes more of the answer. Over HTTP/2: it
    /// has many streams, or does not take what was sent.
    Waiting,
    /// It is a tunnel, which may be silent.
    Tunnel,
}

/// Counts what the connections of a shard do, so that their deeds are in order. No clock is asked for it.
pub(crate) type Order = Rc<Cell<u64>>;

/// The mark of one connection. Its task writes it.
#[derive(Debug)]
pub(crate) struct ClientMark {
    order: Order,
    last: Cell<u64>,
    standing: Cell<Standing>,
    /// Whether the request that is served has its answer, over HTTP/1: then the client may take its time with the body.
    pub(crate) is_answered: Cell<bool>,
}

impl ClientMark {
    /// The mark of a new connection.
    pub(crate) fn new(order: &Order) -> Rc<Self> {
        let mark = Self {
            order: Rc::clone(order),
            last: Cell::new(0),
            standing: Cell::new(Standing::New),
            is_answered: Cell::new(false),
        };
        mark.touch();
        Rc::new(mark)
    }

    /// It does something else now.
    pub(crate) fn stands(&self, standing: Standing) {
        self.standing.set(standing);
        self.touch();
    }

    /// Its request waits for it now.
    #[inline]
    pub(crate) fn waits(&self) {
        if self.standing.get() == Standing::Busy {
            self.standing.set(Standing::Waiting);
        }
    }

    /// It has done what its request waited for.
    #[inline]
    pub(crate) fn goes_on(&self) {
        if self.standing.get() == Standing::Waiting {
            self.standing.set(Standing::Busy);
        }
        self.touch();
    }

    /// It goes on: bytes have come, or the client has taken some.
    #[inline]
    pub(crate) fn touch(&self) {
        let now = self.order.get() + 1;
        self.order.set(now);
        self.last.set(now);
    }

    /// What it is doing.
    pub(crate) fn standing(&self) -> Standing {
        self.standing.get()
    }

    /// When it last did something, in the order of all deeds of its shard.
    pub(crate) fn last(&self) -> u64 {
        self.last.get()
    }
}
