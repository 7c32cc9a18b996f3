//! Whether a request that acts was sent by our own page. A page of somebody else can make a browser send a request with the user's
//! password, but it cannot read the token that stands in our page, nor change what the browser says of where a request is from.

use std::net::IpAddr;

use aws_lc_rs::{hmac, rand};
use http::{HeaderMap, header};

/// The key of tokens. Random for each process, so the pages of an earlier process cannot act on this one.
pub(super) struct Tokens(hmac::Key);

impl Tokens {
    /// A new key.
    pub(super) fn new() -> Result<Self, String> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &rand::SystemRandom::new());
        key.map(Self).map_err(|_| "the system has no random numbers".to_owned())
    }

    /// The token of a user, in hexadecimal digits.
    pub(super) fn token(&self, user: &str) -> String {
        use std::fmt::Write as _;
        let tag = hmac::sign(&self.0, user.as_bytes());
        tag.as_ref().iter().fold(String::with_capacity(64), |mut out, byte| {
            // Writing to a String cannot fail.
            let _ = write!(out, "{byte:02x}");
            out
        })
    }

    /// Whether `token` is that of `user`. Takes the same time wherever it differs.
    pub(super) fn is_right(&self, user: &str, token: &str) -> bool {
        let bytes: Option<Vec<u8>> = token.as_bytes().chunks(2).map(byte).collect();
        bytes.is_some_and(|bytes| hmac::verify(&self.0, user.as_bytes(), &bytes).is_ok())
    }
}

fn byte(digits: &[u8]) -> Option<u8> {
    let [high, low] = digits else { return None };
    let [high, low] = [char::from(*high).to_digit(16)?, char::from(*low).to_digit(16)?];
    u8::try_from(high * 16 + low).ok()
}

/// Whether nothing says that the request comes from another site: `Sec-Fetch-Site` where the browser sends it (W3C Fetch Metadata),
/// otherwise `Origin` (RFC 6454 section 7). Programs that are no browsers send neither; for them the token decides.
pub(crate) fn is_same_origin(headers: &HeaderMap) -> bool {
    let only = |name| {
        let mut values = headers.get_all(name).iter();
        (values.next().map(http::HeaderValue::as_bytes), values.next().is_some())
    };
    let (site, origin, host) = (only("sec-fetch-site"), only("origin"), only(header::HOST.as_str()));
    if site.1 || origin.1 || host.1 || site.0.is_some_and(|site| site != b"same-origin") {
        return false;
    }
    let Some(origin) = origin.0 else { return true };
    // A proxy before us may have ended TLS, so the scheme is not compared.
    let authority = origin.strip_prefix(b"http://").or_else(|| origin.strip_prefix(b"https://"));
    authority.is_some() && authority == host.0
}

/// Whether `Host` is an address or `localhost`. A name of somebody else's that leads to a loopback address ("DNS rebinding") makes
/// their page one of our origin, so without a password no other name may act.
pub(crate) fn is_local_name(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else { return false };
    let Ok(authority) = host.parse::<http::uri::Authority>() else { return false };
    let name = authority.host();
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_token_is_right_for_its_user_and_its_process_alone() {
        let (tokens, other) = (Tokens::new().unwrap(), Tokens::new().unwrap());
        let token = tokens.token("ann");
        assert_eq!(token.len(), 64);
        assert!(tokens.is_right("ann", &token) && tokens.is_right("ann", &tokens.token("ann")));
        let mut changed = token.clone().into_bytes();
        changed[63] = if changed[63] == b'0' { b'1' } else { b'0' };
        let changed = String::from_utf8(changed).unwrap();
        for wrong in ["", "0", "zz", "é", &token[2..], &changed, &format!("{token}00"), &other.token("ann")] {
            assert!(!tokens.is_right("ann", wrong), "{wrong}");
        }
        assert!(!tokens.is_right("bob", &token) && !tokens.is_right("", &token));
    }

    #[test]
    fn requests_of_other_sites_are_known() {
        for (fields, expected) in [
            (&[("host", "a:1")][..], true),
            (&[("host", "a:1"), ("origin", "http://a:1")], true),
            (&[("host", "a:1"), ("origin", "https://a:1")], true),
            (&[("host", "a:1"), ("origin", "http://a:2")], false),
            (&[("host", "a:1"), ("origin", "http://evil.example")], false),
            (&[("host", "a:1"), ("origin", "null")], false),
            (&[("host", "a:1"), ("origin", "http://a:1"), ("origin", "http://b")], false),
            (&[("host", "a:1"), ("sec-fetch-site", "same-origin")], true),
            (&[("host", "a:1"), ("sec-fetch-site", "same-origin"), ("origin", "http://b")], false),
            (&[("host", "a:1"), ("sec-fetch-site", "same-site")], false),
            (&[("host", "a:1"), ("sec-fetch-site", "cross-site")], false),
            (&[("host", "a:1"), ("sec-fetch-site", "none")], false),
            (&[("origin", "http://a:1")], false),
        ] {
            assert_eq!(is_same_origin(&headers(fields)), expected, "{fields:?}");
        }
    }

    #[test]
    fn only_addresses_and_localhost_are_local_names() {
        for (host, expected) in [
            ("localhost:8404", true),
            ("LOCALHOST", true),
            ("127.0.0.1:8404", true),
            ("[::1]:8404", true),
            ("evil.example:8404", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("", false),
        ] {
            assert_eq!(is_local_name(&headers(&[("host", host)])), expected, "{host}");
        }
        assert!(!is_local_name(&HeaderMap::new()));
    }
}
