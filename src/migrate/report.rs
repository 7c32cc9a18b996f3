//! The report as data. All texts in it that others wrote are escaped and cut already, so every form of it may print them.

use serde::Serialize;

use super::installation::Stream;
use super::setting::{Outcome, Setting};
use super::words::count;

/// What moving comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// How many Ingresses work.
    pub score: Score,
    /// The class that is moved.
    pub class: Class,
    /// The workload that runs ingress-nginx, if it was found.
    pub installation: Option<Installation>,
    /// The Ingresses of the class, by namespace and name.
    pub ingresses: Vec<IngressReport>,
    /// The annotations of ingress-nginx that they carry, those with findings first, then by use.
    pub annotations: Vec<AnnotationTotal>,
    /// The controller's ConfigMap.
    pub config_map: Vec<Setting>,
    /// The controller's flags.
    pub flags: Vec<Setting>,
    /// Ports that are no HTTP.
    pub streams: Vec<Stream>,
    /// Findings about objects that are no Ingress of the class.
    pub others: Vec<OtherFinding>,
    /// What was not read, not checked or not taken over.
    pub notes: Vec<String>,
}

/// How many Ingresses work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Score {
    /// All of the class.
    pub ingresses: usize,
    /// Those that work unchanged.
    pub works: usize,
    /// Those that are served, and not in all as before.
    pub differs: usize,
    /// Those of which a part is not served.
    pub refused: usize,
    /// Those of which nothing is served: the answer is 503.
    pub closed: usize,
    /// Share of those that work, rounded down; 100 without any Ingress.
    pub percent: usize,
}

/// A class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Class {
    /// Its name.
    pub name: String,
    /// Its `spec.controller`.
    pub controller: String,
}

/// A workload that runs ingress-nginx.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Installation {
    /// `Deployment` or `DaemonSet`.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The tag of its image; empty if it has none.
    pub version: String,
    /// How many pods it asks for, if it says.
    pub replicas: Option<u64>,
    /// The Service that leads to it, as `NAMESPACE/NAME`.
    pub service: Option<String>,
}

/// How an Ingress fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// None of it is served: all its requests are answered with 503.
    Closed,
    /// A part of what it asks for is not served: it has an error.
    Refused,
    /// It is served, and something is ignored or differs: it has a warning.
    Differs,
    /// It works as before.
    Works,
}

/// An Ingress of the class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IngressReport {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The hosts of its rules.
    pub hosts: Vec<String>,
    /// How it fares.
    pub verdict: Verdict,
    /// What moving changes.
    pub findings: Vec<Finding>,
    /// What is wrong with it under ingress-nginx too.
    pub faults: Vec<Finding>,
    /// The `apiVersion` that it is written in, if no API server has it any more.
    pub old_version: Option<String>,
}

/// A finding about an Ingress.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// `error` or `warning`.
    pub severity: &'static str,
    /// The code of the Problem.
    pub code: &'static str,
    /// The annotation, or the field.
    pub place: String,
    /// What is so.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

/// A finding about another object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct OtherFinding {
    /// The object, as `Kind namespace/name`.
    pub object: String,
    /// What is found.
    #[serde(flatten)]
    pub finding: Finding,
}

/// An annotation of ingress-nginx over all Ingresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AnnotationTotal {
    /// The key without the prefix.
    pub annotation: String,
    /// Ingresses that carry it.
    pub ingresses: usize,
    /// Those of them that have a finding about it.
    pub findings: usize,
    /// `exact`, `different`, `no effect`, `refused`, `none of ingress-nginx` or `not read`.
    pub verdict: &'static str,
    /// What that verdict means for it; may be empty.
    pub text: String,
}

impl Report {
    /// Whether everything works as before: all Ingresses, of which there is one at least, all settings, and no ports that are no
    /// HTTP.
    pub fn is_clean(&self) -> bool {
        let settings = self.config_map.iter().chain(&self.flags);
        self.score.works == self.score.ingresses
            && self.score.ingresses > 0
            && self.streams.is_empty()
            && settings.into_iter().all(|setting| setting.outcome != Outcome::NotServed)
    }

    /// What of the controller is not served, by kind, in words.
    pub(super) fn not_served(&self) -> Vec<String> {
        let number =
            |settings: &[Setting]| settings.iter().filter(|setting| setting.outcome == Outcome::NotServed).count();
        let counts = [
            (number(&self.config_map), "key of the ConfigMap", "keys of the ConfigMap"),
            (number(&self.flags), "flag", "flags"),
            (self.streams.len(), "TCP or UDP service", "TCP or UDP services"),
        ];
        counts
            .into_iter()
            .filter(|(number, ..)| *number > 0)
            .map(|(number, one, many)| count(number, one, many))
            .collect()
    }

    /// As JSON, with a line break at the end.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

impl Verdict {
    /// All, the worst first.
    pub(super) const ALL: [Self; 4] = [Self::Closed, Self::Refused, Self::Differs, Self::Works];
}
