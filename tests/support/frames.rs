//! HTTP/2 by hand: frames as bytes, for what no library would send.

use std::net::SocketAddr;

use super::client::Client;
use super::wire::{End, Wire};

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 0x1;
pub const ACK: u8 = 0x1;
pub const END_HEADERS: u8 = 0x4;

pub const NO_ERROR: u32 = 0;
pub const PROTOCOL_ERROR: u32 = 1;
pub const REFUSED_STREAM: u32 = 7;
pub const CANCEL: u32 = 8;
pub const ENHANCE_YOUR_CALM: u32 = 11;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    /// The error code of RST_STREAM or GOAWAY.
    #[track_caller]
    pub fn code(&self) -> u32 {
        let at = match self.kind {
            RST_STREAM => 0,
            GOAWAY => 4,
            _ => panic!("no error code in {self:?}"),
        };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }

    pub fn is_end_stream(&self) -> bool {
        self.flags & END_STREAM != 0
    }

    /// The status of a head. Answers carry it first: indexed, or as a literal with an indexed name.
    #[track_caller]
    pub fn status(&self) -> u16 {
        assert_eq!(self.kind, HEADERS, "{self:?}");
        let block = match self.payload.as_slice() {
            // Updates of the dynamic table's size come before everything else.
            [update, rest @ ..] if update & 0xe0 == 0x20 => rest,
            all => all,
        };
        match block {
            [first, ..] if first & 0x80 != 0 => [200, 204, 206, 304, 400, 404, 500][usize::from(first & 0x7f) - 8],
            [0x48 | 0x08 | 0x18, length, rest @ ..] => {
                let text = &rest[..usize::from(length & 0x7f)];
                if length & 0x80 == 0 { std::str::from_utf8(text).unwrap().parse().unwrap() } else { digits(text) }
            }
            other => panic!("a head without a status: {other:02x?}"),
        }
    }
}

/// Digits in the Huffman code of HPACK.
fn digits(coded: &[u8]) -> u16 {
    let mut bits = coded.iter().flat_map(|byte| (0..8).rev().map(move |bit| (byte >> bit & 1) as u16));
    let mut number = 0;
    loop {
        let Some(five) = (0..5).try_fold(0, |code, _| Some(code << 1 | bits.next()?)) else { return number };
        let digit = match five {
            0..=2 => five,
            _ => match bits.next() {
                Some(bit) if five << 1 | bit <= 0b11111 => (five << 1 | bit) - 0b11001 + 3,
                _ => return number,
            },
        };
        number = number * 10 + digit;
    }
}

/// Reads a frame.
pub fn read_frame(wire: &mut Wire) -> Result<Frame, End> {
    let header = wire.exactly(9)?;
    let length = u32::from_be_bytes([0, header[0], header[1], header[2]]);
    let stream = u32::from_be_bytes(header[5..9].try_into().unwrap());
    let payload = wire.exactly(length as usize)?;
    Ok(Frame { kind: header[3], flags: header[4], stream, payload })
}

/// Takes the preface of a client and exchanges settings with it, as a server.
pub fn accept(wire: &mut Wire) {
    let preface = wire.exactly(PREFACE.len()).expect("a preface");
    assert_eq!(preface, PREFACE);
    wire.send(frame(SETTINGS, 0, 0, &[]));
    wire.send(frame(SETTINGS, ACK, 0, &[]));
}

/// The bytes of a frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// A header block: every field as a literal that is not indexed.
pub fn block<N: AsRef<[u8]>, V: AsRef<[u8]>>(fields: &[(N, V)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name.as_ref(), value.as_ref()] {
            length(text.len(), &mut block);
            block.extend_from_slice(text);
        }
    }
    block
}

/// An integer with a prefix of 7 bits (RFC 7541 §5.1).
fn length(mut length: usize, out: &mut Vec<u8>) {
    if length < 127 {
        return out.push(u8::try_from(length).unwrap());
    }
    out.push(127);
    length -= 127;
    while length >= 128 {
        out.push(u8::try_from(length % 128).unwrap() | 128);
        length /= 128;
    }
    out.push(u8::try_from(length).unwrap());
}

/// The pseudo-fields of a request.
pub fn pseudo<'a>(method: &'a str, host: &'a str, path: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![(":method", method), (":scheme", "http"), (":authority", host), (":path", path)]
}

/// An HTTP/2 connection of which every frame is ours.
#[derive(Debug)]
pub struct FrameClient {
    pub wire: Wire,
}

impl FrameClient {
    /// Connects in clear and exchanges settings.
    pub fn connect(address: SocketAddr) -> Self {
        Self::connect_with(address, &[])
    }

    /// The same with settings of ours: identifier and value.
    pub fn connect_with(address: SocketAddr, settings: &[(u16, u32)]) -> Self {
        let mut client = Self { wire: Client::connect(address).into_wire() };
        // Without a dynamic table heads can be read by eye.
        let settings: Vec<u8> = [(1, 0)]
            .iter()
            .chain(settings)
            .flat_map(|(id, value)| [id.to_be_bytes().as_slice(), value.to_be_bytes().as_slice()].concat())
            .collect();
        client.wire.send([PREFACE, &frame(SETTINGS, 0, 0, &settings)].concat());
        let theirs = client.frame().expect("settings");
        assert_eq!((theirs.kind, theirs.flags), (SETTINGS, 0));
        client.send(SETTINGS, ACK, 0, &[]);
        client
    }

    pub fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.wire.send(frame(kind, flags, stream, payload));
    }

    /// The same where Tidegate may have closed already.
    pub fn try_send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        self.wire.try_send(frame(kind, flags, stream, payload)).is_ok()
    }

    /// A request's head in one frame.
    pub fn request<N: AsRef<[u8]>, V: AsRef<[u8]>>(&mut self, stream: u32, flags: u8, fields: &[(N, V)]) {
        self.send(HEADERS, flags | END_HEADERS, stream, &block(fields));
    }

    /// The next frame.
    pub fn frame(&mut self) -> Result<Frame, End> {
        read_frame(&mut self.wire)
    }

    /// The next frame that fits; those before are dropped, pings and settings answered.
    #[track_caller]
    pub fn wait_for(&mut self, what: &str, fits: impl Fn(&Frame) -> bool) -> Frame {
        loop {
            let frame = self.frame().unwrap_or_else(|end| panic!("{end:?} before {what}"));
            match (frame.kind, frame.flags & ACK) {
                (SETTINGS, 0) => self.send(SETTINGS, ACK, 0, &[]),
                (PING, 0) => self.send(PING, ACK, 0, &frame.payload),
                _ => {}
            }
            if fits(&frame) {
                return frame;
            }
        }
    }

    /// The head of a stream's answer.
    #[track_caller]
    pub fn head(&mut self, stream: u32) -> Frame {
        self.wait_for("a head", |frame| frame.stream == stream && frame.kind == HEADERS)
    }

    /// How a stream was reset.
    #[track_caller]
    pub fn reset_of(&mut self, stream: u32) -> u32 {
        self.wait_for("a reset", |frame| frame.stream == stream && frame.kind == RST_STREAM).code()
    }

    /// The code of a GOAWAY, with which the connection then ends.
    #[track_caller]
    pub fn goaway(&mut self) -> u32 {
        self.wait_for("GOAWAY", |frame| frame.kind == GOAWAY).code()
    }

    /// A ping that comes back shows that everything sent before was read.
    #[track_caller]
    pub fn ping(&mut self) {
        self.send(PING, 0, 0, b"tidegate");
        self.wait_for("a pong", |frame| frame.kind == PING && frame.flags & ACK != 0);
    }

    /// The connection ends, whatever comes before.
    #[track_caller]
    pub fn expect_end(&mut self) {
        while self.frame().is_ok() {}
    }
}
