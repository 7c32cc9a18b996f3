//! The stats socket: HAProxy's commands over a Unix socket or a loopback port, for its tools. One line for each connection unless the
//! client asks for a prompt. Connections, lines, silence and slow readers are bounded.

mod answers;
mod command;
mod conversation;
mod help;
mod info;
mod level;
mod place;
mod servers;

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::Source;
use answers::Conversation;

pub use command::{Command, Fault, Form, ServerName, Wish, split};
pub use level::Level;
pub use place::{SocketAt, SocketPlace};

/// Connections of a socket at a time.
const MOST_CONNECTIONS: usize = 16;
/// How long a client may be silent, unless it asks for another time. As HAProxy's `stats timeout`.
const SILENCE: Duration = Duration::from_secs(10);
/// The longest that it may ask for.
const MOST_SILENCE: Duration = Duration::from_secs(600);
/// Pause after an accept that failed, as when descriptors are used up.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A socket that is bound.
#[derive(Debug)]
pub struct StatsSocket {
    level: Level,
    listener: Listener,
}

#[derive(Debug)]
enum Listener {
    Unix(UnixListener, Unlinked),
    Tcp(std::net::TcpListener),
}

/// Removes the file of a socket at the end.
#[derive(Debug)]
struct Unlinked(PathBuf);

impl Drop for Unlinked {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

impl StatsSocket {
    /// Binds it. A file that a process left behind is replaced; one that a process listens on is an error.
    pub fn bind(place: &SocketPlace) -> io::Result<Self> {
        let listener = match &place.at {
            SocketAt::Tcp(address) => {
                let listener = std::net::TcpListener::bind(address)?;
                listener.set_nonblocking(true)?;
                Listener::Tcp(listener)
            }
            SocketAt::Unix { path, mode } => {
                remove_stale(path)?;
                let listener = UnixListener::bind(path)?;
                let unlinked = Unlinked(path.clone());
                fs::set_permissions(path, fs::Permissions::from_mode(*mode))?;
                listener.set_nonblocking(true)?;
                Listener::Unix(listener, unlinked)
            }
        };
        Ok(Self { level: place.level, listener })
    }

    /// The address, if it is one of TCP.
    pub fn address(&self) -> Option<std::net::SocketAddr> {
        match &self.listener {
            Listener::Unix(..) => None,
            Listener::Tcp(listener) => listener.local_addr().ok(),
        }
    }

    /// Serves until dropped, which ends its connections too.
    pub async fn serve(self, source: Source) -> io::Result<()> {
        let Self { level, listener } = self;
        let mut serving = Serving {
            level,
            source,
            views: Arc::new(Semaphore::new(1)),
            places: Arc::new(Semaphore::new(MOST_CONNECTIONS)),
            tasks: JoinSet::new(),
        };
        match listener {
            Listener::Unix(listener, _unlinked) => {
                let listener = tokio::net::UnixListener::from_std(listener)?;
                loop {
                    let accepted = listener.accept().await.map(|(stream, _)| {
                        let who = match stream.peer_cred() {
                            Ok(cred) => format!("uid {} pid {}", cred.uid(), cred.pid().unwrap_or(0)),
                            Err(_) => "unix".to_owned(),
                        };
                        (stream, who)
                    });
                    serving.take(accepted).await;
                }
            }
            Listener::Tcp(listener) => {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                loop {
                    let accepted = listener.accept().await.map(|(stream, peer)| (stream, peer.to_string()));
                    serving.take(accepted).await;
                }
            }
        }
    }
}

struct Serving {
    level: Level,
    source: Source,
    views: Arc<Semaphore>,
    places: Arc<Semaphore>,
    /// Their connections end with them.
    tasks: JoinSet<()>,
}

impl Serving {
    /// Serves a connection.
    async fn take<S>(&mut self, accepted: io::Result<(S, String)>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        while self.tasks.try_join_next().is_some() {}
        let (mut stream, who) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection to the stats socket was not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                return;
            }
        };
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            // A new connection takes so little at once.
            let said = stream.write_all(b"Too many connections to the stats socket.\n");
            let _ = tokio::time::timeout(ACCEPT_PAUSE, said).await;
            return;
        };
        let (level, timeout) = (self.level, SILENCE.as_secs());
        let conversation = Conversation { level, is_interactive: false, timeout, is_over: false, who };
        let (source, views) = (self.source.clone(), Arc::clone(&self.views));
        self.tasks.spawn(async move {
            let _place = place;
            conversation::converse(stream, conversation, &source, &views).await;
        });
    }
}

/// Removes the file of a socket on which nobody listens.
fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(file) if file.file_type().is_socket() => match UnixStream::connect(path) {
            Ok(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens there")),
            Err(_) => fs::remove_file(path),
        },
        Ok(_) => Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file that is no socket")),
        Err(_) => Ok(()),
    }
}
