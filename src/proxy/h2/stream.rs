//! One request of an HTTP/2 client, from its head to the end of its answer: a task of its own.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response, StatusCode};
use tokio::time::Instant;

use super::body::{H2Sink, H2Source, Inbox};
use super::convert;
use super::downstream::OpenStream;
use super::meter::Meter;
use crate::http1::{Field, Framing, Limits, Progress};
use crate::proxy::body::BodySink;
use crate::proxy::client::{Answer, ClientSink};
use crate::proxy::error::{ProxyError, Side};
use crate::proxy::exchange::{Walk, exchange, refuse};
use crate::proxy::h1_answer::travels;
use crate::proxy::h1_body::Patience;
use crate::proxy::peer::Peer;
use crate::proxy::scratch::Scratch;
use crate::proxy::shard::Shard;

/// The way back on a stream.
pub(super) enum Reply {
    /// No head was sent.
    Waiting(SendResponse<Bytes>),
    /// The head was sent, and a body follows.
    Sending(Rc<RefCell<SendStream<Bytes>>>),
    /// All was sent.
    Over,
}

impl Reply {
    /// Whether an answer is under way.
    pub(super) fn is_sending(&self) -> bool {
        matches!(self, Self::Sending(_))
    }

    /// Ready when the client does not want the answer any more, or is gone.
    fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Waiting(respond) => respond.poll_reset(cx).map(|_| ()),
            Self::Sending(stream) => stream.borrow_mut().poll_reset(cx).map(|_| ()),
            Self::Over => Poll::Pending,
        }
    }

    fn reset(&mut self, reason: Reason) {
        match self {
            Self::Waiting(respond) => respond.send_reset(reason),
            Self::Sending(stream) => stream.borrow_mut().send_reset(reason),
            Self::Over => {}
        }
    }
}

/// A stream on which a request has come.
pub(crate) struct Stream {
    pub(super) shard: Rc<Shard>,
    pub(super) peer: Rc<Peer>,
    pub(super) meter: Rc<Meter>,
    pub(super) request: Request<RecvStream>,
    pub(super) respond: SendResponse<Bytes>,
    pub(super) open: OpenStream,
}

/// Serves one stream.
pub(super) async fn serve(stream: Stream) {
    let Stream { shard, peer, meter, request, respond, open } = stream;
    let (parts, body) = request.into_parts();
    let inbox = Inbox::new(body);
    let reply = Rc::new(RefCell::new(Reply::Waiting(respond)));
    let mut exchanging = pin!(exchange_of(&shard, &peer, &meter, &open, parts, &inbox, &reply));
    let outcome = poll_fn(|cx| {
        if let Poll::Ready(outcome) = exchanging.as_mut().poll(cx) {
            return Poll::Ready(Some(outcome));
        }
        inbox.borrow_mut().read_ahead(cx);
        reply.borrow_mut().poll_reset(cx).map(|()| None)
    })
    .await;
    let mut reply = reply.borrow_mut();
    match outcome {
        // Leaving it ends the exchange, and with it the request to the pod.
        None if matches!(*reply, Reply::Waiting(_)) => open.was_reset_early(),
        None | Some(Ok(())) => {}
        Some(Err(ProxyError::ClientStalled | ProxyError::ClientClosed)) => reply.reset(Reason::CANCEL),
        // What is cut short must never look complete.
        Some(Err(_)) => reply.reset(Reason::INTERNAL_ERROR),
    }
}

async fn exchange_of(
    shard: &Rc<Shard>,
    peer: &Peer,
    meter: &Rc<Meter>,
    open: &OpenStream,
    parts: http::request::Parts,
    inbox: &Rc<RefCell<Inbox>>,
    reply: &Rc<RefCell<Reply>>,
) -> Result<(), ProxyError> {
    let started = Instant::now();
    let mut scratch = shard.scratches.take();
    let Scratch { work, .. } = &mut *scratch;
    let is_head = parts.method == http::Method::HEAD;
    let mut sink = H2ClientSink::new(reply, meter, is_head, shard.config.timeouts.write);
    let limits = limits(shard);
    work.request.reset();
    let has_body = !inbox.borrow().is_over();
    let written = convert::request_head(&parts, has_body, shard.config.limits.fields, &mut work.head);
    // What the client sent is not needed twice for as long as the exchange takes.
    drop(parts);
    match written.and_then(|()| Ok(work.request.parse(&work.head, &limits)?)) {
        Ok(Progress::Complete) => {}
        // A head that we wrote ourselves is complete.
        Ok(Progress::Partial) => return Err(ProxyError::ClientClosed),
        Err(error) => {
            refuse(shard, peer, work, started, error, &mut sink).await;
            return Ok(());
        }
    }
    open.holds(work.head.len());
    // HTTP/2 has trailers for whoever sends them.
    work.request.accepts_trailers |= matches!(work.request.framing, Framing::Chunked);
    // Slowness is judged where the end is known: a stream of messages goes as slowly as they happen.
    let has_length = matches!(work.request.framing, Framing::Length(_));
    let rate = if has_length { shard.config.timeouts.body_rate } else { 0 };
    let patience = Patience { gap: shard.config.timeouts.body_gap, rate };
    let mut source = H2Source::of_request(inbox, reply, patience);
    exchange(Walk::new(shard, peer, work, started), &mut source, &mut sink).await
}

/// The limits of a head that was checked by the `h2` crate and written by us, with a Host and a framing field more.
fn limits(shard: &Shard) -> Limits {
    let mut limits = shard.config.limits.request_head();
    limits.fields += 2;
    limits.head_bytes = limits.head_bytes.max(2 * shard.config.http2.head_bytes as usize);
    limits
}

/// The way back over HTTP/2.
struct H2ClientSink {
    reply: Rc<RefCell<Reply>>,
    meter: Rc<Meter>,
    head: Option<Response<()>>,
    body: Option<H2Sink>,
    has_responded: bool,
    is_head: bool,
    /// Whether the answer has no body, whatever comes.
    is_absent: bool,
    stall: Duration,
}

impl H2ClientSink {
    fn new(reply: &Rc<RefCell<Reply>>, meter: &Rc<Meter>, is_head: bool, stall: Duration) -> Self {
        let (reply, meter) = (Rc::clone(reply), Rc::clone(meter));
        Self { reply, meter, head: None, body: None, has_responded: false, is_head, is_absent: false, stall }
    }

    /// Hands the head over if that was not done.
    fn begin(&mut self, has_body: bool) -> Result<(), ProxyError> {
        let Some(head) = self.head.take() else { return Ok(()) };
        let reply = &mut *self.reply.borrow_mut();
        let Reply::Waiting(respond) = reply else { return Ok(()) };
        let stream = respond.send_response(head, !has_body).map_err(|_| ProxyError::ClientClosed)?;
        *reply = if has_body {
            let stream = Rc::new(RefCell::new(stream));
            self.body = Some(H2Sink::new(Rc::clone(&stream), &self.meter, Side::Client, self.stall));
            Reply::Sending(stream)
        } else {
            Reply::Over
        };
        Ok(())
    }
}

impl ClientSink for H2ClientSink {
    fn respond(&mut self, answer: &Answer<'_>) {
        self.has_responded = true;
        let mut head = Response::new(());
        *head.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
        let headers = head.headers_mut();
        headers.reserve(answer.fields.len() + 4);
        copy_fields(headers, answer.bytes, answer.fields);
        for (name, value) in convert::lines(answer.lines).filter_map(convert::split) {
            add(headers, name, value);
        }
        if !headers.contains_key(http::header::SERVER) {
            add(headers, b"server", b"tidegate");
        }
        if !headers.contains_key(http::header::DATE) {
            add(headers, b"date", answer.clock.date().as_bytes());
        }
        let length = match answer.framing {
            Framing::Length(length) => Some(length),
            Framing::None if answer.status != 204 => answer.told_length,
            Framing::None | Framing::Chunked | Framing::UntilClose => None,
        };
        if let Some(length) = length {
            add(headers, b"content-length", itoa::Buffer::new().format(length).as_bytes());
        }
        self.is_absent = self.is_head || answer.framing == Framing::None;
        self.head = Some(head);
    }

    async fn interim(&mut self, status: u16, bytes: &[u8], fields: &[Field]) -> Result<(), ProxyError> {
        let mut head = Response::new(());
        *head.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::PROCESSING);
        copy_fields(head.headers_mut(), bytes, fields);
        match &mut *self.reply.borrow_mut() {
            Reply::Waiting(respond) => respond.send_informational(head).map_err(|_| ProxyError::ClientClosed),
            Reply::Sending(_) | Reply::Over => Ok(()),
        }
    }

    fn has_responded(&self) -> bool {
        self.has_responded
    }

    fn become_tunnel(&mut self) {}
}

fn copy_fields(headers: &mut HeaderMap, bytes: &[u8], fields: &[Field]) {
    for field in fields.iter().filter(|field| travels(field)) {
        add(headers, field.name.of(bytes), field.value.of(bytes));
    }
}

fn add(headers: &mut HeaderMap, name: &[u8], value: &[u8]) {
    if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
        headers.append(name, value);
    }
}

impl BodySink for H2ClientSink {
    async fn data(&mut self, data: &[u8]) -> Result<(), ProxyError> {
        if self.is_absent {
            return Ok(());
        }
        self.begin(true)?;
        match &mut self.body {
            Some(body) => body.data(data).await,
            None => Ok(()),
        }
    }

    async fn flush(&mut self) -> Result<(), ProxyError> {
        self.begin(!self.is_absent)?;
        match &mut self.body {
            Some(body) => body.flush().await,
            None => Ok(()),
        }
    }

    async fn end(&mut self, trailers: &[u8]) -> Result<(), ProxyError> {
        self.begin(!trailers.is_empty())?;
        if let Some(body) = &mut self.body {
            body.end(trailers).await?;
        }
        *self.reply.borrow_mut() = Reply::Over;
        Ok(())
    }
}
