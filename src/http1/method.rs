//! Methods and versions.

/// Longest method, in bytes. Anything longer is refused with 400.
pub const MAX_METHOD_BYTES: usize = 32;

/// A request method (RFC 9110 §9). Case-sensitive: `get` is [`Method::Other`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Method {
    /// GET.
    #[default]
    Get,
    /// HEAD: the response has no body.
    Head,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// DELETE.
    Delete,
    /// OPTIONS.
    Options,
    /// PATCH (RFC 5789).
    Patch,
    /// CONNECT: refused, this is not a forward proxy.
    Connect,
    /// TRACE: refused, it reflects credentials.
    Trace,
    /// Any other token. The text is in the head.
    Other,
}

impl Method {
    /// Names the method of a request line.
    pub fn of(text: &[u8]) -> Self {
        match text {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"POST" => Self::Post,
            b"PUT" => Self::Put,
            b"DELETE" => Self::Delete,
            b"OPTIONS" => Self::Options,
            b"PATCH" => Self::Patch,
            b"CONNECT" => Self::Connect,
            b"TRACE" => Self::Trace,
            _ => Self::Other,
        }
    }

    /// Whether the request asks for no change (RFC 9110 §9.2.1).
    pub fn is_safe(self) -> bool {
        match self {
            Self::Get | Self::Head | Self::Options | Self::Trace => true,
            Self::Post | Self::Put | Self::Delete | Self::Patch | Self::Connect | Self::Other => false,
        }
    }

    /// Whether sending the request twice means the same as sending it once (RFC 9110 §9.2.2).
    pub fn is_idempotent(self) -> bool {
        match self {
            Self::Get | Self::Head | Self::Options | Self::Trace | Self::Put | Self::Delete => true,
            Self::Post | Self::Patch | Self::Connect | Self::Other => false,
        }
    }
}

/// The version of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Version {
    /// HTTP/1.0: no chunked coding, connections close unless both sides say otherwise.
    Http10,
    /// HTTP/1.1.
    #[default]
    Http11,
}

impl Version {
    /// From the minor version that httparse gives.
    pub(super) fn of_minor(minor: Option<u8>) -> Self {
        if minor == Some(0) { Self::Http10 } else { Self::Http11 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b18_methods_are_case_sensitive() {
        assert_eq!(Method::of(b"GET"), Method::Get);
        assert_eq!(Method::of(b"get"), Method::Other);
        assert_eq!(Method::of(b"QUERY"), Method::Other);
        assert_eq!(Method::of(b""), Method::Other);
    }

    #[test]
    fn every_safe_method_is_idempotent() {
        for text in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE", "X"] {
            let method = Method::of(text.as_bytes());
            assert!(!method.is_safe() || method.is_idempotent(), "{text}");
        }
        assert!(Method::Put.is_idempotent() && !Method::Post.is_idempotent() && !Method::Other.is_idempotent());
    }
}
