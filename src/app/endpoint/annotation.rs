//! Writes the annotation `tidegate.dev/endpoint-overrides` of a Service, so that what others write meanwhile is not lost.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use super::overrides::{self, Edited, Wish};
use super::pods::{self, ServiceEndpoint};
use crate::model::ObjectName;
use crate::source::api::Access;

/// The annotation.
pub(super) const ANNOTATION: &str = "tidegate.dev/endpoint-overrides";
/// Times that it is tried when somebody else writes the Service meanwhile.
const ATTEMPTS: u32 = 6;
/// Wait before the second time; each further one waits twice as long.
const PAUSE: Duration = Duration::from_millis(50);

/// What writes the annotation of one Service.
pub(in crate::app) struct Writer<'w> {
    pub(in crate::app) access: &'w Access,
    pub(in crate::app) service: &'w ObjectName,
    /// Who writes it, in the managed fields of the Service.
    pub(in crate::app) manager: &'static str,
    pub(in crate::app) dry_run: bool,
    /// Whether a write was sent of which it is not known whether it was done.
    pub(in crate::app) is_pending: AtomicBool,
}

/// What was done.
pub(in crate::app) struct Done {
    pub(super) endpoint: ServiceEndpoint,
    pub(super) before: String,
    pub(super) edited: Edited,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub(in crate::app) enum Unwritten {
    /// Its EndpointSlices have no such endpoint.
    #[error("Service {0} has {1}")]
    NoEndpoint(ObjectName, String),
    /// The annotation cannot be edited.
    #[error("Service {0}: {ANNOTATION}: {1}")]
    Unfit(ObjectName, &'static str),
    /// Others write the Service each time.
    #[error("Service {0} is written by somebody else all the time: nothing was changed")]
    Contended(ObjectName),
    /// The API server refuses it, or there was no answer that can be used.
    #[error("cannot {0} Service {1}: {2}")]
    Refused(&'static str, ObjectName, String),
}

impl Done {
    /// Whether it said so already, so that nothing was written.
    pub(in crate::app) fn is_unchanged(&self) -> bool {
        self.edited.text == self.before
    }
}

impl Writer<'_> {
    /// Writes what is wished for the endpoint that `choose` takes. Its caller sets a deadline.
    pub(in crate::app) async fn write(
        &self,
        wishes: &[Wish],
        choose: impl Fn(&[ServiceEndpoint]) -> Result<ServiceEndpoint, String>,
    ) -> Result<Done, Unwritten> {
        let name = self.service;
        let services: Api<Service> = Api::namespaced(self.access.client(), &name.namespace);
        let slices: Api<EndpointSlice> = Api::namespaced(self.access.client(), &name.namespace);
        for attempt in 0..ATTEMPTS {
            let service = services.get(&name.name).await.map_err(|error| refusal(error, "read", name))?;
            let selected = ListParams::default().labels(&format!("kubernetes.io/service-name={}", name.name));
            let listed = slices.list(&selected).await;
            let listed = listed.map_err(|error| refusal(error, "list the EndpointSlices of", name))?;
            let all = pods::of(&listed.items);
            let endpoint = choose(&all).map_err(|why| Unwritten::NoEndpoint(name.clone(), why))?;
            let annotations = service.metadata.annotations.unwrap_or_default();
            let before = annotations.get(ANNOTATION).cloned().unwrap_or_default();
            let edited = overrides::edit_all(&before, &all, &endpoint, wishes);
            let edited = edited.map_err(|why| Unwritten::Unfit(name.clone(), why))?;
            let done = Done { endpoint, before, edited };
            if done.is_unchanged() {
                return Ok(done);
            }
            let params = PatchParams {
                dry_run: self.dry_run,
                field_manager: Some(self.manager.into()),
                ..PatchParams::default()
            };
            let patch = patch(service.metadata.resource_version.as_deref(), &done.edited.text);
            self.is_pending.store(true, Relaxed);
            let answer = services.patch(&name.name, &params, &Patch::Merge(patch)).await;
            // 500 and above: the server, or one before it, does not know itself.
            let is_refusal = |error: &kube::Error| matches!(error, kube::Error::Api(status) if status.code < 500);
            self.is_pending.store(answer.as_ref().is_err_and(|error| !is_refusal(error)), Relaxed);
            match answer {
                Ok(_) => return Ok(done),
                Err(kube::Error::Api(status)) if status.code == 409 => tokio::time::sleep(PAUSE * (1 << attempt)).await,
                Err(error) => return Err(refusal(error, "write", name)),
            }
        }
        Err(Unwritten::Contended(name.clone()))
    }
}

/// The version is a condition: what somebody else writes meanwhile is not lost.
fn patch(version: Option<&str>, text: &str) -> Value {
    let value = if text.is_empty() { Value::Null } else { text.into() };
    let mut metadata = json!({"annotations": {ANNOTATION: value}});
    if let Some(version) = version {
        metadata["resourceVersion"] = version.into();
    }
    json!({"metadata": metadata})
}

fn refusal(error: kube::Error, what: &'static str, name: &ObjectName) -> Unwritten {
    let why = match error {
        kube::Error::Api(status) if !status.message.is_empty() => status.message.clone(),
        error => error.to_string(),
    };
    Unwritten::Refused(what, name.clone(), why)
}
