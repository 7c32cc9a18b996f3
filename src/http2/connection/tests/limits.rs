//! Each limit, with the code that the peer sees and the name by which the owner counts it.

use std::time::Duration;

use super::support::{GET, POST, Rig, Seen, block, data, frame, head, settings, word};
use crate::http2::code::ErrorCode;
use crate::http2::connection::Config;
use crate::http2::connection::limits::Limit;
use crate::http2::frame::{MAX_PAYLOAD, flag, kind};

const END: u8 = flag::END_STREAM;

/// What the peer sees beyond a limit.
#[derive(Debug, PartialEq, Eq)]
enum Sees {
    Reset(ErrorCode),
    Goaway(ErrorCode),
}

use Sees::{Goaway, Reset};

/// Feeds what `bytes` gives, for 1, 2, 3 and so on, until something is broken.
fn provoke(rig: &mut Rig, bytes: impl Fn(u32) -> Vec<u8>) -> (Sees, Option<Limit>) {
    for count in 1..100_000 {
        if let Err(ending) = rig.feed(&bytes(count)) {
            return (Goaway(ending.code), rig.connection.limit());
        }
        if let [limit] = rig.broken[..] {
            let [.., Seen::Reset(_, code, false) | Seen::Rejected(_, code)] = rig.told()[..] else {
                panic!("nothing was told")
            };
            assert_eq!(rig.connection.limit(), None, "the connection goes on");
            return (Reset(code), limit);
        }
    }
    panic!("all is taken")
}

/// A server with a stream whose body has not come.
fn posted(config: &Config) -> Rig {
    let mut rig = Rig::server_with(config);
    rig.feed(&head(1, 0, POST)).unwrap();
    rig
}

/// Goes beyond the limit, and tells what is expected of it and what came of it.
fn beyond(limit: Limit) -> (Sees, (Sees, Option<Limit>)) {
    let usual = Config::default();
    let calm = ErrorCode::ENHANCE_YOUR_CALM;
    let flood = |bytes: Vec<u8>| {
        let mut rig = posted(&Config::default());
        (Goaway(calm), provoke(&mut rig, |_| bytes.clone()))
    };
    match limit {
        Limit::Streams => {
            let mut rig = posted(&Config { streams: 1, ..usual });
            (Reset(ErrorCode::REFUSED_STREAM), provoke(&mut rig, |_| head(3, END, GET)))
        }
        Limit::Heads => {
            let mut rig = Rig::server_with(&Config { heads_bytes: 10, ..usual });
            (Reset(ErrorCode::REFUSED_STREAM), provoke(&mut rig, |_| head(1, END, GET)))
        }
        Limit::HeaderBlock => {
            let mut rig = Rig::server();
            let piece = block(&[("a", &"b".repeat(16_000))]);
            rig.feed(&frame(kind::HEADERS, END, 1, &block(GET))).unwrap();
            (Goaway(calm), provoke(&mut rig, |_| frame(kind::CONTINUATION, 0, 1, &piece)))
        }
        Limit::Continuations => {
            let mut rig = Rig::server();
            rig.feed(&frame(kind::HEADERS, END, 1, &block(GET))).unwrap();
            (Goaway(calm), provoke(&mut rig, |_| frame(kind::CONTINUATION, 0, 1, b"")))
        }
        Limit::Trailers => {
            let many = [("x", "y"); crate::http1::MAX_TRAILER_FIELDS + 1];
            (Reset(ErrorCode::PROTOCOL_ERROR), provoke(&mut posted(&usual), |_| head(1, END, &many)))
        }
        Limit::Interims => {
            let mut rig = Rig::client();
            rig.ask(true);
            (Reset(calm), provoke(&mut rig, |_| head(1, 0, &[(":status", "103")])))
        }
        Limit::StreamWindow => {
            let mut rig = posted(&Config { stream_window: 10, ..usual });
            (Reset(ErrorCode::FLOW_CONTROL_ERROR), provoke(&mut rig, |_| data(1, 0, b"123")))
        }
        Limit::ConnectionWindow => {
            let mut rig = posted(&Config { connection_window: 65_535, ..usual });
            (Goaway(ErrorCode::FLOW_CONTROL_ERROR), provoke(&mut rig, |_| data(1, 0, &[0; MAX_PAYLOAD])))
        }
        Limit::FrameSize => {
            let long = data(1, 0, &[0; MAX_PAYLOAD + 1]);
            (Goaway(ErrorCode::FRAME_SIZE_ERROR), provoke(&mut posted(&usual), |_| long.clone()))
        }
        Limit::Pings => flood(frame(kind::PING, flag::ACK, 0, b"12345678")),
        Limit::Settings => flood(settings(&[(3, 100)])),
        Limit::WindowUpdates => flood(word(kind::WINDOW_UPDATE, 1, 1)),
        Limit::SmallFrames => flood(data(1, 0, b"")),
        Limit::EarlyResets => {
            let opened_and_reset = |count: u32| {
                let stream = 2 * count + 1;
                [head(stream, END, GET), word(kind::RST_STREAM, stream, 8)].concat()
            };
            (Goaway(calm), provoke(&mut Rig::server(), opened_and_reset))
        }
        Limit::LocalResets => {
            let mut rig = Rig::server_with(&Config { local_resets: 0, ..usual });
            (Goaway(calm), provoke(&mut rig, |_| head(1, END, &GET[1..])))
        }
        Limit::Unread => {
            let (mut rig, ping) = (Rig::server(), frame(kind::PING, 0, 0, b"12345678"));
            // So slowly that there are credits, and nobody reads the answers.
            while rig.feed(&ping).is_ok() {
                rig.now += Duration::from_millis(10);
            }
            (Goaway(calm), provoke(&mut rig, |_| ping.clone()))
        }
    }
}

#[test]
fn every_limit_has_its_code_and_its_name() {
    assert!(Limit::ALL.iter().enumerate().all(|(index, limit)| *limit as usize == index));
    for limit in Limit::ALL {
        let (sees, came) = beyond(limit);
        assert_eq!(came, (sees, Some(limit)), "{limit:?}");
    }
}

#[test]
fn rules_that_are_no_limits_have_no_name() {
    let usual = Config::default();
    let malformed = provoke(&mut Rig::server(), |_| head(1, END, &GET[1..]));
    assert_eq!(malformed, (Reset(ErrorCode::PROTOCOL_ERROR), None));
    let of_a_stream = provoke(&mut posted(&usual), |_| word(kind::WINDOW_UPDATE, 1, 0));
    assert_eq!(of_a_stream, (Reset(ErrorCode::PROTOCOL_ERROR), None));
    let of_all = provoke(&mut posted(&usual), |_| word(kind::WINDOW_UPDATE, 0, 0));
    assert_eq!(of_all, (Goaway(ErrorCode::PROTOCOL_ERROR), None));
}

#[test]
fn answers_whose_heads_are_too_much_are_told_as_that() {
    let mut rig = Rig::client_with(&Config { heads_bytes: 10, ..Config::default() }, &[]);
    rig.ask(false);
    let answer = head(1, 0, &[(":status", "200"), ("x", "0123456789")]);
    assert_eq!(provoke(&mut rig, |_| answer.clone()), (Reset(ErrorCode::CANCEL), Some(Limit::Heads)));
}

#[test]
fn the_view_shows_what_a_connection_holds() {
    let mut rig = posted(&Config { connection_window: 100_000, ..Config::default() });
    rig.feed(&head(3, END, GET)).unwrap();
    rig.feed(&data(1, 0, b"12345")).unwrap();
    rig.connection.respond(rig.key(3), 200, false, |_| {});
    rig.connection.data(rig.key(3), b"123", true);
    let view = rig.connection.view();
    assert_eq!((view.open_streams, view.held_streams, view.allowed_streams), (1, 2, 0));
    assert_eq!((view.receive_window, view.send_window), (100_000 - 5, 65_535 - 3));
    assert!(view.head_bytes > 0 && view.output_bytes > 0 && !view.is_going_away, "{view:?}");
    rig.connection.release(rig.key(3));
    rig.connection.release(rig.key(1));
    rig.connection.announce_goaway();
    rig.sent();
    let view = rig.connection.view();
    assert_eq!((view.open_streams, view.held_streams, view.head_bytes, view.output_bytes), (0, 0, 0, 0));
    assert!(view.is_going_away);

    let mut rig = Rig::client_with(&Config::default(), &[(3, 7)]);
    rig.ask(false);
    assert_eq!((rig.connection.view().open_streams, rig.connection.view().allowed_streams), (1, 7));
}
