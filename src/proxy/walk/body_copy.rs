//! A body that is gathered for a copy of its request, while it goes to the pod as it comes.

use crate::proxy::error::ProxyError;
use crate::proxy::wire::body::BodySource;

/// Longest body of a copy. Bytes.
pub(crate) const LONGEST: usize = 64 * 1024;

/// Takes all of a body; `None`: there is no copy.
pub(crate) type Done = Box<dyn FnOnce(Option<Vec<u8>>)>;

/// What a copy has of its body so far.
pub(crate) struct BodyCopy {
    body: Vec<u8>,
    /// Bytes of all of it, where that is known.
    length: Option<u64>,
    /// It is called once.
    done: Option<Done>,
}

impl BodyCopy {
    /// Nothing of a body of this length.
    pub(crate) fn new(length: Option<u64>, done: Done) -> Self {
        Self { body: Vec::new(), length, done: Some(done) }
    }

    /// With what comes next. `None`: that was the last, or there is too much of it.
    pub(crate) fn with(mut self: Box<Self>, piece: &[u8]) -> Option<Box<Self>> {
        if self.body.len() + piece.len() > LONGEST {
            return None;
        }
        self.body.extend_from_slice(piece);
        if self.length == Some(self.body.len() as u64) {
            self.hand_over();
            return None;
        }
        Some(self)
    }

    /// That was all.
    pub(crate) fn end(mut self) {
        self.hand_over();
    }

    fn hand_over(&mut self) {
        let body = std::mem::take(&mut self.body);
        if let Some(done) = self.done.take() {
            done(self.length.is_none_or(|length| length == body.len() as u64).then_some(body));
        }
    }
}

impl Drop for BodyCopy {
    fn drop(&mut self) {
        if let Some(done) = self.done.take() {
            done(None);
        }
    }
}

/// A source whose pieces are gathered for a copy as they are handed out.
pub(crate) struct Copying<'a, S> {
    /// Where the body comes from.
    pub source: &'a mut S,
    /// The copy, while there is one.
    pub copy: Option<Box<BodyCopy>>,
}

impl<S: BodySource> BodySource for Copying<'_, S> {
    #[inline]
    async fn chunk(&mut self) -> Result<Option<&[u8]>, ProxyError> {
        let piece = self.source.chunk().await?;
        if let Some(copy) = self.copy.take() {
            self.copy = match piece {
                Some(piece) => copy.with(piece),
                None => {
                    copy.end();
                    None
                }
            };
        }
        Ok(piece)
    }

    fn is_buffered(&mut self) -> bool {
        self.source.is_buffered()
    }

    fn has_arrived(&self) -> bool {
        self.source.has_arrived()
    }

    fn is_over(&self) -> bool {
        // A copy waits to be told so by the last call.
        self.copy.is_none() && self.source.is_over()
    }

    fn trailers(&self) -> &[u8] {
        self.source.trailers()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;

    /// What becomes of a copy with a body of this length that comes in these pieces.
    fn outcome(length: Option<u64>, pieces: &[&[u8]], has_end: bool) -> Vec<Option<usize>> {
        let outcomes = Rc::new(RefCell::new(Vec::new()));
        let seen = Rc::clone(&outcomes);
        let done = move |body: Option<Vec<u8>>| seen.borrow_mut().push(body.map(|body| body.len()));
        let mut copy = Some(Box::new(BodyCopy::new(length, Box::new(done))));
        for piece in pieces {
            copy = copy.and_then(|copy| copy.with(piece));
        }
        match copy {
            Some(copy) if has_end => copy.end(),
            other => drop(other),
        }
        outcomes.take()
    }

    #[test]
    fn nginx_w2_a_copy_has_all_of_a_body_or_there_is_none_and_that_is_told_once() {
        let long = [b'x'; LONGEST];
        for (length, pieces, has_end, expected) in [
            (Some(3), &[&b"a"[..], b"bc"][..], false, Some(3)),
            (Some(3), &[b"a", b"bc"], true, Some(3)),
            (Some(3), &[b"a", b"b"], true, None),
            (Some(3), &[b"a", b"b"], false, None),
            (None, &[b"a", b"bc"], true, Some(3)),
            (None, &[b"a", b"bc"], false, None),
            (None, &[], true, Some(0)),
            (None, &[&long], true, Some(LONGEST)),
            (None, &[&long, b"x"], true, None),
        ] {
            assert_eq!(outcome(length, pieces, has_end), [expected], "{length:?} {}", pieces.len());
        }
    }
}
