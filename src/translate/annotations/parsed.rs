//! The annotations of one object after they were read.

use std::sync::Arc;

use crate::model::{HostPattern, ObjectRef};

use super::draft::Draft;
use super::faults::Fault;
use super::options::Options;

/// The annotations of an object, read. Cheap to clone, and without memory of its own for an object that has none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parsed(Option<Arc<Content>>);

#[derive(Debug)]
struct Content {
    options: Options,
    /// What the annotations of few objects come to.
    rare: Option<Box<Rare>>,
}

#[derive(Debug)]
struct Rare {
    hosts: Box<[HostPattern]>,
    references: Box<[ObjectRef]>,
    faults: Box<[Fault]>,
}

impl Parsed {
    /// Of an object that has at least one annotation that is read.
    pub(super) fn new(draft: Draft, faults: Vec<Fault>) -> Self {
        let Draft { options, hosts, references, remark: _, finding: _, choices: _ } = draft;
        let has_rare = !(hosts.is_empty() && references.is_empty() && faults.is_empty());
        let rare = || Box::new(Rare { hosts: hosts.into(), references: references.into(), faults: faults.into() });
        Self(Some(Arc::new(Content { options, rare: has_rare.then(rare) })))
    }

    /// Whether there was nothing to read.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// What they set.
    pub(crate) fn options(&self) -> &Options {
        const UNSET: &Options = &Options::UNSET;
        self.0.as_ref().map_or(UNSET, |content| &content.options)
    }

    /// Hosts that they add to those that the object's fields name.
    pub(crate) fn hosts(&self) -> &[HostPattern] {
        self.rare().map_or(&[], |rare| &rare.hosts)
    }

    /// Objects that they name.
    pub(crate) fn references(&self) -> &[ObjectRef] {
        self.rare().map_or(&[], |rare| &rare.references)
    }

    pub(super) fn faults(&self) -> &[Fault] {
        self.rare().map_or(&[], |rare| &rare.faults)
    }

    fn rare(&self) -> Option<&Rare> {
        self.0.as_ref()?.rare.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_objects_with_annotations_take_little() {
        // With the two counts of the Arc: 80 bytes.
        assert_eq!((size_of::<Parsed>(), size_of::<Content>()), (8, 64));
    }
}
