//! The arena: fields as lines, one behind the other.

use crate::http1::{Field, FieldKind, Span};

/// What a line has beside its name and value.
pub(super) const LINE_REST: usize = ": \r\n".len();

/// Appends a line.
#[inline]
pub(super) fn append(bytes: &mut Vec<u8>, fields: &mut Vec<Field>, kind: FieldKind, name: &[u8], value: &[u8]) {
    let start = bytes.len();
    append_text(bytes, name, value);
    fields.push(place(kind, start, name.len(), bytes.len()));
}

/// Appends the text of a line.
#[inline]
pub(super) fn append_text(bytes: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    bytes.reserve(name.len() + value.len() + LINE_REST);
    bytes.extend_from_slice(name);
    bytes.extend_from_slice(b": ");
    bytes.extend_from_slice(value);
    bytes.extend_from_slice(b"\r\n");
}

/// Says where the parts of a line lie.
#[inline]
pub(super) fn place(kind: FieldKind, start: usize, name: usize, end: usize) -> Field {
    Field {
        kind,
        name: Span::new(start, start + name),
        value: Span::new(start + name + ": ".len(), end - "\r\n".len()),
        line: Span::new(start, end),
        hop: false,
    }
}

/// Appends text and says where it lies.
pub(super) fn keep(bytes: &mut Vec<u8>, text: &[u8]) -> Span {
    let start = bytes.len();
    bytes.extend_from_slice(text);
    Span::new(start, bytes.len())
}
