//! `tidegate endpoint`: drains and weighs an endpoint on all replicas and for good, by the annotation of its Service, with the rights of
//! whoever calls.

mod overrides;
mod pods;

use std::io::Write;
use std::time::Duration;

use anyhow::Context as _;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::args::{EndpointArgs, EndpointOf, EndpointWish};
use crate::model::ObjectName;
use crate::source::api::Access;
use overrides::{Edited, Wish};
use pods::ServiceEndpoint;

/// The annotation.
const ANNOTATION: &str = "tidegate.dev/endpoint-overrides";
/// Who writes it, in the managed fields of the Service.
const MANAGER: &str = "tidegate-endpoint";
/// How long all of it may take.
const DEADLINE: Duration = Duration::from_secs(30);
/// Times that it is tried when somebody else writes the Service meanwhile.
const ATTEMPTS: u32 = 6;
/// Wait before the second time; each further one waits twice as long.
const PAUSE: Duration = Duration::from_millis(50);

/// Writes the annotation and says what it is now.
pub fn endpoint(args: &EndpointArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let (wish, of) = match &args.wish {
        EndpointWish::Drain(of) => (Wish::Drain, of),
        EndpointWish::Maint(of) => (Wish::Maint, of),
        EndpointWish::Ready(of) => (Wish::Ready, of),
        EndpointWish::Weight { weight, of } => (Wish::Weight(*weight), of),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(async { timeout(DEADLINE, write(of, wish)).await });
    let done = done.map_err(|_| anyhow::anyhow!("no answer of the API server in {} s", DEADLINE.as_secs()))??;
    tell(of, wish, &done, out)
}

/// What was done.
struct Done {
    endpoint: ServiceEndpoint,
    before: String,
    edited: Edited,
}

async fn write(of: &EndpointOf, wish: Wish) -> anyhow::Result<Done> {
    let EndpointOf { service: name, endpoint, kubeconfig, dry_run } = of;
    let access = Access::find(kubeconfig.clone()).context("no cluster: give --kubeconfig FILE")?;
    let services: Api<Service> = Api::namespaced(access.client(), &name.namespace);
    let slices: Api<EndpointSlice> = Api::namespaced(access.client(), &name.namespace);
    for attempt in 0..ATTEMPTS {
        let service = services.get(&name.name).await.map_err(|error| refusal(&error, "cannot read", name))?;
        let selected = ListParams::default().labels(&format!("kubernetes.io/service-name={}", name.name));
        let listed = slices.list(&selected).await;
        let listed = listed.map_err(|error| refusal(&error, "cannot list the EndpointSlices of", name))?;
        let all = pods::of(&listed.items);
        let chosen = pods::find(&all, endpoint);
        let chosen = chosen.map_err(|why| anyhow::anyhow!("Service {name} has {why}"))?;
        let annotations = service.metadata.annotations.unwrap_or_default();
        let before = annotations.get(ANNOTATION).cloned().unwrap_or_default();
        let edited = overrides::edit(&before, &all, chosen, wish);
        let edited = edited.map_err(|why| anyhow::anyhow!("Service {name}: {ANNOTATION}: {why}"))?;
        let done = Done { endpoint: chosen.clone(), before, edited };
        if done.edited.text == done.before {
            return Ok(done);
        }
        let params = PatchParams { dry_run: *dry_run, field_manager: Some(MANAGER.into()), ..PatchParams::default() };
        let patch = patch(service.metadata.resource_version.as_deref(), &done.edited.text);
        match services.patch(&name.name, &params, &Patch::Merge(patch)).await {
            Ok(_) => return Ok(done),
            Err(kube::Error::Api(status)) if status.code == 409 => tokio::time::sleep(PAUSE * (1 << attempt)).await,
            Err(error) => return Err(refusal(&error, "cannot write", name)),
        }
    }
    anyhow::bail!("Service {name} is written by somebody else all the time: nothing was changed")
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

fn refusal(error: &kube::Error, what: &str, name: &ObjectName) -> anyhow::Error {
    match error {
        kube::Error::Api(status) if !status.message.is_empty() => {
            anyhow::anyhow!("{what} Service {name}: {}", status.message)
        }
        error => anyhow::anyhow!("{what} Service {name}: {error}"),
    }
}

fn tell(of: &EndpointOf, wish: Wish, done: &Done, out: &mut impl Write) -> anyhow::Result<()> {
    let Done { endpoint, before, edited: Edited { text, stale } } = done;
    let becomes = match wish {
        Wish::Drain => "drains".to_owned(),
        Wish::Maint => "is in maintenance".to_owned(),
        Wish::Ready => "is ready".to_owned(),
        Wish::Weight(weight) => format!("has the weight {weight}"),
    };
    let how = match (text == before, of.dry_run) {
        (true, _) => " already, nothing was changed",
        (false, true) => " (dry run, nothing was changed)",
        (false, false) => " on all replicas",
    };
    writeln!(out, "Service {}: {} {becomes}{how}", of.service, endpoint.name())?;
    for entry in stale {
        writeln!(out, "removed {entry}: its pod is gone")?;
    }
    let text = if text.is_empty() { "none" } else { text };
    writeln!(out, "{ANNOTATION}: {text}")?;
    Ok(())
}
