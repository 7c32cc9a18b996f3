//! MD5-crypt, as crypt (`$1$`) and Apache (`$apr1$`) have it. No kept library has it without much else.

use md5::{Digest as _, Md5};

use super::letters;

const ROUNDS: usize = 1000;
/// The order in which the bytes of the digest are written.
const PLACES: [u8; 16] = [0, 6, 12, 1, 7, 13, 2, 8, 14, 3, 9, 15, 4, 10, 5, 11];

/// What comes of a password, in the letters of crypt.
pub(super) fn md5_crypt(magic: &str, salt: &str, password: &[u8]) -> String {
    let salt = salt.as_bytes();
    let mixed = Md5::new().chain_update(password).chain_update(salt).chain_update(password).finalize();
    let mut context = Md5::new().chain_update(password).chain_update(magic).chain_update(salt);
    for at in (0..password.len()).step_by(mixed.len()) {
        context.update(&mixed[..mixed.len().min(password.len() - at)]);
    }
    let mut length = password.len();
    while length > 0 {
        context.update(if length & 1 == 1 { &[0][..] } else { &password[..1] });
        length >>= 1;
    }
    let mut digest = context.finalize();
    for round in 0..ROUNDS {
        let mut context = Md5::new();
        context.update(if round % 2 == 1 { password } else { &digest[..] });
        if round % 3 != 0 {
            context.update(salt);
        }
        if round % 7 != 0 {
            context.update(password);
        }
        context.update(if round % 2 == 1 { &digest[..] } else { password });
        digest = context.finalize();
    }
    letters::write(&digest, &PLACES)
}
