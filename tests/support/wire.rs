//! A socket with a memory, and HTTP/1 messages read from it by a strict reader that shares no code with the product.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};

use socket2::SockRef;
use tokio::time::Instant;

use super::DEADLINE;

/// How the other side's bytes ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// In an orderly way.
    Fin,
    /// By a reset.
    Reset,
}

/// A connection and what was read of it but not looked at yet.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    unread: Vec<u8>,
    end: Option<End>,
    record: Option<Arc<Mutex<Vec<u8>>>>,
}

impl Wire {
    pub fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        Self { stream, unread: Vec::new(), end: None, record: None }
    }

    /// The same, with every byte that arrives copied to `record`.
    pub fn recorded(stream: TcpStream, record: Arc<Mutex<Vec<u8>>>) -> Self {
        Self { record: Some(record), ..Self::new(stream) }
    }

    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends all of it; panics when that cannot be done.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("the other side takes what is sent");
    }

    /// Sends all of it or tells why not.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Ends our direction.
    pub fn finish(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Ends the connection by a reset.
    pub fn reset(self) {
        SockRef::from(&self.stream).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    }

    /// Waits for more bytes; `Err` when there are no more.
    fn fill(&mut self, deadline: Instant) -> Result<(), End> {
        if let Some(end) = self.end {
            return Err(end);
        }
        let mut buffer = [0; 64 * 1024];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let shown = &self.unread[..self.unread.len().min(500)];
            assert!(!left.is_zero(), "nothing arrives; unread: {:?}", String::from_utf8_lossy(shown));
            self.stream.set_read_timeout(Some(left)).unwrap();
            match self.stream.read(&mut buffer) {
                Ok(0) => return self.ended(End::Fin),
                Ok(count) => {
                    self.unread.extend_from_slice(&buffer[..count]);
                    if let Some(record) = &self.record {
                        record.lock().unwrap().extend_from_slice(&buffer[..count]);
                    }
                    return Ok(());
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return self.ended(End::Reset),
            }
        }
    }

    fn ended(&mut self, end: End) -> Result<(), End> {
        self.end = Some(end);
        Err(end)
    }

    /// Reads until `wanted` finds the length of something at the start of what is there.
    fn take_until(&mut self, mut wanted: impl FnMut(&[u8]) -> Option<usize>) -> Result<Vec<u8>, End> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(length) = wanted(&self.unread) {
                return Ok(self.unread.drain(..length).collect());
            }
            self.fill(deadline)?;
        }
    }

    /// Everything up to an empty line, with it. `Err` if the bytes end before; they then stay unread.
    pub fn head(&mut self) -> Result<Vec<u8>, End> {
        self.take_until(|bytes| bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4))
    }

    /// A line with its CRLF.
    pub fn line(&mut self) -> Result<Vec<u8>, End> {
        self.take_until(|bytes| bytes.windows(2).position(|two| two == b"\r\n").map(|at| at + 2))
    }

    /// So many bytes.
    pub fn exactly(&mut self, count: usize) -> Result<Vec<u8>, End> {
        self.take_until(|bytes| (bytes.len() >= count).then_some(count))
    }

    /// Whatever arrives next.
    pub fn some(&mut self) -> Result<Vec<u8>, End> {
        self.take_until(|bytes| (!bytes.is_empty()).then_some(bytes.len()))
    }

    /// Everything to the end, and how it ended.
    pub fn rest(&mut self) -> (Vec<u8>, End) {
        let end = loop {
            // A deadline for each read: a long body that moves is fine.
            if let Err(end) = self.fill(Instant::now() + DEADLINE) {
                break end;
            }
        };
        (std::mem::take(&mut self.unread), end)
    }

    /// What has been read but not looked at.
    pub fn unread(&self) -> &[u8] {
        &self.unread
    }

    /// A request with its body; `None` when the connection ends in front of it.
    pub fn request(&mut self) -> Option<Message> {
        let head = match self.head() {
            Ok(head) => head,
            Err(_) if self.unread.is_empty() => return None,
            Err(end) => panic!("{end:?} within a head: {:?}", String::from_utf8_lossy(&self.unread)),
        };
        let mut request = Message::parse(head);
        self.body(&mut request, BodyEnd::None);
        Some(request)
    }

    /// Interim responses and the final one to a request with this method; `None` when the connection ends before any.
    pub fn response(&mut self, method: &str) -> Option<Message> {
        let mut interim = Vec::new();
        loop {
            let head = match self.head() {
                Ok(head) => head,
                Err(_) if self.unread.is_empty() && interim.is_empty() => return None,
                Err(end) => {
                    panic!("{end:?} before a response; unread: {:?}", String::from_utf8_lossy(&self.unread))
                }
            };
            let mut response = Message::parse(head);
            if (100..200).contains(&response.status()) && response.status() != 101 {
                interim.push(response);
                continue;
            }
            response.interim = interim;
            if method != "HEAD" && !matches!(response.status(), 101 | 204 | 304) {
                self.body(&mut response, BodyEnd::Close);
            }
            return Some(response);
        }
    }

    /// Reads the body that the head announces, or what `otherwise` says when it announces none.
    fn body(&mut self, message: &mut Message, otherwise: BodyEnd) {
        let (lengths, codings) = (message.all("content-length"), message.all("transfer-encoding"));
        let length = match (lengths.as_slice(), codings.as_slice()) {
            ([], []) => None,
            ([length], []) => Some(length.parse::<usize>().expect("a length")),
            ([], ["chunked"]) => return self.chunked(message),
            _ => panic!("framing is not told by exactly one field:\n{message}"),
        };
        let Some(length) = length else {
            if otherwise == BodyEnd::Close {
                let (body, end) = self.rest();
                message.body = body;
                message.end = if end == End::Fin { BodyEnd::Close } else { BodyEnd::Truncated(end) };
            }
            return;
        };
        // In pieces, so that the deadline is one for each.
        message.end = BodyEnd::Length;
        while message.body.len() < length {
            match self.some() {
                Ok(mut piece) => {
                    let surplus = piece.split_off(piece.len().min(length - message.body.len()));
                    self.unread.splice(..0, surplus);
                    message.body.extend_from_slice(&piece);
                }
                Err(end) => {
                    message.end = BodyEnd::Truncated(end);
                    return;
                }
            }
        }
    }

    fn chunked(&mut self, message: &mut Message) {
        if let Err(end) = self.chunks(message) {
            message.end = BodyEnd::Truncated(end);
        }
    }

    fn chunks(&mut self, message: &mut Message) -> Result<(), End> {
        loop {
            let line = self.line()?;
            let text = std::str::from_utf8(&line[..line.len() - 2]).expect("a chunk size");
            let size = usize::from_str_radix(text, 16).unwrap_or_else(|_| panic!("a chunk size: {text:?}"));
            if size == 0 {
                break;
            }
            let mut data = self.exactly(size + 2)?;
            assert_eq!(data.split_off(size), b"\r\n", "what follows a chunk");
            message.body.extend_from_slice(&data);
            message.chunks.push(size);
        }
        loop {
            let line = self.line()?;
            if line == b"\r\n" {
                message.end = BodyEnd::Chunked;
                return Ok(());
            }
            message.trailers.push(field(&line[..line.len() - 2]));
        }
    }
}

/// How a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyEnd {
    /// There was none.
    None,
    /// After as many bytes as announced.
    Length,
    /// With a chunk of no bytes.
    Chunked,
    /// With the connection, in an orderly way, and nothing else had been announced.
    Close,
    /// With the connection, too early.
    Truncated(End),
}

/// A request or a response.
#[derive(Clone, Debug)]
pub struct Message {
    /// The head as it came.
    pub head: Vec<u8>,
    /// Request line or status line.
    pub start: String,
    /// Names as they came, and values.
    pub fields: Vec<(String, String)>,
    /// The body without framing.
    pub body: Vec<u8>,
    /// How the body ended.
    pub end: BodyEnd,
    /// Sizes of the chunks.
    pub chunks: Vec<usize>,
    /// Trailers.
    pub trailers: Vec<(String, String)>,
    /// Interim responses in front.
    pub interim: Vec<Message>,
}

impl Message {
    fn parse(head: Vec<u8>) -> Self {
        let text: String = head.iter().map(|&byte| char::from(byte)).collect();
        assert!(!text.replace("\r\n", "").contains(['\r', '\n', '\0']), "stray control characters: {text:?}");
        let mut lines = text.trim_end_matches("\r\n").split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let fields = lines.map(|line| field(line.chars().map(|c| c as u8).collect::<Vec<_>>().as_slice())).collect();
        Self {
            head,
            start,
            fields,
            body: Vec::new(),
            end: BodyEnd::None,
            chunks: Vec::new(),
            trailers: Vec::new(),
            interim: Vec::new(),
        }
    }

    /// The values of all fields of this name.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str()).collect()
    }

    /// The value of the only field of this name.
    #[track_caller]
    pub fn field(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() <= 1, "{name} comes {} times:\n{self}", all.len());
        all.first().copied()
    }

    /// The lower-case names of all fields, in order.
    pub fn names(&self) -> Vec<String> {
        self.fields.iter().map(|(name, _)| name.to_ascii_lowercase()).collect()
    }

    #[track_caller]
    pub fn status(&self) -> u16 {
        let code =
            self.start.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).and_then(|code| code.parse().ok());
        code.unwrap_or_else(|| panic!("a status line: {:?}", self.start))
    }

    pub fn method(&self) -> &str {
        self.start.split(' ').next().unwrap_or_default()
    }

    pub fn target(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl std::fmt::Display for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.head))
    }
}

fn field(line: &[u8]) -> (String, String) {
    let text: String = line.iter().map(|&byte| char::from(byte)).collect();
    let (name, value) = text.split_once(':').unwrap_or_else(|| panic!("a field: {text:?}"));
    assert!(!name.is_empty() && !name.contains([' ', '\t']), "a field name: {text:?}");
    (name.to_owned(), value.trim_matches([' ', '\t']).to_owned())
}
