//! Trailers (RFC 9113 §8.1).

use super::fault::TrailerFault;
use super::{lines, rules};
use crate::http1::{FieldKind, MAX_TRAILER_BYTES, MAX_TRAILER_FIELDS, may_trail, trim};
use crate::http2::hpack::FieldSink;

/// Takes the fields of one header block over as trailer lines. Fields that may not travel behind a body are left out,
/// but count.
#[derive(Debug)]
pub struct TrailerReader<'a> {
    lines: &'a mut Vec<u8>,
    /// How many bytes and fields may still come.
    room: usize,
    fields_left: usize,
    fault: Option<TrailerFault>,
}

impl<'a> TrailerReader<'a> {
    /// Begins a trailer section. What `lines` held before is gone; its memory stays.
    pub fn new(lines: &'a mut Vec<u8>) -> Self {
        lines.clear();
        Self { lines, room: MAX_TRAILER_BYTES, fields_left: MAX_TRAILER_FIELDS, fault: None }
    }

    /// Ends the section. After a fault `lines` holds nothing.
    pub fn finish(self) -> Result<(), TrailerFault> {
        match self.fault {
            Some(fault) => {
                self.lines.clear();
                Err(fault)
            }
            None => Ok(()),
        }
    }
}

impl FieldSink for TrailerReader<'_> {
    fn field(&mut self, name: &[u8], value: &[u8]) {
        if self.fault.is_some() {
            return;
        }
        if name.first() == Some(&b':') {
            self.fault = Some(TrailerFault::Malformed("a pseudo-field is among trailers"));
            return;
        }
        // As in responses: grpc-message may end with a space, and HTTP/1 would read it without.
        let value = trim(value);
        let fault = rules::text_fault(name, value).or_else(|| rules::kind_fault(FieldKind::of(name), value));
        if let Some(text) = fault {
            self.fault = Some(TrailerFault::Malformed(text));
            return;
        }
        let line = name.len() + value.len() + lines::LINE_REST;
        let (Some(fields_left), Some(room)) = (self.fields_left.checked_sub(1), self.room.checked_sub(line)) else {
            self.fault = Some(TrailerFault::TooLarge);
            return;
        };
        (self.fields_left, self.room) = (fields_left, room);
        if may_trail(name) {
            lines::append_text(self.lines, name, value);
        }
    }
}
