//! The head of a request as an HTTP/2 pod gets it: a WebSocket handshake as an extended CONNECT (RFC 8441 §5).

use crate::http1::{FieldKind, websocket};
use crate::http2::head::encode::{RequestStart, split};

/// A request's head: what is asked, and the lines of its fields.
pub(super) struct PodRequest<'a> {
    /// The pseudo-fields.
    pub start: RequestStart<'a>,
    lines: &'a [u8],
}

/// The request that a head of HTTP/1 asks, as the exchange has composed it. `is_connect`: whether its Upgrade becomes an
/// extended CONNECT; otherwise it is left out. `None` if it names no host.
pub(super) fn of_http1(head: &[u8], is_connect: bool) -> Option<PodRequest<'_>> {
    let end = memchr::memmem::find(head, b"\r\n")?;
    let (start, lines) = (&head[..end], &head[end + 2..]);
    let mut parts = start.split(|&byte| byte == b' ');
    let (method, path) = (parts.next()?, parts.next()?);
    let (_, authority) = split(lines).find(|(name, _)| FieldKind::of(name) == FieldKind::Host)?;
    if authority.is_empty() {
        return None;
    }
    let (method, protocol) = if is_connect { (&b"CONNECT"[..], Some(&b"websocket"[..])) } else { (method, None) };
    Some(PodRequest { start: RequestStart { method, scheme: b"http", authority, path, protocol }, lines })
}

impl PodRequest<'_> {
    /// The fields that go to the pod: all but those that HTTP/2 says otherwise.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let is_connect = self.start.protocol.is_some();
        split(self.lines).filter(move |(name, _)| match FieldKind::of(name) {
            FieldKind::Host | FieldKind::Connection | FieldKind::TransferEncoding | FieldKind::Upgrade => false,
            FieldKind::Other => !(is_connect && name.eq_ignore_ascii_case(websocket::KEY_FIELD)),
            _ => true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_for_a_pod_becomes_a_request() {
        let head = b"POST /x?y HTTP/1.1\r\nhost: a.test\r\nx-one: 1\r\nX-One: \xe9\r\nte: trailers\r\n\
            connection: upgrade\r\nupgrade: websocket\r\ncontent-length: 3\r\n\r\n";
        let request = of_http1(head, false).unwrap();
        let RequestStart { method, scheme, authority, path, protocol } = request.start;
        assert_eq!([method, scheme, authority, path], [&b"POST"[..], b"http", b"a.test", b"/x?y"]);
        assert_eq!(protocol, None);
        let expected: [(&[u8], &[u8]); 4] =
            [(b"x-one", b"1"), (b"X-One", b"\xe9"), (b"te", b"trailers"), (b"content-length", b"3")];
        assert_eq!(request.fields().collect::<Vec<_>>(), expected);
        let chunked = of_http1(b"PUT / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n", false).unwrap();
        assert_eq!(chunked.fields().count(), 0);
        assert!(of_http1(b"GET / HTTP/1.1\r\nhost: \r\n\r\n", false).is_none(), "it names no host");
    }

    #[test]
    fn rfc_8441_5_a_handshake_becomes_an_extended_connect_without_its_key() {
        let head = b"GET /chat HTTP/1.1\r\nhost: a.test\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
            Sec-WebSocket-Version: 13\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
        let request = of_http1(head, true).unwrap();
        assert_eq!((request.start.method, request.start.protocol), (&b"CONNECT"[..], Some(&b"websocket"[..])));
        assert_eq!(request.fields().collect::<Vec<_>>(), [(&b"Sec-WebSocket-Version"[..], &b"13"[..])]);
        assert_eq!(of_http1(head, false).unwrap().fields().count(), 2);
    }
}
