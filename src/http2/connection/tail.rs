//! The last frame of the output: as long as none of it was sent, more of a body may go into it, and it may end its stream.
//! A body of few bytes takes one frame so, however its owner hands it over.

use crate::http2::frame::{HEADER, MAX_PAYLOAD, flag, kind};
use crate::http2::write;

/// Where flags lie in a frame's header.
const FLAGS: usize = 4;
/// Where its kind lies.
const KIND: usize = 3;

/// The last frame, if it is the head or a part of the body of a stream.
#[derive(Debug, Default)]
pub(super) struct Tail {
    /// 0 for no stream.
    stream: u32,
    /// Where the frame begins and ends.
    at: usize,
    end: usize,
}

impl Tail {
    /// The frame from `at` on is the last one, and the stream's.
    pub(super) fn set(&mut self, stream: u32, at: usize, out: &[u8]) {
        *self = Self { stream, at, end: out.len() };
    }

    /// Some of the output was sent or moved.
    pub(super) fn forget(&mut self) {
        self.stream = 0;
    }

    /// Where the stream's frame begins, if it is the last one.
    fn of(&self, stream: u32, out: &[u8]) -> Option<usize> {
        (self.stream == stream && self.end == out.len()).then_some(self.at)
    }

    /// Lets the last frame end the stream. False if it is not the stream's.
    pub(super) fn end_stream(&self, stream: u32, out: &mut [u8]) -> bool {
        let Some(at) = self.of(stream, out) else { return false };
        out[at + FLAGS] |= flag::END_STREAM;
        true
    }

    /// Appends to the last frame as much of `bytes` as it takes, and tells how much.
    pub(super) fn extend(&mut self, stream: u32, bytes: &[u8], out: &mut Vec<u8>) -> usize {
        let Some(at) = self.of(stream, out).filter(|at| out[at + KIND] == kind::DATA) else { return 0 };
        let taken = bytes.len().min(MAX_PAYLOAD - (out.len() - at - HEADER));
        out.extend_from_slice(&bytes[..taken]);
        write::patch_length(out, at);
        self.end = out.len();
        taken
    }
}
