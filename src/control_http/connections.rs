//! Which connections the addresses beside the traffic accept, and which they close when there are too many.
//!
//! A connection first *arrives*, until the head of its request is complete, and then is *answered*. Neither a flood of either
//! kind nor connections that stand still keep out the probes of a kubelet or load balancer (class E11):
//!
//! - Of connections that arrive the oldest is closed. A client that sends its request at once is never the oldest for long.
//! - Each connection runs once before the next one is accepted. A probe is answered in that time, so it needs no place.
//! - Of connections that take longer, such as scrapes, the oldest is closed if it is old, otherwise the newest.

use std::collections::VecDeque;
use std::future::Future;
use std::net::IpAddr;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, timeout_at};

use super::{FIELD_LIMIT, HEAD_LIMIT, prefix};

/// Most connections at a time whose request has not arrived. At 15,000 new connections a second each has 17 ms.
pub(crate) const ARRIVING: usize = 256;

/// Most connections at a time that are being answered.
pub(crate) const ANSWERED: usize = 64;

/// Age from which a connection that is being answered is closed in favour of another one.
const OLD: Duration = Duration::from_secs(1);

/// Longest life of a connection, from accept to the last byte of the answer. Prometheus gives up a scrape after 10 s.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Wait after an accept that failed, as when descriptors are used up.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Enough for the head of a probe. Bytes.
const USUAL: usize = 512;

/// What may come before a request.
#[derive(Clone, Copy, Debug)]
pub enum Front {
    /// Nothing.
    Nothing,
    /// A PROXY protocol header, which is read and ignored.
    ProxyHeader,
}

/// A connection with the head of its request, or with as many bytes of something else as are read for a head.
pub struct Arrived {
    pub(super) socket: TcpStream,
    /// The other end.
    pub peer: IpAddr,
    /// What was read of it.
    pub(super) bytes: Vec<u8>,
    deadline: Instant,
}

/// Takes connections until dropped, which ends them.
pub async fn accept<F>(listener: TcpListener, front: Front, answer: impl Fn(Arrived) -> F)
where
    F: Future<Output = hyper::Result<()>> + Send + 'static,
{
    let mut arriving: Crowd<Option<Arrived>> = Crowd::default();
    let mut answered: Crowd<()> = Crowd::default();
    loop {
        tokio::select! {
            biased;
            Some(arrived) = arriving.tasks.join_next() => {
                // None: it was closed by the client, to make room, or because it took too long.
                if let Ok(Some(arrived)) = arrived {
                    let deadline = arrived.deadline;
                    answered.begin(finish(deadline, answer(arrived)));
                }
            }
            accepted = listener.accept() => match accepted {
                Ok((socket, peer)) => arriving.begin(arrive(socket, peer.ip(), front)),
                Err(error) => {
                    tracing::warn!(%error, "admin connection not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
        // Lets the new connection run first.
        tokio::task::yield_now().await;
        arriving.shrink(ARRIVING, Duration::ZERO);
        answered.shrink(ANSWERED, OLD);
        while answered.tasks.try_join_next().is_some() {}
    }
}

/// Reads the head of a request; `None` if there is none.
async fn arrive(mut socket: TcpStream, peer: IpAddr, front: Front) -> Option<Arrived> {
    let deadline = Instant::now() + DEADLINE;
    let bytes = timeout_at(deadline, head(&mut socket, front)).await.ok().flatten()?;
    Some(Arrived { socket, peer, bytes, deadline })
}

async fn head(socket: &mut TcpStream, front: Front) -> Option<Vec<u8>> {
    let mut bytes = match front {
        Front::Nothing => Vec::with_capacity(USUAL),
        Front::ProxyHeader => prefix::skip(socket).await?,
    };
    while is_partial(&bytes) && bytes.len() < HEAD_LIMIT {
        let room = (HEAD_LIMIT - bytes.len()) as u64;
        (&mut *socket).take(room).read_buf(&mut bytes).await.ok().filter(|count| *count > 0)?;
    }
    Some(bytes)
}

/// Whether more bytes are needed to tell whether this is the head of a request.
fn is_partial(bytes: &[u8]) -> bool {
    let mut fields = [httparse::EMPTY_HEADER; FIELD_LIMIT];
    matches!(httparse::Request::new(&mut fields).parse(bytes), Ok(httparse::Status::Partial))
}

async fn finish(deadline: Instant, answer: impl Future<Output = hyper::Result<()>>) {
    match timeout_at(deadline, answer).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "admin connection failed"),
        Err(_) => tracing::debug!("admin connection took too long"),
    }
}

/// Connections in the same state.
struct Crowd<T> {
    tasks: JoinSet<T>,
    /// The oldest first, each with the time when it began. Some of them may have ended.
    order: VecDeque<(Instant, AbortHandle)>,
}

impl<T> Default for Crowd<T> {
    fn default() -> Self {
        Self { tasks: JoinSet::new(), order: VecDeque::new() }
    }
}

impl<T: Send + 'static> Crowd<T> {
    fn begin(&mut self, task: impl Future<Output = T> + Send + 'static) {
        let handle = self.tasks.spawn(task);
        self.order.push_back((Instant::now(), handle));
    }

    /// Leaves at most `limit`: ends the oldest if it is `old`, otherwise the newest.
    fn shrink(&mut self, limit: usize, old: Duration) {
        if self.order.len() <= limit {
            return;
        }
        self.order.retain(|(_, task)| !task.is_finished());
        while self.order.len() > limit {
            let is_old = self.order.front().is_some_and(|(since, _)| since.elapsed() >= old);
            let surplus = if is_old { self.order.pop_front() } else { self.order.pop_back() };
            if let Some((_, task)) = surplus {
                task.abort();
            }
        }
    }
}
