//! The ConfigMap of haproxytech's kubernetes-ingress (`--haproxy-configmap`): settings that hold for all Ingresses.
//!
//! A key that annotations have too is read by the row of the annotation, and is the value of each Ingress that does not have it.
//! What no annotation sets is in `keys`: two timeouts, and what the process has options for.

mod document;
mod keys;

use crate::model::{ObjectKind, ObjectRef, Problem, ProblemCode, Severity, closest};
use crate::source::objects::ConfigMap;

use super::super::problems::{on, quoted};
use super::choices::Choices;
use super::defaults::Defaults;
use super::draft::{Draft, Finding, Remark};
use super::haproxy::{DIALECT, may_restrict};
use super::table::{Annotation, Verdict};
pub use document::document;
use keys::{ACTING, IDLE, Idle, NOT_FOR_ALL, OPTIONS, Then};

/// What a ConfigMap sets.
#[derive(Debug)]
pub(crate) struct HaproxyKeys {
    /// Values of annotations.
    pub(crate) defaults: Defaults,
    /// Whether nobody is served: something restricts access and cannot be done.
    pub(crate) is_closed: bool,
    /// What is to be said of keys and values.
    pub(crate) findings: Vec<Problem>,
}

/// The keys of a ConfigMap while they are read.
struct Reading<'a> {
    object: ObjectRef,
    map: &'a ConfigMap,
    choices: Choices,
    rows: Vec<(&'static Annotation, Box<str>)>,
    is_closed: bool,
    findings: Vec<Problem>,
}

/// Reads a ConfigMap. `given` are the options that were given, which win over it.
pub(crate) fn read(map: &ConfigMap, choices: Choices, given: &dyn Fn(&str) -> bool) -> HaproxyKeys {
    let object = ObjectRef::new(ObjectKind::ConfigMap, map.name.clone());
    let (rows, findings) = (Vec::new(), Vec::new());
    let mut reading = Reading { object, map, choices, rows, is_closed: false, findings };
    for (key, text) in &map.data {
        let text = text.trim();
        // A key may have the prefix of annotations.
        let short = DIALECT.short(key).unwrap_or(key);
        if text.is_empty() {
            continue;
        }
        match (option_of(short).filter(|option| given(option)), row_of(short), idle_of(short)) {
            (Some(option), _, _) => reading.overridden(key, option),
            (None, Some(row), _) => reading.row(key, row, text),
            (None, None, Some(idle)) => reading.idle(key, idle, text),
            (None, None, None) => reading.unknown(key, short),
        }
    }
    let Reading { rows, is_closed, findings, .. } = reading;
    HaproxyKeys { defaults: Defaults::new(rows, choices), is_closed, findings }
}

/// The option that sets the same as a key.
fn option_of(key: &str) -> Option<&'static str> {
    OPTIONS.iter().find(|(known, _)| *known == key).map(|(_, option)| *option)
}

fn row_of(key: &str) -> Option<&'static Annotation> {
    let row = DIALECT.find(key).filter(|_| !NOT_FOR_ALL.contains(&key));
    row.or_else(|| ACTING.iter().find(|row| row.key == key))
}

fn idle_of(key: &str) -> Option<&'static Idle> {
    IDLE.iter().find(|idle| idle.key == key)
}

impl Reading<'_> {
    fn tell(&mut self, key: &str, code: ProblemCode, severity: Severity, message: String, remedy: &str) {
        let field = format!("data[{}]", quoted(key));
        let (first, rest) = remedy.split_at(usize::from(!remedy.is_empty()));
        let remedy = format!("{}{rest}", first.to_ascii_uppercase());
        self.findings.push(on(&self.object, field, code, severity, message, remedy));
    }

    fn unknown(&mut self, key: &str, short: &str) {
        let rows = DIALECT.annotations().map(|row| row.key).filter(|key| !NOT_FOR_ALL.contains(key));
        let known = rows.chain(IDLE.iter().map(|idle| idle.key));
        let remedy = match closest(short, known.chain(ACTING.iter().map(|row| row.key))) {
            Some(meant) => format!("Use {meant} if that is what is meant"),
            None => "Remove it, or see docs/haproxy-configmap.md for those that exist".into(),
        };
        let message = "this key is not known, so it has no effect".into();
        self.tell(key, ProblemCode::UnknownKey, Severity::Warning, message, &remedy);
    }

    fn overridden(&mut self, key: &str, option: &str) {
        let message = format!("{option} is given and wins, so it has no effect");
        self.tell(key, ProblemCode::OverriddenKey, Severity::Warning, message, "Remove one of the two");
    }

    fn idle(&mut self, key: &str, idle: &Idle, text: &str) {
        if idle.usual.contains(&text) {
            return;
        }
        let (severity, why, instead, closes) = match idle.then {
            Then::Needless(why) => (Severity::Warning, why, "leave it out", false),
            Then::Refused { why, instead } => (Severity::Warning, why, instead, false),
            Then::Closes { why, instead } => (Severity::Error, why, instead, true),
            Then::ClosesIfRestricting { why, instead } => (Severity::Error, why, instead, may_restrict(text)),
        };
        self.is_closed |= closes;
        let follows = if closes {
            "and it restricts access, so all requests are answered with 503"
        } else {
            "so it has no effect here"
        };
        let message = format!("{why}, {follows}");
        self.tell(key, ProblemCode::UnsupportedKey, severity, message, instead);
    }

    fn row(&mut self, key: &str, row: &'static Annotation, text: &str) {
        let mut draft = Draft { choices: self.choices, ..Draft::default() };
        if row.value.read(&mut draft, text, &self.map.name).is_none() {
            let message = format!("{} is not a value of this key, so it is ignored", quoted(text));
            let remedy = format!("use {}", row.value.in_words());
            return self.tell(key, ProblemCode::InvalidConfigMap, Severity::Error, message, &remedy);
        }
        match row.verdict {
            Verdict::Refused { why, instead } => {
                let message = format!("it has no effect here: {why}");
                self.tell(key, ProblemCode::UnsupportedKey, Severity::Error, message, instead);
            }
            Verdict::Exact
            | Verdict::Bounded(_)
            | Verdict::Different(_)
            | Verdict::NoEffect(_)
            | Verdict::Judged(_) => {}
        }
        if let Some(Remark { severity, code, message, remedy }) = draft.remark {
            let code = match code {
                ProblemCode::InvalidAnnotation => ProblemCode::InvalidConfigMap,
                _ => ProblemCode::UnsupportedKey,
            };
            self.tell(key, code, severity, format!("{} {message}", quoted(text)), remedy);
        }
        if let Some(finding) = draft.finding.take() {
            let Finding { code: _, severity, message, remedy } = *finding;
            self.tell(key, ProblemCode::UnsupportedKey, severity, message.into(), &remedy);
        }
        self.rows.push((row, text.into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_order_and_each_has_one_meaning() {
        assert!(IDLE.is_sorted_by_key(|idle| idle.key) && ACTING.is_sorted_by_key(|row| row.key));
        for idle in IDLE {
            assert!(row_of(idle.key).is_none(), "{}", idle.key);
        }
        for row in &ACTING {
            assert!(DIALECT.find(row.key).is_none(), "{}", row.key);
        }
        for (key, _) in OPTIONS {
            assert!(row_of(key).is_some(), "{key}");
        }
        for key in NOT_FOR_ALL {
            assert!(DIALECT.find(key).is_some() && row_of(key).is_none(), "{key}");
        }
    }
}
