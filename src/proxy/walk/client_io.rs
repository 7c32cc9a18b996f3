//! A client's side of an exchange, over HTTP/1 or HTTP/2: what the walk needs of it beyond moving bodies.

use crate::http1::{Field, Framing, RequestContext, ResponseHead};
use crate::proxy::error::ProxyError;
use crate::proxy::shard::clock::Clock;
use crate::proxy::wire::body::{BodySink, BodySource};

/// The body of a request.
pub(crate) trait ClientSource: BodySource {
    /// The whole rest of the body, when its length is known and all of it has arrived.
    fn whole(&self) -> Option<&[u8]>;

    /// Takes what `whole` gave as read.
    fn skip_whole(&mut self);

    /// From here on everything that arrives is passed on as it is. False when the protocol cannot.
    fn become_tunnel(&mut self) -> bool;
}

/// The way back to the client.
pub(crate) trait ClientSink: BodySink {
    /// Takes the head of the final answer, to be sent with the first piece of its body. The body is then given to
    /// the sink as it comes; for answers without one the sink knows to leave it out.
    fn respond(&mut self, answer: &Answer<'_>);

    /// Sends the head of an interim answer (1xx), if the client's protocol has them.
    async fn interim(&mut self, status: u16, bytes: &[u8], fields: &[Field]) -> Result<(), ProxyError>;

    /// Whether anything of a final answer may have left: another one is impossible.
    fn has_responded(&self) -> bool;

    /// From here on bytes pass as they are.
    fn become_tunnel(&mut self);
}

/// The head of a final answer.
#[derive(Clone, Copy)]
pub(crate) struct Answer<'a> {
    /// Status, 200 to 599, or 101.
    pub status: u16,
    /// Reason phrase.
    pub reason: &'a [u8],
    /// The bytes that `fields` point into.
    pub bytes: &'a [u8],
    /// The pod's fields, all of them: the sink drops what belongs to the connection.
    pub fields: &'a [Field],
    /// Further whole lines of ours.
    pub lines: &'a [u8],
    /// How the body will come.
    pub framing: Framing,
    /// The length that `HEAD` and 304 answers tell without having a body. Bytes.
    pub told_length: Option<u64>,
    /// Whether the connection becomes a tunnel.
    pub is_upgrade: bool,
    /// Whether the client's connection must close after this answer.
    pub must_close: bool,
    /// For answers without a date.
    pub clock: &'a Clock,
}

impl<'a> Answer<'a> {
    /// A pod's answer, whose head lies in `bytes`, with further whole lines of ours.
    pub(crate) fn of_pod(
        response: &'a ResponseHead,
        bytes: &'a [u8],
        request: RequestContext,
        lines: &'a str,
        clock: &'a Clock,
    ) -> Self {
        Self {
            status: response.status,
            reason: response.reason.of(bytes),
            bytes,
            fields: &response.fields,
            lines: lines.as_bytes(),
            framing: response.framing,
            told_length: response.content_length,
            is_upgrade: response.upgrade.is_some(),
            // A client that wanted another protocol and got none may already be speaking it.
            must_close: request.asked_upgrade && response.upgrade.is_none(),
            clock,
        }
    }
}
