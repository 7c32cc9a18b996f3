//! The run-time API: JSON over HTTPS on an address of its own, for programs that read the statistics, tell endpoints what to do and
//! watch changes; and the same under the paths of HAProxy's Data Plane API. `openapi.json` describes all of it.
//!
//! What it shows and does it takes from `stats`, so nothing here knows upstreams. One request for each connection; connections, bodies,
//! watchers, what waits for them, and slow readers are bounded.

mod answer;
mod body;
mod caller;
mod connections;
mod data_plane;
mod desk;
mod order;
mod place;
mod problem;
mod query;
mod shape;
#[cfg(test)]
mod tests;
mod tls;
mod watch;
mod write_deadline;

use std::net::SocketAddr;

use crate::stats::{Admins, Login, Source};

pub use tls::{TlsFiles, TlsFilesError};

/// The description of the API, OpenAPI 3.1.
pub const OPENAPI: &str = include_str!("openapi.json");

/// The address of the API, bound.
#[derive(Debug)]
pub struct RuntimeApi {
    listener: std::net::TcpListener,
    tls: Option<tls::Configs>,
}

/// Who may use it.
#[derive(Clone)]
pub struct Door {
    /// Whose password, or which address, lets somebody in. `None`: certificates alone do.
    pub login: Option<Login>,
    /// Which users may act; a certificate's user is the common name of its subject.
    pub admins: Admins,
}

impl RuntimeApi {
    /// That of a socket; plain HTTP without files for TLS.
    pub fn new(listener: std::net::TcpListener, tls: Option<TlsFiles>) -> Result<Self, TlsFilesError> {
        Ok(Self { listener, tls: tls.map(tls::Configs::read).transpose()? })
    }

    /// Where it is.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until dropped, which ends its connections too.
    pub async fn serve(self, source: Source, door: Door) -> std::io::Result<()> {
        let Self { listener, tls } = self;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let desk = desk::Desk::new(source, door);
        tokio::select! {
            () = connections::accept(listener, tls, &desk) => {}
            () = desk.watch_rows() => {}
        }
        Ok(())
    }
}
