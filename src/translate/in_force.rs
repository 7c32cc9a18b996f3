//! Which annotations hold for a backend: those of its Service, then those of the object that routes to it.

use std::ops::Deref;
use std::sync::Arc;

use crate::model::ObjectName;
use crate::source::objects::Backend;

use super::annotations::Options;
use super::input::Input;

/// What annotations set for a backend.
#[derive(Debug)]
pub(crate) enum InForce<'a> {
    /// What those of the object set: the Service has none.
    OfObject(&'a Options),
    /// What those of the Service set, and behind it what those of the object do.
    WithService(Box<Options>),
}

impl Deref for InForce<'_> {
    type Target = Options;

    fn deref(&self) -> &Options {
        match self {
            Self::OfObject(options) => options,
            Self::WithService(options) => options,
        }
    }
}

/// What holds for a Service to which an object routes whose annotations set these options. A Service without annotations
/// costs a look at a map, and none where no Service has any.
pub(crate) fn for_service<'a>(input: &Input, service: &ObjectName, options: &'a Options) -> InForce<'a> {
    match input.index().annotations_of(service) {
        Some(of_service) => InForce::WithService(Box::new(of_service.options().over(options))),
        None => InForce::OfObject(options),
    }
}

/// The Service of a backend in this namespace, if it has annotations.
pub(crate) fn annotated(input: &Input, namespace: &Arc<str>, backend: &Backend) -> Option<ObjectName> {
    if input.index().has_no_annotated_service() {
        return None;
    }
    match backend {
        Backend::Service { name, port: _ } => {
            let service = ObjectName::new(namespace.clone(), name.clone());
            input.index().annotations_of(&service).map(|_| service)
        }
        Backend::Resource(_) | Backend::Invalid => None,
    }
}
