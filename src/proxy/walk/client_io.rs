//! A client's side of an exchange, over HTTP/1 or HTTP/2: what the walk needs beyond body sources and sinks.

use std::time::Duration;

use super::answer_head::AnswerHead;
use crate::http1::Field;
use crate::model::RouteTimeouts;
use crate::proxy::error::ProxyError;
use crate::proxy::wire::body::{BodySink, BodySource};

/// How long a client that waits for 100 (Continue) waits for its pod to say it; then we do. Many clients wait as long,
/// and pods that know no expectations wait for the body.
pub(crate) const GO_ON: Duration = Duration::from_secs(1);

/// The body of a request.
pub(crate) trait ClientSource: BodySource {
    /// The whole rest of the body, when its length is known and all of it has arrived.
    fn whole(&self) -> Option<&[u8]>;

    /// Takes what `whole` gave as read.
    fn skip_whole(&mut self);

    /// From here on the times of the request's route hold.
    fn obey(&mut self, timeouts: &RouteTimeouts);

    /// From here on everything that arrives is passed on as it is, whenever it comes.
    fn become_tunnel(&mut self);
}

/// The way back to the client.
pub(crate) trait ClientSink: BodySink {
    /// Takes the head of the final answer, to be sent with the first piece of its body. The body is then given to
    /// the sink as it comes; for answers without one the sink knows to leave it out.
    fn respond(&mut self, answer: &AnswerHead<'_>);

    /// From here on the times of the request's route hold.
    fn obey(&mut self, timeouts: &RouteTimeouts);

    /// Sends the head of an interim answer (1xx), if the client's protocol has them.
    async fn interim(&mut self, status: u16, bytes: &[u8], fields: &[Field]) -> Result<(), ProxyError>;

    /// Whether anything of a final answer may have left: another one is impossible.
    fn has_responded(&self) -> bool;

    /// From here on bytes pass as they are.
    fn become_tunnel(&mut self);
}
