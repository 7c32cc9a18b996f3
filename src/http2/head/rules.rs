//! What RFC 9113 §8.2 asks of every field, whichever head it stands in.

use crate::http1::{FieldKind, is_field_value, is_lower_token};

/// Says what is wrong with the name or the value of a regular field.
#[inline]
pub(super) fn text_fault(name: &[u8], value: &[u8]) -> Option<&'static str> {
    if !is_lower_token(name) {
        return Some("a field name is malformed or has upper-case letters");
    }
    if !is_sound_value(value) {
        return Some("a field value has a control character or whitespace around it");
    }
    None
}

/// Says whether a field of this kind may not be there at all.
pub(super) fn kind_fault(kind: FieldKind, value: &[u8]) -> Option<&'static str> {
    match kind {
        // RFC 9113 §8.2.2.
        FieldKind::Connection
        | FieldKind::KeepAlive
        | FieldKind::ProxyConnection
        | FieldKind::TransferEncoding
        | FieldKind::Upgrade => Some("a field is specific to a connection"),
        FieldKind::Te if !value.eq_ignore_ascii_case(b"trailers") => Some("te is other than trailers"),
        _ => None,
    }
}

/// Whether this may be the value of a field or pseudo-field (RFC 9113 §8.2.1).
#[inline]
pub(super) fn is_sound_value(value: &[u8]) -> bool {
    let (Some(first), Some(last)) = (value.first(), value.last()) else { return true };
    !matches!(first, b' ' | b'\t') && !matches!(last, b' ' | b'\t') && is_field_value(value)
}
