//! The letters of crypt: how its hashes write salts and digests.

const LETTERS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The letter of the lowest six bits.
pub(super) fn letter(bits: u8) -> char {
    char::from(LETTERS[usize::from(bits & 63)])
}

/// The six bits of a letter.
pub(super) fn value(letter: u8) -> Option<u8> {
    (0..64).find(|&bits| LETTERS[usize::from(bits)] == letter)
}

/// Writes bytes of a digest in groups of three, whose places these are; a group at the end may be shorter.
pub(super) fn write(digest: &[u8], places: &[u8]) -> String {
    let mut text = String::with_capacity(digest.len() * 4 / 3 + 3);
    for group in places.chunks(3) {
        let byte = |place: &u8| digest.get(usize::from(*place)).copied().unwrap_or_default();
        let mut bits = group.iter().fold(0_u32, |bits, place| bits << 8 | u32::from(byte(place)));
        for _ in 0..=group.len() {
            text.push(letter((bits & 63) as u8));
            bits >>= 6;
        }
    }
    text
}
