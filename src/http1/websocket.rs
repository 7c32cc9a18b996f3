//! The key of a WebSocket handshake and the answer to it (RFC 6455 §4.1, §4.2.2). HTTP/2 has neither (RFC 8441 §5): where
//! only one side speaks HTTP/2, we make the key or give the answer in its place.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::engine::general_purpose::STANDARD;
use base64::{DecodeSliceError, Engine as _};

/// The field of a request that has the key.
pub const KEY_FIELD: &[u8] = b"sec-websocket-key";
/// The field of a response that answers it.
pub const ACCEPT_FIELD: &[u8] = b"sec-websocket-accept";
/// Length of a key in Base64, bytes.
pub const KEY: usize = 24;
/// Length of the answer to a key in Base64, bytes.
pub const ACCEPT: usize = 28;

/// What a key is joined with.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The value of Sec-WebSocket-Key for a nonce.
pub fn key(nonce: u128) -> [u8; KEY] {
    let mut key = [0; KEY];
    let written = STANDARD.encode_slice(nonce.to_be_bytes(), &mut key);
    debug_assert_eq!(written, Ok(KEY));
    key
}

/// The value of Sec-WebSocket-Accept for a key. `None` if it is none: 16 bytes in Base64.
pub fn accept(key: &[u8]) -> Option<[u8; ACCEPT]> {
    let mut nonce = [0; 18];
    let length: Result<usize, DecodeSliceError> = STANDARD.decode_slice(key, &mut nonce);
    if key.len() != KEY || length != Ok(16) {
        return None;
    }
    let mut joined = [0; KEY + GUID.len()];
    joined[..KEY].copy_from_slice(key);
    joined[KEY..].copy_from_slice(GUID);
    let mut accept = [0; ACCEPT];
    let written = STANDARD.encode_slice(digest(&SHA1_FOR_LEGACY_USE_ONLY, &joined), &mut accept);
    debug_assert_eq!(written, Ok(ACCEPT));
    Some(accept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_6455_1_3_the_answer_belongs_to_the_key() {
        assert_eq!(accept(b"dGhlIHNhbXBsZSBub25jZQ==").as_ref(), Some(b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        assert_eq!(key(0), *b"AAAAAAAAAAAAAAAAAAAAAA==");
        assert!(accept(&key(u128::MAX)).is_some());
        let long = [b'A'; 32];
        for none in
            [&b""[..], b"dGhlIHNhbXBsZSBub25jZQ", b"dGhlIHNhbXBsZSBub25jZQ= ", b"not base64 at all, no!!!", &long]
        {
            assert_eq!(accept(none), None, "{}", none.escape_ascii());
        }
    }
}
