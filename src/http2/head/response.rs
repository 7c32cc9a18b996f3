//! The head of a response (RFC 9113 §8.3.2).

use super::fault::ResponseFault;
use crate::http1::{Limits, RequestContext, ResponseHead};
use crate::http2::hpack::FieldSink;

/// Takes the fields of one header block over into the head of a response.
pub struct ResponseReader<'a> {
    bytes: &'a mut Vec<u8>,
    head: &'a mut ResponseHead,
    limits: &'a Limits,
}

impl<'a> ResponseReader<'a> {
    /// Begins a head. What `bytes` and `head` held before is gone; their memory stays.
    pub fn new(bytes: &'a mut Vec<u8>, head: &'a mut ResponseHead, limits: &'a Limits) -> Self {
        bytes.clear();
        Self { bytes, head, limits }
    }

    /// Ends the head. `is_end`: the stream ends with it (END_STREAM).
    pub fn finish(self, is_end: bool, request: RequestContext) -> Result<(), ResponseFault> {
        let _ = (self.head, self.limits, is_end, request);
        Err(ResponseFault::Malformed("not written yet"))
    }
}

impl FieldSink for ResponseReader<'_> {
    fn field(&mut self, name: &[u8], _value: &[u8]) {
        self.bytes.extend_from_slice(name);
    }
}
