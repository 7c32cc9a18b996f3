//! How handshakes succeed, fail and end.

use std::io::{self, Read, Write};
use std::net::TcpStream as BlockingStream;
use std::rc::Rc;
use std::time::SystemTime;

use rustls::{AlertDescription, HandshakeKind, PeerMisbehaved};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::support::*;
use crate::proxy::client::tls::{
    Alpn, Http2, SniResolver, TlsError, TlsStream, TlsVersion, accept, accept_after, fallback_certificate,
    server_config, tickets,
};
use crate::proxy::wire::buffers::BufferPool;

fn refused(stream: Result<TlsStream, TlsError>) -> rustls::Error {
    match stream {
        Err(TlsError::Tls(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// The alert that a client's handshake ended with.
fn alert(error: io::Error) -> AlertDescription {
    match error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::AlertReceived(alert)) => *alert,
        other => panic!("{other:?}"),
    }
}

#[test]
fn rule_61_versions_1_2_and_1_3_are_spoken() {
    let config = showing(vec![ecdsa("a.example")]);
    for (client, version) in [(Client::default(), TlsVersion::Tls13), (Client::tls12(), TlsVersion::Tls12)] {
        let client = client.config();
        let greeted = |tcp| be_greeted(&mut connect(client, "a.example", tcp));
        let ((), stream) = meet(config.clone(), greeted, |stream| greet(stream.unwrap()));
        assert_eq!((stream.version(), stream.is_resumed()), (version, false));
    }
}

#[test]
fn rule_61_version_1_1_and_older_are_refused_with_an_alert() {
    let config = showing(vec![ecdsa("a.example")]);
    for minor in [0, 1, 2] {
        let hello = hello_of_version(minor);
        let send = move |mut tcp: BlockingStream| {
            tcp.write_all(&hello).unwrap();
            let mut answer = Vec::new();
            tcp.read_to_end(&mut answer).unwrap();
            answer
        };
        let (answer, error) = meet(config.clone(), send, |stream| async { refused(stream) });
        // A fatal protocol_version alert, in the clear.
        assert_eq!(answer, [21, 3, 3, 0, 2, 2, 70], "{error}");
    }
}

/// A hello as clients before TLS 1.2 send it, with the signature algorithms of later ones.
fn hello_of_version(minor: u8) -> Vec<u8> {
    let mut body = vec![3, minor];
    body.extend([7; 32]); // random
    body.push(0); // no session
    body.extend([0, 4, 0xc0, 0x2f, 0xc0, 0x13]); // suites
    body.extend([1, 0]); // no compression
    body.extend([0, 16]); // extensions
    body.extend([0, 13, 0, 4, 0, 2, 4, 3]); // signature_algorithms
    body.extend([0, 10, 0, 4, 0, 2, 0, 29]); // supported_groups
    let mut hello = vec![22, 3, 1, 0, body.len() as u8 + 4, 1, 0, 0, body.len() as u8];
    hello.extend(body);
    hello
}

#[test]
fn rule_60_alpn_prefers_h2_and_takes_none_as_http1() {
    let config = showing(vec![ecdsa("a.example")]);
    let cases: [(&[&str], _, _); 4] = [
        (&["http/1.1", "h2"], Alpn::Http2, Some("h2")),
        (&["http/1.1"], Alpn::Http1, Some("http/1.1")),
        (&["spdy/3", "http/1.1"], Alpn::Http1, Some("http/1.1")),
        (&[], Alpn::Http1, None),
    ];
    for (offered, alpn, agreed) in cases {
        let alpn_protocols = offered.iter().map(|p| p.as_bytes().to_vec()).collect();
        let client = Client { alpn: alpn_protocols, ..Client::default() }.config();
        let ask = |tcp| {
            let mut stream = connect(client, "a.example", tcp);
            be_greeted(&mut stream);
            stream.conn.alpn_protocol().map(<[u8]>::to_vec)
        };
        let (seen, stream) = meet(config.clone(), ask, |stream| greet(stream.unwrap()));
        assert_eq!((stream.alpn(), seen.as_deref()), (alpn, agreed.map(str::as_bytes)), "{offered:?}");
    }
}

#[test]
fn rule_60_no_common_protocol_ends_with_the_alert_for_it() {
    let fallback = fallback_certificate(SystemTime::now()).unwrap();
    let resolver = std::sync::Arc::new(SniResolver::new(|_| Vec::new(), fallback.into()));
    let without_h2 = server_config(resolver, tickets().unwrap(), Http2::Disabled).unwrap();
    for (config, offered) in [(showing(vec![ecdsa("a.example")]), "spdy/3"), (without_h2, "h2")] {
        let client = Client { alpn: vec![offered.into()], ..Client::default() }.config();
        let ask = |tcp| alert(shake(&mut connect(client, "a.example", tcp)).unwrap_err());
        let (alert, error) = meet(config, ask, |stream| async { refused(stream) });
        assert_eq!(alert, AlertDescription::NoApplicationProtocol);
        assert_eq!(error, rustls::Error::NoApplicationProtocol);
    }
}

#[test]
fn d02_a_hello_in_single_bytes_is_read_whole() {
    let config = showing(vec![ecdsa("a.example")]);
    let ask = |mut tcp: BlockingStream| {
        let mut conn = connection(Client::default().config(), "a.example");
        let mut hello = Vec::new();
        conn.write_tls(&mut hello).unwrap();
        for byte in hello {
            tcp.write_all(&[byte]).unwrap();
        }
        be_greeted(&mut rustls::StreamOwned::new(conn, tcp));
    };
    let ((), stream) = meet(config, ask, |stream| greet(stream.unwrap()));
    assert_eq!(stream.server_name(), Some("a.example"));
}

#[test]
fn d02_a_hello_in_many_records_is_read_whole() {
    for pieces in [3, 40] {
        let split = move |mut tcp: BlockingStream| {
            let mut conn = connection(Client::default().config(), "a.example");
            let mut hello = Vec::new();
            conn.write_tls(&mut hello).unwrap();
            let payload = &hello[5..];
            for piece in payload.chunks(payload.len().div_ceil(pieces)) {
                let [high, low] = u16::try_from(piece.len()).unwrap().to_be_bytes();
                tcp.write_all(&[&[22, 3, 1, high, low], piece].concat()).unwrap();
            }
            be_greeted(&mut rustls::StreamOwned::new(conn, tcp));
        };
        let ((), stream) = meet(showing(vec![ecdsa("a.example")]), split, |stream| greet(stream.unwrap()));
        assert_eq!(stream.server_name(), Some("a.example"));
    }
}

#[test]
fn d02_a_hello_of_16_kilobytes_is_read_whole() {
    let mut alpn: Vec<Vec<u8>> = (0..60).map(|i| vec![b'a' + i % 26; 250]).collect();
    alpn.push(b"http/1.1".to_vec());
    let client = Client { alpn, ..Client::default() }.config();
    let ask = |tcp| be_greeted(&mut connect(client, "a.example", tcp));
    let ((), stream) = meet(showing(vec![ecdsa("a.example")]), ask, |stream| greet(stream.unwrap()));
    assert_eq!((stream.server_name(), stream.alpn()), (Some("a.example"), Alpn::Http1));
}

#[tokio::test(flavor = "current_thread", start_paused = true)]
async fn d01_a_handshake_that_stalls_ends_at_the_deadline() {
    let config = showing(vec![ecdsa("a.example")]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut hello = Vec::new();
    connection(Client::default().config(), "a.example").write_tls(&mut hello).unwrap();
    // Nothing, part of a header, part of a hello, a whole hello, the beginning of an HTTP method.
    for sent in [&hello[..0], &hello[..3], &hello[..100], &hello[..], b"GE"] {
        let mut client = BlockingStream::connect(listener.local_addr().unwrap()).unwrap();
        client.write_all(sent).unwrap();
        let (tcp, _) = listener.accept().await.unwrap();
        let pool = BufferPool::new();
        let start = Instant::now();
        let deadline = start + std::time::Duration::from_secs(5);
        let accepted = accept(tcp, config.clone(), Rc::clone(&pool), deadline).await;
        assert!(matches!(accepted, Err(TlsError::Deadline)), "{accepted:?}");
        assert!(Instant::now() >= deadline && Instant::now() < deadline + std::time::Duration::from_secs(1));
        assert_eq!(pool.taken(), 0);
    }
}

#[test]
fn d03_a_client_that_leaves_after_its_hello_is_gone() {
    let leave = |mut tcp: BlockingStream| {
        connection(Client::default().config(), "a.example").write_tls(&mut tcp).unwrap();
        tcp.shutdown(std::net::Shutdown::Write).unwrap();
        let mut rest = Vec::new();
        tcp.read_to_end(&mut rest).unwrap_or_default()
    };
    let (_, accepted) = meet(showing(vec![ecdsa("a.example")]), leave, |stream| async { stream });
    assert!(matches!(accepted, Err(TlsError::Closed)), "{accepted:?}");
}

#[test]
fn d03_a_flood_of_alerts_ends_the_handshake() {
    let flood = |mut tcp: BlockingStream| {
        let warnings = [21, 3, 3, 0, 2, 1, 90].repeat(10_000);
        // The other side may close at any point.
        let _ = tcp.write_all(&warnings);
    };
    let ((), error) = meet(showing(vec![ecdsa("a.example")]), flood, |stream| async { refused(stream) });
    assert_eq!(error, PeerMisbehaved::TooManyWarningAlertsReceived.into());
}

#[test]
fn d03_a_flood_of_key_updates_with_the_last_flight_ends_the_handshake() {
    let flood = |mut tcp: BlockingStream| {
        let mut conn = connection(Client::default().config(), "a.example");
        // All but the last flight, which then goes out in one write with the updates behind it.
        while conn.is_handshaking() {
            conn.write_tls(&mut tcp).unwrap();
            conn.read_tls(&mut tcp).unwrap();
            conn.process_new_packets().unwrap();
        }
        for _ in 0..40 {
            conn.refresh_traffic_keys().unwrap();
        }
        let mut flight = Vec::new();
        while conn.wants_write() {
            conn.write_tls(&mut flight).unwrap();
        }
        tcp.write_all(&flight).unwrap();
        let _ = tcp.read_to_end(&mut Vec::new());
    };
    let ((), error) = meet(showing(vec![ecdsa("a.example")]), flood, |stream| async { refused(stream) });
    assert_eq!(error, PeerMisbehaved::TooManyKeyUpdateRequests.into());
}

#[test]
fn d06_early_data_is_not_offered() {
    let config = showing(vec![ecdsa("a.example")]);
    assert_eq!(config.max_early_data_size, 0);
    assert_eq!(config.send_tls13_tickets, 1);
}

#[test]
fn d08_plain_http_is_answered_in_plain_http() {
    let ask = |mut tcp: BlockingStream| {
        tcp.write_all(b"GET /secret HTTP/1.1\r\nHost: a.example\r\n\r\n").unwrap();
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).unwrap();
        answer
    };
    let (answer, accepted) = meet(showing(vec![ecdsa("a.example")]), ask, |stream| async { stream });
    assert!(matches!(accepted, Err(TlsError::PlainHttp)), "{accepted:?}");
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nplain HTTP request sent to the HTTPS port\n"), "{answer}");
}

#[test]
fn what_is_neither_tls_nor_http_gets_an_alert() {
    let ask = |mut tcp: BlockingStream| {
        tcp.write_all(b"SSH-2.0-OpenSSH_9.9\r\n").unwrap();
        let mut answer = Vec::new();
        tcp.read_to_end(&mut answer).unwrap();
        answer
    };
    let (answer, error) = meet(showing(vec![ecdsa("a.example")]), ask, |stream| async { refused(stream) });
    assert!(matches!(error, rustls::Error::InvalidMessage(_)), "{error}");
    assert_eq!(answer, [21, 3, 3, 0, 2, 2, 50]);
}

#[test]
fn tickets_resume_sessions_in_both_versions_and_across_configurations() {
    let keys = tickets().unwrap();
    let certificate = ecdsa("a.example");
    for client in [Client::default(), Client::tls12()] {
        let client = client.config();
        let mut kinds = Vec::new();
        for http2 in [Http2::Offered, Http2::Offered, Http2::Disabled] {
            let (certificate, client) = (certificate.clone(), client.clone());
            let fallback = fallback_certificate(SystemTime::now()).unwrap().into();
            let resolver = SniResolver::new(move |_| vec![certificate.clone()], fallback);
            let config = server_config(resolver.into(), keys.clone(), http2).unwrap();
            let ask = |tcp| {
                let mut stream = connect(client, "a.example", tcp);
                be_greeted(&mut stream);
                stream.conn.handshake_kind().unwrap()
            };
            let (kind, stream) = meet(config, ask, |stream| greet(stream.unwrap()));
            assert_eq!(stream.is_resumed(), kind == HandshakeKind::Resumed);
            assert_eq!(stream.server_name(), Some("a.example"));
            kinds.push(kind);
        }
        assert_eq!(kinds, [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed]);
    }
}

#[test]
fn bytes_read_before_tls_belong_to_the_hello() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let pool = BufferPool::new();
    let client = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = std::thread::spawn(move || {
            let tcp = BlockingStream::connect(address).unwrap();
            be_greeted(&mut connect(Client::default().config(), "a.example", tcp));
        });
        let (mut tcp, _) = listener.accept().await.unwrap();
        let mut received = pool.take();
        tcp.read_exact(&mut received.space()[..10]).await.unwrap();
        received.fill(10);
        let config = showing(vec![ecdsa("a.example")]);
        let deadline = Instant::now() + LONG;
        let stream = accept_after(tcp, received, config, Rc::clone(&pool), deadline).await.unwrap();
        greet(stream).await;
        client
    });
    client.join().unwrap();
    assert_eq!(pool.taken(), 0);
}
