//! `tidegate check`: every finding about a directory of manifests, on standard output.

use std::io::Write;

use anyhow::Context as _;

use super::settings;
use crate::args::CheckArgs;
use crate::model::{RoutePolicy, Severity};
use crate::source::manifests;
use crate::translate::{self, Input};

/// Writes one line for each finding. Returns whether one of them is an error.
pub fn check(args: &CheckArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let path = &args.source.manifests;
    let loaded = manifests::load(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut input = Input::new(settings::translation_of(&args.routing, &args.tls, RoutePolicy::default()));
    for change in loaded.changes {
        input.apply(change);
    }
    let (_, findings) = translate::snapshot(&input);
    let mut has_errors = false;
    for problem in loaded.problems.iter().chain(findings.values().flatten()) {
        has_errors |= problem.severity == Severity::Error;
        writeln!(out, "{problem}")?;
    }
    Ok(has_errors)
}
