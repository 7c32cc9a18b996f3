//! Saved objects at the start and while serving.

use std::sync::Arc;

use anyhow::Context as _;

use crate::args::LifecycleArgs;
use crate::controller::Controller;
use crate::observe::Metrics;
use crate::source::saved::{self, Writer};

/// Makes the controller serve saved objects if there is a usable file of them, and starts to keep that file up to date. `None`
/// without the option.
pub(super) fn take_up(
    args: &LifecycleArgs,
    controller: &mut Controller,
    metrics: &Arc<Metrics>,
) -> anyhow::Result<Option<Writer>> {
    let Some(path) = &args.snapshot_file else { return Ok(None) };
    let writer =
        Writer::start(path.clone(), Arc::clone(metrics)).context("cannot start the writer of saved objects")?;
    controller.record(writer.recorder());
    match saved::read(path) {
        Ok(Some(saved)) => controller.restore(saved),
        Ok(None) => tracing::info!(path = %path.display(), "there are no saved objects yet"),
        Err(rejection) => {
            metrics.configuration().saved_objects_rejected(rejection.as_str());
            tracing::warn!(path = %path.display(), %rejection, "the file of saved objects is not used");
        }
    }
    Ok(Some(writer))
}
