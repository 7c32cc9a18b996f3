//! The snapshot file at start and while serving.

use std::sync::Arc;

use anyhow::Context as _;

use crate::args::LifecycleArgs;
use crate::controller::Controller;
use crate::observe::Metrics;
use crate::source::saved::{self, Writer};

/// Has the controller serve what the snapshot file holds, if there is one that can be used, and starts to keep it up to
/// date. `None` without the option.
pub(super) fn take_up(
    args: &LifecycleArgs,
    controller: &mut Controller,
    metrics: &Arc<Metrics>,
) -> anyhow::Result<Option<Writer>> {
    let Some(path) = &args.snapshot_file else { return Ok(None) };
    let writer =
        Writer::start(path.clone(), Arc::clone(metrics)).context("cannot start the writer of the snapshot file")?;
    controller.record(writer.recorder());
    match saved::read(path) {
        Ok(Some(saved)) => controller.restore(saved),
        Ok(None) => tracing::info!(path = %path.display(), "there is no snapshot file yet"),
        Err(rejection) => {
            metrics.configuration().snapshot_rejected(rejection.as_str());
            tracing::warn!(path = %path.display(), %rejection, "the snapshot file is not used");
        }
    }
    Ok(Some(writer))
}
