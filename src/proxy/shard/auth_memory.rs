//! Answers of authentication services that are remembered for a while, of all shards.
//!
//! An answer belongs to a route and to what its key comes to for a request; where it depends on fields of the request, also to these.
//! Of both only a digest is kept: they may hold passwords, and may be long. A route that is translated anew remembers nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256, SHA256_OUTPUT_LEN};
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
    what: What,
    until: Instant,
}

#[derive(Clone, Debug)]
enum What {
    Reply(Arc<AuthReply>),
    /// There are answers that depend on these fields.
    Depends(Arc<[u8]>),
}

impl AuthMemory {
    /// The answer for this key of a route. `variant` tells what a request has in fields that answers depend on.
    pub(crate) fn get(
        &self,
        route: &Arc<RouteSpec>,
        key: &[u8],
        variant: impl Fn(&[u8]) -> Vec<u8>,
        now: Instant,
    ) -> Option<Arc<AuthReply>> {
        let names = match self.find(of(route, key, b""), now)? {
            What::Reply(reply) => return Some(reply),
            What::Depends(names) => names,
        };
        match self.find(of(route, key, &variant(&names)), now)? {
            What::Reply(reply) => Some(reply),
            What::Depends(_) => None,
        }
    }

    /// Remembers an answer for a time from now. `depends` are the fields of the request that it depends on, and what these have.
    pub(crate) fn put(
        &self,
        route: &Arc<RouteSpec>,
        key: &[u8],
        depends: (&[u8], &[u8]),
        reply: Arc<AuthReply>,
        (now, life): (Instant, Duration),
    ) {
        let length: usize = reply.fields.iter().map(|(name, value)| name.len() + value.len()).sum();
        if length > LONGEST {
            return;
        }
        let (names, variant) = depends;
        if !variant.is_empty() {
            self.insert(route, of(route, key, b""), What::Depends(names.into()), now, life);
        }
        self.insert(route, of(route, key, variant), What::Reply(reply), now, life);
    }

    fn find(&self, key: Key, now: Instant) -> Option<What> {
        self.lock().get(&key).filter(|found| now < found.until).map(|found| found.what.clone())
    }

    /// Where there is no room, another one is forgotten.
    fn insert(&self, route: &Arc<RouteSpec>, key: Key, what: What, now: Instant, life: Duration) {
        let mut all = self.lock();
        if all.len() >= MOST && !all.contains_key(&key) {
            all.retain(|_, remembered| now < remembered.until);
            let spare = if all.len() >= MOST { all.keys().next().copied() } else { None };
            spare.and_then(|spare| all.remove(&spare));
        }
        all.insert(key, Remembered { _route: Arc::downgrade(route), what, until: now + life });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Remembered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn of(route: &Arc<RouteSpec>, key: &[u8], variant: &[u8]) -> Key {
    let mut bytes = [0; SHA256_OUTPUT_LEN];
    let mut context = Context::new(&SHA256);
    context.update(&(key.len() as u64).to_be_bytes());
    context.update(key);
    context.update(variant);
    bytes.copy_from_slice(context.finish().as_ref());
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

    const NOTHING: (&[u8], &[u8]) = (b"", b"");

    fn none(_: &[u8]) -> Vec<u8> {
        Vec::new()
    }

    fn reply(status: u16) -> Arc<AuthReply> {
        Arc::new(AuthReply { status, fields: Vec::new() })
    }

    #[tokio::test]
    async fn nginx_i5_an_answer_is_remembered_by_route_and_key_until_its_time_is_over() {
        let (memory, now, second) = (AuthMemory::default(), Instant::now(), Duration::from_secs(1));
        let (one, other) = (route(), route());
        memory.put(&one, b"key", NOTHING, reply(200), (now, second));
        assert_eq!(memory.get(&one, b"key", none, now), Some(reply(200)));
        assert_eq!(memory.get(&one, b"Key", none, now), None);
        assert_eq!(memory.get(&other, b"key", none, now), None);
        assert_eq!(memory.get(&one, b"key", none, now + second), None);
    }

    #[tokio::test]
    async fn nginx_i5_an_answer_that_depends_on_fields_is_for_requests_that_are_equal_in_them() {
        let (memory, now, second, route) = (AuthMemory::default(), Instant::now(), Duration::from_secs(1), route());
        let of = |status| move |names: &[u8]| [names, &[status]].concat();
        for status in [1, 2] {
            memory.put(&route, b"key", (b"cookie", &of(status)(b"cookie")), reply(status.into()), (now, second));
        }
        assert_eq!(memory.get(&route, b"key", of(1), now), Some(reply(1)));
        assert_eq!(memory.get(&route, b"key", of(2), now), Some(reply(2)));
        assert_eq!(memory.get(&route, b"key", of(3), now), None);
        memory.put(&route, b"key", NOTHING, reply(4), (now, second));
        assert_eq!(memory.get(&route, b"key", of(3), now), Some(reply(4)));
    }

    #[tokio::test]
    async fn what_is_remembered_is_bounded() {
        let (memory, now, route) = (AuthMemory::default(), Instant::now(), route());
        for number in 0..MOST + 10 {
            memory.put(&route, &number.to_be_bytes(), NOTHING, reply(200), (now, Duration::from_secs(1)));
        }
        assert_eq!(memory.lock().len(), MOST);
        let long = AuthReply { status: 200, fields: vec![(b"x".as_slice().into(), vec![b'y'; LONGEST].into())] };
        memory.put(&route, b"long", NOTHING, Arc::new(long), (now, Duration::from_secs(1)));
        assert_eq!(memory.get(&route, b"long", none, now), None);
    }
}
