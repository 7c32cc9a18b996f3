//! A naive decoder, and agreement with it on blocks of any kind.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::super::{Decoder, HpackError, huffman, static_table};
use super::{Owned, decode};

/// As RFC 7541 says, without regard to cost.
struct Naive {
    /// The newest at the front.
    entries: VecDeque<Owned>,
    max: usize,
    limit: usize,
}

impl Naive {
    fn decode(&mut self, mut block: &[u8]) -> Option<Vec<Owned>> {
        let mut fields = Vec::new();
        let mut updates = 0;
        while let Some(&first) = block.first() {
            match first {
                0x80.. => fields.push(self.entry(number(&mut block, 7)?)?),
                0x40.. => {
                    let field = self.literal(&mut block, 6)?;
                    self.entries.push_front(field.clone());
                    self.evict();
                    fields.push(field);
                }
                0x20.. => {
                    updates += 1;
                    self.max = number(&mut block, 5)?;
                    if !fields.is_empty() || updates > 2 || self.max > self.limit {
                        return None;
                    }
                    self.evict();
                }
                _ => fields.push(self.literal(&mut block, 4)?),
            }
        }
        Some(fields)
    }

    fn literal(&self, block: &mut &[u8], prefix: u32) -> Option<Owned> {
        let name = match number(block, prefix)? {
            0 => string(block)?,
            index => self.entry(index)?.0,
        };
        Some((name, string(block)?))
    }

    fn entry(&self, index: usize) -> Option<Owned> {
        match static_table::entry(index) {
            Some((known, value)) => Some((known.as_bytes().to_vec(), value.as_bytes().to_vec())),
            None => self.entries.get(index.checked_sub(62)?).cloned(),
        }
    }

    fn size(&self) -> usize {
        self.entries.iter().map(|(name, value)| name.len() + value.len() + 32).sum()
    }

    fn evict(&mut self) {
        while self.size() > self.max {
            self.entries.pop_back();
        }
    }
}

fn number(block: &mut &[u8], prefix: u32) -> Option<usize> {
    let most = (1 << prefix) - 1;
    let mut take = || block.split_off_first().map(|&byte| usize::from(byte));
    let mut number = take()? & most;
    if number == most {
        for place in 0.. {
            let byte = take()?;
            number += (byte & 0x7f) << (7 * place);
            if byte < 0x80 {
                break;
            }
            if place == 3 {
                return None;
            }
        }
    }
    Some(number)
}

fn string(block: &mut &[u8]) -> Option<Vec<u8>> {
    let is_coded = *block.first()? >= 0x80;
    let length = number(block, 7)?;
    let text = block.split_off(..length)?;
    if !is_coded {
        return Some(text.to_vec());
    }
    let mut out = vec![0; huffman::bound(length) + huffman::SLACK];
    let length = huffman::decode(text, &mut out).ok()?;
    out.truncate(length);
    Some(out)
}

/// One representation of a field, mostly a valid one.
fn representation() -> impl Strategy<Value = Vec<u8>> {
    let string = || {
        (prop_oneof!["[a-z0-9=/;-]{0,12}", "[ -~]{0,60}", "[a-c]{100,300}"], any::<bool>()).prop_map(
            |(text, is_coded)| {
                let (mark, text) =
                    if is_coded { (0x80, huffman::encode(text.as_bytes())) } else { (0, text.into_bytes()) };
                let mut out = Vec::new();
                super::super::integer::write(&mut out, mark, 0x7f, text.len());
                out.extend(text);
                out
            },
        )
    };
    let first = |mark: u8, mask: u8, index: usize| {
        let mut out = Vec::new();
        super::super::integer::write(&mut out, mark, mask, index);
        out
    };
    let kinds = prop::sample::select(vec![(0x40, 0x3f), (0x40, 0x3f), (0x00, 0x0f), (0x10, 0x0f)]);
    prop_oneof![
        4 => (1..75_usize).prop_map(move |index| first(0x80, 0x7f, index)),
        3 => (kinds.clone(), 1..70_usize, string()).prop_map(move |((mark, mask), index, value)| [first(mark, mask, index), value].concat()),
        3 => (kinds, string(), string()).prop_map(move |((mark, mask), name, value)| [first(mark, mask, 0), name, value].concat()),
    ]
}

fn block() -> impl Strategy<Value = Vec<u8>> {
    let update = prop::option::weighted(
        0.2,
        prop::sample::select(vec![&[0x20][..], &[0x3f, 0x81, 0x01], &[0x3f, 0xe1, 0x1f], &[0x3f, 0xe2, 0x1f]]),
    );
    (update, prop::collection::vec(representation(), 0..12))
        .prop_map(|(update, fields)| [update.unwrap_or_default().to_vec(), fields.concat()].concat())
}

fn agree(table_bytes: u32, blocks: &[Vec<u8>]) -> Result<(), TestCaseError> {
    let limit = table_bytes as usize;
    let mut naive = Naive { entries: VecDeque::new(), max: limit.min(4096), limit };
    let mut decoder = Decoder::new(table_bytes);
    for block in blocks {
        let expected = naive.decode(block);
        let found: Result<_, HpackError> = decode(&mut decoder, block);
        prop_assert_eq!(found.clone().ok(), expected.clone());
        if expected.is_none() {
            break;
        }
        prop_assert_eq!(decoder.table_bytes(), naive.size());
        prop_assert!(decoder.held() <= 2 * limit.max(512) + 8 * 2 * limit.div_ceil(32) + 64);
    }
    Ok(())
}

proptest! {
    #[test]
    fn blocks_decode_as_the_naive_decoder_does(
        blocks in prop::collection::vec(block(), 1..12),
        table_bytes in prop::sample::select(vec![0, 100, 256, 1000, 4096, 16_384]),
    ) {
        agree(table_bytes, &blocks)?;
    }

    #[test]
    fn damaged_blocks_decode_as_the_naive_decoder_does(
        mut blocks in prop::collection::vec(block(), 1..4),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let last = blocks.last_mut().unwrap();
        for (at, byte) in damage {
            if !last.is_empty() {
                let at = at.index(last.len());
                last[at] = byte;
            }
        }
        agree(4096, &blocks)?;
    }

    #[test]
    fn any_bytes_decode_as_the_naive_decoder_does(blocks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..4)) {
        agree(4096, &blocks)?;
    }
}
