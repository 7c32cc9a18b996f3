//! A DNS server over loopback that answers what a test wants, also what no server should.

#![allow(dead_code, missing_docs, unreachable_pub, reason = "each test uses a part of it")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

const A: u16 = 1;
const CNAME: u16 = 5;
const SOA: u16 = 6;
const AAAA: u16 = 28;

/// What is answered for a name.
#[derive(Clone, Debug)]
pub enum Zone {
    /// These addresses, with a time to live in seconds.
    Addresses(u32, Vec<IpAddr>),
    /// Another name, and what that has, in one message; time to live in seconds.
    Chain(u32, String),
    /// Another name only: whoever asks must ask for that.
    Alias(u32, String),
    /// This code: 2 SERVFAIL, 3 NXDOMAIN, 5 REFUSED.
    Code(u8),
    /// These bytes behind the identifier of the question.
    Garbage(Vec<u8>),
    /// Over UDP only that the answer is too long; over TCP these addresses.
    Truncated(u32, Vec<IpAddr>),
    /// Nothing.
    Silence,
}

/// The server, until dropped. A name that it was not told of does not exist.
pub struct DnsServer {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    zones: Mutex<BTreeMap<String, Zone>>,
    asked: Mutex<Vec<String>>,
    is_over: AtomicBool,
}

impl DnsServer {
    pub fn start() -> Self {
        let (udp, tcp) = std::iter::repeat_with(|| {
            let udp = UdpSocket::bind("127.0.0.1:0").ok()?;
            let tcp = TcpListener::bind(udp.local_addr().ok()?).ok()?;
            Some((udp, tcp))
        })
        .take(100)
        .flatten()
        .next()
        .expect("a port that is free for UDP and TCP");
        let address = udp.local_addr().expect("an address");
        let shared = Arc::<Shared>::default();
        let threads = vec![
            std::thread::spawn({
                let shared = Arc::clone(&shared);
                move || answer_datagrams(&udp, &shared)
            }),
            std::thread::spawn({
                let shared = Arc::clone(&shared);
                move || answer_streams(&tcp, &shared)
            }),
        ];
        Self { address, shared, threads }
    }

    /// From now on this is answered for the name, which has no dot at the end.
    pub fn set(&self, name: &str, zone: Zone) {
        self.shared.zones.lock().unwrap().insert(name.to_ascii_lowercase(), zone);
    }

    /// Addresses that may be used until they are asked for again.
    pub fn addresses(&self, name: &str, addresses: &[&str]) {
        let addresses = addresses.iter().map(|text| text.parse().expect("an address")).collect();
        self.set(name, Zone::Addresses(0, addresses));
    }

    /// How often this name was asked for.
    pub fn asked(&self, name: &str) -> usize {
        self.shared.asked.lock().unwrap().iter().filter(|asked| *asked == name).count()
    }
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        if let Ok(socket) = UdpSocket::bind("127.0.0.1:0") {
            let _ = socket.send_to(b"", self.address);
        }
        let _ = TcpStream::connect(self.address);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn answer_datagrams(socket: &UdpSocket, shared: &Shared) {
    let mut buffer = [0; 4096];
    while let Ok((length, from)) = socket.recv_from(&mut buffer) {
        if shared.is_over.load(Ordering::SeqCst) {
            return;
        }
        if let Some(answer) = shared.answer(&buffer[..length], true) {
            let _ = socket.send_to(&answer, from);
        }
    }
}

fn answer_streams(listener: &TcpListener, shared: &Shared) {
    while let Ok((mut stream, _)) = listener.accept() {
        if shared.is_over.load(Ordering::SeqCst) {
            return;
        }
        let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
        // One question for each connection, so that the end of the test need not wait for the resolver.
        let _ = answer_one(&mut stream, shared);
    }
}

fn answer_one(stream: &mut TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut query)?;
    let Some(answer) = shared.answer(&query, false) else { return Ok(()) };
    let length = u16::try_from(answer.len()).expect("a short answer").to_be_bytes();
    stream.write_all(&[&length[..], &answer].concat())
}

impl Shared {
    fn answer(&self, query: &[u8], is_udp: bool) -> Option<Vec<u8>> {
        let (name, wanted, end) = question(query)?;
        self.asked.lock().unwrap().push(name.clone());
        let zones = self.zones.lock().unwrap();
        let mut message = Message::new(query, end);
        match zones.get(&name) {
            Some(Zone::Silence) => return None,
            Some(Zone::Garbage(bytes)) => return Some([&query[..2], bytes].concat()),
            Some(Zone::Truncated(..)) if is_udp => message.is_truncated = true,
            Some(zone) => message.add(&name, zone, wanted, &zones, 0),
            None => message.code = 3,
        }
        Some(message.into_bytes())
    }
}

/// The name, the type, and where the question ends.
fn question(query: &[u8]) -> Option<(String, u16, usize)> {
    let (mut at, mut labels) = (12, Vec::new());
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(query.get(at..at + length)?).to_ascii_lowercase());
        at += length;
    }
    let wanted = u16::from_be_bytes(query.get(at..at + 2)?.try_into().ok()?);
    Some((labels.join("."), wanted, at + 4))
}

struct Message {
    id: [u8; 2],
    question: Vec<u8>,
    code: u8,
    is_truncated: bool,
    answers: Vec<Vec<u8>>,
}

impl Message {
    fn new(query: &[u8], end: usize) -> Self {
        let question = query[12..end].to_vec();
        Self { id: [query[0], query[1]], question, code: 0, is_truncated: false, answers: Vec::new() }
    }

    fn add(&mut self, name: &str, zone: &Zone, wanted: u16, zones: &BTreeMap<String, Zone>, depth: usize) {
        match zone {
            Zone::Addresses(life, addresses) | Zone::Truncated(life, addresses) => {
                for address in addresses {
                    let (kind, bytes) = match address {
                        IpAddr::V4(address) => (A, address.octets().to_vec()),
                        IpAddr::V6(address) => (AAAA, address.octets().to_vec()),
                    };
                    if kind == wanted {
                        self.answers.push(record(name, kind, *life, &bytes));
                    }
                }
            }
            Zone::Chain(life, target) => {
                self.answers.push(record(name, CNAME, *life, &encoded(target)));
                match zones.get(target) {
                    Some(next) if depth < 32 => self.add(target, next, wanted, zones, depth + 1),
                    Some(_) | None => {}
                }
            }
            Zone::Alias(life, target) => self.answers.push(record(name, CNAME, *life, &encoded(target))),
            Zone::Code(code) => self.code = *code,
            Zone::Garbage(_) | Zone::Silence => {}
        }
    }

    fn into_bytes(self) -> Vec<u8> {
        let mut flags = [0x81, 0x80 | self.code];
        if self.is_truncated {
            flags[0] |= 0x02;
        }
        let count = u16::try_from(self.answers.len()).expect("few answers").to_be_bytes();
        // Who says that there is nothing says who says it.
        let authority = if self.answers.is_empty() && !self.is_truncated {
            let numbers = [1_u32, 1, 1, 1, 1].map(u32::to_be_bytes).concat();
            vec![record("", SOA, 1, &[&encoded("ns.example")[..], &encoded("root.example"), &numbers].concat())]
        } else {
            Vec::new()
        };
        let authorities = [0, u8::try_from(authority.len()).expect("one")];
        let head = [&self.id[..], &flags, &[0, 1], &count, &authorities, &[0, 0]].concat();
        [head, self.question, self.answers.concat(), authority.concat()].concat()
    }
}

fn record(name: &str, kind: u16, life: u32, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).expect("a short record");
    [&encoded(name)[..], &kind.to_be_bytes(), &[0, 1], &life.to_be_bytes(), &length.to_be_bytes(), data].concat()
}

fn encoded(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).expect("a short label"));
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.push(0);
    bytes
}
