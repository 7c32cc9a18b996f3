//! Tunnels by extended CONNECT (RFC 8441), in both roles.

use super::support::{Frame, Rig, Seen, data, head, settings};
use crate::http2::code::ErrorCode;
use crate::http2::connection::{Config, Key, Role};
use crate::http2::frame::{flag, kind};
use crate::http2::head::encode::RequestStart;

const END: u8 = flag::END_STREAM;
const CONNECT: &[(&str, &str)] = &[
    (":method", "CONNECT"),
    (":protocol", "websocket"),
    (":scheme", "http"),
    (":authority", "a.example"),
    (":path", "/chat"),
];
const OFFER: (u16, u32) = (8, 1);

/// The parameters of a SETTINGS frame.
fn parameters(frame: &Frame) -> Vec<(u16, u32)> {
    assert_eq!(frame.kind, kind::SETTINGS);
    let read = |parameter: &[u8]| {
        let (id, value) = parameter.split_first_chunk::<2>().unwrap();
        (u16::from_be_bytes(*id), u32::from_be_bytes(value.try_into().unwrap()))
    };
    frame.payload.chunks(6).map(read).collect()
}

fn open(rig: &mut Rig) -> Key {
    let start = RequestStart {
        method: b"CONNECT",
        scheme: b"http",
        authority: b"a.example",
        path: b"/chat",
        protocol: Some(b"websocket"),
    };
    rig.connection.request(&start, false, |_| {}).unwrap()
}

#[test]
fn rfc_8441_3_servers_offer_it_unless_told_otherwise_and_clients_never_do() {
    let offers = |role, config: &Config| parameters(&Rig::new(role, config).sent()[0]).contains(&OFFER);
    assert!(offers(Role::Server, &Config::default()));
    assert!(!offers(Role::Server, &Config { offers_connect: false, ..Config::default() }));
    assert!(!offers(Role::Client, &Config::default()));
}

#[test]
fn rfc_8441_3_what_a_server_offers_is_known_with_its_settings_and_stays() {
    let mut rig = Rig::new(Role::Client, &Config::default());
    assert!(!rig.connection.takes_connect());
    rig.feed(&settings(&[OFFER])).unwrap();
    assert!(rig.connection.takes_connect());
    rig.feed(&settings(&[])).unwrap();
    rig.feed(&settings(&[OFFER])).unwrap();
    assert!(rig.connection.takes_connect());
    assert_eq!(rig.feed(&settings(&[(8, 0)])).unwrap_err().code, ErrorCode::PROTOCOL_ERROR);
    assert!(!Rig::client_with(&Config::default(), &[(8, 0)]).connection.takes_connect());
}

#[test]
fn a_client_opens_a_tunnel_with_bytes_both_ways_and_an_end_on_each_side() {
    let mut rig = Rig::server();
    rig.feed(&[head(1, 0, CONNECT), data(1, 0, b"early")].concat()).unwrap();
    assert_eq!(rig.told(), [Seen::Request(1, "/chat".into(), false, None), Seen::Data(1, b"early".to_vec(), false)]);
    let key = rig.keys[0];
    rig.connection.respond(key, 200, false, |_| {});
    assert_eq!(rig.connection.data(key, b"hello", false), 5);
    rig.feed(&data(1, END, b"bye")).unwrap();
    assert_eq!(rig.told(), [Seen::Data(1, b"bye".to_vec(), true)]);
    rig.connection.data(key, &[], true);
    rig.sent();
    rig.connection.release(key);
    assert_eq!((rig.sent(), rig.connection.open_streams()), (vec![], 0));
}

#[test]
fn rfc_9113_8_5_fields_in_a_tunnel_reset_it() {
    let mut rig = Rig::server();
    rig.feed(&head(1, 0, CONNECT)).unwrap();
    rig.connection.respond(rig.keys[0], 200, false, |_| {});
    rig.told();
    rig.feed(&head(1, END, &[("x", "1")])).unwrap();
    assert_eq!(rig.told(), [Seen::Reset(1, ErrorCode::PROTOCOL_ERROR, false)]);

    let mut rig = Rig::client_with(&Config::default(), &[OFFER]);
    let key = open(&mut rig);
    rig.feed(&[head(1, 0, &[(":status", "200")]), data(1, 0, b"hello")].concat()).unwrap();
    assert_eq!(rig.told(), [Seen::Response(1, 101, false), Seen::Data(1, b"hello".to_vec(), false)]);
    assert_eq!(rig.connection.data(key, b"bytes", false), 5);
    rig.feed(&head(1, END, &[("x", "1")])).unwrap();
    assert_eq!(rig.told(), [Seen::Reset(1, ErrorCode::PROTOCOL_ERROR, false)]);
}

#[test]
fn a_server_that_opens_no_tunnel_answers_as_always() {
    let mut rig = Rig::client_with(&Config::default(), &[OFFER]);
    open(&mut rig);
    let answer = [
        head(1, 0, &[(":status", "404"), ("content-length", "2")]),
        data(1, 0, b"no"),
        head(1, END, &[("x-sum", "2")]),
    ];
    rig.feed(&answer.concat()).unwrap();
    let body = Seen::Data(1, b"no".to_vec(), false);
    assert_eq!(rig.told(), [Seen::Response(1, 404, false), body, Seen::Trailers(1, "x-sum: 2\r\n".into())]);
    open(&mut rig);
    rig.feed(&head(3, 0, &[(":status", "101")])).unwrap();
    assert_eq!(rig.told(), [Seen::Reset(3, ErrorCode::PROTOCOL_ERROR, false)]);
}
