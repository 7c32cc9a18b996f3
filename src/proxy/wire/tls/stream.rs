//! A TLS connection on a socket, read and written through `&self`.
//!
//! Reading and writing may be polled by two futures of one task, as a full-duplex exchange does. Each direction of
//! the socket has one waker, so the two sides must not live in different tasks. What TLS itself has to send (tickets,
//! alerts, key updates) goes out with the next write, or when a reader finds nothing to read.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use rustls::pki_types::CertificateDer;
use rustls::{CipherSuite, HandshakeKind, ProtocolVersion};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::session::Session;
use crate::model::Hostname;
use crate::proxy::wire::quiet;

/// Reads from the socket that one poll may do without finding plaintext: key updates and alerts must not keep the
/// shard from its other connections.
const FRUITLESS_READS: usize = 8;

/// A TLS connection whose handshake is complete. While idle it holds its keys and no buffer.
pub struct TlsStream {
    link: RefCell<Link>,
    server_name: Option<Hostname>,
    /// Whether the peer was asked for a certificate.
    has_asked: bool,
    alpn: Alpn,
    version: TlsVersion,
    resumed: bool,
}

/// The protocol inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alpn {
    /// `http/1.1`, or no ALPN at all.
    Http1,
    /// `h2`.
    Http2,
}

/// The version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsVersion {
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

/// How the peer ended what it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With close_notify.
    Closed,
    /// By closing the TCP connection only. Between requests that is harmless. Within a message without a length it may
    /// be an attack.
    Cut,
}

/// The session and its socket.
pub(crate) struct Link {
    tcp: TcpStream,
    session: Session,
    ending: Option<Ending>,
}

impl TlsVersion {
    /// As access logs write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tls12 => "TLSv1.2",
            Self::Tls13 => "TLSv1.3",
        }
    }
}

impl TlsStream {
    pub(crate) fn new(link: Link, server_name: Option<Hostname>, has_asked: bool) -> Self {
        let connection = link.session.connection();
        let alpn = match connection.alpn_protocol() {
            Some(b"h2") => Alpn::Http2,
            _ => Alpn::Http1,
        };
        let version = match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => TlsVersion::Tls12,
            _ => TlsVersion::Tls13,
        };
        let resumed = connection.handshake_kind() == Some(HandshakeKind::Resumed);
        Self { link: RefCell::new(link), server_name, has_asked, alpn, version, resumed }
    }

    /// The name that was asked for (SNI), lower case and valid, if the peer is a client.
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_ref().map(Hostname::as_str)
    }

    /// The certificates that the client has shown, its own first, where it was asked for one: in this handshake, or in the one
    /// of the session that was resumed. Whether they are right is not known.
    pub(crate) fn shown_chain(&self) -> Option<Vec<CertificateDer<'static>>> {
        let link = self.link.borrow();
        let chain = || link.session.connection().peer_certificates().unwrap_or_default().to_vec();
        self.has_asked.then(chain)
    }

    /// The negotiated protocol.
    pub fn alpn(&self) -> Alpn {
        self.alpn
    }

    /// The negotiated version.
    pub fn version(&self) -> TlsVersion {
        self.version
    }

    /// How it is encrypted.
    pub fn cipher(&self) -> Option<CipherSuite> {
        Some(self.link.borrow().session.connection().negotiated_cipher_suite()?.suite())
    }

    /// Whether an earlier session was resumed.
    pub fn is_resumed(&self) -> bool {
        self.resumed
    }

    /// How the peer ended, once a read has returned 0.
    pub fn ending(&self) -> Option<Ending> {
        self.link.borrow().ending()
    }

    /// Bytes encrypted and not yet taken by the socket.
    pub fn unsent(&self) -> usize {
        self.link.borrow().session.outgoing().len()
    }

    /// Reads what there is, up to the length of `into`. 0 is the end ([`Self::ending`] tells which kind). After a
    /// violation of TLS its alert is sent, and all calls return [`io::ErrorKind::InvalidData`].
    pub fn poll_read(&self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let link = &mut *self.link.borrow_mut();
        for _ in 0..FRUITLESS_READS {
            if let Some(n) = link.read(into)? {
                return Poll::Ready(Ok(n));
            }
            ready!(link.poll_receive(cx))?;
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Waits until anything has arrived at the socket. It is not looked at.
    pub(crate) fn poll_stirred(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.link.borrow().tcp.poll_read_ready(cx)
    }

    /// What the system says went wrong with the socket, once.
    pub(crate) fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.link.borrow().tcp.take_error()
    }

    /// Waits until [`Self::poll_read`] or [`Self::try_read`] would return data, the end or an error. It holds no buffer
    /// while it waits.
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let link = &mut *self.link.borrow_mut();
        for _ in 0..FRUITLESS_READS {
            if link.ending.is_some() || link.session.is_readable() {
                return Poll::Ready(Ok(()));
            }
            ready!(link.poll_receive(cx))?;
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// As [`Self::poll_read`], but [`io::ErrorKind::WouldBlock`] when there is nothing, and then no waker is kept.
    pub fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        let link = &mut *self.link.borrow_mut();
        for _ in 0..FRUITLESS_READS {
            if let Some(n) = link.read(into)? {
                return Ok(n);
            }
            link.try_receive()?;
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Whether nothing has come that was not read: neither data nor an end. The system is asked. What TLS has said for
    /// itself (session tickets) does not count, if the runtime knew that it is there.
    pub(crate) fn is_quiet(&self) -> bool {
        // Takes in what there is, until there is nothing, and keeps no waker.
        let is_idle = self.poll_read_ready(&mut Context::from_waker(Waker::noop())).is_pending();
        let link = self.link.borrow();
        is_idle && link.session.received().is_empty() && quiet::is_quiet(&link.tcp)
    }

    /// Whether the peer has ended by closing the TCP connection only.
    pub(crate) fn is_cut(&self) -> bool {
        self.ending() == Some(Ending::Cut)
    }

    /// Encrypts from `data` and sends; returns how much was taken. A buffer at most is held of what the socket does not
    /// take at once. The next write waits for it, and so does [`Self::poll_flush`].
    pub fn poll_write(&self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let link = &mut *self.link.borrow_mut();
        if link.session.is_congested() {
            ready!(link.poll_send(cx))?;
        }
        let n = link.session.write(data).map_err(invalid)?;
        match link.poll_send(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(n)),
        }
    }

    /// As [`Self::poll_write`], but [`io::ErrorKind::WouldBlock`] when earlier data must be sent first.
    pub fn try_write(&self, data: &[u8]) -> io::Result<usize> {
        let link = &mut *self.link.borrow_mut();
        if link.session.is_congested() {
            link.try_send()?;
        }
        let n = link.session.write(data).map_err(invalid)?;
        match link.try_send() {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            Ok(()) | Err(_) => Ok(n),
        }
    }

    /// Waits until the socket has taken all that was written.
    pub fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.link.borrow_mut().poll_send(cx)
    }

    /// Sends close_notify and closes the sending side. What the peer still sends can be read.
    pub fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let link = &mut *self.link.borrow_mut();
        link.session.close();
        ready!(link.poll_send(cx))?;
        Pin::new(&mut link.tcp).poll_shutdown(cx)
    }
}

impl Drop for TlsStream {
    /// Tells a pod that its connection ends, if the socket takes that at once. Without it a pod would have to take the end
    /// for an attack. Clients are told by [`Self::poll_shutdown`], or not at all when their answer is cut.
    fn drop(&mut self) {
        let link = self.link.get_mut();
        if link.session.is_client() && link.ending.is_none() {
            link.session.close();
            let _ = link.try_send();
        }
    }
}

impl fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { link: _, server_name, has_asked: _, alpn, version, resumed } = self;
        f.debug_struct("TlsStream")
            .field("server_name", server_name)
            .field("alpn", alpn)
            .field("version", version)
            .field("resumed", resumed)
            .finish_non_exhaustive()
    }
}

impl Link {
    pub(crate) fn new(tcp: TcpStream, session: Session) -> Self {
        Self { tcp, session, ending: None }
    }

    pub(crate) fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    pub(crate) fn tcp(&mut self) -> &mut TcpStream {
        &mut self.tcp
    }

    /// Whether the peer will send no more.
    pub(crate) fn is_ended(&self) -> bool {
        self.ending().is_some()
    }

    fn ending(&self) -> Option<Ending> {
        if self.session.is_peer_closed() { Some(Ending::Closed) } else { self.ending }
    }

    /// Reads from what was received; `None` when more must be received.
    fn read(&mut self, into: &mut [u8]) -> io::Result<Option<usize>> {
        if into.is_empty() {
            return Ok(Some(0));
        }
        match self.session.read(into) {
            Ok(0) if self.ending().is_some() => Ok(Some(0)),
            Ok(0) => Ok(None),
            Ok(n) => Ok(Some(n)),
            Err(error) => {
                // Sends the alert. If that is not possible now, nobody waits for it.
                let _ = self.try_send();
                Err(invalid(error))
            }
        }
    }

    /// Receives something, or the end. Sends what TLS has to say before it waits.
    pub(crate) fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Most waits begin with nothing there: a buffer is taken when something has come.
        if self.tcp.poll_read_ready(cx)?.is_pending() {
            self.session.park();
            let _ = self.poll_send(cx)?;
            return Poll::Pending;
        }
        let mut room = ReadBuf::new(self.session.room());
        let received = Pin::new(&mut self.tcp).poll_read(cx, &mut room);
        let n = room.filled().len();
        match received {
            Poll::Ready(Ok(())) => {
                self.received(n);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => {
                self.session.park();
                Poll::Ready(Err(error))
            }
            Poll::Pending => {
                self.session.park();
                if let Poll::Ready(Err(error)) = self.poll_send(cx) {
                    return Poll::Ready(Err(error));
                }
                Poll::Pending
            }
        }
    }

    fn try_receive(&mut self) -> io::Result<()> {
        match self.tcp.try_read(self.session.room()) {
            Ok(n) => {
                self.received(n);
                Ok(())
            }
            Err(error) => {
                self.session.park();
                if error.kind() == io::ErrorKind::WouldBlock {
                    self.try_send()?;
                }
                Err(error)
            }
        }
    }

    fn received(&mut self, n: usize) {
        if n == 0 {
            self.session.park();
            self.ending = Some(Ending::Cut);
        } else {
            self.session.receive(n);
        }
    }

    /// Sends all there is.
    pub(crate) fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.session.outgoing().is_empty() {
            let n = ready!(Pin::new(&mut self.tcp).poll_write(cx, self.session.outgoing()))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.session.sent(n);
        }
        Poll::Ready(Ok(()))
    }

    /// Sends what the socket takes at once; [`io::ErrorKind::WouldBlock`] when that is not all.
    pub(crate) fn try_send(&mut self) -> io::Result<()> {
        while !self.session.outgoing().is_empty() {
            let n = self.tcp.try_write(self.session.outgoing())?;
            if n == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.session.sent(n);
        }
        Ok(())
    }
}

fn invalid(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
