//! Which connections the admin and health addresses take, and which give way.
//!
//! A connection first *arrives*, until all of its request's head is there, and then is *answered*. Neither a flood of
//! either kind nor connections that stand still keep out the probes of a kubelet or load balancer (class E11):
//!
//! - Of connections that arrive the oldest gives way: who sends a request at once is never the oldest for long.
//! - Each gets its turn before the next one is accepted, and a probe is answered within one, so that it needs no place.
//! - Of connections that take longer, such as scrapes, the oldest gives way once it is old, and else the newest.

use std::collections::VecDeque;
use std::future::Future;
use std::net::IpAddr;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, timeout_at};

use super::{FIELD_LIMIT, HEAD_LIMIT, prefix};

/// Connections at a time whose request is not there yet. At 15,000 new ones in a second each has 17 ms.
pub(super) const ARRIVING: usize = 256;

/// Connections at a time that are answered.
pub(super) const ANSWERED: usize = 64;

/// Age from which an answered connection gives way to another one.
const OLD: Duration = Duration::from_secs(1);

/// Longest life of a connection, from accept to the last byte of the answer. Prometheus gives up a scrape after 10 s.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);

/// Wait after an accept that failed, as when descriptors are used up.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A probe's head fits. Bytes.
const USUAL: usize = 512;

/// What may stand in front of a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Front {
    /// Nothing.
    Nothing,
    /// A PROXY protocol header, which is read and forgotten.
    ProxyHeader,
}

/// A connection with the head of its request, or with as much of something else as is read of a head.
pub(super) struct Arrived {
    pub(super) socket: TcpStream,
    /// The other end.
    pub(super) peer: IpAddr,
    /// What was read of it.
    pub(super) bytes: Vec<u8>,
    deadline: Instant,
}

/// Takes connections until dropped, which ends them.
pub(super) async fn accept<F>(listener: TcpListener, front: Front, answer: impl Fn(Arrived) -> F)
where
    F: Future<Output = hyper::Result<()>> + Send + 'static,
{
    let mut arriving: Crowd<Option<Arrived>> = Crowd::default();
    let mut answered: Crowd<()> = Crowd::default();
    loop {
        tokio::select! {
            biased;
            Some(arrived) = arriving.tasks.join_next() => {
                // None: it left, gave way or took too long.
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
        // Lets what has just begun run first.
        tokio::task::yield_now().await;
        arriving.shrink(ARRIVING, Duration::ZERO);
        answered.shrink(ANSWERED, OLD);
        while answered.tasks.try_join_next().is_some() {}
    }
}

/// Reads a request's head; `None` if none comes.
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

/// Whether it takes more to be a request's head, or to be none.
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
    /// The oldest first, with when they began. May hold some that have ended.
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

    /// Leaves at most `limit`: ends the oldest if it is `old`, else the newest.
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
