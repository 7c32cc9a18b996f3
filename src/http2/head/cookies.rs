//! The crumbs of the Cookie field (RFC 9113 §8.2.3).
//!
//! A client may send each cookie as a field of its own; together they are one field, which is one line in the arena.

use super::lines;
use crate::http1::{Field, FieldKind};

/// What stands between two crumbs.
const BETWEEN: &[u8] = b"; ";

/// Lengthens the last line, which is a Cookie field, by one more crumb.
pub(super) fn add_crumb(bytes: &mut Vec<u8>, field: &mut Field, crumb: &[u8]) {
    if crumb.is_empty() {
        return;
    }
    bytes.truncate(field.value.end());
    if !field.value.is_empty() {
        bytes.extend_from_slice(BETWEEN);
    }
    bytes.extend_from_slice(crumb);
    bytes.extend_from_slice(b"\r\n");
    *field = lines::place(field.kind, field.line.start(), field.name.len(), bytes.len());
}

/// Joins Cookie fields that have others between them into one, which becomes the last field. Copies each byte at most
/// twice.
pub(super) fn gather(bytes: &mut Vec<u8>, fields: &mut Vec<Field>) {
    let Some(first) = fields.iter().position(|field| field.kind == FieldKind::Cookie) else { return };
    let (from, end, count) = (fields[first].line.start(), bytes.len(), fields.len());
    // What lies behind `from` is written anew at the end of the arena, then moved to where it was.
    let moved_by = end - from;
    let mut cookie = None;
    for at in first..count {
        let field = fields[at];
        if field.kind == FieldKind::Cookie {
            cookie = cookie.or(Some(field));
        } else {
            let start = bytes.len() - moved_by;
            bytes.extend_from_within(field.line.start()..field.line.end());
            fields.push(lines::place(field.kind, start, field.name.len(), bytes.len() - moved_by));
        }
    }
    let Some(cookie) = cookie else { return };
    let start = bytes.len() - moved_by;
    bytes.extend_from_within(cookie.line.start()..cookie.value.start());
    let mut is_first = true;
    for field in &fields[first..count] {
        if field.kind == FieldKind::Cookie && !field.value.is_empty() {
            if !is_first {
                bytes.extend_from_slice(BETWEEN);
            }
            is_first = false;
            bytes.extend_from_within(field.value.start()..field.value.end());
        }
    }
    bytes.extend_from_slice(b"\r\n");
    fields.push(lines::place(cookie.kind, start, cookie.name.len(), bytes.len() - moved_by));
    fields.drain(first..count);
    bytes.drain(from..end);
}
