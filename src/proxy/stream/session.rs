//! A session of datagrams: what one client sends to an endpoint, and its answers.

use std::cell::Cell;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket as StdSocket};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use socket2::SockRef;
use tokio::io::{Interest, Ready};
use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep_until};

use super::pod;
use crate::model::{ListenerKey, LogLines};
use crate::observe::{DatagramDrop, OpenStream, StreamEntry, StreamFailure, StreamMetrics};
use crate::proxy::shard::Shard;
use crate::proxy::shard::connections::Counted;
use crate::routing::Route;
use crate::upstream::{Backend, InFlight, Target};

/// Answers taken from a pod before others have their turn.
const TURN: usize = 64;
/// How long answers are awaited where room or time is short.
pub(super) const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// A session.
pub(super) struct Session {
    /// Counts there as in flight.
    pub(super) endpoint: InFlight,
    /// Whether the pod has sent anything.
    pub(super) is_answered: Cell<bool>,
    route: Option<Arc<Route<Target>>>,
    /// Connected to the pod.
    pod: UdpSocket,
    /// By which the client is answered.
    socket: Rc<UdpSocket>,
    client: SocketAddr,
    metrics: Arc<StreamMetrics>,
    time: SystemTime,
    began: Instant,
    /// When a datagram was last passed on, in either direction.
    last: Cell<Instant>,
    /// Whether the last one was the client's.
    is_asked: Cell<bool>,
    is_over: Cell<bool>,
    received: Cell<u64>,
    sent: Cell<u64>,
    _open: OpenStream,
    _place: Counted,
}

impl Session {
    /// A session with an endpoint.
    pub(super) fn connect(
        endpoint: InFlight,
        socket: Rc<UdpSocket>,
        (client, metrics): (SocketAddr, &Arc<StreamMetrics>),
        place: Counted,
    ) -> io::Result<Self> {
        let address = endpoint.address();
        let any = if address.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
        let pod = StdSocket::bind::<SocketAddr>(any)?;
        pod.connect(address)?;
        pod.set_nonblocking(true)?;
        let now = Instant::now();
        Ok(Self {
            endpoint,
            is_answered: Cell::new(false),
            route: None,
            pod: UdpSocket::from_std(pod)?,
            socket,
            client,
            metrics: Arc::clone(metrics),
            time: SystemTime::now(),
            began: now,
            last: Cell::new(now),
            is_asked: Cell::new(false),
            is_over: Cell::new(false),
            received: Cell::new(0),
            sent: Cell::new(0),
            _open: metrics.opened(),
            _place: place,
        })
    }

    /// The same, by this route.
    pub(super) fn by(self, route: &Arc<Route<Target>>) -> Self {
        Self { route: Some(Arc::clone(route)), ..self }
    }

    /// Whether it is one with an endpoint of this upstream.
    pub(super) fn is_of(&self, backend: Option<&Backend>) -> bool {
        let own = self.route.as_ref().and_then(|route| pod::backend(&route.target));
        own.zip(backend).is_some_and(|(own, other)| Arc::ptr_eq(&own.upstream, &other.upstream))
    }

    /// Whether the client waits for an answer: what does not come in this time is not awaited any more.
    pub(super) fn is_awaited(&self) -> bool {
        self.is_asked.get() && self.last.get().elapsed() < LAST_ANSWERS
    }

    /// When a datagram was last passed on.
    pub(super) fn last(&self) -> Instant {
        self.last.get()
    }

    /// Passes a datagram on to the pod.
    pub(super) fn send(&self, datagram: &[u8]) -> Result<(), DatagramDrop> {
        // Not by way of tokio, which takes a socket that is new for one that takes nothing yet.
        match SockRef::from(&self.pod).send(datagram) {
            Ok(_) => {
                self.received.set(self.received.get() + datagram.len() as u64);
                self.last.set(Instant::now());
                self.is_asked.set(true);
                Ok(())
            }
            Err(error) => {
                self.failed(&error);
                Err(DatagramDrop::Socket)
            }
        }
    }

    /// A pod that is not there is told by its machine.
    fn failed(&self, error: &io::Error) {
        match error.kind() {
            io::ErrorKind::WouldBlock => {}
            io::ErrorKind::ConnectionRefused => {
                self.endpoint.connect_failed(Instant::now());
                self.is_over.set(true);
            }
            _ => self.is_over.set(true),
        }
    }

    /// Whether it has failed, so that its client needs another one.
    pub(super) fn is_over(&self) -> bool {
        self.is_over.get()
    }

    /// Passes on what the pod has sent. Tells whether the session goes on.
    fn pass_answers(&self, datagram: &mut [u8]) -> bool {
        for _ in 0..TURN {
            match self.pod.try_recv(datagram) {
                Ok(bytes) => {
                    self.is_answered.set(true);
                    self.is_asked.set(false);
                    self.last.set(Instant::now());
                    self.endpoint.connect_succeeded();
                    match SockRef::from(&*self.socket).send_to(&datagram[..bytes], &self.client.into()) {
                        Ok(_) => {
                            self.sent.set(self.sent.get() + bytes as u64);
                            self.metrics.sent(bytes);
                        }
                        Err(_) => self.metrics.dropped(DatagramDrop::Socket),
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return !self.is_over.get(),
                Err(error) => {
                    self.failed(&error);
                    return false;
                }
            }
        }
        true
    }
}

/// Passes answers on until no datagram was passed on for too long, or the pod is not there.
pub(super) async fn answer(shard: Rc<Shard>, key: ListenerKey, session: Rc<Session>) {
    let idle = session.route.as_ref().map_or(Duration::from_secs(60), |route| route.spec.policy.timeouts.udp_session);
    let failure = loop {
        tokio::select! {
            // That nobody listens there comes as an error alone.
            ready = session.pod.ready(Interest::READABLE | Interest::ERROR) => {
                let mut datagram = shard.datagram.borrow_mut();
                let is_error = ready.map_or(true, Ready::is_error);
                let goes_on = session.pass_answers(&mut datagram);
                if is_error && let Ok(Some(error)) = session.pod.take_error() {
                    session.failed(&error);
                }
                if !goes_on || is_error {
                    break Some(StreamFailure::Connect);
                }
            }
            () = sleep_until(session.last.get() + idle) => {
                if session.last.get().elapsed() >= idle {
                    break (!session.is_answered.get()).then_some(StreamFailure::Idle);
                }
            }
        }
        tokio::task::yield_now().await;
    };
    finish(&shard, key, &session, failure);
}

/// Counts a session that is over, and logs it.
pub(super) fn finish(shard: &Shard, key: ListenerKey, session: &Session, failure: Option<StreamFailure>) {
    if let Some(failure) = failure {
        session.metrics.failed(failure);
    }
    let Some(route) = &session.route else { return };
    if !shard.access_log.is_on() || route.spec.policy.log == LogLines::LeftOut {
        return;
    }
    shard.access_log.log_stream(&StreamEntry {
        time: session.time,
        client: session.client,
        listener: key,
        upstream: Some(session.endpoint.address()),
        attempts: 1,
        connect: None,
        service: pod::backend(&route.target).map(|backend| &backend.upstream.key().service),
        received: session.received.get(),
        sent: session.sent.get(),
        duration: pod::since(session.began),
        failure,
    });
}
