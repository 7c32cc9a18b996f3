//! Binds the ports that are wanted and has the shards serve them. A port that the system does not give is told, and tried again.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use crate::lifecycle::{DrainWatch, Phase};
use crate::model::{ListenerKey, Transport};
use crate::observe::Metrics;
use crate::proxy::client::listener;
use crate::proxy::shard::ports::{PortCommand, PortSockets, Ports};

/// Pause after a port was not given, for the first time. It doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A port that is not given this often is told. The shards may be about to close it, if it was ours a moment ago.
const TOLD_AFTER: u32 = 4;
/// What the kernel keeps of datagrams that a shard has not read yet. Bytes; it may give less.
const DATAGRAMS_IN_KERNEL: usize = 1 << 20;

/// Where and how ports are bound.
#[derive(Clone, Debug)]
pub struct PortSettings {
    /// The address: that of `--http`.
    pub address: IpAddr,
    /// Our own addresses, where that one stands for all of them.
    pub own: BTreeSet<IpAddr>,
    /// Shards, each of which has a socket of its own.
    pub shards: usize,
    /// Idle time after which the kernel probes whether a client is still there.
    pub keepalive: Duration,
}

/// A port that the system does not give.
#[derive(Debug)]
struct Failing {
    why: Arc<str>,
    tries: u32,
    next: Instant,
}

/// Opens what is wanted and closes what is not, until the drain closes everything or nobody wants anything any more. `told` gets
/// the ports that are not given, and why.
pub async fn keep(
    ports: Ports,
    settings: PortSettings,
    mut wanted: watch::Receiver<BTreeSet<ListenerKey>>,
    told: watch::Sender<BTreeMap<ListenerKey, Arc<str>>>,
    metrics: Arc<Metrics>,
    drain: DrainWatch,
) {
    ports.are_open_at(settings.address, &settings.own);
    let shards = ports.shards(settings.shards).await;
    let (mut open, mut failing) = (BTreeSet::new(), BTreeMap::<ListenerKey, Failing>::new());
    loop {
        let now_wanted = wanted.borrow_and_update().clone();
        let closed: Vec<_> = open.difference(&now_wanted).copied().collect();
        for key in closed {
            open.remove(&key);
            tracing::info!(port = %key, "a port of streams is closed");
            send(&shards, || PortCommand::Close(key)).await;
        }
        failing.retain(|key, _| now_wanted.contains(key));
        for &key in now_wanted.difference(&open.clone()) {
            if failing.get(&key).is_some_and(|failing| failing.next > Instant::now()) {
                continue;
            }
            match bind(key, &settings) {
                Ok(sockets) => {
                    tracing::info!(port = %key, "a port of streams is open");
                    let mut sockets = sockets.into_iter();
                    for shard in &shards {
                        let Some(sockets) = sockets.next() else { break };
                        // A shard that has ended serves nothing any more.
                        let _ = shard.send(PortCommand::Open(key, sockets)).await;
                    }
                    open.insert(key);
                    failing.remove(&key);
                }
                Err(error) => {
                    let tries = failing.get(&key).map_or(1, |failing| failing.tries.saturating_add(1));
                    let pause = FIRST_PAUSE.saturating_mul(1 << tries.min(16).saturating_sub(1)).min(LONGEST_PAUSE);
                    failing.insert(key, Failing { why: why(&error), tries, next: Instant::now() + pause });
                }
            }
        }
        tell(&told, &failing);
        metrics.set_stream_ports(open.len(), failing.len());
        let next = failing.values().map(|failing| failing.next).min();
        let retry = async {
            match next {
                Some(next) => sleep_until(next).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = wanted.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            () = retry => {}
            () = drain.reached(Phase::Closing) => return,
        }
    }
}

async fn send(shards: &[mpsc::Sender<PortCommand>], command: impl Fn() -> PortCommand) {
    for shard in shards {
        let _ = shard.send(command()).await;
    }
}

fn tell(told: &watch::Sender<BTreeMap<ListenerKey, Arc<str>>>, failing: &BTreeMap<ListenerKey, Failing>) {
    let lasting = failing.iter().filter(|(_, failing)| failing.tries >= TOLD_AFTER);
    let now: BTreeMap<_, _> = lasting.map(|(key, failing)| (*key, Arc::clone(&failing.why))).collect();
    told.send_if_modified(|before| {
        let differs = *before != now;
        *before = now;
        differs
    });
}

/// In words for who has asked for the port.
fn why(error: &io::Error) -> Arc<str> {
    match error.kind() {
        ErrorKind::AddrInUse => "another process, or a connection, has it".into(),
        ErrorKind::PermissionDenied => "this process may not open ports below 1024".into(),
        _ => error.to_string().into(),
    }
}

/// The sockets of all shards for a port.
fn bind(key: ListenerKey, settings: &PortSettings) -> io::Result<Vec<PortSockets>> {
    let PortSettings { address, own, shards, keepalive } = settings;
    match key.transport {
        Transport::Tcp => {
            let sockets = listener::bind(SocketAddr::new(*address, key.port), *shards, *keepalive)?;
            Ok(sockets.into_iter().map(PortSockets::Tcp).collect())
        }
        Transport::Udp => {
            let mut of_shards: Vec<Vec<UdpSocket>> = (0..*shards).map(|_| Vec::new()).collect();
            for ip in addresses(*address, own) {
                let at = SocketAddr::new(ip, key.port);
                // Nobody else may have it, although SO_REUSEPORT would let us join him.
                match bind_datagrams(at, false) {
                    Ok(socket) => drop(socket),
                    // An address that has gone, or is not ready yet.
                    Err(error) if error.kind() == ErrorKind::AddrNotAvailable && ip != *address => continue,
                    Err(error) => return Err(error),
                }
                for shard in &mut of_shards {
                    shard.push(bind_datagrams(at, true)?);
                }
            }
            if of_shards.iter().any(Vec::is_empty) {
                return Err(ErrorKind::AddrNotAvailable.into());
            }
            Ok(of_shards.into_iter().map(PortSockets::Udp).collect())
        }
    }
}

/// The addresses for datagrams. A socket that stands for all of them would not say which one a datagram was sent to, and an answer
/// has to come from there.
fn addresses(address: IpAddr, own: &BTreeSet<IpAddr>) -> Vec<IpAddr> {
    let is_link_local = |ip: &IpAddr| matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
    let meant = |ip: &&IpAddr| !is_link_local(ip) && (address.is_ipv6() || ip.is_ipv4());
    let all: Vec<_> = own.iter().filter(meant).copied().collect();
    if address.is_unspecified() && !all.is_empty() { all } else { vec![address] }
}

fn bind_datagrams(address: SocketAddr, is_shared: bool) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_port(is_shared)?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    // The system has a limit of its own.
    let _ = socket.set_recv_buffer_size(DATAGRAMS_IN_KERNEL);
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_come_to_each_address_by_itself() {
        let own = ["10.0.0.1", "127.0.0.1", "::1", "fd00::a", "fe80::1"].map(|text| text.parse().unwrap()).into();
        let shown = |text: &str| {
            let all = addresses(text.parse().unwrap(), &own).into_iter();
            all.map(|ip| ip.to_string()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(shown("::"), "10.0.0.1 127.0.0.1 ::1 fd00::a");
        assert_eq!(shown("0.0.0.0"), "10.0.0.1 127.0.0.1");
        assert_eq!(shown("192.0.2.7"), "192.0.2.7");
        assert_eq!(addresses("::".parse().unwrap(), &BTreeSet::new()).len(), 1);
    }
}
