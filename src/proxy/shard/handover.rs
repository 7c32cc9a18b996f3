//! Spreads client connections over the shards. The kernel chooses a shard by a hash, which leaves few long-lived
//! connections unevenly spread: a shard that has clearly more of them than another hands a new one over.

use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use super::connections::Counted;

/// Connections that wait for a shard to take them; it keeps further ones that were meant for it.
const WAITING: usize = 64;
/// A shard hands connections over when it has this many more than another, and a quarter of the other's more.
const MORE: usize = 2;

/// A connection on its way to another shard: it was accepted and counted.
pub(crate) type Handed = (TcpStream, SocketAddr, Seat);

/// The shards of the process, as those see them who have a connection to give away. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Handover(Arc<Mutex<Vec<Taker>>>);

/// A shard that takes connections.
#[derive(Clone, Debug)]
struct Taker {
    /// Its client connections, and those on their way to it.
    open: Arc<AtomicUsize>,
    /// One for each of its listeners, in the order in which all shards have them.
    listeners: Vec<mpsc::Sender<Handed>>,
}

/// A client connection, counted for the process and for its shard until dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    _counted: Counted,
    open: Arc<AtomicUsize>,
}

impl Seat {
    fn new(counted: Counted, open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Relaxed);
        Self { _counted: counted, open: Arc::clone(open) }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Relaxed);
    }
}

/// One shard, as it sees the others.
#[derive(Debug)]
pub(crate) struct Neighbours {
    all: Handover,
    open: Arc<AtomicUsize>,
}

impl Handover {
    /// A shard joins with so many listeners. It serves what the receivers bring for each.
    pub(crate) fn join(&self, listeners: usize) -> (Neighbours, Vec<mpsc::Receiver<Handed>>) {
        let (senders, receivers) = (0..listeners).map(|_| mpsc::channel(WAITING)).unzip();
        let open = Arc::new(AtomicUsize::new(0));
        self.lock().push(Taker { open: Arc::clone(&open), listeners: senders });
        (Neighbours { all: self.clone(), open }, receivers)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Taker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Neighbours {
    /// A seat at this shard.
    pub(crate) fn seat(&self, counted: Counted) -> Seat {
        Seat::new(counted, &self.open)
    }

    /// Where to send one more connection of this listener, if another shard has clearly fewer than this one.
    pub(crate) fn lighter(&self, listener: usize) -> Option<Lighter> {
        let own = self.open.load(Relaxed);
        // With so few there is nothing to spread; and a shard that is alone asks nobody.
        if own < MORE {
            return None;
        }
        let all = self.all.lock();
        let lightest = all.iter().min_by_key(|taker| taker.open.load(Relaxed))?;
        let least = lightest.open.load(Relaxed);
        if own < least + MORE + least / 4 {
            return None;
        }
        let place = lightest.listeners.get(listener)?.clone().try_reserve_owned().ok()?;
        Some(Lighter { place, open: Arc::clone(&lightest.open) })
    }
}

/// A place in the queue of another shard.
pub(crate) struct Lighter {
    place: mpsc::OwnedPermit<Handed>,
    open: Arc<AtomicUsize>,
}

impl Lighter {
    /// Hands a connection over.
    pub(crate) fn take(self, tcp: TcpStream, address: SocketAddr, counted: Counted) {
        self.place.send((tcp, address, Seat::new(counted, &self.open)));
    }
}

#[cfg(test)]
mod tests {
    use super::super::connections::Connections;
    use super::*;

    #[test]
    fn connections_go_where_clearly_fewer_are() {
        let (handover, connections) = (Handover::default(), Connections::default());
        let (one, mut to_one) = handover.join(2);
        let (two, mut to_two) = handover.join(2);
        let seat = |shard: &Neighbours| shard.seat(connections.count());
        let mut seats = vec![seat(&one)];
        assert!(one.lighter(0).is_none(), "one more is not clearly more");
        seats.push(seat(&one));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let tcp = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let address = tcp.local_addr().unwrap();
        one.lighter(1).unwrap().take(tcp, address, connections.count());
        assert!(one.lighter(1).is_none(), "what is on its way counts");
        let (.., handed) = to_two[1].try_recv().unwrap();
        assert!(to_two[0].try_recv().is_err() && to_one[0].try_recv().is_err());
        drop(handed);
        assert!(one.lighter(1).is_some());
        // Of many it takes more to be worth it.
        seats.extend((0..100).map(|_| seat(&two)));
        seats.extend((0..124).map(|_| seat(&one)));
        assert!(one.lighter(0).is_none());
        seats.extend((0..1).map(|_| seat(&one)));
        assert!(one.lighter(0).is_some());
        drop(to_two);
        assert!(one.lighter(0).is_none(), "it takes none any more");
        drop(seats);
        assert_eq!(connections.open(), 0);
    }
}
