//! The head of a response (RFC 9113 §8.3.2, RFC 8441 §5).

use super::fault::ResponseFault;
use super::{lines, rules};
use crate::http1::{
    FieldKind, Framing, Limits, MAX_FIELDS, Marks, RequestContext, ResponseError, ResponseHead, Span, SyntaxError,
    Upgrade, trim, writer,
};
use crate::http2::hpack::FieldSink;

/// What a head of HTTP/1 has beside its field lines and a reason phrase, which HTTP/2 does not have.
const HEAD_REST: usize = "HTTP/1.1 200 \r\n\r\n".len();

/// Takes the fields of one header block over into the head of a response. The usual reason phrase lies in front of the
/// field lines, for clients that want one.
#[derive(Debug)]
pub struct ResponseReader<'a> {
    bytes: &'a mut Vec<u8>,
    head: &'a mut ResponseHead,
    /// How many bytes and fields the head may still grow.
    room: usize,
    fields_left: usize,
    /// `:status` as it came; `None` if it did not.
    status: Option<u16>,
    /// A regular field came.
    in_fields: bool,
    marks: Marks,
    malformed: Option<&'static str>,
    /// The first bound that is broken. What follows is not looked at.
    refused: Option<ResponseError>,
}

impl<'a> ResponseReader<'a> {
    /// Begins a head. What `bytes` and `head` held before is gone; their memory stays.
    pub fn new(bytes: &'a mut Vec<u8>, head: &'a mut ResponseHead, limits: &Limits) -> Self {
        bytes.clear();
        head.clear();
        Self {
            bytes,
            head,
            room: limits.head_bytes.saturating_sub(HEAD_REST),
            fields_left: limits.fields.min(MAX_FIELDS),
            status: None,
            in_fields: false,
            marks: Marks::default(),
            malformed: None,
            refused: None,
        }
    }

    /// Ends the head. `is_end`: the stream ends with it (END_STREAM).
    ///
    /// A body without Content-Length is framed as `UntilClose`, as that of HTTP/1: it is of unknown length.
    pub fn finish(self, is_end: bool, request: RequestContext) -> Result<(), ResponseFault> {
        let Self { bytes, head, status, marks, malformed, refused, .. } = self;
        if let Some(text) = malformed {
            return Err(ResponseFault::Malformed(text));
        }
        let status = status.ok_or(ResponseFault::Malformed(":status is missing"))?;
        // RFC 9113 §8.6: HTTP/2 switches no protocols.
        if status == 101 {
            return Err(ResponseFault::Malformed("101 in HTTP/2"));
        }
        if let Some(error) = refused {
            return Err(error.into());
        }
        if !(100..=599).contains(&status) {
            return Err(ResponseError::Status.into());
        }
        head.status = status;
        if request.upgrade.is_some() && (200..300).contains(&status) {
            // The tunnel is open, for which HTTP/1 says 101. A length is to be ignored (RFC 9110 §9.3.6).
            head.status = 101;
            head.reason = lines::keep(bytes, writer::reason(101).as_bytes());
            head.upgrade = Some(Upgrade::WebSocket);
            head.keep_alive = true;
            head.len = bytes.len();
            return Ok(());
        }
        head.fill_framing(bytes, &marks, request).map_err(ResponseError::from)?;
        // The connection's life is not the head's to decide.
        head.keep_alive = true;
        if is_end && head.is_interim() {
            return Err(ResponseFault::Malformed("an interim response ends the stream"));
        }
        if is_end && matches!(head.framing, Framing::Length(1..)) {
            return Err(ResponseFault::Malformed("content-length announces a body that does not come"));
        }
        head.len = bytes.len();
        Ok(())
    }

    fn pseudo(&mut self, name: &[u8], value: &[u8]) {
        if name != b":status" {
            self.malformed = Some("a pseudo-field is unknown");
        } else if self.in_fields {
            self.malformed = Some("a pseudo-field is behind a regular field");
        } else if self.status.is_some() {
            self.malformed = Some("a pseudo-field is repeated");
        } else if let [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9'] = value {
            let status = value.iter().fold(0, |status, digit| status * 10 + u16::from(digit - b'0'));
            self.status = Some(status);
            self.head.reason = lines::keep(self.bytes, writer::reason(status).as_bytes());
        } else {
            self.malformed = Some(":status is not of three digits");
        }
    }
}

impl FieldSink for ResponseReader<'_> {
    fn field(&mut self, name: &[u8], value: &[u8]) {
        if self.malformed.is_some() {
            return;
        }
        if name.first() == Some(&b':') {
            return self.pseudo(name, value);
        }
        if self.refused.is_some() {
            return;
        }
        self.in_fields = true;
        // Malformed by RFC 9113 §8.2.1. Servers send it, and every client takes it: it is what HTTP/1 would read.
        let value = trim(value);
        let kind = FieldKind::of(name);
        self.malformed = rules::text_fault(name, value).or_else(|| rules::kind_fault(kind, value));
        if self.malformed.is_some() {
            return;
        }
        let line = name.len() + value.len() + lines::LINE_REST;
        let (Some(fields_left), Some(room)) = (self.fields_left.checked_sub(1), self.room.checked_sub(line)) else {
            let error = if self.fields_left == 0 { SyntaxError::TooManyFields } else { SyntaxError::TooLarge };
            self.refused = Some(error.into());
            return;
        };
        (self.fields_left, self.room) = (fields_left, room);
        let start = self.bytes.len() + name.len() + ": ".len();
        self.marks.note(kind, Span::new(start, start + value.len()));
        lines::append(self.bytes, &mut self.head.fields, kind, name, value);
    }
}
