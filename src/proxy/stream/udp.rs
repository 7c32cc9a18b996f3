//! Datagrams of a port. What comes from one address of a client is a session: it has an endpoint, and a socket connected to it, so
//! that nobody else's datagrams can come back. Answers leave by the socket, and so from the address, that the client has asked.
//!
//! Clients can be invented. So sessions are bounded, those that were never answered go first when there are too many, and a client
//! never gets more than what a pod sends it.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{SocketAddr, UdpSocket as StdSocket};
use std::rc::Rc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::listening::Listening;
use super::pod::{self, Current};
use super::session::{self, LAST_ANSWERS, Session};
use super::table::{Kept, SessionTable};
use crate::lifecycle::Phase;
use crate::model::Transport;
use crate::observe::{DatagramDrop, Relief, StreamFailure};
use crate::proxy::pods::pick::pick;
use crate::proxy::shard::Shard;
use crate::upstream::Backend;

/// Most clients that are known at a time, of all ports and over all shards. Each takes a descriptor.
const MOST: usize = 16 * 1024;
/// Longest datagram.
const LONGEST: usize = 65_535;
/// Datagrams taken from a socket before others have their turn.
const TURN: usize = 64;
/// They take at most this part of the descriptors for connections to pods.
const DESCRIPTORS_PART: usize = 2;

/// The clients that a shard knows, of all ports.
pub(super) struct KnownClients {
    table: RefCell<SessionTable<Client, Known>>,
    /// Ports that were opened so far.
    ports: Cell<u64>,
}

/// The sessions of a port, on one shard.
struct Sessions {
    shard: Rc<Shard>,
    listening: Rc<Listening>,
    known: Rc<KnownClients>,
    /// Which of the ports that were opened so far it is.
    number: u64,
}

/// An address of a client, and to which port and which of its sockets it sends.
type Client = (u64, usize, SocketAddr);

struct Known {
    session: Rc<Session>,
    task: AbortHandle,
    listening: Rc<Listening>,
}

/// Passes datagrams on until the port or, in a drain, everything is closed. The sessions end with it: their answers must come from
/// the port.
pub(super) async fn serve(
    shard: Rc<Shard>,
    listening: Rc<Listening>,
    sockets: Vec<StdSocket>,
    closed: oneshot::Receiver<()>,
    known: Rc<KnownClients>,
) -> io::Result<()> {
    let busy = shard.drain.busy();
    let sockets: Vec<_> = sockets.into_iter().map(UdpSocket::from_std).collect::<Result<_, _>>()?;
    shard.datagram.borrow_mut().resize(LONGEST, 0);
    let number = known.ports.get();
    known.ports.set(number + 1);
    let sessions = Rc::new(Sessions { shard: Rc::clone(&shard), listening, known, number });
    let receive = |(index, socket): (usize, UdpSocket)| {
        let (sessions, socket) = (Rc::clone(&sessions), Rc::new(socket));
        tokio::task::spawn_local(sessions.receive(index, socket))
    };
    let receiving: Vec<_> = sockets.into_iter().enumerate().map(receive).collect();
    tokio::select! {
        _ = closed => {}
        () = shard.drain.reached(Phase::Closing) => {
            let until = Instant::now() + LAST_ANSWERS;
            while sessions.is_any_awaited() && Instant::now() < until {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    receiving.iter().for_each(tokio::task::JoinHandle::abort);
    sessions.end_all();
    drop(busy);
    Ok(())
}

impl KnownClients {
    /// Nobody yet.
    pub(super) fn new(shard: &Shard) -> Rc<Self> {
        let most = MOST.min(shard.config.pod_connections / DESCRIPTORS_PART) / shard.config.shards.max(1);
        Rc::new(Self { table: RefCell::new(SessionTable::new(most)), ports: Cell::new(0) })
    }
}

impl Sessions {
    async fn receive(self: Rc<Self>, index: usize, socket: Rc<UdpSocket>) {
        loop {
            if socket.readable().await.is_err() {
                // What an earlier answer has come to: the next datagram may be a good one.
                tokio::task::yield_now().await;
                continue;
            }
            self.take_turn(index, &socket);
            tokio::task::yield_now().await;
        }
    }

    /// Passes on what has come to a socket, but not more than its share.
    fn take_turn(self: &Rc<Self>, index: usize, socket: &Rc<UdpSocket>) {
        let mut datagram = self.shard.datagram.borrow_mut();
        for _ in 0..TURN {
            match socket.try_recv_from(&mut datagram) {
                Ok((bytes, client)) => self.take((self.number, index, client), &datagram[..bytes], socket),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // An answer could not be delivered to its client. That says nothing of others.
                Err(_) => {}
            }
        }
    }

    /// Passes a datagram on, in the session of its client.
    fn take(self: &Rc<Self>, client: Client, datagram: &[u8], socket: &Rc<UdpSocket>) {
        let metrics = &self.listening.metrics;
        let lives = |known: &&Known| !known.task.is_finished();
        let known = self.known.table.borrow().get(&client).filter(lives).map(|known| Rc::clone(&known.session));
        let session = match known.filter(|session| self.leads_there_still(session)) {
            Some(session) => Ok(session),
            None => {
                self.end(client);
                self.open(client, socket)
            }
        };
        match session.and_then(|session| session.send(datagram)) {
            Ok(()) => metrics.received(datagram.len()),
            Err(drop) => metrics.dropped(drop),
        }
    }

    /// Whether new sessions would go to the same upstream, and the endpoint is one of it.
    fn leads_there_still(&self, session: &Session) -> bool {
        if session.is_over() {
            return false;
        }
        let table = self.shard.table.load();
        let route = table.stream(&self.listening.key).and_then(|stream| stream.route());
        !session.endpoint.is_retired()
            && route.is_some_and(|(_, route)| route.is_shared() || session.is_of(pod::backend(&route.target)))
    }

    fn open(self: &Rc<Self>, client: Client, socket: &Rc<UdpSocket>) -> Result<Rc<Session>, DatagramDrop> {
        if self.shard.ledger.relief() >= Relief::RefuseConnections {
            return Err(DatagramDrop::Memory);
        }
        let Some(Current { route, affinity, .. }) = pod::current(&self.shard, &self.listening.key) else {
            return Err(DatagramDrop::NoEndpoint);
        };
        let backend = pod::backend(&route.target).ok_or(DatagramDrop::NoEndpoint)?;
        let Backend { upstream, metrics, .. } = backend;
        let preference = pod::preference(affinity, client.2.ip());
        let endpoint = pick(upstream, &route.spec.policy, preference, &[], Instant::now());
        let endpoint = endpoint.map_err(|_| DatagramDrop::NoEndpoint)?;
        if pod::leads_back(&self.shard, endpoint.address(), Transport::Udp) {
            return Err(DatagramDrop::NoEndpoint);
        }
        let in_its_place = self.known.table.borrow_mut().make_room();
        let gives_way = in_its_place.map_err(|()| DatagramDrop::TooManyClients)?;
        gives_way.iter().for_each(|known| known.end(&self.shard, Some(StreamFailure::Limit)));
        metrics.attempt();
        // No connection of HTTP is closed for it: clients can be invented.
        let place = self.shard.free_pod_place().ok_or(DatagramDrop::Socket)?;
        let session = Session::connect(endpoint, Rc::clone(socket), (client.2, &self.listening.metrics), place);
        let session = Rc::new(session.map_err(|_| DatagramDrop::Socket)?.by(&route));
        self.known.table.borrow_mut().insert(client, |number| {
            let (shard, key) = (Rc::clone(&self.shard), self.listening.key);
            let (sessions, answering) = (Rc::clone(self), Rc::clone(&session));
            let task = tokio::task::spawn_local(async move {
                session::answer(shard, key, answering).await;
                let ended = sessions.known.table.borrow_mut().forget(&client, number);
                drop(ended);
            });
            let listening = Rc::clone(&self.listening);
            Known { session: Rc::clone(&session), task: task.abort_handle(), listening }
        });
        Ok(session)
    }

    fn end(&self, client: Client) {
        let ended = self.known.table.borrow_mut().remove(&client);
        ended.iter().for_each(|known| known.end(&self.shard, None));
    }

    fn end_all(&self) {
        let ended = self.known.table.borrow_mut().take_all(|(number, ..)| *number == self.number);
        ended.iter().for_each(|known| known.end(&self.shard, None));
    }

    fn is_any_awaited(&self) -> bool {
        let table = self.known.table.borrow();
        let mut own = table.all().filter(|((number, ..), _)| *number == self.number);
        own.any(|(_, known)| !known.task.is_finished() && known.session.is_awaited())
    }
}

impl Known {
    /// Ends it from outside.
    fn end(&self, shard: &Shard, failure: Option<StreamFailure>) {
        if !self.task.is_finished() {
            self.task.abort();
            session::finish(shard, self.listening.key, &self.session, failure);
        }
    }
}

impl Kept for Known {
    fn is_answered(&self) -> bool {
        self.session.is_answered.get()
    }

    fn is_awaited(&self) -> bool {
        self.session.is_awaited()
    }

    fn last(&self) -> Instant {
        self.session.last()
    }
}
