//! Our client against our server under a schedule of bytes: nothing is lost, nothing invented, nothing reordered.
//!
//! The fuzz target `http2_pair` runs this file too, so it names nothing but the public interface.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::http1::MAX_INTERIM;
use crate::http2::code::ErrorCode;
use crate::http2::connection::{Arrival, Config, Connection, Event, Key, NoStream, Returns, Role};
use crate::http2::head::encode::RequestStart;

/// Decisions, taken from bytes. When they run out all are 0.
pub struct Choices<'a>(pub &'a [u8]);

impl Choices<'_> {
    /// A number below `limit`, which is at most 256.
    pub fn below(&mut self, limit: usize) -> usize {
        let Some((&byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(byte) % limit
    }

    /// A length: often small, sometimes more than a frame.
    pub fn length(&mut self) -> usize {
        match self.below(4) {
            0 => self.below(4),
            1 => self.below(256),
            2 => self.below(256) * 40,
            _ => self.below(256) * 200,
        }
    }
}

/// What a side has sent on a stream, or has got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Course {
    bytes: usize,
    has_trailers: bool,
    is_over: bool,
}

#[derive(Debug)]
struct Half {
    key: Option<Key>,
    sent: Course,
    got: Course,
    /// Bytes that were told and not consumed.
    held: usize,
    /// We reset it, or released it before its end.
    has_reset: bool,
    is_told_reset: bool,
    is_answered: bool,
    is_released: bool,
    /// Interim answers that were sent. Beyond the limit of a client they end the stream, which other tests show.
    interims: usize,
}

impl Half {
    fn new(key: Option<Key>) -> Self {
        Self {
            key,
            sent: Course::default(),
            got: Course::default(),
            held: 0,
            has_reset: false,
            is_told_reset: false,
            is_answered: false,
            is_released: false,
            interims: 0,
        }
    }

    fn is_cut(&self) -> bool {
        self.has_reset || self.is_told_reset
    }
}

struct Side {
    role: Role,
    connection: Connection,
    arrival: Arrival,
    /// Bytes on their way to this side.
    wire: Vec<u8>,
    halves: BTreeMap<u32, Half>,
    was_refused: bool,
}

/// The byte at a place of a body.
fn content(role: Role, id: u32, at: usize) -> u8 {
    (at.wrapping_mul(31) ^ at >> 8 ^ id as usize ^ if role == Role::Client { 0x55 } else { 0 }) as u8
}

fn piece(role: Role, id: u32, from: usize, length: usize) -> Vec<u8> {
    (from..from + length).map(|at| content(role, id, at)).collect()
}

const TRAILERS: &[u8] = b"x-sum: 1\r\n";

impl Side {
    fn new(role: Role, choices: &mut Choices<'_>) -> Self {
        const WINDOWS: [u32; 4] = [65_535, 1, 1000, 300_000];
        let config = Config {
            streams: [100, 1, 3, 10][choices.below(4)],
            stream_window: WINDOWS[choices.below(4)],
            connection_window: WINDOWS[choices.below(4)],
            returns_connection_window: if choices.below(2) == 0 { Returns::OnConsumed } else { Returns::OnArrival },
            ..Config::default()
        };
        let connection = Connection::new(role, &config);
        let halves = BTreeMap::new();
        Self { role, connection, arrival: Arrival::default(), wire: Vec::new(), halves, was_refused: false }
    }

    /// A stream that was not released, if there is one.
    fn pick(&mut self, choices: &mut Choices<'_>) -> Option<u32> {
        let held: Vec<u32> =
            self.halves.iter().filter(|(_, half)| !half.is_released && half.key.is_some()).map(|(id, _)| *id).collect();
        (!held.is_empty()).then(|| held[choices.below(held.len().min(256))])
    }

    fn open(&mut self, is_end: bool) -> bool {
        let path = format!("/{}", self.halves.len());
        let start = RequestStart {
            method: if is_end { b"GET" } else { b"POST" },
            scheme: b"https",
            authority: b"a.example",
            path: path.as_bytes(),
            protocol: None,
        };
        match self.connection.request(&start, is_end, |give| give(b"te", b"trailers")) {
            Ok(key) => {
                let mut half = Half::new(Some(key));
                half.sent.is_over = is_end;
                self.halves.insert(key.id, half);
                true
            }
            Err(NoStream::Limit | NoStream::GoingAway) => false,
            Err(NoStream::Exhausted) => panic!("there are ids left"),
        }
    }

    fn answer(&mut self, id: u32, status: u16, is_end: bool) {
        let Some(half) = self.halves.get_mut(&id) else { return };
        let is_one_too_many = status < 200 && half.interims == MAX_INTERIM;
        let may = self.role == Role::Server && !half.is_answered && !half.is_cut() && !is_one_too_many;
        let Some(key) = half.key.filter(|_| may) else { return };
        self.connection.respond(key, status, is_end, |give| give(b"x-a", b"b"));
        if status >= 200 {
            half.is_answered = true;
            half.sent.is_over = is_end;
        } else {
            half.interims += 1;
        }
    }

    fn send(&mut self, id: u32, length: usize, is_end: bool) {
        let role = self.role;
        let Some(half) = self.halves.get_mut(&id) else { return };
        let may = !half.sent.is_over && (role == Role::Client || half.is_answered);
        let Some(key) = half.key.filter(|_| may && !half.is_cut()) else { return };
        let capacity = self.connection.capacity(key);
        let bytes = piece(role, id, half.sent.bytes, length);
        let taken = self.connection.data(key, &bytes, is_end);
        assert_eq!(taken, length.min(capacity), "as much as there is room for");
        half.sent.bytes += taken;
        half.sent.is_over = is_end && taken == length;
    }

    fn trail(&mut self, id: u32) {
        let Some(half) = self.halves.get_mut(&id) else { return };
        let may = !half.sent.is_over && (self.role == Role::Client || half.is_answered);
        if let Some(key) = half.key.filter(|_| may && !half.is_cut()) {
            self.connection.trailers(key, TRAILERS);
            (half.sent.has_trailers, half.sent.is_over) = (true, true);
        }
    }

    fn consume(&mut self, id: u32, length: usize) {
        if let Some(half) = self.halves.get_mut(&id)
            && let Some(key) = half.key
        {
            let length = length.min(half.held);
            half.held -= length;
            self.connection.consumed(key, length);
        }
    }

    fn release(&mut self, id: u32) {
        if let Some(half) = self.halves.get_mut(&id)
            && let Some(key) = half.key
        {
            half.has_reset |= !(half.is_told_reset || half.sent.is_over && half.got.is_over);
            half.is_released = true;
            self.connection.release(key);
        }
    }

    /// Takes so many bytes from the wire.
    fn receive(&mut self, length: usize, now: Duration, other: &mut Side) {
        let bytes: Vec<u8> = self.wire.drain(..length.min(self.wire.len())).collect();
        let mut rest = bytes.as_slice();
        loop {
            let (taken, event) = self.connection.receive(rest, &mut self.arrival, now).expect("no rule is broken");
            rest = &rest[taken..];
            let Some(event) = event else { break };
            note(self.role, &mut self.halves, &mut self.was_refused, &self.arrival, event, other);
        }
        assert!(rest.is_empty());
    }

    /// Gives the other side what is to be sent.
    fn flush(&mut self, length: usize, other: &mut Side) {
        let length = length.min(self.connection.output().len());
        other.wire.extend_from_slice(&self.connection.output()[..length]);
        self.connection.sent(length);
    }
}

/// Checks that an event tells what the other side did.
fn note(
    role: Role,
    halves: &mut BTreeMap<u32, Half>,
    was_refused: &mut bool,
    arrival: &Arrival,
    event: Event<'_>,
    other: &mut Side,
) {
    let theirs = |id: u32| &other.halves[&id];
    match event {
        Event::Request { stream, is_end, verdict } => {
            assert_eq!((role, verdict), (Role::Server, Ok(())));
            let path = format!("/{}", stream.id / 2);
            assert_eq!(arrival.request.target.of(&arrival.bytes), path.as_bytes());
            let mut half = Half::new(Some(stream));
            half.got.is_over = is_end;
            assert!(!is_end || theirs(stream.id).sent.is_over);
            assert!(halves.insert(stream.id, half).is_none(), "a stream begins once");
        }
        Event::Response { stream, is_end, verdict } => {
            assert_eq!((role, verdict), (Role::Client, Ok(())));
            let half = halves.get_mut(&stream.id).unwrap();
            assert!(!half.is_cut() && !half.is_answered);
            half.is_answered = arrival.response.status == 200;
            half.got.is_over = is_end;
            assert!(!is_end || theirs(stream.id).sent.is_over);
        }
        Event::Data { stream, bytes, is_end } => {
            let half = halves.get_mut(&stream.id).unwrap();
            assert!(!half.is_cut() && !half.is_released && !half.got.is_over);
            let from = if role == Role::Client { Role::Server } else { Role::Client };
            let expected = piece(from, stream.id, half.got.bytes, bytes.len());
            assert!(bytes == expected, "bytes of {} differ at {}", stream.id, half.got.bytes);
            half.got.bytes += bytes.len();
            half.held += bytes.len();
            half.got.is_over = is_end;
            let sent = &theirs(stream.id).sent;
            assert!(half.got.bytes <= sent.bytes);
            assert!(!is_end || sent.is_over && !sent.has_trailers && half.got.bytes == sent.bytes);
        }
        Event::Trailers { stream } => {
            let half = halves.get_mut(&stream.id).unwrap();
            assert!(!half.is_cut() && !half.is_released && !half.got.is_over);
            (half.got.has_trailers, half.got.is_over) = (true, true);
            assert_eq!((&half.got, arrival.bytes.as_slice()), (&theirs(stream.id).sent, TRAILERS));
        }
        Event::Reset { stream, code, by_peer, reason, limit } => {
            assert!(by_peer && limit.is_none(), "{reason}");
            let half = halves.get_mut(&stream.id).unwrap();
            assert!(!half.is_cut() && !half.is_released);
            half.is_told_reset = true;
            if code == ErrorCode::REFUSED_STREAM {
                assert!(!other.halves.contains_key(&stream.id) && other.was_refused, "{code}");
            } else {
                assert!(theirs(stream.id).has_reset, "{code}");
            }
        }
        Event::Rejected { id, code, reason, limit } => {
            assert_eq!((role, code), (Role::Server, ErrorCode::REFUSED_STREAM), "{id}: {reason}");
            assert!(limit.is_some(), "{id}: {reason}");
            *was_refused = true;
        }
        Event::Writable { stream: Some(stream) } => assert!(halves.contains_key(&stream.id)),
        Event::Writable { stream: None } | Event::Settings | Event::Pong | Event::Goaway { .. } => {}
    }
}

/// Runs a schedule, then lets both sides finish, and compares.
pub fn run(schedule: &[u8]) {
    let choices = &mut Choices(schedule);
    let mut client = Side::new(Role::Client, choices);
    let mut server = Side::new(Role::Server, choices);
    let mut now = Duration::ZERO;
    while !choices.0.is_empty() {
        // Time enough for any number of frames.
        now += Duration::from_secs(3);
        let action = choices.below(16);
        let (one, other) = if choices.below(2) == 0 { (&mut client, &mut server) } else { (&mut server, &mut client) };
        match action {
            0 => one.flush(choices.length(), other),
            1 | 2 => one.flush(usize::MAX, other),
            3 | 4 => one.receive(choices.length(), now, other),
            5 => one.receive(usize::MAX, now, other),
            6 => drop(client.open(choices.below(2) == 0)),
            7 => one.connection.ping(),
            8 if choices.below(16) == 0 => one.connection.announce_goaway(),
            8 => one.connection.rest(),
            _ => {
                let Some(id) = one.pick(choices) else { continue };
                match action {
                    9 | 10 => one.send(id, choices.length(), choices.below(4) == 0),
                    11 => one.trail(id),
                    12 if one.role == Role::Server => {
                        one.answer(id, [200, 103][choices.below(2)], choices.below(4) == 0)
                    }
                    12 | 13 => one.consume(id, choices.length()),
                    14 if choices.below(4) == 0 => one.release(id),
                    14 => one.consume(id, usize::MAX),
                    _ => one.answer(id, 200, false),
                }
            }
        }
    }
    finish(&mut client, &mut server, now);
}

/// Everybody reads, answers and ends, until nothing is left to be done.
fn finish(client: &mut Side, server: &mut Side, mut now: Duration) {
    for round in 0.. {
        now += Duration::from_secs(3);
        client.flush(usize::MAX, server);
        server.receive(usize::MAX, now, client);
        server.flush(usize::MAX, client);
        client.receive(usize::MAX, now, server);
        let mut is_done = true;
        for side in [&mut *client, &mut *server] {
            for id in side.halves.keys().copied().collect::<Vec<_>>() {
                side.consume(id, usize::MAX);
                if side.role == Role::Server {
                    side.answer(id, 200, false);
                }
                let room = side.halves[&id].key.map_or(0, |key| side.connection.capacity(key));
                side.send(id, room.min(100), true);
                let half = &side.halves[&id];
                if half.sent.is_over && half.got.is_over || half.is_cut() {
                    side.release(id);
                }
                is_done &= side.halves[&id].is_released;
            }
        }
        let is_quiet = |side: &Side| side.wire.is_empty() && side.connection.output().is_empty();
        if is_done && is_quiet(client) && is_quiet(server) {
            break;
        }
        assert!(round < 10_000, "it does not end: {:?} {:?}", client.halves, server.halves);
    }
    for side in [&*client, &*server] {
        assert_eq!((side.connection.open_streams(), side.connection.held_streams()), (0, 0));
        assert!(side.connection.is_idle());
    }
    for (id, ours) in &client.halves {
        let Some(theirs) = server.halves.get(id) else {
            assert!(ours.is_cut());
            continue;
        };
        if !ours.is_cut() && !theirs.is_cut() {
            assert_eq!((&ours.sent, &theirs.sent), (&theirs.got, &ours.got), "{id}");
        }
    }
    // All windows were given back, so that another request finds room.
    if client.open(false) {
        let (&id, half) = client.halves.last_key_value().unwrap();
        assert!(client.connection.capacity(half.key.unwrap()) > 0, "{id}");
    }
}
