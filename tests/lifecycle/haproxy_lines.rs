//! Lines of the access log in HAProxy's form (`--access-log haproxy`), sent to a syslog server: of real requests, also of
//! those that fail.

use std::net::{SocketAddr, UdpSocket};
use std::slice;

use serde_json::json;
use tokio::net::TcpStream;

use super::process::{Process, address};
use super::support::h2::{H2Client, run as run_async};
use super::support::tls::{Hello, TlsClient};
use super::support::{Client, DEADLINE, Manifests, Pod, get, refusing};

/// A syslog server for datagrams.
struct Server(UdpSocket);

impl Server {
    fn start() -> (Self, String) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        let target = format!("syslog:udp://{}?facility=local2", socket.local_addr().unwrap());
        (Self(socket), target)
    }

    /// The next message's priority and line.
    fn next(&self) -> (String, String) {
        let mut buffer = [0; 1 << 16];
        let length = self.0.recv(&mut buffer).expect("a message in time");
        let text = String::from_utf8(buffer[..length].to_vec()).unwrap();
        let (head, line) = text.split_once("]: ").expect("a head with the process");
        assert!(head.contains(" tidegate["), "{head}");
        (head[..head.find('>').unwrap() + 1].to_owned(), line.to_owned())
    }

    /// The words of the next line about a request: client, date, frontend, backend and server, timers, status, bytes, two
    /// cookies, state, connections, queues, and what follows.
    fn words(&self) -> Vec<String> {
        let (priority, line) = self.next();
        assert_eq!(priority, "<150>");
        line.splitn(13, ' ').map(str::to_owned).collect()
    }
}

/// Whether each timer was reached.
fn reached(timers: &str) -> String {
    let reached: Vec<_> = timers.split('/').map(|timer| if timer == "-1" { "-" } else { "+" }).collect();
    reached.concat()
}

fn objects(pods: &[(&str, &[SocketAddr])]) -> Manifests {
    let tls = json!([{"hosts": ["shop.example"], "secretName": "cert"}]);
    let annotations = json!({"tidegate.dev/ssl-redirect": "false"});
    let paths: Vec<_> = pods.iter().map(|(name, _)| (format!("/{name}"), *name)).collect();
    let paths: Vec<_> = paths.iter().map(|(path, name)| (path.as_str(), "Prefix", *name)).collect();
    let mut objects = Manifests::new().certificate("cert", &["shop.example"]);
    for (name, address) in pods.iter().copied() {
        objects = objects.service(name, address);
    }
    objects.service("none", &[]).ingress_with(
        "web",
        Some("shop.example"),
        &[&paths[..], &[("/none", "Prefix", "none")]].concat(),
        annotations,
        tls,
    )
}

#[test]
fn lines_tell_times_states_and_captured_fields() {
    let pod = Pod::answering("HTTP/1.1 200 OK\r\nServer: one\r\nServer: two|three\r\nContent-Length: 5\r\n\r\nhello");
    let closing = Pod::scripted(|mut connection| {
        connection.request();
    });
    let (gone, _socket) = refusing();
    let (server, target) = Server::start();
    let options = [
        "--drain-delay",
        "0s",
        "--access-log",
        "haproxy",
        "--access-log-to",
        &target,
        "--access-log-capture-request",
        "Host:4,User-Agent,X-None",
        "--access-log-capture-response",
        "Server,Via",
    ];
    let pods = [("cart", pod.address), ("closing", closing.address), ("gone", gone)];
    let pods: Vec<_> = pods.iter().map(|(name, address)| (*name, slice::from_ref(address))).collect();
    let process = Process::start(&objects(&pods), &options);

    let hostile = "GET /cart/a?b=%22#c HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: {\"a\"}\r\n\r\n".replace('#', "~");
    assert_eq!(Client::connect(process.http).ask(hostile).status(), 200);
    let words = server.words();
    assert!(words[0].starts_with("127.0.0.1:") && words[1].len() == 26, "{words:?}");
    assert_eq!((&*words[2], &*words[3]), ("http", &*format!("test_svc_cart_80/{}", pod.address)));
    assert_eq!(reached(&words[4]), "+++++");
    assert_eq!(words[5..10], ["200", "5", "-", "-", "----"]);
    assert_eq!((&*words[10], &*words[11]), ("1/1/1/1/0", "0/0"));
    assert_eq!(words[12], r##"{shop|#7B#22a#22#7D|} {two#7Cthree|} "GET /cart/a?b=%22~c HTTP/1.1""##);

    let asked = |path: &str| Client::connect(process.http).ask(get("shop.example", path)).status();
    for (path, status, backend, timers, state) in [
        ("/nobody", "404", "http/<NOSRV>".to_owned(), "+---+", "LR--"),
        ("/none", "503", "test_svc_none_80/<NOSRV>".to_owned(), "+---+", "SC--"),
        ("/gone", "502", format!("test_svc_gone_80/{gone}"), "++--+", "SC--"),
        ("/closing", "502", format!("test_svc_closing_80/{}", closing.address), "++?-+", "SH--"),
    ] {
        assert_eq!(asked(path).to_string(), status, "{path}");
        let words = server.words();
        assert_eq!((&*words[3], &*words[5], &*words[9]), (&*backend, status, state), "{words:?}");
        let found = reached(&words[4]);
        let is_right = found.bytes().zip(timers.bytes()).all(|(found, wanted)| wanted == b'?' || found == wanted);
        assert!(is_right, "{words:?}");
        assert!(words[12].contains(" {|} "), "{words:?}");
    }
    assert_eq!(Client::connect(process.http).ask("GET /\x01 HTTP/1.1\r\n\r\n").status(), 400);
    let words = server.words();
    assert_eq!((&*words[3], &*words[5], &*words[9]), ("http/<NOSRV>", "400", "PR--"));
    assert_eq!((reached(&words[4]), &*words[12]), ("----+".to_owned(), r#"{||} {|} "<BADREQ>""#));

    let https = address(&process.listening, "https");
    let http = process.http;
    run_async(async move {
        let tls = TlsClient::connect(https, "shop.example", &Hello::of("h2")).await.expect("a handshake");
        let client = H2Client::over(tls, "https", &h2::client::Builder::new()).await;
        assert_eq!(client.get("shop.example", "/cart").await.status, 200);
        let io = TcpStream::connect(http).await.unwrap();
        let client = H2Client::over(io, "http", &h2::client::Builder::new()).await;
        assert_eq!(client.get("shop.example", "/cart").await.status, 200);
    });
    for (frontend, request) in [("https~", "GET /cart HTTP/2.0"), ("http", "GET /cart HTTP/2.0")] {
        let words = server.words();
        assert_eq!((&*words[2], &*words[9]), (frontend, "----"));
        assert_eq!(words[12], format!("{{shop||}} {{two#7Cthree|}} \"{request}\""));
    }
}

#[test]
fn a_client_that_leaves_has_no_status_but_the_one_it_was_told() {
    let pod = Pod::scripted(|mut connection| {
        while let Some(request) = connection.request() {
            if request.target() == "/cart/begun" {
                connection.send("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello");
            }
        }
    });
    let (server, target) = Server::start();
    let options = ["--drain-delay", "0s", "--access-log", "haproxy", "--access-log-to", &target];
    let process = Process::start(&objects(&[("cart", &[pod.address])]), &options);
    let mut client = Client::connect(process.http);
    client.send(get("shop.example", "/cart/silent"));
    pod.wait_for_connections(1);
    client.into_wire().reset();
    let words = server.words();
    assert_eq!((&*words[5], &*words[9], reached(&words[4])), ("-1", "CH--", "+++-+".to_owned()), "{words:?}");

    let mut client = Client::connect(process.http);
    client.send(get("shop.example", "/cart/begun"));
    client.head().unwrap();
    assert_eq!(client.exactly(5).unwrap(), b"hello");
    client.into_wire().reset();
    let words = server.words();
    assert_eq!((&*words[5], &*words[9], reached(&words[4])), ("200", "CD--", "+++++".to_owned()), "{words:?}");
}

#[test]
fn backends_that_lose_all_servers_and_get_some_again_are_told_in_haproxys_words() {
    let pod = Pod::named("cart");
    let (server, target) = Server::start();
    let options = ["--drain-delay", "0s", "--access-log", "off", "--access-log-to", &target];
    let process = Process::start(&objects(&[("cart", &[pod.address])]), &options);
    let name = format!("test_svc_cart_80/{}", pod.address);
    process.write(&objects(&[("cart", &[])]));
    let down = format!(
        "Server {name} is DOWN, reason: its pod is not ready or has gone. 0 active and 0 backup servers left. 0 sessions \
         active, 0 requeued, 0 remaining in queue."
    );
    assert_eq!(server.next(), ("<145>".to_owned(), down));
    assert_eq!(server.next(), ("<144>".to_owned(), "backend test_svc_cart_80 has no server available!".to_owned()));
    process.write(&objects(&[("cart", &[pod.address])]));
    assert_eq!(server.next(), ("<149>".to_owned(), format!("Server {name} is UP, reason: its pod is ready.")));
}
