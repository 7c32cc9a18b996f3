//! Small backends for the demo and for trying things: each answers every request with its own name and what it was sent.
//!
//! `cargo run --example echo -- blue=http://127.0.0.1:8081 teal=h2c://127.0.0.1:8083`
//!
//! `http` speaks HTTP/1.1 and echoes WebSocket messages on every path that asks for an upgrade; `h2c` speaks HTTP/2 with
//! prior knowledge and nothing else. A request with the content type `application/grpc` gets its body back, with trailers.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::process::ExitCode;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::header::{CONNECTION, CONTENT_TYPE, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

#[derive(Clone, Copy)]
enum Speaks {
    Http1,
    H2c,
}

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stderr, reason = "a program for the terminal")]
async fn main() -> ExitCode {
    let mut running = Vec::new();
    for argument in std::env::args().skip(1) {
        let Some((name, speaks, address)) = parse(&argument) else {
            eprintln!("echo: {argument}: expected NAME=http://IP:PORT or NAME=h2c://IP:PORT");
            return ExitCode::from(2);
        };
        match TcpListener::bind(address).await {
            Ok(listener) => running.push(tokio::spawn(accept(name, speaks, listener))),
            Err(error) => {
                eprintln!("echo: {name} cannot listen on {address}: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    for backend in running {
        let _ = backend.await;
    }
    ExitCode::SUCCESS
}

fn parse(argument: &str) -> Option<(String, Speaks, SocketAddr)> {
    let (name, url) = argument.split_once('=')?;
    let (speaks, address) = match url.split_once("://")? {
        ("http", address) => (Speaks::Http1, address),
        ("h2c", address) => (Speaks::H2c, address),
        _ => return None,
    };
    Some((name.to_owned(), speaks, address.parse().ok()?))
}

async fn accept(name: String, speaks: Speaks, listener: TcpListener) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        let name = name.clone();
        tokio::spawn(async move {
            let io = Io(stream);
            let service = service_fn(move |request| answer(name.clone(), request));
            // A client that goes away in the middle is none of our business.
            let _ = match speaks {
                Speaks::Http1 => {
                    hyper::server::conn::http1::Builder::new().serve_connection(io, service).with_upgrades().await
                }
                Speaks::H2c => hyper::server::conn::http2::Builder::new(Spawn).serve_connection(io, service).await,
            };
        });
    }
}

type Body = BoxBody<Bytes, Infallible>;

async fn answer(name: String, mut request: Request<Incoming>) -> Result<Response<Body>, hyper::Error> {
    if request.headers().get(UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket")) {
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(echo_messages(name, upgrade));
        return Ok(switching(&request));
    }
    let mut text = format!("{name}\n{} {} {:?}\n", request.method(), request.uri(), request.version());
    for (name, value) in request.headers() {
        let _ = writeln!(text, "{name}: {}", String::from_utf8_lossy(value.as_bytes()));
    }
    let is_grpc = request.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes() == b"application/grpc");
    let body = request.into_body().collect().await?.to_bytes();
    if is_grpc {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        let body = Full::new(body).with_trailers(std::future::ready(Some(Ok(trailers)))).boxed();
        let mut response = Response::new(body);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        return Ok(response);
    }
    if !body.is_empty() {
        let _ = writeln!(text, "({} bytes of body)", body.len());
    }
    let mut response = Response::new(Full::new(Bytes::from(text)).boxed());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    Ok(response)
}

fn switching(request: &Request<Incoming>) -> Response<Body> {
    let mut response = Response::new(Full::new(Bytes::new()).boxed());
    let Some(key) = request.headers().get(SEC_WEBSOCKET_KEY) else {
        *response.status_mut() = StatusCode::BAD_REQUEST;
        return response;
    };
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = derive_accept_key(key.as_bytes()).parse() {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

async fn echo_messages(name: String, upgrade: hyper::upgrade::OnUpgrade) {
    let Ok(upgraded) = upgrade.await else { return };
    let Ok(parts) = upgraded.downcast::<Io>() else { return };
    let mut socket =
        WebSocketStream::from_partially_read(parts.io.0, parts.read_buf.to_vec(), Role::Server, None).await;
    while let Some(Ok(message)) = socket.next().await {
        let Ok(text) = message.to_text() else { continue };
        if message.is_text() && socket.send(format!("{name}: {text}").into()).await.is_err() {
            return;
        }
    }
}

/// Runs what hyper wants run beside an HTTP/2 connection.
#[derive(Clone)]
struct Spawn;

impl<F: Future<Output: Send> + Send + 'static> hyper::rt::Executor<F> for Spawn {
    fn execute(&self, future: F) {
        tokio::spawn(future);
    }
}

/// A socket as hyper wants it. Reads go through a buffer on the stack, because hyper's own can only be lent with `unsafe`.
struct Io(TcpStream);

impl hyper::rt::Read for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut bytes = [0; 4096];
        let room = bytes.len().min(buf.remaining());
        let mut read = ReadBuf::new(&mut bytes[..room]);
        ready!(Pin::new(&mut self.0).poll_read(cx, &mut read))?;
        buf.put_slice(read.filled());
        Poll::Ready(Ok(()))
    }
}

impl hyper::rt::Write for Io {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
