//! The report for a terminal.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::report::{Finding, IngressReport, Report, Verdict};
use super::setting::{Outcome, Setting};
use super::words::{closed, count, wrapped};

/// Longest line. Characters.
const WIDTH: usize = 100;
/// Width that is left for a text behind something long.
const NARROW: usize = 40;
/// Hosts of an Ingress that are shown.
const HOSTS: usize = 3;

/// The report as plain text.
pub fn terminal(report: &Report) -> String {
    let mut text = Text(String::new());
    text.summary(report);
    for verdict in [Verdict::Closed, Verdict::Refused, Verdict::Differs] {
        text.ingresses(report, verdict);
    }
    text.works(report);
    text.old_versions(report);
    text.faults(report);
    text.others(report);
    text.annotations(report);
    text.settings("ConfigMap of the controller", &report.config_map);
    text.settings("Flags of the controller", &report.flags);
    text.streams(report);
    text.notes(report);
    text.0
}

struct Text(String);

impl Text {
    fn line(&mut self, line: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{}", line.trim_end());
    }

    fn title(&mut self, title: &str) {
        self.line("");
        self.line(title);
    }

    /// A paragraph whose first line begins with `first` and whose others with as many blanks.
    fn paragraph(&mut self, first: &str, text: &str) {
        let indent = first.chars().count();
        for (index, line) in wrapped(text, WIDTH.saturating_sub(indent).max(NARROW)).iter().enumerate() {
            let start = if index == 0 { first.to_owned() } else { " ".repeat(indent) };
            self.line(&format!("{start}{line}"));
        }
    }

    fn summary(&mut self, report: &Report) {
        let Report { score, class, installation, .. } = report;
        let line = match score.ingresses {
            0 => format!("No Ingress of class {} was found.", class.name),
            all => format!(
                "{} of {} work unchanged ({} %). {} {}, {} refused in part{}.",
                score.works,
                count(all, "Ingress", "Ingresses"),
                score.percent,
                score.differs,
                if score.differs == 1 { "differs" } else { "differ" },
                if score.refused == 1 { "1 is".to_owned() } else { format!("{} are", score.refused) },
                closed(score.closed),
            ),
        };
        self.line(&line);
        self.line("");
        if let Some(installation) = installation {
            let mut said = format!("{} {}/{}", installation.kind, installation.namespace, installation.name);
            if !installation.version.is_empty() {
                let _ = write!(said, ", {}", installation.version);
            }
            if let Some(replicas) = installation.replicas {
                let _ =
                    write!(said, ", {}", count(usize::try_from(replicas).unwrap_or(usize::MAX), "replica", "replicas"));
            }
            if let Some(service) = &installation.service {
                let _ = write!(said, ", Service {service}");
            }
            self.line(&format!("ingress-nginx   {said}"));
        }
        self.line(&format!("class           {} (controller {})", class.name, class.controller));
        let missing = report.not_served();
        if !missing.is_empty() {
            self.paragraph("not served      ", &missing.join(", "));
        }
    }

    fn ingresses(&mut self, report: &Report, verdict: Verdict) {
        let of_verdict: Vec<_> = report.ingresses.iter().filter(|ingress| ingress.verdict == verdict).collect();
        if of_verdict.is_empty() {
            return;
        }
        self.title(match verdict {
            Verdict::Closed => "NOT SERVED: all requests of these are answered with 503",
            Verdict::Refused => "REFUSED IN PART: something that these ask for is not served",
            Verdict::Differs => "DIFFERS: these are served, and not in all as before",
            Verdict::Works => "WORKS",
        });
        for ingress in of_verdict {
            self.line("");
            self.paragraph("  ", &heading(ingress));
            for finding in &ingress.findings {
                self.finding(finding);
            }
        }
    }

    fn finding(&mut self, Finding { place, message, remedy, .. }: &Finding) {
        self.line(&format!("    {place}"));
        self.paragraph("      ", &format!("{message}."));
        self.paragraph("      To do: ", &format!("{remedy}."));
    }

    fn works(&mut self, report: &Report) {
        let mut of_namespace: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for ingress in report.ingresses.iter().filter(|ingress| ingress.verdict == Verdict::Works) {
            of_namespace.entry(&ingress.namespace).or_default().push(&ingress.name);
        }
        if of_namespace.is_empty() {
            return;
        }
        self.title("WORKS UNCHANGED");
        for (namespace, names) in of_namespace {
            self.paragraph(&format!("  {namespace}: "), &names.join(", "));
        }
    }

    fn old_versions(&mut self, report: &Report) {
        let old = report.ingresses.iter().filter(|ingress| ingress.old_version.is_some());
        let names: Vec<_> = old.map(|ingress| format!("{}/{}", ingress.namespace, ingress.name)).collect();
        if !names.is_empty() {
            self.title(
                "OLD VERSIONS: no API server since Kubernetes 1.22 takes these manifests. --write gives them anew",
            );
            self.paragraph("  ", &names.join(", "));
        }
    }

    fn faults(&mut self, report: &Report) {
        let with_faults: Vec<_> = report.ingresses.iter().filter(|ingress| !ingress.faults.is_empty()).collect();
        if with_faults.is_empty() {
            return;
        }
        self.title("WRONG ALREADY: faults that these have under ingress-nginx too");
        for ingress in with_faults {
            self.line("");
            self.paragraph("  ", &heading(ingress));
            for finding in &ingress.faults {
                self.finding(finding);
            }
        }
    }

    fn others(&mut self, report: &Report) {
        if report.others.is_empty() {
            return;
        }
        self.title("OTHER OBJECTS");
        for other in &report.others {
            self.line("");
            self.paragraph("  ", &other.object);
            self.finding(&other.finding);
        }
    }

    fn annotations(&mut self, report: &Report) {
        if report.annotations.is_empty() {
            return;
        }
        self.title("ANNOTATIONS OF INGRESS-NGINX");
        self.line("");
        let longest =
            report.annotations.iter().map(|total| total.annotation.chars().count()).max().unwrap_or(0).clamp(10, 40);
        self.line(&format!("  {:>9} {:>12}  {:<longest$}  verdict", "Ingresses", "with finding", "annotation"));
        for total in &report.annotations {
            let findings = if total.findings == 0 { String::new() } else { total.findings.to_string() };
            let start = format!("  {:>9} {:>12}  {:<longest$}  ", total.ingresses, findings, total.annotation);
            let verdict = match &*total.text {
                // How it differs is told where it matters.
                text if total.verdict == "refused" => format!("refused: {text}"),
                _ => total.verdict.to_owned(),
            };
            self.paragraph(&start, &verdict);
        }
    }

    fn settings(&mut self, title: &str, settings: &[Setting]) {
        if settings.is_empty() {
            return;
        }
        self.title(&title.to_uppercase());
        for outcome in [Outcome::NotServed, Outcome::Unknown, Outcome::Becomes, Outcome::Same, Outcome::NoEffect] {
            let of_outcome: Vec<_> = settings.iter().filter(|setting| setting.outcome == outcome).collect();
            if of_outcome.is_empty() {
                continue;
            }
            self.line("");
            self.line(&format!("  {}", outcome.as_str()));
            for setting in of_outcome {
                self.line(&format!("    {}: {}", setting.name, setting.value));
                self.paragraph("      ", &setting.text.replace('`', ""));
            }
        }
    }

    fn streams(&mut self, report: &Report) {
        if report.streams.is_empty() {
            return;
        }
        self.title(
            "TCP AND UDP SERVICES: opened by the same ConfigMaps. List the ports in streams.ports: docs/streams.md",
        );
        self.line("");
        for stream in &report.streams {
            self.line(&format!("  {} {}  {}", stream.protocol, stream.port, stream.target));
        }
    }

    fn notes(&mut self, report: &Report) {
        if report.notes.is_empty() {
            return;
        }
        self.title("NOTES");
        self.line("");
        for note in &report.notes {
            self.paragraph("  - ", &format!("{note}."));
        }
    }
}

fn heading(ingress: &IngressReport) -> String {
    let mut heading = format!("Ingress {}/{}", ingress.namespace, ingress.name);
    if !ingress.hosts.is_empty() {
        let _ = write!(heading, "  ({})", super::some(&ingress.hosts, HOSTS));
    }
    heading
}
