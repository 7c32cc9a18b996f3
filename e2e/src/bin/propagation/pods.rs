//! Every pod there is: one listener that answers on every address of 100.64.0.0/15 with the address it was asked at.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use anyhow::Context as _;

/// Where all pods are.
const RANGE: &str = "100.64.0.1/15";

/// The pods.
pub(crate) struct Pods {
    /// The port all of them listen on.
    pub(crate) port: u16,
}

impl Pods {
    /// Makes the range of addresses local and listens on all of them.
    pub(crate) fn start() -> anyhow::Result<Self> {
        // Shared addresses (RFC 6598), which no test uses; fails when they are there already.
        let _ = Command::new("ip").args(["address", "add", RANGE, "dev", "lo"]).output();
        let listener = TcpListener::bind(("0.0.0.0", 0)).context("cannot listen for the pods")?;
        let port = listener.local_addr()?.port();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                std::thread::spawn(move || answer(stream));
            }
        });
        Ok(Self { port })
    }
}

impl Drop for Pods {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["address", "delete", RANGE, "dev", "lo"]).output();
    }
}

fn answer(stream: TcpStream) -> std::io::Result<()> {
    let body = stream.local_addr()?.ip().to_string();
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if line == "\r\n" {
            write!(writer, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())?;
        }
    }
}
