//! Numbers with a prefix (RFC 7541 §5.1).

use super::error::HpackError;

/// How many bytes may follow the prefix. Four make 28 bits, far above every index and length that a bounded block has;
/// a table size that large is above every limit too.
const MAX_MORE: usize = 4;

/// Reads the number whose prefix are the bits `mask` of `first`, and whose further bytes begin at `at`, which moves
/// behind it.
#[inline]
pub(super) fn read(block: &[u8], at: &mut usize, first: u8, mask: u8) -> Result<usize, HpackError> {
    let prefix = first & mask;
    if prefix < mask { Ok(usize::from(prefix)) } else { read_more(block, at, mask) }
}

fn read_more(block: &[u8], at: &mut usize, mask: u8) -> Result<usize, HpackError> {
    let mut number = usize::from(mask);
    for place in 0..MAX_MORE {
        let &byte = block.get(*at).ok_or(HpackError::Truncated)?;
        *at += 1;
        number += usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(HpackError::NumberTooLong)
}

/// Writes `number` with its prefix in the bits `mask` of a byte whose other bits are `first`.
#[inline]
pub(super) fn write(out: &mut Vec<u8>, first: u8, mask: u8, number: usize) {
    if number < usize::from(mask) {
        out.push(first | number as u8);
    } else {
        write_more(out, first, mask, number);
    }
}

fn write_more(out: &mut Vec<u8>, first: u8, mask: u8, number: usize) {
    out.push(first | mask);
    let mut rest = number - usize::from(mask);
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(bytes: &[u8], mask: u8) -> Result<(usize, usize), HpackError> {
        let mut at = 1;
        read(bytes, &mut at, bytes[0], mask).map(|number| (number, at))
    }

    #[test]
    fn numbers_of_appendix_c1_are_read_and_written() {
        for (mask, number, bytes) in [
            (0x1f, 10, &[0x0a][..]),
            (0x1f, 1337, &[0x1f, 0x9a, 0x0a]),
            (0xff, 42, &[0x2a]),
            (0x7f, 127, &[0x7f, 0x00]),
        ] {
            assert_eq!(read_all(bytes, mask), Ok((number, bytes.len())));
            let mut out = Vec::new();
            write(&mut out, 0, mask, number);
            assert_eq!(out, bytes);
        }
    }

    #[test]
    fn numbers_are_read_as_they_were_written() {
        for mask in [0x0f, 0x1f, 0x3f, 0x7f] {
            for number in (0..5000).chain([16_383, 16_384, 65_535, 1 << 20, 1 << 27]) {
                let mut out = Vec::new();
                write(&mut out, !mask, mask, number);
                assert_eq!(read_all(&out, mask), Ok((number, out.len())));
            }
        }
    }

    #[test]
    fn numbers_that_are_cut_or_too_long_are_refused() {
        assert_eq!(read_all(&[0x1f], 0x1f), Err(HpackError::Truncated));
        assert_eq!(read_all(&[0x1f, 0x80, 0x80], 0x1f), Err(HpackError::Truncated));
        assert_eq!(read_all(&[0x1f, 0x80, 0x80, 0x80, 0x80, 0x00], 0x1f), Err(HpackError::NumberTooLong));
        assert_eq!(
            read_all(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 0x7f),
            Err(HpackError::NumberTooLong)
        );
        assert_eq!(read_all(&[0x1f, 0xff, 0xff, 0xff, 0x7f], 0x1f), Ok((31 + 0x0fff_ffff, 5)));
    }
}
