//! What a connection knows of one stream (RFC 9113 §5.1).

use std::time::Duration;

use super::window::{ReceiveWindow, SendWindow};
use crate::http1::Method;

/// The length of a body that nobody declared.
pub(super) const UNKNOWN: u64 = u64::MAX;

/// What has become of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes on, or has ended as it should.
    Regular,
    /// We reset it. What comes for it is ignored.
    ResetByUs,
    /// The peer reset it.
    ResetByPeer,
}

/// A stream: 64 bytes. It waits for its release whatever has become of it.
#[derive(Debug)]
pub(super) struct Stream {
    /// 0 for a slot that is free.
    pub(super) id: u32,
    pub(super) send: SendWindow,
    pub(super) receive: ReceiveWindow,
    /// Bytes of the body that came and were not consumed.
    pub(super) held: u32,
    /// Bytes of the head that the owner holds.
    pub(super) head: u32,
    /// Bytes of the body still to come, or [`UNKNOWN`].
    pub(super) body_left: u64,
    /// When it was opened, by the connection's clock.
    pub(super) opened: Duration,
    pub(super) fate: Fate,
    /// Whether the peer may send more.
    pub(super) is_remote_open: bool,
    /// Whether we may send more.
    pub(super) is_local_open: bool,
    /// Whether the response's final head was sent (servers) or has come (clients).
    pub(super) is_answered: bool,
    /// What was asked (clients). For both roles: CONNECT if the stream is a tunnel, or may become one.
    pub(super) method: Method,
    /// Interim responses that came (clients).
    pub(super) interims: u8,
}

impl Stream {
    /// Whether it counts as open on the wire.
    #[inline]
    pub(super) fn is_open(&self) -> bool {
        self.fate == Fate::Regular && (self.is_remote_open || self.is_local_open)
    }

    /// Whether we may send on it.
    #[inline]
    pub(super) fn can_send(&self) -> bool {
        self.fate == Fate::Regular && self.is_local_open
    }

    /// Whether what the peer sends on it is for the owner.
    #[inline]
    pub(super) fn can_receive(&self) -> bool {
        self.fate == Fate::Regular && self.is_remote_open
    }
}
