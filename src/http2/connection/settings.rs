//! SETTINGS (RFC 9113 §6.5, RFC 8441 §3): what they say, and what we say.

use super::config::{Config, Role};
use super::event::Ending;
use crate::http2::code::ErrorCode;
use crate::http2::write;

const HEADER_TABLE_SIZE: u16 = 0x1;
const ENABLE_PUSH: u16 = 0x2;
const MAX_CONCURRENT_STREAMS: u16 = 0x3;
const INITIAL_WINDOW_SIZE: u16 = 0x4;
const MAX_FRAME_SIZE: u16 = 0x5;
const MAX_HEADER_LIST_SIZE: u16 = 0x6;
const ENABLE_CONNECT_PROTOCOL: u16 = 0x8;

/// Length of a parameter, in bytes.
pub(super) const PARAMETER: usize = 6;

/// One parameter of the peer's, as far as it concerns us.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Setting {
    /// The peer's table for header compression, in bytes.
    HeaderTableSize(u32),
    /// Streams that we may have open.
    MaxConcurrentStreams(u32),
    /// Windows of streams, in bytes; at most 2^31 - 1.
    InitialWindowSize(u32),
    /// Whether we may open tunnels by extended CONNECT. Clients have no say in it.
    ConnectProtocol(bool),
    /// Nothing that we would act upon. We send no larger frames than every peer takes, and the owner bounds heads.
    Other,
}

impl Setting {
    /// Reads what a peer of us in `role` sent.
    pub(super) fn parse(bytes: [u8; PARAMETER], role: Role) -> Result<Self, Ending> {
        let [id_high, id_low, a, b, c, d] = bytes;
        let value = u32::from_be_bytes([a, b, c, d]);
        let wrong = |reason| Err(Ending { code: ErrorCode::PROTOCOL_ERROR, reason });
        match u16::from_be_bytes([id_high, id_low]) {
            HEADER_TABLE_SIZE => Ok(Self::HeaderTableSize(value)),
            ENABLE_PUSH if value > 1 => wrong("SETTINGS_ENABLE_PUSH is neither 0 nor 1"),
            ENABLE_PUSH if value == 1 && role == Role::Client => wrong("a server enables push"),
            MAX_CONCURRENT_STREAMS => Ok(Self::MaxConcurrentStreams(value)),
            INITIAL_WINDOW_SIZE if value > i32::MAX as u32 => {
                Err(Ending { code: ErrorCode::FLOW_CONTROL_ERROR, reason: "SETTINGS_INITIAL_WINDOW_SIZE is too large" })
            }
            INITIAL_WINDOW_SIZE => Ok(Self::InitialWindowSize(value)),
            ENABLE_CONNECT_PROTOCOL if value > 1 => wrong("SETTINGS_ENABLE_CONNECT_PROTOCOL is neither 0 nor 1"),
            ENABLE_CONNECT_PROTOCOL if role == Role::Client => Ok(Self::ConnectProtocol(value == 1)),
            MAX_FRAME_SIZE if !(1 << 14..1 << 24).contains(&value) => wrong("SETTINGS_MAX_FRAME_SIZE is out of range"),
            _ => Ok(Self::Other),
        }
    }
}

/// Writes what we allow.
pub(super) fn write_ours(out: &mut Vec<u8>, role: Role, config: &Config) {
    let window = (INITIAL_WINDOW_SIZE, config.stream_window);
    // RFC 9113 §6.5.2 counts each field with 32 bytes more.
    let overhead = config.head.fields.saturating_mul(32);
    let list = u32::try_from(config.head.head_bytes.saturating_add(overhead)).unwrap_or(u32::MAX);
    let list = (MAX_HEADER_LIST_SIZE, list);
    match role {
        Role::Server => {
            let streams = (MAX_CONCURRENT_STREAMS, config.streams);
            let connect = (ENABLE_CONNECT_PROTOCOL, 1);
            let all = [streams, window, list, connect];
            write::settings(out, if config.offers_connect { &all } else { &all[..3] });
        }
        Role::Client => write::settings(out, &[(ENABLE_PUSH, 0), window, list]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_and_absurd_ones_end_the_connection() {
        let read = |id: u16, value: u32, role| {
            let ([a, b], [c, d, e, f]) = (id.to_be_bytes(), value.to_be_bytes());
            Setting::parse([a, b, c, d, e, f], role).map_err(|ending| ending.code)
        };
        let server = |id, value| read(id, value, Role::Server);
        assert_eq!(server(1, u32::MAX), Ok(Setting::HeaderTableSize(u32::MAX)));
        assert_eq!((server(2, 0), server(2, 1)), (Ok(Setting::Other), Ok(Setting::Other)));
        assert_eq!(server(2, 2), Err(ErrorCode::PROTOCOL_ERROR));
        assert_eq!(read(2, 0, Role::Client), Ok(Setting::Other));
        assert_eq!(read(2, 1, Role::Client), Err(ErrorCode::PROTOCOL_ERROR));
        assert_eq!(server(3, 7), Ok(Setting::MaxConcurrentStreams(7)));
        assert_eq!(server(4, 0x7fff_ffff), Ok(Setting::InitialWindowSize(0x7fff_ffff)));
        assert_eq!(server(4, 0x8000_0000), Err(ErrorCode::FLOW_CONTROL_ERROR));
        assert_eq!((server(5, 16_384), server(5, 16_777_215)), (Ok(Setting::Other), Ok(Setting::Other)));
        assert_eq!(server(5, 16_383), Err(ErrorCode::PROTOCOL_ERROR));
        assert_eq!(server(5, 16_777_216), Err(ErrorCode::PROTOCOL_ERROR));
        assert_eq!((server(6, 0), server(0xfff0, 1)), (Ok(Setting::Other), Ok(Setting::Other)));
        assert_eq!((server(8, 1), server(8, 2)), (Ok(Setting::Other), Err(ErrorCode::PROTOCOL_ERROR)));
        assert_eq!(read(8, 1, Role::Client), Ok(Setting::ConnectProtocol(true)));
        assert_eq!(read(8, 0, Role::Client), Ok(Setting::ConnectProtocol(false)));
        assert_eq!(read(8, 2, Role::Client), Err(ErrorCode::PROTOCOL_ERROR));
    }
}
