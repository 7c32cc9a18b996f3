//! The examples of RFC 7541 Appendix C.

use super::super::{DEFAULT_TABLE_BYTES, Decoder, HpackError};
use super::{Count, decode, hex, owned};

/// A block, the fields in it, and the size of the table afterwards.
type Block = (&'static str, &'static [(&'static str, &'static str)], usize);

const FIRST: &[(&str, &str)] =
    &[(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "www.example.com")];
const SECOND: &[(&str, &str)] = &[
    (":method", "GET"),
    (":scheme", "http"),
    (":path", "/"),
    (":authority", "www.example.com"),
    ("cache-control", "no-cache"),
];
const THIRD: &[(&str, &str)] = &[
    (":method", "GET"),
    (":scheme", "https"),
    (":path", "/index.html"),
    (":authority", "www.example.com"),
    ("custom-key", "custom-value"),
];
const ANSWER_302: &[(&str, &str)] = &[
    (":status", "302"),
    ("cache-control", "private"),
    ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
    ("location", "https://www.example.com"),
];
const ANSWER_307: &[(&str, &str)] = &[
    (":status", "307"),
    ("cache-control", "private"),
    ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
    ("location", "https://www.example.com"),
];
const ANSWER_200: &[(&str, &str)] = &[
    (":status", "200"),
    ("cache-control", "private"),
    ("date", "Mon, 21 Oct 2013 20:13:22 GMT"),
    ("location", "https://www.example.com"),
    ("content-encoding", "gzip"),
    ("set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"),
];

/// C.2: one field each, each for a connection of its own.
const SINGLE: [Block; 4] = [
    ("400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572", &[("custom-key", "custom-header")], 55),
    ("040c 2f73 616d 706c 652f 7061 7468", &[(":path", "/sample/path")], 0),
    ("1008 7061 7373 776f 7264 0673 6563 7265 74", &[("password", "secret")], 0),
    ("82", &[(":method", "GET")], 0),
];

/// C.3: requests without Huffman code.
const REQUESTS: [Block; 3] = [
    ("8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d", FIRST, 57),
    ("8286 84be 5808 6e6f 2d63 6163 6865", SECOND, 110),
    ("8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65", THIRD, 164),
];

/// C.4: requests with Huffman code.
const REQUESTS_HUFFMAN: [Block; 3] = [
    ("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", FIRST, 57),
    ("8286 84be 5886 a8eb 1064 9cbf", SECOND, 110),
    ("8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf", THIRD, 164),
];

/// C.5: answers without Huffman code, with a table of 256 bytes.
const ANSWERS: [Block; 3] = [
    (
        "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133
         2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70
         6c65 2e63 6f6d",
        ANSWER_302,
        222,
    ),
    ("4803 3330 37c1 c0bf", ANSWER_307, 222),
    (
        "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d
         54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049
         5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e
         3d31",
        ANSWER_200,
        215,
    ),
];

/// C.6: answers with Huffman code, with a table of 256 bytes.
const ANSWERS_HUFFMAN: [Block; 3] = [
    (
        "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6
         2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
        ANSWER_302,
        222,
    ),
    ("4883 640e ffc1 c0bf", ANSWER_307, 222),
    (
        "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab
         77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f
         9587 3160 65c0 03ed 4ee5 b106 3d50 07",
        ANSWER_200,
        215,
    ),
];

/// All sequences, with the size of their table.
fn sequences() -> Vec<(u32, Vec<Block>)> {
    let mut sequences: Vec<_> = SINGLE.iter().map(|block| (DEFAULT_TABLE_BYTES, vec![*block])).collect();
    sequences.push((DEFAULT_TABLE_BYTES, REQUESTS.to_vec()));
    sequences.push((DEFAULT_TABLE_BYTES, REQUESTS_HUFFMAN.to_vec()));
    sequences.push((256, ANSWERS.to_vec()));
    sequences.push((256, ANSWERS_HUFFMAN.to_vec()));
    sequences
}

#[test]
fn the_examples_of_appendix_c_decode_with_their_evictions() {
    for (table_bytes, blocks) in sequences() {
        let mut decoder = Decoder::new(table_bytes);
        for (block, fields, size) in blocks {
            assert_eq!(decode(&mut decoder, &hex(block)), Ok(owned(fields)), "{block}");
            assert_eq!(decoder.table_bytes(), size, "{block}");
        }
    }
}

#[test]
fn entries_that_were_evicted_have_no_index_any_more() {
    let mut decoder = Decoder::new(256);
    for (block, ..) in ANSWERS {
        decode(&mut decoder, &hex(block)).unwrap();
    }
    // Appendix C.5.3: three entries are left, the last of them the date.
    assert_eq!(decode(&mut decoder, &[0xc0]), Ok(owned(&[("date", "Mon, 21 Oct 2013 20:13:22 GMT")])));
    assert_eq!(decode(&mut decoder, &[0xbf]), Ok(owned(&[("content-encoding", "gzip")])));
    assert_eq!(decode(&mut decoder, &[0xc1]), Err(HpackError::UnknownIndex));
}

#[test]
fn no_damaged_byte_of_the_examples_panics_or_exceeds_the_table() {
    for (table_bytes, blocks) in sequences() {
        let blocks: Vec<_> = blocks.iter().map(|(block, ..)| hex(block)).collect();
        let mut sink = Count::default();
        for (broken, whole) in blocks.iter().enumerate() {
            let mut block = whole.clone();
            for at in 0..whole.len() {
                let mut decoder = Decoder::new(table_bytes);
                let _ = decoder.decode(&whole[..at], &mut sink);
                for byte in 0..=255 {
                    let mut decoder = Decoder::new(table_bytes);
                    block[at] = byte;
                    // The first error ends the connection.
                    let mut sequence = blocks[..broken].iter().chain([&block]).chain(&blocks[broken + 1..]);
                    let _ = sequence.try_for_each(|block| decoder.decode(block, &mut sink));
                    assert!(decoder.table_bytes() <= table_bytes as usize);
                }
                block[at] = whole[at];
            }
        }
    }
}
