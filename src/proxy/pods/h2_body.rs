//! Bodies on a stream to a pod: the request's, and the answer's.

use std::cell::Cell;
use std::time::Duration;

use crate::http2::connection::Key;
use crate::proxy::error::ProxyError;
use crate::proxy::wire::body::{BodySink, BodySource};
use crate::proxy::wire::buffers::Buffer;
use crate::proxy::wire::h2::link::{End, Link};
use crate::proxy::wire::h2::outflow::{Blocked, Outflow};
use crate::proxy::wire::pace::{Pace, Progress};
use crate::proxy::wire::socket::within;

/// The body of a pod's answer.
pub(super) struct H2PodSource<'a> {
    link: &'a Link,
    stream: Key,
    /// Bytes of the request so far. While they move, the answer may be silent: many gRPC calls send messages in one
    /// direction only, for as long as they live.
    received: &'a Cell<u64>,
    /// Handed out.
    current: Option<Buffer>,
    trailers: Vec<u8>,
    progress: Progress,
}

impl<'a> H2PodSource<'a> {
    /// The body of the answer on `stream` to a request of which `received` bytes have come.
    pub(super) fn new(link: &'a Link, stream: Key, received: &'a Cell<u64>, pace: Pace) -> Self {
        let (trailers, progress) = (Vec::new(), Progress::new(pace));
        Self { link, stream, received, current: None, trailers, progress }
    }

    /// From here on bytes may come when they will.
    pub(super) fn become_tunnel(&mut self) {
        self.progress.set_pace(Pace::NONE);
    }

    /// Waits for bytes or the end.
    async fn wait(&self) -> Result<(), ProxyError> {
        loop {
            let before = self.received.get();
            if within(self.progress.gap(), |cx| self.link.poll_body(cx, self.stream)).await.is_some() {
                return Ok(());
            }
            if self.received.get() == before {
                return Err(ProxyError::ResponseStalled);
            }
        }
    }

    /// Gives back the window of what was handed out.
    fn give_back(&mut self) {
        if let Some(taken) = self.current.take() {
            self.link.lend_output();
            self.link.codec.borrow_mut().consumed(self.stream, taken.len());
            self.link.wake_task();
        }
    }
}

impl BodySource for H2PodSource<'_> {
    async fn chunk(&mut self) -> Result<Option<&[u8]>, ProxyError> {
        self.give_back();
        self.wait().await?;
        if let Some(body) = self.link.take_body(self.stream) {
            return Ok(Some(self.current.insert(body).data()));
        }
        match self.link.take_end(self.stream, &mut self.trailers) {
            End::Over => Ok(None),
            End::Cancelled => Err(ProxyError::UpstreamCancelled),
            End::Open | End::Failed => Err(ProxyError::UpstreamTruncated),
        }
    }

    fn is_buffered(&mut self) -> bool {
        self.link.has_body(self.stream)
    }

    fn trailers(&self) -> &[u8] {
        &self.trailers
    }
}

/// The body of a request on its way to a pod.
pub(super) struct H2PodSink<'a> {
    link: &'a Link,
    stream: Key,
    outflow: Outflow,
}

impl<'a> H2PodSink<'a> {
    /// The pod must take 16 KiB within each `stall` of waiting.
    pub(super) fn new(link: &'a Link, stream: Key, stall: Duration) -> Self {
        Self { link, stream, outflow: Outflow::new(stall) }
    }
}

impl BodySink for H2PodSink<'_> {
    async fn data(&mut self, data: &[u8]) -> Result<(), ProxyError> {
        self.outflow.write(self.link, self.stream, data).await.map_err(|blocked| match blocked {
            Blocked::Stalled => ProxyError::UpstreamStalled,
            Blocked::Closed => ProxyError::UpstreamStream,
        })
    }

    async fn flush(&mut self) -> Result<(), ProxyError> {
        // The connection's task sends what was written.
        Ok(())
    }

    async fn end(&mut self, trailers: &[u8]) -> Result<(), ProxyError> {
        self.link.lend_output();
        let mut codec = self.link.codec.borrow_mut();
        if trailers.is_empty() {
            codec.data(self.stream, &[], true);
        } else {
            codec.trailers(self.stream, trailers);
        }
        drop(codec);
        self.link.wake_task();
        Ok(())
    }
}
