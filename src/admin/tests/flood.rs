//! Floods of connections, beside which a probe is answered (class E11).

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::TcpStream as StdStream;
use std::thread;

use tokio::task::JoinSet;

use super::*;

const PROBE: &str = "GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n";
/// What connections of a flood send: nothing, part of a head, something that takes long.
const SENT: [&str; 3] = ["", "GET /readyz HTTP/1.1\r\nHost:", "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"];

/// Both servers, each on a thread of its own.
fn start_both() -> [SocketAddr; 2] {
    let listeners = [0, 1].map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let addresses = listeners.each_ref().map(|listener| listener.local_addr().unwrap());
    for (listener, is_health) in listeners.into_iter().zip([false, true]) {
        listener.set_nonblocking(true).unwrap();
        socket2::SockRef::from(&listener).listen(1024).unwrap();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).unwrap();
                if is_health {
                    serve_health(listener, Arc::new(Vec::new), Arc::new(Vec::new)).await;
                } else {
                    serve(listener, state(DebugViews::All, Arc::default(), Arc::default())).await;
                }
            });
        });
    }
    addresses
}

fn probe(address: SocketAddr) -> std::io::Result<String> {
    let mut socket = StdStream::connect(address)?;
    socket.set_read_timeout(Some(TEST_DEADLINE))?;
    socket.write_all(PROBE.as_bytes())?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    Ok(answer)
}

#[tokio::test]
async fn e11_a_burst_behind_a_probe_does_not_cost_it_its_turn() {
    let pending: Pending = Arc::new(Vec::new);
    let stuck = pending.clone();
    for is_health in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        // All of them are there before the first is accepted.
        let mut probe = TcpStream::connect(address).await.unwrap();
        probe.write_all(PROBE.as_bytes()).await.unwrap();
        let mut burst = Vec::new();
        for sent in SENT.iter().cycle().take(120) {
            let mut socket = TcpStream::connect(address).await.unwrap();
            socket.write_all(sent.as_bytes()).await.unwrap();
            burst.push(socket);
        }
        let server = if is_health {
            tokio::spawn(serve_health(listener, pending.clone(), stuck.clone()))
        } else {
            tokio::spawn(serve(listener, state(DebugViews::All, Arc::default(), Arc::default())))
        };
        let mut answer = String::new();
        let read = tokio::time::timeout(TEST_DEADLINE, probe.read_to_string(&mut answer)).await.expect("an end");
        assert!(read.is_ok() && answer.starts_with("HTTP/1.1 200"), "health {is_health}: {read:?}, {answer:?}");
        server.abort();
    }
}

#[tokio::test]
async fn e11_connections_that_stand_still_do_not_keep_probes_out() {
    let server = start().await;
    let mut idle = Vec::new();
    for (index, sent) in SENT[..2].iter().cycle().take(ARRIVING + 40).enumerate() {
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        socket.write_all(sent.as_bytes()).await.unwrap();
        idle.push(socket);
        if index % 16 == 0 {
            assert_eq!(get(&server, "/readyz").await.0, 200, "beside {index}");
        }
    }
    assert_eq!(get(&server, "/healthz").await.0, 200);
    let mut byte = [0];
    let oldest = tokio::time::timeout(TEST_DEADLINE, idle[0].read(&mut byte)).await.expect("the oldest gave way");
    assert!(matches!(oldest, Ok(0) | Err(_)));
}

#[tokio::test]
async fn e11_answers_that_do_not_end_are_bounded_and_do_not_keep_probes_out() {
    let server = start().await;
    let surplus = 16;
    let mut asked = JoinSet::new();
    for _ in 0..ANSWERED + surplus {
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        socket.write_all(b"GET /debug/explain?url=never HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        asked.spawn(async move { socket.read_to_end(&mut Vec::new()).await });
    }
    for _ in 0..surplus {
        tokio::time::timeout(TEST_DEADLINE, asked.join_next()).await.expect("it gave way");
    }
    for path in ["/readyz", "/healthz", "/debug/problems"] {
        // The last of them needs a place, which it gets when one of the others is old.
        let deadline = tokio::time::Instant::now() + TEST_DEADLINE;
        while !exchange_or_end(server.address, path).await {
            assert!(tokio::time::Instant::now() < deadline, "{path} is answered");
        }
    }
}

/// Whether there was an answer.
async fn exchange_or_end(address: SocketAddr, path: &str) -> bool {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.is_ok() && answer.starts_with("HTTP/1.1 200")
}

#[test]
fn e11_no_probe_fails_while_connections_pour_in() {
    const THREADS: usize = 4;
    const EACH: usize = 300;
    let addresses = start_both();
    for address in addresses {
        let floods = (0..THREADS).map(|_| {
            thread::spawn(move || {
                // With those of the other threads fewer than may arrive at a time: which ones give way does not depend on
                // how fast this machine is.
                let mut held = VecDeque::new();
                for sent in SENT.iter().cycle().take(EACH) {
                    let mut socket = StdStream::connect(address).unwrap();
                    // It may have been closed already.
                    let _ = socket.write_all(sent.as_bytes());
                    held.push_back(socket);
                    if held.len() > ARRIVING / THREADS / 2 {
                        held.pop_front();
                    }
                }
            })
        });
        let floods: Vec<_> = floods.collect();
        let mut probes = 0;
        while probes < 100 || floods.iter().any(|flood| !flood.is_finished()) {
            let answer = probe(address);
            assert!(answer.as_ref().is_ok_and(|text| text.starts_with("HTTP/1.1 200")), "{probes}: {answer:?}");
            probes += 1;
        }
        for flood in floods {
            flood.join().unwrap();
        }
    }
}
