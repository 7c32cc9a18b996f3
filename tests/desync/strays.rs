//! Pods that answer a request twice, the second time late. Whose answer that is cannot be told, so some request gets it.
//! What must not be is that all later ones get the answers of others.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::support::{Manifests, Tidegate, get};

/// How late the second answer is.
const LATE: Duration = Duration::from_micros(500);

/// A pod that answers with the target, `after` it has read a request; the targets of `/twice…` twice.
fn stammering(after: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            thread::spawn(move || stammer(&stream, after));
        }
    });
    address
}

fn stammer(stream: &TcpStream, after: Duration) -> Option<()> {
    stream.set_nodelay(true).unwrap();
    // Answers leave whole, the late ones beside others.
    let writing = Arc::new(Mutex::new(stream.try_clone().unwrap()));
    let (mut reading, mut buffer, mut filled) = (stream, [0; 4096], 0);
    loop {
        while !buffer[..filled].ends_with(b"\r\n\r\n") {
            match reading.read(&mut buffer[filled..]) {
                Ok(0) | Err(_) => return None,
                Ok(count) => filled += count,
            }
        }
        let target = std::str::from_utf8(&buffer[..filled]).unwrap().split(' ').nth(1).unwrap().to_owned();
        filled = 0;
        if !after.is_zero() {
            thread::sleep(after);
        }
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{target}", target.len());
        writing.lock().unwrap().write_all(answer.as_bytes()).ok()?;
        if target.starts_with("/twice") {
            let writing = Arc::clone(&writing);
            thread::spawn(move || {
                thread::sleep(LATE);
                let _ = writing.lock().unwrap().write_all(answer.as_bytes());
            });
        }
    }
}

/// So many clients ask at once, one request after the other, of which each hundredth is answered twice. Gives how many
/// were, and how many requests got an answer that was not theirs.
fn wrong(clients: usize, requests: usize, after: Duration) -> (usize, usize) {
    let server = Tidegate::serve(&Manifests::everything_to(&[stammering(after)]));
    let (twice, wrong) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for client in 0..clients {
            let (server, twice, wrong) = (&server, &twice, &wrong);
            scope.spawn(move || {
                let mut connection = server.connect();
                for request in 0..requests {
                    let is_twice = request % 100 == 37;
                    let target = format!("/{}/{client}/{request}", if is_twice { "twice" } else { "once" });
                    twice.fetch_add(usize::from(is_twice), Ordering::Relaxed);
                    let answer = connection.ask(get("a", &target)).text();
                    wrong.fetch_add(usize::from(answer != target), Ordering::Relaxed);
                }
            });
        }
    });
    (twice.into_inner(), wrong.into_inner())
}

#[test]
fn fault_f12_a_late_second_answer_spoils_few_others_at_every_load() {
    for after in [Duration::ZERO, Duration::from_millis(3)] {
        for clients in [1, 8] {
            let (twice, wrong) = wrong(clients, 400, after);
            // The one that gets it, and those before its connection has rest.
            assert!(wrong <= 9 * twice, "{clients} clients, {after:?}: {wrong} wrong for {twice} late answers");
        }
    }
}
