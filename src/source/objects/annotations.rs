//! The annotations of an object: few, often read, never changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

/// What the keys of our own annotations start with.
pub const OWN_PREFIX: &str = "tidegate.dev/";
/// What the keys of annotations that can matter to us start with: ours, and those that other controllers read on an Ingress
/// (or a Route of OpenShift). Sources keep these, what looks like one of them misspelt, and the class, and drop all others.
pub const PREFIXES: [&str; 25] = [
    OWN_PREFIX,
    "alb.ingress.kubernetes.io/",
    "appgw.ingress.azure.io/",
    "appgw.ingress.kubernetes.io/",
    "backend.haproxy.org/",
    "cloud.google.com/",
    "contour.heptio.com/",
    "frontend.haproxy.org/",
    "haproxy-ingress.github.io/",
    "haproxy.com/",
    "haproxy.org/",
    "haproxy.router.openshift.io/",
    "ingress.cilium.io/",
    "ingress.gcp.kubernetes.io/",
    "ingress.kubernetes.io/",
    "k8s.apisix.apache.org/",
    "konghq.com/",
    // Of GKE; the class is one of them.
    "kubernetes.io/ingress.",
    "networking.gke.io/",
    "nginx.com/",
    "nginx.ingress.kubernetes.io/",
    "nginx.org/",
    "projectcontour.io/",
    "route.openshift.io/",
    "traefik.ingress.kubernetes.io/",
];
/// What the keys of annotations start with that dialects read on a Service. Clouds and other controllers write many more on
/// Services, for themselves: nothing is said about those.
pub const SERVICE_PREFIXES: [&str; 5] =
    [OWN_PREFIX, "haproxy.com/", "haproxy.org/", "ingress.kubernetes.io/", "nginx.ingress.kubernetes.io/"];
/// The annotation that named the class of an Ingress before `spec.ingressClassName` existed.
pub const CLASS_ANNOTATION: &str = "kubernetes.io/ingress.class";

/// Keys and values, sorted by key, each key once. A `BTreeMap` of one entry takes as much memory as one of eleven.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "BTreeMap<Arc<str>, Arc<str>>")]
pub struct Annotations(Box<[(Arc<str>, Arc<str>)]>);

impl Annotations {
    /// Whether an annotation with this key can matter to us, so that it is kept.
    pub fn keeps(key: &str) -> bool {
        PREFIXES.iter().any(|prefix| key.starts_with(prefix)) || Self::meant(key).is_some()
    }

    /// The same of an annotation of a Service.
    pub fn keeps_of_service(key: &str) -> bool {
        SERVICE_PREFIXES.iter().any(|prefix| key.starts_with(prefix))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What a key with a misspelt prefix is meant to be: of what stands in front of the slash, at most two neighbouring
    /// characters are wrong, missing or too many.
    pub fn meant(key: &str) -> Option<String> {
        let (written, short) = key.split_at(key.find('/')? + 1);
        let known = PREFIXES.iter().map(|prefix| &prefix[..prefix.find('/').map_or(prefix.len(), |slash| slash + 1)]);
        // A prefix that is right is not misspelt, whatever stands behind it.
        let mut near = None;
        for known in known {
            if written == known {
                return None;
            }
            if near.is_none() && is_near(written, known) {
                near = Some(known);
            }
        }
        near.map(|known| format!("{known}{short}"))
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

/// Whether two texts are equal but for two neighbouring characters, none of which is a dot: another domain is no misspelling.
fn is_near(one: &str, other: &str) -> bool {
    const WRONG: usize = 2;
    if one.len().abs_diff(other.len()) > WRONG {
        return false;
    }
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let equal = |pairs: &mut dyn Iterator<Item = (&u8, &u8)>| pairs.take_while(|(one, other)| one == other).count();
    let front = equal(&mut one.iter().zip(other));
    let back = equal(&mut one.iter().rev().zip(other.iter().rev())).min(one.len().min(other.len()) - front);
    [one, other]
        .into_iter()
        .map(|text| &text[front..text.len() - back])
        .all(|differs| differs.len() <= WRONG && !differs.contains(&b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_prefixes_are_known_for_what_they_are_meant_to_be() {
        for (key, meant) in [
            ("kubernets.io/ingress.class", "kubernetes.io/ingress.class"),
            ("ngnix.ingress.kubernetes.io/x", "nginx.ingress.kubernetes.io/x"),
            ("nginx.ingress.kubernetes.oi/x", "nginx.ingress.kubernetes.io/x"),
            ("tidegate.de/balance", "tidegate.dev/balance"),
        ] {
            assert_eq!(Annotations::meant(key).as_deref(), Some(meant));
            assert!(Annotations::keeps(key), "{key}");
        }
        for key in [
            "kubernetes.io/tls-acme",
            "example.com/x",
            "tidegate.deviant/x",
            "x.tidegate.dev/x",
            "no-slash",
            "meta.helm.sh/x",
            "/",
        ] {
            assert!(Annotations::meant(key).is_none() && !Annotations::keeps(key), "{key}");
        }
        assert!(Annotations::keeps(CLASS_ANNOTATION) && Annotations::meant(CLASS_ANNOTATION).is_none());
    }

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
