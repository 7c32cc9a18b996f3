//! Pods that are threads of the test: an echo server as the official conformance suite has it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use serde_json::{Map, Value, json};

use crate::ApiServer;

/// The port of echo pods.
const PORT: u16 = 3000;

/// Longest body that is read of a request.
const BODY_LIMIT: u64 = 64 << 20;

/// Answers every request 200 with JSON that tells what came: `path` (the request target as it was), `host`, `method`,
/// `proto`, `headers` (lists by name, as the Go server has it: `X-Forwarded-For`), `namespace`, `ingress`, `service`,
/// `pod`. Its port is 3000. Connections are kept alive; bodies are read and dropped. Drop it before its API server, with
/// which its address goes.
#[derive(Debug)]
pub struct EchoPod {
    /// Where it listens.
    pub address: SocketAddr,
    name: String,
    requests: Arc<AtomicU64>,
    stopped: Arc<AtomicBool>,
}

impl EchoPod {
    /// Starts a pod of this Service at an address of its own.
    ///
    /// # Panics
    /// When it cannot listen.
    pub fn start(api: &ApiServer, namespace: &str, service: &str) -> Self {
        Self::listen(api.pod_address(), namespace, service)
    }

    /// Starts one at this address of this machine.
    pub fn listen(address: Ipv4Addr, namespace: &str, service: &str) -> Self {
        let name = format!("{service}-{}", address.to_string().replace('.', "-"));
        let listener = TcpListener::bind((address, PORT)).expect("a free address");
        let address = listener.local_addr().expect("it listens");
        let (requests, stopped) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let identity = json!({"namespace": namespace, "ingress": "", "service": service, "pod": name});
        let (counter, flag) = (Arc::clone(&requests), Arc::clone(&stopped));
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                if flag.load(Ordering::Acquire) {
                    return;
                }
                let (identity, counter, flag) = (identity.clone(), Arc::clone(&counter), Arc::clone(&flag));
                // A client that breaks off ends the thread.
                thread::spawn(move || serve(&connection, &identity, &counter, &flag));
            }
        });
        Self { address, name, requests, stopped }
    }

    /// The name it answers with.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Requests it has answered.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

impl Drop for EchoPod {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

/// A Service and the EndpointSlice of some pods.
#[derive(Debug)]
pub struct Pods<'a> {
    /// Namespace of both.
    pub namespace: &'a str,
    /// Name of the Service, which has the port 80, named `http`.
    pub service: &'a str,
    /// Its ready endpoints.
    pub pods: &'a [&'a EchoPod],
}

impl Pods<'_> {
    /// Both objects as YAML for [`apply`](crate::Objects::apply).
    pub fn yaml(&self) -> String {
        self.objects().iter().map(|object| format!("---\n{object}\n")).collect()
    }

    /// Both objects.
    pub fn objects(&self) -> [Value; 2] {
        let (namespace, service) = (self.namespace, self.service);
        let endpoint = |pod: &&EchoPod| {
            json!({
                "addresses": [pod.address.ip()],
                "conditions": {"ready": true, "serving": true, "terminating": false},
                "targetRef": {"kind": "Pod", "namespace": namespace, "name": pod.name},
            })
        };
        [
            json!({
                "apiVersion": "v1", "kind": "Service",
                "metadata": {"namespace": namespace, "name": service},
                "spec": {"ports": [{"name": "http", "port": 80, "targetPort": PORT, "protocol": "TCP"}]},
            }),
            json!({
                "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                "metadata": {
                    "namespace": namespace, "name": format!("{service}-1"),
                    "labels": {"kubernetes.io/service-name": service},
                },
                "addressType": "IPv4",
                "ports": [{"name": "http", "port": PORT, "protocol": "TCP"}],
                "endpoints": self.pods.iter().map(endpoint).collect::<Vec<_>>(),
            }),
        ]
    }
}

fn serve(connection: &TcpStream, identity: &Value, counter: &AtomicU64, stopped: &AtomicBool) -> std::io::Result<()> {
    connection.set_nodelay(true)?;
    let mut reader = BufReader::new(connection);
    while let Some(head) = read_head(&mut reader)? {
        let Some(request) = Request::parse(&head) else {
            let mut writer = connection;
            return writer.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        };
        if request.expects_continue {
            let mut writer = connection;
            writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        request.drop_body(&mut reader)?;
        let mut answer = request.seen;
        let is_head = answer["method"] == "HEAD";
        if let (Some(answer), Some(identity)) = (answer.as_object_mut(), identity.as_object()) {
            answer.extend(identity.clone());
        }
        let body = answer.to_string();
        counter.fetch_add(1, Ordering::Relaxed);
        let is_last = request.closes || stopped.load(Ordering::Acquire);
        let close = if is_last { "connection: close\r\n" } else { "" };
        let mut text = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{close}\r\n",
            body.len()
        );
        if !is_head {
            text.push_str(&body);
        }
        let mut writer = connection;
        writer.write_all(text.as_bytes())?;
        if is_last {
            return Ok(());
        }
    }
    Ok(())
}

/// The bytes up to and with the empty line; nothing when the client has no more requests.
fn read_head(reader: &mut impl BufRead) -> std::io::Result<Option<Vec<u8>>> {
    let mut head = Vec::new();
    loop {
        let start = head.len();
        if reader.read_until(b'\n', &mut head)? == 0 {
            return Ok(None);
        }
        if matches!(&head[start..], b"\r\n" | b"\n") && start > 0 {
            return Ok(Some(head));
        }
    }
}

/// A request's head, as far as it matters here.
struct Request {
    seen: Value,
    length: u64,
    is_chunked: bool,
    expects_continue: bool,
    closes: bool,
}

impl Request {
    fn parse(head: &[u8]) -> Option<Self> {
        let mut fields = [httparse::EMPTY_HEADER; 200];
        let mut request = httparse::Request::new(&mut fields);
        request.parse(head).ok()?;
        let mut headers = Map::new();
        let mut read = Self { seen: Value::Null, length: 0, is_chunked: false, expects_continue: false, closes: false };
        let mut host = String::new();
        for field in request.headers.iter() {
            let value = String::from_utf8_lossy(field.value).into_owned();
            match field.name.to_ascii_lowercase().as_str() {
                // As in Go, the host is not among the headers.
                "host" => {
                    host = value;
                    continue;
                }
                "content-length" => read.length = value.parse().ok()?,
                "transfer-encoding" => read.is_chunked = true,
                "expect" => read.expects_continue = true,
                "connection" => read.closes = value.eq_ignore_ascii_case("close"),
                _ => {}
            }
            let list = headers.entry(canonical(field.name)).or_insert_with(|| json!([]));
            list.as_array_mut()?.push(value.into());
        }
        read.seen = json!({
            "path": request.path?,
            "host": host,
            "method": request.method?,
            "proto": format!("HTTP/1.{}", request.version?),
            "headers": headers,
        });
        Some(read)
    }

    fn drop_body(&self, reader: &mut impl BufRead) -> std::io::Result<()> {
        let mut nowhere = std::io::sink();
        if !self.is_chunked {
            std::io::copy(&mut reader.take(self.length.min(BODY_LIMIT)), &mut nowhere)?;
            return Ok(());
        }
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let size = line.trim().split(';').next().and_then(|size| u64::from_str_radix(size, 16).ok()).unwrap_or(0);
            if size == 0 {
                break;
            }
            std::io::copy(&mut reader.by_ref().take(size + 2), &mut nowhere)?;
        }
        // Trailers and the empty line.
        let mut line = String::new();
        while reader.read_line(&mut line)? > 2 {
            line.clear();
        }
        Ok(())
    }
}

/// A header's name as Go writes it: X-Forwarded-For.
fn canonical(name: &str) -> String {
    let mut at_start = true;
    let letters = name.chars().map(|letter| {
        let letter = if at_start { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() };
        at_start = letter == '-';
        letter
    });
    letters.collect()
}
