//! Trailers (RFC 9113 §8.1).

use super::fault::TrailerFault;
use crate::http2::hpack::FieldSink;

/// Takes the fields of one header block over as trailer lines.
pub struct TrailerReader<'a> {
    lines: &'a mut Vec<u8>,
}

impl<'a> TrailerReader<'a> {
    /// Begins a trailer section. What `lines` held before is gone; its memory stays.
    pub fn new(lines: &'a mut Vec<u8>) -> Self {
        lines.clear();
        Self { lines }
    }

    /// Ends the section.
    pub fn finish(self) -> Result<(), TrailerFault> {
        Err(TrailerFault::Malformed("not written yet"))
    }
}

impl FieldSink for TrailerReader<'_> {
    fn field(&mut self, name: &[u8], _value: &[u8]) {
        self.lines.extend_from_slice(name);
    }
}
