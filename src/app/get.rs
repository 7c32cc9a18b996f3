//! One GET over HTTP/1.1 by the program itself: for `tidegate get`, and for `explain` when it asks a running process.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::Context as _;
use http::Uri;
use tokio::time::Instant;

use crate::args::GetArgs;

/// Longest time from the connection to the end of the answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest answer that is read. Bytes.
const LONGEST: usize = 4 << 20;

/// An answer, without its header fields.
pub(super) struct Answer {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: String,
}

/// Asks for a URL and writes the answer. Returns whether it is a success.
pub fn get(args: &GetArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let url: Uri = args.url.parse().with_context(|| format!("{} is no URL", args.url))?;
    anyhow::ensure!(url.scheme_str() == Some("http"), "the URL must begin with http://");
    let authority = url.authority().context("the URL names no host")?.as_str();
    let address = args.connect.as_deref().unwrap_or(authority);
    let address = if has_port(address) { address.to_owned() } else { format!("{address}:80") };
    let target = url.path_and_query().map_or("/", |target| target.as_str());
    let Answer { status, body } =
        ask(&address, authority, target).with_context(|| format!("no answer of {address}"))?;
    writeln!(out, "{status}\n{}", body.trim_end())?;
    Ok((200..400).contains(&status))
}

fn has_port(address: &str) -> bool {
    address.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok())
}

/// Asks `address` (`HOST:PORT`) for `target` of `host`, with a deadline for all of it.
pub(super) fn ask(address: &str, host: &str, target: &str) -> anyhow::Result<Answer> {
    let deadline = Instant::now() + ANSWER_TIMEOUT;
    let left = || {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(anyhow::anyhow!("no answer in {} s", ANSWER_TIMEOUT.as_secs())) } else { Ok(left) }
    };
    let mut stream = Err(anyhow::anyhow!("the name has no address"));
    for address in address.to_socket_addrs()? {
        stream = TcpStream::connect_timeout(&connectable(address), left()?).map_err(Into::into);
        if stream.is_ok() {
            break;
        }
    }
    let mut stream = stream?;
    stream.set_write_timeout(Some(left()?))?;
    write!(stream, "GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    let mut chunk = [0; 16 << 10];
    loop {
        stream.set_read_timeout(Some(left()?))?;
        match stream.read(&mut chunk)? {
            0 => break,
            read => answer.extend_from_slice(&chunk[..read]),
        }
        if is_whole(&answer) {
            break;
        }
        anyhow::ensure!(answer.len() <= LONGEST, "the answer is too long");
    }
    let answer = String::from_utf8(answer).context("the answer is not text")?;
    let (head, body) = answer.split_once("\r\n\r\n").context("the answer is not HTTP")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("the answer is not HTTP")?;
    Ok(Answer { status, body: body.to_owned() })
}

/// Whether an answer has all of the body that its head announces.
fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    length.is_some_and(|length| answer.len() - end - 4 >= length)
}

/// The address to connect to when a process listens on all addresses.
fn connectable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, address.port())
}
