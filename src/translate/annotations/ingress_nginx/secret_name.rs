//! Names of Secrets that annotations give. Each is asked for by its name, so it must be one.

use super::super::draft::Draft;
use super::super::pod_options::NamedSecret;
use crate::model::{ObjectKind, ObjectName, ObjectRef};

/// The Secret with these names, which is followed from now on if the carrier may name it; `None`: no object has such a name (RFC 1123).
pub(in super::super) fn of(
    draft: &mut Draft,
    namespace: &str,
    name: &str,
    carrier: &ObjectName,
) -> Option<NamedSecret> {
    let is_own = *namespace == *carrier.namespace;
    if !(is_own || is_name(namespace)) || !is_name(name) {
        return None;
    }
    let name = ObjectName::new(namespace, name);
    draft.references.push(ObjectRef::new(ObjectKind::Secret, name.clone()));
    Some(if is_own { NamedSecret::Name(name) } else { NamedSecret::OfOther(name) })
}

/// Whether an object can have this name.
pub(super) fn is_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_label = |label: &str| {
        label.bytes().all(|byte| is_letter(byte) || byte == b'-')
            && label.bytes().next().is_some_and(is_letter)
            && label.bytes().next_back().is_some_and(is_letter)
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_that_an_object_can_have() {
        let carrier = ObjectName::new("shop", "web");
        let long = "a".repeat(254);
        for (name, expected) in [
            ("auth", true),
            ("a.b-c.9", true),
            ("", false),
            ("a/b", false),
            ("..", false),
            ("a.", false),
            ("-a", false),
            ("A", false),
            ("a,type=Opaque", false),
            ("a\r\nb", false),
            ("a b", false),
            ("é", false),
            (&long, false),
        ] {
            let mut draft = Draft::default();
            assert_eq!(of(&mut draft, "shop", name, &carrier).is_some(), expected, "{name}");
            assert_eq!(of(&mut draft, "zoo", name, &carrier).is_some(), expected, "{name}");
            assert_eq!(draft.references.len(), 2 * usize::from(expected));
        }
        for (namespace, expected) in [
            ("shop", Some(NamedSecret::Name(ObjectName::new("shop", "a")))),
            ("zoo", Some(NamedSecret::OfOther(ObjectName::new("zoo", "a")))),
            ("", None),
            ("..", None),
            ("Zoo", None),
            ("zoo,shop", None),
        ] {
            assert_eq!(of(&mut Draft::default(), namespace, "a", &carrier), expected, "{namespace}");
        }
    }
}
