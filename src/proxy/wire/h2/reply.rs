//! How far the answer on a client's stream is.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Poll};

use h2::server::SendResponse;
use h2::{Reason, SendStream};

use super::piece::Piece;

/// The way back on a stream.
pub(crate) enum Reply {
    /// No head was sent.
    Waiting(SendResponse<Piece>),
    /// The head was sent, and a body follows.
    Sending(Rc<RefCell<SendStream<Piece>>>),
    /// All was sent.
    Over,
}

impl Reply {
    /// Whether an answer is under way.
    pub(crate) fn is_sending(&self) -> bool {
        matches!(self, Self::Sending(_))
    }

    /// Ready when the client has reset the stream or has left.
    pub(crate) fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Waiting(respond) => respond.poll_reset(cx).map(|_| ()),
            Self::Sending(stream) => stream.borrow_mut().poll_reset(cx).map(|_| ()),
            Self::Over => Poll::Pending,
        }
    }

    /// Resets the stream.
    pub(crate) fn reset(&mut self, reason: Reason) {
        match self {
            Self::Waiting(respond) => respond.send_reset(reason),
            Self::Sending(stream) => stream.borrow_mut().send_reset(reason),
            Self::Over => {}
        }
    }
}
