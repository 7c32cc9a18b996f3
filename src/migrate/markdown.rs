//! The report as Markdown, for an issue or a wiki.

use std::fmt::Write as _;

use super::report::{Finding, IngressReport, Report, Verdict};
use super::setting::{Outcome, Setting};
use super::words::{closed, count};

/// The report as Markdown (GitHub's, with tables).
pub fn markdown(report: &Report) -> String {
    let mut text = String::from("# From ingress-nginx to Tidegate\n");
    summary(&mut text, report);
    ingresses(&mut text, report);
    old_versions(&mut text, report);
    faults(&mut text, report);
    others(&mut text, report);
    annotations(&mut text, report);
    settings(&mut text, "ConfigMap of the controller", "key", &report.config_map);
    settings(&mut text, "Flags of the controller", "flag", &report.flags);
    streams(&mut text, report);
    if !report.notes.is_empty() {
        text.push_str("\n## Notes\n\n");
        for note in &report.notes {
            let _ = writeln!(text, "- {}.", escaped(note));
        }
    }
    text
}

fn summary(text: &mut String, report: &Report) {
    let Report { score, class, installation, .. } = report;
    let _ = writeln!(
        text,
        "\n**{} of {} work unchanged ({} %).** {} served and differ in something, {} refused in part{}.\n",
        score.works,
        count(score.ingresses, "Ingress", "Ingresses"),
        score.percent,
        if score.differs == 1 { "1 is".to_owned() } else { format!("{} are", score.differs) },
        if score.refused == 1 { "1 is".to_owned() } else { format!("{} are", score.refused) },
        closed(score.closed),
    );
    if let Some(installation) = installation {
        let _ = write!(
            text,
            "- ingress-nginx: {} {}",
            installation.kind,
            code(&format!("{}/{}", installation.namespace, installation.name))
        );
        if !installation.version.is_empty() {
            let _ = write!(text, ", {}", escaped(&installation.version));
        }
        if let Some(replicas) = installation.replicas {
            let _ = write!(text, ", {}", count(usize::try_from(replicas).unwrap_or(usize::MAX), "replica", "replicas"));
        }
        if let Some(service) = &installation.service {
            let _ = write!(text, ", Service {}", code(service));
        }
        text.push('\n');
    }
    let _ = writeln!(text, "- class: {}, controller {}", code(&class.name), code(&class.controller));
    let missing = report.not_served();
    if !missing.is_empty() {
        let _ = writeln!(text, "- not served: {}", missing.join(", "));
    }
}

fn ingresses(text: &mut String, report: &Report) {
    for verdict in Verdict::ALL {
        let of_verdict: Vec<_> = report.ingresses.iter().filter(|ingress| ingress.verdict == verdict).collect();
        if of_verdict.is_empty() {
            continue;
        }
        text.push_str(match verdict {
            Verdict::Closed => "\n## Not served\n\nAll requests of these are answered with 503.\n\n",
            Verdict::Refused => "\n## Refused in part\n\nSomething that these ask for is not served.\n\n",
            Verdict::Differs => "\n## Differ\n\nThese are served, and not in all as before.\n\n",
            Verdict::Works => "\n## Work unchanged\n\n",
        });
        if verdict == Verdict::Works {
            let names: Vec<_> = of_verdict.iter().map(|ingress| name(ingress)).collect();
            let _ = writeln!(text, "{}", names.join(", "));
            continue;
        }
        text.push_str("| Ingress | what | what is so | what to do |\n|---|---|---|---|\n");
        for ingress in of_verdict {
            for finding in &ingress.findings {
                row(text, &name(ingress), finding);
            }
        }
    }
}

fn old_versions(text: &mut String, report: &Report) {
    let old: Vec<_> = report.ingresses.iter().filter(|ingress| ingress.old_version.is_some()).map(name).collect();
    if !old.is_empty() {
        text.push_str("\n## Old versions\n\nNo API server since Kubernetes 1.22 takes these manifests. `--write` gives them anew.\n\n");
        let _ = writeln!(text, "{}", old.join(", "));
    }
}

fn faults(text: &mut String, report: &Report) {
    if report.ingresses.iter().all(|ingress| ingress.faults.is_empty()) {
        return;
    }
    text.push_str("\n## Wrong already\n\nFaults that these have under ingress-nginx too.\n\n");
    text.push_str("| Ingress | what | what is so | what to do |\n|---|---|---|---|\n");
    for ingress in &report.ingresses {
        for finding in &ingress.faults {
            row(text, &name(ingress), finding);
        }
    }
}

fn others(text: &mut String, report: &Report) {
    if report.others.is_empty() {
        return;
    }
    text.push_str("\n## Other objects\n\n| object | what | what is so | what to do |\n|---|---|---|---|\n");
    for other in &report.others {
        row(text, &code(&other.object), &other.finding);
    }
}

fn row(text: &mut String, object: &str, Finding { place, message, remedy, .. }: &Finding) {
    let _ = writeln!(text, "| {object} | {} | {} | {} |", code(place), escaped(message), escaped(remedy));
}

fn annotations(text: &mut String, report: &Report) {
    if report.annotations.is_empty() {
        return;
    }
    text.push_str(
        "\n## Annotations\n\n| annotation of ingress-nginx | Ingresses | with a finding | verdict |\n|---|---|---|---|\n",
    );
    for total in &report.annotations {
        let verdict = match &*total.text {
            "" => total.verdict.to_owned(),
            more => format!("{}: {}", total.verdict, escaped(more)),
        };
        let _ =
            writeln!(text, "| {} | {} | {} | {verdict} |", code(&total.annotation), total.ingresses, total.findings);
    }
}

fn settings(text: &mut String, title: &str, column: &str, settings: &[Setting]) {
    if settings.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n## {title}\n\n| {column} | value | here | |\n|---|---|---|---|");
    let mut sorted: Vec<_> = settings.iter().collect();
    sorted.sort_by_key(|setting| setting.outcome);
    for Setting { name, value, outcome, text: said } in sorted {
        let outcome = match outcome {
            Outcome::NotServed => "**not served**",
            other => other.as_str(),
        };
        let _ = writeln!(text, "| {} | {} | {outcome} | {} |", code(name), code(value), escaped(said));
    }
}

fn streams(text: &mut String, report: &Report) {
    if report.streams.is_empty() {
        return;
    }
    text.push_str(
        "\n## TCP and UDP services\n\nThe same ConfigMaps open these ports here: see `docs/streams.md`. List them in `streams.ports`, so that the Service has them.\n\n\
         | protocol | port | Service |\n|---|---|---|\n",
    );
    for stream in &report.streams {
        let _ = writeln!(text, "| {} | {} | {} |", stream.protocol, code(&stream.port), code(&stream.target));
    }
}

fn name(ingress: &IngressReport) -> String {
    code(&format!("{}/{}", ingress.namespace, ingress.name))
}

/// A text of others as code. Within code nothing but its end and that of a cell is read.
fn code(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    format!("`{}`", text.replace('`', "'").replace('|', "\\|"))
}

/// A sentence with texts of others in it: no cell, link or element of HTML begins in it. Only a single backtick begins and ends
/// code: of more in a row none is left.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let (mut is_code, mut rest) = (false, text);
    while let Some(character) = rest.chars().next() {
        let run = rest.len() - rest.trim_start_matches('`').len();
        if run > 0 {
            is_code ^= run == 1;
            escaped.push_str(&if run == 1 { "`".to_owned() } else { "'".repeat(run) });
            rest = &rest[run..];
            continue;
        }
        match character {
            '|' => escaped.push('\\'),
            '<' | '>' | '[' | ']' | '*' | '\\' | '&' if !is_code => escaped.push('\\'),
            _ => {}
        }
        escaped.push(character);
        rest = &rest[character.len_utf8()..];
    }
    if is_code {
        escaped.push('`');
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_others_begin_no_cell_link_or_element() {
        assert_eq!(escaped("a|b [x](javascript:y) <img>"), "a\\|b \\[x\\](javascript:y) \\<img\\>");
        assert_eq!(escaped("`--x <y>` and ` <b>"), "`--x <y>` and ` <b>`");
        assert_eq!(escaped("```<b> ``x"), "'''\\<b\\> ''x");
        assert_eq!((code("a`b|c"), code("")), ("`a'b\\|c`".to_owned(), String::new()));
    }
}
