//! What a peer sends, made from the bytes of an input: mostly frames that belong together, with odd ones among them.

use tidegate::http2::connection::Role;
use tidegate::http2::frame::{MAX_STREAM, PREFACE, flag, kind};
use tidegate::http2::write;

use crate::ASKED;
use crate::fields::{AUTHORITIES, Kind, METHODS, PATHS, SCHEMES, STATUSES, Whims};
use crate::pair::Choices;

/// What a peer of ours in this role sends.
pub struct Peer<'a> {
    whims: Whims<'a>,
    role: Role,
    /// The id of the next request.
    next: u32,
    /// Streams on which the peer may send, and whether they have a head.
    open: Vec<(u32, bool)>,
    has_acknowledged: bool,
    sent: Vec<Vec<u8>>,
}

impl<'a> Peer<'a> {
    /// Makes all that the peer sends, in the pieces in which it arrives.
    pub fn speak(choices: Choices<'a>, role: Role) -> Vec<Vec<u8>> {
        let mut whims = Whims::new(choices);
        let size = whims.of(&[usize::MAX, usize::MAX, usize::MAX, 20, 100, 1000]);
        let asked = if role == Role::Client { ASKED.len() as u32 } else { 0 };
        let open = (0..asked).map(|at| (1 + 2 * at, false)).collect();
        let mut peer = Self { whims, role, next: 1 + 2 * asked, open, has_acknowledged: false, sent: Vec::new() };
        if role == Role::Server && !peer.whims.is_odd() {
            peer.sent.push(PREFACE.to_vec());
        }
        if !peer.whims.is_odd() {
            peer.settings();
        }
        while !peer.whims.are_over() {
            peer.speak_once();
        }
        match size {
            usize::MAX => peer.sent,
            size => peer.sent.concat().chunks(size).map(<[u8]>::to_vec).collect(),
        }
    }

    fn speak_once(&mut self) {
        match self.whims.below(32) {
            _ if self.next == 1 && !self.whims.is_odd() => self.head(),
            0..9 => self.head(),
            9..18 => self.data(),
            18..21 => self.trailers(),
            21 | 22 => {
                let (stream, code) = (self.stream(), self.whims.of(&[8, 0, 1, u32::MAX]));
                self.open.retain(|(id, _)| *id != stream);
                self.frame(kind::RST_STREAM, 0, stream, &u32::to_be_bytes(code));
            }
            23 | 24 => {
                let stream = if self.whims.rarely(2) { 0 } else { self.stream() };
                let by = if self.whims.is_odd() { self.whims.of(&[0, MAX_STREAM, 0x8000_0001]) } else { 1000 };
                self.frame(kind::WINDOW_UPDATE, 0, stream, &u32::to_be_bytes(by));
            }
            25 => self.settings(),
            // The library counts acknowledgements.
            26 if !std::mem::replace(&mut self.has_acknowledged, true) || self.whims.is_odd() => {
                self.frame(kind::SETTINGS, flag::ACK, 0, &[]);
            }
            27 => {
                let flags = self.whims.of(&[0, flag::ACK]);
                self.frame(kind::PING, flags, 0, b"12345678");
            }
            28 => {
                let (stream, on) = (self.stream(), if self.whims.is_odd() { self.stream() } else { 0 });
                self.frame(kind::PRIORITY, 0, stream, &[&on.to_be_bytes()[..], &[7]].concat());
            }
            29 if self.whims.rarely(8) => {
                let last = self.stream();
                self.frame(kind::GOAWAY, 0, 0, &[last.to_be_bytes(), [0; 4]].concat());
            }
            30 if self.whims.is_odd() => {
                let bytes = self.whims.raw(64).to_vec();
                self.sent.push(bytes);
            }
            31 if self.whims.is_odd() => {
                let (kind, flags) = (self.whims.below(12) as u8, self.whims.below(256) as u8);
                let (stream, payload) = (self.stream(), self.whims.raw(64));
                self.frame(kind, flags, stream, payload);
            }
            _ => self.frame(0xbe, 0xff, 0, b"?"),
        }
    }

    fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let mut frame = Vec::new();
        write::frame_header(&mut frame, payload.len(), kind, flags, stream);
        frame.extend_from_slice(payload);
        self.sent.push(frame);
    }

    /// One on which the peer may send, or one that has been, or an odd one.
    fn stream(&mut self) -> u32 {
        if self.whims.is_odd() || self.next == 1 {
            self.whims.of(&[0, 2, self.next + 2, MAX_STREAM])
        } else if self.open.is_empty() || self.whims.is_odd() {
            1 + 2 * self.whims.below(self.next.min(200) as usize / 2) as u32
        } else {
            self.whims.of(&self.open).0
        }
    }

    fn settings(&mut self) {
        const SOUND: [(u16, u32); 8] =
            [(1, 4096), (1, 0), (2, 0), (3, 0), (4, 65_535), (4, 0), (5, 20_000), (0xbe, u32::MAX)];
        const VALUES: [u32; 5] = [0, 1, 16_383, MAX_STREAM, u32::MAX];
        let mut payload = Vec::new();
        for _ in 0..self.whims.below(4) {
            let odd = (self.whims.below(10) as u16, self.whims.of(&VALUES));
            let (id, value) = if self.whims.is_odd() { odd } else { self.whims.of(&SOUND) };
            payload.extend_from_slice(&id.to_be_bytes());
            payload.extend_from_slice(&value.to_be_bytes());
        }
        self.frame(kind::SETTINGS, 0, 0, &payload);
    }

    /// A request, or a response.
    fn head(&mut self) {
        let whims = &mut self.whims;
        let mut block = Vec::new();
        if whims.rarely(16) {
            whims.resize(&mut block);
        }
        if whims.is_odd() {
            whims.regular_fields(&mut block);
        }
        let pseudos: &[(&[u8], Kind)] = match self.role {
            Role::Server => {
                &[(b":method", METHODS), (b":scheme", SCHEMES), (b":authority", AUTHORITIES), (b":path", PATHS)]
            }
            Role::Client => &[(b":status", STATUSES)],
        };
        for (name, kind) in pseudos {
            if whims.is_odd() {
                continue;
            }
            let value = whims.word(*kind);
            whims.field(&mut block, name, value);
        }
        whims.regular_fields(&mut block);
        let flags = whims.of(&[0, 0, flag::END_STREAM]);
        let waiting = self.open.iter().find(|(_, has_head)| !has_head).map(|(id, _)| *id);
        let stream = match self.role {
            _ if self.whims.is_odd() => self.stream(),
            Role::Server => {
                self.next += 2;
                self.next - 2
            }
            Role::Client => match waiting {
                Some(stream) => stream,
                None => return,
            },
        };
        self.open.retain(|(id, _)| *id != stream);
        if flags == 0 {
            // Statuses are not looked at: what follows an interim head may be too early.
            self.open.push((stream, self.role == Role::Server || self.whims.rarely(2)));
        }
        self.block(flags, stream, &block);
    }

    fn trailers(&mut self) {
        let Some(stream) = self.started() else { return };
        let mut block = Vec::new();
        self.whims.regular_fields(&mut block);
        let flags = if self.whims.is_odd() { 0 } else { flag::END_STREAM };
        self.open.retain(|(id, _)| *id != stream);
        self.block(flags, stream, &block);
    }

    /// A stream that has a head, or an odd one.
    fn started(&mut self) -> Option<u32> {
        if self.whims.is_odd() {
            return Some(self.stream());
        }
        let started: Vec<u32> = self.open.iter().filter(|(_, has_head)| *has_head).map(|(id, _)| *id).collect();
        (!started.is_empty()).then(|| self.whims.of(&started))
    }

    /// A header block in as many frames as chosen.
    fn block(&mut self, flags: u8, stream: u32, block: &[u8]) {
        let mut payload = Vec::new();
        let (mut flags, padding) = self.padded(flags, &mut payload);
        if self.whims.rarely(8) {
            flags |= flag::PRIORITY;
            let on = if self.whims.is_odd() { stream } else { 0 };
            payload.extend_from_slice(&on.to_be_bytes());
            payload.push(7);
        }
        let pieces = self.whims.of(&[1, 1, 1, 1, 1, 2, 3, 9]);
        let mut rest = block;
        for at in 0..pieces {
            let is_last = at + 1 == pieces;
            let length = if is_last { rest.len() } else { self.whims.below(64).min(rest.len()) };
            let (piece, tail) = rest.split_at(length);
            rest = tail;
            payload.extend_from_slice(piece);
            let ends = if is_last && !self.whims.is_odd() { flag::END_HEADERS } else { 0 };
            if at == 0 {
                payload.resize(payload.len() + padding, 0);
                self.frame(kind::HEADERS, flags | ends, stream, &payload);
            } else {
                self.frame(kind::CONTINUATION, ends, stream, &payload);
            }
            payload.clear();
        }
    }

    fn data(&mut self) {
        let Some(stream) = self.started() else { return };
        let mut payload = Vec::new();
        let flags = self.whims.of(&[0, 0, flag::END_STREAM]);
        if flags != 0 {
            self.open.retain(|(id, _)| *id != stream);
        }
        let (flags, padding) = self.padded(flags, &mut payload);
        let length = self.whims.of(&[5, 0, 1, 4, 100, 2000]);
        // No two frames are alike, so that nothing can be lost unseen.
        let salt = self.sent.len();
        payload.extend((0..length).map(|at| (at ^ salt) as u8));
        payload.resize(payload.len() + padding, 0);
        self.frame(kind::DATA, flags, stream, &payload);
    }

    /// Begins a payload with the length of its padding, if it has any.
    fn padded(&mut self, flags: u8, payload: &mut Vec<u8>) -> (u8, usize) {
        if !self.whims.rarely(8) {
            return (flags, 0);
        }
        let padding = self.whims.of(&[0, 1, 255]);
        payload.push(if self.whims.is_odd() { 255 } else { padding as u8 });
        (flags | flag::PADDED, padding)
    }
}
