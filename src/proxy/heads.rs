//! What an exchange does to heads, from bytes to bytes and without sockets. Only fuzzing and tests use it.

use std::net::{IpAddr, SocketAddr};

use tokio::time::Instant;

use crate::filter::HeadEdit;
use crate::http1::{Framing, Limits, Method, Progress, RequestContext, RequestHead, ResponseHead, Version};
use crate::proxy::client::h1::head::{AnswerForm, write_head};
use crate::proxy::config::{ClientLimits, Forwarding};
use crate::proxy::exchange::request_head;
use crate::proxy::shard::clock::Clock;
use crate::proxy::shard::scratch::ExchangeBuffers;
use crate::proxy::walk::answer_head::AnswerHead;
use crate::proxy::walk::peer::{Peer, Scheme};
use crate::proxy::wire::h1_body::Frame;

/// The request head that `bytes` begin with, and the head that a pod gets for it when `client` sends it in clear.
/// `None` when it is refused or not complete.
pub fn compose_for_pod(bytes: &[u8], client: IpAddr, forwarding: &Forwarding) -> Option<(RequestHead, Vec<u8>)> {
    let limits = ClientLimits::default().request_head();
    let mut work = ExchangeBuffers::default();
    if work.request.parse(bytes, &limits) != Ok(Progress::Complete) {
        return None;
    }
    work.head.extend_from_slice(&bytes[..work.request.len]);
    let peer = Peer {
        address: SocketAddr::new(client, 40_000),
        sender: client,
        address_text: client.to_string(),
        scheme: Scheme::Http,
        port: forwarding.http_port,
        is_trusted: forwarding.is_trusted(client),
        is_http2: false,
        tls: None,
    };
    request_head::identify(&mut work, 0);
    request_head::compose(&mut work, &peer, forwarding, None, || 0);
    Some((work.request, work.out))
}

/// A pod's answer as a client gets it.
#[derive(Debug)]
pub struct ComposedAnswer {
    /// What the pod sent, as offsets into its bytes.
    pub answer: ResponseHead,
    /// What the client gets.
    pub head: Vec<u8>,
    /// How the body is framed on its way to the client.
    pub framing: Framing,
    /// Whether the client's connection closes behind it.
    pub close: bool,
}

/// The final answer's head that `bytes` begin with, and what a client that asked over HTTP/1 in this version gets for
/// it. `None` when it is refused, not complete or an interim one.
pub fn compose_for_client(bytes: &[u8], request: RequestContext, version: Version) -> Option<ComposedAnswer> {
    let mut answer = ResponseHead::new();
    if answer.parse(bytes, request, &Limits::RESPONSE) != Ok(Progress::Complete) || answer.is_interim() {
        return None;
    }
    let (clock, edit) = (Clock::default(), HeadEdit::default());
    let mut head = Vec::new();
    let form = AnswerForm { version, is_head: request.method == Method::Head };
    let written = write_head(
        &mut head,
        &AnswerHead::of_pod(&answer, bytes, request, &edit, clock.date(Instant::now())),
        form,
        false,
    );
    let framing = match written.frame {
        Frame::Absent => Framing::None,
        Frame::Chunked => Framing::Chunked,
        Frame::Plain if written.ends_with_connection => Framing::UntilClose,
        Frame::Plain => answer.framing,
    };
    Some(ComposedAnswer { answer, head, framing, close: written.close })
}
