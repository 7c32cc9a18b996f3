use std::rc::Rc;
use std::sync::Arc;

use super::*;
use crate::http1::Field;
use crate::lifecycle::Drain;
use crate::model::RouteTimeouts;
use crate::observe::{AccessLog, AccessLogFormat, Metrics};
use crate::password::Passwords;
use crate::proxy::config::ProxyConfig;
use crate::proxy::shard::auth_memory::AuthMemory;
use crate::proxy::shard::connections::Connections;
use crate::proxy::shard::handover::Handover;
use crate::proxy::shard::heartbeats::Heartbeats;
use crate::proxy::shard::inspector::Inspector;
use crate::proxy::shard::limiter::Limiter;
use crate::proxy::shard::ports::Ports;
use crate::proxy::shard::turns::Turns;
use crate::proxy::shard::{Shard, Shared};
use crate::proxy::walk::peer::{Peer, Scheme};
use crate::proxy::wire::body::BodySink;
use crate::proxy::wire::ledger::Ledger;
use crate::routing::TableCell;

/// What a client was told.
#[derive(Default)]
struct Told {
    status: u16,
    lines: String,
    body: Vec<u8>,
    framing: Framing,
    must_close: bool,
    is_over: bool,
}

impl BodySink for Told {
    async fn data(&mut self, data: &[u8]) -> Result<(), ProxyError> {
        self.body.extend_from_slice(data);
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), ProxyError> {
        Ok(())
    }

    async fn end(&mut self, trailers: &[u8]) -> Result<(), ProxyError> {
        assert!(trailers.is_empty());
        self.is_over = true;
        Ok(())
    }
}

impl ClientSink for Told {
    fn respond(&mut self, answer: &AnswerHead<'_>) {
        self.status = answer.status;
        answer.for_each(|name, value| {
            if !matches!(name, b"date" | b"content-length") {
                let text = |bytes| std::str::from_utf8(bytes).unwrap();
                self.lines.push_str(&format!("{}: {}\n", text(name), text(value)));
            }
        });
        self.framing = answer.framing;
        self.must_close = answer.must_close;
    }

    async fn interim(&mut self, _: u16, _: &[u8], _: &[Field]) -> Result<(), ProxyError> {
        unreachable!("answers of ours are final")
    }

    fn obey(&mut self, _: &RouteTimeouts) {}

    fn has_responded(&self) -> bool {
        self.status != 0
    }

    fn become_tunnel(&mut self) {}
}

fn peer() -> Peer {
    let address: std::net::SocketAddr = "192.0.2.7:40000".parse().unwrap();
    Peer {
        address,
        sender: address.ip(),
        address_text: address.ip().to_string(),
        scheme: Scheme::Http,
        port: 80,
        is_trusted: false,
        is_http2: false,
        tls: None,
    }
}

fn shard() -> Rc<Shard> {
    let metrics = Arc::new(Metrics::new());
    let log = AccessLog::start(AccessLogFormat::Off, Box::new(std::io::sink()), &metrics).unwrap();
    let shared = Shared {
        config: Arc::new(ProxyConfig::default()),
        table: Arc::new(TableCell::default()),
        metrics,
        drain: Drain::new().watch(),
        connections: Connections::default(),
        pod_connections: Connections::default(),
        ledger: Ledger::default(),
        handover: Handover::default(),
        inspector: Inspector::default(),
        heartbeats: Heartbeats::default(),
        limiter: Limiter::default(),
        auth_memory: AuthMemory::default(),
        passwords: Passwords::default(),
        ports: Ports::default(),
    };
    let (neighbours, _) = shared.handover.join(0);
    Shard::new(shared, log.shard(), Turns::default(), neighbours)
}

/// What a client is told by an answer with this status and text and this field of its own.
async fn told(status: u16, text: &str, special: Option<(FieldName<'_>, &[u8])>) -> Told {
    let (shard, peer) = (shard(), peer());
    let mut work =
        ExchangeBuffers { request_id: "abc".to_owned(), reply: b"what was there".to_vec(), ..Default::default() };
    if let Some((name, value)) = special {
        work.answer_edit.add(name, value);
    }
    let now = tokio::time::Instant::now();
    let mut walk = Walk::new(&shard, &shard.config.listener, &peer, &mut work, now, now);
    let mut told = Told::default();
    send(&mut walk, status, text, &mut told, true).await.unwrap();
    walk.is_over = true;
    assert_eq!(walk.record.status.get(), status);
    assert_eq!(told.framing, Framing::Length(walk.record.sent.get()));
    assert_eq!(told.body.len() as u64, walk.record.sent.get());
    assert!(told.is_over && told.must_close);
    told
}

#[tokio::test]
async fn an_answer_is_a_line_that_names_the_request() {
    let answer = told(404, "no route for this host and path", None).await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.lines, "content-type: text/plain; charset=utf-8\nx-request-id: abc\nserver: tidegate\n");
    let body = String::from_utf8(answer.body).unwrap();
    assert_eq!(body, "404 Not Found: no route for this host and path (request id abc)\n");
}

#[tokio::test]
async fn some_answers_say_what_to_do() {
    let allow = "allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\n";
    assert!(told(405, "the method is not allowed", None).await.lines.contains(allow));
    assert!(told(503, "no endpoint is ready", None).await.lines.contains("retry-after: 1\n"));
    let location = Some((FieldName::LOCATION, &b"https://a.test/"[..]));
    assert!(told(308, "this host is served over https", location).await.lines.contains("location: https://a.test/\n"));
}
