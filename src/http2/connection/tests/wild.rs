//! Any bytes from a peer, and an owner that answers at random: nothing panics, bounds hold, and it does not matter where
//! reads cut the bytes.
//!
//! The fuzz target `http2_connection` runs this file too, so it names nothing but the public interface.

use std::collections::BTreeMap;
use std::time::Duration;

use super::pair::Choices;
use crate::http2::code::ErrorCode;
use crate::http2::connection::{Arrival, Config, Connection, Event, Key, Returns, Role};
use crate::http2::frame::PREFACE;
use crate::http2::head::encode::RequestStart;

/// What the owner knows of a stream.
#[derive(Debug, Default)]
struct Known {
    held: usize,
    head: usize,
    is_over: bool,
    is_reset: bool,
}

struct Owner {
    role: Role,
    config: Config,
    connection: Connection,
    arrival: Arrival,
    streams: BTreeMap<u32, (Key, Known)>,
    /// Keys that must do nothing.
    stale: Option<Key>,
}

fn config(choices: &mut Choices<'_>) -> Config {
    const WINDOWS: [u32; 4] = [65_535, 1, 1000, 1 << 20];
    Config {
        streams: [100, 1, 3, 10][choices.below(4)],
        stream_window: WINDOWS[choices.below(4)],
        connection_window: WINDOWS[choices.below(4)],
        returns_connection_window: if choices.below(2) == 0 { Returns::OnConsumed } else { Returns::OnArrival },
        heads_bytes: [1 << 20, 500][choices.below(2)],
        ..Config::default()
    }
}

/// The bytes of a peer: as they are, or as frames that are well-formed more often.
fn bytes_of_peer(choices: &mut Choices<'_>, role: Role, raw: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    if role == Role::Server && choices.below(16) > 0 {
        bytes.extend_from_slice(PREFACE);
    }
    if choices.below(16) > 0 {
        bytes.extend_from_slice(&[0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0]);
    }
    if choices.below(4) == 0 {
        bytes.extend_from_slice(raw);
        return bytes;
    }
    // Kind, flags, stream, length, payload.
    let mut rest = raw;
    while let [kind, flags, stream, length, tail @ ..] = rest {
        let length = match kind >> 4 {
            0..8 => [usize::from(*length), 5, 4, 4, 6, 4, 8, 8, 4][usize::from(kind % 9)],
            _ => usize::from(*length),
        };
        let (payload, tail) = tail.split_at(length.min(tail.len()));
        let whole = length.to_be_bytes();
        bytes.extend_from_slice(&[whole[5], whole[6], whole[7], kind % 11, *flags, 0, 0, 0, *stream % 32]);
        match payload.split_first() {
            // A request that is accepted, so that more than errors comes of it.
            Some((first, more)) if kind % 11 == 1 && first % 2 == 0 => {
                let at = bytes.len() - 9;
                let mut block = vec![0x82, 0x86, 0x84, 0x41, 1, b'a'];
                if role == Role::Client {
                    block = vec![0x88];
                }
                if first % 4 == 0 {
                    block.extend_from_slice(more);
                }
                bytes[at + 2] = block.len() as u8;
                bytes[at + 1] = (block.len() >> 8) as u8;
                bytes[at + 4] &= 0x5;
                bytes.extend(block);
            }
            _ => bytes.extend_from_slice(payload),
        }
        rest = tail;
    }
    bytes
}

impl Owner {
    fn act(&mut self, choices: &mut Choices<'_>) {
        let keys: Vec<Key> = self.streams.values().map(|(key, _)| *key).collect();
        let picked = (!keys.is_empty()).then(|| keys[choices.below(keys.len().min(256))]);
        let Some(key) = picked.or(self.stale) else { return self.act_alone(choices) };
        match choices.below(12) {
            0 => self.connection.respond(key, [200, 100][choices.below(2)], choices.below(2) == 0, |give| {
                give(b"X-A", b"b");
            }),
            1 | 2 => {
                let bytes = vec![b'x'; choices.length()];
                let capacity = self.connection.capacity(key);
                let taken = self.connection.data(key, &bytes, choices.below(2) == 0);
                assert!(taken <= capacity);
            }
            3 => self.connection.trailers(key, [&b""[..], b"x-sum: 1\r\n"][choices.below(2)]),
            4 => self.connection.reset(key, ErrorCode::INTERNAL_ERROR),
            5 | 6 => {
                let length = choices.length();
                self.connection.consumed(key, length);
                if let Some((known_key, known)) = self.streams.get_mut(&key.id)
                    && *known_key == key
                {
                    known.held = known.held.saturating_sub(length);
                }
            }
            7 => {
                self.connection.head_released(key);
                if let Some((_, known)) = self.streams.get_mut(&key.id) {
                    known.head = 0;
                }
            }
            8 => {
                self.connection.release(key);
                self.streams.remove(&key.id);
                self.stale = Some(key);
            }
            _ => self.act_alone(choices),
        }
    }

    fn act_alone(&mut self, choices: &mut Choices<'_>) {
        match choices.below(10) {
            0 => self.connection.ping(),
            1 => self.connection.announce_goaway(),
            2 if choices.below(4) == 0 => self.connection.goaway(ErrorCode::NO_ERROR),
            3 => self.connection.rest(),
            4 => drop(self.connection.take_output()),
            5 => self.connection.lend_output(Vec::with_capacity(10)),
            6 | 7 => {
                let start = RequestStart {
                    method: b"GET",
                    scheme: b"http",
                    authority: b"a.example",
                    path: b"/",
                    protocol: None,
                };
                if let Ok(key) = self.connection.request(&start, choices.below(2) == 0, |_| {}) {
                    self.streams.insert(key.id, (key, Known::default()));
                }
            }
            _ => self.connection.sent(choices.length()),
        }
    }

    fn note(&mut self, event: Event<'_>) {
        let live = |streams: &BTreeMap<u32, (Key, Known)>, key: Key| {
            streams.get(&key.id).is_some_and(|(known, stream)| *known == key && !stream.is_over && !stream.is_reset)
        };
        match event {
            Event::Request { stream, is_end, .. } => {
                assert_eq!(self.role, Role::Server);
                let head = self.arrival.bytes.len();
                let known = Known { is_over: is_end, head, ..Known::default() };
                assert!(self.streams.insert(stream.id, (stream, known)).is_none());
                let heads: usize = self.streams.values().map(|(_, known)| known.head).sum();
                assert!(heads <= self.config.heads_bytes as usize);
            }
            Event::Response { stream, is_end, verdict } => {
                assert!(self.role == Role::Client && live(&self.streams, stream));
                if let Some((_, known)) = self.streams.get_mut(&stream.id) {
                    known.is_over |= is_end;
                    known.is_reset |= verdict.is_err();
                }
            }
            Event::Data { stream, bytes, is_end } => {
                assert!(is_end || !bytes.is_empty());
                let (_, known) = self.streams.get_mut(&stream.id).expect("a stream that is known");
                assert!(!known.is_over && !known.is_reset);
                known.held += bytes.len();
                known.is_over = is_end;
                assert!(known.held <= self.config.stream_window.max(65_535) as usize);
                let held: usize = self.streams.values().map(|(_, known)| known.held).sum();
                let is_bounded = self.config.returns_connection_window == Returns::OnConsumed;
                assert!(!is_bounded || held <= self.config.connection_window.max(65_535) as usize);
            }
            Event::Trailers { stream } => {
                assert!(live(&self.streams, stream));
                self.streams.entry(stream.id).and_modify(|(_, known)| known.is_over = true);
            }
            Event::Reset { stream, .. } => {
                let (key, known) = self.streams.get_mut(&stream.id).expect("a stream that is known");
                assert!(*key == stream && !known.is_reset);
                known.is_reset = true;
            }
            Event::Rejected { id, .. } => assert!(!self.streams.contains_key(&id)),
            Event::Writable { stream } => {
                assert!(stream.is_none_or(|stream| self.streams.contains_key(&stream.id)));
            }
            Event::Settings | Event::Pong | Event::Goaway { .. } => {}
        }
    }
}

/// Gives the bytes in pieces to a connection whose owner acts as chosen.
fn drive(choices: &mut Choices<'_>, role: Role, config: Config, bytes: &[u8]) {
    let connection = Connection::new(role, &config);
    let arrival = Arrival::default();
    let mut owner = Owner { role, config, connection, arrival, streams: BTreeMap::new(), stale: None };
    let mut now = Duration::from_secs(1);
    let mut rest = bytes;
    while !rest.is_empty() {
        (0..choices.below(4)).for_each(|_| owner.act(choices));
        let (mut piece, tail) = rest.split_at(choices.length().clamp(1, rest.len()));
        rest = tail;
        loop {
            now += Duration::from_millis(choices.below(20) as u64);
            let before = owner.connection.output().len();
            match owner.connection.receive(piece, &mut owner.arrival, now) {
                Ok((taken, event)) => {
                    piece = &piece[taken..];
                    let Some(event) = event else {
                        assert!(piece.is_empty());
                        break;
                    };
                    owner.note(event);
                }
                Err(ending) => {
                    assert!(owner.connection.output().len() > before, "GOAWAY is in the output");
                    assert_eq!(owner.connection.receive(b"x", &mut owner.arrival, now), Err(ending));
                    (0..10).for_each(|_| owner.act(choices));
                    return;
                }
            }
            let streams = owner.config.streams as usize;
            assert!(owner.connection.open_streams() <= streams);
            assert!(owner.connection.held_streams() <= 2 * streams);
            assert_eq!(owner.connection.held_streams(), owner.streams.len());
            if choices.below(8) == 0 {
                owner.act(choices);
            }
        }
    }
    for (key, _) in std::mem::take(&mut owner.streams).into_values() {
        owner.connection.release(key);
    }
    assert_eq!((owner.connection.open_streams(), owner.connection.held_streams()), (0, 0));
}

/// What a connection tells and sends when nobody acts.
fn told(role: Role, config: &Config, bytes: &[u8], size: usize) -> (Vec<String>, Vec<u8>) {
    let mut connection = Connection::new(role, config);
    let mut arrival = Arrival::default();
    let (mut log, mut data) = (Vec::new(), (0, Vec::new()));
    if role == Role::Client {
        for _ in 0..3 {
            let start = RequestStart { method: b"GET", scheme: b"http", authority: b"a", path: b"/", protocol: None };
            let _ = connection.request(&start, true, |_| {});
        }
    }
    'all: for mut piece in bytes.chunks(size) {
        loop {
            match connection.receive(piece, &mut arrival, Duration::ZERO) {
                Ok((taken, event)) => {
                    piece = &piece[taken..];
                    match event {
                        None => break,
                        Some(Event::Data { stream, bytes, is_end }) => {
                            if data.0 != stream.id {
                                log.push(format!("{data:?}"));
                                data = (stream.id, Vec::new());
                            }
                            data.1.extend_from_slice(bytes);
                            if is_end {
                                log.push(format!("end of {data:?}"));
                            }
                        }
                        Some(event) => {
                            log.push(format!("{data:?}"));
                            data = (0, Vec::new());
                            log.push(format!("{event:?} {:?}", String::from_utf8_lossy(&arrival.bytes)));
                        }
                    }
                }
                Err(ending) => {
                    log.push(format!("{ending}"));
                    break 'all;
                }
            }
        }
    }
    log.push(format!("{data:?}"));
    log.retain(|line| line != "(0, [])");
    (log, connection.take_output())
}

/// The first bytes are decisions, the rest is what the peer sends.
pub fn run(input: &[u8]) {
    let (decisions, raw) = input.split_at(input.len() / 3);
    let choices = &mut Choices(decisions);
    let role = if choices.below(2) == 0 { Role::Server } else { Role::Client };
    let config = config(choices);
    let bytes = bytes_of_peer(choices, role, raw);
    let size = choices.below(256) + 1;
    assert_eq!(told(role, &config, &bytes, usize::MAX), told(role, &config, &bytes, size));
    drive(choices, role, config, &bytes);
}
