//! The way back to a client over HTTP/2.

use std::cell::Cell;
use std::time::Duration;

use super::staged_head;
use crate::http1::{Field, Framing, websocket};
use crate::http2::connection::Key;
use crate::model::RouteTimeouts;
use crate::proxy::error::ProxyError;
use crate::proxy::walk::answer_head::{AnswerHead, travels};
use crate::proxy::walk::client_io::ClientSink;
use crate::proxy::wire::body::BodySink;
use crate::proxy::wire::h2::link::Link;
use crate::proxy::wire::h2::outflow::{Blocked, Outflow};

/// The answer on a stream.
pub(super) struct H2ClientSink<'a> {
    link: &'a Link,
    stream: Key,
    /// The head of the answer until the first piece of its body is there.
    staged: &'a mut Vec<u8>,
    /// Whether the request was HEAD.
    is_head: bool,
    /// Whether the answer has no body, also when the pod sends one.
    is_absent: bool,
    progress: Progress,
    /// Whether the client has been answered, for who reads the request.
    answered: &'a Cell<bool>,
    outflow: Outflow,
}

/// How far the answer is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// There is no head.
    Waiting,
    /// There is a head, and it was not sent.
    Staged,
    /// The head was sent.
    Sending,
    /// All was sent.
    Over,
}

impl<'a> H2ClientSink<'a> {
    /// The way back on `stream`. `staged` is memory for a head; `is_head`: whether the request was HEAD; `answered` is set
    /// with the answer; `stall`: how long the client may take nothing.
    pub(super) fn new(
        link: &'a Link,
        stream: Key,
        staged: &'a mut Vec<u8>,
        is_head: bool,
        answered: &'a Cell<bool>,
        stall: Duration,
    ) -> Self {
        let (progress, outflow) = (Progress::Waiting, Outflow::new(stall));
        Self { link, stream, staged, is_head, is_absent: false, progress, answered, outflow }
    }

    /// Sends the head, unless that was done before.
    fn begin(&mut self, is_end: bool) {
        if self.progress != Progress::Staged {
            return;
        }
        let Some(status) = staged_head::status(self.staged) else { return };
        self.link.codec.borrow_mut().respond(self.stream, status, is_end, |give| {
            staged_head::fields(self.staged).for_each(|(name, value)| give(name, value));
        });
        self.answered.set(true);
        self.progress = if is_end { Progress::Over } else { Progress::Sending };
    }
}

impl ClientSink for H2ClientSink<'_> {
    fn respond(&mut self, answer: &AnswerHead<'_>) {
        if answer.upgrade.is_some() {
            // Success opens the tunnel, and there is no key to be answered (RFC 8441 §5).
            staged_head::begin(self.staged, 200);
            answer.for_each(|name, value| {
                if !name.eq_ignore_ascii_case(websocket::ACCEPT_FIELD) {
                    staged_head::add(self.staged, name, value);
                }
            });
        } else {
            staged_head::begin(self.staged, answer.status);
            answer.for_each(|name, value| staged_head::add(self.staged, name, value));
        }
        self.is_absent = self.is_head || answer.framing == Framing::None && answer.upgrade.is_none();
        self.progress = Progress::Staged;
    }

    fn obey(&mut self, timeouts: &RouteTimeouts) {
        self.outflow.set_stall(timeouts.write);
    }

    async fn interim(&mut self, status: u16, bytes: &[u8], fields: &[Field]) -> Result<(), ProxyError> {
        if matches!(self.progress, Progress::Waiting | Progress::Staged) {
            self.link.codec.borrow_mut().respond(self.stream, status, false, |give| {
                for field in fields.iter().filter(|field| travels(field)) {
                    give(field.name.of(bytes), field.value.of(bytes));
                }
            });
        }
        Ok(())
    }

    fn has_responded(&self) -> bool {
        matches!(self.progress, Progress::Sending | Progress::Over)
    }

    fn become_tunnel(&mut self) {}
}

impl BodySink for H2ClientSink<'_> {
    async fn data(&mut self, data: &[u8]) -> Result<(), ProxyError> {
        if self.is_absent {
            return Ok(());
        }
        self.begin(false);
        self.outflow.write(self.link, self.stream, data).await.map_err(|blocked| match blocked {
            Blocked::Stalled => ProxyError::ClientStalled,
            Blocked::Closed => ProxyError::ClientClosed,
        })
    }

    async fn flush(&mut self) -> Result<(), ProxyError> {
        // The connection sends what its streams have written once all of them have had their turn.
        if !self.is_absent {
            self.begin(false);
        }
        Ok(())
    }

    async fn end(&mut self, trailers: &[u8]) -> Result<(), ProxyError> {
        self.begin(trailers.is_empty() || self.is_absent);
        if self.progress == Progress::Sending {
            let mut codec = self.link.codec.borrow_mut();
            if trailers.is_empty() {
                codec.data(self.stream, &[], true);
            } else {
                codec.trailers(self.stream, trailers);
            }
            self.progress = Progress::Over;
        }
        Ok(())
    }
}
