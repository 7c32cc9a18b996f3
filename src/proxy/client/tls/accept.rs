//! The handshake, from an accepted socket to a [`TlsStream`].

use std::future::poll_fn;
use std::io;
use std::mem;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::asking::{Asks, Course};
use crate::proxy::wire::buffers::{Buffer, BufferPool};
use crate::proxy::wire::tls::session::Session;
use crate::proxy::wire::tls::stream::{Link, TlsStream};

/// Longest wait for a refused client to read our answer and to close. The handshake's deadline holds too.
const LINGER: Duration = Duration::from_secs(1);
/// Most bytes of such a client that are read and dropped, so that closing does not reset our answer.
const LINGER_BYTES: usize = 256 * 1024;

/// The answer to plain HTTP on the TLS port.
const PLAIN_HTTP_ANSWER: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 42\r\n\
    Connection: close\r\n\
    \r\n\
    plain HTTP request sent to the HTTPS port\n";

/// Why there is no TLS connection. The client is the cause, except where the socket failed.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The handshake was not complete at the deadline.
    #[error("the TLS handshake did not finish in time")]
    Deadline,
    /// A plain HTTP request came instead of a hello; it was answered with 400.
    #[error("plain HTTP request sent to the HTTPS port")]
    PlainHttp,
    /// The client closed before the handshake was complete.
    #[error("the client closed during the TLS handshake")]
    Closed,
    /// The client and this side cannot agree, or the client breaks the protocol; an alert was sent.
    #[error("TLS handshake failed: {0}")]
    Tls(#[from] rustls::Error),
    /// The socket failed.
    #[error("connection failed during the TLS handshake: {0}")]
    Io(#[from] io::Error),
}

/// Performs the server's side of a handshake on `tcp` until `deadline`, which should count from the accept.
///
/// `config` must have been made by [`super::server_config`] for [`TlsStream::server_name`] to be known. The future is
/// 1.1 KB: boxed, a connection's task does not carry it for the rest of its life.
pub async fn accept(
    tcp: TcpStream,
    config: Arc<ServerConfig>,
    buffers: Rc<BufferPool>,
    deadline: Instant,
) -> Result<TlsStream, TlsError> {
    let session = Session::server(config, buffers)?;
    run(Link::new(tcp, session), deadline).await
}

/// As [`accept`], where `received` was read from the socket already, behind a PROXY protocol header.
pub async fn accept_after(
    tcp: TcpStream,
    received: Buffer,
    config: Arc<ServerConfig>,
    buffers: Rc<BufferPool>,
    deadline: Instant,
) -> Result<TlsStream, TlsError> {
    let mut session = Session::server(config, buffers)?;
    session.receive_first(received);
    run(Link::new(tcp, session), deadline).await
}

async fn run(mut link: Link, deadline: Instant) -> Result<TlsStream, TlsError> {
    let mut course = Course::default();
    match timeout_at(deadline, shake_hands(&mut link, &mut course)).await {
        Ok(Ok(())) => Ok(TlsStream::new(link, course.name, matches!(course.asks, Asks::Yes(_)))),
        Ok(Err(error)) => {
            match error {
                TlsError::PlainHttp => {
                    let deadline = deadline.min(Instant::now() + LINGER);
                    // A client that does not read its answer gets none.
                    let _ = timeout_at(deadline, answer_plain_http(link.tcp())).await;
                }
                TlsError::Tls(_) => drain(link.tcp()),
                TlsError::Deadline | TlsError::Closed | TlsError::Io(_) => {}
            }
            Err(error)
        }
        Err(_) => Err(TlsError::Deadline),
    }
}

/// Leaves the session tickets of a complete handshake to be sent with the first answer.
async fn shake_hands(link: &mut Link, course: &mut Course) -> Result<(), TlsError> {
    let mut is_tls = false;
    loop {
        if !is_tls {
            match opening(link.session().received()) {
                Opening::Tls => is_tls = true,
                Opening::PlainHttp => return Err(TlsError::PlainHttp),
                Opening::Undecided => {}
            }
        }
        if is_tls {
            mem::take(course).leave();
            let complete = link.session().shake_hands();
            *course = Course::take();
            match complete {
                Ok(true) => return Ok(()),
                Ok(false) => poll_fn(|cx| link.poll_send(cx)).await?,
                Err(error) => {
                    // Sends the alert. A client that does not read it gets none.
                    let _ = poll_fn(|cx| link.poll_send(cx)).await;
                    return Err(error.into());
                }
            }
        }
        poll_fn(|cx| link.poll_receive(cx)).await?;
        if link.is_ended() {
            return Err(TlsError::Closed);
        }
    }
}

/// What the first bytes are.
#[derive(Debug, PartialEq, Eq)]
enum Opening {
    Tls,
    PlainHttp,
    Undecided,
}

/// Tells a hello from an HTTP request. TLS refuses everything that is neither.
fn opening(bytes: &[u8]) -> Opening {
    const METHODS: [&[u8]; 10] = [
        b"GET ",
        b"HEAD ",
        b"POST ",
        b"PUT ",
        b"DELETE ",
        b"OPTIONS ",
        b"PATCH ",
        b"CONNECT ",
        b"TRACE ",
        b"PRI * HTTP/2",
    ];
    if METHODS.iter().any(|method| bytes.starts_with(method)) {
        Opening::PlainHttp
    } else if METHODS.iter().any(|method| method.starts_with(bytes)) {
        Opening::Undecided
    } else {
        Opening::Tls
    }
}

/// Answers, closes the sending side, and reads until the client has closed too.
async fn answer_plain_http(tcp: &mut TcpStream) -> io::Result<()> {
    tcp.write_all(PLAIN_HTTP_ANSWER).await?;
    tcp.shutdown().await?;
    let mut dropped = 0;
    // An array would be part of every handshake's future.
    let mut bytes = vec![0; 4096];
    while dropped < LINGER_BYTES {
        tcp.readable().await?;
        match tcp.try_read(&mut bytes) {
            Ok(0) => break,
            Ok(n) => dropped += n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Drops what has arrived already, so that closing does not reset the alert on its way.
fn drain(tcp: &mut TcpStream) {
    let mut dropped = 0;
    let mut bytes = [0; 4096];
    while let Ok(n @ 1..) = tcp.try_read(&mut bytes) {
        dropped += n;
        if dropped >= LINGER_BYTES {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d08_an_http_method_is_told_from_a_hello() {
        for http in ["GET / HTTP/1.1\r\n", "GET ", "OPTIONS *", "PRI * HTTP/2.0\r\n"] {
            assert_eq!(opening(http.as_bytes()), Opening::PlainHttp, "{http}");
        }
        for open in ["", "G", "GET", "OPTIONS", "P", "PRI *"] {
            assert_eq!(opening(open.as_bytes()), Opening::Undecided, "{open}");
        }
        for tls in [&b"\x16"[..], b"\x16\x03\x01", b"GETS", b"get / ", b"\x80\x2e", b"X"] {
            assert_eq!(opening(tls), Opening::Tls, "{tls:?}");
        }
    }

    #[test]
    fn d08_the_answer_to_plain_http_has_the_length_it_tells() {
        let text = std::str::from_utf8(PLAIN_HTTP_ANSWER).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{}", body.len());
    }
}
