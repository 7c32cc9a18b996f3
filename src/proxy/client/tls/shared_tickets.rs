//! Tickets of sessions whose keys replicas share, so that a session which began at one resumes at another.
//!
//! A ticket is the name of its key, a nonce, and what is sealed: the time it was made at, and what the TLS library wants to know
//! again. The library does not look at the age of tickets, and its own keys are made anew every few hours; those of a Secret may
//! stay for years, so each ticket says its age. Of AES-GCM-SIV (RFC 8452) two equal nonces under a key show no more than whether
//! the two tickets are equal, so nonces can be drawn by chance for as long as a key is in use.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand;
use rustls::server::ProducesTickets;

use crate::model::{KeyUse, SharedKeys};

/// How long a ticket may be used, as of those with keys of the process. RFC 8446 §4.6.1 permits a week.
const LIFETIME: Duration = Duration::from_secs(12 * 3600);
/// Bytes of the name of a key.
const NAME: usize = 16;
/// Bytes of the time.
const TIME: usize = 8;

/// Tickets with keys that are shared while there are some, and with those of the process otherwise.
#[derive(Debug)]
pub(super) struct SharedTickets {
    of: KeyUse,
    /// The newest first.
    keys: ArcSwap<Vec<TicketKey>>,
    /// Those of the process.
    own: Arc<dyn ProducesTickets>,
}

struct TicketKey {
    name: [u8; NAME],
    key: LessSafeKey,
}

impl SharedTickets {
    /// Nothing is shared yet.
    pub(super) fn new(of: KeyUse, own: Arc<dyn ProducesTickets>) -> Self {
        Self { of, keys: ArcSwap::default(), own }
    }

    /// From now on the newest of these seals, and each of them opens.
    pub(super) fn share(&self, keys: &SharedKeys) {
        let (names, sealing) = (keys.keys(self.of, "name"), keys.keys(self.of, "seal"));
        let keys = names.zip(sealing).filter_map(|(name, key)| TicketKey::new(&name, &key)).collect();
        self.keys.store(Arc::new(keys));
    }

    fn seal(&self, plain: &[u8], now: SystemTime) -> Option<Vec<u8>> {
        let keys = self.keys.load();
        match keys.first() {
            Some(newest) => newest.seal(plain, now),
            None => self.own.encrypt(plain),
        }
    }

    fn open(&self, ticket: &[u8], now: SystemTime) -> Option<Vec<u8>> {
        let keys = self.keys.load();
        match keys.iter().find(|key| ticket.starts_with(&key.name)) {
            Some(key) => key.open(ticket, now),
            // One of before there were shared keys.
            None => self.own.decrypt(ticket),
        }
    }
}

impl TicketKey {
    fn new(name: &[u8; 32], key: &[u8; 32]) -> Option<Self> {
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM_SIV, key).ok()?);
        Some(Self { name: *name.first_chunk()?, key })
    }

    fn seal(&self, plain: &[u8], now: SystemTime) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).ok()?;
        let mut sealed = [&seconds(now).to_be_bytes()[..], plain].concat();
        let of = Aad::from(self.name);
        self.key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), of, &mut sealed).ok()?;
        Some([&self.name[..], &nonce, &sealed].concat())
    }

    fn open(&self, ticket: &[u8], now: SystemTime) -> Option<Vec<u8>> {
        let (nonce, sealed) = ticket.get(NAME..)?.split_first_chunk::<NONCE_LEN>()?;
        let mut sealed = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.key.open_in_place(nonce, Aad::from(self.name), &mut sealed).ok()?;
        let (made, plain) = opened.split_first_chunk::<TIME>()?;
        // The clock of the replica that made it may be ahead of ours.
        let age = seconds(now).saturating_sub(u64::from_be_bytes(*made));
        (age <= LIFETIME.as_secs()).then(|| plain.to_vec())
    }
}

/// Says its name alone, which tickets show too.
impl std::fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TicketKey").field("name", &self.name).finish_non_exhaustive()
    }
}

fn seconds(now: SystemTime) -> u64 {
    now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl ProducesTickets for SharedTickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        self.own.lifetime().min(LIFETIME.as_secs() as u32)
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.seal(plain, SystemTime::now())
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.open(cipher, SystemTime::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::tls::tickets;

    fn keys(entries: &[(&str, u8)]) -> SharedKeys {
        let bytes: Vec<_> = entries.iter().map(|(name, byte)| (*name, [*byte; 32])).collect();
        SharedKeys::parse(bytes.iter().map(|(name, bytes)| (*name, &bytes[..]))).unwrap()
    }

    fn replica(entries: &[(&str, u8)]) -> SharedTickets {
        let tickets = SharedTickets::new(KeyUse::Tickets, tickets().unwrap());
        tickets.share(&keys(entries));
        tickets
    }

    #[test]
    fn a_ticket_of_one_replica_is_one_of_the_other_and_of_nobody_else() {
        let (one, other) = (replica(&[("a", 1)]), replica(&[("a", 1)]));
        let ticket = one.encrypt(b"session").unwrap();
        assert_eq!(other.decrypt(&ticket).as_deref(), Some(&b"session"[..]));
        assert_ne!(one.encrypt(b"session").unwrap(), ticket);
        assert_eq!(replica(&[("a", 2)]).decrypt(&ticket), None);
        let of_known = SharedTickets::new(KeyUse::TicketsOfKnown, tickets().unwrap());
        of_known.share(&keys(&[("a", 1)]));
        assert_eq!(of_known.decrypt(&ticket), None, "who has shown no certificate stays who he is");
    }

    #[test]
    fn the_newest_seals_and_older_ones_open_until_they_are_taken_away() {
        let tickets = replica(&[("1", 1)]);
        let first = tickets.encrypt(b"first").unwrap();
        tickets.share(&keys(&[("1", 1), ("2", 2)]));
        let second = tickets.encrypt(b"second").unwrap();
        assert_eq!(tickets.decrypt(&first).as_deref(), Some(&b"first"[..]));
        assert_eq!(replica(&[("2", 2)]).decrypt(&second).as_deref(), Some(&b"second"[..]));
        tickets.share(&keys(&[("2", 2)]));
        assert_eq!(tickets.decrypt(&first), None);
        assert_eq!(tickets.decrypt(&second).as_deref(), Some(&b"second"[..]));
    }

    #[test]
    fn without_shared_keys_those_of_the_process_go_on() {
        let tickets = SharedTickets::new(KeyUse::Tickets, tickets().unwrap());
        let before = tickets.encrypt(b"before").unwrap();
        tickets.share(&keys(&[("1", 1)]));
        let shared = tickets.encrypt(b"shared").unwrap();
        assert_eq!(tickets.decrypt(&before).as_deref(), Some(&b"before"[..]));
        tickets.share(&SharedKeys::default());
        assert_eq!(tickets.decrypt(&shared), None);
        assert_eq!(tickets.decrypt(&before).as_deref(), Some(&b"before"[..]));
        assert!(tickets.encrypt(b"after").is_some());
    }

    #[test]
    fn old_and_changed_tickets_open_nothing() {
        let tickets = replica(&[("1", 1)]);
        let made = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let ticket = tickets.seal(b"session", made).unwrap();
        assert!(tickets.open(&ticket, made + LIFETIME).is_some());
        assert!(tickets.open(&ticket, made - Duration::from_secs(60)).is_some(), "a clock that is behind");
        assert!(tickets.open(&ticket, made + LIFETIME + Duration::from_secs(1)).is_none());
        for at in 0..ticket.len() {
            let mut changed = ticket.clone();
            changed[at] ^= 1;
            assert!(tickets.open(&changed, made).is_none(), "{at}");
            assert!(tickets.open(&ticket[..at], made).is_none(), "{at}");
        }
    }
}
