//! An HTTP/2 connection to an endpoint, as the requests on it see it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::time::Instant;

use super::views::PodView;
use crate::http1::{ResponseError, ResponseHead};
use crate::http2::code::ErrorCode;
use crate::http2::connection::{Arrival, Key, NoStream};
use crate::http2::head::encode::{Give, RequestStart};
use crate::proxy::wire::h2::link::Link;
use crate::proxy::wire::tls::stream::TlsVersion;
use crate::upstream::Endpoint;

/// Memory for heads that is kept for the next ones.
const SPARE: usize = 32;

/// A connection to an endpoint.
pub(crate) struct Session {
    /// The protocol, and what has come of bodies.
    pub(crate) link: Link,
    endpoint: Arc<Endpoint>,
    /// The version of TLS, if it is encrypted.
    tls: Option<TlsVersion>,
    heads: RefCell<Heads>,
    /// Requests that use it, or wait for a stream.
    leases: Cell<usize>,
    is_over: Cell<bool>,
    has_served: Cell<bool>,
    made: Instant,
    used: Cell<Instant>,
}

/// Heads of answers that have come and were not taken.
#[derive(Default)]
struct Heads {
    /// By the streams' slots.
    streams: Vec<Answer>,
    spare: Vec<Head>,
    /// Requests that wait for a stream.
    waiting: Vec<Waker>,
}

/// A head, and the bytes into which it points.
type Head = (Vec<u8>, ResponseHead);

/// The heads of one stream.
#[derive(Default)]
struct Answer {
    /// The stream, while there is one.
    stream: Option<Key>,
    heads: VecDeque<Head>,
    loss: Option<Loss>,
    waker: Option<Waker>,
}

/// Why a stream has no answer, or no more of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The pod refused it unprocessed (REFUSED_STREAM).
    Refused,
    /// The pod went away and has not processed it (GOAWAY, RFC 9113 §6.8).
    LeftBehind,
    /// The pod cancelled it (CANCEL).
    Cancelled,
    /// The pod reset it for another reason.
    Reset,
    /// We reset it, because the pod broke this rule.
    Broken(&'static str),
    /// The head of its answer is refused.
    Head(ResponseError),
    /// The connection has ended.
    Connection,
    /// The pod speaks TLS, and the connection is in clear.
    SpeaksTls,
}

impl Loss {
    /// What a reset says: `by_peer`, or by us for a `reason`.
    pub(crate) fn of_reset(code: ErrorCode, by_peer: bool, reason: &'static str) -> Self {
        match code {
            _ if !by_peer => Self::Broken(reason),
            ErrorCode::REFUSED_STREAM => Self::Refused,
            ErrorCode::CANCEL => Self::Cancelled,
            _ => Self::Reset,
        }
    }
}

impl Session {
    /// A connection that was just made.
    pub(crate) fn new(link: Link, endpoint: &Arc<Endpoint>, tls: Option<TlsVersion>) -> Rc<Self> {
        Rc::new(Self {
            link,
            endpoint: Arc::clone(endpoint),
            tls,
            heads: RefCell::default(),
            leases: Cell::new(0),
            is_over: Cell::new(false),
            has_served: Cell::new(false),
            made: Instant::now(),
            used: Cell::new(Instant::now()),
        })
    }

    /// Whether new requests may use it.
    pub(super) fn is_usable(&self) -> bool {
        !self.is_over.get() && !self.endpoint.is_retired()
    }

    /// Whether a request would get a stream at once.
    pub(super) fn has_room(&self) -> bool {
        self.link.codec.borrow().free_streams() > 0
    }

    /// Whether the pod has said that it takes extended CONNECT.
    pub(super) fn takes_connect(&self) -> bool {
        let codec = self.link.codec.borrow();
        codec.is_greeted() && codec.takes_connect()
    }

    /// The version of TLS, if it is encrypted.
    pub(crate) fn tls(&self) -> Option<TlsVersion> {
        self.tls
    }

    /// Requests that use it.
    pub(crate) fn leases(&self) -> usize {
        self.leases.get()
    }

    /// When it was made.
    pub(super) fn made(&self) -> Instant {
        self.made
    }

    /// Since when no request uses it, if none does.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        (self.leases.get() == 0).then(|| self.used.get())
    }

    /// What there is to see now.
    pub(super) fn view(&self) -> PodView {
        let opened = self.heads.borrow().streams.iter().filter(|answer| answer.stream.is_some()).count();
        PodView {
            address: self.endpoint.address(),
            tls: self.tls.map(TlsVersion::as_str),
            age: self.made.elapsed(),
            leases: self.leases.get(),
            waiting: self.leases.get().saturating_sub(opened),
            idle: self.idle_since().map(|since| since.elapsed()),
            is_given_up: !self.is_usable(),
            codec: self.link.codec.borrow().view(),
        }
    }

    /// Whether it gets no new requests.
    pub(crate) fn is_given_up(&self) -> bool {
        self.is_over.get()
    }

    /// Gives it no new requests from now on. Requests on it go on; behind the last it is closed.
    pub(crate) fn give_up(&self) {
        self.is_over.set(true);
        self.offer_streams();
        self.link.wake_task();
    }

    /// The head of an answer has come, which lies in `arrival`.
    pub(crate) fn answered(&self, stream: Key, verdict: Result<(), ResponseError>, arrival: &mut Arrival) {
        if let Err(error) = verdict {
            return self.lost(stream, Loss::Head(error));
        }
        let heads = &mut *self.heads.borrow_mut();
        let mut head = heads.spare.pop().unwrap_or_default();
        std::mem::swap(&mut head.0, &mut arrival.bytes);
        std::mem::swap(&mut head.1, &mut arrival.response);
        let Some(answer) = heads.streams.get_mut(usize::from(stream.slot)) else { return };
        // The codec bounds how many there are.
        answer.heads.push_back(head);
        answer.wake();
    }

    /// A stream is over before its time.
    pub(crate) fn lost(&self, stream: Key, loss: Loss) {
        if let Some(answer) = self.heads.borrow_mut().streams.get_mut(usize::from(stream.slot)) {
            answer.loss.get_or_insert(loss);
            answer.wake();
        }
        self.link.failed(stream, loss == Loss::Cancelled);
    }

    /// The pod processes no stream behind `last`.
    pub(crate) fn left_behind(&self, last: u32) {
        self.lose(|stream| stream.id > last, Loss::LeftBehind);
    }

    /// The connection has ended.
    pub(crate) fn lost_all(&self) {
        self.lose(|_| true, Loss::Connection);
    }

    /// What came first is a message of TLS.
    pub(crate) fn met_tls(&self) {
        self.lose(|_| true, Loss::SpeaksTls);
    }

    fn lose(&self, which: impl Fn(Key) -> bool, loss: Loss) {
        let streams: Vec<Key> = {
            let heads = self.heads.borrow();
            heads.streams.iter().filter_map(|answer| answer.stream.filter(|stream| which(*stream))).collect()
        };
        streams.into_iter().for_each(|stream| self.lost(stream, loss));
    }

    /// Waits for the pod's settings. Tells whether it takes extended CONNECT; of a connection that has ended nobody
    /// will know.
    pub(crate) fn poll_greeted(&self, cx: &Context<'_>) -> Poll<bool> {
        let codec = self.link.codec.borrow();
        if codec.is_greeted() || self.is_over.get() {
            return Poll::Ready(codec.takes_connect());
        }
        self.heads.borrow_mut().waiting.push(cx.waker().clone());
        Poll::Pending
    }

    /// More streams may be opened.
    pub(crate) fn offer_streams(&self) {
        self.heads.borrow_mut().waiting.drain(..).for_each(Waker::wake);
    }

    /// Waits for a head and swaps it into `bytes` and `head`.
    pub(crate) fn poll_head(
        &self,
        cx: &Context<'_>,
        stream: Key,
        bytes: &mut Vec<u8>,
        head: &mut ResponseHead,
    ) -> Poll<Result<(), Loss>> {
        let heads = &mut *self.heads.borrow_mut();
        let Some(answer) = heads.streams.get_mut(usize::from(stream.slot)) else {
            return Poll::Ready(Err(Loss::Connection));
        };
        if let Some(mut next) = answer.heads.pop_front() {
            std::mem::swap(&mut next.0, bytes);
            std::mem::swap(&mut next.1, head);
            if heads.spare.len() < SPARE {
                heads.spare.push(next);
            }
            return Poll::Ready(Ok(()));
        }
        if let Some(loss) = answer.loss {
            return Poll::Ready(Err(loss));
        }
        match &mut answer.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

impl Answer {
    fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }
}

/// The use of a connection for one request.
pub(crate) struct Lease {
    session: Rc<Session>,
    stream: Option<Key>,
    /// Whether it had served others before.
    pub(crate) is_reused: bool,
}

impl Lease {
    pub(crate) fn new(session: &Rc<Session>) -> Self {
        session.leases.set(session.leases.get() + 1);
        let session = Rc::clone(session);
        Self { is_reused: session.has_served.replace(true), session, stream: None }
    }

    /// Opens a stream with a request's head, as soon as there may be another one.
    pub(crate) fn poll_open(
        &mut self,
        cx: &Context<'_>,
        start: &RequestStart<'_>,
        is_end: bool,
        give: impl FnOnce(&mut Give<'_>),
    ) -> Poll<Result<Key, NoStream>> {
        let session = &self.session;
        if session.is_over.get() {
            return Poll::Ready(Err(NoStream::GoingAway));
        }
        session.link.lend_output();
        let opened = session.link.codec.borrow_mut().request(start, is_end, give);
        match opened {
            Ok(stream) => {
                self.stream = Some(stream);
                session.link.open(stream, false);
                let heads = &mut *session.heads.borrow_mut();
                while heads.streams.len() <= usize::from(stream.slot) {
                    heads.streams.push(Answer::default());
                }
                let answer = &mut heads.streams[usize::from(stream.slot)];
                answer.stream = Some(stream);
                answer.heads.clear();
                answer.loss = None;
                session.link.wake_task();
                Poll::Ready(Ok(stream))
            }
            Err(NoStream::Limit) => {
                session.heads.borrow_mut().waiting.push(cx.waker().clone());
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl std::ops::Deref for Lease {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let session = &self.session;
        if let Some(stream) = self.stream {
            session.link.lend_output();
            session.link.codec.borrow_mut().release(stream);
            session.link.close(stream);
            if let Some(answer) = session.heads.borrow_mut().streams.get_mut(usize::from(stream.slot)) {
                answer.stream = None;
            }
            session.offer_streams();
        }
        session.leases.set(session.leases.get() - 1);
        session.used.set(Instant::now());
        // A stream that was not over is reset; and this may have been the last one.
        session.link.wake_task();
    }
}
