//! The session without a socket, against clients that no TLS library would be: nothing they send may panic.

use std::rc::Rc;

use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_256_GCM_SHA384;
use rustls::crypto::cipher::{MessageEncrypter, OutboundPlainMessage};
use rustls::{ClientConnection, ConnectionTrafficSecrets, ContentType, ProtocolVersion};

use super::support::*;
use super::transfer::Noise;
use crate::proxy::wire::buffers::BufferPool;
use crate::proxy::wire::tls::session::Session;

/// The first flight of a client.
fn hello(client: &mut ClientConnection) -> Vec<u8> {
    let mut hello = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut hello).unwrap();
    }
    hello
}

/// Gives bytes to the session as a socket would.
fn deliver(session: &mut Session, mut bytes: &[u8], mut process: impl FnMut(&mut Session) -> bool) -> bool {
    while !bytes.is_empty() {
        let room = session.room();
        let n = room.len().min(bytes.len());
        assert!(n > 0, "no room");
        room[..n].copy_from_slice(&bytes[..n]);
        session.receive(n);
        bytes = &bytes[n..];
        if !process(session) {
            return false;
        }
    }
    true
}

/// A session after its handshake, and the client's keys for sending.
fn established(pool: &Rc<BufferPool>, config: &std::sync::Arc<rustls::ServerConfig>) -> (Session, Sender) {
    let mut client = rustls::ClientConfig::clone(&Client::default().config());
    client.enable_secret_extraction = true;
    let mut client = connection(client.into(), "a.example");
    let mut session = Session::server(config.clone(), Rc::clone(pool)).unwrap();
    while client.is_handshaking() {
        let flight = hello(&mut client);
        deliver(&mut session, &flight, |session| session.shake_hands().map(|_| true).unwrap());
        let mut answer = session.outgoing();
        let n = answer.len();
        client.read_tls(&mut answer).unwrap();
        session.sent(n);
        client.process_new_packets().unwrap();
    }
    let last = hello(&mut client);
    assert!(deliver(&mut session, &last, |session| session.shake_hands().unwrap()));
    let secrets = client.dangerous_extract_secrets().unwrap();
    let (seq, ConnectionTrafficSecrets::Aes256Gcm { key, iv }) = secrets.tx else { panic!("another suite") };
    let encrypter = TLS13_AES_256_GCM_SHA384.tls13().unwrap().aead_alg.encrypter(key, iv);
    (session, Sender { encrypter, seq })
}

/// Makes records of any content.
struct Sender {
    encrypter: Box<dyn MessageEncrypter>,
    seq: u64,
}

impl Sender {
    fn record(&mut self, typ: ContentType, payload: &[u8]) -> Vec<u8> {
        let message = OutboundPlainMessage { typ, version: ProtocolVersion::TLSv1_3, payload: payload.into() };
        let record = self.encrypter.encrypt(message, self.seq).unwrap().encode();
        self.seq += 1;
        record
    }
}

const KEY_UPDATE: [u8; 5] = [24, 0, 0, 1, 1];

#[test]
fn d03_writing_is_safe_while_part_of_a_handshake_message_is_received() {
    let (pool, config) = (BufferPool::new(), showing(vec![ecdsa("a.example")]));
    let (mut session, mut sender) = established(&pool, &config);
    let mut into = [0; 100];
    let (first, second) = (
        sender.record(ContentType::Handshake, &KEY_UPDATE[..2]),
        sender.record(ContentType::Handshake, &KEY_UPDATE[2..]),
    );
    deliver(&mut session, &first, |session| session.read(&mut into).unwrap() == 0);
    session.park();
    assert!(!session.received().is_empty());
    for _ in 0..3 {
        assert_eq!(session.write(b"meanwhile").unwrap(), 9);
        assert!(!session.is_readable());
    }
    deliver(&mut session, &second, |session| session.read(&mut into).unwrap() == 0);
    assert_eq!(session.write(b"with new keys").unwrap(), 13);
    assert!(session.received().is_empty());
    session.sent(usize::MAX / 2);
    drop(session);
    assert_eq!(pool.taken(), 0);
}

#[test]
fn d03_no_sequence_of_records_reads_and_writes_panics() {
    let (pool, config) = (BufferPool::new(), showing(vec![ecdsa("a.example")]));
    for seed in 1..=400 {
        let mut noise = Noise(u64::wrapping_mul(seed, 0x9e37_79b9_7f4a_7c15));
        let (mut session, mut sender) = established(&pool, &config);
        let mut wire = Vec::new();
        let mut fragment = 0;
        for _ in 0..30 {
            let record = match noise.next() % 12 {
                0..=3 => {
                    let len = noise.length(16_384);
                    sender.record(ContentType::ApplicationData, &vec![1; len])
                }
                4..=7 => {
                    let end = (fragment + noise.length(5)).min(KEY_UPDATE.len());
                    let record = sender.record(ContentType::Handshake, &KEY_UPDATE[fragment..end]);
                    fragment = end % KEY_UPDATE.len();
                    record
                }
                8 => sender.record(ContentType::Alert, &[1, (noise.next() % 120) as u8]),
                9 => sender.record(ContentType::ApplicationData, b""),
                10 => sender.record(ContentType::Handshake, &[20, 0, 1, 0, 7, 7]),
                _ => vec![23, 3, 3, 0, 1, noise.next() as u8],
            };
            wire.extend(record);
        }
        play(&mut session, &wire, &mut noise);
        drop(session);
        assert_eq!(pool.taken(), 0);
    }
}

/// Feeds the bytes in pieces, with reads, looks, writes and closing in between, until something fails.
fn play(session: &mut Session, mut wire: &[u8], noise: &mut Noise) {
    let mut into = vec![0; 20_000];
    while !wire.is_empty() && !session.is_peer_closed() {
        match noise.next() % 8 {
            0..=2 => {
                let len = noise.length(into.len());
                if session.read(&mut into[..len]).is_err() {
                    break;
                }
            }
            3 | 4 => {
                let _ = session.write(&into[..noise.length(20_000)]);
            }
            5 => session.sent(noise.length(40_000)),
            // In debug builds rustls asserts that a violation does not follow its own close_notify.
            6 if !cfg!(debug_assertions) && noise.next().is_multiple_of(16) => session.close(),
            _ if session.is_readable() => {}
            _ => {
                let n = noise.length(wire.len());
                let room = session.room();
                let n = n.min(room.len());
                room[..n].copy_from_slice(&wire[..n]);
                session.receive(n);
                wire = &wire[n..];
                if !session.is_readable() {
                    session.park();
                }
            }
        }
    }
    // After a failure too.
    let _ = session.read(&mut into);
    let _ = session.write(b"end");
    session.close();
    let _ = session.outgoing().len();
}

#[test]
fn d02_no_mutation_of_a_hello_panics() {
    let (pool, config) = (BufferPool::new(), showing(vec![ecdsa("a.example")]));
    let client = [Client::default().config(), Client::tls12().config()];
    for seed in 1..=3000u64 {
        let mut noise = Noise(u64::wrapping_mul(seed, 0x9e37_79b9_7f4a_7c15));
        let mut hello = hello(&mut connection(client[seed as usize % 2].clone(), "a.example"));
        for _ in 0..noise.length(8) {
            let at = noise.next() as usize % hello.len();
            match noise.next() % 4 {
                0 => hello[at] = noise.next() as u8,
                1 => hello[at] ^= 1 << (noise.next() % 8),
                2 => hello.truncate(at.max(1)),
                _ => hello.splice(at..at, vec![0; noise.length(300)]).for_each(drop),
            }
        }
        let mut session = Session::server(config.clone(), Rc::clone(&pool)).unwrap();
        let mut rest = &hello[..];
        while !rest.is_empty() {
            let n = noise.length(rest.len());
            let alive = deliver(&mut session, &rest[..n], |session| session.shake_hands().is_ok());
            session.park();
            rest = &rest[n..];
            if !alive {
                break;
            }
        }
        drop(session);
        assert_eq!(pool.taken(), 0);
    }
}
