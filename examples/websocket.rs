//! A WebSocket on the terminal: every line you type is sent, every message that comes back is printed.
//!
//! `cargo run --example websocket -- ws://hello.localhost:8080/ws`

use std::io::BufRead;
use std::process::ExitCode;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stderr, reason = "a program for the terminal")]
async fn main() -> ExitCode {
    let Some(url) = std::env::args().nth(1) else {
        eprintln!("websocket: expected a URL such as ws://hello.localhost:8080/ws");
        return ExitCode::from(2);
    };
    match talk(&url).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("websocket: {url}: {reason}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "a program for the terminal")]
async fn talk(url: &str) -> Result<(), Box<dyn std::error::Error>> {
    let uri: http::Uri = url.parse()?;
    let (Some("ws"), Some(host)) = (uri.scheme_str(), uri.host()) else { return Err("expected ws://HOST…".into()) };
    // As browsers and curl do (RFC 6761 section 6.3): whatever ends in .localhost is this machine.
    let host = if host.ends_with(".localhost") { "localhost" } else { host };
    let stream = TcpStream::connect((host, uri.port_u16().unwrap_or(80))).await?;
    let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await?;

    let (lines, mut typed) = mpsc::channel(16);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if lines.blocking_send(line).is_err() {
                return;
            }
        }
    });
    loop {
        tokio::select! {
            line = typed.recv() => match line {
                Some(line) => {
                    socket.send(Message::text(line)).await?;
                }
                None => {
                    socket.close(None).await?;
                    while socket.next().await.is_some_and(|message| print(message.ok())) {}
                    return Ok(());
                }
            },
            message = socket.next() => match message {
                Some(message) => {
                    let message = message?;
                    if message.is_close() {
                        return Err("closed by the other side".into());
                    }
                    print(Some(message));
                }
                None => return Err("closed by the other side".into()),
            },
        }
    }

    fn print(message: Option<Message>) -> bool {
        match message {
            Some(Message::Text(text)) => {
                println!("{text}");
                true
            }
            other => other.is_some(),
        }
    }
}
