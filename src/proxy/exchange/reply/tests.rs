use std::rc::Rc;
use std::sync::Arc;

use super::*;
use crate::http1::{Field, Limits, Progress, RequestError};
use crate::lifecycle::Drain;
use crate::observe::{AccessLog, AccessLogFormat, Metrics};
use crate::proxy::config::{Forwarding, ProxyConfig};
use crate::proxy::shard::Shared;
use crate::proxy::shard::connections::Connections;
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
    fn respond(&mut self, answer: &Answer<'_>) {
        self.status = answer.status;
        self.lines = String::from_utf8(answer.lines.to_vec()).unwrap();
        self.framing = answer.framing;
        self.must_close = answer.must_close;
    }

    async fn interim(&mut self, _: u16, _: &[u8], _: &[Field]) -> Result<(), ProxyError> {
        unreachable!("answers of ours are final")
    }

    fn has_responded(&self) -> bool {
        self.status != 0
    }

    fn become_tunnel(&mut self) {}
}

fn shard(https_port: u16) -> Rc<Shard> {
    let metrics = Arc::new(Metrics::new());
    let log = AccessLog::start(AccessLogFormat::Off, Box::new(std::io::sink()), &metrics).unwrap();
    let forwarding = Forwarding { https_port, ..Forwarding::default() };
    let shared = Shared {
        config: Arc::new(ProxyConfig { forwarding, ..ProxyConfig::default() }),
        table: Arc::new(TableCell::default()),
        metrics,
        drain: Drain::new().watch(),
        connections: Connections::default(),
    };
    Shard::new(shared, log.shard())
}

async fn told(error: &ProxyError) -> Told {
    let (mut told, mut reply) = (Told::default(), b"what was there".to_vec());
    let sent = super::error(&shard(443), &mut reply, "abc", "", error, &mut told, true).await.unwrap();
    assert_eq!((sent, told.framing), (told.body.len() as u64, Framing::Length(sent)));
    assert!(told.is_over && told.must_close);
    told
}

#[tokio::test]
async fn an_error_is_told_in_a_line_that_names_the_request() {
    let answer = told(&ProxyError::NoRoute).await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.lines, "content-type: text/plain; charset=utf-8\r\nx-request-id: abc\r\n");
    let body = String::from_utf8(answer.body).unwrap();
    assert_eq!(body, "404 Not Found: no route for this host and path (request id abc)\n");
}

#[tokio::test]
async fn some_errors_say_what_to_do() {
    let allow = "allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n";
    assert!(told(&ProxyError::MethodNotAllowed).await.lines.contains(allow));
    assert!(told(&RequestError::MethodNotAllowed.into()).await.lines.contains(allow));
    assert!(told(&ProxyError::NoEndpoints).await.lines.contains("retry-after: 1\r\n"));
}

/// The redirect of a request with this start line and Host.
async fn location(start: &str, host: &str, https_port: u16) -> String {
    let head = format!("{start}\r\nHost: {host}\r\n\r\n");
    let mut work = ExchangeBuffers::default();
    assert_eq!(work.request.parse(head.as_bytes(), &Limits::REQUEST), Ok(Progress::Complete));
    work.head.extend_from_slice(head.as_bytes());
    let mut told = Told::default();
    to_https(&shard(https_port), &mut work, "", &mut told, false).await.unwrap();
    assert_eq!((told.status, told.must_close), (308, false));
    let line = told.lines.lines().find_map(|line| line.strip_prefix("location: ")).unwrap();
    line.to_owned()
}

#[tokio::test]
async fn a_redirect_keeps_the_url_but_for_scheme_and_port() {
    for (start, host, expected) in [
        ("GET /a/%7e;x?b=c&d HTTP/1.1", "A.test:8080", "https://A.test/a/%7e;x?b=c&d"),
        ("GET / HTTP/1.1", "a.test.", "https://a.test/"),
        ("GET /?http://evil.test/ HTTP/1.1", "a.test", "https://a.test/?http://evil.test/"),
        ("GET //evil.test/ HTTP/1.1", "a.test", "https://a.test//evil.test/"),
        ("GET http://a.test HTTP/1.1", "a.test", "https://a.test/"),
        ("GET /x HTTP/1.1", "10.0.0.1:80", "https://10.0.0.1/x"),
        ("GET /x HTTP/1.1", "[::1]:80", "https://[::1]/x"),
        ("GET /x HTTP/1.1", "[::1]", "https://[::1]/x"),
    ] {
        assert_eq!(location(start, host, 443).await, expected);
    }
    assert_eq!(location("GET /x HTTP/1.1", "a.test:80", 8443).await, "https://a.test:8443/x");
    assert_eq!(location("GET /x HTTP/1.1", "[::1]:80", 8443).await, "https://[::1]:8443/x");
}
