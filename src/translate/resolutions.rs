//! The names that ExternalName Services have, and what DNS says of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{ExternalName, ObjectName, Resolution};

/// All names, each with the Services that have it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Resolutions(BTreeMap<ExternalName, Known>);

#[derive(Clone, Debug, Default)]
struct Known {
    services: BTreeSet<ObjectName>,
    /// `None`: DNS has not answered yet, or was not asked.
    resolution: Option<Resolution>,
}

impl Resolutions {
    /// All names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &ExternalName> {
        self.0.keys()
    }

    /// The Services that have this name.
    pub(crate) fn services(&self, name: &ExternalName) -> impl Iterator<Item = &ObjectName> {
        self.0.get(name).into_iter().flat_map(|known| &known.services)
    }

    /// What DNS says of this name.
    pub(crate) fn get(&self, name: &ExternalName) -> Option<&Resolution> {
        self.0.get(name)?.resolution.as_ref()
    }

    /// A Service has this name instead of the former one.
    pub(crate) fn rename(&mut self, service: &ObjectName, former: Option<&ExternalName>, new: Option<&ExternalName>) {
        if let Some(former) = former
            && let Some(known) = self.0.get_mut(former)
        {
            known.services.remove(service);
            if known.services.is_empty() {
                self.0.remove(former);
            }
        }
        if let Some(new) = new {
            self.0.entry(new.clone()).or_default().services.insert(service.clone());
        }
    }

    /// Sets what DNS says. Returns what it said before, unless it is the same, or no Service has the name.
    pub(crate) fn set(&mut self, name: &ExternalName, new: Option<Resolution>) -> Option<Option<Resolution>> {
        let known = self.0.get_mut(name)?;
        if known.resolution == new { None } else { Some(std::mem::replace(&mut known.resolution, new)) }
    }
}
