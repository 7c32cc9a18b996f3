//! A piece of a buffer, by offsets, so that a parsed head borrows nothing.

/// A range of bytes of the buffer that was parsed: offsets from its start, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// Covers nothing.
    pub const EMPTY: Self = Self { start: 0, end: 0 };

    /// The bytes from `start` up to `end`. Offsets beyond 4 GiB saturate; no head is that long.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start: saturate(start), end: saturate(end) }
    }

    /// Where `part`, a slice of `buf`, lies in it.
    pub(super) fn within(buf: &[u8], part: &[u8]) -> Self {
        let start = (part.as_ptr() as usize).saturating_sub(buf.as_ptr() as usize);
        Self::new(start, start + part.len())
    }

    /// The bytes themselves. `buf` is the buffer that was parsed, or one that starts with the same bytes; nothing comes
    /// back when it is too short.
    pub fn of<'a>(&self, buf: &'a [u8]) -> &'a [u8] {
        buf.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// Offset of the first byte.
    pub fn start(&self) -> usize {
        self.start as usize
    }

    /// Offset behind the last byte.
    pub fn end(&self) -> usize {
        self.end as usize
    }

    /// Length, in bytes.
    pub fn len(&self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }

    /// Whether it covers nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same range in a buffer that has `by` more bytes in front.
    pub(super) fn shifted(self, by: usize) -> Self {
        Self::new(self.start() + by, self.end() + by)
    }
}

fn saturate(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_of_the_wrong_buffer_is_empty_and_no_panic() {
        let span = Span::new(3, 9);
        assert_eq!(span.of(b"abcdefghij"), b"defghi");
        assert_eq!(span.of(b"abc"), b"");
        assert_eq!(span.len(), 6);
        assert_eq!(span.shifted(2), Span::new(5, 11));
    }

    #[test]
    fn a_part_is_found_where_it_lies() {
        let buf = b"GET / HTTP/1.1";
        assert_eq!(Span::within(buf, &buf[4..5]), Span::new(4, 5));
    }
}
