//! Answers of authentication services that are remembered for a while, of all shards.
//!
//! An answer belongs to a route and to what its key comes to for a request. Of the key only a digest is kept: it may hold
//! passwords, and may be long. A route that is translated anew remembers nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use tokio::time::Instant;

use crate::filter::AuthReply;
use crate::model::RouteSpec;

/// Answers that are remembered at the most.
const MOST: usize = 4096;
/// Longest answer that is remembered: names and values. Bytes.
const LONGEST: usize = 16 * 1024;

/// What is remembered. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct AuthMemory(Arc<Mutex<HashMap<Key, Remembered>>>);

/// The address of a route's spec, and the digest of a key.
type Key = (usize, [u8; SHA256_OUTPUT_LEN]);

#[derive(Debug)]
struct Remembered {
    /// Keeps the address from being used again.
    _route: Weak<RouteSpec>,
    reply: Arc<AuthReply>,
    until: Instant,
}

impl AuthMemory {
    /// The answer for this key of a route.
    pub(crate) fn get(&self, route: &Arc<RouteSpec>, key: &[u8], now: Instant) -> Option<Arc<AuthReply>> {
        let found = self.lock().get(&of(route, key)).map(|found| (Arc::clone(&found.reply), found.until));
        found.filter(|(_, until)| now < *until).map(|(reply, _)| reply)
    }

    /// Remembers an answer for this time. Where there is no room, another one is forgotten.
    pub(crate) fn put(&self, route: &Arc<RouteSpec>, key: &[u8], reply: Arc<AuthReply>, now: Instant, life: Duration) {
        let length: usize = reply.fields.iter().map(|(name, value)| name.len() + value.len()).sum();
        if length > LONGEST {
            return;
        }
        let key = of(route, key);
        let mut all = self.lock();
        if all.len() >= MOST && !all.contains_key(&key) {
            all.retain(|_, remembered| now < remembered.until);
            let spare = if all.len() >= MOST { all.keys().next().copied() } else { None };
            spare.and_then(|spare| all.remove(&spare));
        }
        all.insert(key, Remembered { _route: Arc::downgrade(route), reply, until: now + life });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Remembered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn of(route: &Arc<RouteSpec>, key: &[u8]) -> Key {
    let mut bytes = [0; SHA256_OUTPUT_LEN];
    bytes.copy_from_slice(digest(&SHA256, key).as_ref());
    (Arc::as_ptr(route).addr(), bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Action, Filters, Origin, PathMatch, Reply, RouteMatch};

    fn route() -> Arc<RouteSpec> {
        Arc::new(RouteSpec {
            matches: RouteMatch::path(PathMatch::Prefix("/".into())),
            action: Action::Reply(Reply::NotFound),
            filters: Filters::default(),
            policy: Arc::default(),
            origin: Origin::DefaultBackend,
        })
    }

    fn reply(status: u16) -> Arc<AuthReply> {
        Arc::new(AuthReply { status, fields: Vec::new() })
    }

    #[tokio::test]
    async fn nginx_i5_an_answer_is_remembered_by_route_and_key_until_its_time_is_over() {
        let (memory, now, second) = (AuthMemory::default(), Instant::now(), Duration::from_secs(1));
        let (one, other) = (route(), route());
        memory.put(&one, b"key", reply(200), now, second);
        assert_eq!(memory.get(&one, b"key", now), Some(reply(200)));
        assert_eq!(memory.get(&one, b"Key", now), None);
        assert_eq!(memory.get(&other, b"key", now), None);
        assert_eq!(memory.get(&one, b"key", now + second), None);
    }

    #[tokio::test]
    async fn what_is_remembered_is_bounded() {
        let (memory, now, route) = (AuthMemory::default(), Instant::now(), route());
        for number in 0..MOST + 10 {
            memory.put(&route, &number.to_be_bytes(), reply(200), now, Duration::from_secs(1));
        }
        assert_eq!(memory.lock().len(), MOST);
        let long = AuthReply { status: 200, fields: vec![(b"x".as_slice().into(), vec![b'y'; LONGEST].into())] };
        memory.put(&route, b"long", Arc::new(long), now, Duration::from_secs(1));
        assert_eq!(memory.get(&route, b"long", now), None);
    }
}
