//! Both directions of an exchange with a client over HTTP/1, as the walk sees them.

use super::head::{AnswerForm, write_head};
use crate::http1::{Field, Version, writer};
use crate::lifecycle::DrainWatch;
use crate::model::RouteTimeouts;
use crate::proxy::error::ProxyError;
use crate::proxy::walk::answer_head::{AnswerHead, travels};
use crate::proxy::walk::client_io::{ClientSink, ClientSource};
use crate::proxy::wire::body::BodySink;
use crate::proxy::wire::client_mark::{ClientMark, Standing};
use crate::proxy::wire::h1_body::{H1Sink, H1Source};
use crate::proxy::wire::pace::Pace;

impl ClientSource for H1Source<'_> {
    fn whole(&self) -> Option<&[u8]> {
        Self::whole(self)
    }

    fn skip_whole(&mut self) {
        Self::skip_whole(self);
    }

    fn obey(&mut self, timeouts: &RouteTimeouts) {
        self.set_pace(Pace { gap: timeouts.body_gap, rate: timeouts.body_rate });
    }

    fn become_tunnel(&mut self) {
        Self::become_tunnel(self);
    }
}

/// The way back over HTTP/1.
pub(crate) struct H1ClientSink<'a> {
    sink: H1Sink<'a>,
    drain: &'a DrainWatch,
    /// The form of answers; `None` when the request could not be parsed.
    form: Option<AnswerForm>,
    /// Whether the connection closes after this answer.
    pub(super) close: bool,
    /// Whether trailers are passed on (`TE: trailers`).
    pub(super) accepts_trailers: bool,
    /// Whether the answer has neither length nor chunks.
    pub(super) ends_with_connection: bool,
    /// Told of the final answer, for who reads the request, and of what the client takes.
    client: &'a ClientMark,
    pub(super) was_tunnel: bool,
}

impl<'a> H1ClientSink<'a> {
    pub(super) fn new(
        sink: H1Sink<'a>,
        drain: &'a DrainWatch,
        form: Option<AnswerForm>,
        close: bool,
        client: &'a ClientMark,
    ) -> Self {
        Self {
            sink,
            drain,
            form,
            close,
            accepts_trailers: false,
            ends_with_connection: false,
            client,
            was_tunnel: false,
        }
    }
}

impl ClientSink for H1ClientSink<'_> {
    fn respond(&mut self, answer: &AnswerHead<'_>) {
        self.client.is_answered.set(true);
        // A drain may have begun since the request came.
        self.close |= self.drain.is_draining();
        self.sink.begin();
        let written = write_head(self.sink.staged(), answer, self.form.unwrap_or_default(), self.close);
        self.close = written.close;
        self.ends_with_connection = written.ends_with_connection;
        self.sink.set_frame(written.frame);
    }

    fn obey(&mut self, timeouts: &RouteTimeouts) {
        self.sink.set_stall(timeouts.write);
    }

    async fn interim(&mut self, status: u16, bytes: &[u8], fields: &[Field]) -> Result<(), ProxyError> {
        if self.form.is_none_or(|form| form.version == Version::Http10) {
            return Ok(());
        }
        let out = self.sink.staged();
        writer::status_line(out, status, writer::reason(status).as_bytes());
        writer::copy_fields(out, bytes, fields, travels);
        out.extend_from_slice(writer::HEAD_END);
        self.sink.flush().await
    }

    fn has_responded(&self) -> bool {
        self.client.is_answered.get() && self.sink.has_written()
    }

    fn become_tunnel(&mut self) {
        self.was_tunnel = true;
        self.client.stands(Standing::Tunnel);
        self.sink.become_tunnel();
    }
}

impl BodySink for H1ClientSink<'_> {
    async fn data(&mut self, data: &[u8]) -> Result<(), ProxyError> {
        if self.sink.stage(data) {
            return Ok(());
        }
        self.client.waits();
        let outcome = self.sink.send(data).await;
        self.client.goes_on();
        outcome
    }

    async fn flush(&mut self) -> Result<(), ProxyError> {
        if self.sink.staged().is_empty() {
            return Ok(());
        }
        self.client.waits();
        let outcome = self.sink.flush().await;
        self.client.goes_on();
        outcome
    }

    async fn end(&mut self, trailers: &[u8]) -> Result<(), ProxyError> {
        self.client.waits();
        self.sink.end(if self.accepts_trailers { trailers } else { &[] }).await
    }

    async fn lost(&self) {
        // A FIN alone says only that no further request comes.
        self.sink.reset().await;
    }

    fn is_lost(&self) -> bool {
        self.sink.is_reset()
    }
}
