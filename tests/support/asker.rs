//! A client that asks the same again and again, over each protocol that clients speak. For measuring: what it costs the
//! client itself is not looked at.

use std::net::SocketAddr;

use super::client::Client;
use super::h2::H2Client;
use super::tls::{Hello, TlsClient};

/// How it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Http1,
    Tls,
    H2,
}

/// One connection and one request.
#[derive(Debug)]
pub struct Asker {
    runtime: tokio::runtime::Runtime,
    connection: Connection,
    request: String,
}

#[derive(Debug)]
enum Connection {
    Http1(Client),
    Tls(Box<TlsClient>),
    H2(H2Client),
}

impl Asker {
    /// Connects, and will ask this request of HTTP/1, or over HTTP/2 a GET for `/` alone.
    pub fn connect(protocol: Protocol, address: SocketAddr, request: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let tls = |alpn| async move { TlsClient::connect(address, "a.example", &Hello::of(alpn)).await.unwrap() };
        let connection = match protocol {
            Protocol::Http1 => Connection::Http1(Client::connect(address)),
            Protocol::Tls => Connection::Tls(Box::new(runtime.block_on(tls("http/1.1")))),
            Protocol::H2 => Connection::H2(
                runtime.block_on(async { H2Client::over(tls("h2").await, "https", &Default::default()).await }),
            ),
        };
        Self { runtime, connection, request: request.to_owned() }
    }

    /// Asks once and reads the answer, which must be 200.
    pub fn ask(&mut self) {
        match &mut self.connection {
            Connection::Http1(client) => assert_eq!(client.ask(&self.request).status(), 200),
            Connection::Tls(client) => {
                let (head, _) = self.runtime.block_on(client.ask(&self.request)).unwrap();
                assert!(head.starts_with("HTTP/1.1 200"), "{head}");
            }
            Connection::H2(client) => assert_eq!(self.runtime.block_on(client.get("a.example", "/")).status, 200),
        }
    }
}
