//! Decodes the Huffman code (RFC 7541 §5.2, Appendix B).
//!
//! The code is canonical: codes of one length are consecutive numbers in the order of their symbols, so that the
//! lengths of all codes say everything. Two symbols at a time come from a table of 12 bits, because nearly all letters,
//! digits and marks of typical values have 5 or 6; what is longer than 12 bits is searched by its length.

use super::error::HpackError;

/// Lengths of the codes of all bytes, and of EOS, in bits.
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, //
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28, //
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, //
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, //
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, //
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, //
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, //
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, //
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, //
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, //
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, //
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, //
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, //
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, //
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, //
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, //
    30,
];

/// The longest code, in bits.
const LONGEST: usize = 30;

/// What is not a byte.
const EOS: u16 = 256;

/// How many bits the table looks at.
const WINDOW: u32 = 12;

/// How many bytes [`decode`] may write at most behind what it decodes.
pub(super) const SLACK: usize = 8;

/// The symbols at the front of a window: low 16 bits the first and the second byte, then 8 bits the length of their
/// codes, then 8 bits 8 × their number. 0 when the first code is longer than the window.
static PAIRS: [u32; 1 << WINDOW] = pairs();

/// Codes by length: where they begin, as numbers of 30 bits, and the place of their first symbol in `SYMBOLS`.
static BY_LENGTH: [(u32, u16); LONGEST + 2] = by_length();

/// Symbols by length of code, and by number.
static SYMBOLS: [u16; 257] = symbols();

const fn symbols() -> [u16; 257] {
    let mut symbols = [0; 257];
    let mut place = 0;
    let mut length = 1;
    while length <= LONGEST {
        let mut symbol = 0;
        while symbol < 257 {
            if LENGTHS[symbol] as usize == length {
                symbols[place] = symbol as u16;
                place += 1;
            }
            symbol += 1;
        }
        length += 1;
    }
    symbols
}

const fn by_length() -> [(u32, u16); LONGEST + 2] {
    let mut by_length = [(0, 0); LONGEST + 2];
    let mut code = 0;
    let mut place = 0;
    let mut length = 1;
    while length <= LONGEST {
        by_length[length] = (code, place);
        let mut symbol = 0;
        while symbol < 257 {
            if LENGTHS[symbol] as usize == length {
                code += 1 << (LONGEST - length);
                place += 1;
            }
            symbol += 1;
        }
        length += 1;
    }
    by_length[LONGEST + 1] = (code, place);
    by_length
}

const fn pairs() -> [u32; 1 << WINDOW] {
    // One symbol, and the length of its code, for each window.
    let mut singles = [(0, 0); 1 << WINDOW];
    let symbols = symbols();
    let mut place = 0;
    let mut window = 0;
    while window < 1 << WINDOW {
        let symbol = symbols[place];
        let length = LENGTHS[symbol as usize] as u32;
        if length > WINDOW {
            break;
        }
        let end = window + (1 << (WINDOW - length));
        while window < end {
            singles[window] = (symbol as u32, length);
            window += 1;
        }
        place += 1;
    }
    let mut pairs = [0; 1 << WINDOW];
    let mut window = 0;
    while window < 1 << WINDOW {
        let (first, length) = singles[window];
        if length > 0 {
            let (second, more) = singles[(window << length) & ((1 << WINDOW) - 1)];
            pairs[window] = if more > 0 && length + more <= WINDOW {
                first | second << 8 | (length + more) << 16 | 16 << 24
            } else {
                first | length << 16 | 8 << 24
            };
        }
        window += 1;
    }
    pairs
}

/// How many bytes a code of `length` bytes decodes to at most: the shortest codes have 5 bits.
#[inline]
pub(super) fn bound(length: usize) -> usize {
    length * 8 / 5
}

/// Decodes `code` into the front of `out`, which has room for [`bound`] and [`SLACK`], and says how many bytes it is.
///
/// Sums and differences wrap where the numbers of bits, at most 64, show that they do not: checks would be a third of
/// the work.
pub(super) fn decode(code: &[u8], out: &mut [u8]) -> Result<usize, HpackError> {
    // Bits that come next, from the highest on, and how many of them are there.
    let mut bits = 0_u64;
    let mut have = 0_u32;
    let mut at = 0_usize;
    let mut to = 0_usize;
    while let Some((ahead, slot)) = eight(code, at).zip(out.get_mut(to..).and_then(|out| out.first_chunk_mut::<8>())) {
        // At least 56 bits: whole bytes are taken, bits of a further one are there twice, and are alike.
        bits |= ahead >> have;
        at = at.wrapping_add((63_u32.wrapping_sub(have) >> 3) as usize);
        have |= 56;
        let mut pair = look(bits);
        if pair == 0 {
            let (symbol, length) = long(bits);
            slot[0] = u8::try_from(symbol).map_err(|_| HpackError::Huffman)?;
            to = to.wrapping_add(1);
            bits <<= length;
            have = have.wrapping_sub(length);
            continue;
        }
        // 4 windows are 48 bits and 8 symbols.
        let mut word = 0_u64;
        let mut shift = 0_u32;
        for _ in 0..4 {
            word |= u64::from(pair & 0xffff).wrapping_shl(shift);
            shift = shift.wrapping_add(pair >> 24);
            let length = (pair >> 16) & 0xff;
            bits = bits.wrapping_shl(length);
            have = have.wrapping_sub(length);
            pair = look(bits);
            if pair == 0 {
                break;
            }
        }
        *slot = word.to_le_bytes();
        to = to.wrapping_add((shift >> 3) as usize);
    }
    decode_rest(code.get(at..).unwrap_or_default(), bits, have, out, to)
}

/// The eight bytes at `at`.
#[inline(always)]
fn eight(code: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(*code.get(at..)?.first_chunk::<8>()?))
}

/// As [`decode`], where less than 8 bytes are left.
#[inline]
fn decode_rest(code: &[u8], bits: u64, mut have: u32, out: &mut [u8], mut to: usize) -> Result<usize, HpackError> {
    // The bits are kept inverted, so that what is shifted in reads as ones: padding, which is a prefix of EOS.
    let mut inverted = if have == 0 { 0 } else { !bits & !(u64::MAX >> have) };
    let mut last = 0;
    for byte in code {
        last = last << 8 | u64::from(!byte);
    }
    let mut left = 8 * code.len() as u32;
    last = if left == 0 { 0 } else { last << (64 - left) };
    loop {
        // All bits that there is room for; the first 56 at least, unless the end is near.
        let more = left.min(64_u32.wrapping_sub(have));
        inverted |= last.checked_shr(have).unwrap_or(0);
        last = last.checked_shl(more).unwrap_or(0);
        have = have.wrapping_add(more);
        left = left.wrapping_sub(more);
        loop {
            let pair = look(!inverted);
            let length = (pair >> 16) & 0xff;
            if pair == 0 || length > have {
                break;
            }
            *out.get_mut(to..).and_then(|out| out.first_chunk_mut::<2>()).ok_or(HpackError::Huffman)? =
                (pair as u16).to_le_bytes();
            to = to.wrapping_add((pair >> 27) as usize);
            inverted = inverted.wrapping_shl(length);
            have = have.wrapping_sub(length);
        }
        if left > 0 && have < LONGEST as u32 {
            continue;
        }
        if have < 8 && inverted == 0 {
            return Ok(to);
        }
        // A long code, or one that ends in the padding.
        let (symbol, length) = if look(!inverted) == 0 { long(!inverted) } else { (EOS, u32::MAX) };
        if length > have {
            return Err(HpackError::Huffman);
        }
        *out.get_mut(to).ok_or(HpackError::Huffman)? = u8::try_from(symbol).map_err(|_| HpackError::Huffman)?;
        to = to.wrapping_add(1);
        inverted = inverted.wrapping_shl(length);
        have = have.wrapping_sub(length);
    }
}

#[inline(always)]
fn look(bits: u64) -> u32 {
    PAIRS[(bits >> (64 - WINDOW)) as usize]
}

/// The symbol whose code, longer than the window, begins `bits`, and its length.
fn long(bits: u64) -> (u16, u32) {
    let code = (bits >> (64 - LONGEST)) as u32;
    let mut length = WINDOW as usize + 1;
    while length < LONGEST && code >= BY_LENGTH[length + 1].0 {
        length += 1;
    }
    let (first, place) = BY_LENGTH[length];
    let place = usize::from(place) + ((code.saturating_sub(first)) >> (LONGEST - length)) as usize;
    (SYMBOLS.get(place).copied().unwrap_or(EOS), length as u32)
}

/// Encodes, for tests: nothing else of ours does.
#[cfg(test)]
pub(super) fn encode(text: &[u8]) -> Vec<u8> {
    let mut bits = Vec::new();
    for &byte in text {
        push_code(&mut bits, u16::from(byte));
    }
    while bits.len() % 8 != 0 {
        bits.push(true);
    }
    bits.chunks(8).map(|byte| byte.iter().fold(0, |byte, &bit| byte << 1 | u8::from(bit))).collect()
}

#[cfg(test)]
fn push_code(bits: &mut Vec<bool>, symbol: u16) {
    let length = usize::from(LENGTHS[usize::from(symbol)]);
    let (first, place) = BY_LENGTH[length];
    let nth = SYMBOLS[usize::from(place)..].iter().position(|&other| other == symbol).unwrap();
    let code = (first >> (LONGEST - length)) + nth as u32;
    bits.extend((0..length).rev().map(|bit| code >> bit & 1 == 1));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode_all(code: &[u8]) -> Result<Vec<u8>, HpackError> {
        let mut out = vec![0xee; bound(code.len()) + SLACK];
        let length = decode(code, &mut out)?;
        out.truncate(length);
        Ok(out)
    }

    /// Bit by bit, by the definition of the code.
    fn decode_slowly(code: &[u8]) -> Result<Vec<u8>, HpackError> {
        let mut codes = std::collections::HashMap::new();
        for symbol in 0..=EOS {
            let mut bits = Vec::new();
            push_code(&mut bits, symbol);
            codes.insert(bits, symbol);
        }
        let mut out = Vec::new();
        let mut bits = Vec::new();
        for byte in code {
            for bit in (0..8).rev() {
                bits.push(byte >> bit & 1 == 1);
                if let Some(&symbol) = codes.get(&bits) {
                    out.push(u8::try_from(symbol).map_err(|_| HpackError::Huffman)?);
                    bits.clear();
                }
            }
        }
        if bits.len() < 8 && bits.iter().all(|&bit| bit) { Ok(out) } else { Err(HpackError::Huffman) }
    }

    #[test]
    fn the_code_is_complete_and_ends_with_eos() {
        let (end, count) = BY_LENGTH[LONGEST + 1];
        assert_eq!((end, count), (1 << 30, 257));
        assert_eq!(SYMBOLS[256], EOS);
        // The first codes and some others as Appendix B prints them.
        let code = |symbol| {
            let mut bits = Vec::new();
            push_code(&mut bits, symbol);
            bits.iter().map(|&bit| if bit { '1' } else { '0' }).collect::<String>()
        };
        assert_eq!(code(48), "00000");
        assert_eq!(code(116), "01001");
        assert_eq!(code(0), "1111111111000");
        assert_eq!(code(92), "1111111111111110000");
        assert_eq!(code(255), "11111111111111111111101110");
        assert_eq!(code(256), "1".repeat(30));
    }

    #[test]
    fn strings_of_appendix_c_decode() {
        let www = [0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff];
        assert_eq!(decode_all(&www).unwrap(), b"www.example.com");
        assert_eq!(decode_all(&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf]).unwrap(), b"no-cache");
        assert_eq!(decode_all(&[]).unwrap(), b"");
    }

    #[test]
    fn padding_is_at_most_seven_ones_and_eos_is_refused() {
        // "1" is 00001; then three bits of padding.
        assert_eq!(decode_all(&[0b0000_1111]).unwrap(), b"1");
        for bad in [0b0000_1000, 0b0000_1011, 0b0000_1110] {
            assert_eq!(decode_all(&[bad]), Err(HpackError::Huffman));
        }
        assert_eq!(decode_all(&[0b0000_1111, 0xff]), Err(HpackError::Huffman));
        for ones in 1..12 {
            assert_eq!(decode_all(&vec![0xff; ones]), Err(HpackError::Huffman));
        }
        // Long strings take another way.
        let mut long = encode(&[b'1'; 64]);
        assert_eq!(decode_all(&long).unwrap(), [b'1'; 64]);
        long.push(0xff);
        assert_eq!(decode_all(&long), Err(HpackError::Huffman));
        long.extend([0xff; 20]);
        assert_eq!(decode_all(&long), Err(HpackError::Huffman));
    }

    #[test]
    fn every_pair_of_bytes_decodes_as_it_was_encoded() {
        for first in 0..=255 {
            for second in 0..=255 {
                let text = [first, second];
                assert_eq!(decode_all(&encode(&text)).unwrap(), text);
            }
        }
    }

    proptest! {
        #[test]
        fn strings_decode_as_they_were_encoded(text in prop::collection::vec(any::<u8>(), 0..100)) {
            prop_assert_eq!(decode_all(&encode(&text)).unwrap(), text);
        }

        #[test]
        fn text_decodes_as_it_was_encoded(text in "[ -~]{0,80}") {
            prop_assert_eq!(decode_all(&encode(text.as_bytes())).unwrap(), text.as_bytes());
        }

        #[test]
        fn any_bytes_decode_as_bit_by_bit(code in prop::collection::vec(any::<u8>(), 0..24)) {
            prop_assert_eq!(decode_all(&code), decode_slowly(&code));
        }

        #[test]
        fn damaged_codes_decode_as_bit_by_bit(text in "[ -~]{0,40}", at in any::<prop::sample::Index>(), by in 1..=255_u8) {
            let mut code = encode(text.as_bytes());
            if !code.is_empty() {
                let at = at.index(code.len());
                code[at] ^= by;
            }
            prop_assert_eq!(decode_all(&code), decode_slowly(&code));
        }
    }
}
