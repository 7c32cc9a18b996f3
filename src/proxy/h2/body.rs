//! Bodies as HTTP/2 streams: what arrives on one, and what is given to hyper to send on one.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame};
use hyper::body::Incoming;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::convert;
use crate::proxy::body::{BodySink, BodySource};
use crate::proxy::client::ClientSource;
use crate::proxy::error::{ProxyError, Side};
use crate::proxy::socket::within;

/// A body arriving on a stream.
pub(crate) struct H2Source {
    body: Incoming,
    /// Arrived and not handed out.
    next: Option<Bytes>,
    /// Handed out.
    current: Bytes,
    trailers: Vec<u8>,
    is_done: bool,
    failed: bool,
    side: Side,
    gap: Duration,
}

impl H2Source {
    /// The body of a message from `side`; between two pieces of it at most `gap` may pass.
    pub(crate) fn new(body: Incoming, side: Side, gap: Duration) -> Self {
        let is_done = body.is_end_stream();
        let (current, trailers) = (Bytes::new(), Vec::new());
        Self { body, next: None, current, trailers, is_done, failed: false, side, gap }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.next.is_none() && !self.is_done && !self.failed {
            match std::task::ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                None => self.is_done = true,
                Some(Err(_)) => self.failed = true,
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.is_empty() => {}
                    Ok(data) => self.next = Some(data),
                    Err(frame) => {
                        if let Ok(trailers) = frame.into_trailers() {
                            convert::trailer_lines(&trailers, &mut self.trailers);
                        }
                    }
                },
            }
        }
        Poll::Ready(())
    }
}

impl BodySource for H2Source {
    async fn chunk(&mut self) -> Result<Option<&[u8]>, ProxyError> {
        let gap = self.gap;
        match (within(gap, |cx| self.poll_next(cx)).await, self.side) {
            (Some(()), _) => {}
            (None, Side::Client) => return Err(ProxyError::BodyTimeout),
            (None, Side::Upstream | Side::Internal) => return Err(ProxyError::ResponseStalled),
        }
        match self.next.take() {
            Some(data) => {
                self.current = data;
                Ok(Some(&self.current))
            }
            None if self.failed => Err(match self.side {
                Side::Client => ProxyError::ClientClosed,
                Side::Upstream | Side::Internal => ProxyError::UpstreamTruncated,
            }),
            None => Ok(None),
        }
    }

    fn is_buffered(&mut self) -> bool {
        self.poll_next(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    fn trailers(&self) -> &[u8] {
        &self.trailers
    }
}

impl ClientSource for H2Source {
    fn whole(&self) -> Option<&[u8]> {
        None
    }

    fn skip_whole(&mut self) {}

    fn become_tunnel(&mut self) -> bool {
        false
    }
}

/// A piece of a body on its way to hyper.
enum Piece {
    Data(Bytes),
    Trailers(http::HeaderMap),
    End,
}

/// A body that hyper sends on a stream. Unless it was ended properly, its end resets the stream: what is cut short
/// must never look complete.
pub(crate) struct H2Body {
    pieces: Option<mpsc::Receiver<Piece>>,
    whole: Option<Bytes>,
    /// The exchange that feeds it: without anybody to read there is nothing left to do.
    _feeder: Option<AbortOnDrop>,
}

/// Ends a task when dropped.
pub(crate) struct AbortOnDrop(pub AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The feeding end broke off.
#[derive(Debug, thiserror::Error)]
#[error("the body was cut short")]
pub(crate) struct CutShort;

impl H2Body {
    /// A body that is here already.
    pub(crate) fn whole(data: Bytes) -> Self {
        Self { pieces: None, whole: (!data.is_empty()).then_some(data), _feeder: None }
    }

    /// A body and the sink that feeds it. A piece may wait for `stall` until it is taken.
    pub(crate) fn channel(side: Side, stall: Duration) -> (H2Sink, Self) {
        let (sender, receiver) = mpsc::channel(1);
        let sink = H2Sink { sender, staged: Vec::new(), side, stall };
        (sink, Self { pieces: Some(receiver), whole: None, _feeder: None })
    }

    /// Ties the life of a feeding task to the body.
    pub(crate) fn fed_by(mut self, feeder: Option<AbortOnDrop>) -> Self {
        self._feeder = feeder;
        self
    }
}

impl Body for H2Body {
    type Data = Bytes;
    type Error = CutShort;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, CutShort>>> {
        let this = self.get_mut();
        if let Some(data) = this.whole.take() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        let Some(pieces) = &mut this.pieces else { return Poll::Ready(None) };
        let piece = std::task::ready!(pieces.poll_recv(cx));
        Poll::Ready(match piece {
            Some(Piece::Data(data)) => Some(Ok(Frame::data(data))),
            Some(Piece::Trailers(trailers)) => {
                this.pieces = None;
                Some(Ok(Frame::trailers(trailers)))
            }
            Some(Piece::End) => {
                this.pieces = None;
                None
            }
            None => {
                this.pieces = None;
                Some(Err(CutShort))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_none() && self.whole.is_none()
    }
}

/// Where a body for a stream is put.
pub(crate) struct H2Sink {
    sender: mpsc::Sender<Piece>,
    staged: Vec<u8>,
    side: Side,
    stall: Duration,
}

/// Bytes gathered before a piece is handed to hyper.
const GATHER: usize = 16 * 1024;

impl H2Sink {
    async fn send(&mut self, piece: Piece) -> Result<(), ProxyError> {
        match (tokio::time::timeout(self.stall, self.sender.send(piece)).await, self.side) {
            (Ok(Ok(())), _) => Ok(()),
            (Ok(Err(_)), Side::Client) => Err(ProxyError::ClientClosed),
            (Ok(Err(_)), Side::Upstream | Side::Internal) => Err(ProxyError::UpstreamStream),
            (Err(_), Side::Client) => Err(ProxyError::ClientStalled),
            (Err(_), Side::Upstream | Side::Internal) => Err(ProxyError::UpstreamStalled),
        }
    }
}

impl BodySink for H2Sink {
    async fn data(&mut self, data: &[u8]) -> Result<(), ProxyError> {
        self.staged.extend_from_slice(data);
        if self.staged.len() >= GATHER { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), ProxyError> {
        if self.staged.is_empty() {
            return Ok(());
        }
        let data = Bytes::from(std::mem::take(&mut self.staged));
        self.send(Piece::Data(data)).await
    }

    async fn end(&mut self, trailers: &[u8]) -> Result<(), ProxyError> {
        self.flush().await?;
        let piece = if trailers.is_empty() { Piece::End } else { Piece::Trailers(convert::trailer_map(trailers)) };
        self.send(piece).await
    }
}
