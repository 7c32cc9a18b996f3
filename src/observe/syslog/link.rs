//! The socket to a syslog server: opened when it is needed, and again with growing delays where that fails.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use tokio::time::Instant;

use super::target::{Place, SyslogTarget};

/// How long an attempt to connect may take, for each address of the name.
const CONNECT: Duration = Duration::from_secs(2);
/// Addresses of a name that are tried.
const ADDRESSES: usize = 3;
/// How long a write may wait for the server.
const WRITE: Duration = Duration::from_secs(2);
/// How long a datagram may wait for place in a socket.
const DATAGRAM: Duration = Duration::from_millis(500);
/// After so long the name of a server for datagrams is resolved again: nobody tells that it has moved.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// The delay behind the first failure, and the longest.
const FIRST_DELAY: Duration = Duration::from_millis(500);
const LONGEST_DELAY: Duration = Duration::from_secs(30);

/// The way to a server.
pub(super) struct Link {
    target: SyslogTarget,
    state: State,
    /// The delay behind the next failure.
    delay: Duration,
    /// Whether it was said that the server is away.
    is_told: bool,
}

enum State {
    /// There is a socket, since then.
    Open(Socket, Instant),
    /// There is none. It is tried again then.
    Away(Instant),
}

enum Socket {
    Udp(UdpSocket),
    Tcp(TcpStream),
    Unix(UnixDatagram),
}

impl Link {
    pub(super) fn new(target: &SyslogTarget) -> Self {
        Self { target: target.clone(), state: State::Away(Instant::now()), delay: FIRST_DELAY, is_told: false }
    }

    /// Whether messages have ends of their own: those of datagrams do not need any.
    pub(super) fn is_stream(&self) -> bool {
        matches!(self.target.place, Place::Tcp(..))
    }

    /// Sees that there is a socket. If there is none, tells how long to wait.
    pub(super) fn ready(&mut self) -> Result<(), Duration> {
        match &self.state {
            State::Open(socket, since) => match socket.fault(*since, &self.target.place) {
                None => return Ok(()),
                Some(None) => self.state = State::Away(Instant::now()),
                Some(Some(error)) => self.lose(&error),
            },
            State::Away(_) => {}
        }
        let State::Away(until) = self.state else { return Ok(()) };
        let now = Instant::now();
        if now < until {
            return Err(until - now);
        }
        match Socket::open(&self.target.place) {
            Ok(socket) => {
                // Datagrams open without the server.
                if self.is_stream() {
                    self.is_well();
                }
                self.state = State::Open(socket, Instant::now());
                Ok(())
            }
            Err(error) => {
                self.lose(&error);
                Err(self.wait())
            }
        }
    }

    /// How long until it is tried again.
    fn wait(&self) -> Duration {
        match self.state {
            State::Open(..) => Duration::ZERO,
            State::Away(until) => until.saturating_duration_since(Instant::now()),
        }
    }

    /// Sends a datagram. False if it, or the one before, is lost.
    pub(super) fn send(&mut self, message: &[u8]) -> bool {
        let State::Open(socket, since) = &mut self.state else { return false };
        let Err(error) = socket.send(message) else {
            // That nobody is there comes back a moment later, if at all.
            if since.elapsed() >= FIRST_DELAY {
                self.is_well();
            }
            return true;
        };
        match error.kind() {
            // A socket of this machine is bound anew by a server that starts again, and a name may have moved.
            ErrorKind::ConnectionRefused | ErrorKind::NotConnected | ErrorKind::ConnectionReset => {
                let again = Socket::open(&self.target.place).and_then(|mut socket| {
                    socket.send(message)?;
                    Ok(socket)
                });
                if let Ok(socket @ Socket::Unix(_)) = again {
                    self.state = State::Open(socket, Instant::now());
                    return true;
                }
                // Of UDP it is the answer to an earlier message, which is lost.
                self.lose(&error);
            }
            // Nobody takes what waits there.
            ErrorKind::WouldBlock | ErrorKind::TimedOut => self.lose(&error),
            // Such as a message that is too long for the socket.
            _ => self.tell(&error),
        }
        false
    }

    /// Sends all of it over a connection. False if it is lost, or a part of it.
    pub(super) fn send_all(&mut self, messages: &[u8]) -> bool {
        let State::Open(Socket::Tcp(socket), since) = &mut self.state else { return false };
        let Err(error) = socket.write_all(messages) else { return true };
        // A server that was started again takes them at once. One that does not read would not do so either.
        let is_worth_it =
            !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) && since.elapsed() >= FIRST_DELAY;
        let again = if is_worth_it { Socket::open(&self.target.place) } else { Err(error) };
        let sent = again.and_then(|mut socket| match &mut socket {
            Socket::Tcp(stream) => stream.write_all(messages).map(|()| socket),
            Socket::Udp(_) | Socket::Unix(_) => Err(ErrorKind::NotConnected.into()),
        });
        match sent {
            Ok(socket) => {
                self.state = State::Open(socket, Instant::now());
                true
            }
            Err(error) => {
                self.lose(&error);
                false
            }
        }
    }

    /// The socket is of no further use.
    fn lose(&mut self, error: &io::Error) {
        self.tell(error);
        self.state = State::Away(Instant::now() + self.delay);
        self.delay = (self.delay * 2).min(LONGEST_DELAY);
    }

    /// Says once that lines may be lost.
    fn tell(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.is_told, true) {
            tracing::warn!(server = %self.target, %error, "the syslog server does not take lines");
        }
    }

    fn is_well(&mut self) {
        self.delay = FIRST_DELAY;
        if std::mem::take(&mut self.is_told) {
            tracing::info!(server = %self.target, "the syslog server takes lines again");
        }
    }
}

impl Socket {
    fn open(place: &Place) -> io::Result<Self> {
        match place {
            Place::Udp(host, port) => {
                let address = addresses(host, *port)?.next().ok_or(ErrorKind::NotFound)?;
                let any: SocketAddr = match address {
                    SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
                    SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
                };
                let socket = UdpSocket::bind(any)?;
                socket.connect(address)?;
                socket.set_write_timeout(Some(DATAGRAM))?;
                Ok(Self::Udp(socket))
            }
            Place::Tcp(host, port) => {
                let mut last = io::Error::from(ErrorKind::NotFound);
                for address in addresses(host, *port)?.take(ADDRESSES) {
                    match TcpStream::connect_timeout(&address, CONNECT) {
                        Ok(stream) => {
                            stream.set_write_timeout(Some(WRITE))?;
                            return Ok(Self::Tcp(stream));
                        }
                        Err(error) => last = error,
                    }
                }
                Err(last)
            }
            Place::Unix(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(path)?;
                socket.set_write_timeout(Some(DATAGRAM))?;
                Ok(Self::Unix(socket))
            }
        }
    }

    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        match self {
            Self::Udp(socket) => socket.send(message).map(drop),
            Self::Unix(socket) => socket.send(message).map(drop),
            Self::Tcp(_) => Err(ErrorKind::NotConnected.into()),
        }
    }

    /// Why the socket should be opened again: an error, or nothing but its age.
    fn fault(&self, since: Instant, place: &Place) -> Option<Option<io::Error>> {
        match self {
            // A server never says anything. One that has ended closes the connection, and what is written then is lost.
            Self::Tcp(stream) => match look(stream) {
                Ok(0) => Some(Some(ErrorKind::ConnectionReset.into())),
                Ok(_) => None,
                Err(error) if error.kind() == ErrorKind::WouldBlock => None,
                Err(error) => Some(Some(error)),
            },
            Self::Udp(_) => {
                let is_name = matches!(place, Place::Udp(host, _) if host.parse::<std::net::IpAddr>().is_err());
                (is_name && since.elapsed() >= LOOK_AGAIN).then_some(None)
            }
            Self::Unix(_) => None,
        }
    }
}

/// Reads what is there.
fn look(mut stream: &TcpStream) -> io::Result<usize> {
    stream.set_nonblocking(true)?;
    let read = stream.read(&mut [0; 256]);
    stream.set_nonblocking(false)?;
    read
}

/// The addresses of a host, asked for anew each time. The resolver of the system has a deadline of its own.
fn addresses(host: &str, port: u16) -> io::Result<std::vec::IntoIter<SocketAddr>> {
    (host, port).to_socket_addrs()
}
