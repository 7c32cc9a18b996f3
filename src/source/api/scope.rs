//! What is watched, and how it is asked for.

use std::sync::Arc;

use kube::api::{GetParams, ListParams, WatchParams};
use kube::core::Request;

use super::failure::{Failure, Reason};
use crate::model::ObjectKind;

/// Objects on a page of a list.
const PAGE: u32 = 500;

/// In what portions a list is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Portion {
    /// Page by page, which spares both sides memory.
    #[default]
    Pages,
    /// All at once: pages expire on the server after five minutes, so one that is very slow never gets to the last.
    Whole,
}

/// What is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) kind: ObjectKind,
    /// `None`: all namespaces, or a kind that has none.
    pub(super) namespace: Option<Arc<str>>,
    /// One object only.
    pub(super) name: Option<Arc<str>>,
}

impl Scope {
    fn path(&self) -> String {
        let (group, plural) = match self.kind {
            ObjectKind::Ingress => ("apis/networking.k8s.io/v1", "ingresses"),
            ObjectKind::IngressClass => ("apis/networking.k8s.io/v1", "ingressclasses"),
            ObjectKind::Service => ("api/v1", "services"),
            ObjectKind::EndpointSlice => ("apis/discovery.k8s.io/v1", "endpointslices"),
            ObjectKind::Secret => ("api/v1", "secrets"),
            ObjectKind::File => ("", ""),
        };
        match &self.namespace {
            Some(namespace) => format!("/{group}/namespaces/{namespace}/{plural}"),
            None => format!("/{group}/{plural}"),
        }
    }

    fn fields(&self) -> Option<String> {
        match (&self.name, self.kind) {
            (Some(name), _) => Some(format!("metadata.name={name}")),
            (None, ObjectKind::Secret) => Some("type=kubernetes.io/tls".into()),
            (None, _) => None,
        }
    }

    fn labels(&self) -> Option<String> {
        // Slices of no Service concern nobody.
        (self.kind == ObjectKind::EndpointSlice).then(|| "kubernetes.io/service-name".into())
    }

    /// The object of this name.
    pub(super) fn get(&self, name: &str) -> Result<http::Request<Vec<u8>>, Failure> {
        let request = Request::new(self.path()).get(name, &GetParams::default());
        request.map_err(|error| Failure::new(Reason::Refused, error.to_string()))
    }

    /// A list, or what follows a page of it.
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

    /// A watch of what comes after this version.
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
