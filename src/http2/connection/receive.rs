//! From bytes to frames (RFC 9113 §4).

use std::time::Duration;

use super::Connection;
use super::event::{Arrival, Ending, Event, Key, Step};
use super::limits::{CONTROL_OUTPUT, Limit, PARAMETERS};
use super::settings::PARAMETER;
use crate::http2::code::ErrorCode;
use crate::http2::frame::{FrameHeader, HEADER, MAX_PAYLOAD, MAX_STREAM, PREFACE, flag, kind};

/// Where in the bytes of the peer we are.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stage {
    /// In what a client sends first.
    Preface,
    /// In a frame's header, or in front of one.
    Header,
    /// In front of the byte with the length of a DATA frame's padding.
    Padding { header: FrameHeader },
    /// In the bytes of a body. `left` is not 0.
    Data { stream: Key, left: u32, padding: u8, is_end: bool },
    /// In a fragment of a header block.
    Block { left: u32 },
    /// In a control frame of a few bytes.
    Control { header: FrameHeader },
    /// In SETTINGS. Of the windows they set only the last counts, once they have all come.
    Settings { left: u32, window: Option<u32> },
    /// In something nobody needs.
    Skip { left: u32 },
}

/// Which frames may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// SETTINGS, the first frame of all (RFC 9113 §3.4).
    Settings,
    /// Any.
    Any,
    /// CONTINUATION of the header block that has begun (RFC 9113 §6.10).
    Continuation,
}

/// The beginning of something small of which the rest has not come.
#[derive(Debug, Default)]
pub(super) struct Partial {
    bytes: [u8; PREFACE.len()],
    length: u8,
}

impl Partial {
    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Takes `N` bytes from the input, or keeps what there is of them.
    #[inline]
    fn take<const N: usize>(&mut self, rest: &mut &[u8]) -> Option<[u8; N]> {
        if self.length == 0
            && let Some((bytes, tail)) = rest.split_first_chunk::<N>()
        {
            *rest = tail;
            return Some(*bytes);
        }
        self.gather(rest)
    }

    #[cold]
    fn gather<const N: usize>(&mut self, rest: &mut &[u8]) -> Option<[u8; N]> {
        let have = usize::from(self.length);
        let (bytes, tail) = rest.split_at(N.saturating_sub(have).min(rest.len()));
        *rest = tail;
        self.bytes[have..have + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len() as u8;
        let all = self.bytes.first_chunk::<N>().filter(|_| have + bytes.len() == N)?;
        self.length = 0;
        Some(*all)
    }
}

pub(super) fn wrong<T>(code: ErrorCode, reason: &'static str) -> Result<T, Ending> {
    Err(Ending { code, reason })
}

impl Connection {
    /// Takes bytes from the peer up to the next event, and tells how many. All of `input` is taken when there is no
    /// event; nothing of it is needed again. A head or trailers lie in `arrival` until the next call.
    ///
    /// `now` is the time since any fixed point.
    ///
    /// # Errors
    ///
    /// When the connection is over by us, from then on.
    pub fn receive<'i>(
        &mut self,
        input: &'i [u8],
        arrival: &mut Arrival,
        now: Duration,
    ) -> Result<(usize, Option<Event<'i>>), Ending> {
        if let Some(ending) = self.ended {
            return Err(ending);
        }
        let mut rest = input;
        match self.advance(&mut rest, arrival, now) {
            Ok(event) => Ok((input.len() - rest.len(), event)),
            Err(ending) => {
                self.end(ending);
                Err(ending)
            }
        }
    }

    fn advance<'i>(&mut self, rest: &mut &'i [u8], arrival: &mut Arrival, now: Duration) -> Step<'i> {
        loop {
            let event = match self.stage {
                Stage::Header => {
                    let Some(header) = self.partial.take::<HEADER>(rest) else { return Ok(None) };
                    self.begin_frame(FrameHeader::parse(&header), rest, arrival, now)?
                }
                Stage::Data { stream, left, padding, is_end } => {
                    let (bytes, tail) = rest.split_at((left as usize).min(rest.len()));
                    if bytes.is_empty() {
                        return Ok(None);
                    }
                    *rest = tail;
                    self.piece(stream, bytes, left, padding, is_end)
                }
                Stage::Padding { header } => {
                    let Some([padding]) = self.partial.take::<1>(rest) else { return Ok(None) };
                    self.begin_data(header, Some(padding), now)?
                }
                Stage::Block { left } => {
                    let (bytes, tail) = rest.split_at((left as usize).min(rest.len()));
                    *rest = tail;
                    let left = left - bytes.len() as u32;
                    self.stage = Stage::Block { left };
                    if let Err(ending) = self.block.append(bytes) {
                        return self.beyond(Limit::HeaderBlock, ending.code, ending.reason);
                    }
                    if left > 0 {
                        return Ok(None);
                    }
                    self.stage = Stage::Header;
                    self.end_fragment(arrival, now)?
                }
                Stage::Control { header } => match header.kind {
                    kind::PRIORITY => {
                        let Some(priority) = self.partial.take::<5>(rest) else { return Ok(None) };
                        self.priority(header.stream, priority)?
                    }
                    kind::PING => {
                        let Some(payload) = self.partial.take::<8>(rest) else { return Ok(None) };
                        self.pinged(header, payload)?
                    }
                    kind::GOAWAY => {
                        let Some(payload) = self.partial.take::<8>(rest) else { return Ok(None) };
                        self.stage = Stage::Skip { left: header.length - 8 };
                        self.told_goaway(payload)?
                    }
                    kind::RST_STREAM => {
                        let Some(code) = self.partial.take::<4>(rest) else { return Ok(None) };
                        self.told_reset(header.stream, ErrorCode(u32::from_be_bytes(code)), now)?
                    }
                    _ => {
                        let Some(by) = self.partial.take::<4>(rest) else { return Ok(None) };
                        self.widened(header.stream, u32::from_be_bytes(by) & MAX_STREAM)?
                    }
                },
                Stage::Settings { left: 0, window } => {
                    self.stage = Stage::Header;
                    self.end_settings(window)?
                }
                Stage::Settings { left, window } => {
                    let Some(parameter) = self.partial.take::<PARAMETER>(rest) else { return Ok(None) };
                    let window = self.set(parameter)?.or(window);
                    self.stage = Stage::Settings { left: left - PARAMETER as u32, window };
                    None
                }
                Stage::Skip { left } => {
                    let skipped = (left as usize).min(rest.len());
                    *rest = &rest[skipped..];
                    match left - skipped as u32 {
                        0 => self.stage = Stage::Header,
                        left => {
                            self.stage = Stage::Skip { left };
                            return Ok(None);
                        }
                    }
                    None
                }
                Stage::Preface => {
                    if !self.has_preface(rest)? {
                        return Ok(None);
                    }
                    self.stage = Stage::Header;
                    None
                }
            };
            if event.is_some() {
                return Ok(event);
            }
            // Goes on without input too: what comes next may need none.
            if rest.is_empty() && matches!(self.stage, Stage::Header) {
                return Ok(None);
            }
        }
    }

    /// Takes the preface, and compares as much of it as has come, so that another protocol is noticed at its first byte.
    #[cold]
    fn has_preface(&mut self, rest: &mut &[u8]) -> Result<bool, Ending> {
        let have = usize::from(self.partial.length);
        if !rest.iter().zip(&PREFACE[have..]).all(|(came, due)| came == due) {
            return wrong(ErrorCode::PROTOCOL_ERROR, "no preface");
        }
        Ok(self.partial.take::<{ PREFACE.len() }>(rest).is_some())
    }

    /// A frame begins: checks what its header tells, and decides where its payload goes.
    #[inline]
    fn begin_frame<'i>(
        &mut self,
        header: FrameHeader,
        rest: &mut &'i [u8],
        arrival: &mut Arrival,
        now: Duration,
    ) -> Step<'i> {
        if header.length as usize > MAX_PAYLOAD {
            return self.beyond(Limit::FrameSize, ErrorCode::FRAME_SIZE_ERROR, "frame is too long");
        }
        if self.expected != Expected::Any {
            self.check_expected(header)?;
        }
        match header.kind {
            kind::DATA if header.has(flag::PADDED) => {
                if header.length == 0 {
                    return wrong(ErrorCode::FRAME_SIZE_ERROR, "padding is missing");
                }
                self.stage = Stage::Padding { header };
                Ok(None)
            }
            kind::DATA => self.begin_data(header, None, now),
            kind::HEADERS => self.begin_headers(header, rest, arrival, now),
            kind::CONTINUATION => {
                self.begin_continuation(header)?;
                self.charge(1, now)?;
                Ok(None)
            }
            kind::PUSH_PROMISE => wrong(ErrorCode::PROTOCOL_ERROR, "push is not enabled"),
            kind::SETTINGS => {
                self.charge_for(Limit::Settings, 1 + header.length / (PARAMETER as u32 * PARAMETERS), now)?;
                self.begin_settings(header)
            }
            kind::PRIORITY | kind::RST_STREAM | kind::PING | kind::GOAWAY | kind::WINDOW_UPDATE => {
                let limit = match header.kind {
                    kind::PING => Limit::Pings,
                    kind::WINDOW_UPDATE => Limit::WindowUpdates,
                    _ => Limit::SmallFrames,
                };
                self.charge_for(limit, 1, now)?;
                self.begin_control(header)
            }
            // Kinds that nobody knows are ignored (RFC 9113 §5.5).
            _ => {
                self.charge(1, now)?;
                self.stage = Stage::Skip { left: header.length };
                Ok(None)
            }
        }
    }

    #[cold]
    fn check_expected(&mut self, header: FrameHeader) -> Result<(), Ending> {
        match self.expected {
            Expected::Settings if header.kind == kind::SETTINGS && !header.has(flag::ACK) => Ok(()),
            Expected::Settings => wrong(ErrorCode::PROTOCOL_ERROR, "the first frame is not SETTINGS"),
            Expected::Continuation if header.kind == kind::CONTINUATION => Ok(()),
            Expected::Continuation => wrong(ErrorCode::PROTOCOL_ERROR, "a header block is interrupted"),
            Expected::Any => Ok(()),
        }
    }

    /// Charges for a frame of no use.
    #[inline]
    pub(super) fn charge(&mut self, credits: u32, now: Duration) -> Result<(), Ending> {
        self.charge_for(Limit::SmallFrames, credits, now)
    }

    /// Charges for a frame of no use. `limit`: what its kind is told as if there are no credits left.
    #[inline]
    pub(super) fn charge_for(&mut self, limit: Limit, credits: u32, now: Duration) -> Result<(), Ending> {
        if self.credits.charge(credits, now) {
            return Ok(());
        }
        self.beyond(limit, ErrorCode::ENHANCE_YOUR_CALM, "too many frames of no use")
    }

    /// The peer went beyond a limit that spares no stream.
    #[cold]
    pub(super) fn beyond<T>(&mut self, limit: Limit, code: ErrorCode, reason: &'static str) -> Result<T, Ending> {
        self.exceeded = Some(limit);
        wrong(code, reason)
    }

    /// Counts what answers the peer and waits to be sent.
    pub(super) fn control(&mut self, bytes: usize) -> Result<(), Ending> {
        self.out_control += bytes;
        if self.out_control > CONTROL_OUTPUT {
            return self.beyond(Limit::Unread, ErrorCode::ENHANCE_YOUR_CALM, "too many answers wait to be read");
        }
        Ok(())
    }

    /// The peer broke a rule that costs it one stream: resets the stream, unless it is over.
    pub(super) fn fault(&mut self, stream: Key, code: ErrorCode, reason: &'static str) -> Step<'static> {
        self.fault_beyond(None, stream, code, reason)
    }

    /// The same when the rule may be a limit.
    pub(super) fn fault_beyond(
        &mut self,
        limit: Option<Limit>,
        stream: Key,
        code: ErrorCode,
        reason: &'static str,
    ) -> Step<'static> {
        let is_open = self.streams.get(stream).is_some_and(|stream| stream.is_open());
        if !is_open {
            return Ok(None);
        }
        self.reset(stream, code);
        self.count_reset()?;
        Ok(Some(Event::Reset { stream, code, by_peer: false, reason, limit }))
    }

    /// Counts a stream that the peer made us reset (CVE-2025-8671).
    pub(super) fn count_reset(&mut self) -> Result<(), Ending> {
        self.local_resets += 1;
        if self.local_resets > self.config.local_resets {
            return self.beyond(Limit::LocalResets, ErrorCode::ENHANCE_YOUR_CALM, "too many streams break rules");
        }
        self.control(HEADER + 4)
    }
}
