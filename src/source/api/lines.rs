//! The lines of a watch.

use std::io::{self, ErrorKind};

use bytes::BytesMut;
use http_body_util::BodyExt as _;
use kube::client::Body;

use super::failure::{Failure, Reason, causes};

/// The lines of a body.
pub(super) struct Lines {
    body: Body,
    buffer: BytesMut,
    /// Bytes of the buffer that hold no end of line.
    searched: usize,
}

impl Lines {
    pub(super) fn new(body: Body) -> Self {
        Self { body, buffer: BytesMut::new(), searched: 0 }
    }

    /// The next line; `None` at the end. A last line without a line break does not count. Cancel safe.
    pub(super) async fn next(&mut self) -> Result<Option<BytesMut>, Failure> {
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer[self.searched..]) {
                let line = self.buffer.split_to(self.searched + at + 1);
                self.searched = 0;
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                return Ok(Some(line));
            }
            self.searched = self.buffer.len();
            if self.buffer.is_empty() {
                // A long event must not keep its memory.
                self.buffer = BytesMut::new();
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        self.buffer.extend_from_slice(data);
                    }
                }
                Some(Err(error)) => return Err(broken(&error)),
            }
        }
    }
}

/// The kernel ends a connection whose peer does not answer probes: that is silence. Everything else was done by the peer.
fn broken(error: &(dyn std::error::Error + 'static)) -> Failure {
    let innermost = causes(error).last().unwrap_or(error);
    let is_silence = causes(error).filter_map(|cause| cause.downcast_ref()).any(|cause: &io::Error| {
        matches!(cause.kind(), ErrorKind::TimedOut | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable)
    });
    let reason = if is_silence { Reason::Timeout } else { Reason::Connection };
    Failure::new(reason, format!("a watch broke: {innermost}"))
}
