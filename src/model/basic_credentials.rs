//! What a field `Authorization` says of basic authentication (RFC 7617).

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Longest name and password together, as they are sent. Bytes.
const LONGEST: usize = 1024;

/// Name and password, if the value gives them in a way that can be read.
pub fn basic_credentials(value: &[u8]) -> Option<(String, Vec<u8>)> {
    let (scheme, rest) = value.trim_ascii().split_at_checked(b"Basic ".len())?;
    let encoded = rest.trim_ascii_start();
    if !scheme.eq_ignore_ascii_case(b"Basic ") || encoded.len() > LONGEST {
        return None;
    }
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let mut decoded = GeneralPurpose::new(&STANDARD, config).decode(encoded).ok()?;
    let colon = memchr::memchr(b':', &decoded)?;
    let password = decoded.split_off(colon + 1);
    decoded.pop();
    Some((String::from_utf8(decoded).ok()?, password))
}
