//! Fields of objects that have no type here. All of it is input of others: nothing is trusted to be of the right kind.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

/// Namespace and name of an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Named {
    pub(super) namespace: String,
    pub(super) name: String,
}

impl Named {
    /// `None` unless both are names that the API accepts: they become parts of paths.
    pub(super) fn new(namespace: &str, name: &str) -> Option<Self> {
        let is_good = is_label(namespace) && is_name(name);
        is_good.then(|| Self { namespace: namespace.to_owned(), name: name.to_owned() })
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// A DNS label (RFC 1123): the name of a namespace.
pub(super) fn is_label(text: &str) -> bool {
    let is_end = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    text.len() <= 63
        && text.bytes().all(|byte| is_end(Some(byte)) || byte == b'-')
        && is_end(text.bytes().next())
        && is_end(text.bytes().last())
}

/// A DNS subdomain (RFC 1123): the name of most objects.
pub(super) fn is_name(text: &str) -> bool {
    (1..=253).contains(&text.len()) && text.split('.').all(is_label)
}

/// Namespace and name of an object; the namespace defaults to `default`.
pub(super) fn name_of(object: &Value) -> Option<Named> {
    let text = |field: &str| object.pointer(field).and_then(Value::as_str).filter(|text| !text.is_empty());
    Named::new(text("/metadata/namespace").unwrap_or("default"), text("/metadata/name")?)
}

/// A map of texts; what is none is left out.
pub(super) fn texts(value: Option<&Value>) -> BTreeMap<String, String> {
    let fields = value.and_then(Value::as_object).into_iter().flatten();
    fields.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

/// Numbers of ports.
pub(super) fn port(value: Option<&Value>) -> Option<u16> {
    value.and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_the_api_would_refuse_are_none() {
        assert!(Named::new("ingress-nginx", "a.b-c").is_some());
        for (namespace, name) in
            [("..", "a"), ("a", ".."), ("a", "b/c"), ("a?", "b"), ("", "b"), ("a", ""), ("a.b", "c"), ("-a", "b")]
        {
            assert_eq!(Named::new(namespace, name), None, "{namespace:?} {name:?}");
        }
    }
}
