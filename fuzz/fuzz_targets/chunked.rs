//! The chunked coding: no input panics, no way of splitting it changes what it decodes to, and what is written again
//! decodes to the same.
//!
//! The first eight bytes are lengths of pieces, used in turn; the rest is the body.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate::http1::{ChunkError, ChunkState, ChunkedDecoder, MAX_TRAILER_BYTES, writer};

/// Data, trailers and length of a decoded body.
type Body = (Vec<u8>, Vec<u8>, usize);

fuzz_target!(|input: &[u8]| {
    let Some((lengths, text)) = input.split_at_checked(8) else { return };
    let whole = decode([text]);
    assert_eq!(whole, decode(text.chunks(1)));
    assert_eq!(whole, decode(pieces(text, lengths)));
    if let Ok(Some((data, trailers, length))) = whole {
        assert!(length <= text.len() && trailers.len() <= MAX_TRAILER_BYTES);
        let mut again = Vec::new();
        pieces(&data, lengths).into_iter().for_each(|piece| writer::chunk(&mut again, piece));
        writer::last_chunk(&mut again, &trailers);
        let length = again.len();
        assert_eq!(decode([&again[..]]), Ok(Some((data, trailers, length))));
    }
});

fn pieces<'a>(mut text: &'a [u8], lengths: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for length in lengths.iter().cycle() {
        if text.is_empty() {
            break;
        }
        // At least one byte, so that zeros end too.
        let (piece, rest) = text.split_at(usize::from(*length).clamp(1, text.len()));
        pieces.push(piece);
        text = rest;
    }
    pieces
}

fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Option<Body>, ChunkError> {
    let mut decoder = ChunkedDecoder::new();
    let mut data = Vec::new();
    let mut consumed = 0;
    for mut piece in pieces {
        while !piece.is_empty() {
            let decoded = decoder.decode(piece)?;
            assert!(decoded.consumed > 0 && decoded.data.end <= decoded.consumed);
            data.extend_from_slice(&piece[decoded.data]);
            consumed += decoded.consumed;
            piece = &piece[decoded.consumed..];
            if decoded.state == ChunkState::End {
                return Ok(Some((data, decoder.trailers().to_vec(), consumed)));
            }
        }
    }
    Ok(None)
}
