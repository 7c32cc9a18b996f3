//! Where a route comes from: what metrics, logs, explanations and views name.

use std::fmt;
use std::sync::LazyLock;

use super::kind::ObjectKind;
use super::listener_key::ListenerKey;
use super::names::{ObjectName, ObjectRef};

/// The object, and the place in it, that asks for a route.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Origin {
    /// An object. Its kind and name are an `ObjectRef`'s, which would not leave room for the place in the same size.
    Object {
        /// What it is.
        kind: ObjectKind,
        /// Which one it is.
        name: ObjectName,
        /// Which part of it.
        place: Place,
    },
    /// The flag `--default-backend`. No object asks for this route.
    DefaultBackend,
}

/// The part of an object that a route comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// A match of a rule, each by its position in its list.
    Rule {
        /// Position in `spec.rules`.
        rule: u16,
        /// Position in the rule's list: of an Ingress `http.paths`.
        entry: u16,
    },
    /// The default backend of the object.
    DefaultBackend,
    /// The entry for a listener: of a ConfigMap of streams, or of the annotation `expose` of a Service.
    Listener(ListenerKey),
    /// Not known.
    Unknown,
}

/// How labels and logs name the route of `--default-backend`.
static DEFAULT_BACKEND: LazyLock<ObjectName> = LazyLock::new(|| ObjectName::new("", "default-backend"));

impl Origin {
    /// A place in an Ingress.
    pub fn ingress(name: ObjectName, place: Place) -> Self {
        Self::Object { kind: ObjectKind::Ingress, name, place }
    }

    /// The name that metrics, logs and views show. For `--default-backend` it is `default-backend` without a namespace,
    /// which no object has.
    pub fn label(&self) -> &ObjectName {
        match self {
            Self::Object { kind: _, name, place: _ } => name,
            Self::DefaultBackend => &DEFAULT_BACKEND,
        }
    }

    /// The object, if there is one.
    pub fn object(&self) -> Option<ObjectRef> {
        match self {
            Self::Object { kind, name, place: _ } => Some(ObjectRef { kind: *kind, name: name.clone() }),
            Self::DefaultBackend => None,
        }
    }

    /// Whether the route comes from this object.
    pub fn is_object(&self, object: &ObjectRef) -> bool {
        match self {
            Self::Object { kind, name, place: _ } => *kind == object.kind && *name == object.name,
            Self::DefaultBackend => false,
        }
    }

    /// The field that asks for the route, as a path into the object.
    pub fn field(&self) -> Option<String> {
        let Self::Object { kind, name: _, place } = self else { return None };
        match (kind, place) {
            (ObjectKind::Ingress, Place::Rule { rule, entry }) => {
                Some(format!("spec.rules[{rule}].http.paths[{entry}]"))
            }
            (ObjectKind::Ingress, Place::DefaultBackend) => Some("spec.defaultBackend".into()),
            (ObjectKind::ConfigMap, Place::Listener(key)) => Some(format!("data[\"{}\"]", key.port)),
            (ObjectKind::Service, Place::Listener(_)) => Some("metadata.annotations[\"tidegate.dev/expose\"]".into()),
            (_, Place::Rule { .. } | Place::DefaultBackend | Place::Listener(_) | Place::Unknown) => None,
        }
    }
}

impl Place {
    /// A match of a rule. Positions that no real object has are not told.
    pub fn rule(rule: usize, entry: usize) -> Self {
        match (u16::try_from(rule), u16::try_from(entry)) {
            (Ok(rule), Ok(entry)) => Self::Rule { rule, entry },
            (Ok(_) | Err(_), Ok(_) | Err(_)) => Self::Unknown,
        }
    }
}

/// As labels show it.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.label().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::super::listener_key::Transport;
    use super::*;

    #[test]
    fn an_origin_names_object_and_field() {
        let name = ObjectName::new("shop", "web");
        let origin = |place| Origin::ingress(name.clone(), place);
        for (origin, label, field) in [
            (origin(Place::rule(2, 65_535)), "shop/web", Some("spec.rules[2].http.paths[65535]")),
            (origin(Place::rule(2, 65_536)), "shop/web", None),
            (origin(Place::DefaultBackend), "shop/web", Some("spec.defaultBackend")),
            (Origin::DefaultBackend, "default-backend", None),
        ] {
            assert_eq!((origin.to_string().as_str(), origin.field().as_deref()), (label, field));
        }
        let key = ListenerKey { port: 53, transport: Transport::Udp };
        let listener = |kind| Origin::Object { kind, name: name.clone(), place: Place::Listener(key) }.field().unwrap();
        assert_eq!(listener(ObjectKind::ConfigMap), "data[\"53\"]");
        assert_eq!(listener(ObjectKind::Service), "metadata.annotations[\"tidegate.dev/expose\"]");
        let object = ObjectRef { kind: ObjectKind::Ingress, name: name.clone() };
        assert_eq!(origin(Place::Unknown).object().as_ref(), Some(&object));
        assert!(origin(Place::Unknown).is_object(&object) && !Origin::DefaultBackend.is_object(&object));
        assert!(!origin(Place::Unknown).is_object(&ObjectRef { kind: ObjectKind::Service, name }));
    }
}
