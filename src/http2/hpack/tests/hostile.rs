//! What peers may try.

use super::super::{Decoder, FieldSink, HpackError, Known, huffman};
use super::{Count, decode, hex, owned};

/// A literal that becomes an entry.
fn entry(name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut out = vec![0x40];
    for text in [name, value] {
        super::super::integer::write(&mut out, 0, 0x7f, text.len());
        out.extend_from_slice(text);
    }
    out
}

#[test]
fn an_entry_that_is_named_a_thousand_times_is_not_copied() {
    let mut decoder = Decoder::new(4096);
    let value = vec![b'v'; 3700];
    let mut block = entry(b"bomb", &value);
    block.extend([0xbe; 1000]);
    /// Checks that each value is the same memory.
    struct Same(Vec<*const u8>);
    impl FieldSink for Same {
        fn field(&mut self, _: &[u8], value: &[u8]) {
            assert_eq!(value.len(), 3700);
            self.0.push(value.as_ptr());
        }
    }
    let mut sink = Same(Vec::new());
    decoder.decode(&block, &mut sink).unwrap();
    assert_eq!(sink.0.len(), 1001);
    assert!(sink.0[1..].iter().all(|place| *place == sink.0[1]));
    assert!(decoder.held() <= 2 * 4096, "{}", decoder.held());
}

#[test]
fn blocks_that_are_wrong_are_refused_for_what_is_wrong() {
    for (block, error) in [
        ("80", HpackError::UnknownIndex),
        ("be", HpackError::UnknownIndex),
        ("ff00", HpackError::UnknownIndex),
        ("7f00 00", HpackError::UnknownIndex),
        ("0f40 00", HpackError::UnknownIndex),
        ("ff", HpackError::Truncated),
        ("40", HpackError::Truncated),
        ("4001", HpackError::Truncated),
        ("4001 61", HpackError::Truncated),
        ("4001 6102 61", HpackError::Truncated),
        ("04", HpackError::Truncated),
        ("ffff ffff ffff ffff 01", HpackError::NumberTooLong),
        ("047f ffff ff7f", HpackError::Truncated),
        ("047f ffff ffff 7f", HpackError::NumberTooLong),
        ("8220", HpackError::MisplacedSizeUpdate),
        ("2020 20", HpackError::MisplacedSizeUpdate),
        ("3fe2 1f", HpackError::SizeUpdateTooLarge),
        ("0481 00", HpackError::Huffman),
        ("0484 ffff ffff", HpackError::Huffman),
        ("0482 1fff", HpackError::Huffman),
    ] {
        assert_eq!(decode(&mut Decoder::new(4096), &hex(block)), Err(error), "{block}");
    }
    for block in ["", "20", "2020", "3fe1 1f", "203f e11f 82", "4000 00", "0000 00", "0480", "0481 1f"] {
        assert!(decode(&mut Decoder::new(4096), &hex(block)).is_ok(), "{block}");
    }
}

#[test]
fn an_entry_larger_than_the_table_empties_it() {
    let mut decoder = Decoder::new(4096);
    decode(&mut decoder, &entry(b"a", b"b")).unwrap();
    assert_eq!(decoder.table_bytes(), 34);
    let large = vec![b'v'; 4096 - 32];
    assert_eq!(decode(&mut decoder, &entry(b"n", &large)).unwrap()[0].1, large);
    assert_eq!(decoder.table_bytes(), 0);
    decode(&mut decoder, &entry(b"n", &large[1..])).unwrap();
    assert_eq!(decoder.table_bytes(), 4096);
    // Far larger, and Huffman coded; then again with the name of an entry that goes.
    let huge = vec![b'a'; 60_000];
    let code = huffman::encode(&huge);
    for name in [&[0x40, 0x01, b'n'][..], &[0x7e], &[0x41]] {
        decode(&mut decoder, &entry(b"n", b"")).unwrap();
        let mut block = name.to_vec();
        if name == [0x7e] {
            // Index 62.
            block = vec![0x40 | 62];
        }
        super::super::integer::write(&mut block, 0x80, 0x7f, code.len());
        block.extend_from_slice(&code);
        assert_eq!(decode(&mut decoder, &block).unwrap()[0].1, huge);
        assert_eq!(decoder.table_bytes(), 0);
        assert!(decoder.held() <= 2 * 4096 + 256, "{}", decoder.held());
    }
}

#[test]
fn a_new_entry_may_have_the_name_of_one_that_it_drives_out() {
    let mut decoder = Decoder::new(100);
    let name = "n".repeat(40);
    decode(&mut decoder, &entry(name.as_bytes(), b"first")).unwrap();
    for _ in 0..1000 {
        assert_eq!(decode(&mut decoder, b"\x7e\x05again").unwrap(), owned(&[(&name, "again")]));
        assert_eq!(decoder.table_bytes(), 77);
    }
    assert!(decoder.held() <= 1024, "{}", decoder.held());
}

#[test]
fn long_strings_that_become_no_entries_leave_no_memory_behind() {
    let mut decoder = Decoder::new(4096);
    assert_eq!(decoder.held(), 0);
    let code = huffman::encode(&vec![b'a'; 100_000]);
    let mut block = vec![0x04];
    super::super::integer::write(&mut block, 0x80, 0x7f, code.len());
    block.extend_from_slice(&code);
    // Entries that come behind it lie far back in the memory, and stay reachable.
    block.extend(entry(b"a", b"1"));
    for _ in 0..3000 {
        block.extend(entry(b"b", b"22"));
    }
    let mut count = Count::default();
    decoder.decode(&block, &mut count).unwrap();
    assert_eq!((count.fields, count.bytes), (3002, 5 + 100_000 + 2 + 3000 * 3));
    assert_eq!(decode(&mut decoder, &[0xbe]), Ok(owned(&[("b", "22")])));
    assert!(decoder.held() <= 2 * 4096 + 128 * 8, "{}", decoder.held());
}

#[test]
fn a_decoder_holds_little_memory() {
    assert!(size_of::<Decoder>() <= 104, "{}", size_of::<Decoder>());
    let mut decoder = Decoder::new(4096);
    for turn in 0..20_000_usize {
        let value = vec![b'v'; turn * 7 % 400];
        let block = [entry(b"name", &value), vec![0xbe, 0xbe]].concat();
        assert_eq!(decode(&mut decoder, &block).unwrap()[2].1, value);
        assert!(decoder.held() <= 2 * 4096 + 256 * 8, "{}", decoder.held());
    }
}

#[test]
fn names_of_the_static_table_arrive_by_number_also_from_entries() {
    struct Knows(Vec<(Option<Known>, Vec<u8>)>);
    impl FieldSink for Knows {
        fn field(&mut self, name: &[u8], _: &[u8]) {
            self.0.push((None, name.to_vec()));
        }
        fn known(&mut self, name: Known, value: &[u8]) {
            self.0.push((Some(name), value.to_vec()));
        }
    }
    let mut sink = Knows(Vec::new());
    // Accept by index with a new value; the entry; its name again; the same name as text; a static entry.
    let block = [&b"\x53\x01a"[..], b"\xbe", b"\x7e\x01b", &entry(b"accept", b"c"), b"\x83"].concat();
    Decoder::new(4096).decode(&block, &mut sink).unwrap();
    let accept = Some(Known::ACCEPT);
    assert_eq!(
        sink.0,
        [
            (accept, b"a".to_vec()),
            (accept, b"a".to_vec()),
            (accept, b"b".to_vec()),
            (None, b"accept".to_vec()),
            (Some(Known::METHOD), b"POST".to_vec())
        ]
    );
}
