//! The Connection field (RFC 9110 §7.6.1).

use super::field::{Field, FieldKind};
use super::grammar::{is_token, members};

/// Most members of the Connection fields of one head, empty ones included.
pub const MAX_CONNECTION_TOKENS: usize = 32;

/// Why the Connection fields of a head cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionError {
    /// More members than [`MAX_CONNECTION_TOKENS`].
    #[error("Connection has too many members")]
    TooMany,
    /// A member is not a token.
    #[error("Connection has a member that is no token")]
    Malformed,
}

/// What the Connection fields say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) close: bool,
    pub(super) keep_alive: bool,
    pub(super) upgrade: bool,
}

/// Reads the Connection fields and marks the fields they name.
pub(super) fn read(buf: &[u8], fields: &mut [Field]) -> Result<Options, ConnectionError> {
    let mut options = Options::default();
    let mut count = 0;
    for at in 0..fields.len() {
        if fields[at].kind != FieldKind::Connection {
            continue;
        }
        for member in members(fields[at].value.of(buf)) {
            count += 1;
            if count > MAX_CONNECTION_TOKENS {
                return Err(ConnectionError::TooMany);
            }
            // A list may have empty members (RFC 9110 §5.6.1.2).
            if member.is_empty() {
                continue;
            }
            if !is_token(member) {
                return Err(ConnectionError::Malformed);
            }
            if member.eq_ignore_ascii_case(b"close") {
                options.close = true;
            } else if member.eq_ignore_ascii_case(b"keep-alive") {
                options.keep_alive = true;
            } else if member.eq_ignore_ascii_case(b"upgrade") {
                options.upgrade = true;
            } else {
                mark_hop(buf, fields, member);
            }
        }
    }
    Ok(options)
}

fn mark_hop(buf: &[u8], fields: &mut [Field], name: &[u8]) {
    for field in fields {
        if field.name.len() == name.len() && field.name.of(buf).eq_ignore_ascii_case(name) {
            field.hop = !field.kind.is_protected();
        }
    }
}
