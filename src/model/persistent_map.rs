//! A persistent hash map for tables that are replaced often and change little: a new version shares all but one
//! path of a shallow tree with the old one.

use std::array;
use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};
use std::mem;
use std::slice;
use std::sync::Arc;

use foldhash::fast::RandomState;

/// Bits of the hash that choose a child: 32 children for a node.
const BITS: u32 = 5;

/// Children of a node.
const FAN: usize = 1 << BITS;

/// Levels after which the hash has no bits left. Keys that collide even there stay in one leaf.
const LEVELS: u32 = u64::BITS / BITS;

/// Entries of a leaf before it is split. 100,000 entries lie three levels deep, about three in a leaf. A change then
/// copies three nodes of 32 pointers. A flat list of 1,024 buckets of 100 entries touched 1,200 reference counts.
const LEAF: usize = 12;

/// A map from `K` to `V` whose clones share everything. A change of one costs a copy of one leaf and of the few nodes above
/// it, and leaves the others alone.
#[derive(Clone, Debug)]
pub struct PersistentMap<K, V> {
    root: Node<K, V>,
    len: usize,
    /// Seeded at random: authors of objects choose the keys and must not be able to choose collisions.
    hasher: RandomState,
}

#[derive(Clone, Debug)]
enum Node<K, V> {
    Leaf(Arc<[Entry<K, V>]>),
    Branch(Arc<[Node<K, V>; FAN]>),
}

#[derive(Clone, Debug)]
struct Entry<K, V> {
    hash: u64,
    key: K,
    value: V,
}

impl<K, V> Default for PersistentMap<K, V> {
    fn default() -> Self {
        Self { root: Node::Leaf(Arc::default()), len: 0, hasher: RandomState::default() }
    }
}

impl<K: Hash + Eq + Clone, V: Clone> PersistentMap<K, V> {
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
        // Most maps are empty, and to hash the key costs more than all else here.
        if self.is_empty() {
            return None;
        }
        let hash = self.hasher.hash_one(key);
        let mut node = &self.root;
        let mut bits = hash;
        loop {
            match node {
                Node::Branch(children) => {
                    node = &children[slot(bits)];
                    bits <<= BITS;
                }
                Node::Leaf(entries) => return find(entries, hash, key).map(|at| &entries[at].value),
            }
        }
    }

    /// Sets `key` in place, copying what is shared. Returns the former value.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let entry = Entry { hash: self.hasher.hash_one(&key), key, value };
        let former = insert(&mut self.root, entry, 0);
        self.len += usize::from(former.is_none());
        former
    }

    /// Removes `key` in place, copying what is shared. Returns its value. Branches stay, even when they become empty.
    pub fn remove<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let former = self.get(key)?.clone();
        let hash = self.hasher.hash_one(key);
        let mut node = &mut self.root;
        let mut bits = hash;
        while let Node::Branch(children) = node {
            node = &mut Arc::make_mut(children)[slot(bits)];
            bits <<= BITS;
        }
        if let Node::Leaf(entries) = node {
            *entries = entries.iter().filter(|e| e.hash != hash || e.key.borrow() != key).cloned().collect();
            self.len -= 1;
        }
        Some(former)
    }

    /// All entries, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        Entries { nodes: vec![slice::from_ref(&self.root).iter()], leaf: [].iter() }
            .map(|entry| (&entry.key, &entry.value))
    }
}

/// Walks the tree depth first.
struct Entries<'a, K, V> {
    nodes: Vec<slice::Iter<'a, Node<K, V>>>,
    leaf: slice::Iter<'a, Entry<K, V>>,
}

impl<'a, K, V> Iterator for Entries<'a, K, V> {
    type Item = &'a Entry<K, V>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.leaf.next() {
                return Some(entry);
            }
            match self.nodes.last_mut()?.next() {
                Some(Node::Leaf(entries)) => self.leaf = entries.iter(),
                Some(Node::Branch(children)) => self.nodes.push(children.iter()),
                None => {
                    self.nodes.pop();
                }
            }
        }
    }
}

/// Sets the entry's key below `node`, which lies at `level`. Returns the former value.
fn insert<K: Eq + Clone, V: Clone>(node: &mut Node<K, V>, entry: Entry<K, V>, level: u32) -> Option<V> {
    let entries = match node {
        Node::Branch(children) => {
            let child = &mut Arc::make_mut(children)[slot_at(entry.hash, level)];
            return insert(child, entry, level + 1);
        }
        Node::Leaf(entries) => entries,
    };
    if let Some(at) = find(entries, entry.hash, &entry.key) {
        return Some(mem::replace(&mut Arc::make_mut(entries)[at].value, entry.value));
    }
    if entries.len() < LEAF || level == LEVELS {
        *entries = entries.iter().cloned().chain([entry]).collect();
        return None;
    }
    let mut children: [Vec<_>; FAN] = array::from_fn(|_| Vec::new());
    for old in entries.iter() {
        children[slot_at(old.hash, level)].push(old.clone());
    }
    *node = Node::Branch(Arc::new(children.map(|child| Node::Leaf(child.into()))));
    insert(node, entry, level)
}

fn find<K: Borrow<Q>, V, Q: Eq + ?Sized>(entries: &[Entry<K, V>], hash: u64, key: &Q) -> Option<usize> {
    entries.iter().position(|entry| entry.hash == hash && entry.key.borrow() == key)
}

/// The child that the uppermost bits choose.
fn slot(bits: u64) -> usize {
    (bits >> (u64::BITS - BITS)) as usize
}

fn slot_at(hash: u64, level: u32) -> usize {
    slot(hash << (level * BITS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use std::hash::Hasher;

    use proptest::prelude::*;

    /// A key whose hash is that of its first half: collisions to the last bit.
    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Colliding(u16, u16);

    impl Hash for Colliding {
        fn hash<H: Hasher>(&self, state: &mut H) {
            self.0.hash(state);
        }
    }

    proptest! {
        #[test]
        fn behaves_like_a_hash_map_and_leaves_old_versions_alone(steps in prop::collection::vec((0u16..200, prop::option::of(0u32..9)), 0..400)) {
            let mut reference = HashMap::new();
            let mut map: PersistentMap<u16, u32> = PersistentMap::default();
            for (key, value) in steps {
                let before = map.clone();
                let old = reference.clone();
                match value {
                    Some(value) => prop_assert_eq!(map.insert(key, value), reference.insert(key, value)),
                    None => prop_assert_eq!(map.remove(&key), reference.remove(&key)),
                }
                prop_assert_eq!(map.len(), reference.len());
                prop_assert_eq!(before.iter().map(|(k, v)| (*k, *v)).collect::<HashMap<_, _>>(), old);
            }
            for key in 0..200 {
                prop_assert_eq!(map.get(&key), reference.get(&key));
            }
        }
    }

    #[test]
    fn keys_whose_hashes_are_equal_are_kept_apart() {
        let mut map = PersistentMap::default();
        for n in 0..40 {
            map.insert(Colliding(n % 2, n), n);
        }
        map.remove(&Colliding(0, 6));
        assert_eq!(map.len(), 39);
        assert_eq!(map.iter().count(), 39);
        for n in 0..40 {
            assert_eq!(map.get(&Colliding(n % 2, n)).copied(), (n != 6).then_some(n));
        }
        assert_eq!(map.get(&Colliding(1, 6)), None);
    }

    #[test]
    fn many_keys_are_found_and_removed() {
        let mut map = PersistentMap::default();
        for n in 0..20_000u32 {
            map.insert(n, n);
        }
        assert_eq!((map.len(), map.iter().count()), (20_000, 20_000));
        for n in (0..20_000u32).filter(|n| n % 3 == 0) {
            map.remove(&n);
        }
        for n in 0..20_000u32 {
            assert_eq!(map.get(&n).is_some(), n % 3 != 0);
        }
        assert_eq!(map.len(), map.iter().count());
    }

    #[test]
    fn nodes_are_two_words() {
        assert_eq!(size_of::<Node<Arc<str>, u64>>(), 16);
    }
}
