//! `tidegate explain`: what would become of a request, by a directory of manifests or by a running process.

use std::io::Write;

use anyhow::Context as _;

use super::settings;
use crate::args::ExplainArgs;
use crate::explain::{self, Explanation, Question, Seen, View};
use crate::model::{Problem, RouteSpec};
use crate::routing::RouteTable;
use crate::source::manifests;
use crate::translate::{self, Input};

/// Writes the explanation; tells whether the request would be served, by a pod or by a redirect.
pub fn explain(args: &ExplainArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let question = Question::parse(&args.url, &args.header)?;
    let Some(path) = &args.manifests else { anyhow::bail!("--manifests DIR is needed") };
    let loaded = manifests::load(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut input = Input::new(settings::translation_of(&args.routing, &args.tls, None));
    for change in loaded.changes {
        input.apply(change);
    }
    let explanation = by_objects(&question, &input, &loaded.problems);
    write!(out, "{explanation}")?;
    Ok(explanation.is_served())
}

/// Explains with a table that is made for it.
fn by_objects(question: &Question, input: &Input, source_problems: &[Problem]) -> Explanation {
    let (snapshot, _) = translate::snapshot(input);
    let table = RouteTable::compile(&snapshot, &mut |spec: &RouteSpec| spec.action.clone());
    let read = |action: &crate::model::Action| Seen { action: action.clone(), living: None };
    explain::explain(question, &View { input, table: &table, read: &read, source_problems, https_port: 443 })
}
