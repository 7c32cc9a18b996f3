//! The life of requests, as a server.

use super::support::{GET, POST, Rig, Seen, block, data, frame, head, settings, word};
use crate::http2::code::ErrorCode;
use crate::http2::connection::{Config, Key, Role};
use crate::http2::frame::{FrameHeader, flag, kind};
use crate::http2::hpack::{Decoder, FieldSink};

const END: u8 = flag::END_STREAM;

/// Fields of a block, as lines.
#[derive(Default)]
struct Lines(String);

impl FieldSink for Lines {
    fn field(&mut self, name: &[u8], value: &[u8]) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.0 += &format!("{}={};", text(name), text(value));
    }
}

#[test]
fn a_request_is_told_and_answered() {
    let mut rig = Rig::new(Role::Server, &Config::default());
    let sent = rig.sent();
    assert_eq!(sent.iter().map(|frame| frame.kind).collect::<Vec<_>>(), [kind::SETTINGS, kind::WINDOW_UPDATE]);
    assert_eq!(sent[1].word(), 1024 * 1024 - 65_535);
    rig.feed(crate::http2::frame::PREFACE).unwrap();
    rig.feed(&settings(&[])).unwrap();
    assert_eq!(rig.sent(), super::support::frames(&frame(kind::SETTINGS, flag::ACK, 0, b"")));
    rig.feed(&[head(1, 0, POST), data(1, 0, b"hel"), data(1, END, b"lo")].concat()).unwrap();
    let expected = [Seen::Settings, Seen::Request(1, "/".into(), false, None), Seen::Data(1, b"hello".to_vec(), true)];
    assert_eq!(rig.told(), expected);
    assert_eq!(rig.connection.open_streams(), 1);

    let key = rig.key(1);
    rig.connection.respond(key, 103, true, |give| give(b"Link", b"</a>"));
    rig.connection.respond(key, 200, false, |give| give(b"X-A", b"b"));
    rig.connection.respond(key, 200, false, |_| panic!("it is answered"));
    assert_eq!(rig.connection.data(key, b"answer", false), 6);
    assert_eq!(rig.connection.data(key, b"", false), 0);
    rig.connection.trailers(key, b"x-sum: 6\r\n");
    assert_eq!(rig.connection.open_streams(), 0);
    assert_eq!(rig.connection.data(key, b"more", true), 0);
    rig.connection.release(key);
    let sent = rig.sent();
    let mut decoder = Decoder::new(4096);
    let lines: Vec<String> = sent
        .iter()
        .map(|frame| match frame.kind {
            kind::HEADERS => {
                let mut lines = Lines::default();
                decoder.decode(&frame.payload, &mut lines).unwrap();
                lines.0
            }
            _ => String::from_utf8_lossy(&frame.payload).into_owned(),
        })
        .collect();
    assert_eq!(lines, [":status=103;link=</a>;", ":status=200;x-a=b;", "answer", "x-sum=6;"]);
    let flags: Vec<u8> = sent.iter().map(|frame| frame.flags & END).collect();
    assert_eq!(flags, [0, 0, 0, END]);
    assert_eq!((rig.connection.last_stream(), rig.connection.is_idle()), (1, true));
}

#[test]
fn a_refused_request_is_a_stream_that_is_answered() {
    let mut rig = Rig::server();
    let mut fields = GET.to_vec();
    fields[0] = (":method", "TRACE");
    rig.feed(&[head(1, 0, &fields), data(1, END, b"body")].concat()).unwrap();
    assert_eq!(rig.told(), [Seen::Request(1, "/".into(), false, Some(405)), Seen::Data(1, b"body".to_vec(), true)]);
    rig.connection.respond(rig.key(1), 405, true, |_| {});
    rig.connection.release(rig.key(1));
    assert_eq!(rig.sent().iter().map(|frame| (frame.kind, frame.flags)).collect::<Vec<_>>(), [(kind::HEADERS, 5)]);
}

#[test]
fn a_stale_key_does_nothing() {
    let mut rig = Rig::server();
    rig.feed(&head(1, 0, POST)).unwrap();
    let old = rig.key(1);
    rig.connection.release(old);
    rig.feed(&head(3, 0, POST)).unwrap();
    let new = rig.key(3);
    assert_eq!(new.slot, old.slot, "slots are used again");
    rig.sent();
    for key in [old, Key { slot: old.slot, id: 0 }, Key { slot: 77, id: 3 }] {
        rig.connection.respond(key, 200, true, |_| panic!("nobody is answered"));
        rig.connection.consumed(key, 5);
        rig.connection.head_released(key);
        rig.connection.trailers(key, b"x: y\r\n");
        rig.connection.reset(key, ErrorCode::CANCEL);
        rig.connection.release(key);
        assert_eq!((rig.connection.capacity(key), rig.connection.data(key, b"x", true)), (0, 0));
    }
    assert_eq!((rig.sent(), rig.connection.open_streams()), (vec![], 1));
}

#[test]
fn a_release_tells_the_client_what_it_must_know() {
    let reset = |end: u8, answer: &dyn Fn(&mut Rig, Key)| {
        let mut rig = Rig::server();
        rig.feed(&head(1, end, POST)).unwrap();
        let key = rig.key(1);
        answer(&mut rig, key);
        rig.sent();
        rig.connection.release(key);
        assert_eq!((rig.connection.open_streams(), rig.connection.held_streams()), (0, 0));
        rig.sent().iter().map(|frame| ErrorCode(frame.word())).collect::<Vec<_>>()
    };
    assert_eq!(reset(END, &|rig, key| rig.connection.respond(key, 200, true, |_| {})), []);
    let overtaking = reset(0, &|rig, key| rig.connection.respond(key, 403, true, |_| {}));
    assert_eq!(overtaking, [ErrorCode::NO_ERROR], "RFC 9113 §8.1");
    assert_eq!(reset(END, &|_, _| {}), [ErrorCode::CANCEL]);
    assert_eq!(reset(END, &|rig, key| rig.connection.respond(key, 200, false, |_| {})), [ErrorCode::CANCEL]);
    assert_eq!(reset(0, &|rig, key| rig.connection.reset(key, ErrorCode::INTERNAL_ERROR)), []);
}

#[test]
fn streams_beyond_the_limit_are_refused_and_their_heads_decoded() {
    let config = Config { streams: 2, ..Config::default() };
    let mut rig = Rig::new(Role::Server, &config);
    rig.feed(&[crate::http2::frame::PREFACE.to_vec(), settings(&[])].concat()).unwrap();
    // The third adds an entry to the table, which a later one names: refused heads are decoded too.
    let mut adding = block(POST);
    adding.extend(b"\x40\x03x-a\x01b");
    let third = frame(kind::HEADERS, flag::END_HEADERS, 5, &adding);
    rig.feed(&[head(1, END, GET), head(3, END, GET), third, data(5, 0, b"on its way")].concat()).unwrap();
    assert_eq!(rig.told().last(), Some(&Seen::Rejected(5, ErrorCode::REFUSED_STREAM)));
    let last = rig.sent().pop().unwrap();
    assert_eq!((last.kind, last.stream, last.word()), (kind::RST_STREAM, 5, ErrorCode::REFUSED_STREAM.0));
    rig.connection.respond(rig.key(1), 200, true, |_| {});
    rig.connection.release(rig.key(1));
    let mut naming = block(GET);
    naming.push(0xbe);
    rig.feed(&frame(kind::HEADERS, END | flag::END_HEADERS, 7, &naming)).unwrap();
    assert_eq!(rig.told(), [Seen::Request(7, "/".into(), true, None)]);
    assert!(rig.arrival.bytes.windows(8).any(|window| window == b"x-a: b\r\n"));
}

#[test]
fn streams_that_are_over_and_not_released_are_bounded() {
    let config = Config { streams: 2, early_resets: 1000, ..Config::default() };
    let mut rig = Rig::server_with(&config);
    for stream in [1, 3, 5, 7, 9] {
        rig.feed(&[head(stream, 0, POST), word(kind::RST_STREAM, stream, 8)].concat()).unwrap();
    }
    assert_eq!(rig.told().last(), Some(&Seen::Rejected(9, ErrorCode::REFUSED_STREAM)));
    assert_eq!((rig.connection.open_streams(), rig.connection.held_streams()), (0, 4));
}

#[test]
fn f01_heads_that_are_held_are_bounded() {
    let config = Config { heads_bytes: 1000, ..Config::default() };
    let mut rig = Rig::server_with(&config);
    let long = "v".repeat(400);
    let mut fields = GET.to_vec();
    fields.push(("x-long", &long));
    rig.feed(&[head(1, END, &fields), head(3, END, &fields), head(5, END, &fields)].concat()).unwrap();
    assert_eq!(rig.told().last(), Some(&Seen::Rejected(5, ErrorCode::REFUSED_STREAM)));
    rig.connection.head_released(rig.key(1));
    rig.feed(&head(7, END, &fields)).unwrap();
    assert_eq!(rig.told().last(), Some(&Seen::Request(7, "/".into(), true, None)));
    rig.connection.release(rig.key(3));
    rig.feed(&head(9, END, &fields)).unwrap();
    assert_eq!(rig.told().last(), Some(&Seen::Request(9, "/".into(), true, None)));
    // Other connections have used up what they share with this one.
    rig.connection.release(rig.key(9));
    rig.connection.set_heads_room(100);
    rig.feed(&head(11, END, &fields)).unwrap();
    assert_eq!(rig.told().last(), Some(&Seen::Rejected(11, ErrorCode::REFUSED_STREAM)));
    rig.connection.set_heads_room(u32::MAX);
    rig.feed(&head(13, END, &fields)).unwrap();
    assert_eq!(rig.told().last(), Some(&Seen::Request(13, "/".into(), true, None)));
}

#[test]
fn a_farewell_has_two_steps() {
    let mut rig = Rig::server();
    rig.feed(&head(1, END, GET)).unwrap();
    rig.connection.announce_goaway();
    rig.connection.announce_goaway();
    rig.connection.ping();
    rig.connection.ping();
    let sent = rig.sent();
    assert_eq!(sent.len(), 2);
    assert_eq!((sent[0].word(), sent[0].goaway_code()), (0x7fff_ffff, ErrorCode::NO_ERROR));
    // A request that crosses the farewell is served.
    let pong = frame(kind::PING, flag::ACK, 0, &sent[1].payload);
    rig.told();
    rig.feed(&[head(3, 0, POST), frame(kind::PING, flag::ACK, 0, b"not ours"), pong.clone(), pong].concat()).unwrap();
    assert_eq!(rig.told(), [Seen::Request(3, "/".into(), false, None), Seen::Pong]);
    rig.connection.goaway(ErrorCode::NO_ERROR);
    rig.connection.goaway(ErrorCode::NO_ERROR);
    let sent = rig.sent();
    assert_eq!((sent.len(), sent[0].word()), (1, 3));
    // Later ones are ignored with all that belongs to them.
    rig.feed(&[head(5, 0, POST), data(5, 0, b"x"), word(kind::RST_STREAM, 5, 8), data(3, END, b"y")].concat()).unwrap();
    assert_eq!((rig.told(), rig.sent()), (vec![Seen::Data(3, b"y".to_vec(), true)], vec![]));
    rig.connection.goaway(ErrorCode::INTERNAL_ERROR);
    assert_eq!(rig.feed(b"x").unwrap_err().code, ErrorCode::INTERNAL_ERROR);
}

#[test]
fn heads_that_have_not_come_are_noticed() {
    let mut rig = Rig::server();
    let bytes = [
        frame(kind::HEADERS, END, 1, &block(&GET[..2])),
        frame(kind::CONTINUATION, flag::END_HEADERS, 1, &block(&GET[2..])),
    ]
    .concat();
    for (at, byte) in bytes.iter().enumerate() {
        // From the first header on, but for the one byte behind it, there is a head.
        assert_eq!(rig.connection.is_in_head(), at >= 9, "{at}");
        rig.feed(&[*byte]).unwrap();
    }
    assert!(!rig.connection.is_in_head());
    assert_eq!(rig.told(), [Seen::Request(1, "/".into(), true, None)]);
}

#[test]
fn a_long_answer_head_is_split() {
    let mut rig = Rig::server();
    rig.feed(&head(1, END, GET)).unwrap();
    let long = vec![b'v'; 40_000];
    rig.connection.respond(rig.key(1), 200, true, |give| give(b"x-long", &long));
    let kinds: Vec<_> = rig.sent().iter().map(|frame| (frame.kind, frame.flags)).collect();
    assert_eq!(kinds, [(kind::HEADERS, 1), (kind::CONTINUATION, 0), (kind::CONTINUATION, 4)]);
}

#[test]
fn output_is_sent_in_parts_and_its_memory_is_lent() {
    let mut rig = Rig::server();
    rig.feed(&head(1, END, GET)).unwrap();
    rig.connection.respond(rig.key(1), 200, false, |_| {});
    rig.sent();
    let body: Vec<u8> = (0..60_000).map(|index: u32| (index % 251) as u8).collect();
    assert_eq!(rig.connection.data(rig.key(1), &body, true), 60_000);
    let mut all = Vec::new();
    let mut step = 1;
    while all.len() < 30_000 {
        let part = &rig.connection.output()[..step];
        all.extend_from_slice(part);
        rig.connection.sent(step);
        step = step * 2 + 1;
    }
    rig.connection.lend_output(Vec::with_capacity(1_000_000));
    all.extend(rig.connection.take_output());
    assert!(rig.connection.output().is_empty());
    let frames = super::support::frames(&all);
    assert_eq!(frames.iter().flat_map(|frame| frame.payload.clone()).collect::<Vec<_>>(), body);
    assert_eq!(frames.iter().map(|frame| frame.payload.len()).collect::<Vec<_>>(), [16_384, 16_384, 16_384, 10_848]);
    let header = FrameHeader::parse(all[..9].try_into().unwrap());
    assert_eq!((header.stream, header.kind), (1, kind::DATA));
}
