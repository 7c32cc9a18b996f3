//! Requests that look whether a change has arrived.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use tidegate_e2e::{Answer, Connection, Request};

/// A kept connection for plain requests.
pub(crate) struct Probe {
    address: SocketAddr,
    kept: Option<Connection>,
}

impl Probe {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, kept: None }
    }

    /// One GET, on a new connection if the kept one is of no use.
    pub(crate) fn get(&mut self, host: &str, path: &str) -> io::Result<Answer> {
        let request = Request::get(host, path);
        if let Some(kept) = self.kept.take()
            && let Ok(answer) = self.on(kept, &request)
        {
            return Ok(answer);
        }
        self.on(Connection::plain(self.address)?, &request)
    }

    fn on(&mut self, mut connection: Connection, request: &Request<'_>) -> io::Result<Answer> {
        let answer = connection.send(request)?;
        self.kept = Some(connection).filter(|connection| !connection.is_over());
        Ok(answer)
    }
}

/// The certificate that a new handshake for this name shows.
pub(crate) fn certificate(address: SocketAddr, name: &str) -> io::Result<Vec<u8>> {
    Connection::tls(address, name)?.certificate().ok_or_else(|| ErrorKind::NotFound.into())
}
