//! The pod that the benchmarks put behind a proxy: prebuilt answers, one thread, as little work as possible.
//!
//! `cargo run --release --example bench_backend -- 127.0.0.1:8081`
//!
//! `/10k` and `/1m` are answered with that many bytes, `/browser` with 100 bytes and fourteen fields in the head as
//! applications send them, everything else with 100 bytes. Requests have no body and are not looked at any further.

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const END: &[u8] = b"\r\n\r\n";
const BROWSER_FIELDS: &str = "Server: app\r\nDate: Fri, 20 Nov 2026 10:00:00 GMT\r\nContent-Type: text/html; charset=utf-8\r\n\
    Cache-Control: private, no-cache, must-revalidate\r\nVary: Accept-Encoding, Cookie\r\nETag: W/\"5f3e-18c2a1\"\r\n\
    Last-Modified: Fri, 20 Nov 2026 09:00:00 GMT\r\nX-Frame-Options: SAMEORIGIN\r\nX-Content-Type-Options: nosniff\r\n\
    Referrer-Policy: strict-origin-when-cross-origin\r\nStrict-Transport-Security: max-age=31536000\r\n\
    Set-Cookie: session=0123456789abcdef0123456789abcdef; Path=/; HttpOnly; Secure; SameSite=Lax\r\n\
    Content-Security-Policy: default-src 'self'; img-src *; script-src 'self'\r\n";

struct Answers {
    small: Vec<u8>,
    browser: Vec<u8>,
    medium: Vec<u8>,
    large: Vec<u8>,
}

impl Answers {
    fn to(&self, head: &[u8]) -> &[u8] {
        let path = head.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        match path {
            b"/browser" => &self.browser,
            b"/10k" => &self.medium,
            b"/1m" => &self.large,
            _ => &self.small,
        }
    }
}

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stderr, reason = "a program for the terminal")]
async fn main() -> ExitCode {
    let Some(address) = std::env::args().nth(1).and_then(|text| text.parse::<SocketAddr>().ok()) else {
        eprintln!("bench_backend: expected an address such as 127.0.0.1:8081");
        return ExitCode::from(2);
    };
    let Ok(listener) = TcpListener::bind(address).await else {
        eprintln!("bench_backend: cannot listen on {address}");
        return ExitCode::FAILURE;
    };
    let answers = Arc::new(Answers {
        small: answer("", 100),
        browser: answer(BROWSER_FIELDS, 100),
        medium: answer("", 10 * 1024),
        large: answer("", 1024 * 1024),
    });
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let answers = Arc::clone(&answers);
        // A proxy that closes is how every connection ends.
        tokio::spawn(async move { serve(stream, &answers).await });
    }
}

fn answer(fields: &str, length: usize) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: {length}\r\n\r\n").into_bytes();
    bytes.resize(bytes.len() + length, b'x');
    bytes
}

async fn serve(mut stream: TcpStream, answers: &Answers) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = [0; 8192];
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await?;
        if read == 0 {
            return Ok(());
        }
        filled += read;
        if buffer[..filled].ends_with(END) {
            stream.write_all(answers.to(&buffer[..filled])).await?;
            filled = 0;
        }
    }
}
