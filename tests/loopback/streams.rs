//! Streams: TCP and UDP that is passed on as it is, by ports that open and close while the process runs.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Client, DEADLINE, Manifests, Pod, Tidegate, eventually, get, refusing};

const TCP: [&str; 2] = ["--tcp-services-configmap", "edge/tcp"];
const UDP: [&str; 2] = ["--udp-services-configmap", "edge/udp"];

/// A port that nobody has at the moment.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn config_map(name: &str, entries: &[(u16, &str)]) -> Value {
    let data: serde_json::Map<_, _> = entries.iter().map(|(port, to)| (port.to_string(), json!(to))).collect();
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "edge"}, "data": data})
}

/// One port leads to the pods of the Service `db`.
fn to_db(port: u16, pods: &[SocketAddr]) -> Manifests {
    Manifests::new().service("db", pods).object(config_map("tcp", &[(port, "test/db:80")]))
}

fn try_connect(port: u16) -> Option<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    Some(stream)
}

fn connect(port: u16) -> TcpStream {
    eventually("an open port", || try_connect(port))
}

fn read(stream: &mut TcpStream, bytes: usize) -> Vec<u8> {
    let mut data = vec![0; bytes];
    stream.read_exact(&mut data).unwrap();
    data
}

/// Sends back what it gets, and at the end how much that was.
fn echo() -> Pod {
    Pod::scripted(|connection| {
        let (mut data, mut all) = ([0; 16 * 1024], 0);
        loop {
            match connection.stream().read(&mut data) {
                Ok(0) => break,
                Ok(bytes) => {
                    all += bytes;
                    connection.stream().write_all(&data[..bytes]).unwrap();
                }
                Err(_) => return,
            }
        }
        connection.stream().write_all(format!("that was {all}").as_bytes()).unwrap();
    })
}

/// Says its name first, and then sends back what it gets.
fn greeting(name: &'static str) -> Pod {
    Pod::scripted(move |connection| {
        connection.stream().write_all(name.as_bytes()).unwrap();
        let mut data = [0; 4096];
        while let Ok(bytes @ 1..) = connection.stream().read(&mut data) {
            if connection.stream().write_all(&data[..bytes]).is_err() {
                return;
            }
        }
    })
}

#[test]
fn bytes_go_both_ways_and_each_way_ends_by_itself() {
    let (pod, port) = (echo(), free_port());
    let server = Tidegate::serve_with(&to_db(port, &[pod.address]), &TCP);
    let mut client = connect(port);
    client.write_all(b"hello").unwrap();
    assert_eq!(read(&mut client, 5), b"hello");
    // Much more than all buffers on the way hold.
    let much: Vec<u8> = (0..8_u32 << 20).map(|n| (n % 251) as u8).collect();
    let mut sending = client.try_clone().unwrap();
    let sent = much.clone();
    let sender = thread::spawn(move || {
        sending.write_all(&sent).unwrap();
        sending.shutdown(Shutdown::Write).unwrap();
    });
    assert!(read(&mut client, much.len()) == much, "the bytes came back as they were");
    sender.join().unwrap();
    let mut rest = String::new();
    client.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, format!("that was {}", much.len() + 5), "the pod answers after the client has ended its side");
    let of_port = format!("port=\"{port}\"");
    let moved = |name: &str| server.metric(&format!("tidegate_stream_{name}"), &of_port) as usize;
    eventually("the end of the stream", || (moved("connections_open") == 0).then_some(()));
    let all = much.len() + 5;
    assert_eq!((moved("connections_total"), moved("received_bytes_total")), (1, all));
    assert_eq!(moved("sent_bytes_total"), all + rest.len());
}

#[test]
fn a_server_may_speak_first() {
    let (pod, port) = (greeting("220 ready"), free_port());
    let _server = Tidegate::serve_with(&to_db(port, &[pod.address]), &TCP);
    assert_eq!(read(&mut connect(port), 9), b"220 ready");
}

#[test]
fn a_reset_of_one_side_is_a_reset_for_the_other() {
    let pod = Pod::scripted(|connection| {
        let mut data = [0; 1];
        let _ = connection.stream().read(&mut data);
        connection.reset();
    });
    let port = free_port();
    let server = Tidegate::serve_with(&to_db(port, &[pod.address]), &TCP);
    let mut client = connect(port);
    client.write_all(b"x").unwrap();
    assert_eq!(client.read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    let failed = || server.metric("tidegate_stream_failures_total", "reason=\"pod_reset\"");
    eventually("it is counted", || (failed() == 1.0).then_some(()));
}

#[test]
fn ports_open_and_close_while_connections_go_on() {
    let (one, other) = (greeting("one"), greeting("two"));
    let (first, second) = (free_port(), free_port());
    let manifests = |entries: &[(u16, &str)]| {
        let services =
            Manifests::everything_to(&[one.address]).service("a", &[one.address]).service("b", &[other.address]);
        services.object(config_map("tcp", entries))
    };
    let server = Tidegate::serve_with(&manifests(&[(first, "test/a:80")]), &[&TCP[..], &["--workers", "2"]].concat());
    let mut kept = connect(first);
    assert_eq!(read(&mut kept, 3), b"one");
    server.replace(&manifests(&[(first, "test/a:80"), (second, "test/b:http")]));
    assert_eq!(read(&mut connect(second), 3), b"two");
    server.replace(&manifests(&[(second, "test/a:80")]));
    eventually("the port is closed", || TcpStream::connect(("127.0.0.1", first)).is_err().then_some(()));
    // What is connected stays, and the port that stays leads elsewhere.
    kept.write_all(b"still").unwrap();
    assert_eq!(read(&mut kept, 5), b"still");
    eventually("the port leads to the other Service", || (read(&mut connect(second), 3) == b"one").then_some(()));
    server.replace(&manifests(&[(first, "test/b:80")]));
    assert_eq!(read(&mut connect(first), 3), b"two", "a port may come back");
    assert_eq!(server.ask(get("a.example", "/")).status(), 502, "HTTP goes on: the pod does not speak it");
}

#[test]
fn a_port_in_use_is_told_harms_nobody_and_opens_once_it_is_free() {
    let pod = greeting("here");
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let (taken, free) = (holder.local_addr().unwrap().port(), free_port());
    let entries = [(taken, "test/db:80"), (free, "test/db:80")];
    let manifests = Manifests::new().service("db", &[pod.address]).object(config_map("tcp", &entries));
    let server = Tidegate::serve_with(&manifests, &TCP);
    assert_eq!(read(&mut connect(free), 4), b"here");
    let problems = || server.admin("/debug/problems").text();
    let told = eventually("it is told", || Some(problems()).filter(|text| text.contains("PortUnavailable")));
    assert!(told.contains(&format!("TCP port {taken} cannot be opened")) && told.contains("edge"), "{told}");
    let unavailable = || server.metric("tidegate_stream_ports", "state=\"unavailable\"");
    assert_eq!(unavailable(), 1.0);
    drop(holder);
    eventually("the port is ours", || {
        let mut stream = try_connect(taken)?;
        stream.read_exact(&mut [0; 4]).is_ok().then_some(())
    });
    eventually("the finding has gone", || {
        (!problems().contains("PortUnavailable") && unavailable() == 0.0).then_some(())
    });
}

#[test]
fn a_pod_that_refuses_is_followed_by_another() {
    let (pod, (refused, _held), port) = (greeting("good"), refusing(), free_port());
    let server = Tidegate::serve_with(&to_db(port, &[refused, pod.address]), &TCP);
    for _ in 0..8 {
        assert_eq!(read(&mut connect(port), 4), b"good");
    }
    assert!(server.metric("tidegate_upstream_retries_total", "service=\"db\"") >= 1.0);
    assert!(server.metric("tidegate_upstream_failures_total", "reason=\"connect_refused\"") >= 1.0);
}

#[test]
fn without_a_pod_the_connection_is_reset_at_once() {
    let port = free_port();
    let server = Tidegate::serve_with(&to_db(port, &[]), &TCP);
    let mut client = connect(port);
    assert_eq!(client.read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    let failed = || server.metric("tidegate_stream_failures_total", "reason=\"no_endpoint\"");
    eventually("it is counted", || (failed() == 1.0).then_some(()));
}

#[test]
fn a_pod_that_leaves_keeps_its_connections_and_gets_no_new_ones() {
    let (old, new, port) = (greeting("old"), greeting("new"), free_port());
    let server = Tidegate::serve_with(&to_db(port, &[old.address]), &TCP);
    let mut kept = connect(port);
    assert_eq!(read(&mut kept, 3), b"old");
    server.replace(&to_db(port, &[new.address]));
    eventually("new connections go to the new pod", || (read(&mut connect(port), 3) == b"new").then_some(()));
    kept.write_all(b"still").unwrap();
    assert_eq!(read(&mut kept, 5), b"still");
}

#[test]
fn a_connection_on_which_nothing_moves_is_closed() {
    let (pod, port) = (greeting("hi"), free_port());
    let options = [&TCP[..], &["--stream-idle-timeout", "100ms"]].concat();
    let server = Tidegate::serve_with(&to_db(port, &[pod.address]), &options);
    let mut client = connect(port);
    assert_eq!(read(&mut client, 2), b"hi");
    assert!(!matches!(client.read(&mut [0; 1]), Ok(1..)));
    let failed = || server.metric("tidegate_stream_failures_total", "reason=\"idle\"");
    eventually("it is counted", || (failed() == 1.0).then_some(()));
}

#[test]
fn pods_are_told_of_the_client_in_a_header_of_either_version() {
    let pod = Pod::scripted(|connection| {
        let mut data = [0; 512];
        let bytes = connection.stream().read(&mut data).unwrap();
        connection.stream().write_all(&data[..bytes]).unwrap();
    });
    let (v1, v2) = (free_port(), free_port());
    let expose = json!({"tidegate.dev/expose": format!("{v1}:80;proxy-out, {v2}:http;proxy-out=v2")});
    let manifests = Manifests::new().annotated_service("db", &[pod.address], expose);
    let _server = Tidegate::serve_with(&manifests, &["--allow-ports", "1024-65535"]);
    let mut client = connect(v1);
    let (own, theirs) = (client.local_addr().unwrap().port(), v1);
    let expected = format!("PROXY TCP4 127.0.0.1 127.0.0.1 {own} {theirs}\r\n");
    assert_eq!(String::from_utf8(read(&mut client, expected.len())).unwrap(), expected);
    let mut client = connect(v2);
    let header = read(&mut client, 28);
    assert_eq!(header[..16], *b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c");
    assert_eq!(header[16..24], [127, 0, 0, 1, 127, 0, 0, 1]);
    assert_eq!(header[24..26], client.local_addr().unwrap().port().to_be_bytes());
}

#[test]
fn a_client_must_be_introduced_where_that_is_asked_for() {
    let (pod, port) = (echo(), free_port());
    let to = [(port, "test/db:80:PROXY:PROXY")];
    let manifests = Manifests::new().service("db", &[pod.address]).object(config_map("tcp", &to));
    let options = [&TCP[..], &["--trusted-proxies", "127.0.0.1"]].concat();
    let server = Tidegate::serve_with(&manifests, &options);
    let mut client = connect(port);
    // In two parts, with the first bytes of the connection behind it.
    client.write_all(b"PROXY TCP4 192.0.2.7 198.51.100.1 4711").unwrap();
    client.write_all(b" 3306\r\nhello").unwrap();
    let expected = format!("PROXY TCP4 192.0.2.7 127.0.0.1 4711 {port}\r\nhello");
    assert_eq!(String::from_utf8(read(&mut client, expected.len())).unwrap(), expected);
    let mut wrong = connect(port);
    wrong.write_all(b"no header at all\r\n").unwrap();
    assert!(!matches!(wrong.read(&mut [0; 1]), Ok(1..)));
    let failed = || server.metric("tidegate_stream_failures_total", "reason=\"proxy_header\"");
    eventually("it is counted", || (failed() == 1.0).then_some(()));
}

#[test]
fn a_port_that_may_not_be_opened_is_not() {
    let (pod, allowed, other) = (greeting("hi"), free_port(), free_port());
    let expose = json!({"tidegate.dev/expose": format!("{allowed}:80, {other}:80")});
    let manifests = Manifests::new().annotated_service("db", &[pod.address], expose);
    let range = allowed.to_string();
    let server = Tidegate::serve_with(&manifests, &["--allow-ports", &range]);
    assert_eq!(read(&mut connect(allowed), 2), b"hi");
    assert!(try_connect(other).is_none());
    assert!(server.admin("/debug/problems").text().contains("PortRefused"));
}

#[test]
fn streams_are_explained_and_shown() {
    let (pod, port) = (greeting("hi"), free_port());
    let server = Tidegate::serve_with(&to_db(port, &[pod.address]), &TCP);
    drop(connect(port));
    let text = server.admin(&format!("/debug/explain?url=tcp://any:{port}")).text();
    for expected in ["ConfigMap edge/tcp", "Service test/db port 80", &pod.address.to_string()] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    let text = server.admin(&format!("/debug/explain?url=udp://any:{port}")).text();
    assert!(text.contains("no object opens the port") && text.contains(&format!("TCP port {port}")), "{text}");
    let view: Value = serde_json::from_str(&server.admin("/debug/snapshot").text()).unwrap();
    assert_eq!(view["streams"][0]["port"], port);
    assert_eq!(view["streams"][0]["to"][0]["object"], "ConfigMap edge/tcp");
}

#[test]
fn a_drain_closes_ports_and_lets_connections_finish() {
    let (pod, port) = (greeting("hi"), free_port());
    let server = Tidegate::serve_with(&to_db(port, &[pod.address]), &[&TCP[..], &["--drain-delay", "0s"]].concat());
    let mut client = connect(port);
    assert_eq!(read(&mut client, 2), b"hi");
    server.terminate();
    eventually("the port is closed", || TcpStream::connect(("127.0.0.1", port)).is_err().then_some(()));
    client.write_all(b"still").unwrap();
    assert_eq!(read(&mut client, 5), b"still");
    drop(client);
    server.join().unwrap();
}

fn is_greeted(port: u16) -> Option<()> {
    try_connect(port)?.read_exact(&mut [0; 2]).ok()
}

#[test]
fn streams_leave_half_of_the_connections_to_http() {
    let (pod, web, port) = (greeting("hi"), Pod::named("web"), free_port());
    let manifests = Manifests::everything_to(&[web.address]).service("db", &[pod.address]);
    let manifests = manifests.object(config_map("tcp", &[(port, "test/db:80")]));
    let options = [&TCP[..], &["--max-connections", "4", "--upstream-max-requests", "100"]].concat();
    let server = Tidegate::serve_with(&manifests, &options);
    let mut kept: Vec<_> = (0..2).map(|_| connect(port)).collect();
    for client in &mut kept {
        assert_eq!(read(client, 2), b"hi");
    }
    let mut third = connect(port);
    assert_eq!(third.read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    let refused = || server.metric("tidegate_stream_failures_total", "reason=\"limit\"");
    eventually("it is counted", || (refused() == 1.0).then_some(()));
    let mut clients = [server.connect(), server.connect()];
    for client in &mut clients {
        assert_eq!(client.ask(get("a", "/")).status(), 200);
    }
    drop(kept);
    eventually("the places are free again", || is_greeted(port));
}

/// All places for clients are taken by requests, which their pod holds until the sender is dropped.
fn without_places(manifests: &Manifests) -> (Tidegate, Vec<Client>) {
    let options = ["--max-connections", "4", "--upstream-max-requests", "100", "--drain-delay", "0s"];
    let server = Tidegate::serve_with(manifests, &[&TCP[..], &options].concat());
    let mut clients: Vec<_> = (0..4).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send(get("a", "/"));
    }
    eventually("all places are taken", || (server.metric("tidegate_connections_open", "") == 4.0).then_some(()));
    (server, clients)
}

#[test]
fn a_connection_that_waits_for_a_place_is_served_in_a_drain() {
    let (pod, (web, release), port) = (greeting("hi"), Pod::held(), free_port());
    let manifests = Manifests::everything_to(&[web.address]).service("db", &[pod.address]);
    let (server, _busy) = without_places(&manifests.object(config_map("tcp", &[(port, "test/db:80")])));
    // One waits for a place, the other one in the kernel's queue.
    let mut clients = [connect(port), connect(port)];
    server.terminate();
    for client in &mut clients {
        assert_eq!(read(client, 2), b"hi");
    }
    drop((clients, release));
    server.join().unwrap();
}

#[test]
fn a_port_closes_while_a_connection_waits_for_a_place() {
    let (pod, (web, release), port) = (greeting("hi"), Pod::held(), free_port());
    let manifests = |entries: &[(u16, &str)]| {
        let services = Manifests::everything_to(&[web.address]).service("db", &[pod.address]);
        services.object(config_map("tcp", entries))
    };
    let (server, _busy) = without_places(&manifests(&[(port, "test/db:80")]));
    let mut client = connect(port);
    server.replace(&manifests(&[]));
    assert_eq!(client.read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    eventually("the port is closed", || TcpStream::connect(("127.0.0.1", port)).is_err().then_some(()));
    drop(release);
}

#[test]
fn a_port_does_not_lead_to_itself() {
    let port = free_port();
    let itself = SocketAddr::from(([127, 0, 0, 1], port));
    let server = Tidegate::serve_with(&to_db(port, &[itself]), &TCP);
    let mut client = connect(port);
    assert_eq!(client.read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    let failed = || server.metric("tidegate_stream_failures_total", "reason=\"no_endpoint\"");
    eventually("it is counted", || (failed() == 1.0).then_some(()));
    let datagrams = Tidegate::serve_with(&to_dns(port, &[itself]), &UDP);
    let dropped = || datagrams.metric("tidegate_stream_datagrams_dropped_total", "reason=\"no_endpoint\"");
    let client = udp_client(port);
    eventually("the datagram is dropped and counted", || {
        let _ = client.send(b"a?");
        (dropped() > 0.0).then_some(())
    });
    assert_eq!(datagrams.metric("tidegate_stream_connections_total", "transport=\"udp\""), 0.0);
}

/// Answers each datagram with its own name and what came.
fn udp_pod(name: &'static str) -> (SocketAddr, impl Drop) {
    struct Stop(Option<std::sync::mpsc::Sender<()>>, Option<thread::JoinHandle<()>>);
    impl Drop for Stop {
        fn drop(&mut self) {
            drop(self.0.take());
            self.1.take().unwrap().join().unwrap();
        }
    }
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let (stop, stopped) = channel::<()>();
    let answering = thread::spawn(move || {
        let mut data = [0; 2048];
        while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            if let Ok((bytes, client)) = socket.recv_from(&mut data) {
                let from = client.port();
                let answer = [format!("{name} {from} ").as_bytes(), &data[..bytes]].concat();
                socket.send_to(&answer, client).unwrap();
            }
        }
    });
    (address, Stop(Some(stop), Some(answering)))
}

/// One port leads to the UDP pods of the Service `dns`.
fn to_dns(port: u16, pods: &[SocketAddr]) -> Manifests {
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "dns", "namespace": "test"},
        "spec": {"ports": [{"name": "dns", "port": 53, "protocol": "UDP"}]},
    });
    let slice = |(index, pod): (usize, &SocketAddr)| {
        json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {"name": format!("dns-{index}"), "namespace": "test", "labels": {"kubernetes.io/service-name": "dns"}},
            "ports": [{"name": "dns", "port": pod.port(), "protocol": "UDP"}],
            "endpoints": [{"addresses": [pod.ip().to_string()], "conditions": {"ready": true}}],
        })
    };
    let with_service = Manifests::new().object(service).object(config_map("udp", &[(port, "test/dns:53")]));
    pods.iter().enumerate().map(slice).fold(with_service, Manifests::object)
}

fn udp_client(port: u16) -> UdpSocket {
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(("127.0.0.1", port)).unwrap();
    client.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    client
}

/// The answer to a question, which is asked again where it or the answer was lost.
fn ask(client: &UdpSocket, question: &str) -> String {
    eventually("an answer", || {
        client.send(question.as_bytes()).ok()?;
        let mut data = [0; 2048];
        let bytes = client.recv(&mut data).ok()?;
        let answer = String::from_utf8(data[..bytes].to_vec()).unwrap();
        answer.ends_with(question).then_some(answer)
    })
}

fn words(answer: &str) -> (&str, &str) {
    let mut words = answer.split(' ');
    (words.next().unwrap(), words.next().unwrap())
}

#[test]
fn datagrams_go_to_a_pod_and_its_answers_come_from_the_port() {
    let ((pod, _answering), port) = (udp_pod("one"), free_port());
    let options = [&UDP[..], &["--workers", "2"]].concat();
    let server = Tidegate::serve_with(&to_dns(port, &[pod]), &options);
    let (one, other) = (udp_client(port), udp_client(port));
    let mut data = [0; 64];
    let first = eventually("the port is open", || {
        one.send(b"a?").ok()?;
        let bytes = one.recv(&mut data).ok()?;
        Some(String::from_utf8(data[..bytes].to_vec()).unwrap())
    });
    // The first datagram of a client is not lost.
    other.set_read_timeout(Some(DEADLINE)).unwrap();
    other.send(b"first").unwrap();
    let bytes = other.recv(&mut data).unwrap();
    assert!(data[..bytes].ends_with(b" first"));
    other.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let (name, session) = words(&first);
    assert_eq!(name, "one");
    // The same client has the same session, another one has another: nothing is mixed up between them.
    for round in 0..50 {
        let (mine, others) = (ask(&one, &format!("mine {round}")), ask(&other, &format!("other {round}")));
        assert_eq!((words(&mine).1, mine.ends_with(&format!("mine {round}"))), (session, true));
        assert_ne!(words(&others).1, session);
    }
    let of_port = format!("port=\"{port}\"");
    assert_eq!(server.metric("tidegate_stream_connections_total", &of_port), 2.0);
    assert!(server.metric("tidegate_stream_sent_bytes_total", &of_port) > 1000.0);
}

#[test]
fn a_client_of_datagrams_that_is_silent_is_forgotten() {
    let ((pod, _answering), port) = (udp_pod("one"), free_port());
    let options = [&UDP[..], &["--udp-session-timeout", "100ms"]].concat();
    let server = Tidegate::serve_with(&to_dns(port, &[pod]), &options);
    let client = udp_client(port);
    let first = ask(&client, "a?");
    let of_port = format!("port=\"{port}\"");
    let open = || server.metric("tidegate_stream_connections_open", &of_port);
    eventually("the session ends", || (open() == 0.0).then_some(()));
    assert_ne!(words(&ask(&client, "b?")).1, words(&first).1, "by a new socket");
}

#[test]
fn datagrams_follow_their_pods_and_their_port() {
    let ((one, _one), (two, _two), port) = (udp_pod("one"), udp_pod("two"), free_port());
    let server = Tidegate::serve_with(&to_dns(port, &[one]), &UDP);
    let client = udp_client(port);
    assert_eq!(words(&ask(&client, "a?")).0, "one");
    server.replace(&to_dns(port, &[two]));
    eventually("the other pod answers", || (words(&ask(&client, "b?")).0 == "two").then_some(()));
    server.replace(&to_dns(port, &[]));
    let dropped = || server.metric("tidegate_stream_datagrams_dropped_total", "reason=\"no_endpoint\"");
    eventually("datagrams are dropped and counted", || {
        client.send(b"c?").ok()?;
        (dropped() > 0.0).then_some(())
    });
    server.replace(&Manifests::new().object(config_map("udp", &[])));
    eventually("the port is free", || UdpSocket::bind(("127.0.0.1", port)).ok());
}

#[test]
fn a_pod_without_the_port_is_followed_by_another() {
    let gone = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ((pod, _answering), port) = (udp_pod("one"), free_port());
    let _server = Tidegate::serve_with(&to_dns(port, &[gone, pod]), &UDP);
    for _ in 0..6 {
        assert_eq!(words(&ask(&udp_client(port), "a?")).0, "one");
    }
}

#[test]
fn many_ports_open_and_close_and_others_notice_nothing() {
    const PORTS: usize = 200;
    let pod = greeting("hi");
    let kept_port = free_port();
    let held: Vec<_> = (0..PORTS).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let ports: Vec<u16> = held.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
    drop(held);
    let manifests = |ports: &[u16]| {
        let entries: Vec<_> = ports.iter().chain([&kept_port]).map(|port| (*port, "test/db:80")).collect();
        Manifests::everything_to(&[pod.address]).service("db", &[pod.address]).object(config_map("tcp", &entries))
    };
    let server = Tidegate::serve_with(&manifests(&[]), &[&TCP[..], &["--workers", "2"]].concat());
    let mut kept = connect(kept_port);
    assert_eq!(read(&mut kept, 2), b"hi");
    let open = || server.metric("tidegate_stream_ports", "state=\"open\"") as usize;
    for _ in 0..3 {
        server.replace(&manifests(&ports));
        // Another test may take one of them meanwhile.
        eventually("nearly all are open", || (open() > PORTS * 9 / 10).then_some(()));
        assert_eq!(read(&mut connect(ports[PORTS / 2]), 2), b"hi");
        server.replace(&manifests(&[]));
        eventually("all are closed", || (open() == 1).then_some(()));
        kept.write_all(b"still").unwrap();
        assert_eq!(read(&mut kept, 5), b"still");
    }
}
