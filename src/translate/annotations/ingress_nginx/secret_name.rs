//! Names of Secrets that annotations give. Each is asked for by its name, so it must be one.

use super::super::draft::Draft;
use crate::model::{ObjectKind, ObjectName, ObjectRef};

/// The Secret of this name beside the carrier, which is followed from now on; `None`: no object has such a name (RFC 1123).
pub(super) fn of(draft: &mut Draft, name: &str, carrier: &ObjectName) -> Option<ObjectName> {
    if !is_name(name) {
        return None;
    }
    let name = ObjectName::new(carrier.namespace.clone(), name);
    draft.references.push(ObjectRef::new(ObjectKind::Secret, name.clone()));
    Some(name)
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
            assert_eq!(of(&mut draft, name, &carrier).is_some(), expected, "{name}");
            assert_eq!(draft.references.len(), usize::from(expected));
        }
    }
}
