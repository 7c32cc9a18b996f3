//! `tidegate check`: every finding about a directory of manifests, on standard output; or what other dialects of annotations change.

use std::io::Write;

use anyhow::Context as _;
use serde_json::json;

use super::compare::{self, Outcome};
use super::settings;
use crate::args::{CheckArgs, OutputFormat};
use crate::model::{Problem, RoutePolicy, Severity};
use crate::source::manifests;
use crate::source::objects::Change;
use crate::translate::annotations::{DialectName, Dialects};
use crate::translate::{self, Input, Settings};

/// Writes the findings. Returns whether one of them is an error; with `--compare-dialects`, whether anything changes.
pub fn check(args: &CheckArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let path = &args.source.manifests;
    let loaded = manifests::load(path).with_context(|| format!("cannot read {}", path.display()))?;
    let settings = settings::translation_of(&args.routing, &args.tls, RoutePolicy::default());
    let is_json = args.output == OutputFormat::Json;
    if !args.compare_dialects.is_empty() {
        let former = Outcome::of(&taken_in(with_dialects(&settings, &args.compare_dialects), &loaded.changes));
        let present = Outcome::of(&taken_in(settings, &loaded.changes));
        return compare::write(&former, &present, is_json, out);
    }
    let (_, findings) = translate::snapshot(&taken_in(settings, &loaded.changes));
    let problems: Vec<_> = loaded.problems.iter().chain(findings.values().flatten()).collect();
    if is_json {
        let problems: Vec<_> = problems.iter().map(|problem| shown(problem)).collect();
        writeln!(out, "{}", serde_json::to_string_pretty(&json!({ "problems": problems }))?)?;
    } else {
        for problem in &problems {
            writeln!(out, "{problem}")?;
        }
    }
    Ok(problems.iter().any(|problem| problem.severity == Severity::Error))
}

fn taken_in(settings: Settings, changes: &[Change]) -> Input {
    let mut input = Input::new(settings);
    for change in changes {
        input.apply(change.clone());
    }
    input
}

/// The same settings with other dialects. ingress-nginx's ConfigMap goes with its dialect.
fn with_dialects(settings: &Settings, names: &[DialectName]) -> Settings {
    let has_nginx = names.contains(&DialectName::IngressNginx);
    Settings {
        dialects: Dialects::new(names.iter().copied()).with(settings.dialects.choices()),
        nginx_config_map: settings.nginx_config_map.clone().filter(|_| has_nginx),
        ..settings.clone()
    }
}

fn shown(problem: &Problem) -> serde_json::Value {
    let Problem { object, field, code, severity, message, remedy } = problem;
    json!({
        "severity": severity.as_str(),
        "kind": object.kind.as_str(),
        "namespace": *object.name.namespace,
        "name": *object.name.name,
        "field": field,
        "code": code.as_str(),
        "message": message,
        "remedy": remedy,
    })
}
