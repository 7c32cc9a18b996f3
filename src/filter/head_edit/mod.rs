//! Edits of a head on its way through: the one form in which filters and the proxy itself drop, add and replace fields
//! of requests and answers, whatever protocol the next hop speaks.
//!
//! An edit belongs to one head and leaves the head's bytes as they are: it marks fields that stay behind and holds
//! fields that are added. HTTP/1 writes both as lines ([`HeadEdit::write`]), HTTP/2 takes them as names and values
//! ([`HeadEdit::fields`]). Its memory is meant to be reused, and an edit without content costs one comparison for each
//! field.

use crate::http1::{Field, FieldKind, Span, is_field_value, is_token, writer};

/// A name that an edit may drop, add or replace: any token but those that say where a message ends, who it is for or
/// what belongs to one connection. These are written anew for each hop, and two of them would be an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldName<'a> {
    text: &'a [u8],
    kind: FieldKind,
}

impl FieldName<'static> {
    /// `Authorization`.
    pub const AUTHORIZATION: Self = Self { text: b"authorization", kind: FieldKind::Authorization };
    /// `WWW-Authenticate`.
    pub const WWW_AUTHENTICATE: Self = Self::other(b"www-authenticate");
    /// `Allow`.
    pub const ALLOW: Self = Self::other(b"allow");
    /// `Content-Type`.
    pub const CONTENT_TYPE: Self = Self::other(b"content-type");
    /// `Location`.
    pub const LOCATION: Self = Self::other(b"location");
    /// `Retry-After`.
    pub const RETRY_AFTER: Self = Self::other(b"retry-after");
    /// `Set-Cookie`.
    pub const SET_COOKIE: Self = Self::other(b"set-cookie");
    /// `Strict-Transport-Security`.
    pub const STRICT_TRANSPORT_SECURITY: Self = Self::other(b"strict-transport-security");
    /// `Tidegate-Explain`, with which clients ask how they are answered.
    pub const TIDEGATE_EXPLAIN: Self = Self::other(b"tidegate-explain");
    /// `Tidegate-Explanation`, which tells them.
    pub const TIDEGATE_EXPLANATION: Self = Self::other(b"tidegate-explanation");
    /// `X-Forwarded-Prefix`.
    pub const X_FORWARDED_PREFIX: Self = Self { text: b"x-forwarded-prefix", kind: FieldKind::XForwardedOther };
    /// `X-Forwarded-Scheme`.
    pub const X_FORWARDED_SCHEME: Self = Self { text: b"x-forwarded-scheme", kind: FieldKind::XForwardedOther };
    /// `X-Original-Forwarded-For`.
    pub const X_ORIGINAL_FORWARDED_FOR: Self = Self { text: b"x-original-forwarded-for", kind: FieldKind::XOriginal };
    /// `X-Scheme`.
    pub const X_SCHEME: Self = Self { text: b"x-scheme", kind: FieldKind::XScheme };
    /// `X-Request-ID`.
    pub const X_REQUEST_ID: Self = Self { text: b"x-request-id", kind: FieldKind::XRequestId };

    /// A name in lower case that is in none of [`FieldKind`]'s other kinds.
    pub(super) const fn other(text: &'static [u8]) -> Self {
        Self { text, kind: FieldKind::Other }
    }
}

impl<'a> FieldName<'a> {
    /// Reads a name. `None` when it is no token or one of those that nobody may edit.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let kind = FieldKind::of(text);
        let is_ours = kind.is_hop_by_hop() || matches!(kind, FieldKind::Host | FieldKind::ContentLength);
        (is_token(text) && !is_ours).then_some(Self { text, kind })
    }

    /// The name.
    pub fn as_bytes(self) -> &'a [u8] {
        self.text
    }
}

/// The fields of a head, with the bytes that they point into.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fields<'a> {
    /// The head.
    pub bytes: &'a [u8],
    /// Its fields.
    pub list: &'a [Field],
}

impl<'a> Fields<'a> {
    /// The last value of a field.
    pub fn last(&self, name: &str) -> Option<&'a [u8]> {
        let is_it = |field: &&Field| field.name.of(self.bytes).eq_ignore_ascii_case(name.as_bytes());
        self.list.iter().rev().find(is_it).map(|field| field.value.of(self.bytes))
    }
}

/// An edit.
#[derive(Clone, Debug, Default)]
pub struct HeadEdit {
    /// The lines of the head that stay behind.
    dropped: Vec<Span>,
    /// Added fields as lines.
    lines: Vec<u8>,
    /// The same, as places in `lines`.
    added: Vec<Field>,
}

impl HeadEdit {
    /// Forgets everything but the memory.
    pub fn clear(&mut self) {
        let Self { dropped, lines, added } = self;
        dropped.clear();
        lines.clear();
        added.clear();
    }

    /// Adds a field behind those there are. Bytes that no value may hold, line ends above all, become question marks.
    pub fn add(&mut self, name: FieldName<'_>, value: &[u8]) {
        let start = self.lines.len();
        self.lines.extend_from_slice(name.text);
        self.lines.extend_from_slice(b": ");
        let value_start = self.lines.len();
        let may_stay = |byte: &u8| is_field_value(std::slice::from_ref(byte));
        self.lines.extend(value.trim_ascii().iter().map(|byte| if may_stay(byte) { *byte } else { b'?' }));
        let value_end = self.lines.len();
        self.lines.extend_from_slice(b"\r\n");
        self.added.push(Field {
            kind: name.kind,
            name: Span::new(start, start + name.text.len()),
            value: Span::new(value_start, value_end),
            line: Span::new(start, self.lines.len()),
            hop: false,
        });
    }

    /// Leaves out all fields of this name, those of the head and those added before.
    pub fn remove(&mut self, head: Fields<'_>, name: FieldName<'_>) {
        let is_it = |field: &Field, bytes: &[u8]| field.name.of(bytes).eq_ignore_ascii_case(name.text);
        let of_head = head.list.iter().filter(|field| is_it(field, head.bytes)).map(|field| field.line);
        self.dropped.extend(of_head);
        self.added.retain(|field| !is_it(field, &self.lines));
    }

    /// Drops the fields of a client's head that programs behind CGI take for this one: `_` in place of `-`.
    pub fn remove_spellings(&mut self, head: Fields<'_>, name: FieldName<'_>) {
        let plain = |byte: &u8| if *byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
        let is_it = |field: &&Field| field.name.of(head.bytes).iter().map(plain).eq(name.text.iter().map(plain));
        self.dropped.extend(head.list.iter().filter(is_it).map(|field| field.line));
    }

    /// Gives a field this one value, in place of all that it has.
    pub fn set(&mut self, head: Fields<'_>, name: FieldName<'_>, value: &[u8]) {
        self.remove(head, name);
        self.add(name, value);
    }

    /// Whether a field of the head goes on.
    pub fn keeps(&self, field: &Field) -> bool {
        self.dropped.is_empty() || !self.dropped.contains(&field.line)
    }

    /// The added fields, in order.
    pub fn added(&self) -> Fields<'_> {
        Fields { bytes: &self.lines, list: &self.added }
    }

    /// Whether a field of this kind is added.
    pub fn adds(&self, kind: FieldKind) -> bool {
        self.added.iter().any(|field| field.kind == kind)
    }

    /// Appends the lines of the fields that go on: those of the head, as they were sent, and the added ones. `passes`
    /// has the last word on each field of the head that the edit keeps.
    pub fn write(&self, head: Fields<'_>, out: &mut Vec<u8>, mut passes: impl FnMut(&Field) -> bool) {
        writer::copy_fields(out, head.bytes, head.list, |field| self.keeps(field) && passes(field));
        if !self.added.is_empty() {
            writer::copy_fields(out, &self.lines, &self.added, |_| true);
        }
    }

    /// The fields that go on, as [`HeadEdit::write`] writes them.
    pub fn fields<'a>(
        &'a self,
        head: Fields<'a>,
        mut passes: impl FnMut(&Field) -> bool,
    ) -> impl Iterator<Item = (FieldKind, &'a [u8], &'a [u8])> {
        let of = |bytes: &'a [u8]| move |field: &Field| (field.kind, field.name.of(bytes), field.value.of(bytes));
        let of_head = head.list.iter().filter(move |field| self.keeps(field) && passes(field)).map(of(head.bytes));
        of_head.chain(self.added.iter().map(of(&self.lines)))
    }
}

#[cfg(test)]
mod tests;
