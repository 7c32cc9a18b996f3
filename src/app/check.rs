//! `tidegate check`: every finding about a directory of manifests, on standard output; or what other dialects of annotations change.

use std::collections::BTreeSet;
use std::io::Write;

use serde_json::json;

use super::compare::{self, Outcome};
use super::{objects, settings};
use crate::args::{CheckArgs, OutputFormat};
use crate::model::{Problem, RoutePolicy, Severity};
use crate::source::objects::Change;
use crate::translate::annotations::{DialectName, Dialects};
use crate::translate::{self, Input, Settings};

/// Writes the findings. Returns whether one of them is an error; with `--compare-dialects`, whether anything changes.
pub fn check(args: &CheckArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let certificates = args.source.certificates.certificate_dir.as_deref();
    let (loaded, _) = objects::read(&args.source.manifests, certificates, &mut std::io::stdin(), &|_, _| false)?;
    let settings = settings::translation_of(&args.routing, &args.tls, RoutePolicy::default());
    let is_json = args.output == OutputFormat::Json;
    if !args.compare_dialects.is_empty() {
        let former = Outcome::of(&taken_in(with_dialects(&settings, &args.compare_dialects), &loaded.changes));
        let present = Outcome::of(&taken_in(settings, &loaded.changes));
        return compare::write(&former, &present, is_json, out);
    }
    let input = taken_in(settings, &loaded.changes);
    let (_, findings) = translate::snapshot(&input);
    let unserved = nothing_is_ours(&input);
    let problems: Vec<_> = loaded.problems.iter().chain(findings.values().flatten()).collect();
    if is_json {
        let problems: Vec<_> = problems.iter().map(|problem| shown(problem)).collect();
        writeln!(out, "{}", serde_json::to_string_pretty(&json!({ "problems": problems, "note": unserved }))?)?;
    } else {
        if let Some(note) = unserved {
            writeln!(out, "note: {note}")?;
        }
        for problem in &problems {
            writeln!(out, "{problem}")?;
        }
    }
    Ok(problems.iter().any(|problem| problem.severity == Severity::Error))
}

/// That there are Ingresses and none is ours, in words: then nothing was checked of them.
fn nothing_is_ours(input: &Input) -> Option<String> {
    let ingresses: Vec<_> = input.objects().ingresses().collect();
    if ingresses.is_empty() || ingresses.iter().any(|ingress| translate::is_ours(input, ingress)) {
        return None;
    }
    let classes: BTreeSet<_> = ingresses.iter().filter_map(|ingress| translate::asked_class(ingress)).collect();
    let of_others: Vec<_> = classes.into_iter().take(5).map(|class| format!("{class:?}")).collect();
    let of_others =
        if of_others.is_empty() { "no class".to_owned() } else { format!("class {}", of_others.join(", ")) };
    let (count, class) = (ingresses.len(), &input.settings().class);
    let text = format!(
        "none of {count} Ingresses is of class {class:?}; they ask for {of_others} (--ingress-class, --controller-name)"
    );
    Some(text)
}

fn taken_in(settings: Settings, changes: &[Change]) -> Input {
    let mut input = Input::new(settings);
    input.apply_all(changes.iter().cloned());
    input
}

/// The same settings with other dialects. The ConfigMap of a controller goes with its dialect.
fn with_dialects(settings: &Settings, names: &[DialectName]) -> Settings {
    let has_nginx = names.contains(&DialectName::IngressNginx);
    let has_haproxy = names.contains(&DialectName::Haproxy);
    Settings {
        dialects: Dialects::new(names.iter().copied()).with(settings.dialects.choices()),
        nginx_config_map: settings.nginx_config_map.clone().filter(|_| has_nginx),
        haproxy_config_map: settings.haproxy_config_map.clone().filter(|_| has_haproxy),
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
