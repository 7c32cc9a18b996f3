//! HTTP/1 bodies on a socket: the source that takes framing off and the sink that puts it on. Used towards clients
//! and towards pods; only the errors and the deadlines differ.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use super::body::{BodySink, BodySource};
use super::buffers::{Buffer, BufferPool};
use super::client_mark::ClientMark;
use super::pace::{Pace, Progress};
use super::socket::{Reader, WriteFault, Writer, within};
use crate::http1::{ChunkState, ChunkedDecoder, Framing, writer};
use crate::proxy::error::{ProxyError, Side};

/// Bytes that a sink gathers before it writes.
const GATHER: usize = 16 * 1024;
/// Memory that is kept behind the head of a request, in bytes.
const KEPT: usize = 8 * 1024;

enum Frames {
    Done,
    Length(u64),
    Chunked(ChunkedDecoder),
    UntilClose,
    /// What follows a switch of protocols, which has an end of its own.
    Tunnel,
}

/// A body arriving on a socket.
pub(crate) struct H1Source<'a> {
    reader: Reader<'a>,
    pool: &'a Rc<BufferPool>,
    buffer: Option<Buffer>,
    /// Capacity of the next buffer, in bytes. It grows when a read has filled a buffer.
    capacity: usize,
    /// Bytes at the start of the buffer that were handed out. The next call drops them.
    handed: usize,
    /// A piece that was found but not handed out yet. It lies within `handed`.
    ready: Option<(usize, usize)>,
    frames: Frames,
    trailers: Vec<u8>,
    side: Side,
    progress: Progress,
    /// Whether no rule holds.
    is_spared: bool,
    /// The client whose request this is. Once it is answered it may take its time, as only the answer's deadlines count.
    client: Option<&'a ClientMark>,
}

impl<'a> H1Source<'a> {
    /// A body with the given framing, of which the first bytes may be in `buffer` already. A request's body is not judged
    /// any more once its `client` is answered.
    pub(crate) fn new(
        reader: Reader<'a>,
        pool: &'a Rc<BufferPool>,
        buffer: Option<Buffer>,
        framing: Framing,
        side: Side,
        pace: Pace,
        client: Option<&'a ClientMark>,
    ) -> Self {
        let frames = match framing {
            Framing::None | Framing::Length(0) => Frames::Done,
            Framing::Length(length) => Frames::Length(length),
            Framing::Chunked => Frames::Chunked(ChunkedDecoder::new()),
            Framing::UntilClose => Frames::UntilClose,
        };
        let buffer = buffer.filter(|buffer| !buffer.is_empty());
        Self {
            reader,
            pool,
            buffer,
            capacity: 0,
            handed: 0,
            ready: None,
            frames,
            trailers: Vec::new(),
            side,
            progress: Progress::new(pace),
            is_spared: false,
            client,
        }
    }

    fn is_answered(&self) -> bool {
        self.client.is_some_and(|client| client.is_answered.get())
    }

    /// Whether the body has ended: what follows in the buffer belongs to the next message.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.frames, Frames::Done)
    }

    /// The whole rest of the body, when its length is known and all of it has arrived.
    pub(crate) fn whole(&self) -> Option<&[u8]> {
        let Frames::Length(length) = self.frames else { return None };
        let data = self.buffer.as_ref()?.data();
        data.get(..usize::try_from(length).ok()?)
    }

    /// Takes what `whole` gave as read.
    pub(crate) fn skip_whole(&mut self) {
        if let (Frames::Length(length), Some(buffer)) = (&self.frames, &mut self.buffer) {
            buffer.consume(usize::try_from(*length).unwrap_or(usize::MAX).min(buffer.data().len()));
            self.frames = Frames::Done;
        }
    }

    /// Another rule holds from here on, unless the body is spared.
    pub(crate) fn set_pace(&mut self, pace: Pace) {
        if !self.is_spared {
            self.progress.set_pace(pace);
        }
    }

    /// The body may come when it will.
    pub(crate) fn spare(&mut self) {
        self.set_pace(Pace::NONE);
        self.is_spared = true;
    }

    /// From here on everything that arrives is passed on as it is.
    pub(crate) fn become_tunnel(&mut self) {
        self.release();
        self.frames = Frames::Tunnel;
        self.progress = Progress::new(Pace::NONE);
    }

    /// What arrived beyond the end of the body.
    pub(crate) fn into_leftover(mut self) -> Option<Buffer> {
        self.release();
        self.buffer.take()
    }

    /// Whether bytes have arrived beyond the end of the body.
    pub(crate) fn has_leftover(&mut self) -> bool {
        self.release();
        self.buffer.is_some()
    }

    /// Whether anything has arrived beyond the end of the body: bytes, or the end of the connection.
    pub(crate) async fn has_more(mut self) -> bool {
        self.release();
        self.buffer.is_some() || poll_fn(|cx| Poll::Ready(self.reader.poll_readable(cx).is_ready())).await
    }

    fn release(&mut self) {
        if let Some(buffer) = &mut self.buffer {
            buffer.consume(std::mem::take(&mut self.handed));
            if buffer.is_empty() {
                self.buffer = None;
            }
        }
    }

    /// The part of the buffer that can be handed out, from where to where; `None` if more must be read.
    fn frame(&mut self) -> Result<Option<(usize, usize)>, ProxyError> {
        loop {
            let Some(buffer) = &mut self.buffer else { return Ok(None) };
            let available = buffer.data().len();
            if available == 0 {
                return Ok(None);
            }
            match &mut self.frames {
                Frames::Done => return Ok(None),
                Frames::UntilClose | Frames::Tunnel => {
                    self.handed = available;
                    return Ok(Some((0, available)));
                }
                Frames::Length(left) => {
                    let count = usize::try_from(*left).unwrap_or(usize::MAX).min(available);
                    *left -= count as u64;
                    if *left == 0 {
                        self.frames = Frames::Done;
                    }
                    self.handed = count;
                    return Ok(Some((0, count)));
                }
                Frames::Chunked(decoder) => {
                    let step = decoder.decode(buffer.data()).map_err(|error| match self.side {
                        Side::Client => ProxyError::RequestBody(error),
                        Side::Upstream | Side::Internal => ProxyError::ResponseBody(error),
                    })?;
                    let is_end = step.state == ChunkState::End;
                    if is_end {
                        self.trailers.extend_from_slice(decoder.trailers());
                        self.frames = Frames::Done;
                    }
                    if step.data.is_empty() {
                        buffer.consume(step.consumed);
                        if step.consumed == 0 || is_end {
                            return Ok(None);
                        }
                        continue;
                    }
                    self.handed = step.consumed;
                    return Ok(Some((step.data.start, step.data.end)));
                }
            }
        }
    }

    async fn fill(&mut self) -> Result<(), ProxyError> {
        let begun = self.progress.begin();
        let gap = self.progress.gap();
        if self.buffer.as_ref().is_none_or(Buffer::is_empty) {
            self.buffer = None;
        }
        if let Some(client) = self.client {
            client.waits();
        }
        // Wait without a buffer, if it is empty: only connections with data hold one.
        loop {
            let reader = &mut self.reader;
            let ready = within(gap, |cx| reader.poll_readable(cx)).await;
            if ready.is_some() || !self.is_answered() {
                self.judge(ready.map(|ready| ready.map(|()| 1)))?;
                break;
            }
        }
        let reader = &mut self.reader;
        let wanted = if self.pool.may_grow() { self.capacity } else { 0 };
        let buffer = self.buffer.get_or_insert_with(|| self.pool.take_for(wanted));
        buffer.make_room();
        let read = within(gap, |cx| reader.poll_read(cx, buffer.space())).await;
        let count = match self.judge(read)? {
            0 => return self.end_of_stream(),
            count => count,
        };
        let buffer = self.buffer.get_or_insert_with(|| self.pool.take());
        if let Some(client) = self.client {
            client.goes_on();
        }
        let was_full = buffer.space().len() == count;
        buffer.fill(count);
        if was_full {
            // This concerns the next buffer: this one goes back to the pool once it is passed on.
            self.capacity = buffer.capacity() + 1;
        }
        if self.progress.arrived(count, begun) || self.is_answered() { Ok(()) } else { Err(ProxyError::BodyTimeout) }
    }

    fn judge(&self, outcome: Option<std::io::Result<usize>>) -> Result<usize, ProxyError> {
        match (outcome, self.side) {
            (Some(Ok(count)), _) => Ok(count),
            (None, Side::Client) => Err(ProxyError::BodyTimeout),
            (None, Side::Upstream | Side::Internal) => Err(ProxyError::ResponseStalled),
            (Some(Err(_)), Side::Client) => Err(ProxyError::ClientClosed),
            (Some(Err(_)), Side::Upstream | Side::Internal) => Err(ProxyError::UpstreamTruncated),
        }
    }

    fn end_of_stream(&mut self) -> Result<(), ProxyError> {
        let is_end = match &self.frames {
            Frames::Tunnel | Frames::Done => true,
            // Whoever is on the way could have ended it here (RFC 9112 §9.8).
            Frames::UntilClose => !self.reader.is_cut(),
            Frames::Length(_) | Frames::Chunked(_) => false,
        };
        if is_end {
            self.frames = Frames::Done;
            return Ok(());
        }
        Err(match self.side {
            Side::Client => ProxyError::ClientClosed,
            Side::Upstream | Side::Internal => ProxyError::UpstreamTruncated,
        })
    }
}

impl BodySource for H1Source<'_> {
    async fn chunk(&mut self) -> Result<Option<&[u8]>, ProxyError> {
        let range = loop {
            if let Some(range) = self.ready.take() {
                break range;
            }
            self.release();
            if let Some(range) = self.frame()? {
                break range;
            }
            if self.is_done() {
                return Ok(None);
            }
            self.fill().await?;
        };
        Ok(self.buffer.as_ref().map(|buffer| &buffer.data()[range.0..range.1]))
    }

    fn is_buffered(&mut self) -> bool {
        // Buffered bytes may be framing only. They must be decoded to know.
        if self.ready.is_none() && !self.is_done() {
            self.release();
            match self.frame() {
                Ok(range) => self.ready = range,
                // `chunk` meets the same error and returns it.
                Err(_) => return true,
            }
        }
        self.ready.is_some() || self.is_done()
    }

    fn is_over(&self) -> bool {
        self.ready.is_none() && self.is_done()
    }

    fn has_arrived(&self) -> bool {
        self.is_done() || self.whole().is_some()
    }

    fn trailers(&self) -> &[u8] {
        &self.trailers
    }
}

/// How a body is framed on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// As it is: its length is told in the head, or the end of the connection ends it.
    Plain,
    /// In chunks.
    Chunked,
    /// Not at all: the message has no body, whatever its source says.
    Absent,
}

/// A body leaving on a socket. The head is staged before it, so that both leave in one write.
pub(crate) struct H1Sink<'a> {
    writer: Writer<'a>,
    staged: &'a mut Vec<u8>,
    frame: Frame,
    side: Side,
    stall: Duration,
    ends_stream: bool,
    has_written: bool,
}

impl<'a> H1Sink<'a> {
    /// A sink that first sends what is in `staged`.
    pub(crate) fn new(writer: Writer<'a>, staged: &'a mut Vec<u8>, frame: Frame, side: Side, stall: Duration) -> Self {
        Self { writer, staged, frame, side, stall, ends_stream: false, has_written: false }
    }

    /// From here on the receiver must take something within this time.
    pub(crate) fn set_stall(&mut self, stall: Duration) {
        self.stall = stall;
    }

    /// The bytes that leave with the next flush: the head is written here.
    pub(crate) fn staged(&mut self) -> &mut Vec<u8> {
        self.staged
    }

    /// Begins a message: what was staged is forgotten.
    pub(crate) fn begin(&mut self) {
        self.staged.clear();
        self.has_written = false;
    }

    /// Whether anything of the message that `begin` began may have left.
    pub(crate) fn has_written(&self) -> bool {
        self.has_written
    }

    /// Sets the framing once the head is known.
    pub(crate) fn set_frame(&mut self, frame: Frame) {
        self.frame = frame;
    }

    /// From here on bytes pass as they are, and the end of the body is the end of this direction.
    pub(crate) fn become_tunnel(&mut self) {
        self.frame = Frame::Plain;
        self.ends_stream = true;
    }

    /// Stages a piece of the body, to leave with the next flush. False when it is too long for that: then only the line that
    /// stands before it is staged, and `send` must follow with the same piece.
    pub(crate) fn stage(&mut self, data: &[u8]) -> bool {
        if self.frame == Frame::Absent || data.is_empty() {
            return true;
        }
        if self.frame == Frame::Chunked {
            self.staged.extend_from_slice(writer::chunk_size_line(data.len()).as_bytes());
        }
        let fits = self.staged.len() + data.len() <= GATHER;
        if fits {
            self.staged.extend_from_slice(data);
            if self.frame == Frame::Chunked {
                self.staged.extend_from_slice(writer::CHUNK_END);
            }
        }
        fits
    }

    /// Sends what is staged and a piece of the body that was too long to be staged.
    pub(crate) async fn send(&mut self, data: &[u8]) -> Result<(), ProxyError> {
        self.write(data).await?;
        if self.frame == Frame::Chunked {
            self.staged.extend_from_slice(writer::CHUNK_END);
        }
        Ok(())
    }

    /// Waits until the receiver has reset the connection.
    pub(crate) async fn reset(&self) {
        self.writer.reset().await;
    }

    /// Whether the receiver has reset the connection.
    pub(crate) fn is_reset(&self) -> bool {
        self.writer.is_reset()
    }

    async fn write(&mut self, data: &[u8]) -> Result<(), ProxyError> {
        let has_head = !std::mem::replace(&mut self.has_written, true);
        let outcome = self.writer.write_all(self.staged, data, self.stall).await;
        self.staged.clear();
        // A long head is of no more use, and the request's body may take a while.
        if has_head && self.side == Side::Upstream && self.staged.capacity() > KEPT {
            *self.staged = Vec::new();
        }
        outcome.map_err(|fault| self.fault(fault))
    }

    fn fault(&self, fault: WriteFault) -> ProxyError {
        match (self.side, fault.timed_out || fault.kind == ErrorKind::TimedOut) {
            (Side::Client, true) => ProxyError::ClientStalled,
            (Side::Client, false) => ProxyError::ClientClosed,
            (Side::Upstream | Side::Internal, true) => ProxyError::UpstreamStalled,
            (Side::Upstream | Side::Internal, false) => ProxyError::UpstreamClosed,
        }
    }
}

impl BodySink for H1Sink<'_> {
    async fn data(&mut self, data: &[u8]) -> Result<(), ProxyError> {
        if self.stage(data) { Ok(()) } else { self.send(data).await }
    }

    async fn flush(&mut self) -> Result<(), ProxyError> {
        if self.staged.is_empty() { Ok(()) } else { self.write(&[]).await }
    }

    async fn end(&mut self, trailers: &[u8]) -> Result<(), ProxyError> {
        if self.frame == Frame::Chunked {
            writer::last_chunk(self.staged, trailers);
        }
        self.flush().await?;
        if self.ends_stream {
            self.writer.shutdown().await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::proxy::wire::socket::Socket;

    #[tokio::test]
    async fn a_long_body_that_is_all_there_comes_in_ever_larger_pieces() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut socket = Socket::Tcp(TcpStream::connect(listener.local_addr().unwrap()).await.unwrap());
        let (mut peer, _) = listener.accept().await.unwrap();
        let length = 2 << 20;
        let sent = tokio::spawn(async move { peer.write_all(&vec![b'x'; length]).await.map(|()| peer) });
        let pace = Pace { gap: Duration::from_secs(30), rate: 0 };
        let pool = BufferPool::new();
        let reader = socket.split().0;
        let framing = Framing::Length(length as u64);
        let mut source = H1Source::new(reader, &pool, None, framing, Side::Upstream, pace, None);
        let (mut total, mut largest) = (0, 0);
        while let Some(piece) = source.chunk().await.unwrap() {
            total += piece.len();
            largest = largest.max(piece.len());
            tokio::task::yield_now().await;
        }
        assert_eq!(total, length);
        assert!(largest > 64 * 1024, "{largest}");
        drop(sent.await.unwrap().unwrap());
    }
}
