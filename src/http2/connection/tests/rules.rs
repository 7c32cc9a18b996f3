//! What ends a stream, what ends the connection, and what does neither (RFC 9113 §3 to §8), wherever reads cut frames.

use super::support::{Frame, GET, POST, Rig, Seen, block, data, frame, head, settings, word};
use crate::http2::code::ErrorCode;
use crate::http2::connection::{Config, Role};
use crate::http2::frame::{PREFACE, flag, kind};

/// What must come of a scene.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// The connection ends, with this code in GOAWAY.
    Ends(ErrorCode),
    /// Streams are reset with a code, and the connection goes on.
    Resets(u32, ErrorCode),
    /// Nothing is wrong.
    Goes,
}

use Outcome::{Ends, Goes, Resets};

const PROTOCOL: ErrorCode = ErrorCode::PROTOCOL_ERROR;
const SIZE: ErrorCode = ErrorCode::FRAME_SIZE_ERROR;
const CLOSED: ErrorCode = ErrorCode::STREAM_CLOSED;
const FLOW: ErrorCode = ErrorCode::FLOW_CONTROL_ERROR;
const END: u8 = flag::END_STREAM;

/// What comes of frames on a connection that has begun.
fn outcome(mut rig: Rig, scene: &[Vec<u8>], size: usize) -> (Outcome, Vec<Frame>) {
    let ended = rig.feed_in(&scene.concat(), size);
    let sent = rig.sent();
    let reset = sent.iter().find(|frame| frame.kind == kind::RST_STREAM);
    let goaway = sent.iter().find(|frame| frame.kind == kind::GOAWAY);
    let outcome = match (ended, goaway, reset) {
        (Err(ending), Some(goaway), _) => {
            assert_eq!((ending.code, ending.reason.as_bytes()), (goaway.goaway_code(), &goaway.payload[8..]));
            assert_eq!(rig.feed(b"more"), Err(ending), "an end is for ever");
            Ends(ending.code)
        }
        (Ok(()), None, Some(reset)) => Resets(reset.stream, ErrorCode(reset.word())),
        (Ok(()), None, None) => Goes,
        other => panic!("{other:?}"),
    };
    (outcome, sent)
}

#[track_caller]
fn assert_outcomes(begin: fn() -> Rig, scenes: &[(&str, Outcome, &[Vec<u8>])]) {
    for (what, expected, scene) in scenes {
        for size in [usize::MAX, 1, 7, 10, 13] {
            let (came, sent) = outcome(begin(), scene, size);
            assert_eq!(came, *expected, "{what}, in pieces of {size}: {sent:?}");
        }
    }
}

#[test]
fn frames_have_their_lengths_and_their_streams() {
    let open = || head(1, 0, POST);
    assert_outcomes(
        Rig::server,
        &[
            ("DATA of 16,384 bytes", Goes, &[open(), data(1, 0, &[0; 16_384])]),
            ("DATA of 16,385 bytes", Ends(SIZE), &[open(), data(1, 0, &[0; 16_385])]),
            ("unknown kind of 16,385 bytes", Ends(SIZE), &[frame(0xfa, 0, 0, &[0; 16_385])]),
            ("HEADERS of 16,385 bytes", Ends(SIZE), &[frame(kind::HEADERS, 4, 1, &[0; 16_385])]),
            ("DATA on stream 0", Ends(PROTOCOL), &[data(0, 0, b"x")]),
            ("HEADERS on stream 0", Ends(PROTOCOL), &[head(0, 0, GET)]),
            ("PRIORITY on stream 0", Ends(PROTOCOL), &[frame(kind::PRIORITY, 0, 0, &[0, 0, 0, 1, 0])]),
            ("PRIORITY of 4 bytes", Resets(1, SIZE), &[open(), frame(kind::PRIORITY, 0, 1, &[0; 4])]),
            ("PRIORITY of 4 bytes on an idle stream", Ends(SIZE), &[frame(kind::PRIORITY, 0, 1, &[0; 4])]),
            ("RST_STREAM on stream 0", Ends(PROTOCOL), &[word(kind::RST_STREAM, 0, 8)]),
            ("RST_STREAM of 3 bytes", Ends(SIZE), &[open(), frame(kind::RST_STREAM, 0, 1, &[0; 3])]),
            ("RST_STREAM of 5 bytes", Ends(SIZE), &[open(), frame(kind::RST_STREAM, 0, 1, &[0; 5])]),
            ("SETTINGS on a stream", Ends(PROTOCOL), &[open(), frame(kind::SETTINGS, 0, 1, &[])]),
            ("SETTINGS of 5 bytes", Ends(SIZE), &[frame(kind::SETTINGS, 0, 0, &[0; 5])]),
            ("an acknowledgement with settings", Ends(SIZE), &[frame(kind::SETTINGS, 1, 0, &[0; 6])]),
            ("PING on a stream", Ends(PROTOCOL), &[open(), frame(kind::PING, 0, 1, &[0; 8])]),
            ("PING of 7 bytes", Ends(SIZE), &[frame(kind::PING, 0, 0, &[0; 7])]),
            ("GOAWAY on a stream", Ends(PROTOCOL), &[open(), frame(kind::GOAWAY, 0, 1, &[0; 8])]),
            ("GOAWAY of 7 bytes", Ends(SIZE), &[frame(kind::GOAWAY, 0, 0, &[0; 7])]),
            ("GOAWAY with a text", Goes, &[frame(kind::GOAWAY, 0, 0, &[0; 30]), frame(kind::PING, 1, 0, &[0; 8])]),
            ("WINDOW_UPDATE of 3 bytes", Ends(SIZE), &[frame(kind::WINDOW_UPDATE, 0, 0, &[0; 3])]),
            ("CONTINUATION on stream 0", Ends(PROTOCOL), &[frame(kind::CONTINUATION, 4, 0, b"")]),
            ("PUSH_PROMISE", Ends(PROTOCOL), &[open(), frame(kind::PUSH_PROMISE, 4, 1, b"\0\0\0\x02\x82")]),
            ("unknown kinds anywhere", Goes, &[frame(0xfa, 0xff, 0, b"x"), open(), frame(0xfb, 0xff, 1, &[0; 99])]),
            ("the reserved bit", Goes, &[open(), frame(kind::DATA, END, 1 | 1 << 31, b"x")]),
            ("flags that mean nothing", Goes, &[frame(kind::PING, 0xfe, 0, &[0; 8]), head(1, 0xd2 & !8, GET)]),
        ],
    );
}

#[test]
fn paddings_and_priorities_are_checked_and_ignored() {
    let padded = |flags: u8, payload: &[u8]| frame(kind::DATA, flag::PADDED | flags, 1, payload);
    let headers = |flags: u8, payload: &[&[u8]]| frame(kind::HEADERS, flags | 4, 1, &payload.concat());
    let open = || head(1, 0, POST);
    let get = block(GET);
    assert_outcomes(
        Rig::server,
        &[
            ("padding", Goes, &[open(), padded(END, b"\x03abc\0\0\0")]),
            ("nothing but padding", Goes, &[open(), padded(END, b"\x03\0\0\0")]),
            ("a padding of none", Goes, &[open(), padded(END, b"\0")]),
            ("padding without a length", Ends(SIZE), &[open(), padded(END, b"")]),
            ("padding as long as its frame", Ends(PROTOCOL), &[open(), padded(END, b"\x04\0\0\0")]),
            ("padded HEADERS", Goes, &[headers(END | 8, &[b"\x02", &get, b"\0\0"])]),
            ("padded HEADERS with priority", Goes, &[headers(END | 0x28, &[b"\x02\0\0\0\x05\x10", &get, b"\0\0"])]),
            ("padded HEADERS without a length", Ends(SIZE), &[headers(END | 8, &[])]),
            ("HEADERS of padding longer than they", Ends(PROTOCOL), &[headers(END | 8, &[b"\xff", &get])]),
            ("padding that covers the priority", Ends(SIZE), &[headers(END | 0x28, &[b"\x02\0\0\0\0\x10"])]),
            ("HEADERS with half a priority", Ends(SIZE), &[headers(END | 0x20, &[&[0; 4]])]),
            ("HEADERS that depend on themselves", Resets(1, PROTOCOL), &[headers(0x20, &[&[0, 0, 0, 1, 0], &get])]),
            ("exclusively", Resets(1, PROTOCOL), &[headers(0x20, &[&[0x80, 0, 0, 1, 0], &get])]),
            (
                "PRIORITY that depends on itself",
                Resets(1, PROTOCOL),
                &[open(), frame(kind::PRIORITY, 0, 1, &[0, 0, 0, 1, 0])],
            ),
            ("an idle stream that depends on itself", Ends(PROTOCOL), &[frame(kind::PRIORITY, 0, 7, &[0, 0, 0, 7, 0])]),
            ("PRIORITY of an idle stream", Goes, &[frame(kind::PRIORITY, 0, 7, &[0, 0, 0, 1, 0]), open()]),
        ],
    );
}

#[test]
fn header_blocks_are_whole_and_nothing_comes_in_between() {
    let get = block(GET);
    let (first, second) = get.split_at(20);
    let begin = |flags: u8| frame(kind::HEADERS, flags, 1, first);
    let go_on = |flags: u8, bytes: &[u8]| frame(kind::CONTINUATION, flags, 1, bytes);
    assert_outcomes(
        Rig::server,
        &[
            ("a continuation", Goes, &[begin(END), go_on(4, second)]),
            ("empty continuations", Goes, &[begin(END), go_on(0, b""), go_on(0, second), go_on(4, b"")]),
            (
                "a continuation of another stream",
                Ends(PROTOCOL),
                &[begin(END), frame(kind::CONTINUATION, 4, 3, second)],
            ),
            ("a continuation of nothing", Ends(PROTOCOL), &[go_on(4, second)]),
            ("a continuation behind the end", Ends(PROTOCOL), &[begin(END), go_on(4, second), go_on(4, b"")]),
            ("PING in between", Ends(PROTOCOL), &[begin(END), frame(kind::PING, 0, 0, &[0; 8])]),
            ("an unknown kind in between", Ends(PROTOCOL), &[begin(END), frame(0xfa, 0, 0, b"")]),
            ("HEADERS in between", Ends(PROTOCOL), &[begin(END), begin(END | 4)]),
            ("DATA in between", Ends(PROTOCOL), &[begin(0), data(1, 0, b"x")]),
            ("an unknown index", Ends(ErrorCode::COMPRESSION_ERROR), &[frame(kind::HEADERS, 5, 1, b"\xc6")]),
            ("half a field", Ends(ErrorCode::COMPRESSION_ERROR), &[frame(kind::HEADERS, 5, 1, first)]),
            (
                "half a field on a stream that is over",
                Ends(ErrorCode::COMPRESSION_ERROR),
                &[head(1, 0, &POST[1..]), frame(kind::HEADERS, 5, 1, first)],
            ),
        ],
    );
}

#[test]
fn streams_have_states() {
    let update = |stream, by| word(kind::WINDOW_UPDATE, stream, by);
    let reset = |stream| word(kind::RST_STREAM, stream, 8);
    assert_outcomes(
        Rig::server,
        &[
            ("DATA on an idle stream", Ends(PROTOCOL), &[data(1, 0, b"x")]),
            ("RST_STREAM on an idle stream", Ends(PROTOCOL), &[reset(1)]),
            ("WINDOW_UPDATE on an idle stream", Ends(PROTOCOL), &[update(1, 1)]),
            ("DATA on a stream of ours", Ends(PROTOCOL), &[head(5, END, GET), data(2, 0, b"x")]),
            ("HEADERS on an even stream", Ends(PROTOCOL), &[head(2, END, GET)]),
            ("a smaller stream", Ends(PROTOCOL), &[head(5, END, GET), head(3, END, GET)]),
            ("a larger stream", Goes, &[head(5, END, GET), head(11, END, GET)]),
            ("DATA behind the end", Resets(1, CLOSED), &[head(1, END, GET), data(1, 0, b"x")]),
            ("HEADERS behind the end", Resets(1, CLOSED), &[head(1, END, GET), head(1, END, GET)]),
            ("WINDOW_UPDATE behind the end", Goes, &[head(1, END, GET), update(1, 1)]),
            (
                "DATA behind DATA with the end",
                Resets(1, CLOSED),
                &[head(1, 0, POST), data(1, END, b""), data(1, 0, b"x")],
            ),
            ("DATA behind RST_STREAM", Ends(CLOSED), &[head(1, 0, POST), reset(1), data(1, 0, b"x")]),
            ("HEADERS behind RST_STREAM", Ends(CLOSED), &[head(1, 0, POST), reset(1), head(1, END, GET)]),
            ("RST_STREAM twice", Goes, &[head(1, 0, POST), reset(1), reset(1), update(1, 5)]),
            ("trailers", Goes, &[head(1, 0, POST), data(1, 0, b"x"), head(1, END, &[("x", "y")])]),
            ("trailers without an end", Resets(1, PROTOCOL), &[head(1, 0, POST), head(1, 0, &[("x", "y")])]),
            ("trailers with a pseudo-field", Resets(1, PROTOCOL), &[head(1, 0, POST), head(1, END, &[(":path", "/")])]),
            ("a window made larger by nothing", Resets(1, PROTOCOL), &[head(1, 0, POST), update(1, 0)]),
            ("the connection's window made larger by nothing", Ends(PROTOCOL), &[update(0, 0)]),
            ("a window that becomes too large", Resets(1, FLOW), &[head(1, 0, POST), update(1, 0x7fff_ffff)]),
            ("the connection's window that becomes too large", Ends(FLOW), &[update(0, 0x7fff_ffff)]),
            ("a malformed request", Resets(1, PROTOCOL), &[head(1, END, &GET[1..])]),
        ],
    );
}

#[test]
fn what_comes_for_streams_that_we_reset_is_ignored() {
    for is_released in [false, true] {
        let mut rig = Rig::server();
        rig.feed(&head(1, 0, POST)).unwrap();
        rig.connection.reset(rig.key(1), ErrorCode::CANCEL);
        if is_released {
            rig.connection.release(rig.key(1));
        }
        rig.told();
        rig.sent();
        let late = [
            data(1, 0, b"late"),
            head(1, END, &[("x", "y")]),
            word(kind::WINDOW_UPDATE, 1, 0),
            word(kind::RST_STREAM, 1, 8),
            frame(kind::PRIORITY, 0, 1, &[0, 0, 0, 3, 0]),
        ];
        rig.feed(&late.concat()).unwrap();
        assert_eq!((rig.told(), rig.sent()), (vec![], vec![]), "{is_released}");
        rig.feed(&head(3, END, GET)).unwrap();
        assert_eq!(rig.told(), [Seen::Request(3, "/".into(), true, None)]);
    }
}

#[test]
fn what_comes_for_streams_that_ended_ends_the_connection() {
    for is_released in [false, true] {
        for late in [data(1, 0, b"late"), head(1, END, GET)] {
            let mut rig = Rig::server();
            rig.feed(&head(1, END, GET)).unwrap();
            rig.connection.respond(rig.key(1), 200, true, |_| {});
            if is_released {
                rig.connection.release(rig.key(1));
            }
            rig.feed(&word(kind::WINDOW_UPDATE, 1, 7)).unwrap();
            rig.feed(&word(kind::RST_STREAM, 1, 8)).unwrap();
            assert_eq!(rig.feed(&late).unwrap_err().code, CLOSED);
        }
    }
}

#[test]
fn a_connection_begins_with_preface_and_settings() {
    let fresh = || Rig::new(Role::Server, &Config::default());
    let preface = || PREFACE.to_vec();
    assert_outcomes(
        fresh,
        &[
            ("preface and settings", Goes, &[preface(), settings(&[])]),
            ("another protocol", Ends(PROTOCOL), &[b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec()]),
            ("half a preface", Ends(PROTOCOL), &[b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n".to_vec()]),
            ("PING first", Ends(PROTOCOL), &[preface(), frame(kind::PING, 0, 0, &[0; 8])]),
            ("HEADERS first", Ends(PROTOCOL), &[preface(), head(1, END, GET)]),
            ("an acknowledgement first", Ends(PROTOCOL), &[preface(), frame(kind::SETTINGS, 1, 0, &[])]),
            ("an unknown kind first", Ends(PROTOCOL), &[preface(), frame(0xfa, 0, 0, b"")]),
            ("push that is neither on nor off", Ends(PROTOCOL), &[preface(), settings(&[(2, 2)])]),
            ("a window that is too large", Ends(FLOW), &[preface(), settings(&[(4, 1 << 31)])]),
            ("frames that are too small", Ends(PROTOCOL), &[preface(), settings(&[(5, 16_383)])]),
            ("frames that are too large", Ends(PROTOCOL), &[preface(), settings(&[(5, 1 << 24)])]),
            ("settings nobody knows", Goes, &[preface(), settings(&[(0xfff0, 7), (1, u32::MAX), (3, 0), (6, 1)])]),
        ],
    );
    // One byte is enough to know.
    assert!(fresh().feed(b"G").is_err());
    assert!(fresh().feed(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\rX").is_err());
    let mut rig = fresh();
    assert!(!rig.connection.is_greeted());
    rig.feed(&PREFACE[..10]).unwrap();
    assert!(rig.connection.is_in_frame() && !rig.connection.is_greeted());
    rig.feed(&PREFACE[10..]).unwrap();
    assert!(!rig.connection.is_greeted());
    rig.feed(&settings(&[])).unwrap();
    assert!(rig.connection.is_greeted() && !rig.connection.is_in_frame());
}
