//! Findings that come and go: logged when they appear, counted, and reported.

use tokio::time::Instant;

use crate::model::{Problem, Severity, UnitKey};
use crate::translate::Findings;

use super::Controller;

impl Controller {
    /// The findings about everything, before which there were none.
    pub(super) fn set_findings(&self, findings: Findings) {
        findings.values().flatten().for_each(log);
        self.problems_changed([], findings.values().flatten());
        self.problems.lock().units = findings;
    }

    /// The findings of the source, instead of those before.
    pub(super) fn set_source_problems(&self, new: Vec<Problem>) {
        let mut found = self.problems.lock();
        self.replace_problems(&mut found.source, new);
    }

    /// Finds the Services that have had no endpoint for a while.
    pub(super) fn find_services_without_endpoints(&mut self) {
        let without = self.registry.without_endpoints();
        let new = self.services_without_endpoints.problems(&self.input, &without, Instant::now());
        let mut found = self.problems.lock();
        if found.without_endpoints != new {
            self.replace_problems(&mut found.without_endpoints, new);
        }
    }

    pub(super) fn replace_problems(&self, old: &mut Vec<Problem>, new: Vec<Problem>) {
        new.iter().filter(|problem| !old.contains(problem)).for_each(log);
        self.problems_changed(&*old, &new);
        *old = new;
    }

    /// Logs and counts the findings that are new for a unit, and counts off those that have gone.
    pub(super) fn note_problems(&self, key: &UnitKey, new: &[Problem]) {
        let problems = self.problems.lock();
        let old = problems.units.get(key).map_or(&[][..], Vec::as_slice);
        new.iter().filter(|problem| !old.contains(problem)).for_each(log);
        self.problems_changed(old, new);
    }

    fn problems_changed<'a>(
        &self,
        gone: impl IntoIterator<Item = &'a Problem> + Clone,
        come: impl IntoIterator<Item = &'a Problem> + Clone,
    ) {
        if let (Some(inbox), true) = (&self.inbox, self.stage.is_synced()) {
            inbox.problems(gone.clone(), come.clone());
        }
        self.metrics.problems_changed(gone, come);
    }
}

fn log(problem: &Problem) {
    let Problem { object, field, code, severity, message, remedy } = problem;
    let code = code.as_str();
    match severity {
        Severity::Error => tracing::warn!(%object, field, code, severity = "error", remedy, "{message}"),
        Severity::Warning => tracing::info!(%object, field, code, severity = "warning", remedy, "{message}"),
    }
}
