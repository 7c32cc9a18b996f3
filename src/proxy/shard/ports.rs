//! How shards are told which ports of streams to serve. Each has a socket of its own for every port.

use std::collections::BTreeSet;
use std::net::{IpAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::sync::{Notify, mpsc};

use super::connections::Connections;
use crate::model::ListenerKey;

/// Commands that may wait for a shard. Who sends more waits.
const WAITING: usize = 256;

/// The shards of the process, as those see them who open and close ports. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Ports(Arc<Shards>);

#[derive(Debug, Default)]
struct Shards {
    all: Mutex<Vec<mpsc::Sender<PortCommand>>>,
    joined: Notify,
    connections: Connections,
    /// Where ports are open, and our own addresses, if that stands for all of them.
    at: OnceLock<(IpAddr, BTreeSet<IpAddr>)>,
}

/// What a shard is to do.
#[derive(Debug)]
pub(crate) enum PortCommand {
    /// To serve a port.
    Open(ListenerKey, PortSockets),
    /// To take no further connections there. Those that there are go on.
    Close(ListenerKey),
}

/// The sockets of one shard for a port.
#[derive(Debug)]
pub(crate) enum PortSockets {
    /// Where connections are accepted.
    Tcp(TcpListener),
    /// Where datagrams come, one for each of our addresses: answers go out by the socket that the question came in by.
    Udp(Vec<UdpSocket>),
}

impl Ports {
    /// Connections of streams, of all shards.
    pub(crate) fn connections(&self) -> &Connections {
        &self.0.connections
    }

    /// Ports are open at `address`, or at all of our `own` where it stands for those.
    pub(crate) fn are_open_at(&self, address: IpAddr, own: &BTreeSet<IpAddr>) {
        let _ = self.0.at.set((address, own.clone()));
    }

    /// Whether ports are open at this address.
    pub(crate) fn are_at(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.at.get().is_some_and(|(at, own)| {
            *at == address || at.is_unspecified() && (address.is_loopback() || own.contains(&address))
        })
    }

    /// A shard joins.
    pub(crate) fn join(&self) -> mpsc::Receiver<PortCommand> {
        let (sender, receiver) = mpsc::channel(WAITING);
        self.0.all.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        self.0.joined.notify_waiters();
        receiver
    }

    /// The shards, once there are so many.
    pub(crate) async fn shards(&self, count: usize) -> Vec<mpsc::Sender<PortCommand>> {
        loop {
            let joined = self.0.joined.notified();
            let shards = self.0.all.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if shards.len() >= count {
                return shards;
            }
            joined.await;
        }
    }
}
