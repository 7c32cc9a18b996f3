//! DES-crypt, the oldest hash of crypt(3), as `htpasswd -d` writes it. No kept library has it.
//!
//! The tables are those of FIPS 46-3. They number the bits of a block from its left, beginning with 1. crypt(3) differs from DES in
//! one thing: the salt exchanges bits of what `E` selects.

use super::letters;

/// Encryptions, one of what the other gave.
const TIMES: usize = 25;
/// Characters of a password that count.
const LENGTH: usize = 8;
/// How far the halves of a key turn in each round. Bits.
const TURNS: [u32; 16] = [1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1];

/// What comes of a password: 11 letters of crypt. `salt` is two of them; `None`: they are none.
pub(super) fn des_crypt(salt: &str, password: &[u8]) -> Option<String> {
    let [low, high] = salt.as_bytes() else { return None };
    let salt = u64::from(letters::value(*low)?) | u64::from(letters::value(*high)?) << 6;
    // Seven bits of each character, and one that does not count.
    let key = (0..LENGTH).fold(0, |key, at| key << 8 | u64::from(password.get(at).copied().unwrap_or_default() << 1));
    let keys = round_keys(key);
    let block = (0..TIMES).fold(0, |block, _| encrypt(block, &keys, salt));
    // 64 bits are ten groups of six and four bits, with two zeros behind.
    let bits = u128::from(block) << 2;
    Some((0..11).map(|at| letters::letter((bits >> (60 - 6 * at)) as u8)).collect())
}

/// The bits of a block that a table names. `width` is how many the block has.
fn select(block: u64, width: u32, table: &[u8]) -> u64 {
    table.iter().fold(0, |out, &bit| out << 1 | block >> (width - u32::from(bit)) & 1)
}

/// The keys of the rounds, 48 bits each.
fn round_keys(key: u64) -> [u64; 16] {
    const HALF: u64 = (1 << 28) - 1;
    let turn = |half: u64, by: u32| (half << by | half >> (28 - by)) & HALF;
    let chosen = select(key, 64, &PC1);
    let (mut left, mut right) = (chosen >> 28, chosen & HALF);
    TURNS.map(|by| {
        (left, right) = (turn(left, by), turn(right, by));
        select(left << 28 | right, 56, &PC2)
    })
}

fn encrypt(block: u64, keys: &[u64; 16], salt: u64) -> u64 {
    let block = select(block, 64, &IP);
    let halves = (block >> 32, block & u64::from(u32::MAX));
    let (left, right) = keys.iter().fold(halves, |(left, right), key| (right, left ^ mix(right, *key, salt)));
    // The last round does not exchange the halves.
    select(right << 32 | left, 64, &FP)
}

/// What a round makes of a half, 32 bits.
fn mix(half: u64, key: u64, salt: u64) -> u64 {
    let wide = select(half, 32, &E);
    let (left, right) = (wide >> 24, wide & 0xff_ffff);
    // Bit `n` of the salt exchanges bits `n` and `n + 24` of the 48, counted from the left.
    let swap = (left ^ right) & (salt.reverse_bits() >> 40);
    let mixed = ((left ^ swap) << 24 | (right ^ swap)) ^ key;
    let chosen = S.iter().enumerate().fold(0, |out, (at, table)| {
        let six = (mixed >> (42 - 6 * at)) & 63;
        let (row, column) = (six >> 4 & 2 | six & 1, six >> 1 & 15);
        out << 4 | table[row as usize] >> (60 - 4 * column) & 15
    });
    select(chosen, 32, &P)
}

const IP: [u8; 64] = [
    58, 50, 42, 34, 26, 18, 10, 2, 60, 52, 44, 36, 28, 20, 12, 4, 62, 54, 46, 38, 30, 22, 14, 6, 64, 56, 48, 40, 32,
    24, 16, 8, 57, 49, 41, 33, 25, 17, 9, 1, 59, 51, 43, 35, 27, 19, 11, 3, 61, 53, 45, 37, 29, 21, 13, 5, 63, 55, 47,
    39, 31, 23, 15, 7,
];
const FP: [u8; 64] = [
    40, 8, 48, 16, 56, 24, 64, 32, 39, 7, 47, 15, 55, 23, 63, 31, 38, 6, 46, 14, 54, 22, 62, 30, 37, 5, 45, 13, 53, 21,
    61, 29, 36, 4, 44, 12, 52, 20, 60, 28, 35, 3, 43, 11, 51, 19, 59, 27, 34, 2, 42, 10, 50, 18, 58, 26, 33, 1, 41, 9,
    49, 17, 57, 25,
];
const E: [u8; 48] = [
    32, 1, 2, 3, 4, 5, 4, 5, 6, 7, 8, 9, 8, 9, 10, 11, 12, 13, 12, 13, 14, 15, 16, 17, 16, 17, 18, 19, 20, 21, 20, 21,
    22, 23, 24, 25, 24, 25, 26, 27, 28, 29, 28, 29, 30, 31, 32, 1,
];
const P: [u8; 32] = [
    16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10, 2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22, 11, 4,
    25,
];
const PC1: [u8; 56] = [
    57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36, 63, 55,
    47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4,
];
const PC2: [u8; 48] = [
    14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2, 41, 52, 31, 37, 47, 55, 30,
    40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32,
];
/// The four rows of each S-box, with a hexadecimal digit for each of the 16 columns.
const S: [[u64; 4]; 8] = [
    [0xE4D1_2FB8_3A6C_5907, 0x0F74_E2D1_A6CB_9538, 0x41E8_D62B_FC97_3A50, 0xFC82_4917_5B3E_A06D],
    [0xF18E_6B34_972D_C05A, 0x3D47_F28E_C01A_69B5, 0x0E7B_A4D1_58C6_932F, 0xD8A1_3F42_B67C_05E9],
    [0xA09E_63F5_1DC7_B428, 0xD709_346A_285E_CBF1, 0xD649_8F30_B12C_5AE7, 0x1AD0_6987_4FE3_B52C],
    [0x7DE3_069A_1285_BC4F, 0xD8B5_6F03_472C_1AE9, 0xA690_CB7D_F13E_5284, 0x3F06_A1D8_945B_C72E],
    [0x2C41_7AB6_853F_D0E9, 0xEB2C_47D1_50FA_3986, 0x421B_AD78_F9C5_630E, 0xB8C7_1E2D_6F09_A453],
    [0xC1AF_9268_0D34_E75B, 0xAF42_7C95_61DE_0B38, 0x9EF5_28C3_704A_1DB6, 0x432C_95FA_BE17_608D],
    [0x4B2E_F08D_3C97_5A61, 0xD0B7_491A_E35C_2F86, 0x14BD_C37E_AF68_0592, 0x6BD8_14A7_950F_E23C],
    [0xD284_6FB1_A93E_50C7, 0x1FD8_A374_C56B_0E92, 0x7B41_9CE2_06AD_F358, 0x21E7_4A8D_FC90_356B],
];
