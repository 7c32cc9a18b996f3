//! What an HTTP/2 connection and its streams share: the protocol, and what has arrived for each stream.
//!
//! The task that drives the connection takes in bytes from the socket and sends what lies in the output. Streams are
//! futures, in that task (clients) or in others (pods): they read their inboxes, write to the output, and are woken when
//! there is more to read or room to write.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::outputs::Outputs;
use crate::http2::connection::{Connection, Key};
use crate::proxy::wire::buffers::{Buffer, BufferPool};

/// Bytes that wait for the socket before bodies wait too. Heads and control frames are always taken.
pub(crate) const OUTPUT: usize = 64 * 1024;

/// A connection as its streams see it.
pub(crate) struct Link {
    /// The protocol.
    pub(crate) codec: RefCell<Connection>,
    inboxes: RefCell<Vec<Inbox>>,
    buffers: Rc<BufferPool>,
    outputs: Rc<Outputs>,
    /// Whether the connection has memory for its output.
    is_lent: Cell<bool>,
    /// Whether a stream waits for room in the output.
    is_room_wanted: Cell<bool>,
    /// Wakes the task that drives the connection, where streams are driven by others.
    task: RefCell<Option<Waker>>,
}

/// What has arrived for a stream and was not taken yet. Its window bounds it.
#[derive(Default)]
struct Inbox {
    /// Pieces of the body. Only windows above the largest buffer need more than one.
    body: VecDeque<Buffer>,
    /// As field lines.
    trailers: Vec<u8>,
    end: End,
    /// Wakes the stream.
    waker: Option<Waker>,
    /// Whether the stream waits for more of the body.
    is_awaited: bool,
    /// Whether the stream waits for window or for room in the output.
    wants_room: bool,
    /// Whether it may write no more.
    is_closed: bool,
}

/// Whether more comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum End {
    /// Perhaps.
    #[default]
    Open,
    /// All has come.
    Over,
    /// The peer cancelled the stream.
    Cancelled,
    /// The stream was reset for another reason, or the connection is lost.
    Failed,
}

impl Inbox {
    fn watch(&mut self, cx: &Context<'_>) {
        match &mut self.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            None => self.waker = Some(cx.waker().clone()),
        }
    }

    fn wake_if(&self, is_waiting: bool) {
        if is_waiting && let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }

    fn append(&mut self, buffers: &Rc<BufferPool>, mut bytes: &[u8]) {
        if let Some(last) = self.body.back_mut() {
            loop {
                bytes = &bytes[last.append(bytes)..];
                if bytes.is_empty() {
                    return;
                }
                last.make_room();
                if last.space().is_empty() && !last.grow() {
                    break;
                }
            }
        }
        // A frame is shorter than a buffer.
        let mut buffer = buffers.take_for(bytes.len());
        buffer.append(bytes);
        self.body.push_back(buffer);
    }
}

impl Link {
    /// A link to a connection without streams.
    pub(crate) fn new(codec: Connection, buffers: &Rc<BufferPool>, outputs: &Rc<Outputs>) -> Self {
        Self {
            codec: RefCell::new(codec),
            inboxes: RefCell::default(),
            buffers: Rc::clone(buffers),
            outputs: Rc::clone(outputs),
            is_lent: Cell::new(false),
            is_room_wanted: Cell::new(false),
            task: RefCell::default(),
        }
    }

    /// From here on this task drives the connection, and streams that write wake it.
    pub(crate) fn driven_by(&self, task: &Waker) {
        match &mut *self.task.borrow_mut() {
            Some(waker) => waker.clone_from(task),
            none => *none = Some(task.clone()),
        }
    }

    /// A stream has written, or asks the connection to look at something else.
    pub(crate) fn wake_task(&self) {
        if let Some(task) = &*self.task.borrow() {
            task.wake_by_ref();
        }
    }

    /// A stream begins. `is_over`: whether nothing follows its head.
    pub(crate) fn open(&self, stream: Key, is_over: bool) {
        let mut inboxes = self.inboxes.borrow_mut();
        let slot = usize::from(stream.slot);
        while inboxes.len() <= slot {
            inboxes.push(Inbox::default());
        }
        let inbox = &mut inboxes[slot];
        // Their memory is used again.
        inbox.body.clear();
        inbox.trailers.clear();
        inbox.end = if is_over { End::Over } else { End::Open };
        (inbox.is_awaited, inbox.wants_room, inbox.is_closed) = (false, false, false);
    }

    /// A stream holds nothing any more.
    pub(crate) fn close(&self, stream: Key) {
        self.inbox(stream, |inbox| inbox.body.clear());
    }

    /// Something of a body has come.
    pub(crate) fn arrived(&self, stream: Key, bytes: &[u8], is_end: bool) {
        self.inbox(stream, |inbox| {
            if !bytes.is_empty() {
                inbox.append(&self.buffers, bytes);
            }
            if is_end {
                inbox.end = End::Over;
            }
            let is_awaited = std::mem::take(&mut inbox.is_awaited);
            inbox.wake_if(is_awaited);
        });
    }

    /// A body ends with these trailers, given as field lines.
    pub(crate) fn ended(&self, stream: Key, trailers: &[u8]) {
        self.inbox(stream, |inbox| {
            inbox.trailers.extend_from_slice(trailers);
            inbox.end = End::Over;
            let is_awaited = std::mem::take(&mut inbox.is_awaited);
            inbox.wake_if(is_awaited);
        });
    }

    /// The stream was reset, or the connection is lost. A body that had come is still whole.
    pub(crate) fn failed(&self, stream: Key, is_cancelled: bool) {
        self.inbox(stream, |inbox| {
            if inbox.end == End::Open {
                inbox.end = if is_cancelled { End::Cancelled } else { End::Failed };
            }
            inbox.is_closed = true;
            inbox.is_awaited = false;
            inbox.wants_room = false;
            inbox.wake_if(true);
        });
    }

    /// Waits until something of the body has come, or nothing more will.
    pub(crate) fn poll_body(&self, cx: &Context<'_>, stream: Key) -> Poll<()> {
        self.inbox(stream, |inbox| {
            inbox.is_awaited = inbox.body.is_empty() && inbox.end == End::Open;
            if !inbox.is_awaited {
                return Poll::Ready(());
            }
            inbox.watch(cx);
            Poll::Pending
        })
    }

    /// Whether `poll_body` is ready.
    pub(crate) fn has_body(&self, stream: Key) -> bool {
        self.inbox(stream, |inbox| !inbox.body.is_empty() || inbox.end != End::Open)
    }

    /// Takes a piece of what has come of the body. It is to be told to the connection as consumed.
    pub(crate) fn take_body(&self, stream: Key) -> Option<Buffer> {
        self.inbox(stream, |inbox| inbox.body.pop_front())
    }

    /// Takes the body if it is all there and has no trailers.
    pub(crate) fn take_whole(&self, stream: Key) -> Option<Buffer> {
        self.inbox(stream, |inbox| {
            let is_whole = inbox.end == End::Over && inbox.trailers.is_empty() && inbox.body.len() == 1;
            if is_whole { inbox.body.pop_front() } else { None }
        })
    }

    /// How the body ends, as far as it is known; with the end its trailers go into `trailers`.
    pub(crate) fn take_end(&self, stream: Key, trailers: &mut Vec<u8>) -> End {
        self.inbox(stream, |inbox| {
            // A request that is sent again reads the end again: what was given is kept.
            if !inbox.trailers.is_empty() {
                std::mem::swap(trailers, &mut inbox.trailers);
                inbox.trailers.clear();
            }
            inbox.end
        })
    }

    /// Waits until the stream may write, and tells how many bytes; 0 if it never may again.
    pub(crate) fn poll_room(&self, cx: &Context<'_>, stream: Key) -> Poll<usize> {
        let room = {
            let codec = self.codec.borrow();
            codec.capacity(stream).min(OUTPUT.saturating_sub(codec.output().len()))
        };
        if room > 0 {
            return Poll::Ready(room);
        }
        self.inbox(stream, |inbox| {
            if inbox.is_closed {
                return Poll::Ready(0);
            }
            inbox.wants_room = true;
            inbox.watch(cx);
            self.is_room_wanted.set(true);
            Poll::Pending
        })
    }

    /// There may be room for one stream, or for all.
    pub(crate) fn offer_room(&self, stream: Option<Key>) {
        let mut inboxes = self.inboxes.borrow_mut();
        let offer = |inbox: &mut Inbox| {
            let wants_room = std::mem::take(&mut inbox.wants_room);
            inbox.wake_if(wants_room);
        };
        match stream {
            Some(stream) => inboxes.get_mut(usize::from(stream.slot)).into_iter().for_each(offer),
            None => inboxes.iter_mut().for_each(offer),
        }
    }

    /// Some of the output was sent.
    pub(crate) fn has_sent(&self) {
        if self.is_room_wanted.get() && self.codec.borrow().output().len() <= OUTPUT / 2 {
            self.is_room_wanted.set(false);
            self.offer_room(None);
        }
    }

    /// Gives the connection memory for its output, unless it has some.
    pub(crate) fn lend_output(&self) {
        if !self.is_lent.get() {
            let mut codec = self.codec.borrow_mut();
            if codec.output().is_empty() {
                codec.lend_output(self.outputs.take());
            }
            self.is_lent.set(true);
        }
    }

    /// Takes it back if all was sent. Tells whether that is so.
    pub(crate) fn return_output(&self) -> bool {
        let mut codec = self.codec.borrow_mut();
        let is_empty = codec.output().is_empty();
        if is_empty && self.is_lent.replace(false) {
            self.outputs.give(codec.take_output());
        }
        is_empty
    }

    /// Gives back the memory that former streams have left for new ones. No stream may be open.
    pub(crate) fn rest(&self) {
        self.codec.borrow_mut().rest();
        self.inboxes.take();
    }

    fn inbox<T>(&self, stream: Key, look: impl FnOnce(&mut Inbox) -> T) -> T {
        // `open` makes the place, and it stays.
        look(&mut self.inboxes.borrow_mut()[usize::from(stream.slot)])
    }
}
