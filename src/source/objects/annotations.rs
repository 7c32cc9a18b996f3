//! The annotations of an object: few, often read, never changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

/// What the keys of our own annotations start with.
pub const OWN_PREFIX: &str = "tidegate.dev/";
/// What the keys of annotations that can matter to us start with: ours, and those of ingress-nginx, both HAProxy controllers
/// and Traefik. Sources keep these and the class, and drop all others.
pub const PREFIXES: [&str; 6] = [
    OWN_PREFIX,
    "haproxy-ingress.github.io/",
    "haproxy.org/",
    "ingress.kubernetes.io/",
    "nginx.ingress.kubernetes.io/",
    "traefik.ingress.kubernetes.io/",
];
/// The annotation that named the class of an Ingress before `spec.ingressClassName` existed.
pub const CLASS_ANNOTATION: &str = "kubernetes.io/ingress.class";

/// Keys and values, sorted by key, each key once. A `BTreeMap` of one entry takes as much memory as one of eleven.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "BTreeMap<Arc<str>, Arc<str>>")]
pub struct Annotations(Box<[(Arc<str>, Arc<str>)]>);

impl Annotations {
    /// Whether an annotation with this key can matter to us, so that it is kept.
    pub fn keeps(key: &str) -> bool {
        key == CLASS_ANNOTATION || PREFIXES.iter().any(|prefix| key.starts_with(prefix))
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Arc<str>> {
        self.0.binary_search_by(|(other, _)| (**other).cmp(key)).ok().map(|at| &self.0[at].1)
    }

    /// Those whose keys start with a prefix, by key.
    pub fn with_prefix(&self, prefix: &str) -> impl Iterator<Item = &(Arc<str>, Arc<str>)> {
        let first = self.0.partition_point(|(key, _)| **key < *prefix);
        self.0[first..].iter().take_while(move |(key, _)| key.starts_with(prefix))
    }

    /// All of them, by key.
    pub fn iter(&self) -> impl Iterator<Item = &(Arc<str>, Arc<str>)> {
        self.0.iter()
    }
}

impl From<BTreeMap<Arc<str>, Arc<str>>> for Annotations {
    fn from(map: BTreeMap<Arc<str>, Arc<str>>) -> Self {
        Self(map.into_iter().collect())
    }
}

impl FromIterator<(Arc<str>, Arc<str>)> for Annotations {
    /// The last value of a key counts.
    fn from_iter<I: IntoIterator<Item = (Arc<str>, Arc<str>)>>(pairs: I) -> Self {
        pairs.into_iter().collect::<BTreeMap<_, _>>().into()
    }
}

impl Serialize for Annotations {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn annotations(pairs: &[(&str, &str)]) -> Annotations {
        pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
    }

    #[test]
    fn values_are_found_by_key_and_by_prefix() {
        let all = annotations(&[("b/y", "1"), ("a/z", "2"), ("b/x", "3"), ("c/x", "4"), ("b/y", "5")]);
        assert_eq!(all.get("b/y").map(|value| &**value), Some("5"));
        assert_eq!((all.get("b/"), all.get("d")), (None, None));
        let of_b: Vec<_> = all.with_prefix("b/").map(|(key, value)| (&**key, &**value)).collect();
        assert_eq!(of_b, [("b/x", "3"), ("b/y", "5")]);
        assert_eq!((all.iter().count(), all.with_prefix("d").count()), (4, 0));
    }

    #[test]
    fn they_are_saved_as_a_map() {
        let all = annotations(&[("b", "1"), ("a", "2")]);
        let text = serde_json::to_string(&all).unwrap();
        assert_eq!(text, r#"{"a":"2","b":"1"}"#);
        assert_eq!(serde_json::from_str::<Annotations>(&text).unwrap(), all);
    }
}
