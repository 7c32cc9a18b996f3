//! ingress-nginx's own ConfigMap (`--nginx-configmap`): settings that hold for all Ingresses.
//!
//! A key that annotations have too is read by the row of the annotation, and is the value of each Ingress that does not have it.
//! What no annotation sets is in `GlobalKeys`. Every key that ingress-nginx knows has a row in `keys` or `idle`.

mod document;
mod global;
mod idle;
mod key;
mod keys;
mod standing;
mod told;

use crate::model::{ObjectKind, ObjectRef, Problem, ProblemCode, Severity};
use crate::source::objects::ConfigMap;

use super::super::problems::{on, quoted};
use super::choices::Choices;
use super::defaults::Defaults;
use super::draft::{Draft, Finding, Remark};
use super::edit_options::SnippetOptions;
use super::ingress_nginx;
use super::snippets::{self, Place};
use super::table::{Annotation, Verdict};
pub use document::document;
pub(crate) use global::GlobalKeys;
use global::Translation;
use key::{Key, Meaning};
pub use standing::{KeyEffect, NginxKey, nginx_key};
use standing::{all, find, is_needless};
use told::Told;

/// What a ConfigMap sets.
#[derive(Debug)]
pub(crate) struct NginxKeys {
    /// Values of annotations.
    pub(crate) defaults: Defaults,
    /// What no annotation sets.
    pub(crate) global: GlobalKeys,
    /// What is to be said of keys and values.
    pub(crate) findings: Vec<Problem>,
    /// What is done with snippets, and with what ModSecurity was to inspect.
    pub(crate) choices: Choices,
}

/// The keys of a ConfigMap while they are read.
struct Reading<'a> {
    object: ObjectRef,
    map: &'a ConfigMap,
    rows: Vec<(&'static Annotation, Box<str>)>,
    global: GlobalKeys,
    findings: Vec<Problem>,
}

/// Reads a ConfigMap. `given` are the options that were given, which win over it.
pub(crate) fn read(map: &ConfigMap, choices: Choices, given: &dyn Fn(&str) -> bool) -> NginxKeys {
    let object = ObjectRef::new(ObjectKind::ConfigMap, map.name.clone());
    let mut reading = Reading { object, map, rows: Vec::new(), global: GlobalKeys::default(), findings: Vec::new() };
    let mut snippets = Vec::new();
    for (name, text) in &map.data {
        let text = text.trim();
        let Some(key) = find(name) else {
            reading.unknown(name);
            continue;
        };
        if text.is_empty() {
            continue;
        }
        match key.option.filter(|option| given(option)) {
            Some(option) => reading.overridden(key, option),
            None if is_snippet(key) => snippets.push((key, text)),
            None => reading.key(name, key, text, choices),
        }
    }
    let choices = Choices { snippets: reading.global.snippets.unwrap_or(choices.snippets), ..choices };
    for (key, text) in snippets {
        reading.snippet(key, text, choices);
    }
    reading.check_together();
    let Reading { rows, global, findings, .. } = reading;
    NginxKeys { defaults: Defaults::new(rows, choices), global, findings, choices }
}

fn is_snippet(key: &Key) -> bool {
    matches!(key.key, "server-snippet" | "location-snippet")
}

impl Reading<'_> {
    fn tell(&mut self, key: &str, code: ProblemCode, severity: Severity, message: String, remedy: &str) {
        let field = format!("data[{}]", quoted(key));
        self.findings.push(on(&self.object, field, code, severity, message, capitalized(remedy)));
    }

    fn unknown(&mut self, key: &str) {
        let meant = crate::model::closest(key, all().map(|key| key.key));
        let remedy = match meant {
            Some(meant) => format!("Use {meant} if that is what is meant"),
            None => "Remove it, or see docs/nginx-configmap.md for those that exist".into(),
        };
        let message = "this key is not known, so it has no effect".into();
        self.tell(key, ProblemCode::UnknownKey, Severity::Warning, message, &remedy);
    }

    fn overridden(&mut self, key: &Key, option: &str) {
        let message = format!("{option} is given and wins, so it has no effect");
        self.tell(key.key, ProblemCode::OverriddenKey, Severity::Warning, message, "Remove one of the two");
    }

    fn key(&mut self, name: &str, key: &'static Key, text: &str, choices: Choices) {
        match &key.meaning {
            Meaning::Annotation(_) => {
                if let Some(row) = key.row() {
                    self.annotation(key, row, text, choices);
                }
            }
            Meaning::Global { values, read, .. } => {
                if let Err(Told(then)) = read(&mut self.global, text) {
                    let message = format!("{} is not a value of this key, {then}", quoted(text));
                    let code = ProblemCode::InvalidConfigMap;
                    self.tell(key.key, code, Severity::Error, message, &format!("use {values}"));
                }
            }
            Meaning::Nothing { usual, verdict } => {
                if !usual.contains(&text) {
                    self.without_effect(name, *verdict);
                }
            }
        }
    }

    fn without_effect(&mut self, key: &str, verdict: Verdict) {
        let (severity, why, instead) = match verdict {
            Verdict::Refused { why, instead } => (Severity::Error, why, instead),
            Verdict::NoEffect(why) => (Severity::Warning, why, "Leave it out"),
            Verdict::Exact | Verdict::Bounded(_) | Verdict::Different(_) | Verdict::Judged(_) => return,
        };
        // Most of these only ask for something that is not needed here.
        let severity = if is_needless(instead) { Severity::Warning } else { severity };
        let message = format!("it has no effect here: {why}");
        self.tell(key, ProblemCode::UnsupportedKey, severity, message, instead);
    }

    fn annotation(&mut self, key: &Key, row: &'static Annotation, text: &str, choices: Choices) {
        let mut draft = Draft { choices, ..Draft::default() };
        if row.value.read(&mut draft, text, &self.map.name).is_none() {
            let message = format!("{} is not a value of this key, so it is ignored", quoted(text));
            let remedy = format!("use {}", row.value.in_words());
            return self.tell(key.key, ProblemCode::InvalidConfigMap, Severity::Error, message, &remedy);
        }
        self.without_effect(key.key, row.verdict);
        self.remarks(key, text, &mut draft);
        self.rows.push((row, text.into()));
    }

    /// What the reader of an annotation says of a value.
    fn remarks(&mut self, key: &Key, text: &str, draft: &mut Draft) {
        if let Some(Remark { severity, code, message, remedy }) = draft.remark {
            let code = match code {
                ProblemCode::InvalidAnnotation => ProblemCode::InvalidConfigMap,
                _ => ProblemCode::UnsupportedKey,
            };
            self.tell(key.key, code, severity, format!("{} {message}", quoted(text)), remedy);
        }
        if let Some(finding) = draft.finding.take() {
            let Finding { code: _, severity, message, remedy } = *finding;
            // Whoever reads snippets of Ingresses says it of one.
            let message = message.replace("by this Ingress: all its requests", "by any Ingress: all requests");
            self.tell(key.key, ProblemCode::UnsupportedKey, severity, message, &remedy);
        }
    }

    /// Snippets are added to those of an Ingress, and do not give way to them.
    fn snippet(&mut self, key: &Key, text: &str, choices: Choices) {
        let mut draft = Draft { choices, ..Draft::default() };
        snippets::read(&mut draft, text, Place::Location);
        self.remarks(key, text, &mut draft);
        match draft.options.of_rare().edits.of_location.take() {
            None => {}
            Some(SnippetOptions::Closed) => self.global.is_closed = true,
            Some(SnippetOptions::Known(known)) => {
                self.global.rules.extend(known.rules.iter().cloned());
                self.global.translated.push(Translation(*known));
            }
        }
    }

    /// What one key says of another.
    fn check_together(&mut self) {
        let code = ProblemCode::UnsupportedKey;
        if self.global.believes == Some(true) && self.global.believed.is_none() {
            let message = "what peers with private addresses say of clients is believed, and not what others say, as proxy-real-ip-cidr does not tell whom to believe";
            let remedy = "Set proxy-real-ip-cidr to the addresses of the proxies in front";
            self.tell("use-forwarded-headers", code, Severity::Warning, message.into(), remedy);
        }
        if self.global.believed.is_some() && self.global.believes != Some(true) {
            let message = "it has no effect without use-forwarded-headers";
            let remedy = "Set use-forwarded-headers to true, or remove it";
            self.tell("proxy-real-ip-cidr", code, Severity::Warning, message.into(), remedy);
        }
        if let Some(is_off) = self.global.is_unlogged
            && let Some(row) = ingress_nginx::DIALECT.find("enable-access-log")
        {
            self.rows.push((row, if is_off { "false".into() } else { "true".into() }));
        }
    }
}

/// A text with its first letter, which is ASCII, in upper case.
fn capitalized(text: &str) -> String {
    let (first, rest) = text.split_at(usize::from(!text.is_empty()));
    format!("{}{rest}", first.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_order_and_those_that_annotations_have_are_found() {
        for keys in [keys::ACTING, idle::IDLE] {
            assert!(keys.is_sorted_by_key(|key| key.key) && keys.len() > 50);
        }
        let mut names: Vec<_> = all().map(|key| key.key).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all().count());
        for key in all() {
            assert_eq!(key.row().is_some(), matches!(key.meaning, Meaning::Annotation(_)), "{}", key.key);
        }
    }
}
