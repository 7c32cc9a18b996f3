//! The static table (RFC 7541 Appendix A): fields that both sides know from the start.

/// A name of the static table. Fields that refer to it by number come with it ([`super::FieldSink::known`]), so that what
/// they mean need not be found out from their bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Known(u8);

/// Number of entries, 1 to 61.
pub(super) const ENTRIES: usize = 61;

impl Known {
    /// `:authority`.
    pub const AUTHORITY: Self = Self(1);
    /// `:method`.
    pub const METHOD: Self = Self(2);
    /// `:path`.
    pub const PATH: Self = Self(4);
    /// `:scheme`.
    pub const SCHEME: Self = Self(6);
    /// `:status`.
    pub const STATUS: Self = Self(8);
    /// `accept-charset`.
    pub const ACCEPT_CHARSET: Self = Self(15);
    /// `accept-encoding`.
    pub const ACCEPT_ENCODING: Self = Self(16);
    /// `accept-language`.
    pub const ACCEPT_LANGUAGE: Self = Self(17);
    /// `accept-ranges`.
    pub const ACCEPT_RANGES: Self = Self(18);
    /// `accept`.
    pub const ACCEPT: Self = Self(19);
    /// `access-control-allow-origin`.
    pub const ACCESS_CONTROL_ALLOW_ORIGIN: Self = Self(20);
    /// `age`.
    pub const AGE: Self = Self(21);
    /// `allow`.
    pub const ALLOW: Self = Self(22);
    /// `authorization`.
    pub const AUTHORIZATION: Self = Self(23);
    /// `cache-control`.
    pub const CACHE_CONTROL: Self = Self(24);
    /// `content-disposition`.
    pub const CONTENT_DISPOSITION: Self = Self(25);
    /// `content-encoding`.
    pub const CONTENT_ENCODING: Self = Self(26);
    /// `content-language`.
    pub const CONTENT_LANGUAGE: Self = Self(27);
    /// `content-length`.
    pub const CONTENT_LENGTH: Self = Self(28);
    /// `content-location`.
    pub const CONTENT_LOCATION: Self = Self(29);
    /// `content-range`.
    pub const CONTENT_RANGE: Self = Self(30);
    /// `content-type`.
    pub const CONTENT_TYPE: Self = Self(31);
    /// `cookie`.
    pub const COOKIE: Self = Self(32);
    /// `date`.
    pub const DATE: Self = Self(33);
    /// `etag`.
    pub const ETAG: Self = Self(34);
    /// `expect`.
    pub const EXPECT: Self = Self(35);
    /// `expires`.
    pub const EXPIRES: Self = Self(36);
    /// `from`.
    pub const FROM: Self = Self(37);
    /// `host`.
    pub const HOST: Self = Self(38);
    /// `if-match`.
    pub const IF_MATCH: Self = Self(39);
    /// `if-modified-since`.
    pub const IF_MODIFIED_SINCE: Self = Self(40);
    /// `if-none-match`.
    pub const IF_NONE_MATCH: Self = Self(41);
    /// `if-range`.
    pub const IF_RANGE: Self = Self(42);
    /// `if-unmodified-since`.
    pub const IF_UNMODIFIED_SINCE: Self = Self(43);
    /// `last-modified`.
    pub const LAST_MODIFIED: Self = Self(44);
    /// `link`.
    pub const LINK: Self = Self(45);
    /// `location`.
    pub const LOCATION: Self = Self(46);
    /// `max-forwards`.
    pub const MAX_FORWARDS: Self = Self(47);
    /// `proxy-authenticate`.
    pub const PROXY_AUTHENTICATE: Self = Self(48);
    /// `proxy-authorization`.
    pub const PROXY_AUTHORIZATION: Self = Self(49);
    /// `range`.
    pub const RANGE: Self = Self(50);
    /// `referer`.
    pub const REFERER: Self = Self(51);
    /// `refresh`.
    pub const REFRESH: Self = Self(52);
    /// `retry-after`.
    pub const RETRY_AFTER: Self = Self(53);
    /// `server`.
    pub const SERVER: Self = Self(54);
    /// `set-cookie`.
    pub const SET_COOKIE: Self = Self(55);
    /// `strict-transport-security`.
    pub const STRICT_TRANSPORT_SECURITY: Self = Self(56);
    /// `transfer-encoding`.
    pub const TRANSFER_ENCODING: Self = Self(57);
    /// `user-agent`.
    pub const USER_AGENT: Self = Self(58);
    /// `vary`.
    pub const VARY: Self = Self(59);
    /// `via`.
    pub const VIA: Self = Self(60);
    /// `www-authenticate`.
    pub const WWW_AUTHENTICATE: Self = Self(61);

    /// The least index that the name has in the static table, 1 to 61.
    #[inline]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The name, in lower case.
    #[inline]
    pub fn as_str(self) -> &'static str {
        ENTRY[self.index() & MASK].0
    }

    /// Length of the name, in bytes.
    #[inline]
    pub(super) fn len(self) -> usize {
        self.as_str().len()
    }

    /// The name, in lower case, as bytes.
    #[inline]
    pub fn as_bytes(self) -> &'static [u8] {
        self.as_str().as_bytes()
    }
}

/// The entry at `index`, 1 to 61.
#[inline]
pub(super) fn entry(index: usize) -> Option<(Known, &'static str)> {
    if !(1..=ENTRIES).contains(&index) {
        return None;
    }
    let (_, value, known) = ENTRY[index & MASK];
    Some((known, value))
}

/// The name that `name` is, in any case. Pseudo-fields have numbers in the table, but are no fields.
///
/// Bytes are compared without the bit that tells the case, which is exact for names of fields (RFC 9110 §5.1): tokens.
pub(super) fn known(name: &[u8]) -> Option<Known> {
    const CASE: u64 = 0x2020_2020_2020_2020;
    let (first, last) = name.first().zip(name.last())?;
    let known = BY_HASH[hash(name.len(), first | 0x20, last | 0x20)];
    let expected = known.as_bytes();
    let eight = |name: &[u8; 8], expected: &[u8; 8]| u64::from_le_bytes(*name) | CASE == u64::from_le_bytes(*expected);
    let is_equal = name.len() == expected.len()
        && match name.last_chunk().zip(expected.last_chunk()) {
            Some((last, expected_last)) => {
                let chunks = name.as_chunks().0.iter().zip(expected.as_chunks().0);
                eight(last, expected_last) && chunks.into_iter().all(|(name, expected)| eight(name, expected))
            }
            None => name.iter().zip(expected).all(|(byte, expected)| byte | 0x20 == *expected),
        };
    is_equal.then_some(known)
}

/// Tells all names apart; the factors were found by trial. A build in which it does not fails.
const fn hash(length: usize, first: u8, last: u8) -> usize {
    length.wrapping_mul(21).wrapping_add((first as usize) * 122).wrapping_add((last as usize) * 29) % HASHES
}

const HASHES: usize = 128;

/// Names by hash.
static BY_HASH: [Known; HASHES] = by_hash();

const fn by_hash() -> [Known; HASHES] {
    let mut by_hash = [Known(0); HASHES];
    let mut index = FIRST_FIELD;
    while index <= ENTRIES {
        let (name, _, known) = STATIC[index];
        let name = name.as_bytes();
        let hash = hash(name.len(), name[0], name[name.len() - 1]);
        assert!(by_hash[hash].0 == 0 || by_hash[hash].0 == known.0, "two names have one hash");
        by_hash[hash] = known;
        index += 1;
    }
    by_hash
}

/// The first entry that is no pseudo-field.
const FIRST_FIELD: usize = 15;

/// Name, value, and which name it is. Nothing has index 0.
const STATIC: [(&str, &str, Known); ENTRIES + 1] = [
    ("", "", Known(0)),
    (":authority", "", Known::AUTHORITY),
    (":method", "GET", Known::METHOD),
    (":method", "POST", Known::METHOD),
    (":path", "/", Known::PATH),
    (":path", "/index.html", Known::PATH),
    (":scheme", "http", Known::SCHEME),
    (":scheme", "https", Known::SCHEME),
    (":status", "200", Known::STATUS),
    (":status", "204", Known::STATUS),
    (":status", "206", Known::STATUS),
    (":status", "304", Known::STATUS),
    (":status", "400", Known::STATUS),
    (":status", "404", Known::STATUS),
    (":status", "500", Known::STATUS),
    ("accept-charset", "", Known::ACCEPT_CHARSET),
    ("accept-encoding", "gzip, deflate", Known::ACCEPT_ENCODING),
    ("accept-language", "", Known::ACCEPT_LANGUAGE),
    ("accept-ranges", "", Known::ACCEPT_RANGES),
    ("accept", "", Known::ACCEPT),
    ("access-control-allow-origin", "", Known::ACCESS_CONTROL_ALLOW_ORIGIN),
    ("age", "", Known::AGE),
    ("allow", "", Known::ALLOW),
    ("authorization", "", Known::AUTHORIZATION),
    ("cache-control", "", Known::CACHE_CONTROL),
    ("content-disposition", "", Known::CONTENT_DISPOSITION),
    ("content-encoding", "", Known::CONTENT_ENCODING),
    ("content-language", "", Known::CONTENT_LANGUAGE),
    ("content-length", "", Known::CONTENT_LENGTH),
    ("content-location", "", Known::CONTENT_LOCATION),
    ("content-range", "", Known::CONTENT_RANGE),
    ("content-type", "", Known::CONTENT_TYPE),
    ("cookie", "", Known::COOKIE),
    ("date", "", Known::DATE),
    ("etag", "", Known::ETAG),
    ("expect", "", Known::EXPECT),
    ("expires", "", Known::EXPIRES),
    ("from", "", Known::FROM),
    ("host", "", Known::HOST),
    ("if-match", "", Known::IF_MATCH),
    ("if-modified-since", "", Known::IF_MODIFIED_SINCE),
    ("if-none-match", "", Known::IF_NONE_MATCH),
    ("if-range", "", Known::IF_RANGE),
    ("if-unmodified-since", "", Known::IF_UNMODIFIED_SINCE),
    ("last-modified", "", Known::LAST_MODIFIED),
    ("link", "", Known::LINK),
    ("location", "", Known::LOCATION),
    ("max-forwards", "", Known::MAX_FORWARDS),
    ("proxy-authenticate", "", Known::PROXY_AUTHENTICATE),
    ("proxy-authorization", "", Known::PROXY_AUTHORIZATION),
    ("range", "", Known::RANGE),
    ("referer", "", Known::REFERER),
    ("refresh", "", Known::REFRESH),
    ("retry-after", "", Known::RETRY_AFTER),
    ("server", "", Known::SERVER),
    ("set-cookie", "", Known::SET_COOKIE),
    ("strict-transport-security", "", Known::STRICT_TRANSPORT_SECURITY),
    ("transfer-encoding", "", Known::TRANSFER_ENCODING),
    ("user-agent", "", Known::USER_AGENT),
    ("vary", "", Known::VARY),
    ("via", "", Known::VIA),
    ("www-authenticate", "", Known::WWW_AUTHENTICATE),
];

/// The table in memory, filled up so that a mask makes an index.
static ENTRY: [(&str, &str, Known); MASK + 1] = {
    let mut entries = [("", "", Known(0)); MASK + 1];
    let mut index = 1;
    while index <= ENTRIES {
        entries[index] = STATIC[index];
        index += 1;
    }
    entries
};

const MASK: usize = 63;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_with_its_least_index_and_nothing_else_is() {
        for (index, (name, value, number)) in STATIC.into_iter().enumerate().skip(1) {
            assert_eq!(entry(index), Some((number, value)));
            assert_eq!(number.as_str(), name);
            assert!(number.index() <= index && STATIC[..number.index()].iter().all(|(other, ..)| *other != name));
            assert_eq!(known(name.as_bytes()), (index >= FIRST_FIELD).then_some(number));
            assert_eq!(known(&name.as_bytes()[1..]), None);
            assert_eq!(known(name.to_ascii_uppercase().as_bytes()), known(name.as_bytes()));
            assert_eq!(known(format!("{name}x").as_bytes()), None);
        }
        assert_eq!(known(b""), None);
        assert_eq!(entry(0), None);
        assert_eq!(entry(62), None);
    }

    #[test]
    fn entries_have_the_numbers_of_appendix_a() {
        for (index, name, value) in [
            (1, ":authority", ""),
            (2, ":method", "GET"),
            (8, ":status", "200"),
            (14, ":status", "500"),
            (16, "accept-encoding", "gzip, deflate"),
            (19, "accept", ""),
            (28, "content-length", ""),
            (32, "cookie", ""),
            (33, "date", ""),
            (38, "host", ""),
            (46, "location", ""),
            (55, "set-cookie", ""),
            (58, "user-agent", ""),
            (61, "www-authenticate", ""),
        ] {
            let (known, found) = entry(index).unwrap();
            assert_eq!((known.as_str(), found), (name, value));
        }
    }
}
