use super::super::*;
use super::show;

/// A decoded body: data, trailers, and how many bytes it took.
pub(super) type Body = (Vec<u8>, Vec<u8>, usize);

/// Decodes input that arrives in these pieces. `None`: the body is not complete.
pub(super) fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Option<Body>, ChunkError> {
    let mut decoder = ChunkedDecoder::new();
    let mut data = Vec::new();
    let mut consumed = 0;
    for mut piece in pieces {
        loop {
            let decoded = decoder.decode(piece)?;
            data.extend_from_slice(&piece[decoded.data.clone()]);
            assert!(decoded.data.end <= decoded.consumed);
            consumed += decoded.consumed;
            piece = &piece[decoded.consumed..];
            if decoded.state == ChunkState::End {
                assert!(decoder.is_done());
                return Ok(Some((data, decoder.trailers().to_vec(), consumed)));
            }
            if decoded.consumed == 0 {
                assert!(piece.is_empty(), "only an empty input may make no progress");
                break;
            }
        }
    }
    Ok(None)
}

fn whole(text: impl AsRef<[u8]>) -> Result<Option<Body>, ChunkError> {
    decode([text.as_ref()])
}

#[test]
fn b04_sound_chunks_are_decoded() {
    for (text, data, trailers) in [
        ("0\r\n\r\n", "", ""),
        ("5\r\nhello\r\n0\r\n\r\n", "hello", ""),
        ("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world", ""),
        ("A\r\n0123456789\r\n0\r\n\r\n", "0123456789", ""),
        ("a\r\n0123456789\r\n000\r\n\r\n", "0123456789", ""),
        ("0000000000000001\r\nx\r\n0\r\n\r\n", "x", ""),
        ("4\r\n\r\n\r\n\r\n0\r\n\r\n", "\r\n\r\n", ""),
        ("5;a\r\nhello\r\n0;b=c\r\n\r\n", "hello", ""),
        ("5;a=\"q \\\" ;\u{e4}\"\r\nhello\r\n0\r\n\r\n", "hello", ""),
        ("0\r\nX: y\r\n\r\n", "", "X: y\r\n"),
        ("1\r\nx\r\n0\r\nGrpc-Status: 0\r\ngrpc-message:\r\n\r\n", "x", "Grpc-Status: 0\r\ngrpc-message:\r\n"),
    ] {
        let body = (data.as_bytes().to_vec(), trailers.as_bytes().to_vec(), text.len());
        assert_eq!(whole(text), Ok(Some(body)), "{text:?}");
    }
}

#[test]
fn b04_what_follows_the_body_is_left_alone() {
    let mut decoder = ChunkedDecoder::new();
    let buf = b"5\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\r\n";
    let decoded = decoder.decode(buf).unwrap();
    assert_eq!(decoded, Decoded { consumed: 15, data: 3..8, state: ChunkState::End });
    let again = decoder.decode(&buf[15..]).unwrap();
    assert_eq!(again, Decoded { consumed: 0, data: 0..0, state: ChunkState::End });
}

#[test]
fn b04_chunk_syntax_is_strict() {
    for text in [
        "\r\n",
        "\n",
        "5\n",
        "5\nhello\r\n",
        "5\r\r\n",
        "5\rhello",
        "5\r\nhello\n",
        "5\r\nhello\r0",
        "5\r\nhello\r\r\n",
        "5\r\nhelloo\r\n",
        "5\r\nhello0\r\n",
        "5\r\nhello\n\n",
        "5 \r\n",
        " 5\r\n",
        "\t5\r\n",
        "5\t\r\n",
        "5 ;a\r\n",
        "+5\r\n",
        "-5\r\n",
        "-0\r\n",
        "0x5\r\n",
        "x\r\n",
        "5h\r\n",
        "g\r\n",
        "5,\r\n",
        "5_0\r\n",
        "5.0\r\n",
        "\u{665}\r\n",
        "\0\r\n",
        "5\0\r\n",
        ";a\r\n",
        "00000000000000005\r\n",
        "20000000000001\r\n",
        "ffffffffffffffff\r\n",
        "10000000000000005\r\n",
        "5;\r\n",
        "5;a\n",
        "5;a\nhello\r\n",
        "5;a\r5",
        "5;a\rb\r\n",
        "5;a\0\r\n",
        "5;a\x0b\r\n",
        "5;a\tb\r\n",
        "5;a\x7f\r\n",
        "5;\"\n\"\r\n",
        "5;a\r\nhello\r\n0\n",
        "0\r\n\n",
        "0\r\n\r\r",
        "0\r\n\rX",
        "0\n\n",
        "0\r\n X: y\r\n",
        "0\r\n\tX: y\r\n",
        "0\r\nX : y\r\n",
        "0\r\n: y\r\n",
        "0\r\nX\r\n",
        "0\r\nX: y\n",
        "0\r\nX: y\r\n z\r\n",
        "0\r\nX: a\rb\r\n",
        "0\r\nX: a\0b\r\n",
        "0\r\nX: a\x7f\r\n",
        "0\r\nX\u{e4}: y\r\n",
        "0\r\nGET / HTTP/1.1\r\n",
    ] {
        let whole = whole(text).expect_err(text);
        let bytewise = decode(text.as_bytes().chunks(1)).expect_err(text);
        assert_eq!(whole, bytewise, "{text:?}");
        assert!(matches!(whole.status(), 400) && !whole.to_string().is_empty());
    }
}

#[test]
fn b04_errors_are_final() {
    let mut decoder = ChunkedDecoder::new();
    assert_eq!(decoder.decode(b"x"), Err(ChunkError::Size));
    assert_eq!(decoder.decode(b"0\r\n\r\n"), Err(ChunkError::Size));
    decoder.reset();
    assert_eq!(decoder.decode(b"0\r\n\r\n").unwrap().state, ChunkState::End);
}

#[test]
fn b04_sizes_are_bounded() {
    let mut decoder = ChunkedDecoder::new();
    assert_eq!(decoder.decode(b"20000000000000\r\n").unwrap().state, ChunkState::More);
    assert_eq!(decoder.remaining_in_chunk(), MAX_LENGTH);
    assert_eq!(decoder.decode(b"abc").unwrap().data, 0..3);
    assert_eq!(decoder.remaining_in_chunk(), MAX_LENGTH - 3);
}

#[test]
fn b04_extensions_are_bounded() {
    let chunk = |length: usize| format!("1;{}\r\nx\r\n", "e".repeat(length - 1));
    assert!(whole(chunk(256) + "0\r\n\r\n").unwrap().is_some());
    assert_eq!(whole(chunk(257)), Err(ChunkError::ExtensionTooLong));
    assert!(whole(chunk(256).repeat(64) + "0\r\n\r\n").unwrap().is_some());
    assert_eq!(whole(chunk(256).repeat(64) + "0;e\r\n\r\n"), Err(ChunkError::ExtensionTooLong));
}

#[test]
fn b15_trailers_are_bounded() {
    let fields = |count: usize| format!("0\r\n{}\r\n", "X: y\r\n".repeat(count));
    assert!(whole(fields(MAX_TRAILER_FIELDS)).unwrap().is_some());
    assert_eq!(whole(fields(MAX_TRAILER_FIELDS + 1)), Err(ChunkError::TrailersTooLarge));
    let long = |length: usize| format!("0\r\nX: {}\r\n\r\n", "y".repeat(length - 5));
    assert!(whole(long(MAX_TRAILER_BYTES)).unwrap().is_some());
    assert_eq!(whole(long(MAX_TRAILER_BYTES + 1)), Err(ChunkError::TrailersTooLarge));
    // Refused names count like others.
    assert_eq!(whole(format!("0\r\n{}", "Host: a\r\n".repeat(33))), Err(ChunkError::TrailersTooLarge));
    let endless = format!("0\r\nX: {}", "y".repeat(9000));
    assert_eq!(whole(endless), Err(ChunkError::TrailersTooLarge));
    assert_eq!(ChunkError::TrailersTooLarge.status(), 431);
}

#[test]
fn b15_trailers_that_come_too_late_to_be_honest_are_left_out() {
    for name in [
        "Host",
        "Content-Length",
        "Transfer-Encoding",
        "Connection",
        "Keep-Alive",
        "TE",
        "Trailer",
        "Upgrade",
        "Expect",
        "Authorization",
        "Proxy-Authorization",
        "Cookie",
        "Set-Cookie",
        "WWW-Authenticate",
        "X-Forwarded-For",
        "x-forwarded-host",
        "X-Forwarded-Anything",
        "X-Real-IP",
        "X-Request-ID",
        "Forwarded",
        "X-Original-URL",
        "X-Rewrite-URL",
        "Proxy",
        "X_Forwarded_For",
        "content_length",
        "Content-Type",
        "Content-Encoding",
        "Cache-Control",
        "Location",
        "Range",
        "If-Match",
        "VARY",
        "HTTP2-Settings",
        "SSL-Client-Verify",
        "ssl_client_cert",
    ] {
        let text = format!("0\r\nA: 1\r\n{name}: 2\r\nB: 3\r\n\r\n");
        let (_, trailers, _) = whole(&text).unwrap().unwrap();
        assert_eq!(show(&trailers), "A: 1\\r\\nB: 3\\r\\n", "{name}");
    }
    for name in ["Grpc-Status", "grpc-status-details-bin", "Digest", "ETag", "Server-Timing", "X-Checksum", "Date"] {
        let (_, trailers, _) = whole(format!("0\r\n{name}: 2\r\n\r\n")).unwrap().unwrap();
        assert!(!trailers.is_empty(), "{name}");
    }
}

#[test]
fn a_reset_decoder_has_no_trace_of_the_former_body() {
    let mut decoder = ChunkedDecoder::new();
    decoder.decode(b"0\r\nX: y\r\n\r\n").unwrap();
    assert_eq!(decoder.trailers(), b"X: y\r\n");
    decoder.reset();
    assert!(decoder.trailers().is_empty() && !decoder.is_done());
    let decoded = decoder.decode(b"1\r\nz\r\n0\r\n\r\n").unwrap();
    assert_eq!((decoded.data, decoded.state), (3..4, ChunkState::End));
    assert!(decoder.trailers().is_empty());
}
