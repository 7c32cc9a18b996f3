use std::io::Read;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::thread;

use super::*;

const PATIENCE: Duration = Duration::from_secs(30);

fn syslog(target: &str) -> Syslog {
    Syslog::new(&SyslogTarget::parse(target).unwrap().from_host(Some("edge")))
}

/// Waits until it is ready, for as long as it says.
fn wait(syslog: &mut Syslog) {
    let until = tokio::time::Instant::now() + PATIENCE;
    while let Err(wait) = syslog.ready() {
        assert!(tokio::time::Instant::now() < until, "the server is there");
        thread::park_timeout(wait);
    }
}

/// The line of a message.
fn line(message: &[u8]) -> String {
    let text = String::from_utf8(message.to_vec()).unwrap();
    let (head, line) = text.split_once("]: ").expect(&text);
    assert!(head.starts_with("<134>") && head.contains(" tidegate["), "{head}");
    line.to_owned()
}

#[test]
fn each_line_is_a_datagram() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut syslog = syslog(&format!("syslog:udp://{}", server.local_addr().unwrap()));
    wait(&mut syslog);
    assert_eq!(syslog.send(Severity::Informational, b"one\ntwo\n"), 0);
    let mut buffer = [0; 512];
    for expected in ["one", "two"] {
        let length = server.recv(&mut buffer).unwrap();
        assert_eq!(line(&buffer[..length]), expected);
    }
}

#[test]
fn lines_to_nobody_are_counted_and_sent_again_later() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    drop(server);
    let mut syslog = syslog(&format!("syslog:udp://{address}"));
    wait(&mut syslog);
    let mut lost = 0;
    for _ in 0..1000 {
        lost += syslog.send(Severity::Informational, b"line\n");
    }
    assert!(lost > 900, "{lost}");
    assert!(syslog.ready().is_err(), "lines wait meanwhile");
    let server = UdpSocket::bind(address).unwrap();
    server.set_read_timeout(Some(PATIENCE)).unwrap();
    wait(&mut syslog);
    assert_eq!(syslog.send(Severity::Informational, b"again\n"), 0);
    let mut buffer = [0; 512];
    let length = server.recv(&mut buffer).unwrap();
    assert_eq!(line(&buffer[..length]), "again");
}

#[test]
fn a_socket_of_this_machine_may_be_bound_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let mut syslog = syslog(&format!("syslog:unix://{}", path.display()));
    assert!(syslog.ready().is_err(), "nobody is there yet");
    let mut buffer = [0; 512];
    for round in ["one", "two"] {
        let server = UnixDatagram::bind(&path).unwrap();
        server.set_read_timeout(Some(PATIENCE)).unwrap();
        wait(&mut syslog);
        assert_eq!(syslog.send(Severity::Informational, round.as_bytes()), 0);
        let length = server.recv(&mut buffer).unwrap();
        assert_eq!(line(&buffer[..length]), round);
        drop(server);
        std::fs::remove_file(&path).unwrap();
    }
    // A socket that nobody reads any more does not keep who sends.
    let _server = UnixDatagram::bind(&path).unwrap();
    wait(&mut syslog);
    let flood = "line\n".repeat(10_000);
    assert!(syslog.send(Severity::Informational, flood.as_bytes()) > 0);
    assert!(syslog.ready().is_err());
}

/// Reads messages with octets counted, until there are so many.
fn read_messages(from: &mut impl Read, count: usize) -> Vec<String> {
    let mut lines = Vec::new();
    while lines.len() < count {
        let mut length = 0;
        loop {
            let mut digit = [0];
            from.read_exact(&mut digit).unwrap();
            match digit[0] {
                b' ' => break,
                digit => length = length * 10 + usize::from(digit - b'0'),
            }
        }
        let mut message = vec![0; length];
        from.read_exact(&mut message).unwrap();
        lines.push(line(&message));
    }
    lines
}

#[test]
fn messages_over_tcp_have_their_octets_counted() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut syslog = syslog(&format!("syslog:tcp://{}", server.local_addr().unwrap()));
    wait(&mut syslog);
    let (mut client, _) = server.accept().unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let lines: Vec<_> = (0..2000).map(|number| format!("line {number} with a length of its own")).collect();
    let reader = thread::spawn(move || read_messages(&mut client, 2000));
    assert_eq!(syslog.send(Severity::Informational, (lines.join("\n") + "\n").as_bytes()), 0);
    assert_eq!(reader.join().unwrap(), lines);
}

#[test]
fn a_connection_that_the_server_has_closed_is_made_again() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address: SocketAddr = server.local_addr().unwrap();
    let mut syslog = syslog(&format!("syslog:tcp://{address}"));
    for round in ["one", "two"] {
        wait(&mut syslog);
        let (mut client, _) = server.accept().unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(syslog.send(Severity::Informational, round.as_bytes()), 0);
        assert_eq!(read_messages(&mut client, 1), [round]);
        drop(client);
        // The end of the connection is on its way.
        let until = tokio::time::Instant::now() + PATIENCE;
        while syslog.ready().is_ok() {
            assert!(tokio::time::Instant::now() < until, "the end is seen");
            thread::yield_now();
        }
    }
}

#[test]
fn a_server_that_does_not_read_costs_lines_and_not_the_process() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut syslog = syslog(&format!("syslog:tcp://{}", server.local_addr().unwrap()));
    wait(&mut syslog);
    let flood = "x".repeat(999) + "\n";
    let flood = flood.repeat(40_000);
    assert!(syslog.send(Severity::Informational, flood.as_bytes()) > 0);
    assert!(syslog.ready().is_err());
}
