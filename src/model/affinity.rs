//! Which requests go to the same endpoint, as data, and which endpoint a request prefers for that.

use std::net::SocketAddr;
use std::sync::Arc;

use super::names::ObjectName;
use super::template::Template;

/// Which requests go to the same endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Affinity {
    /// Those for which this text is the same (annotation `upstream-hash-by`).
    Text {
        /// The text.
        text: Template,
        /// Endpoints among which they are spread. At least 1.
        among: usize,
        /// Where requests go for which it is empty.
        empty: EmptyText,
    },
    /// Those of one client, which a cookie knows again (annotation `affinity`).
    Cookie(SessionCookie),
}

/// Where requests go whose text is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EmptyText {
    /// To one endpoint, as those of any other text; nginx `hash`.
    #[default]
    AsOthers,
    /// To any; HAProxy `balance hdr`.
    Anywhere,
}

/// The cookie by which a client is known again.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionCookie {
    /// Its name.
    pub name: Arc<str>,
    /// Its `Path`; `None`: that of the route.
    pub path: Option<Arc<str>>,
    /// Its `Domain`.
    pub domain: Option<Arc<str>>,
    /// When it expires, in seconds from now.
    pub expires: Option<u64>,
    /// Its `Max-Age`, seconds.
    pub max_age: Option<u64>,
    /// Its `SameSite`, and whether browsers that misunderstand `None` are told nothing.
    pub same_site: Option<SameSite>,
    /// Whether it is for https alone; `None`: where the client uses https.
    pub secure: Option<bool>,
    /// Whether scripts of pages may see it.
    pub scripts: Scripts,
    /// Whether endpoints that come take over clients.
    pub mode: AffinityMode,
    /// Whether a client goes to another endpoint when its own fails.
    pub moves_on_failure: bool,
}

/// What is said of requests from other sites (RFC 6265bis §4.1.2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SameSite {
    /// `Strict`.
    Strict,
    /// `Lax`.
    Lax,
    /// `None`.
    None {
        /// Whether browsers that misunderstand it are told nothing.
        is_conditional: bool,
    },
}

/// Whether scripts of pages may see a cookie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scripts {
    /// They may not: `HttpOnly`.
    #[default]
    Blind,
    /// They may.
    See,
}

/// Whether endpoints that come take over clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AffinityMode {
    /// They take over their share of them: the cookie is a key.
    #[default]
    Balanced,
    /// They do not: the cookie names an endpoint by its address.
    Persistent,
    /// They do not: the cookie names a pod ([`pod_identity`]). One that gets the address of another gets none of its clients.
    OfPod,
}

/// The endpoint that a request prefers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preference {
    /// The one that a key leads to: of endpoints that stay, always the same (rendezvous hashing).
    OfKey {
        /// The key.
        key: u64,
        /// Endpoints among which the requests of a key are spread.
        among: usize,
        /// Whether another one serves where that one fails.
        moves: bool,
    },
    /// The one with this token, while it is there.
    OfToken {
        /// [`token`] of its address.
        token: u64,
        /// Whether another one serves where that one fails.
        moves: bool,
    },
    /// The one that sessions know by this number, while it is there.
    OfPod {
        /// [`EndpointSpec::identity`](super::EndpointSpec::identity).
        identity: u64,
        /// Whether another one serves where that one fails.
        moves: bool,
    },
}

/// A number for a text, the same in every process.
pub fn key_of(text: &[u8]) -> u64 {
    let fnv = text
        .iter()
        .fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3));
    scattered(fnv)
}

/// A number for an endpoint, the same in every process.
pub fn token(address: SocketAddr) -> u64 {
    let (ip, length) = match address.ip() {
        std::net::IpAddr::V4(ip) => (u128::from(u32::from(ip)).to_be_bytes(), 4),
        std::net::IpAddr::V6(ip) => (ip.octets(), 16),
    };
    let mut bytes = [0; 18];
    bytes[..length].copy_from_slice(&ip[16 - length..]);
    bytes[length..length + 2].copy_from_slice(&address.port().to_be_bytes());
    key_of(&bytes[..length + 2])
}

/// A number for a pod as an endpoint of a Service, the same in every process and after restarts. `uid` is the hash of the pod's UID.
pub fn pod_identity(uid: u64, service: &ObjectName) -> u64 {
    score(uid, key_of(format!("{}/{}", service.namespace, service.name).as_bytes()))
}

/// How much a key prefers an endpoint, of which this is the token.
pub fn score(key: u64, token: u64) -> u64 {
    scattered(key ^ scattered(token))
}

/// The finalizer of SplitMix64: every bit of the result depends on every one of the number.
fn scattered(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_same_in_every_process_and_differ_for_what_differs() {
        assert_eq!(key_of(b""), 0xF52A_15E9_A9B5_E89B);
        let tokens =
            ["10.0.0.1:80", "10.0.0.1:81", "10.0.0.2:80", "[::a00:1]:80"].map(|text| token(text.parse().unwrap()));
        assert!(tokens.iter().enumerate().all(|(at, token)| !tokens[..at].contains(token)));
    }

    #[test]
    fn pods_of_a_service_have_numbers_of_their_own() {
        let numbers: Vec<u64> = [("a", "web"), ("b", "web"), ("a", "api")]
            .map(|(uid, service)| pod_identity(key_of(uid.as_bytes()), &ObjectName::new("shop", service)))
            .into();
        assert!(numbers.iter().enumerate().all(|(at, number)| !numbers[..at].contains(number)), "{numbers:?}");
        assert_eq!(numbers[0], pod_identity(key_of(b"a"), &ObjectName::new("shop", "web")));
    }

    #[test]
    fn keys_are_shared_evenly_among_endpoints() {
        let tokens: Vec<u64> = (0..5_u8).map(|n| token(([10, 0, 0, n], 80).into())).collect();
        let mut shares = [0_u32; 5];
        for key in 0..10_000_u64 {
            let key = key_of(&key.to_be_bytes());
            let best = (0..5).max_by_key(|at| score(key, tokens[*at])).unwrap();
            shares[best] += 1;
        }
        assert!(shares.iter().all(|share| share.abs_diff(2000) < 150), "{shares:?}");
    }
}
