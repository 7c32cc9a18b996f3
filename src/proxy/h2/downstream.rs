//! Client connections that speak HTTP/2: over TLS by ALPN, in clear by prior knowledge.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;

use http::header::{HeaderName, HeaderValue};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper::{Request, Response};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::body::{AbortOnDrop, CutShort, H2Body, H2Sink, H2Source};
use super::io::{HyperIo, TokioTimer};
use super::{LocalExecutor, convert};
use crate::http1::{Field, FieldKind, Framing, Progress};
use crate::lifecycle::Phase;
use crate::proxy::body::BodySink;
use crate::proxy::buffers::Buffer;
use crate::proxy::client::{Answer, ClientSink};
use crate::proxy::config::Timeouts;
use crate::proxy::error::{ProxyError, Side};
use crate::proxy::exchange::{Walk, exchange, refuse};
use crate::proxy::h1_answer::travels;
use crate::proxy::peer::Peer;
use crate::proxy::scratch::Scratch;
use crate::proxy::shard::Shard;
use crate::proxy::socket::Socket;

/// Most answer bytes that hyper holds for a stream. A client that takes nothing pins as much for each of its streams,
/// without anything of ours waiting for it.
const SEND_BUFFER: usize = 64 * 1024;

/// Streams of a connection: how many there were, how many are open, and since when none is.
struct Activity {
    served: Cell<u64>,
    open: Cell<usize>,
    idle_since: Cell<Instant>,
    /// Told when there have been as many as there may be.
    worn_out: Notify,
}

struct OpenStream(Rc<Activity>);

impl OpenStream {
    fn new(activity: &Rc<Activity>) -> Self {
        activity.open.set(activity.open.get() + 1);
        Self(Rc::clone(activity))
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get() - 1);
        self.0.idle_since.set(Instant::now());
    }
}

/// Serves the connection until either side has enough.
pub(crate) async fn serve(shard: Rc<Shard>, socket: Socket, peer: Rc<Peer>, first: Option<Box<Buffer>>) {
    let config = &shard.config.http2;
    let mut builder = Builder::new(LocalExecutor);
    builder
        .timer(TokioTimer)
        .auto_date_header(false)
        .max_concurrent_streams(config.streams)
        .initial_stream_window_size(config.stream_window)
        .initial_connection_window_size(config.connection_window)
        .max_header_list_size(config.head_bytes)
        .max_send_buf_size(SEND_BUFFER)
        .max_local_error_reset_streams(config.local_resets)
        .max_pending_accept_reset_streams(config.pending_resets);
    let born = Instant::now();
    let activity = Rc::new(Activity {
        served: Cell::new(0),
        open: Cell::new(0),
        idle_since: Cell::new(born),
        worn_out: Notify::new(),
    });
    let streams = Rc::clone(&activity);
    let most = shard.config.limits.requests_per_connection;
    let (service_shard, service_peer) = (Rc::clone(&shard), peer);
    let service = service_fn(move |request: Request<Incoming>| {
        streams.served.set(streams.served.get() + 1);
        if streams.served.get() == most {
            streams.worn_out.notify_one();
        }
        let open = OpenStream::new(&streams);
        stream(Rc::clone(&service_shard), Rc::clone(&service_peer), request, open)
    });
    let io = HyperIo::new(socket, first.map(|first| *first), &shard.buffers);
    let mut connection = pin!(builder.serve_connection(io, service));
    let mut draining = pin!(shard.drain.reached(Phase::Announcing));
    let Timeouts { idle, write: goodbye, .. } = shard.config.timeouts;
    let mut ending = None;
    loop {
        let now = Instant::now();
        let is_open = activity.open.get() > 0;
        let end = match (ending, is_open) {
            (None, false) => (activity.idle_since.get() + idle).min(born + config.age),
            (None, true) => born + config.age,
            // hyper waits for the client to take note, which it need not do.
            (Some(since), false) => activity.idle_since.get().max(since) + goodbye,
            (Some(_), true) => now + goodbye,
        };
        if now >= end {
            if ending.is_some() {
                return;
            }
            ending = Some(now);
            connection.as_mut().graceful_shutdown();
            continue;
        }
        tokio::select! {
            _ = connection.as_mut() => return,
            () = draining.as_mut(), if ending.is_none() => {
                ending = Some(now);
                connection.as_mut().graceful_shutdown();
            }
            () = activity.worn_out.notified(), if ending.is_none() => {
                ending = Some(now);
                connection.as_mut().graceful_shutdown();
            }
            // Streams that end meanwhile move the end: it is looked at again at the earliest moment it can be.
            () = tokio::time::sleep_until(end.min(now + idle.min(goodbye))) => {}
        }
    }
}

/// One request. The exchange runs as a task of its own, so that it can go on feeding the body once hyper has the
/// head; it ends when nobody wants the body any more.
async fn stream(
    shard: Rc<Shard>,
    peer: Rc<Peer>,
    request: Request<Incoming>,
    open: OpenStream,
) -> Result<Response<H2Body>, CutShort> {
    let (sender, receiver) = oneshot::channel();
    let task = tokio::task::spawn_local(async move {
        let _open = open;
        exchange_of(&shard, &peer, request, sender).await;
    });
    let feeder = AbortOnDrop(task.abort_handle());
    let response = receiver.await.map_err(|_| CutShort)?;
    Ok(response.map(|body: H2Body| body.fed_by(Some(feeder))))
}

async fn exchange_of(
    shard: &Rc<Shard>,
    peer: &Peer,
    request: Request<Incoming>,
    sender: oneshot::Sender<Response<H2Body>>,
) {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let mut scratch = shard.scratches.take();
    let Scratch { work, .. } = &mut *scratch;
    let limits = shard.config.limits.request_head();
    let is_head = parts.method == http::Method::HEAD;
    let mut sink = H2ClientSink::new(sender, is_head, shard.config.timeouts.write);
    work.request.reset();
    let parsed = convert::request_head(&parts, !body.is_end_stream(), limits.fields, &mut work.head)
        .and_then(|()| Ok(work.request.parse(&work.head, &limits)?));
    match parsed {
        Ok(Progress::Complete) => {}
        // A head that we wrote ourselves is complete.
        Ok(Progress::Partial) => return,
        Err(error) => return refuse(shard, peer, work, started, error, &mut sink).await,
    }
    // HTTP/2 has trailers for whoever sends them.
    work.request.accepts_trailers |= matches!(work.request.framing, Framing::Chunked);
    let mut source = H2Source::new(body, Side::Client, shard.config.timeouts.body_gap);
    let walk = Walk::new(shard, peer, work, started);
    // A failure drops the sink, which resets the stream.
    let _ = exchange(walk, &mut source, &mut sink).await;
}

/// The way back over HTTP/2.
struct H2ClientSink {
    sender: Option<oneshot::Sender<Response<H2Body>>>,
    head: Option<Response<()>>,
    body: Option<H2Sink>,
    responded: bool,
    is_head: bool,
    /// Whether the answer has no body, whatever comes.
    is_absent: bool,
    stall: std::time::Duration,
}

impl H2ClientSink {
    fn new(sender: oneshot::Sender<Response<H2Body>>, is_head: bool, stall: std::time::Duration) -> Self {
        Self { sender: Some(sender), head: None, body: None, responded: false, is_head, is_absent: false, stall }
    }

    /// Hands the head to hyper, with a body that is fed from here on, or with none.
    fn begin(&mut self, has_body: bool) -> Result<(), ProxyError> {
        let (Some(head), Some(sender)) = (self.head.take(), self.sender.take()) else { return Ok(()) };
        let body = if has_body {
            let (sink, body) = H2Body::channel(Side::Client, self.stall);
            self.body = Some(sink);
            body
        } else {
            H2Body::whole(bytes::Bytes::new())
        };
        sender.send(head.map(|()| body)).map_err(|_| ProxyError::ClientClosed)
    }
}

impl ClientSink for H2ClientSink {
    fn respond(&mut self, answer: &Answer<'_>) {
        self.responded = true;
        let mut head = Response::new(());
        *head.status_mut() = http::StatusCode::from_u16(answer.status).unwrap_or(http::StatusCode::BAD_GATEWAY);
        let headers = head.headers_mut();
        headers.reserve(answer.fields.len() + 4);
        let mut add = |name: &[u8], value: &[u8]| {
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
                headers.append(name, value);
            }
        };
        let (mut has_server, mut has_date) = (false, false);
        for field in answer.fields.iter().filter(|field| travels(field)) {
            has_server |= field.kind == FieldKind::Server;
            has_date |= field.kind == FieldKind::Date;
            add(field.name.of(answer.bytes), field.value.of(answer.bytes));
        }
        for (name, value) in convert::lines(answer.lines).filter_map(convert::split) {
            add(name, value);
        }
        if !has_server {
            add(b"server", b"tidegate");
        }
        if !has_date {
            add(b"date", answer.clock.date().as_bytes());
        }
        let length = match answer.framing {
            Framing::Length(length) => Some(length),
            Framing::None if answer.status != 204 => answer.told_length,
            Framing::None | Framing::Chunked | Framing::UntilClose => None,
        };
        if let Some(length) = length {
            add(b"content-length", itoa::Buffer::new().format(length).as_bytes());
        }
        self.is_absent = self.is_head || answer.framing == Framing::None;
        self.head = Some(head);
    }

    async fn interim(&mut self, _: u16, _: &[u8], _: &[Field]) -> Result<(), ProxyError> {
        // hyper's HTTP/2 server has no way to send one; clients must cope without (RFC 9110 §15.2).
        Ok(())
    }

    fn has_responded(&self) -> bool {
        self.responded
    }

    fn become_tunnel(&mut self) {}
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
        match &mut self.body {
            Some(body) => body.end(trailers).await,
            None => Ok(()),
        }
    }
}
