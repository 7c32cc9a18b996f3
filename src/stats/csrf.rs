//! Whether a request that acts was sent by our own page. A page of somebody else can make a browser send a request with the user's
//! password, but it cannot read the token that stands in our page, nor change what the browser says of where a request is from.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use aws_lc_rs::{hmac, rand};
use http::{HeaderMap, header};

use crate::model::{KeyUse, SharedKeys};

/// The keys of tokens. That of the process is random, so without one that replicas share the pages of an earlier process, or of another
/// replica, cannot act on this one. A token is of its user and its day (UTC), and is right until the day after is over.
#[derive(Debug)]
pub struct Tokens {
    own: hmac::Key,
    /// The newest first.
    shared: ArcSwap<Vec<hmac::Key>>,
}

impl Tokens {
    /// A new key of the process.
    pub fn new() -> Result<Self, String> {
        let own = hmac::Key::generate(hmac::HMAC_SHA256, &rand::SystemRandom::new());
        let own = own.map_err(|_| "the system has no random numbers".to_owned())?;
        Ok(Self { own, shared: ArcSwap::default() })
    }

    /// From now on the newest of these signs, and each of them verifies.
    pub fn share(&self, keys: &SharedKeys) {
        let keys = keys.keys(KeyUse::Forms, "sign").map(|key| hmac::Key::new(hmac::HMAC_SHA256, &key)).collect();
        self.shared.store(Arc::new(keys));
    }

    /// The token of a user, in hexadecimal digits.
    pub(super) fn token(&self, user: &str, day: Day) -> String {
        use std::fmt::Write as _;
        let shared = self.shared.load();
        let tag = hmac::sign(shared.first().unwrap_or(&self.own), &signed(user, day));
        tag.as_ref().iter().fold(String::with_capacity(64), |mut out, byte| {
            // Writing to a String cannot fail.
            let _ = write!(out, "{byte:02x}");
            out
        })
    }

    /// Whether `token` is that of `user`. Takes the same time wherever it differs.
    pub(super) fn is_right(&self, user: &str, token: &str, today: Day) -> bool {
        let bytes: Option<Vec<u8>> = token.as_bytes().chunks(2).map(byte).collect();
        let shared = self.shared.load();
        // The clock of the replica that made it may be ahead of ours.
        let days = [today.0.saturating_sub(1), today.0, today.0.saturating_add(1)].map(Day);
        let is_of = |key: &hmac::Key, bytes: &[u8]| {
            days.iter().any(|day| hmac::verify(key, &signed(user, *day), bytes).is_ok())
        };
        bytes.is_some_and(|bytes| shared.iter().chain([&self.own]).any(|key| is_of(key, &bytes)))
    }
}

/// A day of UTC, since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Day(u64);

impl Day {
    /// That of a time.
    pub(super) fn of(now: SystemTime) -> Self {
        Self(now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs() / 86_400))
    }
}

fn signed(user: &str, Day(day): Day) -> Vec<u8> {
    [&day.to_be_bytes()[..], user.as_bytes()].concat()
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
        let today = Day(20_000);
        let token = tokens.token("ann", today);
        assert_eq!(token.len(), 64);
        assert!(tokens.is_right("ann", &token, today) && tokens.is_right("ann", &tokens.token("ann", today), today));
        let mut changed = token.clone().into_bytes();
        changed[63] = if changed[63] == b'0' { b'1' } else { b'0' };
        let changed = String::from_utf8(changed).unwrap();
        for wrong in ["", "0", "zz", "é", &token[2..], &changed, &format!("{token}00"), &other.token("ann", today)] {
            assert!(!tokens.is_right("ann", wrong, today), "{wrong}");
        }
        assert!(!tokens.is_right("bob", &token, today) && !tokens.is_right("", &token, today));
        for (day, expected) in [(19_998, false), (19_999, true), (20_001, true), (20_002, false)] {
            assert_eq!(tokens.is_right("ann", &token, Day(day)), expected, "{day}");
        }
    }

    #[test]
    fn a_token_of_a_replica_with_the_same_keys_is_right_for_as_long_as_its_key_is_there() {
        let keys = |entries: &[(&str, u8)]| {
            let bytes: Vec<_> = entries.iter().map(|(name, byte)| (*name, [*byte; 32])).collect();
            SharedKeys::parse(bytes.iter().map(|(name, bytes)| (*name, &bytes[..]))).unwrap()
        };
        let (one, other, today) = (Tokens::new().unwrap(), Tokens::new().unwrap(), Day(20_000));
        let before = one.token("ann", today);
        one.share(&keys(&[("1", 1)]));
        other.share(&keys(&[("1", 1), ("2", 2)]));
        let token = one.token("ann", today);
        assert!(other.is_right("ann", &token, today) && !other.is_right("ann", &before, today));
        assert!(one.is_right("ann", &before, today), "a page of before goes on");
        assert!(!one.is_right("ann", &other.token("ann", today), today), "it does not know the newest yet");
        other.share(&keys(&[("2", 2)]));
        assert!(!other.is_right("ann", &token, today));
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
