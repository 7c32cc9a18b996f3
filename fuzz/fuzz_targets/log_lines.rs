//! Formats of the access log, as operators write them, and what clients send: a line is one line of a bounded length, and one of JSON
//! stays what it is. The input is a format and, behind its first line, what a client sends.

#![no_main]

use std::time::{Duration, SystemTime};

use libfuzzer_sys::fuzz_target;
use tidegate::model::Variable;
use tidegate::observe::{Connections, Course, Details, Entry, Facts, LineEscape, LineFormat};

const JSON: &str =
    r#"{"a":"$http_a","b":"$request","c":"$uri$args","d":"$remote_user","e":"$proxy_add_x_forwarded_for","f":$status}"#;

/// A client that sends this wherever it can.
struct Sent<'a>(&'a [u8]);

impl Details for Sent<'_> {
    fn request(&self, _: &Variable, give: &mut dyn FnMut(&[u8])) {
        give(self.0);
    }

    fn user(&self) -> Option<String> {
        Some(String::from_utf8_lossy(self.0).into_owned())
    }

    fn facts(&self) -> Facts<'_> {
        Facts::default()
    }

    fn field(&self, _: &str, give: &mut dyn FnMut(&[u8])) {
        give(self.0);
    }

    fn course(&self) -> Course<'_> {
        Course {
            remote_port: 1,
            is_tls: false,
            backend: None,
            received: None,
            queued: None,
            connect: None,
            head: None,
            status: 0,
            state: *b"--",
            connections: Connections::default(),
            retries: 0,
            answer: Some(self.0),
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let at = input.iter().position(|&byte| byte == b'\n').unwrap_or(input.len());
    let (format, sent) = (&input[..at], input.get(at + 1..).unwrap_or_default());
    let entry = Entry {
        time: SystemTime::UNIX_EPOCH,
        client: [192, 0, 2, 1].into(),
        scheme: "http",
        method: sent,
        host: sent,
        target: sent,
        protocol: "HTTP/1.1",
        status: 200,
        request_bytes: 1,
        response_bytes: 2,
        duration: Duration::from_millis(3),
        upstream: None,
        route: None,
        request_id: sent,
        user_agent: Some(sent),
        referer: Some(sent),
        tls: None,
        error: None,
    };
    let written = |format: LineFormat, escape| format.escaped(escape).line(&entry, &Sent(sent));
    if let Some(format) = std::str::from_utf8(format).ok().and_then(|format| LineFormat::parse(format).ok()) {
        for escape in [LineEscape::Default, LineEscape::Json, LineEscape::None] {
            let line = written(format.clone(), escape);
            assert!(line.len() <= 16 << 10 && line.ends_with(b"\n"));
            assert!(!line[..line.len() - 1].iter().any(|&byte| byte.is_ascii_control() && byte != b'\t'), "{escape:?}");
        }
    }
    let json = |escape| written(LineFormat::parse(JSON).expect("a format"), escape);
    let line = json(LineEscape::Json);
    assert!(
        std::str::from_utf8(&line).is_ok_and(|line| quotes(line.as_bytes()) == 22),
        "a string of JSON ends where it ends"
    );
    assert_eq!(quotes(&json(LineEscape::Default)), 22);
});

/// The quotes behind no backslash.
fn quotes(line: &[u8]) -> usize {
    let (mut quotes, mut at) = (0, 0);
    while let Some(byte) = line.get(at) {
        quotes += usize::from(*byte == b'"');
        at += if *byte == b'\\' { 2 } else { 1 };
    }
    quotes
}
