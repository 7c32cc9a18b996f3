//! Whether a password is that of a hash.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};

use super::des_crypt::des_crypt;
use super::letters;
use super::md5_crypt::md5_crypt;
use crate::model::{HashParts, PasswordHash, Sha};

/// Bytes of a password that bcrypt looks at, with the zero behind it.
const BCRYPT_BYTES: usize = 72;
/// The orders in which SHA-crypt writes the bytes of its digests.
const PLACES_256: [u8; 32] = [
    0, 10, 20, 21, 1, 11, 12, 22, 2, 3, 13, 23, 24, 4, 14, 15, 25, 5, 6, 16, 26, 27, 7, 17, 18, 28, 8, 9, 19, 29, 31,
    30,
];
const PLACES_512: [u8; 64] = [
    0, 21, 42, 22, 43, 1, 44, 2, 23, 3, 24, 45, 25, 46, 4, 47, 5, 26, 6, 27, 48, 28, 49, 7, 50, 8, 29, 9, 30, 51, 31,
    52, 10, 53, 11, 32, 12, 33, 54, 34, 55, 13, 56, 14, 35, 15, 36, 57, 37, 58, 16, 59, 17, 38, 18, 39, 60, 40, 61, 19,
    62, 20, 41, 63,
];

/// Computes the hash and compares, which may take a second. The time does not tell how much of it is equal.
pub(super) fn is_right(hash: &PasswordHash, password: &[u8]) -> bool {
    match hash.parts() {
        None => false,
        Some(HashParts::Bcrypt { cost, salt, digest }) => {
            let mut key = password.to_vec();
            key.push(0);
            key.truncate(BCRYPT_BYTES);
            // The last byte is not written.
            equal(&bcrypt::bcrypt(cost.into(), salt, &key)[..digest.len()], &digest)
        }
        Some(HashParts::Md5Crypt { magic, salt, digest }) => {
            equal(md5_crypt(magic, salt, password).as_bytes(), digest.as_bytes())
        }
        Some(HashParts::DesCrypt { salt, digest }) => {
            des_crypt(salt, password).is_some_and(|found| equal(found.as_bytes(), digest.as_bytes()))
        }
        Some(HashParts::ShaCrypt { sha, rounds, salt, digest }) => {
            let Ok(rounds) = sha_crypt::Params::new(rounds) else { return false };
            let found = match sha {
                Sha::Bits256 => {
                    letters::write(&sha_crypt::sha256_crypt(password, salt.as_bytes(), rounds), &PLACES_256)
                }
                Sha::Bits512 => {
                    letters::write(&sha_crypt::sha512_crypt(password, salt.as_bytes(), rounds), &PLACES_512)
                }
            };
            equal(found.as_bytes(), digest.as_bytes())
        }
        Some(HashParts::Sha1 { digest, salt }) => {
            let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
            context.update(password);
            context.update(&salt);
            equal(context.finish().as_ref(), &digest)
        }
    }
}

fn equal(one: &[u8], other: &[u8]) -> bool {
    verify_slices_are_equal(one, other).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by `htpasswd -nb FORM alice 'open sesame'` of Apache 2.4.67 and by `openssl passwd` of OpenSSL 3.0. `{SSHA}` is
    /// SHA-1 of the password and the salt `abc`.
    const ALL: [&str; 15] = [
        // -B, -B -C 10; the three letters stand for one thing.
        "$2y$05$5JQoea/yufc3SrlC/gwAZ.tDtrjeaClva8L6gf17wQItiVPDZnoDe",
        "$2a$05$5JQoea/yufc3SrlC/gwAZ.tDtrjeaClva8L6gf17wQItiVPDZnoDe",
        "$2b$05$5JQoea/yufc3SrlC/gwAZ.tDtrjeaClva8L6gf17wQItiVPDZnoDe",
        "$2y$10$RGuRlc7lcgh5jWxLwP434.LOk8aq9AjbCMd0B1sRlI4Kh/A3WMgqG",
        // -m, and openssl passwd -apr1, -1
        "$apr1$as3aXsuB$xJgV9F8l.UoaA9enmVy4b/",
        "$apr1$sfmbsh0x$dIhzIsRaZsDHmwgm87NzH1",
        "$1$POoMYrER$c1TKW8rf7m1/Rg3Z.TzjO0",
        // -s
        "{SHA}W8r/fyL/UzygmbNAjq2HbA67qac=",
        "SSHA",
        // -2, -5, and openssl passwd -5, -6
        "$5$LO.pKQT6.0JHxQfO$K2UpXHHf0kgsm0oN8RO2iQrFsRFDDKxIjxMlHVGT.H5",
        "$6$FzPgunAb9I3FZwwH$YR6q51szxw.AodYrwPayJ7rFZjJM/N6cxovuiQLoKtLMkEd16n3alSJsRKFYeptPsFbVq7crRY8tza1HgyzBv/",
        "$5$0RNSlAXddLvM/soo$QaEJG2Je0hd588LfbFhN/hn02a7Q8Gb6L600jRYg/O8",
        "$6$J3mStJYvClR02Q1f$FsO64dcaaaCkI48QSjLVKM1l6L5Az1EOLOSWwfdePoc6AA3PTu2DuvgsULwHPkY7PwzoOUbHmRq8BtSxS1u0.0",
        "{PLAIN}open sesame",
        // perl -e 'print crypt("open sesame", "ab")'; it knows eight characters, as does -d.
        "ab/G8gtZdMwak",
    ];

    fn hash(text: &str) -> PasswordHash {
        if text == "SSHA" {
            use base64::Engine as _;
            let mut bytes = aws_lc_rs::digest::digest(&SHA1_FOR_LEGACY_USE_ONLY, b"open sesameabc").as_ref().to_vec();
            bytes.extend_from_slice(b"abc");
            let encoded = base64::engine::general_purpose::STANDARD.encode(bytes);
            return PasswordHash::parse(&format!("{{SSHA}}{encoded}")).unwrap();
        }
        PasswordHash::parse(text).unwrap()
    }

    #[test]
    fn the_hashes_of_htpasswd_and_openssl_know_their_password_and_no_other() {
        for text in ALL {
            let hash = hash(text);
            assert!(is_right(&hash, b"open sesame"), "{text}");
            for wrong in [&b""[..], b"open se", b"open-sesame ", b"Open sesame", &[0xff; 256]] {
                assert!(!is_right(&hash, wrong), "{text} {wrong:?}");
            }
        }
    }

    #[test]
    fn all_of_a_password_counts_but_what_des_crypt_and_bcrypt_do_not_look_at() {
        for text in ALL {
            let is_cut = hash(text).is_weak();
            assert_eq!(text.len() == 13, is_cut, "{text}");
            for longer in [&b"open sesam"[..], b"open sesame "] {
                assert_eq!(is_right(&hash(text), longer), is_cut, "{text} {longer:?}");
            }
        }
    }

    /// Long and short ones take other ways through MD5-crypt and SHA-crypt. Made by `openssl passwd -salt ab`; bcrypt by
    /// `htpasswd -nbB`, which says itself that it looks at 72 bytes only.
    #[test]
    fn passwords_of_all_lengths_are_known() {
        for (length, md5, sha256, sha512) in LENGTHS {
            let password = vec![b'x'; length];
            for text in [md5, sha256, sha512] {
                assert!(is_right(&hash(text), &password), "{length} {text}");
            }
        }
        let of_100 = hash("$2y$05$oC4eUgL9KV3S1eGEYzk.AutYPEOVASts2f926MxeQscDgc6SV.Lqa");
        for (length, expected) in [(71, false), (72, true), (73, true), (100, true)] {
            assert_eq!(is_right(&of_100, &vec![b'x'; length]), expected, "{length}");
        }
    }

    const LENGTHS: [(usize, &str, &str, &str); 8] = [
        (
            1,
            "$apr1$ab$eIePjsejfBGR8ITtu2z0U1",
            "$5$ab$5ydlOaPxAq0VpamGFK.BZgHF7HlR0erJsH.F7VB19f0",
            "$6$ab$jnZj29NS/hK2GaouP6AGMIBwD6owZFRejcn9QRdlwSjZaVr.fR9dH2TXrKL/PaacUXwtGfI.4O9zxvy2k6fbE1",
        ),
        (
            15,
            "$apr1$ab$..M2nUGW0ypfHPFwuNmQQ1",
            "$5$ab$5lWF/Wub.d1iv/00Flr0n5Vi0D6TNjbc/7S.srfH5S4",
            "$6$ab$zXe8Qlf/2vpdbcCzmvEoF48.Y3GHYBXHRETbWmVMWedpDA.X4XY1QT9nSyZ/Pj9i/YrygWpIscKDwBYIgxH.o1",
        ),
        (
            16,
            "$apr1$ab$LsdVarWrPwF/2n84ZJWbg1",
            "$5$ab$vYPxxKMZGfOJgmOTLfHuqcWkWmB8oZZg742NPDrA68B",
            "$6$ab$E8XE.5mVFePM1Lpb6o21INlvOAWuSfC/Xgd8F0NRsm9r/Pyunh2Pp9ZSLrjaB6NpkjBE2rti7va3dfZBCl8WV.",
        ),
        (
            17,
            "$apr1$ab$ZPO/bu0QitriSCfXXsb6i.",
            "$5$ab$D8GIxlUbDhMH6baPkMaShExogpA0I0LwCk8vy2.7VH3",
            "$6$ab$5KJs0F2/z8pTb4GnrjM4UBiKFiZMcs8bSN5shi0HUbi4WK7Q.MU110uiLDqVWrQI8rntpG.bj0vU3WJlDh9X2/",
        ),
        (
            33,
            "$apr1$ab$68/mrNJ1b89aM4eE0MAaC/",
            "$5$ab$p9C/aPoeGnxDoR7cz4//Hl5zTRj79.g7pZ321BxSi51",
            "$6$ab$fmssijj0HQjaJtq5GCnL3gur5X7T5/KIT7P0wOJhVHKgGbTH9Gx/AlYV3whP4MTZqyRDVL009me5SqAduJhbB/",
        ),
        (
            64,
            "$apr1$ab$Ks1WO2L5YynNX4/NuGB230",
            "$5$ab$Xbu09z5suGRetTHF64stdlSP14u6iQi53vfrter7ly/",
            "$6$ab$jJ0JKpcKeTClUMLQxap/pY8XzZDlO4biLLovk8fVGLaE4t52bto0gyekQs9CufrDwjH.bpV74nlWd0KNS.pxj0",
        ),
        (
            100,
            "$apr1$ab$fJbkU2xnhI6N1bBb8S9kI1",
            "$5$ab$svYVzYiHQ00pqjxflzlcIykQiiQG2N6nGb5MGoCzhM1",
            "$6$ab$Dl9IhjoQKEbFzT0mHUojnmKfO/iaqCONKYMJae6A6BamPi8p5W8x7BIsEQTkgeX2qGN0TnWVc1L7jgOlphKFW.",
        ),
        (
            255,
            "$apr1$ab$KCUafUGo25zO4RRaiPqq..",
            "$5$ab$J5pQiQC5YazJGR.qzKedU4auP9tKk7DWFfwm8MbwW6B",
            "$6$ab$isZEQjg/ieoc/l64aM0jUvnwWiChEvDA7trjMqlbSZ5VSCzCmKvXEhOiKEQpJiS0D.IBYKDAQgA8isNDtMudD0",
        ),
    ];
}
