//! Header blocks: no input panics, tables stay within their bounds, and what decodes is encoded and decoded again as the
//! same.
//!
//! The first byte is the size of the decoder's table, the second what the peer of the encoder allows, the next eight are
//! lengths of blocks, used in turn; the rest is the blocks.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate::http2::hpack::{Decoder, Encoder, FieldSink, MAX_TABLE_BYTES};

/// Name and value.
type Field = (Vec<u8>, Vec<u8>);

/// What one block may decode to, in bytes, before the rest is only counted.
const KEPT: usize = 1 << 20;

#[derive(Default)]
struct Fields {
    kept: Vec<Field>,
    bytes: usize,
    count: usize,
}

impl FieldSink for Fields {
    fn field(&mut self, name: &[u8], value: &[u8]) {
        self.count += 1;
        self.bytes += name.len() + value.len();
        if self.bytes <= KEPT {
            self.kept.push((name.to_vec(), value.to_vec()));
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let [table, allowed, rest @ ..] = input else { return };
    let Some((lengths, mut blocks)) = rest.split_at_checked(8) else { return };
    let limit = (u32::from(*table) * 65).min(MAX_TABLE_BYTES);
    let (mut decoder, mut again) = (Decoder::new(limit), Decoder::new(4096));
    let mut encoder = Encoder::new();
    for length in lengths.iter().cycle() {
        if blocks.is_empty() {
            break;
        }
        // At least one byte, so that zeros end too.
        let (block, behind) = blocks.split_at(usize::from(*length).clamp(1, blocks.len()));
        blocks = behind;
        let mut fields = Fields::default();
        let outcome = decoder.decode(block, &mut fields);
        assert!(decoder.table_bytes() <= limit as usize);
        assert!(fields.count <= block.len());
        if outcome.is_err() {
            break;
        }
        assert!(within(decoder.held(), limit as usize));
        encode(&mut encoder, &mut again, &fields.kept, *length, *allowed);
    }
});

/// Two times the table, its list of entries, whose length is a power of two, and what is allocated at least.
fn within(held: usize, limit: usize) -> bool {
    held <= (2 * limit).max(256) + 8 * (limit / 32).next_power_of_two().max(8)
}

fn encode(encoder: &mut Encoder, decoder: &mut Decoder, fields: &[Field], length: u8, allowed: u8) {
    if length & 1 == 1 {
        encoder.set_table_bytes(u32::from(length ^ allowed) * 20);
    }
    let mut block = Vec::new();
    encoder.begin(&mut block);
    // Names of fields are tokens; the encoder may rely on that.
    let tokens =
        || fields.iter().filter(|(name, _)| name.first() != Some(&b':') && !name.iter().any(u8::is_ascii_control));
    tokens().for_each(|(name, value)| encoder.field(name, value, &mut block));
    let mut decoded = Fields::default();
    decoder.decode(&block, &mut decoded).expect("what is encoded decodes");
    assert!(decoder.table_bytes() <= 4096);
    assert!(within(encoder.held(), 4096 + 256));
    assert!(
        decoded
            .kept
            .iter()
            .map(|(name, value)| (name.clone(), value))
            .eq(tokens().map(|(name, value)| (name.to_ascii_lowercase(), value)))
    );
}
