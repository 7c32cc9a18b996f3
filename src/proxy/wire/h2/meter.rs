//! What a peer costs us beyond flow control: frames without data, and header blocks that do not end.
//!
//! The `h2` crate bounds what it stores. What it does not bound is work: PING, SETTINGS, PRIORITY, WINDOW_UPDATE,
//! RST_STREAM and frames of unknown type cost nothing to send. Here each of them costs a credit. Credits come with
//! time, with requests and with what we send, so that honest peers, who answer our frames with theirs, never run out.

use std::cell::{Cell, RefCell};

use tokio::time::Instant;

/// Credits at the start and at the most.
const BURST: u32 = 2_000;
/// Credits that come back each second.
const PER_SECOND: u32 = 1_000;
/// Credits that come with a request.
const PER_REQUEST: u32 = 4;
/// Credits that come with each piece we send: it may be answered with an update of both windows.
const PER_PIECE: u32 = 2;
/// After so many bytes a connection stops reading and lets other tasks run, above all its own streams. A stream that
/// reads its frames gives back what `h2` charges for small ones. Without turns `h2` would take a fast sender of tiny
/// messages for an attacker (2,000 unread frames of 5 bytes end the connection).
const TURN: usize = 16 * 1024;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

/// The meter of one connection.
pub(crate) struct Meter {
    frames: RefCell<Frames>,
    credits: Cell<u32>,
    refilled: Cell<Instant>,
    is_flooded: Cell<bool>,
    turn: Cell<usize>,
    is_judging: bool,
}

/// Where in the stream of frames we are.
#[derive(Default)]
struct Frames {
    /// Bytes of the preface or of a payload still to come.
    skip: usize,
    header: [u8; 9],
    have: usize,
    is_in_head: bool,
}

impl Meter {
    /// A meter for a connection whose peer begins with `preface` bytes that are not a frame.
    pub(crate) fn new(preface: usize) -> Self {
        Self {
            frames: RefCell::new(Frames { skip: preface, ..Frames::default() }),
            credits: Cell::new(BURST),
            refilled: Cell::new(Instant::now()),
            is_flooded: Cell::new(false),
            turn: Cell::new(TURN),
            is_judging: true,
        }
    }

    /// A meter for a connection to a pod. It ends turns, and it never reports a flood.
    pub(crate) fn for_pod() -> Self {
        Self { is_judging: false, ..Self::new(0) }
    }

    /// Whether the peer has sent too many frames without use.
    pub(crate) fn is_flooded(&self) -> bool {
        self.is_flooded.get()
    }

    /// Whether a header block has begun and not ended.
    pub(crate) fn is_in_head(&self) -> bool {
        self.frames.borrow().is_in_head
    }

    /// A piece was sent.
    pub(crate) fn sent(&self) {
        self.add(PER_PIECE);
    }

    /// Whether enough was read for now.
    pub(crate) fn is_turn_over(&self) -> bool {
        self.turn.get() == 0
    }

    /// The connection is polled again.
    pub(crate) fn begin_turn(&self) {
        self.turn.set(TURN);
    }

    /// Counts the frames in bytes that were read.
    pub(crate) fn read(&self, mut bytes: &[u8]) {
        self.turn.set(self.turn.get().saturating_sub(bytes.len()));
        if !self.is_judging {
            return;
        }
        let frames = &mut *self.frames.borrow_mut();
        while !bytes.is_empty() {
            let skipped = frames.skip.min(bytes.len());
            frames.skip -= skipped;
            bytes = &bytes[skipped..];
            let taken = (frames.header.len() - frames.have).min(bytes.len());
            frames.header[frames.have..][..taken].copy_from_slice(&bytes[..taken]);
            frames.have += taken;
            bytes = &bytes[taken..];
            if frames.have == frames.header.len() {
                frames.have = 0;
                let [a, b, c, kind, flags, ..] = frames.header;
                frames.skip = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
                match kind {
                    DATA if frames.skip > 0 || flags & END_STREAM != 0 => {}
                    HEADERS => {
                        frames.is_in_head = flags & END_HEADERS == 0;
                        self.add(PER_REQUEST);
                    }
                    CONTINUATION => {
                        frames.is_in_head = flags & END_HEADERS == 0;
                        self.charge();
                    }
                    _ => self.charge(),
                }
            }
        }
    }

    fn add(&self, credits: u32) {
        self.credits.set((self.credits.get() + credits).min(BURST));
    }

    fn charge(&self) {
        if self.credits.get() == 0 {
            let since = self.refilled.replace(Instant::now()).elapsed();
            self.add(u32::try_from(since.as_millis() * u128::from(PER_SECOND) / 1000).unwrap_or(BURST));
        }
        match self.credits.get().checked_sub(1) {
            Some(left) => self.credits.set(left),
            None => self.is_flooded.set(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn frame(kind: u8, flags: u8, payload: usize) -> Vec<u8> {
        let length = u32::try_from(payload).unwrap().to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags, 0, 0, 0, 1];
        frame.resize(9 + payload, b'x');
        frame
    }

    #[tokio::test(start_paused = true)]
    async fn c06_pings_without_end_are_a_flood_and_a_few_are_not() {
        let meter = Meter::new(24);
        meter.read(&[0; 24]);
        for _ in 0..BURST {
            meter.read(&frame(6, 0, 8));
        }
        assert!(!meter.is_flooded());
        tokio::time::advance(Duration::from_secs(1)).await;
        for _ in 0..PER_SECOND {
            meter.read(&frame(6, 0, 8));
        }
        assert!(!meter.is_flooded());
        meter.read(&frame(6, 0, 8));
        assert!(meter.is_flooded());
    }

    #[tokio::test(start_paused = true)]
    async fn c06_window_updates_that_answer_what_we_send_are_no_flood() {
        let meter = Meter::new(0);
        for _ in 0..100_000 {
            meter.sent();
            meter.read(&frame(8, 0, 4));
            meter.read(&frame(8, 0, 4));
        }
        assert!(!meter.is_flooded());
    }

    #[tokio::test(start_paused = true)]
    async fn frames_are_found_wherever_reads_cut_them() {
        let mut bytes = frame(HEADERS, 0, 300);
        bytes.extend(frame(CONTINUATION, 0, 0));
        let open = bytes.len();
        bytes.extend(frame(CONTINUATION, END_HEADERS, 5));
        bytes.extend(frame(DATA, 0, 5));
        for size in [1, 2, 7, 9, 10, 1000] {
            let meter = Meter::new(0);
            bytes[..open].chunks(size).for_each(|part| meter.read(part));
            assert!(meter.is_in_head(), "{size}");
            bytes[open..].chunks(size).for_each(|part| meter.read(part));
            assert!(!meter.is_in_head(), "{size}");
            assert_eq!(meter.credits.get(), BURST - 2, "{size}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn c06_empty_data_costs_and_data_does_not() {
        let meter = Meter::new(0);
        for _ in 0..=BURST {
            meter.read(&frame(DATA, 0, 1));
            meter.read(&frame(DATA, END_STREAM, 0));
        }
        assert!(!meter.is_flooded());
        for _ in 0..=BURST {
            meter.read(&frame(DATA, 0, 0));
        }
        assert!(meter.is_flooded());
    }
}
