//! The limit of request bodies: 413 for what is longer (nginx `client_max_body_size`).
//!
//! A body that declares its length is refused before any of it is read. The length of a body in chunks is not known: it
//! is counted as it arrives, and refused by the same limit.

use crate::http1::{Framing, RequestHead};

/// A body that is longer than its route allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyTooLarge {
    /// What it declares, bytes.
    pub length: u64,
    /// What the route allows, bytes.
    pub limit: u64,
}

/// Decides by the length that a request declares. No limit allows everything.
pub fn body_size(limit: Option<u64>, request: &RequestHead) -> Result<(), BodyTooLarge> {
    match (request.framing, limit) {
        (Framing::Length(length), Some(limit)) if length > limit => Err(BodyTooLarge { length, limit }),
        (Framing::None | Framing::Length(_) | Framing::Chunked | Framing::UntilClose, Some(_) | None) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declared_length_over_the_limit_is_too_large() {
        let of = |framing, limit| {
            let mut request = RequestHead::new();
            request.framing = framing;
            body_size(limit, &request)
        };
        assert_eq!(of(Framing::Length(10), Some(10)), Ok(()));
        assert_eq!(of(Framing::Length(11), Some(10)), Err(BodyTooLarge { length: 11, limit: 10 }));
        assert_eq!(of(Framing::Length(u64::MAX), None), Ok(()));
        assert_eq!(of(Framing::None, Some(0)), Ok(()));
        assert_eq!(of(Framing::Chunked, Some(0)), Ok(()));
    }
}
