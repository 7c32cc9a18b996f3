//! What is watched, and the requests for it.

use std::sync::Arc;

use kube::api::{GetParams, ListParams, WatchParams};
use kube::core::Request;

use super::failure::{Failure, Reason};
use crate::model::{ObjectName, ObjectRef};
use crate::source::kinds::{self, Kind};

/// Objects on a page of a list.
const PAGE: u32 = 500;

/// In what portions a list is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Portion {
    /// Page by page, which saves memory on both sides.
    #[default]
    Pages,
    /// All at once: pages expire on the server after five minutes, so a very slow list never gets to the last page.
    Whole,
}

/// What is watched.
#[derive(Clone)]
pub(super) struct Scope {
    pub(super) kind: &'static Kind,
    /// `None`: all namespaces, or a kind that has none.
    pub(super) namespace: Option<Arc<str>>,
    pub(super) which: Which,
}

/// Which objects of a kind and namespace are watched.
#[derive(Clone, Debug)]
pub(super) enum Which {
    /// Those that the field selector of the kind picks out.
    Selected,
    /// The one of this name, which is asked for by its name.
    Named(Arc<str>),
    /// Those of the Service of this name: of EndpointSlices.
    OfService(Arc<str>),
    /// The one of this name if the field selector of its kind leaves it out. So no object comes by two watches.
    LeftOut(Arc<str>),
}

impl Scope {
    /// One object, by its name.
    pub(super) fn named(kind: &'static Kind, name: &ObjectName) -> Self {
        Self { kind, namespace: Some(name.namespace.clone()), which: Which::Named(name.name.clone()) }
    }

    fn path(&self) -> String {
        self.kind.resource.path(self.namespace.as_deref())
    }

    fn fields(&self) -> Option<String> {
        match (&self.which, self.kind.field_selector) {
            (Which::Selected | Which::OfService(_), selector) => selector.map(str::to_owned),
            (Which::Named(name), _) | (Which::LeftOut(name), None) => Some(format!("metadata.name={name}")),
            (Which::LeftOut(name), Some(selector)) => {
                Some(format!("metadata.name={name},{}", selector.replacen('=', "!=", 1)))
            }
        }
    }

    fn labels(&self) -> Option<String> {
        match &self.which {
            Which::OfService(name) => Some(format!("{}={name}", kinds::SERVICE_LABEL)),
            Which::Selected | Which::Named(_) | Which::LeftOut(_) => self.kind.label_selector.map(str::to_owned),
        }
    }

    /// The same in one namespace.
    pub(super) fn within(&self, namespace: Arc<str>) -> Self {
        Self { namespace: Some(namespace), ..self.clone() }
    }

    /// The one object that is asked for by its name, if it is one.
    pub(super) fn name(&self) -> Option<&Arc<str>> {
        match &self.which {
            Which::Named(name) => Some(name),
            Which::Selected | Which::LeftOut(_) | Which::OfService(_) => None,
        }
    }

    /// The name of the one object that is watched, if it is one.
    pub(super) fn only(&self) -> Option<&Arc<str>> {
        match &self.which {
            Which::Named(name) | Which::LeftOut(name) => Some(name),
            Which::Selected | Which::OfService(_) => None,
        }
    }

    /// The object of this kind with this name.
    pub(super) fn object(&self, name: ObjectName) -> ObjectRef {
        ObjectRef { kind: self.kind.object, name }
    }

    /// The kind as Kubernetes writes it.
    pub(super) fn kind_name(&self) -> &'static str {
        self.kind.object.as_str()
    }

    /// A request for the object of this name.
    pub(super) fn get(&self, name: &str) -> Result<http::Request<Vec<u8>>, Failure> {
        let request = Request::new(self.path()).get(name, &GetParams::default());
        request.map_err(|error| Failure::new(Reason::Refused, error.to_string()))
    }

    /// A request for a list, or for what follows a page of it.
    pub(super) fn list(&self, portion: Portion, next: Option<String>) -> Result<http::Request<Vec<u8>>, Failure> {
        let params = ListParams {
            field_selector: self.fields(),
            label_selector: self.labels(),
            limit: match portion {
                Portion::Pages => Some(PAGE),
                Portion::Whole => None,
            },
            continue_token: next,
            ..ListParams::default()
        };
        Request::new(self.path()).list(&params).map_err(|error| Failure::new(Reason::Refused, error.to_string()))
    }

    /// A request for a watch of what comes after this version.
    pub(super) fn watch(&self, version: &str, seconds: u32) -> Result<http::Request<Vec<u8>>, Failure> {
        let params = WatchParams {
            field_selector: self.fields(),
            label_selector: self.labels(),
            timeout: Some(seconds),
            bookmarks: true,
            send_initial_events: false,
        };
        let request = Request::new(self.path()).watch(&params, version);
        request.map_err(|error| Failure::new(Reason::Refused, error.to_string()))
    }
}
