//! What happens after the handshake: data in both directions, closing, and what is held while idle.

use std::future::poll_fn;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream as BlockingStream};
use std::task::Poll;
use std::thread;

use super::support::*;
use crate::proxy::client::tls::{Ending, TlsStream};
use crate::proxy::wire::buffers::BufferPool;

const MEGABYTE: usize = 1024 * 1024;

/// A stream of bytes that both sides know, and of lengths (xorshift64).
pub(super) struct Noise(pub(super) u64);

impl Noise {
    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(super) fn length(&mut self, max: usize) -> usize {
        // Mostly short, sometimes long.
        let bits = self.next() % 17;
        1 + (self.next() as usize % (1 << bits)).min(max - 1)
    }

    fn bytes(seed: u64, len: usize) -> Vec<u8> {
        let mut noise = Self(seed);
        (0..len).map(|_| noise.next() as u8).collect()
    }
}

async fn send_randomly(stream: &TlsStream, data: &[u8], mut noise: Noise) {
    let mut sent = 0;
    while sent < data.len() {
        let end = (sent + noise.length(MEGABYTE)).min(data.len());
        sent += poll_fn(|cx| stream.poll_write(cx, &data[sent..end])).await.unwrap();
    }
    poll_fn(|cx| stream.poll_flush(cx)).await.unwrap();
}

async fn receive_randomly(stream: &TlsStream, len: usize, mut noise: Noise) -> Vec<u8> {
    let mut received = vec![0; len];
    let mut n = 0;
    while n < len {
        let end = (n + noise.length(MEGABYTE)).min(len);
        if noise.next() & 1 == 0 {
            poll_fn(|cx| stream.poll_read_ready(cx)).await.unwrap();
            let more = stream.try_read(&mut received[n..end]).unwrap();
            assert!(more > 0);
            n += more;
        } else {
            n += read(stream, &mut received[n..end]).await.unwrap();
        }
    }
    received
}

/// Sends and receives at once, without blocking, and updates its keys now and then.
fn both_ways(stream: &mut ClientStream, data: &[u8], expected: usize, mut noise: Noise, update_keys: bool) -> Vec<u8> {
    shake(stream).unwrap();
    stream.sock.set_nonblocking(true).unwrap();
    let (conn, tcp) = (&mut stream.conn, &mut stream.sock);
    let (mut sent, mut received, mut part) = (0, Vec::with_capacity(expected), vec![0; 70_000]);
    let fruitless = |result: io::Result<usize>| match result {
        Ok(n) => n == 0,
        Err(error) if error.kind() == ErrorKind::WouldBlock => true,
        Err(error) => panic!("{error}"),
    };
    while sent < data.len() || received.len() < expected || conn.wants_write() {
        let mut idle = true;
        if sent < data.len() && !conn.wants_write() {
            let end = (sent + noise.length(100_000)).min(data.len());
            sent += conn.writer().write(&data[sent..end]).unwrap();
            if update_keys && noise.next().is_multiple_of(64) {
                conn.refresh_traffic_keys().unwrap();
            }
            idle = false;
        }
        if conn.wants_write() {
            idle &= fruitless(conn.write_tls(tcp));
        }
        if conn.wants_read() && received.len() < expected {
            idle &= fruitless(conn.read_tls(tcp));
            conn.process_new_packets().unwrap();
        }
        let most = noise.length(part.len());
        if let Ok(n) = conn.reader().read(&mut part[..most]) {
            received.extend_from_slice(&part[..n]);
        }
        if idle {
            thread::yield_now();
        }
    }
    received
}

fn transfer_both_ways(client: Client, update_keys: bool) {
    let (up, down) = (Noise::bytes(1, 10 * MEGABYTE), Noise::bytes(2, 10 * MEGABYTE));
    let (up_sent, expected, client) = (up.clone(), down.len(), client.config());
    let talk = move |tcp: BlockingStream| {
        let mut stream = connect(client, "a.example", tcp);
        both_ways(&mut stream, &up_sent, expected, Noise(3), update_keys)
    };
    let (received, uploaded) = meet(showing(vec![ecdsa("a.example")]), talk, |stream| async {
        let stream = stream.unwrap();
        let (received, ()) =
            tokio::join!(receive_randomly(&stream, up.len(), Noise(4)), send_randomly(&stream, &down, Noise(5)));
        assert_eq!(stream.unsent(), 0);
        received
    });
    assert!(uploaded == up, "upload damaged");
    assert!(received == down, "download damaged");
}

#[test]
fn ten_megabytes_go_both_ways_at_once_with_key_updates() {
    transfer_both_ways(Client::default(), true);
}

#[test]
fn ten_megabytes_go_both_ways_at_once_in_version_1_2() {
    transfer_both_ways(Client::tls12(), false);
}

#[test]
fn the_client_may_close_its_side_and_still_read() {
    let ask = |tcp: BlockingStream| {
        let mut stream = connect(Client::default().config(), "a.example", tcp);
        stream.write_all(b"that is all").unwrap();
        stream.conn.send_close_notify();
        stream.flush().unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        answer.len()
    };
    let (received, ()) = meet(showing(vec![ecdsa("a.example")]), ask, |stream| async {
        let stream = stream.unwrap();
        let mut question = [0; 11];
        read_exact(&stream, &mut question).await;
        assert_eq!(stream.ending(), None);
        assert_eq!(read(&stream, &mut question).await.unwrap(), 0);
        assert_eq!(stream.ending(), Some(Ending::Closed));
        poll_fn(|cx| stream.poll_read_ready(cx)).await.unwrap();
        assert_eq!(stream.try_read(&mut question).unwrap(), 0);
        write_all(&stream, &vec![b'x'; MEGABYTE]).await;
        shutdown(&stream).await;
        shutdown(&stream).await;
        assert!(stream.try_write(b"more").is_err());
    });
    // The client read to a clean end: it had our close_notify.
    assert_eq!(received, MEGABYTE);
}

#[test]
fn an_end_without_close_notify_is_told_apart() {
    let leave = |tcp: BlockingStream| {
        let mut stream = connect(Client::default().config(), "a.example", tcp);
        stream.write_all(b"and so").unwrap();
        stream.sock.shutdown(Shutdown::Write).unwrap();
        stream
    };
    meet(showing(vec![ecdsa("a.example")]), leave, |stream| async {
        let stream = stream.unwrap();
        let mut bytes = [0; 6];
        read_exact(&stream, &mut bytes).await;
        assert_eq!(read(&stream, &mut bytes).await.unwrap(), 0);
        assert_eq!(stream.ending(), Some(Ending::Cut));
    });
}

#[test]
fn d03_a_flood_of_key_updates_ends_the_connection() {
    let flood = |tcp: BlockingStream| {
        let mut stream = connect(Client::default().config(), "a.example", tcp);
        shake(&mut stream).unwrap();
        // Updates that arrive with the end of the handshake would be refused by it, not by a read.
        stream.read_exact(&mut [0; 5]).unwrap();
        for _ in 0..1000 {
            stream.conn.refresh_traffic_keys().unwrap();
            while stream.conn.wants_write() {
                // The other side may close at any point.
                if stream.conn.write_tls(&mut stream.sock).is_err() {
                    return;
                }
            }
        }
        // Closing with something unread would reset the connection before the server has read it all.
        let _ = stream.sock.read_to_end(&mut Vec::new());
    };
    meet(showing(vec![ecdsa("a.example")]), flood, |stream| async {
        let stream = stream.unwrap();
        write_all(&stream, b"ready").await;
        let mut bytes = [0; 100];
        for _ in 0..2 {
            let error = read(&stream, &mut bytes).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
        }
        assert!(stream.try_write(b"more").is_err());
    });
}

#[test]
fn d03_a_damaged_record_ends_the_connection_with_an_alert() {
    let damage = |tcp: BlockingStream| {
        let mut stream = connect(Client::default().config(), "a.example", tcp);
        stream.write_all(b"sound").unwrap();
        let mut record = vec![23, 3, 3, 0, 40];
        record.extend([9; 40]);
        stream.sock.write_all(&record).unwrap();
        stream.read(&mut [0; 10]).unwrap_err().to_string()
    };
    let (told, ()) = meet(showing(vec![ecdsa("a.example")]), damage, |stream| async {
        let stream = stream.unwrap();
        let mut bytes = [0; 5];
        read_exact(&stream, &mut bytes).await;
        assert_eq!(&bytes, b"sound");
        assert_eq!(read(&stream, &mut bytes).await.unwrap_err().kind(), ErrorKind::InvalidData);
        shutdown(&stream).await;
    });
    assert!(told.contains("BadRecordMac") || told.contains("BadRecordMAC"), "{told}");
}

#[test]
fn an_idle_connection_holds_no_buffer() {
    let pool = BufferPool::new();
    let config = showing(vec![ecdsa("a.example")]);
    let ask = |tcp: BlockingStream| {
        let mut stream = connect(Client::default().config(), "a.example", tcp);
        for _ in 0..2 {
            let mut answer = [0; 5];
            stream.write_all(b"again").unwrap();
            stream.read_exact(&mut answer).unwrap();
        }
        // A record that never ends.
        stream.sock.write_all(&[23, 3, 3, 1, 0, 1, 2, 3]).unwrap();
        stream
    };
    let (_client, ()) = meet_with(config, &pool, ask, |stream| async {
        let stream = stream.unwrap();
        for _ in 0..2 {
            let mut question = [0; 5];
            read_exact(&stream, &mut question).await;
            write_all(&stream, &question).await;
            let idle = poll_fn(|cx| Poll::Ready(stream.poll_read_ready(cx))).await;
            if idle.is_pending() {
                assert_eq!(pool.taken(), 0);
            }
        }
        // Until the part of the record is in.
        let mut parked = false;
        poll_fn(|cx| {
            let ready = stream.poll_read_ready(cx);
            assert!(ready.is_pending());
            assert_eq!(pool.taken(), 0);
            if std::mem::replace(&mut parked, true) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        // Writing works beside it.
        write_all(&stream, b"bye").await;
        assert_eq!(pool.taken(), 0);
    });
}

#[test]
fn a_write_beside_unread_data_loses_none_of_it() {
    let ask = |tcp: BlockingStream| {
        let mut stream = connect(Client::default().config(), "a.example", tcp);
        for part in 0..20u8 {
            stream.write_all(&[part; 1000]).unwrap();
        }
        let mut answers = [0; 20];
        stream.read_exact(&mut answers).unwrap();
        answers
    };
    let (answers, ()) = meet(showing(vec![ecdsa("a.example")]), ask, |stream| async {
        let stream = stream.unwrap();
        for part in 0..20u8 {
            // The record is decrypted and waits; then a part of it is read; the rest must survive the write.
            poll_fn(|cx| stream.poll_read_ready(cx)).await.unwrap();
            write_all(&stream, &[part]).await;
            let mut first = [0; 700];
            read_exact(&stream, &mut first).await;
            let mut rest = [0; 300];
            read_exact(&stream, &mut rest).await;
            assert!(first.iter().chain(&rest).all(|byte| *byte == part));
        }
    });
    assert_eq!(answers.to_vec(), (0..20).collect::<Vec<u8>>());
}

#[test]
fn a_client_that_does_not_read_stops_the_writer() {
    let (tell, told) = std::sync::mpsc::channel();
    let ask = move |tcp: BlockingStream| {
        let mut stream = connect(Client::default().config(), "a.example", tcp);
        shake(&mut stream).unwrap();
        told.recv().unwrap();
        let mut everything = Vec::new();
        let _ = stream.read_to_end(&mut everything);
        everything.len()
    };
    let (received, written) = meet(showing(vec![ecdsa("a.example")]), ask, |stream| async move {
        let stream = stream.unwrap();
        let part = vec![0; 200_000];
        let mut written = 0;
        // The sockets' buffers fill up; what is held here stays within a buffer.
        loop {
            match stream.try_write(&part) {
                Ok(n) => written += n,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    break;
                }
            }
            assert!(stream.unsent() <= 256 * 1024);
        }
        tell.send(()).unwrap();
        poll_fn(|cx| stream.poll_flush(cx)).await.unwrap();
        shutdown(&stream).await;
        written
    });
    assert_eq!(received, written);
}

#[test]
fn a_connection_is_quiet_until_something_comes_that_was_not_read() {
    let (told, heard) = std::sync::mpsc::channel();
    let (go, may_go) = std::sync::mpsc::channel();
    let talk = move |tcp: BlockingStream| {
        let mut stream = connect(Client::default().config(), "a.example", tcp);
        stream.write_all(b"a").unwrap();
        may_go.recv().unwrap();
        // On the loopback these have arrived when the call returns.
        stream.write_all(b"b").unwrap();
        told.send(()).unwrap();
        may_go.recv().unwrap();
        stream.sock.shutdown(Shutdown::Both).unwrap();
        told.send(()).unwrap();
    };
    meet(showing(vec![ecdsa("a.example")]), talk, |stream| async {
        let stream = stream.unwrap();
        let mut byte = [0];
        read_exact(&stream, &mut byte).await;
        assert!(stream.is_quiet() && stream.is_quiet());
        go.send(()).unwrap();
        heard.recv().unwrap();
        assert!(!stream.is_quiet());
        read_exact(&stream, &mut byte).await;
        assert!(stream.is_quiet());
        go.send(()).unwrap();
        heard.recv().unwrap();
        assert!(!stream.is_quiet());
    });
}
