//! Flow control and lengths of bodies.

use super::support::{GET, POST, Rig, Seen, data, frame, head, settings, word};
use crate::http2::code::ErrorCode;
use crate::http2::connection::{Config, Returns, Role};
use crate::http2::frame::{PREFACE, flag, kind};

const END: u8 = flag::END_STREAM;

fn with_length(length: &'static str) -> Vec<u8> {
    let mut fields = POST.to_vec();
    fields.push(("content-length", length));
    head(1, 0, &fields)
}

#[test]
fn c08_a_body_that_differs_from_its_length_ends_the_stream_and_reaches_nobody() {
    let trailers = head(1, END, &[("x", "y")]);
    let cases: &[(&str, &str, &[Vec<u8>])] = &[
        ("too long", "5", &[data(1, END, b"hello!")]),
        ("too long by a frame", "5", &[data(1, 0, b"hello"), data(1, END, b"!")]),
        ("too long without an end", "5", &[data(1, 0, b"hello"), data(1, 0, b"!")]),
        ("too short", "50", &[data(1, END, b"hello")]),
        ("nothing at all", "5", &[data(1, END, b"")]),
        ("something", "0", &[data(1, 0, b"x")]),
        ("trailers too early", "5", &[data(1, 0, b"hell"), trailers.clone()]),
    ];
    for (what, length, frames) in cases {
        for size in [1, 100] {
            let mut rig = Rig::server();
            rig.feed_in(&[with_length(length), frames.concat()].concat(), size).unwrap();
            let told = rig.told();
            assert_eq!(told.last(), Some(&Seen::Reset(1, ErrorCode::PROTOCOL_ERROR, false)), "{what}");
            let whole = |seen: &Seen| matches!(seen, Seen::Data(_, bytes, end) if *end || bytes.len() > 5);
            assert!(!told.iter().any(whole), "{what}: {told:?}");
            let sent = rig.sent();
            assert_eq!((sent.len(), sent[0].kind, sent[0].word()), (1, kind::RST_STREAM, 1), "{what}");
        }
    }
    let mut rig = Rig::server();
    rig.feed(&[with_length("5"), data(1, 0, b"hel"), data(1, 0, b"lo"), trailers].concat()).unwrap();
    assert_eq!(rig.told().last(), Some(&Seen::Trailers(1, "x: y\r\n".into())));
    let mut rig = Rig::server();
    rig.feed(&[with_length("5"), data(1, 0, b"hello"), data(1, END, b"")].concat()).unwrap();
    assert_eq!(rig.told().last(), Some(&Seen::Data(1, b"hello".to_vec(), true)));
}

#[test]
fn windows_are_given_back_in_halves_once_bytes_are_passed_on() {
    let config = Config { stream_window: 100_000, connection_window: 150_000, ..Config::default() };
    let mut rig = Rig::server_with(&config);
    rig.feed(&[head(1, 0, POST), head(3, 0, POST)].concat()).unwrap();
    let (one, other) = (rig.key(1), rig.key(3));
    for _ in 0..10 {
        rig.feed(&data(1, 0, &[0; 10_000])).unwrap();
    }
    assert_eq!(rig.sent(), []);
    rig.connection.consumed(one, 49_999);
    assert_eq!(rig.sent(), []);
    rig.connection.consumed(one, 1);
    let updates = |rig: &mut Rig| rig.sent().iter().map(|frame| (frame.stream, frame.word())).collect::<Vec<_>>();
    assert_eq!(updates(&mut rig), [(1, 50_000)]);
    rig.connection.consumed(one, 25_000);
    assert_eq!(updates(&mut rig), [(0, 75_000)]);
    // More than has come is no more.
    rig.connection.consumed(one, usize::MAX);
    assert_eq!(updates(&mut rig), [(1, 50_000)]);
    // What a stream holds when it is released goes back to the connection.
    for _ in 0..5 {
        rig.feed(&data(3, 0, &[0; 10_000])).unwrap();
    }
    rig.connection.reset(other, ErrorCode::CANCEL);
    assert_eq!(rig.sent().len(), 1);
    rig.connection.release(other);
    assert_eq!(updates(&mut rig), [(0, 75_000)]);
    // What comes for it late does so too.
    for _ in 0..8 {
        rig.feed(&data(3, 0, &[0; 10_000])).unwrap();
    }
    assert_eq!(updates(&mut rig), [(0, 80_000)]);
}

#[test]
fn fault_f11_the_window_of_the_connection_may_be_given_back_on_arrival() {
    let config = Config {
        stream_window: 100_000,
        connection_window: 120_000,
        returns_connection_window: Returns::OnArrival,
        ..Config::default()
    };
    let mut rig = Rig::client_with(&config, &[]);
    let keys: Vec<_> = (0..3).map(|_| rig.ask(true)).collect();
    for stream in [1, 3, 5] {
        rig.feed(&head(stream, 0, &[(":status", "200")])).unwrap();
    }
    rig.sent();
    // Two streams stall with all that their windows allow; the third goes on.
    for stream in [1, 3] {
        (0..10).for_each(|_| rig.feed(&data(stream, 0, &[0; 10_000])).unwrap());
    }
    for _ in 0..100 {
        rig.feed(&data(5, 0, &[0; 10_000])).unwrap();
        rig.connection.consumed(keys[2], 10_000);
    }
    let sent = rig.sent();
    let given = |stream| sent.iter().filter(|frame| frame.stream == stream).map(|frame| frame.word()).sum::<u32>();
    assert_eq!((given(1), given(3), given(5)), (0, 0, 1_000_000));
    assert!(given(0) > 1_200_000 - 60_000 && given(0) <= 1_200_000);
    rig.connection.release(keys[0]);
    assert_eq!(rig.sent().len(), 1, "nothing is given back twice");
}

#[test]
fn padding_is_counted_and_given_back() {
    let config = Config { stream_window: 65_535, connection_window: 65_535, ..Config::default() };
    let mut rig = Rig::server_with(&config);
    rig.feed(&head(1, 0, POST)).unwrap();
    let padded = frame(kind::DATA, flag::PADDED, 1, &[&[200_u8, b'x'][..], &[0; 200]].concat());
    let (mut windows, mut bodies) = ([65_535_u32; 2], 0);
    for _ in 0..2000 {
        assert!(windows.iter().all(|&window| window >= 202), "{windows:?}");
        rig.feed(&padded).unwrap();
        bodies += 1;
        windows = windows.map(|window| window - 202);
        for update in rig.sent() {
            assert_eq!(update.kind, kind::WINDOW_UPDATE);
            windows[usize::from(update.stream == 1)] += update.word();
        }
        if bodies % 100 == 0 {
            rig.connection.consumed(rig.key(1), 100);
        }
    }
}

#[test]
fn more_than_a_window_allows_is_an_error() {
    let config = Config { stream_window: 10_000, connection_window: 65_535, ..Config::default() };
    let mut rig = Rig::server_with(&config);
    rig.feed(&[head(1, 0, POST), data(1, 0, &[0; 10_000])].concat()).unwrap();
    rig.told();
    rig.feed(&data(1, 0, b"x")).unwrap();
    assert_eq!(rig.told(), [Seen::Reset(1, ErrorCode::FLOW_CONTROL_ERROR, false)]);
    let config = Config { stream_window: 1 << 20, connection_window: 65_535, ..Config::default() };
    let mut rig = Rig::server_with(&config);
    rig.feed(&[head(1, 0, POST), data(1, 0, &[0; 16_000]).repeat(4)].concat()).unwrap();
    assert_eq!(rig.feed(&data(1, 0, &[0; 1536])).unwrap_err().code, ErrorCode::FLOW_CONTROL_ERROR);
}

#[test]
fn a_small_window_holds_from_the_acknowledgement_on() {
    let config = Config { stream_window: 1000, ..Config::default() };
    let mut rig = Rig::new(Role::Server, &config);
    rig.feed(&[PREFACE.to_vec(), settings(&[]), head(1, 0, POST), data(1, 0, &[0; 16_000])].concat()).unwrap();
    rig.feed(&frame(kind::SETTINGS, flag::ACK, 0, b"")).unwrap();
    rig.told();
    // 1,000 - 16,000 is what it may send now.
    rig.connection.consumed(rig.key(1), 15_000);
    rig.feed(&data(1, 0, b"")).unwrap();
    assert_eq!(rig.told(), []);
    rig.feed(&data(1, 0, b"x")).unwrap();
    assert_eq!(rig.told(), [Seen::Reset(1, ErrorCode::FLOW_CONTROL_ERROR, false)]);
    rig.feed(&[head(3, 0, POST), data(3, 0, &[0; 1001])].concat()).unwrap();
    assert_eq!(rig.told().last(), Some(&Seen::Reset(3, ErrorCode::FLOW_CONTROL_ERROR, false)));
}

#[test]
fn we_send_what_both_windows_allow() {
    let mut rig = Rig::new(Role::Server, &Config::default());
    rig.feed(&[PREFACE.to_vec(), settings(&[(4, 10)]), head(1, END, GET), head(3, END, GET)].concat()).unwrap();
    let (one, other) = (rig.key(1), rig.key(3));
    for key in [one, other] {
        rig.connection.respond(key, 200, false, |_| {});
    }
    assert_eq!((rig.connection.capacity(one), rig.connection.data(one, &[0; 99], true)), (10, 10));
    assert_eq!((rig.connection.capacity(one), rig.connection.data(one, &[0; 89], true)), (0, 0));
    rig.told();
    // Below zero: 10 were sent, 4 would have been allowed.
    rig.feed(&settings(&[(4, 4)])).unwrap();
    assert_eq!((rig.connection.capacity(one), rig.connection.capacity(other)), (0, 4));
    rig.feed(&word(kind::WINDOW_UPDATE, 1, 6)).unwrap();
    rig.feed(&word(kind::WINDOW_UPDATE, 3, 1)).unwrap();
    assert_eq!(rig.told(), [Seen::Settings], "it was open, or is still closed");
    rig.feed(&word(kind::WINDOW_UPDATE, 1, 1)).unwrap();
    assert_eq!((rig.told(), rig.connection.capacity(one)), (vec![Seen::Writable(Some(1))], 1));
    rig.feed(&settings(&[(4, 70_000)])).unwrap();
    assert_eq!(rig.told(), [Seen::Settings]);
    // Now the connection's window is the smaller one.
    assert_eq!(rig.connection.data(one, &[0; 66_000], true), 65_525);
    assert_eq!((rig.connection.capacity(one), rig.connection.capacity(other)), (0, 0));
    assert_eq!(rig.connection.data(other, b"", false), 0);
    rig.feed(&word(kind::WINDOW_UPDATE, 0, 475)).unwrap();
    assert_eq!(rig.told(), [Seen::Writable(None)]);
    assert_eq!(rig.connection.data(one, &[0; 475], true), 475);
    // An end needs no window.
    assert_eq!((rig.connection.data(other, b"", true), rig.connection.open_streams()), (0, 0));
    let sent = rig.sent();
    assert_eq!(sent.iter().filter(|frame| frame.flags & END != 0 && frame.kind == kind::DATA).count(), 2);
    // Windows of streams that are over are nobody's concern.
    rig.feed(&word(kind::WINDOW_UPDATE, 1, 0)).unwrap();
    assert_eq!((rig.told(), rig.sent()), (vec![], vec![]));
}

#[test]
fn settings_that_make_a_window_too_large_end_the_connection() {
    let mut rig = Rig::server();
    rig.feed(&[head(1, END, GET), word(kind::WINDOW_UPDATE, 1, 0x7fff_ffff - 65_535)].concat()).unwrap();
    assert_eq!(rig.feed(&settings(&[(4, 65_536)])).unwrap_err().code, ErrorCode::FLOW_CONTROL_ERROR);
}

#[test]
fn a_stream_that_ends_within_a_frame_gets_no_more_of_it() {
    for is_released in [false, true] {
        let config = Config { stream_window: 65_535, connection_window: 65_535, ..Config::default() };
        let mut rig = Rig::server_with(&config);
        rig.feed(&head(1, 0, POST)).unwrap();
        for _ in 0..20 {
            let bytes = data(1, 0, &[0; 16_000]);
            rig.feed(&bytes[..1000]).unwrap();
            rig.connection.reset(rig.key(1), ErrorCode::CANCEL);
            if is_released {
                rig.connection.release(rig.key(1));
            } else {
                rig.connection.consumed(rig.key(1), 991);
            }
            rig.feed(&bytes[1000..]).unwrap();
        }
        let told = rig.told();
        assert_eq!(told[1..], [Seen::Data(1, vec![0; 991], false)]);
        // All of 320,000 bytes came: the connection's window was given back.
        let given: u32 = rig.sent().iter().filter(|f| f.kind == kind::WINDOW_UPDATE).map(|f| f.word()).sum();
        assert!(given > 320_000 - 32_768, "{given}");
    }
}
