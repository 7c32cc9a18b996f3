//! Tests of whole blocks: what RFC 7541 prints, what a naive reference decodes, what peers may try.

mod hostile;
mod reference;
mod round_trip;
mod vectors;

use super::{Decoder, FieldSink, HpackError};

/// A field as owned bytes.
type Owned = (Vec<u8>, Vec<u8>);

/// Keeps all fields.
#[derive(Default)]
struct Fields(Vec<Owned>);

impl FieldSink for Fields {
    fn field(&mut self, name: &[u8], value: &[u8]) {
        self.0.push((name.to_vec(), value.to_vec()));
    }
}

/// Counts fields and bytes, and keeps nothing.
#[derive(Default)]
struct Count {
    fields: usize,
    bytes: usize,
}

impl FieldSink for Count {
    fn field(&mut self, name: &[u8], value: &[u8]) {
        self.fields += 1;
        self.bytes += name.len() + value.len();
    }
}

fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<Vec<Owned>, HpackError> {
    let mut fields = Fields::default();
    decoder.decode(block, &mut fields).map(|()| fields.0)
}

fn owned(fields: &[(&str, &str)]) -> Vec<Owned> {
    fields.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())).collect()
}

/// Bytes from hexadecimal digits; blanks are ignored.
fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u32> = digits.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
}
