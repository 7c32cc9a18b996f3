//! HTTP/2 on both sides, by hyper. A request is turned into an HTTP/1 head once, so that routing, filters and
//! forwarding exist once; bodies go through the same two traits as HTTP/1's.

pub(crate) mod body;
pub(crate) mod convert;
pub(crate) mod downstream;
mod io;
pub(crate) mod upstream;

use std::future::Future;

/// Runs hyper's tasks on the shard's own thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalExecutor;

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for LocalExecutor {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}
