//! `tidegate endpoint`: drains and weighs an endpoint on all replicas and for good, by the annotation of its Service, with the rights of
//! whoever calls.

mod annotation;
mod overrides;
mod pods;

use std::io::Write;
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::timeout;

use crate::args::{EndpointArgs, EndpointOf, EndpointWish};
use crate::source::api::Access;
use annotation::{ANNOTATION, Done};
use overrides::Edited;

pub(super) use annotation::{Unwritten, Writer};
pub(super) use overrides::Wish;
pub(super) use pods::ServiceEndpoint;

/// Who writes it, in the managed fields of the Service.
const MANAGER: &str = "tidegate-endpoint";
/// How long all of it may take.
const DEADLINE: Duration = Duration::from_secs(30);
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

async fn write(of: &EndpointOf, wish: Wish) -> anyhow::Result<Done> {
    let EndpointOf { service, endpoint, kubeconfig, dry_run } = of;
    let access = Access::find(kubeconfig.clone()).context("no cluster: give --kubeconfig FILE")?;
    let writer = Writer { access: &access, service, manager: MANAGER, dry_run: *dry_run, is_pending: false.into() };
    Ok(writer.write(&[wish], |all| pods::find(all, endpoint).cloned()).await?)
}

fn tell(of: &EndpointOf, wish: Wish, done: &Done, out: &mut impl Write) -> anyhow::Result<()> {
    let Done { endpoint, before: _, edited: Edited { text, stale } } = done;
    let becomes = match wish {
        Wish::Drain => "drains".to_owned(),
        Wish::Maint => "is in maintenance".to_owned(),
        Wish::Ready => "is ready".to_owned(),
        Wish::Weight(weight) => format!("has the weight {weight}"),
    };
    let how = match (done.is_unchanged(), of.dry_run) {
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
