//! The life of requests, as a client.

use super::support::{Rig, Seen, data, frame, head, settings, word};
use crate::http2::code::ErrorCode;
use crate::http2::connection::{Config, Key, NoStream, Role};
use crate::http2::frame::{PREFACE, flag, kind};
use crate::http2::head::encode::RequestStart;

const END: u8 = flag::END_STREAM;
const OK: &[(&str, &str)] = &[(":status", "200")];

pub(super) const GET: RequestStart<'static> =
    RequestStart { method: b"GET", scheme: b"http", authority: b"a.example", path: b"/", protocol: None };

impl Rig {
    /// Opens a stream with a GET.
    pub(super) fn ask(&mut self, is_end: bool) -> Key {
        self.connection.request(&GET, is_end, |_| {}).unwrap()
    }
}

#[test]
fn a_request_is_sent_and_its_answer_told() {
    let mut rig = Rig::new(Role::Client, &Config::default());
    assert!(rig.connection.output().starts_with(PREFACE));
    let sent = rig.sent();
    assert_eq!(sent[0].payload[..6], [0, 2, 0, 0, 0, 0], "push is off");
    // It need not wait for the server's settings.
    let key = rig.ask(false);
    assert_eq!((key.id, rig.connection.data(key, b"body", true)), (1, 4));
    let kinds: Vec<_> = rig.sent().iter().map(|frame| (frame.kind, frame.flags, frame.stream)).collect();
    assert_eq!(kinds, [(kind::HEADERS, 4, 1), (kind::DATA, 1, 1)]);
    let answer = [
        settings(&[]),
        head(1, 0, &[(":status", "103"), ("link", "</a>")]),
        head(1, 0, OK),
        data(1, 0, b"answer"),
        head(1, END, &[("x-sum", "6")]),
    ];
    rig.feed(&answer.concat()).unwrap();
    let expected = [
        Seen::Settings,
        Seen::Response(1, 103, false),
        Seen::Response(1, 200, false),
        Seen::Data(1, b"answer".to_vec(), false),
        Seen::Trailers(1, "x-sum: 6\r\n".into()),
    ];
    assert_eq!(rig.told(), expected);
    assert_eq!((rig.connection.open_streams(), rig.connection.held_streams()), (0, 1));
    rig.sent();
    rig.connection.release(key);
    assert_eq!(rig.sent(), []);
    assert_eq!(rig.ask(true).id, 3);
}

#[test]
fn what_a_server_must_not_do_ends_streams_or_the_connection() {
    use ErrorCode as Code;
    let length = |value: &'static str| head(1, 0, &[(":status", "200"), ("content-length", value)]);
    #[expect(clippy::type_complexity, reason = "a table of frames")]
    let cases: &[(&str, Result<Code, Code>, &[Vec<u8>])] = &[
        ("DATA in front of the head", Ok(Code::PROTOCOL_ERROR), &[data(1, 0, b"x")]),
        ("an end in front of the head", Ok(Code::PROTOCOL_ERROR), &[data(1, END, b"")]),
        ("an interim end", Ok(Code::PROTOCOL_ERROR), &[head(1, END, &[(":status", "103")])]),
        ("101", Ok(Code::PROTOCOL_ERROR), &[head(1, 0, &[(":status", "101")])]),
        ("no status", Ok(Code::PROTOCOL_ERROR), &[head(1, END, &[("x", "y")])]),
        ("two lengths", Ok(Code::CANCEL), &[head(1, 0, &[OK[0], ("content-length", "5"), ("content-length", "5")])]),
        ("too short", Ok(Code::PROTOCOL_ERROR), &[length("5"), data(1, END, b"hell")]),
        ("too long", Ok(Code::PROTOCOL_ERROR), &[length("5"), data(1, END, b"hello!")]),
        ("no body at all", Ok(Code::PROTOCOL_ERROR), &[head(1, END, &[OK[0], ("content-length", "5")])]),
        ("a body of 204", Ok(Code::PROTOCOL_ERROR), &[head(1, 0, &[(":status", "204")]), data(1, END, b"x")]),
        ("trailers without an end", Ok(Code::PROTOCOL_ERROR), &[head(1, 0, OK), head(1, 0, &[("x", "y")])]),
        ("a stream that was not opened", Err(Code::PROTOCOL_ERROR), &[head(3, END, OK)]),
        ("a stream of its own", Err(Code::PROTOCOL_ERROR), &[head(2, END, OK)]),
        ("DATA on a stream that was not opened", Err(Code::PROTOCOL_ERROR), &[data(3, 0, b"x")]),
        ("a promise", Err(Code::PROTOCOL_ERROR), &[frame(kind::PUSH_PROMISE, 4, 1, b"\0\0\0\x02\x82")]),
        ("push", Err(Code::PROTOCOL_ERROR), &[settings(&[(2, 1)])]),
    ];
    for (what, expected, frames) in cases {
        for size in [1, usize::MAX] {
            let mut rig = Rig::client();
            let key = rig.connection.request(&GET, false, |_| {}).unwrap();
            rig.sent();
            let came = rig.feed_in(&frames.concat(), size);
            let sent = rig.sent();
            match expected {
                Ok(code) => {
                    came.unwrap();
                    let resets: Vec<_> = sent.iter().map(|frame| (frame.kind, frame.stream, frame.word())).collect();
                    assert_eq!(resets, [(kind::RST_STREAM, 1, code.0)], "{what}");
                    let last = rig.told().pop().unwrap();
                    assert!(matches!(last, Seen::Reset(1, _, false) | Seen::Response(1, 0, _)), "{what}: {last:?}");
                    assert_eq!(rig.connection.data(key, b"x", true), 0);
                }
                Err(code) => assert_eq!(came.unwrap_err().code, *code, "{what}"),
            }
        }
    }
}

#[test]
fn answers_to_head_have_lengths_and_no_bodies() {
    let start = RequestStart { method: b"HEAD", ..GET };
    for frames in [
        vec![head(1, END, &[(":status", "200"), ("content-length", "99")])],
        vec![head(1, 0, &[(":status", "200"), ("content-length", "99")]), data(1, END, b"")],
    ] {
        let mut rig = Rig::client();
        rig.connection.request(&start, true, |_| {}).unwrap();
        rig.feed(&frames.concat()).unwrap();
        assert_eq!((rig.connection.open_streams(), rig.sent().len()), (0, 1));
    }
}

#[test]
fn the_server_limits_streams() {
    let mut rig = Rig::new(Role::Client, &Config { streams: 200, ..Config::default() });
    assert_eq!(rig.connection.free_streams(), 100, "before the server has said anything");
    rig.feed(&settings(&[(3, 2)])).unwrap();
    assert_eq!(rig.connection.free_streams(), 2);
    let one = rig.ask(true);
    rig.ask(true);
    assert_eq!(rig.connection.request(&GET, true, |_| {}), Err(NoStream::Limit));
    rig.feed(&head(1, END, OK)).unwrap();
    // Over on the wire: another may come before the owner has looked at it.
    rig.ask(true);
    rig.connection.release(one);
    assert_eq!(rig.connection.free_streams(), 0);
    rig.feed(&settings(&[(3, 0)])).unwrap();
    assert_eq!(rig.connection.free_streams(), 0);
    rig.feed(&settings(&[(3, u32::MAX)])).unwrap();
    assert_eq!(rig.connection.free_streams(), 198);
}

#[test]
fn f18_a_farewell_tells_which_requests_were_not_processed() {
    let mut rig = Rig::client();
    let keys: Vec<_> = (0..3).map(|_| rig.ask(true)).collect();
    let goaway = |last: u32| frame(kind::GOAWAY, 0, 0, &[last.to_be_bytes(), 0_u32.to_be_bytes()].concat());
    rig.feed(&goaway(0x7fff_ffff)).unwrap();
    assert_eq!(rig.connection.request(&GET, true, |_| {}), Err(NoStream::GoingAway));
    rig.feed(&goaway(3)).unwrap();
    assert_eq!(rig.told(), [Seen::Goaway(0x7fff_ffff, ErrorCode::NO_ERROR), Seen::Goaway(3, ErrorCode::NO_ERROR)]);
    rig.feed(&[head(1, END, OK), head(3, END, OK)].concat()).unwrap();
    assert_eq!(rig.told(), [Seen::Response(1, 200, true), Seen::Response(3, 200, true)]);
    keys.iter().for_each(|key| rig.connection.release(*key));
    assert_eq!((rig.connection.held_streams(), rig.connection.free_streams()), (0, 0));
    assert_eq!(rig.feed(&goaway(5)).unwrap_err().code, ErrorCode::PROTOCOL_ERROR);
}

#[test]
fn a_refusal_is_told_with_its_code() {
    let mut rig = Rig::client();
    let key = rig.ask(false);
    rig.feed(&word(kind::RST_STREAM, 1, 7)).unwrap();
    assert_eq!(rig.told(), [Seen::Reset(1, ErrorCode::REFUSED_STREAM, true)]);
    rig.sent();
    rig.connection.release(key);
    assert_eq!(rig.sent(), []);
}

#[test]
fn an_answer_may_overtake_its_request() {
    let mut rig = Rig::client();
    let key = rig.ask(false);
    rig.feed(&[head(1, END, &[(":status", "403")]), word(kind::RST_STREAM, 1, 0)].concat()).unwrap();
    assert_eq!(rig.told(), [Seen::Response(1, 403, true), Seen::Reset(1, ErrorCode::NO_ERROR, true)]);
    assert_eq!(rig.connection.data(key, b"late", true), 0);
}

#[test]
fn answers_to_requests_that_were_given_up_are_ignored() {
    let mut rig = Rig::client();
    let key = rig.ask(true);
    rig.connection.release(key);
    assert_eq!(rig.sent().last().unwrap().word(), ErrorCode::CANCEL.0);
    rig.feed(&[head(1, 0, OK), data(1, 0, b"late"), head(1, END, &[("x", "y")])].concat()).unwrap();
    assert_eq!((rig.told(), rig.sent()), (vec![], vec![]));
}

#[test]
fn ids_run_out() {
    let mut rig = Rig::client();
    rig.connection.next = 0x7fff_ffff;
    assert_eq!(rig.ask(true).id, 0x7fff_ffff);
    assert_eq!(rig.connection.request(&GET, true, |_| {}), Err(NoStream::Exhausted));
    assert_eq!(rig.connection.free_streams(), 0);
}

#[test]
fn c03_interim_answers_are_bounded() {
    let mut rig = Rig::client();
    rig.ask(true);
    rig.feed(&head(1, 0, &[(":status", "103")]).repeat(16)).unwrap();
    assert_eq!(rig.told().len(), 16);
    rig.feed(&head(1, 0, &[(":status", "103")])).unwrap();
    assert_eq!(rig.told(), [Seen::Reset(1, ErrorCode::ENHANCE_YOUR_CALM, false)]);
}
