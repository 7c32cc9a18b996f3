//! Client connections that speak HTTP/2: over TLS by ALPN, in clear by prior knowledge.
//!
//! One task drives a connection and all of its streams: it takes in what has come, polls the streams for which something
//! has happened, and sends what all of them have written at once.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::age::ConnectionAge;
use super::stream::{self, Outcome, Stream, Worker, Workers};
use super::wakes::Wakes;
use crate::http1::{Limits, RequestError};
use crate::http2::code::ErrorCode;
use crate::http2::connection::{Arrival, Config, Connection, Event, Key, Role};
use crate::lifecycle::Phase;
use crate::observe::{Http2Limit, Http2Side, Refusal, Relief};
use crate::proxy::config::{Http2Config, ListenerConfig};
use crate::proxy::error::ProxyError;
use crate::proxy::shard::Shard;
use crate::proxy::shard::client_connection::ClientConnection;
use crate::proxy::shard::clients::Entered;
use crate::proxy::shard::heads_budget::HeadsCharge;
use crate::proxy::shard::timer::LazyTimer;
use crate::proxy::walk::peer::Peer;
use crate::proxy::wire::buffers::Buffer;
use crate::proxy::wire::client_mark::Standing;
use crate::proxy::wire::h2::broken_rule;
use crate::proxy::wire::h2::link::Link;
use crate::proxy::wire::h2::transport::Transport;
use crate::proxy::wire::socket::Socket;

/// Reads of one turn: then the streams have theirs.
const READS: usize = 4;
/// Turns of one poll: then other connections have theirs.
const TURNS: usize = 4;
/// Requests that begin in one poll: a client that sends a hundred at once waits for others between them.
const BEGINS: usize = 16;
/// How long a client is given to take what ends its connection, and then to end its side.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Bytes that it may still send in that time: a flood is not listened to.
const LAST_BYTES: usize = 64 * 1024;
/// Memory behind a head that stays with its stream, in bytes.
const LEFT_OVER: usize = 4 * 1024;
/// Bytes of heads that a connection may hold, at least: those of a hundred streams are 2.6 KB each then.
const HEADS: u32 = 256 * 1024;
/// While memory is short, a connection with so many streams gets no more, and is cut before others if they do not go on.
const FEW_STREAMS: usize = 8;
/// How long a connection without a stream keeps memory for the next ones: what 100 streams leave is 50 KB.
const KEPT: Duration = Duration::from_secs(1);

/// Serves the connection until one side ends it. Nothing is done before the future is polled; it holds no more than it needs
/// while the connection is idle.
pub(crate) fn serve(
    shard: Rc<Shard>,
    workers: Rc<Workers>,
    socket: Socket,
    peer: Rc<Peer>,
    first: Option<Box<Buffer>>,
    entered: Entered,
) -> impl Future<Output = ()> {
    let codec = Connection::new(Role::Server, &codec_config(&shard.config.listener));
    let link = Rc::new(Link::new(codec, &shard.buffers, &shard.outputs));
    let connection = ClientConnection::new(peer.address, peer.tls.is_some(), &link, &entered.mark);
    let mut client = Client::new(&shard, workers, socket, peer, first, &connection, link);
    async move {
        let (_entered, _listed) = (entered, shard.h2_clients.list(&connection));
        let over = {
            let mut draining = pin!(shard.drain.reached(Phase::Announcing));
            poll_fn(|cx| {
                if !client.age.is_draining() && draining.as_mut().poll(cx).is_ready() {
                    client.age.drains();
                }
                client.poll(cx)
            })
            .await
        };
        // Their requests to pods end with them.
        client.streams.clear();
        if over == Over::Said {
            Box::pin(client.take_leave()).await;
        }
    }
}

/// Why a connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    /// The client has left, or takes nothing any more.
    Gone,
    /// The client is told why, as far as it takes it.
    Said,
}

/// A connection.
struct Client {
    shard: Rc<Shard>,
    workers: Rc<Workers>,
    transport: Transport,
    peer: Rc<Peer>,
    link: Rc<Link>,
    heads: HeadsCharge,
    wakes: Arc<Wakes>,
    /// Places of streams by their slots; none while the connection rests.
    streams: Vec<Slot>,
    /// The stream whose turn is first.
    first_turn: usize,
    began: Instant,
    /// Requests that began in this poll.
    begun: usize,
    age: ConnectionAge,
    /// Since when a head, or the preface, is not complete.
    head_since: Option<Instant>,
    timer: LazyTimer,
}

/// A place for a stream.
struct Slot {
    waker: Waker,
    running: Option<(Key, Worker)>,
}

impl Client {
    fn new(
        shard: &Rc<Shard>,
        workers: Rc<Workers>,
        socket: Socket,
        peer: Rc<Peer>,
        first: Option<Box<Buffer>>,
        connection: &Rc<ClientConnection>,
        link: Rc<Link>,
    ) -> Self {
        let config = &shard.config.listener.http2;
        let began = connection.began;
        Self {
            shard: Rc::clone(shard),
            workers,
            transport: Transport::new(socket, first),
            peer,
            link,
            heads: HeadsCharge::new(&shard.heads),
            // As many streams may be over and not yet given back.
            wakes: Wakes::new(2 * config.streams as usize),
            streams: Vec::new(),
            first_turn: 0,
            began,
            begun: 0,
            age: ConnectionAge::new(shard, connection),
            head_since: Some(began),
            timer: LazyTimer::default(),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Over> {
        self.begun = 0;
        self.wakes.awake(cx.waker());
        self.link.lend_output();
        let outcome = self.take_turns(cx);
        let has_sent_all = self.link.return_output();
        let streams = {
            let codec = self.link.codec.borrow();
            self.heads.set(codec.heads());
            codec.open_streams()
        };
        let is_stalled = self.transport.stall.is_stalled();
        self.age.stands(if has_sent_all && streams == 0 && !is_stalled {
            Standing::Idle
        } else if is_stalled || streams > FEW_STREAMS {
            Standing::Waiting
        } else {
            Standing::Busy
        });
        self.wakes.rest();
        match outcome {
            Ok(()) => self.poll_deadlines(cx),
            Err(over) => Poll::Ready(over),
        }
    }

    /// Receives, lets streams run and sends, until nothing more happens or others must have their turn.
    fn take_turns(&mut self, cx: &mut Context<'_>) -> Result<(), Over> {
        for _ in 0..TURNS {
            let has_received = self.receive(cx)?;
            let has_run = self.run_streams();
            if let Poll::Ready(Err(_)) = self.send(cx) {
                return Err(Over::Gone);
            }
            if !has_received && !has_run && !self.wakes.is_any() {
                return Ok(());
            }
        }
        cx.waker().wake_by_ref();
        Ok(())
    }

    /// Takes in what has come. Tells whether anything has.
    fn receive(&mut self, cx: &mut Context<'_>) -> Result<bool, Over> {
        for reads in 0..READS {
            if self.begun >= BEGINS {
                return Ok(true);
            }
            match self.transport.poll_receive(cx, &self.shard.buffers) {
                Poll::Pending => return Ok(reads > 0),
                Poll::Ready(Err(_)) => return Err(Over::Gone),
                Poll::Ready(Ok(mut buffer)) => {
                    let used = self.take_in(buffer.data())?;
                    if used < buffer.len() {
                        buffer.consume(used);
                        self.transport.put_back(buffer);
                    }
                }
            }
        }
        Ok(true)
    }

    /// Takes in bytes that have come, and tells how many.
    fn take_in(&mut self, received: &[u8]) -> Result<usize, Over> {
        let mut input = received;
        let now = self.began.elapsed();
        let shard = Rc::clone(&self.shard);
        let arrival = &mut *shard.arrival.borrow_mut();
        {
            let mut codec = self.link.codec.borrow_mut();
            let is_refused = self.shard.ledger.relief() >= Relief::RefuseStreams && codec.open_streams() >= FEW_STREAMS;
            codec.set_heads_room(if is_refused { 0 } else { self.heads.room() });
        }
        while !input.is_empty() && self.begun < BEGINS {
            let received = self.link.codec.borrow_mut().receive(input, arrival, now);
            let (used, event) = received.map_err(|ending| {
                tracing::debug!(client = %self.peer.address, code = %ending.code, reason = ending.reason, "an HTTP/2 connection ends");
                self.broke(broken_rule::of_codec(self.link.codec.borrow().limit()));
                Over::Said
            })?;
            input = &input[used..];
            match event {
                Some(event) => self.happened(event, arrival),
                None => break,
            }
        }
        let is_complete = {
            let codec = self.link.codec.borrow();
            self.heads.set(codec.heads());
            codec.is_greeted() && !codec.is_in_head()
        };
        if is_complete {
            self.head_since = None;
        } else if self.head_since.is_none() {
            self.head_since = Some(Instant::now());
        }
        Ok(received.len() - input.len())
    }

    fn happened(&mut self, event: Event<'_>, arrival: &mut Arrival) {
        match event {
            Event::Request { stream, is_end, verdict } => {
                if let Some(limit) = verdict.err().and_then(broken_rule::of_request) {
                    self.broke(limit);
                }
                self.open(stream, is_end, verdict, arrival);
            }
            Event::Data { stream, bytes, is_end } => {
                self.age.goes_on();
                self.link.arrived(stream, bytes, is_end);
            }
            Event::Trailers { stream } => self.link.ended(stream, &arrival.bytes),
            Event::Reset { stream, code: _, by_peer, reason, limit } => {
                tracing::debug!(client = %self.peer.address, stream = stream.id, reason, "an HTTP/2 stream ends early");
                if !by_peer {
                    self.broke(broken_rule::of_codec(limit));
                }
                self.close(stream);
            }
            Event::Rejected { id, code, reason, limit } => {
                tracing::debug!(client = %self.peer.address, stream = id, %code, reason, "an HTTP/2 request is refused");
                let refusal = if code == ErrorCode::PROTOCOL_ERROR { Refusal::Malformed } else { Refusal::Overload };
                self.shard.metrics.refused(refusal);
                self.broke(broken_rule::of_codec(limit));
            }
            Event::Writable { stream } => {
                self.age.goes_on();
                self.link.offer_room(stream);
            }
            Event::Settings => self.link.offer_room(None),
            // What we said of the end has arrived: no further requests can be on their way.
            Event::Pong if self.age.is_ending() => self.link.codec.borrow_mut().goaway(ErrorCode::NO_ERROR),
            Event::Response { .. } | Event::Pong | Event::Goaway { .. } => {}
        }
    }

    /// The client went beyond a limit or broke another rule.
    #[cold]
    fn broke(&self, limit: Http2Limit) {
        self.shard.metrics.http2_limit(Http2Side::Client, limit);
    }

    /// Begins to serve a request.
    fn open(&mut self, stream: Key, is_end: bool, verdict: Result<(), RequestError>, arrival: &mut Arrival) {
        let slot = usize::from(stream.slot);
        self.begun += 1;
        self.link.open(stream, is_end);
        while self.streams.len() <= slot {
            let waker = self.wakes.waker(self.streams.len());
            self.streams.push(Slot { waker, running: None });
        }
        self.age.serves();
        let mut scratch = self.shard.scratches.take_out();
        std::mem::swap(&mut arrival.bytes, &mut scratch.work.head);
        if scratch.work.head.capacity() > scratch.work.head.len() + LEFT_OVER {
            scratch.work.head.shrink_to_fit();
        }
        std::mem::swap(&mut arrival.request, &mut scratch.work.request);
        let job = Stream {
            shard: Rc::clone(&self.shard),
            peer: Rc::clone(&self.peer),
            link: Rc::clone(&self.link),
            key: stream,
            scratch,
            verdict,
        };
        self.streams[slot].running = Some((stream, self.workers.start(job, stream::serve)));
        self.wakes.mark(slot);
    }

    /// Polls the streams for which something has happened. Tells whether there were any.
    fn run_streams(&mut self) -> bool {
        if !self.wakes.is_any() {
            return false;
        }
        let first = self.first_turn;
        self.first_turn = if first + 1 < self.streams.len() { first + 1 } else { 0 };
        let wakes = Arc::clone(&self.wakes);
        wakes.take(first, |slot| self.run(slot));
        true
    }

    fn run(&mut self, slot: usize) {
        let Some(Slot { waker, running }) = self.streams.get_mut(slot) else { return };
        let Some((stream, worker)) = running else { return };
        let stream = *stream;
        let Poll::Ready(outcome) = worker.poll(&mut Context::from_waker(waker)) else { return };
        if let Some((_, worker)) = running.take() {
            self.workers.give_back(worker);
        }
        self.finish(stream, outcome);
    }

    /// A stream has been served.
    fn finish(&mut self, stream: Key, outcome: Outcome) {
        self.age.goes_on();
        if matches!(outcome, Err(ProxyError::ClientStalled)) {
            self.broke(Http2Limit::Stalled);
        }
        let mut codec = self.link.codec.borrow_mut();
        match outcome {
            Ok(()) => {}
            Err(ProxyError::ClientStalled | ProxyError::ClientClosed | ProxyError::UpstreamCancelled) => {
                codec.reset(stream, ErrorCode::CANCEL);
            }
            // An answer that is cut short must never look complete.
            Err(_) => codec.reset(stream, ErrorCode::INTERNAL_ERROR),
        }
        codec.release(stream);
        drop(codec);
        self.link.close(stream);
    }

    /// A stream is over before it was served: its request to the pod ends with it.
    fn close(&mut self, stream: Key) {
        let Some(slot) = self.streams.get_mut(usize::from(stream.slot)) else { return };
        if slot.running.as_ref().is_some_and(|(key, _)| *key == stream) {
            slot.running = None;
            self.link.codec.borrow_mut().release(stream);
            self.link.close(stream);
        }
    }

    /// Sends the last that is to be said, and ends the connection.
    async fn take_leave(&mut self) {
        let is_sent = timeout(LAST_WORDS, poll_fn(|cx| self.send(cx))).await.is_ok_and(|sent| sent.is_ok());
        self.transport.socket.close().await;
        if is_sent {
            // To close with unread bytes would reset the connection. A client that writes then may never read which
            // of its requests were not served (RFC 9113 §6.8): those that crossed our last GOAWAY.
            let _ = timeout(LAST_WORDS, self.read_on(LAST_BYTES)).await;
        }
    }

    /// Reads and throws away so many bytes, or up to the client's end.
    async fn read_on(&mut self, bytes: usize) {
        let mut left = bytes;
        while left > 0 {
            match poll_fn(|cx| self.transport.poll_receive(cx, &self.shard.buffers)).await {
                Ok(buffer) => left = left.saturating_sub(buffer.len()),
                Err(_) => return,
            }
        }
    }

    /// Sends what is to be sent. Ready when the client has taken all of it.
    fn send(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let outcome = self.transport.poll_send(cx, &mut self.link.codec.borrow_mut());
        self.link.has_sent();
        outcome
    }

    fn poll_deadlines(&mut self, cx: &mut Context<'_>) -> Poll<Over> {
        loop {
            if self.age.has_reason_to_end(&self.shard) && self.end_if_due(Instant::now()) {
                cx.waker().wake_by_ref();
            }
            let (is_idle, is_closing) = {
                let codec = self.link.codec.borrow();
                (codec.is_idle(), codec.is_closing())
            };
            if is_idle && is_closing {
                return Poll::Ready(Over::Said);
            }
            let timeouts = &self.shard.config.listener.timeouts;
            let head = self.head_since.map(|since| since + timeouts.head);
            let stall = self.transport.stall.since().map(|since| since + timeouts.write);
            let age = self.age.next_check(&self.shard);
            let rest = self.age.idle_since().filter(|_| is_idle && !self.streams.is_empty()).map(|since| since + KEPT);
            let Some(deadline) = [head, stall, age, rest].into_iter().flatten().min() else { return Poll::Pending };
            std::task::ready!(self.timer.poll_past(cx, deadline));
            let now = Instant::now();
            for (deadline, limit) in [(head, Http2Limit::HeadTimeout), (stall, Http2Limit::Stalled)] {
                if deadline.is_some_and(|deadline| now >= deadline) {
                    self.broke(limit);
                    return Poll::Ready(Over::Gone);
                }
            }
            if self.age.is_given_up(&self.shard, now) {
                return Poll::Ready(Over::Gone);
            }
            if rest.is_some_and(|deadline| now >= deadline) {
                self.rest();
            }
            if self.end_if_due(now) {
                // What says so is to be sent.
                cx.waker().wake_by_ref();
            }
        }
    }

    /// Gives back the memory that former streams have left for new ones. No stream is open.
    fn rest(&mut self) {
        self.streams = Vec::new();
        self.link.rest();
    }

    /// Tells the client to send no further requests, if it is time.
    fn end_if_due(&mut self, now: Instant) -> bool {
        let ends = self.age.ends(&self.shard, now);
        if ends {
            let mut codec = self.link.codec.borrow_mut();
            codec.announce_goaway();
            codec.ping();
        }
        ends
    }
}

/// What the codec must know of the configuration.
fn codec_config(listener: &ListenerConfig) -> Config {
    let Http2Config {
        streams,
        head_bytes,
        stream_window,
        connection_window,
        pending_resets,
        local_resets,
        websocket,
        heads_memory: _,
        age: _,
    } = listener.http2;
    let head = listener.limits.request_head();
    let head = Limits { head_bytes: head_bytes.unwrap_or(head.head_bytes), ..head };
    Config {
        streams,
        stream_window,
        connection_window,
        head,
        heads_bytes: HEADS.max(u32::try_from(4 * head.head_bytes).unwrap_or(u32::MAX)),
        early_resets: u32::try_from(2 * pending_resets).unwrap_or(u32::MAX),
        local_resets: u32::try_from(local_resets).unwrap_or(u32::MAX),
        offers_connect: websocket,
        ..Config::default()
    }
}
