//! The closed sets that labels take their values from.

/// A listener of the data plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Listener {
    /// Clear text.
    Http,
    /// TLS.
    Https,
}

impl Listener {
    pub(crate) const ALL: [Self; 2] = [Self::Http, Self::Https];

    /// The value of the label `listener`; also the scheme of its requests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// How a TLS handshake with a client ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Handshake {
    /// TLS 1.2 was agreed on.
    Tls12,
    /// TLS 1.3 was agreed on.
    Tls13,
    /// It was refused by either side, or the connection broke.
    Failed,
    /// It was not done in time.
    TimedOut,
}

impl Handshake {
    pub(crate) const ALL: [Self; 4] = [Self::Tls12, Self::Tls13, Self::Failed, Self::TimedOut];

    /// The values of the labels `result` and `version`.
    pub(crate) fn labels(self) -> [&'static str; 2] {
        match self {
            Self::Tls12 => ["ok", "1.2"],
            Self::Tls13 => ["ok", "1.3"],
            Self::Failed => ["failed", "none"],
            Self::TimedOut => ["timeout", "none"],
        }
    }
}

/// What is done to save memory. Each includes those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relief {
    /// Nothing.
    #[default]
    None,
    /// Buffers are freed instead of kept, and do not grow.
    FreeBuffers,
    /// Connections of clients without a request are closed, those that did nothing for longest first.
    CloseIdle,
    /// HTTP/2 connections get no new streams beyond a few, and connections whose request does not go on are closed.
    RefuseStreams,
    /// New connections wait to be accepted.
    RefuseConnections,
}

impl Relief {
    /// All, in order.
    pub const ALL: [Self; 5] =
        [Self::None, Self::FreeBuffers, Self::CloseIdle, Self::RefuseStreams, Self::RefuseConnections];

    /// The value of the label `step`; its name in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::FreeBuffers => "free_buffers",
            Self::CloseIdle => "close_idle",
            Self::RefuseStreams => "refuse_streams",
            Self::RefuseConnections => "refuse_connections",
        }
    }
}

/// What became of a copy of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mirrored {
    /// It was answered.
    Answered,
    /// It was not.
    Failed,
    /// It was not sent: too many were under way, or its body had not come.
    Dropped,
}

impl Mirrored {
    pub(crate) const ALL: [Self; 3] = [Self::Answered, Self::Failed, Self::Dropped];

    /// The value of the label `result`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }
}

/// Why a client's connection was closed in favour of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shed {
    /// There were as many connections as `--max-connections` allows: one without a request gave way.
    Limit,
    /// Memory ran short: one without a request gave way.
    MemoryIdle,
    /// Memory ran short: one whose request did not go on was cut.
    MemoryStalled,
    /// Too many handshakes were under way: the oldest was cut.
    Handshakes,
}

impl Shed {
    pub(crate) const ALL: [Self; 4] = [Self::Limit, Self::MemoryIdle, Self::MemoryStalled, Self::Handshakes];

    /// The value of the label `reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::MemoryIdle => "memory_idle",
            Self::MemoryStalled => "memory_stalled",
            Self::Handshakes => "handshakes",
        }
    }
}

/// How a TLS handshake with a pod ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PodHandshake {
    /// In full.
    Full,
    /// With the keys of an earlier session.
    Resumed,
    /// It was not done in time.
    TimedOut,
    /// The pod closed the connection.
    Closed,
    /// The pod sent something else than TLS.
    NotTls,
    /// The pod's certificate was refused.
    Certificate,
    /// The pod refused, by an alert.
    Refused,
    /// The two sides could not agree, or the pod broke the protocol.
    Failed,
}

impl PodHandshake {
    pub(crate) const ALL: [Self; 8] = [
        Self::Full,
        Self::Resumed,
        Self::TimedOut,
        Self::Closed,
        Self::NotTls,
        Self::Certificate,
        Self::Refused,
        Self::Failed,
    ];

    /// The value of the label `result`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "ok",
            Self::Resumed => "resumed",
            Self::TimedOut => "timeout",
            Self::Closed => "closed",
            Self::NotTls => "not_tls",
            Self::Certificate => "certificate",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// Why a request was refused before a route was looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The head breaks the grammar or the framing rules: 400.
    Malformed,
    /// The host is absent, doubled or no host: 400.
    Host,
    /// The path has no single meaning, or none: 400.
    Path,
    /// The head did not come in time: 408.
    Timeout,
    /// The target is too long: 414.
    TargetTooLong,
    /// The head is too large or has too many fields: 431.
    HeadTooLarge,
    /// An expectation other than `100-continue`: 417.
    Expectation,
    /// The connection is not for this host: 421.
    Misdirected,
    /// A method or transfer coding that is not served: 501.
    Unsupported,
    /// A protocol version that is not served: 505.
    Version,
    /// Too much is going on already.
    Overload,
}

impl Refusal {
    pub(crate) const ALL: [Self; 11] = [
        Self::Malformed,
        Self::Host,
        Self::Path,
        Self::Timeout,
        Self::TargetTooLong,
        Self::HeadTooLarge,
        Self::Expectation,
        Self::Misdirected,
        Self::Unsupported,
        Self::Version,
        Self::Overload,
    ];

    /// The value of the label `reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Host => "host",
            Self::Path => "path",
            Self::Timeout => "timeout",
            Self::TargetTooLong => "target_too_long",
            Self::HeadTooLarge => "head_too_large",
            Self::Expectation => "expectation",
            Self::Misdirected => "misdirected",
            Self::Unsupported => "unsupported",
            Self::Version => "version",
            Self::Overload => "overload",
        }
    }
}

/// What a connection began with, where a PROXY protocol header may or must stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProxyHeader {
    /// A header of version 1 that names a client.
    V1,
    /// A header of version 2 that names a client.
    V2,
    /// A header by which the sender speaks for itself: the address of the connection stands.
    Local,
    /// Something else, from a peer that need not send a header: served.
    Absent,
    /// Something else, from a peer that must: closed.
    Missing,
    /// Whatever it was: its peer may not send one, and others are not served. Closed.
    Untrusted,
    /// A header that breaks the rules: closed.
    Invalid,
    /// Nothing, or a part of a header, for too long: closed.
    TimedOut,
    /// Nothing, or a part of a header: the peer closed.
    Closed,
}

impl ProxyHeader {
    pub(crate) const ALL: [Self; 9] = [
        Self::V1,
        Self::V2,
        Self::Local,
        Self::Absent,
        Self::Missing,
        Self::Untrusted,
        Self::Invalid,
        Self::TimedOut,
        Self::Closed,
    ];

    /// The value of the label `result`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
            Self::Local => "local",
            Self::Absent => "absent",
            Self::Missing => "missing",
            Self::Untrusted => "untrusted",
            Self::Invalid => "invalid",
            Self::TimedOut => "timeout",
            Self::Closed => "closed",
        }
    }
}

/// How much of a table was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// All of it.
    Full,
    /// The units that a change touched.
    Units,
}

impl Scope {
    pub(crate) const ALL: [Self; 2] = [Self::Full, Self::Units];

    /// The value of the label `scope`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Units => "units",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_list_their_members_in_order() {
        assert!(Listener::ALL.iter().enumerate().all(|(index, member)| *member as usize == index));
        assert!(Handshake::ALL.iter().enumerate().all(|(index, member)| *member as usize == index));
        assert!(PodHandshake::ALL.iter().enumerate().all(|(index, member)| *member as usize == index));
        assert!(Refusal::ALL.iter().enumerate().all(|(index, member)| *member as usize == index));
        assert!(ProxyHeader::ALL.iter().enumerate().all(|(index, member)| *member as usize == index));
        assert!(Scope::ALL.iter().enumerate().all(|(index, member)| *member as usize == index));
    }
}
