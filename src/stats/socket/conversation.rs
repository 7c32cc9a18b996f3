//! One connection of the stats socket: lines in, answers out.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::answers::{Conversation, answer};
use super::command::split;
use crate::stats::Source;

/// Longest line. Bytes; HAProxy takes as many as a buffer holds, 16 KiB.
const LONGEST_LINE: usize = 4096;
/// How long a client may take for the next part of an answer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Parts of an answer. Bytes.
const PART: usize = 64 << 10;
const PROMPT: &str = "> ";

/// Answers until the client goes, is silent for too long, or has got its answer and no prompt.
pub(super) async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    mut of: Conversation,
    source: &Source,
    views: &Semaphore,
) {
    let mut before = Vec::new();
    loop {
        let silence = Duration::from_secs(of.timeout);
        let Ok(Some(line)) = timeout(silence, line(&mut stream, &mut before)).await else { return };
        let line = String::from_utf8_lossy(&line);
        for part in split(line.trim_end_matches(['\r', '\n'])) {
            let mut text = String::new();
            // In a conversation an empty line only asks for the prompt.
            if !(part.is_empty() && of.is_interactive) {
                text = answer(part, &mut of, source, views).await;
                if of.is_over {
                    return;
                }
                text.push('\n');
            }
            if of.is_interactive {
                text.push_str(PROMPT);
            }
            if write(&mut stream, &text).await.is_none() {
                return;
            }
        }
        // What has come already is answered, as HAProxy does.
        if !of.is_interactive && !before.contains(&b'\n') {
            let _ = timeout(WRITE_TIMEOUT, stream.shutdown()).await;
            return;
        }
    }
}

/// The next line; `None`: there is none, or it is too long. Of what is read `before` keeps the rest.
async fn line(stream: &mut (impl AsyncRead + Unpin), before: &mut Vec<u8>) -> Option<Vec<u8>> {
    loop {
        if let Some(end) = before.iter().position(|byte| *byte == b'\n') {
            let rest = before.split_off(end + 1);
            return Some(std::mem::replace(before, rest));
        }
        if before.len() >= LONGEST_LINE {
            return None;
        }
        let room = (LONGEST_LINE - before.len()) as u64;
        let count = (&mut *stream).take(room).read_buf(before).await.ok()?;
        if count == 0 {
            // A last line without an end counts.
            return Some(std::mem::take(before)).filter(|line| !line.is_empty());
        }
    }
}

async fn write(stream: &mut (impl AsyncWrite + Unpin), text: &str) -> Option<()> {
    for part in text.as_bytes().chunks(PART) {
        timeout(WRITE_TIMEOUT, stream.write_all(part)).await.ok()?.ok()?;
    }
    Some(())
}
