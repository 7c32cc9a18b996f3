//! Eight bytes at a time: what ordinary names, values and targets are judged by before a table looks at each byte.

/// The lowest bit of each byte.
const LOW: u64 = 0x0101_0101_0101_0101;
/// The highest bit of each byte.
const HIGH: u64 = 0x80 * LOW;

/// Whether `marks` marks no byte of these, eight of which it sees at a time. A mark is the highest bit of a byte.
/// Texts of less than four bytes are never clear: a table judges them as fast.
#[inline]
pub(super) fn is_clear(bytes: &[u8], marks: impl Fn(u64) -> u64) -> bool {
    let found = if let Some(last) = bytes.last_chunk::<8>() {
        let (words, _) = bytes.as_chunks::<8>();
        // The last eight bytes stand for the rest, some of them seen twice.
        let last = marks(u64::from_le_bytes(*last));
        words.iter().fold(last, |found, word| found | marks(u64::from_le_bytes(*word)))
    } else if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        marks(u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last)))
    } else {
        return false;
    };
    found & HIGH == 0
}

/// Whether `name` is `known`, ignoring case; `known` is in lower case, and of letters, digits and hyphens.
#[inline]
pub(super) fn is_name(name: &[u8], known: &[u8]) -> bool {
    // Only letters have the bit 0x40, and 0x20 is what their cases differ by.
    let differ = |name: u64, known: u64| (name ^ known) & !((known & (0x40 * LOW)) >> 1);
    let long = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    let short = |bytes: &[u8; 4]| u64::from(u32::from_le_bytes(*bytes));
    if name.len() != known.len() {
        return false;
    }
    if let (Some(a), Some(b)) = (name.last_chunk(), known.last_chunk()) {
        let ((name, _), (known, _)) = (name.as_chunks(), known.as_chunks());
        let found = differ(long(a), long(b));
        return name.iter().zip(known).fold(found, |found, (a, b)| found | differ(long(a), long(b))) == 0;
    }
    if let (Some(a), Some(b), Some(c), Some(d)) =
        (name.first_chunk(), known.first_chunk(), name.last_chunk(), known.last_chunk())
    {
        return differ(short(a), short(b)) | differ(short(c), short(d)) == 0;
    }
    name.eq_ignore_ascii_case(known)
}

/// Marks the bytes from `first` to `last`, both below 0x80.
#[inline]
pub(super) fn between(word: u64, first: u8, last: u8) -> u64 {
    let low = word & !HIGH;
    // No byte carries into the next: each sum is below 0x100.
    (low + u64::from(0x80 - first) * LOW) & !(low + u64::from(0x7f - last) * LOW) & !word
}

/// Marks the bytes that are this one, which is below 0x80.
#[inline]
pub(super) fn equal(word: u64, byte: u8) -> u64 {
    let differ = (word & !HIGH) ^ (u64::from(byte) * LOW);
    !(differ + 0x7f * LOW) & !word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_ignoring_case_and_nothing_else() {
        for known in ["te", "host", "cookie", "referer", "keep-alive", "http2-settings", "proxy-authorization"] {
            let known = known.as_bytes();
            assert!(is_name(known, known) && is_name(&known.to_ascii_uppercase(), known));
            assert!(!is_name(&known[1..], known) && !is_name(b"", known));
            for at in 0..known.len() {
                for byte in 0..=255 {
                    let mut name = known.to_vec();
                    name[at] = byte;
                    assert_eq!(is_name(&name, known), name.eq_ignore_ascii_case(known), "{byte:#x} at {at}");
                }
            }
        }
    }
}
