//! Hashes of passwords as htpasswd writes them: which forms are known, and what stands in each.

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose};

/// Longest text of a hash. Bytes. The longest that a program writes has 120.
const LONGEST: usize = 512;
/// Most work that a bcrypt may take: each step doubles it. 14 takes about a second.
pub(super) const MOST_BCRYPT_COST: u8 = 14;
/// Most rounds of SHA-crypt; as many take about half a second. Without a number there are 5,000.
pub(super) const MOST_SHA_ROUNDS: u32 = 500_000;
/// Fewest rounds of SHA-crypt: a smaller number stands for this one, as in glibc.
const FEWEST_SHA_ROUNDS: u32 = 1000;
const USUAL_SHA_ROUNDS: u32 = 5000;
/// Bytes of a SHA-1.
const SHA1: usize = 20;

/// A hash of a password: one that is known and does not take too long. Its text is never printed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PasswordHash(Box<str>);

/// What stands in a hash.
#[derive(Clone, PartialEq, Eq)]
pub enum HashParts<'a> {
    /// bcrypt: `$2y$`, `$2a$` and `$2b$`, which are one.
    Bcrypt {
        /// Binary logarithm of the rounds, 4 to 14.
        cost: u8,
        /// The salt.
        salt: [u8; 16],
        /// What comes of the right password.
        digest: [u8; 23],
    },
    /// `$apr1$` of Apache and `$1$` of crypt.
    Md5Crypt {
        /// The one or the other, with its dollar signs.
        magic: &'static str,
        /// The salt.
        salt: &'a str,
        /// What comes of the right password, in the letters of crypt.
        digest: &'a str,
    },
    /// The first of crypt, without a prefix. Of a password eight characters count.
    DesCrypt {
        /// The salt, two letters of crypt.
        salt: &'a str,
        /// What comes of the right password, in the letters of crypt.
        digest: &'a str,
    },
    /// `$5$` and `$6$`.
    ShaCrypt {
        /// Which SHA.
        sha: Sha,
        /// Rounds, at most 500,000.
        rounds: u32,
        /// The salt.
        salt: &'a str,
        /// What comes of the right password, in the letters of crypt.
        digest: &'a str,
    },
    /// `{SHA}`, and with a salt `{SSHA}`.
    Sha1 {
        /// What comes of the right password.
        digest: [u8; SHA1],
        /// What stands behind the password. Empty without one.
        salt: Vec<u8>,
    },
}

/// The SHA of a SHA-crypt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sha {
    /// 256 bits, `$5$`.
    Bits256,
    /// 512 bits, `$6$`.
    Bits512,
}

/// Why a hash is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashFault {
    /// It has no form that is known. It may be a password in clear.
    #[error("its form is not known")]
    Form,
    /// It begins like a known one and goes on differently.
    #[error("it is malformed")]
    Malformed,
    /// It would take too long.
    #[error("its cost is too high: at most {MOST_BCRYPT_COST} for bcrypt, and {MOST_SHA_ROUNDS} rounds for SHA-crypt")]
    Costly,
}

impl PasswordHash {
    /// Reads a hash. A password in clear, `{PLAIN}`, is hashed, so that it is not kept.
    pub fn parse(text: &str) -> Result<Self, HashFault> {
        if text.len() > LONGEST {
            return Err(HashFault::Malformed);
        }
        if let Some(plain) = without_prefix(text, "{PLAIN}") {
            let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, plain.as_bytes());
            let hash = general_purpose::STANDARD.encode(digest);
            return Ok(Self(format!("{{SHA}}{hash}").into()));
        }
        HashParts::of(text)?;
        Ok(Self(text.into()))
    }

    /// What stands in it.
    pub fn parts(&self) -> Option<HashParts<'_>> {
        HashParts::of(&self.0).ok()
    }

    /// Its text, to save it.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Whether who has it finds the password soon: it is DES-crypt.
    pub fn is_weak(&self) -> bool {
        !self.0.starts_with(['$', '{'])
    }

    /// Whether it is computed within microseconds.
    pub fn is_cheap(&self) -> bool {
        self.0.starts_with('{')
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

impl<'a> HashParts<'a> {
    fn of(text: &'a str) -> Result<Self, HashFault> {
        if let Some(encoded) = without_prefix(text, "{SHA}") {
            return sha1(encoded, SHA1..=SHA1);
        }
        if let Some(encoded) = without_prefix(text, "{SSHA}") {
            return sha1(encoded, SHA1..=LONGEST);
        }
        let Some((form, rest)) = text.strip_prefix('$').and_then(|rest| rest.split_once('$')) else {
            let is_des = text.len() == 13 && text.bytes().all(is_letter);
            let parts = if is_des { text.split_at_checked(2) } else { None };
            return parts.map(|(salt, digest)| HashParts::DesCrypt { salt, digest }).ok_or(HashFault::Form);
        };
        match form {
            "2a" | "2b" | "2y" => bcrypt(rest),
            "apr1" => md5("$apr1$", rest),
            "1" => md5("$1$", rest),
            "5" => sha(Sha::Bits256, 43, rest),
            "6" => sha(Sha::Bits512, 86, rest),
            _ => Err(HashFault::Form),
        }
    }
}

/// The rest behind a prefix, whatever the case of its letters, as nginx reads it.
fn without_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

fn sha1(encoded: &str, lengths: std::ops::RangeInclusive<usize>) -> Result<HashParts<'static>, HashFault> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let engine = GeneralPurpose::new(&alphabet::STANDARD, config);
    let bytes = engine.decode(encoded).map_err(|_| HashFault::Malformed)?;
    match bytes.split_first_chunk::<SHA1>() {
        Some((digest, salt)) if lengths.contains(&bytes.len()) => {
            Ok(HashParts::Sha1 { digest: *digest, salt: salt.to_vec() })
        }
        Some(_) | None => Err(HashFault::Malformed),
    }
}

/// What stands behind `$2y$`: the cost, `$`, 22 letters of salt, 31 of the digest.
fn bcrypt(rest: &str) -> Result<HashParts<'static>, HashFault> {
    let (cost, encoded) = rest.split_once('$').ok_or(HashFault::Malformed)?;
    let cost = match cost.as_bytes() {
        [tens @ b'0'..=b'3', ones @ b'0'..=b'9'] => (tens - b'0') * 10 + (ones - b'0'),
        _ => return Err(HashFault::Malformed),
    };
    let (salt, digest) = encoded.split_at_checked(22).ok_or(HashFault::Malformed)?;
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true);
    let engine = GeneralPurpose::new(&alphabet::BCRYPT, config);
    let bytes = |text| engine.decode(text).map_err(|_| HashFault::Malformed);
    let salt = bytes(salt)?.try_into().map_err(|_| HashFault::Malformed)?;
    let digest = bytes(digest)?.try_into().map_err(|_| HashFault::Malformed)?;
    match cost {
        4..=MOST_BCRYPT_COST => Ok(HashParts::Bcrypt { cost, salt, digest }),
        0..4 => Err(HashFault::Malformed),
        _ => Err(HashFault::Costly),
    }
}

/// What stands behind `$apr1$`: up to 8 letters of salt, `$`, 22 of the digest.
fn md5<'a>(magic: &'static str, rest: &'a str) -> Result<HashParts<'a>, HashFault> {
    let (salt, digest) = crypted(rest, 22)?;
    if salt.len() > 8 {
        return Err(HashFault::Malformed);
    }
    Ok(HashParts::Md5Crypt { magic, salt, digest })
}

/// What stands behind `$5$`: perhaps `rounds=` and a number with `$`, up to 16 letters of salt, `$`, the digest.
fn sha(sha: Sha, letters: usize, rest: &str) -> Result<HashParts<'_>, HashFault> {
    let (rounds, rest) = match rest.strip_prefix("rounds=") {
        None => (USUAL_SHA_ROUNDS, rest),
        Some(rest) => {
            let (digits, rest) = rest.split_once('$').ok_or(HashFault::Malformed)?;
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(HashFault::Malformed);
            }
            // A number that does not fit is too large as well.
            (digits.parse().unwrap_or(u32::MAX).max(FEWEST_SHA_ROUNDS), rest)
        }
    };
    let (salt, digest) = crypted(rest, letters)?;
    if salt.len() > 16 {
        return Err(HashFault::Malformed);
    }
    if rounds > MOST_SHA_ROUNDS {
        return Err(HashFault::Costly);
    }
    Ok(HashParts::ShaCrypt { sha, rounds, salt, digest })
}

/// Salt and digest of this many letters.
fn crypted(rest: &str, letters: usize) -> Result<(&str, &str), HashFault> {
    let (salt, digest) = rest.split_once('$').ok_or(HashFault::Malformed)?;
    let is_salt = salt.bytes().all(|byte| byte.is_ascii_graphic());
    if is_salt && digest.len() == letters && digest.bytes().all(is_letter) {
        Ok((salt, digest))
    } else {
        Err(HashFault::Malformed)
    }
}

/// Whether it is one of the 64 letters of crypt.
fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_of_a_known_form_and_does_not_take_too_long() {
        use HashFault::{Costly, Form, Malformed};
        let sha256 = "K2UpXHHf0kgsm0oN8RO2iQrFsRFDDKxIjxMlHVGT.H5";
        let bcrypt = "5JQoea/yufc3SrlC/gwAZ.tDtrjeaClva8L6gf17wQItiVPDZnoDe";
        for (text, expected) in [
            (format!("$2y$05${bcrypt}"), Ok(())),
            (format!("$2a$04${bcrypt}"), Ok(())),
            (format!("$2b$14${bcrypt}"), Ok(())),
            (format!("$2b$15${bcrypt}"), Err(Costly)),
            (format!("$2b$31${bcrypt}"), Err(Costly)),
            (format!("$2b$03${bcrypt}"), Err(Malformed)),
            (format!("$2b$5${bcrypt}"), Err(Malformed)),
            (format!("$2x$05${bcrypt}"), Err(Form)),
            (format!("$2y$05${bcrypt}e"), Err(Malformed)),
            (format!("$2y$05${}", &bcrypt[1..]), Err(Malformed)),
            (format!("$5$LO.pKQT6.0JHxQfO${sha256}"), Ok(())),
            (format!("$5$${sha256}"), Ok(())),
            (format!("$5$rounds=1${sha256}"), Err(Malformed)),
            (format!("$5$rounds=1$a${sha256}"), Ok(())),
            (format!("$5$rounds=500000$a${sha256}"), Ok(())),
            (format!("$5$rounds=500001$a${sha256}"), Err(Costly)),
            (format!("$5$rounds=99999999999999$a${sha256}"), Err(Costly)),
            (format!("$5$rounds=-1$a${sha256}"), Err(Malformed)),
            (format!("$6$a${sha256}"), Err(Malformed)),
            (format!("$5$seventeen-letters${sha256}"), Err(Malformed)),
            ("$apr1$as3aXsuB$xJgV9F8l.UoaA9enmVy4b/".into(), Ok(())),
            ("$apr1$as3aXsuBB$xJgV9F8l.UoaA9enmVy4b/".into(), Err(Malformed)),
            ("$1$POoMYrER$c1TKW8rf7m1/Rg3Z.TzjO0".into(), Ok(())),
            ("$1$POoMYrER$c1TKW8rf7m1/Rg3Z.Tzj=0".into(), Err(Malformed)),
            ("{SHA}W8r/fyL/UzygmbNAjq2HbA67qac=".into(), Ok(())),
            ("{sha}W8r/fyL/UzygmbNAjq2HbA67qac".into(), Ok(())),
            ("{SHA}W8r/fyL/UzygmbNAjq2HbA67qaca".into(), Err(Malformed)),
            ("{SSHA}W8r/fyL/UzygmbNAjq2HbA67qacaYmM=".into(), Ok(())),
            ("{SSHA}nonsense".into(), Err(Malformed)),
            ("{PLAIN}open sesame".into(), Ok(())),
            (".fmECtRTQBVjc".into(), Ok(())),
            (".fmECtRTQBVj".into(), Err(Form)),
            (".fmECtRTQBVj=".into(), Err(Form)),
            (".fmECtRTQBVjcc".into(), Err(Form)),
            ("open sesame".into(), Err(Form)),
            ("".into(), Err(Form)),
            ("$".into(), Err(Form)),
            ("$y$j9T$x$y".into(), Err(Form)),
            ("é".repeat(200), Err(Form)),
            ("x".repeat(10_000), Err(Malformed)),
        ] {
            assert_eq!(PasswordHash::parse(&text).map(drop), expected, "{text}");
        }
    }

    #[test]
    fn nothing_of_a_hash_or_a_plain_password_is_printed_and_the_latter_is_not_kept() {
        let hash = PasswordHash::parse("{PLAIN}sesame").unwrap();
        assert_eq!(format!("{hash:?}"), "PasswordHash(..)");
        assert!(!hash.text().contains("sesame"));
        assert_eq!(PasswordHash::parse(hash.text()).as_ref(), Ok(&hash));
    }
}
