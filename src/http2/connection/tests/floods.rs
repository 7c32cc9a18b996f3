//! Peers that make us work for nothing.

use std::time::Duration;

use super::support::{GET, POST, Rig, Seen, block, data, frame, head, settings, word};
use crate::http2::code::ErrorCode;
use crate::http2::connection::limits::Limit;
use crate::http2::connection::{Config, limits};
use crate::http2::frame::{flag, kind};

const END: u8 = flag::END_STREAM;

/// How often the bytes are taken before the connection is told to be calm. The output is read meanwhile.
fn taken(rig: &mut Rig, mut bytes: impl FnMut(u32) -> Vec<u8>) -> u32 {
    for count in 0..1_000_000 {
        if let Err(ending) = rig.feed(&bytes(count)) {
            assert_eq!(ending.code, ErrorCode::ENHANCE_YOUR_CALM);
            assert_eq!(rig.sent().last().unwrap().goaway_code(), ending.code);
            return count;
        }
        rig.sent();
        rig.told();
    }
    panic!("a million were taken");
}

#[test]
fn c06_frames_of_no_use_end_the_connection_in_both_roles() {
    let floods = [
        ("ping", Limit::Pings, frame(kind::PING, 0, 0, b"12345678")),
        ("pong", Limit::Pings, frame(kind::PING, flag::ACK, 0, b"12345678")),
        ("settings", Limit::Settings, settings(&[(3, 100)])),
        ("acknowledgements", Limit::Settings, frame(kind::SETTINGS, flag::ACK, 0, b"")),
        ("priority", Limit::SmallFrames, frame(kind::PRIORITY, 0, 101, &[0, 0, 0, 0, 1])),
        ("window update", Limit::WindowUpdates, word(kind::WINDOW_UPDATE, 0, 1)),
        ("window update of a stream", Limit::WindowUpdates, word(kind::WINDOW_UPDATE, 1, 1)),
        ("unknown", Limit::SmallFrames, frame(0xfa, 0, 0, b"")),
        ("empty data", Limit::SmallFrames, data(1, 0, b"")),
        ("data of padding", Limit::SmallFrames, frame(kind::DATA, flag::PADDED, 1, b"\x02\0\0")),
        ("goaway", Limit::SmallFrames, frame(kind::GOAWAY, 0, 0, &[0; 8])),
    ];
    for (what, limit, bytes) in floods {
        let mut server = Rig::server();
        server.feed(&head(1, 0, POST)).unwrap();
        let mut client = Rig::client();
        client.ask(true);
        client.feed(&head(1, 0, &[(":status", "200")])).unwrap();
        for mut rig in [server, client] {
            rig.sent();
            let count = taken(&mut rig, |_| bytes.clone());
            assert!((limits::BURST - 10..=limits::BURST + 10).contains(&count), "{what}: {count}");
            assert_eq!(rig.connection.limit(), Some(limit), "{what}");
        }
    }
}

#[test]
fn c06_what_answers_our_frames_is_no_flood() {
    let mut rig = Rig::server();
    rig.feed(&head(1, END, GET)).unwrap();
    let key = rig.key(1);
    rig.connection.respond(key, 200, false, |_| {});
    for _ in 0..20_000 {
        assert_eq!(rig.connection.data(key, b"x", false), 1);
        rig.sent();
        rig.feed(&[word(kind::WINDOW_UPDATE, 0, 1), word(kind::WINDOW_UPDATE, 1, 1)].concat()).unwrap();
    }
    for _ in 0..100_000 {
        rig.now += Duration::from_millis(1);
        rig.feed(&frame(kind::PING, 0, 0, b"12345678")).unwrap();
        rig.connection.sent(usize::MAX / 2);
    }
}

#[test]
fn c07_small_messages_are_no_flood() {
    let mut rig = Rig::server();
    rig.feed(&head(1, 0, POST)).unwrap();
    let message = data(1, 0, b"12345");
    for _ in 0..100_000 {
        rig.feed(&message).unwrap();
        rig.connection.consumed(rig.key(1), 5);
    }
    assert_eq!(rig.told().len(), 2);
}

#[test]
fn c06_settings_with_many_parameters_cost_more() {
    let mut rig = Rig::server();
    rig.feed(&head(1, 0, POST)).unwrap();
    let many: Vec<(u16, u32)> = (0..2730).map(|n| (4, 60_000 + n)).collect();
    assert!(taken(&mut rig, |_| settings(&many)) < 15);
}

#[test]
fn c03_a_header_block_without_end_ends_the_connection() {
    for filler in [Vec::new(), vec![0; 1], block(&[("a", &"b".repeat(16_000))])] {
        let mut rig = Rig::server();
        rig.feed(&frame(kind::HEADERS, END, 1, &block(GET))).unwrap();
        let count = taken(&mut rig, |_| frame(kind::CONTINUATION, 0, 1, &filler));
        assert!(count <= u32::from(limits::CONTINUATIONS), "{count}");
        assert!(rig.connection.block.capacity() <= 2 * limits::BLOCK);
    }
}

#[test]
fn c01_rapid_reset_ends_the_connection() {
    let mut rig = Rig::server();
    let get = block(GET);
    let count = taken(&mut rig, |count| {
        let stream = 2 * count + 1;
        [frame(kind::HEADERS, END | flag::END_HEADERS, stream, &get), word(kind::RST_STREAM, stream, 8)].concat()
    });
    assert_eq!(count, 100);
}

#[test]
fn c01_resets_of_answered_requests_and_slow_ones_are_no_attack() {
    let mut rig = Rig::server();
    for count in 0..1_000 {
        let stream = 2 * count + 1;
        rig.feed(&head(stream, END, GET)).unwrap();
        let key = rig.keys.pop().unwrap();
        if count % 2 == 0 {
            rig.connection.respond(key, 200, false, |_| {});
        } else {
            rig.now += Duration::from_millis(11);
        }
        rig.feed(&word(kind::RST_STREAM, stream, 8)).unwrap();
        rig.connection.release(key);
        rig.sent();
    }
}

#[test]
fn c02_streams_that_are_made_to_be_reset_end_the_connection() {
    type Break = fn(u32) -> Vec<u8>;
    let variants: [(&str, Break); 7] = [
        ("a window update of nothing", |stream| word(kind::WINDOW_UPDATE, stream, 0)),
        ("a window update of too much", |stream| word(kind::WINDOW_UPDATE, stream, 0x7fff_ffff)),
        ("a stream that depends on itself", |stream| {
            frame(kind::PRIORITY, 0, stream, &[stream.to_be_bytes().as_slice(), &[0]].concat())
        }),
        ("a priority of four bytes", |stream| frame(kind::PRIORITY, 0, stream, &[0; 4])),
        ("trailers without an end", |stream| head(stream, 0, &[("x", "y")])),
        ("data behind the end", |stream| [data(stream, END, b""), data(stream, 0, b"x")].concat()),
        ("malformed trailers", |stream| head(stream, END, &[("X", "y")])),
    ];
    for (what, breaking) in variants {
        let mut rig = Rig::server();
        let count = taken(&mut rig, |count| {
            let stream = 2 * count + 1;
            [head(stream, 0, POST), breaking(stream)].concat()
        });
        assert_eq!(count, 128, "{what}");
        assert_eq!(rig.connection.limit(), Some(Limit::LocalResets), "{what}");
        assert!(rig.broken.iter().all(Option::is_none), "{what}");
        rig.keys.clear();
    }
}

#[test]
fn c02_malformed_requests_end_the_connection_at_last() {
    let mut rig = Rig::server();
    assert_eq!(taken(&mut rig, |count| head(2 * count + 1, END, &GET[1..])), 128);
}

#[test]
fn c02_refusals_without_end_end_the_connection() {
    let mut rig = Rig::server_with(&Config { streams: 1, ..Config::default() });
    rig.feed(&head(1, 0, POST)).unwrap();
    let count = taken(&mut rig, |count| head(2 * count + 3, END, GET));
    assert_eq!(count, limits::BURST / limits::REFUSAL);
    assert_eq!(rig.connection.limit(), Some(Limit::Streams));
}

#[test]
fn c06_answers_that_nobody_reads_are_bounded() {
    let mut rig = Rig::server();
    let ending = (0..1_000_000).find_map(|_| {
        rig.now += Duration::from_millis(10);
        rig.feed(&frame(kind::PING, 0, 0, b"12345678")).err()
    });
    assert_eq!(ending.unwrap().code, ErrorCode::ENHANCE_YOUR_CALM);
    assert!(rig.connection.output().len() < limits::CONTROL_OUTPUT + 200);
}

#[test]
fn c07_messages_to_streams_that_were_reset_cost_what_others_cost() {
    let mut rig = Rig::server();
    rig.feed(&head(1, 0, POST)).unwrap();
    rig.connection.release(rig.key(1));
    // As many as were on their way: nobody counts them, and the connection's window is given back.
    for _ in 0..100_000 {
        rig.feed(&data(1, 0, b"12345678901")).unwrap();
        rig.sent();
    }
    assert_eq!(taken(&mut rig, |_| data(1, 0, b"")), limits::BURST);
}

#[test]
fn a_page_that_is_left_is_no_attack() {
    let mut rig = Rig::server();
    for stream in (1..160).step_by(2) {
        rig.feed(&head(stream, END, GET)).unwrap();
    }
    for stream in (1..160).step_by(2) {
        rig.feed(&word(kind::RST_STREAM, stream, 8)).unwrap();
        rig.connection.release(rig.key(stream));
    }
    rig.told();
    rig.feed(&head(161, END, GET)).unwrap();
    assert_eq!(rig.told(), [Seen::Request(161, "/".into(), true, None)]);
}
