//! Keys that replicas share: the entries of a Secret, and the keys for single uses that are derived from them.
//!
//! The bytes of an entry are used for nothing by themselves. Each use has a key of its own (HKDF, RFC 5869), so that what one use
//! shows says nothing of another.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hkdf;

/// Entries of a Secret. More are refused: each may have to be tried.
const MOST: usize = 16;
/// Fewest bytes of an entry.
const SHORTEST: usize = 32;
/// Most bytes of an entry.
const LONGEST: usize = 1024;

/// What HKDF mixes into all keys (its `salt`). Another number would make all keys others.
const SALT: &[u8] = b"tidegate shared keys 1";

/// The keys, the newest first. Without any, each process uses keys of its own.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SharedKeys(Arc<[SharedKey]>);

/// An entry of the Secret.
#[derive(Clone, PartialEq, Eq)]
struct SharedKey {
    name: Box<str>,
    bytes: Box<[u8]>,
}

/// What a key is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUse {
    /// Tickets of TLS sessions.
    Tickets,
    /// Those of clients that have shown a certificate.
    TicketsOfKnown,
    /// Tokens in forms of the page of the statistics.
    Forms,
}

/// Why a Secret holds no keys that can be shared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SharedKeysFault {
    /// It has no entry.
    #[error("it has no entry")]
    Empty,
    /// It has too many.
    #[error("it has {0} entries, where {MOST} are the most")]
    TooMany(usize),
    /// An entry is too short.
    #[error("its entry {0} has {1} bytes, where {SHORTEST} are the least")]
    TooShort(Box<str>, usize),
    /// An entry is too long.
    #[error("its entry {0} has {1} bytes, where {LONGEST} are the most")]
    TooLong(Box<str>, usize),
}

impl SharedKeys {
    /// Those of a Secret with these entries. The one with the greatest name is the newest.
    pub fn parse<'a>(entries: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Self, SharedKeysFault> {
        let mut entries: Vec<_> = entries.into_iter().collect();
        match entries.len() {
            0 => return Err(SharedKeysFault::Empty),
            count if count > MOST => return Err(SharedKeysFault::TooMany(count)),
            _ => {}
        }
        entries.sort_unstable_by(|one, other| other.0.cmp(one.0));
        let keys = entries.into_iter().map(|(name, bytes)| match bytes.len() {
            length if length < SHORTEST => Err(SharedKeysFault::TooShort(name.into(), length)),
            length if length > LONGEST => Err(SharedKeysFault::TooLong(name.into(), length)),
            _ => Ok(SharedKey { name: name.into(), bytes: bytes.into() }),
        });
        keys.collect::<Result<_, _>>().map(Self)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Names and bytes, for the file of saved objects.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|key| (&*key.name, &*key.bytes))
    }

    /// The keys for a use, the newest first. `part` tells several of one use apart.
    pub fn keys(&self, of: KeyUse, part: &'static str) -> impl Iterator<Item = [u8; 32]> {
        self.0.iter().map(move |key| key.derived(of, part))
    }
}

impl SharedKey {
    fn derived(&self, of: KeyUse, part: &str) -> [u8; 32] {
        let mut derived = [0; 32];
        let of = match of {
            KeyUse::Tickets => "tickets",
            KeyUse::TicketsOfKnown => "tickets of known clients",
            KeyUse::Forms => "forms",
        };
        let info = [of.as_bytes(), b"/", part.as_bytes()];
        let pseudorandom = hkdf::Salt::new(hkdf::HKDF_SHA256, SALT).extract(&self.bytes);
        let filled = pseudorandom.expand(&info, hkdf::HKDF_SHA256).and_then(|okm| okm.fill(&mut derived));
        filled.expect("HKDF gives one block of its hash at any time");
        derived
    }
}

/// Says how many there are, and nothing of them.
impl fmt::Debug for SharedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedKeys({})", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_name_is_the_newest_and_uses_have_keys_of_their_own() {
        let (old, new) = ([1; 32], [2; 48]);
        let keys = SharedKeys::parse([("2026-01", &old[..]), ("2026-02", &new[..])]).unwrap();
        let alone = SharedKeys::parse([("x", &new[..])]).unwrap();
        let of = |keys: &SharedKeys, of, part| keys.keys(of, part).collect::<Vec<_>>();
        assert_eq!(of(&keys, KeyUse::Forms, "")[0], of(&alone, KeyUse::Forms, "")[0], "names are no part of keys");
        let mut all: Vec<_> = [KeyUse::Tickets, KeyUse::TicketsOfKnown, KeyUse::Forms]
            .into_iter()
            .flat_map(|use_| ["", "name"].map(|part| of(&keys, use_, part)))
            .flatten()
            .collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 12);
        assert!(!all.iter().any(|key| key[..] == old || key[..] == new[..32]));
        assert_eq!(format!("{keys:?}"), "SharedKeys(2)");
    }

    #[test]
    fn entries_that_are_no_keys_are_refused() {
        let key = [7; 32];
        let many: Vec<_> = (0..17).map(|n| format!("k{n}")).collect();
        let long = [0; 1025];
        for (entries, fault) in [
            (vec![], "it has no entry"),
            (vec![("a", &key[..31])], "its entry a has 31 bytes, where 32 are the least"),
            (vec![("a", &key[..]), ("b", b"")], "its entry b has 0 bytes, where 32 are the least"),
            (vec![("a", &long[..])], "its entry a has 1025 bytes, where 1024 are the most"),
            (many.iter().map(|name| (&**name, &key[..])).collect(), "it has 17 entries, where 16 are the most"),
        ] {
            assert_eq!(SharedKeys::parse(entries).unwrap_err().to_string(), fault);
        }
    }

    #[test]
    fn keys_are_those_of_rfc_5869() {
        // HKDF-SHA256 of 32 bytes 0x07 with our salt and info, by an implementation of another maker.
        let keys = SharedKeys::parse([("a", &[7; 32][..])]).unwrap();
        let key = keys.keys(KeyUse::Tickets, "seal").next().unwrap();
        let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "454e8fc67f9a126cd4b72cab7898e76b264c0d4659c23698c3c5e2245671bd87");
    }
}
