//! Fields of header blocks, sound and odd, as a peer encodes them.

use crate::pair::Choices;

type Words = &'static [&'static [u8]];

/// Values of one kind: sound ones, and odd ones.
pub type Kind = (Words, Words);

pub const METHODS: Kind =
    (&[b"GET", b"POST", b"HEAD", b"X-1"], &[b"OPTIONS", b"CONNECT", b"TRACE", b"get", b"G T", b""]);
pub const SCHEMES: Kind = (&[b"http", b"https"], &[b"HTTP", b"ftp", b"h t", b""]);
pub const AUTHORITIES: Kind = (
    &[b"a.example", b"A.example:80", b"a.example.", b"[::1]:8"],
    &[b"u@a.example", b"a b", b"a:", b"\x80", b"%61", b"a,b", b""],
);
pub const PATHS: Kind = (
    &[b"/", b"/a?b", b"//", b"/%2e/", b"/?", b"/a/../b"],
    &[b"*", b"/a#b", b"/\\", b"/ ", b"a", b"http://b/", b"/\x80", b"?a", b"/\"<>^`{|}", b"/a??b\\", b""],
);
pub const STATUSES: Kind =
    (&[b"200", b"103", b"204", b"404"], &[b"304", b"100", b"101", b"600", b"99", b"20", b"+20", b""]);
const LENGTHS: Kind = (&[b"5", b"0", b"1", b"05"], &[b"5, 5", b"+5", b"-1", b" 5", b"99999999999999999999", b""]);
const COOKIES: Kind = (&[b"a=b", b"c=d; e", b""], &[b";", b" a", b"\x80"]);
const VALUES: Kind = (
    &[b"a", b"", b"b c", b"\x80\xff", &[b'v'; 300]],
    &[b" a", b"a\t", b" ", b"a\nb", b"a\0", b"\x7f", b"trailers", b"100-continue", b"close", b"chunked", b"websocket"],
);
const NAMES: Kind = (
    &[b"x-a", b"x-b", b"accept", b"trailer", b"x_forwarded-for", b"set-cookie", b"content-type", b"grpc-message"],
    &[
        b"te",
        b"expect",
        b"connection",
        b"transfer-encoding",
        b"upgrade",
        b"keep-alive",
        b"proxy-connection",
        b"http2-settings",
        b"X-A",
        b"a b",
        b"a:",
        b"",
        b":path",
        b":protocol",
        b":status",
        b":odd",
        &[b'n'; 200],
    ],
);
/// Strings in Huffman code (RFC 7541 §C.4, §C.6), and two that are none.
const CODED: Kind = (
    &[b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff", b"\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f", b"\x64\x02"],
    &[b"\xff\xff\xff\xff", b"\0"],
);

/// Choices, and how often they are odd: one time in so many, or never. Most rules that are broken end the connection, so
/// that only a peer that keeps to them gets far.
pub struct Whims<'a> {
    choices: Choices<'a>,
    oddness: Option<usize>,
    /// Entries that the peer has made in our table, and whether it lets the table hold more.
    entries: usize,
    may_add: bool,
}

impl<'a> Whims<'a> {
    /// The first choice is how odd the others are.
    pub fn new(mut choices: Choices<'a>) -> Self {
        let oddness = [None, Some(200), Some(50), Some(10)][choices.below(4)];
        Self { choices, oddness, entries: 0, may_add: true }
    }

    pub fn are_over(&self) -> bool {
        self.choices.0.is_empty()
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.choices.below(limit)
    }

    pub fn rarely(&mut self, times: usize) -> bool {
        self.below(times) == times - 1
    }

    pub fn is_odd(&mut self) -> bool {
        self.oddness.is_some_and(|times| self.rarely(times))
    }

    pub fn of<T: Copy>(&mut self, things: &[T]) -> T {
        things[self.below(things.len())]
    }

    pub fn word(&mut self, (sound, odd): Kind) -> &'static [u8] {
        let words = if self.is_odd() { odd } else { sound };
        self.of(words)
    }

    /// Bytes as they stand in the input.
    pub fn raw(&mut self, limit: usize) -> &'a [u8] {
        let length = self.below(limit).min(self.choices.0.len());
        let (bytes, rest) = self.choices.0.split_at(length);
        self.choices.0 = rest;
        bytes
    }

    /// The number of an entry: one of a regular field, one that the peer made, or any.
    fn entry(&mut self) -> usize {
        if self.is_odd() {
            self.below(100)
        } else if self.entries > 0 && self.rarely(2) {
            62 + self.below(self.entries.min(4))
        } else {
            15 + self.below(42)
        }
    }

    /// Changes the size of the table (RFC 7541 §6.3).
    pub fn resize(&mut self, block: &mut Vec<u8>) {
        let size = if self.is_odd() { 4097 } else { self.of(&[0, 100, 4096]) };
        number(block, 0x20, 0x1f, size);
        (self.entries, self.may_add) = (0, size == 4096);
    }

    /// A field in one of the representations that there are (RFC 7541 §6).
    pub fn field(&mut self, block: &mut Vec<u8>, name: &[u8], value: &[u8]) {
        const LITERALS: [(u8, u8); 3] = [(0, 0x0f), (0x10, 0x0f), (0x40, 0x3f)];
        let (first, mask) = self.of(&LITERALS);
        self.entries += usize::from(first == 0x40 && self.may_add);
        number(block, first, mask, 0);
        if self.is_odd() {
            let (name, is_coded) = (self.raw(32), self.rarely(2));
            text(block, name, is_coded);
            let (value, is_coded) = (self.raw(32), self.rarely(2));
            return text(block, value, is_coded);
        }
        text(block, name, false);
        text(block, value, false);
    }

    pub fn regular_fields(&mut self, block: &mut Vec<u8>) {
        for _ in 0..self.below(6) {
            let (name, kind): (&[u8], Kind) = match self.below(16) {
                0..3 => (b"cookie", COOKIES),
                3 if self.is_odd() => (b"host", AUTHORITIES),
                4 if self.rarely(4) => (b"content-length", LENGTHS),
                5 => {
                    let entry = self.entry();
                    number(block, 0x80, 0x7f, entry);
                    continue;
                }
                6 => {
                    // A known name with a value in Huffman code.
                    let (entry, value) = (self.entry(), self.word(CODED));
                    number(block, 0x40, 0x3f, entry);
                    text(block, value, true);
                    self.entries += usize::from(self.may_add);
                    continue;
                }
                _ => (self.word(NAMES), VALUES),
            };
            let value = self.word(kind);
            self.field(block, name, value);
        }
    }
}

/// A number with its prefix (RFC 7541 §5.1).
fn number(block: &mut Vec<u8>, first: u8, mask: u8, number: usize) {
    if number < usize::from(mask) {
        return block.push(first | number as u8);
    }
    block.push(first | mask);
    let mut rest = number - usize::from(mask);
    while rest >= 0x80 {
        block.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    block.push(rest as u8);
}

fn text(block: &mut Vec<u8>, text: &[u8], is_coded: bool) {
    number(block, if is_coded { 0x80 } else { 0 }, 0x7f, text.len());
    block.extend_from_slice(text);
}
