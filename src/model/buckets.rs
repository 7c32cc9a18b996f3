//! A persistent hash map for tables that are replaced often and change little: a new version shares all buckets
//! but one with the old one.

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use foldhash::fast::FixedState;

/// Buckets of the map. 1,024 pointers are 8 KiB to copy per change (under a microsecond and a half), and 100,000 entries make
/// buckets of about 100, found by hash within the bucket.
const BUCKETS: usize = 1024;

/// An immutable map from `K` to `V`. `with` and `without` cost a copy of one bucket and of the bucket list.
#[derive(Clone, Debug)]
pub struct Buckets<K, V> {
    buckets: Arc<[Arc<Bucket<K, V>>]>,
    len: usize,
}

/// Entries in order of hash. Clients choose only what is looked up, never what is stored, so a fixed seed is safe.
type Bucket<K, V> = Vec<(u64, K, V)>;

impl<K, V> Default for Buckets<K, V> {
    fn default() -> Self {
        let empty = Arc::new(Vec::new());
        Self { buckets: std::iter::repeat_n(empty, BUCKETS).collect(), len: 0 }
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Buckets<K, V> {
    /// Number of entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value under `key`.
    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let hash = hash_of(key);
        let bucket = &self.buckets[slot(hash)];
        let start = bucket.partition_point(|entry| entry.0 < hash);
        bucket[start..]
            .iter()
            .take_while(|entry| entry.0 == hash)
            .find(|entry| entry.1.borrow() == key)
            .map(|entry| &entry.2)
    }

    /// A map in which `key` has `value`.
    pub fn with(&self, key: K, value: V) -> Self {
        let mut next = self.clone();
        next.insert(key, value);
        next
    }

    /// A map without `key`.
    pub fn without<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Self
    where
        K: Borrow<Q>,
    {
        let mut next = self.clone();
        next.remove(key);
        next
    }

    /// Sets `key` in place, copying what is shared.
    pub fn insert(&mut self, key: K, value: V) {
        let hash = hash_of(&key);
        let bucket = self.bucket_mut(hash);
        match position(bucket, hash, &key) {
            Ok(at) => bucket[at].2 = value,
            Err(at) => {
                bucket.insert(at, (hash, key, value));
                self.len += 1;
            }
        }
    }

    /// Removes `key` in place, copying what is shared.
    pub fn remove<Q: Hash + Eq + ?Sized>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
    {
        let hash = hash_of(key);
        if position(&self.buckets[slot(hash)], hash, key).is_err() {
            return;
        }
        let bucket = self.bucket_mut(hash);
        if let Ok(at) = position(bucket, hash, key) {
            bucket.remove(at);
            self.len -= 1;
        }
    }

    /// All entries, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.buckets.iter().flat_map(|bucket| bucket.iter().map(|entry| (&entry.1, &entry.2)))
    }

    fn bucket_mut(&mut self, hash: u64) -> &mut Bucket<K, V> {
        Arc::make_mut(&mut Arc::make_mut(&mut self.buckets)[slot(hash)])
    }
}

fn position<K: Borrow<Q>, V, Q: Eq + ?Sized>(bucket: &Bucket<K, V>, hash: u64, key: &Q) -> Result<usize, usize> {
    let start = bucket.partition_point(|entry| entry.0 < hash);
    let same = bucket[start..].iter().take_while(|entry| entry.0 == hash).position(|entry| entry.1.borrow() == key);
    same.map(|offset| start + offset).ok_or(start)
}

fn hash_of<Q: Hash + ?Sized>(key: &Q) -> u64 {
    FixedState::with_seed(0x7469_6465).hash_one(key)
}

fn slot(hash: u64) -> usize {
    // The upper bits choose the bucket; the remainder is below BUCKETS by construction.
    (hash >> 54) as usize % BUCKETS
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    use proptest::prelude::*;

    proptest! {
        #[test]
        fn behaves_like_a_hash_map_and_leaves_old_versions_alone(steps in prop::collection::vec((0u16..200, prop::option::of(0u32..9)), 0..400)) {
            let mut reference = HashMap::new();
            let mut map: Buckets<u16, u32> = Buckets::default();
            for (key, value) in steps {
                let before = map.clone();
                let old = reference.clone();
                match value {
                    Some(value) => { map = map.with(key, value); reference.insert(key, value); }
                    None => { map = map.without(&key); reference.remove(&key); }
                }
                prop_assert_eq!(map.len(), reference.len());
                prop_assert_eq!(before.iter().map(|(k, v)| (*k, *v)).collect::<HashMap<_, _>>(), old);
            }
            for key in 0..200 {
                prop_assert_eq!(map.get(&key), reference.get(&key));
            }
        }
    }
}
