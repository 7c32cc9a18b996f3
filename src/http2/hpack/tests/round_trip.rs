//! What the encoder writes, the decoder reads; and what it makes entries of.

use proptest::prelude::*;

use super::super::{Decoder, Encoder, Pseudo};
use super::{Owned, decode, owned};

/// One block, and how long it is.
fn block(encoder: &mut Encoder, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    encoder.begin(&mut out);
    for (name, value) in fields {
        encoder.field(name.as_bytes(), value.as_bytes(), &mut out);
    }
    out
}

#[test]
fn pseudo_fields_and_statuses_read_as_they_were_meant() {
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new(4096));
    for _ in 0..3 {
        let mut out = Vec::new();
        encoder.begin(&mut out);
        let fields = [
            (Pseudo::Method, ":method", "GET"),
            (Pseudo::Method, ":method", "POST"),
            (Pseudo::Method, ":method", "PATCH"),
            (Pseudo::Scheme, ":scheme", "http"),
            (Pseudo::Scheme, ":scheme", "https"),
            (Pseudo::Authority, ":authority", "shop.example"),
            (Pseudo::Path, ":path", "/"),
            (Pseudo::Path, ":path", "/index.html"),
            (Pseudo::Path, ":path", "/item/17?colour=blue"),
            (Pseudo::Protocol, ":protocol", "websocket"),
        ];
        for (name, _, value) in fields {
            encoder.pseudo(name, value.as_bytes(), &mut out);
        }
        let expected: Vec<_> = fields.iter().map(|(_, name, value)| (*name, *value)).collect();
        assert_eq!(decode(&mut decoder, &out), Ok(owned(&expected)));
    }
    for status in 100..1000 {
        let mut out = Vec::new();
        encoder.status(status, &mut out);
        assert_eq!(decode(&mut decoder, &out), Ok(owned(&[(":status", &status.to_string())])));
    }
}

#[test]
fn names_are_written_in_lower_case() {
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new(4096));
    let long = "X-A-Name-That-Is-Longer-Than-Any-Which-The-Encoder-Keeps";
    let fields = [
        ("Content-Type", "Text/HTML"),
        ("X-Shop", "A"),
        ("ETag", "\"A\""),
        (long, "B"),
        ("Accept-Encoding", "gzip, deflate"),
    ];
    for _ in 0..3 {
        let out = block(&mut encoder, &fields);
        let expected = fields.map(|(name, value)| (name.to_ascii_lowercase(), value));
        let expected: Vec<_> = expected.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        assert_eq!(decode(&mut decoder, &out), Ok(owned(&expected)));
    }
}

#[test]
fn what_comes_again_becomes_one_byte_and_what_changes_does_not_push_it_out() {
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new(4096));
    let answer = |turn: usize| {
        [
            ("server", "shop".to_owned()),
            ("content-type", "text/html; charset=utf-8".to_owned()),
            ("x-frame-options", "DENY".to_owned()),
            ("etag", format!("\"{turn}\"")),
            ("x-trace", format!("{turn:032x}")),
        ]
    };
    let mut sizes = Vec::new();
    for turn in 0..500 {
        let answer = answer(turn);
        let fields: Vec<_> = answer.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let out = block(&mut encoder, &fields[..]);
        assert_eq!(decode(&mut decoder, &out), Ok(owned(&fields)));
        sizes.push(out.len() - fields[3].1.len() - fields[4].1.len());
    }
    // Three entries; number and length of the etag; name and lengths of x-trace.
    assert!(sizes[2..].iter().all(|size| *size == 3 + 3 + 10), "{:?}", &sizes[..5]);
    assert!(decoder.table_bytes() < 256);
}

#[test]
fn twenty_fields_that_nobody_knows_are_entries_when_they_come_a_third_time() {
    let fields: Vec<_> = (0..20).map(|number| (format!("X-Unknown-{number}"), format!("value of {number}"))).collect();
    let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut encoder = Encoder::new();
    let sizes = [(); 4].map(|()| block(&mut encoder, &fields).len());
    assert!(sizes[0] > 400 && sizes[2] == 20 && sizes[3] == 20, "{sizes:?}");
}

#[test]
fn credentials_are_marked_and_become_no_entries() {
    let mut encoder = Encoder::new();
    for (field, first) in [
        (("authorization", "Bearer 0123456789abcdef0123456789abcdef"), &[0x1f, 23 - 15][..]),
        (("proxy-authorization", "Basic x"), &[0x1f, 49 - 15]),
        (("cookie", "sid=123"), &[0x1f, 32 - 15]),
        (("set-cookie", "sid=123"), &[0x1f, 55 - 15]),
        // Long ones cannot be guessed, and differ from each other.
        (("cookie", "sid=0123456789abcdef0123456789abcdef"), &[0x0f, 32 - 15]),
        (("set-cookie", "sid=0123456789abcdef0123456789abcdef"), &[0x0f, 55 - 15]),
    ] {
        for _ in 0..3 {
            let out = block(&mut encoder, &[field]);
            assert_eq!(&out[..2], first, "{field:?}");
        }
    }
    assert_eq!(encoder.held(), 0);
}

#[test]
fn a_table_that_the_peer_makes_smaller_is_announced_and_kept_to() {
    let fields = [("server", "shop"), ("content-type", "text/html"), ("x-frame-options", "DENY")];
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new(4096));
    for _ in 0..3 {
        let out = block(&mut encoder, &fields);
        assert_eq!(decode(&mut decoder, &out), Ok(owned(&fields)));
    }
    let mut sizes = vec![];
    // As if the peer's SETTINGS had changed between blocks, once or several times.
    for settings in [&[4096][..], &[64], &[0], &[0, 0], &[100_000], &[0, 4096], &[4096, 50, 70], &[1 << 31, 4000, 5000]]
    {
        settings.iter().for_each(|bytes| encoder.set_table_bytes(*bytes));
        let out = block(&mut encoder, &fields);
        sizes.push(out.iter().take_while(|byte| **byte & 0xe0 == 0x20 || **byte == 0x1f).count());
        assert_eq!(decode(&mut decoder, &out), Ok(owned(&fields)), "{settings:?}");
        let least = settings.iter().copied().min().unwrap_or(4096).min(4096);
        let last = settings.last().copied().unwrap_or(4096).min(4096);
        assert!(decoder.table_bytes() <= last as usize && least <= last);
        let out = block(&mut encoder, &fields);
        assert_eq!(decode(&mut decoder, &out), Ok(owned(&fields)));
    }
    assert_eq!(sizes[0], 0, "nothing has changed");
    assert!(sizes[1] > 0 && sizes[2] > 0 && sizes[3] == 0);
}

#[test]
fn an_encoder_holds_little_memory() {
    let mut encoder = Encoder::new();
    assert_eq!(encoder.held(), 0);
    assert!(size_of::<Encoder>() <= 144, "{}", size_of::<Encoder>());
    for turn in 0..10_000_usize {
        let name = format!("x-{}", turn % 97);
        let value = "v".repeat(turn % 300);
        block(&mut encoder, &[(&name, &value), (&name, &value)]);
        assert!(encoder.held() <= 2 * 4096 + 256 + 128 * 8, "{}", encoder.held());
    }
}

fn field() -> impl Strategy<Value = (String, String)> {
    let name = prop_oneof![
        prop::sample::select(vec![
            "content-type",
            "Content-Type",
            "server",
            "date",
            "etag",
            "cookie",
            "x-frame-options",
            "authorization",
            "vary",
            "x-cache"
        ])
        .prop_map(str::to_owned),
        "[A-Za-z0-9-]{0,60}",
    ];
    let value = prop_oneof!["[ab]{1,2}", "[ -~]{0,40}", "[ -~]{0,300}", Just("x".repeat(3000))];
    (name, value)
}

proptest! {
    #[test]
    fn all_that_is_encoded_decodes_to_the_same(
        pool in prop::collection::vec(field(), 1..30),
        blocks in prop::collection::vec((prop::collection::vec(any::<prop::sample::Index>(), 0..20), prop::option::weighted(0.2, 0..6000_u32)), 0..40),
    ) {
        let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new(4096));
        for (fields, table_bytes) in blocks {
            if let Some(bytes) = table_bytes {
                encoder.set_table_bytes(bytes);
            }
            let mut out = Vec::new();
            encoder.begin(&mut out);
            let mut expected: Vec<Owned> = Vec::new();
            for (name, value) in fields.iter().map(|index| index.get(&pool)) {
                encoder.field(name.as_bytes(), value.as_bytes(), &mut out);
                expected.push((name.to_ascii_lowercase().into_bytes(), value.clone().into_bytes()));
            }
            prop_assert_eq!(decode(&mut decoder, &out), Ok(expected));
        }
    }
}
