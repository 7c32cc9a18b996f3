//! The body of a request, as it arrives on a stream.

use std::cell::Cell;

use tokio::time::Instant;

use crate::http2::connection::Key;
use crate::model::RouteTimeouts;
use crate::proxy::error::ProxyError;
use crate::proxy::walk::client_io::ClientSource;
use crate::proxy::wire::body::BodySource;
use crate::proxy::wire::buffers::Buffer;
use crate::proxy::wire::h2::link::Link;
use crate::proxy::wire::pace::{Pace, Progress};
use crate::proxy::wire::socket::within;

/// A body arriving from a client.
pub(super) struct H2ClientSource<'a> {
    link: &'a Link,
    stream: Key,
    /// Whether the client has been answered.
    answered: &'a Cell<bool>,
    /// What was handed out, or is all of the body.
    current: Option<Buffer>,
    /// Whether `current` is all of the body and was not handed out yet.
    is_whole: bool,
    trailers: Vec<u8>,
    /// Whether its pace is judged, until there is an answer.
    is_judged: bool,
    progress: Progress,
}

impl<'a> H2ClientSource<'a> {
    /// The body of the request on `stream`. `is_judged`: whether it must arrive as `pace` says.
    pub(super) fn new(link: &'a Link, stream: Key, answered: &'a Cell<bool>, pace: Pace, is_judged: bool) -> Self {
        let current = link.take_whole(stream);
        let mut source = Self {
            link,
            stream,
            answered,
            is_whole: current.is_some(),
            current,
            trailers: Vec::new(),
            is_judged,
            progress: Progress::new(pace),
        };
        source.set_pace(pace);
        source
    }

    fn set_pace(&mut self, pace: Pace) {
        self.progress.set_pace(if self.is_judged { pace } else { Pace::NONE });
    }

    /// Waits for bytes or the end. Returns when the wait began; silence that was allowed is not in it.
    async fn wait(&mut self) -> Result<Option<Instant>, ProxyError> {
        loop {
            let begun = self.progress.begin();
            if within(self.progress.gap(), |cx| self.link.poll_body(cx, self.stream)).await.is_some() {
                return Ok(begun);
            }
            // Once there is an answer, only its deadlines count.
            if !self.answered.get() {
                return Err(ProxyError::BodyTimeout);
            }
        }
    }

    /// Gives back the window of what was handed out.
    fn give_back(&mut self) {
        if !self.is_whole
            && let Some(taken) = self.current.take()
        {
            self.link.codec.borrow_mut().consumed(self.stream, taken.len());
        }
    }
}

impl BodySource for H2ClientSource<'_> {
    async fn chunk(&mut self) -> Result<Option<&[u8]>, ProxyError> {
        self.give_back();
        if self.is_whole {
            self.is_whole = false;
            return Ok(self.current.as_ref().map(Buffer::data));
        }
        let begun = self.wait().await?;
        if let Some(body) = self.link.take_body(self.stream) {
            if !self.progress.arrived(body.len(), begun) && !self.answered.get() {
                return Err(ProxyError::BodyTimeout);
            }
            return Ok(Some(self.current.insert(body).data()));
        }
        self.link.take_end(self.stream, &mut self.trailers);
        Ok(None)
    }

    fn is_buffered(&mut self) -> bool {
        self.is_whole || self.link.has_body(self.stream)
    }

    fn trailers(&self) -> &[u8] {
        &self.trailers
    }
}

impl ClientSource for H2ClientSource<'_> {
    fn whole(&self) -> Option<&[u8]> {
        if self.is_whole { self.current.as_ref().map(Buffer::data) } else { None }
    }

    fn skip_whole(&mut self) {
        self.is_whole = false;
        self.give_back();
    }

    fn obey(&mut self, timeouts: &RouteTimeouts) {
        self.set_pace(Pace { gap: timeouts.body_gap, rate: timeouts.body_rate });
    }

    fn become_tunnel(&mut self) {
        self.progress.set_pace(Pace::NONE);
    }
}
