//! `tidegate explain`: what would become of a request, by a directory of manifests or by a running process.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::Context as _;

use serde_json::Value;
use tokio::time::Instant;

use super::settings;
use crate::admin::{Asked, Explained, Explaining, Unexplained};
use crate::args::ExplainArgs;
use crate::controller::Inquirer;
use crate::explain::{self, Explanation, Question, Seen, View};
use crate::model::{Problem, RouteSpec};
use crate::routing::RouteTable;
use crate::source::manifests;
use crate::translate::{self, Input};

/// Longest time for a running process to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest answer that is read. Bytes.
const LONGEST: usize = 4 << 20;

/// Writes the explanation; tells whether the request would be served, by a pod or by a redirect.
pub fn explain(args: &ExplainArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let question = Question::parse(&args.url, &args.header)?;
    let Some(path) = &args.manifests else { return by_process(args, out) };
    let loaded = manifests::load(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut input = Input::new(settings::translation_of(&args.routing, &args.tls, None));
    for change in loaded.changes {
        input.apply(change);
    }
    let explanation = by_objects(&question, &input, &loaded.problems);
    write!(out, "{explanation}")?;
    Ok(explanation.is_served())
}

/// Explains with a table that is made for it.
fn by_objects(question: &Question, input: &Input, source_problems: &[Problem]) -> Explanation {
    let (snapshot, _) = translate::snapshot(input);
    let table = RouteTable::compile(&snapshot, &mut |spec: &RouteSpec| spec.action.clone());
    let read = |action: &crate::model::Action| Seen { action: action.clone(), living: None };
    explain::explain(question, &View { input, table: &table, read: &read, source_problems, https_port: 443 })
}

/// The admin server's way to the controller.
pub(super) fn by_controller(inquirer: Inquirer, asked: Asked) -> Explaining {
    Box::pin(async move {
        let Asked { url, headers } = asked;
        let question = Question::parse(&url, &headers).map_err(|error| Unexplained::Wrong(error.to_string()))?;
        let explanation = inquirer.explain(question).await.map_err(|error| Unexplained::Late(error.to_string()))?;
        Ok(Explained { text: explanation.to_string(), json: explanation.to_json() })
    })
}

/// Asks a running process.
fn by_process(args: &ExplainArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let mut target = format!("/debug/explain?format=json&url={}", encoded(&args.url));
    for header in &args.header {
        target.push_str("&header=");
        target.push_str(&encoded(header));
    }
    let body = get(&args.admin, &target).with_context(|| format!("cannot ask at {} (--admin)", args.admin))?;
    let answer: Value = serde_json::from_str(&body).context("the answer is not that of a Tidegate")?;
    let (Some(text), Some(is_served)) = (answer["text"].as_str(), answer["served"].as_bool()) else {
        anyhow::bail!("the answer is not that of a Tidegate");
    };
    out.write_all(text.as_bytes())?;
    Ok(is_served)
}

/// One GET over HTTP/1.1, with a deadline for all of it.
fn get(address: &str, target: &str) -> anyhow::Result<String> {
    let deadline = Instant::now() + PATIENCE;
    let left = || {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(anyhow::anyhow!("no answer in {} s", PATIENCE.as_secs())) } else { Ok(left) }
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
    write!(stream, "GET {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
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
    match head.split(' ').nth(1) {
        Some("200") => Ok(body.to_owned()),
        Some("404") => anyhow::bail!("there is no /debug/explain: not a Tidegate, or an older one"),
        Some(status) => anyhow::bail!("it answers {status}: {}", body.trim()),
        None => anyhow::bail!("the answer is not HTTP"),
    }
}

/// Whether an answer has all of the body that its head announces.
fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    length.is_some_and(|length| answer.len() - end - 4 >= length)
}

/// What a process listens on where it listens on all addresses.
fn connectable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, address.port())
}

/// As a value in a query.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(byte.into());
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
