//! Bodies as HTTP/2 streams: what arrives on one, and what is sent on one. Used towards clients and towards pods.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use h2::{RecvStream, SendStream};
use tokio::time::Instant;

use super::convert;
use super::meter::Meter;
use super::piece::{Held, Piece};
use super::reply::Reply;
use crate::proxy::error::{ProxyError, Side};
use crate::proxy::wire::body::{BodySink, BodySource};
use crate::proxy::wire::pace::{Pace, Progress};
use crate::proxy::wire::socket::within;

/// Frames of at least this size are passed on as they are; smaller ones are gathered. A frame is a part of the
/// connection's read buffer and keeps all of it alive. Bytes.
const LARGE: usize = 4 * 1024;
/// Bytes gathered before a piece is sent: the largest frame every peer takes.
const GATHER: usize = 16 * 1024;
/// What has arrived of a body and was not taken yet.
///
/// Frames are read as soon as they come, also while nobody takes them, and small frames are joined: `h2` takes many
/// small unread frames for an attack. The window is given back only when the bytes are taken. So the window bounds what
/// is held here.
pub(crate) struct Inbox {
    body: RecvStream,
    large: Option<Bytes>,
    small: BytesMut,
    trailers: Vec<u8>,
    state: Arrival,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arrival {
    Data,
    Trailers,
    Over,
    Failed,
}

impl Inbox {
    pub(crate) fn new(body: RecvStream) -> Rc<RefCell<Self>> {
        let state = if body.is_end_stream() { Arrival::Over } else { Arrival::Data };
        Rc::new(RefCell::new(Self { body, large: None, small: BytesMut::new(), trailers: Vec::new(), state }))
    }

    /// Reads all that has come. Ready when nothing more will come.
    fn poll_all(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match self.state {
                Arrival::Data => match std::task::ready!(self.body.poll_data(cx)) {
                    Some(Ok(frame)) if frame.len() >= LARGE && self.is_empty() => self.large = Some(frame),
                    Some(Ok(frame)) => self.small.extend_from_slice(&frame),
                    Some(Err(_)) => self.state = Arrival::Failed,
                    None => self.state = Arrival::Trailers,
                },
                Arrival::Trailers => match std::task::ready!(self.body.poll_trailers(cx)) {
                    Ok(trailers) => {
                        let taken = trailers.is_none_or(|fields| convert::trailer_lines(&fields, &mut self.trailers));
                        self.state = if taken { Arrival::Over } else { Arrival::Failed };
                    }
                    Err(_) => self.state = Arrival::Failed,
                },
                Arrival::Over | Arrival::Failed => return Poll::Ready(()),
            }
        }
    }

    /// Waits until there is something to take, or nothing more will come.
    fn poll_some(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let all = self.poll_all(cx);
        if self.is_empty() { all } else { Poll::Ready(()) }
    }

    /// Reads all that has come, and wakes the task when there is more.
    pub(crate) fn read_ahead(&mut self, cx: &mut Context<'_>) {
        let _ = self.poll_all(cx);
    }

    /// Whether all of it has come.
    pub(crate) fn is_over(&self) -> bool {
        self.state == Arrival::Over
    }

    fn is_empty(&self) -> bool {
        self.large.is_none() && self.small.is_empty()
    }

    fn take(&mut self) -> Option<Bytes> {
        let next = self.large.take().unwrap_or_else(|| self.small.split().freeze());
        (!next.is_empty()).then_some(next)
    }
}

/// Runs a future and reads the body beside it, so that a stalled side does not leave frames unread.
pub(crate) async fn reading<T>(inbox: &Rc<RefCell<Inbox>>, running: impl Future<Output = T>) -> T {
    let mut running = pin!(running);
    poll_fn(|cx| {
        let outcome = running.as_mut().poll(cx);
        if outcome.is_pending() {
            inbox.borrow_mut().read_ahead(cx);
        }
        outcome
    })
    .await
}

/// The other direction of an exchange. While that one moves, this one may be silent: many gRPC calls send messages in
/// one direction only, for as long as they live.
enum Opposite<'a> {
    /// The answer, seen from the request. Once there is an answer, only its deadlines count.
    Answer(Rc<RefCell<Reply>>),
    /// The bytes of the request so far, seen from the answer.
    Request(&'a Cell<u64>),
}

impl Opposite<'_> {
    fn moved(&self) -> u64 {
        match self {
            Self::Answer(_) => 0,
            Self::Request(received) => received.get(),
        }
    }

    /// Whether silence is allowed. `before`: what had moved when the wait began.
    fn excuses(&self, before: u64) -> bool {
        match self {
            Self::Answer(reply) => reply.borrow().is_sending(),
            Self::Request(received) => received.get() != before,
        }
    }

    fn too_late(&self) -> ProxyError {
        match self {
            Self::Answer(_) => ProxyError::BodyTimeout,
            Self::Request(_) => ProxyError::ResponseStalled,
        }
    }

    fn broken_off(&self) -> ProxyError {
        match self {
            Self::Answer(_) => ProxyError::ClientClosed,
            Self::Request(_) => ProxyError::UpstreamTruncated,
        }
    }
}

/// A body arriving on a stream.
pub(crate) struct H2Source<'a> {
    inbox: Rc<RefCell<Inbox>>,
    opposite: Opposite<'a>,
    /// All of the body, when that has arrived.
    whole: Option<Bytes>,
    /// Handed out.
    current: Bytes,
    trailers: Vec<u8>,
    /// Whether its rate is judged. A body without a length may be a stream of messages, which come as slowly as they happen.
    has_rate: bool,
    progress: Progress,
}

impl<'a> H2Source<'a> {
    /// The body of a client's request.
    pub(crate) fn of_request(
        inbox: &Rc<RefCell<Inbox>>,
        reply: &Rc<RefCell<Reply>>,
        pace: Pace,
        has_length: bool,
    ) -> Self {
        let mut source = Self::new(inbox, Opposite::Answer(Rc::clone(reply)), pace);
        source.has_rate = has_length;
        source.set_pace(pace);
        let mut inbox = inbox.borrow_mut();
        // Taken only if it is all of the body: bytes that are taken count as read.
        if inbox.poll_all(&mut Context::from_waker(Waker::noop())).is_ready()
            && inbox.state == Arrival::Over
            && inbox.trailers.is_empty()
            && (inbox.large.is_none() || inbox.small.is_empty())
        {
            source.whole = inbox.take();
        }
        drop(inbox);
        source
    }

    /// The body of a pod's answer to a request of which `received` bytes have come.
    pub(crate) fn of_answer(inbox: &Rc<RefCell<Inbox>>, received: &'a Cell<u64>, pace: Pace) -> Self {
        Self::new(inbox, Opposite::Request(received), pace)
    }

    fn new(inbox: &Rc<RefCell<Inbox>>, opposite: Opposite<'a>, pace: Pace) -> Self {
        Self {
            inbox: Rc::clone(inbox),
            opposite,
            whole: None,
            current: Bytes::new(),
            trailers: Vec::new(),
            has_rate: true,
            progress: Progress::new(pace),
        }
    }

    /// Another rule holds from here on.
    pub(crate) fn set_pace(&mut self, pace: Pace) {
        self.progress.set_pace(Pace { rate: if self.has_rate { pace.rate } else { 0 }, ..pace });
    }

    /// Where it arrives.
    pub(crate) fn inbox(&self) -> Rc<RefCell<Inbox>> {
        Rc::clone(&self.inbox)
    }

    /// The whole rest of the body, when all of it has arrived.
    pub(crate) fn whole(&self) -> Option<&[u8]> {
        self.whole.as_deref()
    }

    /// Takes what `whole` gave as read.
    pub(crate) fn skip_whole(&mut self) {
        self.current = self.whole.take().unwrap_or_default();
        self.give_window_back();
    }

    /// Waits for bytes or the end. Returns when the wait began; silence that was allowed is not in it.
    async fn wait(&mut self) -> Result<Option<Instant>, ProxyError> {
        loop {
            let begun = self.progress.begin();
            let before = self.opposite.moved();
            let inbox = &self.inbox;
            if within(self.progress.gap(), |cx| inbox.borrow_mut().poll_some(cx)).await.is_some() {
                return Ok(begun);
            }
            if !self.opposite.excuses(before) {
                return Err(self.opposite.too_late());
            }
        }
    }

    fn give_window_back(&mut self) {
        let taken = std::mem::take(&mut self.current).len();
        if taken > 0 {
            // This fails only for more bytes than have come.
            let _ = self.inbox.borrow_mut().body.flow_control().release_capacity(taken);
        }
    }
}

impl BodySource for H2Source<'_> {
    async fn chunk(&mut self) -> Result<Option<&[u8]>, ProxyError> {
        self.give_window_back();
        if let Some(whole) = self.whole.take() {
            self.current = whole;
            return Ok(Some(&self.current));
        }
        let begun = self.wait().await?;
        let mut inbox = self.inbox.borrow_mut();
        if let Some(next) = inbox.take() {
            drop(inbox);
            if !self.progress.arrived(next.len(), begun) {
                return Err(self.opposite.too_late());
            }
            self.current = next;
            return Ok(Some(&self.current));
        }
        if inbox.state == Arrival::Failed {
            return Err(self.opposite.broken_off());
        }
        // An attempt that is repeated reads the end again: keep the trailers.
        if !inbox.trailers.is_empty() {
            self.trailers = std::mem::take(&mut inbox.trailers);
        }
        Ok(None)
    }

    fn is_buffered(&mut self) -> bool {
        // Polling without a waker is safe: `chunk` polls again with one before it waits.
        self.whole.is_some() || self.inbox.borrow_mut().poll_some(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    fn trailers(&self) -> &[u8] {
        &self.trailers
    }
}

/// What the sinks of a connection share.
#[derive(Clone)]
pub(crate) struct Outlet {
    /// Counts each piece that is sent.
    pub(crate) meter: Rc<Meter>,
    /// Counts the bytes that the connection holds.
    pub(crate) held: Rc<Held>,
}

/// A body leaving on a stream. The connection gets only what fits the other side's window. The rest waits here, in a
/// piece of at most 16 KiB.
pub(crate) struct H2Sink {
    stream: Rc<RefCell<SendStream<Piece>>>,
    outlet: Outlet,
    staged: BytesMut,
    side: Side,
    stall: Duration,
    /// Time spent waiting for window since the last 16 KiB, and what was sent since.
    waited: Duration,
    sent: usize,
}

impl H2Sink {
    /// A sink for the body of a message to `side`, which must take 16 KiB within each `stall` of waiting.
    pub(crate) fn new(stream: Rc<RefCell<SendStream<Piece>>>, outlet: &Outlet, side: Side, stall: Duration) -> Self {
        let (outlet, staged) = (outlet.clone(), BytesMut::new());
        Self { stream, outlet, staged, side, stall, waited: Duration::ZERO, sent: 0 }
    }

    fn closed(&self) -> ProxyError {
        match self.side {
            Side::Client => ProxyError::ClientClosed,
            Side::Upstream | Side::Internal => ProxyError::UpstreamStream,
        }
    }

    /// Sends what is staged, and the end of the stream if this is all.
    async fn send(&mut self, is_end: bool) -> Result<(), ProxyError> {
        let mut data = self.staged.split().freeze();
        if data.is_empty() && is_end {
            return self.hand_over(data, true);
        }
        while !data.is_empty() {
            let room = self.room(data.len()).await?;
            let part = data.split_to(room.min(data.len()));
            self.sent += part.len();
            if self.sent >= GATHER {
                (self.sent, self.waited) = (0, Duration::ZERO);
            }
            self.hand_over(part, is_end && data.is_empty())?;
        }
        Ok(())
    }

    fn hand_over(&self, data: Bytes, is_end: bool) -> Result<(), ProxyError> {
        self.outlet.meter.sent();
        let data = Piece::new(data, &self.outlet.held);
        self.stream.borrow_mut().send_data(data, is_end).map_err(|_| self.closed())
    }

    /// Waits for window.
    async fn room(&mut self, wanted: usize) -> Result<usize, ProxyError> {
        let started = Instant::now();
        let (stream, held) = (&self.stream, &self.outlet.held);
        let room = within(self.stall.saturating_sub(self.waited), |cx| {
            std::task::ready!(held.poll_room(cx));
            let mut stream = stream.borrow_mut();
            stream.reserve_capacity(wanted);
            loop {
                match stream.capacity() {
                    0 => {}
                    room => return Poll::Ready(Some(room)),
                }
                // This reports growth, which may be zero bytes.
                match std::task::ready!(stream.poll_capacity(cx)) {
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Poll::Ready(None),
                }
            }
        });
        match (room.await, self.side) {
            (Some(Some(room)), _) => {
                self.waited += started.elapsed();
                Ok(room)
            }
            (Some(None), _) => Err(self.closed()),
            (None, Side::Client) => Err(ProxyError::ClientStalled),
            (None, Side::Upstream | Side::Internal) => Err(ProxyError::UpstreamStalled),
        }
    }
}

impl BodySink for H2Sink {
    async fn data(&mut self, data: &[u8]) -> Result<(), ProxyError> {
        for part in data.chunks(GATHER) {
            if self.staged.len() + part.len() > GATHER {
                self.send(false).await?;
            }
            self.staged.extend_from_slice(part);
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), ProxyError> {
        self.send(false).await
    }

    async fn end(&mut self, trailers: &[u8]) -> Result<(), ProxyError> {
        if trailers.is_empty() {
            return self.send(true).await;
        }
        self.send(false).await?;
        let trailers = convert::trailer_map(trailers);
        self.stream.borrow_mut().send_trailers(trailers).map_err(|_| self.closed())
    }
}
