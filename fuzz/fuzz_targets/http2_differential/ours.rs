//! Our connection reads.

use std::time::Duration;

use tidegate::http1::{Field, FieldKind};
use tidegate::http2::code::ErrorCode;
use tidegate::http2::connection::{Arrival, Config, Connection, Event, Key, Role};
use tidegate::http2::head::encode::{RequestStart, split};

use crate::compare::{Course, Fields, Head, Seen};
use crate::{ASKED, Answers};

/// The library does not decode the block of a stream for which it sees this (RFC 9113 §4.3 wants every block decoded).
/// Behind it the tables of the two sides differ.
const UNDECODED: &str = "a stream depends on itself";

/// A connection of ours in one role.
struct Reader {
    role: Role,
    answers: Answers,
    connection: Connection,
    arrival: Arrival,
    keys: Vec<Key>,
    seen: Seen,
}

/// What we understand of these pieces.
pub fn read(role: Role, answers: Answers, pieces: &[Vec<u8>]) -> Seen {
    let config = Config { stream_window: 65_535, connection_window: 65_535, ..Config::default() };
    let connection = Connection::new(role, &config);
    let mut reader =
        Reader { role, answers, connection, arrival: Arrival::default(), keys: Vec::new(), seen: Seen::default() };
    if role == Role::Client {
        reader.ask();
    }
    let mut now = Duration::ZERO;
    for piece in pieces {
        reader.flush();
        // Time enough for any number of frames.
        now += Duration::from_secs(3);
        let mut rest = piece.as_slice();
        loop {
            let (taken, event) = match reader.connection.receive(rest, &mut reader.arrival, now) {
                Ok(step) => step,
                Err(ending) => {
                    reader.seen.ended = Some(ending.to_string());
                    return reader.seen;
                }
            };
            rest = &rest[taken..];
            match event {
                Some(Event::Rejected { reason: UNDECODED, .. } | Event::Reset { reason: UNDECODED, .. }) => {
                    reader.seen.ended = Some(UNDECODED.to_owned());
                    return reader.seen;
                }
                Some(event) => note(&mut reader, event),
                None => break,
            }
        }
    }
    reader.seen
}

impl Reader {
    fn flush(&mut self) {
        let length = self.connection.output().len();
        self.connection.sent(length);
    }

    /// Sends the requests that the responses belong to.
    fn ask(&mut self) {
        for (method, is_end) in ASKED {
            let start = RequestStart {
                method: method.as_bytes(),
                scheme: b"http",
                authority: b"a.example",
                path: b"/",
                protocol: None,
            };
            let key = self.connection.request(&start, is_end, |_| {}).expect("so many streams may be open");
            self.keys.push(key);
            self.seen.courses.insert(key.id, Course::default());
        }
    }

    fn course(&mut self, stream: Key) -> &mut Course {
        self.seen.courses.get_mut(&stream.id).expect("a stream that is known")
    }

    fn answer(&mut self, stream: Key) {
        self.connection.respond(stream, 200, true, |_| {});
    }

    /// All has come of what the peer sends on the stream.
    fn over(&mut self, stream: Key) {
        self.course(stream).is_over = true;
        let is_done = match self.role {
            Role::Server => {
                if self.answers == Answers::AtEnd {
                    self.answer(stream);
                }
                self.answers != Answers::Never
            }
            Role::Client => ASKED[stream.id as usize / 2].1,
        };
        if is_done {
            self.connection.release(stream);
        }
    }

    fn cut(&mut self, stream: Key) {
        let course = self.course(stream);
        course.is_cut = !course.is_over;
        self.connection.release(stream);
    }

    fn fields(&self, fields: &[Field]) -> Fields {
        let bytes = &self.arrival.bytes;
        let text = |field: &Field| String::from_utf8_lossy(field.name.of(bytes)).into_owned();
        sorted(fields.iter().map(|field| (text(field), field.value.of(bytes).to_vec())).collect())
    }
}

fn sorted(mut fields: Fields) -> Fields {
    fields.sort_by(|one, other| one.0.cmp(&other.0));
    fields
}

fn note(reader: &mut Reader, event: Event<'_>) {
    match event {
        Event::Request { stream, is_end, verdict } => {
            reader.keys.push(stream);
            if verdict.is_err() {
                reader.seen.refused.insert(stream.id);
                return reader.connection.release(stream);
            }
            let (head, bytes) = (&reader.arrival.request, &reader.arrival.bytes);
            let text = |span: tidegate::http1::Span| String::from_utf8_lossy(span.of(bytes)).into_owned();
            let start = vec![text(head.method_text), "http".to_owned(), text(head.target), text(head.authority)];
            assert_eq!(head.fields.iter().filter(|field| field.kind == FieldKind::Host).count(), 1);
            let mut fields = reader.fields(&head.fields);
            fields.retain(|(name, _)| name != "host");
            let heads = vec![Head { start, fields }];
            let before = reader.seen.courses.insert(stream.id, Course { heads, ..Course::default() });
            assert!(before.is_none(), "a stream begins once");
            if reader.answers == Answers::AtHead {
                reader.answer(stream);
            }
            if is_end {
                reader.over(stream);
            }
        }
        Event::Response { stream, is_end: _, verdict: Err(_) } => reader.cut(stream),
        Event::Response { stream, is_end, verdict: Ok(()) } => {
            let head = &reader.arrival.response;
            let head = Head { start: vec![head.status.to_string()], fields: reader.fields(&head.fields) };
            reader.course(stream).heads.push(head);
            if is_end {
                reader.over(stream);
            }
        }
        Event::Data { stream, bytes, is_end } => {
            reader.course(stream).body.extend_from_slice(bytes);
            reader.connection.consumed(stream, bytes.len());
            if is_end {
                reader.over(stream);
            }
        }
        Event::Trailers { stream } => {
            let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
            let lines = split(&reader.arrival.bytes).map(|(name, value)| (text(name), value.to_vec())).collect();
            reader.course(stream).trailers = Some(sorted(lines));
            reader.over(stream);
        }
        Event::Reset { stream, .. } => reader.cut(stream),
        Event::Rejected { id, .. } => {
            reader.seen.refused.insert(id);
        }
        Event::Goaway { last, .. } => {
            // What the server has not processed goes elsewhere.
            for key in reader.keys.clone() {
                if reader.role == Role::Client && key.id > last {
                    reader.connection.reset(key, ErrorCode::CANCEL);
                    reader.cut(key);
                }
            }
        }
        Event::Writable { .. } | Event::Settings | Event::Pong => {}
    }
}
