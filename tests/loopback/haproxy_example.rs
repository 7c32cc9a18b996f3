//! examples/haproxy, which is the setup of a classic tutorial for HAProxy: each line of it at work, by the example's own
//! manifests and with a certificate by the tutorial's own commands. Only the ports of the web servers are others.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::support::h2::run;
use crate::support::tls::{Hello, TlsClient};
use crate::support::{Client, Manifests, Pod, PodConnection, Tidegate, eventually, get};

const HOST: &str = "www.tutorial.localhost";

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/haproxy").join(name)
}

/// A certificate with its key in one file, as the tutorial makes it.
fn make_certificate(file: &Path, name: &str, bits: &str) {
    let output = Command::new(example("make-certificate")).arg(file).args([name, bits]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The example with these servers.
struct Example {
    server: Tidegate,
    certificates: TempDir,
}

impl Example {
    fn start([web1, web2, of_static]: [SocketAddr; 3], options: &[&str]) -> Self {
        let certificates = tempfile::tempdir().unwrap();
        make_certificate(&certificates.path().join("default.pem"), HOST, "2048");
        let path = certificates.path().to_str().unwrap().to_owned();
        let options = [&["--certificate-dir", &path], options].concat();
        // Its class is there already.
        let server = Tidegate::serve_with(&Manifests::new(), &options);
        for name in ["frontend.yaml", "backends.yaml"] {
            let mut text = fs::read_to_string(example("manifests").join(name)).unwrap();
            for (of_example, here) in [("8181", web1), ("8182", web2), ("8183", of_static)] {
                text = text.replace(&format!("port: {of_example}"), &format!("port: {}", here.port()));
            }
            // Checks every 2 s are the tutorial's; nobody waits for them here.
            server.write_file(name, &text.replace("interval: 2s", "interval: 100ms"));
        }
        let example = Self { server, certificates };
        eventually("the example is served", || {
            (example.server.metric("tidegate_upstream_endpoints", "") == 3.0).then_some(())
        });
        eventually("every server is checked", || {
            (example.server.metric("tidegate_upstream_checks_total", "result=\"good\"") >= 3.0).then_some(())
        });
        example
    }

    /// The answer over TLS: head and body.
    fn answer(&self, path: &str) -> (String, String) {
        let mut answer = None;
        run(async {
            let mut client = TlsClient::connect(self.server.https, HOST, &Hello::default()).await.unwrap();
            answer = Some(client.ask(get(HOST, path)).await.unwrap());
        });
        let (head, body) = answer.unwrap();
        (head, String::from_utf8(body).unwrap())
    }

    /// The server that answers over TLS.
    fn ask(&self, path: &str) -> String {
        self.answer(path).1
    }

    /// How many servers are down by their checks.
    fn down(&self) -> f64 {
        self.server.metric("tidegate_upstream_endpoints_down", "")
    }

    /// The certificate that a client of this server name is shown.
    fn shown(&self, server_name: &str) -> Vec<u8> {
        let mut shown = Vec::new();
        run(async {
            let client = TlsClient::connect(self.server.https, server_name, &Hello::default()).await.unwrap();
            shown = client.certificate();
        });
        shown
    }
}

/// Answers one request of a connection with its name. Without connections that are kept, who stops is gone.
fn answer(connection: &mut PodConnection, name: &str) {
    let Some(request) = connection.request() else { return };
    let body = if request.method() == "HEAD" { "" } else { name };
    connection.send(format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", name.len()));
}

fn servers() -> [Pod; 3] {
    ["web1", "web2", "static"].map(|name| Pod::scripted(move |mut connection| answer(&mut connection, name)))
}

#[test]
fn the_servers_of_the_backend_take_turns_and_static_files_go_elsewhere() {
    let [web1, web2, of_static] = servers();
    let example = Example::start([web1.address, web2.address, of_static.address], &[]);
    let turns: Vec<_> = (0..4).map(|_| example.ask("/")).collect();
    assert_ne!(turns[0], turns[1]);
    assert_eq!(turns[..2], turns[2..]);
    for path in [
        "/static",
        "/static/a",
        "/images/a.html",
        "/javascript/",
        "/stylesheets/x",
        "/a/logo.png",
        "/b.JPG",
        "/c.js?v=1",
    ] {
        assert_eq!(example.ask(path), "static", "{path}");
    }
    for path in ["/statically", "/a.html", "/logo.png/more", "/x?y=a.png"] {
        assert_ne!(example.ask(path), "static", "{path}");
    }
    let check = eventually("a check", || web1.requests().into_iter().find(|request| request.method() == "HEAD"));
    assert_eq!((check.target(), check.field("host")), ("/", Some(HOST)));
}

#[test]
fn a_server_that_stops_leaves_by_its_checks_and_returns_and_without_any_it_is_an_error() {
    let [mut web1, mut web2, of_static] = servers();
    let address = web1.address;
    let example = Example::start([address, web2.address, of_static.address], &[]);
    let until_down = |count: f64| eventually("so many are down", || (example.down() == count).then_some(()));
    web1.close();
    until_down(1.0);
    for _ in 0..6 {
        assert_eq!(example.ask("/"), "web2");
    }
    let listener = TcpListener::bind(address).unwrap();
    let again = Pod::listening(listener, |mut connection| answer(&mut connection, "web1"));
    eventually("web1 is back", || (example.ask("/") == "web1").then_some(()));
    assert_eq!(example.down(), 0.0);
    drop(again);
    web2.close();
    until_down(2.0);
    let (head, _) = example.answer("/");
    assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
}

#[test]
fn every_host_is_sent_to_https_and_told_from_whom_a_proxy_here_speaks() {
    let [web1, web2, of_static] = servers();
    let pods = [web1.address, web2.address, of_static.address];
    let options = ["--trusted-proxies", "127.0.0.2/32", "--public-https-port", "8443"];
    let example = Example::start(pods, &options);
    for host in [HOST, "any.example", "127.0.0.1"] {
        let answer = example.server.ask(get(host, "/a?b"));
        assert_eq!(answer.status(), 308);
        assert_eq!(answer.field("location"), Some(&*format!("https://{host}:8443/a?b")));
    }
    // Over http a trusted proxy that has ended TLS says so, and is not redirected.
    let said = "X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\n";
    let request = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n{said}\r\n");
    let forwarded = |pods: [&Pod; 2]| {
        let all = pods.map(Pod::requests).concat();
        let mut asked = all.into_iter().filter(|request| request.method() == "GET");
        asked.next_back().unwrap().field("x-forwarded-for").map(ToOwned::to_owned)
    };
    let source = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
    assert_eq!(Client::connect_from(source, example.server.http).ask(&request).status(), 200);
    assert_eq!(forwarded([&web1, &web2]).as_deref(), Some("203.0.113.7, 127.0.0.2"));
    assert_eq!(example.server.ask(&request).status(), 308, "nobody else is believed");
}

#[test]
fn the_certificate_of_the_tutorial_serves_every_client_and_is_followed() {
    let [web1, web2, of_static] = servers();
    let example = Example::start([web1.address, web2.address, of_static.address], &[]);
    let of_file = |name: &str| {
        let pem = fs::read(example.certificates.path().join(name)).unwrap();
        let read = tidegate::model::Certificate::parse(&pem, &pem).unwrap();
        read.chain().next().unwrap().to_vec()
    };
    let first = of_file("default.pem");
    assert_eq!(example.shown(HOST), first);
    assert_eq!(example.shown("any.example"), first);
    let text = fs::read_to_string(example.certificates.path().join("default.pem")).unwrap();
    assert!(text.starts_with("Bag Attributes"), "{text}");

    make_certificate(&example.certificates.path().join("other.pem"), "other.example", "2048");
    let other = of_file("other.pem");
    eventually("the new file serves its host", || (example.shown("other.example") == other).then_some(()));
    assert_eq!(example.shown(HOST), first);
    let explained = example.server.admin("/debug/explain?url=https://other.example/").text();
    for line in ["file other.pem of --certificate-dir (other.example)", "only files of --certificate-dir name it"] {
        assert!(explained.contains(line), "{explained}");
    }

    make_certificate(&example.certificates.path().join("short.pem"), "short.example", "1024");
    let told = eventually("the short key is told", || {
        let problems = example.server.admin("/debug/problems").text();
        problems.contains("short.pem").then_some(problems)
    });
    assert!(told.contains("the RSA key has 1024 bits"), "{told}");
    assert_eq!(example.shown("short.example"), first);
}
