//! The mark of the statuses that we have written.

use std::sync::Arc;

use serde_json::Value;

use crate::model::ObjectName;

/// Longest name of a field manager that the API accepts. Bytes.
const LONGEST: usize = 128;

/// The field manager under which an installation writes statuses: the API server notes it in `metadata.managedFields`.
///
/// It follows from the Lease, which all replicas of an installation share. So all processes that may ever write for an
/// installation have the same signature, whatever their version and class, and two installations that both write never do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature(Arc<str>);

impl Signature {
    /// Of the installation with this Lease.
    pub fn of(lease: &ObjectName) -> Self {
        let name = format!("tidegate:{}/{}", lease.namespace, lease.name);
        if name.len() <= LONGEST {
            return Self(name.into());
        }
        // FNV-1a: the same in every version. What comes before it is for people.
        let hash = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let cut = (0..=LONGEST - 17).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0);
        Self(format!("{}~{hash:016x}", &name[..cut]).into())
    }

    /// The name as the API has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether an entry of `metadata.managedFields` says that we have written the addresses of an Ingress.
    pub fn stands_in(
        &self,
        manager: Option<&str>,
        operation: Option<&str>,
        subresource: Option<&str>,
        fields: Option<&Value>,
    ) -> bool {
        manager == Some(self.as_str())
            && operation == Some("Apply")
            && subresource == Some("status")
            && fields.is_some_and(|fields| !fields["f:status"]["f:loadBalancer"]["f:ingress"].is_null())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lease_gives_a_name_of_its_own_that_the_api_takes() {
        let of = |namespace: &str, name: &str| Signature::of(&ObjectName::new(namespace, name)).as_str().to_owned();
        assert_eq!(of("edge", "tidegate"), "tidegate:edge/tidegate");
        let long = "a".repeat(200);
        let (one, other) = (of("edge", &format!("{long}1")), of("edge", &format!("{long}2")));
        assert!(one.len() == LONGEST && other.len() == LONGEST && one != other, "{one} {other}");
        assert_eq!(&one[LONGEST - 17..], "~d1cc9c65c7908ba1", "never another, or statuses are not known again");
        let odd = of("edge", &"ü".repeat(100));
        assert!(odd.len() <= LONGEST && odd.starts_with("tidegate:edge/ü"), "{odd}");
    }
}
