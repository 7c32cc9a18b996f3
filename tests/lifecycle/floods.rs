//! Attacks over HTTP/2 on the whole process: what they cost it, and what a victim notices.

use std::io::Read;
use std::net::{Shutdown, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use tokio::time::Instant;

use crate::process::{Process, Usage};
use crate::support::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, FrameClient, HEADERS, PING, PRIORITY, RST_STREAM, SETTINGS,
    WINDOW_UPDATE, block, frame, pseudo,
};
use crate::support::{Client, DEADLINE, Manifests, Pod, get};

/// Clients that open as many streams as they may, each of whose heads names an entry of 3.7 KB four times: 25 bytes on
/// the wire, 15 KB in memory.
fn bombs(process: &Process, count: usize) -> Vec<FrameClient> {
    let request = block(&pseudo("POST", "a.example", "/"));
    let value = [b'x'; 3_700];
    let bomb = |_| {
        let mut client = FrameClient::connect(process.http);
        // A literal that becomes an entry (RFC 7541 §6.2.1): its length takes three bytes.
        let entry = [&request[..], &[0x40, 1, b'a', 0x7f, 0xf5, 0x1b], &value].concat();
        client.send(HEADERS, END_HEADERS, 1, &entry);
        let again = [&request[..], &[0xbe; 4]].concat();
        for stream in (3..200).step_by(2) {
            client.send(HEADERS, END_HEADERS, stream, &again);
        }
        client.ping();
        client
    };
    (0..count).map(bomb).collect()
}

#[test]
fn fault_f1_heads_that_unfold_in_memory_are_charged_before_they_are_held() {
    let pod = Pod::scripted(|mut connection| {
        let _ = connection.rest();
    });
    let manifests = Manifests::everything_to(&[pod.address]);
    let process = Process::start(&manifests, &["--access-log", "off"]);
    let before = process.usage().resident();
    let clients = bombs(&process, 50);
    let grown = process.usage().resident().saturating_sub(before);
    println!("50 connections grew the process by {grown} bytes");
    assert!(grown < 32 << 20, "50 connections grew the process by {grown} bytes");
    drop(clients);

    // However many there are, and others are served meanwhile.
    let other = Pod::named("web");
    let manifests =
        manifests.service("other", &[other.address]).ingress("b", Some("b.example"), &[("/", "Prefix", "other")]);
    let process = Process::start(&manifests, &["--access-log", "off", "--h2-max-heads-memory", "16MiB"]);
    let before = process.usage().resident();
    let clients = bombs(&process, 170);
    let grown = process.usage().resident().saturating_sub(before);
    println!("{} connections grew the process by {grown} bytes", clients.len());
    assert!(grown < 48 << 20, "{} connections grew the process by {grown} bytes", clients.len());
    assert_eq!(Client::connect(process.http).ask(get("b.example", "/")).status(), 200);
    drop(clients);
    let mut client = FrameClient::connect(process.http);
    client.request(1, END_STREAM, &pseudo("GET", "b.example", "/"));
    assert_eq!(client.head(1).status(), 200, "what they held is given back");
}

#[test]
fn c04_a_bomb_of_fields_on_every_stream_costs_little() {
    let pod = Pod::named("web");
    let process = Process::start(&Manifests::everything_to(&[pod.address]), &["--access-log", "off"]);
    let before = process.usage().resident();
    let clients: Vec<_> = (0..50)
        .map(|_| {
            // Without window the answers cannot leave either.
            let mut client = FrameClient::connect_with(process.http, &[(4, 0)]);
            let mut fields = pseudo("GET", "a.example", "/");
            fields.extend([("a", ""); 470]);
            for stream in (1..200).step_by(2) {
                client.request(stream, END_STREAM, &fields);
            }
            client.ping();
            client
        })
        .collect();
    let grown = process.usage().resident().saturating_sub(before);
    // hyper held 7.5 MB for each of them. In a build for tests it is 1.05 MB.
    assert!(grown < 60 << 20, "{} connections grew the process by {grown} bytes", clients.len());
    assert_eq!(Client::connect(process.http).ask(get("a.example", "/")).status(), 200);
}

/// Attackers at a time; each begins anew when its connection has ended.
const ATTACKERS: usize = 4;
/// Bytes that all attackers of a flood send, at the most, and for how long.
const BYTES: u64 = 64 << 20;
const TIME: Duration = Duration::from_secs(1);

/// What an attacker sends on a new connection, and then again and again with the next stream.
struct Flood {
    name: &'static str,
    first: Vec<u8>,
    again: Box<dyn Fn(u32) -> Vec<u8> + Send + Sync>,
}

impl Flood {
    fn new(name: &'static str, first: &[u8], again: impl Fn(u32) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self { name, first: first.to_vec(), again: Box::new(again) }
    }

    /// Begins a connection, reads what comes and sends until it ends. Gives the bytes that were sent.
    fn attack(&self, address: SocketAddr, sent: &AtomicU64, is_over: &AtomicBool) {
        let mut client = FrameClient::connect(address);
        let mut reader = client.wire.stream().try_clone().unwrap();
        thread::scope(|scope| {
            scope.spawn(move || {
                let mut buffer = [0; 16 * 1024];
                while matches!(reader.read(&mut buffer), Ok(1..)) {}
            });
            let mut taken = client.wire.try_send(&self.first).is_ok();
            let mut stream = 3;
            while taken && !is_over.load(Ordering::Relaxed) {
                // In pieces as large as an attacker would send.
                let piece: Vec<u8> = (0..20).flat_map(|step| (self.again)(stream + 2 * step)).collect();
                stream += 40;
                taken = client.wire.try_send(&piece).is_ok() && stream < 1 << 30;
                sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
            }
            let _ = client.wire.stream().shutdown(Shutdown::Both);
        });
    }
}

/// The floods of the record: rapid reset, streams that we are made to reset, header blocks without end, bombs of fields
/// and crumbs, and frames of no use.
fn floods() -> Vec<Flood> {
    let [get, post] = ["GET", "POST"].map(|method| block(&pseudo(method, "a.example", "/")));
    let open = move |head: &[u8], flags, stream| frame(HEADERS, END_HEADERS | flags, stream, head);
    let held = open(&post, 0, 1);
    let reset_by = |name, kind, payload: fn(u32) -> Vec<u8>| {
        let post = post.clone();
        Flood::new(name, &[], move |stream| [open(&post, 0, stream), frame(kind, 0, stream, &payload(stream))].concat())
    };
    let with = |more: &[(&str, &str)]| block(&[&pseudo("GET", "a.example", "/")[..], more].concat());
    let [fields, crumbs] = [("a", ""), ("cookie", "")].map(|field| with(&[field; 400]));
    let request = get.clone();
    vec![
        Flood::new("C1 rapid reset", &[], move |stream| {
            [open(&request, END_STREAM, stream), frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()
        }),
        reset_by("C2 window update of nothing", WINDOW_UPDATE, |_| vec![0; 4]),
        reset_by("C2 window update of too much", WINDOW_UPDATE, |_| vec![0x7f, 0xff, 0xff, 0xff]),
        reset_by("C2 stream that depends on itself", PRIORITY, |stream| [&stream.to_be_bytes()[..], &[0]].concat()),
        Flood::new("C3 empty continuations", &frame(HEADERS, 0, 1, &get), |_| frame(CONTINUATION, 0, 1, b"")),
        Flood::new("C3 small continuations", &frame(HEADERS, 0, 1, &get), |_| frame(CONTINUATION, 0, 1, &[0x82])),
        Flood::new("C4 fields without end", &[], move |stream| open(&fields, END_STREAM, stream)),
        Flood::new("C4 crumbs without end", &[], move |stream| open(&crumbs, END_STREAM, stream)),
        Flood::new("C5 no window", &frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]), move |stream| {
            open(&get, END_STREAM, stream)
        }),
        Flood::new("C6 pings", &[], |_| frame(PING, 0, 0, b"12345678")),
        Flood::new("C6 settings", &[], |_| frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100])),
        Flood::new("C6 priorities", &[], |_| frame(PRIORITY, 0, 101, &[0, 0, 0, 0, 1])),
        Flood::new("C6 window updates", &[], |_| frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        Flood::new("C6 empty data", &held, |_| frame(DATA, 0, 1, b"")),
        Flood::new("C11 settings of 2,700 entries", &[], |_| frame(SETTINGS, 0, 0, &[0, 1, 0, 0, 16, 0].repeat(2_700))),
    ]
}

/// What happened while something went on.
struct Seen {
    answers: u32,
    slowest: Duration,
    cpu: Duration,
    grown: usize,
}

/// Asks until `is_over`. Every answer must come, and be right.
fn ask(address: SocketAddr, usage: Usage, answers: &AtomicU64, is_over: &AtomicBool) -> Seen {
    let (cpu, before) = (usage.cpu(), usage.resident());
    let mut client = Client::connect(address);
    let mut seen = Seen { answers: 0, slowest: Duration::ZERO, cpu, grown: 0 };
    while !is_over.load(Ordering::Relaxed) {
        let asked = Instant::now();
        let answer = client.ask(get("b.example", "/"));
        assert_eq!((answer.status(), answer.text().as_str()), (200, "other"));
        seen.slowest = seen.slowest.max(asked.elapsed());
        seen.answers += 1;
        answers.fetch_add(1, Ordering::Relaxed);
        seen.grown = seen.grown.max(usage.resident().saturating_sub(before));
    }
    seen.cpu = usage.cpu().saturating_sub(cpu);
    seen
}

#[test]
fn floods_cost_less_than_honest_traffic_and_a_victim_is_served_meanwhile() {
    let silent = Pod::scripted(|mut connection| {
        let _ = connection.rest();
    });
    let other = Pod::named("other");
    let manifests = Manifests::everything_to(&[silent.address]);
    let manifests = manifests.service("other", &[other.address]);
    let manifests = manifests.ingress("b", Some("b.example"), &[("/", "Prefix", "other")]);
    let process = Process::start(&manifests, &["--access-log", "off"]);
    let (address, usage) = (process.http, process.usage());

    // Honest traffic: CPU for each byte of requests.
    let request = get("b.example", "/");
    let mut client = Client::connect(process.http);
    let cpu = usage.cpu();
    let count = 2_000;
    (0..count).for_each(|_| assert_eq!(client.ask(&request).status(), 200));
    let honest = (usage.cpu() - cpu).as_secs_f64() / f64::from(count) / request.len() as f64;

    for flood in floods() {
        let (sent, answers, is_over) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
        let seen = thread::scope(|scope| {
            for _ in 0..ATTACKERS {
                scope.spawn(|| {
                    while !is_over.load(Ordering::Relaxed) {
                        flood.attack(address, &sent, &is_over);
                    }
                });
            }
            let victim = scope.spawn(|| ask(address, usage, &answers, &is_over));
            let begun = Instant::now();
            let is_enough = || {
                let is_long = begun.elapsed() >= TIME || sent.load(Ordering::Relaxed) >= BYTES;
                // On a busy machine the victim's turn may come late.
                is_long && answers.load(Ordering::Relaxed) > 0 || begun.elapsed() >= DEADLINE
            };
            while !is_enough() && !victim.is_finished() {
                thread::park_timeout(Duration::from_millis(10));
            }
            is_over.store(true, Ordering::Relaxed);
            victim.join().unwrap_or_else(|_| panic!("{}: the victim was not served", flood.name))
        });
        let own = honest * f64::from(seen.answers) * request.len() as f64;
        let cost = (seen.cpu.as_secs_f64() - own).max(0.0) / sent.load(Ordering::Relaxed) as f64;
        let (ms, mib) = (1e3 * 1_048_576.0, sent.load(Ordering::Relaxed) >> 20);
        println!(
            "{:34} {mib:3} MiB, each {:5.1} ms of CPU (honest ones {:.0}), memory +{} KiB, victim {} answers, slowest {:?}",
            flood.name,
            cost * ms,
            honest * ms,
            seen.grown / 1024,
            seen.answers,
            seen.slowest
        );
        assert!(seen.answers > 0, "{}: nobody was served", flood.name);
        assert!(cost < 3.0 * honest, "{}: {} times what honest bytes cost", flood.name, cost / honest);
        assert!(seen.grown < 32 << 20, "{}: the process grew by {} bytes", flood.name, seen.grown);
    }
}
