//! What is counted of HTTP/2 peers that go beyond a limit or break a rule. `docs/http2.md` has the limits.

use prometheus::{IntCounter, IntCounterVec};

/// Whose peer it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Http2Side {
    /// A client.
    Client,
    /// A pod.
    Pod,
}

impl Http2Side {
    pub(crate) const ALL: [Self; 2] = [Self::Client, Self::Pod];

    /// The value of the label `side`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Pod => "pod",
        }
    }
}

/// A limit of HTTP/2 that a peer went beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Http2Limit {
    /// Streams at a time.
    Streams,
    /// Fields, bytes or target of one head.
    Head,
    /// Bytes of the heads of all streams.
    Heads,
    /// Bytes of a header block as sent.
    HeaderBlock,
    /// CONTINUATION frames of a header block.
    Continuations,
    /// Fields or bytes of trailers.
    Trailers,
    /// Interim answers to one request.
    Interims,
    /// The window of a stream.
    StreamWindow,
    /// The window of the connection.
    ConnectionWindow,
    /// Bytes of a frame.
    FrameSize,
    /// Frames of no use, the last of them PING.
    Pings,
    /// Frames of no use, the last of them SETTINGS.
    Settings,
    /// Frames of no use, the last of them WINDOW_UPDATE.
    WindowUpdates,
    /// Frames of no use, the last of them any other.
    SmallFrames,
    /// Streams that the peer reset before they were answered.
    EarlyResets,
    /// Streams that the peer made us reset.
    LocalResets,
    /// Answers to control frames that the peer does not read.
    Unread,
    /// Time for the preface or a header block.
    HeadTimeout,
    /// Time in which the peer must take something of what is sent to it.
    Stalled,
    /// No limit: another rule of the protocol.
    Protocol,
}

impl Http2Limit {
    pub(crate) const ALL: [Self; 20] = [
        Self::Streams,
        Self::Head,
        Self::Heads,
        Self::HeaderBlock,
        Self::Continuations,
        Self::Trailers,
        Self::Interims,
        Self::StreamWindow,
        Self::ConnectionWindow,
        Self::FrameSize,
        Self::Pings,
        Self::Settings,
        Self::WindowUpdates,
        Self::SmallFrames,
        Self::EarlyResets,
        Self::LocalResets,
        Self::Unread,
        Self::HeadTimeout,
        Self::Stalled,
        Self::Protocol,
    ];

    /// The value of the label `limit`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Streams => "streams",
            Self::Head => "head",
            Self::Heads => "heads",
            Self::HeaderBlock => "header_block",
            Self::Continuations => "continuations",
            Self::Trailers => "trailers",
            Self::Interims => "interims",
            Self::StreamWindow => "stream_window",
            Self::ConnectionWindow => "connection_window",
            Self::FrameSize => "frame_size",
            Self::Pings => "pings",
            Self::Settings => "settings",
            Self::WindowUpdates => "window_updates",
            Self::SmallFrames => "small_frames",
            Self::EarlyResets => "early_resets",
            Self::LocalResets => "local_resets",
            Self::Unread => "unread",
            Self::HeadTimeout => "head_timeout",
            Self::Stalled => "stalled",
            Self::Protocol => "protocol",
        }
    }
}

/// The counters, all of them there from the start.
pub(super) struct Http2Metrics([[IntCounter; Http2Limit::ALL.len()]; Http2Side::ALL.len()]);

impl Http2Metrics {
    /// Those of the family [`HTTP2_LIMITS`](super::families::HTTP2_LIMITS).
    pub(super) fn new(limits: &IntCounterVec) -> Self {
        Self(
            Http2Side::ALL
                .map(|side| Http2Limit::ALL.map(|limit| limits.with_label_values(&[side.as_str(), limit.as_str()]))),
        )
    }

    pub(super) fn count(&self, side: Http2Side, limit: Http2Limit) {
        self.0[side as usize][limit as usize].inc();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn sets_list_their_members_in_order() {
        assert!(Http2Side::ALL.iter().enumerate().all(|(index, member)| *member as usize == index));
        assert!(Http2Limit::ALL.iter().enumerate().all(|(index, member)| *member as usize == index));
    }

    #[test]
    fn the_table_of_limits_has_every_label_and_no_other() {
        let text = include_str!("../../docs/http2.md");
        let table = text.split("## Limits").nth(1).unwrap().split("\n## ").next().unwrap();
        let rows = table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| limit "));
        let last = rows.map(|line| line.trim_end_matches(" |").rsplit(" | ").next().unwrap());
        let documented: BTreeSet<_> = last.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
        assert_eq!(documented, Http2Limit::ALL.iter().map(|limit| limit.as_str()).collect());
    }
}
