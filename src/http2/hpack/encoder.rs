//! From fields to header blocks (RFC 7541 §3).
//!
//! Made for what it costs a proxy to write a head: a field that is in a table is one byte and one look-up, and strings
//! are written as they are. The Huffman code would take a quarter off strings that no table has, for several
//! instructions per byte on each side; HAProxy leaves it out too.
//!
//! What becomes an entry is told by its name ([`Habit`]): what servers and clients send again and again at once, what
//! differs each time never, and any other field when it comes a second time. So values that never come again push
//! nothing out of the table. Credentials are marked so that nobody behind makes them an entry either (RFC 7541 §7.1.3).

use std::hash::{BuildHasher, Hasher};

use super::sights::{Sight, Sights};
use super::static_table::{self, Known};
use super::table::Table;
use super::{DEFAULT_TABLE_BYTES, ENTRY_OVERHEAD, integer};

/// First bytes of the representations (RFC 7541 §6), and the bits of their numbers.
const INDEXED: (u8, u8) = (0x80, 0x7f);
const REMEMBERED: (u8, u8) = (0x40, 0x3f);
const SIZE_UPDATE: (u8, u8) = (0x20, 0x1f);
const NEVER_INDEXED: (u8, u8) = (0x10, 0x0f);
const PASSING: (u8, u8) = (0x00, 0x0f);

/// Cookies shorter than this can be guessed by trying: entries would tell whether the guess is right, in bytes.
const GUESSABLE_COOKIE: usize = 20;

/// The pseudo-fields of requests (RFC 9113 §8.3.1, RFC 8441 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pseudo {
    /// `:method`.
    Method,
    /// `:scheme`.
    Scheme,
    /// `:authority`.
    Authority,
    /// `:path`.
    Path,
    /// `:protocol`, of extended CONNECT.
    Protocol,
}

/// How the values of a field usually follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Habit {
    /// The same few again and again: an entry at once.
    Constant,
    /// Nobody knows: an entry when it comes a second time.
    Unknown,
    /// Another one each time: no entry.
    Changing,
    /// Credentials: no entry, here or behind.
    Secret,
}

/// The encoding side of a connection.
#[derive(Debug)]
pub struct Encoder {
    table: Table,
    sights: Sights,
    /// The least limit since the last block, and the present one: what the next block announces.
    least: usize,
    limit: usize,
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Encoder {
    /// An encoder whose peer has said nothing yet: its table has 4096 bytes. More than that is never used.
    pub fn new() -> Self {
        let limit = DEFAULT_TABLE_BYTES as usize;
        Self { table: Table::new(limit), sights: Sights::default(), least: limit, limit }
    }

    /// The peer's SETTINGS_HEADER_TABLE_SIZE. The next block begins with what is made of it (RFC 7541 §4.2).
    pub fn set_table_bytes(&mut self, bytes: u32) {
        self.limit = bytes.min(DEFAULT_TABLE_BYTES) as usize;
        self.least = self.least.min(self.limit);
    }

    /// Memory that the encoder holds on the heap, in bytes. Nothing before the first field that is worth it.
    pub fn held(&self) -> usize {
        self.table.held() + self.sights.held()
    }

    /// Begins a block. Each block that is begun must be sent, and in this order, as the peer's table follows it.
    #[inline]
    pub fn begin(&mut self, out: &mut Vec<u8>) {
        if self.least != self.table.max() || self.limit != self.table.max() {
            self.announce_limit(out);
        }
    }

    #[cold]
    fn announce_limit(&mut self, out: &mut Vec<u8>) {
        if self.least < self.table.max() {
            self.table.set_max(self.least);
            integer::write(out, SIZE_UPDATE.0, SIZE_UPDATE.1, self.least);
        }
        if self.limit != self.table.max() {
            self.table.set_max(self.limit);
            integer::write(out, SIZE_UPDATE.0, SIZE_UPDATE.1, self.limit);
        }
        self.least = self.limit;
    }

    /// `:status`, three digits. Precedes the other fields.
    pub fn status(&mut self, status: u16, out: &mut Vec<u8>) {
        let index = match status {
            200 => 8,
            204 => 9,
            206 => 10,
            304 => 11,
            400 => 12,
            404 => 13,
            500 => 14,
            _ => {
                let digit = |unit: u16| b'0' + (status / unit % 10) as u8;
                literal(PASSING, Known::STATUS, &[digit(100), digit(10), digit(1)], out);
                return;
            }
        };
        out.push(INDEXED.0 | index);
    }

    /// A pseudo-field of a request. All of them precede the other fields.
    pub fn pseudo(&mut self, name: Pseudo, value: &[u8], out: &mut Vec<u8>) {
        let known = match (name, value) {
            (Pseudo::Method, b"GET") => return out.push(INDEXED.0 | 2),
            (Pseudo::Method, b"POST") => return out.push(INDEXED.0 | 3),
            (Pseudo::Path, b"/") => return out.push(INDEXED.0 | 4),
            (Pseudo::Path, b"/index.html") => return out.push(INDEXED.0 | 5),
            (Pseudo::Scheme, b"http") => return out.push(INDEXED.0 | 6),
            (Pseudo::Scheme, b"https") => return out.push(INDEXED.0 | 7),
            (Pseudo::Method, _) => Known::METHOD,
            (Pseudo::Scheme, _) => Known::SCHEME,
            (Pseudo::Authority, _) => Known::AUTHORITY,
            (Pseudo::Path, _) => return literal(PASSING, Known::PATH, value, out),
            (Pseudo::Protocol, _) => return self.pseudo_field(b":protocol", None, value, out),
        };
        self.pseudo_field(known.as_bytes(), Some(known), value, out);
    }

    /// A field. Its name is a token, no pseudo-field's; it may have any case and is written in lower case.
    ///
    /// Entries are looked for first, whatever the name, because most fields are one.
    pub fn field(&mut self, name: &[u8], value: &[u8], out: &mut Vec<u8>) {
        let hash = hash(name, value);
        match self.sights.find(hash, &self.table, name, value) {
            Sight::Entry(number) => write_entry(number, out),
            sight => {
                let known = static_table::known(name);
                let habit = match known {
                    Some(known) => habit_of_known(known, value),
                    None => habit_of(name),
                };
                self.write(Unfound { name, value, known, habit, hash, sight }, out);
            }
        }
    }

    fn pseudo_field(&mut self, name: &[u8], known: Option<Known>, value: &[u8], out: &mut Vec<u8>) {
        let hash = hash(name, value);
        match self.sights.find(hash, &self.table, name, value) {
            Sight::Entry(number) => write_entry(number, out),
            sight => self.write(Unfound { name, value, known, habit: Habit::Constant, hash, sight }, out),
        }
    }

    /// Writes a field that is no entry, and makes it one if that is worth it. Names are kept, and found again, in the case
    /// that they have: who sends a field again sends it in the same.
    #[inline(never)]
    fn write(&mut self, field: Unfound<'_>, out: &mut Vec<u8>) {
        let Unfound { name, value, known, habit, hash, sight } = field;
        if known == Some(Known::ACCEPT_ENCODING) && value == b"gzip, deflate" {
            out.push(INDEXED.0 | 16);
            return;
        }
        // An entry of more than half the table would drive out what is worth more.
        let is_small = name.len() + value.len() + ENTRY_OVERHEAD <= self.table.max() / 2;
        let (becomes_entry, is_remembered, kind) = match habit {
            Habit::Secret => (false, false, NEVER_INDEXED),
            Habit::Constant | Habit::Unknown if is_small && (habit == Habit::Constant || sight == Sight::Again) => {
                (true, true, REMEMBERED)
            }
            Habit::Unknown => (false, is_small, PASSING),
            Habit::Constant | Habit::Changing => (false, false, PASSING),
        };
        match known {
            Some(known) => literal(kind, known, value, out),
            None => named_literal(kind, name, value, out),
        }
        if is_remembered {
            self.sights.remember(hash, becomes_entry, &self.table);
        }
        if becomes_entry {
            self.table.insert(name, value);
            self.sights.count_entry();
        }
    }
}

/// A field that is no entry.
struct Unfound<'a> {
    name: &'a [u8],
    value: &'a [u8],
    known: Option<Known>,
    habit: Habit,
    hash: u32,
    sight: Sight,
}

#[inline]
fn write_entry(number: usize, out: &mut Vec<u8>) {
    integer::write(out, INDEXED.0, INDEXED.1, static_table::ENTRIES + 1 + number);
}

fn habit_of_known(name: Known, value: &[u8]) -> Habit {
    match name {
        Known::AUTHORIZATION | Known::PROXY_AUTHORIZATION => Habit::Secret,
        Known::COOKIE | Known::SET_COOKIE if value.len() < GUESSABLE_COOKIE => Habit::Secret,
        Known::COOKIE
        | Known::SET_COOKIE
        | Known::CONTENT_LENGTH
        | Known::CONTENT_RANGE
        | Known::RANGE
        | Known::ETAG
        | Known::IF_NONE_MATCH
        | Known::IF_MATCH
        | Known::IF_RANGE
        | Known::IF_MODIFIED_SINCE
        | Known::IF_UNMODIFIED_SINCE
        | Known::LAST_MODIFIED
        | Known::LOCATION
        | Known::CONTENT_LOCATION
        | Known::AGE
        | Known::PATH => Habit::Changing,
        Known::ACCEPT
        | Known::ACCEPT_CHARSET
        | Known::ACCEPT_ENCODING
        | Known::ACCEPT_LANGUAGE
        | Known::ACCEPT_RANGES
        | Known::ACCESS_CONTROL_ALLOW_ORIGIN
        | Known::ALLOW
        | Known::CACHE_CONTROL
        | Known::CONTENT_ENCODING
        | Known::CONTENT_LANGUAGE
        | Known::CONTENT_TYPE
        | Known::SERVER
        | Known::STRICT_TRANSPORT_SECURITY
        | Known::VARY
        | Known::VIA => Habit::Constant,
        _ => Habit::Unknown,
    }
}

/// Names that no table has and that have another value each time. Others are found out.
fn habit_of(name: &[u8]) -> Habit {
    let changing: &[u8] = match name.len() {
        10 => b"tracestate",
        11 => b"traceparent",
        12 => b"x-request-id",
        _ => return Habit::Unknown,
    };
    if name.eq_ignore_ascii_case(changing) { Habit::Changing } else { Habit::Unknown }
}

/// A field whose name a table has.
#[inline]
fn literal((first, mask): (u8, u8), name: Known, value: &[u8], out: &mut Vec<u8>) {
    integer::write(out, first, mask, name.index());
    text(value, out);
}

/// A field whose name no table has.
fn named_literal((first, _): (u8, u8), name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.push(first);
    text(name, out);
    let start = out.len() - name.len();
    if let Some(name) = out.get_mut(start..) {
        name.make_ascii_lowercase();
    }
    text(value, out);
}

/// A string as it is (RFC 7541 §5.2).
#[inline]
fn text(text: &[u8], out: &mut Vec<u8>) {
    integer::write(out, 0, 0x7f, text.len());
    out.extend_from_slice(text);
}

#[inline]
fn hash(name: &[u8], value: &[u8]) -> u32 {
    let mut hasher = foldhash::fast::FixedState::default().build_hasher();
    hasher.write(name);
    hasher.write(value);
    hasher.finish() as u32
}
