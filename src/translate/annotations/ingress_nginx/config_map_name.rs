//! Names of ConfigMaps that annotations give. Each is asked for by its name, so it must be one.

use super::super::draft::Draft;
use super::secret_name::is_name;
use crate::model::{ObjectKind, ObjectName, ObjectRef};

/// The ConfigMap of this name, with its namespace or beside the carrier; `None`: no object has such a name (RFC 1123). Whether one
/// of another namespace may be named is not known here.
pub(in super::super) fn of(draft: &mut Draft, text: &str, carrier: &ObjectName) -> Option<ObjectName> {
    let name = parse(text.trim(), carrier)?;
    draft.references.push(ObjectRef::new(ObjectKind::ConfigMap, name.clone()));
    Some(name)
}

/// Reads `name` or `namespace/name`.
pub(in super::super) fn parse(text: &str, carrier: &ObjectName) -> Option<ObjectName> {
    let (namespace, name) = text.split_once('/').unwrap_or((&carrier.namespace, text));
    (is_name(namespace) && is_name(name)).then(|| ObjectName::new(namespace, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_have_a_namespace_and_nothing_else() {
        let carrier = ObjectName::new("shop", "web");
        for (text, expected) in [
            ("headers", Some(("shop", "headers"))),
            (" zoo/headers\n", Some(("zoo", "headers"))),
            ("", None),
            ("/headers", None),
            ("zoo/", None),
            ("a/b/c", None),
            ("zoo/a,b", None),
            ("zoo/../x", None),
            ("zoo/a\r\nb", None),
            ("Zoo/a", None),
        ] {
            let mut draft = Draft::default();
            let expected = expected.map(|(namespace, name)| ObjectName::new(namespace, name));
            assert_eq!(of(&mut draft, text, &carrier), expected, "{text:?}");
            assert_eq!(draft.references.len(), usize::from(expected.is_some()));
        }
    }
}
