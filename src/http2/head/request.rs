//! The head of a request (RFC 9113 §8.3.1).

use super::fault::HeadFault;
use crate::http1::{Limits, RequestHead};
use crate::http2::hpack::FieldSink;

/// Takes the fields of one header block over into the head of a request.
pub struct RequestReader<'a> {
    bytes: &'a mut Vec<u8>,
    head: &'a mut RequestHead,
    limits: &'a Limits,
}

impl<'a> RequestReader<'a> {
    /// Begins a head. What `bytes` and `head` held before is gone; their memory stays.
    pub fn new(bytes: &'a mut Vec<u8>, head: &'a mut RequestHead, limits: &'a Limits) -> Self {
        bytes.clear();
        Self { bytes, head, limits }
    }

    /// Ends the head. `is_end`: the stream ends with it (END_STREAM).
    pub fn finish(self, is_end: bool) -> Result<(), HeadFault> {
        let _ = (self.head, self.limits, is_end);
        Err(HeadFault::Malformed("not written yet"))
    }
}

impl FieldSink for RequestReader<'_> {
    fn field(&mut self, name: &[u8], _value: &[u8]) {
        self.bytes.extend_from_slice(name);
    }
}
